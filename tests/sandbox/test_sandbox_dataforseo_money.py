"""What DataForSEO charges, when it refuses for want of money, and what user_data tells of it (reference, section 4)."""

from decimal import Decimal
from typing import Any

import pytest
from dataforseo_sandbox_kit import BASE, ROW, Buyer, exact
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_kit import link, world_of

from harvester import codec

MANY = world_of(*(link(f"https://s{number}.example/", anchor=str(number)) for number in range(1200)))
FEW = world_of(*(link(f"https://s{number}.example/", anchor=str(number)) for number in range(5)))
TASK = codec.dump([{"target": "t.example"}])


@pytest.mark.parametrize(
    ("name", "params", "cost"),
    [
        ("summary", {}, "0.024036"),
        ("backlinks", {"limit": 2}, "0.024072"),
        ("backlinks", {"limit": 5}, "0.02418"),
        ("anchors", {"limit": 24, "filters": ["backlinks", ">", 0]}, "0.024864"),
        ("backlinks", {"limit": 1000}, "0.06"),
        ("referring_domains", {}, "0.0276"),
        ("timeseries_summary", {"date_from": "2026-09-01"}, "0.024108"),
        ("history", {"date_from": "2026-03-01", "date_to": "2026-11-01"}, "0.024324"),
        ("bulk_ranks", {"targets": [f"t{n}.example" for n in range(10)]}, "0.02436"),
        ("bulk_backlinks", {"targets": [f"t{n}.example" for n in range(1000)]}, "0.06"),
        ("bulk_pages_summary", {"targets": [f"t{n}.example" for n in range(100)]}, "0.0276"),
        ("domain_intersection", {"targets": {"1": "t.example", "2": "t.example"}, "limit": 5}, "0.02418"),
        ("page_intersection", {"targets": {"1": "t.example", "2": "t.example"}, "limit": 5}, "0.02418"),
    ],
)
def test_the_price_examples_of_the_reference_hold(name: str, params: dict[str, object], cost: str) -> None:
    buyer = Buyer(MANY, "history_gaps=false")
    usual = {} if "targets" in params else {"target": "t.example"}
    envelope = buyer.post(name, {**usual, **params})
    assert (str(envelope["cost"]), str(envelope["tasks"][0]["cost"])) == (cost, cost)
    assert buyer.account.units_charged == Decimal(cost) * 1_000_000


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "name": st.sampled_from(["backlinks", "anchors", "referring_domains", "summary"]),
                "limit": st.integers(0, 1002),
                "offset": st.sampled_from([0, 1150, 5000, 20_001]),
                "target": st.sampled_from(["t.example", "empty.example", "no domain"]),
            }
        ),
        max_size=10,
    ),
    st.integers(0, 400_000),
)
@settings(max_examples=20, deadline=None)
def test_every_cost_is_base_and_rows_and_no_account_is_overdrawn(asked: list[dict[str, Any]], pool: int) -> None:
    buyer, told = Buyer(MANY, micro_usd=pool), Decimal(0)
    for params in asked:
        task = buyer.task(params.pop("name"), **params)
        told += task["cost"]
        if task["status_code"] == 20000:
            result = (task["result"] or [{}])[0]
            assert task["cost"] == BASE + ROW * max(1, result.get("items_count", 1))
        else:
            assert task["cost"] == 0
            assert task["status_code"] in (40501, 40210)
    assert buyer.account.units_charged == told * 1_000_000
    assert buyer.account.units_charged <= pool


def test_rows_returned_are_billed_not_the_limit() -> None:
    task = Buyer(FEW).task("backlinks", limit=1000)
    assert (task["result"][0]["items_count"], str(task["cost"])) == (5, "0.02418")


def test_an_unknown_target_is_null_and_billed_a_row() -> None:
    buyer = Buyer(FEW)
    task = buyer.task("summary", target="empty.example")
    assert (task["status_code"], task["status_message"], task["result_count"]) == (20000, "Ok.", 0)
    assert task["result"] is None
    assert (str(task["cost"]), buyer.account.units_charged) == ("0.024036", 24_036)


