"""The promise "rate": by the provider's count, never a request too many, and hardly one too few."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from contextlib import suppress
from itertools import cycle, pairwise
from typing import Any

import pytest
from aiolimiter import AsyncLimiter
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.engine.gate import MOST_MARGIN, MOST_PENALTY, Gate, Pace
from harvester.errors import GateShut
from harvester.model import RateRule
from harvester.testing import LoopClock, run_in_virtual_time

RULES = [
    RateRule(calls=60, window_s=60.0),
    RateRule(calls=10, window_s=1.0),
    RateRule(calls=10_000, window_s=60.0),
    RateRule(calls=600, window_s=60.0),
    RateRule(calls=60, window_s=6.0),
    RateRule(calls=20, window_s=2.0),
    RateRule(calls=2, window_s=1.0),
]
MINUTE = RateRule(calls=60, window_s=60.0)
MINUTE_SPACING_S = (60.0 + 3.0 + 0.05) / 60  #: of a gate that has not seen anything yet
SECOND = RateRule(calls=1, window_s=1.0)

Delay = Callable[[], float]


def now_s() -> float:
    return asyncio.get_running_loop().time()


def most_in_a_window(moments_s: list[float], window_s: float) -> int:
    """Return the most moments that lie less than `window_s` apart."""
    moments_s, first, most = sorted(moments_s), 0, 0
    for last, moment_s in enumerate(moments_s):
        while moment_s - moments_s[first] >= window_s - 1e-9:
            first += 1
        most = max(most, last - first + 1)
    return most


async def arrivals(gate: Gate, until_s: float, delay: Delay) -> list[float]:
    """Send through a gate while work is waiting; every arrival is late by `delay` and answered at once."""
    loop, arrived_s = asyncio.get_running_loop(), list[float]()
    assert gate.pace is not None
    while True:
        async with gate.passage():
            if now_s() > until_s:
                return arrived_s
            delay_s = delay()
            arrived_s.append(now_s() + delay_s)
            if gate.pace.is_counted_from_reply:
                await asyncio.sleep(delay_s)
        loop.call_later(delay_s, gate.pace.answered, delay_s)


def simulated(rule: RateRule, jitter: float, *, windows: float, seed: int = 1) -> list[float]:
    """Return the arrivals of so many windows; each is late by up to `jitter` of the window."""
    chance = random.Random(seed)

    async def scenario() -> list[float]:
        gate = Gate(rule, LoopClock(), is_fresh=True)
        return await arrivals(gate, windows * rule.window_s, lambda: chance.uniform(0.0, jitter * rule.window_s))

    return run_in_virtual_time(scenario())


def refused_gate() -> Gate:
    """Return a gate of one call per window that was refused once: it counts from the reply."""
    gate = Gate(SECOND, LoopClock(), is_fresh=True)
    assert gate.pace is not None
    gate.pace.refused()
    return gate


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
def test_the_worst_jitter_of_a_cold_start_brings_no_request_too_many(rule: RateRule) -> None:
    late_s = iter([MOST_MARGIN * rule.window_s])  # the first as late as can be, all others at once

    async def scenario() -> list[float]:
        gate = Gate(rule, LoopClock(), is_fresh=True)
        return await arrivals(gate, 2 * rule.window_s, lambda: next(late_s, 0.0))

    assert most_in_a_window(run_in_virtual_time(scenario()), rule.window_s) <= rule.calls


def test_a_late_wake_up_is_made_good_by_the_next() -> None:
    rule, busy_s = RateRule(calls=20, window_s=2.0), cycle([0.109, 0.101])  # a call is due every 0.10525 s

    async def scenario() -> list[float]:
        gate, left_s = Gate(rule, LoopClock(), is_fresh=True), list[float]()
        while now_s() < 20.0:
            async with gate.passage():
                left_s.append(now_s())
            await asyncio.sleep(next(busy_s))
        return left_s

    left_s = run_in_virtual_time(scenario())
    assert len(left_s) >= 0.95 * 200
    assert most_in_a_window(left_s, rule.window_s) <= rule.calls


@pytest.mark.parametrize("latency_s", [0.02, 1.2, 5.0])
def test_one_per_window_uses_its_allowance_however_long_the_replies_take(latency_s: float) -> None:
    chance = random.Random(1)

    async def scenario() -> list[float]:
        gate, arrived_s = Gate(SECOND, LoopClock(), is_fresh=True), list[float]()
        assert gate.pace is not None
        while now_s() < 660.0:
            async with gate.passage():
                late_s = chance.uniform(0.0, 0.05)
                arrived_s.append(now_s() + late_s)
            asyncio.get_running_loop().call_later(latency_s, gate.pace.answered, latency_s + late_s)
        return arrived_s

    arrived_s = run_in_virtual_time(scenario())
    assert most_in_a_window(arrived_s, 1.0) == 1
    assert sum(60.0 <= at_s < 660.0 for at_s in arrived_s) >= 0.95 * 600


def test_one_per_window_begins_wider_because_connections_are_cold() -> None:
    late_s = iter([0.2])  # the first waits for its connection, the second does not

    async def scenario() -> list[float]:
        return await arrivals(Gate(SECOND, LoopClock(), is_fresh=True), 3.0, lambda: next(late_s, 0.0))

    assert most_in_a_window(run_in_virtual_time(scenario()), 1.0) == 1


@pytest.mark.parametrize("latency_s", [0.01, 0.5, 3.0])
def test_one_per_window_is_counted_from_the_reply_once_it_was_refused(latency_s: float) -> None:
    chance = random.Random(1)

    async def scenario() -> list[float]:
        return await arrivals(refused_gate(), 300.0, lambda: latency_s * chance.uniform(0.0, 1.0))

    arrived_s = run_in_virtual_time(scenario())
    assert most_in_a_window(arrived_s, 1.0) == 1
    assert len(arrived_s) >= 0.9 * 300.0 / (1.0 + latency_s / 2)


def test_one_per_window_waits_for_an_exchange_that_fails_too() -> None:
    async def scenario() -> float:
        gate = refused_gate()
        with suppress(ValueError):
            async with gate.passage():
                await asyncio.sleep(50.0)
                raise ValueError
        async with gate.passage():
            return now_s()

    assert run_in_virtual_time(scenario()) >= 51.0


def test_refusals_widen_the_spacing_and_answers_narrow_it_again() -> None:
    async def spacings_s() -> list[float]:
        gate = Gate(MINUTE, LoopClock(), is_fresh=True)
        assert gate.pace is not None
        left_s = []
        for number in range(80):
            async with gate.passage():
                left_s.append(now_s())
            gate.pace.answered(0.1)
            if number == 20:
                gate.pace.refused()
        return [later - earlier for earlier, later in pairwise(left_s)]

    spacing_s = run_in_virtual_time(spacings_s())
    assert spacing_s[10] == pytest.approx(MINUTE_SPACING_S, abs=1e-3)
    assert spacing_s[22] == pytest.approx(1.25 * MINUTE_SPACING_S, rel=0.02)
    assert spacing_s[30] < spacing_s[22]
    assert spacing_s[78] == pytest.approx(
        (60.0 + 0.3 + 0.05) / 60, abs=1e-4
    )  # 64 steady answers: the margin is at its least


# --- Pace ---------------------------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(
    calls=st.integers(1, 100_000),
    window_s=st.floats(0.1, 86_400.0),
    events=st.lists(st.one_of(st.none(), st.floats(0.0, 1000.0)), max_size=80),
)
def test_a_bucket_of_any_pace_lets_no_call_too_many_through(
    calls: int, window_s: float, events: list[float | None]
) -> None:
    pace = Pace(RateRule(calls=calls, window_s=window_s), samples=16)
    for round_trip_s in events:
        if round_trip_s is None:
            pace.refused()
        else:
            pace.answered(round_trip_s)
    assert pace.burst_calls >= 1.0
    assert 0.0 <= pace.margin_s <= MOST_MARGIN * window_s
    assert pace.spacing_s <= MOST_PENALTY * 1.0525 * window_s / calls * (1 + 1e-9)
    if pace.is_counted_from_reply:
        assert pace.spacing_s >= window_s
        assert pace.burst_calls == 1.0
    else:
        most_calls = pace.burst_calls + (window_s + pace.margin_s) / pace.spacing_s  # of the leaky bucket
        assert most_calls <= (calls + 1) * (1 + 1e-12)  # that one would be a whole window away
    for _ in range(200):
        pace.answered(1.0)  # what was refused is forgiven
    assert window_s / pace.spacing_s >= 0.95 * calls


def test_the_margin_is_the_worst_until_enough_is_seen_and_then_what_was_seen() -> None:
    pace = Pace(MINUTE, samples=4)
    margins_s = []
    for round_trip_s in (1.0, 1.2, 2.0, 1.1, 1.1, 9.0):
        pace.answered(round_trip_s)
        margins_s.append(pytest.approx(pace.margin_s))
    assert margins_s == [3.0, 3.0, 3.0, 1.5, 1.5 * 0.998, 3.0]


def test_a_rare_stall_is_forgotten_slowly_and_down_to_the_least_margin() -> None:
    pace = Pace(MINUTE)
    pace.answered(2.5)
    margins_s = []
    for _ in range(3000):
        pace.answered(0.5)
        margins_s.append(pace.margin_s)
    assert margins_s[500] > 1.0
    assert margins_s[62:] == sorted(margins_s[62:], reverse=True)
    assert margins_s[-1] == pytest.approx(0.3)


def test_a_penalty_is_bounded() -> None:
    pace = Pace(MINUTE)
    for _ in range(100):
        pace.refused()
    assert pace.spacing_s == pytest.approx(4 * MINUTE_SPACING_S)


# --- Gate ---------------------------------------------------------------------------------------------------------


def departure_s(gate: Gate) -> Coroutine[Any, Any, float]:
    async def leave() -> float:
        async with gate.passage():
            return now_s()

    return leave()


@pytest.mark.parametrize(("is_fresh", "first_s"), [(True, 0.0), (False, MINUTE_SPACING_S)])
def test_after_a_restart_the_first_request_waits_one_spacing(is_fresh: bool, first_s: float) -> None:
    async def scenario() -> float:
        return await departure_s(Gate(MINUTE, LoopClock(), is_fresh=is_fresh))

    assert run_in_virtual_time(scenario()) == pytest.approx(first_s, abs=1e-3)


def test_a_restart_in_the_middle_of_a_window_brings_no_request_too_many() -> None:
    async def scenario() -> list[float]:
        before = await arrivals(Gate(MINUTE, LoopClock(), is_fresh=True), 30.0, lambda: 0.0)
        return before + await arrivals(Gate(MINUTE, LoopClock(), is_fresh=False), 120.0, lambda: 0.0)

    assert most_in_a_window(run_in_virtual_time(scenario()), 60.0) <= 60


def test_without_a_rule_everything_leaves_at_once() -> None:
    async def scenario() -> list[float]:
        gate = Gate(None, LoopClock(), is_fresh=False)
        return await asyncio.gather(*(departure_s(gate) for _ in range(100)))

    assert set(run_in_virtual_time(scenario())) == {0.0}


@pytest.mark.parametrize("rule", [None, SECOND, MINUTE], ids=str)
def test_nothing_leaves_while_the_gate_is_closed(rule: RateRule | None) -> None:
    async def scenario() -> tuple[float, float]:
        gate = Gate(rule, LoopClock(), is_fresh=True)
        gate.close_for(30.0)
        gate.close_for(10.0)  # a shorter pause does not cut a longer one
        assert gate.closed_s == 30.0
        left_s = await departure_s(gate)
        return left_s, gate.closed_s

    left_s, closed_s = run_in_virtual_time(scenario())
    assert left_s == pytest.approx(30.0, abs=0.01)
    assert closed_s == 0.0


def test_a_pause_holds_back_the_request_that_already_waits_for_its_turn() -> None:
    async def scenario() -> float:
        gate = Gate(MINUTE, LoopClock(), is_fresh=False)
        waiting = asyncio.create_task(departure_s(gate))
        await asyncio.sleep(0.5)
        gate.close_for(30.0)
        return await waiting

    assert run_in_virtual_time(scenario()) == pytest.approx(30.5, abs=0.01)


def test_who_came_first_leaves_first() -> None:
    async def scenario() -> list[int]:
        gate, order = Gate(MINUTE, LoopClock(), is_fresh=True), list[int]()

        async def leave(number: int) -> None:
            async with gate.passage():
                order.append(number)

        async with asyncio.TaskGroup() as group:
            for number in range(30):
                group.create_task(leave(number))
        return order

    assert run_in_virtual_time(scenario()) == list(range(30))


@pytest.mark.parametrize("pause_s", [0.0, 3600.0])
@pytest.mark.parametrize("rule", [SECOND, MINUTE], ids=str)
def test_a_shut_gate_sends_everybody_away_at_once(rule: RateRule, pause_s: float) -> None:
    """Those in the limiter, in the pause, behind the lock, and those who come later."""

    async def scenario() -> tuple[float, list[object]]:
        gate = Gate(rule, LoopClock(), is_fresh=False)
        gate.close_for(pause_s)
        tasks = [asyncio.create_task(departure_s(gate)) for _ in range(5)]
        await asyncio.sleep(0.5)
        gate.shut()
        ends = await asyncio.gather(*tasks, departure_s(gate), return_exceptions=True)
        return now_s(), [type(end) for end in ends]

    gone_s, ends = run_in_virtual_time(scenario())
    assert gone_s == pytest.approx(0.5, abs=1e-3)
    assert ends == 6 * [GateShut]


def test_nobody_waits_for_an_open_exchange_when_the_gate_is_shut() -> None:
    async def scenario() -> tuple[float, list[object], float]:
        gate = Gate(SECOND, LoopClock(), is_fresh=True)

        async def exchange() -> float:
            async with gate.passage():
                await asyncio.sleep(100.0)
                return now_s()

        opened = asyncio.create_task(exchange())
        queued = [asyncio.create_task(departure_s(gate)) for _ in range(3)]
        await asyncio.sleep(1.0)
        gate.shut()
        ends = await asyncio.gather(*queued, return_exceptions=True)
        gone_s = now_s()
        return gone_s, [type(end) for end in ends], await opened

    gone_s, ends, reply_s = run_in_virtual_time(scenario())
    assert gone_s == pytest.approx(1.0, abs=1e-3)
    assert ends == 3 * [GateShut]
    assert reply_s == pytest.approx(100.0, abs=1e-3)


def test_a_gate_may_be_shut_again_and_again() -> None:
    async def scenario() -> object:
        gate = Gate(MINUTE, LoopClock(), is_fresh=False)
        waiting = asyncio.create_task(departure_s(gate))
        await asyncio.sleep(0.5)
        for _ in range(5):
            gate.shut()
            await asyncio.sleep(0)
        return (await asyncio.gather(waiting, return_exceptions=True))[0]

    assert isinstance(run_in_virtual_time(scenario()), GateShut)


def test_nothing_leaves_a_gate_that_is_shut_in_the_moment_of_leaving() -> None:
    async def scenario() -> object:
        loop, gate = asyncio.get_running_loop(), Gate(None, LoopClock(), is_fresh=True)
        gate.close_for(10.0)
        waiting = asyncio.create_task(departure_s(gate))
        await asyncio.sleep(0)
        loop.call_at(10.0 + 5e-7, gate.shut)  # in the same turn of the loop as the end of the pause
        return (await asyncio.gather(waiting, return_exceptions=True))[0]

    assert isinstance(run_in_virtual_time(scenario()), GateShut)


@pytest.mark.parametrize("cancelled", [0, 1, 2])
@pytest.mark.parametrize("rule", [None, SECOND, MINUTE], ids=str)
def test_a_cancelled_waiter_leaves_the_gate_usable(rule: RateRule | None, cancelled: int) -> None:
    """Whether it stands in the limiter or behind the lock."""

    async def scenario() -> list[float]:
        gate = Gate(rule, LoopClock(), is_fresh=False)
        gate.close_for(0.2)
        tasks = [asyncio.create_task(departure_s(gate)) for _ in range(3)]
        await asyncio.sleep(0.1)
        tasks[cancelled].cancel()
        ends = await asyncio.gather(*tasks, departure_s(gate), return_exceptions=True)
        assert isinstance(ends.pop(cancelled), asyncio.CancelledError)
        return [end for end in ends if isinstance(end, float)]

    left_s = run_in_virtual_time(scenario())
    assert len(left_s) == 3
    assert left_s == sorted(left_s)
    if rule is not None:
        assert all(later - earlier >= 0.99 for earlier, later in pairwise(left_s))


def test_a_cancelled_exchange_leaves_the_gate_usable() -> None:
    async def scenario() -> float:
        gate = refused_gate()

        async def exchange() -> None:
            async with gate.passage():
                await asyncio.sleep(100.0)

        opened = asyncio.create_task(exchange())
        await asyncio.sleep(20.0)
        opened.cancel()
        return await departure_s(gate)

    assert 21.0 <= run_in_virtual_time(scenario()) < 23.0


# --- why the limiter is not used as it comes ----------------------------------------------------------------------


def test_a_plain_limiter_of_ten_in_ten_seconds_lets_nineteen_through() -> None:
    async def scenario() -> list[float]:
        limiter, left_s = AsyncLimiter(10, 10), list[float]()
        while now_s() < 30.0:
            await limiter.acquire()
            left_s.append(now_s())
        return left_s

    assert most_in_a_window(run_in_virtual_time(scenario()), 10.0) == 19


def test_a_heavy_waiter_starves_in_a_plain_limiter() -> None:
    async def scenario() -> bool:
        limiter = AsyncLimiter(10, 10)
        await limiter.acquire(10)
        heavy = asyncio.create_task(limiter.acquire(5))
        light = set[asyncio.Task[None]]()
        for _ in range(60):
            light.add(asyncio.create_task(limiter.acquire(1)))
            await asyncio.sleep(1.0)
        is_served = heavy.done()
        for task in (heavy, *light):
            task.cancel()
        await asyncio.gather(heavy, *light, return_exceptions=True)
        return is_served

    assert not run_in_virtual_time(scenario())
