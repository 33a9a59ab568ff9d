"""Keyset walks: every row once, or the walk says what it could not reach; and no walk loops."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.providers.paging import DAY, HOLDS, SECOND, Bound, Extent, Key, Lines, Walk

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
@given(FACTS, st.integers(2, 7), st.randoms(use_true_random=False))
def test_a_provider_that_ignores_filters_or_order_never_makes_a_walk_loop(
    facts: list[Fact], cap_rows: int, chance: object
) -> None:
    walk: Walk | None = Walk(keys=CHAIN)
    for _ in range(40):
        if walk is None:
            break
        page = facts[:cap_rows]
        walk = walk.take(lines_of(page, walk), extent_of(len(page), 1000, cap_rows), may_grow=False).next
    assert walk is None
