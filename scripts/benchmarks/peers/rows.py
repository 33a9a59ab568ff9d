"""Rows in what a program has written, against those that the server has: none missing, none twice, none torn.

A row is known by what no two rows of the server's pages share: both addresses, and the letters and digits of its text
(of which a record keeps no control characters, and less white space). Only hashes are kept. Counting is done in a
process of its own (`in_other_process`): our memory would count for the programs that are started later.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import orjson

KEY_BYTES = 8


def key_of(row: Mapping[str, Any]) -> bytes:
    """Return what tells a row from all others, as Serpstat spells it or as a record does."""
    text = row["link_text"] if "link_text" in row else row["anchor"] or row["image_alt"]
    shared = (row["url_from"], row["url_to"], "".join(filter(str.isalnum, text or "")))
    return hashlib.blake2b("\n".join(shared).encode(), digest_size=KEY_BYTES).digest()


def split(keys: bytes) -> set[bytes]:
    """Return the keys that are written one after the other."""
    return {keys[at : at + KEY_BYTES] for at in range(0, len(keys), KEY_BYTES)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What was found in the files of a program."""

    rows: int = 0
    missing: int = 0  #: of the server's
    doubled: int = 0  #: rows but for the first of each
    foreign: int = 0  #: rows that the server does not have
    torn: int = 0  #: lines that cannot be read

    @property
    def is_whole(self) -> bool:
        """Whether every row is there, once, and nothing else."""
        return self == Counted(rows=self.rows)


Rows = Iterator[Mapping[str, Any] | None]  #: None = a line that cannot be read


def _lines(path: Path) -> Rows:
    with path.open("rb") as file:
        for line in file:
            try:
                found = orjson.loads(line)
            except orjson.JSONDecodeError:
                found = None
            yield found if isinstance(found, dict) else None


def _array(path: Path) -> Rows:
    try:
        yield from orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError:
        yield None


def _messages(path: Path) -> Rows:
    for message in _lines(path):
        if message is None or message.get("type") == "RECORD":
            yield message and message["record"]["data"]


def _raw(path: Path) -> Rows:
    for row in _lines(path):
        yield row and row["raw"]


#: How the rows are found in a file, by the name of the layout.
READINGS: Mapping[str, Callable[[Path], Rows]] = {
    "lines": _lines,  #: a row in each line
    "array": _array,  #: all rows in one array
    "messages": _messages,  #: Airbyte's messages, one in each line
    "raw": _raw,  #: harvester's envelope around the provider's own row
}


def counted(keys: bytes, files: Iterable[Path], reading: str) -> Counted:
    """Count the rows of some files against the keys of all rows that there are."""
    expected = split(keys)
    found: Counter[bytes] = Counter()
    torn = 0
    for path in files:
        for row in READINGS[reading](path):
            if row is None:
                torn += 1
            else:
                found[key_of(row)] += 1
    return Counted(
        rows=found.total(),
        missing=len(expected - found.keys()),
        doubled=found.total() - len(found),
        foreign=len(found.keys() - expected),
        torn=torn,
    )


def in_other_process(keys: bytes, files: Sequence[Path], reading: str) -> Counted:
    """Count in a process that is gone afterwards."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(counted, keys, files, reading).result()
