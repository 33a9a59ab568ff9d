"""The values that config, providers and engine exchange. Imports nothing of ours.

Data flows one way: a `Harvest` and its targets become `Task`s; a `Step` of a task becomes a `Request`; its
`Reply` is judged (`Verdict`) and read (`Page`); the page names the `Cursor` of the next step. A provider is
described by these values and never run by them: nothing here waits, reads a clock or opens anything.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol

Scope = Literal["url", "prefix", "host", "subdomains"]
SCOPES: tuple[Scope, ...] = ("url", "prefix", "host", "subdomains")

#: Where the next page begins: a JSON object that only the provider reads. `{}` is the beginning of a task.
Cursor = Mapping[str, Any]
BEGINNING: Cursor = {}


#: A date, or how long before the job's first day.
Day = date | timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSource:
    """One list of targets: a file, standard input, or names written in the config itself."""

    path: Path | None = None  #: `Path("-")` = standard input; None = `inline` is the list
    column: str | None = None  #: CSV column or JSON Lines key; None = find it
    inline: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRule:
    """How often one key may call: at most `calls` requests in any window of `window_s` seconds."""

    calls: int
    window_s: float

    def __str__(self) -> str:
        names = {1.0: "second", 60.0: "minute", 3600.0: "hour", 86400.0: "day"}
        return f"{self.calls}/{names.get(self.window_s) or f'{self.window_s:g} s'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One key of one provider. `repr` and `str` never show the secret."""

    key: str = field(repr=False)
    login: str | None = field(default=None, repr=False)

    def secrets(self) -> tuple[str, ...]:
        """Return the texts that must never be shown."""
        return (self.key,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvest:
    """One `[[harvest]]` table of a job, checked against the config's own rules and not yet against a provider."""

    name: str
    provider: str
    report: str  #: neutral name or one of the provider's own
    scope: Scope = "subdomains"
    since: Day | None = None
    until: Day | None = None
    max_rows: int | None = None  #: rows per target; None = all
    page_size: int | None = None  #: rows per request; None = the cheapest the provider allows
    fields: tuple[str, ...] | None = None  #: provider fields to pay for; None = those the record needs
    order_by: str | None = None
    filter: Mapping[str, Any] = field(default_factory=dict)  #: neutral filters
    options: Mapping[str, Any] = field(default_factory=dict)  #: parameters passed to the provider as they are
    sets: "Sets | None" = None  #: for reports about several targets at once; None = the job's targets are one set
    targets_from: "TargetsFrom | None" = None  #: None = the job's targets
    only_if: str | None = None  #: a condition on the records of another harvest about the same target
    #: The config says `since = "last"`; then `since` is the day that this means in the present round; None = none yet.
    is_since_last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetsFrom:
    """The rows of another harvest as a list of targets."""

    harvest: str
    field: str  #: of its record
    top: int | None = None  #: only the first so many rows of each of its targets; None = all


@dataclass(frozen=True, slots=True)
class SetColumn:
    """Sets that the target list itself names: the lines with the same text in this column are one set."""

    name: str


Sets = tuple[tuple[str, ...], ...] | SetColumn


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What an account says of itself."""

    units_left: int | None  #: None = the account has no limit it tells of
    #: A count that every charge raises and nothing lowers within a period; None = only what is left is told.
    units_used: int | None = None
    period: str = ""  #: the period that `units_used` counts within
    about: str = ""  #: plan, reset date: one line for a user
    learnt: Mapping[str, int] = field(default_factory=dict)  #: the account's own prices, as facts for later steps

    def above(self, keep_units: int) -> int | None:
        """Return what may be spent of it so that `keep_units` stay; None = no limit is known."""
        return None if self.units_left is None else max(0, self.units_left - keep_units)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A provider's section of the config, as far as its own code reads it."""

    base_url: str | None = None  #: another address than the provider's own, without a trailing slash
    settings: Mapping[str, Any] = field(default_factory=dict)  #: its further keys


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceCall:
    """The free question after the balance of a key."""

    ask: Callable[[Section], Request]
    read: Callable[[Reply], Balance]  #: raises UnknownReply
    rate: RateRule | None = None  #: a limit of its own, beside the provider's
    #: How long after a request its charge may still be missing in the answer. No provider documents it.
    shows_after_s: float = 10.0
    tells_prices: bool = False  #: prices differ by account, and the answer has them (`Balance.learnt`)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptCall:
    """The free question after what a request was billed whose reply was lost.

    `mark` writes a text into a request by which the provider's list of what it did can be searched; it is another
    text for every request that leaves.
    """

    mark: Callable[[Request, str], Request]
    ask: Callable[[datetime, datetime], Request]  #: from when it left to now, UTC
    read: Callable[[Reply, str], int | None]  #: units billed; None = the mark is not in the list; raises UnknownReply


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """A paid question after how many rows reports of a target have."""

    report: str  #: the neutral name of a report whose records answer it
    sizes: Mapping[str, str]  #: neutral name of a report -> field of the answer's record that counts its rows
    fields: tuple[str, ...] | None = None  #: provider fields to pay for; None = those the record needs
    options: Mapping[str, Any] = field(default_factory=dict)
    scopes: tuple[Scope, ...] = SCOPES  #: in which it can be asked
    upper: frozenset[str] = frozenset()  #: reports that may have fewer rows than it counts
    #: Asked for each harvest by itself, with its own filter and options, so that its rows are counted exactly. The
    #: option "of" then names the report.
    is_of_harvest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiling:
    """What a harvest is compiled with, besides its own table."""

    today: date  #: the job's first day: relative dates and "now" mean this day for the whole life of the job
    section: Section = field(default_factory=Section)

    def day(self, day: Day | None) -> date | None:
        """Return the calendar day meant by a harvest's `since` or `until`."""
        return self.today - day if isinstance(day, timedelta) else day


class SetSize(NamedTuple):
    """How many targets a report compares in one call."""

    least: int
    most: int
    is_needed: bool = True  #: False = asks in batches of the job's targets unless the harvest names sets


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSource:
    """Where one harvest's sets come from: `named`, or else `column`, or else all targets of the job."""

    harvest: str
    scope: Scope
    size: SetSize
    named: tuple[tuple[str, ...], ...] = ()  #: as the scope asks about them
    column: str | None = None  #: of the list


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One report of a provider."""

    name: str  #: neutral
    record: str
    about: str
    compile: Callable[[Harvest, Compiling], Exchange]  #: raises HarvestRefused
    aliases: tuple[str, ...] = ()  #: the provider's own names
    targets_per_task: int = 1
    filters: tuple[str, ...] = ()  #: neutral filters that it can express
    sets: SetSize | None = None  #: None = it never asks about a set
    price: str = ""  #: for a user
    paging: str = ""  #: for a user


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One provider, described."""

    name: str
    title: str
    base_url: str
    unit: str  #: plural, for a user: "API units"
    rate: RateRule
    in_flight: int
    timeout_s: float
    scopes: tuple[Scope, ...]
    reports: Mapping[str, Report]  #: by neutral name
    sign: Callable[[Request, Credential], Request]
    judge: Callable[[Reply], Verdict]
    balance: BalanceCall | None = None
    receipts: ReceiptCall | None = None
    sizing: tuple[Sizing, ...] = ()  #: the cheapest first; the first that counts all reports in question is asked
    settings: Mapping[str, str] = field(default_factory=dict)  #: further keys of its config section, explained
    needed_settings: tuple[str, ...] = ()  #: those of them that it cannot do without

    @property
    def filters(self) -> tuple[str, ...]:
        """The neutral filters that at least one report can express."""
        return tuple(dict.fromkeys(name for report in self.reports.values() for name in report.filters))

    def report(self, name: str) -> Report | None:
        """Return the report of that neutral name or alias."""
        if name in self.reports:
            return self.reports[name]
        return next((report for report in self.reports.values() if name in report.aliases), None)
