"""The table as Semrush writes it (reference, section 3.7): `;` between values that nothing protects.

"values not quoted by default; a `;` inside a value is not escaped": a semicolon, a quote or a line break of a title, an
anchor or a URL goes out as it is and shifts the columns of whoever splits naively.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from harvester.sandbox.semrush.terms import SemrushSwitches

#: What a column can hold; None is an empty value, a moment is written as Unix seconds.
Value = str | int | float | bool | datetime | None
#: What a column shows of a row: one value, or several side by side.
Cell = Value | tuple[Value, ...]

_LINE_ENDS = {"crlf": "\r\n", "lf": "\n"}
_BOOLEANS = {"words": ("false", "true"), "digits": ("0", "1")}
_QUOTES: Mapping[str, Callable[[str], str]] = {
    "doubled": lambda text: text.replace('"', '""'),
    "backslash": lambda text: text.replace('"', '\\"'),
    "raw": lambda text: text,
}


def table(
    header: Sequence[str], rows: Iterable[Sequence[Value]], switches: SemrushSwitches, *, is_escaped: bool
) -> bytes:
    """Return the header and one line for each row; `is_escaped` puts every value of a row in double quotes."""
    booleans, inside = _BOOLEANS[switches.booleans], _QUOTES[switches.quote_inside]

    def written(value: Value) -> str:
        text = _text(value, booleans)
        return f'"{inside(text)}"' if is_escaped else text

    end = _LINE_ENDS[switches.line_end]
    lines = [";".join(header), *(";".join(map(written, row)) for row in rows)]
    text = end.join(lines) + (end if switches.final_newline else "")
    return ("\ufeff" * switches.bom + text).encode("utf-8", "replace")


def _text(value: Value, booleans: tuple[str, str]) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return booleans[value]
    if isinstance(value, datetime):
        return str(int(value.timestamp()))
    return f"{value:.6f}" if isinstance(value, float) else str(value)
