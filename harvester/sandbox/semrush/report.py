"""What a report is, and what a request for one says once it has been read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from harvester.sandbox.semrush.columns import Values
from harvester.sandbox.semrush.filter import Field, Test
from harvester.sandbox.semrush.scene import Library, Subject

HOST_TYPES = ("root_domain", "domain", "url")
LINE_UNITS = 40


class Sort(NamedTuple):
    """One rule: a sorting key and its direction."""

    name: str
    is_descending: bool


class Lines(NamedTuple):
    """Which rows are asked: those from `offset` up to, not including, `end`. "An absolute end position"."""

    offset: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One request that has been read."""

    subjects: tuple[Subject, ...]
    columns: tuple[str, ...]
    sort: Sort | None
    filter: str  #: as it came
    tests: Sequence[Test]  #: what it means: rows are wanted that pass all
    lines: Lines
    timespan: str  #: weeks, months, or "" where it has no effect
    is_escaped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One `type`."""

    find: Callable[[Library, Query], Sequence[Any]]  #: all rows; in their final order if nothing sorts them
    values: Values  #: every column that can be asked
    columns: tuple[str, ...]  #: those that the report lists as its own, in its order
    default: tuple[str, ...] = ()  #: where export_columns is absent; () = `columns`
    doubtful: frozenset[str] = frozenset()  #: columns that exist only if a switch says so
    has_columns: bool = True  #: export_columns has an effect
    is_paged: bool = True
    request_units: int | None = None  #: price of a request; None = `LINE_UNITS` for each line
    types: tuple[str, ...] = HOST_TYPES  #: of targets
    most_targets: int = 1  #: more than one: `targets[]` instead of `target`
    has_unique_names: bool = False  #: no two targets of one name, whatever their types
    spread: str = ""  #: the column that becomes one for each target, headed by its name
    sorts: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    default_sort: Sort | None = None
    tie: Callable[[Any], Any] | None = None  #: orders equals
    fields: Mapping[str, Field] = field(default_factory=dict)  #: that it can be filtered by

    @property
    def is_batch(self) -> bool:
        """Whether the report is on several targets."""
        return self.most_targets > 1

    @property
    def parameters(self) -> frozenset[str]:
        """Names of the parameters that the report knows."""
        known = {"type", "key", "export_escape"}
        known |= {"targets[]", "target_types[]"} if self.is_batch else {"target", "target_type"}
        known |= {"display_limit", "display_offset"} if self.is_paged else set()
        known |= {"export_columns"} if self.has_columns else set()
        known |= {"display_sort"} if self.sorts else set()
        return frozenset(known | {"display_filter"} if self.fields else known)
