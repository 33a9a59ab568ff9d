"""How answers are printed: a table for people, lines for programs."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from shutil import get_terminal_size
from typing import Any

import click

from harvester.cli.words import table
from harvester.display import shown
from harvester.insight.answer import Answer
from harvester.insight.spelling import as_text, csv_lines, json_lines, json_list

TABLE_ROWS = 500  #: after which the head comes again
TABLE_CHARS = 10_000  #: of a line, where nobody says how wide the terminal is
BLOCK_CHARS = 200  #: of a value in a row that is shown as a block

_LINES: Mapping[str, Callable[[Answer], Iterator[bytes]]] = {
    "csv": csv_lines,
    "json": json_list,
    "jsonl": json_lines,
}

format_option = click.option(
    "--format",
    "form",
    type=click.Choice(["table", *_LINES]),
    help="How rows are printed; by default a table to a terminal, jsonl into a file or pipe.",
)


def print_answer(answer: Answer, form: str | None) -> int:
    """Print all rows as they come; return how many there were."""
    form = form or ("table" if sys.stdout.isatty() else "jsonl")
    taken = 0

    def rows() -> Iterator[Sequence[Any]]:
        nonlocal taken
        for row in answer.rows:
            taken += 1
            yield row

    told = Answer(columns=answer.columns, types=answer.types, rows=rows())
    if form == "table":
        for text in _tables(told):
            click.echo(text)
    else:
        out = sys.stdout.buffer
        for line in _LINES[form](told):
            out.write(line)
        out.flush()
    return taken


def _tables(answer: Answer) -> Iterator[str]:
    """Yield the rows as aligned tables; as a block each where a line of a table has no room."""
    width = get_terminal_size((TABLE_CHARS, 0)).columns if sys.stdout.isatty() else TABLE_CHARS
    head = [shown(name, 60) for name in answer.columns]
    is_first, before = True, ""
    while (rows := list(islice(answer.rows, TABLE_ROWS))) or is_first:
        text = table(head, [[_cell(value) for value in row] for row in rows])
        is_wide = max(map(len, text.splitlines())) > width
        yield before + (_blocks(head, rows) if is_wide and rows else text)
        is_first, before = False, "\n"


def _blocks(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    widest = max(map(len, head))
    return "\n\n".join(
        "\n".join(
            f"{name:<{widest}}  {'-' if value is None else shown(_text(value), BLOCK_CHARS)}"
            for name, value in zip(head, row, strict=True)
        )
        for row in rows
    )


def _cell(value: Any) -> object:
    """Return a value as a table takes it: numbers stay numbers."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return as_text(value)
