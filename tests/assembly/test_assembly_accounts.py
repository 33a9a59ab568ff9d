"""The balance of an account, as far as it is believed."""

import asyncio
from dataclasses import replace

import pytest

from harvester.assembly.accounts import read_balance
from harvester.config import ProviderConfig
from harvester.errors import UnknownReply
from harvester.job import Account
from harvester.model import Balance, Provider, Reply, Request
from harvester.providers import PROVIDERS
from harvester.testing import FakeTransport, reply

AHREFS = PROVIDERS["ahrefs"]


def balance_from(answer: Reply, provider: Provider = AHREFS) -> Balance | None:
    async def answering(_: Request) -> Reply:
        return answer

    account = Account(provider=provider, config=ProviderConfig(name="ahrefs", keys=("env:K",)))
    return asyncio.run(read_balance(account, FakeTransport(answering)))


def limits(left: object) -> Reply:
    return reply({"limits_and_usage": {"units_limit_workspace": left, "units_usage_workspace": 0}})


def test_what_is_left_is_what_the_account_says() -> None:
    found = balance_from(limits(70))
    assert found is not None
    assert found.units_left == 70


def test_a_provider_without_the_question_is_not_asked() -> None:
    assert balance_from(limits(70), replace(AHREFS, balance=None)) is None


@pytest.mark.parametrize("answer", [limits(2**63), reply({"error": "no"}, status=403), reply(b"<html>")])
def test_an_answer_that_is_no_balance_is_not_believed(answer: Reply) -> None:
    with pytest.raises(UnknownReply):
        balance_from(answer)
