"""One process at a time: for a job directory, and for a key on this machine.

`flock` is given back by the kernel when the process dies, however it dies; nothing has to be cleaned up.
"""

import fcntl
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from tempfile import gettempdir

from harvester.errors import ConfigError


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


@contextmanager
def key_lock(path: Path, holder: str) -> Iterator[None]:
    """Hold a key for the length of the block; `holder` tells others who does. Raises Busy, ConfigError."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as exc:
        raise _unusable(path, exc) from exc
    try:
        _take(fd, os.pread(fd, 1000, 0).decode(errors="replace") or "another harvester process")
        with suppress(OSError):  # a full disk hides who holds the key, and does not keep it from being held
            os.ftruncate(fd, 0)
            os.pwrite(fd, holder.encode(), 0)
        yield
    finally:
        os.close(fd)


def _take(fd: int, holder: str, kind: int = fcntl.LOCK_EX) -> None:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Busy(holder) from None


def _unusable(path: Path, exc: OSError) -> ConfigError:
    return ConfigError(f"{path}: cannot be used for the locks of keys: {exc.strerror}. Set XDG_RUNTIME_DIR.")


def _runtime_directory(environ: Mapping[str, str]) -> Path:
    """Return a directory that only this user can write to. Raises ConfigError."""
    base = environ.get("XDG_RUNTIME_DIR")
    directory = Path(base, "harvester") if base else Path(gettempdir(), f"harvester-{os.getuid()}")
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        found = directory.lstat()  # what is there, not what it points to: anybody can put a link into /tmp
    except OSError as exc:
        raise _unusable(directory, exc) from exc
    if not stat.S_ISDIR(found.st_mode):
        raise ConfigError(f"{directory}: is a link. Remove it, or set XDG_RUNTIME_DIR to a directory of yours.")
    if found.st_uid != os.getuid():
        raise ConfigError(f"{directory}: belongs to another user. Set XDG_RUNTIME_DIR to a directory of yours.")
    if stat.S_IMODE(found.st_mode) & 0o022:
        raise ConfigError(f"{directory}: others can write to it. Remove it, or set XDG_RUNTIME_DIR.")
    return directory
