"""Disks that are full, broken or read-only: the run stops with a sentence, nothing is lost, the next run goes on."""

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from chaos_kit import TARGETS, Ended, Figures, Job, assert_no_traceback, chance, of
from disk_kit import SHORT, Operation, Rule, beside_each_other, needs_shim, operations_in, quick_folder, quick_runs
from promise_kit import Bill, Whole, assert_kept, pages_in, sandbox_that_counts, undisturbed, units_charged

pytestmark = needs_shim

FULL = (errno.ENOSPC, errno.EDQUOT)
ANY = (*FULL, errno.EIO, errno.EROFS)
UNSYNCED = (errno.EIO, errno.ENOSPC, errno.EDQUOT)

STATE = "state.sqlite3"


@dataclass(frozen=True, kw_only=True)
class Spot:
    """Operations that fail, and the file that the user is told of."""

    kind: str
    suffix: str
    names: str
    errors: tuple[int, ...] = ANY
    least: int = 1  #: the number of the first such operation that is tried
    most: int = 1  #: and of the last


SPOTS = [
    Spot(kind="write", suffix=".jsonl", names=".jsonl", most=8),
    Spot(kind="write", suffix=".zst", names=".jsonl.zst", most=8),
    Spot(kind="sync", suffix=".jsonl", names=".jsonl", most=8, errors=UNSYNCED),
    Spot(kind="create", suffix=".jsonl", names=".jsonl", most=10),
    Spot(kind="mkdir", suffix="replies", names="replies"),
    Spot(kind="mkdir", suffix="chaos", names="chaos", errors=UNSYNCED),
    Spot(kind="syncdir", suffix="/out", names="/out", errors=UNSYNCED),
    Spot(kind="syncdir", suffix="/chaos", names="/chaos", errors=UNSYNCED, least=3, most=3),  # SQLite syncs it before
    Spot(kind="syncdir", suffix="/replies", names="/replies", errors=UNSYNCED),
    Spot(kind="create", suffix=STATE, names=STATE),
    Spot(kind="write", suffix=STATE, names=STATE),
    Spot(kind="sync", suffix=STATE, names=STATE, errors=UNSYNCED),
    Spot(kind="create", suffix="-journal", names=STATE),
    Spot(kind="write", suffix="-journal", names=STATE, most=2),
    Spot(kind="sync", suffix="-journal", names=STATE, most=2, errors=UNSYNCED),
    Spot(kind="create", suffix="-wal", names=STATE),
    Spot(kind="write", suffix="-wal", names=STATE, most=100),
    Spot(kind="sync", suffix="-wal", names=STATE, most=15, errors=UNSYNCED),
    Spot(kind="create", suffix="-shm", names=STATE),
    Spot(kind="write", suffix="-shm", names=STATE, most=4),
    Spot(kind="create", suffix="manifest.new", names="manifest.json"),
    Spot(kind="write", suffix="manifest.new", names="manifest.json"),
    Spot(kind="sync", suffix="manifest.new", names="manifest.json", errors=UNSYNCED),
    Spot(kind="rename", suffix="manifest.json", names="manifest.json"),
]

#: SQLite has words of its own for what the disk said.
SQLITE_SAYS = ("disk is full", "disk I/O error", "unable to open database file", "could not begin its write-ahead log")


HARMLESS = [
    Spot(kind="write", suffix="harvester.log", names="", most=2),
    Spot(kind="create", suffix="harvester.log", names=""),
    Spot(kind="write", suffix=".lock", names="", most=4),
    Spot(kind="truncate", suffix=".lock", names="", most=4),
    # When all is committed, the log of the state moves into the state; if that fails it stays where it is.
    Spot(kind="write", suffix=STATE, names="", least=2, most=12),
    Spot(kind="sync", suffix=STATE, names="", least=2, most=2, errors=UNSYNCED),
    Spot(kind="unlink", suffix="-wal", names=""),
]


def faults(spots: Sequence[Spot]) -> Iterator[tuple[Spot, Rule]]:
    """Yield every fault that is tried: at the first such operation and at another by chance; once or for ever."""
    for spot in spots[:: of(2, 1)]:
        lot = chance("faults", spot.kind, spot.suffix)
        for error in of((lot.choice(spot.errors),), spot.errors):
            firsts = (spot.least, lot.randint(spot.least, spot.most))
            for first in sorted(of({firsts[1]}, {*firsts})):
                times = lot.randrange(2)
                yield spot, Rule(action=error, kind=spot.kind, suffix=spot.suffix, first=first, times=times)


def assert_told(ended: Ended, spot: Spot, error: int) -> None:
    """Look whether the user was told file and cause, in a sentence and without a traceback."""
    assert ended.code == 1
    assert_no_traceback(ended)
    (line,) = ended.err.splitlines()
    assert line.startswith("Error: ")
    assert spot.names in line
    causes = (*SQLITE_SAYS, os.strerror(error)) if spot.names == STATE else (os.strerror(error),)
    assert any(cause in line for cause in causes), line


