"""For tests, ours and those of people who add a provider: time that jumps, and a network and disk in memory.

`run_in_virtual_time(pause(60.0))` returns at once, and in between the clock showed every one of those seconds.
"""

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, TypeVarTuple

from harvester.codec import dump
from harvester.engine.ports import Entry, Lines, Work
from harvester.model import Reply, Request

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

EPOCH = datetime(2026, 11, 1, tzinfo=UTC)  #: what a virtual clock shows at its second 0


class _Jumps(selectors.DefaultSelector):
    """A selector that never waits: it moves its loop's clock instead."""

    loop: "VirtualTimeLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self.loop.at_work:  # a thread is busy: its answer comes in real time
            return super().select(0.02)
        if timeout is None:
            raise RuntimeError("deadlock: nothing is left that could happen")
        # A microsecond late, as a real loop is at least: a timer computed from floats must not wait for ever for
        # a remainder that is too small to move the clock.
        self.loop.now_s += timeout + 1e-6
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only while everybody waits; an hour of waiting takes no time."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.at_work = 0  #: jobs on other threads
        selector = _Jumps()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """Return virtual seconds."""
        return self.now_s

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Run on a thread; time stands still until it is done."""
        future = super().run_in_executor(executor, func, *args)
        self.at_work += 1
        future.add_done_callback(self._came_back)
        return future

    async def shutdown_default_executor(self, *_timeout: float | None) -> None:
        """Join the threads in real time; from Python 3.12 on there is a timeout, which would pass at once."""
        self.at_work += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self.at_work -= 1

    def _came_back(self, _: object) -> None:
        self.at_work -= 1


def run_in_virtual_time(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in an event loop of its own whose waiting takes no time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


class LoopClock:
    """The clock of the running loop, virtual or not."""

    def utc(self) -> datetime:
        """Return `EPOCH` plus the loop's time."""
        return EPOCH + timedelta(seconds=self.monotonic_s())

    def monotonic_s(self) -> float:
        """Return the loop's seconds."""
        return asyncio.get_running_loop().time()

    async def sleep_s(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


Answer = Callable[[Request], Awaitable[Reply]]


@dataclass
class FakeTransport:
    """A transport that asks a function, and remembers what was sent and when."""

    answer: Answer
    sent: list[tuple[float, Request]] = field(default_factory=list)  #: loop time, request
    most_open: int = 0
    _open: int = 0

    async def send(self, request: Request) -> Reply:
        """Return what `answer` says; it may raise ConnectFailed or ReplyLost."""
        self.sent.append((asyncio.get_running_loop().time(), request))
        self._open += 1
        self.most_open = max(self.most_open, self._open)
        try:
            return await self.answer(request)
        finally:
            self._open -= 1


def reply(body: object = None, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a reply with a JSON body (or bytes as they are)."""
    content = body if isinstance(body, bytes) else dump(body)
    return Reply(status=status, headers=headers or {}, body=content, arrived_at=EPOCH)


@dataclass
class MemoryStore:
    """A store that keeps entries in a list; every entry is durable at once."""

    drawable: dict[str, list[Work]] = field(default_factory=dict)  #: by harvest
    entries: list[Entry] = field(default_factory=list)

    async def put(self, entry: Entry) -> None:
        """Keep an entry."""
        self.entries.append(entry)

    async def commit(self, entry: Entry) -> None:
        """Keep an entry."""
        self.entries.append(entry)

    async def draw(self, harvest: str, count: int) -> list[Work]:
        """Hand out waiting tasks."""
        waiting = self.drawable.get(harvest, [])
        drawn, self.drawable[harvest] = waiting[:count], waiting[count:]
        return drawn

    def lines(self, output: str) -> bytes:
        """Return everything written to an output."""
        return b"".join(lines.data for entry in self.entries for lines in entry.lines if lines.output == output)


@dataclass
class MemorySink:
    """A sink that keeps bytes."""

    files: dict[str, bytearray] = field(default_factory=dict)

    def write(self, lines: Iterable[Lines]) -> Mapping[str, int]:
        """Append, and return the lengths of what grew."""
        grown: dict[str, int] = {}
        for output, data, _ in lines:
            self.files.setdefault(output, bytearray()).extend(data)
            grown[output] = len(self.files[output])
        return grown
