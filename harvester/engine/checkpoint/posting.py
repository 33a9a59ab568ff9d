"""A group of entries into the tables: one statement for each kind of change, however many entries there are.

Each step of SQLite gives up Python's lock and has to wait for it again while the event loop is busy: statements for
each entry would make the lanes wait for their holds. So a group is summed up first, and travels as JSON.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from harvester.codec import dump
from harvester.engine.checkpoint.database import NO_LINE, NO_ROUND
from harvester.engine.ports import Entry, State, Tally, Work, stage_list
from harvester.errors import StorageError
from harvester.model import Seeds

COUNTS = tuple(each.name for each in fields(Tally))  #: the columns of `lanes` that a tally adds to


@dataclass(slots=True)
class Group:
    """What a group of entries comes to."""

    holds: list[tuple[object, ...]] = field(default_factory=list)
    doubts: list[tuple[int, int]] = field(default_factory=list)  #: units, and the hold that they come from
    settled: list[int] = field(default_factory=list)  #: holds that end
    lanes: dict[str, tuple[Tally, float]] = field(default_factory=dict)  #: what is added, and the last time
    learnt: dict[tuple[str, str], int] = field(default_factory=dict)  #: by lane and name
    parts: list[Work] = field(default_factory=list)
    kept: dict[str, Work] = field(default_factory=dict)  #: the last state of each task that goes on
    set_aside: dict[str, Work] = field(default_factory=dict)
    done: dict[str, Work] = field(default_factory=dict)
    split: list[str] = field(default_factory=list)  #: tasks whose parts take their place
    seeds: list[Seeds] = field(default_factory=list)
    records: Counter[str] = field(default_factory=Counter)  #: by output

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "Group":
        """Sum up entries, in their order."""
        group = cls()
        for entry in entries:
            group._book(entry)
            if entry.work is not None:
                group._place(entry.work, entry.parts)
                group.seeds += entry.seeds
            for output, _, records in entry.lines:
                group.records[output] += records
        return group

    def _book(self, entry: Entry) -> None:
        at = entry.at.timestamp()
        if entry.hold is not None:
            self.holds.append((*entry.hold, at))
        if entry.settles is not None:
            self.settled.append(entry.settles)
            if entry.tally.units_in_doubt:
                self.doubts.append((entry.tally.units_in_doubt, entry.settles))
        before = self.lanes.get(entry.lane)
        self.lanes[entry.lane] = (entry.tally if before is None else before[0] + entry.tally, at)
        for name, value in entry.learnt.items():
            key = entry.lane, name
            self.learnt[key] = max(value, self.learnt.get(key, value))

    def _place(self, work: Work, parts: Sequence[Work]) -> None:
        id_ = work.task.id
        self.parts += parts
        if parts:
            self.split.append(id_)
        elif work.state is State.COMPLETE:
            self.done[id_] = work
        elif work.state is State.SET_ASIDE:
            self.set_aside[id_] = work
        else:
            self.kept[id_] = work


def post(db: sqlite3.Connection, group: Group, lengths: Mapping[str, int]) -> None:
    """Make a group and the files' new lengths true, in a transaction that is open. Raises StorageError."""
    _post_holds(db, group)
    _post_counts(db, group)
    add_tasks(db, group.parts)
    _update_tasks(db, "reason", group.kept)
    # Not over `reason`: if the task is tried again, rows that its earlier pages lacked are still missing.
    _update_tasks(db, "given_up", group.set_aside)
    _delete(db, "tasks", [*group.done, *group.split])
    _post_harvests(db, group.done.values())
    if group.seeds:
        _post_seeds(db, group.seeds)
    db.executemany(
        "INSERT INTO outputs (name, records) VALUES (?, ?)"
        " ON CONFLICT DO UPDATE SET records = records + excluded.records",
        group.records.items(),
    )
    db.executemany("UPDATE outputs SET bytes = ? WHERE name = ?", ((n, name) for name, n in lengths.items()))


def add_tasks(db: sqlite3.Connection, works: Iterable[Work]) -> None:
    """Add tasks that have not begun, in a transaction that is open."""
    rows = [(work.task.id, work.task.harvest, _json(work.task.targets), work.state.value) for work in works]
    if rows:
        db.execute(f"INSERT INTO tasks (id, harvest, targets, state) {_columns(4)}", (_json(rows),))


