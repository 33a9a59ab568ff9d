"""Spacing of one key's requests. The only file that imports aiolimiter.

A provider counts arrivals, we see departures. If arrivals are late by anything between nothing and J seconds, then
calls that leave in any window W + J may arrive within W; so a limit of N calls per W is kept if no more than N
leave in any W + J. A leaky bucket of size b that lets a call leak out every s seconds lets b + (W + J) / s through.
An even spacing would be b = 1 and s = (W + J) / N, but then every wake-up that the event loop brings late is lost
for good. So b = 1 + L / s: what is late by less than L is made good, and the same sum asks for s = (W + J + L) / N.

J is measured: the spread of the lane's round trips. But the spread holds the provider's thinking too, which costs
throughput for nothing. So J is believed only up to a cap: 5 % of the window (95 % of the allowance is to be used),
until a refusal proves that arrivals do vary by more. Each such refusal doubles the cap, up to a second. A refusal
that the cap cannot explain, because the round trips are steady, teaches nothing: a provider may refuse for its own
reasons. Every hour the cap halves again, and what was seen in the hour before the last is forgotten.

At one call per window there is a better witness than J: the reply to the last call, which is certainly later than its
arrival. So the next call may leave a window after the last one's reply, or W + J after it left, whichever is sooner.
The reply alone would lose more than half of the allowance to replies that take longer than the window.
"""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiolimiter import AsyncLimiter

from harvester.engine.ports import Clock, Trail
from harvester.errors import GateShut
from harvester.model import RateRule

DRIFT = 0.005  #: of the window: by how much two clocks may differ
LEAST_MARGIN = 0.025  #: of the window: what J costs however steady the round trips look, for one may yet be late
LEAST_S = 0.5  #: or so much if that is less
MOST_UNTAUGHT = 0.05  #: of the window: what J may cost before a refusal
COLD_ANSWERS = 16  #: so many calls or fewer have to make their connection first
COLD_S = 0.5  #: how long that may take; or a quarter of the window if that is less
MOST_TAUGHT_S = 1.0  #: or `MOST_UNTAUGHT` if that is more: what refusals may teach. Later than that is an outage.
SAFETY = 1.1  #: a few dozen round trips hardly show both extremes
MEMORY_S = 3600.0
SLACK = 0.0025  #: of the window: L; with J at 5 % 1 / 1.0525 of the allowance is used, a little over 95 %
MOST_SLACK_S = 0.05  #: longer stalls are nothing to hurry after


class Pace:
    """How fast calls may leave, from what was seen. Pure."""

    def __init__(self, rule: RateRule, *, taught_s: float = 0.0, samples: int = 64) -> None:
        """`taught_s`: what `late_s` was the last time."""
        self.rule = rule
        self._samples = samples
        self._least_cap_s = MOST_UNTAUGHT * rule.window_s
        self._most_cap_s = max(self._least_cap_s, min(rule.window_s, MOST_TAUGHT_S))
        self._cap_s = min(self._most_cap_s, max(self._least_cap_s, taught_s))
        self._cold_answers = COLD_ANSWERS
        self._round_trips_s: deque[float] = deque(maxlen=samples)
        self._spread_s = self._spread_before_s = 0.0  # the greatest of this hour, and of the one before
        self._hour_began_s: float | None = None
        self._taught_at_s = -math.inf

    @property
    def rest_s(self) -> float:
        """Seconds after which a departure is in no window any more, whatever refusals may teach."""
        return self.rule.window_s + self._most_cap_s + self._cold_s

    @property
    def late_s(self) -> float:
        """By how much the arrivals of two calls on connections that are open may differ from their departures."""
        if len(self._round_trips_s) < self._samples:
            return self._cap_s  # not enough seen to promise less
        window_s = self.rule.window_s
        return min(self._cap_s, max(DRIFT * window_s, min(LEAST_MARGIN * window_s, LEAST_S), self._seen_s))

    @property
    def margin_s(self) -> float:
        """J: by how much the arrivals of any two calls may differ from their departures."""
        return self.late_s + (self._cold_s if self._cold_answers > 0 else 0.0)

    @property
    def slack_s(self) -> float:
        """L: by how much a departure may be late and the next ones still make good for it."""
        return 0.0 if self.rule.calls == 1 else min(MOST_SLACK_S, SLACK * self.rule.window_s)

    @property
    def spacing_s(self) -> float:
        """Seconds for one call to leak out of the bucket."""
        return (self.rule.window_s + self.margin_s + self.slack_s) / self.rule.calls

    @property
    def burst_calls(self) -> float:
        """Size of the bucket, in calls."""
        return 1.0 + self.slack_s / self.spacing_s

    def answered(self, round_trip_s: float, now_s: float) -> None:
        """Learn from a reply that was not a refusal."""
        self._age(now_s)
        if self._cold_answers > 0:  # they differ from all that follow
            self._cold_answers -= 1
            return
        self._round_trips_s.append(round_trip_s)
        self._spread_s = max(self._spread_s, max(self._round_trips_s) - min(self._round_trips_s))

    def refused(self, left_s: float, now_s: float) -> None:
        """Learn from a refusal of a call that left at `left_s`."""
        self._age(now_s)
        is_taught_already = left_s < self._taught_at_s  # it left before the refusal that came first was known
        is_explained = len(self._round_trips_s) < self._samples or self._cap_s < self._seen_s
        if is_explained and not is_taught_already:
            raised_s = 2 * self.margin_s
            # The last step goes all the way: just below the worst, refusals are so rare that they would go on for long.
            if self._seen_s < 2 * raised_s:
                raised_s = max(raised_s, self._seen_s)
            self._cap_s = min(self._most_cap_s, raised_s)
            self._taught_at_s = now_s

    @property
    def _cold_s(self) -> float:
        return min(COLD_S, self.rule.window_s / 4)

    @property
    def _seen_s(self) -> float:
        return SAFETY * max(self._spread_s, self._spread_before_s)

    def _age(self, now_s: float) -> None:
        if self._hour_began_s is None:
            self._hour_began_s = now_s
        if now_s - self._hour_began_s >= MEMORY_S:
            self._hour_began_s = now_s
            self._spread_before_s, self._spread_s = self._spread_s, 0.0
            self._cap_s = max(self._least_cap_s, self._cap_s / 2)


