"""A job directory as a DuckDB database in memory: a view for each record, and for each question that many ask.

What is read is only what the job has committed (`committed.py`), strictly and with the types that
`harvester schema --sql` prints: a line that is none of ours is an error that names its file. Once the views are made,
the connection reaches no other file, no network and no extension, and that cannot be switched on again.
"""

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from harvester.errors import StorageError
from harvester.insight import questions
from harvester.insight.committed import REJECTS, TASKS, Committed, committed, readable, record_in
from harvester.insight.extras import needed
from harvester.insight.questions import text
from harvester.records import RECORDS, duckdb_columns, duckdb_reader

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

#: Lines that are no records (docs/formats.md).
TASK_COLUMNS: Mapping[str, str] = {
    **dict.fromkeys(("task", "harvest", "provider", "report", "scope", "target"), "VARCHAR"),
    **{"targets": "JSON", "labels": "JSON", "complete": "BOOLEAN", "state": "VARCHAR", "reason": "VARCHAR"},
    **{"pages": "BIGINT", "rows": "BIGINT", "units": "BIGINT", "at": "TIMESTAMPTZ"},
}
REJECT_COLUMNS: Mapping[str, str] = {
    **{"harvest": "VARCHAR", "task": "VARCHAR", "page": "BIGINT", "row": "BIGINT", "fetched_at": "TIMESTAMPTZ"},
    **{"reason": "VARCHAR", "raw": "JSON"},
}
COMPUTED_VIEWS = ("broken_pages", "lost_links", "merged_links", "gap", "overlap")
#: All that a user is told of, in the order in which it is shown.
VIEWS = (*(name for name in RECORDS if name != "overlap"), "task", "asked", "reject", *COMPUTED_VIEWS)

_LINES = {TASKS: "task", REJECTS: "reject"}
_LIBRARIES = ("core_functions", "icu", "json", "parquet")  #: built into DuckDB's wheel
LINE_MIB = 16  #: what DuckDB promises to read of a line; more would take several times as much memory for each thread
_SETTINGS: Mapping[str, str] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "python_enable_replacements": "false",  # SQL sees no variable of ours
}


@contextmanager
def opened(
    directory: Path, *, writable: Path | None = None, memory: str | None = None
) -> Iterator["DuckDBPyConnection"]:
    """Open a job directory for questions: a connection with all views, that reads the job's rows and nothing else.

    A connection has one open result: who asks again while rows are left to take does so over its `cursor()`.
    `writable`: a folder that it may write into. `memory`: how much it may take before it spills to a temporary
    directory. Raises ConfigError if there is no job, it holds no records, or DuckDB is not installed; StorageError if
    it is damaged, also in the block, where DuckDB's own error is about one of the job's files.
    """
    duckdb = needed("duckdb")
    needed("pytz")  # DuckDB imports it when it hands over the first time, and has another word for that it is missing
    job = committed(directory)
    with TemporaryDirectory(prefix="harvester-") as folder:
        files = Files(job, Path(folder))
        with connected(duckdb, [files]) as connection:
            _make_views(connection, job, files)
            shut(connection, Path(folder), [files], writable=writable, memory=memory)
            yield connection


@contextmanager
def connected(duckdb: Any, jobs: "Sequence[Files]") -> Iterator["DuckDBPyConnection"]:
    """Connect to an empty database; DuckDB's error about a file of the jobs becomes a StorageError that names it."""
    with duckdb.connect(config=dict(_SETTINGS)) as connection:
        for library in _LIBRARIES:
            connection.execute(f"LOAD {library}")
        try:
            yield connection
            _refuse_if_touched(jobs)
        except duckdb.Error as exc:
            _refuse_if_touched(jobs)
            damage = next(filter(None, (files.damage(str(exc)) for files in jobs)), None)
            if damage is None:
                raise
            raise StorageError(damage) from exc


def _refuse_if_touched(jobs: "Sequence[Files]") -> None:
    """Raise StorageError if a run or a rebuild has begun on what was being read where it lies."""
    if touched := next(filter(None, (files.touched() for files in jobs)), None):
        raise StorageError(f"{touched}: a run or a rebuild wrote it while it was read, so no row is certain: ask again")


