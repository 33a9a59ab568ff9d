"""The end of a run in words: per report and provider, then what is left to do."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from harvester.assembly import Outcome, Status
from harvester.cli.table import duration, table
from harvester.display import shown
from harvester.engine.ports import State

REASONS_SHOWN = 5
STOP_HINTS = {
    "budget": "raise `budget` or use --budget, then run the same command again",
    "quota": "buy units or wait for the account's reset, then run the same command again",
    "key": "mend the key or base_url, then run the same command again",
    "prices": "the provider charges more than this version knows: look at the bill, then update harvester",
    "unreachable": "look at the network and the provider's state, then run the same command again",
}


def harvest_table(status: Status) -> str:
    """Return one line for each harvest."""
    head = ("harvest", "targets", "tasks", "pages", "records", "units", "incomplete", "set aside", "left")
    rows = []
    for name, counted in status.census.harvests.items():
        output = next((out for file, out in status.census.outputs.items() if file.rsplit(".jsonl")[0] == name), None)
        tasks = counted.tasks
        rows.append(
            (
                name,
                counted.targets,
                sum(tasks.values()),
                counted.pages,
                0 if output is None else output.records,
                counted.units,
                tasks[State.INCOMPLETE],
                tasks[State.SET_ASIDE],
                tasks[State.OPEN] + tasks[State.WAITING],
            )
        )
    return table(head, rows)


def provider_table(status: Status) -> str:
    """Return one line for each provider."""
    head = ("provider", "requests", "retries", "throttled", "units spent", "in doubt", "budget", "balance", "unit")
    rows = []
    for name, item in status.as_json()["providers"].items():
        keys = ("requests", "retries", "throttled", "units_spent", "units_in_doubt", "budget", "balance", "unit")
        rows.append((name, *(item[key] for key in keys)))
    return table(head, rows)


def troubles_text(status: Status, most: int = REASONS_SHOWN) -> list[str]:
    """Return the first tasks that are not complete, and why."""
    return [
        f"{trouble.state.value.replace('_', ' ')}: {trouble.harvest} {shown(', '.join(trouble.targets), 80)}:"
        f" {shown(trouble.reason, 200)}"
        for trouble in status.troubles[:most]
    ]


def summary_text(status: Status, outcome: Outcome, directory: Path, took: timedelta) -> str:
    """Return everything that a run says at its end."""
    parts = [
        f"{status.job}: {_headline(outcome)} after {duration(took.total_seconds())}",
        "",
        harvest_table(status),
        "",
        provider_table(status),
        "",
        *troubles_text(status),
        *_stops(outcome),
        f"Results: {directory}",
    ]
    return "\n".join(parts)


def resume_hint(outcome: Outcome) -> str | None:
    """Return how to go on, if there is something left."""
    if outcome.exit_code == 130:
        return "Stopped as asked; nothing is lost. To go on, run the same command again."
    kinds: Sequence[str] = [stop.kind for stop in outcome.stops.values()]
    hints = [f"To go on: {STOP_HINTS[kind]}." for kind in dict.fromkeys(kinds)]
    if outcome.exit_code == 3:
        hints.append("To try again what was set aside: the same command with --retry-set-aside.")
    return "\n".join(hints) or None


def _headline(outcome: Outcome) -> str:
    words = {0: "complete", 3: "finished with gaps", 4: f"stopped ({outcome.stopped_by})", 130: "interrupted"}
    return words[outcome.exit_code]


def _stops(outcome: Outcome) -> list[str]:
    lanes = [f"stopped: {lane}: {shown(stop.why)}" for lane, stop in outcome.stops.items()]
    return lanes + [f"stopped: {name}: {shown(why)}" for name, why in outcome.stopped_harvests.items()]
