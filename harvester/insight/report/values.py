"""What a page is made of, before it is HTML: sections of blocks, with charts, tables and the queries behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the job's state says of itself, as `harvester status --json` does; and how this page is asked for."""

    job: str
    state: str
    stopped_by: str | None
    targets: int
    targets_rejected: int
    tasks: Mapping[str, int]
    providers: Mapping[str, Mapping[str, Any]]
    first_target: str | None  #: of the list
    mine: str | None = None  #: whom the page is about, as asked for; None = the first target
    title: str | None = None
    directory: str = "DIR"  #: as the commands on the page name it
    made_at: datetime
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose links a figure counts: those to one target, or to all of them."""

    name: str  #: "mine" or "all"
    label: str
    mine: str
    targets: int  #: that have anything in the job
    as_of: date  #: day of the job's last reply
    providers: Sequence[str]  #: that the job asked

    @property
    def is_mine(self) -> bool:
        """Whether it is about one target only."""
        return self.name == "mine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a question found."""

    sql: str  #: as `harvester query` takes it
    rows: Sequence[Row]  #: the first ones, where a table is bounded
    total: int  #: rows in all


Answers = Mapping[str, Answer]  #: by the name of the question


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of a table."""

    text: str  #: as shown; harmless
    value: str | None = None  #: by which it is sorted, and what a CSV gets; None = the text
    href: str | None = None  #: where it leads, http or https only
    share: float | None = None  #: length of a bar below it, 0 to 1
    dots: Sequence[str] = ()  #: providers whose colours stand for the text


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """The head of a column."""

    title: str
    kind: str = "text"  #: "number"; "text" and "address", which are broken into lines; "word", which is not
    note: str = ""  #: shown when it is pointed at

    @property
    def is_number(self) -> bool:
        """Whether it sorts as numbers, and stands to the right."""
        return self.kind == "number"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table; all of it, or its first rows."""

    name: str  #: unique in the page; names its CSV
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    total: int
    question: str | None = None  #: whose answer it shows, row by row; None = the job's state
    is_folded: bool = False  #: it only repeats what a chart shows


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A chart with its words."""

    title: str
    svg: str
    note: str = ""
    provider: str = ""  #: whose colour it has
    is_wide: bool = False
    legend: Sequence[tuple[str, str]] = ()  #: colours and what they say


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What a section says of one scope."""

    scope: str | None = None  #: None = it is the same for all
    lead: str = ""
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    missing: str = ""  #: what would fill it
    queries: Mapping[str, str] = field(default_factory=dict)  #: the texts behind the numbers, by what they count


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of the page."""

    name: str
    short: str  #: for the list of sections
    title: str
    about: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One answer at a glance."""

    section: str  #: where it leads
    question: str
    figure: str
    unit: str
    words: Sequence[str] = ()
    amounts: Sequence[tuple[str, str]] = ()  #: provider and what it cost, in place of a figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All answers of a job."""

    facts: Facts
    scopes: Sequence[Scope]
    once: Answers
    scoped: Mapping[str, Answers]  #: by the name of the scope

    @property
    def mine(self) -> str:
        """Return whom the page is about."""
        return self.scopes[0].mine
