"""`harvester status`."""

from pathlib import Path

import click

from harvester.assembly import read_status
from harvester.cli.options import json_option
from harvester.cli.summary import harvest_table, provider_table, troubles_text
from harvester.codec import dump_pretty
from harvester.display import shown


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@json_option
def status(directory: Path, as_json: bool) -> None:
    """Say how far the job in DIRECTORY is, what it spent, and what was set aside and why.

    Works beside a run as well.

    Example: harvester status out/rivals --json
    """
    found = read_status(directory)
    if as_json:
        click.echo(dump_pretty(found.as_json()), nl=False)
        return
    why = "" if found.stopped_by is None else f" ({found.stopped_by})"
    rejected = found.census.rejected
    click.echo(f"{found.job}: {found.state}{why}; {found.census.targets:,} targets, {rejected:,} lines rejected\n")
    click.echo(f"{harvest_table(found)}\n\n{provider_table(found)}")
    for line in troubles_text(found, most=20):
        click.echo(line)
    for source, line_number, text, reason in found.rejected:
        click.echo(f"rejected: {shown(source, 60)} line {line_number}: {shown(text, 60)}: {shown(reason)}")
