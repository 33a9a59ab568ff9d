"""DataForSEO's free answers: what an account has left and asks, and what a lost reply was billed."""

from datetime import timedelta
from typing import Any

import pytest
from dataforseo_kit import NOON, asked, compiled, envelope, reply_of, step_of, stored
from spec_kit import faults_of, needs_specs

from harvester.errors import UnknownReply
from harvester.model import Balance, Credential, Request, Section
from harvester.providers.dataforseo import DATAFORSEO

BALANCE, RECEIPTS = DATAFORSEO.balance, DATAFORSEO.receipts
assert BALANCE is not None
assert RECEIPTS is not None


def account(**changed: Any) -> Balance:
    """Return the balance of the stored account with other values in it."""
    body = stored("user_data")
    body["tasks"][0]["result"][0].update(changed)
    assert BALANCE is not None
    return BALANCE.read(reply_of(body))


def test_requests_carry_login_and_password() -> None:
    request = asked(compiled("summary"))
    signed = DATAFORSEO.sign(request, Credential(key="pässword", login="me@example.com"))
    assert signed.headers == {"Authorization": "Basic bWVAZXhhbXBsZS5jb206cMOkc3N3b3Jk"}
    assert (signed.path, signed.json) == (request.path, request.json)
    assert DATAFORSEO.sign(request, Credential(key="x")).headers == {"Authorization": "Basic Ong="}


def test_the_balance_is_asked_where_it_is_free_and_seldom() -> None:
    assert BALANCE is not None
    assert BALANCE.ask(Section()) == Request(path="/appendix/user_data")
    assert str(BALANCE.rate) == "6/minute"


def test_an_account_tells_its_money_its_limits_and_its_prices_but_not_its_login() -> None:
    balance = account()
    assert balance.units_left == 12_345_678
    assert balance.about == "2000 requests a minute, at most 1,000.00 USD a day, 0.26 USD spent today (UTC)"
    assert balance.learnt == {
        "summary.row": 36,
        "summary.request": 24_000,
        "backlinks.row": 36,
        "backlinks.request": 24_000,
    }
    assert "someone" not in repr(balance)


def test_the_dearest_of_several_prices_counts_and_texts_are_read_too() -> None:
    prices = {
        "priority_low": [{"cost_type": "per_request", "cost": "0.02"}, {"cost_type": "per_result", "cost": 0.00003}],
        "priority_high": [{"cost_type": "per_request", "cost": 0.03}, {"cost_type": "per_result", "cost": "x"}, 7],
        "priority_none": None,
    }
    learnt = account(price={"backlinks": {"anchors": {"live": prices}, "history": {"live": []}, "index": None}}).learnt
    assert learnt == {"anchors.request": 30_000, "anchors.row": 30}


@pytest.mark.parametrize(
    ("balance", "units"),
    [
        ("12.5", 12_500_000),
        ({"total": 0.0000019}, 1),
        (7, 7_000_000),
        (-0.5, 0),
        ("-3", 0),
    ],
)
def test_what_is_left_is_rounded_down_in_whatever_form_it_comes(balance: object, units: int) -> None:
    assert account(money={"balance": balance}).units_left == units


@pytest.mark.parametrize("money", [None, {}, {"balance": None}, {"balance": True}, {"balance": "much"}, []])
def test_an_account_that_does_not_tell_its_money_is_not_believed(money: object) -> None:
    with pytest.raises(UnknownReply, match=r"money\.balance"):
        account(money=money)


@pytest.mark.parametrize("body", [envelope(), envelope([]), envelope(code=40100, message="No."), b""])
def test_an_answer_without_an_account_is_not_believed(body: object) -> None:
    assert BALANCE is not None
    with pytest.raises(UnknownReply):
        BALANCE.read(reply_of(body))