def assert_not_synced_again(operations: Sequence[Operation], figures: Figures) -> None:
    """Look whether a failed sync was the last thing that was asked of the output files."""
    failed = next((place for place, each in enumerate(operations) if each.kind == "sync" and each.errno), None)
    if failed is None:
        return
    later = [each for each in operations[failed + 1 :] if each.is_of("sync", ".jsonl") or each.is_of("write", ".jsonl")]
    figures["syncs tried again after a failure"] += len(later)
    assert not later
    committed = [each for each in operations[failed + 1 :] if each.is_of("write", "-wal")]
    assert not committed, "something was committed behind a sync that failed"


async def fail_and_go_on(job: Job, whole: Whole, spot: Spot, rules: Sequence[Rule], figures: Figures) -> None:
    """Run a job into a fault, by its last rule, and again without."""
    log = job.folder.with_suffix(".log")
    error = int(rules[-1].action)
    async with sandbox_that_counts() as sandbox:
        job = replace(job, sandbox=sandbox)
        ended = await quick_runs().run(job, *rules, log=log)
        assert_told(ended, spot, error)
        operations = operations_in(log)
        assert any(each.errno == error and each.is_of(spot.kind, spot.suffix) for each in operations)
        assert_not_synced_again(operations, figures)
        figures["disk faults"] += 1
        again = await quick_runs().run(job, log=log)
        assert again.code == 0, again.err
        bill = Bill(pages=pages_in(operations_in(log)), units=units_charged(job))
        assert_kept(job, whole, figures, bill=bill, ends=1)


async def fail_unseen(job: Job, whole: Whole, rule: Rule, figures: Figures) -> None:
    """Run a job into a fault that it does not need to stop for, and once more over what that left."""
    log = job.folder.with_suffix(".log")
    async with sandbox_that_counts() as sandbox:
        job = replace(job, sandbox=sandbox)
        for ended in (await quick_runs().run(job, rule, log=log), await quick_runs().run(job, log=log)):
            assert (ended.code, ended.err) == (0, "")
            bill = Bill(pages=pages_in(operations_in(log)), units=units_charged(job))
            assert_kept(job, whole, figures, bill=bill, ends=0)
        met = [each for each in operations_in(log) if each.errno == rule.action]
        assert met or rule.action == SHORT
        figures["disk faults that cost nothing"] += 1


def each_beside_the_other(attack: Callable[[Job, Whole, Spot, Rule], Awaitable[None]], spots: Sequence[Spot]) -> None:
    """Attack a job of its own with each fault."""

    async def all_of_them(folder: Path) -> None:
        async with sandbox_that_counts() as sandbox:
            job = Job(folder=folder / "whole", sandbox=sandbox, targets=TARGETS[:2], capture=True)
            whole = await undisturbed(job)

        async def one(number: int, spot: Spot, rule: Rule) -> None:
            try:
                await attack(replace(job, folder=folder / str(number)), whole, spot, rule)
            except BaseException as exc:
                exc.add_note(f"under the rule: {rule}")
                raise

        await beside_each_other(one(number, *fault) for number, fault in enumerate(faults(spots)))

    with quick_folder() as folder:
        asyncio.run(all_of_them(folder))


def test_a_disk_that_fails_stops_the_run_with_a_sentence_and_costs_nothing(figures: Figures) -> None:
    each_beside_the_other(lambda job, whole, spot, rule: fail_and_go_on(job, whole, spot, (rule,), figures), SPOTS)


def test_a_disk_that_is_full_in_the_midst_of_a_line_costs_nothing(figures: Figures) -> None:
    def half_a_line(job: Job, whole: Whole, spot: Spot, rule: Rule) -> Awaitable[None]:
        return fail_and_go_on(
            job, whole, spot, (replace(rule, action=SHORT, times=1), replace(rule, first=rule.first + 1)), figures
        )

    each_beside_the_other(half_a_line, [Spot(kind="write", suffix=".jsonl", names=".jsonl", most=8, errors=FULL)])


def test_writes_that_are_always_short_are_continued(figures: Figures) -> None:
    def all_short(job: Job, whole: Whole, _: Spot, rule: Rule) -> Awaitable[None]:
        return fail_unseen(job, whole, replace(rule, action=SHORT, times=0), figures)

    each_beside_the_other(
        all_short, [Spot(kind="write", suffix=suffix, names="") for suffix in (".jsonl", ".zst", "-wal", STATE)]
    )


def test_what_is_not_needed_for_the_rows_may_fail(figures: Figures) -> None:
    each_beside_the_other(lambda job, whole, _, rule: fail_unseen(job, whole, rule, figures), HARMLESS)


def test_a_key_that_cannot_be_locked_is_told_with_its_remedy() -> None:
    async def run(folder: Path) -> Ended:
        async with sandbox_that_counts() as sandbox:
            job = Job(folder=folder, sandbox=sandbox, targets=TARGETS[:1])
            return await quick_runs().run(job, Rule(action=errno.ENOSPC, kind="create", suffix=".lock"))

    with quick_folder() as folder:
        ended = asyncio.run(run(folder))
    assert ended.code == 2
    assert ended.err.endswith(
        ".lock: cannot be used for the locks of keys: No space left on device. Set XDG_RUNTIME_DIR.\n"
    )
