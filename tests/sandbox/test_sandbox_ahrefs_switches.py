"""Each thing that Ahrefs' documents leave open, both ways. Those about time are in test_sandbox_account.py."""

from typing import Any

import pytest
from sandbox_kit import Counter, error_of, link, units_of, world_of

from harvester import codec
from harvester.sandbox.contract import Asked, Refusal

WORLD = world_of(
    *(link(f"https://s{n % 5}.example/{n}", anchor=str(n), first=f"2026-0{1 + n % 9}-01") for n in range(40))
)


def test_retry_after_comes_only_when_switched() -> None:
    assert "Retry-After" not in Counter().service.refuse(Refusal.TOO_FAST, 2.2).headers
    answer = Counter(WORLD, "retry_after=true").service.refuse(Refusal.TOO_FAST, 2.2)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "3")
    assert error_of(answer) == (429, "Too many requests")


def test_a_429_can_be_a_page_of_the_proxy() -> None:
    answer = Counter(WORLD, "html_429=true", "retry_after=true").service.refuse(Refusal.TOO_FAST)
    assert answer.headers == {"Content-Type": "text/html; charset=UTF-8", "Retry-After": "1"}
    assert b"<html>" in answer.body


def test_other_refusals_are_json_but_the_502() -> None:
    service = Counter().service
    assert error_of(service.refuse(Refusal.BAD_KEY))[0] == 401
    assert error_of(service.refuse(Refusal.INTERNAL))[0] == 500
    answer = service.refuse(Refusal.BAD_GATEWAY)
    assert (answer.status, answer.headers["Content-Type"]) == (502, "text/html; charset=UTF-8")


def test_the_cost_headers_can_be_missing() -> None:
    answer = Counter(WORLD, "missing_headers=true").explore("all-backlinks", select="url_from")
    assert dict(answer.headers) == {"Content-Type": "application/json"}


@pytest.mark.parametrize(("rows", "expected"), [(1, "50"), (3, "16"), (25, "2"), (26, "2")])
def test_the_price_per_row_can_be_the_floor_shared_out(rows: int, expected: str) -> None:
    ask: dict[str, Any] = {"select": "url_from,anchor", "limit": rows}
    answer = Counter(WORLD, "cost_row_floor=true").explore("all-backlinks", **ask)
    assert answer.headers["x-api-units-cost-row"] == expected
    assert Counter(WORLD).explore("all-backlinks", **ask).headers["x-api-units-cost-row"] == "2"


def test_without_a_cache_a_repeat_is_billed_again() -> None:
    counter = Counter(WORLD, "cache=false")
    for _ in range(2):
        answer = counter.explore("domain-rating", date="2026-01-01")
        assert (units_of(answer), answer.headers["x-api-cache"]) == ((50, 50), "miss")
    assert counter.account.units_charged == 100


def test_only_the_first_column_of_order_by_counts_unless_switched() -> None:
    ask = {"select": "root_name_source,url_from", "order_by": "root_name_source:asc,url_from:desc"}

    def pages(*switches: str) -> list[tuple[str, str]]:
        rows = Counter(WORLD, *switches).links(**ask)
        return [(row["root_name_source"], row["url_from"]) for row in rows]

    both = sorted(sorted(pages(), key=lambda row: row[1], reverse=True), key=lambda row: row[0])
    assert pages("order_first_column_only=false") == both
    assert pages() != both
    assert [row[0] for row in pages()] == [row[0] for row in both]


def test_the_direction_left_out_is_descending_unless_switched() -> None:
    for switches, is_descending in ((), True), (("default_direction=asc",), False):
        rows = Counter(WORLD, *switches).links(select="url_from", order_by="url_from")
        pages = [row["url_from"] for row in rows]
        assert pages == sorted(pages, reverse=is_descending)


def test_rows_left_unordered_come_always_alike_or_never() -> None:
    stable, shuffled = Counter(WORLD), Counter(WORLD, "unordered_order=shuffled", "cache=false")
    assert stable.links() == stable.links(timeout=5)
    assert shuffled.links() != shuffled.links()
    assert [row["url_from"] for row in stable.links()] != [one.source_url for one in WORLD.links_of("t.example")]
    ordered = [shuffled.links(select="first_seen_link,url_from", order_by="first_seen_link:asc") for _ in range(2)]
    assert ordered[0] != ordered[1]  # equals change places
    firsts = [[row["first_seen_link"] for row in rows] for rows in ordered]
    assert firsts[0] == firsts[1] == sorted(firsts[0])


def test_a_cached_answer_is_the_same_answer_even_when_shuffled() -> None:
    counter = Counter(WORLD, "unordered_order=shuffled")
    assert counter.links() == counter.links()


