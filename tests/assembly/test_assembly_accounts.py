"""The balance of an account, as far as it is believed."""

from dataclasses import replace

import pytest

from harvester.assembly.accounts import read_balance
from harvester.config import ProviderConfig
from harvester.errors import UnknownReply
from harvester.job import Account
from harvester.model import Balance, Provider, RateRule, Reply, Request
from harvester.providers import PROVIDERS
from harvester.testing import FakeTransport, LoopClock, reply, run_in_virtual_time

AHREFS = PROVIDERS["ahrefs"]


def balance_from(*answers: Reply, provider: Provider = AHREFS) -> Balance | None:
    """Return what is read from a provider that answers so, one after the other, in virtual time."""
    waiting = list(answers)

    async def answering(_: Request) -> Reply:
        return waiting.pop(0)

    async def story() -> Balance | None:
        return await read_balance(account, FakeTransport(answering), LoopClock())

    account = Account(provider=provider, config=ProviderConfig(name="ahrefs", keys=("env:K",)))
    return run_in_virtual_time(story())


def limits(left: object) -> Reply:
    return reply({"limits_and_usage": {"units_limit_workspace": left, "units_usage_workspace": 0}})


def test_what_is_left_is_what_the_account_says() -> None:
    found = balance_from(limits(70))
    assert found is not None
    assert found.units_left == 70


def test_a_provider_without_the_question_is_not_asked() -> None:
    assert balance_from(limits(70), provider=replace(AHREFS, balance=None)) is None


@pytest.mark.parametrize("answer", [limits(2**63), reply({"error": "no"}, status=403), reply(b"<html>")])
def test_an_answer_that_is_no_balance_is_not_believed(answer: Reply) -> None:
    with pytest.raises(UnknownReply):
        balance_from(answer)


TOO_MANY = reply(b"slow down", status=429)


def test_a_refusal_is_waited_for_because_the_account_may_have_been_asked_a_moment_ago() -> None:
    found = balance_from(TOO_MANY, TOO_MANY, limits(70))
    assert found is not None
    assert found.units_left == 70


def test_a_question_with_a_limit_of_its_own_waits_for_that() -> None:
    assert AHREFS.balance is not None
    limited = replace(AHREFS, balance=replace(AHREFS.balance, rate=RateRule(calls=2, window_s=60.0)))
    found = balance_from(TOO_MANY, TOO_MANY, limits(70), provider=limited)
    assert found is not None
    assert found.units_left == 70


def test_refusals_for_a_whole_window_are_enough() -> None:
    with pytest.raises(UnknownReply, match="too many"):
        balance_from(*[TOO_MANY] * 9, limits(70))
