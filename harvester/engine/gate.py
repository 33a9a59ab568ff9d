"""Spacing of one key's requests. The only file that imports aiolimiter.

A provider counts arrivals, we see departures. If arrivals are late by anything between nothing and J seconds, then
calls that leave in any window W + J may arrive within W; so a limit of N calls per W is kept if no more than N
leave in any W + J. A leaky bucket of size b that lets a call leak out every s seconds lets b + (W + J) / s through.
An even spacing would be b = 1 and s = (W + J) / N, but then every wake-up that the event loop brings late is lost
for good. So b = 1 + L / s: what is late by less than L is made good, and the same sum asks for s = (W + J + L) / N.

J is measured: the spread of the lane's round trips, from the cold start's worst case down, and never more than 5 %
of the window (95 % of the allowance is to be used). The worst that was seen is forgotten slowly. A refusal says that
our J was too small: it widens the spacing, and every answer narrows it again a little.

At one call per window, 5 % are little against the difference between a new connection and a warm one. So such a lane
begins with a wider spacing, and once it was refused it counts the next call from the reply to the last, which is
certainly later than its arrival. Not from the beginning: with replies that take longer than the window, more than half
of the allowance would be lost.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiolimiter import AsyncLimiter

from harvester.engine.ports import Clock
from harvester.errors import GateShut
from harvester.model import RateRule

MOST_MARGIN = 0.05  #: of the window: what J may cost
LEAST_MARGIN = 0.005  #: of the window: what J costs however steady the round trips look
SAFETY = 1.5  #: a few dozen round trips rarely show both extremes
FORGETTING = 0.998  #: per answer: a rare stall is remembered for hundreds of calls
SLACK = 0.0025  #: of the window: L; with J at its most 1 / 1.0525 of the allowance is used, a little over 95 %
MOST_SLACK_S = 0.05  #: longer stalls are nothing to hurry after
WIDER = 1.25  #: after a refusal
NARROWER = 0.99  #: after an answer
MOST_PENALTY = 4.0


class Pace:
    """How fast calls may leave, from what was seen. Pure."""

    def __init__(self, rule: RateRule, *, samples: int = 64) -> None:
        self.rule = rule
        self._samples = samples
        self._round_trips_s: deque[float] = deque(maxlen=samples)
        self._spread_s = 0.0
        self._penalty = WIDER if rule.calls == 1 else 1.0
        self._was_refused = False

    @property
    def is_counted_from_reply(self) -> bool:
        """Whether a call's window begins only when its exchange is over."""
        return self.rule.calls == 1 and self._was_refused

    @property
    def margin_s(self) -> float:
        """J: by how much the arrivals of two calls may differ from their departures."""
        if self.is_counted_from_reply:
            return 0.0
        window_s = self.rule.window_s
        if len(self._round_trips_s) < self._samples:
            return MOST_MARGIN * window_s  # not enough seen to promise less
        return min(MOST_MARGIN * window_s, max(LEAST_MARGIN * window_s, SAFETY * self._spread_s))

    @property
    def slack_s(self) -> float:
        """L: by how much a departure may be late and the next ones still make good for it."""
        return 0.0 if self.is_counted_from_reply else min(MOST_SLACK_S, SLACK * self.rule.window_s)

    @property
    def spacing_s(self) -> float:
        """Seconds for one call to leak out of the bucket."""
        return self._penalty * (self.rule.window_s + self.margin_s + self.slack_s) / self.rule.calls

    @property
    def burst_calls(self) -> float:
        """Size of the bucket, in calls."""
        return 1.0 + self.slack_s / self.spacing_s

    def answered(self, round_trip_s: float) -> None:
        """Learn from a reply that was not a refusal."""
        self._round_trips_s.append(round_trip_s)
        spread_s = max(self._round_trips_s) - min(self._round_trips_s)
        self._spread_s = max(spread_s, FORGETTING * self._spread_s)
        self._penalty = max(1.0, self._penalty * NARROWER)

    def refused(self) -> None:
        """Learn from a refusal."""
        self._was_refused = True
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
        waiting, self._waiting = self._waiting, set()  # a timeout can be set off only once
        for waiter in waiting:
            waiter.reschedule(0.0)

    @asynccontextmanager
    async def passage(self) -> AsyncIterator[None]:
        """Wait for the turn to leave; the block is the exchange. Raises GateShut before the block."""
        await self._take_turn()
        if self.pace is None or not self.pace.is_counted_from_reply:
            self._turn.release()
            yield
            return
        try:
            yield
        finally:
            await self._renew(self.pace)  # the window is counted from here
            self._turn.release()

    async def _take_turn(self) -> None:
        """Return when a request may leave, with the turn to be released. Raises GateShut."""
        if self._is_shut:
            raise GateShut
        try:
            async with asyncio.timeout(None) as waiter:
                self._waiting.add(waiter)
                await self._turn.acquire()
                try:
                    await self._pass()
                except BaseException:
                    self._turn.release()
                    raise
        except TimeoutError:
            raise GateShut from None
        finally:
            self._waiting.discard(waiter)

    async def _pass(self) -> None:
        while True:
            while self.closed_s > 0:
                await self._clock.sleep_s(self.closed_s)
            await self._acquire()
            if self._is_shut:  # in the very moment in which we were let through
                raise GateShut
            if self.closed_s <= 0:  # a refusal may have closed the gate while we stood in it
                return

    async def _acquire(self) -> None:
        if self.pace is None:
            return
        if self._limiter is None:
            self._limiter = self._bucket(self.pace)
            if not self._is_fresh:
                await self._limiter.acquire(self._limiter.max_rate)
        await self._limiter.acquire()
        if abs(self._limiter_spacing_s - self.pace.spacing_s) > 0.001 * self._limiter_spacing_s:
            await self._renew(self.pace)

    async def _renew(self, pace: Pace) -> None:
        """Start a bucket with today's spacing. It starts full: the safe reading of what left before."""
        self._limiter = self._bucket(pace)
        await self._limiter.acquire(self._limiter.max_rate)  # of an empty bucket: does not wait

    def _bucket(self, pace: Pace) -> AsyncLimiter:
        self._limiter_spacing_s = pace.spacing_s
        return AsyncLimiter(pace.burst_calls, pace.burst_calls * pace.spacing_s)
