"""`harvester rebuild`."""

from dataclasses import asdict
from pathlib import Path

import click

from harvester.assembly.differing import Comparison, Difference
from harvester.assembly.rebuild import Rebuilt, compare_job, rebuild_elsewhere, rebuild_job
from harvester.cli.options import json_option
from harvester.cli.progress import say
from harvester.cli.words import counted, duration, table
from harvester.codec import dump, dump_pretty
from harvester.display import shown

VALUE_CHARS = 60
FIELDS_SHOWN = 5


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Only say what would differ; nothing is written.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write into a new directory; the job stays as it is.",
)
@click.option("--rows", type=click.Choice(["record", "raw"]), help="With --output: in place of what the job asked for.")
@json_option
def rebuild(directory: Path, check: bool, output: Path | None, rows: str | None, as_json: bool) -> None:
    """Write the records of a job anew from its kept replies; nothing is sent.

    For jobs that ran with `capture = true`. Records and rejected rows are mapped again by this version of harvester;
    what does not differ stays byte for byte, and tasks.jsonl and the bill stay in any case. No key is needed.

    Example: harvester rebuild out/rivals --check
    """
    if check and output is not None:
        raise click.UsageError("--check writes nothing, and --output says where to write: use one of them.")
    if rows is not None and output is None:
        raise click.UsageError("--rows changes what the rows of a job are: it needs an --output of its own.")
    if check:
        found = compare_job(directory, say)
    elif output is not None:
        found = rebuild_elsewhere(directory, output, say, rows=rows)
    else:
        found = rebuild_job(directory, say)
    click.echo(dump_pretty(_json(found)), nl=False) if as_json else click.echo(_text(found, directory, check, output))


def _json(found: Rebuilt) -> dict[str, object]:
    return {
        "pages": found.pages,
        "unreadable_replies": found.unreadable,
        "readable_now": found.readable_now,
        "files": {
            each.name: {
                "before": each.before,
                "after": each.after,
                "same": each.same,
                "changed": each.changed,
                "added": each.added,
                "gone": each.gone,
                "first_difference": None if each.first is None else asdict(each.first),
            }
            for each in found.files
        },
    }


def _text(found: Rebuilt, directory: Path, check: bool, output: Path | None) -> str:
    head = ("file", "lines", "rebuilt", "same", "changed", "new", "gone")
    rows = [
        (each.name, each.before, each.after, each.same, each.changed, each.added, each.gone) for each in found.files
    ]
    lines = [f"{counted(found.pages, 'page')} read again in {duration(found.seconds)}", "", table(head, rows), ""]
    lines += [line for each in found.files if each.first is not None for line in _first(each, each.first)]
    if found.unreadable:
        lines.append(_unreadable(found))
    if output is not None:
        lines.append(f"Written: {shown(str(output), 1000)}; {shown(str(directory), 1000)} is as it was.")
    elif found.is_same:
        lines.append("Nothing differs: every file is as it would be written today.")
    elif check:
        lines.append(f"Nothing was written. To write it: harvester rebuild {shown(str(directory), 1000)}")
    else:
        lines.append(f"Rebuilt: {', '.join(each.name for each in found.files if not each.is_same)}")
    return "\n".join(lines)


def _first(file: Comparison, first: Difference) -> list[str]:
    """Return what the first line of a file that differs is about."""
    how = "is new" if first.is_new else "is gone" if first.is_gone else "differs"
    place = f"line {first.line:,}, " if not first.is_new else ""
    lines = [f"{file.name}: first difference: {place}task {shown(first.task, 40)} row {first.row:,} {how}"]
    for name, (before, after) in list(first.fields.items())[:FIELDS_SHOWN]:
        lines.append(f"  {shown(name, 40)}: {_value(before)} -> {_value(after)}")
    if (more := len(first.fields) - FIELDS_SHOWN) > 0:
        lines.append(f"  and {counted(more, 'more field')}")
    return lines


def _value(value: object) -> str:
    return shown(dump(value).decode(), VALUE_CHARS)


def _unreadable(found: Rebuilt) -> str:
    words = f"replies that could not be read when they came, and whose tasks were set aside: {found.unreadable:,}"
    can = f"; {found.readable_now:,} could be now: `harvester run` with --retry-set-aside asks, and pays, again"
    return f"{words}{can if found.readable_now else ''}"
