"""The digest beside a state: whatever was changed between two runs is noticed, and noticing it changes nothing."""

import errno
import os
import shutil
import stat
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from harvester.engine.checkpoint import (
    FILE_NAME,
    SEAL_NAME,
    SqliteCheckpoint,
    break_seal,
    has_state,
    leave_seal,
    open_database,
)
from harvester.errors import ConfigError, StorageError


def sealed(directory: Path) -> Path:
    """Leave a state as a run does; return its path."""
    with closing(open_database(directory)) as db:
        SqliteCheckpoint(db).set_meta({"what": "ever"})
    leave_seal(directory)
    return directory / FILE_NAME


def found(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def test_a_state_that_nobody_touched_is_known_and_its_seal_is_broken(tmp_path: Path) -> None:
    sealed(tmp_path)
    assert break_seal(tmp_path)
    assert sorted(found(tmp_path)) == [FILE_NAME]
    assert not break_seal(tmp_path), "after a crash there is none"


def test_a_directory_is_on_the_disk_before_its_seal_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_database(tmp_path).close()
    forced: list[tuple[bool, bool]] = []

    def fsync(fd: int) -> None:
        forced.append((stat.S_ISDIR(os.fstat(fd).st_mode), (tmp_path / SEAL_NAME).exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    leave_seal(tmp_path)
    assert forced == [(True, False)], "a power cut may not leave the seal beside a log that it took for gone"
    assert (tmp_path / SEAL_NAME).exists()


@pytest.mark.skipif(shutil.which("b2sum") is None, reason="no program b2sum here")
def test_the_seal_is_what_b2sum_reads(tmp_path: Path) -> None:
    sealed(tmp_path)
    assert subprocess.run(["b2sum", "-c", SEAL_NAME], cwd=tmp_path, check=True, capture_output=True).returncode == 0


def test_a_bit_that_flipped_anywhere_is_noticed(tmp_path: Path) -> None:
    path = sealed(tmp_path)
    content = path.read_bytes()
    for at in range(100, len(content), 997):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        before = found(tmp_path)
        with pytest.raises(ConfigError, match=r"state\.sqlite3: "):
            break_seal(tmp_path)
        assert found(tmp_path) == before


@pytest.mark.parametrize(
    ("end", "content", "said"),
    [
        ("", b"some text that is no database " * 20, "cannot be read as a job's state: file is not a database. Put"),
        ("-wal", b"of another state", "not as the last run left it"),
        ("-journal", b"of another state", "not as the last run left it"),
    ],
)
def test_what_was_put_in_its_place_is_refused_with_the_remedy(
    tmp_path: Path, end: str, content: bytes, said: str
) -> None:
    path = sealed(tmp_path)
    path.with_name(f"{FILE_NAME}{end}").write_bytes(content)
    before = found(tmp_path)
    with pytest.raises(ConfigError, match=said):
        break_seal(tmp_path)
    assert found(tmp_path) == before
    (tmp_path / SEAL_NAME).unlink()
    assert not break_seal(tmp_path), "whoever removes the seal is believed"


@pytest.mark.parametrize("seal", [b"", b"\xff" * 200, b"0" * 128])
def test_a_torn_seal_is_none(tmp_path: Path, seal: bytes) -> None:
    sealed(tmp_path)
    (tmp_path / SEAL_NAME).write_bytes(seal)
    assert not break_seal(tmp_path)
    assert sorted(found(tmp_path)) == [FILE_NAME]


@pytest.mark.parametrize("is_there", [False, True])
def test_a_state_that_is_gone_or_empty_leaves_no_seal_behind(tmp_path: Path, is_there: bool) -> None:
    path = sealed(tmp_path)
    path.write_bytes(b"") if is_there else path.unlink()
    assert not has_state(tmp_path)
    assert not break_seal(tmp_path)
    assert not (tmp_path / SEAL_NAME).exists()


def test_a_state_that_is_still_open_is_not_sealed(tmp_path: Path) -> None:
    with closing(open_database(tmp_path)):
        leave_seal(tmp_path)
    assert not break_seal(tmp_path)


def test_a_seal_that_cannot_be_left_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / SEAL_NAME).mkdir()
    sealed(tmp_path)
    assert not break_seal(tmp_path)


def test_a_seal_that_cannot_be_removed_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    sealed(tmp_path)
    monkeypatch.setattr(Path, "unlink", refuses)
    with pytest.raises(StorageError, match=r"state\.sqlite3\.b2 cannot be read and removed: Operation not permitted"):
        break_seal(tmp_path)


def test_a_seal_that_a_crash_left_half_made_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / f"{SEAL_NAME}.new").write_bytes(b"half")
    sealed(tmp_path)
    assert break_seal(tmp_path)


def test_what_is_refused_names_both_ways_out(tmp_path: Path) -> None:
    path = sealed(tmp_path)
    path.with_name(f"{FILE_NAME}-wal").write_bytes(b"of another state")
    with pytest.raises(
        ConfigError, match=r"Put it back as it was, or .* --output\. If it is right as it is, remove \S+b2\.$"
    ):
        break_seal(tmp_path)


@pytest.mark.parametrize("can_sync", [True, False])
def test_a_broken_seal_does_not_come_back_after_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_sync: bool
) -> None:
    synced: list[int] = []

    def fsync(fd: int) -> None:
        synced.append(os.fstat(fd).st_ino)
        if not can_sync:
            raise OSError(errno.EINVAL, "a file system that does not sync directories")

    sealed(tmp_path)
    open_files = os.listdir("/dev/fd")
    monkeypatch.setattr(os, "fsync", fsync)
    assert break_seal(tmp_path)
    assert synced == [tmp_path.stat().st_ino]
    assert os.listdir("/dev/fd") == open_files


def test_the_seal_is_for_its_owner_only(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        sealed(tmp_path)
    finally:
        os.umask(umask)
    assert (tmp_path / SEAL_NAME).stat().st_mode & 0o777 == 0o600
