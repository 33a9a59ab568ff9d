"""The grammar of `filters` and `order_by` (reference, section 6), bound to any kind of row.

Assumed, as no source says it: null fulfils no operator but the negated ones, and is sorted last in either direction.
"""

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from harvester.sandbox.dataforseo.params import read_moment
from harvester.sandbox.dataforseo.terms import DataforseoSwitches, invalid

R = TypeVar("R")
Check = Callable[[Any], bool]  #: says whether one value fulfils a condition

_MOST_CONDITIONS = 8
_MOST_RULES = 3
_MOST_DEPTH = 16
_MOST_PATTERN = 1000
_NOT_RE2 = re.compile(r"\(\?(?:[=!]|<[=!]|P=)|\\[1-9]")
_NEGATED = {
    "<>": "=",
    "not_in": "in",
    "not_like": "like",
    "not_ilike": "ilike",
    "not_match": "match",
    "not_regex": "regex",
    "has_not": "has",
}
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
#: Without the negated ones, which go where the plain one goes.
_OPERATORS: Mapping[str, tuple[str, ...]] = {
    "bool": ("=",),
    "num": ("<", "<=", ">", ">=", "=", "in"),
    "time": ("<", "<=", ">", ">=", "=", "in"),
    "str": ("=", "in", "like", "ilike", "match", "regex"),
    "array.str": ("has",),
}


@dataclass(frozen=True, slots=True)
class Field(Generic[R]):
    """One field of a row: what it is called is told by its table."""

    kind: str  #: bool num time str array.str; "" = neither filtered nor sorted by
    value: Callable[[R], Any]
    is_listed: bool = True  #: in `available_filters`
    is_sortable: bool = True


Lookup = Callable[[str], Field[R] | None]  #: finds a field by its name, dotted names included
Test = Callable[[R], bool]


def parse_filter(
    node: object, lookup: Callable[[str], Field[R] | None], switches: DataforseoSwitches, *, name: str = "filters"
) -> Test[R]:
    """Return the test that a filter stands for; everything passes where none was sent. Raises Blame of `name`."""
    if node is None or node == []:
        return lambda _row: True
    return _Reader(lookup, switches, name).filter(node, 0)


class _Reader(Generic[R]):
    """Reads one filter and counts its conditions."""

    def __init__(self, lookup: Callable[[str], Field[R] | None], switches: DataforseoSwitches, name: str) -> None:
        self._lookup = lookup
        self._switches = switches
        self._name = name
        self._conditions = 0

    def filter(self, node: object, depth: int) -> Test[R]:
        """Read a condition, or filters joined by words."""
        if not isinstance(node, list) or not node or depth > _MOST_DEPTH:
            raise invalid(self._name)
        if isinstance(node[0], str):
            return self._condition(node)
        parts, words = node[::2], node[1::2]
        if len(parts) != len(words) + 1 or any(word not in ("and", "or") for word in words):
            raise invalid(self._name)
        if len(set(words)) > 1 and self._switches.mixed_logic == "refused":
            raise invalid(self._name)
        tests = [self.filter(part, depth + 1) for part in parts]
        return _joined(tests, words, and_first=self._switches.mixed_logic == "and_first")

    def _condition(self, node: Sequence[Any]) -> Test[R]:
        self._conditions += 1
        if len(node) != 3 or self._conditions > _MOST_CONDITIONS:
            raise invalid(self._name)
        name, word, value = node
        field = self._lookup(name)
        if field is None or not field.kind or not (field.is_listed or self._switches.unlisted_filters):
            raise invalid(self._name)
        check = self._check(field.kind, word, value)
        return lambda row: check(field.value(row))

    def _check(self, kind: str, word: object, wanted: object) -> Check:
        plain = _NEGATED.get(str(word), word)
        if plain not in _OPERATORS[kind]:
            raise invalid(self._name)
        try:
            positive = _positive(kind, str(plain), wanted)
        except (TypeError, ValueError, re.error):
            raise invalid(self._name) from None
        if plain == word:
            return lambda value: value is not None and positive(value)
        return lambda value: value is None or not positive(value)


