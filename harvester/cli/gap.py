"""`harvester gap`."""

from pathlib import Path

import click

from harvester.cli.answers import format_option, print_answer
from harvester.cli.progress import say
from harvester.insight.answer import plainly
from harvester.insight.gap import Terms, find_gap
from harvester.insight.warehouse import opened


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--mine", required=True, metavar="TARGET", help="The target that they do not link to.")
@click.option("--provider", metavar="NAME", help="Only by the rows of this provider.")
@click.option(
    "--rivals", type=click.IntRange(min=1), default=1, help="Sites that link to at least N rivals.", metavar="N"
)
@click.option("--limit", type=click.IntRange(min=1), help="At most N sites of each provider.", metavar="N")
@click.option("--unproven", is_flag=True, help="Also where rows of TARGET may be missing.")
@format_option
def gap(
    directory: Path,
    mine: str,
    provider: str | None,
    rivals: int,
    limit: int | None,
    unproven: bool,
    form: str | None,
) -> None:
    """List who links to the rivals and not to mine.

    From the rows that are harvested, at no further cost: referring domains, and links, counted by site. Those that
    link to most rivals come first, then by score; each provider by itself, for its scores are its own.

    Example: harvester gap out/rivals --mine example.com --rivals 2 --limit 50
    """
    terms = Terms(mine=mine, provider=provider, least_rivals=rivals, most_sites=limit, unproven=unproven)
    with plainly(), opened(directory) as connection:
        found = find_gap(connection, terms)
        for remark in found.remarks:
            say(remark)
        if not print_answer(found.answer, form):
            say("no site links to so many rivals and not to it")
