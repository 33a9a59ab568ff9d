"""Pages a second of a loop that promises nothing, of `rows = "raw"` and of `rows = "record"`: the same pages each."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

from benchmarks.program import whole
from benchmarks.stage import Job, Stage, aliases, environ_of, staged, targets_with
from benchmarks.table import Figure, Goal, median

_BARE = Path(__file__).with_name("bare.py")
RAW_GOAL = Goal(">=", 0.70, floor=0.15)
RECORD_GOAL = Goal(">=", 0.35, floor=0.03)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One provider's pages of one size."""

    provider: str
    rows: int  #: of a page
    targets: int
    pages: int  #: of each target
    rows_at: Sequence[str | int]  #: the way to the rows in an answer

    @property
    def name(self) -> str:
        """The case in a table."""
        return f"{self.provider}, pages of {self.rows:,} rows"

    @property
    def harvest(self) -> Mapping[str, Any]:
        """The keys of its [[harvest]]."""
        return {
            "provider": self.provider, "report": "backlinks", "page_size": self.rows, "max_rows": self.rows * self.pages
        }  # fmt: skip


_SERPSTAT, _DATAFORSEO = ("result", "data"), ("tasks", 0, "result", 0, "items")
CASES = (
    Case(provider="serpstat", rows=100, targets=200, pages=5, rows_at=_SERPSTAT),
    Case(provider="serpstat", rows=1000, targets=60, pages=2, rows_at=_SERPSTAT),
    Case(provider="dataforseo", rows=100, targets=200, pages=5, rows_at=_DATAFORSEO),
    Case(provider="dataforseo", rows=1000, targets=60, pages=2, rows_at=_DATAFORSEO),
    Case(provider="ahrefs", rows=100, targets=200, pages=5, rows_at=("backlinks",)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """One run of one program."""

    pages: int
    busy_s: float  #: from the first request, as the server saw it, to the end of the process

    @property
    def pages_per_s(self) -> float:
        """Pages a second, of what was got."""
        return self.pages / self.busy_s


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A case whose pages the server knows."""

    case: Case
    stage: Stage
    folder: Path
    requests: Path  #: all requests of the case, as the loop reads them

    def bare(self, times: int) -> Timed:
        """Run the loop."""
        output = self.folder / "bare.jsonl"
        output.unlink(missing_ok=True)
        rows_at = json.dumps(self.case.rows_at)
        command: list[str | Path] = [
            sys.executable,
            _BARE,
            self.requests,
            output,
            "--rows-at",
            rows_at,
            "--times",
            str(times),
        ]
        return self._timed(command, environ_of({}))

    def harvester(self, rows: str, times: int) -> Timed:
        """Run a job."""
        rmtree(self.folder / rows, ignore_errors=True)
        job = job_of(self.case, self.stage, self.folder / rows, rows, aliases(self.case.targets * times))
        return self._timed(job.command(), job.environ)

    def _timed(self, command: Sequence[str | Path], environ: Mapping[str, str]) -> Timed:
        self.stage.zero()
        ended = whole(command, environ=environ, log=self.folder / "log")
        meter = self.stage.meter()
        return Timed(pages=meter["requests"], busy_s=ended.wall_s - float(meter["first_s"]))


def job_of(case: Case, stage: Stage, folder: Path, rows: str, targets: Sequence[str]) -> Job:
    """Return the job of a case."""
    sections = {"ahrefs": {"row_cap": case.rows}}
    return Job(folder=folder, stage=stage, targets=targets, harvests=(case.harvest,), rows=rows, sections=sections)


@contextmanager
def prepared(case: Case, folder: Path) -> Iterator[Bench]:
    """Let a server learn the pages of a case."""
    folder.mkdir(parents=True)
    targets = targets_with(case.rows * case.pages, case.targets)
    with staged(folder, targets=targets) as stage:
        job = job_of(case, stage, folder / "learning", "raw", aliases(case.targets))
        whole(job.command(), environ=job.environ, log=folder / "log")
        asked = [each for each in stage.asked() if f"/{case.provider}/" in each["address"] and _is_of_rows(each)]
        path = folder / "requests.jsonl"
        path.write_text("".join(json.dumps({**each, "url": f"{stage.url}{each['address']}"}) + "\n" for each in asked))
        yield Bench(case=case, stage=stage, folder=folder, requests=path)


def _is_of_rows(asked: Mapping[str, Any]) -> bool:
    return "backlinks" in asked["address"] or '"page"' in asked["body"]


def _figures_of(case: Case, folder: Path, *, rounds: int, times: int) -> Iterator[Figure]:
    """Run loop, raw and record in turn, and yield the ratios, round by round."""
    with prepared(case, folder) as bench:
        turns = [
            (bench.bare(times), bench.harvester("raw", times), bench.harvester("record", times)) for _ in range(rounds)
        ]
    bare = median(turn[0].pages_per_s for turn in turns)
    yield Figure(f"{case.name}: the loop", bare, "pages/s")
    for name, at, goal in (("raw", 1, RAW_GOAL), ("record", 2, RECORD_GOAL)):
        ratio = median(turn[at].pages_per_s / turn[0].pages_per_s for turn in turns)
        pages = median(turn[at].pages_per_s for turn in turns)
        yield Figure(f'{case.name}: rows = "{name}"', ratio, "of the loop", goal, f"{pages:,.0f} pages/s")


def figures(folder: Path, is_quick: bool) -> Iterator[Figure]:
    """Measure all cases; quickly: the first, once."""
    rounds, times = (1, 1) if is_quick else (3, 4)
    for number, case in enumerate(CASES[:1] if is_quick else CASES):
        yield from _figures_of(case, folder / str(number), rounds=rounds, times=times)
