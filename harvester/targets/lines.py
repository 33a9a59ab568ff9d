"""Blocks of bytes to numbered lines of text, none of them longer than a fixed bound.

Everything becomes UTF-8 first, because `bytes.splitlines` breaks at LF, CRLF and CR and at nothing else.
"""

import codecs
from collections.abc import Iterator
from typing import NamedTuple

from harvester.errors import ConfigError
from harvester.targets.source import Unreadable, peek

LINE_BYTES = 65_536


class Line(NamedTuple):
    """One physical line."""

    number: int  #: 1 = the first
    text: str  #: without its end
    fault: str = ""  #: why it cannot be used; then `text` is only for showing


class Entry(NamedTuple):
    """What one line, or one record over several lines, says about a target."""

    line: int  #: where it starts
    text: str
    labels: dict[str, str] | None = None
    fault: str = ""


def lines(blocks: Iterator[bytes], name: str) -> Iterator[Line]:
    """Yield the lines of a list called `name`. Raises ConfigError if it cannot be read to its end."""
    number = 0
    try:
        for number, raw in enumerate(_split(_as_utf8(blocks)), 1):
            yield _line(number, raw)
    except Unreadable as exc:
        raise ConfigError(f"{name}: {exc} (reached line {number})") from None


def _line(number: int, raw: bytes) -> Line:
    if len(raw) > LINE_BYTES:
        return Line(number, raw[:1000].decode(errors="backslashreplace"), f"line longer than {LINE_BYTES:,} bytes")
    try:
        text = raw.decode()
    except UnicodeDecodeError as exc:
        bad = f"0x{raw[exc.start]:02x} at byte {exc.start + 1}"
        return Line(number, raw.decode(errors="backslashreplace"), f"not UTF-8 text ({bad}); save the list as UTF-8")
    if "\0" in text:
        return Line(number, text, "holds a NUL; UTF-16 is read only with a byte order mark")
    return Line(number, text)


def _split(blocks: Iterator[bytes]) -> Iterator[bytes]:
    tail = b""  # the line that is not at its end yet, cut as soon as it is surely too long
    for block in blocks:
        data = tail + block
        whole = data.splitlines()
        tail = b""
        if data.endswith(b"\r"):
            tail = whole.pop()[: LINE_BYTES + 1] + b"\r"  # perhaps the first half of CRLF
        elif data and not data.endswith(b"\n"):
            tail = whole.pop()[: LINE_BYTES + 1]
        yield from whole
    if tail:
        yield tail.removesuffix(b"\r")


def _as_utf8(blocks: Iterator[bytes]) -> Iterator[bytes]:
    head, blocks = peek(blocks, 3)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        yield from _from_utf16(blocks)
        return
    yield next(blocks).removeprefix(codecs.BOM_UTF8)
    yield from blocks


def _from_utf16(blocks: Iterator[bytes]) -> Iterator[bytes]:
    # A lone surrogate becomes bytes that are not UTF-8, so only its own line is refused.
    decoder = codecs.getincrementaldecoder("utf-16")("surrogatepass")
    for block in blocks:
        yield decoder.decode(block).encode("utf-8", "surrogatepass")
    if decoder.getstate()[0]:
        yield b"\xff"  # half a character at the end: never UTF-8
