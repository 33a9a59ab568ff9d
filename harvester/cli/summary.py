"""A run and its job in words: what begins, how it ended per report and provider, and what is left to do."""

from collections.abc import Collection
from datetime import timedelta
from pathlib import Path
from shlex import quote

from harvester.assembly.outcome import Outcome, ProviderProgress
from harvester.assembly.status import Status
from harvester.cli.words import counted, duration, figure, from_here, table
from harvester.display import amount, shown, unit_shown
from harvester.engine.ports import State

TROUBLES_SHOWN = 5

#: What helps, by the kind of a stop.
HINTS = {
    "budget": "raise `budget` in the config or with --budget",
    "quota": "buy units or wait for the account's reset",
    "key": "mend the key or base_url",
    "prices": "look at the bill: the provider charges more than this version of harvester knows",
    "unreachable": "look at the network and at the provider's state",
    "report": "see what the provider says of the report (its plan, an option or filter), mend that, or leave it out",
}


def begin_text(name: str, directory: Path, progress: Collection[ProviderProgress]) -> str:
    """Return what a run says when it begins."""
    left, tasks = sum(item.tasks - item.tasks_done for item in progress), sum(item.tasks for item in progress)
    of_all = f" of {tasks:,}" if left < tasks else ""
    return f"{name}: {left:,}{of_all} {'task' if tasks == 1 else 'tasks'} to do, into {from_here(directory)}"


def targets_text(status: Status) -> str:
    """Return what a job's list holds."""
    census = status.census
    rejected = f", {counted(census.rejected, 'line')} rejected" if census.rejected else ""
    return f"{counted(census.targets, 'target')}{rejected}"


def harvest_table(status: Status) -> str:
    """Return one line for each harvest: its tasks and what became of them, then what they brought.

    Targets are those of finished tasks: a task of a batch has many.
    """
    head = ("harvest", "targets", "tasks", "complete", "incomplete", "set aside", "left", "pages", "records", "units")
    rows = []
    for name, found in status.census.harvests.items():
        tasks = found.tasks
        ends = (tasks[State.COMPLETE], tasks[State.INCOMPLETE], tasks[State.SET_ASIDE])
        left = tasks[State.OPEN] + tasks[State.WAITING]
        units = figure(found.units, status.units.get(name))
        rows.append((name, found.targets, sum(tasks.values()), *ends, left, found.pages, status.records(name), units))
    return table(head, rows)


def stages_text(status: Status, most: int = TROUBLES_SHOWN) -> list[str]:
    """Return where targets came from that are on no list: how many, what was no target, and whether some may lack."""
    lines = []
    for name, stage in status.stages.items():
        found = status.census.harvests[name]
        source = shown(stage.source)
        lines.append(f"{name}: {counted(found.listed or 0, 'target')} from the rows of {source}")
        lines += [
            f'rejected: from {source}: "{shown(text, 60)}": {shown(why, 200)}' for text, why in stage.rejected[:most]
        ]
        if (further := found.rejected - len(stage.rejected[:most])) > 0:
            lines.append(f"and {counted(further, 'more value')} like that")
        if (lacking := status.lacking(name)) is not None:
            who, count = lacking
            lines.append(f"{name} may lack targets: {counted(count, 'task')} of {shown(who)} set aside or incomplete")
    return lines


def provider_table(status: Status) -> str:
    """Return one line for each provider: its requests, then its money, by our books and by the account's own count."""
    head = (
        "provider", "requests", "retries", "throttled", "spent", "in doubt", "by account", "budget", "balance", "unit",
    )  # fmt: skip
    rows = []
    for name, item in status.as_json()["providers"].items():
        counts = (item["requests"], item["retries"], item["throttled"])
        charged, unit = status.census.providers[name].charged, item["unit"]
        money = (item["units_spent"], item["units_in_doubt"], charged, item["budget"], item["balance"])
        rows.append((name, *counts, *(figure(units, unit) for units in money), unit_shown(unit)))
    return table(head, rows)


