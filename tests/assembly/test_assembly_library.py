"""The job as one call, as README shows it."""

import asyncio
import logging
from pathlib import Path

import pytest

import harvester
from harvester.config import job_of
from harvester.errors import ConfigError
from harvester.sandbox.app import Options, serving


def test_a_program_harvests_with_one_call_and_goes_on_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    async def both() -> tuple[harvester.Outcome, harvester.Outcome]:
        async with serving(Options(rates={"ahrefs": "unlimited"})) as sandbox:
            monkeypatch.setenv("K", sandbox.keys["ahrefs"])
            config = job_of(
                {
                    "job": {"name": "j", "targets": {"inline": ["a.example", "b.example"]}},
                    "providers": {
                        "ahrefs": {"key": "env:K", "base_url": sandbox.base_urls["ahrefs"], "rate": "unlimited"}
                    },
                    "harvest": [{"provider": "ahrefs", "report": "refdomains"}],
                },
                tmp_path / "j.toml",
            )
            first = await harvester.harvest(config, harvester.RunOptions(max_targets=1))
            return first, await harvester.harvest(config)

    first, second = asyncio.run(both())
    assert (first.exit_code, first.left) == (0, 1)
    assert (second.exit_code, second.left) == (0, 0)
    assert second.census.outputs["ahrefs.refdomains.jsonl"].records > 0


def test_what_ends_a_run_is_raised_and_stands_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    config = job_of(
        {
            "job": {"name": "j", "targets": {"inline": ["a.example"]}},
            "providers": {"ahrefs": {"key": "env:K", "base_url": "http://127.0.0.1:9", "keep": 5}},
            "harvest": [{"provider": "ahrefs", "report": "refdomains"}],
        },
        tmp_path / "j.toml",
    )
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("K", "key-of-nobody")
    with caplog.at_level(logging.ERROR), pytest.raises(ConfigError, match="keep"):
        asyncio.run(harvester.harvest(config))
    assert "the run ends" in caplog.text
    assert "the run ends" in (tmp_path / "out/j/harvester.log").read_text()


def test_the_public_names_are_sorted_and_there() -> None:
    assert harvester.__all__ == sorted(harvester.__all__)
    assert all(hasattr(harvester, name) for name in harvester.__all__)


def test_every_public_name_is_there_and_no_other() -> None:
    for name in harvester.__all__:
        assert getattr(harvester, name).__name__ == name
    assert dir(harvester) == sorted(harvester.__all__)
    with pytest.raises(AttributeError, match="'harvester' has no attribute 'harvests'"):
        getattr(harvester, "harvests")  # noqa: B009  # a name that mypy would refuse
