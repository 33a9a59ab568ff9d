"""What Semrush charges, where it cuts a list short without a word, and how it refuses (reference, sections 5 to 8)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_kit import GENERATED
from semrush_sandbox_kit import BALANCE, FORTY, REPORTS, Till, error_of

from harvester import codec
from harvester.sandbox.contract import MAIN_RATE, Asked, Refusal
from harvester.sandbox.semrush.service import SEMRUSH

LISTS = [
    "backlinks",
    "backlinks_refdomains",
    "backlinks_refips",
    "backlinks_tld",
    "backlinks_geo",
    "backlinks_anchors",
    "backlinks_pages",
    "backlinks_categories_profile",
    "backlinks_historical",
]


def asked(path: str = REPORTS, method: str = "GET", **query: str) -> Asked:
    return Asked(method=method, path=path, query=list(query.items()))


@pytest.mark.parametrize(
    ("report", "units"),
    [("backlinks_overview", 40), ("backlinks_categories", 50), ("backlinks_ascore_profile", 100)],
)
def test_three_reports_are_priced_by_request(report: str, units: int) -> None:
    till = Till(FORTY, units=units)
    assert till.ask(report).rows > 0
    assert till.account.units_charged == units
    short = Till(FORTY, units=units - 1)
    answer = short.ask(report)
    assert (answer.status, answer.body) == (403, b"ERROR 132 :: API UNITS BALANCE IS ZERO")
    assert (short.account.units_charged, short.account.refused_for_units) == (0, 1)


@pytest.mark.parametrize("report", LISTS)
def test_lists_cost_40_units_for_each_line(report: str) -> None:
    till = Till(FORTY)
    rows = till.ask(report).rows
    assert rows > 0
    assert till.account.units_charged == 40 * rows


def test_batches_cost_40_units_for_each_line() -> None:
    till = Till(GENERATED)
    rows = till.ask_many("backlinks_comparison", ["x207.com", "x110.com", "nobody.x207.com"]).rows
    assert till.account.units_charged == 40 * rows
    shared = till.ask_many("backlinks_matrix", ["x207.com", "x199.com"], display_limit=25).rows
    assert shared == 25
    assert till.account.units_charged == 40 * (rows + 25)


def test_lines_skipped_by_the_offset_are_not_charged() -> None:
    till = Till(FORTY)
    till.ask("backlinks", display_offset=30, display_limit=35)
    assert till.account.units_charged == 200


@settings(max_examples=60, deadline=None)
@given(
    report=st.sampled_from(LISTS),
    units=st.integers(1, 2000),
    offset=st.none() | st.integers(1, 60),
    size=st.integers(1, 60),
)
def test_the_charge_is_40_for_each_data_line_and_never_more_than_there_is(
    report: str, units: int, offset: int | None, size: int
) -> None:
    till = Till(FORTY, units=units)
    question = {"display_offset": offset, "display_limit": (offset or 0) + size}
    there = Till(FORTY).ask(report, **question).rows
    answer = till.ask(report, **question)
    lines = 0 if answer.body.startswith(b"ERROR") else answer.body.count(b"\r\n") - 1
    assert lines == answer.rows == min(there, units // 40)
    assert till.account.units_charged == 40 * lines <= units


def test_a_list_is_cut_to_what_the_balance_pays_for_without_a_word() -> None:
    till = Till(FORTY, units=40 * 12 + 39)
    whole = Till(FORTY).rows("backlinks")
    answer = till.ask("backlinks", display_limit=40)
    assert (answer.status, answer.rows) == (200, 12)
    assert till.balance() == "39"
    header = till.ask("backlinks", display_limit=40)  # above zero, below one line: as many lines as are covered
    assert (header.status, header.rows, header.body.count(b"\r\n")) == (200, 0, 1)
    assert Till(FORTY, units=40 * 12).rows("backlinks") == whole[:12]


def test_a_batch_is_cut_too() -> None:
    till = Till(FORTY, units=79)
    answer = till.ask_many("backlinks_comparison", ["t.example", "www.t.example"])
    assert (answer.rows, till.account.units_charged) == (1, 40)


def test_at_zero_nothing_is_answered_but_the_balance() -> None:
    till = Till(FORTY, units=0)
    for report in (*LISTS, "backlinks_overview", "no such type"):
        assert error_of(till.ask(report)) == (403, "ERROR 132")
    assert error_of(till.ask("backlinks", target="not a target")) == (403, "ERROR 132")  # before the parameters
    assert error_of(till.ask("")) == (200, "ERROR 41")  # after the type
    assert till.balance() == "0"


def test_errors_cost_nothing() -> None:
    till = Till(FORTY)
    for params in ({"target": "x x"}, {"display_offset": 0}, {"target": "nobody.example"}, {"export_columns": "x"}):
        till.ask("backlinks", **params)
    till.ask("backlinks_overview", target="nobody.example")
    assert till.account.units_charged == 0


def test_the_balance_is_a_free_number() -> None:
    till = Till(FORTY, units=1_000_000)
    till.ask("backlinks", display_limit=1)
    answer = till.send([("key", SEMRUSH.key)], BALANCE)
    assert (answer.status, answer.body) == (200, b"999960")
    assert answer.headers["Content-Type"].startswith("text/")
    assert till.account.units_charged == 40
    assert error_of(till.send([("key", SEMRUSH.key)], BALANCE, "POST")) == (200, "ERROR 48")


def test_the_balance_is_told_apart_and_counts_toward_the_rate() -> None:
    service = Till(FORTY).service
    assert service.is_balance(asked(BALANCE))
    assert not service.is_balance(asked())
    assert service.rates_of(asked(BALANCE)) == service.rates_of(asked()) == (MAIN_RATE,)
    assert Till(FORTY, "balance_counts=false").service.rates_of(asked(BALANCE)) == ()


def test_the_key_is_in_the_query() -> None:
    service = Till(FORTY).service
    assert service.key_of(asked(key="abc")) == "abc"
    assert service.key_of(asked()) is None


@pytest.mark.parametrize("refusal", [Refusal.TOO_FAST, Refusal.TOO_MANY_OPEN])
def test_excess_is_error_429_without_retry_after(refusal: Refusal) -> None:
    answer = Till(FORTY).service.refuse(refusal, 0.7)
    assert error_of(answer) == (429, "ERROR 429")
    assert set(answer.headers) == {"Content-Type"}


def test_a_wrong_key_is_error_120() -> None:
    answer = Till(FORTY).service.refuse(Refusal.BAD_KEY)
    assert (answer.status, answer.body) == (403, b"ERROR 120 :: WRONG KEY - ID PAIR")


def test_a_wrong_key_is_refused_in_the_order_of_checks() -> None:
    service = Till(FORTY).service

    def refused(question: Asked) -> tuple[int, str]:
        return error_of(service.refuse(Refusal.BAD_KEY, asked=question))

    assert refused(asked(method="POST")) == (200, "ERROR 48")
    assert refused(asked(key="f" * 32)) == (200, "ERROR 41")
    assert refused(asked(type="backlinks", key="F" * 32)) == (200, "ERROR 110")
    assert refused(asked(type="backlinks")) == (200, "ERROR 110")
    assert refused(asked(type="backlinks", key="f" * 32)) == (403, "ERROR 120")


def test_the_balance_answers_a_wrong_key_with_an_object() -> None:
    answer = Till(FORTY).service.refuse(Refusal.BAD_KEY, asked=asked(BALANCE, key="f" * 32))
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert isinstance(codec.parse(answer.body)["data"]["error"], str)
    text = Till(FORTY, "balance_failure=text").service.refuse(Refusal.BAD_KEY, asked=asked(BALANCE, key="f" * 32))
    assert error_of(text) == (403, "ERROR 120")


def test_what_breaks_breaks_in_semrushs_words() -> None:
    service = Till(FORTY).service
    assert error_of(service.refuse(Refusal.INTERNAL)) == (200, "ERROR 500")
    page = service.refuse(Refusal.BAD_GATEWAY)
    assert (page.status, page.headers["Content-Type"]) == (502, "text/html; charset=UTF-8")
    assert b"<html>" in page.body


def test_the_contract_says_where_it_stands() -> None:
    assert (SEMRUSH.name, SEMRUSH.base) == ("semrush", "/semrush/analytics/v1/")
    assert (SEMRUSH.rate, SEMRUSH.in_flight) == ("10/second", 10)
    assert len(SEMRUSH.key) == 32
    assert set(SEMRUSH.key) <= set("0123456789abcdef")
    assert SEMRUSH.howto.format(key="k") == "export SEMRUSH_API_KEY=k"
