"""Links that Serpstat says a site gives, and threats at either end (reference, sections 5.11 and 5.12)."""

from collections import Counter

from sandbox_kit import GENERATED
from serpstat_sandbox_kit import BUSY, EVERY_LINK, Token, live, where

from harvester.sandbox.serpstat.outgoing import outlinks_below, outlinks_from, outlinks_of
from harvester.sandbox.serpstat.rows import domain_of, is_malicious
from harvester.sandbox.world import Scope

GIVER = next(name for number in range(99) if len(outlinks_of(GENERATED, name := f"g{number}.example")) > 500)


def test_outgoing_links_are_a_pure_function_of_world_and_host() -> None:
    links = outlinks_of(GENERATED, GIVER)
    assert links == outlinks_of(GENERATED, GIVER)
    assert links != outlinks_of(GENERATED, BUSY)
    for one in links:
        assert one.source_host == GIVER
        assert one.page_found <= one.first_seen <= one.last_seen < (one.lost_at or GENERATED.now)
        assert (one.lost_at or one.first_seen) < GENERATED.now
    assert len({(x.source_url, x.target_url) for x in links}) == len(links)
    assert 0 < sum(x.lost_at is not None for x in links) < len(links)
    assert set(links) <= set(outlinks_below(GENERATED, GIVER))
    assert outlinks_from(GENERATED, GIVER, Scope.HOST) == links


def test_outgoing_lists_show_exactly_these_links() -> None:
    token, links = Token(), outlinks_below(GENERATED, GIVER)
    for method, wanted in (("getOutlinks", live(links)), ("getLostOutlinks", [x for x in links if x.lost_at])):
        found = []
        for page in range(1, 2 + len(wanted) // 1000):
            found += token.rows(method, query=GIVER, size=1000, page=page, **EVERY_LINK)
        assert Counter((row["url_from"], row["url_to"]) for row in found) == Counter(
            (x.source_url, x.target_url) for x in wanted
        )
        assert all((row["date_del"] is None) is (method == "getOutlinks") for row in found)
    counts = Counter(domain_of(x.target_host) for x in live(links))
    rows = token.rows("getOutDomains", query=GIVER, size=1000)
    assert {row["domain_to"]: row["domain_links"] for row in rows} == counts
    assert all(row["domain_rank"] == round(GENERATED.facts.host(row["domain_to"]).authority) for row in rows)


def test_one_outgoing_link_per_domain_means_the_domain_linked_to() -> None:
    rows = Token().rows("getOutlinks", query=GIVER, size=1000, linkPerDomain=1)
    domains = [domain_of(row["url_to"].split("/")[2]) for row in rows]
    assert len(set(domains)) == len(domains)
    assert len({row["url_from"] for row in rows}) < len(rows)


def test_outgoing_links_can_be_asked_by_page() -> None:
    links = live(outlinks_of(GENERATED, GIVER))
    page = next(x.source_url for x in links if "/page/" in x.source_url)
    bare = page.removeprefix("https://")
    for scope, wanted in (
        ("url", lambda x: x.source_url == page),
        ("part_url", lambda x: x.source_url.startswith(page)),
    ):
        rows = Token().rows("getOutlinks", query=bare, searchType=scope, size=1000, **EVERY_LINK)
        assert len(rows) == sum(map(wanted, links)) > 0


def test_threats_are_the_links_of_malicious_domains() -> None:
    token, links = Token(), live(GENERATED.links_below(BUSY))
    bad = [x for x in links if is_malicious(GENERATED.facts, domain_of(x.source_host))]
    rows = token.rows("getThreatsLinks", query=BUSY, size=1000, linkPerDomain=1)
    assert sorted((row["link_from"], row["link_to"]) for row in rows) == sorted(
        (x.source_url, x.target_url) for x in bad
    )
    domains = token.rows("getThreats", query=BUSY, size=1000)
    assert {row["domain"]: row["links_count"] for row in domains} == Counter(domain_of(x.source_host) for x in bad)
    assert all(row["domain"] in row["domain_link"] for row in domains)
    last = {row["domain"]: row["lastupdate"] for row in domains}
    for one in rows:
        assert one["lastupdate"] <= last[one["domain"]]


def test_outgoing_threats_are_the_links_to_malicious_domains() -> None:
    token, links = Token(), live(outlinks_below(GENERATED, GIVER))
    bad = Counter(domain_of(x.target_host) for x in links if is_malicious(GENERATED.facts, domain_of(x.target_host)))
    domains = token.rows("getOutThreats", query=GIVER, size=1000)
    assert {row["domain"]: row["links_count"] for row in domains} == bad
    assert len(token.rows("getOutThreatsLinks", query=GIVER, size=1000)) == sum(bad.values()) > 0
    assert all(row["domain_link"].endswith(row["domain"]) for row in domains)


def test_threat_filters_take_codes_as_numbers_or_text() -> None:
    token = Token()
    asked: dict[str, object] = {"query": BUSY, "size": 1000}
    every = token.rows("getThreatsLinks", **asked)
    for code, platform in ((1, "windows"), ("5", "ios")):
        rows = token.rows("getThreatsLinks", complexFilter=[[where("platform_type", "contains", code)]], **asked)
        assert len(rows) == sum(platform in row["platform_type"] for row in every)
    rows = token.rows("getThreats", complexFilter=[[where("threat_type", "contains", 1, 9)]], **asked)
    assert {word for row in rows for word in row["threat_type"]} <= {"malware", "threat_type_unspecified"}
