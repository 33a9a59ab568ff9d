"""A provider's keys: connected, and asked for their balance."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from harvester.config.meanings import GREATEST
from harvester.engine.gate import Gate
from harvester.engine.ports import Clock, Transport
from harvester.engine.transport import Address, HttpTransport, http_transport
from harvester.errors import UnknownReply
from harvester.job import Account
from harvester.model import Action, Balance, Credential, Reply, Request

USER_AGENT = f"harvester/{version('harvester')}"


@asynccontextmanager
async def account_transport(account: Account, credential: Credential, clock: Clock) -> AsyncIterator[HttpTransport]:
    """Open one key's way to its provider."""
    address = Address(
        base_url=account.base_url,
        timeout_s=account.timeout_s,
        in_flight=account.in_flight,
        user_agent=USER_AGENT,
    )
    async with http_transport(address, credential, account.provider.sign, clock) as transport:
        yield transport


class Gated:
    """A key's way to its provider for what is no task's: each request waits for the gate like any other."""

    def __init__(self, gate: Gate, transport: Transport) -> None:
        self._gate = gate
        self._transport = transport

    async def send(self, request: Request) -> Reply:
        """Send once and return the whole reply. Raises GateShut, TransportError."""
        async with self._gate.passage():
            return await self._transport.send(request)


async def read_balance(account: Account, transport: Transport, clock: Clock) -> Balance | None:
    """Ask a key's free balance; None where the provider has no such question.

    A refusal is waited for, about one window of the rate: the account may have been asked a moment ago, by this
    program or another. Raises TransportError, or UnknownReply with what the provider answered instead.
    """
    call = account.provider.balance
    if call is None:
        return None
    waited_s, rate = 0.0, call.rate or account.rate
    while True:
        reply = await transport.send(call.ask(account.section))
        verdict = account.provider.judge(reply)
        if verdict.action is not Action.PAUSE or rate is None or waited_s >= rate.window_s:
            break
        wait_s = verdict.wait_s or max(waited_s, rate.window_s / rate.calls)  # doubles what was waited so far
        await clock.sleep_s(min(wait_s, rate.window_s))
        waited_s += wait_s
    if verdict.action is not Action.KEEP:
        raise UnknownReply(verdict.why or f"HTTP {reply.status}")
    balance = call.read(reply)
    if balance.units_left is not None and not 0 <= balance.units_left <= GREATEST:
        raise UnknownReply(f"a balance of {balance.units_left} units")
    return balance
