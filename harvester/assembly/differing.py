"""How rebuilt lines differ from those that are there. Pure.

Both are compared page by page, because a row that becomes readable moves every line behind it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harvester.codec import Json, parse
from harvester.errors import StorageError, UnknownReply

Place = tuple[str, int]  #: task and page


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first line of a file that would be another one."""

    line: int  #: of the file that is there, from 1
    task: str
    row: int
    fields: Mapping[str, tuple[Json, Json]]  #: name -> before and after; empty = the whole line is new or gone
    is_new: bool = False
    is_gone: bool = False


@dataclass(slots=True)
class Comparison:
    """One file that is there beside the lines that take its place."""

    name: str
    same: int = 0
    changed: int = 0
    added: int = 0
    gone: int = 0
    first: Difference | None = None

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return not (self.changed or self.added or self.gone)

    @property
    def before(self) -> int:
        """How many lines are there."""
        return self.same + self.changed + self.gone

    @property
    def after(self) -> int:
        """How many lines there would be."""
        return self.same + self.changed + self.added


class Comparing:
    """Goes along the lines that are there. They are in the order of the pages, as the new ones are."""

    def __init__(self, comparison: Comparison, lines: Iterable[bytes]) -> None:
        self._found = comparison
        self._lines: Iterator[bytes] = iter(lines)
        self._next = next(self._lines, None)
        self._number = 1

    def page(self, place: Place, new: Sequence[bytes]) -> None:
        """Compare the lines of one page. Raises StorageError if what is there cannot be read."""
        at = 0
        while at < len(new) and self._next == new[at]:
            self._take()
            at += 1
        self._found.same += at
        there: dict[int, tuple[int, bytes, Json]] = {}
        while self._next is not None and _place(told := _parsed(self._next)) == place:
            there[told["row"]] = (self._number, self._next, told)
            self._take()
        for line in new[at:]:
            told = _parsed(line)
            number, before, before_told = there.pop(told["row"], (self._number, None, None))
            if before is None:
                self._found.added += 1
                self._note(number, told, is_new=True)
            elif before == line:
                self._found.same += 1
            else:
                self._found.changed += 1
                self._note(number, told, fields=_changed(before_told or {}, told))
        for number, _, told in there.values():
            self._found.gone += 1
            self._note(number, told, is_gone=True)

    def end(self) -> None:
        """Count what is left as gone: no page has such lines."""
        while self._next is not None:
            self._found.gone += 1
            self._note(self._number, _parsed(self._next), is_gone=True)
            self._take()

    def _take(self) -> None:
        self._next = next(self._lines, None)
        self._number += 1

    def _note(self, number: int, told: Json, **how: Any) -> None:
        if self._found.first is None or number < self._found.first.line:
            self._found.first = Difference(line=number, task=told["task"], row=told["row"], **{"fields": {}, **how})


def _place(told: Json) -> Place:
    return told["task"], told["page"]


def _parsed(line: bytes) -> Json:
    try:
        told = parse(line)
        if not isinstance(told, dict) or not {"task", "page", "row"} <= told.keys():
            raise UnknownReply("it has no task, page and row")
    except UnknownReply as exc:
        raise StorageError(f"a line of the output cannot be read: {exc}. Put the file back as it was.") from None
    return told


def _changed(before: Mapping[str, Json], after: Mapping[str, Json]) -> dict[str, tuple[Json, Json]]:
    names = dict.fromkeys((*before, *after))
    return {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}
