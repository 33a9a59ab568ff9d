"""The next round: killed or without power at any moment of the move, the old one stays whole and the new one comes."""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chaos_kit import Figures, Job, assert_no_traceback, chance, of
from disk_kit import KILL, Operation, Rule, needs_shim, operations_in, quick_folder, quick_runs
from power_kit import BY_CHANCE, FIXED, HALF, Disk
from promise_kit import sandbox_that_counts

from harvester.assembly.status import read_status

pytestmark = needs_shim

ROUND = Path("rounds", "1")


@dataclass(frozen=True, kw_only=True)
class Told:
    """One job of two rounds, and what its disk was asked to do."""

    job: Job
    first: Mapping[str, bytes]  #: the outputs of the first round
    rows: Sequence[Any]  #: of the second
    begin: int  #: how many operations the first round has
    operations: Sequence[Operation]

    @property
    def moments(self) -> list[int]:
        """After how many operations the second round is still being begun: its first request has not left."""
        sent = next(at for at, each in enumerate(self.operations) if at > self.begin and each.kind == "send")
        return list(range(self.begin, sent + 2))

    @property
    def first_into_a_folder(self) -> int:
        """After how many operations the first file has moved into a folder that is as new as its name there."""
        return next(
            at for at, each in enumerate(self.operations, 1) if each.kind == "rename" and "replies" in each.path
        )


def outputs_in(directory: Path) -> dict[str, bytes]:
    """Return what a round has written, rows and replies."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*.jsonl*"))
        if "rounds" not in path.relative_to(directory).parts
    }


async def told(job: Job) -> Told:
    """Do two rounds without any trouble."""
    log = job.folder.with_suffix(".log")
    assert (await quick_runs().run(job, log=log)).code == 0
    begin, first = len(operations_in(log)), outputs_in(job.directory)
    shutil.copytree(job.folder, job.folder.with_name("first"))
    assert (await quick_runs().run(job, log=log, again=True)).code == 0
    rows = sorted(map(str, job.records().items()))
    return Told(job=job, first=first, rows=rows, begin=begin, operations=operations_in(log))


async def assert_goes_on(story: Told, job: Job, figures: Figures) -> None:
    """Do the second round to its end, and look at both."""
    ended = await quick_runs().run(job, again=True)
    assert ended.code == 0, ended.err
    assert_no_traceback(ended)
    assert outputs_in(job.directory / ROUND) == story.first
    assert sorted(map(str, job.records().items())) == story.rows
    assert [path.name for path in (job.directory / "rounds").iterdir()] == ["1"]
    assert (read_status(job.directory / ROUND).state, read_status(job.directory).round) == ("complete", 2)
    figures["rounds looked at"] += 2


async def killed(figures: Figures, most: int) -> None:
    with quick_folder() as folder:
        async with sandbox_that_counts() as sandbox:
            story = await told(Job(folder=folder / "job", sandbox=sandbox, targets=["shop-2.example"], capture=True))
            moments = story.moments
            for moment in chance("rounds").sample(moments, most):
                job = replace(story.job, folder=folder / f"killed{moment}")
                shutil.copytree(folder / "first", job.folder)
                (job.folder / "job.toml").unlink()
                ended = await quick_runs().run(job, Rule(action=KILL, first=moment - story.begin + 1), again=True)
                assert ended.code == -9, (moment, ended)
                await assert_goes_on(story, job, figures)
                figures["kills while a round begins"] += 1
                shutil.rmtree(job.folder)


async def cut(figures: Figures, most: int) -> None:
    with quick_folder() as folder:
        async with sandbox_that_counts() as sandbox:
            story = await told(Job(folder=folder / "job", sandbox=sandbox, targets=["shop-2.example"], capture=True))
            moments = story.moments
            chosen = set(chance("rounds cut").sample(moments, most))
            disk = Disk(story.job.folder)
            for count, operation in enumerate(story.operations, 1):
                disk.do(operation)
                often = [replace(HALF, name=f"half of it ({time})") for time in range(12)]
                usual = (*FIXED, *BY_CHANCE) if count in chosen else ()
                for survival in often if count == story.first_into_a_folder else usual:
                    job = replace(story.job, folder=folder / "left")
                    disk.lose_power(survival, chance(count, survival.name), job.folder)
                    try:
                        await assert_goes_on(story, job, figures)
                    except BaseException as exc:
                        exc.add_note(f"power cut after {operation.kind} {operation.path}, {survival.name} survived")
                        raise
                    figures["power cuts while a round begins"] += 1
                    shutil.rmtree(job.folder)


def test_a_round_that_is_killed_while_it_begins_loses_nothing_of_the_last_one(figures: Figures) -> None:
    asyncio.run(killed(figures, of(6, 80)))


def test_a_power_cut_while_a_round_begins_loses_nothing_of_the_last_one(figures: Figures) -> None:
    asyncio.run(cut(figures, of(3, 60)))
