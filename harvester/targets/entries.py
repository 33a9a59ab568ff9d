"""Lines of a plain list or of JSON Lines to entries, and the guess which of the forms a nameless list has."""

import json
import re
from collections.abc import Iterator
from itertools import chain, islice

from harvester.names import NotATarget, target_of
from harvester.targets.lines import Entry, Line
from harvester.targets.source import Format

#: Keys of a JSON object that can hold the target, the first one present wins.
JSON_KEYS = ("domain", "target", "url", "host")
DELIMITERS = (",", ";", "\t")

_GUESS_LINES = 100
_TRAILING_COMMENT = re.compile(r"\s#")
_NOT_JSON = "not JSON; expected a string or an object on each line"
_NO_LINE = "neither a string nor an object; expected one of them on each line"


def is_target(text: str) -> bool:
    """Say whether `text` can be asked about at all."""
    try:
        target_of(text, "host")
    except NotATarget:
        return False
    return True


def bare(text: str) -> str:
    """Return a line without blanks, byte order mark and comment; "" if nothing else is in it."""
    text = text.strip().strip("\ufeff")
    if "#" not in text:
        return text
    # Only after a blank: a fragment of a URL begins with the same sign.
    return "" if text.startswith("#") else _TRAILING_COMMENT.split(text, maxsplit=1)[0].rstrip()


def guess(lines: Iterator[Line]) -> tuple[Format, Iterator[Line]]:
    """Return the format that the first line with content suggests, and all lines again."""
    seen: list[Line] = []
    for line in islice(lines, _GUESS_LINES):
        seen.append(line)
        if line.fault or bare(line.text):
            break
    first = bare(seen[-1].text) if seen and not seen[-1].fault else ""
    return _format_like(first), chain(seen, lines)


def text_entries(lines: Iterator[Line]) -> Iterator[Entry]:
    """Yield one entry for each line of a plain list that is neither blank nor comment."""
    for number, text, fault in lines:
        if fault:
            yield Entry(number, text, None, fault)
        elif text := bare(text):
            yield Entry(number, text)


def json_entries(lines: Iterator[Line], key: str | None) -> Iterator[Entry]:
    """Yield one entry for each line of JSON Lines; the target is at `key`, or at one of JSON_KEYS."""
    keys = (key,) if key is not None else JSON_KEYS
    for number, text, fault in lines:
        if fault:
            yield Entry(number, text, None, fault)
        elif bare(text):
            yield _json_entry(number, text, keys)


def _json_entry(number: int, text: str, keys: tuple[str, ...]) -> Entry:
    try:
        # Numbers stay as written: labels are text, and digits by the thousand are not worth an int.
        value = json.loads(text.strip().strip("\ufeff"), parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return Entry(number, text, None, _NOT_JSON)
    if isinstance(value, str):
        return _whole_text(Entry(number, value.strip()))
    if not isinstance(value, dict):
        return Entry(number, text, None, _NO_LINE)
    at = next((key for key in keys if key in value), None)
    if at is None:
        return Entry(number, text, None, f"no key {' or '.join(map(repr, keys))}")
    target = value.pop(at)
    if not isinstance(target, str):
        return Entry(number, text, None, f"the value of {at!r} is not text")
    return _whole_text(Entry(number, target.strip(), _labels(value) or None))


def _labels(value: dict[str, object]) -> dict[str, str]:
    """Return the scalars of an object as text; null and nested values say nothing about a target."""
    labels = {}
    for key, scalar in value.items():
        if isinstance(scalar, bool):
            labels[key] = "true" if scalar else "false"
        elif isinstance(scalar, str):
            labels[key] = scalar
    return labels


def _whole_text(entry: Entry) -> Entry:
    """Refuse an entry with half a character: JSON can escape one, and nothing can write it down again."""
    try:
        for text in (entry.text, *chain.from_iterable((entry.labels or {}).items())):
            text.encode()
    except UnicodeEncodeError:
        return Entry(entry.line, entry.text, None, "holds half a surrogate pair")
    return entry


def _format_like(text: str) -> Format:
    if text.startswith("{"):
        return "json lines"
    has_cells = text.startswith('"') or any(delimiter in text for delimiter in DELIMITERS)
    # A comma may stand in a URL: what is a target as a whole is no table.
    return "table" if has_cells and not is_target(text) else "text"
