"""Keyset paging: reading a sorted report to its end where the provider has neither offset nor cursor.

Strategy. The report is sorted by one column that is never null, and the next page is asked for with a filter:
"column from the last value on". That filter includes the last value, because several rows may share it; a
`Level` remembers which rows of that value were seen (as a multiset, since equal rows exist) and skips them.

When a whole page shares one value, more rows may share it than one page holds. Then the walk goes one level
deeper: inside that value, sorted by the next column of the chain. When the inner walk ends, the outer one goes
on behind the value. A row is new if no level of the stack has seen it. Only when the last column of the chain
cannot tell the rows apart either are rows out of reach; the walk says so and goes on behind them.

Times are whole seconds since 1970 and are filtered by second or, where a provider does not take a time of day,
by day (`Walk.by_day`). What was seen is always compared by the second, so the change loses and doubles nothing.
Whatever the provider answers, each page advances, goes deeper, asks for more or ends: no walk loops.
"""

import operator
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import takewhile
from typing import Literal, NamedTuple

from harvester.model import Cursor

Value = int | float
Operator = Literal["eq", "gt", "gte", "lt", "lte"]

NUMBER, SECOND, DAY = 0, 1, 86_400

#: A page of one value that was asked for with fewer rows is asked for again with more; from here on it is split.
SPLIT_ROWS = 100