def _joined(tests: Sequence[Test[R]], words: Sequence[str], *, and_first: bool) -> Test[R]:
    """Return tests joined by words; with both words at one level it matters which binds first."""
    if and_first:
        groups: list[list[Test[R]]] = [[tests[0]]]
        for word, test in zip(words, tests[1:], strict=True):
            if word == "or":
                groups.append([])
            groups[-1].append(test)
        return lambda row: any(all(test(row) for test in group) for group in groups)

    def left_to_right(row: R) -> bool:
        found = tests[0](row)
        for word, test in zip(words, tests[1:], strict=True):
            found = (found and test(row)) if word == "and" else (found or test(row))
        return found

    return left_to_right


def _positive(kind: str, word: str, wanted: object) -> Check:
    """Return the check of a plain operator. Raises TypeError or ValueError if the value does not suit it."""
    if word in _TEXTUAL:
        if not isinstance(wanted, str):
            raise TypeError(wanted)
        return _TEXTUAL[word](wanted)
    if word == "in":
        if not isinstance(wanted, list):
            raise TypeError(wanted)
        choices = frozenset(_value(kind, one) for one in wanted)
        return lambda value: value in choices
    if word == "has":
        one = _value("str", wanted)
        return lambda values: one in values
    compare, bound = _COMPARE[word], _value(kind, wanted)
    return lambda value: compare(value, bound)


def _value(kind: str, wanted: object) -> Any:
    """Return a value to compare with; the documents write numbers as 80 and as "80". Raises ValueError."""
    if kind == "num" and not isinstance(wanted, bool):
        if isinstance(wanted, int | float):
            return wanted
        if isinstance(wanted, str):
            return float(wanted)
    is_right = {
        "bool": isinstance(wanted, bool),
        "str": isinstance(wanted, str),
        "time": read_moment(wanted) is not None,
    }
    if not is_right.get(kind):
        raise ValueError(wanted)
    return wanted


def _like(pattern: str, flags: re.RegexFlag = re.NOFLAG) -> Check:
    compiled = re.compile(".*".join(map(re.escape, pattern.split("%"))), flags | re.DOTALL)
    return lambda text: compiled.fullmatch(text) is not None


def _match(words: str) -> Check:
    wanted = set(re.findall(r"\w+", words.casefold()))
    return lambda text: wanted <= set(re.findall(r"\w+", text.casefold()))


def _regex(pattern: str) -> Check:
    """Return the search for an RE2 pattern, at most 1,000 characters, without look-around and back-references."""
    if len(pattern) > _MOST_PATTERN or _NOT_RE2.search(pattern):
        raise ValueError(pattern)
    compiled = re.compile(pattern)
    return lambda text: compiled.search(text) is not None


_TEXTUAL: Mapping[str, Callable[[str], Check]] = {
    "like": _like,
    "ilike": lambda pattern: _like(pattern, re.IGNORECASE),
    "match": _match,
    "regex": _regex,
}

Order = Sequence[tuple[Field[R], bool]]  #: the first counts most; True = descending


def parse_order(node: object, lookup: Callable[[str], Field[R] | None]) -> Order[R]:
    """Return what up to three `"field,asc"` or `"field,desc"` ask for. Raises Blame."""
    if node is None:
        return ()
    if not isinstance(node, list) or len(node) > _MOST_RULES:
        raise invalid("order_by")
    found = []
    for rule in node:
        name, _, direction = rule.rpartition(",") if isinstance(rule, str) else ("", "", "")
        field = lookup(name.strip())
        if field is None or not field.kind or not field.is_sortable or direction.strip() not in ("asc", "desc"):
            raise invalid("order_by")
        found.append((field, direction.strip() == "desc"))
    return found


def ordered(rows: Iterable[R], order: Order[R]) -> list[R]:
    """Return rows in an order; equals stay as they come, null comes last."""
    found = list(rows)
    for field, is_descending in reversed(order):
        keyed = [(field.value(row), row) for row in found]
        known = [pair for pair in keyed if pair[0] is not None]
        known.sort(key=operator.itemgetter(0), reverse=is_descending)
        found = [row for _, row in known] + [row for value, row in keyed if value is None]
    return found
