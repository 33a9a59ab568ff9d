"""A condition on one record, as `only_if` writes it. Pure; nothing of it is ever run as code.

    either      both {"or" both}
    both        single {"and" single}
    single      "not" single | "(" either ")" | comparison
    comparison  HARVEST.FIELD ("==" | "!=" | "<" | "<=" | ">" | ">=") LITERAL | HARVEST.FIELD "is" ["not"] "null"
    literal     10, -0.5, 'text', "text", true, false, 2026-01-31, null

The last part of a name is the field, what stands before it the harvest, which may have dots of its own. What is null
compares to nothing: every comparison with it is false, but `== null`, which is another word for `is null`.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

MOST_DEPTH = 20  #: brackets and `not`s within each other
MOST_CHARS = 1000

Literal = int | float | str | bool | date | None

ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
EQUALS: Mapping[str, Callable[[Any, Any], bool]] = {"==": operator.eq, "!=": operator.ne}
OPERATORS = {**EQUALS, **ORDERS}

_DAY_CHARS = len("2026-01-31")
_END = r"(?![A-Za-z0-9_.-])"
_TOKEN = re.compile(
    rf"""(?P<day>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{_END})
    | (?P<number>-?[0-9]{{1,18}}(?:\.[0-9]{{1,18}})?{_END})
    | (?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]*)
    | (?P<text>'[^']*'|"[^"]*")
    | (?P<sign>==|!=|<=|>=|<|>|\(|\))""",
    re.VERBOSE,
)
_WORDS: Mapping[str, Literal] = {"true": True, "false": False, "null": None}
_KEYWORDS = frozenset({"and", "or", "not", "is", *_WORDS})
_OPERATORS_SHOWN = "one of == != < <= > >= or `is null`"
_LITERALS_SHOWN = "a number, a 'text', true, false, null or a date such as 2026-01-31"


class Malformed(ValueError):
    """What is written is no condition."""

    def __init__(self, at: int, expected: str) -> None:
        self.at = at  #: 1 = the first character
        self.expected = expected
        super().__init__(f"{expected}, at character {at}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One field against one literal."""

    harvest: str
    field: str
    sign: str
    literal: Literal
    at: int  #: where the name stands; 1 = the first character

    def holds(self, record: Mapping[str, Any]) -> bool:
        """Say whether it is true of a record. A time of day is not looked at where a day is compared."""
        value = record[self.field]
        if self.literal is None:
            return (value is None) == (self.sign == "==")
        if value is None:
            return False
        if isinstance(self.literal, date):
            return OPERATORS[self.sign](value[:_DAY_CHARS], self.literal.isoformat())
        return OPERATORS[self.sign](value, self.literal)


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    inner: "Node"

    def holds(self, record: Mapping[str, Any]) -> bool:
        """Say whether it is true of a record."""
        return not self.inner.holds(record)


@dataclass(frozen=True, slots=True)
class Joined:
    """Several, of which all or any must be true."""

    parts: "tuple[Node, ...]"
    needs_all: bool

    def holds(self, record: Mapping[str, Any]) -> bool:
        """Say whether it is true of a record."""
        return (all if self.needs_all else any)(part.holds(record) for part in self.parts)


Node = Comparison | Not | Joined


@dataclass(frozen=True, slots=True)
class Condition:
    """A whole condition, on the records of one harvest."""

    node: Node
    comparisons: tuple[Comparison, ...]  #: in the order in which they are written

    @property
    def harvest(self) -> str:
        """Name of the harvest whose records decide."""
        return self.comparisons[0].harvest

    def holds(self, record: Mapping[str, Any]) -> bool:
        """Say whether it is true of a record, which has all its fields."""
        return self.node.holds(record)


def condition_of(text: str) -> Condition:
    """Return what a text says. Raises Malformed."""
    if len(text) > MOST_CHARS:
        raise Malformed(MOST_CHARS + 1, f"{MOST_CHARS} characters at most, found more")
    parser = _Parser(text)
    node = parser.either(0)
    parser.expect_end()
    first = parser.comparisons[0]
    for other in parser.comparisons:
        if other.harvest != first.harvest:
            raise Malformed(other.at, f"one harvest in all of it, {first.harvest}, and found {other.harvest}")
    return Condition(node, tuple(parser.comparisons))


