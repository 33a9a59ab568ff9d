"""What the tests of hostile input share: a command in this process, what no user may see, and what is on a disk."""

import os
import stat
import subprocess
import sys
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from chaos_kit import Ended, Job, assert_no_traceback
from click.testing import CliRunner

from harvester.cli import main

REFUSED = (1, 2)

#: What a run may change though it is refused: it opens the state, and says in the log and the manifest that it began.
OWN_FILES = (
    "state.sqlite3", "state.sqlite3-wal", "state.sqlite3-shm", "state.sqlite3.b2", "manifest.json", "harvester.log",
)  # fmt: skip


def call(*arguments: str, environ: Mapping[str, str], input: bytes | None = None) -> Ended:
    """Call a command in this process."""
    result = CliRunner().invoke(main, arguments, input=input, env=dict(environ))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    ended = Ended(code=result.exit_code, out=result.stdout, err=result.stderr)
    assert_no_traceback(ended)
    return ended


#: Root may read and write everywhere, so it becomes somebody else once everything is imported.
AS_NOBODY = """
import os, pathlib, sys
from harvester.cli import main
from harvester.config import load
load(pathlib.Path(sys.argv[2]))
for name in main.list_commands(None):
    main.get_command(None, name)
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
main(sys.argv[1:])
"""


def call_as_nobody(*arguments: str, environ: Mapping[str, str]) -> Ended:
    """Call a command as a process of a user who owns nothing; the second argument is a config that it may read."""
    command = [sys.executable, "-c", AS_NOBODY, *arguments]
    result = subprocess.run(command, env=dict(environ), capture_output=True, text=True, check=False)
    ended = Ended(code=result.returncode, out=result.stdout, err=result.stderr)
    assert_no_traceback(ended)
    return ended


def run(job: Job, *arguments: str) -> Ended:
    """Run a job in this process."""
    return call("run", str(job.config), *arguments, environ=job.environment())


def assert_told(ended: Ended, *words: object) -> None:
    """The command was refused, in words that are harmless and name what is wrong."""
    assert ended.code in REFUSED, (ended.code, ended.out, ended.err)
    assert_harmless(ended.out + ended.err)
    for word in map(str, words):
        assert word in ended.err, (word, ended.err)


def assert_harmless(text: str) -> None:
    """Nothing in a text moves a cursor, reorders it, or cannot be seen."""
    bad = sorted({char for char in text if char != "\n" and not is_harmless(char)})
    assert not bad, [f"U+{ord(char):04X}" for char in bad]


def is_harmless(char: str) -> bool:
    """Say, by Unicode's own table, whether a character is there to be seen."""
    return char == " " or unicodedata.category(char)[0] not in "CZ"


def found_in(folder: Path) -> dict[str, object]:
    """Return what each path below a folder is: a kind, a mode and a content."""
    return {str(path.relative_to(folder)): _what_is(path) for path in sorted(folder.rglob("*"))}


def rows_and_foreign(folder: Path) -> dict[str, object]:
    """Return the same, without what a run that is refused may write."""
    return {name: what for name, what in found_in(folder).items() if Path(name).name not in OWN_FILES}


def _what_is(path: Path) -> object:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return "link", os.readlink(path)
    return stat.S_IFMT(mode), stat.S_IMODE(mode), path.read_bytes() if stat.S_ISREG(mode) else None


def status(job: Job) -> Ended:
    """Ask how far a job is."""
    return call("status", str(job.directory), environ=job.environment())
