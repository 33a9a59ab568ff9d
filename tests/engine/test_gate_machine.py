"""The gate under whatever may happen to it, in any order: never more than it promised, and nobody is forgotten."""

import asyncio
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from rate_kit import Memory, now_s

from harvester.engine.gate import Gate, Pace
from harvester.errors import GateShut
from harvester.model import RateRule
from harvester.testing import LoopClock, VirtualTimeLoop

RULES = [
    RateRule(calls=1, window_s=1.0),
    RateRule(calls=1, window_s=60.0),
    RateRule(calls=2, window_s=1.0),
    RateRule(calls=5, window_s=1.0),
    RateRule(calls=20, window_s=60.0),
]


@dataclass(eq=False)
class Call:
    """One that wants to leave."""

    number: int
    left_s: float | None = None
    margin_s: float = 0.0  #: when it left
    replied_s: float | None = None
    is_sent_away: bool = False
    reply: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class GateMachine(RuleBasedStateMachine):
    """A gate, those who wait at it and those who are out."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualTimeLoop()
        self.calls: list[Call] = []
        self.trail = Memory()

    def _run(self, seconds: float = 0.0) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))

    def _inside(self, what: object) -> None:
        """Call something inside the loop, where the clock is."""

        async def inside() -> None:
            assert callable(what)
            what()

        self.loop.run_until_complete(inside())
        self._run()

    @initialize(rate=st.sampled_from(RULES))
    def begin(self, rate: RateRule) -> None:
        self.rate = rate
        self._inside(self._open)
        self._come(2 * rate.calls)

    def _open(self) -> None:
        gone_s = self.trail.gone_s(now_s())
        is_fresh = gone_s is None or gone_s > Pace(self.rate).rest_s
        self.gate = Gate(self.rate, LoopClock(), is_fresh=is_fresh, trail=self.trail)

    @property
    def waiting(self) -> list[Call]:
        return [call for call in self.calls if call.task is not None and call.left_s is None and not call.task.done()]

    @property
    def out(self) -> list[Call]:
        return [
            call for call in self.calls if call.task is not None and call.left_s is not None and not call.task.done()
        ]

    async def _pass(self, call: Call) -> None:
        pace = self.gate.pace
        assert pace is not None
        try:
            async with self.gate.passage():
                call.left_s, call.margin_s = now_s(), pace.margin_s
                await call.reply.wait()
                call.replied_s = now_s()
        except GateShut:
            call.is_sent_away = True

    def _come(self, count: int) -> None:
        for _ in range(count):
            call = Call(len(self.calls))
            self.calls.append(call)
            call.task = self.loop.create_task(self._pass(call))
        self._run()

    @rule(count=st.integers(1, 12), windows=st.floats(0.0, 0.2))
    def come(self, count: int, windows: float) -> None:
        self._come(count)
        self._run(windows * self.rate.window_s)

    @rule(windows=st.floats(0.0, 3.0))
    def let_time_pass(self, windows: float) -> None:
        self._come(self.rate.calls)
        self._run(windows * self.rate.window_s)

    @precondition(lambda self: self.out)
    @rule(choice=st.integers(0, 100), is_refused=st.booleans())
    def reply(self, choice: int, is_refused: bool) -> None:
        call = self.out[choice % len(self.out)]
        call.reply.set()
        self._run()
        assert call.left_s is not None
        round_trip_s = self.loop.time() - call.left_s
        learn = self.gate.refused if is_refused else self.gate.answered
        self._inside(lambda: learn(round_trip_s))

    @rule(windows=st.floats(0.0, 1.0))
    def close(self, windows: float) -> None:
        self._inside(lambda: self.gate.close_for(windows * self.rate.window_s))

    @precondition(lambda self: self.waiting or self.out)
    @rule(choice=st.integers(0, 100))
    def cancel(self, choice: int) -> None:
        calls = self.waiting + self.out
        task = calls[choice % len(calls)].task
        assert task is not None
        task.cancel()
        self._run()

    @rule(count=st.integers(0, 3))
    def shut(self, count: int) -> None:
        waiting = self.waiting
        self._inside(self.gate.shut)
        late = [Call(-1) for _ in range(count)]
        for call in late:
            call.task = self.loop.create_task(self._pass(call))
        self._run()
        assert all(call.is_sent_away for call in (*waiting, *late)), "at once, also who comes later"
        self.restart()  # nobody opens a gate again: the next run has one of its own

    @rule()
    def restart(self) -> None:
        for call in self.waiting + self.out:
            assert call.task is not None
            call.task.cancel()
        self._run()
        self._inside(self._open)

    @invariant()
    def no_window_holds_more_than_was_promised(self) -> None:
        left = [call for call in self.calls if call.left_s is not None]
        n, window_s = (self.rate.calls, self.rate.window_s) if left else (1, 0.0)
        for first, last in zip(left, left[n:], strict=False):
            assert first.left_s is not None
            assert last.left_s is not None
            between = left[left.index(first) : left.index(last)]
            # A new spacing is taken over when it differs by a thousandth.
            least_s = 0.998 * (window_s + min(call.margin_s for call in between))
            if n == 1 and first.replied_s is not None:
                least_s = min(least_s, first.replied_s - first.left_s + window_s)
            assert last.left_s - first.left_s >= least_s - 1e-6

    @invariant()
    def who_came_first_left_first(self) -> None:
        moments_s = [call.left_s for call in self.calls if call.left_s is not None]
        assert moments_s == sorted(moments_s)
        earliest = min((call.number for call in self.waiting), default=len(self.calls))
        assert not [call for call in self.calls[earliest:] if call.left_s is not None]

    def teardown(self) -> None:
        try:
            # Nobody starves: a pause of two windows, and then a turn for each.
            self._run(3 * (2 + len(self.waiting)) * self.rate.window_s if self.calls else 0.0)
            assert not self.waiting
            for call in self.out:
                call.reply.set()
            self._run()
        finally:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self._run()
            self.loop.close()


GateMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestGate = GateMachine.TestCase