class _Token(NamedTuple):
    kind: str  #: "day", "number", "name", "text", "sign" or "end"
    text: str
    at: int


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        found = _TOKEN.match(text, at)
        if found is None:
            raise Malformed(at + 1, _expected_instead_of(text[at]))
        yield _Token(str(found.lastgroup), found[0], at + 1)
        at = found.end()
    yield _Token("end", "the end", len(text) + 1)


def _expected_instead_of(char: str) -> str:
    if char in "'\"":
        return "the other quote of a text that begins"
    meant = {"=": "==", "&": "and", "|": "or", "!": "not or !="}.get(char)
    return f"{meant}, and found {char}" if meant else f"no such character ({char})"


class _Parser:
    """Recursive descent, one token ahead."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = next(self._tokens)
        self.comparisons: list[Comparison] = []

    def either(self, depth: int) -> Node:
        return self._joined("or", self._both, depth)

    def expect_end(self) -> None:
        if self._next.kind != "end":
            raise self._fault("`and`, `or` or the end")

    def _both(self, depth: int) -> Node:
        return self._joined("and", self._single, depth)

    def _joined(self, word: str, part: Callable[[int], Node], depth: int) -> Node:
        parts = [part(depth)]
        while self._takes("name", word):
            parts.append(part(depth))
        return parts[0] if len(parts) == 1 else Joined(tuple(parts), word == "and")

    def _single(self, depth: int) -> Node:
        if depth > MOST_DEPTH:
            raise self._fault(f"at most {MOST_DEPTH} brackets and `not`s within each other")
        if self._takes("name", "not"):
            return Not(self._single(depth + 1))
        if self._takes("sign", "("):
            inner = self.either(depth + 1)
            if not self._takes("sign", ")"):
                raise self._fault("`and`, `or` or a closing bracket")
            return inner
        return self._comparison()

    def _comparison(self) -> Node:
        name = self._next
        harvest, _, field = name.text.rpartition(".")
        if name.kind != "name" or name.text in _KEYWORDS or not harvest or not field:
            raise self._fault("HARVEST.FIELD (such as ahrefs.summary.refdomains)")
        self._advance()
        if self._takes("name", "is"):
            sign, literal = "!=" if self._takes("name", "not") else "==", None
            if not self._takes("name", "null"):
                raise self._fault("`null`")
        else:
            sign, literal = self._sign(), self._literal()
        if literal is None and sign not in EQUALS:
            raise Malformed(name.at, "`is null` or `is not null`, since nothing is more or less than null")
        made = Comparison(harvest=harvest, field=field, sign=sign, literal=literal, at=name.at)
        self.comparisons.append(made)
        return made

    def _sign(self) -> str:
        sign = self._next.text
        if self._next.kind != "sign" or sign not in OPERATORS:
            raise self._fault(_OPERATORS_SHOWN)
        self._advance()
        return sign

    def _literal(self) -> Literal:
        kind, text, _ = self._next
        if kind in ("text", "number") or (kind == "name" and text in _WORDS):
            self._advance()
            if kind == "text":
                return text[1:-1]
            return _WORDS[text] if kind == "name" else float(text) if "." in text else int(text)
        if kind == "day":
            try:
                day = date.fromisoformat(text)
            except ValueError:
                raise self._fault("a day that the calendar has") from None
            self._advance()
            return day
        raise self._fault(_LITERALS_SHOWN)

    def _takes(self, kind: str, text: str) -> bool:
        """Take the next token if it is this one."""
        if self._next.kind != kind or self._next.text != text:
            return False
        self._advance()
        return True

    def _advance(self) -> None:
        self._next = next(self._tokens)

    def _fault(self, expected: str) -> Malformed:
        found = self._next.text if len(self._next.text) <= 60 else f"{self._next.text[:60]}…"
        return Malformed(self._next.at, f"{expected}, and found {found}")
