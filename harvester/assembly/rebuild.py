"""Records written anew from the replies that were kept: without a key, without a request, by today's mapping.

Every kept reply is read as it was read when it came, and its rows are mapped again. What differs is written beside the
job's files first, and takes their places in one step with the lengths in the state.
"""

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from harvester.assembly.crops import crops_of
from harvester.assembly.differing import Comparing, Comparison
from harvester.codec import dump, parse
from harvester.config import job_of
from harvester.engine.capture import Kept, kept_reply
from harvester.engine.checkpoint import (
    NEW,
    Census,
    Output,
    begin_swap,
    finish_swap,
    forget_new,
    meta_of,
    take_census,
)
from harvester.engine.committed import committed_lines
from harvester.engine.ports import Lines
from harvester.engine.render import REJECTS, TASKS, Crop
from harvester.engine.sink import JsonLines
from harvester.errors import ConfigError, StorageError, UnknownReply
from harvester.inheritance import with_lasts
from harvester.job import Job, compile_job, differences
from harvester.jobdir import existing_directory, quiet_directory
from harvester.journal import logging_to
from harvester.rounds import MANIFEST
from harvester.since_last import lasts_of

GROUP_BYTES = 4 * 1024 * 1024
TELL_EACH_S = 2.0

Notice = Callable[[str], None]
CropsOf = Callable[[Job], Mapping[str, Crop]]  #: how a job's rows become lines

_Into = tuple[Path, str]  #: a directory, and what the names of the new files in it begin with

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What became of a rebuild."""

    files: tuple[Comparison, ...]  #: in the order of the config, rejects last
    pages: int
    unreadable: int  #: kept replies that could not be read when they came
    readable_now: int  #: of those
    seconds: float

    @property
    def is_same(self) -> bool:
        """Whether every file is as it was."""
        return all(each.is_same for each in self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """A job whose replies were kept."""

    directory: Path
    job: Job
    crops: Mapping[str, Crop]
    census: Census

    def length(self, name: str) -> int:
        """Return the committed length of a file."""
        return self._output(name).bytes

    def lines(self, name: str) -> int:
        """Return how many lines of a file are committed."""
        return self._output(name).records

    def _output(self, name: str) -> Output:
        return self.census.outputs.get(name) or Output(records=0, bytes=0)

    @property
    def pages(self) -> int:
        """How many pages are stored."""
        return sum(self.census.harvests[name].pages for name in self.crops)

    def replies(self, name: str, pages: int) -> Iterator[tuple[int, Kept]]:
        """Yield the replies that a harvest has kept, in the order of its rows. Raises ConfigError, StorageError."""
        path = self.directory / replies_of(name)
        number = stored = 0
        for number, line in enumerate(committed_lines(path, self.length(replies_of(name))), start=1):
            try:
                kept = kept_reply(line, name)
            except UnknownReply as exc:
                raise ConfigError(f"{path} line {number}: {exc}. Records cannot be rebuilt from it.") from None
            stored += kept.rows is not None
            yield number, kept
        if number != self.lines(replies_of(name)):
            told = f"{number:,} replies, but {self.lines(replies_of(name)):,} were stored in it"
            raise StorageError(f"{path} has {told}: it was changed. Put the file back as it was.")
        if stored != pages:
            raise ConfigError(
                f"{path}: holds the replies of {stored:,} pages, and {pages:,} are stored: `capture` was off for a part"
                " of the job, and what was not kept cannot be rebuilt. Nothing was changed."
            )


@dataclass(slots=True)
class _Progress:
    """Says every few seconds how far it is."""

    notice: Notice
    pages: int
    began_s: float = field(default_factory=time.monotonic)
    done: int = 0
    next_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.next_s = self.began_s + TELL_EACH_S

    def count(self) -> None:
        """Count a page."""
        self.done += 1
        now_s = time.monotonic()
        if now_s >= self.next_s:
            self.next_s = now_s + TELL_EACH_S
            left_s = (self.pages - self.done) * (now_s - self.began_s) / self.done
            self.notice(f"rebuilding: {self.done:,} of {self.pages:,} pages, about {left_s:.0f} s left")


def replies_of(harvest: str) -> str:
    """Return the file with a harvest's replies."""
    return f"replies/{harvest}.jsonl.zst"


