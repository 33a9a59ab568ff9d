"""The job directory: who works in it, what it was begun with, and its list of targets."""

import errno
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

from harvester.codec import dump, dump_pretty, parse
from harvester.config import JobConfig
from harvester.display import shown
from harvester.engine.checkpoint import (
    RejectedLine,
    SqliteCheckpoint,
    TargetLine,
    count_outside,
    count_targets,
    has_state,
    meta_of,
    open_to_look,
    reading,
    refuse_while_swapping,
    rejected_lines,
    take_census,
    take_in,
    transaction,
)
from harvester.engine.directories import sync_directories
from harvester.engine.render import REJECTS, TASKS
from harvester.errors import ConfigError, StorageError, UnknownReply
from harvester.inheritance import inherit, lasts_for, with_lasts
from harvester.job import Job, compile_job, differences
from harvester.locks import Busy, directory_lock
from harvester.rounds import MANIFEST, ROUND, opened_state, rounds_in, turn
from harvester.since_last import SINCE_LAST, Lasts, lasts_of, note_of, told
from harvester.suffixes import suffix_list_version
from harvester.targets import Listed, content_hash, read_targets
from harvester.targets.source import STANDARD_INPUT, name_of

NOTICE_LINES = 100_000
DISK_ERRORS = frozenset({errno.EIO, errno.ENOSPC, errno.EDQUOT})  #: another time they may be gone; a wrong path stays
LOCK_TRIES = 3
LOCK_TRY_S = 0.05

Notice = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDirectory:
    """A job directory that this process works in."""

    path: Path
    db: sqlite3.Connection
    job: Job


@contextmanager
def job_directory(
    config: JobConfig, now: datetime, stdin: BinaryIO, notice: Notice, *, again: bool = False
) -> Iterator[JobDirectory]:
    """Open the directory of a job, made if it is not there; locked and ready to run for the length of the block.

    `again`: if what it holds is finished, put that away as a round and begin the next one.
    Raises ConfigError if the config does not fit itself, its providers or what the directory was begun with.
    """
    job = compile_job(config, now.date())  # before anything is made on disk
    _make(config.output)
    with _locked(config.output):
        turn(config.output, now, notice, is_again=again)
        with _database(job) as db:
            job = _matching(job, db, now)
            for line in told(lasts_of(db)):
                notice(line)
            _read_lists(job, db, stdin, notice)
            _write_manifest(job, now, db)
            yield JobDirectory(path=config.output, db=db, job=job)


