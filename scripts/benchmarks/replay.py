"""A server that answers from memory what another one has answered once, so that clients are measured and not it.

Behind it stands the sandbox: the first time a request comes it is passed on, and its answer is kept. Requests are told
apart by method, address and body, but for what no two runs have in common (`_VARYING`). `alias-0000123.example` stands
for one of the targets that it was started with, so that a million targets cost no memory.

`GET /links?target=T&page=N` gives the page of a Serpstat list that was answered before, for clients to whom a plain
address is easier than a call. `GET /_replay` tells what came, by the server's own clock, and `DELETE` begins anew;
`GET /_replay/asked` tells which requests were passed on.
"""

import argparse
import asyncio
import json
import re
import signal
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp

from harvester.sandbox.app import CONTRACTS, Options, serving

#: DataForSEO: the mark by which its list of receipts tells a request from any other.
_VARYING = re.compile(rb'"tag":"[^"]*",?')
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_ALIAS = re.compile(rb"alias-([0-9]+)\.example")
_NOT_PASSED_ON = frozenset({"host", "connection", "content-length", "transfer-encoding", "date", "server"})
_REFUSED = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n"
UNITS = 10**12  #: on every account
_BEHIND_THE_LAST = b'{"result":{"data":[]}}'


def _answer(body: bytes, status: int = 200, headers: Sequence[tuple[str, str]] = ()) -> bytes:
    lines = [f"HTTP/1.1 {status} -", *(f"{name}: {value}" for name, value in headers), f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def key_of(line: bytes, body: bytes) -> bytes:
    """Return what tells a request from others that are answered differently."""
    return line + _VARYING.sub(b"", body)


@dataclass(slots=True)
class Meter:
    """What came since the meter was set to zero; seconds since then."""

    requests: int = 0
    misses: int = 0  #: passed on
    refused: int = 0
    twice: int = 0  #: answers that were sent before
    most_open: int = 0
    most_in_window: int = 0
    first_s: float | None = None
    last_s: float | None = None
    _open: int = 0
    _sent: set[bytes] = field(default_factory=set)
    _began_s: float = field(default_factory=perf_counter)

    def came(self) -> None:
        """Count a request."""
        self.requests += 1
        self._open += 1
        self.most_open = max(self.most_open, self._open)
        if self.first_s is None:
            self.first_s = perf_counter() - self._began_s

    def went(self, key: bytes | None) -> None:
        """Count an answer; None = it was a refusal."""
        self._open -= 1
        self.last_s = perf_counter() - self._began_s
        if key is None:
            self.refused += 1
        elif key in self._sent:
            self.twice += 1
        else:
            self._sent.add(key)

    def shown(self) -> bytes:
        """Return the counts as JSON."""
        names = ("requests", "misses", "refused", "twice", "most_open", "most_in_window", "first_s", "last_s")
        return json.dumps({**{name: getattr(self, name) for name in names}, "pages": len(self._sent)}).encode()


@dataclass(slots=True)
class Limit:
    """So many requests in any window, by arrival; those beyond it are refused and count as well."""

    calls: int
    window_s: float
    _arrivals: deque[float] = field(default_factory=deque)

    def admits(self, meter: Meter) -> bool:
        """Whether the request that comes now is within the limit."""
        now_s = perf_counter()
        while self._arrivals and self._arrivals[0] <= now_s - self.window_s:
            self._arrivals.popleft()
        self._arrivals.append(now_s)
        meter.most_in_window = max(meter.most_in_window, len(self._arrivals))
        return len(self._arrivals) <= self.calls


@dataclass(kw_only=True)
class Replay:
    """What is known, and where to ask for the rest."""

    targets: Sequence[bytes]  #: whom aliases stand for
    latency_s: float
    limit: Limit | None
    meter: Meter = field(default_factory=Meter)
    known: dict[bytes, bytes] = field(default_factory=dict)
    listed: dict[tuple[str, int], bytes] = field(default_factory=dict)  #: key of a Serpstat page, by target and number
    asked: list[dict[str, Any]] = field(default_factory=list)  #: what was passed on
    upstream: str = ""  #: the sandbox, without a trailing slash
    session: aiohttp.ClientSession | None = None

    def named(self, text: bytes) -> bytes:
        """Return a part of a request with its target's own name."""
        return _ALIAS.sub(self._name_of, text)

    def _name_of(self, alias: re.Match[bytes]) -> bytes:
        return self.targets[int(alias[1]) % len(self.targets)] if self.targets else alias[0]

    def listed_page(self, address: str) -> bytes:
        """Return the answer of `/links`."""
        asked = parse_qs(urlsplit(address).query)
        key = self.listed.get((self.named(asked["target"][0].encode()).decode(), int(asked["page"][0])))
        return _answer(_BEHIND_THE_LAST) if key is None else self.known[key]

    async def passed_on(self, line: bytes, headers: dict[str, str], body: bytes) -> bytes:
        """Return the answer from behind, and keep it."""
        assert self.session is not None
        self.meter.misses += 1
        method, address = line.decode().split(" ")[:2]
        async with self.session.request(method, f"{self.upstream}{address}", headers=headers, data=body) as reply:
            kept = [(name, value) for name, value in reply.headers.items() if name.lower() not in _NOT_PASSED_ON]
            answer = _answer(await reply.read(), reply.status, kept)
        key = key_of(line, body)
        self.known[key] = answer
        self.asked.append({"method": method, "address": address, "headers": headers, "body": body.decode()})
        if body[:1] == b"{":  # a call of Serpstat's
            params = json.loads(body).get("params", {})
            if "page" in params:
                self.listed[params["query"], params["page"]] = key
        return answer


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self._unread = b""
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to answer."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._unread += data
        while (head_bytes := self._unread.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._unread, 0, head_bytes + 2)
            end = head_bytes + 4 + (int(length[1]) if length else 0)
            if len(self._unread) < end:
                return
            head, body, self._unread = self._unread[:head_bytes], self._unread[head_bytes + 4 : end], self._unread[end:]
            self._came(head, body)

    def _came(self, head: bytes, body: bytes) -> None:
        replay, line = self._replay, head.partition(b"\r\n")[0]
        if b" /_replay" in line:
            if line.startswith(b"DELETE"):
                replay.meter = Meter()
            shown = json.dumps(replay.asked).encode() if b"/_replay/asked" in line else replay.meter.shown()
            self._transport.write(_answer(shown))
            return
        replay.meter.came()
        if replay.limit is not None and not replay.limit.admits(replay.meter):
            self._later(None, _REFUSED)
        elif line.startswith(b"GET /links?"):
            self._later(line, replay.listed_page(line.decode().split(" ")[1]))
        else:
            sent, line, body = key_of(line, body), replay.named(line), replay.named(body)
            if (answer := replay.known.get(key_of(line, body))) is not None:
                self._later(sent, answer)
                return
            task = asyncio.ensure_future(self._passed_on(sent, line, head, body))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _passed_on(self, sent: bytes, line: bytes, head: bytes, body: bytes) -> None:
        pairs = (text.partition(": ") for text in head.decode().split("\r\n")[1:])
        headers = {name: value for name, _, value in pairs if name.lower() not in _NOT_PASSED_ON}
        self._later(sent, await self._replay.passed_on(line, headers, body))

    def _later(self, key: bytes | None, answer: bytes) -> None:
        if self._replay.latency_s:
            asyncio.get_running_loop().call_later(self._replay.latency_s, self._write, key, answer)
        else:
            self._write(key, answer)

    def _write(self, key: bytes | None, answer: bytes) -> None:
        self._replay.meter.went(key)
        if not self._transport.is_closing():
            self._transport.write(answer)


async def serve(replay: Replay, port: int) -> None:
    """Say where, as one line of JSON, and answer until told to end."""
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, done.set)
    options = Options(
        rates=dict.fromkeys(CONTRACTS, "unlimited"),
        units=dict.fromkeys(CONTRACTS, UNITS),
        switches=("ahrefs.cache=false",),
        row_cap=None,
    )
    async with serving(options) as sandbox, aiohttp.ClientSession(auto_decompress=False) as replay.session:
        replay.upstream = f"http://127.0.0.1:{sandbox.port}"
        server = await loop.create_server(partial(Connection, replay), "127.0.0.1", port, backlog=1024)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        urls = {name: address.replace(replay.upstream, url) for name, address in sandbox.base_urls.items()}
        accounts = {
            name: {"base_url": address, "key": sandbox.keys[name], "login": sandbox.logins.get(name)}
            for name, address in urls.items()
        }
        print(json.dumps({"url": url, "accounts": accounts}), flush=True)
        await done.wait()
        server.close()


def main() -> None:
    """Serve on a free port of 127.0.0.1 until told to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", type=Path, help="file of targets that aliases stand for")
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--limit", nargs=2, type=float, metavar=("CALLS", "SECONDS"))
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    targets = given.targets.read_bytes().split() if given.targets else ()
    limit = None if given.limit is None else Limit(int(given.limit[0]), given.limit[1])
    asyncio.run(serve(Replay(targets=targets, latency_s=given.latency_ms / 1000, limit=limit), given.port))


if __name__ == "__main__":
    main()
