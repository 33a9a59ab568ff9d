"""Names that are durable: what every part of the engine asks for that makes, moves or removes files."""

import errno
import os
from collections.abc import Iterable
from pathlib import Path

from harvester.errors import StorageError


def sync_directories(directories: Iterable[Path]) -> None:
    """Make new names durable: a file whose directory entry is lost is lost with all its rows. Raises StorageError."""
    for directory in directories:
        try:
            fd = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        except OSError as exc:
            if exc.errno != errno.EINVAL:  # EINVAL: a file system that does not sync directories; nothing failed
                raise StorageError(f"cannot force {directory} to disk: {exc.strerror}") from exc
