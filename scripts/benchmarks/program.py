"""A program run as a process of its own, and what the operating system says of it afterwards."""

import os
import resource
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import BinaryIO

KILLED = -signal.SIGKILL
_LOOK_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A process that came to its end."""

    code: int  #: negative: the number of the signal that ended it
    wall_s: float
    cpu_s: float  #: of the process and those it started and waited for
    peak_bytes: int  #: the most memory it had in use
    said: str  #: the end of both its outputs


def run(
    command: Sequence[str | Path], *, environ: Mapping[str, str], log: Path, kill_after_s: float | None = None
) -> Ended:
    """Run a program to its end, or until it is killed. Its outputs go to `log`."""
    with log.open("wb") as output:
        began_s = perf_counter()
        process = begun(command, environ, output)
        peak = _Peak(process.pid)
        peak.start()
        killer = None if kill_after_s is None else threading.Timer(kill_after_s, process.kill)
        if killer is not None:
            killer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
            wall_s = perf_counter() - began_s
        except BaseException:
            process.kill()
            raise
        finally:
            if killer is not None:
                killer.cancel()
            most_bytes = peak.of_all()
        process.returncode = os.waitstatus_to_exitcode(status)
    return ended(process.returncode, usage, wall_s=wall_s, most_bytes=most_bytes, log=log)


def begun(command: Sequence[str | Path], environ: Mapping[str, str], output: BinaryIO) -> subprocess.Popen[bytes]:
    """Start a program with both its outputs in one file, and nothing to read."""
    words = [str(word) for word in command]
    return subprocess.Popen(words, env=dict(environ), stdin=subprocess.DEVNULL, stdout=output, stderr=output)


def ended(code: int, usage: resource.struct_rusage, *, wall_s: float, most_bytes: int, log: Path) -> Ended:
    """Return how a process ended; `most_bytes`: what was seen of its memory, 0 = nothing."""
    return Ended(
        code=code,
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_bytes=most_bytes or usage.ru_maxrss * 1024,
        said=said(log),
    )


def said(log: Path) -> str:
    """Return the end of what a program has said."""
    return log.read_text(errors="replace")[-2000:]


def peak_bytes(pid: int) -> int:
    """Return the most memory that a process has had; 0 if it has ended, or on a system that does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = next((line for line in status.splitlines() if line.startswith("VmHWM:")), None)
    return 0 if found is None else int(found.split()[1]) * 1024


class _Peak(threading.Thread):
    """Looks at a process's memory while it runs: what the kernel tells later counts the one that started it, too."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._ended = threading.Event()
        self._most_bytes = 0

    def run(self) -> None:
        """Look, until the process has ended."""
        while not self._ended.wait(_LOOK_S):
            self._most_bytes = max(self._most_bytes, peak_bytes(self._pid))

    def of_all(self) -> int:
        """Stop looking, and return what was seen; 0 = nothing."""
        self._ended.set()
        self.join()
        return self._most_bytes


def whole(command: Sequence[str | Path], *, environ: Mapping[str, str], log: Path) -> Ended:
    """Run a program that must succeed. Raises RuntimeError."""
    found = run(command, environ=environ, log=log)
    if found.code != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {found.code}:\n{found.said}")
    return found
