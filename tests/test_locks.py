"""One process at a time, by the kernel's word: whoever dies lets go."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harvester.errors import ConfigError
from harvester.locks import Busy, KeyTrail, directory_lock, is_locked, key_lock, key_lock_path

KEY = "s3cr3t-0123456789"

HOLD_DIRECTORY = "with directory_lock(Path(sys.argv[1]))"
HOLD_KEY = "with key_lock(Path(sys.argv[1]), 'job out/rivals, process 42')"


@contextmanager
def another_process(hold: str, path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Let another process hold a lock until the block ends or it is killed."""
    program = f"""
import sys
from pathlib import Path
from harvester.locks import directory_lock, key_lock
{hold}:
    print("held", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.stdin.close()
            process.wait(10)


def test_a_job_directory_is_refused_to_a_second_process(tmp_path: Path) -> None:
    with another_process(HOLD_DIRECTORY, tmp_path):
        assert is_locked(tmp_path)
        with pytest.raises(Busy), directory_lock(tmp_path):
            pass  # pragma: no cover
    assert not is_locked(tmp_path)
    with directory_lock(tmp_path):
        assert is_locked(tmp_path)


def test_a_process_that_is_killed_lets_go_of_its_directory(tmp_path: Path) -> None:
    with another_process(HOLD_DIRECTORY, tmp_path) as process:
        process.kill()
        process.wait(10)
        with directory_lock(tmp_path):
            pass


def test_those_who_only_ask_do_not_see_each_other(tmp_path: Path) -> None:
    ask = "import fcntl, os; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_SH)\nif True"
    with another_process(ask, tmp_path):
        assert not is_locked(tmp_path)


def test_a_directory_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), directory_lock(tmp_path):
        raise ZeroDivisionError
    assert not is_locked(tmp_path)


def test_who_is_refused_a_key_is_told_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "key.lock"
    with another_process(HOLD_KEY, path):
        with pytest.raises(Busy, match=r"^job out/rivals, process 42$"), key_lock(path, "another job"):
            pass  # pragma: no cover
        assert path.read_text().split("\n")[1] == "job out/rivals, process 42", "who is refused changes nothing"
    with key_lock(path, "mine"):
        assert path.read_text().split("\n") == ["                 nothing has left yet", "mine"]


def test_a_process_that_is_killed_lets_go_of_its_key(tmp_path: Path) -> None:
    path = tmp_path / "key.lock"
    with another_process(HOLD_KEY, path) as process:
        process.kill()
        process.wait(10)
        with key_lock(path, "mine"):
            pass


def test_a_holder_that_has_not_said_who_it_is_is_still_a_holder(tmp_path: Path) -> None:
    path = tmp_path / "key.lock"
    with key_lock(path, ""), pytest.raises(Busy, match="another harvester process"), key_lock(path, "mine"):
        pass  # pragma: no cover


# The last departure


def test_who_comes_next_knows_when_the_last_request_left_and_what_its_lane_had_learnt(tmp_path: Path) -> None:
    path = tmp_path / "key.lock"
    with key_lock(path, "first") as trail:
        assert trail.gone_s(1000.0) is None
        trail.left(100.25, 0.5)
        trail.left(101.25, 0.275)
        assert trail.gone_s(102.0) == 0.75
    with key_lock(path, "a much longer second") as trail:
        assert trail.gone_s(161.25) == 60.0
        assert trail.late_s == 0.275
    with key_lock(path, "third") as trail:  # the second sent nothing
        assert (trail.last_s, trail.late_s) == (101.25, 0.275)
        with pytest.raises(Busy, match=r"^third$"), key_lock(path, "fourth"):
            pass  # pragma: no cover


def test_a_departure_is_known_though_its_process_was_killed_in_the_same_moment(tmp_path: Path) -> None:
    path = tmp_path / "key.lock"
    hold = "with key_lock(Path(sys.argv[1]), '') as trail, __import__('contextlib').suppress(trail.left(12.5, 0.0))"
    with another_process(hold, path) as process:
        process.kill()
        process.wait(10)
        with key_lock(path, "mine") as trail:
            assert trail.last_s == 12.5


def test_after_a_restart_of_the_machine_nothing_left_since_the_start_at_least(tmp_path: Path) -> None:
    path = tmp_path / "key.lock"
    with key_lock(path, "mine") as trail:
        trail.left(86_400.0, 0.0)
        assert trail.gone_s(20.0) == 20.0, "the clock began again, and so long nothing has left"
        assert trail.gone_s(86_410.0) == 10.0, "later that cannot be told from no restart: it is less than what is true"


@pytest.mark.parametrize("content", [b"", b"job /elsewhere, of an older version of the program", b"\0" * 38, b"-1 0\n"])
def test_a_file_without_a_note_says_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.lock"
    path.write_bytes(content)
    with key_lock(path, "mine") as trail:
        assert (trail.gone_s(1e6), trail.late_s) == (None, 0.0)


def test_a_departure_that_cannot_be_noted_is_no_reason_to_stop(tmp_path: Path) -> None:
    path = tmp_path / "key.lock"
    with key_lock(path, "mine") as trail:
        trail.left(1.0, 0.0)
    fd = os.open(path, os.O_RDONLY)
    try:
        read_only = KeyTrail(fd)
        read_only.left(2.0, 0.5)
        assert read_only.gone_s(3.0) == 1.0
        assert KeyTrail(fd).gone_s(3.0) == 2.0
    finally:
        os.close(fd)


# Where the files are


def test_a_lock_file_is_nobody_elses_to_read_and_never_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "key.lock", tmp_path / "link.lock"
    with key_lock(path, "mine"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    link.symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic links"), key_lock(link, "mine"):
        pass  # pragma: no cover
    assert not (tmp_path / "victim").exists()


def test_a_key_has_its_own_file_which_does_not_give_it_away(tmp_path: Path) -> None:
    environ = {"XDG_RUNTIME_DIR": str(tmp_path)}
    paths = [
        key_lock_path(provider, base_url, key, environ)
        for provider in ("ahrefs", "moz")
        for base_url in ("https://a", "https://b")
        for key in (KEY, KEY + "1")
    ]
    assert len(set(paths)) == 8
    assert key_lock_path("ahrefs", "https://a", KEY, environ) == paths[0]
    with key_lock(paths[0], "job out/rivals"):
        assert not [path for path in paths if KEY[:6] in str(path)]
        assert KEY not in paths[0].read_text()
    assert paths[0].parent == tmp_path / "harvester"


def test_two_names_that_run_together_are_two_keys(tmp_path: Path) -> None:
    environ = {"XDG_RUNTIME_DIR": str(tmp_path)}
    one = key_lock_path("p", "https://a", "bc", environ)
    assert one.name != key_lock_path("p", "https://ab", "c", environ).name


def test_the_runtime_directory_is_ours_alone(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        for _ in range(2):
            directory = key_lock_path("p", "u", KEY, {"XDG_RUNTIME_DIR": str(tmp_path)}).parent
    finally:
        os.umask(umask)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_without_a_runtime_directory_one_is_made_among_the_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    directory = key_lock_path("p", "u", KEY, {}).parent
    assert directory == tmp_path / f"harvester-{os.getuid()}"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def refused(base: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        key_lock_path("p", "u", KEY, {"XDG_RUNTIME_DIR": str(base)})
    assert KEY not in str(caught.value)
    assert "XDG_RUNTIME_DIR" in str(caught.value)
    return str(caught.value)


def test_a_runtime_directory_that_is_not_safe_is_refused(tmp_path: Path) -> None:
    there = tmp_path / "harvester"
    assert "No such file" in refused(tmp_path / "missing")
    there.write_text("")
    assert "File exists" in refused(tmp_path)
    there.unlink()
    (tmp_path / "elsewhere").mkdir()
    there.symlink_to(tmp_path / "elsewhere")
    assert "is a link" in refused(tmp_path)
    there.unlink()
    there.mkdir()
    there.chmod(0o777)
    assert "others can write to it" in refused(tmp_path)


def test_a_runtime_directory_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "harvester").mkdir(mode=0o700)
    monkeypatch.setattr("os.getuid", lambda: 65534)
    assert "belongs to another user" in refused(tmp_path)
