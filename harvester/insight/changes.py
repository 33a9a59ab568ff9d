"""Links and referring domains that were gained, lost and changed between two rounds of a job."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from harvester.errors import ConfigError
from harvester.insight.answer import Answer, answer_to
from harvester.insight.changes_sql import (
    COLUMNS,
    READ,
    UNDECIDED,
    changes_sql,
    latest_sql,
    read_to_the_end_sql,
    rows_sql,
)
from harvester.insight.committed import TASKS, Committed, committed
from harvester.insight.comparison import Asked, Pair, Round, asked_in, chosen, pair, rounds_of
from harvester.insight.extras import needed
from harvester.insight.questions import FULL_REPORTS, text
from harvester.insight.warehouse import TASK_COLUMNS, Files, connected, rows_of, shut
from harvester.records import duckdb_columns

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

KINDS = ("gained", "lost", "changed")
MEMORY = "512MB"  #: what DuckDB may use; what does not fit goes to a temporary file
THREADS = 4  #: each reads with buffers of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class HarvestChanges:
    """What has become of one harvest between the two rounds."""

    name: str
    counts: Mapping[str, int]  #: by kind, and of those of which nothing can be said
    notes: Sequence[str]  #: what must be known to read them


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What has changed in a job between two rounds; for as long as `compared` is open."""

    earlier: Round
    later: Round
    harvests: Sequence[HarvestChanges]
    db: "DuckDBPyConnection"

    @property
    def count(self) -> int:
        """How many changes there are."""
        return sum(item.counts.get(kind, 0) for item in self.harvests for kind in KINDS)

    def answer(self, limit: int | None = None) -> Answer:
        """Return the changes in the order in which they are shown; all of them, or the first so many."""
        order = (
            "harvest, array_position(['gained', 'lost', 'changed'], change), target, url_from, url_to, anchor, field"
        )
        most = "" if limit is None else f" LIMIT {limit}"
        return answer_to(
            self.db, f'SELECT * FROM change WHERE change != {text(UNDECIDED)} ORDER BY {order}, "by"{most}'
        )


@contextmanager
def compared(
    directory: Path, *, harvest: str | None = None, first: int | None = None, last: int | None = None
) -> Iterator[Changes]:
    """Compare two rounds of a job. Raises ConfigError if that cannot be, StorageError if a file is damaged."""
    duckdb = needed("duckdb")
    rounds = rounds_of(directory)
    earlier, later = chosen(rounds, directory, first, last)
    within = [each for each in rounds if each.number <= later.number]
    asked = {each.number: asked_in(each) for each in within}
    names = list(dict.fromkeys((*asked[earlier.number], *asked[later.number])))
    if harvest is not None and harvest not in names:
        raise ConfigError(
            f"--harvest {harvest}: the rounds {earlier.number} and {later.number} have {', '.join(names)}"
        )
    pairs = {name: pair(name, asked, earlier.number, later.number) for name in names if harvest in (None, name)}
    wanted = {each.round.number: each.round for one in pairs.values() if isinstance(one, Pair) for each in _rounds(one)}
    with TemporaryDirectory(prefix="harvester-") as folder:
        jobs = {number: committed(each.directory) for number, each in wanted.items()}
        files = {number: _linked(job, Path(folder), number) for number, job in jobs.items()}
        with connected(duckdb, list(files.values())) as db:
            db.execute(f"SET threads = {min(THREADS, os.cpu_count() or 1)}")
            shut(db, Path(folder), list(files.values()), memory=MEMORY)
            db.execute(f"CREATE TABLE change ({', '.join(_column(name) for name in ('harvest', *COLUMNS))})")
            found = [_compared(db, one, name, jobs, files) for name, one in pairs.items()]
            yield Changes(earlier=earlier, later=later, harvests=found, db=db)


def _rounds(one: Pair) -> Sequence[Asked]:
    return [*one.before, *one.after]


def _linked(job: Committed, folder: Path, number: int) -> Files:
    own = folder / str(number)
    own.mkdir()
    return Files(job, own)


def _column(name: str) -> str:
    kinds = {"first_seen_at": "TIMESTAMPTZ", "lost_at": "TIMESTAMPTZ"}
    return f'"{name}" {kinds.get(name, "VARCHAR")}'


def _compared(
    db: "DuckDBPyConnection",
    one: Pair | str,
    name: str,
    jobs: Mapping[int, Committed],
    files: Mapping[int, Files],
) -> HarvestChanges:
    """Compare one harvest into the table of changes."""
    if isinstance(one, str):
        return HarvestChanges(name=name, counts={}, notes=[one])
    records = {files[each.round.number].record_of(name) for each in _rounds(one)} - {None}
    record = next(iter(records), "backlink")
    if record not in READ or len(records) > 1:
        return HarvestChanges(name=name, counts={}, notes=[f"rows of {', '.join(map(str, records))}"])
    for side, asked in (("before", one.before), ("after", one.after)):
        sources = [_rows(record, each, files[each.round.number], name) for each in asked]
        db.execute(f'CREATE OR REPLACE TABLE "{side}" AS {latest_sql(sources)}')
        last = files[asked[-1].round.number]
        tasks = f"({rows_of(last.named(TASKS), TASK_COLUMNS, 'task IS NOT NULL')})"
        db.execute(f'CREATE OR REPLACE TABLE "{side}_read" AS {read_to_the_end_sql(tasks, name)}')
    db.execute(f"INSERT INTO change SELECT {text(name)}, * FROM ({changes_sql(one)})")
    counted = db.execute(f"SELECT change, count(*) FROM change WHERE harvest = {text(name)} GROUP BY change").fetchall()
    counts = dict.fromkeys((*KINDS, UNDECIDED), 0) | dict(counted)
    return HarvestChanges(name=name, counts=counts, notes=_notes(db, one, counts))


def _rows(record: str, asked: Asked, files: Files, name: str) -> str:
    needed_columns = {"record", "target", "link_id", "domain", "links_in_row", *READ[record]}
    columns = {column: kind for column, kind in duckdb_columns(record).items() if column in needed_columns}
    source = f"({rows_of(files.named(name), columns, f'record = {text(record)}')})"
    return rows_sql(record, source, asked.round.number, is_lost=asked.is_of_losses)


def _notes(db: "DuckDBPyConnection", one: Pair, counts: Mapping[str, int]) -> list[str]:
    """Return what the figures do not say."""
    later, earlier = one.later, one.earlier
    notes = []
    if later.is_grouped:
        notes.append(
            "rows stand for others, so one that is missing may only have given its place away: none is lost by that"
        )
    elif later.described["report"] in FULL_REPORTS and later.since is not None:
        notes.append(f"asked since {one.after_since} only: a link that is not listed is not known to be gone")
    for side, asked in (("before", earlier), ("after", later)):
        unread = db.execute(f'SELECT count(*) FROM "{side}_read" WHERE NOT is_read').fetchone()
        if unread and unread[0]:
            notes.append(f"round {asked.round.number} has not all rows of {unread[0]:,} targets")
    for these, others, number in (
        ("after_read", "before_read", earlier.round.number),
        ("before_read", "after_read", later.round.number),
    ):
        lacking = db.execute(f"SELECT count(*) FROM {these} ANTI JOIN {others} USING (target)").fetchone()
        if lacking and lacking[0]:
            notes.append(f"{lacking[0]:,} targets were not asked about in round {number}")
    if counts[UNDECIDED]:
        notes.append(f"{counts[UNDECIDED]:,} rows that one round has and the other need not have: not counted")
    return notes
