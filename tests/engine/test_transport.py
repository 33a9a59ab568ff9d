"""One send is one send, a failure says what it may have cost, and no secret leaves. Against real sockets."""

import asyncio
import base64
import gzip
import html
import inspect
import json
import re
import shutil
import socket
import ssl
import struct
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, quote_plus

import aiohttp
import pytest
from aiohttp import client_exceptions, http_exceptions
from aiohttp.client_reqrep import ConnectionKey
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.engine.transport import MASK, Address, HttpTransport, Mask, http_transport
from harvester.errors import ConnectFailed, ReplyLost, TransportError
from harvester.model import Credential, Reply, Request
from harvester.testing import EPOCH, LoopClock

KEY = "s3cr3t-0123456789"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
LIMIT_BYTES = 100_000


@dataclass
class Asked:
    """One request as it came over the wire."""

    line: str
    headers: dict[str, str]
    body: bytes
    number: int  #: on its connection, from 0
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Answer = Callable[[Asked], Awaitable[None]]


@dataclass
class Server:
    """An HTTP server on loopback that answers with a function."""

    answer: Answer
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            for number in count():
                line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = dict(header.split(": ", 1) for header in lines if header)
                body = await reader.readexactly(int(headers.get("Content-Length", 0)))
                self.asked.append(Asked(line, headers, body, number, writer))
                await self.answer(self.asked[-1])
        writer.close()
        with suppress(OSError, asyncio.CancelledError):
            await writer.wait_closed()


