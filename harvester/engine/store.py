"""The one writer: rows first, then the mark that makes them true.

It takes every entry that waits, appends their lines, forces the files to disk, and commits all entries and the new
file lengths in one transaction. While one group is being written the next one gathers, so fast traffic makes large
groups and slow traffic commits at once. All disk work happens on one thread of its own, in one order.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from harvester.engine.ports import Checkpoint, Entry, Sink, Work
from harvester.errors import StorageError

MOST_WAITING = 256  #: entries; beyond it the lanes wait for the disk
MOST_WAITING_BYTES = 16 * 1024 * 1024  #: of lines; beyond it those who bring more of them wait

#: An entry, or None for a mere question whether all before it is durable; and who waits for it.
_Queued = tuple[Entry | None, asyncio.Future[None] | None]

T = TypeVar("T")


class Writer:
    """Queues entries and writes them in groups. Open it with `writing`."""

    def __init__(self, sink: Sink, checkpoint: Checkpoint, thread: ThreadPoolExecutor) -> None:
        self._sink = sink
        self._checkpoint = checkpoint
        self._thread = thread
        self._waiting: list[_Queued] = []
        self._waiting_bytes = 0
        self._wanted = asyncio.Event()
        self._room = asyncio.Event()
        self._failure: StorageError | None = None
        self._is_closing = False

    async def put(self, entry: Entry) -> None:
        """Queue an entry; it becomes durable in order. Waits while the queue is full. Raises StorageError."""
        await self._queue(entry, None)

    async def commit(self, entry: Entry) -> None:
        """Queue an entry and wait until it is durable. Raises StorageError."""
        await self._durable(entry)

    async def _durable(self, entry: Entry | None) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._queue(entry, done)
        await done

    async def flush(self) -> None:
        """Wait until everything queued is durable. Raises StorageError."""
        await self._durable(None)

    async def draw(self, harvest: str, count: int) -> list[Work]:
        """Draw further tasks. Raises StorageError."""
        try:
            return await self._on_thread(lambda: self._checkpoint.draw(harvest, count))
        except StorageError:
            self._wanted.set()  # `run` tells everybody else
            raise

    async def run(self) -> None:
        """Write until closed and empty. Raises StorageError, after everybody who waits was told."""
        while self._waiting or not self._is_closing:
            await self._wanted.wait()
            self._wanted.clear()
            group, self._waiting, self._waiting_bytes = self._waiting, [], 0
            self._room.set()
            if group or self._failure is not None:
                await self._write(group)

    def close(self) -> None:
        """Let `run` end once everything queued is written."""
        self._is_closing = True
        self._wanted.set()

    async def _queue(self, entry: Entry | None, done: asyncio.Future[None] | None) -> None:
        new_bytes = 0 if entry is None else sum(len(lines.data) for lines in entry.lines)
        while self._is_full(new_bytes) and self._failure is None:
            self._room.clear()
            await self._room.wait()
        if self._failure is not None:
            raise self._failure
        self._waiting.append((entry, done))
        self._waiting_bytes += new_bytes
        self._wanted.set()

    def _is_full(self, new_bytes: int) -> bool:
        has_many_bytes = new_bytes > 0 and self._waiting_bytes >= MOST_WAITING_BYTES
        return len(self._waiting) >= MOST_WAITING or has_many_bytes

    async def _write(self, group: list[_Queued]) -> None:
        entries = [entry for entry, _ in group if entry is not None]
        try:
            await self._on_thread(lambda: self._write_group(entries))
        except StorageError as exc:
            self._room.set()
            for _, done in (*group, *self._waiting):
                if done is not None and not done.done():
                    done.set_exception(exc)
            raise
        for _, done in group:
            if done is not None and not done.done():
                done.set_result(None)

    def _write_group(self, entries: list[Entry]) -> None:
        lengths = self._sink.write(lines for entry in entries for lines in entry.lines)
        self._checkpoint.commit(entries, lengths)

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._unless_failed, work)

    def _unless_failed(self, work: Callable[[], T]) -> T:
        """Do a piece of work on the thread, and none after the first that fails. Raises StorageError."""
        if self._failure is not None:
            raise self._failure
        try:
            return work()
        except StorageError as exc:
            self._failure = exc
            raise


@asynccontextmanager
async def writing(sink: Sink, checkpoint: Checkpoint) -> AsyncIterator[Writer]:
    """Run a writer for the length of the block; leaving it, even by an error, writes what is queued.

    Raises StorageError as soon as a write fails, cancelling the block; otherwise what the block raises.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="store") as thread:
        writer = Writer(sink, checkpoint, thread)
        try:
            async with asyncio.TaskGroup() as group:
                running = group.create_task(writer.run(), name="store")
                try:
                    yield writer
                finally:
                    writer.close()
                    await asyncio.wait([running])  # the group would cancel it if the block has failed
        except BaseExceptionGroup as errors:
            # The writer's own error came first, if it has one; the block's may only be its consequence.
            raise errors.exceptions[0] from errors.exceptions[0].__cause__
