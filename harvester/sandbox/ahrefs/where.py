"""The `where` grammar of Ahrefs (reference, section 4; its `docs/filter-syntax.md`), read once and bound to columns.

Assumed, as no document says it: a null field fulfils no condition but `is_null`, and `not` turns that round. What the
grammar does not contain (`modifier`, an empty list, a bare `and` under `list_is`) is refused.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harvester import codec
from harvester.errors import UnknownReply
from harvester.sandbox.ahrefs.fields import Field
from harvester.sandbox.ahrefs.terms import AhrefsSwitches, BadQuery
from harvester.sandbox.ahrefs.time import read_day, read_moment, stamp

Check = Callable[[Any], bool]  #: says whether one value fulfils a condition
Column = Callable[[str], Sequence[Any]]  #: the values of a field, one for each row
Test = Callable[[int], bool]  #: says whether the row of that number fulfils the filter

_MOST_DEPTH = 60
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "neq": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_ITEM = {"strings": "string", "integers": "integer"}
_NOT_RE2 = re.compile(r"\(\?(?:[=!]|<[=!]|P=)|\\[1-9]")


def _found(pattern: str) -> Check:
    """Return the search for an RE2 pattern anywhere in a text; look-around and back-references are none."""
    if _NOT_RE2.search(pattern):
        raise BadQuery(f"invalid regex: {pattern}")
    try:
        compiled = re.compile(pattern)
    except re.error as exc:
        raise BadQuery(f"invalid regex: {exc}") from None
    return lambda text: compiled.search(text) is not None


def _phrase(words: str) -> str:
    return rf"(?<!\w){re.escape(words)}(?!\w)"


def _has_phrase(words: str, flags: re.RegexFlag = re.NOFLAG) -> Check:
    compiled = re.compile(_phrase(words), flags)
    return lambda text: compiled.search(text) is not None


_TEXTUAL: Mapping[str, Callable[[str], Check]] = {
    "substring": lambda part: lambda text: part in text,
    "isubstring": lambda part: lambda text: part.casefold() in text.casefold(),
    "phrase_match": _has_phrase,
    "iphrase_match": lambda words: _has_phrase(words, re.IGNORECASE),
    "prefix": lambda start: lambda text: bool(text.startswith(start)),
    "suffix": lambda end: lambda text: bool(text.endswith(end)),
    "regex": _found,
}


@dataclass(frozen=True, slots=True)
class Where:
    """A filter that has been read."""

    names: frozenset[str]  #: the fields it uses: each is billed
    bind: Callable[[Column], Test]


def _always(_column: Column) -> Test:
    return lambda _row: True


EVERYTHING = Where(frozenset(), _always)


def parse_where(text: str, fields: Mapping[str, Field], switches: AhrefsSwitches) -> Where:
    """Return the filter that the JSON text stands for. Raises BadQuery."""
    try:
        document = codec.parse(text)
    except UnknownReply as exc:
        raise BadQuery(f"invalid where: {exc}") from None
    reader = _Reader(fields, switches)
    bind = reader.filter(document, 0)
    return Where(frozenset(reader.names), bind)


class _Reader:
    """Reads one document and collects the names it uses."""

    def __init__(self, fields: Mapping[str, Field], switches: AhrefsSwitches) -> None:
        self.names: set[str] = set()
        self._fields = fields
        self._switches = switches

    def filter(self, node: Any, depth: int) -> Callable[[Column], Test]:
        """Read `bool`."""
        if not isinstance(node, dict) or depth > _MOST_DEPTH:
            raise BadQuery("invalid where: expected an object")
        if "field" in node:
            return self._expression(node)
        word, parts = _junction(node)
        bound = [self.filter(part, depth + 1) for part in parts]
        if word == "not":
            return lambda column: _negated(bound[0](column))
        joined = all if word == "and" else any
        return lambda column: _joined(joined, [bind(column) for bind in bound])

    def _expression(self, node: dict[str, Any]) -> Callable[[Column], Test]:
        name = node["field"]
        field = self._fields.get(name) if isinstance(name, str) else None
        if field is None:
            raise BadQuery(f"column '{name}' not found in where; available columns: {', '.join(sorted(self._fields))}")
        if set(node) - {"field", "is", "list_is"} or len(node) == 1:
            raise BadQuery(f"invalid where: expected is or list_is beside field {name}")
        self.names.add(name)
        checks: list[Check] = []
        if "is" in node:
            checks.append(self._condition(node["is"], field.type))
        if "list_is" in node:
            checks.append(self._list_condition(node["list_is"], field.type))
        return lambda column: _tested(checks, column(name))

    def _condition(self, node: Any, kind: str) -> Check:
        """Read `cond`."""
        if node == "is_null":
            return lambda value: value is None
        if node == "empty":
            if kind not in ("string", "strings", "integers"):
                raise BadQuery(f"invalid where: empty does not apply to a field of type {kind}")
            return lambda value: value is not None and len(value) == 0
        if not (isinstance(node, list) and len(node) == 2 and isinstance(node[0], str)):
            raise BadQuery(f"invalid where: not a condition: {node!r}")
        word, value = node
        if word in _COMPARE and kind not in _ITEM:
            return self._comparison(word, value, kind)
        if word in _TEXTUAL and kind == "string" and isinstance(value, str):
            check = _TEXTUAL[word](value)
            return lambda text: text is not None and check(text)
        raise BadQuery(f"invalid where: {word} with {value!r} does not apply to a field of type {kind}")

    def _list_condition(self, node: Any, kind: str) -> Check:
        """Read `lcond`."""
        if kind not in _ITEM:
            raise BadQuery(f"invalid where: list_is does not apply to a field of type {kind}")
        if not (isinstance(node, dict) and len(node) == 1 and set(node) <= {"any", "all"}):
            raise BadQuery("invalid where: expected any or all under list_is")
        ((word, inner),) = node.items()
        check = self._item_filter(inner, _ITEM[kind], 0)
        quantify = any if word == "any" else all
        return lambda values: values is not None and quantify(map(check, values))

    def _item_filter(self, node: Any, kind: str, depth: int) -> Check:
        """Read `cbool`."""
        if not isinstance(node, dict) or depth > _MOST_DEPTH:
            return self._condition(node, kind)
        word, parts = _junction(node)
        checks = [self._item_filter(part, kind, depth + 1) for part in parts]
        if word == "not":
            return lambda value: not checks[0](value)
        joined = all if word == "and" else any
        return lambda value: joined(check(value) for check in checks)

    def _comparison(self, word: str, value: Any, kind: str) -> Check:
        compare = _COMPARE[word]
        if kind == "time" and (cut := self._moment(value)):
            length, wanted = cut
            return lambda text: text is not None and compare(text[:length], wanted)
        if kind == "boolean" and self._switches.integers_as_booleans and value in (0, 1):
            value = bool(value)
        if not _is_of(value, kind) or (kind == "boolean" and word not in ("eq", "neq")):
            raise BadQuery(f"invalid where: {word} with {value!r} does not apply to a field of type {kind}")
        return lambda found: found is not None and compare(found, value)

    def _moment(self, value: Any) -> tuple[int, str] | None:
        """Return how many characters of a timestamp to compare, and with what. None = not a moment."""
        if _is_of(value, "date"):
            return (10, value) if self._switches.dates_in_where == "day" else (20, f"{value}T00:00:00Z")
        mode = self._switches.timestamps_in_where
        moment = read_moment(value) if isinstance(value, str) else None
        if moment is None or mode == "refuse":
            return None
        if mode == "day":
            return self._moment(moment.date().isoformat())
        return 20, stamp(moment)


def _junction(node: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """Return `and`, `or` or `not` and what it joins."""
    if len(node) == 1:
        ((word, parts),) = node.items()
        if word == "not":
            return word, [parts]
        if word in ("and", "or") and isinstance(parts, list) and parts:
            return word, parts
    raise BadQuery(f"invalid where: expected and, or, not or field, found {', '.join(node) or 'nothing'}")


def _negated(test: Test) -> Test:
    return lambda row: not test(row)


def _joined(join: Callable[[Sequence[bool]], bool], tests: Sequence[Test]) -> Test:
    return lambda row: join([test(row) for test in tests])


def _tested(checks: Sequence[Check], values: Sequence[Any]) -> Test:
    if len(checks) == 1:
        check = checks[0]
        return lambda row: check(values[row])
    return lambda row: all(check(values[row]) for check in checks)


def _is_of(value: Any, kind: str) -> bool:
    """Return True if a JSON value has the type of a field."""
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "date":
        return isinstance(value, str) and read_day(value) is not None
    if kind == "number":
        return isinstance(value, int | float)
    return isinstance(value, {"string": str, "integer": int}.get(kind, ()))
