"""A provider's keys: found, checked, connected, and asked for their balance."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version

from harvester.config import resolve_key, resolve_login
from harvester.engine.ports import Clock, Transport
from harvester.engine.transport import Address, http_transport
from harvester.errors import ConfigError, UnknownReply
from harvester.job import Account
from harvester.model import Action, Balance, Credential

USER_AGENT = f"harvester/{version('harvester')}"


def credentials(account: Account, environ: Mapping[str, str]) -> list[Credential]:
    """Return the keys of a provider. Raises ConfigError naming all that cannot be had."""
    found: list[Credential] = []
    faults: list[str] = []
    login = account.config.settings.get("login")
    for reference in account.config.keys:
        try:
            plain_login = None if login is None else resolve_login(login, environ)
            found.append(Credential(key=resolve_key(reference, environ), login=plain_login))
        except ConfigError as exc:
            faults += [f"[providers.{account.provider.name}] {fault}" for fault in exc.faults]
    if faults:
        raise ConfigError(faults)
    return found


def lane_names(provider: str, keys: int) -> list[str]:
    """Return the names of a provider's lanes, one for each key."""
    return [provider if number == 1 else f"{provider}#{number}" for number in range(1, keys + 1)]


@asynccontextmanager
async def account_transport(account: Account, credential: Credential, clock: Clock) -> AsyncIterator[Transport]:
    """Open one key's way to its provider."""
    address = Address(
        base_url=account.base_url,
        timeout_s=account.timeout_s,
        in_flight=account.in_flight,
        user_agent=USER_AGENT,
    )
    async with http_transport(address, credential, account.provider.sign, clock) as transport:
        yield transport


async def read_balance(account: Account, transport: Transport) -> Balance | None:
    """Ask a key's free balance; None where the provider has no such question.

    Raises TransportError, or UnknownReply with what the provider answered instead.
    """
    call = account.provider.balance
    if call is None:
        return None
    reply = await transport.send(call.ask())
    verdict = account.provider.judge(reply)
    if verdict.action is not Action.KEEP:
        raise UnknownReply(verdict.why or f"HTTP {reply.status}")
    return call.read(reply)
