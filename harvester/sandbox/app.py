"""The server: one port, one prefix for each provider, `/_sandbox/account` for whoever checks the bill.

A request is counted when it arrives, then its key and its rate are looked at, then the lot is drawn for faults, then
the contract answers and charges, and only then does the latency pass: a client that is killed while it waits has been
charged, as in life.
"""

import asyncio
import signal
import socket
import struct
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from harvester import codec
from harvester.errors import ConfigError
from harvester.sandbox.account import Account, Rate, Window, parse_rate
from harvester.sandbox.ahrefs import AHREFS
from harvester.sandbox.contract import JSON_TYPE, Answer, Asked, Contract, Refusal, Service, Terms
from harvester.sandbox.dataforseo import DATAFORSEO
from harvester.sandbox.faults import Fault, Faults, seeded
from harvester.sandbox.generated import GeneratedWorld
from harvester.sandbox.lives import WorldOnDay
from harvester.sandbox.observed import ObservedWorld, read_links
from harvester.sandbox.semrush import SEMRUSH
from harvester.sandbox.serpstat import SERPSTAT
from harvester.sandbox.switches import by_provider, switched
from harvester.sandbox.world import World

#: Every provider that is served. To add one: one file, one row.
CONTRACTS: Mapping[str, Contract] = {contract.name: contract for contract in (AHREFS, SEMRUSH, SERPSTAT, DATAFORSEO)}