def rebuild_job(directory: Path, notice: Notice, crops: CropsOf = crops_of) -> Rebuilt:
    """Write a job's records anew where they differ. Raises ConfigError, StorageError, UnknownReply."""
    with existing_directory(directory) as db, logging_to(directory, "text"):
        source = _source(directory, db, crops)
        try:
            rebuilt, written = _rebuilt(source, (directory, NEW), notice)
            changed = {each.name: written[each.name] for each in rebuilt.files if not each.is_same}
        except BaseException:
            forget_new(directory)
            raise
        if changed:
            begin_swap(db, changed)
            log.info("records were rebuilt from the kept replies: %s", ", ".join(changed))
        finish_swap(db, directory)
        return rebuilt


def compare_job(directory: Path, notice: Notice, crops: CropsOf = crops_of) -> Rebuilt:
    """Say what a rebuild would change; nothing is written. Raises as `rebuild_job`."""
    with quiet_directory(directory) as db:
        rebuilt, _ = _rebuilt(_source(directory, db, crops), None, notice)
        return rebuilt


def rebuild_elsewhere(directory: Path, folder: Path, notice: Notice, *, rows: str | None = None) -> Rebuilt:
    """Write what a rebuild would bring into a new directory; the job stays as it is.

    `rows`: "record" or "raw" in place of what the job was asked for. Raises as `rebuild_job`.
    """
    with quiet_directory(directory) as db:
        source = _source(directory, db, crops_of)
        if rows is not None:
            crops = {name: replace(crop, is_raw=rows == "raw") for name, crop in source.crops.items()}
            source = replace(source, crops=crops)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ConfigError(f"{folder}: is there already and not an empty directory; name another with --output")
        _make(folder)
        rebuilt, _ = _rebuilt(source, (folder, ""), notice)
        _copy(source, folder, rows)
        return rebuilt


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise StorageError(f"cannot make {folder}: {exc.strerror}") from exc


def _source(directory: Path, db: sqlite3.Connection, crops: CropsOf) -> _Source:
    """Return a job as it was begun. Raises ConfigError if it cannot be rebuilt."""
    job = _job(directory, db)
    census = take_census(db, job.config.scope)
    source = _Source(directory=directory, job=job, crops=_plain(crops(job)), census=census)
    missing = [
        name
        for name in source.crops
        if name not in census.harvests or (census.harvests[name].pages and not source.lines(replies_of(name)))
    ]
    if missing:
        whose = "its replies" if len(missing) == len(source.crops) else f"the replies of {', '.join(missing)}"
        raise ConfigError(
            f"{directory}: {whose} were not kept, so nothing can be rebuilt from them. For"
            " other jobs write `capture = true` under [output] before they begin."
        )
    return source


def _plain(crops: Mapping[str, Crop]) -> dict[str, Crop]:
    """Return harvests that keep no replies: they are kept already."""
    return {name: replace(crop, captured=None) for name, crop in crops.items()}


def _job(directory: Path, db: sqlite3.Connection) -> Job:
    path = directory / MANIFEST
    day, meaning = meta_of(db, "day"), meta_of(db, "meaning")
    if day is None or meaning is None:
        raise ConfigError(f"{directory}: the job has not begun; start it with: harvester run")
    try:
        manifest = parse(path.read_bytes())
        document, name = manifest["config_as_written"], manifest["config"]
    except OSError as exc:
        remedy = "`harvester run` with the job's config writes it again"
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}; {remedy}") from None
    except (UnknownReply, KeyError, TypeError):
        raise ConfigError(f"{path}: damaged; `harvester run` with the job's config writes it again") from None
    config = replace(job_of(document, Path(name)), output=directory.absolute())
    begun = date.fromisoformat(day)
    job = compile_job(with_lasts(compile_job(config, begun), lasts_of(db)), begun)
    changed = differences(parse(meaning), parse(dump(job.meaning())))
    if changed:
        raise ConfigError([f"{path}: holds another config than the job was begun with:", *changed])
    return job


