"""`harvester rebuild`: from the kept replies the same records come again, and others only where the mapping is another."""

import json
import socket
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cli_kit import lines_of, sandbox_beside
from click.testing import CliRunner, Result
from rebuild_kit import copied, document, environ_of, every_report, files_of, options, run, written

from harvester.assembly.crops import crops_of
from harvester.assembly.rebuild import compare_job, rebuild_job, replies_of
from harvester.cli import main
from harvester.engine.render import REJECTS, Crop
from harvester.errors import ConfigError, StorageError, UnknownReply, UnreadableRow
from harvester.job import Job
from harvester.jobdir import existing_directory
from harvester.locks import directory_lock
from harvester.model import Exchange, Forecast, Page, Reply, Request, Row, Step, Verdict
from harvester.providers import PROVIDERS
from harvester.sandbox.app import Sandbox


@dataclass(frozen=True)
class Kept:
    """A finished job whose replies were kept; its sandbox is gone."""

    directory: Path
    sandbox_down: bool = True


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Harvest every report of every provider, under faults and two kills."""
    folder = tmp_path_factory.mktemp("everything")
    with sandbox_beside(options(faults=0.04, latency_ms=3)) as sandbox:
        config = written(document(sandbox, every_report(sandbox)), folder)
        environ = environ_of(sandbox, folder)
        assert [run(config, environ, kill_at=size) for size in (20_000, 60_000)] == [-9, -9]
        assert run(config, environ) in (0, 3)
    return folder / "out" / "kept"


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Harvest two reports in packed files."""
    folder = tmp_path_factory.mktemp("few")
    with sandbox_beside(options()) as sandbox:
        tables = [{"provider": "ahrefs", "report": "refdomains"}, {"provider": "serpstat", "report": "backlinks"}]
        config = written(document(sandbox, tables, format="jsonl.gz"), folder)
        assert run(config, environ_of(sandbox, folder)) == 0
    return folder / "out" / "kept"


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whatever reaches for the network fail, once the jobs are there."""
    for name in {"everything", "few"} & set(request.fixturenames):
        request.getfixturevalue(name)

    def touched(*_: object, **__: object) -> None:
        raise AssertionError("the network was touched")

    for name in ("connect", "connect_ex", "bind", "sendto"):
        monkeypatch.setattr(socket.socket, name, touched)
    monkeypatch.setattr(socket, "getaddrinfo", touched)


def call(*arguments: str) -> Result:
    """Call the command without a key in sight."""
    result = CliRunner().invoke(main, ["rebuild", *arguments], env=dict.fromkeys(_keys(), ""))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


def _keys() -> list[str]:
    return [f"{name.upper()}_KEY" for name in PROVIDERS]


def quiet(_: str) -> None:
    """Say nothing."""


def test_every_record_of_every_report_comes_again_byte_for_byte(everything: Path, tmp_path: Path) -> None:
    there = copied(everything, tmp_path)
    before = files_of(there)
    assert len(before) > 2 * 50, "outputs and replies of more than fifty reports"
    result = call(str(there), "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert {name: (each["changed"], each["added"], each["gone"]) for name, each in told["files"].items()} == (
        dict.fromkeys(told["files"], (0, 0, 0))
    )
    assert sum(each["same"] for each in told["files"].values()) > 2000
    assert files_of(there) == before


def test_what_is_rebuilt_elsewhere_is_the_same_too(everything: Path, tmp_path: Path) -> None:
    before = files_of(everything)
    result = call(str(everything), "--output", str(tmp_path / "new"))
    assert result.exit_code == 0, result.output
    rebuilt = files_of(tmp_path / "new")
    assert rebuilt == {name: content for name, content in before.items() if not name.startswith("replies")}
    assert files_of(everything) == before
    again = call(str(everything), "--output", str(tmp_path / "new"))
    assert again.exit_code == 2
    assert "is there already" in again.stderr
