"""Conditions: what they say of a record, and where they are wrong."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.condition import MOST_CHARS, MOST_DEPTH, Malformed, condition_of

RECORD: dict[str, Any] = {
    "refdomains": 12,
    "similarity": 37.5,
    "anchor": "buy 'now'",
    "is_lost": False,
    "first_seen_at": "2026-01-31T23:59:59Z",
    "as_of": "2026-02-01",
    "nothing": None,
}

HOLDS = [
    "s.refdomains >= 12",
    "s.refdomains>11.5",
    "s.refdomains < 1000",
    "s.refdomains == 12 and s.similarity == 37.5",
    "s.refdomains > -1",
    "s.refdomains != 13",
    "s.anchor == \"buy 'now'\"",
    "s.anchor != 'buy'",
    "s.is_lost == false",
    "s.is_lost != true",
    "s.first_seen_at == 2026-01-31",
    "s.first_seen_at < 2026-02-01",
    "s.as_of >= 2026-02-01",
    "s.nothing is null",
    "s.nothing == null",
    "s.anchor is not null",
    "s.anchor != null",
    "not s.nothing > 5",
    "s.refdomains > 100 or s.refdomains > 10 and s.is_lost == false",
    "not (s.refdomains > 100 and s.is_lost == false)",
    "((s.refdomains > 1))",
    "  s.refdomains  >=\t12  ",
]
HOLDS_NOT = [
    "s.refdomains > 12",
    "s.refdomains <= 11",
    "s.is_lost == true",
    "s.first_seen_at > 2026-01-31",
    "s.nothing > 5",
    "s.nothing < 5",
    "s.nothing == 5",
    "s.nothing != 5",
    "s.nothing >= 2026-01-01",
    "s.nothing is not null",
    "s.anchor is null",
    "not s.refdomains == 12",
    "not not s.refdomains > 12",
    "(s.refdomains > 100 or s.refdomains > 10) and s.is_lost == true",
]


@pytest.mark.parametrize("text", HOLDS)
def test_a_condition_that_holds(text: str) -> None:
    assert condition_of(text).holds(RECORD)


@pytest.mark.parametrize("text", HOLDS_NOT)
def test_a_condition_that_does_not_hold(text: str) -> None:
    assert not condition_of(text).holds(RECORD)


def test_the_last_part_of_a_name_is_the_field_and_the_rest_the_harvest() -> None:
    condition = condition_of("2024.ahrefs-lost.summary.refdomains >= 10 and 2024.ahrefs-lost.summary.links > 1")
    assert condition.harvest == "2024.ahrefs-lost.summary"
    assert [(each.field, each.literal, each.at) for each in condition.comparisons] == [
        ("refdomains", 10, 1),
        ("links", 1, 47),
    ]


def test_a_number_a_date_and_a_name_are_told_apart() -> None:
    literals = [
        condition_of(f"a.b == {text}").comparisons[0].literal for text in ("2026", "2026.5", "2026-01-31", "-3")
    ]
    assert literals == [2026, 2026.5, date(2026, 1, 31), -3]
    assert [type(each) for each in literals] == [int, float, date, int]


FAULTS = {
    "": (1, "HARVEST.FIELD (such as ahrefs.summary.refdomains), and found the end"),
    "refdomains > 5": (1, "HARVEST.FIELD (such as ahrefs.summary.refdomains), and found refdomains"),
    ".b > 5": (1, "no such character (.)"),
    "a. > 5": (1, "HARVEST.FIELD (such as ahrefs.summary.refdomains), and found a."),
    "5 < a.b": (1, "HARVEST.FIELD (such as ahrefs.summary.refdomains), and found 5"),
    "not": (4, "HARVEST.FIELD (such as ahrefs.summary.refdomains), and found the end"),
    "null == a.b": (1, "HARVEST.FIELD (such as ahrefs.summary.refdomains), and found null"),
    "a.b": (4, "one of == != < <= > >= or `is null`, and found the end"),
    "a.b (": (5, "one of == != < <= > >= or `is null`, and found ("),
    "a.b = 5": (5, "==, and found ="),
    "a.b > 5 && a.c > 1": (9, "and, and found &"),
    "a.b > 5 || a.c > 1": (9, "or, and found |"),
    "! a.b > 5": (1, "not or !=, and found !"),
    "a.b >": (6, "a number, a 'text', true, false, null or a date such as 2026-01-31, and found the end"),
    "a.b > a.c": (7, "a number, a 'text', true, false, null or a date such as 2026-01-31, and found a.c"),
    "a.b > 10_000": (7, "a number, a 'text', true, false, null or a date such as 2026-01-31, and found 10_000"),
    "a.b == TRUE": (8, "a number, a 'text', true, false, null or a date such as 2026-01-31, and found TRUE"),
    "a.b == 'x": (8, "the other quote of a text that begins"),
    "a.b == 2026-02-30": (8, "a day that the calendar has, and found 2026-02-30"),
    "a.b is 5": (8, "`null`, and found 5"),
    "a.b is not 5": (12, "`null`, and found 5"),
    "a.b < null": (1, "`is null` or `is not null`, since nothing is more or less than null"),
    "a.b > 5 a.c > 1": (9, "`and`, `or` or the end, and found a.c"),
    "(a.b > 5": (9, "`and`, `or` or a closing bracket, and found the end"),
    "a.b > 5)": (8, "`and`, `or` or the end, and found )"),
    "a.b > 5 AND a.c > 1": (9, "`and`, `or` or the end, and found AND"),
    "a.b > 5 and b.b > 5": (13, "one harvest in all of it, a, and found b"),
    "a.b.__class__ > 5 + 1": (19, "no such character (+)"),
    f"{'n' * 80} > 5": (1, f"HARVEST.FIELD (such as ahrefs.summary.refdomains), and found {'n' * 60}…"),
    f"{'not ' * (MOST_DEPTH + 1)}a.b > 5": (85, "at most 20 brackets and `not`s within each other, and found a.b"),
    f"{'(' * 500}": (22, "at most 20 brackets and `not`s within each other, and found ("),
    f"a.b == {'1' * 1000}": (MOST_CHARS + 1, "1000 characters at most, found more"),
    f"a.b == {'1' * 30}": (
        8,
        f"a number, a 'text', true, false, null or a date such as 2026-01-31, and found {'1' * 30}",
    ),
}


@pytest.mark.parametrize("text", FAULTS)
def test_what_is_no_condition_says_where_and_what_was_expected(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        condition_of(text)
    assert (caught.value.at, caught.value.expected) == FAULTS[text]


def test_as_many_brackets_as_may_be() -> None:
    assert condition_of(f"{'(' * MOST_DEPTH}s.refdomains == 12{')' * MOST_DEPTH}").holds(RECORD)


# By property: a condition and what Python makes of the same.

Spoken = tuple[str, Callable[[Mapping[str, Any]], bool]]

PYTHON: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
NUMBERS = st.integers(-3, 3) | st.sampled_from([-1.5, 0.5, 2.0])


@st.composite
def comparisons(draw: st.DrawFn) -> Spoken:
    field = draw(st.sampled_from(["n", "m"]))
    if draw(st.integers(0, 5)) == 0:
        word, wants_null = draw(st.sampled_from([("is null", True), ("is not null", False), ("== null", True)]))
        return f"h.x.{field} {word}", lambda record: (record[field] is None) == wants_null
    sign, literal = draw(st.sampled_from(sorted(PYTHON))), draw(NUMBERS)
    blank = draw(st.sampled_from(["", " ", "  "]))

    def told(record: Mapping[str, Any]) -> bool:
        return record[field] is not None and PYTHON[sign](record[field], literal)

    return f"h.x.{field}{blank}{sign}{blank}{literal}", told


def joined(inner: st.SearchStrategy[Spoken]) -> st.SearchStrategy[Spoken]:
    pairs = st.tuples(inner, inner)
    return st.one_of(
        inner.map(lambda one: (f"not ({one[0]})", lambda record: not one[1](record))),
        pairs.map(lambda two: (f"({two[0][0]}) and ({two[1][0]})", lambda r: two[0][1](r) and two[1][1](r))),
        pairs.map(lambda two: (f"({two[0][0]}) or ({two[1][0]})", lambda r: two[0][1](r) or two[1][1](r))),
    )


VALUES = st.none() | NUMBERS


@given(st.recursive(comparisons(), joined, max_leaves=8), VALUES, VALUES)
def test_a_condition_says_what_python_says(spoken: Spoken, n: Any, m: Any) -> None:
    text, told = spoken
    record = {"n": n, "m": m}
    assert condition_of(text).holds(record) == told(record)


@given(st.lists(st.tuples(comparisons(), st.sampled_from(["and", "or"])), min_size=1, max_size=6), VALUES, VALUES)
def test_and_binds_more_than_or(parts: list[tuple[Spoken, str]], n: Any, m: Any) -> None:
    record = {"n": n, "m": m}
    words = [word for (text, _), joint in parts for word in (text, joint)][:-1]
    python = " ".join(word for (_, told), joint in parts for word in (str(told(record)), joint)).rsplit(" ", 1)[0]
    assert condition_of(" ".join(words)).holds(record) == eval(python)  # of True, False, and, or


@given(st.text(max_size=60) | st.text(alphabet="abh.xn()<>=! '\"andornotisnull0129-", max_size=60))
def test_whatever_is_written_is_a_condition_or_says_where_it_is_none(text: str) -> None:
    places = []
    try:
        assert condition_of(text).comparisons
    except Malformed as exc:
        places.append(exc.at)
    assert all(1 <= at <= len(text) + 1 for at in places)
