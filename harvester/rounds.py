"""Rounds: a finished job is put away into `rounds/N` of its directory, and the next round begins at the top.

The move can be cut off after any operation. `rounds/N.part` is made first and says that round N is being put away; the
files follow, each by one `rename`, and the state comes last, for it says which files there are. Only when all that is
forced to disk does `N.part` become `N`. Whoever opens the directory for a run goes on from wherever it was cut off.
"""

import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from harvester.codec import parse
from harvester.engine.checkpoint import (
    FILE_NAME,
    SEAL_NAME,
    Census,
    SqliteCheckpoint,
    break_seal,
    finish_swap,
    force_again,
    has_state,
    keep_in_one_file,
    leave_seal,
    meta_of,
    open_database,
    open_to_look,
    reading,
    take_census,
)
from harvester.engine.directories import sync_directories
from harvester.engine.ports import State
from harvester.engine.sink import JsonLines
from harvester.errors import ConfigError, StorageError

FOLDER = "rounds"
MANIFEST = "manifest.json"
ROUND = "round"  #: the remark on the job that holds the number of the present round; absent = the first
#: What belongs to a round beside its outputs and its state: the page that `harvester report` writes is of its rows.
_BESIDE = ("report.html", "harvester.log", SEAL_NAME, MANIFEST)

_PART = ".part"
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Rounds:
    """The rounds of a job directory that were put away, by their numbers."""

    done: Sequence[int] = ()  #: ascending
    moving: int | None = None  #: this one is being put away, or was when that was cut off

    @property
    def next(self) -> int:
        """The number of a round that begins at the top, once nothing is there."""
        return max((*self.done, self.moving or 0), default=0) + 1


def rounds_in(directory: Path) -> Rounds:
    """Return which rounds were put away. Raises ConfigError if `rounds` cannot be read."""
    folder = directory / FOLDER
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return Rounds()
    except OSError as exc:
        raise ConfigError(f"{folder}: cannot be read as the earlier rounds of a job: {exc.strerror}") from exc
    parts = (name.removesuffix(_PART) for name in names if name.endswith(_PART))
    return Rounds(
        done=sorted(int(name) for name in names if _NUMBER.fullmatch(name)),
        moving=max((int(name) for name in parts if _NUMBER.fullmatch(name)), default=None),
    )


def round_directory(directory: Path, number: int) -> Path:
    """Return where a round lies that was put away."""
    return directory / FOLDER / str(number)


def archives(directory: Path) -> Iterator[tuple[int, Path]]:
    """Yield the rounds that were put away, the last first. Raises ConfigError."""
    for number in reversed(rounds_in(directory).done):
        yield number, round_directory(directory, number)


def between_rounds(directory: Path) -> str | None:
    """Say of a directory without a state at its top which round it is between; None if it has no rounds."""
    try:
        found = rounds_in(directory)
    except ConfigError:
        return None
    if found.moving is not None:
        where = directory / FOLDER / f"{found.moving}{_PART}"
        return f"{directory}: round {found.moving} is being put away, now in {where}; `harvester run` ends that"
    if not found.done:
        return None
    last = found.done[-1]
    return f"{directory}: round {found.next} has not begun; round {last} is in {round_directory(directory, last)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundState:
    """A round as its state has it."""

    number: int
    day: date  #: on which it began
    meaning: Mapping[str, Any]
    census: Census


def state_of(directory: Path, number: int) -> RoundState | None:
    """Look at the state of a round; `number`: 0 = the state says. None = it has not begun."""
    with closing(open_to_look(directory)) as db, reading(db):
        scope, day = meta_of(db, "scope"), meta_of(db, "day")
        if scope is None or day is None:
            return None
        return RoundState(
            number=number or int(meta_of(db, ROUND) or 1),
            day=date.fromisoformat(day),
            meaning=parse(meta_of(db, "meaning") or "{}"),
            census=take_census(db, scope),
        )


def is_finished(census: Census) -> bool:
    """Whether nothing is left to ask; tasks that were set aside or are incomplete are not left."""
    return bool(census.harvests) and census.tasks(State.OPEN) + census.tasks(State.WAITING) == 0


