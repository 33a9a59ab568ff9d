"""Which rows Ahrefs' row reports return, in which order, and how many."""

import csv
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sandbox_kit import GENERATED, NOW, Counter, error_of, link, world_of

from harvester import codec
from harvester.sandbox.hosts import root_of
from harvester.sandbox.observed import ObservedWorld, read_links
from harvester.sandbox.world import Lost

SEED_CSV = Path(__file__).parents[2].parent / "shared" / "data" / "observed_links.csv"
LIVES = world_of(
    link("https://a.example/1", anchor="one", first="2026-01-05T01:02:03", rel=frozenset({"nofollow"})),
    link("https://a.example/2", anchor="two", first="2026-02-05", lost="2026-06-01T00:00:00"),
    link("https://b.example/1", anchor="one", first="2026-03-05", lost="2026-09-01T12:00:00"),
    link("https://www.b.example/2", "http://t.example/x", anchor="", first="2026-04-05", rel=frozenset({"ugc"})),
    link("https://c.example/1", "https://s.t.example/", first="2026-05-05", last="2026-05-05"),
)
BIG = next(f"site{n}.example" for n in range(999) if GENERATED.link_count(f"site{n}.example") > 600)


def pages(rows: list[dict[str, Any]], name: str = "url_from") -> list[str]:
    return sorted(row[name].removeprefix("https://") for row in rows)


def names(rows: list[dict[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in rows]


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ({}, ["a.example/1", "a.example/2", "b.example/1", "c.example/1", "www.b.example/2"]),
        ({"history": "all_time"}, ["a.example/1", "a.example/2", "b.example/1", "c.example/1", "www.b.example/2"]),
        ({"history": "live"}, ["a.example/1", "c.example/1", "www.b.example/2"]),
        ({"history": "since:2026-06-02"}, ["a.example/1", "b.example/1", "c.example/1", "www.b.example/2"]),
        (
            {"history": "since:2026-06-01"},
            ["a.example/1", "a.example/2", "b.example/1", "c.example/1", "www.b.example/2"],
        ),
    ],
)
def test_history_adds_lost_links_and_all_of_them_by_default(history: dict[str, str], expected: list[str]) -> None:
    assert pages(Counter(LIVES).links(**history)) == expected


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"mode": "domain"}, ["a.example/1", "a.example/2", "b.example/1", "www.b.example/2"]),
        ({"mode": "exact"}, ["a.example/1", "a.example/2", "b.example/1"]),
        ({"mode": "prefix", "target": "t.example/x"}, ["www.b.example/2"]),
        ({"target": "https://s.t.example"}, ["c.example/1"]),
        ({"protocol": "http"}, ["www.b.example/2"]),
        ({"protocol": "https", "mode": "domain"}, ["a.example/1", "a.example/2", "b.example/1"]),
        ({"target": "unknown.example"}, []),
    ],
)
def test_mode_and_protocol_choose_links_by_their_target(params: dict[str, str], expected: list[str]) -> None:
    assert pages(Counter(LIVES).links(**params)) == expected


def test_a_row_holds_exactly_the_selected_fields_and_tells_the_life_of_its_link() -> None:
    select = (
        "url_from,first_seen,first_seen_link,last_seen,last_visited,is_lost,lost_reason,drop_reason,is_new,url_from"
    )
    world = world_of(
        link("https://a.example/1", first="2026-01-05T01:02:03", page_found=LIVES.now.replace(year=2025)),
        link("https://a.example/2", first="2026-02-05", last="2026-05-01", lost="2026-06-01T08:00:00"),
    )
    live, lost = Counter(world).links(select=select, order_by="first_seen_link:asc")
    assert live == {
        "url_from": "https://a.example/1",
        "first_seen": "2025-11-21T00:00:00Z",
        "first_seen_link": "2026-01-05T01:02:03Z",
        "last_seen": None,
        "last_visited": "2026-11-01T00:00:00Z",
        "is_lost": False,
        "lost_reason": None,
        "drop_reason": None,
        "is_new": False,
    }
    assert lost["last_seen"] == "2026-06-01T08:00:00Z"  # found lost, not last seen
    assert lost["last_visited"] == "2026-05-01T00:00:00Z"
    assert (lost["is_lost"], lost["lost_reason"], lost["drop_reason"]) == (True, "removedfromhtml", None)


