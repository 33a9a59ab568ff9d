import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester import codec
from harvester.sandbox.ahrefs.fields import Field
from harvester.sandbox.ahrefs.terms import AhrefsSwitches, BadQuery
from harvester.sandbox.ahrefs.where import EVERYTHING, parse_where

FIELDS = {
    "name": Field("string", True, 1),
    "size": Field("integer", True, 1),
    "score": Field("number", False, 1),
    "flag": Field("boolean", False, 1),
    "seen": Field("time", True, 1),
    "day": Field("date", True, 1),
    "tags": Field("strings", False, 1),
    "codes": Field("integers", False, 1),
}
ROW: dict[str, Any] = {
    "name": "The Big (red) Fox",
    "size": 7,
    "score": 40.0,
    "flag": True,
    "seen": "2026-03-05T10:20:30Z",
    "day": "2026-03-05",
    "tags": ["en", "la"],
    "codes": [301, 302],
}
USUAL = AhrefsSwitches()


def holds(filter_: Any, row: dict[str, Any] = ROW, switches: AhrefsSwitches = USUAL) -> bool:
    where = parse_where(codec.dump(filter_).decode(), FIELDS, switches)
    return where.bind(lambda name: [row[name]])(0)


def says(field: str, condition: Any) -> dict[str, Any]:
    return {"field": field, "is": condition}


@pytest.mark.parametrize(
    ("field", "condition", "expected"),
    [
        ("size", ["eq", 7], True),
        ("size", ["neq", 7], False),
        ("size", ["gt", 7], False),
        ("size", ["gte", 7], True),
        ("size", ["lt", 8], True),
        ("size", ["lte", 6], False),
        ("score", ["gte", 40], True),
        ("score", ["lt", 40.5], True),
        ("flag", ["eq", True], True),
        ("flag", ["neq", True], False),
        ("name", ["eq", "the big (red) fox"], False),
        ("name", ["gt", "The Big"], True),
        ("name", ["substring", "Big ("], True),
        ("name", ["substring", "big"], False),
        ("name", ["isubstring", "BIG"], True),
        ("name", ["phrase_match", "(red)"], True),
        ("name", ["phrase_match", "Bi"], False),
        ("name", ["phrase_match", "big"], False),
        ("name", ["iphrase_match", "the big"], True),
        ("name", ["prefix", "The"], True),
        ("name", ["suffix", "Fox"], True),
        ("name", ["suffix", "The"], False),
        ("name", ["regex", "^T.*F[no]x$"], True),
        ("name", ["regex", "red"], True),
        ("name", "empty", False),
        ("name", "is_null", False),
        ("tags", "empty", False),
        ("day", ["eq", "2026-03-05"], True),
        ("day", ["lt", "2026-03-05"], False),
    ],
)
def test_each_condition_holds_where_it_should(field: str, condition: Any, expected: bool) -> None:
    assert holds(says(field, condition)) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (["eq", 1], False),
        (["neq", 1], False),
        (["lt", 1], False),
        ("is_null", True),
    ],
)
def test_null_fulfils_only_is_null(condition: Any, expected: bool) -> None:
    row = {**ROW, "size": None, "name": None}
    assert holds(says("size", condition), row) is expected
    assert holds({"not": says("size", condition)}, row) is not expected
    assert not holds(says("name", "empty"), row)
    assert not holds(says("name", ["substring", ""]), row)


@pytest.mark.parametrize(
    ("field", "condition", "expected"),
    [
        ("tags", {"any": ["eq", "la"]}, True),
        ("tags", {"all": ["eq", "la"]}, False),
        ("tags", {"all": {"or": [["eq", "la"], ["prefix", "e"]]}}, True),
        ("tags", {"any": {"and": [["prefix", "l"], {"not": ["suffix", "x"]}]}}, True),
        ("codes", {"any": ["gte", 302]}, True),
        ("codes", {"all": ["gte", 302]}, False),
    ],
)
def test_lists_are_asked_for_any_or_all(field: str, condition: Any, expected: bool) -> None:
    assert holds({"field": field, "list_is": condition}) is expected


