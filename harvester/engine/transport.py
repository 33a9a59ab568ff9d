"""One key's way to its provider over HTTP. The only engine file that imports aiohttp.

One send is one send: aiohttp sends an idempotent request again by itself when a reused connection drops, which a
provider bills twice. `_Once` refuses the second pass. Whether the request was written decides what a failure
costs, so it is traced and not guessed from the kind of exception.

Nothing leaves this file with a secret in it: bodies, header values and error texts are masked by value.
"""

import base64
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from urllib.parse import quote, quote_plus

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientSession, TraceConfig
from yarl import URL

from harvester.codec import dump
from harvester.engine.ports import Clock
from harvester.errors import ConnectFailed, ReplyLost, TransportError
from harvester.model import Credential, Reply, Request

MOST_BODY_BYTES = 128 * 1024 * 1024
MASK = "***"

Sign = Callable[[Request, Credential], Request]


class Mask:
    """Hides secrets by value, in every spelling in which they travel."""

    def __init__(self, credential: Credential) -> None:
        spellings: set[str] = set()
        for secret in credential.secrets():
            spellings |= {secret, quote(secret, safe=""), quote_plus(secret), quote(secret)}
            spellings.add(base64.b64encode(secret.encode()).decode())
            if credential.login is not None:
                spellings.add(base64.b64encode(f"{credential.login}:{secret}".encode()).decode())
        # Longest first: a spelling that contains another must go as a whole.
        self._spellings = sorted((text for text in spellings if text), key=len, reverse=True)
        self._bytes = [text.encode() for text in self._spellings]

    def text(self, text: str) -> str:
        """Return `text` without secrets."""
        for spelling in self._spellings:
            text = text.replace(spelling, MASK)
        return text

    def body(self, body: bytes) -> bytes:
        """Return `body` without secrets: some providers echo the key."""
        for spelling in self._bytes:
            if spelling in body:
                body = body.replace(spelling, MASK.encode())
        return body


class _SentTwice(Exception):
    """The client wanted to send a request again by itself."""


class _Once:
    """A client middleware that lets one request through once."""

    def __init__(self) -> None:
        self._passed = False

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        if self._passed:
            raise _SentTwice
        self._passed = True
        return await handler(request)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where one provider is reached, and how patiently."""

    base_url: str
    timeout_s: float  #: one request, from connect to the last byte
    in_flight: int  #: connections kept
    user_agent: str
    most_body_bytes: int = MOST_BODY_BYTES


class HttpTransport:
    """Sends signed requests of one key. Open it with `http_transport`."""

    def __init__(
        self, session: ClientSession, address: Address, credential: Credential, sign: Sign, clock: Clock
    ) -> None:
        self._session = session
        self._address = address
        self._credential = credential
        self._sign = sign
        self._clock = clock
        self.mask = Mask(credential)

    async def send(self, request: Request) -> Reply:
        """Send once and return the whole reply.

        Raises ConnectFailed if the request was certainly not written, ReplyLost if it may have been.
        """
        trace = SimpleNamespace(is_written=False)
        try:
            return await self._exchange(self._sign(request, self._credential), trace)
        except (aiohttp.ClientError, OSError, TimeoutError, _SentTwice, _TooLarge, ValueError) as exc:
            raise self._mapped(exc, is_written=trace.is_written) from None

    async def _exchange(self, request: Request, trace: SimpleNamespace) -> Reply:
        body = None if request.json is None else dump(request.json)
        headers = dict(request.headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
        async with self._session.request(
            request.method,
            self._url(request),
            data=body,
            headers=headers,
            allow_redirects=False,
            middlewares=(_Once(),),
            trace_request_ctx=trace,
        ) as response:
            content = await _read(response, self._address.most_body_bytes)
            return Reply(
                status=response.status,
                headers={name.lower(): self.mask.text(value) for name, value in response.headers.items()},
                body=self.mask.body(content),
                arrived_at=self._clock.utc(),
            )

    def _url(self, request: Request) -> URL:
        query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in request.query)
        return URL(f"{self._address.base_url}{request.path}{'?' if query else ''}{query}", encoded=True)

    def _mapped(self, exc: Exception, *, is_written: bool) -> TransportError:
        what = self.mask.text(_words(exc, self._address))
        return ReplyLost(what) if is_written else ConnectFailed(what)


class _TooLarge(Exception):
    """A body beyond the limit."""


async def _read(response: ClientResponse, most_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size_bytes = 0
    async for chunk in response.content.iter_any():
        size_bytes += len(chunk)
        if size_bytes > most_bytes:
            raise _TooLarge(f"the body is larger than {most_bytes} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _words(exc: Exception, address: Address) -> str:
    """Say what went wrong without naming a URL: it may hold the key."""
    if isinstance(exc, _SentTwice):
        return "the connection dropped after the request was sent"
    if isinstance(exc, TimeoutError):
        return f"no whole reply within {address.timeout_s:g} s"
    if isinstance(exc, (aiohttp.ClientConnectorCertificateError, ssl.SSLError)):
        return f"the server's certificate was refused: {exc}"
    if isinstance(exc, aiohttp.ClientConnectorDNSError):
        return f"the name {exc.host} cannot be resolved"
    if isinstance(exc, aiohttp.ClientConnectorError):
        return f"cannot connect to {exc.host}:{exc.port}: {exc.os_error.strerror or exc.os_error}"
    return f"{type(exc).__name__}: {exc}"


def _tracing() -> TraceConfig:
    trace = TraceConfig()

    async def on_written(_session: object, context: SimpleNamespace, _params: object) -> None:
        context.trace_request_ctx.is_written = True

    # Headers go out in one piece before the body: from here on the provider may act on the request.
    trace.on_request_headers_sent.append(on_written)
    return trace


@asynccontextmanager
async def http_transport(
    address: Address, credential: Credential, sign: Sign, clock: Clock
) -> AsyncIterator[HttpTransport]:
    """Open the connections of one key; leaving the block closes them."""
    connector = aiohttp.TCPConnector(limit=address.in_flight, keepalive_timeout=75.0)
    async with ClientSession(
        connector=connector,
        headers={"User-Agent": address.user_agent},
        timeout=aiohttp.ClientTimeout(total=address.timeout_s),
        trace_configs=[_tracing()],
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield HttpTransport(session, address, credential, sign, clock)
