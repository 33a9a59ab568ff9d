"""The methods of Serpstat that answer at once (reference, sections 5.7 and 5.8)."""

from sandbox_kit import GENERATED, link, world_of
from serpstat_sandbox_kit import BUSY, Token, live

from harvester.sandbox.groups import is_followed
from harvester.sandbox.serpstat.outgoing import outlinks_below
from harvester.sandbox.serpstat.rows import domain_of

LIVED = world_of(
    *(link(f"https://a.example/{number}", first="2026-01-01") for number in range(5)),
    link("https://a.example/6", first="2026-01-02", last="2026-05-05", lost="2026-06-07 08:09:10"),
)


def test_the_summary_adds_up() -> None:
    for number in range(30):
        query = f"t{number}.example"
        data = Token().ask("getSummaryV2", query=query)["result"]["data"]
        links = live(GENERATED.links_below(query))
        kinds = ("text", "image", "redirect", "canonical", "alternate", "rss", "frame", "form")
        for end in ("", "_change"):
            assert sum(data[f"{kind}_backlinks{end}"] for kind in kinds) == data[f"backlinks{end}"]
            assert data[f"nofollow_backlinks{end}"] + data[f"dofollow_backlinks{end}"] == data[f"backlinks{end}"]
        assert data["backlinks"] == len(links)
        assert data["dofollow_backlinks"] == sum(map(is_followed, links))
        total = Token().summary("getRefDomains", query=query, size=1)["total"]
        assert data["referring_domains"] == total


def test_the_summary_counts_what_changed_within_a_week() -> None:
    world = world_of(
        link("https://a.example/", first="2026-11-18", last="2026-11-20"),
        link("https://b.example/1", first="2025-01-01", last="2026-11-10", lost="2026-11-19"),
        link("https://b.example/2", first="2025-01-01"),
        link("https://c.example/1", first="2025-01-01", last="2026-01-10", lost="2026-02-02"),
    )
    data = Token(world).ask("getSummaryV2")["result"]["data"]
    assert (data["backlinks"], data["backlinks_change"]) == (2, 0)
    assert (data["referring_domains"], data["referring_domains_change"]) == (2, 1)
    assert (data["backlinks_from_mainpages"], data["backlinks_from_mainpages_change"]) == (1, 1)
    given = live(outlinks_below(world, "t.example"))
    assert data["external_links"] == len(given)
    assert data["external_domains"] == len({domain_of(x.target_host) for x in given})


def test_the_rank_of_a_summary_may_be_fractional_or_null() -> None:
    authority = GENERATED.facts.host(BUSY).authority
    for switch, expected in (("integer", round(authority)), ("fraction", authority), ("null", None)):
        token = Token(GENERATED, f"summary_rank={switch}")
        assert token.ask("getSummaryV2", query=BUSY)["result"]["data"]["sersptat_domain_rank"] == expected


def test_history_is_weekly_oldest_first_and_ends_this_week() -> None:
    rows = Token(LIVED).rows("getBacklinksChangesHistory")
    assert (len(rows), rows[0]["date"], rows[-1]["date"]) == (52, "2025-11-24", "2026-11-16")
    by_week = {row["date"]: (row["new_links"], row["lost_links"]) for row in rows}
    assert by_week["2025-12-29"] == (6, 0)
    assert by_week["2026-06-01"] == (0, 1)
    assert sum(new + gone for new, gone in by_week.values()) == 7
    long = Token(GENERATED, "history=all").rows("getBacklinksChangesHistory", query=BUSY)
    links = GENERATED.links_below(BUSY)
    assert sum(row["new_links"] for row in long) == len(links)
    assert sum(row["lost_links"] for row in long) == len(links) - len(live(links))
    assert long[-52:] == Token().rows("getBacklinksChangesHistory", query=BUSY)


def test_domains_are_distributed_over_eleven_ranges() -> None:
    rows = Token().rows("getDistributionSDR", query=BUSY)
    assert [row["sdr_range"] for row in rows] == [
        *("0", "1 - 9", "10 - 19", "20 - 29", "30 - 39", "40 - 49"),
        *("50 - 59", "60 - 69", "70 - 79", "80 - 89", "90 - 100"),
    ]
    ranks = [row["domainRank"] for row in Token().rows("getRefDomains", query=BUSY, size=1000)]
    for row in rows:
        low, _, high = row["sdr_range"].partition(" - ")
        assert row["domains"] == sum(int(low) <= rank <= int(high or low) for rank in ranks)


def test_zones_have_countries_in_five_languages() -> None:
    sources = ("a.de", "b.de", "c.co.uk", "d.com", "e.com", "f.com", *(f"x.z{number}" for number in range(9)))
    world = world_of(*(link(f"https://{host}/") for host in sources))
    body = Token(world).ask("getDistributionTLD")
    rows = body["result"]["data"]
    assert rows[:2] == [
        {"tld": ".com", "country_name": "", "country_code": "", "percentage": 20.0, "domains": 3},
        {"tld": ".de", "country_name": "Germany", "country_code": "de", "percentage": 13.33, "domains": 2},
    ]
    summary = body["summary_info"]
    assert (len(rows), summary["tld_count"], summary["domains_count"], summary["biggest_tld_percentage"]) == (
        10,
        10,
        13,
        20.0,
    )
    uk = next(row for row in rows if row["tld"] == ".uk")
    assert (uk["country_name"], uk["country_code"]) == ("United Kingdom", "gb")
    german = Token(world).ask("getDistributionTLD", lang="de")["result"]["data"]
    assert german[1]["country_name"] == "Deutschland"


def test_top_anchors_are_the_ten_of_most_domains() -> None:
    body = Token().ask("getTopAnchors", query=BUSY)["result"]
    anchors = Token().rows("getAnchors", query=BUSY, size=1000)
    best = sorted((row["refDomains"] for row in anchors), reverse=True)[:10]
    assert [row["domains_count"] for row in body["data"]] == best
    totals = {row["anchor"]: row["total"] for row in anchors}
    assert all(totals[row["anchor"]] == row["backlinks_count"] for row in body["data"])
    assert body["summary_info"]["unique_anchors"] == len(anchors)
    assert body["summary_info"]["backlinks"] == sum(totals.values())
