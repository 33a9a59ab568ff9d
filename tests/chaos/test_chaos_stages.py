"""`kill -9` while harvests bring each other their targets: the same targets, each asked once, and the same rows."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from chaos_kit import Figures, Job, chance, of
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
from promise_kit import Whole, sandbox_that_counts, undisturbed
from test_chaos_kill import BOUNDARIES, Lot, kill_after, kill_until_complete

KILLS = of(4, 60)
MANY = tuple(f"shop-{number}.example" for number in range(1, of(4, 10)))
FEW = MANY[:2]

#: Three ways over four providers: from rows, by a condition, and both, which makes a chain of three.
HARVESTS = """
[[harvest]]
provider = "ahrefs"
report = "refdomains"
max_rows = 60
targets_from = { harvest = "semrush.competitors", field = "competitor", top = 4 }
[[harvest]]
provider = "semrush"
report = "competitors"
max_rows = 20
[[harvest]]
provider = "dataforseo"
report = "summary"
targets_from = { harvest = "semrush.competitors", field = "competitor", top = 4 }
[[harvest]]
provider = "serpstat"
report = "refdomains"
max_rows = 60
targets_from = { harvest = "semrush.competitors", field = "competitor", top = 4 }
only_if = "dataforseo.summary.refdomains >= 25"
[[harvest]]
provider = "serpstat"
report = "summary"
[[harvest]]
provider = "dataforseo"
report = "backlinks"
max_rows = 60
only_if = "serpstat.summary.refdomains >= 20"
"""

pytestmark = needs_shim


@dataclass(kw_only=True)
class StagedJob(Job):
    """The same, with harvests that bring each other their targets."""

    def text(self) -> str:
        """Return the config."""
        return super().text() + HARVESTS


@pytest.fixture(name="folder")
def folder_in_memory() -> Iterator[Path]:
    """A folder whose syncs cost nothing."""
    with quick_folder() as folder:
        yield folder


def assert_staged(whole: Whole) -> None:
    """Look whether an undisturbed run has all the stages, and each of them leaves some out."""
    tasks = {name: set[str]() for name in ("ahrefs.refdomains", "dataforseo.summary", "serpstat.refdomains")}
    for (output, _, _), record in whole.records.items():
        name = output.removesuffix(".jsonl")
        if name in tasks:
            tasks[name].add(record["target"])
    assert tasks["ahrefs.refdomains"] > tasks["serpstat.refdomains"] > set()


def test_a_job_with_stages_killed_at_random_moments_ends_as_if_it_had_not_been(folder: Path, figures: Figures) -> None:
    lot = Lot(KILLS)

    async def one_job_after_the_other(whole: Whole, number: int) -> None:
        while lot.left > 0:
            async with sandbox_that_counts(latency_ms=10) as sandbox:
                job = StagedJob(folder=folder / f"{number}", sandbox=sandbox, reports=(), targets=MANY)
                await kill_until_complete(job, whole, lot, figures)
            number += WIDTH

    async def all_of_them() -> None:
        async with sandbox_that_counts() as sandbox:
            whole = await undisturbed(StagedJob(folder=folder / "whole", sandbox=sandbox, reports=(), targets=MANY))
        assert_staged(whole)
        await beside_each_other(one_job_after_the_other(whole, number) for number in range(WIDTH))

    asyncio.run(all_of_them())
    assert figures["kills at random moments"] == KILLS


def some_of_each(operations: Sequence[Operation]) -> Iterator[Rule]:
    """Yield where a run is killed: at every boundary at which rows and the targets that they bring become true."""
    for boundary in BOUNDARIES:
        numbers = boundary.numbers(operations)
        early = numbers[: max(1, len(numbers) * 2 // 3)]  # the next run does the last ones in another order
        for number in chance("stages", boundary.name).sample(early, min(len(early), of(1, 6))):
            yield Rule(action=KILL, kind=boundary.kind, suffix=boundary.suffix, first=number)


def test_a_job_with_stages_killed_at_any_boundary_of_a_commit_ends_as_if_it_had_not_been(
    folder: Path, figures: Figures
) -> None:
    async def all_of_them() -> None:
        async with sandbox_that_counts() as sandbox:
            job = StagedJob(folder=folder / "whole", sandbox=sandbox, reports=(), targets=FEW)
            whole = await undisturbed(job)
            assert (await quick_runs().run(replace(job, folder=folder / "logged"), log=folder / "log")).code == 0
        rules = list(some_of_each(operations_in(folder / "log")))
        jobs = (replace(job, folder=folder / f"{number}") for number in range(len(rules)))
        await beside_each_other(kill_after(rule, each, whole, figures) for rule, each in zip(rules, jobs, strict=True))

    asyncio.run(all_of_them())
    assert figures["kills at boundaries"] >= len(BOUNDARIES)
