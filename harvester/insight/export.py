"""A job's rows in other formats: written beside their place, and put there when they are whole."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from harvester.engine.checkpoint import has_state
from harvester.errors import ConfigError, StorageError
from harvester.insight.answer import answer_to, awaited, plainly
from harvester.insight.questions import COMPUTED, text
from harvester.insight.sheets import workbook
from harvester.insight.spelling import harmless_sql, is_unicode
from harvester.insight.warehouse import COMPUTED_VIEWS, VIEWS, opened
from harvester.records import RECORDS
from harvester.rounds import FOLDER, between_rounds

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

#: How the output is named: a folder with a file for each view, or one file.
FOLDERS = ("parquet", "csv")
FORMATS = (*FOLDERS, "duckdb", "xlsx")

_COPY = {
    "parquet": "FORMAT parquet, COMPRESSION zstd",
    "csv": "FORMAT csv, HEADER, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%SZ'",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be written."""

    directory: Path  #: the job's
    form: str  #: one of FORMATS
    output: Path | None = None  #: None = beside the job directory
    views: Sequence[str] = ()  #: none = all records that have rows, and the tasks
    force: bool = False  #: replace what is there

    @property
    def place(self) -> Path:
        """The folder or file that is written."""
        if self.output is not None:
            return self.output.absolute()
        own, job = self.directory.absolute(), self.job
        name = own.name if job == own else f"{job.name}-round-{own.name}"
        return job.with_name(f"{name}{'-' if self.form in FOLDERS else '.'}{self.form}")

    @property
    def job(self) -> Path:
        """The job directory; also where one of its rounds is to be written."""
        own = self.directory.absolute()
        above = own.parent.parent
        is_round = own.parent.name == FOLDER and (has_state(above) or between_rounds(above) is not None)
        return above if is_round else own

    def path_of(self, view: str) -> Path:
        """Return the file in which a view will be."""
        return self.place / f"{view}.{self.form}" if self.form in FOLDERS else self.place


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One view that was written."""

    view: str
    path: Path
    rows: int


def export(order: Order) -> list[Exported]:
    """Write views of a job, and return what was written.

    Raises ConfigError if something is in the way, StorageError if it cannot be written.
    """
    place = order.place
    if place.resolve().is_relative_to(order.job.resolve()):
        raise ConfigError(
            f"--output {place}: lies in the job directory, which is for the job's own files; name another"
        )
    if not is_unicode(str(place)):  # DuckDB takes no other names
        raise ConfigError(f"--output {place}: a name that is no UTF-8; name another with --output")
    for name in order.views:
        if name not in VIEWS:
            raise ConfigError(f"--view {name}: no view of that name; there are {', '.join(VIEWS)}")
    folder = place if order.form in FOLDERS else place.parent
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _emptied(folder, is_new=is_new), TemporaryDirectory(dir=folder, prefix=".harvester-") as name:
            written = _write(order, Path(name))
            for path in dict.fromkeys(item.path for item in written):
                _put(Path(name, path.name), path)
            return written
    except OSError as exc:
        raise StorageError(f"cannot write {place}: {exc.strerror or exc}") from exc


@contextmanager
def _emptied(folder: Path, *, is_new: bool) -> Iterator[None]:
    """Leave no folder behind that was made for nothing."""
    try:
        yield
    except BaseException:
        if is_new:
            with suppress(OSError):  # something is in it
                folder.rmdir()
        raise


def _write(order: Order, staging: Path) -> list[Exported]:
    with plainly(), opened(order.directory, writable=staging) as connection:
        chosen = list(dict.fromkeys(order.views)) or _with_rows(connection)
        _refuse_if_there(order, chosen)
        sources = {view: _source(view, is_named=bool(order.views)) for view in chosen}
        if order.form == "duckdb":
            counts = _database(connection, sources, staging / order.place.name)
        elif order.form == "xlsx":
            counts = _workbook(connection, sources, staging / order.place.name)
        else:
            counts = {
                view: _copy(connection, order.form, source, staging / order.path_of(view).name)
                for view, source in sources.items()
            }
        return [Exported(view=view, path=order.path_of(view), rows=counts[view]) for view in chosen]


def _refuse_if_there(order: Order, views: Sequence[str]) -> None:
    there = [path for path in map(order.path_of, views) if os.path.lexists(path)]
    if there and not order.force:
        raise ConfigError(f"{there[0]}: is there already; --force replaces it, --output names another place")


def _with_rows(connection: "DuckDBPyConnection") -> list[str]:
    """Return the records that have rows, and the tasks."""
    found = dict(connection.execute("SELECT name, lines FROM committed").fetchall())
    return [name for name in (*RECORDS, "task") if found.get(name)]


def _source(view: str, *, is_named: bool) -> str:
    """Return the rows of a view; those that nobody sold only if it is named."""
    is_bought_only = view in RECORDS and view in COMPUTED_VIEWS and not is_named
    return f"{view} WHERE report <> {text(COMPUTED)}" if is_bought_only else view


def _copy(connection: "DuckDBPyConnection", form: str, source: str, path: Path) -> int:
    columns = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    chosen = ", ".join(_column(form, str(name), str(kind)) for name, kind, *_ in columns)
    return _written(connection, f"COPY (SELECT {chosen} FROM {source}) TO {text(str(path))} ({_COPY[form]})")


def _column(form: str, name: str, kind: str) -> str:
    """Return a column as a format takes it: JSON as its text, and in CSV nested values too, no text as a formula."""
    own = '"' + name.replace('"', '""') + '"'
    if form == "parquet":
        return f"CAST({own} AS VARCHAR) AS {own}" if kind == "JSON" else own
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP")):
        return f"CAST(to_json({own}) AS VARCHAR) AS {own}"
    return f"{harmless_sql(f'CAST({own} AS VARCHAR)')} AS {own}" if kind in ("VARCHAR", "JSON") else own


def _database(connection: "DuckDBPyConnection", sources: dict[str, str], path: Path) -> dict[str, int]:
    connection.execute(f"ATTACH {text(str(path))} AS exported (STORAGE_VERSION 'v1.0.0')")  # old ones read it too
    counts = {
        view: _written(connection, f"CREATE TABLE exported.main.{view} AS SELECT * FROM {source}")
        for view, source in sources.items()
    }
    connection.execute("DETACH exported")
    return counts


def _workbook(connection: "DuckDBPyConnection", sources: dict[str, str], path: Path) -> dict[str, int]:
    with workbook(path) as book:
        return {view: book.add(view, answer_to(connection, f"SELECT * FROM {of}")) for view, of in sources.items()}


def _written(connection: "DuckDBPyConnection", sql: str) -> int:
    """Run a statement that writes; return how many rows it wrote."""
    row = awaited(connection, partial(connection.execute, sql)).fetchone()
    assert row is not None
    return int(row[0])


def _put(staged: Path, path: Path) -> None:
    """Give a file that is whole its name. Raises OSError."""
    fd = os.open(staged, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    staged.replace(path)