def test_a_known_target_without_live_links_is_not_null() -> None:
    buyer = Buyer(world_of(link(lost="2026-05-01")))
    (found,) = buyer.task("summary")["result"]
    assert (found["backlinks"], found["first_seen"], found["lost_date"], found["referring_links_tld"]) == (
        *(0, None, None, {}),
    )


@pytest.mark.parametrize(
    ("switch", "result", "count"),
    [
        ("items_empty", [{"target": "empty.example", "total_count": 0, "items_count": 0, "items": []}], 1),
        ("items_null", [{"target": "empty.example", "total_count": 0, "items_count": 0, "items": None}], 1),
        ("counts_null", [{"target": "empty.example", "total_count": None, "items_count": None, "items": None}], 1),
        ("result_null", None, 0),
        ("result_empty", [], 0),
        ("result_of_null", [None], 1),
    ],
)
def test_an_empty_list_has_one_of_six_shapes(switch: str, result: object, count: int) -> None:
    task = Buyer(FEW, f"empty_list={switch}").task("anchors", target="empty.example")
    assert (task["status_code"], task["result"], task["result_count"]) == (20000, result, count)
    assert str(task["cost"]) == "0.024036"


@pytest.mark.parametrize(("switch", "cost"), [("one_row", "0.024036"), ("base", "0.024"), ("nothing", "0")])
def test_an_empty_list_costs_a_row_the_base_or_nothing(switch: str, cost: str) -> None:
    buyer = Buyer(FEW, f"empty_costs={switch}")
    assert str(buyer.task("backlinks", target="empty.example")["cost"]) == cost
    assert str(buyer.task("summary", target="empty.example")["cost"]) == "0.024036"
    assert str(buyer.task("backlinks")["cost"]) == "0.02418"


def test_prices_can_be_the_old_ones_or_none() -> None:
    old = Buyer(FEW, "price_per_request=0.02", "price_per_row=0.00003")
    assert str(old.task("summary")["cost"]) == "0.02003"
    free = Buyer(FEW, "price_per_request=0", "price_per_row=0", micro_usd=0)
    assert (free.task("backlinks")["cost"], free.account.units_charged) == (0, 0)


def test_an_account_that_cannot_pay_is_told_so_in_the_task() -> None:
    buyer = Buyer(FEW, micro_usd=24_071)
    assert buyer.blame("backlinks") == (40210, "Insufficient Funds.")
    assert buyer.account.refused_for_units == 1
    assert str(buyer.task("summary")["cost"]) == "0.024036"


@pytest.mark.parametrize(("switch", "status", "code"), [("http_402", 402, 40200), ("envelope_40210", 200, 40210)])
def test_or_the_whole_request_is_refused(switch: str, status: int, code: int) -> None:
    buyer = Buyer(FEW, f"no_funds={switch}", micro_usd=10_000)
    answer = buyer.send("/v3/backlinks/summary/live", TASK)
    found = exact(answer.body)
    assert (answer.status, found["status_code"], found["tasks"], found["cost"]) == (status, code, None, 0)
    assert (buyer.account.units_charged, buyer.account.refused_for_units) == (0, 1)
    assert buyer.id_list() == []


def test_a_daily_limit_stops_until_the_next_utc_day() -> None:
    buyer = Buyer(FEW, "daily_limit=0.05")
    for _ in range(2):
        assert buyer.task("summary")["status_code"] == 20000
    assert buyer.blame("summary") == (40203, "Cost Limit per Day Exceeded.")
    (limits,) = buyer.get("/v3/appendix/user_data")
    assert str(limits["money"]["limits"]["day"]["total"]) == "0.05"
    assert str(limits["money"]["statistics"]["day"]["total"]) == "0.048072"
    buyer.now = buyer.now.replace(day=22, hour=0)
    assert buyer.task("summary")["status_code"] == 20000