#: Two hundred targets in a query are longer than aiohttp reads by itself.
_MOST_LINE_BYTES = 65_536
_ACCOUNT_PATH = "/_sandbox/account"
_LINGER = "hh" if sys.platform == "win32" else "ii"
_REFUSALS = {
    Fault.INTERNAL: Refusal.INTERNAL,
    Fault.BAD_GATEWAY: Refusal.BAD_GATEWAY,
    Fault.STRAY_REFUSAL: Refusal.TOO_FAST,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a sandbox is started with. Mappings go by provider name."""

    host: str = "127.0.0.1"
    port: int = 0  #: 0 = any that is free
    seed: int = 1
    links: Path | None = None  #: a CSV of real links; None = the generated world
    latency_ms: float = 0.0
    faults: float = 0.0  #: share of requests that meet one
    rates: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, int] = field(default_factory=dict)  #: of each key; the contract's unless told
    row_cap: int | None = 250  #: rows per request of the plan; None = no cap
    switches: tuple[str, ...] = ()  #: "ahrefs.retry_after=true"
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  #: further keys beside the test key
    today: date | None = None  #: the present of the world; None = the real day
    last_day: date | None = None  #: up to which the lives of its links are told; None = its present


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A sandbox that is running."""

    port: int
    base_urls: Mapping[str, str]  #: provider -> where its paths begin
    keys: Mapping[str, str]  #: provider -> its test key
    logins: Mapping[str, str]  #: provider -> the login that its key belongs to, where there is one
    account: Callable[[], dict[str, Any]]  #: the same as `GET /_sandbox/account`


class Desk:
    """One provider at work: its service and the accounts of its keys."""

    def __init__(
        self, contract: Contract, world: World, terms: Terms, keys: Mapping[str, int], clock: Callable[[], float]
    ) -> None:
        self.contract = contract
        self.service: Service = contract.open(world, terms)
        window = _window_maker(self.service.rate)
        further = {name: parse_rate(text) for name, text in contract.further_rates.items()}
        self.accounts = {
            key: Account(
                key=key,
                limit_units=units,
                window=window(),
                further_windows={name: Window(rate) for name, rate in further.items()},
                clock=clock,
                balance_lag_s=terms.switches.balance_lag_s,
            )
            for key, units in keys.items()
        }

    def account_of(self, asked: Asked) -> Account | None:
        """Return the account of the key that the request carries."""
        key = self.service.key_of(asked)
        return None if key is None else self.accounts.get(key)


def _window_maker(rate: Rate) -> Callable[[], Window]:
    if not rate.is_shared:
        return partial(Window, rate)
    shared = Window(rate)
    return lambda: shared


class Site:
    """All desks, and what happens to one request on its way."""

    def __init__(self, options: Options, world: World, clock: Callable[[], float] = time.monotonic) -> None:
        self.desks = _open_desks(options, world, clock)
        self._latency_s = options.latency_ms / 1000
        self._faults = Faults(options.faults, seeded(options.seed))
        self._clock = clock
        self._arrivals = 0

    def account(self) -> dict[str, Any]:
        """Return what each key of each provider was charged, and how it called."""
        return {
            name: {"keys": {key: account.as_json() for key, account in desk.accounts.items()}}
            for name, desk in self.desks.items()
        }

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer any request."""
        now_s = self._clock()
        if request.path == _ACCOUNT_PATH:
            return web.Response(body=codec.dump_pretty(self.account()), content_type=JSON_TYPE)
        self._arrivals += 1
        number = self._arrivals  # looking at the account must not change which faults are drawn
        desk = next((desk for desk in self.desks.values() if request.path.startswith(f"{desk.contract.prefix}/")), None)
        if desk is None:
            return web.Response(status=404, text=f"no provider is served here; try {_ACCOUNT_PATH}\n")
        asked = Asked(
            method=request.method,
            path=request.path.removeprefix(desk.contract.prefix),
            query=tuple(request.query.items()),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.read(),
            number=number,
        )
        account = desk.account_of(asked)
        if account is None:
            await asyncio.sleep(self._latency_s)
            return _response(desk.service.refuse(Refusal.BAD_KEY, asked=asked))
        account.begin(asked.path)
        account.balances_asked += desk.service.is_balance(asked)
        try:
            return await self._serve(request, _Call(desk.service, asked, account, now_s, desk.contract.in_flight))
        finally:
            account.end()

    async def _serve(self, request: web.Request, call: "_Call") -> web.StreamResponse:
        """Let one call of a known key meet its rate, its fault and its answer."""
        service, asked, account = call.service, call.asked, call.account
        if call.most_open is not None and account.now_open > call.most_open:
            account.refused_for_open += 1
            await asyncio.sleep(self._latency_s)
            return _response(service.refuse(Refusal.TOO_MANY_OPEN, asked=asked))
        wait_s = account.arrive(service.rates_of(asked), call.now_s)
        if wait_s is not None:
            account.refused_for_rate += 1
            await asyncio.sleep(self._latency_s)
            return _response(service.refuse(Refusal.TOO_FAST, wait_s, asked))
        fault = None
        if not service.is_balance(asked):
            fault = self._faults.draw(asked.number, has_stray_refusals=service.has_stray_refusals)
        account.faults += fault is not None
        if fault in _REFUSALS:
            await asyncio.sleep(self._latency_s)
            return _response(service.refuse(_REFUSALS[fault], 1.0, asked))
        answer = None if fault is Fault.RESET else service.answer(asked, account)
        await asyncio.sleep(self._latency_s)
        if answer is None or fault is Fault.DROPPED:
            _hang_up(request, is_reset=fault is Fault.RESET)
            return web.Response(status=500)  # goes nowhere
        if fault is Fault.TRUNCATED:
            return await _send_half(request, answer)
        account.rows_served += answer.rows
        return _response(answer)


@dataclass(frozen=True, slots=True)
class _Call:
    """One request with the account it is for."""

    service: Service
    asked: Asked
    account: Account
    now_s: float  #: when it arrived, by the server's clock
    most_open: int | None  #: requests of one key that may be open at once


def _open_desks(options: Options, world: World, clock: Callable[[], float]) -> dict[str, Desk]:
    """Return a desk for each contract. Raises ConfigError."""
    for what, mapping in (("rate", options.rates), ("units", options.units), ("keys", options.keys)):
        for name in mapping:
            if name not in CONTRACTS:
                raise ConfigError(f"{what} of {name!r}: no provider of that name; there are {', '.join(CONTRACTS)}")
    switches = by_provider(options.switches, CONTRACTS)
    desks = {}
    for name, contract in CONTRACTS.items():
        usual = parse_rate(contract.rate)
        terms = Terms(
            rate=parse_rate(options.rates.get(name, contract.rate), fallback_s=usual.window_s),
            switches=switched(contract.switches, switches[name]),
            row_cap=options.row_cap,
        )
        units = options.units.get(name, contract.units)
        keys = dict.fromkeys((contract.key, *options.keys.get(name, ())), units)
        desks[name] = Desk(contract, world, terms, keys, clock)
    return desks


def open_world(options: Options) -> World:
    """Return the world that is served. Raises ConfigError if the CSV cannot be read."""
    today = options.today or datetime.now(UTC).date()
    last_day = options.last_day or today
    if last_day < today:
        raise ConfigError(f"the lives of links are told up to {last_day}, and today is {today}: a day not before that")
    world: World = GeneratedWorld(seed=options.seed, today=last_day)
    if options.links is not None:
        world = ObservedWorld(read_links(options.links), seed=options.seed, now=world.now)
    return world if last_day == today else WorldOnDay(world, datetime.combine(today, time_of_day(), UTC))


def _response(answer: Answer) -> web.Response:
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)


def _hang_up(request: web.Request, *, is_reset: bool) -> None:
    """Close the connection without a word; with a reset (RST) where the client may have nothing to read."""
    if request.transport is None:
        return
    sock = request.transport.get_extra_info("socket")
    if is_reset and sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(_LINGER, 1, 0))
    request.transport.abort()


async def _send_half(request: web.Request, answer: Answer) -> web.StreamResponse:
    """Announce the whole body, send half of it and close."""
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = len(answer.body)
    with suppress(ConnectionError):
        await response.prepare(request)
        await response.write(answer.body[: len(answer.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


@asynccontextmanager
async def serving(options: Options, clock: Callable[[], float] = time.monotonic) -> AsyncIterator[Sandbox]:
    """Serve every provider's contract while the block runs; rates are counted by `clock`, in seconds.

    Raises ConfigError if an option, the CSV or the port cannot be used.
    """
    site = Site(options, await asyncio.to_thread(open_world, options), clock)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", site.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, max_line_size=_MOST_LINE_BYTES)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, options.host, options.port).start()
        except OSError as exc:
            raise ConfigError(f"cannot listen on {options.host}:{options.port}: {exc.strerror}") from None
        port = runner.addresses[0][1]
        yield Sandbox(
            port=port,
            base_urls={name: f"http://{options.host}:{port}{CONTRACTS[name].base}" for name in site.desks},
            keys={name: CONTRACTS[name].key for name in site.desks},
            logins={name: login for name in site.desks if (login := CONTRACTS[name].login) is not None},
            account=site.account,
        )
    finally:
        await runner.cleanup()


async def serve_forever(options: Options, announce: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; tell through `announce` where, and with which keys. Raises ConfigError."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError):  # Windows: Ctrl-C arrives as KeyboardInterrupt instead
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
    async with serving(options) as sandbox:
        for name, url in sandbox.base_urls.items():
            announce(f"{name:<12} {url}")
            announce(f"{'':<12} {CONTRACTS[name].howto.format(key=sandbox.keys[name])}")
        announce(f"{'account':<12} http://{options.host}:{sandbox.port}{_ACCOUNT_PATH}")
        announce("Ctrl-C stops it.")
        await stop.wait()
