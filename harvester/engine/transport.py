"""One key's way to its provider over HTTP. The only engine file that imports aiohttp.

One send is one send: aiohttp sends an idempotent request again by itself when a reused connection drops, which a
provider bills twice. `_Once` refuses the second pass. Whether the request was written decides what a failure
costs, so it is noted and not guessed from the kind of exception.

One reply belongs to one request: HTTP/1.1 has no other tie between them than their order on a connection. So a
connection over which something came unasked is not used again, and an answer that is followed by more than it
announced is none.

Nothing leaves this file with a secret in it: bodies, header values and error texts are masked by value.
"""

import asyncio
import base64
import html
import json
import re
import select
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus
from weakref import WeakSet

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientSession
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

from harvester.codec import dump
from harvester.engine.ports import Clock
from harvester.errors import ConnectFailed, ReplyLost
from harvester.model import Credential, Reply, Request

MOST_BODY_BYTES = 64 * 1024 * 1024  #: of each open request; the largest pages have 10,000 rows and about 10 MB
MASK = "***"
MASK_AS_BYTES = MASK.encode()
_DELIMITERS = (
    "Content-Length",
    "Transfer-Encoding",
    "Content-Encoding",
)  #: packed bodies say themselves where they end
LEAST_ECHO_CHARS = 8  #: a shorter "secret" is a word that rows and headers hold by chance: masking it would damage them

Sign = Callable[[Request, Credential], Request]


class Mask:
    """Hides secrets by value, in every spelling in which they travel."""

    def __init__(self, credential: Credential) -> None:
        spellings: set[str] = set()
        for secret in credential.secrets():
            spellings.update(_spellings(secret))
            if credential.login is not None:
                pair = f"{credential.login}:{secret}"
                spellings.update(text for code in _codes(pair) for text in _packed(pair.encode(code)))
        # Longest first: a spelling that contains another must go as a whole.
        self._spellings = sorted(filter(None, spellings), key=len, reverse=True)
        self._echoes = [text for text in self._spellings if len(text) >= LEAST_ECHO_CHARS]
        self._echoes_as_bytes = [text.encode() for text in self._echoes]
        # A spelling that holds another can be nowhere that the other is not: few have to be looked for.
        self._signs = [each for each in self._echoes_as_bytes if not _holds_another(each, self._echoes_as_bytes)]

    def text(self, text: str) -> str:
        """Return a text of ours without secrets."""
        for spelling in self._spellings:
            text = text.replace(spelling, MASK)
        return text

    def header(self, value: str) -> str:
        """Return a header of a reply without secrets, and without bytes that are not text."""
        for spelling in self._echoes:
            value = value.replace(spelling, MASK)
        return value if value.isascii() else value.encode(errors="surrogateescape").decode(errors="replace")

    def body(self, body: bytes) -> bytes:
        """Return `body` without secrets: some providers echo the key."""
        if all(body.rfind(sign) < 0 for sign in self._signs):  # backwards Python looks twice as fast as with `in`
            return body
        for spelling in self._echoes_as_bytes:
            body = body.replace(spelling, MASK_AS_BYTES)
        return body


def _holds_another(spelling: bytes, spellings: Sequence[bytes]) -> bool:
    return any(each in spelling for each in spellings if each != spelling)


def _codes(secret: str) -> Sequence[str]:
    """Return the codes in which a secret may travel: servers spell what is not ASCII in either."""
    return ("utf-8",) if any(ord(char) > 255 for char in secret) else ("utf-8", "latin-1")


def _packed(secret: bytes) -> Sequence[str]:
    padded = base64.b64encode(secret).decode()
    return padded, padded.rstrip("=")


def _spellings(secret: str) -> Iterator[str]:
    """Yield a secret as it is, and as URLs, HTML and Basic authentication spell it, each also as JSON escapes that."""
    raw = [secret.encode(code) for code in _codes(secret)]
    quoted = [text for each in raw for text in (quote(each), quote(each, safe=""), quote_plus(each))]
    lower = [re.sub("%..", lambda code: code[0].lower(), text) for text in quoted]
    packed = [text for each in raw for text in _packed(each)]
    for text in (secret, html.escape(secret), *packed, *quoted, *lower):
        yield text
        for is_ascii in (True, False):
            escaped = json.dumps(text, ensure_ascii=is_ascii)[1:-1]
            yield escaped
            yield escaped.replace("/", "\\/")  # PHP does


