"""Each program is killed at a random moment, and run again as its documentation says: what is missing, what is doubled,
and what is paid for twice, by the server's count.

Each kill has a job of its own; the moments lie between a fifth and four fifths of the time that the program takes
undisturbed, and come from a seed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from shutil import rmtree

from benchmarks.peers.arguments import PAGE_ROWS
from benchmarks.peers.ground import Ground, learnt
from benchmarks.peers.programs import LASTING, RAW, Given, Program
from benchmarks.peers.rows import Counted
from benchmarks.program import KILLED, run, whole
from benchmarks.stage import Job
from benchmarks.table import Figure, Goal

SEED = 1
IN_FLIGHT = Job.in_flight  #: requests of ours that may be open when we are killed
_NONE = Goal("=", 0)
_PATIENCE = 10  #: times what it takes undisturbed, and a minute: so long a program may take to go on


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """A job that was killed and run again."""

    counted: Counted
    twice: int  #: pages that were paid for twice
    code: int  #: with which the second run ended


def undisturbed_s(program: Program, ground: Ground, folder: Path) -> float:
    """Return how long a program takes if nobody kills it."""
    given = Given(ground=ground, folder=folder, is_resumable=True)
    command, environ = program.command(given), program.environ(given)
    wall_s = whole(command, environ=environ, log=folder / "log").wall_s
    rmtree(folder)
    return wall_s


def killed(program: Program, ground: Ground, folder: Path, usual_s: float, chance: Random) -> Killed:
    """Kill a program at a random moment, run it again, and count."""
    given = Given(ground=ground, folder=folder, is_resumable=True)
    while True:
        rmtree(folder, ignore_errors=True)
        command, environ = program.command(given), program.environ(given)
        ground.stage.zero()
        moment_s = chance.uniform(0.2, 0.8) * usual_s
        if run(command, environ=environ, log=folder / "log", kill_after_s=moment_s).code == KILLED:
            break  # it may have been faster than usual, and be done
    again = run(
        program.command(given), environ=environ, log=folder / "log-again", kill_after_s=60 + _PATIENCE * usual_s
    )
    meter = ground.stage.meter()
    counted = program.counted(given)
    rmtree(folder)
    return Killed(counted=counted, twice=meter["twice"], code=again.code)


def told(program: Program, jobs: Sequence[Killed], *, pages: int) -> Iterator[Figure]:
    """Yield what is to be told of a program's jobs, of so many pages each."""
    is_ours = program is RAW
    torn = sum(job.counted.torn for job in jobs)
    codes = sorted({job.code for job in jobs})
    said = f"ended with {', '.join('a signal' if code < 0 else str(code) for code in codes)}"
    missing = sum(job.counted.missing for job in jobs)
    doubled = sum(job.counted.doubled for job in jobs)
    twice = sum(job.twice for job in jobs)
    pages *= len(jobs)
    none = _NONE if is_ours else None
    about = f"{program.name}, {len(jobs)} kills"
    said += f"; {torn} torn lines" if torn else ""
    yield Figure(f"{about}: missing", missing, f"of {pages * PAGE_ROWS:,} rows", none, said)
    yield Figure(f"{about}: doubled", doubled, "rows", none)
    bought = Goal("<=", IN_FLIGHT * len(jobs)) if is_ours else None
    yield Figure(f"{about}: paid twice", twice, f"of {pages:,} pages", bought, "goal: those that were open" * is_ours)
    if is_ours:
        yield Figure(f"{about}: exit code", max(codes, key=abs), "", none)


def figures(folder: Path, is_quick: bool) -> Iterator[Figure]:
    """Kill all programs that can go on."""
    targets, kills = (20, 1) if is_quick else (200, 5)
    with learnt(folder / "ground", targets) as ground:
        for program in LASTING:
            chance = Random(f"{SEED} {program.name}")
            usual_s = undisturbed_s(program, ground, folder / "run")
            jobs = [killed(program, ground, folder / "run", usual_s, chance) for _ in range(kills)]
            yield from told(program, jobs, pages=ground.pages)
