"""What Ahrefs charges, what it says it charges, and when it refuses (reference, sections 8, 9, 12 and 15)."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_kit import GENERATED, TODAY, Counter, error_of, link, units_of, world_of

from harvester import codec
from harvester.sandbox.ahrefs.fields import BACKLINKS

ONES = "url_from,url_to,anchor,is_dofollow,first_seen_link,last_seen,last_visited,title,link_type,http_code"
DOMAINS = "domain,domain_rating,links_to_target,new_links,lost_links,first_seen"
MANY = world_of(*(link(f"https://s{number}.example/", anchor=str(number)) for number in range(400)))
THREE = world_of(*(link(f"https://s{number}.example/") for number in range(3)))
#: Charged live: "`index` and `url` are billed too".
EIGHT = [
    "index",
    "url",
    "domain_rating",
    "refdomains",
    "refdomains_dofollow",
    "refips_subnets",
    "backlinks",
    "org_traffic",
]
ALL = ",".join(BACKLINKS.select)
TRAFFIC = {"field": "traffic", "is": ["gte", 0]}


def test_the_price_examples_of_the_reference_hold() -> None:
    few, many = Counter(THREE), Counter(MANY)
    all_links = ALL.replace("link_group_count,", "") if "link_group_count," in ALL else ALL
    assert units_of(few.explore("domain-rating", date="2026-11-20")) == (50, 50)
    assert units_of(few.explore("backlinks-stats", date="2026-11-20")) == (50, 50)
    assert units_of(few.explore("metrics", date="2026-11-20")) == (50, 50)
    assert units_of(few.explore("all-backlinks", select=ONES)) == (50, 50)
    assert units_of(many.explore("all-backlinks", select=ONES)) == (2500, 2500)
    assert units_of(many.explore("all-backlinks", select=ONES, where=TRAFFIC)) == (5000, 5000)
    assert units_of(many.explore("all-backlinks", select=ALL)) == (29_000, 29_000)
    assert units_of(many.explore("all-backlinks", select=all_links, aggregation="all")) == (28_750, 28_750)
    hundred = Counter(MANY, row_cap=100)
    assert units_of(hundred.explore("refdomains", select=DOMAINS)) == (600, 600)
    assert units_of(hundred.explore("refdomains", select=DOMAINS, order_by="traffic_domain:desc")) == (1600, 1600)
    dates = {"date_from": "2024-12-01", "date_to": "2026-11-01"}
    assert units_of(few.explore("refdomains-history", **dates)) == (144, 144)
    assert units_of(few.explore("domain-rating-history", date_from="2025-12-01")) == (50, 50)


@pytest.mark.parametrize(
    ("select", "targets", "units"),
    [
        (["url", "domain_rating"], 100, 200),
        (["url", "domain_rating"], 10, 50),
        (["index", "url", "domain_rating", "refdomains_dofollow", "refdomains", "backlinks", "org_traffic"], 3, 72),
        (EIGHT, 3, 75),
    ],
)
def test_the_price_examples_of_batch_analysis_hold(select: list[str], targets: int, units: int) -> None:
    asked = [{"url": f"t{number}.example", "mode": "domain", "protocol": "both"} for number in range(targets)]
    assert units_of(Counter(THREE).batch(asked, select)) == (units, units)


def test_a_field_named_twice_counts_once_wherever_it_is_named() -> None:
    counter = Counter(MANY)
    again = {"where": TRAFFIC, "order_by": "traffic:desc"}
    answer = counter.explore("all-backlinks", select="url_from,traffic,traffic", aggregation="all", **again)
    assert answer.headers["x-api-units-cost-row"] == "11"
    answer = counter.explore("all-backlinks", select="url_from", aggregation="all", **again)
    assert answer.headers["x-api-units-cost-row"] == "11"
    extra = {
        "and": [{"field": "is_homepage_link", "is": ["eq", True]}, {"field": "refdomains_source", "is": ["gte", 0]}]
    }
    answer = counter.explore("all-backlinks", select="url_from", where=extra, order_by="anchor,title:asc")
    assert answer.headers["x-api-units-cost-row"] == str(1 + 1 + 5 + 1 + 1)


def test_the_five_headers_tell_rows_price_and_charge() -> None:
    answer = Counter(MANY).explore("all-backlinks", select=ONES, limit=30)
    assert dict(answer.headers) == {
        "Content-Type": "application/json",
        "x-api-rows": "30",
        "x-api-units-cost-row": "10",
        "x-api-units-cost-total": "300",
        "x-api-units-cost-total-actual": "300",
        "x-api-cache": "miss",
    }


def test_the_same_request_again_is_served_from_the_cache_for_nothing() -> None:
    counter = Counter(MANY)
    first = counter.explore("all-backlinks", select=ONES)
    again = counter.explore("all-backlinks", select=ONES)
    assert again.body == first.body
    assert (units_of(again), again.headers["x-api-cache"]) == ((2500, 0), "hit")
    counter.explore("all-backlinks", select=ONES, limit=249)
    assert counter.account.units_charged == 2500 + 2490
    assert counter.account.cache_hits == 1
    other_key = Counter(MANY)
    assert units_of(other_key.explore("all-backlinks", select=ONES)) == (2500, 2500)


def test_a_repeat_is_free_even_on_an_empty_pool() -> None:
    counter = Counter(MANY, units=2500)
    assert counter.explore("all-backlinks", select=ONES).status == 200
    assert counter.explore("all-backlinks", select=ONES).status == 200
    assert counter.explore("all-backlinks", select="url_from", limit=1).status == 403


@pytest.mark.parametrize("target", ["ahrefs.com", "https://ahrefs.com/blog", "blog.yep.com", "firehose.com"])
def test_free_targets_cost_nothing_and_give_100_rows(target: str) -> None:
    counter = Counter(units=0, row_cap=None)
    answer = counter.explore("all-backlinks", target=target, select="url_from", limit=500)
    assert answer.status == 200
    total, actual = units_of(answer)
    assert (actual, counter.account.units_charged) == (0, 0)
    assert total >= 50
    assert answer.rows <= 100
    assert units_of(counter.explore("domain-rating", target=target, date="2026-01-01")) == (50, 0)


def test_a_free_target_is_cut_to_100_rows() -> None:
    world = world_of(*(link(f"https://s{n}.example/", "https://yep.com/", anchor=str(n)) for n in range(150)))
    assert len(Counter(world, row_cap=None).links(target="yep.com", limit=500)) == 100
    assert len(Counter(MANY, row_cap=None).links(target="t.example", limit=500)) == 400
    assert units_of(Counter().explore("domain-rating", target="notyep.com", date="2026-01-01")) == (50, 50)


def test_batch_analysis_has_no_free_targets() -> None:
    counter = Counter()
    counter.batch([{"url": "ahrefs.com", "mode": "domain", "protocol": "both"}], ["index"])
    assert counter.account.units_charged == 50


def test_a_pool_that_cannot_cover_the_most_refuses_and_charges_nothing() -> None:
    counter = Counter(THREE, units=2499)
    status, text = error_of(counter.explore("all-backlinks", select=ONES))
    assert (status, text) == (403, "API units limit reached. Expected usage: 2500, API units left: 2499.")
    assert (counter.account.units_charged, counter.account.refused_for_units) == (0, 1)
    assert units_of(counter.explore("all-backlinks", select=ONES, limit=249)) == (50, 50)
    assert Counter(THREE, units=10_000, row_cap=None).explore("all-backlinks", select=ONES).status == 200
    assert error_of(Counter(THREE, units=9_999, row_cap=None).explore("all-backlinks", select=ONES))[1] == (
        "API units limit reached. Expected usage: 10000, API units left: 9999."
    )


def test_the_last_50_units_can_be_spent_and_no_more() -> None:
    counter = Counter(THREE, units=50)
    assert counter.explore("domain-rating", date="2026-01-01").status == 200
    assert counter.account.units_left == 0
    status, text = error_of(counter.explore("domain-rating", date="2026-01-02"))
    assert (status, text) == (403, "API units limit reached. Expected usage: 50, API units left: 0.")


requests = st.fixed_dictionaries(
    {
        "select": st.lists(st.sampled_from(sorted(BACKLINKS.select)), min_size=1, max_size=9).map(",".join),
        "limit": st.integers(1, 400),
        "target": st.sampled_from(["t.example", "empty.example", "yep.com"]),
        "history": st.sampled_from(["live", "all_time"]),
    }
)


@given(st.lists(requests, max_size=12), st.integers(0, 20_000))
@settings(max_examples=60, deadline=None)
def test_no_pool_is_ever_overdrawn_and_every_unit_is_told(asked: list[dict[str, object]], pool: int) -> None:
    counter, told = Counter(MANY, units=pool), 0
    for params in asked:
        answer = counter.explore("all-backlinks", **params)
        told += units_of(answer)[1] if answer.status == 200 else 0
        assert answer.status in (200, 403)
    assert counter.account.units_charged == told <= pool


def test_an_empty_answer_costs_50_or_nothing() -> None:
    for switch, units in ((), 50), (("charge_empty=false",), 0):
        answer = Counter(THREE, *switch).explore("all-backlinks", target="empty.example", select=ONES)
        assert (codec.parse(answer.body), units_of(answer)) == ({"backlinks": []}, (units, units))


def test_the_balance_is_free_and_up_to_date() -> None:
    counter = Counter(THREE, units=1000)
    counter.explore("domain-rating", date="2026-01-01")
    answer = counter.ask("/subscription-info/limits-and-usage")
    assert codec.parse(answer.body)["limits_and_usage"] == {
        "subscription": "Sandbox, billed never",
        "usage_reset_date": "2026-12-01T00:00:00Z",
        "units_limit_workspace": 1000,
        "units_usage_workspace": 50,
        "units_limit_api_key": None,
        "units_usage_api_key": 50,
        "api_key_expiration_date": "2027-01-01T00:00:00Z",
    }
    assert counter.account.units_charged == 50


def test_the_free_rating_costs_nothing_and_agrees_with_the_paid_one() -> None:
    counter = Counter(GENERATED, units=50)
    free = codec.parse(counter.ask("/public/domain-rating-free", target="site1.example").body)["domain_rating"]
    paid = counter.explore("domain-rating", target="site1.example", date=TODAY.isoformat())
    assert free["domain_rating"] == codec.parse(paid.body)["domain_rating"]["domain_rating"]
    assert "license" in free
    assert counter.account.units_charged == 50
    assert counter.ask("/public/domain-rating-free").status == 400


def test_the_reset_is_next_month_in_december_too() -> None:
    world = world_of(link())
    world.now = world.now.replace(month=12)
    answer = Counter(world, "reset_date_form=date").ask("/subscription-info/limits-and-usage")
    reset = codec.parse(answer.body)["limits_and_usage"]["usage_reset_date"]
    assert date.fromisoformat(reset) == date(2027, 1, 1)