def _rebuilt(source: _Source, into: _Into | None, notice: Notice) -> tuple[Rebuilt, dict[str, Output]]:
    """Go through all replies; write, if it is said where, and compare with what is there."""
    names = [*(crop.output for crop in source.crops.values()), REJECTS]
    files = {name: Comparison(name=name) for name in names}
    progress = _Progress(notice, source.pages)
    found = [0, 0]
    with closing(_Sheaf(into, names)) as sheaf:
        for crop in source.crops.values():
            there = {crop.output: source.length(crop.output), REJECTS: source.length(REJECTS)}
            comparing = {
                name: Comparing(files[name], _committed(source.directory / name, length, crop))
                for name, length in there.items()
            }
            for place, lines in _pages(source, crop, found):
                for name in there:
                    comparing[name].page(place, _split(lines, name))
                sheaf.put(lines)
                progress.count()
            for each in comparing.values():
                each.end()
        written = sheaf.end()
    seconds = time.monotonic() - progress.began_s
    rebuilt = Rebuilt(
        files=tuple(files.values()), pages=progress.done, unreadable=found[0], readable_now=found[1], seconds=seconds
    )
    return rebuilt, {
        name: Output(bytes=written.get(name, 0), records=comparison.after) for name, comparison in files.items()
    }


def _committed(path: Path, length_bytes: int, crop: Crop) -> Iterator[bytes]:
    """Yield the lines of a harvest: in the file of rejected rows those of all harvests stand."""
    lines = committed_lines(path, length_bytes)
    if path.name != REJECTS:
        return lines
    beginning = b'{"harvest":%b,' % dump(crop.name)
    return (line for line in lines if line.startswith(beginning))


def _pages(source: _Source, crop: Crop, found: list[int]) -> Iterator[tuple[tuple[str, int], tuple[Lines, ...]]]:
    """Yield the place and the lines of every page of a harvest; count the replies that are no page."""
    for number, kept in source.replies(crop.name, source.census.harvests[crop.name].pages):
        question = kept.question
        where = f"{source.directory / replies_of(crop.name)} line {number}"
        try:
            page = crop.exchange.read(question.step, question.request, question.reply)
            lines = crop.page_lines(question.work, page, question.reply)
        except Exception as exc:  # whatever today's code stumbles over
            if kept.rows is None:
                found[0] += 1
                continue
            told = str(exc) if isinstance(exc, UnknownReply) else f"{type(exc).__name__}: {exc}"
            raise UnknownReply(f"{where}: can no longer be read: {told}. Nothing was changed.") from exc
        if kept.rows is None:
            found[0], found[1] = found[0] + 1, found[1] + 1
            continue
        if len(page.rows) != kept.rows:
            told = f"was read as {kept.rows:,} rows when it came, and is read as {len(page.rows):,} now"
            raise UnknownReply(f"{where}: {told}: the rows behind it would not fit. Nothing was changed.")
        yield (question.work.task.id, question.work.pages + 1), lines


def _split(lines: Iterable[Lines], name: str) -> list[bytes]:
    return [line for each in lines if each.output == name for line in each.data.splitlines(keepends=True)]


class _Sheaf:
    """Lines on their way into new files, in large groups; or into none."""

    def __init__(self, into: _Into | None, names: list[str]) -> None:
        folder, self._beginning = into or (None, "")
        self._sink = None if folder is None else JsonLines(folder, {}, [self._beginning + name for name in names])
        self._waiting: list[Lines] = []
        self._bytes = 0
        self._lengths: dict[str, int] = {}

    def put(self, lines: Iterable[Lines]) -> None:
        """Add the lines of a page. Raises StorageError."""
        if self._sink is None:
            return
        for each in lines:
            self._waiting.append(each._replace(output=self._beginning + each.output))
            self._bytes += len(each.data)
        if self._bytes >= GROUP_BYTES:
            self._write()

    def end(self) -> dict[str, int]:
        """Write what waits; return the length of every file that has any. Raises StorageError."""
        self._write()
        return {name.removeprefix(self._beginning): length for name, length in self._lengths.items()}

    def close(self) -> None:
        """Close the files."""
        if self._sink is not None:
            self._sink.close()

    def _write(self) -> None:
        if self._sink is not None and self._waiting:
            self._lengths |= self._sink.write(self._waiting)
        self._waiting, self._bytes = [], 0


def _copy(source: _Source, folder: Path, rows: str | None) -> None:
    """Put the tasks and the manifest beside rebuilt records. Raises StorageError."""
    try:
        with os.fdopen(os.open(folder / TASKS, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as tasks:
            tasks.writelines(committed_lines(source.directory / TASKS, source.length(TASKS)))
        manifest = parse((source.directory / MANIFEST).read_bytes())
        if rows is not None:
            manifest["config_as_written"].setdefault("output", {})["rows"] = rows
        with os.fdopen(os.open(folder / MANIFEST, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(dump(manifest))
    except OSError as exc:
        raise StorageError(f"cannot write into {folder}: {exc.strerror}") from exc