class _OwnError(Exception):
    """What this file finds wrong itself."""


class _SentTwice(_OwnError):
    """The client wanted to send a request again by itself."""


class _TooLarge(_OwnError):
    """A body beyond the limit."""


class _Unpackable(_OwnError):
    """A body that cannot be unpacked to its end."""


class _Unasked(_OwnError):
    """The server said more than it was asked."""


class _Once:
    """A client middleware that lets one request through once, and knows whether it was written."""

    def __init__(self) -> None:
        self._passed = False
        self.is_written = False  #: in part at least: from then on the provider may act on it

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        if self._passed:
            raise _SentTwice
        self._passed = True
        assert isinstance(request, _Request)  # the session makes no others for us
        request.once = self
        return await handler(request)


class _Request(ClientRequest):
    """A request of ours, which tells when it is written. To reach a proxy aiohttp makes others, of its own class."""

    once: _Once | None = None

    async def send(self, conn: "Connection") -> ClientResponse:
        """Write it to a connection."""
        assert self.once is not None
        transport = conn.transport  # over one that is known to be closed nothing is written
        self.once.is_written = transport is not None and not transport.is_closing()
        return await super().send(conn)


class _Connections(aiohttp.TCPConnector):
    """Connections that are used again only if nothing has come over them since.

    aiohttp would take what a server sent meanwhile for the answer to the next request: another target's rows.
    """

    def __init__(self, most: int) -> None:
        super().__init__(limit=most, keepalive_timeout=75.0)
        self._known: WeakSet[asyncio.BaseProtocol] = WeakSet()

    async def connect(
        self,
        req: ClientRequest,
        traces: "list[Trace]",
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # aiohttp's own name
    ) -> "Connection":
        """Return a connection on which nothing waits to be read."""
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol, transport = connection.protocol, connection.transport
            assert protocol is not None
            assert transport is not None
            is_used = protocol in self._known
            self._known.add(protocol)
            # Over a new one TLS has more to say after its handshake. What the event loop has not read yet of an old one
            # may also be its end, noticed before a request is lost on it.
            if not is_used or not (protocol.should_close or _has_unread(transport)):
                return connection
            connection.close()


def _has_unread(transport: asyncio.BaseTransport) -> bool:
    waiting = select.poll()
    waiting.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(waiting.poll(0))


