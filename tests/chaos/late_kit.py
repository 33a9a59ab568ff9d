"""A provider far away: a proxy that brings requests late, and an ear at the server that hears each of them arrive."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from chaos_kit import OPTIONS, Job
from rate_kit import most_in_a_window

from harvester.model import RateRule
from harvester.sandbox.app import Sandbox, serving

PROVIDER = "ahrefs"
WATCH_S = 0.05


@dataclass
class Ear:
    """The server's clock: it is read once for each request that arrives."""

    heard_s: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        self.heard_s.append(time.monotonic())
        return self.heard_s[-1]


@dataclass
class Late:
    """Delays between nothing and `late_s`, and by how much this machine was later still."""

    delay: Callable[[], float]
    worst_s: float = 0.0  #: oversleeping

    async def wait(self) -> None:
        """Hold something up."""
        delay_s, began_s = self.delay(), time.monotonic()
        await asyncio.sleep(delay_s)
        self.worst_s = max(self.worst_s, time.monotonic() - began_s - delay_s)


@dataclass(kw_only=True)
class FarAway:
    """A sandbox behind the proxy."""

    sandbox: Sandbox
    rule: RateRule
    base_url: str
    ear: Ear
    late: Late
    key: str
    refusals_s: list[float] = field(default_factory=list)  #: when each was noticed

    @property
    def account(self) -> dict[str, Any]:
        """What the sandbox has counted for the key."""
        found: dict[str, Any] = self.sandbox.account()[PROVIDER]["keys"][self.key]
        return found

    @property
    def refused(self) -> int:
        """How many requests were refused for the rate."""
        count: int = self.account["refused_for_rate"]
        return count

    @property
    def most(self) -> int:
        """The most that arrived in any window, by the server's own count."""
        most: int = self.account["most_in_window"]
        return most

    def most_since(self, share: float) -> int:
        """Return the most that arrived in any window after this share of the time."""
        return most_in_a_window([at_s for at_s in self.ear.heard_s if at_s >= self.moment_s(share)], self.rule.window_s)

    def moment_s(self, share: float) -> float:
        """Return a moment between the first arrival and the last."""
        first_s, last_s = self.ear.heard_s[0], self.ear.heard_s[-1]
        return first_s + share * (last_s - first_s)

    def refused_since(self, share: float) -> int:
        """Return how many were refused after this share of the time."""
        return sum(at_s - WATCH_S > self.moment_s(share) for at_s in self.refusals_s)

    def use_since(self, share: float) -> float:
        """Return which part of the allowance was used after this share of the time, until the work came to its end."""
        begin_s, end_s = self.moment_s(share), self.moment_s(0.95)
        arrived = sum(begin_s <= at_s < end_s for at_s in self.ear.heard_s)
        return arrived / ((end_s - begin_s) * self.rule.calls / self.rule.window_s)

    def job(self, folder: Path, targets: Sequence[str], environ: Mapping[str, str]) -> Job:
        """Return a job of one request a target; jobs that share the runtime directory of `environ` share the key."""
        return Job(
            folder=folder,
            sandbox=self.sandbox,
            base_urls={PROVIDER: self.base_url},
            providers=(PROVIDER,),
            reports=("backlinks",),
            targets=targets,
            section={
                "rate": f"{self.rule.calls}/{self.rule.window_s:g}seconds",
                "in_flight": min(12, 1 + self.rule.calls),
            },
            harvest={"max_rows": 1},
            environ=dict(environ),
        )


def targets(count: int, first: int = 1) -> tuple[str, ...]:
    """Return so many targets."""
    return tuple(f"shop-{number}.example" for number in range(first, first + count))


@asynccontextmanager
async def far_away(rule: RateRule, delay: Callable[[], float], *keys: str) -> AsyncIterator[FarAway]:
    """Serve a provider with this rate, reached with these delays, while the block runs."""
    options = replace(
        OPTIONS,
        rates={**OPTIONS.rates, PROVIDER: f"{rule.calls}/{rule.window_s:g}seconds"},
        switches=(*OPTIONS.switches, "ahrefs.balance_counts=true"),
        keys={PROVIDER: keys},
    )
    ear, late = Ear(), Late(delay)
    async with serving(options, ear) as sandbox, _proxy(sandbox.port, late) as port:
        base_url = sandbox.base_urls[PROVIDER].replace(f":{sandbox.port}", f":{port}")
        far = FarAway(sandbox=sandbox, rule=rule, base_url=base_url, ear=ear, late=late, key=sandbox.keys[PROVIDER])
        watch = asyncio.create_task(_watch(far))
        try:
            yield far
        finally:
            watch.cancel()


async def _watch(far: FarAway) -> None:
    while True:
        far.refusals_s += [time.monotonic()] * (far.refused - len(far.refusals_s))
        await asyncio.sleep(WATCH_S)


@asynccontextmanager
async def _proxy(port: int, late: Late) -> AsyncIterator[int]:
    """Pass connections on to a port of this machine; each new one and each request on it is late."""
    open_tasks = set[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_tasks.add(task)
        try:
            await _pass_on(reader, writer, port, late)
        finally:
            open_tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in open_tasks:
            task.cancel()
        await asyncio.gather(*open_tasks, return_exceptions=True)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, late: Late) -> None:
    await late.wait()  # the handshake
    there_reader, there = await asyncio.open_connection("127.0.0.1", port)
    replies = asyncio.create_task(_copy(there_reader, writer))
    try:
        # What was sent arrives, though its sender be dead by then.
        while content := await _read(reader):
            await late.wait()
            there.write(content)
            await there.drain()
    except ConnectionError:
        pass
    finally:
        replies.cancel()
        with suppress(asyncio.CancelledError):
            await replies
        there.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Return the next request; a client that is gone has none."""
    with suppress(ConnectionError):
        return await reader.read(65536)
    return b""


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while content := await _read(reader):
            writer.write(content)
            await writer.drain()