def test_a_timeout_comes_once_per_payload_and_is_free_unless_switched() -> None:
    buyer = Buyer(FEW, "timeouts=first_attempt")
    assert buyer.blame("backlinks", tag="1")[0] == 50401
    assert buyer.task("backlinks", tag="2")["status_code"] == 20000  # the tag is no part of the payload
    assert buyer.blame("anchors")[0] == 50401
    assert buyer.blame("backlinks", limit=1001)[0] == 40501  # what is wrong is not tried
    billed = Buyer(FEW, "timeouts=first_attempt", "timeouts_cost=true")
    task = billed.task("backlinks")
    assert (task["status_code"], task["result"], str(task["cost"])) == (50401, None, "0.02418")
    assert billed.account.units_charged == 24_180


def test_large_pages_can_time_out_every_time() -> None:
    buyer = Buyer(FEW, "timeouts=large")
    for _ in range(2):
        assert buyer.blame("backlinks", limit=101)[0] == 50401
    assert buyer.blame("bulk_ranks", targets=[f"t{n}.example" for n in range(101)])[0] == 50401
    assert buyer.task("backlinks", limit=100)["status_code"] == 20000


def test_a_list_can_come_in_part_and_is_billed_for_it() -> None:
    buyer = Buyer(FEW, "partial=true")
    envelope = buyer.post("backlinks", {"target": "t.example"})
    (task,) = envelope["tasks"]
    assert (task["status_code"], envelope["tasks_error"], str(task["cost"])) == (40106, 1, "0.024108")
    (result,) = task["result"]
    assert (result["total_count"], result["items_count"], len(result["items"])) == (5, 3, 3)
    assert buyer.task("summary")["status_code"] == 20000


def test_free_endpoints_cost_nothing_even_without_money() -> None:
    buyer = Buyer(FEW, micro_usd=0)
    for path in ("appendix/user_data", "appendix/status", "appendix/errors", "backlinks/index"):
        assert buyer.get(f"/v3/{path}")
    assert buyer.get("/v3/backlinks/available_filters")
    assert buyer.id_list() == []
    assert buyer.account.units_charged == 0


def test_user_data_tells_money_prices_and_limits() -> None:
    buyer = Buyer(FEW)
    buyer.task("backlinks")
    (found,) = buyer.get("/v3/appendix/user_data")
    assert (found["login"], found["backlinks_subscription_expiry_date"]) == ("tester@harvester.example", None)
    money = found["money"]
    assert (str(money["total"]), str(money["balance"])) == ("100", "99.97582")
    assert (money["limits"]["day"]["total"], str(money["statistics"]["day"]["total"])) == (0, "0.02418")
    assert found["price"]["backlinks"]["summary"]["live"]["priority_low"] == [
        {"cost_type": "per_result", "cost": Decimal("0.000036")},
        {"cost_type": "per_request", "cost": Decimal("0.024")},
    ]
    assert found["price"]["backlinks"]["id_list"]["priority_high"][0]["cost"] == 0
    minute = found["rates"]["limits"]["minute"]
    assert (minute["total"], minute["appendix"]["user_data"], minute["appendix"]["status"]) == (2000, 6, 10)
    assert (minute["backlinks"]["errors"], minute["backlinks"]["summary"]["live"], minute["total_backlinks"]) == (
        10,
        0,
        0,
    )
    assert found["rates"]["statistics"]["minute"]["value"] == "2026-11-21 12:30"


def test_numbers_of_user_data_can_be_texts() -> None:
    (found,) = Buyer(FEW, "user_data_numbers=strings", "daily_limit=7.5").get("/v3/appendix/user_data")
    assert (found["money"]["balance"], found["money"]["limits"]["day"]["total"]) == ("100", "7.5")
    assert found["rates"]["limits"]["minute"]["total"] == "2000"
