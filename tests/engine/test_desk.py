"""Where the lanes of one provider come for work."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from engine_kit import task

from harvester.engine.desk import Desk
from harvester.engine.ports import State, Work
from harvester.engine.schedule import Schedule
from harvester.testing import LoopClock, MemoryStore, run_in_virtual_time


class SlowStore(MemoryStore):
    """A store whose draws take a second, and are counted."""

    draws = 0

    async def draw(self, harvest: str, count: int) -> list[Work]:
        self.draws += 1
        await asyncio.sleep(1.0)
        return await super().draw(harvest, count)


def desk(*names: str, harvests: tuple[str, ...] = ("links",), block: int = 2) -> tuple[Desk, SlowStore]:
    store = SlowStore({harvest: [Work(task=task(name, harvest)) for name in names] for harvest in harvests})
    made = Desk(Schedule(harvests), store, LoopClock(), facts={"seen": 5}, block=block)
    made.join("a")
    return made, store


def always() -> bool:
    return True


def in_time(body: Callable[[], Coroutine[Any, Any, None]]) -> None:
    run_in_virtual_time(body())


def opened(work: Work) -> Work:
    return Work(task=work.task, state=State.OPEN)


async def taken(from_desk: Desk, lane: str = "a") -> str | None:
    """Take the next work and return its target; a minute of waiting means that nothing comes."""
    work = await asyncio.wait_for(from_desk.take(lane, always), 60)
    return None if work is None else work.task.targets[0]


def test_all_targets_are_handed_out_in_order_and_then_none_is_left() -> None:
    async def body() -> None:
        made, _ = desk("a", "b", "c")
        for name in "abc":
            assert await taken(made) == name
            made.finish()
        assert await taken(made) is None
        assert not made.schedule.has_left

    in_time(body)


def test_workers_that_come_together_draw_once() -> None:
    async def body() -> None:
        made, store = desk("a", "b", "c", "d")
        assert sorted(filter(None, await asyncio.gather(taken(made), taken(made)))) == ["a", "b"]
        assert store.draws == 1

    in_time(body)


def test_who_finds_nothing_waits_as_long_as_somebody_may_bring_something_back() -> None:
    async def body() -> None:
        made, _ = desk("a")
        work = await made.take("a", always)
        assert work is not None
        other = asyncio.ensure_future(taken(made))
        await asyncio.sleep(10)
        assert not other.done()
        made.go_on(opened(work))
        assert await other == "a"
        last = asyncio.ensure_future(taken(made))
        await asyncio.sleep(10)
        made.finish()
        assert await last is None

    in_time(body)


def test_work_to_be_tried_again_comes_when_it_is_due() -> None:
    async def body() -> None:
        made, _ = desk("a")
        work = await made.take("a", always)
        assert work is not None
        made.retry(work, 30.0)
        began_s = asyncio.get_running_loop().time()
        assert await taken(made) == "a"
        assert 30.0 <= asyncio.get_running_loop().time() - began_s < 30.1

    in_time(body)


def test_a_lane_that_is_no_longer_open_gets_nothing_and_is_woken_to_be_told() -> None:
    async def body() -> None:
        made, _ = desk("a", "b")
        assert await made.take("a", lambda: False) is None
        is_open = [True]
        await taken(made)
        await taken(made)
        waiting = asyncio.ensure_future(made.take("a", lambda: is_open[0]))
        await asyncio.sleep(10)
        is_open[0] = False
        made.tell()
        assert await asyncio.wait_for(waiting, 1) is None

    in_time(body)


def test_work_that_is_too_dear_waits_until_units_come_back() -> None:
    async def body() -> None:
        made, store = desk("a", "b", "c")
        busy = await made.take("a", always)
        dear = await made.take("a", always)
        assert busy is not None
        assert dear is not None
        made.park(dear, "a")
        other = asyncio.ensure_future(taken(made))
        await asyncio.sleep(10)
        assert not other.done()
        assert store.draws == 1, "fresh tasks of a harvest cost the same: no use in drawing more"
        made.units_back()
        assert await other == "b"

    in_time(body)


def test_when_nothing_can_bring_units_back_parked_work_is_nobodys() -> None:
    async def body() -> None:
        made, _ = desk("a")
        work = await made.take("a", always)
        assert work is not None
        made.park(work, "a")
        assert await taken(made) is None
        assert made.schedule.has_parked

    in_time(body)


def test_a_dear_harvest_does_not_stop_a_cheap_one() -> None:
    async def body() -> None:
        made, _ = desk("a", harvests=("dear", "cheap"))
        work = await made.take("a", always)
        assert work is not None
        made.park(work, "a")
        cheap = await made.take("a", always)
        assert cheap is not None
        assert cheap.task.harvest == "cheap"

    in_time(body)


def test_what_one_key_cannot_afford_is_left_to_the_next_key() -> None:
    async def body() -> None:
        made, _ = desk("a", "b")
        made.join("b")
        work = await made.take("a", always)
        assert work is not None
        poor = asyncio.ensure_future(taken(made, "a"))
        made.park(work, "a")
        assert await taken(made, "b") == "a"
        assert await taken(made, "b") == "b"
        assert not poor.done(), "all fresh tasks cost the same, so it waits"
        made.finish()
        made.finish()
        assert await poor is None
        assert not made.schedule.has_parked

    in_time(body)


def test_a_key_that_can_do_nothing_draws_nothing_and_does_not_spin() -> None:
    async def body() -> None:
        made, store = desk(*"abcdef", block=1)
        made.join("b")
        work = await made.take("a", always)
        assert work is not None
        made.park(work, "a")
        poor = asyncio.ensure_future(taken(made, "a"))
        await asyncio.sleep(30)
        assert not poor.done()
        assert store.draws == 1
        made.units_back()
        assert await poor == "a"

    in_time(body)


def test_what_was_left_to_a_key_that_goes_is_parked() -> None:
    async def body() -> None:
        made, _ = desk("a")
        made.join("b")
        work = await made.take("a", always)
        assert work is not None
        made.park(work, "a")
        poor = asyncio.ensure_future(taken(made, "a"))
        await asyncio.sleep(10)
        assert not poor.done()
        made.leave("b")
        assert await poor is None
        assert made.schedule.has_parked

    in_time(body)


def test_a_key_that_has_gone_can_still_give_back_what_it_holds() -> None:
    async def body() -> None:
        made, _ = desk("a")
        made.join("b")
        work = await made.take("a", always)
        assert work is not None
        made.leave("a")
        made.park(work, "a")
        assert await taken(made, "b") == "a"

    in_time(body)


def test_facts_keep_their_greatest_value() -> None:
    made, _ = desk()
    made.learn({"seen": 4, "new": -1})
    made.learn({"new": -3})
    made.learn({"seen": 6})
    assert made.facts == {"seen": 6, "new": -1}
