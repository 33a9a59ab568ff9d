"""The promise "rate": by the provider's count, never a request too many, and hardly one too few."""

import asyncio
import random
from contextlib import suppress
from itertools import cycle

import pytest
from rate_kit import (
    MINUTE,
    RULES,
    SECOND,
    Lane,
    Provider,
    arrivals,
    departure_s,
    jittered,
    lived,
    most_in_a_window,
    now_s,
    uniform,
    warmed,
)

from harvester.engine.gate import MOST_UNTAUGHT, Gate
from harvester.model import RateRule
from harvester.testing import LoopClock, run_in_virtual_time


def simulated(rule: RateRule, jitter: float, *, windows: float, seed: int = 1) -> list[float]:
    """Return the arrivals of so many windows; each is late by up to `jitter` of the window."""
    chance = random.Random(seed)

    async def scenario() -> list[float]:
        gate = warmed(Gate(rule, LoopClock(), is_fresh=True))
        return await arrivals(gate, windows * rule.window_s, lambda: chance.uniform(0.0, jitter * rule.window_s))

    return run_in_virtual_time(scenario())


@pytest.mark.parametrize("jitter", [0.0, 0.02, 0.05])
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_no_window_holds_a_request_too_many_and_the_allowance_is_used(rule: RateRule, jitter: float) -> None:
    windows = 10.0 if rule.calls < 1000 else 3.0  # the fast rule takes a second of real time for each
    arrived_s = simulated(rule, jitter, windows=windows)
    assert most_in_a_window(arrived_s, rule.window_s) <= rule.calls
    assert len(arrived_s) >= 0.95 * windows * rule.calls


@pytest.mark.parametrize("seed", range(20))
def test_chance_never_brings_a_request_too_many(seed: int) -> None:
    rule, jitter = RULES[seed % 2], 0.05 * random.Random(seed).random()
    assert most_in_a_window(simulated(rule, jitter, windows=50.0, seed=seed), rule.window_s) <= rule.calls


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.calls <= 60], ids=str)
def test_the_worst_of_a_cold_start_brings_no_request_too_many(rule: RateRule) -> None:
    handshake_s = min(0.5, rule.window_s / 4)
    late_s = iter([MOST_UNTAUGHT * rule.window_s + handshake_s])  # the first as late as can be, all others at once

    async def scenario() -> list[float]:
        gate = Gate(rule, LoopClock(), is_fresh=True)
        return await arrivals(gate, 2.5 * rule.window_s, lambda: next(late_s, 0.0))

    assert most_in_a_window(run_in_virtual_time(scenario()), rule.window_s) <= rule.calls


def test_a_late_wake_up_is_made_good_by_the_next() -> None:
    rule, busy_s = RateRule(calls=20, window_s=2.0), cycle([0.109, 0.101])  # a call is due every 0.10525 s

    async def scenario() -> list[float]:
        gate, left_s = warmed(Gate(rule, LoopClock(), is_fresh=True)), list[float]()
        while now_s() < 20.0:
            async with gate.passage():
                left_s.append(now_s())
            await asyncio.sleep(next(busy_s))
        return left_s

    left_s = run_in_virtual_time(scenario())
    assert len(left_s) >= 0.95 * 200
    assert most_in_a_window(left_s, rule.window_s) <= rule.calls


# --- One call in a window -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("latency_s", [0.02, 1.2, 5.0])
def test_one_per_window_uses_its_allowance_however_long_the_replies_take(latency_s: float) -> None:
    chance = random.Random(1)

    async def scenario() -> list[float]:
        gate, arrived_s = warmed(Gate(SECOND, LoopClock(), is_fresh=True)), list[float]()

        async def worker() -> None:
            while now_s() < 660.0:
                async with gate.passage():
                    left_s, late_s = now_s(), chance.uniform(0.0, 0.05)
                    arrived_s.append(left_s + late_s)
                    await asyncio.sleep(latency_s + late_s)
                gate.answered(now_s() - left_s)

        async with asyncio.TaskGroup() as group:
            for _ in range(7):
                group.create_task(worker())
        return arrived_s

    arrived_s = run_in_virtual_time(scenario())
    assert most_in_a_window(arrived_s, 1.0) == 1
    assert sum(60.0 <= at_s < 660.0 for at_s in arrived_s) >= 0.95 * 600


