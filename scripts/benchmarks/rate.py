"""How much of a rate is used while work is waiting, and whether a window is ever over, whatever the latency.

60 a minute for ten minutes in simulated time (simulated.py), and 600 a minute for a minute and more in real time: whole
runs over real sockets, one for each latency, each with a key and a server of its own, beside each other. Windows slide,
and are counted by the server as requests arrive, with the free questions after the balance. What is used counts from
the first paid request of a run to its last: in all that time work is waiting. `in_flight` is what the slowest answers
need, and half as many again.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.meter import share_used
from benchmarks.program import whole
from benchmarks.simulated import lived
from benchmarks.stage import Job, aliases, staged, targets_with
from benchmarks.table import Figure, Goal
from harvester.model import RateRule

USE_GOAL = Goal(">=", 0.95)
NONE = Goal("=", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One limit, and the latencies at which it is tried."""

    rule: RateRule
    latencies_s: Sequence[float]
    seconds: float  #: for so long work is waiting

    @property
    def in_flight(self) -> int:
        """Requests that may be open."""
        return math.ceil(1.5 * max(self.latencies_s) * self.rule.calls / self.rule.window_s) + 8

    @property
    def requests(self) -> int:
        """How many it takes."""
        return round(self.seconds * self.rule.calls / self.rule.window_s)


LATENCIES_S = (0.05, 0.5, 2.0, 20.0)
SIMULATED = Trial(rule=RateRule(calls=60, window_s=60.0), latencies_s=LATENCIES_S, seconds=600.0)
REAL = Trial(rule=RateRule(calls=600, window_s=60.0), latencies_s=LATENCIES_S, seconds=70.0)
QUICK_REAL = Trial(rule=RateRule(calls=100, window_s=10.0), latencies_s=(0.05, 2.0), seconds=30.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What a provider saw of a run."""

    latency_s: float
    use: float  #: of the allowance, while work was waiting
    most_in_window: int
    most_open: int
    refused: int


def simulated(trial: Trial) -> Iterator[Used]:
    """Try a limit in simulated time."""
    for latency_s in trial.latencies_s:
        life = lived(trial.rule, latency_s, seconds=trial.seconds, in_flight=trial.in_flight)
        yield Used(
            latency_s=latency_s,
            use=life.arrived / trial.requests,
            most_in_window=life.most_in_window,
            most_open=life.most_open,
            refused=life.refused,
        )


def real(trial: Trial, folder: Path) -> Iterator[Used]:
    """Try a limit in real time, all latencies beside each other."""
    with ThreadPoolExecutor(len(trial.latencies_s)) as threads:
        yield from threads.map(lambda latency_s: _run(trial, latency_s, folder / f"{latency_s}"), trial.latencies_s)


def _run(trial: Trial, latency_s: float, folder: Path) -> Used:
    rule = trial.rule
    with staged(folder / "server", targets=targets_with(1, 8), latency_ms=1000 * latency_s) as stage:
        job = Job(
            folder=folder,
            stage=stage,
            targets=aliases(trial.requests),
            harvests=({"provider": "serpstat", "report": "backlinks", "page_size": 1, "max_rows": 1},),
            rate=f"{rule.calls}/{rule.window_s:.0f}seconds",
            in_flight=trial.in_flight,
        )
        command = job.command()
        stage.zero()
        stage.limit(rule.calls, rule.window_s)
        whole(command, environ=job.environ, log=folder / "log")
        return used(stage.meter(), rule, latency_s)


def used(meter: Mapping[str, Any], rule: RateRule, latency_s: float) -> Used:
    """Return what a server's meter says of a run that had work to its end."""
    return Used(
        latency_s=latency_s,
        use=share_used(meter, rule.calls, rule.window_s),
        most_in_window=meter["most_in_window"],
        most_open=meter["most_open"],
        refused=meter["refused"],
    )


def _figures_of(name: str, trial: Trial, found: Sequence[Used]) -> Iterator[Figure]:
    calls = trial.rule.calls
    for each in found:
        note = f"at most {each.most_in_window:,} in a window, {each.most_open} open"
        yield Figure(f"{name}, latency {each.latency_s:g} s: used", each.use, "of the allowance", USE_GOAL, note)
    fullest, most_open = max(each.most_in_window for each in found), max(each.most_open for each in found)
    yield Figure(f"{name}: the fullest window", fullest, "requests", Goal("<=", calls))
    yield Figure(f"{name}: refused", sum(each.refused for each in found), "", NONE)
    yield Figure(f"{name}: most open", most_open, "requests", Goal("<=", trial.in_flight), "the goal is `in_flight`")


def figures(folder: Path, is_quick: bool) -> Iterator[Figure]:
    """Try both limits."""
    yield from _figures_of("60/minute, simulated", SIMULATED, list(simulated(SIMULATED)))
    trial = QUICK_REAL if is_quick else REAL
    name = f"{trial.rule.calls}/{trial.rule.window_s:.0f} s, real"
    yield from _figures_of(name, trial, list(real(trial, folder)))
