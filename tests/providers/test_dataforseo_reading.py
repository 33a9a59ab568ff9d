"""What DataForSEO answers is read to its end, billed by its cost, and never silently cut."""

from datetime import date
from typing import Any

import pytest
from dataforseo_kit import NOON, asked, compiled, envelope, known, listed, read, reply_of, step_of, stored
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harvester.errors import UnknownReply, UnreadableRow
from harvester.model import Action, Cursor, Page
from harvester.providers.dataforseo import DATAFORSEO
from harvester.records import set_id

NOTHING: list[Any] = [
    envelope(),
    envelope(None),
    envelope({}),
    envelope({"items": None, "items_count": None, "total_count": None}),
    envelope({"items": [], "items_count": 0, "total_count": 0}),
    envelope(code=40102, message="No Search Results."),
    envelope(code=40501, message="No Search Results."),
]
NO_ITEMS = NOTHING[3:5]
EVERY_REPORT = [name for name in DATAFORSEO.reports if name != "comparison"]


@pytest.mark.parametrize("report", EVERY_REPORT)
@pytest.mark.parametrize("body", NOTHING, ids=repr)
def test_every_shape_of_nothing_is_an_empty_success_with_its_bill(report: str, body: object) -> None:
    if report == "summary" and body in NO_ITEMS:
        return  # its counts are no items
    page = read(compiled(report), body)
    assert (page.rows, page.next, page.incomplete, page.note) == ([], None, None, "no data")
    assert page.units == 24_036


@pytest.mark.parametrize("body", NOTHING, ids=repr)
def test_a_batch_without_items_says_which_targets_are_missing(body: object) -> None:
    page = read(compiled("comparison"), body, step_of("a.example", "b.example"))
    assert (page.rows, page.next, page.incomplete) == ([], None, "no row came for a.example, b.example")


NOT_A_LIST = {"status_code": 20000, "tasks": [{"status_code": 20000, "cost": 0.024036, "result": {"items": []}}]}


@pytest.mark.parametrize(
    "body", [envelope([]), envelope("x"), envelope({"items": {}}), NOT_A_LIST, b"<html>"], ids=repr
)
def test_what_has_another_shape_is_no_answer(body: object) -> None:
    for report in ("refdomains", "overlap", "comparison"):
        with pytest.raises(UnknownReply):
            read(compiled(report), body)


def walk(exchange: Any, total: int, *, has_token: bool, says_total: bool = True) -> tuple[list[Any], Page]:
    """Return the tasks that are sent for a list of that length, each marked, and the last page."""
    assert DATAFORSEO.receipts is not None
    tasks: list[Any] = []
    cursor: Cursor = {}
    sent = 0
    while True:
        step = step_of(cursor=cursor)
        request = DATAFORSEO.receipts.mark(asked(exchange, step), f"attempt-{len(tasks)}")
        (task,) = request.json
        tasks.append(task)
        count = max(0, min(task["limit"], total - sent))
        sent += count
        token = f"at {sent}" if has_token else None
        body = listed(count, total=total if says_total else None, token=token)
        page = exchange.read(step, request, reply_of(body))
        if page.next is None:
            return tasks, page
        cursor = page.next


@given(total=st.integers(0, 30_000), says_total=st.booleans())
@settings(max_examples=15, deadline=None)
@example(total=20_001, says_total=True)
@example(total=20_002, says_total=True)
def test_backlinks_are_read_to_the_end_by_token_where_offsets_do_not_lead_there(total: int, says_total: bool) -> None:
    (first, *others), last = walk(compiled("backlinks"), total, has_token=True, says_total=says_total)
    assert last.incomplete is None
    begins = [1000 * number for number in range(1, len(others) + 1)]
    assert begins[-1:] <= [total]
    if says_total and total <= 20_001:
        by_offset = [{**first, "offset": begin, "tag": f"attempt-{begin // 1000}"} for begin in begins]
        assert others == by_offset
    else:  # "all other parameters identical", the tag of the first page among them
        assert others == [{**first, "search_after_token": f"at {begin}"} for begin in begins]


