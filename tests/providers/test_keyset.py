"""Keyset walks: every row once, or the walk says what it could not reach; and no walk loops."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.providers.keyset import DAY, HOLDS, SECOND, Bound, Extent, Key, Level, Lines, Value, Walk, as_time

WHEN, SIZE, RANK = Key(field="when", step=SECOND), Key(field="size"), Key(field="rank")
CHAIN = (WHEN, SIZE, RANK)

Clock = Literal["honoured", "refused", "cut off"]


class Fact(NamedTuple):
    """A row of the report; `name` is no column, and two rows may be equal."""

    name: str
    when: int
    size: int
    rank: int


@dataclass
class Report:
    """A provider that filters, sorts by one column and cuts at its own limit, and never in a stable order of ties."""

    facts: Sequence[Fact]
    cap_rows: int
    clock: Clock = "honoured"
    asked: list[tuple[Bound, ...]] = field(default_factory=list)

    def answer(self, walk: Walk, limit_rows: int) -> list[Fact] | None:
        """Return a page, or None = "bad filter"."""
        self.asked.append(walk.bounds)
        if self.clock == "refused" and walk.is_by_the_clock:
            return None
        found = [fact for fact in self.facts if all(self._holds(fact, bound) for bound in walk.bounds)]
        found.sort(key=lambda fact: hash((fact, len(self.asked))))
        found.sort(key=lambda fact: getattr(fact, walk.key.field), reverse=walk.key.descending)
        return found[: min(limit_rows, self.cap_rows)]

    def _holds(self, fact: Fact, bound: Bound) -> bool:
        limit = bound.value // DAY * DAY if bound.key.step and self.clock == "cut off" else bound.value
        return HOLDS[bound.operator](getattr(fact, bound.key.field), limit)


def lines_of(page: Sequence[Fact], walk: Walk) -> Lines:
    values = [tuple(getattr(fact, key.field) for key in walk.keys[: walk.depth]) for fact in page]
    return Lines(values, lambda n: repr(page[n]))


def extent_of(rows: int, limit_rows: int, cap_rows: int) -> Extent:
    return Extent.FULL if rows >= min(limit_rows, cap_rows) else Extent.LAST


def read_all(report: Report, keys: tuple[Key, ...] = CHAIN, page_rows: int = 1000) -> tuple[list[Fact], list[str]]:
    """Walk a report to its end through cursors written to JSON; return its rows and what is incomplete."""
    rows: list[Fact] = []
    faults: list[str] = []
    walk: Walk | None = Walk(keys=keys)
    most_requests = 40 + 12 * len(report.facts)
    while walk is not None:
        walk = Walk.at(json.loads(json.dumps(walk.cursor())), keys)
        limit = min(max(page_rows, walk.level.again_rows + 1), report.cap_rows)
        page = report.answer(walk, limit)
        if page is None:
            walk = walk.by_day()
            assert walk is not None
            continue
        may_grow = limit < report.cap_rows
        extent = extent_of(len(page), limit, report.cap_rows)
        taken = walk.take(lines_of(page, walk), extent, may_grow=may_grow)
        rows += [page[n] for n in taken.new]
        faults += [taken.incomplete] if taken.incomplete else []
        walk = taken.next
        assert len(report.asked) < most_requests
    return rows, faults


TIMES = st.sampled_from([0, 1, 2, 3, DAY - 1, DAY, DAY + 1, 2 * DAY - 1, 2 * DAY, 5 * DAY + 7])
FACTS = st.lists(st.builds(Fact, st.sampled_from("abcdefgh"), TIMES, st.integers(0, 2), st.integers(0, 2)), max_size=40)
CLOCKS: st.SearchStrategy[Clock] = st.sampled_from(["honoured", "refused", "cut off"])


@settings(max_examples=200, deadline=None)
@given(FACTS, st.integers(1, 7), st.integers(1, 9), CLOCKS, st.lists(st.booleans(), min_size=3, max_size=3))
def test_every_row_comes_exactly_once_or_the_walk_says_so(
    facts: list[Fact], cap_rows: int, page_rows: int, clock: Clock, descending: list[bool]
) -> None:
    keys = tuple(
        Key(field=key.field, step=key.step, descending=down) for key, down in zip(CHAIN, descending, strict=True)
    )
    rows, faults = read_all(Report(facts, cap_rows, clock), keys, page_rows)
    missing, doubled = Counter(facts) - Counter(rows), Counter(rows) - Counter(facts)
    assert not doubled
    assert faults or not missing
    alike = Counter((fact.when if clock == "honoured" else fact.when // DAY, fact.size, fact.rank) for fact in facts)
    # A filter on the last second of a day looks honoured when it is cut off: then the walk may find out too late.
    is_plain = clock != "cut off" or all((fact.when + 1) % DAY for fact in facts)
    if is_plain and all(rows < cap_rows for rows in alike.values()):
        assert not faults


@settings(max_examples=100, deadline=None)
@given(FACTS, st.integers(2, 7))
def test_a_provider_that_ignores_filters_or_order_never_makes_a_walk_loop(facts: list[Fact], cap_rows: int) -> None:
    walk: Walk | None = Walk(keys=CHAIN)
    for _ in range(40):
        if walk is None:
            break
        page = facts[:cap_rows]
        walk = walk.take(lines_of(page, walk), extent_of(len(page), 1000, cap_rows), may_grow=False).next
    assert walk is None


SIZES = (SIZE, RANK)


def page_of(*values: tuple[Value | None, ...]) -> Lines:
    return Lines(values, lambda n: f"row {values[n]}")


def at(value: Value, *rows: tuple[Value | None, ...]) -> Level:
    return Level(at=value, seen=Counter(f"row {row}" for row in rows), again_rows=len(rows))


def test_a_walk_sorts_by_its_innermost_column_and_stays_inside_the_outer_value() -> None:
    down = Key(field="rank", descending=True)
    walk = Walk(keys=(WHEN, SIZE, down), levels=(at(DAY + 5), at(3), at(9)))
    assert walk.key is down
    assert [(bound.key.field, bound.operator, bound.value) for bound in walk.bounds] == [
        ("when", "gte", DAY + 5),
        ("when", "lt", DAY + 6),
        ("size", "eq", 3),
        ("rank", "lte", 9),
    ]
    days = replace(walk, whole_days=True)
    assert [bound.value for bound in days.bounds[:2]] == [DAY, 2 * DAY]


@pytest.mark.parametrize(
    ("descending", "whole_days", "bound", "behind"),
    [
        (False, False, ("gte", DAY + 5), ("gte", DAY + 6)),
        (True, False, ("lt", DAY + 6), ("lt", DAY + 5)),
        (False, True, ("gte", DAY), ("gte", 2 * DAY)),
        (True, True, ("lt", 2 * DAY), ("lt", DAY)),
    ],
)
def test_times_are_bounded_by_second_or_by_day(
    descending: bool, whole_days: bool, bound: tuple[str, int], behind: tuple[str, int]
) -> None:
    walk = Walk(keys=(replace(WHEN, descending=descending),), levels=(at(DAY + 5),), whole_days=whole_days)
    assert [each[1:] for each in walk.bounds] == [bound]
    assert [each[1:] for each in replace(walk, levels=(walk.behind(0),)).bounds] == [behind]


@pytest.mark.parametrize(("descending", "operators"), [(False, ("gte", "gt")), (True, ("lte", "lt"))])
def test_numbers_are_bounded_by_the_number_itself(descending: bool, operators: tuple[str, str]) -> None:
    walk = Walk(keys=(replace(SIZE, descending=descending),), levels=(at(7.5),))
    assert [each[1:] for each in walk.bounds] == [(operators[0], 7.5)]
    assert [each[1:] for each in replace(walk, levels=(walk.behind(0),)).bounds] == [(operators[1], 7.5)]


def test_known_rows_of_a_number_that_stay_away_are_told() -> None:
    walk = Walk(keys=SIZES, levels=(at(3, (3,)),))
    taken = walk.take(page_of((4,), (5,)), Extent.LAST, may_grow=False)
    assert list(taken.new) == [0, 1]
    assert taken.incomplete == "the rows at size = 3 did not come again: others may be missing"
    assert walk.take(page_of((3,), (5,)), Extent.LAST, may_grow=False).incomplete is None


def test_rows_without_a_value_on_a_later_page_are_left_out_and_told() -> None:
    walk = Walk(keys=SIZES, levels=(at(3, (3,)),))
    taken = walk.take(page_of((3,), (4,), (None,)), Extent.LAST, may_grow=False)
    assert (list(taken.new), taken.next) == ([1], None)
    assert taken.incomplete == "rows came without size, by which they are paged"


def test_rows_outside_the_outer_value_are_left_out_and_told() -> None:
    walk = Walk(keys=SIZES, levels=(at(3), Level()))
    taken = walk.take(page_of((3, 1), (4, 1)), Extent.LAST, may_grow=False)
    assert list(taken.new) == [0]
    assert taken.incomplete == "rows came that are not at size = 3: others may be missing"
    assert taken.next is not None
    assert taken.next.levels == (Level(at=3, seen=None, has_gap=False),)


def test_an_inner_walk_that_does_not_meet_all_known_rows_again_is_told() -> None:
    walk = Walk(keys=SIZES, levels=(at(3, (3, 1), (3, 2)), Level()))
    taken = walk.take(page_of((3, 1), (3, 7)), Extent.LAST, may_grow=False)
    assert list(taken.new) == [1]
    assert taken.incomplete == "not all known rows of size = 3 came again: others may be missing"


def test_a_filter_that_lets_earlier_rows_through_ends_the_walk() -> None:
    walk = Walk(keys=SIZES, levels=(at(3, (3,)),))
    taken = walk.take(page_of((1,), (3,)), Extent.FULL, may_grow=False)
    assert (list(taken.new), taken.next) == ([], None)
    assert taken.incomplete == "the filter on size was not honoured, so nothing behind these rows can be asked for"


def test_equal_rows_are_counted_and_not_taken_for_one() -> None:
    walk = Walk(keys=SIZES, levels=(at(3, (3,), (3,)),))
    assert list(walk.take(page_of((3,), (3,), (3,)), Extent.LAST, may_grow=False).new) == [2]


def test_seconds_that_have_proven_to_work_are_not_given_up() -> None:
    walk = Walk(keys=CHAIN, levels=(at(DAY + 5), at(2)))
    assert walk.is_by_the_clock
    assert walk.by_day() is None
    begun = replace(walk, levels=(at(DAY + 5, (DAY + 5,)), Level()))
    assert begun.by_day() == Walk(keys=CHAIN, levels=(replace(begun.levels[0], again_rows=0),), whole_days=True)


def test_a_walk_at_midnight_needs_no_time_of_day() -> None:
    assert not Walk(keys=CHAIN, levels=(at(DAY),)).is_by_the_clock
    assert (as_time(DAY + 5, SECOND), as_time(DAY, DAY)) == ("1970-01-02T00:00:05Z", "1970-01-02")


def test_a_cursor_is_plain_json_and_comes_back_whole() -> None:
    walk = Walk(keys=CHAIN, levels=(at(DAY + 5, (1,), (1,)), Level(at=3.5, seen=None)), whole_days=True)
    assert Walk.at(json.loads(json.dumps(walk.cursor())), CHAIN) == walk
    assert Walk.at({}, CHAIN) == Walk(keys=CHAIN)
