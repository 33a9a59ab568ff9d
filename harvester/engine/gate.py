"""Spacing of one key's requests. The only file that imports aiolimiter.

A provider counts arrivals, we see departures. If arrivals are late by anything between nothing and J seconds, then
calls that leave in any window W + J may arrive within W; so a limit of N calls per W is kept if no more than N
leave in any W + J. A leaky bucket of size b that leaks r calls a second lets b + r·(W + J) through, rounded down,
hence r = (N - b + 1) / (W + J) is exact. With b = 1 that is a spacing of (W + J) / N: even, no burst.

b grows above 1 only where the spacing is finer than an event loop can keep: a wake-up that is late by a
millisecond would cost a tenth of 100 calls a second. There b is 2 % of N, and the same sum still holds.

J is measured: the spread of the lane's round trips, from the cold start's worst case down, and never more than 5 %
of the window (95 % of the allowance is to be used). A refusal says that our J was too small: it widens the
spacing, and every answer narrows it again a little. At one call per window no margin can be small enough to matter
and none is needed: the next call is counted from the reply to the last, which is later than its arrival.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiolimiter import AsyncLimiter

from harvester.engine.ports import Clock
from harvester.errors import GateShut
from harvester.model import RateRule

LEAST_SPACING_S = 0.05  #: below this a bucket of 2 % replaces the even spacing
MOST_MARGIN = 0.05  #: of the window: what J may cost
WIDER = 1.25  #: after a refusal
NARROWER = 0.99  #: after an answer
MOST_PENALTY = 4.0


class Pace:
    """How fast calls may leave, from what was seen. Pure."""

    def __init__(self, rule: RateRule, *, samples: int = 32) -> None:
        self.rule = rule
        is_fine = rule.window_s / rule.calls < LEAST_SPACING_S
        self.burst_calls = max(1, rule.calls // 50) if is_fine else 1
        self._round_trips_s: deque[float] = deque(maxlen=samples)
        self._penalty = 1.0

    @property
    def margin_s(self) -> float:
        """J: by how much the arrivals of two calls may differ from their departures."""
        if self.rule.calls == 1:
            return 0.0  # counted from the reply
        most_s = MOST_MARGIN * self.rule.window_s
        if len(self._round_trips_s) < (self._round_trips_s.maxlen or 0):
            return most_s  # not enough seen to promise less
        return min(most_s, max(self._round_trips_s) - min(self._round_trips_s))

    @property
    def spacing_s(self) -> float:
        """Seconds for one call to leak out of the bucket."""
        calls = self.rule.calls - self.burst_calls + 1
        return self._penalty * (self.rule.window_s + self.margin_s) / calls

    def answered(self, round_trip_s: float) -> None:
        """Learn from a reply that was not a refusal."""
        self._round_trips_s.append(round_trip_s)
        self._penalty = max(1.0, self._penalty * NARROWER)

    def refused(self) -> None:
        """Learn from a refusal."""
        self._penalty = min(MOST_PENALTY, self._penalty * WIDER)


class Gate:
    """Lets the requests of one lane leave one after another, no faster than allowed, first come first served."""

    def __init__(self, rule: RateRule | None, clock: Clock, *, is_fresh: bool) -> None:
        """`rule` None = no limit. `is_fresh`: nothing left through this gate in its last window."""
        self.pace = None if rule is None else Pace(rule)
        self._clock = clock
        self._turn = asyncio.Lock()
        self._limiter: AsyncLimiter | None = None
        self._limiter_spacing_s = 0.0
        self._is_fresh = is_fresh
        self._closed_until_s = 0.0
        self._is_shut = False
        self._waiting: set[asyncio.Timeout] = set()

    def close_for(self, seconds: float) -> None:
        """Let nothing leave for so long."""
        self._closed_until_s = max(self._closed_until_s, self._clock.monotonic_s() + seconds)

    @property
    def closed_s(self) -> float:
        """Seconds for which nothing will leave."""
        return max(0.0, self._closed_until_s - self._clock.monotonic_s())

    def shut(self) -> None:
        """Let nothing leave any more; whoever waits is told."""
        self._is_shut = True
        for waiting in self._waiting:
            waiting.reschedule(0.0)

    @asynccontextmanager
    async def passage(self) -> AsyncIterator[None]:
        """Wait for the turn to leave; the block is the exchange. Raises GateShut before the block."""
        if self.pace is None or self.pace.rule.calls > 1:
            async with self._turn:
                await self._wait()
            yield
            return
        async with self._turn:
            await self._wait()
            try:
                yield
            finally:
                await self._renew(self.pace)  # the window is counted from here

    async def _wait(self) -> None:
        if self._is_shut:
            raise GateShut
        try:
            async with asyncio.timeout(None) as waiting:
                self._waiting.add(waiting)
                await self._pass()
        except TimeoutError:
            raise GateShut from None
        finally:
            self._waiting.discard(waiting)

    async def _pass(self) -> None:
        while True:
            while self.closed_s > 0:
                await self._clock.sleep_s(self.closed_s)
            await self._acquire()
            if self.closed_s <= 0:  # a refusal may have closed the gate while we stood in it
                return

    async def _acquire(self) -> None:
        if self.pace is None:
            return
        if self._limiter is None:
            self._limiter = self._bucket(self.pace)
            if not self._is_fresh:
                await self._limiter.acquire(self.pace.burst_calls)
        await self._limiter.acquire()
        if abs(self._limiter_spacing_s - self.pace.spacing_s) > 0.001 * self._limiter_spacing_s:
            await self._renew(self.pace)

    async def _renew(self, pace: Pace) -> None:
        """Start a bucket with today's spacing. It starts full: the safe reading of what left before."""
        self._limiter = self._bucket(pace)
        await self._limiter.acquire(pace.burst_calls)

    def _bucket(self, pace: Pace) -> AsyncLimiter:
        self._limiter_spacing_s = pace.spacing_s
        return AsyncLimiter(pace.burst_calls, pace.burst_calls * pace.spacing_s)
