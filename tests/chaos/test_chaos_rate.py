"""The promise "rate" under attack: arrivals that vary, restarts within a window, jobs in turn, clocks that jump."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from chaos_kit import Figures, assert_no_traceback, chance, ended, of
from late_kit import FarAway, far_away, targets
from rate_kit import Provider, jittered, lived

from harvester.model import RateRule

TEN = RateRule(calls=10, window_s=1.0)
TWENTY = RateRule(calls=20, window_s=2.0)
MANY = RateRule(calls=10_000, window_s=60.0)
SIXTY = RateRule(calls=60, window_s=6.0)
ONE = RateRule(calls=1, window_s=1.0)

STALL_S = 0.03


def noted(figures: Figures, far: FarAway, learning: float = 0.0) -> None:
    """Count what the server saw of a key; so much of the time was for learning its jitter."""
    refused_after = far.refused_since(learning) if learning else far.refused
    figures["rate: requests that arrived"] += len(far.ear.heard_s)
    figures["rate: requests refused, which taught a lane its jitter"] += far.refused - refused_after
    figures["rate: requests refused otherwise"] += refused_after


def is_stalled(far: FarAway) -> bool:
    """Whether this machine was so busy that it added a jitter of its own, which nobody has promised anything about."""
    return far.late.worst_s > STALL_S


async def answered(rule: RateRule, late_s: float, seconds: float, folder: Path) -> FarAway:
    """Run a job of about so many seconds against a provider so far away."""
    source = chance("jitter", str(rule), late_s)
    async with far_away(rule, lambda: source.uniform(0.0, late_s)) as far:
        count = int(seconds * rule.calls / (rule.window_s + late_s))
        run = await far.job(folder / f"{rule.calls}-{late_s:g}", targets(count), {}).run()
        assert run.code in (0, 3), run.err
        assert_no_traceback(run)
        return far


def test_arrivals_that_vary_cost_a_few_refusals_at_most_and_then_none(tmp_path: Path, figures: Figures) -> None:
    few = [(TEN, 0.05), (TEN, 0.3), (TWENTY, 0.1), (SIXTY, 0.25)]
    many = [(rule, late_s) for rule in (TEN, TWENTY, SIXTY) for late_s in (0.0, 0.05, 0.1, 0.25, 0.5)]
    seconds = of(6.0, 80.0)

    async def all_of_them() -> list[FarAway]:
        return await asyncio.gather(*(answered(*about, seconds, tmp_path) for about in of(few, many)))

    for far, (rule, late_s) in zip(asyncio.run(all_of_them()), of(few, many), strict=True):
        noted(figures, far, 0.0 if late_s <= 0.05 * rule.window_s else of(1.0, 0.5))
        excuse = 2 * is_stalled(far)
        assert far.refused <= 6 + excuse
        if late_s <= 0.05 * rule.window_s:
            assert far.refused <= excuse, "what is within 5 % of the window need not be learnt"
            assert far.most <= rule.calls + excuse
        if seconds > 60:  # a lane begins with the worst, and needs a while to see that it is better
            assert far.refused_since(0.5) <= excuse
            assert far.most_since(0.5) <= rule.calls + excuse
            assert far.use_since(0.5) >= 0.9 * rule.window_s / (rule.window_s + late_s), "busy machines included"


async def killed(rule: RateRule, folder: Path, figures: Figures) -> FarAway:
    """Kill a job again and again in the middle of a window, and resume it at once."""
    source = chance("kill", str(rule))
    async with far_away(rule, lambda: source.uniform(0.0, 0.02 * rule.window_s)) as far:
        job = far.job(folder, targets(400), {})
        for _ in range(of(2, 12)):
            process = await job.begin("--quiet")
            try:
                async with asyncio.timeout(source.uniform(0.9, of(2.0, 6.0))):
                    await process.communicate()
            except TimeoutError:
                process.kill()
                assert_no_traceback(await ended(process))
                figures["rate: kills in the middle of a window"] += 1
        run = await job.run("--max-targets", "1")
        assert run.code in (0, 3), run.err
        return far


async def in_turn(rule: RateRule, folder: Path, figures: Figures) -> FarAway:
    """Run one job after the other on one key."""
    source = chance("turns", str(rule))
    async with far_away(rule, lambda: source.uniform(0.0, 0.02 * rule.window_s)) as far:
        for number in range(of(3, 12)):
            job = far.job(folder / str(number), targets(rule.calls, number), {"XDG_RUNTIME_DIR": str(folder)})
            run = await job.run()
            assert run.code in (0, 3), run.err
            figures["rate: jobs in turn on one key"] += 1
        return far


async def untimely(rule: RateRule, folder: Path, figures: Figures) -> FarAway:
    """Let the wall clock jump between the runs of a job."""
    async with far_away(rule, lambda: 0.0) as far:
        jumps_s = of([86_400.0, -86_400.0], [86_400.0, -86_400.0, 2.0, -2.0, 1e9, -1e9])
        job = far.job(folder, targets(len(jumps_s) + 1), {})
        for count, jump_s in enumerate((*jumps_s, 0.0), 1):
            run = await job.run("--max-targets", str(count))
            assert run.code in (0, 3), run.err
            with closing(sqlite3.connect(job.directory / "state.sqlite3")) as db, db:
                # A clock that jumps forward is the same as a last request that lies further back.
                db.execute("UPDATE lanes SET last_at = last_at - ?", (jump_s,))
            figures["rate: jumps of the wall clock"] += jump_s != 0
        return far


@pytest.mark.parametrize("rule", of([ONE], [ONE, TWENTY, SIXTY]), ids=str)
def test_whatever_ends_a_run_the_next_one_brings_no_request_too_many(
    tmp_path: Path, figures: Figures, rule: RateRule
) -> None:
    async def all_of_them() -> list[FarAway]:
        endings = (killed, in_turn, untimely)
        return await asyncio.gather(*(ending(rule, tmp_path / ending.__name__, figures) for ending in endings))

    for far in asyncio.run(all_of_them()):
        noted(figures, far)
        assert is_stalled(far) or (far.refused, far.most <= rule.calls) == (0, True)
        lasted_s = far.ear.heard_s[-1] - far.ear.heard_s[0]
        assert lasted_s < 6 * rule.window_s * len(far.ear.heard_s), "nobody waits for ever"


@pytest.mark.parametrize("is_worst", of([True], [False, True]))
@pytest.mark.parametrize("late_s", of([0.25], [0.0, 0.05, 0.1, 0.25, 0.5]))
@pytest.mark.parametrize(
    ("rule", "seconds"),
    of(
        [(TEN, 600.0)],
        [(ONE, 2400.0), (TEN, 1800.0), (TWENTY, 1800.0), (RateRule(calls=60, window_s=60.0), 3600.0), (MANY, 240.0)],
    ),
    ids=str,
)
def test_the_table_of_simulated_time(
    figures: Figures, rule: RateRule, seconds: float, late_s: float, is_worst: bool
) -> None:
    """What `docs/promises.md` shows."""
    for is_fixed in (False, True):
        life = lived(Provider(rule, is_fixed), jittered(rule, late_s, is_worst=is_worst), seconds=seconds)
        figures["rate: simulated minutes"] += round(seconds / 60)
        figures["rate: simulated requests refused, which taught a lane its jitter"] += life.refused - life.refused_late
        figures["rate: simulated requests refused otherwise"] += life.refused_late
        assert life.refused <= 6
        assert life.refused_late == 0
        assert is_fixed or life.most_late <= rule.calls
        jitter_s = 0.0 if rule.window_s >= 60.0 else late_s
        assert life.use >= 0.95 * rule.window_s / (rule.window_s + jitter_s)
