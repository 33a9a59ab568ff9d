"""`harvester changes`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from harvester.cli.answers import print_answer
from harvester.cli.progress import say
from harvester.cli.words import table
from harvester.display import shown
from harvester.insight.answer import plainly
from harvester.insight.changes import KINDS, Changes, HarvestChanges, compared

SHOWN = 20  #: rows of a table, unless --limit says otherwise
HEAD = ("change", "target", "from", "to", "anchor", "what", "by")


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--harvest", metavar="NAME", help="Only this harvest.")
@click.option("--from", "first", type=click.IntRange(1), metavar="N", help="The earlier round.")
@click.option("--to", "last", type=click.IntRange(1), metavar="N", help="The later round.")
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "jsonl"]), default="table", show_default=True,
    help="How the changes are printed.",
)  # fmt: skip
@click.option("--limit", type=click.IntRange(0), metavar="N", help=f"At most N rows; of a table {SHOWN} by default.")
def changes(
    directory: Path, harvest: str | None, first: int | None, last: int | None, form: str, limit: int | None
) -> None:
    """List the links gained, lost and changed between two rounds of a job.

    By default the last finished round and the one before it. A link that is missing is lost only if the later round
    asked for everything and read all of it; else only those are lost that say so themselves. Referring domains are
    compared as well. CSV is for spreadsheets: no text in it begins a formula.

    \b
    Example: harvester changes out/watch
             harvester changes out/watch --format csv > changes.csv
    """
    with plainly(), compared(directory, harvest=harvest, first=first, last=last) as found:
        if form == "table":
            click.echo(_text(found, SHOWN if limit is None else limit))
        else:
            for line in _summary(found):
                say(line)
            print_answer(found.answer(limit), form)


def _summary(found: Changes) -> list[str]:
    earlier, later = found.earlier, found.later
    lines = [f"from round {earlier.number} ({earlier.day}) to round {later.number} ({later.day})"]
    for item in found.harvests:
        lines += [_counted(item), *(f"  {shown(note, 300)}" for note in item.notes)]
    return lines


def _counted(item: HarvestChanges) -> str:
    counts = ", ".join(f"{item.counts[kind]:,} {kind}" for kind in KINDS if item.counts)
    return f"{item.name}: {counts or 'not compared'}"


def _text(found: Changes, most: int) -> str:
    lines, answer = _summary(found), found.answer(most)
    rows = [_cells(dict(zip(answer.columns, row, strict=True))) for row in answer.rows]
    if rows:
        lines += ["", table(HEAD, rows)]
    if found.count > len(rows):
        lines.append(f"and {found.count - len(rows):,} more: --limit {found.count}, or --format csv")
    return "\n".join(lines)


def _cells(row: Mapping[str, Any]) -> tuple[object, ...]:
    if row["change"] == "changed":
        what = f"{row['field']}: {row['before']} -> {row['after']}"
    elif row["change"] == "lost":
        what = " ".join(filter(None, (_day(row["lost_at"]), row["lost_reason"])))
    else:
        what = _day(row["first_seen_at"])
    return row["change"], row["target"], row["url_from"], row["url_to"], row["anchor"], what, row["by"]


def _day(at: Any) -> str:
    return "" if at is None else str(at.date())