@asynccontextmanager
async def serving(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server, open_ones = Server(answer), set[asyncio.Task[None]]()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(asyncio.create_task(server.connected(reader, writer)))

    listening = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    port = listening.sockets[0].getsockname()[1]
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield server
    finally:
        listening.close()
        for task in open_ones:
            task.cancel()
        await asyncio.gather(*open_ones)


def says(data: bytes) -> Answer:
    """Answer every request with these bytes, and close."""

    async def answer(asked: Asked) -> None:
        await asked.send(data)
        asked.close()

    return answer


async def silence(_: Asked) -> None:
    """Answer nothing, for longer than anybody waits."""
    await asyncio.sleep(60.0)


def page(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(head).encode() + body


def in_header(request: Request, credential: Credential) -> Request:
    return replace(request, headers={**request.headers, "Authorization": f"Bearer {credential.key}"})


def in_query(request: Request, credential: Credential) -> Request:
    return replace(request, query=(*request.query, ("key", credential.key)))


def as_basic(request: Request, credential: Credential) -> Request:
    pair = base64.b64encode(f"{credential.login}:{credential.key}".encode()).decode()
    return replace(request, headers={"Authorization": f"Basic {pair}"})


Sign = Callable[[Request, Credential], Request]
End = Reply | TransportError


def address(url: str, **changes: Any) -> Address:
    base = Address(base_url=url, timeout_s=10.0, in_flight=4, user_agent="tests/1", most_body_bytes=LIMIT_BYTES)
    return replace(base, **changes)


async def ends_of(
    at: Address, requests: Sequence[Request], sign: Sign = in_header, credential: Credential | None = None
) -> list[End]:
    """Send requests one after another through one transport, and return what became of each."""
    ends: list[End] = []
    async with http_transport(at, credential or Credential(key=KEY), sign, LoopClock()) as transport:
        for request in requests:
            try:
                ends.append(await transport.send(request))
            except TransportError as exc:
                ends.append(exc)
    return ends


def talk(
    answer: Answer, *requests: Request, sign: Sign = in_header, credential: Credential | None = None, **changes: Any
) -> tuple[Server, list[End]]:
    """Send requests to a server that answers so."""

    async def scenario() -> tuple[Server, list[End]]:
        async with serving(answer) as server:
            ends = await ends_of(address(server.url, **changes), requests or (Request(path="/"),), sign, credential)
        return server, ends

    return asyncio.run(scenario())


def reply_of(answer: Answer, *requests: Request, **changes: Any) -> Reply:
    end = talk(answer, *requests, **changes)[1][-1]
    assert isinstance(end, Reply)
    return end


def fault_of(answer: Answer, *requests: Request, **changes: Any) -> TransportError:
    end = talk(answer, *requests, **changes)[1][-1]
    assert isinstance(end, TransportError)
    return end


# --- one send is one send -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("drop", [Asked.close, Asked.reset], ids=["closed", "reset"])
@pytest.mark.parametrize("asked", [Request(path="/"), Request(method="POST", path="/", json=[1])], ids=["GET", "POST"])
def test_a_request_on_a_reused_connection_that_drops_is_never_sent_again(
    asked: Request, drop: Callable[[Asked], None]
) -> None:
    async def answer(got: Asked) -> None:
        if got.number == 0:
            await got.send(OK)
        else:
            drop(got)

    server, ends = talk(answer, asked, asked)
    assert server.connections == 1, "the connection was to be reused"
    assert len(server.asked) == 2
    assert isinstance(ends[0], Reply)
    assert isinstance(ends[1], ReplyLost)


def test_after_a_drop_the_next_request_finds_a_new_connection() -> None:
    async def answer(got: Asked) -> None:
        if got.number == 0:
            await got.send(OK)
        else:
            got.close()

    server, ends = talk(answer, *3 * [Request(path="/")])
    assert [type(end) for end in ends] == [Reply, ReplyLost, Reply]
    assert len(server.asked) == 3


UNASKED = {
    "an answer": page(b"foreign"),
    "several answers": 3 * page(b"foreign"),
    "an answer without a body": b"HTTP/1.1 408 Request Time-out\r\nContent-Length: 0\r\n\r\n",
    "the beginning of an answer": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfor",
    "what is no HTTP": b"220 mail.example.com ESMTP\r\n\r\n",
}


def pushes(unasked: bytes, *, delay_s: float) -> Answer:
    """Answer the first request of a connection, and say more a moment later; answer further ones rightly."""

    async def answer(got: Asked) -> None:
        await got.send(page(b"own %d" % got.number))
        if got.number == 0:
            await asyncio.sleep(delay_s)
            await got.send(unasked)

    return answer


@pytest.mark.parametrize("is_read", [True, False], ids=["read meanwhile", "not read yet"])
@pytest.mark.parametrize("unasked", UNASKED.values(), ids=UNASKED)
def test_what_comes_unasked_is_never_the_answer_to_the_next_request(unasked: bytes, is_read: bool) -> None:
    async def scenario() -> tuple[Server, list[Reply]]:
        async with (
            serving(pushes(unasked, delay_s=0.01)) as server,
            http_transport(address(server.url), Credential(key=KEY), in_header, LoopClock()) as transport,
        ):
            replies = [await transport.send(Request(path="/"))]
            if is_read:
                await asyncio.sleep(0.05)
            else:
                turn = asyncio.Event()
                asyncio.get_running_loop().call_later(0.01, turn.set)
                await turn.wait()  # the server's turn has come in the same round of the event loop, ours next
            replies.append(await transport.send(Request(path="/")))
            return server, replies

    server, replies = asyncio.run(scenario())
    assert [reply.body for reply in replies] == [b"own 0", b"own 0"]
    assert (server.connections, len(server.asked)) == (2, 2)


def test_an_end_that_nobody_has_noticed_yet_does_not_cost_a_request() -> None:
    async def scenario() -> list[End]:
        ends: list[End] = []
        async with serving(says(OK)) as server:
            at = address(server.url)
            async with http_transport(at, Credential(key=KEY), in_header, LoopClock()) as transport:
                for _ in range(20):
                    ends.append(await transport.send(Request(path="/")))
                    await asyncio.sleep(0)  # the server closes in this very moment
        return ends

    assert all(isinstance(end, Reply) for end in asyncio.run(scenario()))


def test_an_answer_longer_than_it_announced_is_none() -> None:
    async def answer(got: Asked) -> None:
        await got.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nro")
        await asyncio.sleep(0.05)
        await got.send(b"w 1;\nrow 2;\n")

    end = fault_of(answer)
    assert isinstance(end, ReplyLost)
    assert str(end) == "the server sent more than it was asked for"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_reply_and_is_not_followed(status: int) -> None:
    there = page(b"", "Location: http://127.0.0.1:9/elsewhere", status=f"{status} Elsewhere")
    server, (end,) = talk(says(there))
    assert isinstance(end, Reply)
    assert end.status == status
    assert end.headers["location"] == "http://127.0.0.1:9/elsewhere"
    assert len(server.asked) == 1


def test_a_cookie_is_not_sent_back() -> None:
    async def answer(got: Asked) -> None:
        await got.send(page(b"", "Set-Cookie: session=1"))

    async def scenario() -> Server:
        async with serving(answer) as server:
            url = server.url.replace("127.0.0.1", "localhost")  # aiohttp keeps no cookies of bare addresses anyway
            await ends_of(address(url), 2 * [Request(path="/")])
        return server

    first, second = asyncio.run(scenario()).asked
    assert "Cookie" not in first.headers | second.headers


def test_no_more_connections_than_requests_may_be_open_are_kept() -> None:
    async def scenario() -> tuple[int, int]:
        async def answer(got: Asked) -> None:
            await asyncio.sleep(0.01)
            await got.send(OK)

        async with (
            serving(answer) as server,
            http_transport(address(server.url, in_flight=3), Credential(key=KEY), in_header, LoopClock()) as transport,
        ):
            await asyncio.gather(*(transport.send(Request(path="/")) for _ in range(9)))
            return server.connections, len(server.asked)

    assert asyncio.run(scenario()) == (3, 9)


# --- what goes over the wire --------------------------------------------------------------------------------------


def test_a_query_is_percent_encoded_to_the_last_character() -> None:
    query = (
        ("select", "url_from,anchor:desc"),
        ("where", '{"field":"dr","is":["gte",30]}'),
        ("target", "bücher.de/a b?c=d&e#f"),
        ("odd", "+%~*'()[]\\|"),
        ("empty", ""),
        ("a b", "twice"),
        ("a b", "twice"),
    )
    server, _ = talk(says(OK), Request(path="/v3/links", query=query), sign=lambda request, _: request)
    assert server.asked[0].line == (
        "GET /v3/links?select=url_from%2Canchor%3Adesc"
        "&where=%7B%22field%22%3A%22dr%22%2C%22is%22%3A%5B%22gte%22%2C30%5D%7D"
        "&target=b%C3%BCcher.de%2Fa%20b%3Fc%3Dd%26e%23f"
        "&odd=%2B%25~%2A%27%28%29%5B%5D%5C%7C&empty=&a%20b=twice&a%20b=twice HTTP/1.1"
    )


def test_a_path_is_joined_to_the_base_url_and_a_body_is_json() -> None:
    async def scenario() -> Server:
        async with serving(says(OK)) as server:
            ask = Request(method="POST", path="/links", json={"ü": [1, None]}, headers={"X-More": "1"})
            await ends_of(address(f"{server.url}/v3"), [ask])
        return server

    (asked,) = asyncio.run(scenario()).asked
    assert asked.line == "POST /v3/links HTTP/1.1"
    assert asked.body == '{"ü":[1,null]}'.encode()
    assert asked.headers["Content-Type"] == "application/json"
    assert asked.headers["User-Agent"] == "tests/1"
    assert asked.headers["Accept-Encoding"] == "gzip"
    assert asked.headers["X-More"] == "1"
    assert asked.headers["Authorization"] == f"Bearer {KEY}"


def test_a_reply_arrives_whole() -> None:
    got = reply_of(says(page(b'{"a": 1}', "X-Units-Cost: 50", "Content-Type: application/json", status="403 No")))
    assert (got.status, got.body) == (403, b'{"a": 1}')
    assert got.headers["x-units-cost"] == "50"
    assert got.headers["content-type"] == "application/json"
    assert got.arrived_at > EPOCH


@pytest.mark.parametrize(
    "answer",
    [
        page(b"x" * 5000, "Content-Encoding: identity"),
        page(gzip.compress(b"x" * 5000), "Content-Encoding: GZIP"),
        page(gzip.compress(b"x" * 2000) + gzip.compress(b"x" * 3000), "Content-Encoding: gzip"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1388\r\n" + b"x" * 5000 + b"\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 5000,
    ],
    ids=["plain", "gzip", "gzip of two members", "chunked", "until closed"],
)
def test_a_body_is_read_however_it_is_packed(answer: bytes) -> None:
    assert reply_of(says(answer)).body == b"x" * 5000


@pytest.mark.parametrize(
    ("head", "is_delimited"),
    [
        ("Content-Length: 2\r\n\r\n{}", True),
        ("Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", True),
        ("Connection: close\r\n\r\n{}", False),
    ],
)
def test_a_reply_says_whether_its_end_is_known(head: str, is_delimited: bool) -> None:
    got = reply_of(says(f"HTTP/1.1 200 OK\r\n{head}".encode()))
    assert (got.body, got.is_delimited) == (b"{}", is_delimited)


def test_a_body_of_exactly_the_limit_is_read() -> None:
    assert len(reply_of(says(page(b"x" * LIMIT_BYTES))).body) == LIMIT_BYTES


def test_header_bytes_that_are_no_text_are_replaced() -> None:
    headers = reply_of(says(b"HTTP/1.1 200 OK\r\nX-Odd: caf\xe9\r\nContent-Length: 0\r\n\r\n")).headers
    assert headers["x-odd"] == "caf\ufffd"


# --- what a failure may have cost ---------------------------------------------------------------------------------


def test_a_refused_connection_costs_nothing() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    (end,) = asyncio.run(ends_of(address(f"http://127.0.0.1:{port}"), [Request(path="/")]))
    assert isinstance(end, ConnectFailed)
    assert str(end).startswith(f"cannot connect to 127.0.0.1:{port}: ")


def test_a_name_that_cannot_be_resolved_costs_nothing() -> None:
    (end,) = asyncio.run(ends_of(address("http://nonexistent.invalid"), [Request(path="/")]))
    assert isinstance(end, ConnectFailed)
    assert "nonexistent.invalid:80" in str(end)


@pytest.mark.parametrize("url", ["http://", "http://127.0.0.1:99999", "ftp://127.0.0.1"])
def test_a_url_that_cannot_be_asked_costs_nothing(url: str) -> None:
    (end,) = asyncio.run(ends_of(address(url), [Request(path="/")]))
    assert isinstance(end, ConnectFailed)


async def resets_after_headers(got: Asked) -> None:
    await got.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    got.reset()


async def resets(got: Asked) -> None:
    got.reset()


BROKEN: dict[str, Answer] = {
    "closed before the answer": says(b""),
    "reset before the answer": resets,
    "closed within the headers": says(b"HTTP/1.1 200 OK\r\nContent-"),
    "reset after the headers": resets_after_headers,
    "shorter than announced": says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}"),
    "chunks break off": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe"),
    "last chunk is missing": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
    "chunk without a size": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n"),
    "not HTTP": says(b"220 mail.example.com ESMTP\r\n\r\n"),
    "no status": says(b"HTTP/1.1 \r\n\r\n"),
    "a length that is no number": says(b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n"),
    "two lengths": says(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}"),
    "an endless header": says(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"),
    "a header with a NUL": says(b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n"),
    "not gzip": says(page(b"plain text", "Content-Encoding: gzip")),
    "gzip breaks off": says(page(gzip.compress(b"x" * 5000)[:-12], "Content-Encoding: gzip")),
    "gzip breaks off with the connection": says(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"x" * 5000)[:-1]
    ),
    "packed as was not asked for": says(page(b"x" * 5000, "Content-Encoding: br")),
    "larger than the limit": says(page(b"x" * (LIMIT_BYTES + 1))),
    "gzip that grows beyond the limit": says(page(gzip.compress(b"x" * 50_000_000), "Content-Encoding: gzip")),
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_a_request_that_left_and_brought_no_whole_reply_may_have_cost(answer: Answer, method: str) -> None:
    ask = Request(method="POST", path="/", json={}) if method == "POST" else Request(path="/")
    server, (end,) = talk(answer, ask, sign=in_query)
    assert isinstance(end, ReplyLost)
    assert len(server.asked) == 1
    assert KEY not in str(end)
    assert str(end).isprintable()


def test_a_body_beyond_the_limit_is_not_read_to_its_end() -> None:
    sent_bytes = 0

    async def answer(got: Asked) -> None:
        nonlocal sent_bytes
        await got.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while sent_bytes < 200_000_000:
            await got.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            sent_bytes += 65536

    assert str(fault_of(answer)) == f"the reply is larger than {LIMIT_BYTES} bytes"
    assert sent_bytes < 50_000_000  # no more than the kernel's own buffers take in


def test_a_body_that_announces_more_than_the_limit_is_not_read_at_all() -> None:
    sent_bytes = 0

    async def answer(got: Asked) -> None:
        nonlocal sent_bytes
        await got.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2000000000\r\n\r\n")
        await asyncio.sleep(0.05)
        sent_bytes += 1
        await got.send(b"x")

    assert str(fault_of(answer)) == f"the reply is larger than {LIMIT_BYTES} bytes"
    assert sent_bytes == 0


def test_gzip_that_grows_beyond_the_limit_is_not_unpacked_to_its_end() -> None:
    bomb = gzip.compress(b"x" * (LIMIT_BYTES + 1))
    assert str(fault_of(says(page(bomb, "Content-Encoding: gzip")))).startswith("the reply is larger than")
    twins = 2 * gzip.compress(b"x" * (LIMIT_BYTES - 1))
    assert str(fault_of(says(page(twins, "Content-Encoding: gzip")))).startswith("the reply is larger than")


async def stops_in_the_body(got: Asked) -> None:
    await got.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    await silence(got)


@pytest.mark.parametrize("answer", [silence, stops_in_the_body])
def test_a_reply_that_does_not_come_in_time_may_have_cost(answer: Answer) -> None:
    end = fault_of(answer, timeout_s=0.05)
    assert isinstance(end, ReplyLost)
    assert str(end) == "no whole reply within 0.05 s"


def test_a_connection_that_does_not_come_about_in_time_costs_nothing() -> None:
    async def scenario() -> End:
        async with serving(silence) as server:  # it waits for a request, the client for its side of the handshake
            url = server.url.replace("http:", "https:")
            return (await ends_of(address(url, timeout_s=0.05), [Request(path="/")]))[0]

    assert isinstance(asyncio.run(scenario()), ConnectFailed)


def test_a_certificate_that_is_not_trusted_costs_nothing(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=127.0.0.1"
    subprocess.run([openssl, *make.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)

    async def scenario() -> tuple[Server, End]:
        async with serving(says(OK), tls) as server:
            return server, (await ends_of(address(server.url), [Request(path="/")], in_query))[0]

    server, end = asyncio.run(scenario())
    assert isinstance(end, ConnectFailed)
    assert "CERTIFICATE_VERIFY_FAILED" in str(end)
    assert server.asked == []


# --- every error of the client is mapped --------------------------------------------------------------------------


class FailingSession:
    """A session in which one exception is raised, before or after the request was written."""

    def __init__(self, exc: Exception, *, is_written: bool) -> None:
        self.exc = exc
        self.is_written = is_written

    @asynccontextmanager
    async def request(self, *_: object, middlewares: Sequence[Any], **__: object) -> AsyncIterator[None]:
        middlewares[0].is_written = self.is_written
        raise self.exc
        yield


def raised(kind: type[Exception]) -> Exception:
    """Return an exception of a class of aiohttp's, as full of the URL and its key as it can be."""
    key = ConnectionKey("example.com", 80, False, True, None, None, None)
    text = f"http://example.com/?key={KEY}"
    if issubclass(kind, aiohttp.ClientConnectorCertificateError):
        return kind(key, ssl.CertificateError(text))
    if issubclass(kind, client_exceptions.UnixClientConnectorError):
        return kind(text, key, OSError(111, "refused"))
    if issubclass(kind, aiohttp.ClientConnectorError):
        return kind(key, OSError(111, "refused"))
    if issubclass(kind, aiohttp.ClientHttpProxyError):
        return kind(cast(aiohttp.RequestInfo, None), (), status=407, message=text)
    exc = kind.__new__(kind)
    exc.args = (text,)
    return exc


ERRORS = sorted(
    {
        kind
        for module in (client_exceptions, http_exceptions)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Exception) and kind is not client_exceptions.WSMessageTypeError  # of web sockets only
    },
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize(("is_written", "mapped"), [(True, ReplyLost), (False, ConnectFailed)])
@pytest.mark.parametrize("kind", [*ERRORS, OSError, TimeoutError, ssl.SSLError, ConnectionResetError, ValueError])
def test_every_error_of_the_client_says_whether_the_request_may_have_cost(
    kind: type[Exception], is_written: bool, mapped: type[TransportError]
) -> None:
    async def scenario() -> None:
        session = cast(aiohttp.ClientSession, FailingSession(raised(kind), is_written=is_written))
        await HttpTransport(session, address("http://x"), Credential(key=KEY), in_header, LoopClock()).send(
            Request(path="/")
        )

    with pytest.raises(TransportError) as caught:
        asyncio.run(scenario())
    assert type(caught.value) is mapped
    assert KEY not in str(caught.value)
    assert len(str(caught.value)) > 10


def test_the_walk_over_the_errors_found_them() -> None:
    assert {aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, http_exceptions.BadStatusLine} < set(ERRORS)


def test_an_error_of_our_own_is_not_taken_for_the_networks() -> None:
    def broken(_: Request, __: Credential) -> Request:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(ends_of(address("http://127.0.0.1:1"), [Request(path="/")], broken))


# --- secrets ------------------------------------------------------------------------------------------------------

KEYS = [
    KEY,
    "^a.b*c+(d|e)[f]?{2}$\\d",
    "käse+pfeffer%2B/&=\"<>'",
    "100%-or-%zz-or-%C3",
    "c2VjcmV0/a+b/c==",
    "trailing\\",
    "words with  blanks",
]


def spelled(key: str) -> list[str]:
    """Return the key in every spelling in which a server may send it back."""
    pair = f"me@example.de:{key}".encode()
    return [
        key,
        quote(key),
        quote(key, safe=""),
        quote_plus(key),
        re.sub("%..", lambda code: code[0].lower(), quote(key, safe="")),
        json.dumps(key),
        json.dumps(key, ensure_ascii=False),
        json.dumps(key).replace("/", "\\/"),
        html.escape(key),
        base64.b64encode(key.encode()).decode(),
        base64.b64encode(pair).decode(),
        base64.b64encode(pair).decode().rstrip("="),
    ]


@pytest.mark.parametrize("sign", [in_header, in_query, as_basic])
@pytest.mark.parametrize("key", KEYS)
def test_a_server_that_sends_the_key_back_does_not_get_it_into_a_reply(key: str, sign: Sign) -> None:
    async def answer(got: Asked) -> None:
        seen = [got.line, *got.headers.values(), *spelled(key)]
        body = f"<h1>Unknown key {' | '.join(seen)}!</h1>".encode()
        headers = [f"X-Seen-{number}: {value}" for number, value in enumerate(seen)]
        await got.send(page(body, *headers, f"X-{KEY}: 1", status="401 Unauthorized"))
        got.close()

    got = reply_of(answer, sign=sign, credential=Credential(key=key, login="me@example.de"))
    shown = f"{got.headers} {got.body.decode()}"
    for spelling in spelled(key):
        assert spelling.strip('"') not in shown
    assert shown.count(MASK) >= 2 * len(spelled(key))


@pytest.mark.parametrize("key", KEYS)
def test_a_key_in_the_query_arrives_as_it_is(key: str) -> None:
    server, _ = talk(says(OK), sign=in_query, credential=Credential(key=key))
    assert server.asked[0].line == f"GET /?key={quote(key, safe='')} HTTP/1.1"


@pytest.mark.parametrize("key", [*KEYS, "ab"])
@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://nonexistent.invalid", "http://"])
def test_a_key_in_the_query_is_in_no_error_text(url: str, key: str) -> None:
    (end,) = asyncio.run(ends_of(address(url), [Request(path="/")], in_query, Credential(key=key)))
    assert isinstance(end, ConnectFailed)
    assert not [spelling for spelling in spelled(key)[:4] if spelling in str(end).replace("unable", "")]


def test_an_answer_that_is_not_http_does_not_get_the_key_into_an_error_text() -> None:
    async def answer(got: Asked) -> None:
        await got.send(f"HTTP/1.1 200 OK\r\nX-{got.line}\0\r\n\r\n".encode())
        got.close()

    end = fault_of(answer, sign=in_query)
    assert str(end).startswith("the answer is not HTTP")
    assert KEY[:6] not in str(end)


def test_a_word_that_is_used_as_a_key_does_not_damage_rows() -> None:
    body = b'{"cost": 100, "anchor": "demo 100"}'
    for key in ("demo", "100", ""):
        got = reply_of(says(page(body, "X-Units: 100")), credential=Credential(key=key), sign=in_query)
        assert (got.body, got.headers["x-units"]) == (body, "100")


def test_a_key_is_neither_in_the_text_of_a_credential_nor_of_a_transport() -> None:
    async def scenario() -> str:
        async with http_transport(address("http://x"), Credential(key=KEY), in_header, LoopClock()) as transport:
            return f"{transport!r} {transport} {Credential(key=KEY)!r}"

    assert KEY not in asyncio.run(scenario())


@settings(max_examples=100)
@given(
    key=st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]), min_size=8),
    before=st.text(),
    after=st.text(),
)
def test_a_mask_hides_any_key_within_any_text(key: str, before: str, after: str) -> None:
    mask = Mask(Credential(key=key, login="me"))
    for spelling in spelled(key):
        text = before + spelling + after
        assert key not in mask.text(text)
        assert key.encode() not in mask.body(text.encode())


@pytest.mark.parametrize("key", ["pässwört-1", "пароль-пароль"])
def test_a_key_that_is_not_ascii_is_hidden_in_every_code_it_may_travel_in(key: str) -> None:
    mask = Mask(Credential(key=key, login="me"))
    codes = ["utf-8"] if "п" in key else ["utf-8", "latin-1"]
    for code in codes:
        pair = base64.b64encode(f"me:{key}".encode(code)).decode()
        for spelling in (quote(key.encode(code)), base64.b64encode(key.encode(code)).decode(), pair):
            assert mask.text(f"a {spelling} b") == f"a {MASK} b"


def test_a_spelling_that_contains_another_goes_as_a_whole() -> None:
    assert Mask(Credential(key="trailing\\")).text('"trailing\\\\"') == f'"{MASK}"'


def test_a_mask_leaves_everything_else_alone() -> None:
    mask = Mask(Credential(key=KEY, login="me"))
    assert mask.text("an error") == "an error"
    assert mask.body(b"\xff{}") == b"\xff{}"
