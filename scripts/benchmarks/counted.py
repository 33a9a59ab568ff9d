"""How often each of many things occurs in a file of lines, in two bytes for each."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import zstandard

#: The target of a line of ours: an alias and nothing else.
OF_ALIAS = re.compile(rb'"target":"alias-([0-9]{7})\.example"')
#: The page of an endless list that a row is of, by the address that links.
OF_PAGE = re.compile(rb'"url_from":"https?://p([0-9]{7})\.')

_MOST = 2**16 - 1  #: that fits into two bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """What was counted."""

    lines: int
    foreign: int  #: lines that are of nothing that was to be counted, or torn
    missing: int
    beyond: int  #: occurrences that are too many

    @property
    def wrong(self) -> int:
        """How many lines there are too few, too many, or of something else."""
        return self.foreign + self.missing + self.beyond


def times_each(path: Path, name: re.Pattern[bytes], things: int, each: int = 1) -> Times:
    """Count lines, each of which names one of so many `things` by its number; every one is to occur `each` times."""
    assert each < _MOST
    found, lines, foreign = memoryview(bytearray(2 * things)).cast("H"), 0, 0
    with _opened(path) as file:
        for line in file:
            lines += 1
            match = name.search(line)
            number = things if match is None or not line.endswith(b"}\n") else int(match[1])
            if number >= things:
                foreign += 1
            elif found[number] < _MOST:
                found[number] += 1
    missing = sum(each - times for times in found if times < each)
    beyond = sum(times - each for times in found if times > each)
    return Times(lines=lines, foreign=foreign, missing=missing, beyond=beyond)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with path.open("rb") as file:
        if path.suffix != ".zst":
            yield file
            return
        with zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as stream:
            yield io.BufferedReader(stream)
