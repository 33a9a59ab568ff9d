"""What Serpstat's lists show of the one link world (reference, sections 4, 5 and 8)."""

import pytest
from sandbox_kit import GENERATED, link, world_of
from serpstat_sandbox_kit import BUSY, EVERY_LINK, Token, live, where

from harvester.sandbox.serpstat.lists import listings
from harvester.sandbox.serpstat.rows import domain_of
from harvester.sandbox.serpstat.terms import SerpstatSwitches

WORLD = world_of(
    link("https://www.a.example/1", "https://t.example/", anchor="one", first="2026-01-02 03:04:05", last="2026-10-01"),
    link("https://a.example/2", "https://t.example", anchor="one", kind="image", rel=frozenset({"sponsored", "ugc"})),
    link("https://a.example/2", "https://t.example/dir/x", anchor="two words", rel=frozenset({"nofollow"})),
    link("https://b.example/", "https://www.t.example/dir/?q=1#f", kind="frame", anchor=""),
    link("https://c.example/9", "https://t.example/dir", kind="redirect", anchor=""),
    link("https://c.example/9", "https://t.example/", anchor="old", last="2026-05-05", lost="2026-06-07 08:09:10"),
)
NAMES = tuple(listings(SerpstatSwitches()))


def rank(host: str) -> int:
    return round(WORLD.facts.host(host).authority)


def test_an_active_link_is_shown_with_all_its_fields() -> None:
    rows = Token(WORLD).rows(
        "getNewBacklinks", complexFilter=[[where("anchor", "eq", "one")]], sort="add", order="asc", **EVERY_LINK
    )
    assert rows[1] == {
        "url_from": "https://www.a.example/1",
        "url_to": "https://t.example/",
        "nofollow": "follow",
        "link_type": "href",
        "links_ext": WORLD.facts.page("https://www.a.example/1").links_external,
        "link_text": "one",
        "first_seen": "2026-01-02",
        "last_visited": "2026-10-01 00:00:00",
        "domain_rank": rank("a.example"),
    }
    assert (rows[0]["link_type"], rows[0]["nofollow"]) == ("image", "UGC,sponsored")


def test_a_lost_link_was_last_visited_when_it_was_missed() -> None:
    (row,) = Token(WORLD).rows("getLostBacklinks")
    assert (row["last_visited"], row["date_del"]) == ("2026-06-07 08:09:10", "2026-06-07 08:09:10")
    assert (row["first_seen"], row["link_text"], row["domain_rank"]) == ("2026-01-01", "old", rank("c.example"))


def test_check_may_mean_the_first_detection_of_a_lost_link() -> None:
    since = [[where("check", "gte", "1.6.2026")]]
    assert len(Token(WORLD).rows("getLostBacklinks", complexFilter=since)) == 1
    assert Token(WORLD, "lost_check=first_seen").rows("getLostBacklinks", complexFilter=since) == []


def test_attributes_may_be_parted_by_comma_and_space() -> None:
    rows = Token(WORLD, "spaced_attributes=true").rows("getNewBacklinks", **EVERY_LINK)
    assert "UGC, sponsored" in {row["nofollow"] for row in rows}
    assert Token(GENERATED, "spaced_attributes=true").rows("getLostOutlinks", query=BUSY)


@pytest.mark.parametrize(
    ("scope", "query", "targets"),
    [
        ("domain", "t.example", 4),
        ("domain_with_subdomains", "t.example", 5),
        ("domain", "www.t.example", 1),
        ("url", "t.example", 2),
        ("url", "t.example/dir", 1),
        ("url", "https://t.example/dir", 1),
        ("url", "t.example/dir/", 0),
        ("part_url", "t.example/dir", 2),
        ("part_url", "t.example/dir/", 1),
        ("url", "www.t.example/dir/?q=1", 1),
    ],
)
def test_search_type_says_how_much_of_a_site_is_meant(scope: str, query: str, targets: int) -> None:
    rows = Token(WORLD).rows("getNewBacklinks", query=query, searchType=scope, **EVERY_LINK)
    assert len(rows) == targets


def test_a_host_may_cover_its_www() -> None:
    token = Token(WORLD, "www_is_host=true")
    assert len(token.rows("getNewBacklinks", searchType="domain", **EVERY_LINK)) == 5
    assert len(token.rows("getNewBacklinks", searchType="url", **EVERY_LINK)) == 2


