"""What a job directory says of itself, also while a run works in it."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harvester.assembly.speed import RUN, Speed, speed_of
from harvester.codec import parse
from harvester.engine.checkpoint import (
    Census,
    Trouble,
    first_target,
    has_state,
    meta_of,
    open_to_look,
    reading,
    rejected_lines,
    rejected_values,
    take_census,
    troubles,
)
from harvester.engine.checkpoint.census import Output
from harvester.engine.ports import State
from harvester.engine.render import REJECTS
from harvester.errors import ConfigError, UnknownReply
from harvester.locks import is_locked
from harvester.rounds import MANIFEST, ROUND, between_rounds, is_finished
from harvester.since_last import Lasts, lasts_of

SHOWN = 20  #: tasks and lines that are shown; the files hold all


@dataclass(frozen=True, slots=True, kw_only=True)
class StageStatus:
    """How a harvest stands that takes its targets from the rows of another."""

    source: str
    rejected: Sequence[tuple[str, str]]  #: the first values that are no targets, and why


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A job directory at one moment."""

    job: str
    state: str  #: "complete", "running" or "stopped"
    stopped_by: str | None
    census: Census
    providers: dict[str, Any]  #: as the manifest has them
    outputs: dict[str, str]  #: file names, by harvest
    units: dict[str, str | None]  #: what its provider charges, by harvest
    troubles: Sequence[Trouble]  #: the first ones
    rejected: Sequence[tuple[str, int, str, str]]  #: the first ones: source, line, text, reason
    stages: dict[str, StageStatus]  #: by harvest
    speed: Speed | None  #: of the last run; None = nothing to tell
    first_target: str | None = None  #: of the list
    round: int = 1
    lasts: Lasts = field(default_factory=dict)  #: what `since = "last"` means in this round

    @property
    def rejects(self) -> int:
        """Return how many rows could not be read."""
        return self._output(REJECTS).records

    def records(self, harvest: str) -> int:
        """Return how many records a harvest has."""
        return self._output(self.outputs.get(harvest, "")).records

    def lacking(self, harvest: str) -> tuple[str, int] | None:
        """Return whose tasks are not complete, so that a stage may lack targets, and how many; None = nobody's."""
        stage, seen = self.stages.get(harvest), {harvest}
        while stage is not None and stage.source in self.census.harvests and stage.source not in seen:
            tasks = self.census.harvests[stage.source].tasks
            if count := tasks[State.SET_ASIDE] + tasks[State.INCOMPLETE]:
                return stage.source, count
            seen.add(stage.source)
            stage = self.stages.get(stage.source)
        return None

    def as_json(self) -> dict[str, Any]:
        """Return the form that other people's scripts rely on (`docs/formats.md`).

        `round` is there from the second round on: whoever never asks for one sees what was always there.
        """
        census = self.census
        return {
            "job": self.job,
            **({"round": self.round} if self.round > 1 else {}),
            "state": self.state,
            "stopped_by": self.stopped_by,
            "targets": census.targets,
            "targets_rejected": census.rejected,
            "tasks": {
                name.value: census.tasks(name)
                for name in (State.COMPLETE, State.INCOMPLETE, State.SET_ASIDE, State.OPEN, State.WAITING)
            },
            "providers": {name: self._provider(name) for name in census.providers},
            "outputs": {
                name: {"records": output.records, "bytes": output.bytes}
                for name, output in ((name, self._output(name)) for name in self.outputs.values())
            },
            **({"stages": {name: self._stage(name) for name in self.stages}} if self.stages else {}),
        }

    def _stage(self, harvest: str) -> dict[str, Any]:
        found = self.census.harvests[harvest]
        return {
            "source": self.stages[harvest].source,
            "targets": found.listed,
            "targets_rejected": found.rejected,
            "may_lack_targets": self.lacking(harvest) is not None,
        }

    def _output(self, name: str) -> Output:
        return self.census.outputs.get(name) or Output(records=0, bytes=0)

    def _provider(self, name: str) -> dict[str, Any]:
        counted, described = self.census.providers[name], self.providers.get(name, {})
        tally, budget = counted.tally, described.get("budget")
        return {
            "unit": _unit(described),
            "requests": tally.requests,
            "retries": tally.retries,
            "throttled": tally.throttled,
            "rows": tally.rows,
            "units_spent": tally.units_spent,
            "units_in_doubt": tally.units_in_doubt,
            "units_held": counted.units_held,
            "budget": budget if isinstance(budget, int) else None,
            "balance": counted.balance,
        }


def read_status(directory: Path) -> Status:
    """Look at a job directory. Raises ConfigError if it is none, StorageError if its state is damaged."""
    if not has_state(directory) and (where := between_rounds(directory)):
        raise ConfigError(where)
    with closing(open_to_look(directory)) as db, reading(db):
        is_running = is_locked(directory)
        scope = meta_of(db, "scope")
        if scope is None:
            raise ConfigError(f"{directory}: the job has not begun; start it with: harvester run")
        census = take_census(db, scope)
        manifest = _manifest(directory)
        providers, harvests = _tables(manifest.get("providers")), _tables(manifest.get("harvests"))
        return Status(
            job=str(manifest.get("job") or directory.resolve().name),
            state="running" if is_running else "complete" if is_finished(census) else "stopped",
            stopped_by=None if is_running else meta_of(db, "stopped_by") or None,
            census=census,
            providers=providers,
            outputs={name: str(harvest.get("output")) for name, harvest in harvests.items()},
            units={name: _unit(providers.get(str(harvest.get("provider")), {})) for name, harvest in harvests.items()},
            troubles=troubles(db, SHOWN),
            rejected=rejected_lines(db, SHOWN),
            stages={
                name: StageStatus(
                    source=str(harvests.get(name, {}).get("source") or "another harvest"),
                    rejected=rejected_values(db, name, SHOWN),
                )
                for name, found in census.harvests.items()
                if found.listed is not None
            },
            speed=speed_of(meta_of(db, RUN), census, datetime.now(UTC) if is_running else None),
            first_target=first_target(db, scope),
            round=int(meta_of(db, ROUND) or 1),
            lasts=lasts_of(db),
        )


def _manifest(directory: Path) -> dict[str, Any]:
    try:
        manifest = parse((directory / MANIFEST).read_bytes())
    except (OSError, UnknownReply):
        return {}  # it is written once the lists are read; before that there is nothing to tell
    return manifest if isinstance(manifest, dict) else {}


def _tables(found: object) -> dict[str, dict[str, Any]]:
    """Return what is a table of tables in a manifest: nothing depends on it, so nothing fails by it."""
    return {name: item for name, item in found.items() if isinstance(item, dict)} if isinstance(found, dict) else {}


def _unit(described: dict[str, Any]) -> str | None:
    unit = described.get("unit")
    return unit if isinstance(unit, str) else None
