"""Every config that is shipped, run as it is against the sandbox; only where and how fast are other."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from e2e_kit import REPOSITORY, lines_of
from operations_kit import TODAY, DayClock

from harvester.assembly.library import job_run
from harvester.assembly.outcome import Outcome, RunOptions
from harvester.assembly.surroundings import Surroundings
from harvester.config import document_of, job_of
from harvester.sandbox.app import Options, Sandbox, serving

CONFIGS = sorted((REPOSITORY / "configs").glob("*.toml"))

#: What may be missing from a job that is otherwise whole: the provider says that its report ends there.
MAY_BE_INCOMPLETE = 3


def against(sandbox: Sandbox, path: Path, output: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a config that asks the sandbox, and the keys that it asks for."""
    document = document_of(path)
    document["job"]["output"] = str(output)
    environ = {"XDG_RUNTIME_DIR": str(output.parent)}
    for name, section in document["providers"].items():
        section |= {"base_url": sandbox.base_urls[name], "rate": "unlimited"}
        environ[section["key"].removeprefix("env:")] = sandbox.keys[name]
        if "login" in section:
            environ[section["login"].removeprefix("env:")] = sandbox.logins[name]
    return document, environ


async def run_config(path: Path, output: Path) -> Outcome:
    unlimited = dict.fromkeys(("ahrefs", "semrush", "serpstat", "dataforseo"), "unlimited")
    async with serving(Options(today=TODAY, rates=unlimited)) as sandbox:
        document, environ = against(sandbox, path, output)
        around = Surroundings(environ=environ, notice=print, clock=DayClock())
        async with job_run(job_of(document, path), RunOptions(), around) as run:
            return await run.work(asyncio.Event())


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_that_is_shipped_brings_what_it_promises(path: Path, tmp_path: Path) -> None:
    outcome = asyncio.run(run_config(path, tmp_path / "out"))
    assert outcome.exit_code in (0, MAY_BE_INCOMPLETE), outcome
    tasks = lines_of(tmp_path / "out" / "tasks.jsonl")
    assert not [task for task in tasks if task["state"] == "set_aside"], tasks
    for name, harvest in outcome.census.harvests.items():
        assert sum(harvest.tasks.values()) > 0, name
        assert list((tmp_path / "out").glob(f"{name}.jsonl*")), name
    assert sum(harvest.rows for harvest in outcome.census.harvests.values()) > 0
    budgets = document_of(path)["providers"]
    assert set(outcome.census.providers) == set(budgets)