class Files:
    """The files of a job under the names by which DuckDB reads them."""

    def __init__(self, job: Committed, folder: Path) -> None:
        """Link or copy what is committed into `folder`. Raises StorageError."""
        self._real: dict[str, Path] = {}  #: by the path that DuckDB reads
        self._names: dict[str, str] = {}
        self._seen: dict[Path, tuple[int, ...] | None] = {}  #: what is read where it lies, as it was
        self.of_record: dict[str, list[str]] = {}  #: the files of each record
        self.lines: dict[str, int] = {"task": 0, "reject": 0}  #: that are committed, by the view that has them
        wanted = {name: job.of_harvest(name) for name in job.harvests}
        wanted |= {name: job.outputs.get(name) for name in (TASKS, REJECTS)}
        for number, (name, output) in enumerate(wanted.items()):
            if output is None:
                continue
            seen = _identity(output.path)
            path = readable(output, folder, number, may_grow=job.is_running)
            if path.is_symlink():
                self._seen[output.path] = seen
            self._real[str(path)] = output.path
            self._names[name] = str(path)
            view = _LINES.get(name) or record_in(path, output.path)
            self.lines[view] = self.lines.get(view, 0) + output.lines
            if name in job.harvests:
                self.of_record.setdefault(view, []).append(str(path))

    @property
    def paths(self) -> Sequence[str]:
        """All that may be read."""
        return list(self._real)

    def named(self, name: str) -> list[str]:
        """Return the file of that name, if it has lines."""
        return [self._names[name]] if name in self._names else []

    def record_of(self, harvest: str) -> str | None:
        """Return which record the lines of a harvest are; None if it has none."""
        path = self._names.get(harvest)
        return next((record for record, paths in self.of_record.items() if path in paths), None)

    def touched(self) -> Path | None:
        """Return a file that is no longer the one that was there, or has grown."""
        return next((path for path, seen in self._seen.items() if _identity(path) != seen), None)

    def damage(self, said: str) -> str | None:
        """Return what DuckDB says of one of the files, with the file's own name; None if it says something else."""
        real = [path for path in self._real if path in said]
        if not real:
            return None
        path = max(real, key=len)
        if "maximum_object_size" in said:
            return f"{self._real[path]} holds a line of more than {LINE_MIB} MiB: longer than DuckDB reads it"
        where = re.search(r"in line (\d+)", said)
        what = "holds a line that is none of this job's" + (f" (line {where[1]})" if where else "")
        first = said.replace(path, self._real[path].name).split("\n", 1)[0]
        return f"{self._real[path]} {what}: it was changed from outside; put it back as it was. DuckDB: {first}"


def _identity(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size


def _make_views(connection: "DuckDBPyConnection", job: Committed, files: Files) -> None:
    """Make all views; what is read is not looked at yet."""

    def view(name: str, select: str) -> None:
        connection.execute(f"CREATE VIEW {name} AS {select}")

    for record in RECORDS:
        name = "bought_overlap" if record == "overlap" else record
        view(name, rows_of(files.of_record.get(record, []), duckdb_columns(record), f"record = {text(record)}"))
    # A task that was set aside and tried again has several lines: the last one counts, and only it may say otherwise.
    order = "state = 'set_aside', \"at\" DESC, pages DESC, units DESC"
    last = f"QUALIFY row_number() OVER (PARTITION BY task ORDER BY {order}) = 1"
    view("task", f"{rows_of(files.named(TASKS), TASK_COLUMNS, 'task IS NOT NULL')} {last}")
    view("reject", rows_of(files.named(REJECTS), REJECT_COLUMNS, "task IS NOT NULL"))
    connection.execute(questions.SITE_OF)
    connection.execute(questions.AS_BIGINT)
    connection.execute("CREATE TABLE committed (name VARCHAR, lines BIGINT)")  # as the state counts them
    connection.executemany("INSERT INTO committed VALUES (?, ?)", list(files.lines.items()))
    connection.execute("CREATE TABLE filtered (harvest VARCHAR, filter VARCHAR)")  # what lets only some rows through
    for name, asked in job.harvests.items():
        if (filters := questions.filters_of(asked)) is not None:
            connection.execute("INSERT INTO filtered VALUES (?, ?)", (name, filters))
    providers = sorted({str(asked["provider"]) for asked in job.harvests.values()})
    for name, select in {
        "asked": questions.ASKED,
        "broken_pages": questions.BROKEN_PAGES,
        "lost_links": questions.LOST_LINKS,
        "merged_links": questions.merged_links_sql(providers),
        "linking": questions.LINKING,
        "linkers": questions.LINKERS,
        "listed": questions.listed_sql(questions.full_harvests(job.harvests)),
        "gap": questions.GAP,
        "compared": questions.COMPARED,
        "overlap": questions.overlap_sql("bought_overlap"),
    }.items():
        view(name, select)


def rows_of(files: Sequence[str], columns: Mapping[str, str], is_ours: str) -> str:
    """Return the SQL of all rows of some files: one that is not ours is an error that names its file."""
    if not files:
        empty = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in columns.items())
        return f"SELECT {empty} WHERE false"
    # In each column and not only as a filter: DuckDB may apply the filter of a question first, and so drop the line.
    guarded = "CASE WHEN {0} THEN {1} ELSE error(filename || ': not a line of this file') END"
    chosen = ",\n".join(f'{guarded.format(is_ours, chr(34) + name + chr(34))} AS "{name}"' for name in columns)
    return f"SELECT {chosen} FROM {duckdb_reader(files, columns)} WHERE {guarded.format(is_ours, 'true')}"


def shut(
    connection: "DuckDBPyConnection",
    folder: Path,
    jobs: Sequence[Files],
    *,
    writable: Path | None = None,
    memory: str | None = None,
) -> None:
    """Let the connection reach the jobs' files only, and let nothing open it again; `memory`: the most it may use."""
    spill = folder / "spill"
    spill.mkdir()
    settings: dict[str, Any] = {
        "TimeZone": text("UTC"),
        "temp_directory": text(str(spill)),
        "max_temp_directory_size": text(f"{shutil.disk_usage(folder).free // 2}B"),
        "allowed_paths": f"[{', '.join(text(path) for files in jobs for path in files.paths)}]",
        "allowed_directories": f"[{'' if writable is None else text(str(writable))}]",
        **({} if memory is None else {"memory_limit": text(memory)}),
        "enable_external_access": "false",
        "lock_configuration": "true",
    }
    for name, value in settings.items():
        connection.execute(f"SET {name} = {value}")
