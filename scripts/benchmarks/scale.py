"""A thousand targets, and a million: the same memory, and a start that does not grow with the list.

Each size is one story: the list is checked; a run takes its first target only, so that the list is read; the same
command goes on and is killed at 90 %; the same command goes on from there to the end; and then every target must be
there once in the output and once in `tasks.jsonl`. One task and one request of one row for each target, rate
unlimited: what is measured is the work of harvester itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.counted import OF_ALIAS, Times, times_each
from benchmarks.program import Ended
from benchmarks.stage import HARVESTER, Job, Stage, staged, targets_with
from benchmarks.table import Figure, Goal
from benchmarks.watched import Watched, watched

SIZES = (1_000, 100_000, 1_000_000)
QUICK_SIZES = (1_000, 5_000)
KILLED_AT = 0.9
IN_FLIGHT = 16

MEMORY_GOAL = Goal("<=", 120)  #: megabytes
SAME_GOAL = Goal("<=", 1.25)  #: the most of all sizes beside the least: as good as the same
READ_GOAL = Goal("<=", 20, floor=60)  #: seconds for a list, of a million lines at most
START_GOAL = Goal("<=", 3, floor=15)  #: seconds to the first request, whatever the size
NONE = Goal("=", 0)
TWICE_GOAL = Goal("<=", IN_FLIGHT)

_HARVEST = {"provider": "serpstat", "report": "backlinks", "page_size": 1, "max_rows": 1}
_OUTPUT = "serpstat.backlinks.jsonl"
#: How people write what all is one target.
_SPELLINGS = (
    *("alias-{:07d}.example",) * 5,
    "https://alias-{:07d}.example/",
    "ALIAS-{:07d}.EXAMPLE",
    "http://alias-{:07d}.example/a/page.html?x=1#here",
)


def spelt(number: int) -> Iterator[str]:
    """Yield so many targets, each spelt as some people do."""
    return (_SPELLINGS[each % len(_SPELLINGS)].format(each) for each in range(number))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One process of a story."""

    first_s: float  #: from its start to its first paid request
    paid: int  #: requests until then and by it
    paid_s: float  #: from its first paid request to its last
    ended: Ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What became of a list."""

    targets: int
    checked: Ended
    parts: Sequence[Part]  #: the run that read the list, the one that was killed, the one that came to the end
    state_bytes: int  #: at the kill, with its log
    paid: int
    twice: int
    rows: Times
    tasks: Times

    @property
    def peak_mb(self) -> float:
        """The most memory that any of its runs had."""
        return max(part.ended.peak_bytes for part in self.parts) / 1e6

    @property
    def pages_per_s(self) -> float:
        """Of the two long runs."""
        begun, killed, ended = self.parts
        return (ended.paid - begun.paid) / (killed.paid_s + ended.paid_s)


def told(number: int, folder: Path) -> Story:
    """Let a story with so many targets happen."""
    with staged(folder / "server", targets=targets_with(1, 8)) as stage:
        job = Job(folder=folder, stage=stage, targets=spelt(number), harvests=(_HARVEST,), in_flight=IN_FLIGHT)
        config = job.written()
        check: list[str | Path] = [*HARVESTER, "check", config]
        with watched(check, environ=job.environ, log=folder / "log") as program:
            checked = program.succeeded()
        stage.zero()
        run: list[str | Path] = [*HARVESTER, "run", config, "--quiet"]
        begun = _part(job, stage, [*run, "--max-targets", "1"])
        killed = _part(job, stage, run, kill_at=int(KILLED_AT * number))
        state_bytes = sum(path.stat().st_size for path in job.directory.glob("state.sqlite3*"))
        ended = _part(job, stage, run)
        return Story(
            targets=number,
            checked=checked,
            parts=(begun, killed, ended),
            state_bytes=state_bytes,
            paid=stage.meter()["paid"],
            twice=stage.meter()["twice"],
            rows=times_each(job.directory / _OUTPUT, OF_ALIAS, number),
            tasks=times_each(job.directory / "tasks.jsonl", OF_ALIAS, number),
        )


def _part(job: Job, stage: Stage, command: Sequence[str | Path], kill_at: int | None = None) -> Part:
    """Run one process to its end, or kill it when the server has been paid for so many answers in all."""
    stage.lap()
    with watched(command, environ=job.environ, log=job.folder / "log") as program:
        if kill_at is None:
            ended = program.succeeded()
        else:
            _wait_for(program, stage, kill_at)
            ended = program.kill()
    meter: dict[str, Any] = stage.meter()
    first_s, last_s = float(meter["first_paid_s"]), float(meter["last_paid_s"])
    return Part(first_s=first_s, paid=meter["paid"], paid_s=last_s - first_s, ended=ended)


def _wait_for(program: Watched, stage: Stage, paid: int) -> None:
    """Wait until so many requests have come; ask seldom as long as that is far away, for asking costs time, too."""
    program.until(lambda: bool(stage.meter()["paid"] >= paid - 20_000), look_s=0.5)
    program.until(lambda: bool(stage.meter()["paid"] >= paid), look_s=0.005)


def _figures_of(story: Story) -> Iterator[Figure]:
    name = f"{story.targets:,} targets"
    begun, killed, ended = story.parts
    yield Figure(f"{name}: harvested", story.pages_per_s, "targets/s")
    yield Figure(f"{name}: list read by `check`", story.checked.wall_s, "s", READ_GOAL)
    yield Figure(f"{name}: list read by `run`, until its first request", begun.first_s, "s", READ_GOAL)
    yield Figure(f"{name}: first request of a run whose list is read", killed.first_s, "s", START_GOAL)
    yield Figure(f"{name}: first request after kill -9 at 90 %", ended.first_s, "s", START_GOAL)
    yield Figure(f"{name}: most memory", story.peak_mb, "MB", MEMORY_GOAL, _memory(story))
    state_bytes, note = story.state_bytes / story.targets, f"{story.state_bytes / 1e6:.1f} MB, up to 4 of them its log"
    yield Figure(f"{name}: state.sqlite3 at the kill", state_bytes, "bytes a target", None, note)
    yield Figure(f"{name}: rows missing, doubled or foreign", story.rows.wrong, "", NONE, f"{story.rows.lines:,} rows")
    yield Figure(f"{name}: tasks missing or doubled in tasks.jsonl", story.tasks.wrong, "", NONE)
    yield Figure(f"{name}: requests paid twice", story.twice, "", TWICE_GOAL, f"{IN_FLIGHT} were open at the kill")


def _memory(story: Story) -> str:
    megabytes = (f"{part.ended.peak_bytes / 1e6:.0f}" for part in story.parts)
    return f"list read, killed, resumed: {', '.join(megabytes)}; check: {story.checked.peak_bytes / 1e6:.0f}"


def figures(folder: Path, is_quick: bool) -> Iterator[Figure]:
    """Tell a story of each size, and compare their memory."""
    stories = []
    for number in QUICK_SIZES if is_quick else SIZES:
        stories.append(told(number, folder / str(number)))
        yield from _figures_of(stories[-1])
    peaks_mb = [story.peak_mb for story in stories]
    sizes = " and ".join(f"{story.targets:,}" for story in (stories[0], stories[-1]))
    name = f"most memory, {sizes} targets: the greatest beside the least"
    yield Figure(name, max(peaks_mb) / min(peaks_mb), "", SAME_GOAL)
