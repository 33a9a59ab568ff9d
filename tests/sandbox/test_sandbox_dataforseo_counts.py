"""Summary, the lists that count links, and the bulk reports (reference, section 7)."""

from collections import Counter
from typing import Any

import pytest
from dataforseo_sandbox_kit import Buyer, invalid
from sandbox_kit import GENERATED, link, world_of

from harvester.sandbox.dataforseo.links import Lens
from harvester.sandbox.groups import is_followed, subnet_of
from harvester.sandbox.hosts import root_of
from harvester.sandbox.world import Link

NOFOLLOW = frozenset({"nofollow"})
WORLD = world_of(
    link("https://a.example/1", "https://t.example/x", first="2024-05-01"),
    link("https://a.example/1", "https://t.example/y", rel=NOFOLLOW, anchor=""),
    link("https://www.a.example/2", "https://t.example/x", anchor="", kind="image"),
    link("https://b.test/3", "https://sub.t.example/", rel=frozenset({"nofollow", "ugc"})),
    link("https://c.example/4", "https://t.example/x", lost="2026-06-01"),
    link("https://c.example/5", "https://t.example/x", lost="2026-07-01 10:00:00"),
)
BUSY = max((f"site{number}.example" for number in range(60)), key=GENERATED.link_count)
FACTS = GENERATED.facts
LENS = Lens(FACTS)
COUNTS = {
    "backlinks": 4,
    "referring_domains": 3,
    "referring_domains_nofollow": 2,
    "referring_main_domains": 2,
    "referring_main_domains_nofollow": 2,
    "referring_pages": 3,
    "referring_pages_nofollow": 2,
}


def live_of(host: str) -> list[Link]:
    links = GENERATED.links_below(host)
    return [one for one in links if one.lost_at is None and root_of(one.source_host) != root_of(host)]


def addresses(links: list[Link]) -> set[str]:
    return {ip for one in links if (ip := FACTS.host(one.source_host).ip) is not None}


def test_summary_counts_links_pages_hosts_and_domains() -> None:
    found = Buyer(WORLD).result("summary")
    assert {name: found[name] for name in COUNTS} == COUNTS
    assert (found["target"], found["first_seen"], found["lost_date"]) == (
        "t.example",
        "2024-05-01 00:00:00 +00:00",
        None,
    )
    assert found["referring_links_tld"] == {"example": 3, "test": 1}
    assert found["referring_links_types"] == {"anchor": 3, "image": 1}
    assert found["referring_links_attributes"] == {"nofollow": 2, "ugc": 1}
    assert found["rank"] == round(10 * WORLD.facts.host("t.example").authority)
    assert found["info"]["is_ip"] is False
    assert 0 <= found["info"]["target_spam_score"] <= 100


def test_a_lost_target_tells_when_its_last_link_went() -> None:
    found = Buyer(WORLD).result("summary", backlinks_status_type="lost")
    assert (found["backlinks"], found["lost_date"]) == (2, "2026-07-01 10:00:00 +00:00")
    assert found["referring_links_attributes"] is None
    assert Buyer(WORLD).result("summary", backlinks_status_type="all")["backlinks"] == 6


def test_summary_of_the_generated_world_agrees_with_its_links() -> None:
    links = live_of(BUSY)
    found = Buyer().result("summary", target=BUSY, internal_list_limit=1000)
    assert found["backlinks"] == len(links)
    assert found["referring_domains"] == len({one.source_host for one in links})
    assert found["referring_main_domains"] == len({root_of(one.source_host) for one in links})
    assert found["referring_pages_nofollow"] == len({one.source_url for one in links if not is_followed(one)})
    assert found["referring_ips"] == len(addresses(links))
    assert found["referring_subnets"] == len({subnet_of(ip) for ip in addresses(links)})
    broken = [one for one in links if (LENS.status_of(one.target_url, one.redirects) or 0) >= 400]
    assert (found["broken_backlinks"], found["broken_pages"]) == (len(broken), len({one.target_url for one in broken}))
    assert found["broken_backlinks"] > 0
    scores = [LENS.spam_score(root_of(one.source_host)) for one in links]
    assert found["backlinks_spam_score"] == sum(scores) // len(scores)
    countries = Counter(LENS.country(root_of(one.source_host)) or "" for one in links)
    assert found["referring_links_countries"] == countries
    assert {"", "WW"} < set(countries)
    assert "" in found["referring_links_semantic_locations"]
    assert "unknown" in found["referring_links_platform_types"]


def test_summary_agrees_with_the_list_of_broken_links() -> None:
    summary = Buyer().result("summary", target=BUSY)
    rows = Buyer().items("domain_pages_summary", target=BUSY, limit=1000, filters=["broken_backlinks", ">", 0])
    assert sum(row["broken_backlinks"] for row in rows) == summary["broken_backlinks"]
    pages = Buyer().items("domain_pages", target=BUSY, limit=1000, filters=["status_code", ">=", 400])
    assert {row["page"] for row in pages} == {row["url"] for row in rows}
    assert len(pages) == summary["broken_pages"]


