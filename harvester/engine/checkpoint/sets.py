"""The sets of targets that some harvests ask about: from the config, from a column of the list, or the whole list.

A column's sets are gathered while the list is read, because one target may stand in many sets and is yet one target.
What was gathered stays: a list that comes through a pipe may bring only what is new.
A set is a task of its own, so one that was drawn may not change any more.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from harvester.codec import dump
from harvester.errors import ConfigError
from harvester.model import Scope, SetSource

FAULTS_SHOWN = 5


Member = tuple[str, str, str]  #: harvest, name of the set, target


def members_of(
    sources: Iterable[SetSource], names: dict[Scope, str], labels: dict[str, str] | None
) -> Iterator[Member]:
    """Yield which sets of which harvests a line of the list puts its target into; `names`: by scope."""
    for source in sources:
        name = (labels or {}).get(source.column or "", "").strip()
        if source.column is not None and name:
            yield source.harvest, name, names[source.scope]


def add_members(db: sqlite3.Connection, members: Iterable[Member]) -> None:
    """Gather what lines of the list say."""
    db.executemany("INSERT OR IGNORE INTO members (harvest, name, target) VALUES (?, ?, ?)", members)


def make_sets(db: sqlite3.Connection, sources: Sequence[SetSource]) -> None:
    """Turn what was gathered into sets, and check them; inside the transaction that read the list.

    Raises ConfigError if a set is too small or too large, or has changed after it was drawn.
    """
    faults: list[str] = []
    for source in sources:
        faults += _make(db, source)
    if faults:
        more = [f"and {len(faults) - FAULTS_SHOWN} more like that"] if len(faults) > FAULTS_SHOWN else []
        raise ConfigError([*faults[:FAULTS_SHOWN], *more])


def _make(db: sqlite3.Connection, source: SetSource) -> Iterator[str]:
    """Store the sets of one harvest; yield what is wrong with them."""
    at = f'[[harvest]] "{source.harvest}" sets'
    drawn = db.execute("SELECT last_target FROM harvests WHERE name = ?", (source.harvest,)).fetchone()
    last = drawn[0] if drawn else 0
    db.execute("DELETE FROM sets WHERE harvest = ? AND id > ?", (source.harvest, last))  # the list may name others now
    found = 0
    for name, targets in _sets_of(db, source):
        found += 1
        if (fault := _size_fault(source, name, targets)) or (fault := _store(db, source.harvest, name, targets)):
            yield f"{at}: {fault}"
    if not found and source.column is not None:
        yield f'{at}: no line of the list has anything in a column "{source.column}"'


def _sets_of(db: sqlite3.Connection, source: SetSource) -> Iterator[tuple[str, list[str]]]:
    """Yield name and targets of each set, in the order in which the config or the list begins them."""
    if source.named:
        for number, targets in enumerate(source.named, start=1):
            yield str(number), list(targets)
        return
    if source.column is None:
        # One more than may be is enough to see that they are too many.
        found = db.execute(
            "SELECT name FROM targets WHERE scope = ? ORDER BY id LIMIT ?", (source.scope, source.size.most + 1)
        )
        yield "", [name for (name,) in found]
        return
    rows = db.execute(
        "SELECT name, target FROM (SELECT id, name, target, min(id) OVER (PARTITION BY name) AS first FROM members"
        " WHERE harvest = ?) ORDER BY first, id",
        (source.harvest,),
    )
    for name, members in groupby(rows.fetchall(), itemgetter(0)):
        yield name, [target for _, target in members]


def _size_fault(source: SetSource, name: str, targets: Sequence[str]) -> str | None:
    least, most = source.size.least, source.size.most
    if least <= len(targets) <= most:
        return None
    expected = f"expected {least} to {most} targets in a set"
    if name:
        return f'the set "{name}" has {len(targets)}: {expected}'
    has = f"more than {most}" if len(targets) > most else str(len(targets))
    return f"the job's targets are one set and there are {has}: {expected}; name them with `sets`"


def _store(db: sqlite3.Connection, harvest: str, name: str, targets: Sequence[str]) -> str | None:
    """Store one set, or return why it cannot be; those that are there were drawn."""
    text = dump(list(targets)).decode()
    other = db.execute(
        "SELECT name FROM sets WHERE harvest = ? AND targets = ? AND name <> ?", (harvest, text, name)
    ).fetchone()
    if other is not None:
        return f'the sets "{other[0]}" and "{name}" have the same targets in the same order: name them once'
    known = db.execute("SELECT id, targets FROM sets WHERE harvest = ? AND name = ?", (harvest, name)).fetchone()
    if known is None:
        db.execute("INSERT INTO sets (harvest, name, targets) VALUES (?, ?, ?)", (harvest, name, text))
    elif known[1] != text:
        what = f'the set "{name}"' if name else "the whole list as one set"
        return f"{what} was asked about with other targets: put it back, or start another job directory"
    return None


def count_outside(db: sqlite3.Connection, source: SetSource) -> int:
    """Return how many targets of the list are in no set, where a column of it names the sets."""
    if source.column is None:
        return 0
    number: int = db.execute(
        "SELECT count(*) FROM targets WHERE scope = ? AND name NOT IN (SELECT target FROM members WHERE harvest = ?)",
        (source.scope, source.harvest),
    ).fetchone()[0]
    return number


def count_sets(db: sqlite3.Connection, harvest: str) -> int:
    """Return how many sets a harvest asks about."""
    number: int = db.execute("SELECT count(*) FROM sets WHERE harvest = ?", (harvest,)).fetchone()[0]
    return number
