"""Every error of Serpstat has one meaning, whatever its number, its sign and the HTTP status it comes with."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serpstat_kit import error, reply_of

from harvester.model import Action, Verdict
from harvester.providers.serpstat import SERPSTAT
from harvester.providers.serpstat.replies import Fault, fault_of
from harvester.providers.serpstat.verdicts import RULES, judge, rule_of

HTML = b"<html><body>Just a moment...</body></html>"

#: The table of the reference (section 11), row by row: numbers that are told alone, and texts with the number they
#: come with.
TABLE = [
    ("rate", 429, "Query frequency exceeded", Action.PAUSE),
    ("rate", -32000, "Query frequency exceeded", Action.PAUSE),
    ("rate", -32429, "Too many queries per second", Action.PAUSE),
    ("rate", 32000, "", Action.PAUSE),
    ("depth", 402, "To get more than 10000 results, use export report methods", Action.KEEP),
    ("quota", 32012, "Credits exceeded", Action.SHRINK),
    ("quota", 402, "Plan credit exceeded!", Action.SHRINK),
    ("quota", 402, "Pricing plan credits exceeded", Action.SHRINK),
    ("quota", -402, "", Action.SHRINK),
    ("quota of one query", 403, "Not enough credits for this query", Action.SHRINK),
    ("key", 403, "Invalid token!", Action.STOP_LANE),
    ("key", -32602, "Invalid token", Action.STOP_LANE),
    ("key", 401, "Problems with authorization", Action.STOP_LANE),
    ("key", 403, "Invalid user!", Action.STOP_LANE),
    ("key", 400, "Missing token!", Action.STOP_LANE),
    ("key", -32020, "?", Action.STOP_LANE),
    ("key", 403, "something new", Action.STOP_LANE),
    ("key", 403, "API not allowed for your plan!", Action.STOP_LANE),
    ("plan", 403, "Method forbidden", Action.STOP_REPORT),
    ("plan", 403, "Not access to functional", Action.STOP_REPORT),
    ("plan", 403, "Wrong method or access denied!", Action.STOP_REPORT),
    ("no data", 32015, "No data found for requested domain", Action.KEEP),
    ("no data", 32017, "Data not found", Action.KEEP),
    ("no data", 404, "Empty result!", Action.KEEP),
    ("no data", 404, "", Action.KEEP),
    ("too large", 32016, "Large query domains not supported", Action.SET_ASIDE),
    ("refused query", 403, "Forbidden query!", Action.SET_ASIDE),
    ("filter", 32117, "Not allowed field: foo", Action.STOP_REPORT),
    ("filter", 32010, "Invalid crawl date", Action.STOP_REPORT),
    ("filter", 1, "Not allowed method gt for field anchor", Action.STOP_REPORT),
    ("filter", 1, "Not allowed values for between method", Action.STOP_REPORT),
    ("filter", 1, "Field compareType is required", Action.STOP_REPORT),
    ("filter", 1, "Field value is required", Action.STOP_REPORT),
    ("filter", 1, "Not allowed params for filter", Action.STOP_REPORT),
    ("unsupported", 32116, "Procedure name not allowed exact count", Action.STOP_REPORT),
    ("unsupported", 1, "Method not supported by this provider", Action.STOP_REPORT),
    ("request", 400, "Query required", Action.SET_ASIDE),
    ("request", -32600, "Json schema validation error", Action.SET_ASIDE),
    ("request", -32602, "", Action.SET_ASIDE),
    ("unknown method", -32601, "Method not found", Action.STOP_REPORT),
    ("search engine", 32018, "Wrong search engine", Action.STOP_REPORT),
    ("search engine", 400, "SE database parameter not set!", Action.STOP_REPORT),
    ("search engine", 403, "Selected SE is limited", Action.STOP_REPORT),
    ("address", 404, "Wrong API query! Use API domain", Action.STOP_LANE),
    ("server", 500, "Server error", Action.AGAIN),
    ("server", -32603, "Internal error", Action.AGAIN),
    ("unknown", 32999, "something new", Action.SET_ASIDE),
    ("unknown", None, "something new", Action.SET_ASIDE),
]


@pytest.mark.parametrize(("name", "code", "message", "action"), TABLE)
def test_each_error_has_its_verdict_in_every_spelling(
    name: str, code: int | None, message: str, action: Action
) -> None:
    spellings = [code] if code is None else [code, -code, str(code), f"-{abs(code)}"]
    for spelt in spellings:
        for text in (message, f" {message.upper()} "):
            body = error(spelt, text)
            assert judge(reply_of(body)).action is action
            assert rule_of(fault_of(body) or Fault(None, ""), 200).name == name


def test_every_row_of_the_table_is_tried() -> None:
    assert {rule.name for rule in RULES} | {"unknown"} == {name for name, *_ in TABLE}
    assert SERPSTAT.judge is judge


def test_what_a_refusal_costs_is_nothing_no_data_a_credit_and_of_broken_servers_unknown() -> None:
    assert judge(reply_of(error(-32000, "Query frequency exceeded"))).units == 0
    assert judge(reply_of(error(32017, "Data not found"))).units == 1
    assert judge(reply_of(error(500, "Server error"))).units is None
    assert judge(reply_of(b"", 503)).units is None
    assert judge(reply_of({"result": {"data": []}})).units is None


def test_an_empty_account_has_nothing_left_and_a_query_too_dear_does_not_say_what_is() -> None:
    assert judge(reply_of(error(32012, "Credits exceeded"))).units_left == 0
    verdict = judge(reply_of(error(403, "Not enough credits for this query")))
    assert verdict.units_left is None
    assert verdict.why.endswith("; the next run reads the balance and asks for no more than it covers")


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, {"result": {"data": []}}, Verdict(action=Action.KEEP, units=None)),
        (200, [], Verdict(action=Action.KEEP, units=None)),
        (200, b"", Verdict(action=Action.AGAIN, why="200 without data", units=None)),
        (200, HTML, Verdict(action=Action.AGAIN, why="200 without data", units=None)),
        (600, b"", Verdict(action=Action.SET_ASIDE, why="600, which Serpstat does not document", units=None)),
        (200, {"error": "boom"}, Verdict(action=Action.SET_ASIDE, why="boom")),
        (200, {"error": 7}, Verdict(action=Action.SET_ASIDE, why="an error without a message")),
        (200, error(True, 5), Verdict(action=Action.SET_ASIDE, why="an error without a message")),
        (200, error(99, ""), Verdict(action=Action.SET_ASIDE, why="99: an error without a message")),
        (200, error(99, "x" * 500), Verdict(action=Action.SET_ASIDE, why=f"99: {'x' * 196}")),
        (204, b"", Verdict(action=Action.SET_ASIDE, why="204, which Serpstat does not document", units=None)),
        (301, b"", Verdict(action=Action.STOP_LANE, why="301, a redirect; is base_url right?")),
        (400, b"", Verdict(action=Action.SET_ASIDE, why="400")),
        (401, b"{}", Verdict(action=Action.STOP_LANE, why="401")),
        (402, HTML, Verdict(action=Action.SHRINK, why="402", units_left=0)),
        (403, HTML, Verdict(action=Action.STOP_LANE, why="403")),
        (404, HTML, Verdict(action=Action.STOP_LANE, why="404; is base_url right?")),
        (408, b"", Verdict(action=Action.AGAIN, why="408", units=None)),
        (429, HTML, Verdict(action=Action.PAUSE, why="429")),
        (429, error(12345, "slow"), Verdict(action=Action.PAUSE, why="12345: slow")),
        (502, HTML, Verdict(action=Action.AGAIN, why="502", units=None)),
        (500, error(-1, "?"), Verdict(action=Action.AGAIN, why="1: ?", units=None)),
    ],
)
def test_where_the_body_says_nothing_the_http_status_does(status: int, body: object, verdict: Verdict) -> None:
    assert judge(reply_of(body, status)) == verdict


def test_the_body_comes_before_the_http_status() -> None:
    assert judge(reply_of(error(32012, "Credits exceeded"), 429)).action is Action.SHRINK
    assert judge(reply_of(error(-32017, "?"), 404)).action is Action.KEEP
    assert judge(reply_of(error(404, "Data not found"), 404)).action is Action.KEEP


def test_a_number_that_only_repeats_the_status_is_not_the_api_s() -> None:
    verdict = judge(reply_of(error(404, "Not Found"), 404))
    assert (verdict.action, verdict.why) == (Action.STOP_LANE, "404: Not Found; is base_url right?")


@pytest.mark.parametrize(
    ("value", "wait_s"), [("7", 7.0), ("99999999", 3600.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("", None)]
)
def test_a_pause_is_as_long_as_a_numeric_retry_after_says(value: str, wait_s: float | None) -> None:
    assert judge(reply_of(error(429, "Too many queries"), retry_after=value)).wait_s == wait_s
    assert judge(reply_of(b"", 429, retry_after=value)).wait_s == wait_s
    assert judge(reply_of(error(500, "Server error"), retry_after=value)).wait_s is None


@given(status=st.integers(100, 599), body=st.binary(max_size=80))
@settings(max_examples=100, deadline=None)
def test_any_bytes_can_be_judged(status: int, body: bytes) -> None:
    verdict = judge(reply_of(body, status))
    assert verdict.why or verdict.action is Action.KEEP
