"""The grammar of `display_filter` (reference, section 3.5): `<sign>|<field>|<operation>|<value>`, joined by `|`.

Confirmed: the operations of numbers and texts, the empty operation of fields with fixed values, AND between filters,
and three examples. Assumed, as no document says it: texts compare without regard to case; `ip`, `refdomain`, `anchor`
and `urlanchor` also take the empty operation, which then means equal; flags take true, false, 1 and 0. A value cannot
hold a `|`, since nothing escapes it.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harvester.sandbox.semrush.terms import SemrushError

Test = Callable[[Any], bool]  #: says whether a row is wanted

_MOST_FILTERS = 25
_PARTS = 4
_NUMBERS: Mapping[str, Callable[[int, int], bool]] = {"Eq": operator.eq, "Gt": operator.gt, "Lt": operator.lt}
_TEXTS: Mapping[str, Callable[[str], Callable[[str], bool]]] = {
    "": lambda wanted: lambda text: text == wanted,
    "Eq": lambda wanted: lambda text: text == wanted,
    "Bw": lambda start: lambda text: text.startswith(start),
    "Ew": lambda end: lambda text: text.endswith(end),
    "Co": lambda part: lambda text: part in text,
    "Wm": lambda words: _has_words(words),
}
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def _has_words(words: str) -> Callable[[str], bool]:
    found = re.compile(rf"(?<!\w){re.escape(words)}(?!\w)").search
    return lambda text: found(text) is not None


@dataclass(frozen=True, slots=True)
class Field:
    """One field that a report can be filtered by."""

    read: Callable[[str, str], Test | None]  #: from operation and value; None = they do not fit the field


def number(value_of: Callable[[Any], int]) -> Field:
    """Return a field of numbers."""

    def read(operation: str, value: str) -> Test | None:
        compare = _NUMBERS.get(operation)
        if compare is None or not re.fullmatch(r"\d{1,18}", value, re.ASCII):
            return None
        wanted = int(value)
        return lambda row: compare(value_of(row), wanted)

    return Field(read)


def text(texts_of: Callable[[Any], Sequence[str]]) -> Field:
    """Return a field of texts: a filter holds if it does for one of them."""

    def read(operation: str, value: str) -> Test | None:
        if operation not in _TEXTS:
            return None
        check = _TEXTS[operation](value.lower())
        return lambda row: any(check(found.lower()) for found in texts_of(row))

    return Field(read)


def word(value_of: Callable[[Any], str | None]) -> Field:
    """Return a field of fixed values."""

    def read(operation: str, value: str) -> Test | None:
        return None if operation or not value else lambda row: value_of(row) == value

    return Field(read)


def flag(value_of: Callable[[Any], bool]) -> Field:
    """Return a field that is true or false."""

    def read(operation: str, value: str) -> Test | None:
        wanted = _FLAGS.get(value)
        return None if operation or wanted is None else lambda row: value_of(row) == wanted

    return Field(read)


def kinds(tests: Mapping[str, Test]) -> Field:
    """Return a field whose values each stand for a test."""
    return Field(lambda operation, value: None if operation else tests.get(value))


def parse_filter(source: str, fields: Mapping[str, Field]) -> list[Test]:
    """Return one test for each filter; a row is wanted if all hold. Raises SemrushError."""
    parts = source.split("|")
    if len(parts) % _PARTS:
        raise SemrushError(10000, "display_filter")
    if len(parts) > _MOST_FILTERS * _PARTS:
        raise SemrushError(10030, "display_filter")
    return [_test(parts[start : start + _PARTS], fields) for start in range(0, len(parts), _PARTS)]


def names_in(source: str) -> set[str]:
    """Return the fields that a well-formed filter uses."""
    return set(source.split("|")[1::_PARTS])


def _test(parts: Sequence[str], fields: Mapping[str, Field]) -> Test:
    sign, name, operation, value = parts
    test = fields[name].read(operation, value) if name in fields else None
    if test is None or sign not in ("+", "-"):
        raise SemrushError(10000, "display_filter")
    return test if sign == "+" else _negated(test)


def _negated(test: Test) -> Test:
    return lambda row: not test(row)
