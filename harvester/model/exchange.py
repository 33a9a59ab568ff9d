"""What travels between a provider's code and the engine: a step, its request, the reply, and what was found in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol

from harvester.model.wanted import Scope

#: Where the next page begins: a JSON object that only the provider reads. `{}` is the beginning of a task.
Cursor = Mapping[str, Any]
BEGINNING: Cursor = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One harvest for one target, for one set, or for a batch of targets where the provider takes many in a call."""

    id: str
    harvest: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What a step may use."""

    units: int | None = None  #: units that are free; None = no limit
    rows: int | None = None  #: rows still wanted for this task; None = all
    #: What earlier replies to this key taught, by the provider's own names (`Page.learnt`).
    facts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request's worth of a task: which task, where it stands, what it may use."""

    task: Task
    cursor: Cursor = field(default_factory=dict)
    allowance: Allowance = field(default_factory=Allowance)
    is_continued: bool = False  #: the page before was read with the same key, in the same run


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request without secrets and without I/O."""

    method: Literal["GET", "POST"] = "GET"
    path: str  #: joined to the base URL; begins with "/", or is empty
    base_url: str | None = None  #: another than the provider's
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None  #: body, sent as JSON; None = no body
    most_units: int = 0  #: the most this request can cost: held before it leaves
    most_rows: int | None = None  #: rows asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One whole HTTP response."""

    status: int
    headers: Mapping[str, str]  #: names in lower case
    body: bytes
    arrived_at: datetime  #: UTC
    is_delimited: bool = True  #: False = it ended with its connection, and nobody can tell whether that was its end


class Row(NamedTuple):
    """One object of the provider's answer, as it came, and the target it is about."""

    target: str
    data: Any
    known: Mapping[str, Any] = MappingProxyType({})  #: record fields that follow from the rest of the answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one reply brought."""

    rows: Sequence[Row]
    next: Cursor | None  #: where the next page begins; None = this was the last
    #: What the reply cost. None = it does not say and nothing else proves it: the hold stays spent, in doubt.
    units: int | None
    #: Why rows of this task are missing, in words for a user. Does not end the task: `next` does.
    incomplete: str | None = None
    #: A remark on a task that is complete, such as "max_rows".
    note: str | None = None
    #: Numbers worth remembering for later steps of the same key; the greatest value of a name is kept.
    learnt: Mapping[str, int] = field(default_factory=dict)


class Seeds(NamedTuple):
    """Targets that the rows of a page bring for the list of another harvest."""

    harvest: str  #: that asks about them
    scope: Scope  #: its own, in which they are spelled
    targets: Mapping[str, str]  #: and the text of the row that named each first; in the order of the rows
    rejected: Mapping[str, str]  #: texts that are no target, and why


class Known(NamedTuple):
    """A row's record, as those harvests see it that take their targets from it."""

    place: int  #: among the rows of its target, at the earliest: of a batch or set nobody counts them one by one
    target: str
    record: Mapping[str, Any]


class Action(Enum):
    """What a reply means for the work."""

    KEEP = "read the rows and store them"
    AGAIN = "the same request, later"
    PAUSE = "nothing leaves this lane for a while, then the same request"
    SHRINK = "the account has fewer units than asked: a smaller request, or the lane stops"
    STOP_REPORT = "this harvest cannot go on with this key; others can"
    STOP_LANE = "this key cannot go on"
    SET_ASIDE = "record the failure, go on with other tasks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The judgement on one reply."""

    action: Action
    why: str = ""  #: for a user; may quote the provider, so it is hostile text where it is shown
    wait_s: float | None = None  #: PAUSE: as long as the provider asked for; None = it did not say
    units_left: int | None = None  #: SHRINK: what the provider says is left; None = it does not say
    #: What an answer that is not kept cost. None = unknown: the hold stays spent, in doubt.
    units: int | None = 0


class Exchange(Protocol):
    """One harvest compiled against its provider's tables: pure functions over the values above."""

    @property
    def record(self) -> str:
        """Name of the record its rows become."""

    @property
    def targets_per_task(self) -> int:
        """How many targets one request takes."""

    def ask(self, step: Step) -> Request | None:
        """Return the next request, shrunk to the allowance; None = nothing useful fits into its units."""

    def judge(self, step: Step, request: Request, reply: Reply) -> Verdict:
        """Say what the reply to that step's request means."""

    def read(self, step: Step, request: Request, reply: Reply) -> Page:
        """Return the rows of a reply judged KEEP. Raises UnknownReply if its shape is not the provider's."""

    def record_of(self, row: Row, arrived_at: datetime) -> dict[str, Any]:
        """Return the record's own fields (no envelope), all keys, in order. Raises UnreadableRow.

        `arrived_at` (UTC) is when the reply came: a date far beyond it is not believed.
        """

    def forecast(self, outlook: "Outlook | None" = None) -> "Forecast":
        """Return what one task costs at least and at most, by what is known of it beforehand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What is known of a task before it is asked."""

    targets: int | None = None  #: how many it is about; None = as many as a request takes
    rows: int | None = None  #: how many the report has of its target
    is_exact: bool = False  #: it has exactly so many; False = a filter may leave some of them out
    facts: Mapping[str, int] = field(default_factory=dict)  #: as of `Allowance`: the account's own prices


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The bill of one task before it is asked. None = no upper bound."""

    least_requests: int
    most_requests: int | None
    least_units: int
    most_units: int | None
    is_rough: bool = False  #: how rows lie in pages is not known, and may make it dearer than the most
