"""Which task goes next. Pure: no clock, no waiting, no disk.

Work that has begun goes first, so that few tasks are open at any time and a crash repeats little. Harvests follow
each other in the order of the config. Work that does not fit into the free units is parked, and so is the fresh
work of its harvest, while everything else goes on: a dear task must not stop a cheap one.
"""

import heapq
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import count

from harvester.engine.ports import State, Work


class Schedule:
    """The tasks of one provider that are not finished, and where each of them waits."""

    def __init__(self, harvests: Iterable[str]) -> None:
        self._undrawn = list(harvests)  #: harvests that may have tasks which were never drawn
        self._begun: deque[Work] = deque()
        self._fresh: deque[Work] = deque()
        self._later: list[tuple[float, int, Work]] = []
        self._parked: list[Work] = []
        self._stopped: dict[str, str] = {}  #: harvest -> why it cannot go on
        self._resting: set[str] = set()  #: harvests whose list had no further task, and may get some
        self._order = count()
        self.busy = 0  #: taken and not yet given back
        self.finished = 0
        self.added = 0  #: tasks beyond those that were drawn

    def add(self, works: Iterable[Work]) -> None:
        """Take in drawn tasks."""
        for work in works:
            self._queue_of(work).append(work)

    def drawn_out(self, harvest: str) -> None:
        """Note that a harvest has no further tasks."""
        self._undrawn.remove(harvest)

    def rest(self, harvest: str) -> None:
        """Draw nothing of a harvest until it is woken: its list is no longer than what was drawn."""
        self._resting.add(harvest)

    def wake(self, harvest: str) -> None:
        """Draw from a harvest's list again."""
        self._resting.discard(harvest)

    def take(self, now_s: float) -> Work | None:
        """Hand out the work that goes next, if some can go now; it must be given back."""
        while self._later and self._later[0][0] <= now_s:
            self._begun.append(heapq.heappop(self._later)[2])
        for queue in (self._begun, self._fresh):
            while queue:
                work = queue.popleft()
                if work.task.harvest in self._stopped or (queue is self._fresh and self._is_parked(work)):
                    self._parked.append(work)
                    continue
                self.busy += 1
                return work
        return None

    def draws_from(self) -> str | None:
        """Return the harvest whose tasks should be drawn next, if fresh work is wanted."""
        if self._fresh:
            return None
        return next((name for name in self._undrawn if name not in self._resting and self._may_draw(name)), None)

    def go_on(self, work: Work) -> None:
        """Give back work that can go on at once."""
        self.busy -= 1
        self._begun.appendleft(work)

    def retry(self, work: Work, at_s: float) -> None:
        """Give back work that is to be tried again at `at_s`."""
        self.busy -= 1
        heapq.heappush(self._later, (at_s, next(self._order), work))

    def park(self, work: Work) -> None:
        """Give back work that does not fit into the units that are free now."""
        self.busy -= 1
        self._parked.append(work)

    def split(self, parts: Sequence[Work]) -> None:
        """Give back work whose parts take its place, before all others: what is at fault is found with few requests."""
        self.busy -= 1
        self.added += len(parts) - 1
        for work in reversed(parts):
            self._queue_of(work).appendleft(work)

    def finish(self) -> None:
        """Give back work that is done."""
        self.busy -= 1
        self.finished += 1

    def unpark(self) -> None:
        """Let parked work be tried again, before what was behind it: units have come back."""
        parked, self._parked = self._parked, []
        for work in reversed(parked):
            if work.task.harvest in self._stopped:
                self._parked.append(work)
            else:
                self._queue_of(work).appendleft(work)

    def stop_harvest(self, harvest: str, why: str) -> None:
        """Hand out nothing more of a harvest."""
        self._stopped.setdefault(harvest, why)

    def next_at_s(self) -> float | None:
        """Return when the next delayed work is due."""
        return self._later[0][0] if self._later else None

    @property
    def stopped(self) -> dict[str, str]:
        """The harvests that cannot go on, and why."""
        return dict(self._stopped)

    @property
    def has_left(self) -> bool:
        """Whether any task is not finished."""
        may_draw = any(name not in self._resting for name in self._undrawn)
        return bool(self.busy or self._begun or self._fresh or self._later or self._parked) or may_draw

    @property
    def has_parked(self) -> bool:
        """Whether work waits for units (and not because its harvest was stopped)."""
        return any(work.task.harvest not in self._stopped for work in self._parked)

    @property
    def is_moving(self) -> bool:
        """Whether there is work that is being done, or can be."""
        return bool(self.busy or self._begun or self._fresh or self._later) or self.draws_from() is not None

    @property
    def resting(self) -> list[str]:
        """The harvests of which more could be done if their lists grew."""
        return [name for name in self._undrawn if name in self._resting and self._may_draw(name)]

    def _may_draw(self, harvest: str) -> bool:
        """Whether fresh tasks of a harvest could go now: it is not stopped, and none of them was too dear."""
        blocked = any(work.task.harvest == harvest and work.state is State.WAITING for work in self._parked)
        return harvest not in self._stopped and not blocked

    def _queue_of(self, work: Work) -> deque[Work]:
        return self._fresh if work.state is State.WAITING else self._begun

    def _is_parked(self, fresh: Work) -> bool:
        # All fresh tasks of a harvest cost the same at least: if one does not fit, none does.
        return any(work.task.harvest == fresh.task.harvest and work.state is State.WAITING for work in self._parked)
