"""Lists that are broken, endless or meant to do harm: bounded memory, no traceback, no silence."""

import gzip
import io
import os
import random
import threading
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, pairwise, repeat
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.errors import ConfigError
from harvester.model import TargetSource
from harvester.targets import Listed, Rejected, content_hash, read_targets

STDIN = TargetSource(path=Path("-"))
MIB = 1024 * 1024


class Pipe(io.BytesIO):
    """Standard input that gives what it has piece by piece, and may fail in the end."""

    def __init__(self, pieces: Iterable[bytes], *, breaks: bool = False) -> None:
        super().__init__()
        self.pieces = iter(pieces)
        self.breaks = breaks
        self.given_bytes = 0

    def read(self, size: int | None = -1, /) -> bytes:
        piece = next(self.pieces, b"")
        if not piece and self.breaks:
            raise OSError(5, "Input/output error")
        self.given_bytes += len(piece)
        return piece


def piped(pieces: Iterable[bytes]) -> list[Listed | Rejected]:
    return list(read_targets(STDIN, ("host",), Pipe(pieces)))


def peak_bytes(lines: Iterator[Listed | Rejected]) -> int:
    tracemalloc.start()
    try:
        for _ in lines:
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("head", [b"a", b'domain,note\na.com,"', b'{"domain": "'])
def test_a_line_of_a_hundred_megabytes_is_rejected_in_flat_memory(head: bytes) -> None:
    pipe = Pipe([b"# list\n", head, *repeat(b"a" * MIB, 100), b"\nb.com,\n"])
    lines = read_targets(STDIN, ("host",), pipe)
    assert peak_bytes(lines) < 6 * MIB
    assert pipe.given_bytes > 100 * MIB


def test_a_line_too_long_costs_nothing_but_itself() -> None:
    lines = piped([b"a.com\n", *repeat(b"x" * 10_000, 20), b"\r\nb.com\n"])
    assert lines[0] == Listed(1, ("a.com",), None)
    assert isinstance(lines[1], Rejected)
    assert (lines[1].line, lines[1].reason) == (2, "line longer than 65,536 bytes")
    assert lines[2] == Listed(3, ("b.com",), None)


def test_a_line_end_may_be_cut_in_two() -> None:
    lines = piped([b"a.com\r", b"\nb.com\r", b"c.com\r", b"\n", b"\r", b"x" * 70_000 + b"\r", b"d.com"])
    assert [line.line for line in lines] == [1, 2, 3, 5, 6]
    assert [line.names for line in lines if isinstance(line, Listed)] == [
        ("a.com",),
        ("b.com",),
        ("c.com",),
        ("d.com",),
    ]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_a_few_packed_bytes_that_stand_for_many_are_unpacked_in_flat_memory(pack: Callable[[bytes], bytes]) -> None:
    packed = pack(b"a" * 100 * MIB)
    assert len(packed) < MIB
    assert peak_bytes(read_targets(STDIN, ("host",), io.BytesIO(packed))) < 24 * MIB


def test_memory_does_not_grow_with_the_list() -> None:
    def peak(count: int) -> int:
        lines = (b"a%d.com\n" % number for number in range(count))
        return peak_bytes(read_targets(STDIN, ("host",), Pipe(lines)))

    peak(2000)  # the caches of the names are full afterwards
    assert peak(20_000) < peak(2000) + MIB


def test_an_endless_list_is_read_as_far_as_it_is_asked_for() -> None:
    pipe = Pipe(repeat(b"a.com\n" * 100))
    first = list(islice(read_targets(STDIN, ("host",), pipe), 5000))
    assert first[-1] == Listed(5000, ("a.com",), None)
    assert pipe.given_bytes < 2 * 5000 * len("a.com\n")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"ex\xffample.com\n", "not UTF-8 text (0xff at byte 3)"),
        (b"a.com\0\n", "holds a NUL"),
        ("\ufeffx\ud800.com\n".encode("utf-16-le", "surrogatepass"), "not UTF-8 text"),
        ("\ufeffa.com".encode("utf-16-le") + b"x", "not UTF-8 text (0xff at byte 6)"),
        ("a.com\n".encode("utf-16-le"), "holds a NUL"),
    ],
)
def test_a_line_that_is_no_text_is_rejected_and_can_be_shown(content: bytes, reason: str) -> None:
    bad = piped([content])[0]
    assert isinstance(bad, Rejected)
    assert bad.reason.startswith(reason)
    assert bad.text.encode()


def whole(packing: str) -> bytes:
    digits = random.Random(1)
    content = b"".join(b"site%d.com\n" % digits.randrange(10**9) for _ in range(20_000))
    return gzip.compress(content) if packing == "gz" else zstandard.compress(content)


