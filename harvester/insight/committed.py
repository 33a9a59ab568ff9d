"""What a job has committed: which files hold it, up to which byte, and which records are in them.

Only the state knows. A file may go on behind what it names, when the job runs or was killed: that tail was never
promised, may be torn, and is cut off when the job goes on. DuckDB reads files to their end, so such a file is read from
a copy of its committed part; every other one where it lies, by a link. Links and copies have plain names, for
in a path DuckDB takes `*`, `?` and `[` for a pattern.
"""

import gzip
import shutil
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, cast

import zstandard

from harvester.codec import parse
from harvester.engine.checkpoint import has_state, meta_of, open_to_look, reading, refuse_while_swapping
from harvester.errors import ConfigError, StorageError, UnknownReply
from harvester.locks import is_locked
from harvester.records import RECORDS
from harvester.rounds import between_rounds

TASKS = "tasks.jsonl"
REJECTS = "rejects.jsonl"
BLOCK_BYTES = 1024 * 1024
LINE_BYTES = 256 * 1024 * 1024  #: a first line that is longer is none of ours

_DAMAGED = "it was changed from outside; put it back as it was"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One output file of a job."""

    path: Path
    bytes: int  #: committed
    lines: int  #: committed


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """A job directory at one moment, as its state describes it."""

    directory: Path
    outputs: Mapping[str, Output]  #: by file name, those with lines
    harvests: Mapping[str, Mapping[str, Any]]  #: as asked for, by name
    format: str  #: end of the harvests' file names
    is_running: bool

    def of_harvest(self, name: str) -> Output | None:
        """Return the records of a harvest; None if there are none yet."""
        return self.outputs.get(f"{name}.{self.format}")


def committed(directory: Path) -> Committed:
    """Look at a job directory. Raises ConfigError if it is none, or holds no records, StorageError if it is damaged."""
    if not has_state(directory) and (where := between_rounds(directory)):
        raise ConfigError(where)
    is_running = directory.is_dir() and is_locked(directory)  # before: a run may end, but none may begin unseen
    with closing(open_to_look(directory)) as db, reading(db):
        meaning = parse(meta_of(db, "meaning") or "null")
        refuse_while_swapping(db, directory)
        if not isinstance(meaning, dict):
            raise ConfigError(f"{directory}: the job has not begun; start it with: harvester run")
        found = db.execute("SELECT name, bytes, records FROM outputs WHERE records > 0 ORDER BY name").fetchall()
    if meaning["[output] rows"] == "raw":
        raise ConfigError(f'{directory}: a job with rows = "raw" has no records, only what each provider sent')
    return Committed(
        directory=directory,
        outputs={name: Output(path=directory / name, bytes=size, lines=lines) for name, size, lines in found},
        harvests=meaning["[[harvest]]"],
        format=meaning["[output] format"],
        is_running=is_running,
    )


def readable(output: Output, folder: Path, number: int, *, may_grow: bool) -> Path:
    """Return a path of a plain name in `folder` under which exactly what is committed can be read.

    Raises StorageError if the file is missing, shorter, or no file.
    """
    try:
        size = output.path.stat(follow_symlinks=False).st_size if output.path.is_file() else -1
        if size < output.bytes:
            what = "is missing" if size < 0 else f"has {size:,} bytes, but {output.bytes:,} were stored in it"
            raise StorageError(f"{output.path} {what}: {_DAMAGED}")
        path = folder / f"{number}{output.path.name[output.path.name.rindex('.jsonl') :]}"
        if size == output.bytes and not may_grow:
            path.symlink_to(output.path.absolute())
        else:
            _copy(output, path)
    except OSError as exc:
        raise StorageError(f"cannot read {output.path}: {exc.strerror}") from exc
    return path


def _copy(output: Output, path: Path) -> None:
    """Copy what is committed. Raises OSError and StorageError."""
    free_bytes = shutil.disk_usage(path.parent).free
    if free_bytes < output.bytes:
        raise StorageError(
            f"{output.path} is being written, or a run was killed while it wrote it: {output.bytes:,} bytes of it have"
            f" to be copied, and {path.parent.parent} has room for {free_bytes:,}. Let TMPDIR name a larger place, or"
            " let the job end"
        )
    with output.path.open("rb") as source, path.open("xb") as copy:
        left = output.bytes
        while left:
            block = source.read(min(left, BLOCK_BYTES))
            if not block:
                raise StorageError(f"{output.path} became shorter while it was read: {_DAMAGED}")
            copy.write(block)
            left -= len(block)


def record_in(path: Path, shown_as: Path) -> str:
    """Return which record a file holds, by its first line. Raises StorageError."""
    try:
        with _opened(path) as lines:
            first = parse(lines.readline(LINE_BYTES))
    except (OSError, EOFError, UnknownReply, zstandard.ZstdError) as exc:
        raise StorageError(f"{shown_as}: its first line cannot be read ({exc}): {_DAMAGED}") from exc
    record = first.get("record") if isinstance(first, dict) else None
    if record not in RECORDS:
        raise StorageError(f"{shown_as}: its first line is no record: {_DAMAGED}")
    return str(record)


def _opened(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast(IO[bytes], gzip.open(path))
    if path.suffix == ".zst":
        return BufferedReader(zstandard.open(path, "rb"))
    return path.open("rb")
