"""JSON Lines files, plain or compressed, that can be cut back to the length last committed.

Rows are in exactly once because rows and mark become true together: the lines of a commit are appended and forced
to disk first, then the checkpoint takes the new lengths. Whatever lies beyond a committed length was never promised
and is cut off on start. A compressed file ends a gzip member or zstd frame at every commit, so the cut is clean.
"""

import errno
import gzip
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import zstandard

from harvester.engine.ports import Lines
from harvester.errors import StorageError

Compress = Callable[[bytes], bytes]


def _plain(data: bytes) -> bytes:
    return data


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, compresslevel=6, mtime=0)


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3, write_checksum=True).compress(data)


#: By the last part of a file's name.
COMPRESS: Mapping[str, Compress] = {".jsonl": _plain, ".gz": _gzip, ".zst": _zstd}


class JsonLines:
    """The output files of one job. `close` gives the descriptors back."""

    def __init__(self, directory: Path, committed_bytes: Mapping[str, int], outputs: Iterable[str]) -> None:
        """Open every output, cut back to its committed length.

        Raises StorageError if a file is shorter than what was committed or cannot be opened.
        """
        self._files: dict[str, _File] = {}
        try:
            for name in outputs:
                self._files[name] = _File(directory / name, committed_bytes.get(name, 0))
            _sync_directories({directory, *((directory / name).parent for name in self._files)})
        except BaseException:
            self.close()
            raise

    def write(self, lines: Iterable[Lines]) -> Mapping[str, int]:
        """Append, force to disk, and return the new length in bytes of every file that grew. Raises StorageError."""
        pieces: dict[str, list[bytes]] = {}
        for output, data, _ in lines:
            pieces.setdefault(output, []).append(data)
        for output, waiting in pieces.items():
            self._files[output].append(b"".join(waiting))
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
            path.parent.mkdir(mode=0o700, exist_ok=True)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise StorageError(f"cannot open {path}: {exc.strerror}") from exc
        try:
            self._cut_back()
        except BaseException:
            os.close(self._fd)
            raise

    def _cut_back(self) -> None:
        try:
            found_bytes = os.fstat(self._fd).st_size
            if found_bytes < self.length_bytes:
                raise StorageError(
                    f"{self._path} has {found_bytes} bytes, but {self.length_bytes} bytes of rows were stored in it: "
                    "it was changed or removed from outside. Put the file back, or start anew in another directory."
                )
            if found_bytes > self.length_bytes:
                os.ftruncate(self._fd, self.length_bytes)
                os.fsync(self._fd)
            os.lseek(self._fd, self.length_bytes, os.SEEK_SET)
        except OSError as exc:
            raise StorageError(f"cannot cut {self._path} back to what is committed: {exc.strerror}") from exc

    def append(self, data: bytes) -> None:
        packed = memoryview(self._compress(data))
        try:
            self._refuse_if_changed(os.fstat(self._fd))
            while packed:
                written_bytes = os.write(self._fd, packed)
                self.length_bytes += written_bytes
                packed = packed[written_bytes:]
        except OSError as exc:
            raise StorageError(f"cannot write {self._path}: {exc.strerror}") from exc

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


def _sync_directories(directories: Iterable[Path]) -> None:
    """Make new names durable: a file whose directory entry is lost is lost with all its rows."""
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
