"""Power cuts: whatever a disk lost that it was not made to keep, the job goes on to the same rows and the same bill."""

import asyncio
import errno
import shutil
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from chaos_kit import TARGETS, Figures, Job, chance, of
from disk_kit import KILL, Operation, Rule, needs_shim, operations_in, quick_folder, quick_runs
from power_kit import BY_CHANCE, FIXED, Disk, Survival
from promise_kit import Bill, Sent, Whole, assert_kept, resume, sandbox_that_counts, sent_in, undisturbed, units_charged

pytestmark = needs_shim

STATE = "state.sqlite3"


@dataclass(frozen=True, kw_only=True)
class Story:
    """What was done to a job's disk until it was complete."""

    job: Job
    whole: Whole
    operations: Sequence[Operation]
    end: int  #: after how many operations the first run came to a sudden end
    sent: Sequence[Sent]
    units: Sequence[Counter[str]]  #: that each of these cost

    def bill_until(self, count: int) -> Bill:
        """Return what was bought with the first operations."""
        pages: Counter[str] = Counter()
        units: Counter[str] = Counter()
        for each, price in zip(self.sent, self.units, strict=True):
            if each.place < count:
                pages[each.provider] += not each.is_free
                units += price
        return Bill(pages=pages, units=units)

    def ends_until(self, count: int) -> int:
        """Return how often the job ended too early if its power is cut after so many operations."""
        return 1 + (self.end < count)


async def price_of(job: Job, sent: Sent) -> Counter[str]:
    """Return what a request costs, by sending it again."""
    before = units_charged(job)
    reader, writer = await asyncio.open_connection("127.0.0.1", job.sandbox.port)
    writer.write(sent.raw)
    assert (await reader.read(12)).startswith(b"HTTP/1.1 200"), sent.raw
    writer.close()
    await writer.wait_closed()
    return units_charged(job) - before


async def story_of(job: Job, whole: Whole, rule: Rule) -> Story:
    """Run a job under a rule that ends it, and once more without."""
    log = job.folder.with_suffix(".log")
    ended = await quick_runs().run(job, rule, log=log)
    assert ended.code != 0, "the rule did not stop it"
    end = len(operations_in(log))
    ended = await quick_runs().run(job, log=log)
    assert ended.code == 0, ended.err
    operations = operations_in(log)
    sent = sent_in(operations)
    units = [await price_of(job, each) for each in sent]
    return Story(job=job, whole=whole, operations=operations, end=end, sent=sent, units=units)


def committed_in(directory: Path) -> dict[str, int]:
    """Return the lengths of the outputs that a job's state holds for durable; looking at it changes nothing."""
    if not (directory / STATE).exists():
        return {}
    with closing(sqlite3.connect(":memory:")) as ours:
        copy = directory.with_name("looked-at")
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for path in directory.glob(f"{STATE}*"):
            shutil.copy(path, copy)
        with closing(sqlite3.connect(copy / STATE)) as db:
            db.backup(ours)
        if not ours.execute("SELECT name FROM sqlite_master WHERE name = 'outputs'").fetchone():
            return {}
        return dict(ours.execute("SELECT name, bytes FROM outputs WHERE bytes > 0").fetchall())


