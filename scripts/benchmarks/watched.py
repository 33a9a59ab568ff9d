"""A program that is looked at while it runs, and may be killed."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from benchmarks.program import Ended, begun, ended, peak_bytes, said

_LOOK_S = 0.02
_ENOUGH_S = 4 * 3600.0


class Watched:
    """A process that is running. Open it with `watched`."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log
        self._began_s = perf_counter()
        self._ended: Ended | None = None
        self._peak_bytes = 0

    @property
    def peak_bytes(self) -> int:
        """The most memory that it has had until now, as the kernel tells of it while it lives.

        What the kernel tells afterwards (`ru_maxrss`) counts the process from which it was forked, too.
        """
        self._peak_bytes = max(self._peak_bytes, peak_bytes(self._process.pid))
        return self._peak_bytes

    def is_running(self) -> bool:
        """Whether it has not come to its end; looks at its memory, too."""
        if self._ended is None and self.peak_bytes >= 0:
            pid, status, usage = os.wait4(self._process.pid, os.WNOHANG)
            if pid:
                self._process.returncode = os.waitstatus_to_exitcode(status)
                wall_s, code = perf_counter() - self._began_s, self._process.returncode
                self._ended = ended(code, usage, wall_s=wall_s, most_bytes=self._peak_bytes, log=self._log)
        return self._ended is None

    def until(self, is_true: Callable[[], bool], *, look_s: float = _LOOK_S) -> None:
        """Wait for something to become true while it runs. Raises RuntimeError if it ends before."""
        while not is_true():
            if not self.is_running():
                raise RuntimeError(f"ended too early:\n{said(self._log)}")
            time.sleep(look_s)

    def kill(self) -> Ended:
        """Kill it with its memory looked at just before, and return how it ended."""
        if self.is_running():
            self._process.kill()
        return self.ended()

    def ended(self, most_s: float = _ENOUGH_S) -> Ended:
        """Wait for its end. Raises TimeoutError."""
        while self.is_running():
            if perf_counter() - self._began_s > most_s:
                raise TimeoutError(f"still running after {most_s:.0f} s")
            time.sleep(_LOOK_S)
        assert self._ended is not None
        return self._ended

    def succeeded(self) -> Ended:
        """Wait for its end. Raises RuntimeError unless that was a success."""
        found = self.ended()
        if found.code != 0:
            raise RuntimeError(f"ended with {found.code}:\n{found.said}")
        return found


@contextmanager
def watched(command: Sequence[str | Path], *, environ: Mapping[str, str], log: Path) -> Iterator[Watched]:
    """Run a program beside the block; it is killed at the block's end if it has not ended. Its outputs go to `log`."""
    with log.open("wb") as output:
        program = Watched(begun(command, environ, output), log)
        try:
            yield program
        finally:
            program.kill()