@pytest.mark.parametrize(
    ("round_trip_s", "next_s"),
    [
        (0.0, 1.005),  # never closer than the clocks may drift
        (0.02, 1.02),  # a window after the reply
        (0.049, 1.049),
        (0.3, 1.05),  # W + J after it left, before the reply could tell anything better
        (0.999, 1.05),
        (50.0, 1.05),  # without waiting for the reply
    ],
)
def test_one_per_window_leaves_a_window_after_the_reply_or_after_the_margin(round_trip_s: float, next_s: float) -> None:
    async def scenario() -> float:
        gate = warmed(Gate(SECOND, LoopClock(), is_fresh=True))

        async def exchange() -> None:
            async with gate.passage():
                await asyncio.sleep(round_trip_s)

        async with asyncio.TaskGroup() as group:
            group.create_task(exchange())
            await asyncio.sleep(0)
            return await departure_s(gate)

    assert run_in_virtual_time(scenario()) == pytest.approx(next_s, abs=1e-4)


def test_an_exchange_that_fails_proves_no_arrival() -> None:
    async def scenario() -> float:
        gate = warmed(Gate(SECOND, LoopClock(), is_fresh=True))
        with suppress(ValueError):
            async with gate.passage():
                raise ValueError
        return await departure_s(gate)

    assert run_in_virtual_time(scenario()) == pytest.approx(1.05, abs=1e-4)


# --- Arrivals that vary by more than 5 % of the window ------------------------------------------------------------


@pytest.mark.parametrize("is_worst", [False, True], ids=["chance", "worst"])
@pytest.mark.parametrize("is_fixed", [False, True], ids=["sliding", "fixed"])
@pytest.mark.parametrize("late_s", [0.0, 0.1, 0.5])
@pytest.mark.parametrize(
    ("rule", "seconds"),
    [(SECOND, 900.0), (RULES[1], 500.0), (MINUTE, 1800.0)],
    ids=str,
)
def test_a_few_refusals_teach_a_lane_its_jitter_and_then_there_are_none(
    rule: RateRule, seconds: float, late_s: float, is_fixed: bool, is_worst: bool
) -> None:
    life = lived(Provider(rule, is_fixed), jittered(rule, late_s, is_worst=is_worst), seconds=seconds)
    if late_s <= MOST_UNTAUGHT * rule.window_s:
        assert life.refused == 0, "what is within 5 % of the window need not be learnt"
    assert life.refused <= 6
    assert life.refused_late == 0
    if not is_fixed:
        assert life.most_late <= rule.calls
    jitter_s = 0.0 if rule.window_s >= 60.0 else late_s  # per minute it costs nothing
    assert life.use >= 0.95 * rule.window_s / (rule.window_s + jitter_s)


def test_thousands_a_minute_lose_nothing_to_half_a_second_of_jitter() -> None:
    rule = RULES[2]
    life = lived(Provider(rule), uniform(0.5), seconds=120.0)
    assert (life.refused, life.most_late <= rule.calls) == (0, True)
    assert life.use >= 0.95


def test_thinking_is_no_jitter_and_costs_a_lane_nothing_that_is_not_refused() -> None:
    """Round trips from one to three seconds, arrivals at once."""

    async def story() -> Lane:
        lane = Lane(provider=Provider(RULES[1]), late=lambda: 0.0, thinking=uniform(3.0), workers=40)
        await lane.work(300.0)
        return lane

    provider = run_in_virtual_time(story()).provider
    assert provider.refused_s == []
    assert provider.served(60.0, 300.0) >= 0.95 * 2400


@pytest.mark.parametrize("rule", [SECOND, RULES[1], MINUTE], ids=str)
def test_a_provider_that_refuses_for_its_own_reasons_does_not_slow_a_steady_lane(rule: RateRule) -> None:
    chance = random.Random(1)

    class Moody(Provider):
        def admits(self) -> bool:
            return super().admits() and chance.random() > 0.01

    async def story() -> Lane:
        lane = Lane(provider=Moody(rule), late=uniform(0.01), thinking=uniform(0.02))
        await lane.work(40 * 60.0)
        return lane

    lane = run_in_virtual_time(story())
    assert lane.provider.refused_s == [], "by the count of its windows"
    assert lane.gate.pace is not None
    assert lane.gate.pace.late_s <= 0.05 * rule.window_s
    assert 1.0 / lane.gate.pace.spacing_s >= 0.95 * rule.calls / rule.window_s
