"""The composition root: keys, stations and outcomes, against a sandbox on a real socket and without one."""

import asyncio
import errno
import io
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from harvester.assembly.keys import all_credentials, holding
from harvester.assembly.outcome import Outcome, RunOptions
from harvester.assembly.run import Run, opened_run
from harvester.assembly.surroundings import Surroundings
from harvester.config import job_of
from harvester.engine.checkpoint import Census, take_census
from harvester.engine.checkpoint.census import HarvestCount
from harvester.engine.ports import Clock, State, Stop, Transport
from harvester.errors import ConfigError, StorageError
from harvester.job import Account, Job, compile_job, lane_names
from harvester.jobdir import job_directory
from harvester.locks import key_lock
from harvester.model import Balance, Provider
from harvester.providers import PROVIDERS
from harvester.sandbox.app import Options, Sandbox, serving
from harvester.testing import LoopClock, run_in_virtual_time

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def document(folder: Path, keys: list[str], **ahrefs: Any) -> dict[str, Any]:
    return {
        "job": {
            "name": "j",
            "output": str(folder / "out"),
            "targets": {"inline": ["shop-1.example", "shop-2.example"]},
        },
        "providers": {"ahrefs": {"key": keys, "rate": "unlimited", **ahrefs}},
        "harvest": [{"provider": "ahrefs", "report": "backlinks"}, {"provider": "ahrefs", "report": "summary"}],
    }


def job_from(folder: Path, keys: list[str], **ahrefs: Any) -> Job:
    return compile_job(job_of(document(folder, keys, **ahrefs), folder / "j.toml"), NOW.date())


# Keys


def test_every_missing_or_repeated_key_is_told_once(tmp_path: Path) -> None:
    job = job_from(tmp_path, ["env:A", "env:B", "env:C"])
    with pytest.raises(ConfigError) as caught:
        all_credentials(job, {"A": "same", "C": "same"})
    assert caught.value.faults == (
        f"{tmp_path}/j.toml: [providers.ahrefs] env:B: no such environment variable; set it with: export B=...",
        f"{tmp_path}/j.toml: [providers.ahrefs] env:C: the same key as env:A; name each key once",
    )


def test_lanes_are_numbered_only_where_there_are_several() -> None:
    assert lane_names("moz", 1) == ["moz"]
    assert lane_names("moz", 3) == ["moz", "moz#2", "moz#3"]


def test_a_key_in_use_is_waited_for_and_the_user_is_told_once(tmp_path: Path) -> None:
    job = job_from(tmp_path, ["env:A"])
    environ = {"A": "secret-of-a", "XDG_RUNTIME_DIR": str(tmp_path)}
    said: list[str] = []

    async def wait() -> float:
        keys = all_credentials(job, environ)
        around = Surroundings(environ=environ, notice=said.append, clock=LoopClock())
        async with holding(job, keys, around):
            (path,) = (tmp_path / "harvester").glob("ahrefs-*.lock")
            other = key_lock(path, "job of another")
        with other:
            asyncio.get_running_loop().call_later(7.5, other.__exit__, None, None, None)
            async with holding(job, keys, around):
                return asyncio.get_running_loop().time()

    assert 7.5 <= run_in_virtual_time(wait()) < 9.0
    assert said == ["Waiting: the key of ahrefs is in use by job of another. Two could not share its rate."]


# Runs


def work(
    folder: Path,
    story: Callable[[Run, Sandbox], Awaitable[None]],
    *,
    options: RunOptions | None = None,
    environ: Mapping[str, str] | None = None,
    sandbox_options: Options | None = None,
    **ahrefs: Any,
) -> None:
    """Open a run against a sandbox and let a story happen to it."""

    async def go() -> None:
        async with serving(sandbox_options or Options(rates={"ahrefs": "unlimited"})) as sandbox:
            content = document(folder, ["env:K"], base_url=sandbox.base_urls["ahrefs"], **ahrefs)
            config = job_of(content, folder / "j.toml")
            known = {"K": sandbox.keys["ahrefs"], "XDG_RUNTIME_DIR": str(folder), **(environ or {})}
            around = Surroundings(environ=known, notice=print, jitter=lambda: 0.0)
            with job_directory(config, NOW, io.BytesIO(), print) as directory:
                keys = all_credentials(directory.job, known)
                async with opened_run(directory, keys, options or RunOptions(), around) as run:
                    await story(run, sandbox)

    asyncio.run(go())


def test_progress_counts_tasks_and_money_from_begin_to_end_over_two_runs(tmp_path: Path) -> None:
    async def first(run: Run, sandbox: Sandbox) -> None:
        begun = run.progress()["ahrefs"]
        assert (begun.tasks_done, begun.tasks, begun.budget, begun.unit) == (0, 2, 10**6, "API units")
        outcome = await run.work(asyncio.Event())
        assert (outcome.exit_code, outcome.stopped_by, outcome.left) == (0, "max-targets", 2)
        ended = run.progress()["ahrefs"]
        assert (ended.tasks_done, ended.tasks, ended.open_requests, ended.closed_s) == (2, 2, 0, 0.0)
        assert ended.tally.units_spent == sandbox.account()["ahrefs"]["keys"]["sandbox-ahrefs-key"]["units_charged"]

    async def second(run: Run, sandbox: Sandbox) -> None:
        begun = run.progress()["ahrefs"]
        assert (begun.tasks_done, begun.tasks) == (2, 4)
        assert begun.tally.requests >= 2
        outcome = await run.work(asyncio.Event())
        assert (outcome.exit_code, outcome.stopped_by, outcome.left) == (0, None, 0)
        assert run.progress()["ahrefs"].tally.requests == begun.tally.requests + outcome.requests

    work(tmp_path, first, options=RunOptions(max_targets=1), budget=10**6)
    work(tmp_path, second, budget=10**6)