def _directly(_host: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where one provider is reached, and how patiently."""

    base_url: str
    timeout_s: float  #: one request, from connect to the last byte
    in_flight: int  #: connections kept
    user_agent: str
    most_body_bytes: int = MOST_BODY_BYTES
    #: From the host of an https:// URL to the URL of the proxy that leads there. http:// never goes through one.
    proxy_of: Callable[[str], str | None] = _directly


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
        once = _Once()
        try:
            return await self._exchange(self._sign(request, self._credential), once)
        except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError, zlib.error, _OwnError) as exc:
            what = self.mask.text(_words(exc, self._address))
            raise (ReplyLost(what) if once.is_written else ConnectFailed(what)) from None

    async def _exchange(self, request: Request, once: _Once) -> Reply:
        body = None if request.json is None else dump(request.json)
        headers = dict(request.headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
        url = self._url(request)
        async with self._session.request(
            request.method,
            url,
            data=body,
            headers=headers,
            proxy=self._address.proxy_of(url.host or "") if url.scheme == "https" else None,
            allow_redirects=False,
            middlewares=(once,),
        ) as response:
            mask, most_bytes = self.mask.header, self._address.most_body_bytes
            packed = await _read(response, most_bytes)
            return Reply(
                status=response.status,
                headers={mask(name).lower(): mask(value) for name, value in response.headers.items()},
                body=self.mask.body(_unpacked(packed, response.headers.get("Content-Encoding", ""), most_bytes)),
                arrived_at=self._clock.utc(),
                is_delimited=any(name in response.headers for name in _DELIMITERS),
            )

    def _url(self, request: Request) -> URL:
        query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in request.query)
        base_url = request.base_url or self._address.base_url
        return URL(f"{base_url}{request.path}{'?' if query else ''}{query}", encoded=True)


async def _read(response: ClientResponse, most_bytes: int) -> bytes:
    """Return a body as it came. Raises _TooLarge, _Unasked."""
    if (response.content_length or 0) > most_bytes:
        raise _TooLarge
    connection = response.connection  # None: all of the answer came at once
    protocol = None if connection is None else connection.protocol
    chunks: list[bytes] = []
    size_bytes = 0
    async for chunk in response.content.iter_any():
        size_bytes += len(chunk)
        if size_bytes > most_bytes:
            raise _TooLarge
        chunks.append(chunk)
    if protocol is not None and isinstance(protocol.exception(), HttpProcessingError):
        raise _Unasked  # what came behind it is no answer, so the length it announced was wrong and rows are cut off
    return b"".join(chunks)


def _unpacked(packed: bytes, encoding: str, most_bytes: int) -> bytes:
    """Return a body as it was before the server packed it.

    Not left to aiohttp: it takes gzip that breaks off for whole, and rows would be missing without a word.
    """
    if encoding.lower() in ("", "identity"):
        return packed
    if encoding.lower() != "gzip":  # we accept nothing else
        raise _Unpackable
    members: list[bytes] = []
    free_bytes = most_bytes
    while packed:
        unzip = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        members.append(unzip.decompress(packed, free_bytes + 1))
        free_bytes -= len(members[-1])
        if free_bytes < 0:
            raise _TooLarge
        if not unzip.eof:
            raise _Unpackable
        packed = unzip.unused_data
    return b"".join(members)


#: By kind of error, the first that fits. The client's own words are never used: they quote the URL, which may hold
#: the key, and what the server sent, which may hold anything.
_WORDS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((_SentTwice, aiohttp.ServerDisconnectedError), "the server closed the connection without an answer"),
    ((aiohttp.ClientPayloadError,), "the answer broke off"),
    ((_Unpackable, zlib.error), "the answer cannot be unpacked"),
    ((_Unasked,), "the server sent more than it was asked for"),
    ((aiohttp.ClientResponseError, HttpProcessingError), "the answer is not HTTP"),
    ((aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError), "this is no URL that can be asked"),
    ((aiohttp.ClientConnectionError, OSError), "the connection broke"),
)


def _words(exc: Exception, address: Address) -> str:
    """Say what went wrong."""
    if isinstance(exc, TimeoutError):
        return f"no whole reply within {address.timeout_s:g} s"
    if isinstance(exc, _TooLarge):
        return f"the reply is larger than {address.most_body_bytes} bytes"
    if isinstance(exc, aiohttp.ClientHttpProxyError):
        return f"the proxy that HTTPS_PROXY names does not connect: it answers {exc.status}"
    if isinstance(exc, aiohttp.ClientProxyConnectionError):
        reason = exc.os_error.strerror or exc.os_error
        return f"cannot connect to the proxy that HTTPS_PROXY names, {exc.host}:{exc.port}: {reason}"
    if isinstance(exc, aiohttp.ClientConnectorError):
        return f"cannot connect to {exc.host}:{exc.port}: {exc.os_error.strerror or exc.os_error}"
    words = next((words for kinds, words in _WORDS if isinstance(exc, kinds)), "the exchange failed")
    return words if isinstance(exc, _OwnError) else f"{words} ({type(exc.__cause__ or exc).__name__})"


@asynccontextmanager
async def http_transport(
    address: Address, credential: Credential, sign: Sign, clock: Clock
) -> AsyncIterator[HttpTransport]:
    """Open the connections of one key; leaving the block closes them."""
    async with ClientSession(
        connector=_Connections(address.in_flight),
        headers={"User-Agent": address.user_agent, "Accept-Encoding": "gzip"},
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=address.timeout_s),
        request_class=_Request,
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield HttpTransport(session, address, credential, sign, clock)
