"""A program run as a process of its own, and what the operating system says of it afterwards."""

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

KILLED = -signal.SIGKILL


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
    _forget_peak()
    with log.open("wb") as output:
        began_s = perf_counter()
        process = subprocess.Popen(
            [str(word) for word in command], env=dict(environ), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        killer = None if kill_after_s is None else threading.Timer(kill_after_s, process.kill)
        if killer is not None:
            killer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        finally:
            if killer is not None:
                killer.cancel()
        wall_s = perf_counter() - began_s
        process.returncode = os.waitstatus_to_exitcode(status)
    return Ended(
        code=process.returncode,
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_bytes=usage.ru_maxrss * 1024,
        said=log.read_text(errors="replace")[-2000:],
    )


def _forget_peak() -> None:
    """Let our own peak begin anew: what a process had at most begins with what the one had that started it."""
    with suppress(OSError):  # not everywhere
        Path("/proc/self/clear_refs").write_text("5")


def whole(command: Sequence[str | Path], *, environ: Mapping[str, str], log: Path) -> Ended:
    """Run a program that must succeed. Raises RuntimeError."""
    ended = run(command, environ=environ, log=log)
    if ended.code != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {ended.code}:\n{ended.said}")
    return ended
