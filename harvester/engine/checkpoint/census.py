"""What a job's state says of itself: read-only, also while a run writes it."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace

from harvester.codec import parse
from harvester.engine.checkpoint.database import NO_LINE, reading
from harvester.engine.ports import State, Tally, stage_list


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCount:
    """The sums of a provider's lanes."""

    tally: Tally
    units_held: int
    balance: int | None  #: as last read, over all keys that told one
    charged: int | None = None  #: for the job, by the accounts' own count; None = they do not tell


@dataclass(frozen=True, slots=True, kw_only=True)
class HarvestCount:
    """The sums of a harvest's tasks."""

    tasks: Mapping[State, int]
    targets: int  #: in finished tasks
    pages: int
    rows: int
    units: int
    #: Of a staged harvest: targets that came for its list; None = it asks about the job's.
    listed: int | None = None
    undrawn: int = 0  #: tasks that these make, and that have not been drawn
    rejected: int = 0  #: values that came for its list and are no targets


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One output file, as committed."""

    records: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A finished task that is not complete."""

    harvest: str
    targets: tuple[str, ...]
    state: State
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """Everything that is counted in a job."""

    targets: int
    rejected: int
    harvests: Mapping[str, HarvestCount]
    providers: Mapping[str, ProviderCount]
    outputs: Mapping[str, Output]

    def tasks(self, state: State) -> int:
        """Return how many tasks of the job are in a state."""
        return sum(harvest.tasks[state] for harvest in self.harvests.values())


def take_census(db: sqlite3.Connection, scope: str) -> Census:
    """Count a job; `scope` is the job's own, by which its targets are counted. Raises StorageError."""
    with reading(db):
        return _census(db, scope)


def _census(db: sqlite3.Connection, scope: str) -> Census:
    with_transaction = db.in_transaction
    if not with_transaction:
        db.execute("BEGIN")  # one moment for all the questions
    try:
        return Census(
            targets=count_targets(db, scope),
            rejected=_number(db, "SELECT count(*) FROM rejected WHERE line <> ?", NO_LINE),
            harvests={name: _harvest(db, name) for (name,) in db.execute("SELECT name FROM harvests").fetchall()},
            providers={
                name: _provider(db, name) for (name,) in db.execute("SELECT DISTINCT provider FROM lanes").fetchall()
            },
            outputs={
                name: Output(records=records, bytes=size)
                for name, records, size in db.execute("SELECT name, records, bytes FROM outputs ORDER BY name")
            },
        )
    finally:
        if not with_transaction:
            db.execute("COMMIT")


def count_targets(db: sqlite3.Connection, scope: str) -> int:
    """Return how many different targets the lists hold, as a scope asks about them."""
    return _number(db, "SELECT count(*) FROM targets WHERE scope = ?", scope)


def first_target(db: sqlite3.Connection, scope: str) -> str | None:
    """Return the first target of the lists, as a scope asks about it; None if they hold none."""
    row = db.execute("SELECT name FROM targets WHERE scope = ? ORDER BY id LIMIT 1", (scope,)).fetchone()
    return None if row is None else str(row[0])


def meta_of(db: sqlite3.Connection, key: str) -> str | None:
    """Return a remark on the job."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])


def troubles(db: sqlite3.Connection, limit: int) -> list[Trouble]:
    """Return the first tasks that were set aside or are incomplete."""
    rows = db.execute(
        "SELECT harvest, targets, state, coalesce(given_up, reason) FROM tasks"
        " WHERE state IN ('set_aside', 'incomplete') ORDER BY number LIMIT ?",
        (limit,),
    )
    return [
        Trouble(harvest=row[0], targets=tuple(parse(row[1])), state=State(row[2]), reason=row[3] or "") for row in rows
    ]


def rejected_lines(db: sqlite3.Connection, limit: int) -> list[tuple[str, int, str, str]]:
    """Return the first lines that are not targets: source, line, text, reason."""
    query = "SELECT source, line, text, reason FROM rejected WHERE line <> ? ORDER BY rowid LIMIT ?"
    return db.execute(query, (NO_LINE, limit)).fetchall()


def rejected_values(db: sqlite3.Connection, harvest: str, limit: int) -> list[tuple[str, str]]:
    """Return the first values that came for a staged harvest's list and are no targets, and why."""
    query = "SELECT text, reason FROM rejected WHERE source = ? AND line = ? ORDER BY rowid LIMIT ?"
    return db.execute(query, (stage_list(harvest), NO_LINE, limit)).fetchall()


def _harvest(db: sqlite3.Connection, name: str) -> HarvestCount:
    scope, per_task, last, complete, done, pages, rows, units = db.execute(
        "SELECT scope, targets_per_task, last_target, complete, complete_targets, pages, rows, units FROM harvests"
        " WHERE name = ?",
        (name,),
    ).fetchone()
    if per_task == 0:
        undrawn = _number(db, "SELECT count(*) FROM sets WHERE harvest = ? AND id > ?", name, last)
    else:
        left = _number(db, "SELECT count(*) FROM targets WHERE scope = ? AND id > ?", scope, last)
        undrawn = -(-left // per_task)
    tasks = dict.fromkeys(State, 0) | {State.COMPLETE: complete, State.WAITING: undrawn}
    for state, count, more_pages, more_rows, more_units, targets in db.execute(
        "SELECT state, count(*), sum(pages), sum(rows), sum(units), sum(json_array_length(targets)) FROM tasks"
        " WHERE harvest = ? GROUP BY state",
        (name,),
    ):
        tasks[State(state)] += count
        pages, rows, units = pages + more_pages, rows + more_rows, units + more_units
        done += targets if State(state).is_finished else 0
    found = HarvestCount(tasks=tasks, targets=done, pages=pages, rows=rows, units=units)
    if scope != stage_list(name):
        return found
    rejected = _number(db, "SELECT count(*) FROM rejected WHERE source = ? AND line = ?", scope, NO_LINE)
    return replace(found, listed=count_targets(db, scope), undrawn=undrawn, rejected=rejected)


def _provider(db: sqlite3.Connection, name: str) -> ProviderCount:
    row = db.execute(
        "SELECT sum(requests), sum(retries), sum(throttled), sum(rows), sum(units_spent), sum(units_in_doubt),"
        " sum(balance), CASE count(charged) WHEN count(*) THEN sum(charged) END FROM lanes WHERE provider = ?",
        (name,),
    ).fetchone()
    tally = Tally(
        requests=row[0], retries=row[1], throttled=row[2], rows=row[3], units_spent=row[4], units_in_doubt=row[5]
    )
    held = _number(
        db, "SELECT coalesce(sum(units), 0) FROM holds JOIN lanes ON lanes.name = lane WHERE provider = ?", name
    )
    return ProviderCount(tally=tally, units_held=held, balance=row[6], charged=row[7])


def _number(db: sqlite3.Connection, query: str, *values: object) -> int:
    number: int = db.execute(query, values).fetchone()[0]
    return number
