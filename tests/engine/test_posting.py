"""A group of entries, committed at once: it leaves what its entries leave one after the other."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from random import Random
from typing import Any

import pytest
from engine_kit import HARVEST, LANE, hold_entry, row_lines, take_names
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.engine.checkpoint import SqliteCheckpoint
from harvester.engine.checkpoint.database import make_tables
from harvester.engine.ports import Entry, State, Tally, Work
from harvester.errors import StorageError
from harvester.testing import EPOCH

OTHER_LANE = "acme#2"
TABLES = ("harvests", "lanes", "tasks", "holds", "doubts", "facts", "outputs")
ENDS = (State.COMPLETE, State.INCOMPLETE, State.SET_ASIDE)


@dataclass
class Author:
    """Writes entries that can follow each other."""

    works: list[Work]
    dice: Random
    holds: list[int] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def entries(self, number: int) -> list[Entry]:
        return [self._entry() for _ in range(number)]

    def _entry(self) -> Entry:
        at = EPOCH + timedelta(seconds=self.dice.randint(0, 1000))
        entry = Entry(lane=self.dice.choice([LANE, OTHER_LANE]), at=at)
        if self.holds and self.dice.random() < 0.5:
            entry = self._settling(entry)
        elif self.dice.random() < 0.7:
            self.holds.append(next(self.numbers))
            hold = hold_entry(self.holds[-1], "a.com", units=self.dice.randint(1, 50), lane=entry.lane, at=at)
            entry = replace(entry, hold=hold.hold)
        return self._working(entry) if self.works and self.dice.random() < 0.8 else entry

    def _settling(self, entry: Entry) -> Entry:
        hold = self.holds.pop(self.dice.randrange(len(self.holds)))
        doubt = self.dice.choice([0, 0, 7])
        tally = Tally(
            requests=1, retries=self.dice.randint(0, 2), throttled=1, rows=3, units_spent=5, units_in_doubt=doubt
        )
        learnt = {name: self.dice.randint(0, 9) for name in ("cap", "price") if self.dice.random() < 0.5}
        lines = row_lines(*range(self.dice.randint(1, 3)), output=self.dice.choice(["x.jsonl", "y.jsonl"]))
        return replace(entry, settles=hold, tally=tally, learnt=learnt, lines=lines)

    def _working(self, entry: Entry) -> Entry:
        at = self.dice.randrange(len(self.works))
        work = self.works[at]
        if len(work.task.targets) > 1 and work.pages == 0 and self.dice.random() < 0.3:
            parts = work.halves()
            self.works[at : at + 1] = parts
            return replace(entry, work=work, parts=parts)
        pages = work.pages + 1
        work = replace(work, state=State.OPEN, pages=pages, rows=pages * 3, units=pages * 5, cursor={"at": pages})
        self.works[at] = work
        if self.dice.random() < 0.4:
            del self.works[at]
            state = self.dice.choice(ENDS)
            work = replace(work, state=state, reason=None if state is State.COMPLETE else f"why {pages}")
        return replace(entry, work=work)


def opened() -> sqlite3.Connection:
    """Return the state of a job in memory."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    make_tables(db)
    return db


def prepared(db: sqlite3.Connection) -> tuple[SqliteCheckpoint, list[Work]]:
    """Return a checkpoint with tasks of one to five targets."""
    take_names(db, *(f"t{number}.com" for number in range(12)))
    checkpoint = SqliteCheckpoint(db)
    harvests = [(HARVEST, "subdomains", 5), ("other", "subdomains", 1)]
    checkpoint.begin(harvests, [(LANE, "acme"), (OTHER_LANE, "acme")], outputs=["x.jsonl"])
    return checkpoint, [*checkpoint.draw(HARVEST, 3), *checkpoint.draw("other", 3)]


def content(db: sqlite3.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Return all that is in the tables, but for the numbers that only give an order."""
    found = {}
    for table in TABLES:
        names = [row[1] for row in db.execute(f"PRAGMA table_info({table})") if row[1] != "number"]
        order = "number" if table == "tasks" else ", ".join(name for name in names if (table, name) != ("doubts", "id"))
        shown = ", ".join(name for name in names if (table, name) != ("doubts", "id"))
        found[table] = db.execute(f"SELECT {shown} FROM {table} ORDER BY {order}").fetchall()
    return found


@given(seed=st.integers(0, 2**32), number=st.integers(1, 30))
@settings(max_examples=150)
def test_a_group_leaves_what_its_entries_leave_one_after_the_other(seed: int, number: int) -> None:
    with closing(opened()) as at_once, closing(opened()) as one_by_one:
        together, works = prepared(at_once)
        alone, _ = prepared(one_by_one)
        entries = Author(works, Random(seed)).entries(number)
        together.commit(entries, {"x.jsonl": 7})
        for entry in entries:
            alone.commit([entry], {"x.jsonl": 7})
        assert content(at_once) == content(one_by_one)


def summed(entries: Sequence[Entry]) -> dict[str, list[tuple[Any, ...]]]:
    with closing(opened()) as db:
        checkpoint, _ = prepared(db)
        checkpoint.commit(entries, {})
        return content(db)


def test_the_sums_of_a_group_are_those_of_all_its_entries() -> None:
    first = Entry(
        lane=LANE, at=EPOCH, tally=Tally(requests=1, rows=3, units_spent=5), lines=row_lines(1, 2), learnt={"cap": 9}
    )
    later = EPOCH + timedelta(seconds=5)
    second = replace(first, at=later, tally=Tally(requests=1, rows=4, units_spent=6), learnt={"cap": 8, "price": 2})
    found = summed([hold_entry(1, "a.com"), first, second, Entry(lane=LANE, at=later, settles=1)])
    assert found["lanes"][0][2:9] == (2, 0, 0, 7, 11, 0, later.timestamp())
    assert found["facts"] == [("acme", "cap", 9), ("acme", "price", 2)]
    assert found["outputs"] == [("links.jsonl", 0, 4), ("x.jsonl", 0, 0)]
    assert (found["holds"], found["doubts"]) == ([], []), "a hold that was billed leaves no doubt"


def test_what_a_group_lacks_is_counted() -> None:
    with closing(opened()) as db:
        checkpoint, _ = prepared(db)
        entries = [hold_entry(1, "a.com"), *(Entry(lane=LANE, at=EPOCH, settles=number) for number in (1, 2, 3))]
        with pytest.raises(StorageError, match="the checkpoint lacks 2 of 3 holds: it was changed from outside"):
            checkpoint.commit(entries, {})
        assert content(db)["holds"] == []
