"""The gate as its lane uses it: turns, pauses, restarts, and an end for everybody who waits."""

import asyncio
from itertools import pairwise

import pytest
from aiolimiter import AsyncLimiter
from rate_kit import MINUTE, RULES, SECOND, Memory, arrivals, departure_s, most_in_a_window, now_s

from harvester.engine.gate import Gate
from harvester.errors import GateShut
from harvester.model import RateRule
from harvester.testing import LoopClock, run_in_virtual_time

MINUTE_SPACING_S = (60.0 + 3.0 + 0.5 + 0.05) / 60  #: of a gate that has not seen anything yet


@pytest.mark.parametrize(
    ("rule", "is_fresh", "first_s"),
    [(MINUTE, True, 0.0), (MINUTE, False, MINUTE_SPACING_S), (SECOND, True, 0.0), (SECOND, False, 1.3)],
)
def test_after_a_restart_the_first_request_waits_one_spacing(rule: RateRule, is_fresh: bool, first_s: float) -> None:
    async def scenario() -> float:
        return await departure_s(Gate(rule, LoopClock(), is_fresh=is_fresh))

    assert run_in_virtual_time(scenario()) == pytest.approx(first_s, abs=1e-3)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_restart_in_the_middle_of_a_window_brings_no_request_too_many(rule: RateRule) -> None:
    async def scenario() -> list[float]:
        left_s = list[float]()
        for life in range(6):
            gate = Gate(rule, LoopClock(), is_fresh=life == 0)
            left_s += await arrivals(gate, now_s() + 0.3 * (life + 1) * rule.window_s / 2, lambda: 0.0)
        return left_s

    assert most_in_a_window(run_in_virtual_time(scenario()), rule.window_s) <= rule.calls


@pytest.mark.parametrize("rule", [None, SECOND, MINUTE], ids=str)
def test_each_departure_leaves_a_trail_before_it_is_one(rule: RateRule | None) -> None:
    async def scenario() -> None:
        trail = Memory()
        gate = Gate(rule, LoopClock(), is_fresh=True, trail=trail)
        for _ in range(3):
            async with gate.passage():
                assert trail.last_s == now_s()
            await asyncio.sleep(5.0)

    run_in_virtual_time(scenario())


@pytest.mark.parametrize(
    ("gone_s", "late_s"), [(None, 0.05), (0.0, 0.4), (3500.0, 0.4), (3700.0, 0.2), (7300.0, 0.1), (1e9, 0.05)]
)
def test_a_gate_begins_with_what_the_key_s_last_lane_had_learnt(gone_s: float | None, late_s: float) -> None:
    async def scenario() -> float:
        trail = Memory(late_s=0.4, last_s=None if gone_s is None else now_s() - gone_s)
        pace = Gate(RULES[1], LoopClock(), is_fresh=True, trail=trail).pace
        assert pace is not None
        return pace.late_s

    assert run_in_virtual_time(scenario()) == pytest.approx(late_s)


def test_a_gate_hands_on_what_it_has_learnt_without_the_handshakes() -> None:
    async def scenario() -> float:
        trail = Memory()
        gate = Gate(RULES[1], LoopClock(), is_fresh=True, trail=trail)
        gate.refused(0.1)
        async with gate.passage():
            return trail.late_s

    assert run_in_virtual_time(scenario()) == pytest.approx(0.6)


def test_the_refusals_of_requests_that_left_together_teach_a_gate_once() -> None:
    async def scenario() -> list[float]:
        gate = Gate(RULES[1], LoopClock(), is_fresh=True)
        assert gate.pace is not None
        late_s = list[float]()
        for round_trip_s in (1.0, 1.5, 0.4):  # the third left after the first was refused
            await asyncio.sleep(0.5)
            gate.refused(round_trip_s)
            late_s.append(gate.pace.late_s)
        return late_s

    assert run_in_virtual_time(scenario()) == pytest.approx([0.6, 0.6, 1.0])


def test_one_call_a_window_follows_the_last_no_sooner_than_half_a_percent_late_however_quick_its_reply() -> None:
    async def scenario() -> float:
        gate = Gate(RateRule(calls=1, window_s=60.0), LoopClock(), is_fresh=True)
        await asyncio.sleep(5.0)
        began_s = await departure_s(gate)
        return await departure_s(gate) - began_s

    assert run_in_virtual_time(scenario()) == pytest.approx(60.3)


def test_a_gate_without_a_rule_has_learnt_nothing_to_hand_on() -> None:
    async def scenario() -> float:
        trail = Memory(late_s=0.4)
        async with Gate(None, LoopClock(), is_fresh=True, trail=trail).passage():
            return trail.late_s

    assert run_in_virtual_time(scenario()) == 0.0


def test_even_a_short_pause_holds_back_the_request_that_already_waits_for_its_turn() -> None:
    async def scenario() -> float:
        gate = Gate(RULES[1], LoopClock(), is_fresh=True)
        began_s = await departure_s(gate)
        waiting = asyncio.ensure_future(departure_s(gate))
        await asyncio.sleep(0.05)
        gate.close_for(0.5)
        return await waiting - began_s

    assert run_in_virtual_time(scenario()) == pytest.approx(0.55, abs=1e-3)


def test_what_refuses_a_gate_without_a_rule_teaches_nothing() -> None:
    async def scenario() -> None:
        gate = Gate(None, LoopClock(), is_fresh=True)
        gate.answered(1.0)
        gate.refused(1.0)
        assert gate.pace is None

    run_in_virtual_time(scenario())


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


@pytest.mark.parametrize("rule", [SECOND, MINUTE], ids=str)
def test_a_cancelled_exchange_leaves_the_gate_usable(rule: RateRule) -> None:
    async def scenario() -> float:
        gate = Gate(rule, LoopClock(), is_fresh=True)

        async def exchange() -> None:
            async with gate.passage():
                await asyncio.sleep(100.0)

        opened = asyncio.create_task(exchange())
        await asyncio.sleep(20.0)
        opened.cancel()
        return await departure_s(gate)

    assert run_in_virtual_time(scenario()) == pytest.approx(20.0, abs=0.01)


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