def turn(directory: Path, now: datetime, notice: Callable[[str], None], *, is_again: bool) -> None:
    """Put the present round away if it is to be done again and nothing of it is left to ask.

    Only for whoever holds the directory. Raises ConfigError, StorageError.
    """
    moved = finish_move(directory)
    if moved is None and is_again and has_state(directory):
        moved = _put_away_if_finished(directory, now, notice)
    if moved is not None:
        notice(f"round {moved} is put away, into {round_directory(directory, moved)}")


def _put_away_if_finished(directory: Path, now: datetime, notice: Callable[[str], None]) -> int | None:
    """Return the number of the round that was put away; None if there is something left of it to ask."""
    with opened_state(directory) as db:
        with reading(db):
            scope, number = meta_of(db, "scope"), int(meta_of(db, ROUND) or 1)
        census = None if scope is None else take_census(db, scope)
        if census is None or not is_finished(census):
            if census is not None and census.harvests:
                notice(f"round {number} is not finished: going on with it; --again begins another one after it")
            return None
        checkpoint = SqliteCheckpoint(db)
        checkpoint.begin((), (), at=now)  # a hold that is still there will never be settled
        lengths = checkpoint.output_bytes()
        JsonLines(directory, lengths, lengths).close()  # as for a run: nothing is missing, nothing too much
        keep_in_one_file(db)
    put_away(directory, number)
    return number


@contextmanager
def opened_state(directory: Path) -> Iterator[sqlite3.Connection]:
    """Open a job's state for writing, made if it is not there, and leave it with its seal. Raises as its parts."""
    with ExitStack() as stack:
        is_sound = break_seal(directory)
        force_again(directory)
        db = open_database(directory, is_sound=is_sound)
        stack.callback(leave_seal, directory)
        stack.enter_context(closing(db))
        finish_swap(db, directory)
        yield db


def put_away(directory: Path, number: int) -> None:
    """Move a finished round, whose state nobody has open, to its place. Raises ConfigError, StorageError."""
    folder, target = directory / FOLDER, round_directory(directory, number)
    if os.path.lexists(target):
        raise ConfigError(f"{target}: is there already, and round {number} is to go there; rename it")
    with _told(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_directories([directory])
        (folder / f"{number}{_PART}").mkdir(mode=0o700)
        sync_directories([folder])
    finish_move(directory)


def finish_move(directory: Path) -> int | None:
    """Go on with a move that was cut off; return the round's number, None if there is nothing to go on with.

    Only for whoever holds the directory. Raises ConfigError, StorageError.
    """
    number = rounds_in(directory).moving
    if number is None:
        return None
    part = directory / FOLDER / f"{number}{_PART}"
    with _told(part):
        if os.path.lexists(directory / FILE_NAME):
            _move(directory, part, [*_outputs(directory), *_BESIDE])
            _move(directory, part, [FILE_NAME])
        elif not (part / FILE_NAME).is_file():
            raise StorageError(f"{part}: round {number} was being put away, and its {FILE_NAME} is gone; put it back")
        sync_directories([part, directory])  # the state may have been moved by a run that was cut off then
        part.rename(round_directory(directory, number))
        sync_directories([directory / FOLDER])
    return number


def _outputs(directory: Path) -> list[str]:
    with closing(open_to_look(directory)) as db, reading(db):
        return [name for (name,) in db.execute("SELECT name FROM outputs ORDER BY name")]


def _move(directory: Path, part: Path, names: Sequence[str]) -> None:
    """Move those of the files that are still there, and force that to disk."""
    folders = sorted({Path(name).parent for name in names}, reverse=True)  # "." is the last
    for folder in folders:
        (part / folder).mkdir(mode=0o700, exist_ok=True)
    sync_directories([part])  # before anything is in them: a directory that is lost is lost with its files
    for name in names:
        source, target = directory / name, part / name
        if os.path.lexists(source):
            if os.path.lexists(target):
                raise StorageError(f"{target}: is there already, and {source} is to go there; remove the wrong one")
            source.rename(target)
    # Where they are now first: on no disk may a name be gone here before it is there.
    sync_directories(part / folder for folder in folders)
    sync_directories(directory / folder for folder in folders if (directory / folder).is_dir())
    for folder in folders[:-1]:
        with suppress(OSError):  # it holds something of somebody else
            (directory / folder).rmdir()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Make an error of the disk one of ours, which says what was being done."""
    try:
        yield
    except OSError as exc:
        what = f"{path}: the finished round cannot be put away: {exc.strerror}"
        raise StorageError(f"{what}. Mend that, then run the same command again.") from exc