def test_a_stop_before_the_first_request_leaves_everything_for_later(tmp_path: Path) -> None:
    async def story(run: Run, sandbox: Sandbox) -> None:
        stop = asyncio.Event()
        stop.set()
        outcome = await run.work(stop)
        assert (outcome.exit_code, outcome.stopped_by, outcome.requests, outcome.left) == (130, "interrupt", 0, 3)

    work(tmp_path, story)


def test_keep_is_refused_where_the_balance_is_not_told_and_the_error_comes_out_bare(tmp_path: Path) -> None:
    async def story(run: Run, sandbox: Sandbox) -> None:
        raise AssertionError("it runs")

    with pytest.raises(ConfigError, match=r"keep = 5: the account's balance is not known \(401"):
        work(tmp_path, story, environ={"K": "a-wrong-key-12345"}, keep=5)


def test_an_output_that_cannot_be_opened_comes_out_bare_too(tmp_path: Path) -> None:
    async def story(run: Run, sandbox: Sandbox) -> None:
        raise AssertionError("it runs")

    (tmp_path / "out" / "rejects.jsonl").mkdir(parents=True)
    with pytest.raises(StorageError, match=r"cannot open .*rejects\.jsonl"):
        work(tmp_path, story)


def test_a_disk_that_fills_during_the_work_comes_out_bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def story(run: Run, sandbox: Sandbox) -> None:
        monkeypatch.setattr(os, "write", is_full)
        await run.work(asyncio.Event())

    with pytest.raises(StorageError, match="No space left"):
        work(tmp_path, story)


def test_providers_are_asked_for_their_balances_beside_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_asked = asyncio.Barrier(2)

    async def ask(_account: Account, _transport: Transport, _clock: Clock) -> Balance:
        await both_asked.wait()  # one after the other would wait here for ever
        return Balance(units_left=7)

    async def open_both() -> list[int | None]:
        monkeypatch.setitem(cast(dict[str, Provider], PROVIDERS), "second", replace(PROVIDERS["ahrefs"], name="second"))
        monkeypatch.setattr("harvester.assembly.reconciliation.read_balance", ask)
        content = document(tmp_path, ["env:A"])
        content["providers"]["second"] = {"key": "env:A"}
        content["harvest"].append({"provider": "second", "report": "anchors"})
        environ = {"A": "secret-of-a", "XDG_RUNTIME_DIR": str(tmp_path)}
        around = Surroundings(environ=environ, notice=print)
        with job_directory(job_of(content, tmp_path / "j.toml"), NOW, io.BytesIO(), print) as directory:
            keys = all_credentials(directory.job, environ)
            async with asyncio.timeout(10), opened_run(directory, keys, RunOptions(), around):
                census = take_census(directory.db, "subdomains")
                return [provider.balance for provider in census.providers.values()]

    assert asyncio.run(open_both()) == [7, 7]


# Outcomes


def outcome(
    tasks: Mapping[State, int], *stops: str, is_interrupted: bool = False, is_limited: bool = False, report: str = ""
) -> Outcome:
    counts = dict.fromkeys(State, 0) | dict(tasks)
    harvest = HarvestCount(tasks=counts, targets=0, pages=0, rows=0, units=0)
    return Outcome(
        census=Census(targets=9, rejected=0, harvests={"a": harvest}, providers={}, outputs={}),
        requests=1,
        stops={f"lane {number}": Stop(kind, "why") for number, kind in enumerate(stops)},
        stopped_harvests={report: "why"} if report else {},
        is_interrupted=is_interrupted,
        is_limited=is_limited,
    )


DONE, SOME = {State.COMPLETE: 5}, {State.COMPLETE: 5, State.WAITING: 4}


@pytest.mark.parametrize(
    ("found", "exit_code", "stopped_by"),
    [
        (outcome(DONE), 0, None),
        (outcome(DONE | {State.INCOMPLETE: 1}), 3, None),
        (outcome(DONE | {State.SET_ASIDE: 1}), 3, None),
        (outcome(SOME, "budget"), 4, "budget"),
        (outcome(SOME, "key", "key", "quota"), 4, "key, quota"),
        (outcome(SOME | {State.SET_ASIDE: 1}, "budget"), 4, "budget"),
        (outcome(SOME, report="anchors"), 4, "report"),
        (outcome(SOME, "key", is_interrupted=True), 130, "key, interrupt"),
        (outcome({State.OPEN: 1}, is_interrupted=True), 130, "interrupt"),
        (outcome(DONE, is_interrupted=True), 0, None),
        (outcome(DONE, "key"), 0, None),
        (outcome(SOME, is_limited=True), 0, "max-targets"),
        (outcome(SOME | {State.SET_ASIDE: 1}, is_limited=True), 3, "max-targets"),
        (outcome(SOME, "budget", is_limited=True), 4, "budget"),
    ],
)
def test_an_outcome_is_one_exit_code_and_one_reason(found: Outcome, exit_code: int, stopped_by: str | None) -> None:
    assert (found.exit_code, found.stopped_by) == (exit_code, stopped_by)


def test_work_that_is_left_for_no_reason_is_never_called_complete() -> None:
    assert (outcome(SOME).exit_code, outcome(SOME).stopped_by) == (4, "unknown")
