"""A provider's rows to records: one table for each kind of row, read the same way for every provider.

A value of another type than the provider's documents promise becomes null and stays, as it came, in `extra`; so does
every field that no record field takes: nothing paid for is dropped.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from statistics import median_low
from typing import Any, NamedTuple, Protocol, runtime_checkable

from harvester.errors import UnreadableRow
from harvester.records import complete, text

Record = dict[str, Any]
Reader = Callable[[Any, datetime], Any]  #: a value that is not null, and when the reply came; None = not readable

INT64_MOST = 2**63 - 1
DAY_CHARS = len("2026-03-01")
_DECIMAL = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,15})?")


def address(value: Any, _: datetime) -> str | None:
    """Read an address or a name: text that is not empty."""
    return value if isinstance(value, str) and value else None


def words(value: Any, _: datetime) -> str | None:
    """Read a text for showing; a number stays the text it was."""
    return text(value) if type(value) in (str, int, float) else None  # not isinstance: a bool is no number


def flag(value: Any, _: datetime) -> bool | None:
    """Read a boolean."""
    return value if isinstance(value, bool) else None


def count(value: Any, _: datetime) -> int | None:
    """Read a number of things, 0 or more."""
    return value if type(value) is int and 0 <= value <= INT64_MOST else None


def rank(value: Any, _: datetime) -> int | None:
    """Read a position, 1 = best."""
    return value if type(value) is int and 1 <= value <= INT64_MOST else None


def status(value: Any, _: datetime) -> int | None:
    """Read an HTTP status."""
    return value if type(value) is int and 100 <= value <= 599 else None


def score(value: Any, _: datetime) -> float | None:
    """Read a score, on the scale of its metric."""
    return float(value) if type(value) in (int, float) and value >= 0 else None


def first(value: Any, _: datetime) -> str | None:
    """Read the first of a list of texts."""
    return value[0] if isinstance(value, list) and value and isinstance(value[0], str) else None


def last(value: Any, _: datetime) -> str | None:
    """Read the last of a list of texts."""
    return value[-1] if isinstance(value, list) and value and isinstance(value[-1], str) else None


def number(value: Any, arrived_at: datetime) -> int | None:
    """Read a number of things that may also be written as text."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < len(str(INT64_MOST)):
        return int(value)
    return count(value, arrived_at)


def measure(value: Any, arrived_at: datetime) -> float | None:
    """Read a score that may also be written as text."""
    if isinstance(value, str):
        return float(value) if _DECIMAL.fullmatch(value) else None
    return score(value, arrived_at)


def country(value: Any, _: datetime) -> str | None:
    """Read a country as ISO 3166-1 alpha-2, whatever its case."""
    return value.upper() if isinstance(value, str) and len(value) == 2 and value.isascii() and value.isalpha() else None


class Take(NamedTuple):
    """What becomes of one provider field."""

    field: str
    read: Reader
    plain: type | None = None  #: a value of exactly this type is taken as it is, without being read


Finish = Callable[[Record, Mapping[str, Any], Record], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How one kind of row becomes a record."""

    record: str
    takes: Mapping[str, Take]
    metrics: Mapping[str, tuple[str, str]] = field(default_factory=dict)  #: score field -> its metric field and name
    also: tuple[str, ...] = ()  #: fields that the record needs besides, read by `finish` or kept in `extra`
    unsaid: frozenset[str] = frozenset()  #: fields that are not kept in `extra` either
    finish: Finish | None = None  #: reads what takes more than one field; gets record fields, row and `extra`

    @property
    def fields(self) -> tuple[str, ...]:
        """The provider fields that the record needs."""
        return (*self.takes, *self.also)

    def paid_by(self, field: str) -> tuple[str, ...]:
        """Return the provider fields of which one brings a record field; none = it takes no single one, or any."""
        scores = [score for score, (metric, _) in self.metrics.items() if metric == field]
        return tuple(name for name, take in self.takes.items() if take.field in (field, *scores))

    def record_of(self, data: Any, arrived_at: datetime, given: Mapping[str, Any]) -> Record:
        """Return the record of a row; `given` is what the report itself says of it. Raises UnreadableRow."""
        if isinstance(data, str):
            raise UnreadableRow("a line whose fields cannot be told apart beyond doubt")
        if not isinstance(data, dict):
            raise UnreadableRow(f"a row is {type(data).__name__}, not an object")
        fields, extra, take_of = dict(given), {}, self.takes.get
        for name, value in data.items():
            take = take_of(name)
            if take is None:
                extra[name] = value
            elif value is not None:
                field_name, read, plain = take
                known = value if type(value) is plain else read(value, arrived_at)
                if known is not None:
                    fields[field_name] = known
                elif value != []:
                    extra[name] = value
        self._finish(fields, data, extra)
        return complete(self.record, fields)

    def _finish(self, fields: Record, data: Mapping[str, Any], extra: Record) -> None:
        for score, (metric, name) in self.metrics.items():
            if score in fields:
                fields[metric] = name
        for name in self.unsaid:
            extra.pop(name, None)
        if self.finish is not None:
            self.finish(fields, data, extra)
        fields["extra"] = extra or None


@runtime_checkable
class Shaped(Protocol):
    """An exchange whose rows have one shape."""

    @property
    def shape(self) -> Shape:
        """How its rows become records."""


def note_precision(fields: Record, data: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Note if one of the row's dates came without its time of day."""
    for name in names:
        value = data.get(name)
        if type(value) is str and len(value) == DAY_CHARS:
            fields["dates_precision"] = "day"


def dates_of(*names: str) -> Finish:
    """Return what notes the precision of a row whose dates are in these fields."""

    def finish(fields: Record, data: Mapping[str, Any], extra: Record) -> None:
        note_precision(fields, data, names)

    return finish


_GRANULARITIES = {1: "day", 7: "week", **dict.fromkeys(range(28, 32), "month"), 365: "year", 366: "year"}


def granularity(days: Iterable[date]) -> str | None:
    """Return the usual distance between the points of a history; None if there are too few, or it has no name.

    For providers that do not tell it, or tell another one than they deliver.
    """
    gaps = [(later - earlier).days for earlier, later in pairwise(sorted(set(days)))]
    return _GRANULARITIES.get(median_low(gaps)) if gaps else None
