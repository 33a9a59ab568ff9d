"""How much memory a process of the command took."""

import sys
from pathlib import Path

import pytest

on_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="the memory of a process is read from /proc, as Linux has it"
)

#: Runs the command, and notes at the end the most memory that it had (KiB). Not what `wait4` tells: that counts the
#: process from which it was forked, too.
_MEASURED = """
import atexit, pathlib, sys
from harvester.cli import main
@atexit.register
def note():
    found = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
    pathlib.Path(sys.argv[1]).write_text(found["VmHWM"].split()[0])
main(sys.argv[2:])
"""


def measured_command(note: Path, *arguments: str) -> list[str]:
    """Return what to run instead of the command with these arguments; it writes down its memory in `note`."""
    return [sys.executable, "-c", _MEASURED, str(note), *arguments]


def most_mib(note: Path) -> int:
    """Return the most memory that a process had, in MiB."""
    return int(note.read_text()) // 1024