@dataclass(slots=True)
class _Exchange:
    """The last request that left."""

    left_s: float
    round_trip_s: float = math.inf  #: until its reply is here


class Gate:
    """Lets the requests of one lane leave one after another, no faster than allowed, first come first served."""

    def __init__(self, rule: RateRule | None, clock: Clock, *, is_fresh: bool, trail: Trail | None = None) -> None:
        """`rule` None = no limit. `is_fresh`: nothing left with this key in its last window."""
        self.pace = None if rule is None else Pace(rule, taught_s=0.0 if trail is None else _remembered_s(trail, clock))
        self._clock = clock
        self._trail = trail
        self._turn = asyncio.Lock()
        self._limiter: AsyncLimiter | None = None
        self._limiter_spacing_s = 0.0
        self._is_fresh = is_fresh
        self._last: _Exchange | None = None
        self._closed_until_s = 0.0
        self._is_shut = False
        self._waiting: set[asyncio.Timeout] = set()

    def answered(self, round_trip_s: float) -> None:
        """Learn from a reply that was not a refusal."""
        if self.pace is not None:
            self.pace.answered(round_trip_s, self._clock.monotonic_s())

    def refused(self, round_trip_s: float) -> None:
        """Learn from a refusal."""
        now_s = self._clock.monotonic_s()
        if self.pace is not None:
            self.pace.refused(now_s - round_trip_s, now_s)

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
        try:
            exchange = self._leave()
        finally:
            self._turn.release()
        yield
        exchange.round_trip_s = self._clock.monotonic_s() - exchange.left_s  # a block that fails proves no arrival

    def _leave(self) -> _Exchange:
        self._last = _Exchange(self._clock.monotonic_s())
        if self._trail is not None:
            self._trail.left(self._last.left_s, 0.0 if self.pace is None else self.pace.late_s)
        return self._last

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
            if self.pace is not None and self.pace.rule.calls == 1:
                await self._outlast(self.pace)
            elif self.pace is not None:
                await self._acquire(self.pace)
            if self._is_shut:  # in the very moment in which we were let through
                raise GateShut
            if self.closed_s <= 0:  # a refusal may have closed the gate while we stood in it
                return

    async def _outlast(self, pace: Pace) -> None:
        """Wait until the last call arrived a window ago: by its reply, or because it left W + J ago."""
        if self._last is None:
            if self._is_fresh:
                return
            self._last = _Exchange(self._clock.monotonic_s())  # the safe reading of what left before
        window_s = pace.rule.window_s
        await self._sleep_until(self._last.left_s + window_s)
        # A reply that is not here by now took longer than a window, and so much J never is.
        late_s = max(DRIFT * window_s, min(pace.margin_s, self._last.round_trip_s))
        await self._sleep_until(self._last.left_s + window_s + late_s)

    async def _sleep_until(self, moment_s: float) -> None:
        while (left_s := moment_s - self._clock.monotonic_s()) > 0:
            await self._clock.sleep_s(left_s)

    async def _acquire(self, pace: Pace) -> None:
        if self._limiter is None:
            self._limiter = self._bucket(pace)
            if not self._is_fresh:
                await self._limiter.acquire(self._limiter.max_rate)
        await self._limiter.acquire()
        if abs(self._limiter_spacing_s - pace.spacing_s) > 0.001 * self._limiter_spacing_s:
            # Start a bucket with today's spacing. It starts full: the safe reading of what left before.
            self._limiter = self._bucket(pace)
            await self._limiter.acquire(self._limiter.max_rate)  # of an empty bucket: does not wait

    def _bucket(self, pace: Pace) -> AsyncLimiter:
        self._limiter_spacing_s = pace.spacing_s
        return AsyncLimiter(pace.burst_calls, pace.burst_calls * pace.spacing_s)


def _remembered_s(trail: Trail, clock: Clock) -> float:
    """Return how late the key's last lane expected arrivals to be, as far as that is not forgotten."""
    gone_s = trail.gone_s(clock.monotonic_s())
    return 0.0 if gone_s is None else trail.late_s * 0.5 ** min(gone_s // MEMORY_S, 64.0)
