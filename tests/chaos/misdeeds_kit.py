"""The table of misdeeds: what networks, proxies and servers do to an answer, and what becomes of its task."""

import asyncio
import gzip
import json
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from meddling_kit import Answer, Do, Heard, head

#: What becomes of a task whose one request met it: asked again and whole, set aside at once, or its lane stops.
End = Literal["again", "aside", "stop"]

HTML = b"<!DOCTYPE html><html><head><title>Sorry</title></head><body><h1>We will be back soon</h1></body></html>"
CHUNKED = {"transfer-encoding": "chunked"}


@dataclass(frozen=True, kw_only=True)
class Misdeed:
    """One row of the table."""

    do: Do
    end: End = "again"
    ends: Mapping[str, End] = field(default_factory=dict)  #: of single providers, where it is another
    is_charged: bool = True  #: the sandbox was asked, and charged
    is_slow: bool = False  #: it takes as long as the run waits
    is_large: bool = False  #: it takes more memory than an answer should
    is_twisting: bool = False  #: an answer in the right shape with odd values: rows may lack them, or be rejected
    is_lasting: bool = True  #: a task that meets it each time is set aside; else the lane waits for as long as it lasts
    for_fresh: bool | None = None  #: meets requests on a new connection only, on a used one only, or all

    def end_of(self, provider: str) -> End:
        """Return what becomes of a task of a provider."""
        return self.ends.get(provider, self.end)

    def suits(self, heard: Heard) -> bool:
        """Whether it can meet a request."""
        return self.for_fresh is None or self.for_fresh == (heard.on_connection == 0)


def says(make: Callable[[Answer], bytes]) -> Do:
    """Let the sandbox answer; send what is made of it, and close."""

    async def do(heard: Heard) -> None:
        await heard.send(make(await heard.answer()))
        heard.close()

    return do


def instead(status: int, body: bytes = HTML, **headers: str) -> Do:
    """Do not ask the sandbox; send another answer, and keep the connection."""

    async def do(heard: Heard) -> None:
        more = {"content-type": "text/html", **{name.replace("_", "-"): value for name, value in headers.items()}}
        await heard.send(head(status, {**more, "content-length": str(len(body))}) + body)

    return do


def with_body(make: Callable[[Answer], bytes], **headers: str) -> Do:
    """Let the sandbox answer; send its headers with another body."""

    async def do(heard: Heard) -> None:
        answer = await heard.answer()
        await heard.send(answer.of(make(answer), **headers).raw())

    return do


def twisted(of_json: Callable[[Any], Any], of_table: Callable[[list[list[str]]], list[list[str]]]) -> Do:
    """Let the sandbox answer; send its answer with values changed, in JSON or in Semrush's tables."""

    def make(answer: Answer) -> bytes:
        if answer.body[:1] in b"{[":
            return json.dumps(of_json(json.loads(answer.body))).encode()
        if answer.body.startswith(b"ERROR") or b";" not in answer.body:
            return answer.body
        lines = [line.split(";") for line in answer.body.decode().split("\n")]
        return "\n".join(";".join(line) for line in of_table(lines)).encode()

    return with_body(make)


# --- the network ------------------------------------------------------------------------------------------------------


async def nobody_listens(heard: Heard) -> None:
    """Close, and listen to nobody for two seconds."""
    heard.close()
    heard.meddler.deafen()
    await asyncio.sleep(2.0)
    await heard.meddler.listen()


async def reset_unread(heard: Heard) -> None:
    """Answer, but close, and break the next connections off before anything is read."""
    heard.meddler.rude = 2
    await heard.send((await heard.answer()).raw())
    heard.close()


async def closed(heard: Heard) -> None:
    """Read, and close without a word."""
    heard.close()


async def reset_charged(heard: Heard) -> None:
    """Ask the sandbox, and break off."""
    await heard.answer()
    heard.reset()


async def endless(heard: Heard) -> None:
    """Send a body without end."""
    await heard.answer()
    await heard.send(head(200, CHUNKED))
    while not heard.writer.is_closing():
        await heard.send(b"100000\r\n" + b" " * 0x100000 + b"\r\n")


async def two_gigabytes(heard: Heard) -> None:
    """Send two gigabytes until the connection is closed, without saying how many."""
    await heard.answer()
    await heard.send(head(200, {"connection": "close"}))
    for _ in range(2048):
        await heard.send(b" " * 0x100000)
    heard.close()