def test_an_omitted_link_per_domain_collapses_silently() -> None:
    token = Token(WORLD)
    assert token.summary("getNewBacklinks", linkPerDomain=0)["total"] == 5
    assert token.summary("getNewBacklinks", linkPerDomain=1)["total"] == 3
    assert token.summary("getNewBacklinks")["total"] == 3
    assert Token(WORLD, "omitted_link_per_domain=0").summary("getNewBacklinks")["total"] == 5
    assert Token(WORLD, "zero_link_per_domain=one_per_page").summary("getNewBacklinks", linkPerDomain=0)["total"] == 4


def test_one_per_domain_keeps_the_first_in_the_order_asked_for() -> None:
    for order, expected in (("asc", "https://a.example/2"), ("desc", "https://www.a.example/1")):
        rows = Token(WORLD).rows("getNewBacklinks", linkPerDomain=1, sort="url_from", order=order)
        kept = {domain_of(row["url_from"].split("/")[2]): row["url_from"] for row in rows}
        assert kept["a.example"] == expected


def test_filters_come_before_the_collapse() -> None:
    two = [[where("anchor", "eq", "two words")]]
    assert len(Token(WORLD).rows("getNewBacklinks", linkPerDomain=1, complexFilter=two)) == 1


def test_referring_domains_count_pages_and_drop_www() -> None:
    rows = Token(WORLD).rows("getRefDomains", sort="domain_from", order="asc")
    assert rows == [
        {"domain_from": "a.example", "ref_pages": 2, "domainRank": rank("a.example")},
        {"domain_from": "b.example", "ref_pages": 1, "domainRank": rank("b.example")},
        {"domain_from": "c.example", "ref_pages": 1, "domainRank": rank("c.example")},
    ]
    assert [domain_of(host) for host in ("www.x.example", "blog.x.example", "www.test")] == [
        "x.example",
        "blog.x.example",
        "www.test",
    ]


def test_anchors_count_links_domains_and_unfollowed_links() -> None:
    token = Token(WORLD)
    rows = token.rows("getAnchors", sort="anchor", order="asc")
    assert rows == [
        {"anchor": "", "refDomains": 2, "total": 2, "noFollow": 0},
        {"anchor": "one", "refDomains": 1, "total": 2, "noFollow": 1},
        {"anchor": "two words", "refDomains": 1, "total": 1, "noFollow": 1},
    ]
    assert [row["anchor"] for row in token.rows("getAnchors", anchor="wor")] == ["two words"]
    assert [row["anchor"] for row in token.rows("getAnchors", count="2")] == ["two words"]
    assert [row["anchor"] for row in token.rows("getAnchors", count="1", searchType="url")] == ["one"]
    assert [row["anchor"] for row in Token(WORLD, "omitted_count=1").rows("getAnchors")] == ["one"]


def test_top_pages_tell_a_slash_from_none() -> None:
    rows = Token(WORLD).rows("getTopPages", sort="url_to", order="asc")
    assert [(row["url"], row["urlTo"]) for row in rows] == [
        ("", "https://t.example"),
        ("/", "https://t.example/"),
        ("/dir", "https://t.example/dir"),
        ("/dir/x", "https://t.example/dir/x"),
        ("/dir/?q=1#f", "https://www.t.example/dir/?q=1#f"),
    ]
    ip = WORLD.facts.host("www.a.example").ip
    assert (rows[1]["ref_pages"], rows[1]["ref_domains"], rows[1]["ips"]) == (1, 1, int(ip is not None))


def test_redirecting_domains_have_capitals_and_a_space() -> None:
    rows = Token(WORLD).rows("getRedirectedDomains")
    assert rows == [{"Domain": "c.example", "Domain Rank": rank("c.example")}]


