"""`kill -9` at random moments: the same output, whole lines, no row twice, and only open requests bought twice."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from e2e_kit import charged, config_text, environment, harvester, lines_of, start, status_of

from harvester.sandbox.app import Options, Sandbox, serving

KILLS = 20
TARGETS = [f"shop-{number}.example" for number in range(1, 61)]
HARVESTS = ['report = "backlinks"\nmax_rows = 600', 'report = "refdomains"', 'report = "summary"']
IN_FLIGHT = 4


def rows_of(directory: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """Return every record by its place; when it was fetched and on which page is not part of what it says."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for path in sorted(directory.glob("ahrefs.*.jsonl")):
        for record in lines_of(path):
            place = (record["task"], record["row"])
            assert place not in found, "a row was written twice"
            found[place] = {name: value for name, value in record.items() if name != "fetched_at"}
    return found


def job_in(folder: Path, sandbox: Sandbox) -> Path:
    """Write the job's config into a new folder."""
    folder.mkdir()
    config = folder / "job.toml"
    config.write_text(config_text(sandbox, TARGETS, HARVESTS, rate="unlimited", in_flight=IN_FLIGHT))
    return config


async def run_to_the_end(sandbox: Sandbox, folder: Path, seed: int | None) -> dict[str, Any]:
    """Run the job, killed at random moments if there is a seed; return its status."""
    config = job_in(folder, sandbox)
    environ = environment(sandbox, folder / "run")
    chance = random.Random(seed)
    for _ in range(KILLS if seed is not None else 0):
        process = await start("run", str(config), "--quiet", environ=environ)
        try:
            # Start-up takes about 0.4 s and the whole job a second or two: most kills fall into the work.
            async with asyncio.timeout(chance.uniform(0.3, 0.9)):
                await process.communicate()
        except TimeoutError:
            process.kill()
            await process.communicate()
        else:
            break
    code, _, err = await harvester("run", str(config), environ=environ)
    assert code == 0, err
    return await status_of(folder / "out" / "e2e")


@pytest.mark.parametrize("seed", [1])
def test_a_job_killed_at_random_moments_ends_as_if_it_had_not_been(tmp_path: Path, seed: int) -> None:
    async def both() -> None:
        options = Options(
            latency_ms=30,
            row_cap=100,
            rates={"ahrefs": "unlimited"},
            switches=("ahrefs.cache=false",),  # a page that is bought twice is paid twice
            units={"ahrefs": 10**9},
        )
        async with serving(options) as sandbox:
            await run_to_the_end(sandbox, tmp_path / "whole", None)
            undisturbed = charged(sandbox)
        async with serving(options) as sandbox:
            status = await run_to_the_end(sandbox, tmp_path / "killed", seed)
            killed = charged(sandbox)
        ours = status["providers"]["ahrefs"]
        assert killed["units_charged"] <= ours["units_spent"] + ours["units_in_doubt"]
        bought_twice = killed["requests"] - undisturbed["requests"]
        assert bought_twice <= KILLS * (IN_FLIGHT + 1), "more was bought again than was open (and one balance a start)"

    asyncio.run(both())
    assert rows_of(tmp_path / "killed" / "out" / "e2e") == rows_of(tmp_path / "whole" / "out" / "e2e")
    tasks = lines_of(tmp_path / "killed" / "out" / "e2e" / "tasks.jsonl")
    assert len({line["task"] for line in tasks}) == len(tasks)
