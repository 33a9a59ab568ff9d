"""What the parts of the engine offer each other: Protocols and the values that pass through them.

Parts import this file and never each other, so that each can be replaced (a database for the checkpoint, another
HTTP client, another disk) without the rest knowing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from hashlib import blake2b
from typing import NamedTuple, Protocol

from harvester.model import BEGINNING, Cursor, Known, Page, Reply, Request, Seeds, Step, Task, Verdict


class Clock(Protocol):
    """Time, as an argument."""

    def utc(self) -> datetime:
        """Return the wall clock's time, in UTC."""

    def monotonic_s(self) -> float:
        """Return seconds that never run backwards."""

    async def sleep_s(self, seconds: float) -> None:
        """Wait."""


class Transport(Protocol):
    """One key's way to its provider."""

    async def send(self, request: Request) -> Reply:
        """Send once and return the whole reply.

        Raises ConnectFailed if the request was certainly not written, ReplyLost if it may have been.
        """


class Trail(Protocol):
    """What the last request with a key has left behind for whoever uses the key next on this machine."""

    @property
    def late_s(self) -> float:
        """How late its lane had learnt to expect arrivals."""

    def gone_s(self, now_s: float) -> float | None:
        """Return for how long at least nothing has left; None = nobody knows. `now_s` as of `Clock.monotonic_s`."""

    def left(self, at_s: float, late_s: float) -> None:
        """Note that a request leaves now."""


def task_id(harvest: str, targets: Sequence[str]) -> str:
    """Return the identity of a task: the same harvest and targets give the same one on every run."""
    return blake2b("\x1f".join((harvest, *targets)).encode(), digest_size=8).hexdigest()


class State(Enum):
    """Where a task stands."""

    WAITING = "waiting"  #: drawn, nothing asked yet
    OPEN = "open"
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"  #: read as far as the provider lets us, rows are missing
    SET_ASIDE = "set_aside"  #: given up after an answer that will not change

    @property
    def is_finished(self) -> bool:
        """Whether nothing more is asked for this task."""
        return self not in (State.WAITING, State.OPEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A task and how far it has come."""

    task: Task
    cursor: Cursor = field(default_factory=lambda: dict(BEGINNING))
    state: State = State.WAITING
    pages: int = 0
    rows: int = 0
    units: int = 0
    reason: str | None = None  #: why rows are missing
    note: str | None = None  #: a remark on a complete task
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  #: by target: what the list says of it
    attempts: int = 0  #: failures of the present request in this run; not kept on disk
    lane: str | None = None  #: which lane read the last page in this run; not kept on disk

    @classmethod
    def of(cls, harvest: str, targets: tuple[str, ...], labels: Mapping[str, Mapping[str, str]]) -> "Work":
        """Return a task that has not begun."""
        return cls(task=Task(id=task_id(harvest, targets), harvest=harvest, targets=targets), labels=labels)

    def failed(self) -> "Work":
        """Return the same work after one more failure."""
        return replace(self, attempts=self.attempts + 1)

    def halves(self) -> tuple["Work", "Work"]:
        """Return two tasks that ask for the same targets; for a batch of which nothing was read."""
        targets = self.task.targets
        middle = len(targets) // 2
        return self._part(targets[:middle]), self._part(targets[middle:])

    def _part(self, targets: tuple[str, ...]) -> "Work":
        labels = {name: self.labels[name] for name in targets if name in self.labels}
        return Work.of(self.task.harvest, targets, labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What one exchange adds to a lane's counts."""

    requests: int = 0
    retries: int = 0
    throttled: int = 0
    rows: int = 0
    units_spent: int = 0
    units_in_doubt: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            requests=self.requests + other.requests,
            retries=self.retries + other.retries,
            throttled=self.throttled + other.throttled,
            rows=self.rows + other.rows,
            units_spent=self.units_spent + other.units_spent,
            units_in_doubt=self.units_in_doubt + other.units_in_doubt,
        )


