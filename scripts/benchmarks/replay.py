"""A server that answers from memory what another one has answered once, so that clients are measured and not it.

Behind it stands the sandbox: the first time a request comes it is passed on, and its answer is kept. Requests are told
apart by method, address and body, but for what no two runs have in common (`_VARYING`). `alias-0000123.example` stands
for one of the targets that it was started with, so that a million targets cost no memory.

`GET /links?target=T&page=N` gives the page of a Serpstat list that was answered before, for clients to whom a plain
address is easier than a call.

| `/_replay` | |
|---|---|
| `GET /_replay` | what came, by the server's own clock |
| `GET /_replay/asked` | which requests were passed on |
| `DELETE /_replay` | begin to count anew |
| `PUT /_replay/lap` | begin a lap: seconds count from now, and the counts go on |
| `PUT /_replay/limit/CALLS/SECONDS` | from now on refuse what is beyond a limit |
| `PUT /_replay/closed/SECONDS` | answer 429 for so long, with `Retry-After` |
| `PUT /_replay/broken/SECONDS` | break every connection over which something comes for so long |
"""

import argparse
import asyncio
import json
import math
import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp

from benchmarks.endless import Endless
from benchmarks.meter import Limit, Meter
from harvester.sandbox.app import CONTRACTS, Options, serving

#: DataForSEO: the mark by which its list of receipts tells a request from any other.
_VARYING = re.compile(rb'"tag":"[^"]*",?')
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_ALIAS = re.compile(rb"alias-([0-9]+)\.example")
_NOT_PASSED_ON = frozenset({"host", "connection", "content-length", "transfer-encoding", "date", "server"})
#: Questions that cost nothing: what is left on an account, and what it has done.
_FREE = re.compile(rb"limits-and-usage|user_data|id_list|countapiunits|LimitsProcedure")
UNITS = 10**12  #: on every account
_BEHIND_THE_LAST = b'{"result":{"data":[]}}'


def _answer(body: bytes, status: int = 200, headers: Sequence[tuple[str, str]] = ()) -> bytes:
    lines = [f"HTTP/1.1 {status} -", *(f"{name}: {value}" for name, value in headers), f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _refusal(wait_s: float = 0.0) -> bytes:
    return _answer(b"", 429, [("Retry-After", str(math.ceil(wait_s)))] if wait_s else ())


def key_of(line: bytes, body: bytes) -> bytes:
    """Return what tells a request from others that are answered differently."""
    return line + _VARYING.sub(b"", body)


@dataclass(kw_only=True)
class Replay:
    """What is known, and where to ask for the rest."""

    targets: Sequence[bytes]  #: whom aliases stand for
    latency_s: float
    limit: Limit | None = None
    endless: Endless | None = None
    closed_until_s: float = 0.0
    broken_until_s: float = 0.0
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
        key = self.listed.get((self.named(asked["target"][0].encode()).decode(), int(asked.get("page", "1")[0])))
        return _answer(_BEHIND_THE_LAST) if key is None else self.known[key]

    def answer(self, line: bytes, body: bytes) -> bytes | None:
        """Return the answer to a request; None = it is not known yet."""
        if line.startswith(b"GET /links?"):
            return self.listed_page(line.decode().split(" ")[1])
        line, body = self.named(line), self.named(body)
        if self.endless is None or not self.endless.is_of_list(line):
            return self.known.get(key_of(line, body))
        number, first = self.endless.asked(body)
        learnt = self.known.get(key_of(line, first))
        return None if learnt is None else _answer(self.endless.page(learnt.partition(b"\r\n\r\n")[2], number))

    def told(self, method: bytes, address: bytes) -> bytes:
        """Do what a request of `/_replay` asks for, and return what it tells."""
        match [method, *address.split(b"/")[2:]]:
            case [b"DELETE"]:
                self.meter = Meter()
            case [b"PUT", b"lap"]:
                self.meter.lap()
            case [b"PUT", b"limit", calls, seconds]:
                self.limit = Limit(int(calls), float(seconds))
            case [b"PUT", b"closed", seconds]:
                self.closed_until_s = perf_counter() + float(seconds)
            case [b"PUT", b"broken", seconds]:
                self.broken_until_s = perf_counter() + float(seconds)
            case [b"GET", b"asked"]:
                return json.dumps(self.asked).encode()
        return self.meter.shown()

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
            self._transport.write(_answer(replay.told(*line.split(b" ")[:2])))
            return
        now_s, is_paid = perf_counter(), _FREE.search(line) is None and _FREE.search(body) is None
        replay.meter.came(is_paid=is_paid)
        is_over = replay.limit is not None and not replay.limit.admits(replay.meter)
        if now_s < replay.broken_until_s:
            replay.meter.went(None)
            self._transport.abort()
        elif is_over or now_s < replay.closed_until_s:
            self._later(None, _refusal(max(0.0, replay.closed_until_s - now_s)))
        elif (answer := replay.answer(line, body)) is not None:
            self._later(key_of(line, body), answer, is_paid=is_paid)
        else:
            task = asyncio.ensure_future(self._passed_on(line, head, body, is_paid=is_paid))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _passed_on(self, line: bytes, head: bytes, body: bytes, *, is_paid: bool) -> None:
        replay = self._replay
        pairs = (text.partition(": ") for text in head.decode().split("\r\n")[1:])
        headers = {name: value for name, _, value in pairs if name.lower() not in _NOT_PASSED_ON}
        answer = await replay.passed_on(replay.named(line), headers, replay.named(body))
        self._later(key_of(line, body), replay.answer(line, body) or answer, is_paid=is_paid)

    def _later(self, key: bytes | None, answer: bytes, *, is_paid: bool = True) -> None:
        if self._replay.latency_s:
            asyncio.get_running_loop().call_later(self._replay.latency_s, self._write, key, answer, is_paid)
        else:
            self._write(key, answer, is_paid)

    def _write(self, key: bytes | None, answer: bytes, is_paid: bool) -> None:
        self._replay.meter.went(key, is_paid=is_paid)
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
    parser.add_argument("--endless", type=int, metavar="PAGES", help="of each list of DataForSEO's links")
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    targets = given.targets.read_bytes().split() if given.targets else ()
    endless = None if given.endless is None else Endless(given.endless)
    replay = Replay(targets=targets, latency_s=given.latency_ms / 1000, endless=endless)
    asyncio.run(serve(replay, given.port))


if __name__ == "__main__":
    main()