def _make(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        error = StorageError if exc.errno in DISK_ERRORS else ConfigError
        raise error(f"{directory}: cannot be made the job directory: {exc.strerror}") from exc
    if not os.access(directory, os.W_OK | os.X_OK):
        raise ConfigError(f"{directory}: may not be written by this user; name another job directory with --output")
    # Always, and not only where one was just made: whoever made it may have been killed before its name was durable.
    sync_directories(_directories_above(directory))


def _directories_above(directory: Path) -> Iterator[Path]:
    """Yield those in which this directory's name stands, and their own, up to the root of its file system."""
    device = directory.stat().st_dev
    for parent in directory.resolve().parents:
        if parent.stat().st_dev != device:
            return
        if os.access(parent, os.R_OK):  # else it is an administrator's, such as /home, and not made by us
            yield parent


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    with ExitStack() as stack:
        for tries_left in reversed(range(LOCK_TRIES)):
            try:
                stack.enter_context(directory_lock(directory))
                break
            except Busy:
                if not tries_left:
                    raise ConfigError(f"{directory}: in use by {_holder(directory)}; wait for it, or stop it") from None
                time.sleep(LOCK_TRY_S)  # `status` looks at the lock by taking it for a moment
        yield


@contextmanager
def _database(job: Job) -> Iterator[sqlite3.Connection]:
    directory = job.config.output
    if not has_state(directory):
        _refuse_rows_without_state(job)  # before a new state lies where the old one is to be put back
    with opened_state(directory) as db:
        _note_holder(db)
        if _is_untouched(db):  # nothing binds it to the config or the list that it was begun with
            _empty(db)
            _note_holder(db)
        yield db


def _note_holder(db: sqlite3.Connection) -> None:
    SqliteCheckpoint(db).set_meta({"holder": f"process {os.getpid()} since {_stamp(datetime.now(UTC))}"})


@contextmanager
def existing_directory(directory: Path) -> Iterator[sqlite3.Connection]:
    """Open the state of a job that has begun, locked for the length of the block, to change its files.

    Raises ConfigError if it is no job directory or another process works in it, StorageError if it is damaged.
    """
    open_to_look(directory).close()
    with _locked(directory), opened_state(directory) as db:
        _note_holder(db)
        yield db


@contextmanager
def quiet_directory(directory: Path) -> Iterator[sqlite3.Connection]:
    """Open the state of a job for reading while nobody works in it. Raises ConfigError."""
    with closing(open_to_look(directory)) as db, _locked(directory):
        refuse_while_swapping(db, directory)
        yield db


def _is_untouched(db: sqlite3.Connection) -> bool:
    """Whether the job has begun and not one request has left since."""
    scope = meta_of(db, "scope")
    if scope is None:
        return False
    census = take_census(db, scope)
    return not any(item.tally.requests or item.units_held for item in census.providers.values())


def _empty(db: sqlite3.Connection) -> None:
    with transaction(db):
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            db.execute(f"DELETE FROM {table}")


def _holder(directory: Path) -> str:
    try:
        with closing(open_to_look(directory)) as db:
            return meta_of(db, "holder") or "another harvester process"
    except (ConfigError, sqlite3.Error):  # it is just being made
        return "another harvester process"


def _matching(as_written: Job, db: sqlite3.Connection, now: datetime) -> Job:
    """Return the job, as of the day it began. Raises ConfigError if it began as another job."""
    checkpoint, config = SqliteCheckpoint(db), as_written.config
    begun = checkpoint.meta("day")
    with reading(db):
        first_day = now.date() if begun is None else date.fromisoformat(begun)
        before = parse(checkpoint.meta("meaning") or "{}")
        lasts = lasts_for(as_written, config.output) if begun is None else lasts_of(db)
    job = compile_job(with_lasts(as_written, lasts), first_day)
    if begun is None:
        _refuse_rows_without_state(job)
        _begin(job, db, now, lasts)
        return job
    changed = differences(before, parse(dump(job.meaning())))
    if changed:
        raise ConfigError(
            [
                f"{config.output}: this job was begun with another config, and what it asks for is fixed since then:",
                *(f"  {difference}" for difference in changed),
                f"put {config.path} back as it was, or start another job directory with --output",
            ]
        )
    return job


def _begin(job: Job, db: sqlite3.Connection, now: datetime, lasts: Lasts) -> None:
    """Note what the round is, with what it takes over from the one before."""
    directory = job.config.output
    inherit(db, directory, job.lanes)
    SqliteCheckpoint(db).set_meta(
        {
            "day": job.day.isoformat(),
            "began": _stamp(now),
            "scope": job.config.scope,
            "meaning": dump(job.meaning()).decode(),
            ROUND: str(rounds_in(directory).next),
            SINCE_LAST: note_of(lasts),
        }
    )


def _refuse_rows_without_state(job: Job) -> None:
    """Rows whose state is gone were paid for, and another's manifest is not ours to replace. Raises ConfigError."""
    names = (TASKS, REJECTS, *(job.output_of(item.harvest.name) for item in job.harvests))
    paths = (job.config.output / name for name in names)
    if found := [path.name for path in paths if path.is_file() and path.stat().st_size]:
        raise ConfigError(
            f"{job.config.output}: holds rows ({', '.join(found)}), but the state of the job that wrote them is gone;"
            " put state.sqlite3 back, or start another job directory with --output"
        )
    manifest = job.config.output / MANIFEST
    if manifest.is_file() and not _is_ours(manifest):
        raise ConfigError(
            f"{manifest}: not of a job, and a run would write over it; name another job directory with --output"
        )


def _is_ours(manifest: Path) -> bool:
    try:
        return "config_as_written" in parse(manifest.read_bytes())
    except (OSError, UnknownReply, TypeError):
        return False


def _read_lists(job: Job, db: sqlite3.Connection, stdin: BinaryIO, notice: Notice) -> None:
    checkpoint = SqliteCheckpoint(db)
    hashes = [content_hash(source) for source in job.config.targets]
    is_piped = None in hashes
    fingerprint = dump([hashes, job.scopes]).decode()
    known = checkpoint.meta("targets")
    is_unchanged = known == fingerprint and not is_piped
    if is_unchanged or (known is not None and is_piped and stdin.isatty()):
        return
    may_lack = is_piped and known is not None
    with faults_of(job):
        take_in(db, job.scopes, target_lines(job, stdin, notice), may_lack=may_lack, sets=job.sets)
    tell_outside(db, job, notice)
    if job.config.targets and not count_targets(db, job.config.scope):
        raise ConfigError([no_targets(job), *_reasons(db)])
    checkpoint.set_meta({"targets": fingerprint})


@contextmanager
def faults_of(job: Job) -> Iterator[None]:
    """Name the config in faults that name only a table of it."""
    try:
        yield
    except ConfigError as exc:
        table = f"{job.config.path}: "
        raise ConfigError([f"{table * fault.startswith('[')}{fault}" for fault in exc.faults]) from exc


def tell_outside(db: sqlite3.Connection, job: Job, notice: Notice) -> None:
    """Say how many targets no set holds, though a column of the list was to name it."""
    for source in job.sets:
        if outside := count_outside(db, source):
            notice(f'{source.harvest}: {outside:,} targets have nothing in the column "{source.column}": in no set')


def no_targets(job: Job) -> str:
    """Return what to say of lists in which nothing can be asked about."""
    lists = ", ".join("inline" if source.path is None else name_of(source.path) for source in job.config.targets)
    expected = "expected a host or URL on each line"
    return f"{job.config.path}: [job] targets: the list holds no target; {expected} ({lists})"


def _reasons(db: sqlite3.Connection) -> list[str]:
    rejected = rejected_lines(db, 5)
    return [f'  {source} line {line}: "{shown(text, 60)}": {reason}' for source, line, text, reason in rejected]


def target_lines(job: Job, stdin: BinaryIO, notice: Notice) -> Iterator[TargetLine | RejectedLine]:
    """Yield every line of the job's lists. Raises ConfigError if one cannot be read to its end."""
    count, next_notice_s = 0, time.monotonic() + 2.0
    for source in job.config.targets:
        name = "inline" if source.path is None else name_of(source.path)
        if source.path == STANDARD_INPUT and stdin.isatty():
            notice("Reading targets from the terminal: one on each line, Ctrl-D ends the list.")
        for line in read_targets(source, job.scopes, stdin):
            count += 1
            if count % NOTICE_LINES == 0 and time.monotonic() > next_notice_s:
                notice(f"reading targets: {count:,} lines")
                next_notice_s = time.monotonic() + 2.0
            if isinstance(line, Listed):
                yield TargetLine(line.names, line.labels)
            else:
                yield RejectedLine(name, line.line, line.text, line.reason)


def _write_manifest(job: Job, now: datetime, db: sqlite3.Connection) -> None:
    """Write the manifest as a whole or not at all."""
    path = job.config.output / MANIFEST
    waiting = path.with_suffix(".new")
    try:
        waiting.unlink(missing_ok=True)
        fd = os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(dump_pretty(_manifest(job, now, int(meta_of(db, ROUND) or 1))))
            file.flush()
            os.fsync(file.fileno())
        waiting.replace(path)
    except OSError as exc:
        raise StorageError(f"cannot write {path}: {exc.strerror}") from exc


def _manifest(job: Job, now: datetime, number: int) -> dict[str, Any]:
    return {
        "job": job.config.name,
        "round": number,
        "config": name_of(job.config.path),
        "day": job.day.isoformat(),
        "last_run_at": _stamp(now),
        "versions": {
            "harvester": version("harvester"),
            "python": ".".join(map(str, sys.version_info[:3])),
            "suffix_list": suffix_list_version(),
        },
        "config_as_written": job.config.as_written,
        "harvests": {
            item.harvest.name: {
                **job.described(item.harvest),
                "source": None if item.stage is None else item.stage.source,
                "output": job.output_of(item.harvest.name),
            }
            for item in job.harvests
        },
        "providers": {
            name: {
                "base_url": account.base_url,
                "rate": str(account.rate or "unlimited"),
                "in_flight": account.in_flight,
                "budget": account.config.budget,
                "keep": account.config.keep,
                "unit": account.provider.unit,
            }
            for name, account in job.accounts.items()
        },
    }


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
