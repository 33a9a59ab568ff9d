"""What Serpstat charges, when it refuses, and how its lists end (reference, sections 6 and 9)."""

from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_kit import GENERATED, link, world_of
from serpstat_sandbox_kit import BUSY, EVERY_LINK, Token

from harvester import codec
from harvester.sandbox.serpstat.service import GET_STATS

MANY = world_of(*(link(f"https://s{number}.example/", anchor=str(number)) for number in range(250)))
DEEP = world_of(*(link(f"https://s{number}.example/p") for number in range(700)))
NO_DATA = ("getNewBacklinks", "getRefDomains", "getOutlinks", "getThreats", "getTopAnchors", "getDistributionSDR")
COVER = "Not enough credits for this query"
NOBODY = next(name for number in count() if not GENERATED.link_count(name := f"u{number}.example"))


@pytest.mark.parametrize(
    ("method", "params", "credits"),
    [
        ("getNewBacklinks", {}, 100),
        ("getNewBacklinks", {"size": 1000}, 250),
        ("getNewBacklinks", {"size": 1}, 1),
        ("getNewBacklinks", {"size": 100, "page": 3}, 50),
        ("getLostBacklinks", {}, 1),
        ("getSummaryV2", {}, 5),
        ("getBacklinksChangesHistory", {}, 1),
        ("getDistributionSDR", {}, 1),
        ("getDistributionTLD", {}, 1),
        ("getTopAnchors", {}, 1),
        ("getIntersectSummary", {"intersect": ["u.example"]}, 3),
        ("getIntersectSummary", {"intersect": ["u.example", "v.example"]}, 7),
    ],
)
def test_rows_cost_one_each_and_flat_methods_their_price(method: str, params: dict[str, Any], credits: int) -> None:
    token = Token(MANY, credits=1000)
    left = [token.summary(method, **params)["left_lines"] for _ in range(2)]  # "identical requests are charged again"
    assert left == [1000 - credits, 1000 - 2 * credits]
    assert token.charged == 2 * credits


def test_the_intersection_summary_may_cost_one() -> None:
    token = Token(MANY, "intersect_summary_price=request")
    token.ask("getIntersectSummary", intersect=["u.example"])
    assert token.charged == 1


def test_the_balance_is_free_and_needs_no_params() -> None:
    token = Token(MANY, credits=10)
    token.ask("getNewBacklinks", size=4)
    bodies: list[dict[str, object]] = [{}, {"params": {}}]
    for more in bodies:
        body = codec.parse(token.post({"id": 5, "method": GET_STATS, **more}).body)
        data = body["result"]["data"]
        assert body["id"] == "5"
        assert (data["max_lines"], data["used_lines"], data["left_lines"]) == (10, 4, 6)
        assert body["result"]["summary_info"] == {"left_lines": 6}
        assert set(data["plugin_limits"]) == {"hasApiPlugin", "delayBetweenRequests", "total", "used", "left"}
        assert set(data["user_info"]) == {"user_id", "ga_client_Id", "plan_id"}
    assert token.charged == 4


def test_the_rows_that_come_must_be_covered() -> None:
    token = Token(MANY, credits=60)
    assert token.error("getNewBacklinks", size=61) == (403, COVER)
    assert len(token.rows("getNewBacklinks", size=120, page=3)) == 10
    assert len(token.rows("getNewBacklinks", size=46)) == 46
    assert token.error("getSummaryV2") == (403, COVER)
    assert (token.charged, token.account.refused_for_units) == (56, 2)
    assert len(token.rows("getNewBacklinks", size=4)) == 4
    assert token.charged == 60


def test_all_of_size_must_be_covered_if_switched() -> None:
    assert len(Token(MANY, credits=250).rows("getNewBacklinks", size=1000)) == 250
    strict = Token(MANY, "cover=size", credits=250)
    assert strict.error("getNewBacklinks", size=251) == (403, COVER)
    assert len(strict.rows("getNewBacklinks", size=245)) == 245
    assert strict.error("getIntersectSummary", intersect=["u.example", "v.example"]) == (403, COVER)
    strict.ask("getSummaryV2")
    assert strict.account.units_left == 0


@pytest.mark.parametrize("method", ["getNewBacklinks", "getSummaryV2", "getTopAnchors"])
def test_without_credits_everything_but_the_balance_is_refused(method: str) -> None:
    token = Token(MANY, credits=0)
    assert token.error(method) == (32012, "Credits exceeded")
    assert Token(MANY, "quota_code=402", credits=0).error(method) == (402, "Credits exceeded")
    assert "result" in codec.parse(token.post({"id": "1", "method": GET_STATS}).body)
    fitting = Token(MANY, "error_status=fitting", credits=0)
    assert fitting.send_usual(method).status == 402


def test_a_call_at_fault_is_told_so_before_its_credits_are_looked_at() -> None:
    token = Token(MANY, credits=0)
    assert token.error("getNewBacklinks", size=0)[0] == -32602
    assert token.account.refused_for_units == 0


@pytest.mark.parametrize("method", NO_DATA)
@pytest.mark.parametrize("switch", ["empty", "32015", "32017"])
def test_a_target_without_data_costs_one_credit_in_every_form(method: str, switch: str) -> None:
    token = Token(GENERATED, f"no_data={switch}", credits=1)
    body = token.ask(method, query=NOBODY)
    assert token.charged == 1
    if switch == "empty":
        assert body["result"]["data"] == []
        assert body["result"]["summary_info"].get("total", 0) == 0
    else:
        text = {"32015": "No data found for requested domain", "32017": "Data not found"}[switch]
        assert body["error"] == {"code": int(switch), "message": text}
    assert token.error(method, query=NOBODY)[0] == 32012