@pytest.mark.parametrize(
    ("reason", "expected", "status"),
    [
        (Lost.PAGE_REMOVED, "notfound", 404),
        (Lost.LINK_REMOVED, "removedfromhtml", 200),
        (Lost.PAGE_ERROR, "pageerror", 500),
        (Lost.PAGE_REDIRECTED, "pageredirected", 301),
        (Lost.NOINDEX, "noindex", 200),
        (Lost.NOT_CANONICAL, "notcanonical", 200),
        (Lost.REDIRECT_LOST, "lostredirect", 200),
        (Lost.DROPPED, None, 200),
    ],
)
def test_each_way_to_be_lost_has_its_word(reason: Lost, expected: str | None, status: int) -> None:
    world = world_of(link(lost="2026-06-01", lost_reason=reason))
    (row,) = Counter(world).links(select="lost_reason,drop_reason,http_code,noindex,broken_redirect_reason")
    assert (row["lost_reason"], row["http_code"]) == (expected, status)
    assert (row["drop_reason"] is not None) == (reason is Lost.DROPPED)
    assert row["noindex"] == (reason is Lost.NOINDEX)
    assert (row["broken_redirect_reason"] is not None) == (reason is Lost.REDIRECT_LOST)


def test_a_link_found_at_the_last_check_is_new_and_says_why() -> None:
    young = {"first": "2026-11-01", "last": "2026-11-01"}
    world = world_of(
        link("https://a.example/1", **young),
        link("https://a.example/2", page_found=LIVES.now.replace(year=2025), **young),
        link("https://a.example/3", was_restored=True, **young),
        link("https://a.example/4", first="2026-10-01"),
    )
    rows = Counter(world).links(select="url_from,is_new,discovered_status", order_by="url_from:asc")
    assert names(rows, "is_new") == [True, True, True, False]
    assert names(rows, "discovered_status") == ["pagefound", "linkfound", "linkrestored", None]


def test_limit_is_1000_by_default_and_cut_to_the_plan_without_a_word() -> None:
    uncapped = Counter(row_cap=None, units=10**9)
    assert len(uncapped.links(target=BIG, limit=17)) == 17
    assert len(uncapped.links(target=BIG)) == min(1000, len(GENERATED.links_below(BIG)))
    assert len(uncapped.links(target=BIG, limit=100_000)) == len(GENERATED.links_below(BIG))
    for cap in (100, 250, 500):
        answer = Counter(row_cap=cap).explore("all-backlinks", target=BIG, select="url_from", limit=600)
        assert (answer.status, answer.rows, answer.headers["x-api-rows"]) == (200, cap, str(cap))


def test_offset_and_other_unknown_parameters_are_ignored() -> None:
    counter = Counter(row_cap=100)
    first = counter.links(target=BIG)
    assert counter.links(target=BIG, offset=100) == first
    assert counter.links(target=BIG, page=2, cursor="x", date_from="nonsense") == first


def test_order_by_sorts_and_nulls_come_last() -> None:
    counter = Counter(LIVES)
    rows = counter.links(select="first_seen_link", order_by="first_seen_link:asc")
    assert names(rows, "first_seen_link") == sorted(names(rows, "first_seen_link"))
    rows = counter.links(select="first_seen_link", order_by="first_seen_link:desc")
    assert names(rows, "first_seen_link") == sorted(names(rows, "first_seen_link"), reverse=True)
    for direction in ("asc", "desc"):
        rows = counter.links(select="last_seen", order_by=f"last_seen:{direction}")
        assert names(rows, "last_seen")[2:] == [None] * 3


