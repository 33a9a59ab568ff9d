"""complexFilter of Serpstat: conditions, groups, quick filters, refusals (reference, sections 7 and 8)."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_kit import GENERATED, link, world_of
from serpstat_sandbox_kit import Token, quick, where

from harvester.sandbox.serpstat.filter import Kind, read_clauses
from harvester.sandbox.serpstat.terms import Refused

#: Each source stands for one link.
WORLD = world_of(
    link("https://a.example/1", anchor="Stat tools", first="2026-11-18", last="2026-11-20 05:00:00"),
    link("https://b.example/", anchor="", kind="image", rel=frozenset({"nofollow"}), first="2025-06-01"),
    link("https://www.c.example/3?x=1", anchor="stat", kind="frame", rel=frozenset({"nofollow", "ugc"})),
    link("https://blog.t.example/4", anchor="a, b", kind="redirect", rel=frozenset({"sponsored", "noopener"})),
    link("https://d.example/5", anchor="gone", first="2025-01-01", last="2026-11-01", lost="2026-11-19 23:59:00"),
    link("https://e.example/6", anchor="long gone", last="2026-02-01", lost="2026-03-01"),
)
A, B, C, D = "https://a.example/1", "https://b.example/", "https://www.c.example/3?x=1", "https://blog.t.example/4"
GONE, LONG_GONE = "https://d.example/5", "https://e.example/6"
ALL = sorted([A, B, C, D])
EXTERNAL = {url: WORLD.facts.page(url).links_external for url in ALL}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (where("url_from", "eq", A), [A]),
        (where("url_from", "eq", A, B), [A, B]),
        (where("url_from", "neq", A), [D, B, C]),
        (where("url_from", "neq", A, B), [D, C]),
        (where("url_from", "contains", "example/1", "blog."), [A, D]),
        (where("url_from", "notContains", "example/1", "blog."), [B, C]),
        (where("url_from", "startsWith", "https://www."), [C]),
        (where("url_from", "endsWith", "/", "/1"), [A, B]),
        (where("anchor", "contains", "Stat"), [A]),
        (where("anchor", "eq", ""), [B]),
        (where("anchor", "startsWith", "stat"), [C]),
        (where("link_type", "eq", "text"), [A]),
        (where("link_type", "contains", "iframe", "redirect"), [D, C]),
        (where("link_type", "neq", "text", "iframe"), [D, B]),
        (where("link_type", "contains", "href", "frame"), []),  # words of answers mean nothing in filters
        (where("link_nofollow", "contains", "follow"), [A]),
        (where("link_nofollow", "contains", "nofollow"), [B, C]),
        (where("link_nofollow", "eq", "ugc", "sponsored"), [D, C]),
        (where("link_nofollow", "contains", "UGC"), []),
        (where("link_nofollow", "notContains", "nofollow"), [A, D]),
        (where("check", "gte", "20.11.2026"), [A]),
        (where("check", "eq", "20.11.2026"), [A]),
        (where("check", "lt", "2.11.2026"), [D, B, C]),
        (where("check", "lte", "1.1.2030"), ALL),
        (where("check", "between", "01.11.2026", "1.11.2026"), [D, B, C]),
        (where("check", "neq", "1.11.2026"), [A]),
        (where("add", "gt", "01.01.2026"), [A]),
        (where("add", "between", "1.6.2025", "18.11.2026"), ALL),
    ],
)
def test_conditions_pick_links(condition: dict[str, object], expected: list[str]) -> None:
    assert Token(WORLD).links([condition]) == sorted(expected)


@given(st.sampled_from(["gt", "lt", "gte", "lte", "eq", "neq"]), st.integers(0, 60), st.booleans())
@settings(max_examples=40, deadline=None)
def test_numbers_compare_as_numbers_also_when_sent_as_text(compare: str, limit: int, is_text: bool) -> None:
    means = {
        "gt": lambda n: n > limit,
        "lt": lambda n: n < limit,
        "gte": lambda n: n >= limit,
        "lte": lambda n: n <= limit,
        "eq": lambda n: n == limit,
        "neq": lambda n: n != limit,
    }
    value = str(limit) if is_text else limit
    expected = [url for url in ALL if means[compare](EXTERNAL[url])]
    assert Token(WORLD).links([where("links_external", compare, value)]) == expected
    assert Token(WORLD).links([where("links_external", "between", limit, 1000)]) == [
        url for url in ALL if limit <= EXTERNAL[url]
    ]


def test_conditions_of_a_group_all_hold_and_one_group_is_enough() -> None:
    token = Token(WORLD)
    from_a, text, image = (
        where("url_from", "eq", A),
        where("anchor", "contains", "at"),
        where("link_type", "eq", "image"),
    )
    assert token.links([from_a, text]) == [A]
    assert token.links([from_a, image]) == []
    assert token.links([from_a], [image]) == [A, B]
    assert token.links([from_a, image], [text]) == [A, C]
    assert token.links([]) == token.links() == token.links([], []) == ALL
    assert token.links(complexFilter=[]) == ALL


@pytest.mark.parametrize(
    ("name", "expected"),
    [("no_subdomains", [A, B, C]), ("only_main_page", [B]), ("last_week", [A])],
)
def test_quick_filters_of_active_links(name: str, expected: list[str]) -> None:
    assert Token(WORLD).links([quick(name)]) == expected


def test_the_last_week_of_lost_links_counts_from_their_loss() -> None:
    token = Token(WORLD)
    assert token.links(method="getLostBacklinks") == [GONE, LONG_GONE]
    assert token.links([quick("last_week")], method="getLostBacklinks") == [GONE]


def test_a_quick_filter_binds_the_whole_query_whatever_group_it_stands_in() -> None:
    groups = [where("url_from", "notContains", "nowhere")], [quick("no_subdomains"), quick("only_main_page")]
    assert Token(WORLD).links(*groups) == [B]
    assert Token(WORLD, "quick_filters=plain_or").links(*groups) == ALL
    alone = [where("anchor", "contains", "a")], [quick("no_subdomains")]
    assert Token(WORLD).links(*alone) == [A, C]  # a group of quick filters only is no alternative of its own
    mixed = [where("link_type", "eq", "text"), quick("last_week")], [where("link_type", "eq", "image")]
    assert Token(WORLD).links(*mixed) == [A]
    assert Token(WORLD, "quick_filters=plain_or").links(*mixed) == [A, B]


@pytest.mark.parametrize("reading", ["whole_query", "plain_or"])
def test_in_a_single_group_the_two_readings_agree(reading: str) -> None:
    token = Token(GENERATED, f"quick_filters={reading}")
    group = [where("links_external", "gte", 10), quick("last_week"), quick("no_subdomains")]
    found = token.links(group, query="t71.example")
    assert found
    assert found == Token(GENERATED).links(group, query="t71.example")


def test_quick_filters_of_domains_tell_hosts_from_subdomains() -> None:
    def domains(*groups: list[dict[str, object]], **params: object) -> list[str]:
        rows = Token(WORLD).rows("getRefDomains", sort="domain_from", order="asc", complexFilter=groups, **params)
        return [row["domain_from"] for row in rows]

    assert domains() == ["a.example", "b.example", "blog.t.example", "c.example"]
    assert domains([quick("only_hosts")]) == ["a.example", "b.example", "c.example"]
    assert domains([quick("only_subdomains")]) == ["blog.t.example"]
    assert domains([quick("no_subdomains")]) == ["a.example", "b.example", "c.example"]
    assert domains([quick("last_week"), where("domain_links", "gte", 1)]) == ["a.example"]


def test_the_outgoing_quick_filters_look_at_the_other_end() -> None:
    def domains(name: str) -> list[str]:
        rows = Token().rows("getOutDomains", query="t71.example", complexFilter=[[quick(name)]], size=1000)
        return [row["domain_to"] for row in rows]

    every = Token().rows("getOutDomains", query="t71.example", size=1000)
    assert domains("only_subdomains") == []  # the pool has `www.` only, which makes no domain of its own
    assert len(domains("only_hosts")) == len(every)
    assert 0 < len(domains("last_week")) < len(every)


REFUSED: list[tuple[object, str]] = [
    ({"field": "url_from"}, "Not allowed params for filter"),
    ("flat", "Not allowed params for filter"),
    (["nofollow", "equals", "true"], "Not allowed params for filter"),
    ([["nofollow", "equals", "true"]], "Not allowed params for filter"),
    ([{"additional_filters": "last_week"}], "Not allowed params for filter"),
    ([[{"name": "url_from", "operator": "eq", "value": ["x"]}]], "Not allowed params for filter"),
    ([[{}]], "Not allowed params for filter"),
    ([[{**where("url_from", "eq", "x"), "operator": "eq"}]], "Not allowed params for filter"),
    ([[{**where("url_from", "eq", "x"), **quick("last_week")}]], "Not allowed params for filter"),
    ([[quick("only_hosts")]], "Not allowed params for filter"),
    ([[{"additional_filters": ["last_week"]}]], "Not allowed params for filter"),
    ([[where("url_from", "eq", True)]], "Not allowed params for filter"),
    ([[where("url_from", "eq", {})]], "Not allowed params for filter"),
    ([[where("links_external", "eq", "ten")]], "Not allowed params for filter"),
    ([[{"field": "url_from", "compareType": "eq", "value": "x"}]], "Not allowed params for filter"),
    ([[where("foo", "eq", "x")]], "Not allowed field: foo"),
    ([[where("domain_rank", "gte", 1)]], "Not allowed field: domain_rank"),
    ([[where("nofollow", "eq", "follow")]], "Not allowed field: nofollow"),
    ([[{"field": "url_from", "value": ["x"]}]], "Field compareType is required"),
    ([[{"field": "url_from", "compareType": "", "value": ["x"]}]], "Field compareType is required"),
    ([[{"field": "url_from", "compareType": "eq"}]], "Field value is required"),
    ([[where("url_from", "eq")]], "Field value is required"),
    ([[where("url_from", "gt", "x")]], "Not allowed method gt for field url_from"),
    ([[where("url_from", "between", "a", "b")]], "Not allowed method between for field url_from"),
    ([[where("url_from", "equals", "x")]], "Not allowed method equals for field url_from"),
    ([[where("links_external", "contains", 1)]], "Not allowed method contains for field links_external"),
    ([[where("link_type", "startsWith", "te")]], "Not allowed method startsWith for field link_type"),
    ([[where("links_external", "between", 1)]], "Not allowed values for between method"),
    ([[where("check", "between", "1.1.2026", "2.1.2026", "3.1.2026")]], "Not allowed values for between method"),
    ([[where("check", "gte", "2026-01-01")]], "Invalid crawl date"),
    ([[where("check", "gte", "31.02.2026")]], "Invalid crawl date"),
    ([[where("add", "gte", "1.1.26")]], "Invalid crawl date"),
    ([[where("check", "gte", 2026)]], "Invalid crawl date"),
]


@pytest.mark.parametrize(("raw", "text"), REFUSED)
def test_a_filter_at_fault_is_refused_for_nothing(raw: object, text: str) -> None:
    token = Token(WORLD)
    assert token.error("getNewBacklinks", complexFilter=raw) == (32117, text)
    assert token.charged == 0


def test_a_date_at_fault_may_have_the_older_number() -> None:
    raw = [[where("check", "gte", "soon")]]
    assert Token(WORLD, "date_code=32010").error("getNewBacklinks", complexFilter=raw)[0] == 32010


def test_the_threat_methods_write_dates_the_other_way_round() -> None:
    token = Token()
    usual: dict[str, object] = {"query": "t71.example", "size": 1000}
    every = token.rows("getThreatsLinks", **usual)
    days = sorted(row["lastupdate"] for row in every)
    middle = days[len(days) // 2]
    picked = token.rows("getThreatsLinks", complexFilter=[[where("lastupdate", "gte", middle)]], **usual)
    assert sorted(row["lastupdate"] for row in picked) == [day for day in days if day >= middle]
    assert token.error("getThreatsLinks", complexFilter=[[where("lastupdate", "gte", "1.1.2026")]], **usual) == (
        32117,
        "Invalid crawl date",
    )


def test_fields_go_by_the_names_of_enum_and_example_alike() -> None:
    token = Token(WORLD)
    for name in ("nofollow", "noFollow"):
        rows = token.rows("getAnchors", complexFilter=[[where(name, "gte", 1)]])
        assert sorted(row["anchor"] for row in rows) == ["", "a, b", "stat"]
    for name in ("domain_from", "domain_to"):
        groups = [[where(name, "endsWith", ".test")]]
        rows = Token().rows("getOutDomains", query="t71.example", complexFilter=groups)
        assert rows
        assert all(row["domain_to"].endswith(".test") for row in rows)


_PARTS = st.sampled_from(["field", "compareType", "value", "additional_filters"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_PARTS, inner, max_size=4),
    max_leaves=12,
)


@given(anything)
@settings(max_examples=150, deadline=None)
def test_whatever_comes_is_read_or_refused(raw: object) -> None:
    with suppress(Refused):
        read_clauses(raw, {"anchor": Kind.TEXT, "check": Kind.DATE}, ("last_week",))
