"""Filters in DataForSEO's own grammar are checked before they cost anything, and joined without changing them."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.errors import HarvestRefused
from harvester.providers.dataforseo.filters import FILTER, MOST_CONDITIONS, joined

conditions = st.tuples(
    st.sampled_from(["rank", "tld_from", "1.backlinks", "and"]),
    st.sampled_from(["=", "<>", ">", "like", "has", "not_regex"]),
    st.integers(0, 9) | st.booleans() | st.text(max_size=3),
).map(list) | st.just(["rank", "in", [1, 2]])
filters: st.SearchStrategy[list[Any]] = st.recursive(
    conditions,
    lambda inner: st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)).map(
        lambda pair: [part for each in pair[1] for part in (each, pair[0])][:-1]
    ),
    max_leaves=5,
)


@given(whole=filters)
@settings(max_examples=100, deadline=None)
def test_whatever_the_grammar_allows_is_read_as_it_is(whole: list[Any]) -> None:
    assert FILTER.read(json.dumps(whole)) == whole
    assert FILTER.read(whole) == whole


@given(whole=filters)
@settings(max_examples=50, deadline=None)
def test_what_is_joined_is_in_brackets_of_its_own(whole: list[Any]) -> None:
    own = ["is_broken", "=", True]
    assert joined([None, whole], "filters") == whole
    assert joined([own, whole], "filters") == [own, "and", whole]
    assert FILTER.read(joined([own, whole], "filters")) == [own, "and", whole]


def test_needless_brackets_are_taken_off() -> None:
    flat = ["dofollow", "=", True]
    assert FILTER.read([[flat]]) == flat
    assert FILTER.read([[flat], "and", flat]) == [flat, "and", flat]
    assert joined([], "filters") is None


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "rank > 80",
        "{}",
        "[]",
        '["rank",">"]',
        '["rank",">",null]',
        '["rank",">",[1]]',
        '["rank","in",1]',
        '["rank","in",[]]',
        '["rank","in",[{}]]',
        '["","=",1]',
        '["rank","between",1]',
        '[["rank",">",1],["rank","<",9]]',
        '[["rank",">",1],"and"]',
        '[["rank",">",1],"xor",["rank","<",9]]',
        '[["rank",">",1],["and"],["rank","<",9]]',
        '[["rank",">",1],"and",["rank","<",9],"or",["rank","=",5]]',
        '[["rank",">",1],"and","rank"]',
        "[" * 900 + "]" * 900,
        "[" * 20 + '"rank",">",1' + "]" * 20,
        7,
    ],
)
def test_what_is_no_filter_is_refused(wrong: object) -> None:
    assert FILTER.read(wrong) is None


def test_no_more_than_eight_conditions_are_sent() -> None:
    condition = ["rank", ">", 1]
    most: list[Any] = [condition, *(part for _ in range(MOST_CONDITIONS - 1) for part in ("and", condition))]
    assert joined([most], "filters") == most
    with pytest.raises(HarvestRefused, match="at most 8 conditions"):
        joined([condition, most], "filters")
