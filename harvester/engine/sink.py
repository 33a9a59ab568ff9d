"""JSON Lines files, plain or compressed, that can be cut back to the length last committed.

Rows are in exactly once because rows and mark become true together: the lines of a commit are appended and forced
to disk first, then the checkpoint takes the new lengths. Whatever lies beyond a committed length was never promised
and is cut off on start. A compressed file ends a gzip member or zstd frame at every commit, so the cut is clean.
"""

import errno
import gzip
import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import zstandard

from harvester.engine.directories import sync_directories
from harvester.engine.ports import Lines
from harvester.errors import StorageError

Compress = Callable[[bytes], bytes]


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, compresslevel=6, mtime=0)


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3, write_checksum=True).compress(data)


_REMEDY = "Put the file back as it was, or start anew in another directory."

#: By the last part of a file's name; None = written as it is.
COMPRESS: Mapping[str, Compress | None] = {".jsonl": None, ".gz": _gzip, ".zst": _zstd}


class JsonLines:
    """The output files of one job. `close` gives the descriptors back."""

    def __init__(self, directory: Path, committed_bytes: Mapping[str, int], outputs: Iterable[str]) -> None:
        """Open every output, cut back to its committed length.

        Raises StorageError, with nothing changed, if a file is missing, shorter than what was committed or another one.
        """
        self._files: dict[str, _File] = {}
        try:
            for name in outputs:
                self._files[name] = _File(directory / name, committed_bytes.get(name, 0))
            for file in self._files.values():  # only now that each of them may be continued
                file.cut_back()
            sync_directories({directory, *((directory / name).parent for name in self._files)})
        except BaseException:
            self.close()
            raise

    def write(self, lines: Iterable[Lines]) -> Mapping[str, int]:
        """Append, force to disk, and return the new length in bytes of every file that grew. Raises StorageError."""
        pieces: dict[str, list[bytes]] = {}
        for output, data, _ in lines:
            pieces.setdefault(output, []).append(data)
        for output, waiting in pieces.items():
            self._files[output].append(waiting)
        for output in pieces:
            self._files[output].sync()
        return {output: self._files[output].length_bytes for output in pieces}

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()
        self._files.clear()


class _File:
    """One output file, open for appending at its committed length."""

    def __init__(self, path: Path, committed_bytes: int) -> None:
        self._path = path
        self._compress = COMPRESS[path.suffix]
        self.length_bytes = committed_bytes
        try:
            self._fd = self._opened()
            try:
                self._refuse_if_another(os.fstat(self._fd))
            except BaseException:
                os.close(self._fd)
                raise
        except FileNotFoundError:
            what = f"is missing, but {committed_bytes} bytes of rows were stored in it"
            raise StorageError(f"{path} {what}. {_REMEDY}") from None
        except OSError as exc:
            is_link = exc.errno == errno.ELOOP
            what = f"{path} is a link" if is_link else f"cannot open {path}: {exc.strerror}"
            raise StorageError(f"{what}. {_REMEDY}") from exc

    def _opened(self) -> int:
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # nonblocking, because it may be a pipe
        if self.length_bytes:
            return os.open(self._path, flags)  # not made: an empty file would pass for what is left of the rows
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        return os.open(self._path, flags | os.O_CREAT, 0o600)

    def _refuse_if_another(self, found: os.stat_result) -> None:
        """Stop before anything is cut off that was never ours. Raises StorageError and OSError."""
        what = None
        if not stat.S_ISREG(found.st_mode):
            what = "is not a file"
        elif found.st_nlink > 1:
            what = "has a second name (a hard link), and what that names would change too"
        elif found.st_size < self.length_bytes:
            stored = f"{self.length_bytes} bytes of rows were stored in it"
            what = f"has {found.st_size} bytes, but {stored}: it was changed from outside"
        elif self._compress is None and not self._is_whole():
            what = f"does not end a line at {self.length_bytes} bytes, where its stored rows end: it was changed"
        if what:
            raise StorageError(f"{self._path} {what}. {_REMEDY}")

    def _is_whole(self) -> bool:
        return not self.length_bytes or os.pread(self._fd, 1, self.length_bytes - 1) == b"\n"

    def cut_back(self) -> None:
        """Remove what lies beyond the committed length. Raises StorageError."""
        try:
            if os.fstat(self._fd).st_size > self.length_bytes:
                os.ftruncate(self._fd, self.length_bytes)
                os.fsync(self._fd)
            os.lseek(self._fd, self.length_bytes, os.SEEK_SET)
        except OSError as exc:
            raise StorageError(f"cannot cut {self._path} back to what is committed: {exc.strerror}") from exc

    def append(self, pieces: Sequence[bytes]) -> None:
        # Plain ones as they are: together they are as large as all pages that are open, and need not be there twice.
        packed = pieces if self._compress is None else [self._compress(b"".join(pieces))]
        try:
            self._refuse_if_changed(os.fstat(self._fd))
            for piece in packed:
                self._write(memoryview(piece))
        except OSError as exc:
            raise StorageError(f"cannot write {self._path}: {exc.strerror}") from exc

    def _write(self, left: memoryview) -> None:
        while left:
            written_bytes = os.write(self._fd, left)
            self.length_bytes += written_bytes
            left = left[written_bytes:]

    def _refuse_if_changed(self, found: os.stat_result) -> None:
        """Stop before rows go where nobody finds them. Raises StorageError."""
        if found.st_nlink == 0 or found.st_size != self.length_bytes:
            what = "removed" if found.st_nlink == 0 else "changed"
            raise StorageError(f"{self._path} was {what} from outside while it was written; put it back as it was")

    def sync(self) -> None:
        # Never tried again: after a failed fsync the kernel may have dropped the pages and report success.
        try:
            os.fsync(self._fd)
        except OSError as exc:
            raise StorageError(f"cannot force {self._path} to disk: {exc.strerror}") from exc

    def close(self) -> None:
        os.close(self._fd)
