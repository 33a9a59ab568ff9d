"""Output files read back: exactly what was committed, whatever lies behind it."""

from pathlib import Path

import pytest

from harvester.engine.committed import committed_lines
from harvester.engine.ports import Lines
from harvester.engine.sink import JsonLines
from harvester.errors import StorageError

NAMES = ("x.jsonl", "x.jsonl.gz", "x.jsonl.zst")
FIRST, SECOND = [b'{"n":1}\n', b'{"n":2}\n'], [b'{"n":3}\n']


def written(folder: Path, name: str, *groups: list[bytes]) -> int:
    """Write groups of lines, each with a mark of its own; return the last mark."""
    sink = JsonLines(folder, {}, [name])
    length = 0
    for group in groups:
        length = sink.write([Lines(name, b"".join(group), len(group))])[name]
    sink.close()
    return length


@pytest.mark.parametrize("name", NAMES)
def test_what_was_committed_comes_back_and_nothing_behind_it(tmp_path: Path, name: str) -> None:
    length = written(tmp_path, name, FIRST, SECOND)
    with (tmp_path / name).open("ab") as file:
        file.write(b'{"torn')
    assert list(committed_lines(tmp_path / name, length)) == FIRST + SECOND


def test_nothing_was_committed_to_a_file_that_may_not_be_there(tmp_path: Path) -> None:
    assert list(committed_lines(tmp_path / "x.jsonl", 0)) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_shorter_or_gone_is_refused(tmp_path: Path, name: str) -> None:
    length = written(tmp_path, name, FIRST)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StorageError, match=f"has {length - 1} bytes, but {length} bytes of rows were stored"):
        list(committed_lines(path, length))
    path.unlink()
    with pytest.raises(StorageError, match="No such file"):
        list(committed_lines(path, length))
    path.mkdir()
    with pytest.raises(StorageError, match="it was changed"):
        list(committed_lines(path, length))


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_packed_file_that_was_changed_is_refused(tmp_path: Path, name: str) -> None:
    length = written(tmp_path, name, FIRST * 100)
    path = tmp_path / name
    path.write_bytes(bytes(length))
    with pytest.raises(StorageError, match="cannot be unpacked"):
        list(committed_lines(path, length))


def test_a_length_within_a_line_is_refused(tmp_path: Path) -> None:
    length = written(tmp_path, "x.jsonl", FIRST)
    with pytest.raises(StorageError, match="does not end a line"):
        list(committed_lines(tmp_path / "x.jsonl", length - 1))