async def two_announced_gigabytes(heard: Heard) -> None:
    """Announce two gigabytes, and send them as long as somebody reads."""
    await heard.answer()
    await heard.send(head(200, {"content-length": str(2**31)}))
    for _ in range(2048):
        await heard.send(b" " * 0x100000)


async def drips(heard: Heard) -> None:
    """Send a byte every second."""
    for byte in (await heard.answer()).raw():
        await heard.send(bytes([byte]))
        await asyncio.sleep(1.0)


async def stands_still(heard: Heard) -> None:
    """Send half, and nothing more."""
    raw = (await heard.answer()).raw()
    await heard.send(raw[: len(raw) // 2])
    await asyncio.sleep(3600.0)


async def too_short(heard: Heard) -> None:
    """Announce less than is sent; the rest comes a moment after the head, as over a slow network."""
    answer = await heard.answer()
    raw = answer.raw(length=len(answer.body) * 2 // 3)
    await heard.send(raw[:200])
    await asyncio.sleep(1.0)
    await heard.send(raw[200:])


async def says_more(heard: Heard) -> None:
    """Answer, and push the same answer once more, unasked: to the next request it would be a foreign one.

    In one piece: if it came only when the next request has left, nobody could tell it from that one's answer.
    """
    await heard.send(2 * (await heard.answer()).raw())


async def early_hints(heard: Heard) -> None:
    """Send 100 and 103 before the answer."""
    await heard.send(head(100, {}) + head(103, {"link": "</style.css>; rel=preload"}))
    await heard.send((await heard.answer()).raw())


def elsewhere(status: int) -> Do:
    """Redirect to another host."""

    async def do(heard: Heard) -> None:
        path = heard.head.split(b" ", 2)[1].decode()
        location = f"http://127.0.0.1:{heard.meddler.trap_port}{path}"
        await heard.send(head(status, {"location": location, "content-length": "0"}))

    return do


def _half(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


def _cut_head(answer: Answer) -> bytes:
    return answer.raw().partition(b"\r\n\r\n")[0][:-7]


def _cut_body(answer: Answer) -> bytes:
    return answer.raw()[: -max(1, len(answer.body) // 2)]


def _half_undelimited(answer: Answer) -> bytes:
    return head(answer.status, {**answer.headers, "connection": "close"}) + _half(answer.body)


def _broken_chunks(answer: Answer) -> bytes:
    half = _half(answer.body)
    return head(answer.status, {**answer.headers, **CHUNKED}) + b"%x\r\n%s\r\n" % (len(half), half)


@lru_cache
def _bomb() -> bytes:
    packing = zlib.compressobj(1, wbits=16 + zlib.MAX_WBITS)
    block = b" " * 0x100000
    return b"".join([*(packing.compress(block) for _ in range(1024)), packing.flush()])


# --- values -----------------------------------------------------------------------------------------------------------


def each(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return what changes every value in a tree, leaves first."""

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            value = {name: walk(item) for name, item in value.items()}
        elif isinstance(value, list):
            value = [walk(item) for item in value]
        return change(value)

    return walk


def cells(change: Callable[[str], str]) -> Callable[[list[list[str]]], list[list[str]]]:
    """Return what changes every value of a table, and not its header."""
    return lambda lines: [lines[0], *([change(cell) for cell in line] for line in lines[1:])]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _in_words(value: Any) -> Any:
    return "many" if _is_number(value) else value


def _unheard_of(value: Any) -> Any:
    return "unheard-of" if isinstance(value, str) and re.fullmatch("[a-z_]{3,20}", value) else value


def _without_a_third(value: Any) -> Any:
    if not isinstance(value, dict) or len(value) < 10:  # no row: what holds rows together stays
        return value
    return {name: item for number, (name, item) in enumerate(value.items()) if number % 3 != 2}


def _without_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: item for name, item in value.items() if not isinstance(item, list)}


def _numbers_as(number: float) -> Do:
    change = each(lambda value: number if _is_number(value) else value)
    return twisted(change, cells(lambda cell: str(number) if cell.isdigit() else cell))


DEEP = b"[" * 10_000 + b"]" * 10_000

_UNREADABLE: dict[str, Any] = {"end": "aside"}
_BLANK: dict[str, Any] = {"end": "again"}

MISDEEDS: Mapping[str, Misdeed] = {
    "nobody listens for a while": Misdeed(do=nobody_listens, is_charged=False, is_lasting=False),
    "connections are reset unread": Misdeed(do=reset_unread, is_lasting=False),
    "closed on a new connection": Misdeed(do=closed, is_charged=False, for_fresh=True, is_lasting=False),
    "closed on a used connection": Misdeed(do=closed, is_charged=False, for_fresh=False, is_lasting=False),
    "closed": Misdeed(do=closed, is_charged=False),
    "reset, charged": Misdeed(do=reset_charged),
    "half a head": Misdeed(do=says(_cut_head)),
    "half a body": Misdeed(do=says(_cut_body)),
    "half a body of unknown length": Misdeed(do=says(_half_undelimited), end="aside", ends={"semrush": "again"}),
    "chunks break off": Misdeed(do=says(_broken_chunks)),
    "a body without end": Misdeed(do=endless, is_large=True),
    "two gigabytes": Misdeed(do=two_gigabytes, is_large=True),
    "two announced gigabytes": Misdeed(do=two_announced_gigabytes),
    "a byte a second": Misdeed(do=drips, is_slow=True),
    "half, and then nothing": Misdeed(do=stands_still, is_slow=True),
    "announces too much": Misdeed(do=says(lambda answer: answer.raw(length=len(answer.body) + 100))),
    "announces too little": Misdeed(do=too_short),
    "a gzip bomb": Misdeed(do=with_body(lambda _: _bomb(), content_encoding="gzip"), is_large=True),
    "claims gzip": Misdeed(do=with_body(lambda _: b"\x1f\x8b garbage", content_encoding="gzip")),
    "half a gzip": Misdeed(do=with_body(lambda answer: _half(gzip.compress(answer.body)), content_encoding="gzip")),
    "packed unasked": Misdeed(do=with_body(lambda answer: answer.body, content_encoding="br")),
    "a web page with 200": Misdeed(do=instead(200), is_charged=False, **_BLANK),
    "a web page with 429": Misdeed(do=instead(429), is_charged=False, is_lasting=False),
    "a web page with 502": Misdeed(do=instead(502), is_charged=False),
    "a web page with 503": Misdeed(do=instead(503, retry_after="3"), is_charged=False),
    "invalid UTF-8": Misdeed(do=with_body(lambda answer: b"\xff\xfe" + answer.body), **_UNREADABLE),
    "nested too deep": Misdeed(do=with_body(lambda _: DEEP), **_UNREADABLE),
    "a list of it": Misdeed(do=with_body(lambda answer: b"[" + answer.body + b"]"), **_UNREADABLE),
    "empty": Misdeed(do=with_body(lambda _: b""), **_BLANK),
    "null": Misdeed(do=with_body(lambda _: b"null"), **_UNREADABLE),
    "null for lists": Misdeed(
        do=twisted(each(lambda value: None if isinstance(value, list) else value), lambda _: [["null"]]), **_UNREADABLE
    ),
    "NaN for numbers": Misdeed(do=_numbers_as(float("nan")), is_twisting=True),
    "Infinity for numbers": Misdeed(do=_numbers_as(float("inf")), is_twisting=True),
    "words for numbers": Misdeed(
        do=twisted(each(_in_words), cells(lambda cell: "many" if cell.isdigit() else cell)), is_twisting=True
    ),
    "keys are missing": Misdeed(
        do=twisted(each(_without_a_third), lambda lines: [line[:-1] for line in lines]), is_twisting=True
    ),
    "lists are missing": Misdeed(
        do=twisted(each(_without_lists), lambda lines: lines[1:]),
        **_UNREADABLE,
    ),
    "unheard-of values": Misdeed(
        do=twisted(each(_unheard_of), cells(lambda cell: "maybe" if cell in ("true", "false") else cell)),
        is_twisting=True,
    ),
    "a redirect with 301": Misdeed(do=elsewhere(301), is_charged=False, end="stop"),
    "a redirect with 302": Misdeed(do=elsewhere(302), is_charged=False, end="stop"),
    "a redirect with 307": Misdeed(do=elsewhere(307), is_charged=False, end="stop"),
    "a header of a megabyte": Misdeed(do=with_body(lambda answer: answer.body, x_large="x" * 2**20)),
    "ten thousand headers": Misdeed(
        do=with_body(lambda answer: answer.body, **{f"x-{number}": "y" for number in range(10_000)})
    ),
    "100 and 103 first": Misdeed(do=early_hints, is_lasting=False),
    "status 600": Misdeed(do=instead(600), is_charged=False, end="aside"),
    "no HTTP": Misdeed(do=says(lambda _: b"220 mail.example.com ESMTP ready\r\n\r\n")),
    "an answer unasked": Misdeed(do=says_more, is_lasting=False),
}