def test_an_ordered_window_reads_every_link_of_a_large_target() -> None:
    counter, seen, since = Counter(row_cap=250, units=10**9), set[str](), "1990-01-01"
    select = "url_from,url_to,anchor,first_seen_link"
    target = next(
        host
        for host in (f"site{n}.example" for n in range(2000))
        if len(links := GENERATED.links_below(host)) > 400
        and len({one.first_seen for one in links}) > 0.98 * len(links)
    )
    for _ in range(20):
        where = {"field": "first_seen_link", "is": ["gte", since]}
        rows = counter.links(target=target, select=select, order_by="first_seen_link:asc", where=where)
        seen |= {codec.dump(row).decode() for row in rows}
        if since == rows[-1]["first_seen_link"]:
            break
        since = rows[-1]["first_seen_link"]
    assert len(seen) == len(GENERATED.links_below(target))


def test_where_filters_on_names_that_cannot_be_selected() -> None:
    where = {"field": "is_homepage_link", "is": ["eq", False]}
    assert len(Counter(LIVES).links(where=where)) == 5
    assert error_of(Counter(LIVES).explore("all-backlinks", select="is_homepage_link"))[0] == 400


def test_aggregation_folds_similar_links_or_a_whole_domain() -> None:
    world = world_of(
        link("https://a.example/1", anchor="x"),
        link("https://www.a.example/2", anchor="x"),
        link("https://a.example/3", anchor="y", rel=frozenset({"nofollow"})),
        link("https://b.example/1", anchor="x"),
    )
    counter = Counter(world)

    def folded(**params: object) -> list[tuple[str, int]]:
        rows = counter.rows("all-backlinks", select="root_name_source,link_group_count", **params)
        return sorted((row["root_name_source"], row["link_group_count"]) for row in rows)

    assert folded() == folded(aggregation="similar_links") == [("a.example", 1), ("a.example", 2), ("b.example", 1)]
    assert folded(aggregation="1_per_domain") == [("a.example", 3), ("b.example", 1)]
    nofollow = {"field": "is_nofollow", "is": ["eq", True]}
    assert folded(aggregation="1_per_domain", where=nofollow) == [("a.example", 1)]
    several = {"field": "link_group_count", "is": ["gt", 2]}
    assert folded(aggregation="1_per_domain", where=several) == [("a.example", 3)]
    assert len(counter.links()) == 4


def test_a_live_link_stands_for_its_group() -> None:
    lost = [link(f"https://a.example/{number}", lost="2026-05-01") for number in range(9)]
    rows = Counter(world_of(*lost, link("https://a.example/live"))).rows("all-backlinks", select="url_from,is_lost")
    assert rows == [{"url_from": "https://a.example/live", "is_lost": False}]


def test_link_group_count_does_not_go_with_aggregation_all() -> None:
    counter = Counter(LIVES)
    for more in ({"select": "link_group_count"}, {"where": {"field": "link_group_count", "is": ["gt", 1]}}):
        params: dict[str, Any] = {"select": "url_from", "aggregation": "all", **more}
        assert error_of(counter.explore("all-backlinks", **params))[0] == 400


def test_broken_backlinks_are_live_links_to_pages_that_fail() -> None:
    counter = Counter(GENERATED, units=10**9, row_cap=None)
    select = "url_from,url_to,http_code_target,last_seen"
    params = {"target": BIG, "aggregation": "all", "history": "nonsense is ignored here"}
    rows = counter.rows("broken-backlinks", select=select, **params)
    assert rows
    assert all(row["http_code_target"] >= 400 and row["last_seen"] is None for row in rows)
    live = [one for one in GENERATED.links_below(BIG) if one.lost_at is None]
    failing = [one for one in live if GENERATED.facts.page(one.target_url).status >= 400]
    assert len(rows) == len(failing)
    assert error_of(counter.explore("broken-backlinks", select="is_lost"))[0] == 400