def _post_holds(db: sqlite3.Connection, group: Group) -> None:
    if group.holds:
        db.execute(f"INSERT INTO holds {_columns(6)}", (_json(group.holds),))
    db.executemany(
        "INSERT INTO doubts (lane, units, mark, at) SELECT lane, ?, mark, at FROM holds WHERE id = ?", group.doubts
    )
    _delete(db, "holds", group.settled)


def _post_counts(db: sqlite3.Connection, group: Group) -> None:
    db.executemany(
        f"UPDATE lanes SET {', '.join(f'{name} = {name} + ?' for name in COUNTS)}, last_at = ? WHERE name = ?",
        ((*(getattr(added, name) for name in COUNTS), at, lane) for lane, (added, at) in group.lanes.items()),
    )
    db.executemany(
        "INSERT INTO facts SELECT provider, ?, ? FROM lanes WHERE name = ?"
        " ON CONFLICT DO UPDATE SET value = max(value, excluded.value)",
        ((name, value, lane) for (lane, name), value in group.learnt.items()),
    )


def _post_seeds(db: sqlite3.Connection, found: Iterable[Seeds]) -> None:
    """Add targets to the lists of the harvests that they are for: each once, behind those that are there."""
    lists = [(stage_list(seeds.harvest), seeds) for seeds in found]
    targets = [(name, target, seeds.scope) for name, seeds in lists for target in seeds.targets]
    # What the job's own list says of a target is as true here.
    db.execute(
        "INSERT OR IGNORE INTO targets (scope, name, labels, round)"
        f" SELECT a, b, (SELECT labels FROM targets WHERE scope = c AND name = b), {NO_ROUND} FROM ({_columns(3)})",
        (_json(targets),),
    )
    rejected = [(name, text, why) for name, seeds in lists for text, why in seeds.rejected.items()]
    db.execute(
        f"INSERT OR IGNORE INTO rejected SELECT a, {NO_LINE}, b, c FROM ({_columns(3)})",
        (_json(rejected),),
    )


def _post_harvests(db: sqlite3.Connection, done: Iterable[Work]) -> None:
    sums: dict[str, list[int]] = {}
    for work in done:
        added = (1, len(work.task.targets), work.pages, work.rows, work.units)
        sums[work.task.harvest] = [a + b for a, b in zip(sums.get(work.task.harvest, [0] * 5), added, strict=True)]
    db.executemany(
        "UPDATE harvests SET complete = complete + ?, complete_targets = complete_targets + ?, pages = pages + ?,"
        " rows = rows + ?, units = units + ? WHERE name = ?",
        ((*added, name) for name, added in sums.items()),
    )


def _update_tasks(db: sqlite3.Connection, column: str, works: Mapping[str, Work]) -> None:
    """Change exactly those tasks; `column` takes the reason. Raises StorageError."""
    if not works:
        return
    rows = [
        (id_, work.state.value, _json(work.cursor), work.pages, work.rows, work.units, work.reason)
        for id_, work in works.items()
    ]
    changed = db.execute(
        f"UPDATE tasks SET (state, cursor, pages, rows, units, {column}) = (new.b, new.c, new.d, new.e, new.f, new.g)"
        f" FROM ({_columns(7)}) AS new WHERE id = new.a",
        (_json(rows),),
    )
    _refuse_if_fewer("tasks", changed.rowcount, len(rows))


def _delete(db: sqlite3.Connection, table: str, ids: Sequence[object]) -> None:
    """Remove exactly those rows. Raises StorageError."""
    if ids:
        changed = db.execute(f"DELETE FROM {table} WHERE id IN (SELECT value FROM json_each(?))", (_json(ids),))
        _refuse_if_fewer(table, changed.rowcount, len(ids))


def _refuse_if_fewer(table: str, changed: int, meant: int) -> None:
    """Raise StorageError unless each was there once: anything else would count something twice or not at all."""
    if changed != meant:
        raise StorageError(f"the checkpoint lacks {meant - changed} of {meant} {table}: it was changed from outside")


def _columns(number: int) -> str:
    """Return a query for the rows of a JSON list of lists, their columns named a, b, c and so on."""
    names = ", ".join(f"json_extract(value, '$[{at}]') AS {chr(ord('a') + at)}" for at in range(number))
    return f"SELECT {names} FROM json_each(?)"


def _json(value: Any) -> str:
    return dump(value).decode()
