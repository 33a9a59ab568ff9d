"""A target that the provider cannot be asked about does not cost its batch."""

import asyncio
from pathlib import Path

from e2e_kit import charged, config_text, environment, harvester, lines_of, status_of

from harvester.sandbox.app import Options, serving

GOOD = [f"shop-{number}.example" for number in range(1, 120)]
BAD = "-bad-.example"


def test_one_bad_target_is_set_aside_and_the_rest_of_its_batch_is_read(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving(Options(rates={"ahrefs": "unlimited"})) as sandbox:
            config = tmp_path / "job.toml"
            targets = [*GOOD[:40], BAD, *GOOD[40:]]
            config.write_text(config_text(sandbox, targets, ['report = "summary"'], rate="unlimited"))
            environ = environment(sandbox, tmp_path / "run")
            code, _, err = await harvester("run", str(config), environ=environ)
            assert code == 3, err
            first = charged(sandbox)["units_charged"]
            code, _, err = await harvester("run", str(config), "--retry-set-aside", environ=environ)
            assert code == 3, err
            assert charged(sandbox)["units_charged"] == first, "what was read is not bought again"

    asyncio.run(run())
    out = tmp_path / "out" / "e2e"
    assert {record["target"] for record in lines_of(out / "ahrefs.summary.jsonl")} == set(GOOD)
    aside = [line for line in lines_of(out / "tasks.jsonl") if not line["complete"]]
    assert {item["target"] for line in aside for item in line["targets"]} == {BAD}
    assert asyncio.run(status_of(out))["tasks"]["set_aside"] == 1
