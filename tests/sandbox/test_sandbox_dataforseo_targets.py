"""Competitors and the two intersections (reference, section 7)."""

from typing import Any

import pytest
from dataforseo_sandbox_kit import Buyer, invalid
from sandbox_kit import GENERATED, link, world_of

from harvester.sandbox.hosts import root_of
from harvester.sandbox.world import World

WORLD = world_of(
    link("https://a.example/1", "https://t.example/", anchor="x"),
    link("https://a.example/1", "https://t.example/page", anchor="y"),
    link("https://a.example/1", "https://u.example/"),
    link("https://b.example/2", "https://t.example/"),
    link("https://www.b.example/3", "https://u.example/", lost="2026-05-01"),
    link("https://c.example/4", "https://u.example/"),
    link("https://c.example/4", "https://t.example/"),
    link("https://c.example/5", "https://x.example/apis/v3"),
)
BOTH = {"1": "t.example", "2": "u.example"}
BUSY = max((f"site{number}.example" for number in range(60)), key=GENERATED.link_count)


def referrers(host: str, world: World = GENERATED) -> set[str]:
    links = (one for one in world.links_below(host) if one.lost_at is None)
    return {root for one in links if (root := root_of(one.source_host)) != root_of(host)}


def domains(**params: object) -> dict[str, dict[str, Any]]:
    """Return the items of a domain intersection by the domain that links."""
    rows = Buyer(WORLD).items("domain_intersection", **{"targets": BOTH, **params})
    return {next(iter(row["domain_intersection"].values()))["target"]: row for row in rows}


def test_competitors_share_referring_domains() -> None:
    result = Buyer().result("competitors", target=BUSY, exclude_large_domains=False)
    assert list(result) == ["total_count", "items_count", "items"]
    own = {root_of(one.source_host) for one in GENERATED.links_of(BUSY) if one.lost_at is None}
    assert result["total_count"] > 5
    for row in result["items"]:
        assert row["type"] == "backlinks_competitors"
        assert row["intersections"] == len(own & referrers(row["target"])) > 0
        assert row["rank"] == round(10 * GENERATED.facts.host(row["target"]).authority)
        assert row["target"] != BUSY
    ranks = [row["rank"] for row in result["items"]]
    assert ranks == sorted(ranks, reverse=True)
    large = [row for row in result["items"] if row["rank"] >= 900]
    assert Buyer().items("competitors", target=BUSY) == [row for row in result["items"] if row not in large]
    few = Buyer().items("competitors", target=BUSY, filters=["intersections", ">", 3], order_by=["intersections,asc"])
    assert [row["intersections"] for row in few] == sorted(row["intersections"] for row in few)


def test_competitors_can_be_those_of_all_subdomains() -> None:
    main, whole = (
        {row["target"]: row["intersections"] for row in Buyer().items("competitors", target=BUSY, main_domain=flag)}
        for flag in (True, False)
    )
    assert all(whole[target] >= count for target, count in main.items() if target in whole)
    assert sum(whole.values()) > sum(main.values())


def test_a_domain_intersection_is_of_those_that_link_to_all() -> None:
    found = domains()
    assert set(found) == {"a.example", "c.example"}
    parts = found["a.example"]["domain_intersection"]
    assert [(key, part["backlinks"], part["type"]) for key, part in parts.items()] == [
        ("1", 2, "backlinks_domain_intersection"),
        ("2", 1, "backlinks_domain_intersection"),
    ]
    assert found["a.example"]["summary"] == {"intersections_count": 2}
    assert Buyer(WORLD).result("domain_intersection", targets=BOTH)["targets"] == BOTH


def test_or_of_those_that_link_to_any() -> None:
    found = domains(intersection_mode="partial")
    assert {name: sorted(row["domain_intersection"]) for name, row in found.items()} == {
        **{"a.example": ["1", "2"], "b.example": ["1"], "c.example": ["1", "2"]},
    }
    rows = Buyer(WORLD, "partial_gaps=null").items("domain_intersection", targets=BOTH, intersection_mode="partial")
    assert any(row["domain_intersection"]["2"] is None for row in rows)
    assert set(domains(intersection_mode="partial", backlinks_status_type="all")) == set(found)


@pytest.mark.parametrize("excluded", ["x.example", "https://x.example/apis/v3", "https://x.example/apis/*"])
def test_those_that_link_elsewhere_can_be_left_out(excluded: str) -> None:
    assert set(domains(exclude_targets=[excluded])) == {"a.example"}
    assert set(domains(exclude_targets=["https://x.example/other/*"])) == {"a.example", "c.example"}


def test_intersections_are_filtered_and_ordered_by_target() -> None:
    assert set(domains(filters=["1.backlinks", ">", 1])) == {"a.example"}
    assert set(domains(filters=["2.target", "like", "c%"])) == {"c.example"}
    ordered = domains(order_by=["1.backlinks,asc"])
    assert list(ordered) == ["c.example", "a.example"]
    assert Buyer(WORLD).blame("domain_intersection", targets=BOTH, filters=["backlinks", ">", 1]) == invalid("filters")
    assert Buyer(WORLD).blame("domain_intersection", targets=BOTH, exclude_targets=[7]) == invalid("exclude_targets")


def test_an_intersection_of_the_generated_world_follows_from_its_links() -> None:
    busy = sorted((f"site{number}.example" for number in range(200)), key=GENERATED.link_count)[-3:]
    rivals = {str(number): host for number, host in enumerate(busy, 1)}
    rows = Buyer().items("domain_intersection", targets=rivals, limit=1000)
    common = referrers(busy[0]) & referrers(busy[1]) & referrers(busy[2])
    assert {row["domain_intersection"]["3"]["target"] for row in rows} == common
    assert common


def test_a_page_intersection_shows_the_links_of_each_page() -> None:
    rows = Buyer(WORLD).items("page_intersection", targets=BOTH)
    pages = {row["page_intersection"]["1"][0]["url_from"]: row["page_intersection"] for row in rows}
    assert set(pages) == {"https://a.example/1", "https://c.example/4"}
    assert sorted(one["anchor"] for one in pages["https://a.example/1"]["1"]) == ["x", "y"]
    assert "image_url" not in pages["https://a.example/1"]["1"][0]
    assert "ranked_keywords_info" not in pages["https://a.example/1"]["1"][0]
    some = Buyer(WORLD).items("page_intersection", targets=BOTH, filters=["2.domain_from", "=", "c.example"])
    assert [row["summary"] for row in some] == [{"intersections_count": 2}]
    partial = Buyer(WORLD).items("page_intersection", targets=BOTH, intersection_mode="partial", limit=2)
    assert len(partial) == 2
