"""`harvester report`."""

import webbrowser
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import click

from harvester.assembly.status import Status, read_status
from harvester.cli.progress import say_waiting
from harvester.insight.extras import needed
from harvester.insight.report.values import Facts

FILE_NAME = "report.html"
MODULES = ("duckdb", "altair", "vl_convert", "jinja2")


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file; by default DIRECTORY/report.html."
)
@click.option("--mine", metavar="TARGET", help="Whom it is about; by default the first target of the list.")
@click.option("--title", help="Its title; by default the job's name.")
@click.option("--open", "is_opened", is_flag=True, help="Open it in the browser.")
def report(directory: Path, output: Path | None, mine: str | None, title: str | None, is_opened: bool) -> None:
    """Show a job in one HTML file.

    Who links to the rivals and not to us, what we lost and why, which dead pages still have links, and what it cost;
    with charts, and tables that can be sorted, filtered and saved. The file needs no network and sends nothing.
    DIRECTORY is the job's own, also while it runs, or one of its rounds.

    Example: harvester report out/rivals --mine example.com
    """
    status = read_status(directory)
    say_waiting("writing the report")
    path = made(directory, status, output=output, mine=mine, title=title)
    click.echo(path)
    if is_opened:
        webbrowser.open(path.absolute().as_uri())


def made(
    directory: Path, status: Status, *, output: Path | None = None, mine: str | None = None, title: str | None = None
) -> Path:
    """Write the report of a job; return where. Raises ConfigError if something that it needs is not installed."""
    for module in MODULES:
        needed(module)
    from harvester.insight.report.writing import write_report  # needs what was just looked for

    path = output or directory / FILE_NAME
    facts = replace(facts_of(status, directory), mine=mine, title=title)
    write_report(directory, facts, path)
    return path


def facts_of(status: Status, directory: Path) -> Facts:
    """Return what a job says of itself, for its report."""
    told = status.as_json()
    return Facts(
        job=told["job"],
        state=told["state"],
        stopped_by=told["stopped_by"],
        targets=told["targets"],
        targets_rejected=told["targets_rejected"],
        tasks=told["tasks"],
        providers=told["providers"],
        first_target=status.first_target,
        directory=str(directory),
        made_at=datetime.now(UTC),
        version=version("harvester"),
    )
