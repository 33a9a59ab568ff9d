"""The lines of an output file that were committed, read back one by one: flat memory, and nothing beyond the mark."""

import gzip
import io
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from harvester.errors import StorageError

_BLOCK_BYTES = 1024 * 1024
_REMEDY = "Put the file back as it was."


def committed_lines(path: Path, length_bytes: int) -> Iterator[bytes]:
    """Yield the lines, ends included, of the first so many bytes of a file, plain or packed as its name says.

    Raises StorageError if they are not there or not whole.
    """
    if not length_bytes:
        return
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as exc:
        raise StorageError(f"cannot read {path}: {exc.strerror}. {_REMEDY}") from exc
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode) or found.st_size < length_bytes:
        os.close(fd)
        stored = f"{length_bytes} bytes of rows were stored in it"
        raise StorageError(f"{path} has {found.st_size} bytes, but {stored}: it was changed. {_REMEDY}")
    with open(fd, "rb", buffering=0) as file:
        try:
            for line in _unpacked(path, io.BufferedReader(_First(file, length_bytes), _BLOCK_BYTES)):
                if not line.endswith(b"\n"):
                    raise StorageError(f"{path} does not end a line where its stored rows end: it was changed")
                yield line
        except (OSError, EOFError, zlib.error, zstandard.ZstdError) as exc:
            raise StorageError(f"{path} cannot be unpacked: {exc}. {_REMEDY}") from exc


def _unpacked(path: Path, packed: BinaryIO) -> Iterator[bytes]:
    if path.suffix == ".gz":
        return iter(gzip.GzipFile(fileobj=packed))
    if path.suffix == ".zst":
        reader = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
        return iter(io.BufferedReader(cast(io.RawIOBase, reader), _BLOCK_BYTES))
    return iter(packed)


class _First(io.RawIOBase):
    """The first so many bytes of a file."""

    def __init__(self, file: io.RawIOBase, length_bytes: int) -> None:
        self._file = file
        self._left_bytes = length_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]  # typeshed's buffer type is private
        read_bytes = self._file.readinto(memoryview(buffer)[: self._left_bytes]) or 0
        self._left_bytes -= read_bytes
        return read_bytes
