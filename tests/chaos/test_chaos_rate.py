"""The promise "rate" under attack: arrivals that vary, restarts within a window, jobs in turn, clocks that jump."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from chaos_kit import Figures, assert_no_traceback, chance, ended, of
from e2e_kit import start
from late_kit import FarAway, far_away, targets
from rate_kit import Provider, jittered, lived

from harvester.model import RateRule

TEN = RateRule(calls=10, window_s=1.0)
TWENTY = RateRule(calls=20, window_s=2.0)
MANY = RateRule(calls=10_000, window_s=60.0)
SIXTY = RateRule(calls=60, window_s=6.0)
ONE = RateRule(calls=1, window_s=1.0)
SLOW = RateRule(calls=1, window_s=2.0)  #: longer than a process takes to start


def noted(figures: Figures, far: FarAway, learning: float = 0.0) -> None:
    """Count what the server saw of a key; so much of the time was for learning its jitter."""
    refused_after = far.refused_since(learning) if learning else far.refused
    figures["rate: requests that arrived"] += len(far.ear.heard_s)
    figures["rate: requests refused, which taught a lane its jitter"] += far.refused - refused_after
    figures["rate: requests refused otherwise"] += refused_after


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
    seconds = of(4.0, 45.0)
    # A few at a time, for the machine must not be what is slow.
    batches = of(
        [[(TEN, 0.3), (TWENTY, 0.1), (SIXTY, 0.25)]],
        [[(TEN, 0.5), (TWENTY, 0.25), (SIXTY, 0.5)], [(TEN, 0.25), (TWENTY, 0.5), (SIXTY, 0.0)]],
    )

    async def all_of_them() -> list[FarAway]:
        found = list[FarAway]()
        for batch in batches:
            found += await asyncio.gather(*(answered(*about, seconds, tmp_path) for about in batch))
        return found

    lateness_s = [late_s for batch in batches for _, late_s in batch]
    for far, late_s in zip(asyncio.run(all_of_them()), lateness_s, strict=True):
        rule, excuse = far.rule, 2 * far.late.stalls
        # Within 5 % of a window nothing need be learnt; of a second that is less than a busy machine is late by itself.
        is_within = late_s <= 0.05 * rule.window_s and rule.window_s > 1.0
        noted(figures, far, 0.0 if is_within else of(1.0, 0.6))
        assert far.refused <= 6 + excuse
        if is_within:
            assert far.refused <= excuse
            assert far.most <= rule.calls + excuse
        if seconds > 40:  # a lane begins with the worst, and needs a while to see that it is better
            assert far.refused_since(0.6) <= excuse
            assert far.most_since(0.6) <= rule.calls + excuse
            assert far.use_since(0.6) >= 0.8 * rule.window_s / (rule.window_s + late_s), "busy machines included"


async def killed(rule: RateRule, folder: Path, figures: Figures) -> FarAway:
    """Kill a job again and again in the middle of a window, and resume it at once."""
    source = chance("kill", str(rule))
    async with far_away(rule, lambda: source.uniform(0.0, 0.02 * rule.window_s)) as far:
        job = far.job(folder, targets(400), {})
        for _ in range(of(1, 5)):
            process = await job.begin("--quiet")
            try:
                async with asyncio.timeout(source.uniform(0.9, of(2.0, 5.0))):
                    await process.communicate()
            except TimeoutError:
                process.kill()
                assert_no_traceback(await ended(process))
                figures["rate: kills in the middle of a window"] += 1
        run = await job.run("--max-targets", "1")
        assert run.code in (0, 3), run.err
        return far


async def in_turn(rule: RateRule, folder: Path, figures: Figures) -> FarAway:
    """Ask for the balance alone, and run one job after the other on one key."""
    source = chance("turns", str(rule))
    async with far_away(rule, lambda: source.uniform(0.0, 0.02 * rule.window_s)) as far:
        for number in range(of(1, 4)):
            job = far.job(folder / str(number), targets(rule.calls, number), {"XDG_RUNTIME_DIR": str(folder)})
            check = await ended(await start("check", str(job.config), environ=job.environment()))
            assert check.code == 0, check.err
            run = await job.run()
            assert run.code in (0, 3), run.err
            figures["rate: runs in turn on one key"] += 2
        return far


async def untimely(rule: RateRule, folder: Path, figures: Figures) -> FarAway:
    """Let the wall clock jump between the runs of a job."""
    async with far_away(rule, lambda: 0.0) as far:
        jumps_s = of([86_400.0], [86_400.0, -86_400.0, 4.0, -4.0, 1e9])
        job = far.job(folder, targets(len(jumps_s) + 1), {})
        for count, jump_s in enumerate((*jumps_s, 0.0), 1):
            run = await job.run("--max-targets", str(count))
            assert run.code in (0, 3), run.err
            with closing(sqlite3.connect(job.directory / "state.sqlite3")) as db, db:
                # A clock that jumps forward is the same as a last request that lies further back.
                db.execute("UPDATE lanes SET last_at = last_at - ?", (jump_s,))
            (job.directory / "state.sqlite3.b2").unlink()  # else it is seen that somebody has changed the state
            figures["rate: jumps of the wall clock"] += jump_s != 0
        return far


@pytest.mark.parametrize("rule", of([SLOW], [SLOW, SIXTY]), ids=str)
def test_whatever_ends_a_run_the_next_one_brings_no_request_too_many(
    tmp_path: Path, figures: Figures, rule: RateRule
) -> None:
    async def all_of_them() -> list[FarAway]:
        endings = (killed, in_turn, untimely)
        return await asyncio.gather(*(ending(rule, tmp_path / ending.__name__, figures) for ending in endings))

    for far in asyncio.run(all_of_them()):
        noted(figures, far)
        excuse = 2 * far.late.stalls
        assert far.refused <= excuse
        assert far.most <= rule.calls + excuse
        lasted_s = far.ear.heard_s[-1] - far.ear.heard_s[0]
        assert lasted_s < 6 * rule.window_s * len(far.ear.heard_s), "nobody waits for ever"


@pytest.mark.parametrize("is_worst", of([True], [False, True]))
@pytest.mark.parametrize("late_s", of([0.25], [0.0, 0.05, 0.1, 0.25, 0.5]))
@pytest.mark.parametrize(
    ("rule", "seconds"),
    of(
        [(TEN, 600.0)],
        [(ONE, 2400.0), (TEN, 1800.0), (TWENTY, 1800.0), (RateRule(calls=60, window_s=60.0), 3600.0), (MANY, 120.0)],
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
