"""Pages, their ends and their bills, as Serpstat answers."""

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serpstat_kit import NOON, asked, compiled, error, listed, page_of, params, reply_of, step_of, stored

from harvester.codec import dump, parse
from harvester.errors import UnknownReply
from harvester.model import Action, Exchange, Page, Step

NO_DATA = error(32017, "Data not found")


def domains(begin: int, end: int) -> list[dict[str, Any]]:
    return [{"domain_from": f"d{number}.com", "ref_pages": 1, "domainRank": 1} for number in range(begin, end)]


class Provider:
    """A list of so many rows, asked page by page as the reference says; it counts what it is asked and charges."""

    def __init__(self, rows: int, *, tells_total: bool = True, ends_with_error: bool = True) -> None:
        self.rows = rows
        self.tells_total = tells_total
        self.ends_with_error = ends_with_error
        self.charged = 0
        self.asked: list[tuple[int, int]] = []

    def answer(self, page: int, size: int) -> dict[str, Any]:
        self.asked.append((page, size))
        data = domains((page - 1) * size, min(page * size, self.rows))
        self.charged += max(1, len(data))
        if not data and self.ends_with_error:
            return NO_DATA
        return listed(data, page=page, count=len(data), total=self.rows if self.tells_total else None)


def walked(exchange: Exchange, provider: Provider, *, max_rows: int | None = None) -> list[Page]:
    """Walk a list to its end, as the engine does."""
    pages: list[Page] = []
    cursor: Any = {}
    while cursor is not None:
        rows = sum(len(page.rows) for page in pages)
        if max_rows is not None and rows >= max_rows:
            break
        step = step_of(cursor=cursor, rows=None if max_rows is None else max_rows - rows)
        request = asked(exchange, step)
        body = provider.answer(params(request)["page"], params(request)["size"])
        page = exchange.read(step, request, reply_of(body))
        assert page.units is not None
        assert page.units <= request.most_units
        pages.append(page)
        cursor = None if page.next is None else parse(dump(page.next))
    return pages


