"""Harvests that bring each other their targets: nobody waits for what cannot come, nothing that came is left out."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from engine_kit import task, verdict
from hypothesis import given, settings
from hypothesis import strategies as st
from stages_kit import ROOTS, Planned, Works, child, reckoned, rows_of

from harvester.engine.desk import Desk
from harvester.engine.ports import State, Work
from harvester.engine.relay import Relay
from harvester.engine.schedule import Schedule
from harvester.model import Action
from harvester.testing import LoopClock, MemoryStore, run_in_virtual_time

A = Planned(name="a")
B = Planned(name="b", provider=1, source="a")
C = Planned(name="c", source="b")


def test_a_harvest_asks_about_what_anothers_rows_bring_at_another_provider(tmp_path: Path) -> None:
    works = Works(directory=tmp_path, plan=[A, B])
    works.run()
    works.assert_whole()
    assert len(reckoned([A, B])["b"]) > 3


def test_and_at_the_same_one_and_from_stage_to_stage(tmp_path: Path) -> None:
    works = Works(directory=tmp_path, plan=[C, Planned(name="b", source="a"), A])
    works.run()
    works.assert_whole()
    assert reckoned([A, B, C])["c"]


def test_tasks_appear_as_pages_are_stored_and_not_when_all_is_done(tmp_path: Path) -> None:
    works = Works(directory=tmp_path, plan=[A, B], in_flight=1)
    works.run()
    last_of_a = max(at_s for at_s, name, _ in works.asked if name == "a")
    first_of_b = min(at_s for at_s, name, _ in works.asked if name == "b")
    first = next(target for target in ROOTS if rows_of("a", target))
    assert first_of_b < last_of_a
    assert next(targets for _, name, targets in works.asked if name == "b") == (child("b", first, 0),)


def test_a_batch_is_asked_about_when_it_is_full_or_nothing_more_comes(tmp_path: Path) -> None:
    batch = Planned(name="b", provider=1, source="a", per_task=2)
    works = Works(directory=tmp_path, plan=[A, batch], in_flight=1, latency_s={"b": 0.1})
    works.run()
    works.assert_whole()
    firsts = dict.fromkeys(targets for _, name, targets in works.asked if name == "b")
    sizes = [len(targets) for targets in firsts]
    assert sizes[:-1] == [2] * (len(sizes) - 1)
    assert sizes[-1] == 1 + (len(reckoned([A, batch])["b"]) - 1) % 2
    last_of_a = max(at_s for at_s, name, _ in works.asked if name == "a")
    assert min(at_s for at_s, name, _ in works.asked if name == "b") <= last_of_a


def test_the_last_batch_does_not_wait_for_what_else_its_source_s_provider_does(tmp_path: Path) -> None:
    slow = Planned(name="slow")
    works = Works(
        directory=tmp_path,
        plan=[A, slow, Planned(name="b", provider=1, source="a", per_task=100)],
        latency_s={"slow": 100.0},
        in_flight=1,
    )
    works.run()
    works.assert_whole()
    assert max(at_s for at_s, name, _ in works.asked if name == "b") < 50


def test_who_waits_ends_when_its_source_runs_out_of_units_and_goes_on_with_it(tmp_path: Path) -> None:
    works = Works(directory=tmp_path, plan=[A, B], in_flight=1)
    works.run(3, None)
    source, fed = works.benches
    assert source.lane.stopped is not None
    assert source.lane.stopped.kind == "budget"
    assert fed.lane.stopped is None
    assert works.left() > 0
    works.run()
    works.assert_whole()


@pytest.mark.parametrize("action", [Action.STOP_LANE, Action.STOP_REPORT])
def test_who_waits_ends_when_its_source_is_stopped(tmp_path: Path, action: Action) -> None:
    works = Works(directory=tmp_path, plan=[A, B, C], replies={"a": verdict(action, why="no")})
    works.run()
    assert not works.done()["b"]
    assert works.left() > 0
    works.replies.clear()
    works.run()
    works.assert_whole()


def test_providers_that_wait_for_each_other_in_a_ring_of_lists_end(tmp_path: Path) -> None:
    # The first provider has A, too dear, and waits for C; the second waits for B, which A would bring.
    works = Works(directory=tmp_path, plan=[A, B, C], in_flight=1)
    works.run(1, None)
    assert works.asked == []
    assert works.left() == len(ROOTS)
    works.run()
    works.assert_whole()


def test_a_source_that_is_set_aside_lets_the_others_bring_theirs(tmp_path: Path) -> None:
    works = Works(directory=tmp_path, plan=[A, B, C], replies={"b": verdict(Action.SET_ASIDE, why="no")})
    works.run()
    assert works.done()["b"].keys() == reckoned([A, B])["b"]
    assert not works.done()["c"]
    assert works.left() == 0


def test_a_source_without_rows_ends_all_that_follow(tmp_path: Path) -> None:
    bare = [f"x{number}.com" for number in range(60) if rows_of("a", f"x{number}.com") == 0][:3]
    works = Works(directory=tmp_path, plan=[A, B, C], roots=bare)
    works.run()
    works.assert_whole()
    assert not works.done()["b"]


def test_a_run_over_the_first_targets_ends_with_what_these_bring(tmp_path: Path) -> None:
    batch = Planned(name="b", provider=1, source="a", per_task=100)
    first = next(number for number, target in enumerate(ROOTS, start=1) if rows_of("a", target))
    works = Works(directory=tmp_path, plan=[A, batch])
    works.run(most_targets=first)
    assert works.done()["b"].keys() == reckoned([A, batch], ROOTS[:first])["b"], "the last batch too"
    assert first < len(ROOTS)
    works.run()
    works.assert_whole()


def test_nobody_looks_for_targets_again_and_again(tmp_path: Path) -> None:
    works = Works(directory=tmp_path, plan=[A, B], latency_s={"a": 1000.0}, in_flight=8)
    works.run()
    works.assert_whole()
    pages_of_a = sum(name == "a" for _, name, _ in works.asked)
    assert 0 < works.draws <= 2 * pages_of_a + 5


@pytest.mark.parametrize("seconds", [0.5, 1.5, 2.5, 3.5, 4.5, 6.5])
def test_a_run_that_is_killed_goes_on_to_the_same_targets_and_rows(tmp_path: Path, seconds: float) -> None:
    works = Works(directory=tmp_path, plan=[A, B, C])
    works.run(stop_after_s=seconds)
    works.run()
    works.assert_whole()


@st.composite
def plans(draw: st.DrawFn) -> list[Planned]:
    """Draw harvests that each take their targets from the list or from an earlier one, in any order of the config."""
    made: list[Planned] = []
    for number in range(draw(st.integers(2, 5))):
        source = draw(st.sampled_from([None, *(item.name for item in made)])) if made else None
        item = Planned(
            name=f"h{number}",
            provider=draw(st.integers(0, 2)),
            source=source,
            per_task=draw(st.sampled_from([1, 1, 2, 4])),
        )
        made.append(item)
    return draw(st.permutations(made))


BUDGETS = st.lists(st.none() | st.integers(0, 30), min_size=3, max_size=3)


@settings(max_examples=60, deadline=None)
@given(plans(), BUDGETS, st.none() | st.floats(0.2, 12.0), st.none() | st.integers(1, 2), st.integers(1, 3))
def test_every_job_ends_and_the_next_run_completes_it(
    plan: list[Planned], budgets: list[int | None], stop_after_s: float | None, most_targets: int | None, in_flight: int
) -> None:
    with TemporaryDirectory() as directory:
        works = Works(directory=Path(directory), plan=plan, in_flight=in_flight)
        works.run(*budgets, stop_after_s=stop_after_s, most_targets=most_targets)
        if works.left() == 0:
            works.assert_whole()
        works.run()
        works.assert_whole()


# The parts.


@dataclass
class Somewhere:
    """Where a harvest is worked on, as a test says."""

    is_closed: bool = False
    is_moving: bool = False
    resting: set[str] = field(default_factory=set)
    stopped: set[str] = field(default_factory=set)
    woken: list[str] = field(default_factory=list)
    told: int = 0

    __hash__ = object.__hash__

    def is_resting(self, harvest: str) -> bool:
        return harvest in self.resting

    def is_stopped(self, harvest: str) -> bool:
        return harvest in self.stopped

    def wake(self, harvest: str) -> None:
        self.woken.append(harvest)

    def tell(self) -> None:
        self.told += 1


def chain() -> tuple[Relay, Somewhere, Somewhere]:
    """Return a -> b -> c, with b elsewhere."""
    relay, here, there = Relay({"b": "a", "c": "b"}), Somewhere(), Somewhere(resting={"b"})
    relay.join(["a", "c"], here)
    relay.join(["b"], there)
    return relay, here, there


def test_targets_can_come_as_long_as_some_source_on_the_way_has_work() -> None:
    relay, here, there = chain()
    assert not relay.can_come("c")
    here.is_moving = True
    assert relay.can_come("b")
    assert relay.can_come("c"), "a brings b targets, and b brings c some"
    there.resting.clear()
    assert not relay.can_come("c"), "b has its own reason to wait"
    there.is_moving = True
    assert relay.can_come("c")
    there.stopped.add("b")
    assert not relay.can_come("c")
    there.stopped.clear()
    there.is_closed = True
    assert not relay.can_come("c")
    assert not relay.can_come("a"), "it has a list of the job"


def test_all_that_follow_are_woken_and_every_place_once_told() -> None:
    relay, here, there = chain()
    relay.brought("a")
    assert (there.woken, here.woken) == (["b"], ["c"])
    relay.brought("c")
    assert (there.woken, here.woken) == (["b"], ["c"])
    relay.left()
    assert (here.told, there.told) == (1, 1)


def test_what_comes_while_a_list_is_looked_at_is_not_overlooked() -> None:
    class Slow(MemoryStore):
        async def draw(self, harvest: str, count: int) -> list[Work]:
            found = await super().draw(harvest, count)
            await asyncio.sleep(1.0)  # what comes now is not in it
            return found

    async def body() -> None:
        store, relay = Slow(), Relay({"b": "a"})
        desk = Desk(Schedule(["b"]), store, LoopClock(), facts={}, block=2)
        desk.relay = relay
        relay.join(["b"], desk)
        relay.join(["a"], Somewhere(is_moving=True))
        desk.join("lane")
        taking = asyncio.ensure_future(desk.take("lane", lambda: True))
        await asyncio.sleep(0.5)
        store.drawable["b"] = [Work(task=task("x.com", "b"))]
        relay.brought("a")
        work = await asyncio.wait_for(taking, 60)
        assert work is not None
        assert work.task.targets == ("x.com",)

    run_in_virtual_time(body())


def test_a_desk_is_closed_when_its_last_lane_has_left_and_open_when_one_is_counted_on() -> None:
    async def body() -> None:
        desk = Desk(Schedule(["a"]), MemoryStore(), LoopClock(), facts={}, block=2)
        assert not desk.is_closed, "before the first has come"
        for lane in ("one", "two"):
            desk.join(lane)
        desk.leave("one")
        assert not desk.is_closed
        desk.leave("two")
        assert desk.is_closed
        desk.join("one")
        assert not desk.is_closed

    run_in_virtual_time(body())


def test_a_resting_harvest_is_not_drawn_from_and_is_no_work_that_is_left() -> None:
    schedule = Schedule(["a", "b"])
    schedule.rest("a")
    assert (schedule.draws_from(), schedule.resting, schedule.is_moving) == ("b", ["a"], True)
    schedule.drawn_out("b")
    assert (schedule.draws_from(), schedule.is_moving, schedule.has_left) == (None, False, False)
    schedule.wake("a")
    assert (schedule.draws_from(), schedule.resting, schedule.has_left) == ("a", [], True)
    schedule.rest("a")
    schedule.stop_harvest("a", "no")
    assert schedule.resting == []


def test_a_harvest_of_which_a_task_was_too_dear_waits_for_no_more_of_them() -> None:
    schedule = Schedule(["a"])
    schedule.add([Work(task=task("x.com", "a"))])
    work = schedule.take(0.0)
    assert work is not None
    schedule.rest("a")
    schedule.park(work)
    assert schedule.resting == []
    schedule.unpark()
    assert schedule.resting == ["a"]


def test_whatever_may_go_on_is_moving_and_what_is_parked_is_not() -> None:
    waiting, begun = Work(task=task("x.com", "a")), Work(task=task("y.com", "a"), state=State.OPEN)
    for work in (waiting, begun):
        schedule = Schedule([])
        assert not schedule.is_moving
        schedule.add([work])
        assert schedule.is_moving
        assert schedule.take(0.0) is work
        assert schedule.is_moving, "somebody works on it"
        schedule.retry(work, 5.0)
        assert schedule.is_moving, "later"
        assert schedule.take(5.0) is work
        schedule.park(work)
        assert not schedule.is_moving