@pytest.mark.parametrize(("form", "price", "credits"), [("zeros", 5, 5), ("zeros", 1, 1), ("list", 5, 1)])
def test_a_summary_of_nothing_is_all_zeros_or_an_empty_list(form: str, price: int, credits: int) -> None:
    token = Token(GENERATED, f"empty_summary={form}", f"zero_summary_price={price}")
    data = token.ask("getSummaryV2", query=NOBODY)["result"]["data"]
    assert set(data.values()) == {0} if form == "zeros" else data == []
    assert token.charged == credits
    assert Token(MANY, f"empty_summary={form}").ask("getSummaryV2")["result"]["data"]["backlinks"] == 250


def test_a_list_may_keep_its_length_to_itself() -> None:
    assert Token(MANY).summary("getNewBacklinks")["total"] == 250
    assert Token(MANY, "list_total=null").summary("getNewBacklinks")["total"] is None


def test_a_filter_that_lets_nothing_through_leaves_no_data() -> None:
    nothing = [[{"field": "anchor", "compareType": "eq", "value": ["nowhere"]}]]
    assert Token(MANY, "no_data=32015").error("getNewBacklinks", complexFilter=nothing)[0] == 32015
    assert Token(MANY).rows("getNewBacklinks", complexFilter=nothing) == []


def test_a_page_behind_the_last_row_costs_one_credit() -> None:
    token = Token(MANY)
    assert len(token.rows("getNewBacklinks", size=125, page=2)) == 125
    assert token.error("getNewBacklinks", size=125, page=3) == (32017, "Data not found")
    assert token.charged == 126
    soft = Token(MANY, "past_end=empty")
    assert soft.rows("getNewBacklinks", size=125, page=3) == []
    assert soft.summary("getNewBacklinks", size=125, page=3)["total"] == 250
    assert soft.charged == 2


@pytest.mark.parametrize(("size", "last"), [(1000, 60), (700, 86), (1, 60_000), (999, 61)])
def test_no_page_begins_behind_row_60000(size: int, last: int) -> None:
    token = Token(MANY)
    text = "To get more than 60000 results use export report methods"
    assert token.error("getNewBacklinks", size=size, page=last + 1) == (402, text)
    assert token.charged == 0
    assert token.error("getNewBacklinks", size=size, page=last) == (32017, "Data not found")


def test_the_page_over_the_last_row_is_cut_there_and_the_total_tells_all() -> None:
    token = Token(DEEP, "deepest_row=600")
    assert len(token.rows("getNewBacklinks", size=250, page=3)) == 100
    assert token.summary("getNewBacklinks", size=250, page=3)["total"] == 700
    assert token.error("getNewBacklinks", size=300, page=3)[0] == 402
    assert token.charged == 200


@given(st.integers(1, 1000), st.sampled_from(["asc", "desc"]), st.sampled_from(["check", "url_from", "link_type"]))
@settings(max_examples=30, deadline=None)
def test_pages_hold_every_row_once_and_cost_as_many_credits(size: int, order: str, sort: str) -> None:
    token = Token(GENERATED)
    params: dict[str, object] = {"query": BUSY, "size": size, "order": order, "sort": sort, **EVERY_LINK}
    found: list[str] = []
    total = 1
    for page in count(1):
        if (page - 1) * size >= total:
            break
        body = token.ask("getNewBacklinks", page=page, **params)["result"]
        total = body["summary_info"]["total"]
        assert body["summary_info"]["count"] == len(body["data"])
        found += [codec.dump(row).decode() for row in body["data"]]
    live = [link for link in GENERATED.links_below(BUSY) if link.lost_at is None]
    assert (len(found), total, token.charged) == (len(live), len(live), len(live))
    pairs = sorted((link.source_url, link.target_url) for link in live)
    rows = [codec.parse(text) for text in found]
    assert sorted((row["url_from"], row["url_to"]) for row in rows) == pairs


calls = st.tuples(
    st.sampled_from(["getNewBacklinks", "getSummaryV2", "getRefDomains", "getTopAnchors", "getThreats"]),
    st.integers(1, 300),
    st.integers(1, 4),
    st.sampled_from(["t.example", NOBODY]),
)


@given(st.lists(calls, max_size=12), st.integers(0, 600), st.sampled_from(["rows", "size"]))
@settings(max_examples=50, deadline=None)
def test_credits_are_never_overdrawn_and_every_one_is_told(
    asked: list[tuple[str, int, int, str]], credits: int, cover: str
) -> None:
    token = Token(MANY, f"cover={cover}", credits=credits)
    for method, size, page, query in asked:
        before = token.account.units_left
        body = token.ask(method, size=size, page=page, query=query)
        if "result" in body:
            data, left = body["result"]["data"], body["result"]["summary_info"]["left_lines"]
            price = {"getSummaryV2": 5, "getTopAnchors": 1}.get(method, len(data))
            assert (left, before - left) == (token.account.units_left, max(1, price))
        else:
            assert before - token.account.units_left == (1 if body["error"]["code"] == 32017 else 0)
    assert 0 <= token.charged <= credits
