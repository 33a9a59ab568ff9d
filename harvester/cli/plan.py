"""`harvester plan`."""

from datetime import UTC, datetime
from pathlib import Path

import click

from harvester.assembly import Plan, Range, plan_job, read_all_targets
from harvester.cli.options import budget_option, config_argument, json_option, load_config, standard_input
from harvester.cli.progress import say
from harvester.cli.words import counted, duration, rejected_text, table
from harvester.codec import dump_pretty
from harvester.job import compile_job

COVERED = {True: "yes", False: "no", None: "depends"}
REJECTED_SHOWN = 5


@click.command()
@config_argument
@budget_option
@json_option
def plan(config: Path, budgets: tuple[str, ...], as_json: bool) -> None:
    """Say what CONFIG will ask and cost; nothing is sent.

    The job is counted from its beginning. The most is known where `max_rows` bounds the rows of a target.

    Example: harvester plan configs/rivals.toml
    """
    job = compile_job(load_config(config, budgets=budgets), datetime.now(UTC).date())
    planned = plan_job(job, read_all_targets(job, standard_input(), say))
    click.echo(dump_pretty(planned.as_json()), nl=False) if as_json else click.echo(_text(planned))


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
    return "\n".join(lines)


def _harvests(planned: Plan) -> str:
    head = ("harvest", "targets", "requests", "at most", "units", "at most")
    return table(
        head, [(item.name, item.targets, *_both(item.requests), *_both(item.units)) for item in planned.harvests]
    )


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
                *_both(item.units),
                "unlimited" if item.budget is None else item.budget,
                COVERED[item.is_covered],
                item.unit,
            )
        )
    return table(head, rows)


def _both(found: Range) -> tuple[int, int | None]:
    return found.least, found.most
