"""What survives a crash: one SQLite file, one transaction a commit.

The state is the frontier and not the plan: a harvest remembers the last target it drew, and only tasks that were
drawn and are not complete have a row. A request's hold is in the file before the request leaves; a hold that is
still there on start belongs to a request whose reply was never stored, so its units go over to units in doubt.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from harvester.codec import parse
from harvester.engine.checkpoint.census import meta_of
from harvester.engine.checkpoint.database import reading, transaction
from harvester.engine.checkpoint.posting import COUNTS, Group, add_tasks, post
from harvester.engine.ports import Entry, State, Tally, Work
from harvester.errors import StorageError
from harvester.model import Task

NO_LAST = 2**62  #: beyond any row's id


class SqliteCheckpoint:
    """The state of one job, through one connection that `database.open_database` made."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        most_targets: int | None = None,
        sources: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`most_targets`: draw tasks for no more than the first so many targets of the job's list.

        `sources`: the harvests that take their targets from another's rows, and from whose.
        """
        self.db = connection
        self._sources = sources
        self._most_targets = most_targets
        self._last_allowed_ids: dict[str, int] = {}  #: by scope

    def begin(
        self,
        harvests: Iterable[tuple[str, str, int]],
        lanes: Iterable[tuple[str, str]],
        *,
        outputs: Iterable[str] = (),
        at: datetime | None = None,
    ) -> None:
        """Make sure of the rows for harvests (name, list, targets per task), lanes (name, provider) and outputs.

        Turns the holds that a crash left open into units in doubt. Their requests may have waited long after they were
        written down, and may have left at the last moment: `at` (UTC), the time of this start, is the only bound that
        is certain for `lane`. Raises StorageError.
        """
        with transaction(self.db):
            self.db.executemany(
                "INSERT INTO harvests (name, scope, targets_per_task) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", harvests
            )
            self.db.executemany(
                # Behind the job's list, which is there: its names need not be looked through at each draw.
                "UPDATE harvests SET last_target = (SELECT coalesce(max(id), 0) FROM targets)"
                " WHERE name = ? AND NOT EXISTS (SELECT 1 FROM targets WHERE scope = harvests.scope)",
                ((name,) for name in self._sources),
            )
            self.db.executemany("INSERT INTO lanes (name, provider) VALUES (?, ?) ON CONFLICT DO NOTHING", lanes)
            self.db.executemany(
                "INSERT INTO outputs (name) VALUES (?) ON CONFLICT DO NOTHING", ((name,) for name in outputs)
            )
            self.db.execute(
                "UPDATE lanes SET (requests, units_in_doubt) = (SELECT lanes.requests + count(*), lanes.units_in_doubt"
                " + coalesce(sum(units), 0) FROM holds WHERE holds.lane = lanes.name)"
            )
            if at is not None:
                self.db.execute(
                    "UPDATE lanes SET last_at = ? WHERE name IN (SELECT lane FROM holds)", (at.timestamp(),)
                )
            self.db.execute("INSERT INTO doubts (lane, units, mark, at) SELECT lane, units, mark, at FROM holds")
            self.db.execute("DELETE FROM holds")

    def commit(self, entries: Sequence[Entry], lengths: Mapping[str, int]) -> None:
        """Make the entries and the files' new lengths true in one transaction. Raises StorageError."""
        with transaction(self.db):
            post(self.db, Group.of(entries), lengths)

    def draw(self, harvest: str, count: int) -> list[Work]:
        """Begin up to `count` further tasks of a harvest, in the order of the targets. Raises StorageError.

        A batch that is not full is left as long as the harvest's source may bring more.
        """
        with transaction(self.db):
            per_task, drawn = self._undrawn(harvest, count)
            source = self._sources.get(harvest)
            if source is not None and drawn and len(drawn[-1].targets) < per_task and not self._is_over(source):
                drawn.pop()
            works = [Work.of(harvest, targets, labels) for _, targets, labels in drawn]
            if drawn:
                self.db.execute("UPDATE harvests SET last_target = ? WHERE name = ?", (drawn[-1].last, harvest))
            add_tasks(self.db, works)
        return works

    def _undrawn(self, harvest: str, count: int) -> "tuple[int, list[_Drawn]]":
        """Return how many targets a task of a harvest takes, and what its next tasks would be."""
        scope, per_task, last = self._one(
            "SELECT scope, targets_per_task, last_target FROM harvests WHERE name = ?", harvest
        )
        if per_task == 0:
            return per_task, self._sets(harvest, scope, last, count)
        most = NO_LAST if harvest in self._sources else self._last_allowed(scope)
        return per_task, self._batches(scope, last, most, count * per_task, per_task)

    def _is_over(self, harvest: str) -> bool:
        """Whether no row of a harvest can come any more, as far as targets may be drawn."""
        is_open = "SELECT 1 FROM tasks WHERE harvest = ? AND state IN ('open', 'waiting') LIMIT 1"
        if self.db.execute(is_open, (harvest,)).fetchone() or self._undrawn(harvest, 1)[1]:
            return False
        source = self._sources.get(harvest)
        return source is None or self._is_over(source)

    def _batches(self, scope: str, last: int, most: int, count: int, per_task: int) -> "list[_Drawn]":
        # The plus keeps SQLite from the index on (scope, name), by which it would sort all names at every draw.
        found = self.db.execute(
            "SELECT id, name, labels FROM targets WHERE +scope = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?",
            (scope, last, most, count),
        ).fetchall()
        return [_batch(found[at : at + per_task]) for at in range(0, len(found), per_task)]

    def _sets(self, harvest: str, scope: str, last: int, count: int) -> "list[_Drawn]":
        most = -1 if self._most_targets is None else self._most_targets
        found = self.db.execute(
            "SELECT id, targets FROM (SELECT id, targets FROM sets WHERE harvest = ? ORDER BY id LIMIT ?)"
            " WHERE id > ? ORDER BY id LIMIT ?",
            (harvest, most, last, count),
        ).fetchall()
        sets = [(number, tuple(parse(text))) for number, text in found]
        return [_Drawn(number, targets, self._labels(scope, targets)) for number, targets in sets]

    def unfinished(self, harvests: Sequence[str]) -> list[Work]:
        """Return the tasks that were drawn and are not finished, those that have begun first."""
        marks = ",".join("?" * len(harvests))
        with reading(self.db):
            rows = self.db.execute(
                "SELECT tasks.id, harvest, targets, state, cursor, tasks.pages, tasks.rows, tasks.units, reason, scope"
                " FROM tasks JOIN harvests ON harvests.name = harvest"
                f" WHERE state IN ('open', 'waiting') AND harvest IN ({marks}) ORDER BY state, number",
                tuple(harvests),
            ).fetchall()
            return [self._work(row) for row in rows]

    def reopen_set_aside(self) -> int:
        """Let every task that was set aside go on from where it stood; return how many. Raises StorageError."""
        with transaction(self.db):
            found = self.db.execute(
                "UPDATE tasks SET state = CASE pages WHEN 0 THEN 'waiting' ELSE 'open' END, given_up = NULL"
                " WHERE state = 'set_aside'"
            )
        return found.rowcount

    def next_hold_id(self) -> int:
        """Return a number that no open hold has."""
        number: int = self._one("SELECT coalesce(max(id), 0) + 1 FROM holds")[0]
        return number

    def lane(self, name: str) -> tuple[Tally, float | None]:
        """Return what a lane has counted, and the Unix time of its last entry: no request left later."""
        *sums, last_at = self._one(f"SELECT {', '.join(COUNTS)}, last_at FROM lanes WHERE name = ?", name)
        return Tally(**dict(zip(COUNTS, sums, strict=True))), last_at

    def facts(self, provider: str) -> dict[str, int]:
        """Return what earlier replies of a provider taught."""
        with reading(self.db):
            return dict(self.db.execute("SELECT name, value FROM facts WHERE provider = ?", (provider,)).fetchall())

    def output_bytes(self) -> dict[str, int]:
        """Return the committed length of every output file."""
        with reading(self.db):
            return dict(self.db.execute("SELECT name, bytes FROM outputs").fetchall())

    def meta(self, key: str) -> str | None:
        """Return a remark on the job."""
        with reading(self.db):
            return meta_of(self.db, key)

    def set_meta(self, remarks: Mapping[str, str]) -> None:
        """Keep remarks on the job. Raises StorageError."""
        with transaction(self.db):
            self.db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", remarks.items())

    def _last_allowed(self, scope: str) -> int:
        """Return the id of the last target that may be drawn; found once, because the list is read before."""
        if self._most_targets is None:
            return NO_LAST
        if scope not in self._last_allowed_ids:
            row = self.db.execute(
                "SELECT id FROM targets WHERE scope = ? ORDER BY id LIMIT 1 OFFSET ?", (scope, self._most_targets - 1)
            ).fetchone()
            self._last_allowed_ids[scope] = NO_LAST if row is None else row[0]
        return self._last_allowed_ids[scope]

    def _one(self, query: str, *values: object) -> tuple[Any, ...]:
        """Return the only row of an answer. Raises StorageError."""
        with reading(self.db):
            row = self.db.execute(query, values).fetchone()
        if row is None:
            raise StorageError(f"the checkpoint holds nothing of {', '.join(map(str, values))}")
        return tuple(row)

    def _work(self, row: tuple[Any, ...]) -> Work:
        id_, harvest, targets, state, cursor, pages, rows, units, reason, scope = row
        task = Task(id=id_, harvest=harvest, targets=tuple(parse(targets)))
        return Work(
            task=task,
            cursor=parse(cursor),
            state=State(state),
            pages=pages,
            rows=rows,
            units=units,
            reason=reason,
            labels=self._labels(scope, task.targets),
        )

    def _labels(self, scope: str, targets: Sequence[str]) -> dict[str, dict[str, str]]:
        query = "SELECT labels FROM targets WHERE scope = ? AND name = ?"
        found = ((name, self.db.execute(query, (scope, name)).fetchone()) for name in targets)
        return {name: parse(row[0]) for name, row in found if row is not None and row[0] is not None}


class _Drawn(NamedTuple):
    """What becomes one task."""

    last: int  #: the row up to which the list, or the sets, are drawn with it
    targets: tuple[str, ...]
    labels: dict[str, dict[str, str]]


def _batch(found: Sequence[tuple[int, str, str | None]]) -> _Drawn:
    """Return targets (id, name, labels) that are asked about together."""
    labels = {name: parse(text) for _, name, text in found if text is not None}
    return _Drawn(found[-1][0], tuple(name for _, name, _ in found), labels)
