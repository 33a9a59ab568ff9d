"""`harvester status`."""

from pathlib import Path

import click

from harvester.assembly.speed import Speed
from harvester.assembly.status import Status, read_status
from harvester.cli.options import json_option
from harvester.cli.summary import accounts_text, harvest_table, provider_table, stages_text, targets_text, troubles_text
from harvester.cli.words import duration, rejected_text
from harvester.codec import dump_pretty
from harvester.display import shown
from harvester.since_last import told


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@json_option
def status(directory: Path, as_json: bool) -> None:
    """Say how far a job is and what it spent.

    DIRECTORY is the job's own, as `harvester run` prints it. Tasks that were set aside are shown with the reason. It
    may be asked while the job runs.

    Example: harvester status out/rivals
    """
    found = read_status(directory)
    click.echo(dump_pretty(found.as_json()), nl=False) if as_json else click.echo(_text(found))


def _text(found: Status) -> str:
    why = f" ({shown(found.stopped_by)})" if found.stopped_by else ""
    number = f"round {found.round}, " if found.round > 1 else ""
    lines = [f"{shown(found.job, 100)}: {number}{found.state}{why}; {targets_text(found)}", *told(found.lasts)]
    if found.speed is not None:
        lines.append(_speed_text(found.speed, is_running=found.state == "running"))
    lines += [
        "",
        harvest_table(found),
        *stages_text(found, most=20),
        "",
        provider_table(found),
        *accounts_text(found),
        "",
    ]
    lines += troubles_text(found, most=len(found.troubles))
    lines += rejected_text(found.rejected, found.census.rejected)
    return "\n".join(lines).rstrip()


def _speed_text(speed: Speed, *, is_running: bool) -> str:
    minutes = speed.seconds / 60
    words = f"{speed.requests / minutes:,.1f} requests/min, {speed.rows / minutes:,.0f} rows/min"
    if not is_running:
        return f"last run: {words}, for {duration(speed.seconds)}"
    left = "" if speed.left_s is None else f"; about {duration(speed.left_s)} left"
    return f"running for {duration(speed.seconds)}: {words}{left}"