class Hold(NamedTuple):
    """Units set aside for one request, before it leaves."""

    id: int
    lane: str
    task: str
    units: int
    mark: str | None = None  #: by which its provider's list of receipts tells the request from any other


class Doubt(NamedTuple):
    """Units that a request may have cost whose reply was lost."""

    id: int
    units: int
    mark: str | None
    left_at: datetime  #: UTC; the request left then or later


class Reading(NamedTuple):
    """What an account had charged at one moment, and what our books said then; nothing of ours was open."""

    used_units: int  #: a count that every charge raises
    period: str  #: counts of different periods have nothing to do with each other
    spent_units: int


class Settlement(NamedTuple):
    """What a reading of an account says of our books since the reading before it."""

    charged_units: int  #: by the account's own count
    spent_units: int  #: of what was in doubt: charged
    released_units: int  #: what was in doubt and no longer is


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a lane stopped with work left."""

    kind: str  #: "budget", "quota", "key", "prices" or "unreachable"
    why: str


class Lines(NamedTuple):
    """Whole lines for one output file."""

    output: str
    data: bytes
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What becomes durable together: a hold, or the end of one with all it brought."""

    lane: str
    at: datetime  #: UTC
    hold: Hold | None = None
    settles: int | None = None  #: id of the hold that this entry ends
    tally: Tally = field(default_factory=Tally)
    work: Work | None = None  #: the task's new state
    parts: tuple[Work, ...] = ()  #: tasks that take the place of `work`
    lines: tuple[Lines, ...] = ()
    learnt: Mapping[str, int] = field(default_factory=dict)
    seeds: tuple[Seeds, ...] = ()  #: targets for other harvests


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A reply, and all that it takes to make sense of it but the harvest."""

    work: Work  #: as it stood when it was asked
    step: Step
    request: Request
    reply: Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a reply was found to be."""

    status: int
    arrived_at: datetime  #: UTC
    verdict: Verdict
    page: Page | None = None  #: if it was to be kept and could be read; its rows are left out, they are in the lines
    rows: int = 0
    lines: tuple[Lines, ...] = ()
    seeds: tuple[Seeds, ...] = ()  #: targets for other harvests
    unreadable: str = ""  #: why what was to be kept could not be read
    stumble: str = ""  #: where the provider's code stumbled over it, for the log


class Feed(Protocol):
    """A harvest that takes its targets from the rows of another."""

    @property
    def harvest(self) -> str:
        """Its name."""

    @property
    def top(self) -> int | None:
        """How many rows of each target it looks at; None = all."""

    def seeds(self, rows: Iterable[Known]) -> Seeds:
        """Return what rows bring for its list. Pure."""


def stage_list(harvest: str) -> str:
    """Return the name of a staged harvest's own list of targets, beside those of the scopes."""
    return f"from {harvest}"


class Sink(Protocol):
    """The output files."""

    def write(self, lines: Iterable[Lines]) -> Mapping[str, int]:
        """Append, force to disk, and return the new length in bytes of every file that grew. Raises StorageError."""


class Checkpoint(Protocol):
    """What survives a crash. Blocking: called from the store's thread only."""

    def commit(self, entries: Sequence[Entry], lengths: Mapping[str, int]) -> None:
        """Make the entries and the files' new lengths true in one transaction. Raises StorageError."""

    def draw(self, harvest: str, count: int) -> list[Work]:
        """Begin up to `count` further tasks of a harvest, in the order of the targets. Raises StorageError."""


class Store(Protocol):
    """The one writer, as a lane sees it."""

    async def put(self, entry: Entry) -> None:
        """Queue an entry; it becomes durable in order. Waits while the queue is full. Raises StorageError."""

    async def commit(self, entry: Entry) -> None:
        """Queue an entry and wait until it is durable. Raises StorageError."""

    async def draw(self, harvest: str, count: int) -> list[Work]:
        """Draw further tasks. Raises StorageError."""
