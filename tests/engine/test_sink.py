"""The output files: whole lines, cut back to what was committed."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from engine_kit import row_lines, unpacked
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.engine.directories import sync_directories
from harvester.engine.ports import Lines
from harvester.engine.sink import JsonLines
from harvester.errors import StorageError

FORMATS = ("x.jsonl", "x.jsonl.gz", "x.jsonl.zst")

on_linux = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the special files of Linux")
each_format = pytest.mark.parametrize("name", FORMATS)


def write(directory: Path, name: str, committed_bytes: int, *groups: bytes) -> int:
    """Append groups of lines to an output and return its length."""
    sink = JsonLines(directory, {name: committed_bytes}, [name])
    try:
        for group in groups:
            committed_bytes = sink.write([Lines(name, group, 1)])[name]
    finally:
        sink.close()
    return committed_bytes


@each_format
def test_lines_come_back_whole_and_in_order_after_many_commits(tmp_path: Path, name: str) -> None:
    groups = [b'{"n":%d}\n' % number * (1 + number % 3) for number in range(50)]
    length_bytes = 0
    for first in range(0, 50, 10):  # opened five times
        length_bytes = write(tmp_path, name, length_bytes, *groups[first : first + 10])
    assert unpacked(tmp_path / name) == b"".join(groups)
    assert (tmp_path / name).stat().st_size == length_bytes


@each_format
@settings(max_examples=25)
@given(kept=st.lists(st.binary().map(lambda line: line + b"\n"), max_size=3), lost=st.binary(max_size=40))
def test_whatever_lies_beyond_the_committed_length_is_cut_off(
    tmp_path_factory: pytest.TempPathFactory, name: str, kept: list[bytes], lost: bytes
) -> None:
    directory = tmp_path_factory.mktemp("cut")
    length_bytes = write(directory, name, 0, *kept)
    with (directory / name).open("ab") as file:
        file.write(lost)
    length_bytes = write(directory, name, length_bytes, b"next\n")
    assert unpacked(directory / name) == b"".join(kept) + b"next\n"
    assert (directory / name).stat().st_size == length_bytes


@each_format
def test_a_frame_that_was_half_written_is_cut_off(tmp_path: Path, name: str) -> None:
    length_bytes = write(tmp_path, name, 0, b"kept\n")
    longer_bytes = write(tmp_path, name, length_bytes, b"never committed\n" * 9)
    os.truncate(tmp_path / name, (length_bytes + longer_bytes) // 2)
    write(tmp_path, name, length_bytes, b"next\n")
    assert unpacked(tmp_path / name) == b"kept\nnext\n"


def test_one_write_gathers_the_lines_of_each_file_and_tells_what_grew(tmp_path: Path) -> None:
    sink = JsonLines(tmp_path, {}, ["a.jsonl", "b.jsonl", "c.jsonl"])
    lines = [*row_lines(1, output="a.jsonl"), *row_lines(2, 3, output="b.jsonl"), *row_lines(4, output="a.jsonl")]
    assert sink.write(lines) == {"a.jsonl": 16, "b.jsonl": 16}
    assert sink.write([]) == {}
    sink.close()
    assert (tmp_path / "a.jsonl").read_bytes() == b'{"n":1}\n{"n":4}\n'
    assert (tmp_path / "b.jsonl").read_bytes() == b'{"n":2}\n{"n":3}\n'
    assert (tmp_path / "c.jsonl").read_bytes() == b""


def test_files_and_folders_keep_others_out(tmp_path: Path) -> None:
    JsonLines(tmp_path, {}, ["replies/x.jsonl.zst"]).close()
    assert stat.S_IMODE((tmp_path / "replies" / "x.jsonl.zst").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "replies").stat().st_mode) == 0o700


REMEDY = "Put the file back as it was, or start anew in another directory"


@pytest.mark.parametrize(
    ("found", "what"),
    [
        (b"short\n", "has 6 bytes, but 10 bytes of rows were stored in it: it was changed from outside"),
        (b"0123456789\n", "does not end a line at 10 bytes, where its stored rows end: it was changed"),
    ],
)
def test_a_file_that_lost_committed_rows_is_refused_and_left_as_it_is(tmp_path: Path, found: bytes, what: str) -> None:
    (tmp_path / "x.jsonl").write_bytes(found)
    with pytest.raises(StorageError, match=rf"x\.jsonl {what}\. {REMEDY}"):
        JsonLines(tmp_path, {"x.jsonl": 10}, ["x.jsonl"])
    assert (tmp_path / "x.jsonl").read_bytes() == found


@pytest.mark.parametrize("name", ["x.jsonl", "replies/x.jsonl.zst"])
def test_a_file_that_is_missing_is_not_made(tmp_path: Path, name: str) -> None:
    with pytest.raises(StorageError, match=f"{name} is missing, but 10 bytes of rows were stored in it. {REMEDY}"):
        JsonLines(tmp_path, {name: 10}, [name])
    assert not list(tmp_path.iterdir())


def test_nothing_is_cut_off_unless_every_file_can_be_continued(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"1\nhalf")
    with pytest.raises(StorageError, match="is missing"):
        JsonLines(tmp_path, {"a.jsonl": 2, "b.jsonl": 2}, ["a.jsonl", "b.jsonl"])
    assert (tmp_path / "a.jsonl").read_bytes() == b"1\nhalf"


@pytest.mark.parametrize("committed_bytes", [0, 2])
@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_what_also_has_another_name_is_never_cut_or_written(
    tmp_path: Path, link: Callable[[Path, Path], None], committed_bytes: int
) -> None:
    (tmp_path / "of somebody else").write_bytes(b"1\n2\n")
    link(tmp_path / "x.jsonl", tmp_path / "of somebody else")
    with pytest.raises(StorageError, match=r"x\.jsonl (is a link|has a second name)"):
        JsonLines(tmp_path, {"x.jsonl": committed_bytes}, ["x.jsonl"])
    assert (tmp_path / "of somebody else").read_bytes() == b"1\n2\n"


def test_files_that_were_opened_are_closed_again_if_one_is_refused(tmp_path: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    with pytest.raises(StorageError):
        JsonLines(tmp_path, {"b.jsonl": 1}, ["a.jsonl", "b.jsonl"])
    assert len(os.listdir("/dev/fd")) == before


def fails_with(number: int) -> Callable[..., int]:
    """Return what a call of the system does on a bad day."""

    def fails(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    return fails


@pytest.mark.parametrize(
    ("call", "number", "said"),
    [
        ("write", errno.ENOSPC, r"cannot write .*x\.jsonl: No space left on device"),
        ("fsync", errno.EIO, r"cannot force .*x\.jsonl to disk: Input/output error"),
    ],
)
def test_a_disk_that_fails_is_named_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, said: str
) -> None:
    sink = JsonLines(tmp_path, {}, ["x.jsonl"])
    monkeypatch.setattr(os, call, fails_with(number))
    with pytest.raises(StorageError, match=said):
        sink.write([Lines("x.jsonl", b"line\n", 1)])
    sink.close()


def test_a_short_write_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: whole(fd, bytes(data)[:3]))
    length_bytes = write(tmp_path, "x.jsonl", 0, b"0123456789\n")
    monkeypatch.undo()
    assert (tmp_path / "x.jsonl").read_bytes() == b"0123456789\n"
    assert length_bytes == 11


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(StorageError, match=r"cannot open .*folder\.jsonl: Is a directory"):
        JsonLines(tmp_path, {}, ["folder.jsonl"])
    (tmp_path / "replies").write_bytes(b"")
    with pytest.raises(StorageError, match=r"cannot open .*replies/x\.jsonl"):
        JsonLines(tmp_path, {}, ["replies/x.jsonl"])
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(StorageError, match=r"pipe\.jsonl is not a file"):
        JsonLines(tmp_path, {}, ["pipe.jsonl"])


def test_a_file_that_cannot_be_cut_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.jsonl").write_bytes(b"1\n2\n")
    monkeypatch.setattr(os, "ftruncate", fails_with(errno.EPERM))
    with pytest.raises(StorageError, match=r"cannot cut .*x\.jsonl back to what is committed: Operation not permitted"):
        JsonLines(tmp_path, {"x.jsonl": 2}, ["x.jsonl"])


@on_linux
def test_a_file_system_that_does_notsync_directories_is_good_enough(tmp_path: Path) -> None:
    sync_directories([Path("/proc")])  # answers EINVAL
    with pytest.raises(StorageError, match=r"cannot force .*gone to disk: No such file"):
        sync_directories([tmp_path / "gone"])


def test_a_directory_that_cannot_be_synced_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", fails_with(errno.EIO))
    with pytest.raises(StorageError, match=r"cannot force .* to disk: Input/output error"):
        JsonLines(tmp_path, {}, ["x.jsonl"])


@pytest.mark.parametrize(
    ("harm", "word"), [(lambda path: path.unlink(), "removed"), (lambda path: path.write_bytes(b""), "changed")]
)
def test_a_file_that_is_taken_away_while_it_is_written_stops_the_run(
    tmp_path: Path, harm: Callable[[Path], object], word: str
) -> None:
    sink = JsonLines(tmp_path, {}, ["x.jsonl"])
    try:
        sink.write([Lines("x.jsonl", b"{}\n", 1)])
        harm(tmp_path / "x.jsonl")
        with pytest.raises(StorageError, match=f"was {word} from outside while it was written"):
            sink.write([Lines("x.jsonl", b"{}\n", 1)])
    finally:
        sink.close()


def test_what_was_cut_off_does_not_come_back_after_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.jsonl").write_bytes(b"kept\nhalf")
    synced: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append((os.fstat(fd).st_ino, os.fstat(fd).st_size)))
    JsonLines(tmp_path, {"x.jsonl": 5}, ["x.jsonl"]).close()
    assert ((tmp_path / "x.jsonl").stat().st_ino, 5) in synced


def test_every_file_is_synced_at_its_new_length_before_a_write_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = JsonLines(tmp_path, {}, ["a.jsonl", "b.jsonl"])
    synced: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append((os.fstat(fd).st_ino, os.fstat(fd).st_size)))
    sink.write([*row_lines(1, output="a.jsonl"), *row_lines(2, output="b.jsonl"), *row_lines(3, output="a.jsonl")])
    sink.close()
    assert synced == [((tmp_path / "a.jsonl").stat().st_ino, 16), ((tmp_path / "b.jsonl").stat().st_ino, 8)]


def test_a_sink_gives_every_descriptor_back_and_none_twice(tmp_path: Path) -> None:
    before = os.listdir("/dev/fd")
    sink = JsonLines(tmp_path, {}, ["a.jsonl", "replies/b.jsonl"])
    sink.close()
    assert os.listdir("/dev/fd") == before
    sink.close()  # a second time it would close what others have opened since


@pytest.mark.parametrize("name", FORMATS[1:])
def test_a_damaged_byte_in_a_packed_file_is_noticed(tmp_path: Path, name: str) -> None:
    write(tmp_path, name, 0, b"abc\n")
    packed = bytearray((tmp_path / name).read_bytes())
    packed[12] ^= 1  # behind either header; zstd has the line there as it is, being too short to be packed
    (tmp_path / name).write_bytes(packed)
    with pytest.raises((OSError, zstandard.ZstdError)):
        unpacked(tmp_path / name)


def test_the_same_rows_make_the_same_file_whenever_they_are_written(tmp_path: Path) -> None:
    write(tmp_path, "x.jsonl.gz", 0, b"line\n")
    assert (tmp_path / "x.jsonl.gz").read_bytes()[4:8] == bytes(4), "a gzip member could hold the time"


def test_a_file_that_is_refused_is_closed(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(b"short\n")
    before = os.listdir("/dev/fd")
    with pytest.raises(StorageError) as refused:
        JsonLines(tmp_path, {"x.jsonl": 10}, ["x.jsonl"])
    assert os.listdir("/dev/fd") == before, f"it is closed while {refused.value!r} is still about"