def test_an_intersection_names_its_keys_by_the_request() -> None:
    world = world_of(
        link("https://a.example/1", "https://t.example/"),
        link("https://a.example/2", "https://www.t.example/"),
        link("https://a.example/3", "https://u.example/"),
        link("https://b.example/1", "https://t.example/"),
        link("https://b.example/1", "https://u.example/", last="2026-02-02", lost="2026-03-03"),
        link("https://c.example/1", "https://v.example/"),
        link("https://c.example/1", "https://t.example/"),
    )
    rows = Token(world).rows("getIntersect", intersect=["U.example", "v.example"], sort="links_count1")
    first, second, third = (f"Links count for domain #{name}" for name in ("1 t.example", "2 U.example", "3 v.example"))
    sdr = [round(world.facts.host(host).authority) for host in ("a.example", "c.example")]
    assert rows == [
        {"Domain": "a.example", "SDR": sdr[0], first: 2, second: 1, third: 0},
        {"Domain": "c.example", "SDR": sdr[1], first: 1, second: 0, third: 1},
    ]
    two = Token(world, "intersect_rows=any").rows("getIntersect", intersect=["u.example"])
    assert (len(two), len(two[0])) == (3, 4)
    picked = Token(world).rows(
        "getIntersect", intersect=["u.example"], complexFilter=[[where("links_count1", "gte", 2)]]
    )
    assert [row["Domain"] for row in picked] == ["a.example"]
    summary = Token(world).ask("getIntersectSummary", intersect=["u.example", "v.example"])["result"]
    assert [(row["domains"], row["referring_domains_count"]) for row in summary["data"]] == [
        ("t.example", 1),
        ("u.example", 0),
        ("t.example, u.example", 1),
        ("v.example", 0),
        ("t.example, v.example", 1),
        ("u.example, v.example", 0),
        ("t.example, u.example, v.example", 0),
    ]
    assert summary["summary_info"] | {"left_lines": 0} == {
        "left_lines": 0,
        "page": 1,
        "count": 7,
        "total": 0,
        "sort": "",
        "order": "",
    }


def test_rows_with_the_same_value_stand_in_one_order_whatever_the_world_says_first() -> None:
    twins = [link(f"https://s{number}.example/", anchor=f"{number % 3}") for number in range(40)]
    for method in ("getNewBacklinks", "getRefDomains", "getAnchors"):
        assert Token(world_of(*twins)).rows(method) == Token(world_of(*reversed(twins))).rows(method)


@pytest.mark.parametrize("method", NAMES)
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_every_sort_key_sorts_and_the_order_is_total(method: str, order: str) -> None:
    form = listings(SerpstatSwitches())[method].form
    more: dict[str, object] = {"intersect": ["t8.example", "t9.example"]} if form.has_intersect else {}
    sets = []
    for sort in form.sorts:
        asked = {"query": BUSY, "sort": sort, "order": order, "size": 1000, "linkPerDomain": 0, **more}
        rows = Token().rows(method, **asked)
        assert rows == Token().rows(method, **asked)
        sets.append(sorted(map(str, rows)))
    assert sets[0]
    assert all(found == sets[0] for found in sets)


@pytest.mark.parametrize(
    ("method", "sort", "field"),
    [
        ("getNewBacklinks", "url_from", "url_from"),
        ("getNewBacklinks", "anchor", "link_text"),
        ("getNewBacklinks", "link_nofollow", "nofollow"),
        ("getNewBacklinks", "link_type", "link_type"),
        ("getNewBacklinks", "links_external", "links_ext"),
        ("getNewBacklinks", "check", "last_visited"),
        ("getNewBacklinks", "add", "first_seen"),
        ("getNewBacklinks", "domain_rank", "domain_rank"),
        ("getLostBacklinks", "check", "date_del"),
        ("getLostOutlinks", "lastupdate", "date_del"),
        ("getRefDomains", "domain_links", "ref_pages"),
        ("getRefDomains", "domain_rank", "domainRank"),
        ("getAnchors", "refDomains", "refDomains"),
        ("getTopPages", "ips", "ips"),
        ("getTopPages", "count", "ref_pages"),
        ("getTopPages", "domains", "ref_domains"),
        ("getOutDomains", "domain_links", "domain_links"),
        ("getThreats", "links_count", "links_count"),
        ("getThreats", "lastupdate", "lastupdate"),
        ("getThreatsLinks", "url_to", "link_to"),
    ],
)
def test_rows_follow_the_field_that_the_sort_key_stands_for(method: str, sort: str, field: str) -> None:
    for order in ("asc", "desc"):
        rows = Token().rows(method, query=BUSY, sort=sort, order=order, size=1000, linkPerDomain=0)
        values = [row[field] for row in rows]
        assert values == sorted(values, reverse=order == "desc")
        assert len(set(values)) > 1


def test_the_generated_links_are_those_of_the_world() -> None:
    links = GENERATED.links_below(BUSY)
    for method, wanted in (("getNewBacklinks", live(links)), ("getLostBacklinks", [x for x in links if x.lost_at])):
        rows = Token().rows(method, query=BUSY, size=1000, **EVERY_LINK)
        shown = sorted((row["url_from"], row["url_to"], row["link_text"], row["first_seen"]) for row in rows)
        assert shown == sorted((x.source_url, x.target_url, x.anchor, x.first_seen.date().isoformat()) for x in wanted)
