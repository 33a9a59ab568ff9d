"""New files in the place of old ones: what is said when the disk does not let them."""

import errno
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from harvester.engine.checkpoint import (
    NEW,
    Output,
    SqliteCheckpoint,
    begin_swap,
    finish_swap,
    forget_new,
    is_swapping,
    open_database,
)
from harvester.errors import StorageError


@pytest.fixture
def checkpoint(tmp_path: Path) -> Iterator[SqliteCheckpoint]:
    with closing(open_database(tmp_path)) as db:
        checkpoint = SqliteCheckpoint(db)
        checkpoint.begin([], [], outputs=["x.jsonl"])
        yield checkpoint


def test_a_new_file_takes_the_place_of_the_old_one_with_its_length(
    checkpoint: SqliteCheckpoint, tmp_path: Path
) -> None:
    (tmp_path / "x.jsonl").write_bytes(b"old\n")
    (tmp_path / f"{NEW}x.jsonl").write_bytes(b"newer\n")
    (tmp_path / f"{NEW}left.jsonl").write_bytes(b"by a kill\n")
    begin_swap(checkpoint.db, {"x.jsonl": Output(records=1, bytes=6)})
    assert is_swapping(checkpoint.db)
    assert checkpoint.output_bytes() == {"x.jsonl": 6}
    finish_swap(checkpoint.db, tmp_path)
    finish_swap(checkpoint.db, tmp_path)
    assert (tmp_path / "x.jsonl").read_bytes() == b"newer\n"
    assert not is_swapping(checkpoint.db)
    assert not list(tmp_path.glob(f"{NEW}*"))


def test_a_file_that_cannot_be_moved_is_named_and_tried_again(checkpoint: SqliteCheckpoint, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").mkdir()
    (tmp_path / f"{NEW}x.jsonl").write_bytes(b"newer\n")
    begin_swap(checkpoint.db, {"x.jsonl": Output(records=1, bytes=6)})
    with pytest.raises(StorageError, match=r"cannot put .*new~x\.jsonl in the place of .*x\.jsonl"):
        finish_swap(checkpoint.db, tmp_path)
    (tmp_path / "x.jsonl").rmdir()
    finish_swap(checkpoint.db, tmp_path)
    assert (tmp_path / "x.jsonl").read_bytes() == b"newer\n"


def test_a_directory_that_cannot_be_forced_to_disk_is_named(checkpoint: SqliteCheckpoint, tmp_path: Path) -> None:
    begin_swap(checkpoint.db, {})
    with pytest.raises(StorageError, match=r"cannot force .*gone to disk: No such file"):
        finish_swap(checkpoint.db, tmp_path / "gone")
    assert is_swapping(checkpoint.db)


def test_a_file_system_that_does_not_sync_directories_is_no_fault(
    checkpoint: SqliteCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    begin_swap(checkpoint.db, {})
    monkeypatch.setattr(os, "fsync", refuse)
    finish_swap(checkpoint.db, tmp_path)
    assert not is_swapping(checkpoint.db)


def test_what_cannot_be_removed_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / f"{NEW}folder").mkdir()
    forget_new(tmp_path)
    assert (tmp_path / f"{NEW}folder").is_dir()