def test_an_empty_list_has_none_and_all() -> None:
    row = {**ROW, "tags": []}
    assert holds(says("tags", "empty"), row)
    assert holds({"field": "tags", "list_is": {"all": ["eq", "x"]}}, row)
    assert not holds({"field": "tags", "list_is": {"any": ["eq", "x"]}}, row)
    assert not holds({"field": "tags", "is": "empty", "list_is": {"any": ["eq", "x"]}}, row)


@pytest.mark.parametrize(
    "filter_",
    [
        [],
        "flag",
        {},
        {"and": []},
        {"or": {}},
        {"and": [says("flag", ["eq", True])], "or": [says("flag", ["eq", True])]},
        {"xor": [says("flag", ["eq", True])]},
        {"not": [says("flag", ["eq", True])]},
        {"field": "flag"},
        {"field": 3, "is": ["eq", 1]},
        {"field": "nothing", "is": ["eq", 1]},
        {"field": "flag", "is": ["eq", True], "modifier": "uppercase"},
        {"field": "tags", "list_is": {"and": [["eq", "x"], ["eq", "y"]]}},
        {"field": "name", "list_is": {"any": ["eq", "x"]}},
        {"field": "tags", "list_is": ["eq", "x"]},
        says("tags", ["eq", "en"]),
        says("flag", ["eq", 1]),
        says("flag", ["eq", "true"]),
        says("flag", ["gt", True]),
        says("size", ["eq", "7"]),
        says("size", ["eq", 7.5]),
        says("size", ["eq", True]),
        says("size", ["eq", None]),
        says("size", ["substring", "7"]),
        says("size", ["between", 7]),
        says("size", ["eq", 7, 8]),
        says("size", "empty"),
        says("size", ["eq"]),
        says("size", 7),
        says("name", ["eq", 7]),
        says("name", ["regex", "("]),
        says("name", ["regex", "(?=lookahead)"]),
        says("name", ["regex", r"(a)\1"]),
        says("seen", ["gte", "March"]),
        says("seen", ["gte", 20260305]),
        says("seen", ["gte", "2026-02-30"]),
        says("seen", ["prefix", "2026"]),
        says("day", ["gte", "2026-03-05T00:00:00Z"]),
    ],
)
def test_what_the_grammar_does_not_have_is_refused(filter_: Any) -> None:
    with pytest.raises(BadQuery):
        holds(filter_)


def test_text_that_is_not_json_and_filters_too_deep_are_refused() -> None:
    with pytest.raises(BadQuery, match="not JSON"):
        parse_where("is_dofollow=true", FIELDS, USUAL)
    with pytest.raises(BadQuery, match="object"):
        parse_where('{"not":' * 200 + '{"field":"flag","is":["eq",true]}' + "}" * 200, FIELDS, USUAL)


def test_every_name_used_is_known_for_the_bill() -> None:
    text = codec.dump({"and": [says("size", ["eq", 1]), {"not": {"or": [says("flag", ["eq", True])]}}]}).decode()
    assert parse_where(text, FIELDS, USUAL).names == {"size", "flag"}
    assert EVERYTHING.bind(lambda _: [])(5)


@pytest.mark.parametrize(
    ("condition", "full", "cut"),
    [
        (["gte", "2026-03-05T10:20:30Z"], True, True),
        (["gte", "2026-03-05T10:20:31Z"], False, True),
        (["gt", "2026-03-05T10:20:30Z"], False, True),
        (["eq", "2026-03-05T10:20:30Z"], True, False),
        (["eq", "2026-03-05T12:20:30+02:00"], True, False),
        (["lte", "2026-03-05T10:20:30Z"], True, False),
    ],
)
def test_a_full_timestamp_counts_is_cut_or_is_refused(condition: Any, full: bool, cut: bool) -> None:
    assert holds(says("seen", condition)) is full
    assert holds(says("seen", condition), switches=AhrefsSwitches(timestamps_in_where="day")) is cut
    with pytest.raises(BadQuery):
        holds(says("seen", condition), switches=AhrefsSwitches(timestamps_in_where="refuse"))


