"""The checkpoint's file: its tables, and opening it with the durability that the promises need."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from harvester.errors import ConfigError, StorageError, UnknownReply

FILE_NAME = "state.sqlite3"
APPLICATION_ID = 0x48525653  #: "HRVS": tells our files from anybody's
VERSION = 2

_REMEDY = "Put a good copy back, or start anew in another directory."
_SCHEMA = "SELECT sql FROM sqlite_master ORDER BY name"

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
-- The list of targets, once for each scope in use. `round` is the number of the last reading that held the name.
CREATE TABLE targets (
  id INTEGER PRIMARY KEY, scope TEXT NOT NULL, name TEXT NOT NULL, labels TEXT, round INTEGER NOT NULL,
  UNIQUE (scope, name)
);
CREATE TABLE rejected (
  source TEXT NOT NULL, line INTEGER NOT NULL, text TEXT NOT NULL, reason TEXT NOT NULL, UNIQUE (source, line, text)
);
-- The sets that harvests ask about, in their order, and who was said to be in which while the list was being read.
CREATE TABLE sets (
  id INTEGER PRIMARY KEY, harvest TEXT NOT NULL, name TEXT NOT NULL, targets TEXT NOT NULL,
  UNIQUE (harvest, name), UNIQUE (harvest, targets)
);
CREATE TABLE members (
  id INTEGER PRIMARY KEY, harvest TEXT NOT NULL, name TEXT NOT NULL, target TEXT NOT NULL,
  UNIQUE (harvest, name, target)
);
-- The frontier of each harvest: up to which target, or set, its tasks were drawn, and what became of those that are
-- done. No targets per task = a set each.
CREATE TABLE harvests (
  name TEXT PRIMARY KEY, scope TEXT NOT NULL, targets_per_task INTEGER NOT NULL, last_target INTEGER NOT NULL DEFAULT 0,
  complete INTEGER NOT NULL DEFAULT 0, pages INTEGER NOT NULL DEFAULT 0, rows INTEGER NOT NULL DEFAULT 0,
  units INTEGER NOT NULL DEFAULT 0, complete_targets INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
-- Tasks that were drawn and are not complete; a complete one leaves only its sums in `harvests`. `reason`: why rows of
-- the pages that are stored are missing. `given_up`: why a task was set aside, until it is tried again.
CREATE TABLE tasks (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, harvest TEXT NOT NULL, targets TEXT NOT NULL,
  state TEXT NOT NULL, cursor TEXT NOT NULL DEFAULT '{}', pages INTEGER NOT NULL DEFAULT 0,
  rows INTEGER NOT NULL DEFAULT 0, units INTEGER NOT NULL DEFAULT 0, reason TEXT, given_up TEXT
);
CREATE INDEX tasks_by_state ON tasks (state);
CREATE TABLE holds (id INTEGER PRIMARY KEY, lane TEXT NOT NULL, task TEXT NOT NULL, units INTEGER NOT NULL);
CREATE TABLE lanes (
  name TEXT PRIMARY KEY, provider TEXT NOT NULL, requests INTEGER NOT NULL DEFAULT 0,
  retries INTEGER NOT NULL DEFAULT 0, throttled INTEGER NOT NULL DEFAULT 0, rows INTEGER NOT NULL DEFAULT 0,
  units_spent INTEGER NOT NULL DEFAULT 0, units_in_doubt INTEGER NOT NULL DEFAULT 0,
  last_at REAL, balance INTEGER
) WITHOUT ROWID;
CREATE TABLE facts (
  provider TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (provider, name)
) WITHOUT ROWID;
CREATE TABLE outputs (
  name TEXT PRIMARY KEY, bytes INTEGER NOT NULL DEFAULT 0, records INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
"""


def has_state(directory: Path) -> bool:
    """Whether there is a file that may be a job's state."""
    path = directory / FILE_NAME
    return path.is_file() and path.stat().st_size > 0


