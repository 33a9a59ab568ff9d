"""The one writer: order, groups, durability, backpressure, and what a failure does."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from engine_kit import hold_entry, row_lines, task

from harvester.engine.ports import Entry, Lines, Work
from harvester.engine.store import MOST_WAITING, MOST_WAITING_BYTES, Writer, writing
from harvester.errors import ConfigError, StorageError
from harvester.testing import EPOCH, run_in_virtual_time


@dataclass
class Disk:
    """A sink and a checkpoint that note what happens; each write waits for `free` and may fail."""

    events: list[Any] = field(default_factory=list)
    free: threading.Event = field(default_factory=threading.Event)
    fails_at: str | None = None  #: "write", "commit" or "draw"
    error: Exception = field(default_factory=lambda: StorageError("the disk is full"))

    def write(self, lines: Iterable[Lines]) -> Mapping[str, int]:
        numbers = [line.data for line in lines]
        assert self.free.wait(5)
        self._note("write", numbers)
        return {"links.jsonl": 1}

    def commit(self, entries: Sequence[Entry], lengths: Mapping[str, int]) -> None:
        self._note("commit", [entry.lane for entry in entries])

    def draw(self, harvest: str, count: int) -> list[Work]:
        self._note("draw", [harvest])
        return [Work(task=task("a.com", harvest))] * count

    def _note(self, what: str, of: list[Any]) -> None:
        assert threading.current_thread().name.startswith("store")
        self.events.append((what, of))
        if what == self.fails_at:
            raise self.error

    @property
    def groups(self) -> list[list[str]]:
        """What was committed together."""
        return [of for what, of in self.events if what == "commit"]

    @property
    def committed(self) -> list[str]:
        """Everything that was committed, in order."""
        return [lane for group in self.groups for lane in group]


def entry(number: int) -> Entry:
    return Entry(lane=str(number), at=EPOCH, lines=row_lines(number))


def with_writer(disk: Disk, body: Callable[[Writer], Coroutine[Any, Any, None]]) -> None:
    """Run a body beside a writer, in virtual time."""

    async def main() -> None:
        async with writing(disk, disk) as writer:
            await body(writer)

    run_in_virtual_time(main())


def open_disk(**more: Any) -> Disk:
    disk = Disk(**more)
    disk.free.set()
    return disk


def test_rows_are_written_before_the_mark_and_commit_returns_only_after_both() -> None:
    disk = open_disk()

    async def body(writer: Writer) -> None:
        await writer.commit(entry(1))
        assert disk.events == [("write", [b'{"n":1}\n']), ("commit", ["1"])]

    with_writer(disk, body)


def test_what_arrives_during_a_write_becomes_the_next_group_in_order() -> None:
    disk = Disk()

    async def body(writer: Writer) -> None:
        await writer.put(entry(0))
        await asyncio.sleep(0)  # the writer takes it
        await asyncio.sleep(0)
        waiting = [asyncio.ensure_future(writer.commit(entry(number))) for number in range(1, 4)]
        await asyncio.sleep(0)
        assert not any(waiter.done() for waiter in waiting)
        disk.free.set()
        await asyncio.gather(*waiting)

    with_writer(disk, body)
    assert disk.groups == [["0"], ["1", "2", "3"]]


def test_put_waits_while_the_queue_is_full() -> None:
    disk = Disk()

    async def body(writer: Writer) -> None:
        await writer.put(entry(0))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for number in range(1, MOST_WAITING + 1):
            await writer.put(entry(number))
        late = [asyncio.ensure_future(writer.put(entry(MOST_WAITING + number))) for number in (1, 2)]
        for _ in range(5):
            await asyncio.sleep(0)
        assert not any(waiter.done() for waiter in late)
        disk.free.set()
        await asyncio.gather(*late)
        await writer.flush()

    with_writer(disk, body)
    assert [len(group) for group in disk.groups][:2] == [1, MOST_WAITING]
    assert disk.committed == [str(number) for number in range(MOST_WAITING + 3)]


def test_put_waits_while_many_bytes_are_queued_and_what_has_none_does_not() -> None:
    disk = Disk()

    def large(number: int, size_bytes: int) -> Entry:
        lines = (Lines("links.jsonl", b"x" * size_bytes, 1),)
        return replace(entry(number), lines=lines)

    async def body(writer: Writer) -> None:
        await writer.put(entry(0))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await writer.put(large(1, MOST_WAITING_BYTES - 1))
        await writer.put(large(2, 1))
        late = asyncio.ensure_future(writer.put(large(4, 1)))
        await writer.put(replace(entry(3), lines=()))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not late.done()
        disk.free.set()
        await late
        await writer.flush()

    with_writer(disk, body)
    assert disk.groups == [["0"], ["1", "2", "3"], ["4"]]


def test_flush_waits_for_everything_before_it() -> None:
    disk = open_disk()

    async def body(writer: Writer) -> None:
        await writer.put(entry(1))
        await writer.flush()
        assert disk.groups == [["1"]]

    with_writer(disk, body)


async def waits(told: list[str], doing: Coroutine[Any, Any, object]) -> None:
    """Wait for something until told that the disk has failed."""
    with pytest.raises(StorageError, match="the disk is full"):
        await doing
    told.append("told")


@pytest.mark.parametrize("where", ["write", "commit"])
def test_a_failure_reaches_everybody_who_waits_and_everybody_who_comes_later(where: str) -> None:
    disk = Disk(fails_at=where)
    told: list[str] = []

    async def body(writer: Writer) -> None:
        await writer.put(entry(0))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for number in range(MOST_WAITING - 1):
            await writer.put(entry(number))
        queued = asyncio.ensure_future(waits(told, writer.commit(entry(1))))
        blocked = asyncio.ensure_future(waits(told, writer.put(entry(2))))
        await asyncio.sleep(0)
        disk.free.set()
        try:
            await asyncio.sleep(100)  # the body is not left to wait in vain
        finally:
            await asyncio.gather(queued, blocked)
            await waits(told, writer.put(entry(3)))
            await waits(told, writer.commit(entry(4)))
            with pytest.raises(StorageError):
                await writer.draw("links", 1)
            told.append("told")

    with pytest.raises(StorageError, match="the disk is full"):
        with_writer(disk, body)
    assert told == ["told"] * 5
    assert sum(what == where for what, _ in disk.events) == 1, "a failed write must never be tried again"


def test_an_error_of_the_block_comes_out_as_itself_and_what_is_queued_is_written() -> None:
    disk = Disk()

    async def body(writer: Writer) -> None:
        for number in range(3):
            await writer.put(entry(number))
            await asyncio.sleep(0)
        disk.free.set()
        raise ConfigError("no such key")

    with pytest.raises(ConfigError, match="no such key"):
        with_writer(disk, body)
    assert disk.committed == ["0", "1", "2"]


def test_a_bug_beneath_the_writer_ends_the_run_too() -> None:
    disk = open_disk(fails_at="commit", error=ValueError("a bug"))

    async def body(writer: Writer) -> None:
        await writer.commit(entry(1))

    with pytest.raises(ValueError, match="a bug"):
        with_writer(disk, body)


def test_leaving_the_block_writes_what_is_queued() -> None:
    disk = open_disk()

    async def body(writer: Writer) -> None:
        await writer.put(entry(1))
        await writer.put(entry(2))

    with_writer(disk, body)
    assert disk.committed == ["1", "2"]


def test_a_cancelled_block_writes_what_is_queued() -> None:
    disk = open_disk()

    async def main() -> None:
        async with asyncio.timeout(1), writing(disk, disk) as writer:
            await writer.put(entry(1))
            await asyncio.sleep(5)

    with pytest.raises(TimeoutError):
        run_in_virtual_time(main())
    assert disk.groups == [["1"]]


def test_a_waiter_that_gives_up_does_not_break_the_writer() -> None:
    disk = Disk()

    async def body(writer: Writer) -> None:
        given_up = asyncio.ensure_future(writer.commit(entry(1)))
        for _ in range(3):
            await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.wait([given_up])
        disk.free.set()
        await writer.commit(entry(2))

    with_writer(disk, body)
    assert disk.groups == [["1"], ["2"]]


def test_a_waiter_that_gave_up_does_not_hide_a_failure_from_the_others() -> None:
    disk = Disk(fails_at="write")

    async def body(writer: Writer) -> None:
        given_up, waits = (asyncio.ensure_future(writer.commit(entry(number))) for number in (1, 2))
        for _ in range(3):
            await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.wait([given_up])
        disk.free.set()
        await waits

    with pytest.raises(StorageError):
        with_writer(disk, body)


def test_tasks_are_drawn_on_the_writers_thread() -> None:
    disk = open_disk()
    drawn: list[Work] = []

    async def body(writer: Writer) -> None:
        drawn.extend(await writer.draw("links", 2))

    with_writer(disk, body)
    assert len(drawn) == 2
    assert disk.events == [("draw", ["links"])]


def test_a_draw_that_fails_tells_the_caller() -> None:
    disk = open_disk(fails_at="draw")

    async def body(writer: Writer) -> None:
        await writer.commit(replace(hold_entry(1, "a.com"), lines=()))
        await writer.draw("links", 1)

    with pytest.raises(StorageError):
        with_writer(disk, body)


def test_a_draw_that_fails_ends_the_block_whatever_its_caller_makes_of_it() -> None:
    told: list[str] = []

    async def body(writer: Writer) -> None:
        await waits(told, writer.draw("links", 1))
        await asyncio.sleep(100)
        told.append("in vain")

    with pytest.raises(StorageError, match="the disk is full"):
        with_writer(open_disk(fails_at="draw"), body)
    assert told == ["told"]


@pytest.mark.parametrize("where", ["write", "commit"])
def test_whoever_waits_for_the_very_write_that_fails_is_told(where: str) -> None:
    told: list[str] = []

    async def body(writer: Writer) -> None:
        await waits(told, writer.commit(entry(1)))

    with pytest.raises(StorageError, match="the disk is full"):
        with_writer(open_disk(fails_at=where), body)
    assert told == ["told"]


def test_nothing_is_written_after_a_draw_that_failed() -> None:
    disk = open_disk(fails_at="draw")
    told: list[str] = []

    async def body(writer: Writer) -> None:
        drawing = asyncio.ensure_future(writer.draw("links", 1))
        queued = asyncio.ensure_future(waits(told, writer.commit(entry(1))))  # reaches the thread behind the draw
        await asyncio.gather(drawing, queued, return_exceptions=True)
        await waits(told, writer.put(entry(2)))

    with pytest.raises(StorageError, match="the disk is full"):
        with_writer(disk, body)
    assert disk.events == [("draw", ["links"])]
    assert told == ["told"] * 2
