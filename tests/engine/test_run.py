"""All lanes beside each other: stopping in order, and errors that come out as themselves."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest
from engine_kit import Bench, asked, scripted, serves, verdict

from harvester.engine.ports import Entry, State, Tally
from harvester.engine.run import first_of_ours, run_lanes
from harvester.errors import StorageError
from harvester.model import Action, RateRule, Reply, Request
from harvester.testing import MemoryStore, run_in_virtual_time


def stopped(bench: Bench, after_s: float, *, drain_s: float = 30.0) -> float:
    """Work until asked to stop after so long; return when the lanes were done."""

    async def main() -> float:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(after_s, stop.set)
        await run_lanes(bench.lanes, stop, drain_s=drain_s)
        return asyncio.get_running_loop().time()

    return run_in_virtual_time(main())


def work_of(bench: Bench) -> Coroutine[Any, Any, None]:
    return run_lanes(bench.lanes, asyncio.Event())


def open_holds(bench: Bench) -> list[int]:
    """Return the units of the holds that were never ended."""
    held = {entry.hold.id: entry.hold.units for entry in bench.memory.entries if entry.hold is not None}
    return [units for id_, units in held.items() if id_ not in {entry.settles for entry in bench.memory.entries}]


def test_after_a_stop_nothing_leaves_and_what_is_open_is_awaited_and_stored() -> None:
    targets = [f"{n}.com" for n in range(6)]
    bench = Bench(answer=serves(8, latency_s=10.0), targets=targets, in_flight=3)
    assert 20 <= stopped(bench, 15.0) < 20.1
    assert bench.sent_at_s == [0] * 3 + [10] * 3
    assert len(bench.rows()) == 3 * 4
    bench.check_books()
    assert bench.lane.stopped is None
    assert bench.desk.schedule.has_left


def test_a_stop_ends_no_later_than_the_drain_and_what_is_then_open_stays_on_hold() -> None:
    async def answer(request: Request) -> Reply:
        return await serves(4, latency_s=5.0 if asked(request, "target") == "0.com" else 1000.0)(request)

    bench = Bench(answer=answer, targets=["0.com", "1.com", "2.com"], in_flight=2, budget=1000)
    assert 37 <= stopped(bench, 7.0) < 37.1
    assert len(bench.rows()) == 4, "the one that came in time is stored"
    assert bench.lane.open_requests == 0
    assert open_holds(bench) == [20]
    assert bench.budget_ledger.held_units == 20
    assert bench.lane.tally == Tally(requests=2, rows=4, units_spent=40)


def test_workers_that_stand_at_the_gate_give_their_holds_back() -> None:
    targets = [f"{n}.com" for n in range(6)]
    bench = Bench(answer=serves(1), targets=targets, in_flight=4, rate=RateRule(calls=60, window_s=600), budget=1000)
    assert 15 <= stopped(bench, 15.0) < 15.1
    assert len(bench.sent) == 2
    bench.check_books()
    given_back = [entry.tally for entry in bench.memory.entries if entry.settles is not None][2:]
    assert given_back == [Tally()] * 4
    assert bench.budget_ledger.free_units == 980


def test_workers_that_wait_for_a_pause_or_another_attempt_stop_at_once() -> None:
    for answers in ([verdict(Action.PAUSE, wait_s=3600.0)], [verdict(Action.AGAIN)] * 4):
        bench = Bench(answer=scripted(answers, serves(1)), in_flight=2)
        assert stopped(bench, 15.0) < 15.1 + 1.0
        bench.check_books()
        assert bench.desk.schedule.has_left


def test_a_stop_before_the_start_sends_nothing() -> None:
    async def main() -> None:
        stop = asyncio.Event()
        stop.set()
        await run_lanes(bench.lanes, stop)

    bench = Bench(answer=serves(1), in_flight=2)
    run_in_virtual_time(main())
    assert bench.sent == []
    assert bench.lane.stopped is None


def test_a_stop_for_lack_of_units_is_not_told_of_a_run_that_was_asked_to_stop() -> None:
    answers = scripted([verdict(Action.AGAIN)], serves(1, latency_s=0))  # the first waits for its second attempt
    bench = Bench(answer=answers, targets=["0.com", "1.com", "2.com", "3.com"], budget=20)
    stopped(bench, 1.5)
    assert list(bench.finished()) == ["1.com", "2.com"]
    assert bench.lane.stopped is None
    assert bench.desk.schedule.has_parked


def test_lanes_that_are_done_end_the_run_before_it_is_asked_to_stop() -> None:
    bench = Bench(answer=serves(1))
    run_in_virtual_time(work_of(bench))
    assert bench.finished() == {"a.com": (True, None)}


def test_no_lanes_are_no_work() -> None:
    run_in_virtual_time(run_lanes([], asyncio.Event()))


@pytest.mark.parametrize("fails_at", ["commit", "put", "draw"])
def test_an_error_of_the_store_comes_out_as_itself(fails_at: str) -> None:
    class Broken(MemoryStore):
        async def put(self, entry: Entry) -> None:
            self._check("put")

        async def commit(self, entry: Entry) -> None:
            self._check("commit")

        async def draw(self, harvest: str, count: int) -> Any:
            self._check("draw")
            return await super().draw(harvest, count)

        def _check(self, what: str) -> None:
            if what == fails_at:
                raise StorageError("the disk is full")

    bench = Bench(answer=serves(1), targets=["a.com", "b.com"], in_flight=2, accounts=[None, None], store_type=Broken)
    with pytest.raises(StorageError, match="the disk is full"):
        run_in_virtual_time(work_of(bench))


def test_a_run_that_is_cancelled_leaves_its_holds() -> None:
    async def main() -> None:
        async with asyncio.timeout(5):
            await work_of(bench)

    bench = Bench(answer=serves(1, latency_s=10.0), targets=["a.com", "b.com"], in_flight=2)
    with pytest.raises(TimeoutError):
        run_in_virtual_time(main())
    assert open_holds(bench) == [20, 20]


def test_several_stops_are_one() -> None:
    async def answer(request: Request) -> Reply:
        await asyncio.sleep(float(asked(request, "target")[0]))
        return verdict(Action.STOP_LANE, why=asked(request, "target"))

    bench = Bench(answer=answer, targets=["1.com", "2.com"], in_flight=2)
    run_in_virtual_time(work_of(bench))
    assert bench.lane.stopped is not None
    assert bench.lane.stopped.why == "1.com"
    bench.check_books()
    assert bench.lane.name == "acme"


@pytest.mark.parametrize(
    ("leaves", "expected"),
    [
        ([ValueError("x"), StorageError("y")], "y"),
        ([ValueError("x"), KeyError("z")], "x"),
        ([StorageError("y"), StorageError("z")], "y"),
    ],
)
def test_of_several_errors_the_first_of_ours_is_told(leaves: Sequence[Exception], expected: str) -> None:
    nested = BaseExceptionGroup("outer", [BaseExceptionGroup("inner", leaves[:1]), *leaves[1:]])
    assert first_of_ours(nested).args == (expected,)


def test_tasks_that_were_begun_say_so_in_the_store() -> None:
    bench = Bench(answer=serves(8, latency_s=10.0))
    stopped(bench, 15.0)
    states = [entry.work.state for entry in bench.memory.entries if entry.work is not None]
    assert set(states) == {State.OPEN}
