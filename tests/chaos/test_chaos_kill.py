"""`kill -9`, at random moments and at every boundary of a commit: the same rows, only open requests bought twice."""

import asyncio
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from chaos_kit import REPORTS, TARGETS, Figures, Job, assert_no_traceback, chance, of
from disk_kit import (
    KILL,
    WIDTH,
    Operation,
    Rule,
    beside_each_other,
    needs_shim,
    operations_in,
    quick_folder,
    quick_runs,
)
from promise_kit import Bill, Whole, assert_kept, pages_in, sandbox_that_counts, undisturbed, units_charged

from harvester.sandbox.app import Sandbox

KILLS = of(5, 67)  #: for each format
EARLIEST_S, LATEST_S = 0.04, 0.5  #: a start takes 0.05 s of it, and a job that nobody disturbs more than a second

MANY = of(TARGETS[:6], TARGETS)
FEW = TARGETS[:2]

KILLED = -signal.SIGKILL

Numbers = Callable[[Sequence[Operation]], list[Rule]]

pytestmark = needs_shim


@pytest.fixture(name="folder")
def folder_in_memory() -> Iterator[Path]:
    """A folder whose syncs cost nothing."""
    with quick_folder() as folder:
        yield folder


@dataclass
class Lot:
    """How often is still to be killed."""

    left: int

    def draw(self) -> bool:
        """Take one kill, if there is one; what was not needed is given back."""
        is_drawn = self.left > 0
        self.left -= is_drawn
        return is_drawn


async def kill_until_complete(job: Job, whole: Whole, lot: Lot, figures: Figures) -> None:
    """Kill every run of a job at a random moment until it is complete, or the lot is drawn and it may end."""
    moments = chance(job.format, job.folder.name)
    pages: Counter[str] = Counter()
    ends = 0
    while lot.draw():
        log = job.folder.with_suffix(f".{ends}.log")  # one each, for a kill may tear its end
        ended = await quick_runs().run(job, log=log, kill_after_s=moments.uniform(EARLIEST_S, LATEST_S))
        pages += pages_in(operations_in(log))
        if ended.code != KILLED:
            lot.left += 1
            break
        ends += 1
    else:
        log = job.folder.with_suffix(".last.log")
        ended = await quick_runs().run(job, log=log)
        pages += pages_in(operations_in(log))
    assert ended.code == 0, ended.err
    assert_no_traceback(ended)
    figures["kills at random moments"] += ends
    bill = Bill(pages=pages, units=units_charged(job))
    assert_kept(job, whole, figures, bill=bill, ends=ends)


def test_the_shim_sees_what_python_and_sqlite_do(folder: Path) -> None:
    async def run() -> None:
        async with sandbox_that_counts() as sandbox:
            job = Job(folder=folder / "job", sandbox=sandbox, targets=FEW, capture=True)
            assert (await quick_runs().run(job, log=folder / "log")).code == 0

    asyncio.run(run())
    seen = {(each.kind, Path(each.path).name) for each in operations_in(folder / "log")}
    assert seen >= {("mkdir", "replies"), ("rename", "manifest.json"), ("syncdir", "chaos"), ("send", ""), ("recv", "")}
    for name in ("ahrefs.backlinks.jsonl", "tasks.jsonl", "state.sqlite3", "state.sqlite3-wal"):
        assert seen >= {("create", name), ("write", name), ("sync", name)}
    assert ("unlink", "state.sqlite3-wal") in seen
    content = b"".join(each.data for each in operations_in(folder / "log") if each.is_of("write", "/tasks.jsonl"))
    assert content == (folder / "job" / "out" / "chaos" / "tasks.jsonl").read_bytes()


WAYS: Sequence[Mapping[str, Any]] = (
    {"format": "jsonl", "reports": (*REPORTS, "summary")},  # at Ahrefs a summary asks about many targets at once
    {"format": "jsonl.gz", "harvest": {"max_rows": 60}},
    {"format": "jsonl.zst", "capture": True},
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way["format"])
def test_a_job_killed_at_random_moments_ends_as_if_it_had_not_been(
    folder: Path, figures: Figures, way: Mapping[str, Any]
) -> None:
    lot = Lot(KILLS)

    async def one_job_after_the_other(whole: Whole, number: int) -> None:
        while lot.left > 0:
            async with sandbox_that_counts(latency_ms=10) as sandbox:
                await kill_until_complete(job_in(f"{number}", sandbox), whole, lot, figures)
            number += WIDTH

    def job_in(name: str, sandbox: Sandbox) -> Job:
        return Job(folder=folder / name, sandbox=sandbox, targets=MANY, **way)

    async def all_of_them() -> None:
        async with sandbox_that_counts() as sandbox:
            whole = await undisturbed(job_in("whole", sandbox))
        await beside_each_other(one_job_after_the_other(whole, number) for number in range(WIDTH))

    asyncio.run(all_of_them())
    assert figures["kills at random moments"] == KILLS