HOLDS: Mapping[Operator, Callable[[Value, Value], bool]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One column of the chain that a report is sorted and filtered by."""

    field: str
    step: int = NUMBER  #: NUMBER, or how finely the provider keeps the time: SECOND, DAY
    descending: bool = False
    nullable: bool = False  #: rows without a value exist, and no filter reaches them

    def is_beyond(self, value: Value, at: Value) -> bool:
        """Return whether `value` comes after `at` in this column's order."""
        return value < at if self.descending else value > at


class Bound(NamedTuple):
    """One condition of a filter."""

    key: Key
    operator: Operator
    value: Value


class Lines(NamedTuple):
    """What the walk needs of the rows of one page."""

    values: Sequence[tuple[Value | None, ...]]  #: of each row, one for each column in use; None = not delivered
    identify: Callable[[int], str]  #: what tells the n-th row from others of the same value; asked only where needed


class Extent(Enum):
    """What the number of rows on a page says about the rows behind it."""

    LAST = "certainly nothing"
    SHORT = "probably nothing: fewer than asked for, and no limit is known to have cut it"
    FULL = "probably more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """How far the walk along one column has come."""

    at: Value | None = None  #: the last value read; None = not begun
    seen: Mapping[str, int] | None = field(default_factory=dict)  #: rows read at `at`, counted; None = all of them
    again_rows: int = 0  #: rows that the next page is known to repeat
    has_gap: bool = False  #: rows inside it are known to be out of reach, and that was said

    def json(self) -> Mapping[str, object]:
        """Return the level as a JSON object."""
        seen = None if self.seen is None else dict(self.seen)
        return {"at": self.at, "seen": seen, "again_rows": self.again_rows, "has_gap": self.has_gap}


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one page means for the walk."""

    new: Sequence[int]  #: indexes of the lines that no earlier page brought
    next: "Walk | None"  #: None = the walk has ended
    incomplete: str | None = None  #: which rows cannot be reached, and why


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """Where the reading of one report stands: a stack of levels, the innermost last."""

    keys: tuple[Key, ...]
    levels: tuple[Level, ...] = (Level(),)
    whole_days: bool = False  #: times are filtered by day only

    @classmethod
    def at(cls, cursor: Cursor, keys: tuple[Key, ...]) -> "Walk":
        """Return the walk that a cursor stands for."""
        if not cursor:
            return cls(keys=keys)
        levels = tuple(Level(**level) for level in cursor["levels"])
        return cls(keys=keys, levels=levels, whole_days=cursor["whole_days"])

    def cursor(self) -> Cursor:
        """Return the walk as a JSON object."""
        return {"levels": [level.json() for level in self.levels], "whole_days": self.whole_days}

    @property
    def depth(self) -> int:
        """How many columns of the chain are in use."""
        return len(self.levels)

    @property
    def key(self) -> Key:
        """The column to sort by."""
        return self.keys[self.depth - 1]

    @property
    def level(self) -> Level:
        """The innermost level."""
        return self.levels[-1]

    @property
    def bounds(self) -> tuple[Bound, ...]:
        """The conditions of the next request."""
        return (*(bound for i in range(self.depth - 1) for bound in self._inside(i)), *self._onward())

    @property
    def is_by_the_clock(self) -> bool:
        """Whether a condition of the next request names a time of day."""
        return any(bound.key.step and bound.value % DAY for bound in self.bounds)

    def by_day(self) -> "Walk | None":
        """Return the same position with times filtered by day; None if that is not possible (any more).

        Only the innermost walk can change its filter. One that was begun inside a single second and has read
        nothing yet is given up for that; one that has read something has proven that seconds work.
        """
        if self.whole_days or not self.is_by_the_clock:
            return None
        first = next(i for i, level in enumerate(self.levels) if self.keys[i].step and level.at is not None)
        if first == self.depth - 1:
            return replace(self, whole_days=True)
        if first == self.depth - 2 and self.level.at is None:
            outer = replace(self.levels[first], again_rows=0)
            return replace(self, levels=(*self.levels[:first], outer), whole_days=True)
        return None

    def take(self, lines: Lines, extent: Extent, *, may_grow: bool) -> Taken:
        """Return which lines are new and where the walk goes on.

        `may_grow`: the same page may be asked for with more rows than this time.
        """
        walk = self
        if self._is_filter_doubtful(lines) and (coarse := self.by_day()) is not None:
            if coarse.depth < self.depth or not self.has_early(lines):
                return Taken(new=(), next=coarse)
            walk = coarse  # the provider itself cut the time off: this is the page that `coarse` asks for
        return _Turn(walk, lines).taken(extent if lines.values else Extent.LAST, may_grow=may_grow)

    def _is_filter_doubtful(self, lines: Lines) -> bool:
        """Return whether the page looks as if a time of day in the filter was not honoured."""
        if self.level.at is None:
            return not lines.values or self.has_outside(lines)
        return self.has_early(lines) or not self.has_known(lines)

    def has_early(self, lines: Lines) -> bool:
        """Return whether a line lies before what the innermost condition asked for."""
        values = [value for line in lines.values if (value := line[-1]) is not None]
        if not values:
            return False
        earliest = max(values) if self.key.descending else min(values)
        return any(not HOLDS[bound.operator](earliest, bound.value) for bound in self._onward())

    def has_outside(self, lines: Lines) -> bool:
        """Return whether a line lies outside the values that the outer levels are inside of."""
        return self.depth > 1 and any(self.is_outside(values) for values in lines.values)

    def is_outside(self, values: Sequence[Value | None]) -> bool:
        """Return whether a line of these values lies outside a value that an outer level is inside of."""
        return any(self.bucket(i, values[i]) != self.bucket(i, self.levels[i].at) for i in range(self.depth - 1))

    def has_known(self, lines: Lines) -> bool:
        """Return whether one of the rows that must come again has come; true if none must, or not yet."""
        (at, seen), i = (self.level.at, self.level.seen), self.depth - 1
        if not seen or (lines.values and self.bucket(i, lines.values[-1][i]) == self.bucket(i, at)):
            return True  # rows of one value come in any order: the known ones may be behind this page
        return any(line[i] == at and lines.identify(n) in seen for n, line in enumerate(lines.values))

    def bucket(self, i: int, value: Value | None) -> Value | None:
        """Return the least value that a filter on column `i` cannot tell from `value`."""
        step = self._step(i)
        return value // step * step if step and value is not None else value

    def behind(self, i: int) -> Level:
        """Return level `i` behind everything that a filter cannot tell from where it is."""
        at, step = self.bucket(i, self.levels[i].at), self._step(i)
        if at is not None and step and not self.keys[i].descending:
            at += step - 1
        return Level(at=at, seen=None)

    def within(self, i: int) -> str:
        """Return the value that level `i` is at, for a user."""
        at, step = self.bucket(i, self.levels[i].at), self._step(i)
        return f"{self.keys[i].field} = {as_time(at, step) if step and at is not None else at}"

    def _step(self, i: int) -> int:
        step = self.keys[i].step
        return DAY if step and self.whole_days else step

    def _inside(self, i: int) -> tuple[Bound, ...]:
        key, step, start = self.keys[i], self._step(i), self.bucket(i, self.levels[i].at)
        assert start is not None  # a level with another one inside has begun
        return (Bound(key, "gte", start), Bound(key, "lt", start + step)) if step else (Bound(key, "eq", start),)

    def _onward(self) -> tuple[Bound, ...]:
        key, level, step = self.key, self.level, self._step(self.depth - 1)
        if level.at is None:
            return ()
        if not step and key.descending:
            return (Bound(key, "lt" if level.seen is None else "lte", level.at),)
        if not step:
            return (Bound(key, "gt" if level.seen is None else "gte", level.at),)
        done_s = 1 if level.seen is None else 0
        if key.descending:
            return (Bound(key, "lt", (level.at - done_s) // step * step + step),)
        return (Bound(key, "gte", (level.at + done_s) // step * step),)


class _Turn:
    """One page met by one walk."""

    def __init__(self, walk: Walk, lines: Lines) -> None:
        self.walk = walk
        self.lines = lines
        self.owed = [None if level.seen is None else Counter(level.seen) for level in walk.levels]
        self.values = [values[-1] for values in lines.values]
        self.remarks: list[str] = []

    def taken(self, extent: Extent, *, may_grow: bool) -> Taken:
        moved, new = self._sift()
        begun = self.walk.level.at is not None
        ended = extent is Extent.LAST or (extent is Extent.SHORT and begun and not moved)
        self._mind_the_filter()
        self._mind_the_nulls(has_more=bool(moved) if begun else extent is Extent.FULL)
        if not ended and (fault := self._fault()):
            self.remarks.append(fault)
            ended = True
        following = self._out() if ended else self._on(extent, may_grow=may_grow)
        return Taken(new=new, next=following, incomplete="; ".join(self.remarks) or None)

    def _sift(self) -> tuple[bool, list[int]]:
        """Return whether the innermost walk met a row it had not, and the rows that no level had met."""
        inner, moved = self.walk.depth - 1, [n for n in range(len(self.values)) if self._passes(self.walk.depth - 1, n)]
        if inner == 0:
            return bool(moved), moved
        moved = [n for n in moved if not self.walk.is_outside(self.lines.values[n])]
        return bool(moved), [n for n in moved if all(self._passes(i, n) for i in reversed(range(inner)))]

    def _passes(self, i: int, n: int) -> bool:
        """Return whether level `i` has not met line `n`; a row that it owes is thereby paid back."""
        at, value, owed = self.walk.levels[i].at, self.lines.values[n][i], self.owed[i]
        if at is None:
            return True
        if value is None or value != at:
            return value is not None and self.walk.keys[i].is_beyond(value, at)
        if owed is None:
            return False
        identity = self.lines.identify(n)
        if owed[identity] > 0:
            owed[identity] -= 1
            return False
        return True

    def _mind_the_filter(self) -> None:
        """Remark on rows that the filter should not have let through, or should have and did not."""
        walk = self.walk
        if not walk.key.step and not walk.has_known(self.lines):
            self.remarks.append(f"the rows at {walk.within(walk.depth - 1)} did not come again: others may be missing")
        if walk.level.at is not None and None in self.values:
            self.remarks.append(f"rows came without {walk.key.field}, by which they are paged")
        if walk.has_outside(self.lines):
            self.remarks.append(f"rows came that are not at {walk.within(walk.depth - 2)}: others may be missing")

    def _mind_the_nulls(self, *, has_more: bool) -> None:
        """Remark once on rows without a value, if they may lie behind the first page."""
        key, level = self.walk.key, self.walk.level
        if key.nullable and has_more and not level.has_gap:
            self.remarks.append(f"rows without {key.field} cannot be paged, so they may be missing")

    def _fault(self) -> str | None:
        """Return why the walk cannot go on from this page."""
        walk, key = self.walk, self.walk.key
        values = [value for value in self.values if value is not None]
        if self.values[-1] is None or (len(values) < len(self.values) and not key.nullable):
            return f"rows have no {key.field}, so nothing behind them can be asked for"
        if values != sorted(values, reverse=key.descending):
            return f"the rows are not sorted by {key.field}, so nothing behind them can be asked for"
        if walk.has_early(self.lines):
            return f"the filter on {key.field} was not honoured, so nothing behind these rows can be asked for"
        return None

    def _on(self, extent: Extent, *, may_grow: bool) -> Walk:
        walk, i = self.walk, self.walk.depth - 1
        is_stuck = extent is Extent.FULL and walk.bucket(i, self.values[0]) == walk.bucket(i, self.values[-1])
        is_last = walk.depth == len(walk.keys)
        here = replace(walk, levels=(*walk.levels[:-1], self._level()))
        if is_stuck and is_last and not may_grow:
            shared = ", ".join(here.within(n) for n in range(here.depth))
            self.remarks.append(f"{len(self.values)} rows or more share {shared}: no further page of them can be had")
            return replace(here, levels=(*self._outer(), here.behind(i)))
        if is_stuck and not is_last and not (may_grow and len(self.values) < SPLIT_ROWS):
            return replace(here, levels=(*self._outer(), here.level, Level()))
        return replace(here, levels=(*self._outer(), here.level))

    def _level(self) -> Level:
        """Return the innermost level after this page."""
        walk, level, last = self.walk, self.walk.level, self.values[-1]
        assert last is not None  # `_fault` has seen to it
        bucket = walk.bucket(walk.depth - 1, last)
        repeated = takewhile(lambda value: walk.bucket(walk.depth - 1, value) == bucket, reversed(self.values))
        again_rows = sum(1 for _ in repeated)
        at = last if level.at is None or walk.key.is_beyond(last, level.at) else level.at
        level = replace(level, again_rows=again_rows, has_gap=level.has_gap or bool(self.remarks))
        if at == level.at and level.seen is None:
            return level
        seen = Counter(self.lines.identify(n) for n, value in enumerate(self.values) if value == at)
        if at == level.at and level.seen is not None:
            seen |= Counter(level.seen)  # rows of one value come in any order: what is not on this page was on another
        return replace(level, at=at, seen=dict(seen))

    def _outer(self) -> list[Level]:
        """Return the levels around the innermost, less the rows that have come again."""
        pairs = zip(self.walk.levels[:-1], self.owed[:-1], strict=True)
        has_gap = bool(self.remarks)
        return [
            replace(level, seen=None if owed is None else dict(+owed), has_gap=level.has_gap or has_gap)
            for level, owed in pairs
        ]

    def _out(self) -> Walk | None:
        """Return the walk after its innermost level has ended."""
        walk, outer = self.walk, self._outer()
        if not outer:
            return None
        if outer[-1].seen and not outer[-1].has_gap:
            known = walk.within(walk.depth - 2)
            self.remarks.append(f"not all known rows of {known} came again: others may be missing")
        return replace(walk, levels=(*outer[:-1], walk.behind(walk.depth - 2)))


def as_time(seconds: Value, step: int) -> str:
    """Return whole seconds since 1970 as ISO 8601, without the time of day where `step` is a day."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return moment.date().isoformat() if step == DAY else moment.isoformat(timespec="seconds").replace("+00:00", "Z")
