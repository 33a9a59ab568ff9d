"""One process at a time: for a job directory, and for a key on this machine.

`flock` is given back by the kernel when the process dies, however it dies; nothing has to be cleaned up.

The file of a key also says when the last request with it left, for the rate does not end with the process. It says so
by the monotonic clock, which counts from the machine's start and is one for all processes; nobody can set it. A moment
that is still to come was written before the machine was started anew. One that is past may have been, too: then more
time is gone than it seems, because the clock began again at 0.
"""

import fcntl
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from tempfile import gettempdir

from harvester.errors import ConfigError

_NOTE = re.compile(rb"(\d{11}\.\d{6}) (\d{11}\.\d{6})\n")
_NOTE_BYTES = 38
_NO_NOTE = b"%37s\n" % b"nothing has left yet"


class Busy(Exception):
    """Somebody else holds the lock; the text says who."""


@contextmanager
def directory_lock(directory: Path) -> Iterator[None]:
    """Hold a job directory for the length of the block. Raises Busy."""
    fd = os.open(directory, os.O_RDONLY)
    try:
        _take(fd, "another harvester process")
        yield
    finally:
        os.close(fd)


def is_locked(directory: Path) -> bool:
    """Whether a process works in a job directory now."""
    fd = os.open(directory, os.O_RDONLY)
    try:
        _take(fd, "", fcntl.LOCK_SH)  # shared: two who only ask do not see each other at work
    except Busy:
        return True
    finally:
        os.close(fd)
    return False


def key_lock_path(provider: str, base_url: str, key: str, environ: Mapping[str, str]) -> Path:
    """Return the file that stands for a key on this machine. Its name is a one-way digest of the key."""
    digest = blake2b(
        "\x1f".join((provider, base_url, key)).encode(), digest_size=16, person=b"harvester key"
    ).hexdigest()
    return _runtime_directory(environ) / f"{provider}-{digest}.lock"


class KeyTrail:
    """When the last request with a key left, and how late its lane expected arrivals to be. Kept in the key's file."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.last_s, self.late_s = _noted(os.pread(fd, _NOTE_BYTES, 0))

    def gone_s(self, now_s: float) -> float | None:
        """Return for how long at least nothing has left; None = nobody knows. `now_s`: the monotonic clock's."""
        if self.last_s is None:
            return None
        return now_s - self.last_s if self.last_s <= now_s else now_s

    def left(self, at_s: float, late_s: float) -> None:
        """Note that a request leaves now. One small write in place, so that a kill leaves the old note or the new."""
        self.last_s, self.late_s = at_s, late_s
        with suppress(OSError):  # the key is ours all the same; only who comes next knows less
            os.pwrite(self._fd, _note(at_s, late_s), 0)


@contextmanager
def key_lock(path: Path, holder: str) -> Iterator[KeyTrail]:
    """Hold a key for the length of the block; `holder` tells others who does. Raises Busy."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        _take(fd, os.pread(fd, 1000, _NOTE_BYTES).decode(errors="replace") or "another harvester process")
        trail = KeyTrail(fd)
        os.ftruncate(fd, _NOTE_BYTES)
        if trail.last_s is None:
            os.pwrite(fd, _NO_NOTE, 0)
        os.pwrite(fd, holder.encode(), _NOTE_BYTES)
        yield trail
    finally:
        os.close(fd)


def _note(at_s: float, late_s: float) -> bytes:
    return b"%018.6f %018.6f\n" % (at_s, late_s)


def _noted(note: bytes) -> tuple[float | None, float]:
    """Return when the last request left and the margin; None and 0 where there is no such note."""
    match = _NOTE.fullmatch(note)
    return (float(match[1]), float(match[2])) if match else (None, 0.0)


def _take(fd: int, holder: str, kind: int = fcntl.LOCK_EX) -> None:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Busy(holder) from None


def _runtime_directory(environ: Mapping[str, str]) -> Path:
    """Return a directory that only this user can write to. Raises ConfigError."""
    base = environ.get("XDG_RUNTIME_DIR")
    directory = Path(base, "harvester") if base else Path(gettempdir(), f"harvester-{os.getuid()}")
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        found = directory.lstat()  # what is there, not what it points to: anybody can put a link into /tmp
    except OSError as exc:
        raise ConfigError(
            f"{directory}: cannot be used for the locks of keys: {exc.strerror}. Set XDG_RUNTIME_DIR."
        ) from exc
    if not stat.S_ISDIR(found.st_mode):
        raise ConfigError(f"{directory}: is a link. Remove it, or set XDG_RUNTIME_DIR to a directory of yours.")
    if found.st_uid != os.getuid():
        raise ConfigError(f"{directory}: belongs to another user. Set XDG_RUNTIME_DIR to a directory of yours.")
    if stat.S_IMODE(found.st_mode) & 0o022:
        raise ConfigError(f"{directory}: others can write to it. Remove it, or set XDG_RUNTIME_DIR.")
    return directory