def test_where_can_pick_the_links_or_the_rows_made_of_them() -> None:
    world = world_of(link("https://a.example/1"), link("https://a.example/2", rel=frozenset({"nofollow"})))
    for rel in (True, False):
        where = {"field": "is_nofollow", "is": ["eq", rel]}
        ask = {"select": "link_group_count,is_nofollow", "aggregation": "1_per_domain", "where": where}
        assert Counter(world).rows("all-backlinks", **ask) == [{"link_group_count": 1, "is_nofollow": rel}]
    counts = []
    for rel in (True, False):
        where = {"field": "is_nofollow", "is": ["eq", rel]}
        ask = {"select": "link_group_count", "aggregation": "1_per_domain", "where": where}
        counts += Counter(world, "grouping=before_where").rows("all-backlinks", **ask)
    assert counts == [{"link_group_count": 2}]  # the link that stands for both fulfils one of the two


def test_null_fields_can_be_dropped() -> None:
    ask = {"select": "last_seen,alt,is_lost", "limit": 1}
    assert Counter(WORLD).links(**ask) == [{"last_seen": None, "alt": None, "is_lost": False}]
    assert Counter(WORLD, "null_fields=dropped").links(**ask) == [{"is_lost": False}]


def test_a_target_without_links_is_empty_or_a_404() -> None:
    assert Counter(WORLD).rows("refdomains", target="empty.example", select="domain") == []
    counter = Counter(WORLD, "missing_target=404")
    assert error_of(counter.explore("refdomains", target="empty.example", select="domain"))[0] == 404
    assert counter.account.units_charged == 0
    assert counter.explore("refdomains", select="domain").status == 200


def test_the_plan_may_not_include_a_report() -> None:
    counter = Counter(WORLD, "insufficient_plan=anchors+metrics")
    assert error_of(counter.explore("anchors", select="anchor")) == (403, "Insufficient plan")
    assert error_of(counter.explore("metrics", date="2026-01-01"))[0] == 403
    assert counter.explore("refdomains", select="domain").status == 200
    assert counter.account.refused_for_units == 0


def test_history_rows_can_come_newest_first() -> None:
    def dates(*switches: str) -> list[str]:
        rows = Counter(WORLD, *switches).rows("refdomains-history", date_from="2026-01-01")
        return [row["date"] for row in rows]

    assert dates() == list(reversed(dates("history_order=desc"))) == sorted(dates())


def test_the_balance_can_count_toward_the_rate() -> None:
    balance, other = Asked(path="/subscription-info/limits-and-usage"), Asked(path="/public/domain-rating-free")
    assert not Counter().service.rates_of(balance)
    assert Counter().service.rates_of(other)
    assert Counter(WORLD, "balance_counts=true").service.rates_of(balance)
    assert Counter().service.is_balance(balance)
    assert not Counter().service.is_balance(other)


def test_the_window_can_be_fixed_or_shared_and_refusals_stray() -> None:
    assert not Counter().service.rate.is_fixed
    assert not Counter().service.has_stray_refusals
    service = Counter(WORLD, "fixed_window=true", "shared_window=true", "stray_429=true").service
    assert service.rate.is_fixed
    assert service.rate.is_shared
    assert service.has_stray_refusals


def test_timestamps_in_where_reach_the_filter() -> None:
    where = {"field": "first_seen_link", "is": ["gt", "2026-09-01T00:00:00Z"]}
    assert Counter(WORLD).links(where=where) == []
    same_day = {"field": "first_seen_link", "is": ["gte", "2026-09-01T05:00:00Z"]}
    assert len(Counter(WORLD, "timestamps_in_where=day").links(where=same_day)) == 4
    refused = Counter(WORLD, "timestamps_in_where=refuse").explore("all-backlinks", select="anchor", where=where)
    assert refused.status == 400


@pytest.mark.parametrize(("header", "key"), [("Bearer k", "k"), ("bearer  k ", "k"), ("Basic k", None), ("", None)])
def test_the_key_is_a_bearer_token(header: str, key: str | None) -> None:
    assert Counter().service.key_of(Asked(path="/", headers={"authorization": header})) == key
    assert Counter().service.key_of(Asked(path="/", query=[("token", "k")])) is None


def test_of_a_repeated_parameter_the_first_counts() -> None:
    assert Asked(path="/", query=[("select", "a"), ("x", "1"), ("select", "b")]).first() == {"select": "a", "x": "1"}
    assert codec.parse(Counter().service.refuse(Refusal.BAD_KEY).body).keys() == {"error"}
