"""New files in the place of old ones, together with the lengths that the state has of them.

The new files lie ready beside the old ones. One transaction makes their lengths true and notes which they are; only
then do they take the places of the old ones. A crash before it leaves the old job, and one behind it a note, by which
whoever opens the state next moves the rest: so nobody ever works on half of it.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from harvester.codec import dump, parse
from harvester.engine.checkpoint.census import Output, meta_of
from harvester.engine.checkpoint.database import reading, transaction
from harvester.engine.directories import sync_directories
from harvester.errors import ConfigError, StorageError

#: What the name of a new file begins with; no output can be called so. In the same directory, because a power cut may
#: leave a file that was moved between two of them in neither.
NEW = "new~"
_NOTE = "swap"  #: the remark on the job that names the files which are to be moved


def begin_swap(db: sqlite3.Connection, new: Mapping[str, Output]) -> None:
    """Make the new files' lengths true; they lie there, forced to disk. Raises StorageError."""
    with transaction(db):
        db.executemany(
            "UPDATE outputs SET bytes = ?, records = ? WHERE name = ?",
            ((output.bytes, output.records, name) for name, output in new.items()),
        )
        db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_NOTE, dump(list(new)).decode()))


def finish_swap(db: sqlite3.Connection, directory: Path) -> None:
    """Move what is still to be moved, and clear away what a crash left. Raises StorageError."""
    if is_swapping(db):
        with reading(db):
            names = parse(meta_of(db, _NOTE) or "[]")
        for name in names:
            _move(directory / f"{NEW}{name}", directory / name)
        sync_directories([directory])
        with transaction(db):
            db.execute("DELETE FROM meta WHERE key = ?", (_NOTE,))
    forget_new(directory)


def forget_new(directory: Path) -> None:
    """Remove new files that nothing stands for."""
    for path in directory.glob(f"{NEW}*"):
        with suppress(OSError):  # it is in nobody's way
            path.unlink()


def is_swapping(db: sqlite3.Connection) -> bool:
    """Whether new files still have to take the places of old ones."""
    with reading(db):
        return meta_of(db, _NOTE) is not None


def refuse_while_swapping(db: sqlite3.Connection, directory: Path) -> None:
    """Stop who only reads: the lengths are those of files that have yet to take their places. Raises ConfigError."""
    if is_swapping(db):
        raise ConfigError(f"{directory}: a rebuild was cut off; complete it with: harvester rebuild {directory}")


def _move(new: Path, old: Path) -> None:
    try:
        new.replace(old)
    except FileNotFoundError:
        return  # it was moved before the crash; a file that is missing anyhow is noticed when it is opened
    except OSError as exc:
        raise StorageError(f"cannot put {new} in the place of {old}: {exc.strerror}") from exc
