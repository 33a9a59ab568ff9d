"""backlinks/live: one row per page, modes, paging by offset and by token (reference, sections 6, 7 and 10)."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from dataforseo_sandbox_kit import Buyer, invalid
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_kit import GENERATED, NOW, link, world_of

from harvester import codec
from harvester.sandbox.dataforseo.links import Lens
from harvester.sandbox.hosts import root_of
from harvester.sandbox.world import Link, Lost

MANY = world_of(
    *(
        link(f"https://{'www.' * (n % 2)}s{n % 40}.example/{n}", f"https://t.example/{n % 7}", anchor=f"a{n % 11}")
        for n in range(330)
    )
)
BUSY = max((f"site{number}.example" for number in range(60)), key=GENERATED.link_count)
LENS = Lens(GENERATED.facts)


def live_of(host: str) -> list[Link]:
    """Return the live links to a host and all below it, internal ones left out."""
    links = GENERATED.links_below(host)
    return [one for one in links if one.lost_at is None and root_of(one.source_host) != root_of(host)]


def urls(rows: list[dict[str, Any]]) -> list[str]:
    return [row["url_from"] for row in rows]


def test_a_row_says_of_a_link_what_the_world_says() -> None:
    rel = frozenset({"nofollow", "ugc"})
    one = link(
        "http://www.a.example/p?q=1",
        "https://t.example/x",
        first="2026-01-02 03:04:05",
        rel=rel,
        kind="image",
        image_alt="logo",
    )
    (row,) = Buyer(world_of(one)).items("backlinks")
    told = {name: row[name] for name in ("url_from", "url_to", "domain_from", "domain_to", "tld_from", "anchor", "alt")}
    assert told == {
        **{"url_from": "http://www.a.example/p?q=1", "url_to": "https://t.example/x", "domain_from": "www.a.example"},
        **{"domain_to": "t.example", "tld_from": "example", "anchor": "anchor", "alt": "logo"},
    }
    assert (row["first_seen"], row["last_seen"]) == ("2026-01-02 03:04:05 +00:00", "2026-11-01 00:00:00 +00:00")
    assert row["first_seen"] < row["prev_seen"] < row["last_seen"]
    assert (row["attributes"], row["dofollow"], row["item_type"]) == (["nofollow", "ugc"], False, "image")
    assert (row["url_from_https"], row["url_to_https"], row["is_lost"], row["is_new"]) == (False, True, False, False)
    assert (row["original"], row["links_count"], row["group_count"]) == (True, 1, 0)
    assert row["image_url"] == "https://www.a.example/image.png"
    lens = Lens(world_of(one).facts)
    assert row["domain_from_rank"] == lens.host_rank("a.example") == round(10 * lens.facts.host("a.example").authority)
    assert row["page_from_rank"] == lens.page_rank("http://www.a.example/p?q=1")


@pytest.mark.parametrize(
    ("switches", "last_seen", "prev_seen"),
    [
        ((), "2026-11-09 08:07:06 +00:00", "2026-11-01 00:00:00 +00:00"),
        (("lost_last_seen=found",), "2026-11-01 00:00:00 +00:00", "2026-06-02 00:00:00 +00:00"),
    ],
)
def test_a_lost_link_was_visited_last_when_it_was_missed(
    switches: tuple[str, ...], last_seen: str, prev_seen: str
) -> None:
    world = world_of(link(first="2026-01-01", last="2026-11-01", lost="2026-11-09 08:07:06"))
    (row,) = Buyer(world, *switches).items("backlinks", backlinks_status_type="lost")
    assert (row["is_lost"], row["last_seen"], row["prev_seen"]) == (True, last_seen, prev_seen)


def test_what_a_link_lacks_is_null() -> None:
    young = link(first="2026-11-20", last="2026-11-20", anchor="", kind="redirect", redirects=("https://t.example/b",))
    (row,) = Buyer(world_of(young)).items("backlinks")
    assert (row["anchor"], row["alt"], row["image_url"], row["attributes"], row["prev_seen"]) == (None,) * 5
    assert (row["is_new"], row["is_indirect_link"], row["url_to_status_code"], row["is_broken"]) == (
        True,
        True,
        301,
        False,
    )
    assert row["url_to_redirect_target"] == "https://t.example/b"
    assert row["indirect_link_path"] == [{"type": "redirect", "status_code": 301, "url": "https://t.example/"}]
    (plain,) = Buyer(world_of(link(anchor=""))).items("backlinks")
    assert (plain["anchor"], plain["indirect_link_path"], plain["url_to_redirect_target"]) == ("", None, None)


def test_some_fields_are_null_somewhere_and_not_everywhere() -> None:
    rows = Buyer().items("backlinks", target=BUSY, limit=1000)
    names = "domain_from_platform_type domain_from_ip domain_from_country page_from_language attributes text_pre"
    for name in (*names.split(), "semantic_location", "url_to_status_code", "url_to_spam_score", "prev_seen"):
        assert {row[name] is None for row in rows} == {True, False}, name
    assert "WW" in {row["domain_from_country"] for row in rows}
    assert ["unknown"] in [row["domain_from_platform_type"] for row in rows]


def test_a_page_not_crawled_yet_has_no_status_and_is_not_broken() -> None:
    rows = Buyer().items("backlinks", target=BUSY, limit=1000)
    assert {row["url_to_status_code"] for row in rows} > {None, 200, 301, 404}
    for row in rows:
        assert row["is_broken"] == ((row["url_to_status_code"] or 0) >= 400)
        if row["url_to_status_code"] not in (None, 301):
            assert row["url_to_status_code"] == GENERATED.facts.page(row["url_to"]).status
    broken = Buyer().items("backlinks", target=BUSY, limit=1000, filters=["is_broken", "=", True])
    assert broken
    assert all(row["url_to_status_code"] >= 400 for row in broken)


def test_rows_are_unique_per_page_with_the_strongest_link_and_their_number() -> None:
    world = world_of(
        *(link("https://a.example/p", f"https://t.example/{n}") for n in range(6)), link("https://b.example/")
    )
    result = Buyer(world).result("backlinks")
    rows = {row["url_from"]: row for row in result["items"]}
    assert (result["total_count"], result["items_count"]) == (2, 2)
    assert rows["https://a.example/p"]["links_count"] == 6
    lens = Lens(world.facts)
    best = max(lens.page_rank(f"https://t.example/{n}") for n in range(6))
    assert lens.page_rank(rows["https://a.example/p"]["url_to"]) == best
    assert Buyer(world).result("summary")["backlinks"] == 7  # not the total of this list


def test_rows_of_the_generated_world_are_its_live_links_by_page() -> None:
    found, links = [], live_of(BUSY)
    for offset in range(0, len(links), 1000):
        found += Buyer().items("backlinks", target=BUSY, limit=1000, offset=offset)
    assert sorted(urls(found)) == sorted({one.source_url for one in links})
    assert sum(row["links_count"] for row in found) == len(links)


def test_by_default_the_highest_rank_comes_first_then_the_last_seen() -> None:
    rows = Buyer().items("backlinks", target=BUSY, limit=1000)
    keys = [(row["rank"], row["last_seen"]) for row in rows]
    assert keys == sorted(keys, reverse=True)
    assert len({key[0] for key in keys}) < len(keys)  # there are ties


def test_ranks_can_be_told_out_of_a_hundred() -> None:
    rows, hundreds = (Buyer(MANY).items("backlinks", order_by=["url_from,asc"], rank_scale=scale) for scale in SCALES)
    for name in ("rank", "domain_from_rank", "page_from_rank"):
        assert [(row[name] + 5) // 10 for row in rows] == [row[name] for row in hundreds]
    assert max(row["domain_from_rank"] for row in rows) > 100


SCALES = ("one_thousand", "one_hundred")


def test_live_lost_or_all_links_are_shown() -> None:
    world = world_of(link(), link("https://b.example/", lost="2026-05-01", lost_reason=Lost.PAGE_REMOVED))
    buyer = Buyer(world)
    assert urls(buyer.items("backlinks")) == ["https://a.example/page"]
    (lost,) = buyer.items("backlinks", backlinks_status_type="lost")
    assert (lost["url_from"], lost["is_lost"], lost["page_from_status_code"]) == ("https://b.example/", True, 404)
    assert len(buyer.items("backlinks", backlinks_status_type="all")) == 2


def test_one_row_per_domain_or_anchor_counts_its_group() -> None:
    buyer = Buyer(MANY)
    domains = buyer.result("backlinks", mode="one_per_domain", limit=1000)
    assert (domains["mode"], domains["total_count"]) == ("one_per_domain", 40)  # with and without www. is one
    assert sum(row["group_count"] for row in domains["items"]) == 330
    anchors = buyer.items("backlinks", mode="one_per_anchor", limit=1000)
    assert sorted(row["anchor"] for row in anchors) == sorted(f"a{n}" for n in range(11))
    assert {row["group_count"] for row in anchors} == {30}
    assert {row["group_count"] for row in buyer.items("backlinks", mode="as_is")} == {0}
    strongest = max(row["rank"] for row in buyer.items("backlinks", filters=["anchor", "=", "a3"]))
    assert next(row["rank"] for row in anchors if row["anchor"] == "a3") == strongest


def test_custom_mode_shows_several_of_each_and_overrides_mode() -> None:
    custom = {"field": "anchor", "value": 2}
    result = Buyer(MANY).result("backlinks", mode="one_per_domain", custom_mode=custom, limit=1000)
    assert (result["custom_mode"], result["total_count"]) == (custom, 22)
    assert {row["group_count"] for row in result["items"]} == {30}


def test_filters_pick_links_or_by_a_switch_the_rows_made_of_them() -> None:
    world = world_of(*(link(f"https://a.example/{n}", anchor=f"a{n}") for n in range(3)))
    (best,) = Buyer(world).items("backlinks", mode="one_per_domain")
    others = ["anchor", "<>", best["anchor"]]
    (second,) = Buyer(world).items("backlinks", mode="one_per_domain", filters=others)
    assert (second["group_count"], second["anchor"] != best["anchor"]) == (2, True)
    folded = Buyer(world, "grouping=before_filters")
    assert folded.items("backlinks", mode="one_per_domain", filters=others) == []
    assert len(folded.items("backlinks", mode="one_per_domain", filters=["group_count", "=", 3])) == 1


def test_a_page_is_asked_for_by_its_whole_address() -> None:
    world = world_of(
        link("https://a.example/1", "https://t.example/"),
        link("https://a.example/2", "https://t.example/x#part"),
        link("https://a.example/3", "http://t.example/x"),
        link("https://a.example/4", "https://t.example/old", kind="redirect", redirects=("https://t.example/x",)),
        link("https://a.example/5", "https://t.example/gone", kind="redirect", redirects=("https://other.example/x",)),
    )
    buyer = Buyer(world)
    assert urls(buyer.items("backlinks", target="https://t.example/")) == ["https://a.example/1"]
    assert buyer.items("backlinks", target="https://t.example") == []
    assert buyer.task("summary", target="https://t.example")["result"] is None
    page = buyer.items("backlinks", target="https://t.example/x")
    assert sorted(urls(page)) == ["https://a.example/2", "https://a.example/4"]
    direct = buyer.items("backlinks", target="https://t.example/x", include_indirect_links=False)
    assert urls(direct) == ["https://a.example/2"]
    assert len(buyer.items("backlinks", include_indirect_links=False)) == 3
    assert len(buyer.items("backlinks", target="HTTPS://T.example/x")) == 2


def test_subdomains_and_internal_links_are_included_or_not() -> None:
    world = world_of(
        link("https://a.example/1", "https://t.example/"),
        link("https://a.example/2", "https://sub.t.example/"),
        link("https://blog.t.example/3", "https://t.example/"),
    )
    buyer = Buyer(world)
    assert sorted(urls(buyer.items("backlinks"))) == ["https://a.example/1", "https://a.example/2"]
    assert urls(buyer.items("backlinks", include_subdomains=False)) == ["https://a.example/1"]
    assert len(buyer.items("backlinks", exclude_internal_backlinks=False)) == 3
    assert urls(buyer.items("backlinks", target="sub.t.example")) == ["https://a.example/2"]


def by_offset(buyer: Buyer, limit: int, **params: object) -> list[str]:
    found: list[str] = []
    while True:
        rows = buyer.items("backlinks", limit=limit, offset=len(found), **params)
        found += urls(rows)
        if len(rows) < limit:
            return found


def by_token(buyer: Buyer, limit: int, **params: object) -> list[str]:
    found: list[str] = []
    token: dict[str, object] = {}
    while True:
        result = buyer.result("backlinks", limit=limit, **params, **token)
        found += urls(result["items"])
        if result["items_count"] < limit or result["search_after_token"] is None:
            return found
        token = {"search_after_token": result["search_after_token"]}


@given(
    st.integers(1, 400),
    st.sampled_from(["as_is", "one_per_domain"]),
    st.sampled_from([None, ["domain_from,asc"], ["rank,asc", "url_from,desc"]]),
    st.sampled_from(["present", "null"]),
)
@settings(max_examples=25, deadline=None)
def test_paging_covers_each_row_exactly_once(limit: int, mode: str, order: list[str] | None, last: str) -> None:
    limit = max(limit, 20)
    buyer = Buyer(MANY, f"last_token={last}")
    params = {"mode": mode, "order_by": order}
    found = by_offset(buyer, limit, **params)
    assert found == by_token(buyer, limit, **params)
    assert len(found) == len(set(found)) == (330 if mode == "as_is" else 40)


def test_a_token_continues_behind_the_offset_it_began_with() -> None:
    buyer = Buyer(MANY)
    assert by_token(buyer, 50, offset=120) == by_offset(buyer, 50)[120:]


def test_a_token_goes_past_20000_rows() -> None:
    world = world_of(*(link(f"https://s{n % 50}.example/{n}") for n in range(20_700)))
    buyer = Buyer(world)
    found = by_token(buyer, 1000)
    assert len(found) == len(set(found)) == 20_700
    assert len(buyer.items("backlinks", offset=20_000, limit=1000)) == 700
    assert buyer.blame("backlinks", offset=20_001) == invalid("offset")
    beyond = Buyer(world, "offset_beyond=empty").result("backlinks", offset=20_001)
    assert (beyond["total_count"], beyond["items"], beyond["search_after_token"]) == (20_700, [], None)


def test_other_lists_have_no_most_offset_unless_switched() -> None:
    assert Buyer(MANY).items("anchors", offset=50_000) == []
    assert Buyer(MANY, "offset_cap=everywhere").blame("anchors", offset=20_001) == invalid("offset")
    assert Buyer(MANY, "offset_cap=everywhere", "offset_beyond=empty").items("anchors", offset=20_001) == []


def test_a_token_holds_request_and_position() -> None:
    result = Buyer(MANY).result("backlinks", limit=50, mode="as_is", tag="x")
    value = codec.parse(base64.b64decode(result["search_after_token"]))
    assert value["RawRequest"] == {"limit": 50, "mode": "as_is", "target": "t.example"}
    last = result["items"][-1]
    assert value["SearchAfterData"]["SearchAfterValues"] == [last["rank"], last["last_seen"]]
    assert (value["SearchAfterData"]["TokenRealOffset"], value["CurrentOffset"]) == (50, 0)


@pytest.mark.parametrize(
    "changed",
    [
        {"limit": 49},
        {"offset": 50},
        {"filters": ["rank", ">", 0]},
        {"target": "u.example"},
        {"order_by": ["rank,desc"]},
        {"mode": "as_is"},
    ],
)
def test_a_token_is_refused_when_anything_else_changes(changed: dict[str, object]) -> None:
    buyer = Buyer(MANY)
    token = buyer.result("backlinks", limit=50)["search_after_token"]
    assert buyer.blame("backlinks", **{"limit": 50, "search_after_token": token, **changed}) == (
        invalid("search_after_token")
    )
    assert len(buyer.items("backlinks", limit=50, search_after_token=token, filters=None)) == 50


@pytest.mark.parametrize(
    "token", ["", "!", "e30=", "W10=", base64.b64encode(b'{"RawRequest":{},"SearchAfterData":7}').decode(), 5]
)
def test_what_is_no_token_is_refused(token: object) -> None:
    assert Buyer(MANY).blame("backlinks", search_after_token=token) == invalid("search_after_token")


def test_a_token_can_be_bound_to_the_tag() -> None:
    for switches, code in ((), 20000), (("token_binds_tag=true",), 40501):
        buyer = Buyer(MANY, *switches)
        token = buyer.result("backlinks", tag="1")["search_after_token"]
        assert buyer.task("backlinks", tag="2", search_after_token=token)["status_code"] == code
        assert buyer.task("backlinks", tag="1", search_after_token=token)["status_code"] == 20000


def test_a_token_can_expire() -> None:
    for switches, code in ((), 20000), (("tokens_expire=true",), 40501):
        buyer = Buyer(MANY, *switches)
        token = buyer.result("backlinks")["search_after_token"]
        buyer.now += timedelta(minutes=9)
        assert buyer.task("backlinks", search_after_token=token)["status_code"] == 20000
        buyer.now += timedelta(minutes=2)
        assert buyer.task("backlinks", search_after_token=token)["status_code"] == code


def test_two_clients_read_the_same_world() -> None:
    assert Buyer().items("backlinks", target=BUSY) == Buyer().items("backlinks", target=BUSY)
    assert max(one.last_seen for one in live_of(BUSY)) < NOW
