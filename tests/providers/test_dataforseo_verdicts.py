"""Every code of DataForSEO has one meaning, a bill, and a text for the user."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from dataforseo_kit import NOON, envelope, reply_of, stored
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.codec import dump
from harvester.model import Action, Verdict
from harvester.providers.dataforseo import DATAFORSEO

judge = DATAFORSEO.judge

ACTIONS: dict[Action, tuple[int, ...]] = {
    Action.KEEP: (20000, 40102, 40106),
    Action.AGAIN: (40101, 40103, 40601, 40602, 50000, 50001, 50301, 50303, 50304, 50401, 50402, 59999),
    Action.PAUSE: (40202, 40209),
    Action.SHRINK: (40200, 40203, 40210),
    Action.STOP_LANE: (40100, 40104, 40201, 40207),
    Action.STOP_REPORT: (20100, 40000, 40006, 40204, 40400, 40401, 40402, 40404, 40502, 40503, 40506, 50100),
    Action.SET_ASIDE: (40001, 40205, 40206, 40403, 40405, 40406, 40407, 40408, 40501, 40504, 40505, 49999, 12345),
}
CODES = [(code, action) for action, codes in ACTIONS.items() for code in codes]


@pytest.mark.parametrize(("code", "action"), CODES, ids=str)
def test_each_code_has_its_verdict_at_both_levels(code: int, action: Action) -> None:
    of_task = judge(reply_of(envelope(code=code, message="Because.", cost=0)))
    assert of_task.action is action
    assert of_task.units == 0
    assert action is Action.KEEP or of_task.why.startswith(f"{code}: Because.")
    refused = {"status_code": code, "status_message": "Because.", "cost": 0, "tasks_count": 0, "tasks": None}
    if code != 20000:
        assert judge(reply_of(refused)) == of_task
        assert judge(reply_of(refused, status=403)).action is action, "the code outranks the status"


@pytest.mark.parametrize(
    ("message", "action"),
    [
        ("Invalid Field: 'target'.", Action.SET_ASIDE),
        ("Invalid Field: 'targets'.", Action.SET_ASIDE),
        ("Invalid Field: 'targets.2'.", Action.SET_ASIDE),
        ("Invalid Field: 'search_after_token'.", Action.SET_ASIDE),
        ("Invalid Field: 'offset'.", Action.SET_ASIDE),
        ("Invalid Field: 'exclude_targets'.", Action.STOP_REPORT),
        ("Invalid Field: 'filters'.", Action.STOP_REPORT),
        ("Invalid Field.", Action.SET_ASIDE),
        ("No Search Results.", Action.KEEP),
    ],
)
def test_an_invalid_field_is_the_targets_fault_or_that_of_every_request(message: str, action: Action) -> None:
    assert judge(reply_of(envelope(code=40501, message=message, cost=0))).action is action


def test_a_recorded_failure_stops_the_report_at_no_cost() -> None:
    assert judge(reply_of(stored("failed"))) == Verdict(
        action=Action.STOP_REPORT, why="40501: Invalid Field: 'date_from'.", units=0
    )


def test_too_many_a_minute_waits_for_the_next_minute() -> None:
    at = NOON + timedelta(seconds=18, milliseconds=500)
    verdict = judge(replace(reply_of(envelope(code=40202, message="Rate limit.", cost=0)), arrived_at=at))
    assert verdict == Verdict(action=Action.PAUSE, why="40202: Rate limit.", wait_s=41.5)
    assert judge(reply_of(b"<html>", status=429)).wait_s == 60.0
    assert judge(replace(reply_of(envelope(code=49999, cost=0), status=429), arrived_at=at)).wait_s == 41.5
    busy = judge(reply_of(envelope(code=40209, cost=0)))
    assert busy.wait_s is not None
    assert 0 < busy.wait_s < 30


def test_a_spent_day_says_when_the_next_begins() -> None:
    verdict = judge(reply_of(envelope(code=40203, message="Cost limit.", cost=0)))
    assert verdict.units_left == 0
    assert "00:00 UTC" in verdict.why


@pytest.mark.parametrize(
    ("cost", "units"),
    [(0.06, 60_000), (0.024036, 24_036), (0, 0), (1, 1_000_000), (None, None), ("0.5", 500_000), (-1, None)],
)
def test_the_cost_is_booked_whatever_the_status(cost: object, units: int | None) -> None:
    assert judge(reply_of(envelope(cost=cost))).units == units
    assert judge(reply_of(envelope(code=50000, cost=cost))).units == units
    assert judge(reply_of(envelope(code=40408, cost=cost))).units == (units or 0)


@pytest.mark.parametrize(
    ("written", "units"),
    [
        (b"0.0240361", 24_037),
        (b"0.024036000000000002", 24_036),  # a binary fraction, written out
        (b"0.060000000000000005", 60_000),
        (b"0.023999999999999997", 24_000),
        (b"0.0000001", 1),
        (b"2.4036e-2", 24_036),
        (b"1e999999", None),
        (b"1e-999999", 0),
        (b"NaN", None),
        (b"0.1234567890123456789012345678901234567890", 123_457),
        (b"123456789012345678901234567890", None),
    ],
)
def test_money_is_exact_and_never_rounded_down(written: bytes, units: int | None) -> None:
    body = dump(envelope(cost="COST")).replace(b'"COST"', written)
    assert judge(reply_of(body)).units == units


def test_a_number_beyond_all_exponents_is_no_answer() -> None:
    body = dump(envelope(cost="COST")).replace(b'"COST"', b"1e1000000000000000000000")
    assert judge(reply_of(body)).units is None


def test_of_two_bills_the_greater_is_believed() -> None:
    body = envelope(cost=0.024036)
    body["cost"] = 0.06
    assert judge(reply_of(body)).units == 60_000


@pytest.mark.parametrize(
    ("status", "action", "units"),
    [
        (99, Action.SET_ASIDE, None),
        (301, Action.STOP_LANE, 0),
        (400, Action.SET_ASIDE, 0),
        (401, Action.STOP_LANE, 0),
        (402, Action.SHRINK, 0),
        (403, Action.STOP_LANE, 0),
        (404, Action.STOP_LANE, 0),
        (408, Action.AGAIN, None),
        (429, Action.PAUSE, 0),
        (500, Action.AGAIN, None),
        (503, Action.AGAIN, None),
        (600, Action.SET_ASIDE, None),
    ],
)
def test_without_an_envelope_the_status_decides(status: int, action: Action, units: int | None) -> None:
    for body in (b"", b"<html>", b"[]", b'{"status_code": "20000"}', b'{"status_code": 20000, "tasks": []}'):
        verdict = judge(reply_of(body, status))
        assert (verdict.action, verdict.units) == (action, units)
        assert verdict.why.startswith(f"HTTP {status}")


@pytest.mark.parametrize(
    ("body", "action"),
    [
        (b"", Action.AGAIN),
        (b"<html>", Action.AGAIN),
        (b"[]", Action.SET_ASIDE),
        (b'{"status_code": "20000"}', Action.SET_ASIDE),
        (b'{"status_code": 20000, "tasks": []}', Action.SET_ASIDE),
    ],
)
def test_a_success_without_an_envelope_is_asked_for_again_if_it_is_no_answer_of_the_api(
    body: bytes, action: Action
) -> None:
    verdict = judge(reply_of(body))
    assert (verdict.action, verdict.units) == (action, None)
    assert verdict.why.startswith("HTTP 200")


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([20000, 40501]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["status_code", "status_message", "tasks", "cost", "result"]), inner)
    ),
    max_leaves=10,
)


@given(status=st.integers(100, 599), value=json_values)
@settings(max_examples=150, deadline=None)
def test_no_answer_makes_it_stumble(status: int, value: Any) -> None:
    verdict = judge(reply_of(json.dumps(value).encode(), status))
    assert verdict.units is None or verdict.units >= 0
    assert verdict.action is Action.KEEP or verdict.why


def test_the_providers_words_are_cut() -> None:
    assert len(judge(reply_of(envelope(code=50000, message="x" * 5000))).why) < 250
