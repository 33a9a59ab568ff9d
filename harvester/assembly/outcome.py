"""What a run is asked for, how far it is, and how it ended. Frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass

from harvester.engine.checkpoint import Census
from harvester.engine.ports import State, Stop, Tally
from harvester.model import RateRule


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the command line adds to the config."""

    max_targets: int | None = None
    retry_set_aside: bool = False
    again: bool = False  #: if the job is finished, begin its next round


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderProgress:
    """How far a provider's work has come."""

    tasks_done: int
    tasks: int
    tally: Tally  #: of the whole job
    budget: int | None
    unit: str
    open_requests: int
    closed_s: float  #: for how long nothing will leave
    rate: RateRule | None
    is_waiting: bool = False  #: for targets that others' rows may bring


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended."""

    census: Census
    requests: int  #: sent in this run
    stops: Mapping[str, Stop]  #: by lane
    stopped_harvests: Mapping[str, str]  #: why
    is_interrupted: bool
    is_limited: bool  #: to the first targets of the list

    @property
    def left(self) -> int:
        """Return how many tasks are not finished."""
        return self.census.tasks(State.OPEN) + self.census.tasks(State.WAITING)

    @property
    def exit_code(self) -> int:
        """Return 0 complete, 3 finished with gaps, 4 stopped with work left, 130 interrupted."""
        if self.left and self.is_interrupted:
            return 130
        if self.left and (self.stops or self.stopped_harvests or not self.is_limited):
            return 4
        has_gaps = self.census.tasks(State.SET_ASIDE) + self.census.tasks(State.INCOMPLETE) > 0
        return 3 if has_gaps else 0

    @property
    def stopped_by(self) -> str | None:
        """Return in one word or a few what stopped the run with work left; None if nothing is left."""
        if not self.left:
            return None
        kinds = [stop.kind for stop in self.stops.values()]
        kinds += ["report"] if self.stopped_harvests else []
        kinds += ["interrupt"] if self.is_interrupted else []
        return ", ".join(dict.fromkeys(kinds)) or ("max-targets" if self.is_limited else "unknown")
