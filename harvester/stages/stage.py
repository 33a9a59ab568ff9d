"""Staged harvests: those that take their targets from the rows of another one of the same job. Pure.

Each has one source. With `targets_from` alone it is the harvest whose rows name the targets; with `only_if` it is the
one whose records decide, and the targets are those that its records are about.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from harvester.condition import Condition, condition_of
from harvester.model import Harvest, Known, Scope, Seeds
from harvester.names import NotATarget, target_of

_SHOWN_CHARS = 200  #: of what is no target


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where one staged harvest takes its targets from."""

    harvest: str
    source: str  #: the harvest whose rows bring them
    scope: Scope  #: in which they are spelled
    field: str | None = None  #: of the record that holds a target; None = the target that the record is about
    top: int | None = None
    condition: Condition | None = None

    def seeds(self, rows: Iterable[Known]) -> Seeds:
        """Return the targets that rows bring, each once, and what was to be one and is none."""
        targets: dict[str, str] = {}
        rejected: dict[str, str] = {}
        for place, target, record in rows:
            if self.top is not None and place > self.top:
                break
            if self.condition is not None:
                if self.condition.holds(record):
                    targets[target] = target
            elif (text := record[self.field or ""]) is not None:
                try:
                    targets.setdefault(target_of(text, self.scope), text)
                except NotATarget as exc:
                    rejected[_writable(text)] = str(exc)
        return Seeds(self.harvest, self.scope, targets, rejected)


def stage_of(harvest: Harvest) -> Stage | None:
    """Return where a harvest takes its targets from; None = from the job's list."""
    named = harvest.targets_from
    if harvest.only_if is not None:
        condition = condition_of(harvest.only_if)
        return Stage(harvest=harvest.name, source=condition.harvest, scope=harvest.scope, condition=condition)
    if named is None:
        return None
    return Stage(harvest=harvest.name, source=named.harvest, scope=harvest.scope, field=named.field, top=named.top)


def _writable(text: str) -> str:
    """Return a text short enough to list, without the half characters that cannot be written."""
    short = text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS - 1]}…"
    return short.encode("utf-8", "backslashreplace").decode()