class Cut:
    """Follows a story and cuts the power at chosen moments."""

    def __init__(self, story: Story, scratch: Path, figures: Figures) -> None:
        self._story = story
        self._scratch = scratch
        self._figures = figures
        self._disk = Disk(story.job.folder)
        self._committed: dict[str, int] = {}

    async def at(self, moments: dict[int, Sequence[Survival]]) -> None:
        """Cut the power after so many operations, in each of these ways, and complete the job."""
        for count, operation in enumerate(self._story.operations, 1):
            self._disk.do(operation)
            if operation.is_of("sync", "-wal") and not operation.errno:
                self._committed = self._reported()
            for survival in moments.get(count, ()):
                await self._cut(count, survival)

    def _reported(self) -> dict[str, int]:
        """Return what was reported as durable by now."""
        self._disk.lose_power(FIXED[1], chance(), self._emptied("reported"))
        return committed_in(self._scratch / "reported" / "out" / "chaos")

    async def _cut(self, count: int, survival: Survival) -> None:
        job = replace(self._story.job, folder=self._emptied("left"))
        self._disk.lose_power(survival, chance(count, survival.name), job.folder)
        try:
            self._assert_there(job)
            bill = self._story.bill_until(count) + await resume(job)
            assert_kept(job, self._story.whole, self._figures, bill=bill, ends=self._story.ends_until(count))
        except BaseException as exc:
            last = self._story.operations[count - 1]
            exc.add_note(f"power cut after operation {count} ({last.kind} {last.path}), {survival.name} survived")
            raise
        self._figures["power cuts"] += 1

    def _assert_there(self, job: Job) -> None:
        """Look whether all that was reported as durable is on what is left of the disk."""
        left = committed_in(job.directory)
        for name, length_bytes in self._committed.items():
            assert left.get(name, 0) >= length_bytes, f"commits are gone: {name}"
            there = (job.directory / name).read_bytes()[:length_bytes]
            assert there == (self._story.job.directory / name).read_bytes()[:length_bytes], f"rows are gone: {name}"

    def _emptied(self, name: str) -> Path:
        folder = self._scratch / name
        shutil.rmtree(folder, ignore_errors=True)
        return folder


def boundaries(operations: Sequence[Operation]) -> list[int]:
    """Return after how many operations something was just forced to disk, or is just about to be, or was sent."""
    found = {count for count, operation in enumerate(operations, 1) if operation.kind in ("sync", "syncdir", "send")}
    return sorted(found | {count - 1 for count in found if count > 1})


def moments_of(operations: Sequence[Operation], most: int, *, after: int = 0) -> dict[int, Sequence[Survival]]:
    """Choose where the power is cut, half of it at boundaries, and what survives there."""
    lot = chance("power")
    anywhere, at = range(after + 1, len(operations)), [count for count in boundaries(operations) if count > after]
    chosen = {*lot.sample(anywhere, min(most // 2, len(anywhere))), *lot.sample(at, min(most - most // 2, len(at)))}
    return {count: (lot.choice(FIXED), lot.choice(BY_CHANCE)) for count in chosen}


async def cut(figures: Figures, most: int, rule: Rule, *, is_late: bool, **job_is: Any) -> None:
    """Cut the power at some moments of a job that ends early by a rule and then goes on; `is_late`: only then."""
    with quick_folder() as folder:
        async with sandbox_that_counts() as sandbox:
            job = Job(folder=folder / "job", sandbox=sandbox, targets=TARGETS[:2], **job_is)
            whole = await undisturbed(replace(job, folder=folder / "whole"))
            story = await story_of(job, whole, rule)
            moments = moments_of(story.operations, most, after=story.end if is_late else 0)
            await Cut(story, folder, figures).at(moments)


def test_a_power_cut_at_any_moment_loses_no_row_and_no_bill(figures: Figures) -> None:
    killed = Rule(action=KILL, kind="send", first=12)
    asyncio.run(cut(figures, of(8, 200), killed, is_late=False, capture=True))


FAILING = [
    Rule(action=errno.EIO, kind="sync", suffix="-wal", first=14, times=0),
    Rule(action=errno.EIO, kind="sync", suffix="-wal", first=14),
    Rule(action=errno.EIO, kind="sync", suffix=".jsonl", first=4, times=0),
    Rule(action=errno.EIO, kind="sync", suffix="-wal", first=5, times=0),
    Rule(action=errno.EIO, kind="sync", suffix="state.sqlite3", first=1, times=0),
    Rule(action=errno.EIO, kind="sync", suffix="state.sqlite3", first=1),
    Rule(action=errno.EIO, kind="sync", suffix="-journal", first=1),
    Rule(action=errno.EIO, kind="sync", suffix="-journal", first=2, times=0),
]


@pytest.mark.parametrize("rule", of(FAILING[::2], FAILING), ids=str)
def test_a_power_cut_after_a_sync_that_failed_and_dropped_what_it_was_for_loses_nothing(
    figures: Figures, rule: Rule
) -> None:
    asyncio.run(cut(figures, of(3, 25), rule, is_late=True))
    figures["power cuts after a failed sync"] += figures["power cuts"]