@dataclass(frozen=True, kw_only=True)
class Boundary:
    """Where a commit can be cut off: after which operations."""

    name: str
    kind: str
    suffix: str
    is_meant: Callable[[Sequence[Operation], int], bool] = lambda _operations, _index: True

    def numbers(self, operations: Sequence[Operation]) -> list[int]:
        """Return the numbers, as a rule counts them, of the operations that are meant."""
        counted = [index for index, each in enumerate(operations) if each.is_of(self.kind, self.suffix)]
        return [number for number, index in enumerate(counted, 1) if self.is_meant(operations, index)]


def _is_before_a_request(operations: Sequence[Operation], index: int) -> bool:
    # The key's own file says that the request leaves now.
    then = next((each for each in operations[index + 1 :] if not each.path.endswith(".lock")), None)
    return then is not None and then.kind == "send"


def _is_after_rows(operations: Sequence[Operation], index: int) -> bool:
    disk = [each for each in operations[:index] if each.kind in ("sync", "write")]
    last_sync = next((each for each in reversed(disk) if each.kind == "sync"), None)
    return last_sync is not None and last_sync.path.endswith(".jsonl")


BOUNDARIES = [
    Boundary(name="the hold is durable", kind="sync", suffix="-wal", is_meant=_is_before_a_request),
    Boundary(name="the request was sent", kind="send", suffix="*"),
    Boundary(name="the reply arrived", kind="recv", suffix="*"),
    Boundary(name="the rows are appended", kind="write", suffix=".jsonl"),
    Boundary(name="the rows are forced to disk", kind="sync", suffix=".jsonl"),
    Boundary(name="the mark is half written", kind="write", suffix="-wal", is_meant=_is_after_rows),
    Boundary(name="rows and mark are committed", kind="sync", suffix="-wal", is_meant=_is_after_rows),
    Boundary(name="the mark moves into the database", kind="write", suffix="state.sqlite3"),
    Boundary(name="a file is made", kind="create", suffix="*"),
]


async def kill_after(rule: Rule, job: Job, whole: Whole, figures: Figures) -> None:
    """Kill a job after an operation and complete it."""
    log = job.folder.with_suffix(".log")
    async with sandbox_that_counts() as sandbox:
        job = replace(job, sandbox=sandbox)
        first = await quick_runs().run(job, rule, log=log)
        if first.code == 0 and rule.first > 1:  # it committed in larger groups than the run that was logged
            earlier = replace(rule, first=rule.first // 2)
            await kill_after(earlier, replace(job, folder=job.folder / "earlier"), whole, figures)
            return
        assert first.code == KILLED, first
        figures["kills at boundaries"] += first.code == KILLED
        second = await quick_runs().run(job, log=log)
        assert second.code == 0, second.err
        assert_no_traceback(second)
        bill = Bill(pages=pages_in(operations_in(log)), units=units_charged(job))
        assert_kept(job, whole, figures, bill=bill, ends=1)


async def kill_after_each(folder: Path, figures: Figures, numbers: Numbers, **job_is: Any) -> None:
    """Kill a job once after each of the operations that are chosen from a log of an undisturbed run."""
    async with sandbox_that_counts() as sandbox:
        job = Job(folder=folder / "whole", sandbox=sandbox, **job_is)
        whole = await undisturbed(job)
        logged = replace(job, folder=folder / "logged")
        assert (await quick_runs().run(logged, log=folder / "log")).code == 0
    rules = numbers(operations_in(folder / "log"))
    await beside_each_other(
        kill_after(rule, replace(job, folder=folder / str(number)), whole, figures) for number, rule in enumerate(rules)
    )


def test_a_job_killed_at_any_boundary_of_a_commit_ends_as_if_it_had_not_been(folder: Path, figures: Figures) -> None:
    def some_of_each(operations: Sequence[Operation]) -> list[Rule]:
        rules = []
        for boundary in BOUNDARIES:
            numbers = boundary.numbers(operations)
            assert numbers, f"no run comes to where {boundary.name}"
            # Not the last ones: the next run does in another order what is done beside each other.
            early = numbers[: max(1, len(numbers) * 2 // 3)]
            chosen = chance(boundary.name).sample(early, min(len(early), of(1, 6)))
            rules += [Rule(action=KILL, kind=boundary.kind, suffix=boundary.suffix, first=each) for each in chosen]
        return rules

    asyncio.run(kill_after_each(folder, figures, some_of_each, targets=FEW))
    assert figures["kills at boundaries"] >= len(BOUNDARIES)


def test_a_job_killed_after_any_operation_at_all_ends_as_if_it_had_not_been(folder: Path, figures: Figures) -> None:
    def any_of_them(operations: Sequence[Operation]) -> list[Rule]:
        numbers = range(1, len(operations) - 20)  # the last ones read the state for the summary; a run may need fewer
        chosen = chance("any operation").sample(numbers, of(5, len(numbers)))
        return [Rule(action=KILL, first=number) for number in sorted(chosen)]

    job_is = {"targets": FEW, "providers": ("ahrefs",), "reports": ("backlinks",)}
    asyncio.run(kill_after_each(folder, figures, any_of_them, **job_is))
    assert figures["kills at boundaries"] >= 5
