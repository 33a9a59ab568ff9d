"""`harvester changes`."""

import csv
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from harvester.cli.progress import say
from harvester.cli.words import table
from harvester.codec import dump
from harvester.display import shown
from harvester.insight.changes import COLUMNS, Changes, compared

SHOWN = 20  #: rows of a table, unless --limit says otherwise
HEAD = ("change", "target", "from", "to", "anchor", "what", "by")
#: The beginnings of cells that spreadsheets take for a formula (data-model.md section 8.7).
FORMULAS = ("=", "+", "-", "@", "\t", "\r")


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--harvest", metavar="NAME", help="Only this harvest.")
@click.option("--from", "first", type=click.IntRange(1), metavar="N", help="The earlier round.")
@click.option("--to", "last", type=click.IntRange(1), metavar="N", help="The later round.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "jsonl"]), default="table", show_default=True)
@click.option("--limit", type=click.IntRange(0), metavar="N", help=f"At most N rows; of a table {SHOWN} by default.")
def changes(
    directory: Path, harvest: str | None, first: int | None, last: int | None, form: str, limit: int | None
) -> None:
    """List the links gained, lost and changed between two rounds of a job.

    By default the last finished round and the one before it. A link that is missing is lost only if the later round
    asked for everything and read all of it; else only those are lost that say so themselves. Referring domains are
    compared as well.

    \b
    Example: harvester changes out/watch
             harvester changes out/watch --format csv > changes.csv
    """
    with compared(directory, harvest=harvest, first=first, last=last) as found:
        if form == "table":
            click.echo(_text(found, SHOWN if limit is None else limit))
            return
        for line in _summary(found):
            say(line)
        (_write_csv if form == "csv" else _write_lines)(found.rows(limit))


def _summary(found: Changes) -> list[str]:
    earlier, later = found.earlier, found.later
    lines = [f"from round {earlier.number} ({earlier.day}) to round {later.number} ({later.day})"]
    for item in found.harvests:
        counted = ", ".join(f"{item.counts[kind]:,} {kind}" for kind in ("gained", "lost", "changed") if item.counts)
        lines.append(f"{item.name}: {counted}" if counted else item.name)
        lines += [f"  {shown(note, 300)}" for note in item.notes]
    return lines


def _text(found: Changes, most: int) -> str:
    lines = _summary(found)
    rows = list(found.rows(most))
    if rows:
        lines += ["", table(HEAD, [_cells(row) for row in rows])]
    total = sum(item.counts.get(kind, 0) for item in found.harvests for kind in ("gained", "lost", "changed"))
    if total > len(rows):
        lines.append(f"and {total - len(rows):,} more: --limit {total}, or --format csv")
    return "\n".join(lines)


def _cells(row: Mapping[str, Any]) -> tuple[object, ...]:
    if row["change"] == "changed":
        what = f"{row['field']}: {row['before']} -> {row['after']}"
    else:
        day = row["lost_at"] if row["change"] == "lost" else row["first_seen_at"]
        what = " ".join(
            filter(None, (str(day.date()) if day else "", row["lost_reason"] if row["change"] == "lost" else ""))
        )
    return row["change"], row["target"], row["url_from"], row["url_to"], row["anchor"], what, row["by"]


def _write_csv(rows: Iterable[Mapping[str, Any]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("harvest", *COLUMNS))
    for row in rows:
        writer.writerow([_safe(value) for value in row.values()])


def _safe(value: object) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    text = "" if value is None else value.strftime("%Y-%m-%dT%H:%M:%SZ") if hasattr(value, "strftime") else str(value)
    return f"'{text}" if text.startswith(FORMULAS) else text


def _write_lines(rows: Iterable[Mapping[str, Any]]) -> None:
    for row in rows:
        click.echo(dump(row))
