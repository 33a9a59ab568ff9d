"""Every answer of Semrush has one meaning, by its body first and its status second."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from semrush_kit import reply_of, stored

from harvester.errors import UnknownReply
from harvester.model import Action, Balance, Verdict
from harvester.providers.semrush import SEMRUSH
from harvester.providers.semrush.verdicts import BY_CODE, judge, refusal_of

ANY_STATUS = (200, 400, 403, 500)
HTML = "<html><body>Just a moment...</body></html>"

CODES = {
    Action.KEEP: (50, 605, 613),
    Action.STOP_LANE: (30, 70, 110, 120, 121, 122, 130, 134, 136, 402, 404),
    Action.STOP_REPORT: (
        *(40, 41, 42, 43, 44, 45, 46, 48, 131, 133, 135),
        *(10001, 10010, 10011, 10012, 10013, 10015, 10040, 10041, 10043, 10044, 10045),
    ),
    Action.SHRINK: (132,),
    Action.PAUSE: (429,),
    Action.AGAIN: (500,),
    Action.SET_ASIDE: (10000, 10014, 10030, 10031, 10042, 99999),
}


@pytest.mark.parametrize(("action", "code"), [(action, code) for action, codes in CODES.items() for code in codes])
@pytest.mark.parametrize("status", ANY_STATUS)
def test_each_code_has_its_verdict_whatever_the_status(action: Action, code: int, status: int) -> None:
    verdict = judge(reply_of(f"ERROR {code} :: SOME TEXT\n", status))
    assert verdict.action is action
    assert verdict.why == f"ERROR {code} :: SOME TEXT"
    assert verdict.units == (None if action in (Action.KEEP, Action.AGAIN) else 0)
    assert verdict.units_left == (0 if action is Action.SHRINK else None)


def test_the_table_has_no_code_that_is_not_tested() -> None:
    assert set(BY_CODE) == {code for codes in CODES.values() for code in codes} - {99999}


def test_doubled_domains_are_told_from_a_wrong_key_by_the_text() -> None:
    assert judge(reply_of("ERROR 402 :: Duplicate domains")).action is Action.SET_ASIDE


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, stored("backlinks"), Verdict(action=Action.KEEP, why="", units=None)),
        (200, "1,000", Verdict(action=Action.KEEP, why="", units=None)),
        (200, '{"data": {"error": "x"}}', Verdict(action=Action.KEEP, why="", units=None)),
        (
            200,
            "Validation Error : target",
            Verdict(action=Action.SET_ASIDE, why="Validation Error : target"),
        ),
        (
            400,
            "Validation Error : export_columns\n",
            Verdict(action=Action.STOP_REPORT, why="Validation Error : export_columns"),
        ),
        (200, "Internal Server Error", Verdict(action=Action.AGAIN, why="Internal Server Error", units=None)),
        (200, "Service Unavailable\n", Verdict(action=Action.AGAIN, why="Service Unavailable", units=None)),
        (200, "", Verdict(action=Action.AGAIN, why="200 without data", units=None)),
        (200, HTML, Verdict(action=Action.AGAIN, why=f"200 without data: {HTML}", units=None)),
        (204, "", Verdict(action=Action.SET_ASIDE, why="204", units=None)),
        (302, "", Verdict(action=Action.STOP_LANE, why="302, a redirect: are base_url and balance_url right?")),
        (400, "odd", Verdict(action=Action.SET_ASIDE, why="400: odd")),
        (401, "{}", Verdict(action=Action.STOP_LANE, why="401: {}")),
        (403, "Forbidden", Verdict(action=Action.STOP_LANE, why="403: Forbidden")),
        (404, "Not Found", Verdict(action=Action.STOP_LANE, why="404: are base_url and balance_url right?")),
        (408, "", Verdict(action=Action.AGAIN, why="408", units=None)),
        (414, HTML, Verdict(action=Action.SET_ASIDE, why=f"414: {HTML}")),
        (429, HTML, Verdict(action=Action.PAUSE, why="429: too many requests")),
        (429, "ERROR 132 :: API UNITS BALANCE IS ZERO", Verdict(action=Action.PAUSE, why="429: too many requests")),
        (600, "odd", Verdict(action=Action.SET_ASIDE, why="600: odd", units=None)),
        (503, HTML, Verdict(action=Action.AGAIN, why=f"503: {HTML}", units=None)),
    ],
)
def test_what_is_no_error_code_is_judged_by_its_words_and_its_status(status: int, body: str, verdict: Verdict) -> None:
    found = judge(reply_of(body, status))
    if verdict.action is Action.KEEP:
        assert (found.action, found.units) == (Action.KEEP, None)
    else:
        assert found == verdict
    assert SEMRUSH.judge(reply_of(body, status)) == found


def test_a_table_that_may_have_been_cut_off_is_asked_for_again() -> None:
    cut = replace(reply_of(stored("backlinks")), is_delimited=False)
    why = "200, and nothing says where the answer ends"
    assert judge(cut) == Verdict(action=Action.AGAIN, why=why, units=None)
    assert judge(replace(reply_of("ERROR 50 :: NOTHING FOUND"), is_delimited=False)).action is Action.KEEP


@pytest.mark.parametrize(("value", "wait_s"), [("7", 7.0), ("999999", 3600.0), ("soon", None), ("", None)])
def test_a_numeric_retry_after_is_believed(value: str, wait_s: float | None) -> None:
    assert judge(reply_of("ERROR 429", 429, retry_after=value)).wait_s == wait_s


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("ERROR 50 :: NOTHING FOUND", "ERROR 50 :: NOTHING FOUND"),
        ("\ufeff  ERROR 50 ::NOTHING FOUND\r\nmore", "ERROR 50 :: NOTHING FOUND"),
        ("ERROR 50", "ERROR 50"),
        ("ERROR 50 :: ", "ERROR 50"),
        ("ERROR fifty :: NOTHING FOUND", None),
        ("some text ERROR 50", None),
    ],
)
def test_an_error_is_a_first_line_of_one_form(body: str, text: str | None) -> None:
    refusal = refusal_of(reply_of(body))
    assert (refusal and refusal.text) == text


@given(status=st.integers(100, 999), body=st.binary(max_size=80))
@settings(max_examples=100, deadline=None)
def test_any_answer_can_be_judged_and_is_quoted_shortly(status: int, body: bytes) -> None:
    verdict = judge(reply_of(body * 20, status))
    assert verdict.action is Action.KEEP or verdict.why
    assert len(verdict.why) < 300


# The balance


@pytest.mark.parametrize(
    ("body", "units"),
    [("1,000", 1000), ("1,234,567\r\n", 1234567), ("0", 0), (" 42 ", 42), ("1 000", 1000), ("\ufeff7", 7)],
)
def test_a_balance_is_a_number_with_or_without_commas(body: str, units: int) -> None:
    assert SEMRUSH.balance is not None
    assert SEMRUSH.balance.read(reply_of(body)) == Balance(units_left=units)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"data": {"error": "wrong key"}}', "not a balance: wrong key"),
        ('{"data": []}', 'not a balance: {"data": \\[\\]}'),
        ("[]", "not a balance: \\[\\]"),
        ("ERROR 120 :: WRONG KEY - ID PAIR", "not a balance: ERROR 120 :: WRONG KEY - ID PAIR"),
        ("-5", "not a balance: -5"),
        ("1.5", "not a balance: 1.5"),
        ("", "not a balance: "),
    ],
)
def test_what_is_no_number_is_no_balance(body: str, said: str) -> None:
    assert SEMRUSH.balance is not None
    with pytest.raises(UnknownReply, match=f"^{said}$"):
        SEMRUSH.balance.read(reply_of(body))
