"""The bytes of a target list: found, opened, unpacked, in blocks of bounded size.

Unpacking is bounded too: a few bytes of compressed data can stand for gigabytes, so neither unpacker is ever handed
more input than it may turn into a few megabytes.
"""

import os
import zlib
from collections.abc import Callable, Iterator
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO, Literal, NamedTuple

import zstandard

from harvester.errors import ConfigError
from harvester.model import TargetSource

Format = Literal["text", "table", "json lines"]
Packing = Literal["gzip", "zstd"]

STANDARD_INPUT = Path("-")

BLOCK_BYTES = 65_536
#: The densest Zstandard data stand for 32 KiB per byte: 256 bytes become 8 MiB at most.
_ZSTD_STEP_BYTES = 256
#: What a frame may demand to be unpacked: `zstd` asks for that much at level 20, for 8 MiB at level 19.
_ZSTD_WINDOW_BYTES = 32 * 1024 * 1024

_FORMATS: dict[str, Format] = {
    ".csv": "table",
    ".tsv": "table",
    ".jsonl": "json lines",
    ".ndjson": "json lines",
    ".json": "json lines",
}
_PACKINGS: dict[str, Packing] = {".gz": "gzip", ".zst": "zstd"}
_MAGIC: dict[bytes, Packing] = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


class Unreadable(Exception):
    """Raised when a list cannot be read on; its text is the reason and the remedy."""


class Form(NamedTuple):
    """What the name of a list says of its content."""

    format: Format | None  #: None = look at the content
    packing: Packing | None  #: None = look at the content


def name_of(path: Path) -> str:
    """Return what to call a list in a message."""
    return "standard input" if path == STANDARD_INPUT else str(path)


def form_of(path: Path) -> Form:
    """Return the form that a file name announces; standard input announces nothing."""
    if path == STANDARD_INPUT:
        return Form(None, None)
    packing = _PACKINGS.get(path.suffix.lower())
    inner = Path(path.stem) if packing else path
    return Form(_FORMATS.get(inner.suffix.lower(), "text"), packing)


def blocks(path: Path, stdin: BinaryIO) -> Iterator[bytes]:
    """Yield the unpacked content of a list.

    Raises ConfigError if it cannot be opened, Unreadable if it cannot be read to its end.
    """
    if path == STANDARD_INPUT:
        yield from _unpacked(_raw(stdin), None)
        return
    with _opened(path) as file:
        before = _mark(file)
        yield from _unpacked(_raw(file), form_of(path).packing)
        if _mark(file) != before:
            raise Unreadable("was changed while it was read; nothing of this list counts, try again")


def content_hash(source: TargetSource) -> str | None:
    """Return the BLAKE2b of a list as hexadecimal digits: the same if and only if it would be read the same.

    None for what can be read only once: standard input and named pipes. Raises ConfigError.
    """
    digest = blake2b(digest_size=32)
    digest.update(repr(source.column).encode())
    if source.path is None:
        digest.update(repr(source.inline).encode())
        return digest.hexdigest()
    if not _is_repeatable(source.path):
        return None
    digest.update(repr(form_of(source.path)).encode())
    try:
        with _opened(source.path) as file:
            for block in _raw(file):
                digest.update(block)
    except Unreadable as exc:
        raise ConfigError(f"{source.path}: {exc}") from None
    return digest.hexdigest()


def peek(rest: Iterator[bytes], size_bytes: int) -> tuple[bytes, Iterator[bytes]]:
    """Return at least the first `size_bytes` (less only if there are no more), and everything again."""
    head = b""
    while len(head) < size_bytes and (block := next(rest, b"")):
        head += block
    return head, chain([head], rest)


def _is_repeatable(path: Path) -> bool:
    if path == STANDARD_INPUT:
        return False
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return True  # opening it says what is wrong
    return S_ISREG(mode) or path.is_dir()


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError:
        remedy = "no such file; check the path (a relative one begins at the config file)"
    except IsADirectoryError:
        remedy = "is a directory; name a file in it"
    except PermissionError:
        remedy = "may not be read by this user; change its permissions or copy the list"
    except (OSError, ValueError) as exc:
        remedy = f"cannot be opened: {getattr(exc, 'strerror', None) or exc}; check the path"
    raise ConfigError(f"{path}: {remedy}")


def _mark(file: BinaryIO) -> tuple[int, int] | None:
    """Return what changes whenever somebody writes to a file; None for a pipe, to which somebody always does."""
    found = os.fstat(file.fileno())
    return (found.st_size, found.st_mtime_ns) if S_ISREG(found.st_mode) else None


def _raw(file: BinaryIO) -> Iterator[bytes]:
    try:
        while block := file.read(BLOCK_BYTES):
            yield block
    except OSError as exc:
        raise Unreadable(f"cannot be read on: {exc.strerror or exc}; nothing of this list counts, try again") from None


def _unpacked(packed: Iterator[bytes], packing: Packing | None) -> Iterator[bytes]:
    """Yield what `packed` stands for; without a packing known from the name, its first bytes decide."""
    head, packed = peek(packed, 4)
    begun = next((packing for magic, packing in _MAGIC.items() if head.startswith(magic)), None)
    # A file of zeros, as a crash leaves it, would pass for gzip padding. Zstandard may begin with a skippable frame.
    if packing is not None and (not head or (packing == "gzip" and begun != "gzip")):
        raise Unreadable(f"is no {packing} data; nothing of this list counts, make the file again")
    packing = packing or begun
    if packing is None:
        yield from packed
        return
    try:
        for block in _UNPACKERS[packing](packed):
            for start in range(0, len(block), BLOCK_BYTES):
                yield block[start : start + BLOCK_BYTES]
    except (zlib.error, zstandard.ZstdError) as exc:
        if "memory" in str(exc):
            raise Unreadable("needs more than 32 MiB to unpack; compress it again at level 19 or lower") from None
        raise Unreadable(f"is not whole {packing} data; nothing of this list counts, make the file again") from None


def _gunzip(packed: Iterator[bytes]) -> Iterator[bytes]:
    member = None
    for block in packed:
        while block:
            if member is None:
                block = block.lstrip(b"\0")  # padding is allowed between members
                member = zlib.decompressobj(wbits=31) if block else None
                continue
            yield member.decompress(block, BLOCK_BYTES)
            block = member.unused_data if member.eof else member.unconsumed_tail
            member = None if member.eof else member
    if member is not None:
        raise Unreadable("the gzip data end too early; nothing of this list counts, make the file again")


def _unzstd(packed: Iterator[bytes]) -> Iterator[bytes]:
    unpacker = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
    frame = None
    for block in packed:
        for start in range(0, len(block), _ZSTD_STEP_BYTES):
            piece = block[start : start + _ZSTD_STEP_BYTES]
            while piece:
                frame = frame or unpacker.decompressobj()
                yield frame.decompress(piece)
                piece = frame.unused_data if frame.eof else b""
                frame = None if frame.eof else frame
    if frame is not None:
        raise Unreadable("the zstd data end too early; nothing of this list counts, make the file again")


_UNPACKERS: dict[Packing, Callable[[Iterator[bytes]], Iterator[bytes]]] = {"gzip": _gunzip, "zstd": _unzstd}
