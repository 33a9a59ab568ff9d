"""A server that refuses what is beyond 20 requests in any 2 seconds, and programs that are told so.

What is refused counts in the window as well. The share of the allowance that was used is that from a program's first
page to its last; above 100 % means that it began with a burst.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from shutil import rmtree
from typing import Any

from benchmarks.meter import share_used
from benchmarks.peers.ground import Ground, learnt
from benchmarks.peers.programs import LASTING, RAW, Given, Program
from benchmarks.program import run
from benchmarks.table import Figure, Goal

CALLS, WINDOW_S = 20, 2.0
_NONE = Goal("=", 0)
_USED = Goal(">=", 0.95)  #: while a connection is new a lane is careful, so that a short run uses less
_PATIENCE = 10  #: times what the job has to take, and a minute


def used(meter: Mapping[str, Any]) -> float:
    """Return the share of the allowance that was used, from the first page that was asked for to the last."""
    return share_used(meter, CALLS, WINDOW_S)


def _figures_of(program: Program, ground: Ground, folder: Path, *, is_quick: bool) -> Iterator[Figure]:
    given = Given(ground=ground, folder=folder, rate=(CALLS, WINDOW_S))
    command, environ = program.command(given), program.environ(given)
    ground.stage.zero()
    ground.stage.limit(CALLS, WINDOW_S)
    fair_s = ground.pages * WINDOW_S / CALLS
    ended = run(command, environ=environ, log=folder / "log", kill_after_s=60 + _PATIENCE * fair_s)
    meter = ground.stage.meter()
    found = program.counted(given)
    rmtree(folder)
    none, most_used = (_NONE, None if is_quick else _USED) if program is RAW else (None, None)
    most = f"{meter['most_in_window']} in the fullest window"
    yield Figure(f"{program.name}: refused", meter["refused"], f"of {meter['requests']}", none, most)
    rest = "" if found.is_whole else f"; {found.missing} rows missing, ended with {ended.code}"
    note = f"{ended.wall_s:.0f} s in all{rest}"
    yield Figure(f"{program.name}: used", used(meter), "of the allowance", most_used, note)


def figures(folder: Path, is_quick: bool) -> Iterator[Figure]:
    """Run all programs that can keep to a rate, one after the other."""
    with learnt(folder / "ground", 12 if is_quick else 60) as ground:
        for program in LASTING:
            yield from _figures_of(program, ground, folder / "run", is_quick=is_quick)