def test_refdomains_count_the_links_of_the_window() -> None:
    select = "domain,links_to_target,dofollow_links,new_links,lost_links,first_seen,last_seen"

    def domains(**params: object) -> dict[str, tuple[Any, ...]]:
        rows = Counter(LIVES).rows("refdomains", select=select, **params)
        return {row["domain"]: tuple(list(row.values())[1:]) for row in rows}

    assert domains() == {
        "a.example": (2, 1, 2, 1, "2026-01-05T01:02:03Z", None),
        "b.example": (2, 1, 2, 1, "2026-03-05T00:00:00Z", None),
        "c.example": (1, 1, 1, 0, "2026-05-05T00:00:00Z", None),
    }
    assert domains(history="live")["b.example"] == (1, 0, 0, 0, "2026-04-05T00:00:00Z", None)
    since = domains(history="since:2026-04-01")
    assert since["a.example"][2:4] == (0, 1)
    assert since["b.example"][2:4] == (1, 1)
    assert domains(mode="exact")["b.example"] == (1, 1, 1, 1, "2026-03-05T00:00:00Z", "2026-09-01T12:00:00Z")


def test_filters_on_links_select_domains_by_their_links() -> None:
    def domains(where: Any) -> list[str]:
        return pages(Counter(LIVES).rows("refdomains", select="domain", where=where), "domain")

    assert domains({"field": "anchor", "is": ["eq", "one"]}) == ["a.example", "b.example"]
    assert domains({"field": "is_ugc", "is": ["eq", True]}) == ["b.example"]
    both = [{"field": "anchor", "is": ["eq", "two"]}, {"field": "is_nofollow", "is": ["eq", True]}]
    assert domains({"and": both}) == []  # not the same link
    assert domains({"or": both}) == ["a.example"]
    own = {"field": "links_to_target", "is": ["gte", 2]}
    assert domains(own) == ["a.example", "b.example"]
    assert domains({"and": [own, {"field": "url_to", "is": ["suffix", "/x"]}]}) == ["b.example"]


def test_domains_can_be_walked_by_name() -> None:
    counter, seen, last = Counter(row_cap=100, units=10**9), list[str](), ""
    while True:
        where = {"field": "domain", "is": ["gt", last]}
        rows = counter.rows("refdomains", target=BIG, select="domain", order_by="domain:asc", where=where)
        if not rows:
            break
        seen += names(rows, "domain")
        last = seen[-1]
    assert seen == sorted({root_of(one.source_host) for one in GENERATED.links_below(BIG)})
    assert len(seen) > 200


@pytest.mark.skipif(not SEED_CSV.exists(), reason="the shared seed data are not beside this repository")
@pytest.mark.parametrize("target", ["github.com", "wikipedia.org", "travis-ci.org"])
def test_an_observed_target_has_exactly_the_rows_of_the_file(target: str) -> None:
    with SEED_CSV.open(encoding="utf-8", newline="") as file:
        wanted = [
            (row["source_url"], row["target_url"], row["anchor"], row["first_seen"], row["lost_at"] or None)
            for row in csv.DictReader(file)
            if f".{urlsplit(row['target_url']).hostname}".endswith(f".{target}")
        ]
    world = ObservedWorld(read_links(SEED_CSV), seed=1, now=NOW)
    rows = Counter(world, row_cap=None).links(target=target, select="url_from,url_to,anchor,first_seen_link,last_seen")
    assert sorted((tuple(row.values()) for row in rows), key=repr) == sorted(wanted, key=repr)


def test_anchors_and_pages_count_too() -> None:
    counter = Counter(LIVES)
    rows = counter.rows("anchors", select="anchor,links_to_target,refdomains,refpages,lost_links,last_seen")
    by_anchor = {row.pop("anchor"): list(row.values()) for row in rows}
    assert by_anchor["one"] == [2, 2, 2, 1, None]
    assert by_anchor["two"] == [1, 1, 1, 1, "2026-06-01T00:00:00Z"]
    assert by_anchor[""] == [1, 1, 1, 0, None]
    rows = counter.rows("pages-by-backlinks", select="url_to,links_to_target,refdomains_target,nofollow_to_target")
    by_page = {row.pop("url_to"): list(row.values()) for row in rows}
    assert by_page["https://t.example/"] == [3, 2, 1]
    assert by_page["http://t.example/x"] == [1, 1, 1]
    lost = {"field": "is_lost", "is": ["eq", True]}
    assert names(counter.rows("pages-by-backlinks", select="url_to", where=lost), "url_to") == ["https://t.example/"]
    root = {"field": "is_root_domain", "is": ["eq", False]}
    assert names(counter.rows("anchors", select="anchor", where=root), "anchor") == [""]