def test_a_list_without_a_token_ends_where_offsets_do_and_says_so() -> None:
    tasks, last = walk(compiled("refdomains"), 25_000, has_token=False)
    assert [task.get("offset", 0) for task in tasks] == list(range(0, 20_001, 1000))
    assert last.incomplete == "the provider gives the first 21,000 rows of 25,000 and no more"
    _, last = walk(compiled("refdomains"), 21_000, has_token=False)
    assert last.incomplete is None


def test_a_token_that_is_no_text_leads_nowhere() -> None:
    body = listed(1000, total=2000)
    body["tasks"][0]["result"][0]["search_after_token"] = {"a": 1}
    assert read(compiled("backlinks"), body).next == {"begin": 1000, "total": 2000}


def test_partial_results_are_kept_and_called_so() -> None:
    body = listed(3, total=3)
    body["tasks"][0]["status_code"] = 40106
    page = read(compiled("backlinks"), body)
    assert len(page.rows) == 3
    assert page.incomplete == "the provider completed the request with partial results only"


def test_fewer_items_than_announced_are_noticed() -> None:
    body = envelope({"total_count": 2, "items_count": 2, "items": [{"domain": "a.example"}]})
    assert read(compiled("refdomains"), body).incomplete == "the provider speaks of 2 rows, and 1 came"


@pytest.mark.parametrize(("announced", "action"), [(1, Action.SET_ASIDE), (0, Action.KEEP), ("1", Action.KEEP)])
def test_results_that_are_announced_and_not_there_are_no_empty_success(announced: Any, action: Action) -> None:
    body = envelope()
    body["tasks"][0]["result_count"] = announced
    verdict = DATAFORSEO.judge(reply_of(body))
    assert verdict.action is action
    assert verdict.units == (24_036 if action is Action.KEEP else None)


def test_a_bill_that_is_missing_stays_unknown() -> None:
    assert read(compiled("summary"), envelope({"backlinks": 1}, cost=None)).units is None


def test_items_of_a_batch_are_matched_by_name_and_not_by_place() -> None:
    targets = ("example.com", "rival.example", "unknown.example")
    page = read(compiled("comparison"), stored("bulk_pages_summary"), step_of(*targets))
    assert [row.target for row in page.rows] == ["rival.example", "example.com"]
    assert page.incomplete == "no row came for unknown.example"
    assert page.next is None
    assert page.units == 24_072


def test_spellings_of_one_key_are_told_apart_as_long_as_they_come_back_as_sent() -> None:
    items = [{"target": "http://a.example/"}, {"target": "https://a.example/"}, {"target": "https://b.example/#x"}]
    targets = ("https://a.example/", "http://a.example/", "b.example/")
    exchange = compiled("comparison", scope="url", options={"bulk": "ranks"})
    page = read(exchange, envelope({"items": items}), step_of(*targets))
    assert [row.target for row in page.rows] == ["http://a.example/", "https://a.example/", "b.example/"]


def test_targets_that_are_sent_alike_are_sent_once_and_share_their_item() -> None:
    exchange = compiled("comparison", scope="url", options={"bulk": "ranks"})
    step = step_of("a.example/", "https://a.example/")
    assert asked(exchange, step).json[0]["targets"] == ["https://a.example/"]
    page = read(exchange, envelope({"items": [{"target": "https://a.example/"}]}), step)
    assert [row.target for row in page.rows] == ["a.example/", "https://a.example/"]
    assert page.incomplete is None


@pytest.mark.parametrize("item", [{"target": "c.example"}, {"target": 7}, {"target": "exa mple"}, {}, 7, None])
def test_an_item_about_nobody_asked_about_is_a_reject(item: object) -> None:
    exchange = compiled("comparison")
    page = read(exchange, envelope({"items": [item]}), step_of("a.example", "b.example"))
    (row,) = page.rows
    assert row.target == ""
    assert page.incomplete == "no row came for a.example, b.example"
    with pytest.raises(UnreadableRow):
        exchange.record_of(row, reply_of(b"").arrived_at)


