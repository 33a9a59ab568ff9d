"""`harvester plan`."""

from datetime import UTC, datetime
from pathlib import Path

import click

from harvester.assembly import Plan, Range, plan_job, read_all_targets
from harvester.cli.options import budget_option, config_argument, json_option, load_config, notice, standard_input
from harvester.cli.table import duration, table
from harvester.codec import dump_pretty
from harvester.display import shown
from harvester.job import compile_job

COVERED = {True: "yes", False: "no", None: "depends on the targets"}


@click.command()
@config_argument
@budget_option
@json_option
def plan(config: Path, budgets: tuple[str, ...], as_json: bool) -> None:
    """Say what CONFIG will ask and cost, at least and at most; sends nothing.

    The most is known where `max_rows` bounds the rows of a target.

    Example: harvester plan configs/rivals.toml
    """
    job = compile_job(load_config(config, budgets=budgets), datetime.now(UTC).date())
    planned = plan_job(job, read_all_targets(job, standard_input(), notice))
    click.echo(dump_pretty(planned.as_json()), nl=False) if as_json else click.echo(_text(planned))


def _text(planned: Plan) -> str:
    targets = planned.targets
    count = next(iter(targets.by_scope.values()))
    repeated = targets.lines - count
    parts = [f"{planned.job}: {count:,} targets, {repeated:,} repeated lines, {targets.rejected:,} rejected lines"]
    parts += [
        f"  rejected: {shown(source, 60)} line {line}: {shown(text, 60)}: {shown(reason)}"
        for source, line, text, reason in targets.first_rejected[:5]
    ]
    parts += ["", _harvests(planned), "", _providers(planned)]
    if any(item.units.most is None for item in planned.harvests):
        parts.append('"-" = depends on how many rows the targets have; `max_rows` bounds it.')
    return "\n".join(parts)


def _harvests(planned: Plan) -> str:
    head = ("harvest", "targets", "requests", "at most", "units", "at most")
    return table(
        head, [(item.name, item.targets, *_both(item.requests), *_both(item.units)) for item in planned.harvests]
    )


def _providers(planned: Plan) -> str:
    head = ("provider", "unit", "requests", "at most", "units", "at most", "time", "at most", "budget", "covered")
    rows = []
    for name, item in planned.providers.items():
        times = ("-" if seconds is None else duration(seconds) for seconds in (item.least_s, item.most_s))
        counts = (*_both(item.requests), *_both(item.units))
        rows.append((name, item.unit, *counts, *times, item.budget, COVERED[item.is_covered]))
    return table(head, rows)


def _both(found: Range) -> tuple[int, int | None]:
    return found.least, found.most
