"""A rebuild that is killed, or loses its power, at any of its steps leaves the old job or the new one, and no third."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from chaos_kit import Figures, chance, of
from cli_kit import sandbox_beside
from disk_kit import KILL, Operation, Rule, needs_shim, operations_in, quick_folder, shimmed
from power_kit import BY_CHANCE, FIXED, Disk
from rebuild_kit import document, environ_of, files_of, options, run, written

from harvester.engine.checkpoint import open_to_look, take_census
from harvester.jobdir import existing_directory

pytestmark = needs_shim

REBUILDER = Path(__file__).with_name("rebuild_process.py")


@dataclass(frozen=True)
class Story:
    """A rebuild from its beginning to its end."""

    folder: Path
    before: dict[str, bytes]
    after: dict[str, bytes]
    operations: list[Operation]

    @property
    def old(self) -> Path:
        """The job as it was."""
        return self.folder / "old"


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    with quick_folder() as folder:
        with sandbox_beside(options()) as sandbox:
            tables: list[dict[str, Any]] = [
                {"provider": "ahrefs", "report": "refdomains"},
                {"provider": "serpstat", "report": "backlinks", "max_rows": 60},
                {"provider": "serpstat", "report": "refdomains", "max_rows": 60},
            ]
            config = written(document(sandbox, tables, format="jsonl.zst"), folder)
            assert run(config, environ_of(sandbox, folder)) == 0
        Path(folder / "out" / "kept").rename(folder / "old")
        job = laid_out(folder)
        rebuild(job, log=folder / "log")
        after = files_of(job)
        yield Story(folder, files_of(folder / "old"), after, operations_in(folder / "log"))


def laid_out(folder: Path) -> Path:
    """Return the job as it was, where the story played."""
    there = folder / "story" / "kept"
    shutil.rmtree(there, ignore_errors=True)
    return Path(shutil.copytree(folder / "old", there))


def rebuild(job: Path, *rules: Rule, log: Path | None = None) -> int:
    """Rebuild a job by another mapping; return how that ended."""
    environ = {**os.environ, **shimmed(job.parent, *rules, log=log)}
    return subprocess.run([sys.executable, str(REBUILDER), str(job)], env=environ, check=False).returncode


def assert_old_or_new(job: Path, story: Story, figures: Figures) -> str:
    """Look whether a job is one of the two as a whole, its state included, for whoever opens it next."""
    with existing_directory(job) as db:
        outputs = take_census(db, "subdomains").outputs
    found = files_of(job)
    assert found in (story.before, story.after), "something between the two"
    assert {name: len(found[name]) for name in outputs} == {name: each.bytes for name, each in outputs.items()}
    assert not list(job.glob("new~*"))
    assert (job / "state.sqlite3.b2").is_file(), "sealed"
    with closing(open_to_look(job)):
        pass
    which = "new" if found == story.after else "old"
    figures[f"rebuilds cut off that left the {which} job"] += 1
    return which


def test_the_story_is_one(story: Story) -> None:
    changed = {name for name in story.before if story.before[name] != story.after[name]}
    assert changed == {
        "ahrefs.refdomains.jsonl.zst",
        "serpstat.backlinks.jsonl.zst",
        "serpstat.refdomains.jsonl.zst",
        "rejects.jsonl",
    }
    assert [each.kind for each in story.operations].count("rename") >= len(changed)


def test_a_rebuild_killed_after_any_of_its_steps_leaves_the_old_job_or_the_new_one(
    story: Story, figures: Figures
) -> None:
    steps = range(1, len(story.operations) + 1)
    renames = [number for number in steps if story.operations[number - 1].kind == "rename"]
    some = sorted({*chance("rebuild").sample(list(steps), 6), renames[0], renames[2]})
    left = set()
    for number in of(some, list(steps)):
        job = laid_out(story.folder)
        assert rebuild(job, Rule(action=KILL, first=number)) == -9, f"step {number}"
        left.add(assert_old_or_new(job, story, figures))
    assert left == {"old", "new"}


def test_a_rebuild_that_loses_its_power_at_any_moment_leaves_the_old_job_or_the_new_one(
    story: Story, figures: Figures
) -> None:
    disk = Disk(story.folder / "story")
    held = story.folder / "held"
    shutil.copytree(story.old, held / "kept")
    disk.hold(held)
    left = set()
    for number, operation in enumerate(story.operations, start=1):
        disk.do(operation)
        if number % of(9, 1) and operation.kind != "rename":
            continue
        for survival in (*FIXED, *BY_CHANCE):
            folder = story.folder / "left"
            shutil.rmtree(folder, ignore_errors=True)
            disk.lose_power(survival, chance("power", number, survival.name), folder)
            try:
                left.add(assert_old_or_new(folder / "kept", story, figures))
            except BaseException as exc:
                exc.add_note(f"after {number} ({operation.kind} {operation.path}), {survival.name} survived")
                raise
    assert left == {"old", "new"}
