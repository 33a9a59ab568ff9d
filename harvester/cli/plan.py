"""`harvester plan`."""

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from harvester.assembly import (
    Plan,
    Range,
    RunOptions,
    Targets,
    next_round,
    plan_job,
    plan_with_sizes,
    read_all_targets,
    sizing_config,
    standard_input,
    told,
)
from harvester.cli.options import budget_option, config_argument, json_option, load_config
from harvester.cli.progress import say
from harvester.cli.running import View, finished, run_job, tell_end
from harvester.cli.words import Figure, counted, duration, figure, rejected_text, table
from harvester.codec import dump_pretty
from harvester.config import JobConfig
from harvester.display import amount, unit_shown
from harvester.job import compile_job

COVERED = {True: "yes", False: "no", None: "depends"}
REJECTED_SHOWN = 5


@click.command()
@config_argument
@budget_option
@click.option("--size", is_flag=True, help="Buy the cheapest sizing report first, then plan by it.")
@click.option("--yes", is_flag=True, help="With --size: buy without asking.")
@json_option
def plan(config: Path, budgets: tuple[str, ...], size: bool, yes: bool, as_json: bool) -> None:
    """Say what CONFIG will ask and cost; nothing is sent, unless with --size.

    The job is counted from its beginning. The most is known where `max_rows` bounds the rows of a target, or where
    --size has bought how many a target has. Sizes are kept beside the job directory, and are not bought twice.

    Example: harvester plan configs/rivals.toml
    """
    job, lasts = next_round(compile_job(load_config(config, budgets=budgets), datetime.now(UTC).date()))
    for line in told(lasts):
        say(line)
    targets = read_all_targets(job, standard_input(), say)
    sizing = sizing_config(job) if size else None
    if sizing is None:
        if size:
            say("No report of this job has a size that can be bought.")
        planned = plan_job(job, targets)
    else:
        _buy(sizing, targets, is_agreed=yes)
        planned = plan_with_sizes(job, targets, sizing.output)
    click.echo(dump_pretty(planned.as_json()), nl=False) if as_json else click.echo(_text(planned))


def _buy(sizing: JobConfig, targets: Targets, *, is_agreed: bool) -> None:
    """Buy the sizes of all targets, once the user has seen the price; end the process if they cannot be had."""
    price = plan_job(compile_job(sizing, datetime.now(UTC).date()), targets)
    for name, item in price.providers.items():
        requests = counted(item.requests.most or 0, "request")
        say(f"Sizing with {name}: {requests}, at most {amount(item.units.most or 0, item.unit)}.")
    if not is_agreed:
        click.confirm("Buy what is not bought yet?", abort=True, err=True)
    ended = finished(run_job(sizing, RunOptions(), os.environ, View()))
    if ended.outcome.exit_code not in (0, 3):
        tell_end(ended, sizing.output)


def _text(planned: Plan) -> str:
    targets = planned.targets
    words = [counted(targets.count, "target")]
    words += [f"{counted(targets.repeated, 'line')} repeated"] if targets.repeated else []
    words += [f"{counted(targets.rejected, 'line')} rejected"] if targets.rejected else []
    lines = [
        f"{planned.job}: {', '.join(words)}",
        *rejected_text(targets.first_rejected[:REJECTED_SHOWN], targets.rejected),
    ]
    lines += ["", _harvests(planned), "", _providers(planned)]
    if any(item.units.most is None for item in planned.harvests):
        lines += ["", '"-" is not known beforehand: it depends on the rows of the targets; `max_rows` bounds them.']
    if planned.targets.staged:
        lines += [
            "",
            "Targets that come from the rows of another harvest: none at least, so nothing at least for them.",
        ]
    return "\n".join(lines)


def _harvests(planned: Plan) -> str:
    head = ("harvest", "targets", "requests", "at most", "units", "at most")
    rows = [
        (
            item.name,
            _targets(item.targets),
            *_both(item.requests),
            *_costs(item.units, planned.providers[item.provider].unit),
        )
        for item in planned.harvests
    ]
    return table(head, rows)


def _providers(planned: Plan) -> str:
    head = (
        "provider",
        "requests",
        "at most",
        "rate",
        "time",
        "at most",
        "units",
        "at most",
        "budget",
        "covered",
        "unit",
    )
    rows = []
    for name, item in planned.providers.items():
        times = ["-" if seconds is None else duration(seconds) for seconds in (item.least_s, item.most_s)]
        paced = (str(item.rate), *times) if item.rate else ("unlimited", "-", "-")
        rows.append(
            (
                name,
                *_both(item.requests),
                *paced,
                *_costs(item.units, item.unit),
                figure(item.budget, item.unit),
                "-" if item.budget is None else COVERED[item.is_covered],
                unit_shown(item.unit),
            )
        )
    return table(head, rows)


def _targets(found: Range) -> int | Figure | None:
    return found.most if found.most is None or found.least == found.most else Figure(f"up to {found.most:,}")


def _both(found: Range) -> tuple[int, int | None]:
    return found.least, found.most


def _costs(found: Range, unit: str) -> tuple[Figure | None, Figure | None]:
    return figure(found.least, unit), figure(found.most, unit)