@given(
    rows=st.integers(0, 400),
    size=st.integers(1, 60),
    max_rows=st.none() | st.integers(1, 300),
    tells_total=st.booleans(),
    ends_with_error=st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_every_row_comes_once_and_the_bill_is_the_provider_s(
    rows: int, size: int, max_rows: int | None, tells_total: bool, ends_with_error: bool
) -> None:
    provider = Provider(rows, tells_total=tells_total, ends_with_error=ends_with_error)
    pages = walked(compiled("refdomains", page_size=size), provider, max_rows=max_rows)
    names = [row.data["domain_from"] for page in pages for row in page.rows]
    wanted = rows if max_rows is None else min(rows, max_rows)
    assert names == [f"d{number}.com" for number in range(wanted)]
    assert sum(page.units or 0 for page in pages) == provider.charged
    assert not any(page.incomplete for page in pages)
    if tells_total and rows:
        assert all((number - 1) * length < rows for number, length in provider.asked), "nothing is asked past the end"


def test_page_numbers_follow_each_other_at_one_size() -> None:
    provider = Provider(2_500)
    walked(compiled("refdomains"), provider)
    assert provider.asked == [(1, 1000), (2, 1000), (3, 1000)]
    assert provider.charged == 2_500


def test_a_page_within_the_units_is_at_a_whole_multiple_of_its_length() -> None:
    request = asked(compiled("refdomains"), step_of(cursor={"begin": 1000, "total": 2500}, units=300))
    assert (params(request)["page"], params(request)["size"], request.most_units) == (5, 250, 250)
    assert compiled("refdomains").ask(step_of(units=0)) is None
    assert compiled("summary").ask(step_of(units=4)) is None
    assert asked(compiled("summary"), step_of(units=5)).most_units == 5


def read_at(begin: int, body: object, total: int = 2_500, report: str = "refdomains") -> Page:
    return page_of(compiled(report), body, step_of(cursor={"begin": begin, "total": total}))


def test_sixty_thousand_rows_are_the_end_and_that_is_said() -> None:
    page = read_at(59_000, listed(domains(0, 1000), total=99_241), 99_241)
    assert (page.next, page.units) == (None, 1000)
    assert page.incomplete == "the provider gives the first 60,000 rows of 99,241 and no more"
    assert read_at(59_000, listed(domains(0, 1000), total=60_000), 60_000).incomplete is None


@pytest.mark.parametrize("code", [32015, 32017, -32015, -32017, "-32017", "32015"], ids=repr)
def test_no_data_is_a_page_without_rows_that_costs_a_credit(code: object) -> None:
    for report in ("backlinks", "summary", "history", "overlap"):
        page = page_of(compiled(report), error(code, "nothing"), step_of("a.com", "b.com"))
        assert (page.rows, page.next, page.units) == ((), None, 1)
        assert (page.note, page.incomplete) == ("no data", None)


@pytest.mark.parametrize("data", [[], {}])
def test_an_empty_answer_costs_a_credit_even_where_the_price_is_five(data: object) -> None:
    page = page_of(compiled("summary"), listed(data))
    assert (page.rows, page.units, page.note) == ([], 1, "no data")


def test_an_error_for_the_end_ends_a_list_and_says_where() -> None:
    page = page_of(compiled("refdomains"), NO_DATA, step_of(cursor={"begin": 1000}))
    assert (page.rows, page.next, page.units, page.incomplete) == ((), None, 1, None)
    assert page.note == "the provider has no rows from row 1,001 on: 32017: Data not found"


@pytest.mark.parametrize("begin", [1000, 2000])
def test_an_end_before_the_total_leaves_the_task_incomplete_on_the_last_page_too(begin: int) -> None:
    reason = f"nothing came from row {begin + 1:,} on, of 2,500 that there should be"
    for body in (NO_DATA, listed([], total=2_500), listed([])):
        page = read_at(begin, body)
        assert (page.next, page.units, page.incomplete) == (None, 1, reason)


def test_a_depth_the_provider_refuses_makes_the_task_incomplete_and_keeps_its_rows() -> None:
    body = error(402, "To get more than 10000 results, use export report methods")
    page = read_at(10_000, body, 30_000)
    assert (page.rows, page.next, page.units) == ((), None, 0)
    assert page.incomplete is not None
    assert page.incomplete.startswith("the provider gives no rows from row 10,001 on: 402: To get more than 10000")


def test_a_page_with_fewer_rows_than_its_total_demands_is_said_to_lack_some() -> None:
    page = page_of(compiled("refdomains"), listed(domains(0, 100), total=2_500))
    assert page.incomplete == "100 rows came where 1,000 were due, from row 1 on"
    assert page.next == {"begin": 1000, "total": 2500}, "the rest is read all the same"
    assert read_at(2000, listed(domains(0, 499), total=2_500)).incomplete is not None
    assert read_at(2000, listed(domains(0, 499), total=2_499)).incomplete is None, "the list has shrunk"


@pytest.mark.parametrize(
    ("field", "days", "strays"),
    [
        ("since", ["2026-10-01 00:00:00", "2026-09-30 21:00:00", "2026-11-20"], 0),
        ("since", ["2026-09-29 23:59:59", "2026-10-01", "2019-01-01"], 2),
        ("until", ["2026-10-01 23:00:00", "2026-10-02 02:00:00", "2019-01-01", None, "soon"], 0),
        ("until", ["2026-10-03 00:00:00", "2026-09-01"], 1),
    ],
)
def test_rows_of_days_that_were_not_asked_for_are_kept_and_said(field: str, days: list[object], strays: int) -> None:
    window: dict[str, Any] = {field: date(2026, 10, 1)}
    rows = [{"url_from": "https://a.com/", "url_to": "https://b.com/", "last_visited": found} for found in days]
    for report in ("lost-backlinks", "lost-outlinks"):
        page = page_of(compiled(report, **window), listed([*rows, "no row"], total=len(rows) + 1))
        assert len(page.rows) == len(rows) + 1
        assert (page.incomplete or "").startswith(f"{strays} rows have another last_visited" if strays else "")
        assert (page.incomplete is None) is (strays == 0)
    assert page_of(compiled("lost-backlinks"), listed(rows)).incomplete is None


@pytest.mark.parametrize("total", [None, 0, 7, -1, True, "many"])
def test_a_total_that_cannot_be_is_no_end(total: object) -> None:
    page = page_of(compiled("refdomains"), listed(domains(0, 1000), total=total))
    assert page.next == {"begin": 1000}
    page = page_of(compiled("refdomains"), listed(domains(0, 999), total=total))
    assert (page.next, page.incomplete) == (None, None)


def test_a_total_may_be_a_text_and_an_answer_may_have_no_summary() -> None:
    assert page_of(compiled("refdomains"), listed(domains(0, 1000), total="1500")).next == {
        "begin": 1000,
        "total": 1500,
    }
    assert page_of(compiled("refdomains"), {"result": {"data": domains(0, 3), "summary_info": 5}}).next is None
    assert page_of(compiled("refdomains"), {"result": {"data": domains(0, 3)}, "error": None}).units == 3


def test_a_summary_beside_the_result_is_read_as_well() -> None:
    body = {"result": {"data": domains(0, 1000)}, "summary_info": {"total": 1000}}
    assert page_of(compiled("refdomains"), body).next is None
    body["summary_info"] = {"total": 1001}
    assert page_of(compiled("refdomains"), body).next == {"begin": 1000, "total": 1001}


def test_credits_left_are_not_the_bill_for_other_users_spend_them_too() -> None:
    bills = {page_of(compiled("refdomains"), listed(domains(0, 3), left_lines=left)).units for left in (0, 10**6, -5)}
    assert bills == {3}


def test_flat_answers_have_no_pages_and_the_zones_summary_stands_beside_the_result() -> None:
    for report, name, units in (
        ("summary", "getSummaryV2", 5),
        ("top-anchors", "getTopAnchors", 1),
        ("history", "getBacklinksChangesHistory", 1),
        ("tld", "getDistributionTLD", 1),
        ("authority", "getDistributionSDR", 1),
    ):
        page = page_of(compiled(report), stored(name))
        assert (page.next, page.units, page.incomplete, page.note) == (None, units, None, None)
        assert page.rows


def test_an_overlap_counts_the_provider_s_rows_and_writes_one_for_each_target() -> None:
    step = step_of("a.com", "b.com", "c.com", rows=4)
    exchange = compiled("overlap", max_rows=4)
    request = asked(exchange, step)
    assert params(request)["size"] == 2, "two of the provider's rows are six of ours"
    page = exchange.read(step, request, reply_of(stored("getIntersect")))
    assert ([row.target for row in page.rows], page.units) == (["a.com", "b.com", "c.com", "a.com"], 2)


def test_the_pages_of_an_overlap_are_counted_in_the_provider_s_rows() -> None:
    both = {"Domain": "x.com", "Links count for domain #1 a.com": 1, "Links count for domain #2 b.com": 1}
    step, exchange = step_of("a.com", "b.com"), compiled("overlap", page_size=10)
    assert page_of(exchange, listed([both] * 5), step).next is None, "ten of our rows are no full page"
    page = page_of(exchange, listed([both] * 10), step)
    assert (page.next, len(page.rows), page.units) == ({"begin": 10}, 20, 10)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        [],
        {},
        {"result": None},
        {"result": []},
        {"result": {}},
        {"result": {"data": None}},
        {"result": {"data": "x"}},
        {"error": {}},
        error(-32000, "Query frequency exceeded"),
    ],
)
def test_an_answer_of_another_shape_is_not_read(body: object) -> None:
    with pytest.raises(UnknownReply):
        page_of(compiled("backlinks"), body)


