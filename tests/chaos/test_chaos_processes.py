"""Several processes at once: one job directory is one's own, one key is shared in turn, two keys are two."""

import asyncio
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from chaos_kit import Ended, Figures, assert_no_traceback, chance, ended, of
from late_kit import PROVIDER, FarAway, far_away, targets

from harvester.model import RateRule

ONE = RateRule(calls=1, window_s=1.0)
TEN = RateRule(calls=10, window_s=1.0)
PATIENCE_S = 20.0


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something that must happen."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.02)


async def said(process: asyncio.subprocess.Process, words: str) -> str:
    """Return the line of standard error with these words."""
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE_S):
        while words not in (line := (await process.stderr.readline()).decode()):
            assert line, f"it ended without saying {words!r}"
    return line


async def stopped(process: asyncio.subprocess.Process) -> None:
    """Kill a process if it is still there."""
    if process.returncode is None:
        process.kill()
    await process.communicate()


def test_a_second_process_on_one_job_directory_is_refused_and_told_who_works_there(
    tmp_path: Path, figures: Figures
) -> None:
    async def story() -> tuple[int, list[Ended]]:
        async with far_away(ONE, lambda: 0.0) as far:
            job = far.job(tmp_path, targets(50), {})
            first = await job.begin("--quiet")
            try:
                await until(lambda: len(far.ear.heard_s) >= 2)
                seconds = await asyncio.gather(*(job.run() for _ in range(of(2, 8))))
            finally:
                await stopped(first)
            return first.pid, list(seconds)

    pid, seconds = asyncio.run(story())
    for second in seconds:
        assert second.code == 2
        assert re.search(rf"out/chaos: in use by process {pid} since .*; wait for it, or stop it", second.err)
    assert_no_traceback(*seconds)
    figures["processes: second ones on a job directory, refused"] += len(seconds)


async def one_after_the_other(rule: RateRule, folder: Path, *, is_killed: bool) -> FarAway:
    """Run two jobs on one key; the second must wait until the first is done or killed, and then go on at once."""
    source = chance("two jobs", str(rule), is_killed)
    async with far_away(rule, lambda: source.uniform(0.0, 0.03)) as far:
        shared = {"XDG_RUNTIME_DIR": str(folder)}
        first, second = (far.job(folder / name, targets(2 * rule.calls), shared) for name in ("first", "second"))
        one = await first.begin("--quiet")
        two = None
        try:
            await until(lambda: len(far.ear.heard_s) >= 1)
            two = await second.begin()
            line = await said(two, "Waiting")
            assert f"the key of {PROVIDER} is in use by job {first.directory}. Two could not share its rate." in line
            if is_killed:
                one.kill()
            one_ended = await ended(one)
            gone_s, before = asyncio.get_running_loop().time(), len(far.ear.heard_s)
            await until(lambda: len(far.ear.heard_s) > before)
            assert asyncio.get_running_loop().time() - gone_s < 5.0, "it goes on at once"
            two_ended = await ended(two)
        finally:
            await stopped(one)
            if two is not None:
                await stopped(two)
        assert one_ended.code in ((-signal.SIGKILL,) if is_killed else (0, 3)), one_ended.err
        assert two_ended.code in (0, 3), two_ended.err
        assert_no_traceback(one_ended, two_ended)
        return far


@pytest.mark.parametrize("rule", of([ONE], [ONE, TEN]), ids=str)
def test_two_jobs_on_one_key_run_one_after_the_other_at_one_rate(
    tmp_path: Path, figures: Figures, rule: RateRule
) -> None:
    async def both() -> tuple[FarAway, FarAway]:
        waited = one_after_the_other(rule, tmp_path / "waited", is_killed=False)
        return await asyncio.gather(waited, one_after_the_other(rule, tmp_path / "killed", is_killed=True))

    for far in asyncio.run(both()):
        figures["processes: jobs that waited for a key and said for whom"] += 1
        figures["processes: requests of several jobs on one key"] += len(far.ear.heard_s)
        figures["processes: requests over the rate of one key"] += far.refused
        assert far.late.worst_s > 0.03 or (far.refused, far.most <= rule.calls) == (0, True)


def test_the_file_of_a_dead_process_is_no_obstacle(tmp_path: Path, figures: Figures) -> None:
    async def story() -> Ended:
        async with far_away(TEN, lambda: 0.0) as far:
            job = far.job(tmp_path, targets(2), {})
            dead = await job.begin("--quiet")
            await until(lambda: len(far.ear.heard_s) >= 1)
            dead.kill()
            await dead.communicate()
            (path,) = (tmp_path / "harvester").glob(f"{PROVIDER}-*.lock")
            assert str(job.directory) in path.read_text()
            path.write_bytes(os.urandom(1000))  # or whatever else a machine leaves behind when it dies
            figures["processes: files of dead processes"] += 1
            return await job.run()

    run = asyncio.run(story())
    assert run.code in (0, 3), run.err
    assert "Waiting" not in run.err
    assert_no_traceback(run)


def test_two_keys_run_beside_each_other_each_at_its_own_rate(tmp_path: Path, figures: Figures) -> None:
    async def story() -> tuple[list[Ended], list[int], list[int], float]:
        async with far_away(ONE, lambda: 0.0, "another-key") as far:
            began_s = asyncio.get_running_loop().time()
            jobs = [
                far.job(tmp_path / key, targets(2), {"XDG_RUNTIME_DIR": str(tmp_path), f"{PROVIDER.upper()}_KEY": key})
                for key in (far.key, "another-key")
            ]
            runs = await asyncio.gather(*(job.run() for job in jobs))
            accounts = far.sandbox.account()[PROVIDER]["keys"]
            lasted_s = asyncio.get_running_loop().time() - began_s
            refused = [account["refused_for_rate"] for account in accounts.values()]
            return list(runs), [account["requests"] for account in accounts.values()], refused, lasted_s

    runs, requests, refused, lasted_s = asyncio.run(story())
    for run in runs:
        assert run.code in (0, 3), run.err
        assert "Waiting" not in run.err
    assert requests == [3, 3]
    assert refused == [0, 0]
    assert lasted_s < 6.0, "one after the other would take longer"
    figures["processes: keys side by side"] += len(runs)