@pytest.mark.parametrize("most", [1, 3])
def test_maps_hold_their_top_entries(most: int) -> None:
    whole = Buyer().result("summary", target=BUSY, internal_list_limit=1000)["referring_links_countries"]
    found = Buyer().result("summary", target=BUSY, internal_list_limit=most)["referring_links_countries"]
    assert sorted(found.values()) == sorted(sorted(whole.values())[-most:])
    assert found.items() <= whole.items()


def test_pages_have_counts_and_a_rank_of_their_own() -> None:
    found = Buyer(WORLD).result("summary", target="https://t.example/x", rank_scale="one_hundred")
    assert (found["backlinks"], found["rank"]) == (
        2,
        (round(10 * WORLD.facts.page("https://t.example/x").authority) + 5) // 10,
    )


def keyed(name: str, key: str, **params: object) -> dict[Any, dict[str, Any]]:
    return {row[key]: row for row in Buyer(WORLD).items(name, **params)}


def test_anchors_tell_an_empty_text_from_none() -> None:
    rows = keyed("anchors", "anchor")
    assert {text: row["backlinks"] for text, row in rows.items()} == {"anchor": 2, "": 1, None: 1}
    assert {row["type"] for row in rows.values()} == {"backlinks_anchor"}
    assert list(keyed("anchors", "anchor", filters=["anchor", "like", "anch%"])) == ["anchor"]
    assert rows["anchor"]["referring_main_domains"] == 2


def test_referring_domains_fold_subdomains_and_count_their_hosts() -> None:
    rows = keyed("referring_domains", "domain")
    assert {domain: (row["backlinks"], row["referring_domains"]) for domain, row in rows.items()} == {
        **{"a.example": (3, 2), "b.test": (1, 1)},
    }
    assert rows["a.example"]["rank"] == round(10 * WORLD.facts.host("a.example").authority)
    lost = keyed("referring_domains", "domain", backlinks_status_type="lost")
    assert (lost["c.example"]["backlinks"], lost["c.example"]["lost_date"]) == (2, "2026-07-01 10:00:00 +00:00")


def test_linked_pages_are_listed_with_what_links_to_them() -> None:
    rows = keyed("domain_pages_summary", "url")
    assert {url: row["backlinks"] for url, row in rows.items()} == {
        **{"https://t.example/x": 2, "https://t.example/y": 1, "https://sub.t.example/": 1},
    }
    pages = keyed("domain_pages", "page")
    assert {url: row["page_summary"] for url, row in pages.items()} == {
        url: {name: value for name, value in row.items() if name not in ("type", "url")} for url, row in rows.items()
    }
    sub = pages["https://sub.t.example/"]
    assert (sub["main_domain"], sub["domain"], sub["tld"]) == ("t.example", "sub.t.example", "example")
    assert sub["meta"]["title"] == WORLD.facts.page("https://sub.t.example/").title
    assert keyed("domain_pages_summary", "url", target="https://t.example/y")["https://t.example/y"]["backlinks"] == 1


def test_networks_are_addresses_or_subnets_without_a_spam_score() -> None:
    links = live_of(BUSY)
    for kind, networks in (("ip", addresses(links)), ("subnet", {subnet_of(ip) for ip in addresses(links)})):
        result = Buyer().result("referring_networks", target=BUSY, network_address_type=kind, limit=1000)
        assert result["total_count"] == len(networks)
        assert {row["network_address"] for row in result["items"]} <= networks
        assert "backlinks_spam_score" not in result["items"][0]
    assert Buyer(WORLD).blame("referring_networks", filters=["backlinks_spam_score", ">", 0]) == invalid("filters")


@pytest.mark.parametrize("name", ["anchors", "referring_domains", "domain_pages_summary", "domain_pages"])
def test_paging_a_list_covers_each_row_exactly_once(name: str) -> None:
    buyer = Buyer()
    found: list[dict[str, Any]] = []
    total = buyer.result(name, target=BUSY)["total_count"]
    while len(found) < total:
        found += buyer.items(name, target=BUSY, limit=97, offset=len(found))
    keys = [
        row.get("anchor", "") if name == "anchors" else row.get("domain" if "ref" in name else "url", row.get("page"))
        for row in found
    ]
    assert len(set(keys)) == len(keys) == total
    prefix = "page_summary." if name == "domain_pages" else ""
    by_links = buyer.items(name, target=BUSY, limit=1000, order_by=[f"{prefix}backlinks,desc"])
    counts = [row.get("page_summary", row)["backlinks"] for row in by_links]
    assert counts == sorted(counts, reverse=True)


def test_lists_without_an_order_can_come_shuffled() -> None:
    stable, shuffled = Buyer(), Buyer(GENERATED, "default_order=shuffled")
    assert stable.items("anchors", target=BUSY) == stable.items("anchors", target=BUSY)
    assert shuffled.items("anchors", target=BUSY) != shuffled.items("anchors", target=BUSY)
    ordered = {"target": BUSY, "order_by": ["backlinks,desc", "anchor,asc"]}
    assert shuffled.items("anchors", **ordered) == stable.items("anchors", **ordered)
    assert shuffled.items("backlinks", target=BUSY) == stable.items("backlinks", target=BUSY)