def test_limits_that_are_not_set_are_not_told_as_zero() -> None:
    for rates in (None, {"limits": {"minute": {"total": 0}}}, {"limits": {"minute": {"total": "0"}}}):
        balance = account(rates=rates, money={"balance": 1, "limits": {"day": {"total": 0}}})
        assert balance.about == "no limit a day"
    assert account(rates={"limits": {"minute": {"total": "10000"}}}).about.startswith("10000 requests a minute")


def test_a_mark_goes_into_the_task_of_what_is_paid_for() -> None:
    assert RECEIPTS is not None
    request = asked(compiled("backlinks"))
    marked = RECEIPTS.mark(request, "harvester-1")
    assert marked.json == [{**request.json[0], "tag": "harvester-1"}]
    assert "tag" not in request.json[0]
    for free in (Request(path="/appendix/user_data"), RECEIPTS.ask(NOON, NOON)):
        assert RECEIPTS.mark(free, "harvester-1") == free


def test_a_request_that_goes_on_by_token_keeps_the_mark_of_the_one_before_it() -> None:
    assert RECEIPTS is not None
    by_token = asked(compiled("backlinks"), step_of(cursor={"begin": 1000, "token": "harvester-1 abc", "limit": 1000}))
    assert RECEIPTS.mark(by_token, "harvester-2") == by_token
    assert by_token.json[0]["tag"] == "harvester-1"


def test_the_list_is_asked_for_the_time_since_the_request_left() -> None:
    assert RECEIPTS is not None
    request = RECEIPTS.ask(NOON - timedelta(minutes=3), NOON)
    assert (request.method, request.path) == ("POST", "/backlinks/id_list")
    assert request.json == [
        {
            "datetime_from": "2026-11-21 11:52:00 +00:00",
            "datetime_to": "2026-11-21 12:00:01 +00:00",
            "limit": 1000,
            "offset": 0,
            "sort": "desc",
            "include_metadata": True,
        }
    ]


@needs_specs
def test_what_is_marked_and_the_list_are_what_the_official_description_allows() -> None:
    assert RECEIPTS is not None
    for request in (RECEIPTS.ask(NOON, NOON), RECEIPTS.mark(asked(compiled("comparison")), "harvester-1")):
        assert faults_of("dataforseo-backlinks.yaml", f"/v3{request.path}", request.json) == []


@pytest.mark.parametrize(("mark", "units"), [("harvester-2", 60_000), ("harvester-1", 0), ("harvester-3", None)])
def test_a_receipt_is_found_by_its_mark(mark: str, units: int | None) -> None:
    assert RECEIPTS is not None
    assert RECEIPTS.read(reply_of(stored("id_list")), mark) == units


def test_an_empty_list_knows_of_nothing() -> None:
    assert RECEIPTS is not None
    assert RECEIPTS.read(reply_of(envelope()), "m") is None
    assert RECEIPTS.read(reply_of(envelope(code=40102)), "m") is None


def test_two_tasks_with_one_mark_were_both_billed() -> None:
    assert RECEIPTS is not None
    row = {"cost": 0.06, "metadata": [{"tag": "m"}]}
    assert RECEIPTS.read(reply_of(envelope(row, row)), "m") == 120_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        envelope(code=50000),
        envelope({"cost": None, "metadata": {"tag": "m"}}),
        envelope({"cost": 0, "metadata": {"tag": "m"}, "datetime_done": None}),
        envelope({"cost": 0.06, "metadata": None}),
        envelope({"cost": 0.06}),
        envelope(7),
        envelope(*[{"cost": 0, "metadata": {"tag": "other"}}] * 1000),
    ],
    ids=["garbled", "failed", "no cost", "running", "no metadata", "metadata left out", "no row", "full"],
)
def test_a_list_that_cannot_tell_does_not_say_that_nothing_was_billed(body: object) -> None:
    assert RECEIPTS is not None
    with pytest.raises(UnknownReply):
        RECEIPTS.read(reply_of(body), "m")
