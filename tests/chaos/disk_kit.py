"""What the attacks on the disk share: the shim between a run and its disk, its rules and its log, and quick runs."""

import asyncio
import atexit
import json
import os
import platform
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import IO, Any

import pytest
from chaos_kit import Ended, Job
from e2e_kit import REPOSITORY

HERE = Path(__file__).parent
COMPILER = shutil.which("cc")
IS_LINUX = platform.system() == "Linux"

needs_shim = pytest.mark.skipif(
    not IS_LINUX or COMPILER is None, reason="needs a C compiler, cc" if IS_LINUX else "needs Linux (LD_PRELOAD)"
)

KILL, SHORT = "KILL", "SHORT"
WIDTH = 2  #: runs beside each other


@cache
def shim() -> Path:
    """Return the shim, compiled on first use."""
    assert COMPILER is not None
    folder = TemporaryDirectory()
    atexit.register(folder.cleanup)
    made = Path(folder.name, "disk_shim.so")
    flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread"]
    subprocess.run([COMPILER, *flags, "-o", str(made), str(HERE / "disk_shim.c")], check=True)
    return made


@contextmanager
def quick_folder() -> Iterator[Path]:
    """Make a folder in memory, where there is such a place: what a sync is for is told by the shim, not by a disk."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What becomes of some operations."""

    action: str | int  #: KILL after it, SHORT: half of it, or fail with an errno
    kind: str = "any"
    suffix: str = "*"  #: how the file's name ends
    first: int = 1  #: the number of the first such operation that is meant
    times: int = 1  #: how many; 0 = all from there on

    def __str__(self) -> str:
        return f"{self.action} {self.kind} {self.suffix} {self.first} {self.times}"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One line of the shim's log."""

    kind: str
    errno: int  #: 0 = it was done
    offset: int  #: of a write; the new size of a truncated file; the number of a connection
    data: bytes
    path: str

    def is_of(self, kind: str, suffix: str = "*") -> bool:
        """Whether a rule of this kind and suffix counts it."""
        return kind in ("any", self.kind) and (suffix == "*" or self.path.endswith(suffix))


def operations_in(log: Path) -> list[Operation]:
    """Return what was done, in order; a kill may have torn the last line of the log."""
    return list(_operations(log.read_bytes()))


def _operations(content: bytes) -> Iterator[Operation]:
    at = 0
    while at < len(content):
        end = content.find(b"\n", at)
        if end < 0:
            return
        kind, errno, offset, size, path = content[at:end].decode().split("\t")
        at = end + 1 + int(size)
        data = content[end + 1 : at]
        yield Operation(kind=kind, errno=int(errno), offset=int(offset), data=data, path=path)


def shimmed(below: Path, *rules: Rule, log: Path | None = None) -> dict[str, str]:
    """Return what the environment of a process needs so that its disk is watched below a directory."""
    environ = {"LD_PRELOAD": str(shim()), "CHAOS_DISK_BELOW": str(below.resolve())}
    if log is not None:
        environ["CHAOS_DISK_LOG"] = str(log)
    if rules:
        environ["CHAOS_DISK_RULES"] = ";".join(map(str, rules))
    return environ


class _Server:
    """A process that forks a child for each run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._child = 0
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "disk_forks.py")],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "LD_PRELOAD": str(shim())},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )

    def run(self, arguments: Sequence[str], environ: Mapping[str, str], kill_after_s: float | None) -> Ended:
        """Run the command to its end, or kill it after so many seconds."""
        out, err = self._folder / "out", self._folder / "err"
        order = {"arguments": arguments, "environ": environ, "out": str(out), "err": str(err)}
        self._pipe(self._process.stdin).write(json.dumps(order).encode() + b"\n")
        self._child = self._number()
        if kill_after_s is not None and not select.select([self._pipe(self._process.stdout)], [], [], kill_after_s)[0]:
            self.kill()
        return Ended(code=self._number(), out=out.read_text(errors="replace"), err=err.read_text(errors="replace"))

    def kill(self) -> None:
        """Kill the run."""
        with suppress(ProcessLookupError):  # it ended just now
            os.kill(self._child, signal.SIGKILL)

    def close(self) -> None:
        """Let it end."""
        self._pipe(self._process.stdin).close()
        self._process.wait()
        self._pipe(self._process.stdout).close()

    def _number(self) -> int:
        return int(self._pipe(self._process.stdout).readline())

    def _pipe(self, pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe


class Runs:
    """Runs of the command that begin at once, `WIDTH` beside each other."""

    def __init__(self, servers: Iterable[_Server]) -> None:
        self._idle: SimpleQueue[_Server] = SimpleQueue()
        for server in servers:
            self._idle.put(server)

    async def run(
        self, job: Job, *rules: Rule, log: Path | None = None, kill_after_s: float | None = None, again: bool = False
    ) -> Ended:
        """Run a job to its end, or until it is killed: by a rule, or from outside after so many seconds."""
        environ = {**job.environment(), **shimmed(job.folder, *rules, log=log)}
        arguments = ["run", str(job.config), "--quiet", *(["--again"] if again else [])]
        server = self._idle.get_nowait()
        running = asyncio.ensure_future(asyncio.to_thread(server.run, arguments, environ, kill_after_s))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            server.kill()  # its sandbox is going to end, and it would try to reach it for minutes
            await running
            raise
        finally:
            self._idle.put(server)


@cache
def quick_runs() -> Runs:
    """Return the servers of this session, started on first use."""
    scratch = TemporaryDirectory()
    atexit.register(scratch.cleanup)
    servers = []
    for number in range(WIDTH):
        folder = Path(scratch.name, str(number))
        folder.mkdir()
        servers.append(_Server(folder))
        atexit.register(servers[-1].close)
    return Runs(servers)


async def beside_each_other(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do pieces of work, `WIDTH` of them at a time."""
    waiting = iter(work)

    async def one_after_the_other() -> None:
        for piece in waiting:
            await piece

    async with asyncio.TaskGroup() as group:
        for _ in range(WIDTH):
            group.create_task(one_after_the_other())