@pytest.mark.parametrize(
    ("condition", "midnight", "day"),
    [
        (["lte", "2026-03-05"], False, True),
        (["gt", "2026-03-05"], True, False),
        (["gte", "2026-03-05"], True, True),
        (["lt", "2026-03-06"], True, True),
        (["eq", "2026-03-05"], False, True),
    ],
)
def test_a_date_stands_for_its_first_second_or_for_the_day(condition: Any, midnight: bool, day: bool) -> None:
    assert holds(says("seen", condition)) is midnight
    assert holds(says("seen", condition), switches=AhrefsSwitches(dates_in_where="day")) is day


def test_one_stands_for_true_only_where_switched() -> None:
    lenient = AhrefsSwitches(integers_as_booleans=True)
    assert holds(says("flag", ["eq", 1]), switches=lenient)
    assert not holds(says("flag", ["eq", 0]), switches=lenient)
    with pytest.raises(BadQuery):
        holds(says("flag", ["eq", 2]), switches=lenient)


# A second, naive reading of the grammar, against which any filter is compared.

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b,
    "neq": lambda a, b: a != b,
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
    "substring": lambda a, b: b in a,
    "isubstring": lambda a, b: b.lower() in a.lower(),
    "prefix": lambda a, b: a[: len(b)] == b,
    "suffix": lambda a, b: a.endswith(b),
    "phrase_match": lambda a, b: re.search(rf"(^|\W){b}(\W|$)", a) is not None,
    "iphrase_match": lambda a, b: re.search(rf"(^|\W){b}(\W|$)", a, re.IGNORECASE) is not None,
}


def naive(node: Any, row: dict[str, Any]) -> bool:
    if "and" in node:
        return all(naive(part, row) for part in node["and"])
    if "or" in node:
        return any(naive(part, row) for part in node["or"])
    if "not" in node:
        return not naive(node["not"], row)
    value = row[node["field"]]
    if "list_is" in node:
        ((word, inner),) = node["list_is"].items()
        results = [naive_condition(inner, item) for item in value]
        return any(results) if word == "any" else all(results)
    return naive_condition(node["is"], value)


def naive_condition(node: Any, value: Any) -> bool:
    if isinstance(node, dict):
        ((word, parts),) = node.items()
        if word == "not":
            return not naive_condition(parts, value)
        results = [naive_condition(part, value) for part in parts]
        return all(results) if word == "and" else any(results)
    if node == "is_null":
        return value is None
    if node == "empty":
        return value in ("", [])
    return value is not None and OPERATORS[node[0]](value, node[1])


compare = st.sampled_from(["eq", "neq", "gt", "gte", "lt", "lte"])
textual = st.sampled_from(sorted(OPERATORS))
words = st.text("aAb", min_size=1, max_size=2)
number_condition = st.one_of(st.tuples(compare, st.integers(0, 3)).map(list), st.just("is_null"))
text_condition = st.one_of(st.tuples(textual, words).map(list), st.sampled_from(["is_null", "empty"]))


def junctions(inner: Any) -> Any:
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.fixed_dictionaries({"and": several}),
        st.fixed_dictionaries({"or": several}),
        st.fixed_dictionaries({"not": inner}),
    )


item_condition = st.recursive(text_condition, junctions, max_leaves=3)
expression = st.one_of(
    st.fixed_dictionaries({"field": st.just("size"), "is": number_condition}),
    st.fixed_dictionaries({"field": st.just("name"), "is": text_condition}),
    st.fixed_dictionaries({"field": st.just("flag"), "is": st.tuples(st.just("eq"), st.booleans()).map(list)}),
    st.fixed_dictionaries(
        {
            "field": st.just("tags"),
            "list_is": st.one_of(
                st.fixed_dictionaries({"any": item_condition}), st.fixed_dictionaries({"all": item_condition})
            ),
        }
    ),
)
filters = st.recursive(expression, junctions, max_leaves=6)
rows = st.fixed_dictionaries(
    {
        "size": st.none() | st.integers(0, 3),
        "name": st.none() | st.text("aAb ", max_size=4),
        "flag": st.booleans(),
        "tags": st.lists(st.text("aAb", max_size=2), max_size=3),
    }
)


@given(filters, rows)
@settings(max_examples=300, deadline=None)
def test_any_filter_means_what_a_naive_reading_says(filter_: Any, row: dict[str, Any]) -> None:
    assert holds(filter_, row) == naive(filter_, row)
