"""A provider that counts arrivals, far away: what the tests of the rate share."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from random import Random

from harvester.engine.gate import COLD_ANSWERS, Gate
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
    RateRule(calls=1, window_s=1.0),
]
SECOND = RateRule(calls=1, window_s=1.0)
MINUTE = RateRule(calls=60, window_s=60.0)

Delay = Callable[[], float]  #: returns seconds


def now_s() -> float:
    return asyncio.get_running_loop().time()


def most_in_a_window(moments_s: Sequence[float], window_s: float) -> int:
    """Return the most moments that lie less than `window_s` apart."""
    moments_s, first, most = sorted(moments_s), 0, 0
    for last, moment_s in enumerate(moments_s):
        while moment_s - moments_s[first] >= window_s - 1e-9:
            first += 1
        most = max(most, last - first + 1)
    return most


def uniform(late_s: float, seed: int = 1) -> Delay:
    """Return delays between nothing and `late_s`, each as likely."""
    chance = Random(seed)
    return lambda: chance.uniform(0.0, late_s)


def by_turns(late_s: float, calls: int) -> Delay:
    """Return the worst there is: so many calls as late as can be, then as many at once."""
    delays = cycle([late_s] * calls + [0.0] * calls)
    return lambda: next(delays)


def warmed(gate: Gate) -> Gate:
    """Return a gate whose connections are open."""
    for _ in range(COLD_ANSWERS):
        gate.answered(0.0)
    return gate


async def arrivals(gate: Gate, until_s: float, delay: Delay) -> list[float]:
    """Send through a gate while work is waiting; every arrival is late by `delay` and answered at once."""
    arrived_s = list[float]()

    async def exchange(leaving: asyncio.Future[float]) -> None:
        async with gate.passage():
            delay_s = delay()
            leaving.set_result(now_s())
            arrived_s.append(now_s() + delay_s)
            await asyncio.sleep(delay_s)
        gate.answered(delay_s)

    async with asyncio.TaskGroup() as group:
        while now_s() < until_s:
            leaving = asyncio.get_running_loop().create_future()
            group.create_task(exchange(leaving))
            await leaving
    return arrived_s


async def departure_s(gate: Gate) -> float:
    """Return when a request may leave."""
    async with gate.passage():
        return now_s()


@dataclass
class Memory:
    """A key's trail without a file."""

    late_s: float = 0.0
    last_s: float | None = None

    def gone_s(self, now_s: float) -> float | None:
        """Return for how long nothing has left."""
        return None if self.last_s is None else now_s - self.last_s

    def left(self, at_s: float, late_s: float) -> None:
        """Note that a request leaves now."""
        self.last_s, self.late_s = at_s, late_s


@dataclass
class Provider:
    """Admits so many calls in a window and refuses the others."""

    rule: RateRule
    is_fixed: bool = False  #: windows begin at whole multiples of their length
    arrived_s: list[float] = field(default_factory=list)
    refused_s: list[float] = field(default_factory=list)
    _admitted: deque[float] = field(default_factory=deque)

    def admits(self) -> bool:
        """Count an arrival."""
        at_s, window_s = now_s(), self.rule.window_s
        self.arrived_s.append(at_s)
        begin_s = at_s // window_s * window_s if self.is_fixed else at_s - window_s + 1e-9
        while self._admitted and self._admitted[0] < begin_s:
            self._admitted.popleft()
        if len(self._admitted) >= self.rule.calls:
            self.refused_s.append(at_s)
            return False
        self._admitted.append(at_s)
        return True

    def served(self, begin_s: float, end_s: float) -> int:
        """Return how many calls were admitted in a time."""
        arrived = sum(begin_s <= at_s < end_s for at_s in self.arrived_s)
        return arrived - sum(begin_s <= at_s < end_s for at_s in self.refused_s)


