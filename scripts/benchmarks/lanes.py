"""Four providers in one job: whether their lanes slow one another, and what the pause of one costs the others.

Each provider has a server of its own, which counts what comes. First each harvests alone; then all four in one job, for
as long; then the same again twice while one server says 429 for a while, and breaks every connection for a while. Pages
a second are those of each provider's server: over a whole run, and for a pause over just that time, beside the same
stretch of the run in which nobody paused.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.stage import Job, Stage, aliases, staged, targets_with
from benchmarks.table import Figure, Goal
from benchmarks.watched import Watched, watched

PROVIDERS = ("ahrefs", "semrush", "serpstat", "dataforseo")
PAUSED = "ahrefs"
ROWS = 100  #: of a page; targets have many more, so that every first page is full
CALLS_PER_S = 20
IN_FLIGHT = 16

GOAL = Goal(">=", 0.95)

PagesPerS = Mapping[str, float]  #: by provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """How long it all takes, in seconds."""

    run_s: float
    before_s: float  #: of a run that is disturbed, until then
    pause_s: float


WHOLE = Lengths(run_s=30.0, before_s=5.0, pause_s=10.0)
QUICK = Lengths(run_s=6.0, before_s=1.0, pause_s=3.0)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A server for each provider, and a folder for each job."""

    stages: Mapping[str, Stage]
    folder: Path
    lengths: Lengths

    def job(self, name: str, providers: Sequence[str]) -> Job:
        """Return a job that keeps its lanes busy for as long as a run is to take."""
        accounts = {provider: stage.accounts[provider] for provider, stage in self.stages.items()}
        return Job(
            folder=self.folder / name,
            stage=Stage(url="", accounts=accounts),
            targets=aliases(round(self.lengths.run_s * CALLS_PER_S)),
            harvests=[
                {"provider": provider, "report": "backlinks", "page_size": ROWS, "max_rows": ROWS}
                for provider in providers
            ],
            rate=f"{CALLS_PER_S}/second",
            in_flight=IN_FLIGHT,
        )

    @contextmanager
    def running(self, name: str, providers: Sequence[str]) -> Iterator[Watched]:
        """Run a job beside the block, from counts of nothing; it must come to its end."""
        job = self.job(name, providers)
        command = job.command()
        for stage in self.stages.values():
            stage.zero()
        with watched(command, environ=job.environ, log=job.folder / "log") as program:
            yield program
            program.succeeded()

    def pages_per_s(self, providers: Sequence[str]) -> PagesPerS:
        """Return what came in the last run."""
        meters = {provider: self.stages[provider].meter() for provider in providers}
        return {
            provider: (meter["paid"] - 1) / (meter["last_paid_s"] - meter["first_paid_s"])
            for provider, meter in meters.items()
        }

    def stretch(self, program: Watched, disturb: Callable[[Stage, float], None] | None) -> PagesPerS:
        """Return what comes in a pause in the middle of a run; without a disturbance, in as long a stretch."""
        began = self.lengths.before_s * CALLS_PER_S
        program.until(lambda: all(stage.meter()["paid"] >= began for stage in self.stages.values()))
        if disturb is not None:
            disturb(self.stages[PAUSED], self.lengths.pause_s)
        before = {provider: stage.meter() for provider, stage in self.stages.items()}
        time.sleep(self.lengths.pause_s)
        after = {provider: stage.meter() for provider, stage in self.stages.items()}
        if not program.is_running():
            raise RuntimeError("the run was over before the pause was")
        return {
            provider: (after[provider]["paid"] - before[provider]["paid"])
            / (after[provider]["now_s"] - before[provider]["now_s"])
            for provider in self.stages
        }


@contextmanager
def prepared(folder: Path, lengths: Lengths) -> Iterator[Bench]:
    """Run a server for each provider, and let it learn its page of each target."""
    targets = targets_with(10 * ROWS, 4)
    with ExitStack() as stack:
        stages = {
            provider: stack.enter_context(staged(folder / f"server-{provider}", targets=targets))
            for provider in PROVIDERS
        }
        yield Bench(stages=stages, folder=folder, lengths=lengths)


def _figures_of(about: str, beside: PagesPerS, alone: PagesPerS, providers: Sequence[str]) -> Iterator[Figure]:
    for provider in providers:
        note = f"{beside[provider]:.1f} pages/s, beside {alone[provider]:.1f}"
        yield Figure(f"{provider}: {about}", beside[provider] / alone[provider], "", GOAL, note)


def figures(folder: Path, is_quick: bool) -> Iterator[Figure]:
    """Run each lane alone, all of them together, and with one that pauses; quickly: that pauses in one way only."""
    with prepared(folder, QUICK if is_quick else WHOLE) as bench:
        alone: dict[str, float] = {}
        for provider in PROVIDERS:
            with bench.running(f"alone-{provider}", [provider]):
                pass
            alone |= bench.pages_per_s([provider])
        with bench.running("together", PROVIDERS) as program:
            undisturbed = bench.stretch(program, None)
        yield from _figures_of("beside three others, and alone", bench.pages_per_s(PROVIDERS), alone, PROVIDERS)
        yield from _paused(bench, f"{PAUSED} answers 429", Stage.close_for, undisturbed)
        if not is_quick:
            yield from _paused(bench, f"{PAUSED} breaks connections", Stage.break_for, undisturbed)


def _paused(
    bench: Bench, about: str, disturb: Callable[[Stage, float], None], undisturbed: PagesPerS
) -> Iterator[Figure]:
    """Let one lane pause, and yield what that cost the others, and how many requests ran into it."""
    others = [provider for provider in PROVIDERS if provider != PAUSED]
    with bench.running(about.replace(" ", "-"), PROVIDERS) as program:
        found = bench.stretch(program, disturb)
    refused = bench.stages[PAUSED].meter()["refused"]
    yield from _figures_of(f"while {about} for {bench.lengths.pause_s:.0f} s", found, undisturbed, others)
    yield Figure(f"{about}: requests that ran into it", refused)