def open_database(directory: Path, *, is_sound: bool = False) -> sqlite3.Connection:
    """Open the job's state for writing, made if it is not there. For one thread at a time, whichever it is.

    `is_sound`: it is known to be as it was left; otherwise SQLite goes through all of it (0.6 s for a million targets).
    Raises ConfigError if the file is not ours or of another version, StorageError if it cannot be opened or is damaged.
    """
    path = directory / FILE_NAME
    if path.exists() and not path.is_file():
        raise StorageError(f"cannot open {path}: not a file. Put the job's state back, or choose another directory.")
    try:
        path.touch(mode=0o600)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30.0)
    except (OSError, sqlite3.Error) as exc:
        raise StorageError(f"cannot open {path}: {exc}") from exc
    try:
        _set_up(connection, path)
        if not is_sound:
            _refuse_if_damaged(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def open_to_look(directory: Path) -> sqlite3.Connection:
    """Open the job's state for reading, also while a run writes it. Raises ConfigError."""
    path = directory / FILE_NAME
    if not path.is_file():
        raise ConfigError(f"{directory}: no job directory: it holds no {FILE_NAME}. Name the directory a run printed.")
    try:
        connection = sqlite3.connect(path, isolation_level=None, timeout=30.0)
        try:
            connection.execute("PRAGMA query_only = ON")
            _check_kind(connection, path)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as exc:
        remedy = "Put the job's state back, or choose another job directory."
        raise ConfigError(f"{path}: cannot be read as a job's state: {exc}. {remedy}") from exc
    return connection


def make_tables(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty database."""
    for statement in TABLES.split(";\n"):
        connection.execute(statement)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit the block, or none of it. Raises StorageError."""
    try:
        # IMMEDIATE: Python's own transactions lock only at the first write, too late for check-then-write.
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # after some errors, a full disk among them, SQLite has rolled back itself
                connection.execute("ROLLBACK")
            raise
    except sqlite3.Error as exc:
        raise _unusable(connection, "written", exc) from exc


@contextmanager
def reading(connection: sqlite3.Connection) -> Iterator[None]:
    """Ask questions in the block, and make sense of the answers. Raises StorageError."""
    try:
        yield
    except (sqlite3.Error, ValueError, TypeError, UnknownReply) as exc:
        raise _unusable(connection, "read", f"{exc}. {_REMEDY}") from exc


def _unusable(connection: sqlite3.Connection, what: str, exc: object) -> StorageError:
    try:
        path = connection.execute("PRAGMA database_list").fetchone()[2]
    except sqlite3.Error:  # closed
        path = FILE_NAME
    return StorageError(f"the checkpoint {path} cannot be {what}: {exc}")


def _set_up(connection: sqlite3.Connection, path: Path) -> None:
    try:
        if not _is_empty(connection, path):
            _check_kind(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")  # macOS: a plain fsync stops at the drive's cache
        with transaction(connection):
            if _is_empty(connection, path):  # asked again, now that nobody else can make them
                make_tables(connection)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {VERSION}")
    except sqlite3.Error as exc:
        raise StorageError(f"{path} cannot be used as a checkpoint: {exc}. {_REMEDY}") from exc


def _refuse_if_damaged(connection: sqlite3.Connection, path: Path) -> None:
    try:
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]  # indexes too: they hold each name again
        if found == "ok" and connection.execute(_SCHEMA).fetchall() != _schema():
            found = "its tables are not those of a job"
    except sqlite3.Error as exc:
        found = exc
    if found != "ok":
        raise StorageError(f"{path} is damaged: {found}. {_REMEDY}")


def _schema() -> list[tuple[str]]:
    with closing(sqlite3.connect(":memory:")) as db:
        make_tables(db)
        return db.execute(_SCHEMA).fetchall()


def _is_empty(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the database holds nothing yet. Raises ConfigError if it is no database."""
    try:
        return connection.execute("SELECT name FROM sqlite_master LIMIT 1").fetchone() is None
    except sqlite3.DatabaseError as exc:
        if exc.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
            raise
        raise ConfigError(f"{path}: not a job's state: {exc}. Choose another job directory.") from exc
    except UnicodeDecodeError as exc:  # of what SQLite says, if that quotes a damaged name
        raise sqlite3.DatabaseError("its list of tables is damaged") from exc


def _check_kind(connection: sqlite3.Connection, path: Path) -> None:
    kind = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if kind != APPLICATION_ID:
        raise ConfigError(f"{path}: a database of another program. Choose another job directory.")
    if version != VERSION:
        raise ConfigError(
            f"{path}: written by another version of harvester (format {version}, this one reads {VERSION}). "
            "Finish the job with the version that began it, or start anew in another directory."
        )
