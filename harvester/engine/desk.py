"""Where the lanes of one provider come for work: the schedule, with waiting and drawing around it.

The lanes share their tasks and each has an account of its own. Work that one lane cannot afford is left for the
others, and is parked only when no lane can.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from harvester.engine.ports import Clock, State, Store, Work
from harvester.engine.relay import Relay
from harvester.engine.schedule import Schedule

#: What costs the same at least: the fresh tasks of a harvest, or one task that has begun.
_Kind = tuple[str, str | None]


class Desk:
    """Hands out work and takes it back. Everything but `take` is synchronous, so it needs no lock."""

    def __init__(self, schedule: Schedule, store: Store, clock: Clock, *, facts: Mapping[str, int], block: int) -> None:
        """`block`: how many tasks are drawn at a time."""
        self.schedule = schedule
        self.facts = dict(facts)  #: what replies taught, shared by all keys of the provider
        self._store = store
        self._clock = clock
        self._block = block
        self._drawing = asyncio.Lock()
        self._changed = asyncio.Event()
        self._too_dear: dict[str, set[_Kind]] = {}  #: for each lane that works, until units come back
        self.relay: Relay | None = None  #: of a job with stages
        self.is_closed = False  #: all lanes have left

    def join(self, lane: str) -> None:
        """Count on a lane to take what others cannot afford."""
        self._too_dear.setdefault(lane, set())
        self.is_closed = False

    def leave(self, lane: str) -> None:
        """Count on a lane no more."""
        self._too_dear.pop(lane, None)
        self.is_closed = not self._too_dear
        self.tell()
        if self.relay is not None and self.is_closed:
            self.relay.left()

    async def take(self, lane: str, is_open: Callable[[], bool]) -> Work | None:
        """Return the next work, waiting for it; None = there is none left for anybody, or the lane is not open."""
        while is_open():
            now_s = self._clock.monotonic_s()
            work, is_left = self._next(lane, now_s)
            if work is not None:
                return work
            due_s = self.schedule.next_at_s()
            if not is_left and self.schedule.draws_from() is not None:
                await self._draw()
            elif is_left or self.schedule.busy or due_s is not None or self.is_fed():
                await self._change(None if due_s is None else due_s - now_s)
            else:
                return None
        return None

    def go_on(self, work: Work) -> None:
        """Give back work that can go on at once."""
        self.schedule.go_on(work)
        self.tell()

    def retry(self, work: Work, delay_s: float) -> None:
        """Give back work that is to be tried again."""
        self.schedule.retry(work, self._clock.monotonic_s() + delay_s)
        self.tell()

    def park(self, work: Work, lane: str) -> None:
        """Give back work that does not fit into the units that are free for a lane now."""
        if lane in self._too_dear:
            self._too_dear[lane].add(_kind(work))
        self._leave_to_others(work)
        self.tell()

    def split(self, parts: Sequence[Work]) -> None:
        """Give back work whose parts take its place."""
        self.schedule.split(parts)
        self.tell()

    def finish(self) -> None:
        """Give back work that is done."""
        self.schedule.finish()
        self.tell()

    def units_back(self) -> None:
        """Let work that was too dear be tried again."""
        for kinds in self._too_dear.values():
            kinds.clear()
        self.schedule.unpark()
        self.tell()

    def learn(self, learnt: Mapping[str, int]) -> None:
        """Keep the greatest value of each fact."""
        for name, value in learnt.items():
            self.facts[name] = max(value, self.facts.get(name, value))

    def brought(self, harvest: str) -> None:
        """Note that rows are durable from which other harvests take their targets."""
        if self.relay is not None:
            self.relay.brought(harvest)

    def wake(self, harvest: str) -> None:
        """Let a harvest's list be looked at again."""
        self.schedule.wake(harvest)
        self.tell()

    @property
    def is_moving(self) -> bool:
        """Whether there is work that is being done, or can be."""
        return self.schedule.is_moving

    def is_fed(self) -> bool:
        """Whether further targets may come from elsewhere."""
        relay = self.relay
        return relay is not None and any(relay.can_come(harvest) for harvest in self.schedule.resting)

    def is_resting(self, harvest: str) -> bool:
        """Whether a harvest's list had nothing more when it was last looked at, and could be drawn from."""
        return harvest in self.schedule.resting

    def is_stopped(self, harvest: str) -> bool:
        """Whether a harvest cannot go on."""
        return harvest in self.schedule.stopped

    def tell(self) -> None:
        """Wake everybody who waits, to look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _next(self, lane: str, now_s: float) -> tuple[Work | None, bool]:
        """Return the next work that a lane may try, and whether there is some that is left to others."""
        while (work := self.schedule.take(now_s)) is not None:
            if _kind(work) not in self._too_dear.get(lane, ()):
                return work, False
            if self._leave_to_others(work):
                return None, True
        return None, False

    def _leave_to_others(self, work: Work) -> bool:
        """Give back work that is too dear for one lane: to the next that has not tried it, else park it."""
        is_left = any(_kind(work) not in kinds for kinds in self._too_dear.values())
        if is_left:
            self.schedule.go_on(work)
        else:
            self.schedule.park(work)
        return is_left

    async def _draw(self) -> None:
        async with self._drawing:
            harvest = self.schedule.draws_from()  # somebody may have drawn while we waited
            if harvest is None:
                return
            if self.relay is not None and self.relay.is_staged(harvest):
                await self._draw_staged(harvest)
            else:
                drawn = await self._store.draw(harvest, self._block)
                self.schedule.add(drawn)
                if not drawn:
                    self.schedule.drawn_out(harvest)
        self.tell()

    async def _draw_staged(self, harvest: str) -> None:
        self.schedule.rest(harvest)  # before it is asked: what is brought meanwhile must wake it
        drawn = await self._store.draw(harvest, self._block)
        self.schedule.add(drawn)
        self.schedule.added += len(drawn)  # nobody knew of them
        if drawn:
            self.schedule.wake(harvest)

    async def _change(self, within_s: float | None) -> None:
        try:
            async with asyncio.timeout(within_s):
                await self._changed.wait()
        except TimeoutError:
            return


def _kind(work: Work) -> _Kind:
    # All fresh tasks of a harvest cost the same at least: if one does not fit, none does.
    return work.task.harvest, None if work.state is State.WAITING else work.task.id
