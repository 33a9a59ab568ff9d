"""Where the lanes of one provider come for work: the schedule, with waiting and drawing around it."""

import asyncio
from collections.abc import Callable, Mapping

from harvester.engine.ports import Clock, Store, Work
from harvester.engine.schedule import Schedule


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

    async def take(self, is_open: Callable[[], bool]) -> Work | None:
        """Return the next work, waiting for it; None = there is none left for anybody, or the lane is not open."""
        while is_open():
            now_s = self._clock.monotonic_s()
            work = self.schedule.take(now_s)
            if work is not None:
                return work
            if self.schedule.draws_from() is not None:
                await self._draw()
                continue
            due_s = self.schedule.next_at_s()
            if due_s is None and not self.schedule.busy:
                return None
            await self._change(None if due_s is None else due_s - now_s)
        return None

    def go_on(self, work: Work) -> None:
        """Give back work that can go on at once."""
        self.schedule.go_on(work)
        self.tell()

    def retry(self, work: Work, delay_s: float) -> None:
        """Give back work that is to be tried again."""
        self.schedule.retry(work, self._clock.monotonic_s() + delay_s)
        self.tell()

    def park(self, work: Work) -> None:
        """Give back work that does not fit into the units that are free now."""
        self.schedule.park(work)
        self.tell()

    def finish(self) -> None:
        """Give back work that is done."""
        self.schedule.finish()
        self.tell()

    def units_back(self) -> None:
        """Let parked work be tried again."""
        self.schedule.unpark()
        self.tell()

    def learn(self, learnt: Mapping[str, int]) -> None:
        """Keep the greatest value of each fact."""
        for name, value in learnt.items():
            self.facts[name] = max(value, self.facts.get(name, value))

    def tell(self) -> None:
        """Wake everybody who waits, to look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def _draw(self) -> None:
        async with self._drawing:
            harvest = self.schedule.draws_from()  # somebody may have drawn while we waited
            if harvest is None:
                return
            drawn = await self._store.draw(harvest, self._block)
            self.schedule.add(drawn)
            if not drawn:
                self.schedule.drawn_out(harvest)
        self.tell()

    async def _change(self, within_s: float | None) -> None:
        try:
            async with asyncio.timeout(within_s):
                await self._changed.wait()
        except TimeoutError:
            return
