"""Target lists of any size and form, line by line: every line that is not a target is named, none is dropped.

One pass and flat memory: nothing here grows with the list.

    source   bytes: found, opened, unpacked        (Unreadable)
    lines    numbered lines of text, each bounded  (Line)
    entries  plain lists and JSON Lines            (Entry)
    table    CSV                                   (Entry)
"""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from harvester.model import Scope, TargetSource
from harvester.names import NotATarget, target_of
from harvester.targets.entries import guess, json_entries, text_entries
from harvester.targets.lines import Entry, lines
from harvester.targets.source import blocks, content_hash, form_of, name_of
from harvester.targets.table import table_entries

__all__ = ["Listed", "Rejected", "content_hash", "read_targets"]

_SHOWN_CHARS = 200


class Listed(NamedTuple):
    """A line that names a target."""

    line: int  #: 1 = the first; of a record over several lines, where it starts; of an inline list, the position
    names: tuple[str, ...]  #: the target as each of the scopes asks about it, in their order
    labels: dict[str, str] | None  #: the other columns


class Rejected(NamedTuple):
    """A line that names no target."""

    line: int
    text: str  #: shortened
    reason: str


def read_targets(source: TargetSource, scopes: tuple[Scope, ...], stdin: BinaryIO) -> Iterator[Listed | Rejected]:
    """Yield what each line of a list says, in order; blank lines and comments say nothing.

    Raises ConfigError if the list cannot be read to its end, or is a table whose column of targets is not clear:
    then nothing that was yielded counts.
    """
    for line, text, labels, fault in _entries(source, stdin):
        if fault:
            yield Rejected(line, _shown(text), fault)
            continue
        try:
            names = tuple([target_of(text, scope) for scope in scopes])
        except NotATarget as exc:
            yield Rejected(line, _shown(text), str(exc))
        else:
            yield Listed(line, names, labels)


def _entries(source: TargetSource, stdin: BinaryIO) -> Iterator[Entry]:
    if source.path is None:
        return (Entry(position, text.strip()) for position, text in enumerate(source.inline, 1))
    name = name_of(source.path)
    rest = lines(blocks(source.path, stdin), name)
    format = form_of(source.path).format
    if format is None:
        format, rest = guess(rest)
    if format == "table":
        return table_entries(rest, source.column, name)
    if format == "json lines":
        return json_entries(rest, source.column)
    return text_entries(rest)


def _shown(text: str) -> str:
    """Return a text short enough to list, without the half characters that cannot be written."""
    shown = text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS - 1]}…"
    return shown.encode("utf-8", "backslashreplace").decode()
