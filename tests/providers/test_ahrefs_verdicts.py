"""Every answer of Ahrefs has one meaning, a bill, and a text for the user."""

import pytest
from ahrefs_kit import reply_of, stored
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.errors import UnknownReply
from harvester.model import Action, Section, Verdict
from harvester.providers.ahrefs import AHREFS
from harvester.providers.ahrefs.replies import billed, error_text, rows_of
from harvester.providers.ahrefs.verdicts import judge

EMPTY = "API units limit reached. Expected usage: 344, API units left: 1,120."
HTML = b"<html><body>Just a moment...</body></html>"


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, {"backlinks": []}, Verdict(action=Action.KEEP, units=None)),
        (204, b"", Verdict(action=Action.SET_ASIDE, why="204, which Ahrefs does not document", units=None)),
        (301, b"", Verdict(action=Action.STOP_LANE, why="301, a redirect: is base_url right?")),
        (400, {"error": "bad where"}, Verdict(action=Action.SET_ASIDE, why="400: bad where")),
        (401, {"error": "Invalid token"}, Verdict(action=Action.STOP_LANE, why="401: Invalid token")),
        (402, b"", Verdict(action=Action.SHRINK, why="402: no units are left", units_left=0)),
        (402, {"error": EMPTY}, Verdict(action=Action.SHRINK, why=EMPTY, units_left=1120)),
        (403, {"error": EMPTY}, Verdict(action=Action.SHRINK, why=EMPTY, units_left=1120)),
        (403, {"error": EMPTY.upper()}, Verdict(action=Action.SHRINK, why=EMPTY.upper(), units_left=1120)),
        (
            403,
            {"error": "API units limit reached"},
            Verdict(action=Action.SHRINK, why="API units limit reached", units_left=0),
        ),
        (403, {"error": "Insufficient plan"}, Verdict(action=Action.STOP_REPORT, why="403: Insufficient plan")),
        (404, {"error": "not in the index"}, Verdict(action=Action.KEEP, units=None)),
        (404, HTML, Verdict(action=Action.STOP_LANE, why="404 without an answer of the API: is base_url right?")),
        (408, b"", Verdict(action=Action.AGAIN, why="408", units=None)),
        (413, b"", Verdict(action=Action.SET_ASIDE, why="413")),
        (429, HTML, Verdict(action=Action.PAUSE, why="429: too many requests")),
        (500, {"error": "internal"}, Verdict(action=Action.AGAIN, why="500: internal", units=None)),
        (502, HTML, Verdict(action=Action.AGAIN, why=f"502: {HTML.decode()}", units=None)),
        (200, b"", Verdict(action=Action.AGAIN, why="200 without data", units=None)),
        (200, HTML, Verdict(action=Action.AGAIN, why="200 without data", units=None)),
        (200, b"\xef\xbb\xbf\r\n <!doctype html>", Verdict(action=Action.AGAIN, why="200 without data", units=None)),
        (99, b"", Verdict(action=Action.SET_ASIDE, why="99, which Ahrefs does not document", units=None)),
        (600, HTML, Verdict(action=Action.SET_ASIDE, why="600, which Ahrefs does not document", units=None)),
    ],
)
def test_each_status_has_its_verdict(status: int, body: object, verdict: Verdict) -> None:
    assert judge(reply_of(body, status)) == verdict
    assert AHREFS.judge(reply_of(body, status)) == verdict


@pytest.mark.parametrize(
    ("value", "wait_s"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("99999999999", 3600.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("-1", None),
        ("", None),
    ],
)
def test_a_pause_is_as_long_as_a_numeric_retry_after_says(value: str, wait_s: float | None) -> None:
    assert judge(reply_of(HTML, 429, retry_after=value)).wait_s == wait_s


def test_an_error_that_says_what_it_cost_is_believed() -> None:
    for status in (400, 403, 429, 500):
        assert judge(reply_of({"error": "x"}, status, x_api_units_cost_total_actual="50")).units == 50


@pytest.mark.parametrize(
    ("headers", "units"),
    [
        ({"x_api_units_cost_total_actual": "0", "x_api_units_cost_total": "900"}, 0),
        ({"x_api_units_cost_total_actual": "900", "x_api_cache": "miss"}, 900),
        ({"x_api_units_cost_total": "900", "x_api_cache": "no_cache"}, 900),
        ({"x_api_units_cost_total": "900", "x_api_cache": "HIT"}, 0),
        ({"x_api_units_cost_total_actual": "many", "x_api_units_cost_total": ""}, 300),
        ({"x_api_units_cost_total_actual": "-5"}, 300),
        ({}, 300),
    ],
)
def test_a_bill_is_the_best_evidence_there_is(headers: dict[str, str], units: int) -> None:
    assert billed(reply_of({}, 200, **headers), 30, 10) == units


def test_an_empty_answer_costs_the_floor() -> None:
    assert billed(reply_of({}), 30, 0) == 50


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"message": "m", "error": "e"}, "m"),
        ({"message": "", "error": "e"}, "e"),
        ({"error": {"code": 1}}, '{"error":{"code":1}}'),
        (["Error"], '["Error"]'),
        (b"\xff" + b"x" * 5000, "�" + "x" * 199),
        (b"", ""),
    ],
)
def test_an_error_text_is_read_like_the_official_client_reads_it(body: object, text: str) -> None:
    assert error_text(reply_of(body, 500)) == text


@pytest.mark.parametrize("body", [b"", b"<html>", [1], {"error": "x"}, {"backlinks": None}, {"backlinks": "x"}])
def test_a_success_of_another_shape_is_an_unknown_reply(body: object) -> None:
    with pytest.raises(UnknownReply):
        rows_of(reply_of(body), "backlinks")


@settings(max_examples=100)
@given(st.integers(100, 999), st.binary(max_size=300), st.text(max_size=20))
def test_no_answer_whatever_breaks_the_judgement(status: int, body: bytes, retry_after: str) -> None:
    verdict = judge(reply_of(body, status, retry_after=retry_after, x_api_units_cost_total_actual=retry_after))
    assert verdict.units is None or verdict.units >= 0


def test_the_balance_is_the_smaller_remainder_and_null_does_not_bind() -> None:
    assert AHREFS.balance is not None
    request = AHREFS.balance.ask(Section())
    assert (request.method, request.path, request.most_units) == ("GET", "/subscription-info/limits-and-usage", 0)
    live = stored("limits-and-usage")
    balance = AHREFS.balance.read(reply_of(live))
    assert balance.units_left == 2_000_000 - 84_961
    assert balance.about == "Enterprise 2022, billed monthly, units reset on 2026-10-04, key expires on 2036-08-14"
    live["limits_and_usage"] |= {"units_limit_api_key": 52_000, "usage_reset_date": "2026-10-04"}
    balance = AHREFS.balance.read(reply_of(live))
    assert balance.units_left == 0
    assert "reset on 2026-10-04," in balance.about


def test_an_account_without_any_limit_has_no_number() -> None:
    assert AHREFS.balance is not None
    assert AHREFS.balance.read(reply_of({"limits_and_usage": {"subscription": "x"}})).units_left is None


@pytest.mark.parametrize("account", [None, [], ["x"], {"units_limit_workspace": 5}, {"units_limit_workspace": "5"}])
def test_a_balance_of_another_shape_is_an_unknown_reply(account: object) -> None:
    assert AHREFS.balance is not None
    with pytest.raises(UnknownReply):
        AHREFS.balance.read(reply_of({"limits_and_usage": account}))