def test_a_set_has_a_row_for_each_of_its_targets() -> None:
    step, exchange = step_of("example.com", "rival.example"), compiled("overlap")
    page = read(exchange, stored("domain_intersection"), step)
    records = [known(exchange.record_of(row, reply_of(b"").arrived_at)) for row in page.rows]
    assert [
        (row.target, record["domain"], record["links"], record["matches"])
        for row, record in zip(page.rows, records, strict=True)
    ] == [
        ("example.com", "blog.example.org", 41, 2),
        ("rival.example", "blog.example.org", 5, 2),
        ("example.com", "news.example.net", 0, 1),
        ("rival.example", "news.example.net", 8, 1),
    ]
    assert {record["set_id"] for record in records} == {set_id(step.task.targets)}
    assert page.next is None
    assert page.units == 24_072
    assert "domain_score" not in records[0], "rank is what is passed on, not the domain's own"
    assert records[1]["extra"]["rank"] == 9
    assert records[2]["extra"] == {"intersections_count": 1}


def test_the_rows_of_an_item_share_it_out_without_doubling_it() -> None:
    page = read(compiled("overlap"), stored("domain_intersection"), step_of("example.com", "rival.example"))
    (item, _) = stored("domain_intersection")["tasks"][0]["result"][0]["items"]
    first, second = page.rows[:2]
    assert {**first.data["domain_intersection"], **second.data["domain_intersection"]} == item["domain_intersection"]
    assert list(first.data["domain_intersection"]) == ["1"]


@pytest.mark.parametrize(
    "item",
    [
        {"domain_intersection": None},
        {"domain_intersection": {}},
        {"domain_intersection": {"1": {"backlinks": 3}}},
        {"domain_intersection": {"1": {"target": "a.example", "backlinks": None}}},
        {"domain_intersection": {"1": {"target": "a.example", "backlinks": 1}, "2": []}},
        7,
    ],
    ids=repr,
)
def test_an_item_of_a_set_that_cannot_be_read_is_one_reject(item: object) -> None:
    page = read(compiled("overlap"), envelope({"items": [item]}), step_of("example.com", "rival.example"))
    assert [(row.target, row.data) for row in page.rows] == [("", item)]


def test_an_entry_of_a_set_that_is_null_is_no_link() -> None:
    item = {"domain_intersection": {"1": {"target": "a.example", "backlinks": 3}, "2": None}, "summary": None}
    exchange = compiled("overlap")
    page = read(exchange, envelope({"items": [item]}), step_of("example.com", "rival.example"))
    assert [exchange.record_of(row, reply_of(b"").arrived_at)["links"] for row in page.rows] == [3, 0]


def test_a_walk_through_sets_counts_items_and_not_their_rows() -> None:
    entry = {"target": "a.example", "backlinks": 1}
    items = [{"domain_intersection": {"1": entry}}] * 1000
    exchange = compiled("overlap")
    page = read(exchange, envelope({"total_count": 1500, "items": items}), step_of("example.com", "rival.example"))
    assert len(page.rows) == 2000
    assert page.next == {"begin": 1000, "total": 1500}
    page = read(exchange, envelope({"items": items[:600]}), step_of("example.com", "rival.example"))
    assert (len(page.rows), page.next) == (1200, None)


def test_counts_are_dated_by_the_day_of_the_answer() -> None:
    for report in ("summary", "comparison"):
        body = envelope({"backlinks": 1, "items": [{"target": "example.com"}]})
        of = compiled(report)
        (row,) = read(of, body).rows
        assert of.record_of(row, NOON)["as_of"] == "2026-11-21"


def test_forecasts_know_the_least_and_the_most() -> None:
    assert compiled("summary").forecast().most_units == 24_036
    assert compiled("comparison").forecast().least_units == 24_036
    assert compiled("comparison").forecast().most_units == 27_600
    assert compiled("backlinks").forecast().most_units is None
    assert compiled("refdomains").forecast().most_units == 21 * (24_000 + 36_000), "21,000 rows can be had"
    assert compiled("refdomains", max_rows=2500).forecast().most_units == 3 * 24_000 + 36 * 2500
    history = compiled("history", since=date(2026, 9, 30)).forecast()
    assert (history.least_units, history.most_units) == (24_036, 24_000 + 3 * 36)