def accounts_text(status: Status) -> list[str]:
    """Return where an account has charged something else than the job's books say, and why that can be."""
    lines = []
    for name, item in status.census.providers.items():
        charged, spent, in_doubt = item.charged, item.tally.units_spent, item.tally.units_in_doubt
        unit = status.providers.get(name, {}).get("unit")
        if charged is not None and charged > spent + in_doubt:
            beyond = amount(charged - spent - in_doubt, unit)
            why = "others use it too (another key of yours, another program), or its prices have changed"
            lines.append(f"{name}: the account was charged {beyond} more than this job knows of: {why}")
        elif charged is not None and charged < spent:
            why = "it was filled up or began a new period meanwhile, shows charges late, or let an empty answer be free"
            lines.append(f"{name}: the account shows {amount(spent - charged, unit)} less than was billed: {why}")
    return lines


def troubles_text(status: Status, most: int = TROUBLES_SHOWN) -> list[str]:
    """Return the first tasks that are not complete, and why."""
    lines = [
        f"{trouble.state.value.replace('_', ' ')}: {trouble.harvest} {shown(', '.join(trouble.targets), 80)}:"
        f" {shown(trouble.reason, 200)}"
        for trouble in status.troubles[:most]
    ]
    further = status.census.tasks(State.SET_ASIDE) + status.census.tasks(State.INCOMPLETE) - len(lines)
    if further > 0:
        lines.append(f"and {counted(further, 'more task')} like that: see `reason` in tasks.jsonl")
    if status.rejects:
        lines.append(f"{counted(status.rejects, 'row')} could not be read: see rejects.jsonl")
    return lines


def summary_text(status: Status, outcome: Outcome, directory: Path, took: timedelta) -> str:
    """Return everything that a run says at its end."""
    nothing = "" if outcome.requests or outcome.left else "; nothing was left to ask"
    lines = [
        f"{status.job}: {headline(outcome)} after {duration(took.total_seconds())}; {targets_text(status)}{nothing}",
        "",
        harvest_table(status),
        *stages_text(status),
        "",
        provider_table(status),
        *accounts_text(status),
        "",
        *troubles_text(status),
        *(f"stopped: {lane}: {shown(stop.why)}" for lane, stop in outcome.stops.items()),
        *(f"stopped: {name}: {shown(why)}" for name, why in outcome.stopped_harvests.items()),
        f"Results: {shown(from_here(directory), 1000)}",
    ]
    return "\n".join(lines)


def headline(outcome: Outcome) -> str:
    """Return in a few words how a run ended."""
    if outcome.exit_code == 130:
        return "interrupted"
    if outcome.exit_code == 4:
        return f"stopped ({outcome.stopped_by})"
    if outcome.left:
        return "done as far as --max-targets goes"
    return "complete" if outcome.exit_code == 0 else "finished with gaps"


def next_text(directory: Path) -> str:
    """Return how to look at what a finished run brought."""
    place = shown(quote(from_here(directory)), 1000)
    return f"To look at it: harvester report {place}, or harvester query {place}"


def hints(outcome: Outcome) -> list[str]:
    """Return how to go on, if there is something left."""
    if outcome.exit_code == 130:
        return ["Nothing is lost. To go on, run the same command again."]
    if outcome.exit_code == 4:
        kinds = [stop.kind for stop in outcome.stops.values()] + ["report" for _ in outcome.stopped_harvests]
        remedies = [HINTS[kind] for kind in dict.fromkeys(kinds)] or ["look at harvester.log"]
        return [f"To go on: {remedy}, then run the same command again." for remedy in remedies]
    if outcome.left:
        return [f"{counted(outcome.left, 'task')} left. To go on, run the same command without --max-targets."]
    if outcome.census.tasks(State.SET_ASIDE):
        return ["To try again what was set aside: the same command with --retry-set-aside."]
    return []
