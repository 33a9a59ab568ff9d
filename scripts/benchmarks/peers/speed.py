"""The same job for everybody: how long it takes from nothing to the end of the process, and what it costs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from benchmarks.peers.ground import Ground, learnt
from benchmarks.peers.programs import PEERS, RAW, RECORD, Given, Peer, Program
from benchmarks.program import Ended, whole
from benchmarks.table import Figure, median

_PER_ROWS = 100_000
_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of one program, all of whose rows were there."""

    ended: Ended
    start_s: float  #: from the start of the process to its first request, as the server saw it


Turn = Mapping[str, Run]  #: one run of each program, by its name


def run_of(program: Program, ground: Ground, folder: Path) -> Run:
    """Run a program. Raises RuntimeError if a row is missing, or there too often."""
    rmtree(folder, ignore_errors=True)
    given = Given(ground=ground, folder=folder)
    command, environ = program.command(given), program.environ(given)
    ground.stage.zero()
    ended = whole(command, environ=environ, log=folder / "log")
    start_s = float(ground.stage.meter()["first_s"])
    found = program.counted(given)
    rmtree(folder)
    if not found.is_whole:
        raise RuntimeError(f"{program.name}: {found}, but there are {ground.rows} rows:\n{ended.said}")
    return Run(ended=ended, start_s=start_s)


def _compared(peer: Peer, turns: Sequence[Turn], *, is_quick: bool) -> Iterator[Figure]:
    """Compare both ways of writing with a peer, round by round."""
    took_s = median(turn[peer.name].ended.wall_s for turn in turns)
    for ours in (RAW, RECORD):
        ratio = median(turn[peer.name].ended.wall_s / turn[ours.name].ended.wall_s for turn in turns)
        ours_s = median(turn[ours.name].ended.wall_s for turn in turns)
        goal = peer.goal if ours is RAW and not is_quick else None  # what is short is mostly start-up
        about = f'{peer.name} ({peer.versions}): rows = "{ours.rows}"'
        yield Figure(about, ratio, "times as fast", goal, f"{ours_s:.2f} s, not {took_s:.2f} s")


def _cost(program: Program, turns: Sequence[Turn], rows: int) -> Figure:
    """Say what a program costs."""
    runs = [turn[program.name] for turn in turns]
    cpu_s = median(run.ended.cpu_s for run in runs) * _PER_ROWS / rows
    peak = max(run.ended.peak_bytes for run in runs) / _MEGABYTE
    start_s = median(run.start_s for run in runs)
    note = f"at most {peak:.0f} MB; first request after {start_s:.2f} s"
    return Figure(f"{program.name}: for {_PER_ROWS:,} rows", cpu_s, "CPU s", note=note)


def figures(folder: Path, is_quick: bool) -> Iterator[Figure]:
    """Run all programs in turn, some rounds of it."""
    programs: Sequence[Program] = (RAW, RECORD, *PEERS)
    targets, rounds = (20, 1) if is_quick else (200, 3)
    with learnt(folder / "ground", targets) as ground:
        turns = [{program.name: run_of(program, ground, folder / "run") for program in programs} for _ in range(rounds)]
    for peer in PEERS:
        yield from _compared(peer, turns, is_quick=is_quick)
    for program in programs:
        yield _cost(program, turns, ground.rows)