BULK = ["t.example", "sub.t.example", "https://t.example/x", "empty.example"]


def test_bulk_reports_agree_with_summary() -> None:
    buyer = Buyer(WORLD)
    summaries: list[dict[str, Any]] = [buyer.result("summary", target=target) for target in BULK[:3]]
    assert [row["backlinks"] for row in buyer.items("bulk_backlinks", targets=BULK)] == [
        *(found["backlinks"] for found in summaries),
        0,
    ]
    assert buyer.items("bulk_ranks", targets=BULK)[2] == {"target": BULK[2], "rank": summaries[2]["rank"]}
    hundred = buyer.items("bulk_ranks", targets=BULK, rank_scale="one_hundred")
    assert [row["rank"] for row in hundred] == [*((found["rank"] + 5) // 10 for found in summaries), 0]
    domains = buyer.items("bulk_referring_domains", targets=BULK)
    assert domains[0] == {"target": "t.example", **{name: COUNTS[name] for name in COUNTS if "_domains" in name}}
    assert buyer.items("bulk_spam_score", targets=["t.example"]) == [
        {
            "type": "backlinks_bulk_spam_score",
            "target": "t.example",
            "spam_score": summaries[0]["info"]["target_spam_score"],
        }
    ]
    pages = buyer.result("bulk_pages_summary", targets=BULK)
    assert (pages["total_count"], pages["items_count"]) == (4, 4)
    assert pages["items"][0]["main_domain_rank"] == summaries[0]["rank"]
    for name in ("backlinks", "broken_pages", "referring_links_types", "first_seen"):
        assert [row[name] for row in pages["items"][:3]] == [found[name] for found in summaries]
    assert buyer.items("bulk_pages_summary", targets=["t.example"], include_subdomains=False)[0]["backlinks"] == 3


def test_a_hundred_domains_may_have_any_number_of_pages() -> None:
    targets = [f"https://d{n % 100}.example/{n}" for n in range(1000)]
    assert len(Buyer(WORLD).items("bulk_pages_summary", targets=targets)) == 1000


def test_unknown_targets_are_zero_or_absent() -> None:
    targets = ["empty.example", "t.example"]
    assert Buyer(WORLD).items("bulk_backlinks", targets=targets)[0] == {"target": "empty.example", "backlinks": 0}
    buyer = Buyer(WORLD, "bulk_unknown=absent")
    assert [row["target"] for row in buyer.items("bulk_backlinks", targets=targets)] == ["t.example"]
    assert buyer.account.units_charged == 24_036
    assert buyer.items("bulk_backlinks", targets=["empty.example"]) == []


def test_order_duplicates_and_bad_targets_of_a_bulk_are_switches() -> None:
    targets = ["t.example", "u.example", "t.example"]

    def told(*switches: str, more: tuple[object, ...] = ()) -> list[str]:
        return [row["target"] for row in Buyer(WORLD, *switches).items("bulk_ranks", targets=[*targets, *more])]

    assert told() == targets
    assert told("bulk_order=reversed") == targets[::-1]
    assert told("bulk_duplicates=merged") == ["t.example", "u.example"]
    assert told("bulk_invalid=absent", more=("no domain", 7)) == targets
    assert Buyer(WORLD, "bulk_duplicates=merged").blame("bulk_ranks", targets=["t.example", 7]) == invalid("targets")


def test_new_and_lost_are_counted_from_a_day() -> None:
    world = world_of(
        link("https://a.example/1", first="2026-01-01"),
        link("https://a.example/2", first="2026-11-01"),
        link("https://b.example/3", first="2026-11-02"),
        link("https://www.c.example/4", first="2026-01-01", last="2026-10-01", lost="2026-11-05"),
        link("https://c.example/5", first="2026-01-01"),
        link("https://d.example/6", first="2026-10-30", last="2026-11-01", lost="2026-11-06"),
    )
    buyer = Buyer(world)
    since = {"targets": ["t.example"], "date_from": "2026-10-31"}
    assert buyer.items("bulk_new_lost_backlinks", **since) == [
        {"target": "t.example", "new_backlinks": 2, "lost_backlinks": 2}
    ]
    assert buyer.items("bulk_new_lost_referring_domains", **since) == [
        {
            "target": "t.example",
            "new_referring_domains": 1,
            "lost_referring_domains": 2,
            "new_referring_main_domains": 1,
            "lost_referring_main_domains": 1,
        }
    ]
    (month,) = buyer.items("bulk_new_lost_backlinks", targets=["t.example"])  # since 2026-10-21
    assert (month["new_backlinks"], month["lost_backlinks"]) == (3, 2)
    (year,) = buyer.items("bulk_new_lost_backlinks", targets=["t.example"], date_from="2025-11-21")
    assert year["new_backlinks"] == 6
