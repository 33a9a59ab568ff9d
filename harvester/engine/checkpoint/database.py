"""The checkpoint's file: its tables, and opening it with the durability that the promises need."""

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from harvester.errors import ConfigError, StorageError, UnknownReply

FILE_NAME = "state.sqlite3"
APPLICATION_ID = 0x48525653  #: "HRVS": tells our files from anybody's
VERSION = 3
NO_ROUND = 0  #: of a target that no reading of a list has brought
NO_LINE = 0  #: of what is no target and comes from no list
BEGUN_BYTES = 64 * 1024  #: a state without tables is smaller; what a larger one may lack is in its log
BLOCK_BYTES = 1024 * 1024
BUSY_S = 30.0  #: for so long a lock of somebody who looks is waited for

_REMEDY = "Put a good copy back, or start anew in another directory."
#: The second: what SQLite says of a damaged file may repeat bytes of it that are no text.
_FAILURES = (sqlite3.Error, UnicodeDecodeError)
_SCHEMA = "SELECT sql FROM sqlite_master ORDER BY name"

#: A harvest of which not every target that was drawn is in a task or complete: one would be left out, or asked twice.
_LOST = """
SELECT name FROM harvests WHERE targets_per_task > 0 AND complete_targets
  + (SELECT coalesce(sum(json_array_length(targets)), 0) FROM tasks WHERE harvest = harvests.name)
  != (SELECT count(*) FROM targets WHERE targets.scope = harvests.scope AND id <= last_target)
"""

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
-- The list of targets, once for each scope in use. `round` is the number of the last reading that held the name.
-- A staged harvest has a list of its own, by the name of `stage_list` in place of a scope; no reading holds its names.
CREATE TABLE targets (
  id INTEGER PRIMARY KEY, scope TEXT NOT NULL, name TEXT NOT NULL, labels TEXT, round INTEGER NOT NULL,
  UNIQUE (scope, name)
);
-- Lines of the lists that are no targets; line 0: values that a row brought for the list of a staged harvest.
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
-- What open requests may cost, and what those may have cost whose reply was lost; `at`: they left then or later.
CREATE TABLE holds (
  id INTEGER PRIMARY KEY, lane TEXT NOT NULL, task TEXT NOT NULL, units INTEGER NOT NULL, mark TEXT, at REAL NOT NULL
);
CREATE TABLE doubts (
  id INTEGER PRIMARY KEY, lane TEXT NOT NULL, units INTEGER NOT NULL, mark TEXT, at REAL NOT NULL
);
-- `used` and `period`: what the account had charged when it was last believed, `used_spent`: what the lane had spent
-- then. `charged`: what the account has charged for the job by its own count; NULL = it was never asked.
CREATE TABLE lanes (
  name TEXT PRIMARY KEY, provider TEXT NOT NULL, requests INTEGER NOT NULL DEFAULT 0,
  retries INTEGER NOT NULL DEFAULT 0, throttled INTEGER NOT NULL DEFAULT 0, rows INTEGER NOT NULL DEFAULT 0,
  units_spent INTEGER NOT NULL DEFAULT 0, units_in_doubt INTEGER NOT NULL DEFAULT 0,
  last_at REAL, balance INTEGER, used INTEGER, period TEXT, used_spent INTEGER, charged INTEGER
) WITHOUT ROWID;
CREATE TABLE facts (
  provider TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (provider, name)
) WITHOUT ROWID;
CREATE TABLE outputs (
  name TEXT PRIMARY KEY, bytes INTEGER NOT NULL DEFAULT 0, records INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
"""


class _Connection(sqlite3.Connection):
    """A connection through which nothing is committed any more once the disk has failed under it."""

    failure: StorageError | None = None


def force_again(directory: Path) -> None:
    """Write the state's log over itself and force it to disk, and the state too while it is hardly begun.

    After a sync that failed the kernel shows what was written to every process, and may never write it to the disk: a
    run that commits behind it would lose all that to the next power cut. Only what is written again is synced again.
    Only for whoever holds the directory, and before the state is opened: closing a file gives up SQLite's locks on it.
    Raises StorageError.
    """
    state = directory / FILE_NAME
    for path, most_bytes in ((state, BEGUN_BYTES), (state.with_name(f"{FILE_NAME}-wal"), sys.maxsize)):
        try:
            if path.is_file() and 0 < path.stat().st_size <= most_bytes:
                _write_over(path)
        except OSError as exc:
            raise StorageError(f"cannot force {path} to disk: {exc.strerror}") from exc


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
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=BUSY_S, factory=_Connection
        )
    except (OSError, sqlite3.Error) as exc:
        raise StorageError(f"cannot open {path}: {_said(exc)}") from exc
    try:
        _set_up(connection, path)
        if not is_sound:
            _refuse_if_damaged(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def keep_in_one_file(connection: sqlite3.Connection) -> None:
    """Take the log into the state for good, so that the file may be moved while others look at it.

    As long as there is a log, whoever closes the state last removes it by its name, wherever the state has gone.
    Raises StorageError, also while somebody looks.
    """
    try:
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.Error as exc:
        why = f"{_said(exc)}. Is another process looking at it? Then run the same command again."
        raise _unusable(connection, "put away", why) from exc


def _lack(directory: Path) -> str:
    """Return why a place is no job directory."""
    if directory.is_file():
        return "it is a file"
    return f"it holds no {FILE_NAME}" if directory.exists() else "it is not there"


def open_to_look(directory: Path) -> sqlite3.Connection:
    """Open the job's state for reading, also while a run writes it. Raises ConfigError."""
    path = directory / FILE_NAME
    if not path.is_file():
        raise ConfigError(f"{directory}: no job directory: {_lack(directory)}. Name the directory a run printed.")
    try:
        connection = sqlite3.connect(path, isolation_level=None, timeout=30.0)
        try:
            connection.execute("PRAGMA query_only = ON")
            _check_kind(connection, path)
        except BaseException:
            connection.close()
            raise
    except _FAILURES as exc:
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
    if isinstance(connection, _Connection) and connection.failure is not None:
        raise connection.failure
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
        error = _unusable(connection, "written", _said(exc))
        if isinstance(connection, _Connection) and _is_of_the_disk(exc):
            connection.failure = error  # a sync that failed is not tried again: it would only seem to succeed
        raise error from exc


@contextmanager
def reading(connection: sqlite3.Connection) -> Iterator[None]:
    """Ask questions in the block, and make sense of the answers. Raises StorageError."""
    try:
        yield
    except (sqlite3.Error, ValueError, TypeError, UnknownReply) as exc:
        raise _unusable(connection, "read", f"{exc}. {_REMEDY}") from exc


def _unusable(connection: sqlite3.Connection, what: str, why: str) -> StorageError:
    try:
        path = connection.execute("PRAGMA database_list").fetchone()[2]
    except sqlite3.Error:  # closed
        path = FILE_NAME
    return StorageError(f"the checkpoint {path} cannot be {what}: {why}")


def _is_of_the_disk(exc: sqlite3.Error) -> bool:
    """Whether reading, writing or syncing went wrong; the lowest byte of a code is its kind."""
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR


def _said(exc: Exception) -> str:
    """Return SQLite's words with the name of its error: "disk I/O error" alone does not say what could not be done."""
    if isinstance(exc, OSError):
        return str(exc.strerror)
    name = getattr(exc, "sqlite_errorname", None)  # None: the error is not SQLite's but the module's
    return str(exc) if name is None else f"{exc} ({name})"


def _write_over(path: Path) -> None:
    with path.open("r+b", buffering=0) as file:
        at = 0
        while data := os.pread(file.fileno(), BLOCK_BYTES, at):
            at += os.pwrite(file.fileno(), data, at)
        os.fsync(file.fileno())


def _set_up(connection: sqlite3.Connection, path: Path) -> None:
    try:
        if not _is_empty(connection, path):
            _check_kind(connection, path)
        # If the change of mode fails, SQLite answers with the mode that is left, and not with an error.
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StorageError(
                f"{path} cannot be used as a checkpoint: SQLite could not begin its write-ahead log. "
                "The disk failed or is full, or is a network share: then choose a job directory on a local disk."
            )
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")  # macOS: a plain fsync stops at the drive's cache
        with transaction(connection):
            if _is_empty(connection, path):  # asked again, now that nobody else can make them
                make_tables(connection)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {VERSION}")
    except _FAILURES as exc:
        raise StorageError(f"{path} cannot be used as a checkpoint: {_said(exc)}. {_REMEDY}") from exc


def _refuse_if_damaged(connection: sqlite3.Connection, path: Path) -> None:
    with reading(connection):
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]  # indexes too: they hold each name again
        if found == "ok" and connection.execute(_SCHEMA).fetchall() != _schema():
            found = "its tables are not those of a job"
        elif lost := connection.execute(_LOST).fetchone():
            found = f"the targets of {lost[0]} do not add up"
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