codes = st.none() | st.booleans() | st.sampled_from([402, 404, 32015, -32017, "32017", 32012, 500]) | st.integers()
messages = st.none() | st.sampled_from(["Data not found", "To get more than 5 rows", "Invalid token!"]) | st.text()
errors = st.builds(error, codes, messages) | st.builds(lambda text: {"error": text}, st.text() | st.integers())


@given(body=errors, status=st.sampled_from([200, 400, 404, 429, 500]), begin=st.sampled_from([0, 1000]))
@settings(max_examples=150, deadline=None)
def test_every_error_that_is_kept_can_be_read_and_ends_its_list(body: dict[str, Any], status: int, begin: int) -> None:
    step: Step = step_of(cursor={"begin": begin} if begin else {})
    exchange = compiled("backlinks")
    request, reply = asked(exchange, step), reply_of(json.dumps(body).encode(), status)
    verdict = exchange.judge(step, request, reply)
    if verdict.action is not Action.KEEP:
        assert verdict.why
    elif body["error"]:
        page = exchange.read(step, request, reply)
        assert (page.rows, page.next) == ((), None)
        assert page.units in (0, 1)


def test_what_stands_for_the_day_of_fetching_says_so() -> None:
    of = compiled("summary")
    (row,) = page_of(of, stored("getSummaryV2")).rows
    assert of.record_of(row, NOON)["as_of"] == NOON.date().isoformat()
