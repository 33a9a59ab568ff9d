"""One Excel workbook, a sheet for each view, within Excel's limits and without loss.

Texts are written as texts, whatever they look like. What Excel cannot hold in a cell has a place all the same: rows
beyond the last one of a sheet go on in a further sheet, and a text that is too long stands in the sheet "long texts".
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from math import isfinite
from pathlib import Path
from typing import Any

from harvester.insight.answer import Answer
from harvester.insight.extras import needed
from harvester.insight.spelling import as_text

MOST_ROWS = 1_048_576  #: of a sheet, its head included
MOST_CHARS = 32_767  #: of a cell; Excel counts UTF-16 units
PART_CHARS = 16_000  #: fits, also where each of them is two units
EXACT_INT = 10**15  #: Excel keeps 15 digits of a number; longer ones are written as texts
FIRST_DAY = date(1900, 3, 1)  #: before it Excel counts a day that never was
LONG_TEXTS = "long texts"

_OPTIONS = {"constant_memory": True, "remove_timezone": True}


@contextmanager
def workbook(path: Path) -> Iterator["Book"]:
    """Write a workbook in the block; what is not whole yet lies beside it. Raises OSError."""
    library = needed("xlsxwriter")
    writer = library.Workbook(str(path), {**_OPTIONS, "tmpdir": str(path.parent)})
    writer.use_zip64()
    book = Book(writer)
    yield book
    book.finish()
    writer.close()


class Book:
    """The sheets of a workbook that is being written."""

    def __init__(self, writer: Any, most_rows: int = MOST_ROWS) -> None:
        """`writer`: xlsxwriter's workbook."""
        self._writer = writer
        self._most_rows = most_rows
        self._bold = writer.add_format({"bold": True})
        self._times = {
            datetime: writer.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            date: writer.add_format({"num_format": "yyyy-mm-dd"}),
        }
        self._long: list[tuple[str, str, str]] = []  #: sheet, cell, text

    def add(self, name: str, answer: Answer) -> int:
        """Add the rows of an answer as a sheet, or as several; return how many."""
        count = 0
        title, sheet = name, self._sheet(name, answer.columns)
        for row in answer.rows:
            full, at = divmod(count, self._most_rows - 1)
            if full and not at:
                title = f"{name} {full + 1}"
                sheet = self._sheet(title, answer.columns)
            for column, value in enumerate(row):
                self._write(sheet, title, at + 1, column, value)
            count += 1
        return count

    def finish(self) -> None:
        """Add what was too long for its cell."""
        if not self._long:
            return
        sheet = self._sheet(LONG_TEXTS, ("sheet", "cell", "part", "text"))
        at = 0
        for title, cell, text in self._long:
            for part, start in enumerate(range(0, len(text), PART_CHARS), start=1):
                at += 1
                sheet.write_string(at, 0, title)
                sheet.write_string(at, 1, cell)
                sheet.write_number(at, 2, part)
                sheet.write_string(at, 3, text[start : start + PART_CHARS])

    def _sheet(self, title: str, columns: Sequence[str]) -> Any:
        sheet = self._writer.add_worksheet(title)
        sheet.freeze_panes(1, 0)
        for column, name in enumerate(columns):
            sheet.write_string(0, column, name, self._bold)
        return sheet

    def _write(self, sheet: Any, title: str, row: int, column: int, value: Any) -> None:
        if value is None:
            return
        if isinstance(value, bool):
            sheet.write_boolean(row, column, value)
        elif isinstance(value, int | float) and isfinite(value) and abs(value) < EXACT_INT:
            sheet.write_number(row, column, value)
        elif isinstance(value, date) and _day(value) >= FIRST_DAY:
            sheet.write_datetime(row, column, _naive(value), self._times[type(value)])
        else:
            self._write_text(sheet, title, row, column, as_text(value))

    def _write_text(self, sheet: Any, title: str, row: int, column: int, text: str) -> None:
        if len(text) > PART_CHARS and len(text.encode("utf-16-le")) // 2 > MOST_CHARS:
            cell = needed("xlsxwriter.utility").xl_rowcol_to_cell(row, column)
            self._long.append((title, cell, text))
            text = f'{text[:PART_CHARS]} … (whole in the sheet "{LONG_TEXTS}")'
        sheet.write_string(row, column, text)


def _day(value: date) -> date:
    return value.date() if isinstance(value, datetime) else value


def _naive(value: date) -> date:
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) and value.tzinfo else value