@dataclass(kw_only=True)
class Lane:
    """One process's way to a provider: a gate and its workers. Work is always waiting."""

    provider: Provider
    late: Delay
    handshake_s: float = 0.0  #: what the first call of each worker takes longer
    thinking: Delay = lambda: 0.0
    workers: int = 4
    memory: Memory = field(default_factory=Memory)
    is_fresh: bool = True
    _refusals: int = 0

    def __post_init__(self) -> None:
        self.gate = Gate(self.provider.rule, LoopClock(), is_fresh=self.is_fresh, trail=self.memory)

    async def work(self, seconds: float) -> None:
        """Send for so long; then the process is killed, and what it has sent may still arrive."""
        async with asyncio.TaskGroup() as group:
            workers = [group.create_task(self._send(group)) for _ in range(self.workers)]
            await asyncio.sleep(seconds)
            for worker in workers:
                worker.cancel()

    async def _send(self, sent: asyncio.TaskGroup) -> None:
        late_s = self.handshake_s
        while True:
            async with self.gate.passage():
                left_s = now_s()
                # What is on its way arrives, whether the process lives to hear of it or not.
                is_admitted = await asyncio.shield(sent.create_task(self._arrive(late_s + self.late())))
                await asyncio.sleep(self.thinking())
            late_s = 0.0
            self._hear(is_admitted, now_s() - left_s)

    async def _arrive(self, late_s: float) -> bool:
        await asyncio.sleep(late_s)
        return self.provider.admits()

    def _hear(self, is_admitted: bool, round_trip_s: float) -> None:
        """Do as the engine's lane does."""
        if is_admitted:
            self._refusals = 0
            self.gate.answered(round_trip_s)
            return
        self.gate.refused(round_trip_s)
        self._refusals += self.gate.closed_s <= 0
        self.gate.close_for(min(60.0, 2.0 ** (self._refusals - 1)))


@dataclass(frozen=True, kw_only=True)
class Life:
    """What became of a key in its time."""

    refused: int
    refused_late: int  #: in the second half
    most_late: int  #: arrivals in any window of the second half
    use: float  #: of the allowance, at the end, while nothing disturbed it
    late_s: float  #: what the gate had learnt in the end


def jittered(rule: RateRule, late_s: float, *, is_worst: bool) -> Delay:
    """Return delays up to `late_s`: by chance, or as unfavourable to a rule as they can be."""
    return by_turns(late_s, min(rule.calls, 80)) if is_worst else uniform(late_s)


def lived(provider: Provider, late: Delay, *, seconds: float) -> Life:
    """Live through a cold start, two restarts in the middle of a window and two pauses, with arrivals that late."""
    rule, memory, handshake_s = provider.rule, Memory(), 0.15

    async def life(share: float, *, is_fresh: bool = False) -> Lane:
        lane = Lane(
            provider=provider,
            late=late,
            handshake_s=handshake_s,
            workers=int((0.5 + handshake_s) * rule.calls / rule.window_s) + 4,
            memory=memory,
            is_fresh=is_fresh,
        )
        if share < 0.4:
            asyncio.get_running_loop().call_later(share / 3 * seconds, lane.gate.close_for, 0.05 * seconds)
        await lane.work(share * seconds)
        return lane

    async def story() -> Lane:
        await life(0.2, is_fresh=True)
        await life(0.35)
        return await life(0.45)

    last = run_in_virtual_time(story())
    assert last.gate.pace is not None
    begin_s, end_s = 0.65 * seconds, 0.99 * seconds
    late_arrived_s = [at_s for at_s in provider.arrived_s if at_s > seconds / 2]
    return Life(
        refused=len(provider.refused_s),
        refused_late=sum(at_s > seconds / 2 for at_s in provider.refused_s),
        most_late=most_in_a_window(late_arrived_s, rule.window_s),
        use=provider.served(begin_s, end_s) / ((end_s - begin_s) * rule.calls / rule.window_s),
        late_s=last.gate.pace.late_s,
    )
