"""The list of targets into the checkpoint: one pass, one transaction, flat memory."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from harvester.codec import dump
from harvester.engine.checkpoint.database import NO_LINE, NO_ROUND, transaction
from harvester.engine.checkpoint.sets import Member, add_members, make_sets, members_of
from harvester.errors import ConfigError
from harvester.model import Scope, SetSource

BLOCK_LINES = 5000
MISSING_SHOWN = 3


class TargetLine(NamedTuple):
    """One usable line: its name for each scope in use, and what else the line said."""

    names: Sequence[str]
    labels: dict[str, str] | None


class RejectedLine(NamedTuple):
    """One line that is not a target."""

    source: str
    line: int
    text: str
    reason: str


class Intake(NamedTuple):
    """What a list held."""

    lines: int
    rejected: int


def take_in(
    db: sqlite3.Connection,
    scopes: Sequence[Scope],
    lines: Iterable[TargetLine | RejectedLine],
    *,
    may_lack: bool,
    sets: Sequence[SetSource] = (),
) -> Intake:
    """Read a whole list: new names are added behind the known ones, in the order of the list; then make the sets.

    `may_lack`: known names may be missing from the list (it comes through a pipe that may be empty this time).
    Raises ConfigError if known names are missing or a set is not as it must be, with nothing changed; StorageError.
    """
    waiting = iter(lines)
    count = rejected = 0
    with transaction(db):
        round_ = _next_round(db)
        if not may_lack:  # else what an earlier list was rejected for is still true
            db.execute("DELETE FROM rejected WHERE line <> ?", (NO_LINE,))
            db.execute("DELETE FROM members")
        while block := list(islice(waiting, BLOCK_LINES)):
            good = [line for line in block if isinstance(line, TargetLine)]
            bad = [line for line in block if isinstance(line, RejectedLine)]
            count += len(good)
            rejected += len(bad)
            _add(db, scopes, good, round_)
            add_members(db, _members(sets, scopes, good))
            db.executemany("INSERT OR IGNORE INTO rejected VALUES (?, ?, ?, ?)", bad)
        if not may_lack:
            _refuse_if_missing(db, round_)
        make_sets(db, sets)
    return Intake(count, rejected)


def _add(db: sqlite3.Connection, scopes: Sequence[Scope], lines: Sequence[TargetLine], round_: int) -> None:
    for at, scope in enumerate(scopes):
        db.executemany(
            "INSERT INTO targets (scope, name, labels, round) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET round = excluded.round",
            ((scope, line.names[at], _text(line.labels), round_) for line in lines),
        )


def _members(sets: Sequence[SetSource], scopes: Sequence[Scope], lines: Sequence[TargetLine]) -> Iterator[Member]:
    if not any(source.column for source in sets):
        return
    for line in lines:
        yield from members_of(sets, dict(zip(scopes, line.names, strict=True)), line.labels)


def _text(labels: dict[str, str] | None) -> str | None:
    return dump(labels).decode() if labels else None


def _next_round(db: sqlite3.Connection) -> int:
    number: int = db.execute("SELECT coalesce(max(round), 0) + 1 FROM targets").fetchone()[0]
    return number


def _refuse_if_missing(db: sqlite3.Connection, round_: int) -> None:
    missing = db.execute(
        "SELECT name, count(*) OVER () FROM targets"
        " WHERE round < ? AND round <> ? GROUP BY name ORDER BY min(id) LIMIT ?",
        (round_, NO_ROUND, MISSING_SHOWN),
    ).fetchall()
    if missing:
        count = missing[0][1]
        names = ", ".join([*(name for name, _ in missing), *(["..."] if count > len(missing) else [])])
        raise ConfigError(
            f"{count} targets of this job are no longer in its list ({names}): "
            "a job's list may only grow. Put them back, or start another job directory with --output."
        )