@pytest.mark.parametrize("packing", ["gz", "zst"])
@pytest.mark.parametrize("end", ["cut", "cut late", "changed", "followed by rubbish", "empty", "zeros", "not packed"])
def test_a_torn_packed_list_raises_and_names_file_and_line(tmp_path: Path, packing: str, end: str) -> None:
    packed = whole(packing)
    middle = len(packed) // 2
    content = {
        "cut": packed[:middle],
        "cut late": packed[:-1],
        "changed": packed[:middle] + bytes(40) + packed[middle + 40 :],
        "followed by rubbish": packed + b"rubbish",
        "empty": b"",
        "zeros": bytes(1000),
        "not packed": b"a.com\n",
    }[end]
    path = tmp_path / f"list.txt.{packing}"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"reached line [0-9]+") as caught:
        list(read_targets(TargetSource(path=path), ("host",), io.BytesIO()))
    assert str(path) in str(caught.value)
    assert content_hash(TargetSource(path=path))


def test_a_frame_that_wants_too_much_memory_is_refused_with_the_remedy() -> None:
    settings = zstandard.ZstdCompressionParameters.from_level(1, window_log=26)
    packer = zstandard.ZstdCompressor(compression_params=settings).compressobj()
    packed = packer.compress(b"a.com\n") + packer.flush()
    with pytest.raises(ConfigError, match="level 19 or lower"):
        piped([packed])


def test_an_input_that_fails_half_way_raises() -> None:
    with pytest.raises(ConfigError, match=r"standard input: cannot be read on: Input/output error.*\(reached line 2\)"):
        list(read_targets(STDIN, ("host",), Pipe([b"a.com\nb.com\nc.c"], breaks=True)))


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="this system has no file that opens and cannot be read")
@pytest.mark.parametrize("size_bytes", [70_000, 1_000_000])
def test_a_list_that_is_changed_while_it_is_read_does_not_count(tmp_path: Path, size_bytes: int) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(b"site.com\n" * 50_000)
    lines = read_targets(TargetSource(path=path), ("host",), io.BytesIO())
    assert next(lines) == Listed(1, ("site.com",), None)
    os.truncate(path, size_bytes)
    with pytest.raises(
        ConfigError, match=r"list\.txt: was changed while it was read; .*try again \(reached line [0-9]+"
    ):
        list(lines)


def test_a_pipe_may_be_written_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(b"site.com\n" * 50_000))
    writer.start()
    assert len(list(read_targets(TargetSource(path=path), ("host",), io.BytesIO()))) == 50_000
    writer.join()


def test_a_file_that_fails_half_way_has_no_hash() -> None:
    with pytest.raises(ConfigError, match="/proc/self/mem: cannot be read on"):
        content_hash(TargetSource(path=Path("/proc/self/mem")))


CONTENT = st.one_of(
    st.binary(max_size=400),
    st.lists(
        st.sampled_from(
            [
                b"a.com",
                b"\n",
                b"\r",
                b'"',
                b",",
                b";",
                b"#",
                b" ",
                b"{",
                b'{"domain": "b.com"}',
                b"\xff\xfe",
                b"\0",
                b"\xef\xbb\xbf",
            ]
        ),
        max_size=40,
    ).map(b"".join),
)


@settings(max_examples=200, deadline=None)
@given(content=CONTENT, name=st.sampled_from(["a.txt", "a.csv", "a.tsv", "a.jsonl", "a.gz", "a.csv.zst", "-"]))
def test_no_content_raises_anything_but_a_config_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str
) -> None:
    path = Path("-") if name == "-" else tmp_path_factory.getbasetemp() / name
    if name != "-":
        path.write_bytes(content)
    try:
        lines = list(read_targets(TargetSource(path=path), ("subdomains", "url"), io.BytesIO(content)))
    except ConfigError:
        return
    numbers = [line.line for line in lines]
    assert numbers == sorted(set(numbers))
    assert all(line.text.encode() or line.reason for line in lines if isinstance(line, Rejected))


@settings(max_examples=100, deadline=None)
@given(content=CONTENT, cuts=st.lists(st.integers(0, 400), max_size=8))
def test_where_the_blocks_of_a_list_end_changes_nothing(content: bytes, cuts: list[int]) -> None:
    def outcome(pieces: list[bytes]) -> list[Listed | Rejected] | str:
        try:
            return piped(piece for piece in pieces if piece)
        except ConfigError as exc:
            return str(exc)

    ends = sorted({0, len(content), *(cut for cut in cuts if cut < len(content))})
    assert outcome([content[start:end] for start, end in pairwise(ends)]) == outcome([content])


@settings(max_examples=50, deadline=None)
@given(lines=st.lists(st.sampled_from(["", " ", "# x", "a.com", "b.com # x", "bad host", "\ufeff", "."]), max_size=30))
def test_every_line_with_content_is_listed_or_rejected(lines: list[str]) -> None:
    numbers = [line.line for line in piped(["\n".join(lines).encode()])]
    assert numbers == [
        number for number, text in enumerate(lines, 1) if text in ("a.com", "b.com # x", "bad host", ".")
    ]
