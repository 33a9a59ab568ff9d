"""Power cuts: whatever a disk lost that it was not made to keep, the job goes on to the same rows and the same bill."""

import asyncio
import shutil
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from chaos_kit import TARGETS, Figures, Job, chance, of
from disk_kit import KILL, Operation, Rule, needs_shim, operations_in, quick_runs
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
    ends: Sequence[int]  #: after how many operations its runs came to a sudden end
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
        return 1 + sum(end < count for end in self.ends)


async def price_of(job: Job, sent: Sent) -> Counter[str]:
    """Return what a request costs, by sending it again."""
    before = units_charged(job)
    reader, writer = await asyncio.open_connection("127.0.0.1", job.sandbox.port)
    writer.write(sent.raw)
    assert (await reader.read(12)).startswith(b"HTTP/1.1 200"), sent.raw
    writer.close()
    await writer.wait_closed()
    return units_charged(job) - before


async def story_of(job: Job, whole: Whole, *rules: Sequence[Rule]) -> Story:
    """Run a job under rules, the next time under the next ones, and once more without."""
    log, ends = job.folder.with_suffix(".log"), []
    for rule in rules:
        ended = await quick_runs().run(job, *rule, log=log)
        assert ended.code != 0, "the rules did not stop it"
        ends.append(len(operations_in(log)))
    ended = await quick_runs().run(job, log=log)
    assert ended.code == 0, ended.err
    operations = operations_in(log)
    sent = sent_in(operations)
    units = [await price_of(job, each) for each in sent]
    return Story(job=job, whole=whole, operations=operations, ends=ends, sent=sent, units=units)


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


def moments_of(operations: Sequence[Operation], some: int) -> dict[int, Sequence[Survival]]:
    """Choose where the power is cut, and what survives there."""
    lot = chance("power")
    chosen = set(lot.sample(range(1, len(operations)), some))
    at = boundaries(operations)
    chosen |= set(lot.sample(at, of(some, len(at))))
    return {count: (lot.choice(FIXED), lot.choice(BY_CHANCE)) for count in chosen}


def test_a_power_cut_at_any_moment_loses_no_row_and_no_bill(tmp_path: Path, figures: Figures) -> None:
    async def cuts() -> None:
        async with sandbox_that_counts() as sandbox:
            job = Job(folder=tmp_path / "job", sandbox=sandbox, targets=TARGETS[:2])
            whole = await undisturbed(replace(job, folder=tmp_path / "whole"))
            story = await story_of(job, whole, [Rule(action=KILL, kind="send", first=12)])
            await Cut(story, tmp_path, figures).at(moments_of(story.operations, of(8, 40)))

    asyncio.run(cuts())
