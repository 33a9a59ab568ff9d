"""How fast a run goes: what it found when it began is noted in the checkpoint and compared with what is there now."""

from dataclasses import dataclass
from datetime import datetime

from harvester.codec import dump, parse
from harvester.engine.checkpoint import Census, SqliteCheckpoint
from harvester.engine.ports import State

RUN = "run"  #: the remark on the job that holds the note
LEAST_S = 1.0  #: less says nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """What a run did in how much time."""

    seconds: float
    requests: int
    rows: int
    tasks: int  #: finished
    tasks_left: int

    @property
    def left_s(self) -> float | None:
        """Seconds left at this pace; None while no task is done."""
        return self.tasks_left * self.seconds / self.tasks if self.tasks else None


def note_begin(checkpoint: SqliteCheckpoint, census: Census, now: datetime) -> None:
    """Note where a run begins. Raises StorageError."""
    checkpoint.set_meta({RUN: dump({"began": now, "ended": None, **_counts(census)}).decode(), "stopped_by": ""})


def note_end(checkpoint: SqliteCheckpoint, stopped_by: str | None, now: datetime) -> None:
    """Note that the run has ended in order, and why. Raises StorageError."""
    begun = parse(checkpoint.meta(RUN) or "{}")
    checkpoint.set_meta({RUN: dump({**begun, "ended": now}).decode(), "stopped_by": stopped_by or ""})


def speed_of(note: str | None, census: Census, now: datetime | None) -> Speed | None:
    """Return the speed of the last run, or of one that goes on until `now`; None if there is nothing to tell.

    A run that was cut off has no end, so nobody knows how long it took.
    """
    begun = parse(note or "{}")
    until = now.isoformat() if now is not None else begun.get("ended")
    if until is None or "began" not in begun:
        return None
    counts = _counts(census)
    seconds = (datetime.fromisoformat(until) - datetime.fromisoformat(begun["began"])).total_seconds()
    requests = counts["requests"] - begun["requests"]
    if seconds < LEAST_S or requests <= 0:
        return None
    return Speed(
        seconds=seconds,
        requests=requests,
        rows=counts["rows"] - begun["rows"],
        tasks=counts["tasks"] - begun["tasks"],
        tasks_left=census.tasks(State.OPEN) + census.tasks(State.WAITING),
    )


def _counts(census: Census) -> dict[str, int]:
    tallies = [provider.tally for provider in census.providers.values()]
    return {
        "requests": sum(tally.requests for tally in tallies),
        "rows": sum(tally.rows for tally in tallies),
        "tasks": sum(census.tasks(state) for state in State if state.is_finished),
    }