@pytest.mark.parametrize(
    ("report", "params", "why"),
    [
        ("all-backlinks", {"target": ""}, "missing parameter: target"),
        ("all-backlinks", {"target": "no host"}, "invalid target"),
        ("all-backlinks", {}, "missing parameter: select"),
        ("all-backlinks", {"select": ""}, "missing parameter: select"),
        (
            "all-backlinks",
            {"select": "url_from,urls"},
            "column 'urls' not found; available columns: ahrefs_rank_source, ",
        ),
        ("all-backlinks", {"select": "url_from, url_to"}, "column ' url_to' not found"),
        ("all-backlinks", {"select": "url_from", "mode": "host"}, "invalid mode"),
        ("all-backlinks", {"select": "url_from", "protocol": "ftp"}, "invalid protocol"),
        ("all-backlinks", {"select": "url_from", "aggregation": "none"}, "invalid aggregation"),
        ("all-backlinks", {"select": "url_from", "history": "since:yesterday"}, "invalid history"),
        ("all-backlinks", {"select": "url_from", "history": "forever"}, "invalid history"),
        ("all-backlinks", {"select": "url_from", "limit": "0"}, "invalid limit"),
        ("all-backlinks", {"select": "url_from", "limit": "ten"}, "invalid limit"),
        ("all-backlinks", {"select": "url_from", "output": "csv"}, "invalid output"),
        ("all-backlinks", {"select": "url_from", "timeout": "soon"}, "invalid timeout"),
        ("all-backlinks", {"select": "url_from", "where": "is_dofollow=true"}, "invalid where"),
        ("all-backlinks", {"select": "url_from", "where": {"field": "nothing", "is": "empty"}}, "column 'nothing'"),
        ("all-backlinks", {"select": "url_from", "order_by": "nothing:asc"}, "order_by"),
        ("all-backlinks", {"select": "url_from", "order_by": "is_homepage_link"}, "order_by"),
        ("all-backlinks", {"select": "url_from", "order_by": "url_from:up"}, "order_by"),
        ("all-backlinks", {"select": "url_from", "order_by": "link_group_count:asc"}, "not sortable"),
        ("broken-backlinks", {"select": "url_from", "order_by": "http_code_target:asc"}, "not sortable"),
        ("pages-by-backlinks", {"select": "url_to", "order_by": "title_target:asc"}, "not sortable"),
        ("domain-rating", {}, "missing parameter: date"),
        ("metrics", {"date": "today"}, "invalid date"),
        ("metrics", {"date": "2026-11-01", "country": "USA"}, "invalid country"),
        ("refdomains-history", {}, "missing parameter: date_from"),
        ("refdomains-history", {"date_from": "2026-01-01", "history_grouping": "yearly"}, "invalid history_grouping"),
        ("refdomains-history", {"date_from": "0001-01-01"}, "too long ago"),
    ],
)
def test_a_request_at_fault_is_a_400_and_costs_nothing(report: str, params: dict[str, Any], why: str) -> None:
    counter = Counter(LIVES)
    status, text = error_of(counter.explore(report, **params))
    assert (status, counter.account.units_charged) == (400, 0)
    assert why in text


@pytest.mark.parametrize("path", ["/site-explorer/overview", "/site-explorer/new-backlinks", "/all-backlinks", "/"])
def test_reports_that_ahrefs_does_not_have_are_a_404(path: str) -> None:
    assert error_of(Counter().ask(path, target="t.example", select="url_from"))[0] == 404
    assert Counter().send("/site-explorer/anchors", "POST").status == 404
