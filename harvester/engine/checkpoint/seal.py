"""Whether the state is still as the last run left it: its digest lies beside it from the end of one run to the next.

SQLite notices neither a flipped bit within a value nor a file put in the place of another one. So a run that ends
leaves the digest of its state, and the next one compares it, and takes it away before anything is written. A crash
leaves none: then SQLite's own look at its pages and indexes has to do.
"""

import os
import re
from contextlib import suppress
from hashlib import blake2b, file_digest
from pathlib import Path

from harvester.engine.checkpoint.database import FILE_NAME, has_state, open_to_look
from harvester.errors import ConfigError, StorageError

SEAL_NAME = f"{FILE_NAME}.b2"  #: as `b2sum` writes it, so that `b2sum -c` reads it

_LINE = re.compile(rf"([0-9a-f]{{128}})  {re.escape(FILE_NAME)}\n")


def leave_seal(directory: Path) -> None:
    """Leave the digest of a state that nobody has open any more; without one the next run only knows less."""
    waiting = directory / f"{SEAL_NAME}.new"
    with suppress(OSError):
        if not _is_in_one_file(directory):
            return
        waiting.unlink(missing_ok=True)
        with os.fdopen(os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{_digest(directory)}  {FILE_NAME}\n")
        waiting.replace(directory / SEAL_NAME)


def break_seal(directory: Path) -> bool:
    """Take the digest of a state away; return whether there was one, and it is right.

    Raises ConfigError, with nothing changed, if the state is another than the last run left, and StorageError.
    """
    seal = directory / SEAL_NAME
    if not seal.is_file():
        return False
    try:
        match = _LINE.fullmatch(seal.read_bytes().decode("ascii", "replace"))
        is_told = match is not None and has_state(directory)  # else it is torn by a crash, or of a state that is gone
        if match is not None and is_told and not (_is_in_one_file(directory) and _digest(directory) == match[1]):
            _refuse(directory)
        seal.unlink()
        _sync(directory)  # a power cut may not bring it back beside another state
    except OSError as exc:
        raise StorageError(f"{seal} cannot be read and removed: {exc.strerror}") from exc
    return is_told


def _refuse(directory: Path) -> None:
    if _is_in_one_file(directory):
        open_to_look(directory).close()  # it may know better what is wrong
    raise ConfigError(
        f"{directory / FILE_NAME}: not as the last run left it: damaged, an older copy, or another job's. Put it back"
        " as it was, or start another job directory with --output. If it is right as it is, remove"
        f" {directory / SEAL_NAME}."
    )


def _is_in_one_file(directory: Path) -> bool:
    """Whether nothing waits beside the state that SQLite would take into it."""
    beside = (directory / f"{FILE_NAME}{end}" for end in ("-wal", "-journal"))
    return not any(path.exists() and path.stat().st_size for path in beside)


def _digest(directory: Path) -> str:
    with (directory / FILE_NAME).open("rb") as file:
        return file_digest(file, blake2b).hexdigest()


def _sync(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # some file systems do not sync directories
            os.fsync(fd)
    finally:
        os.close(fd)
