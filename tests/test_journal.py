"""A log says what happened on lines of its own, and never gets into the way."""

import logging
import os
import stat
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harvester.codec import parse
from harvester.journal import FILE_NAME, ROOT, logging_to

LOG = logging.getLogger("harvester.engine.lane")


def logged(directory: Path, log_format: str, text: str, *args: object) -> str:
    with logging_to(directory, log_format):
        LOG.warning(text, *args)
    return (directory / FILE_NAME).read_text(encoding="utf-8")


def test_a_line_of_text_says_when_how_grave_and_what(tmp_path: Path) -> None:
    when, level, text = logged(tmp_path, "text", "%s: HTTP %d", "ahrefs", 429).split(" ", 2)
    assert when[10] == "T"
    assert when[-1] == "Z"
    assert (level, text) == ("WARNING", "ahrefs: HTTP 429\n")


def test_a_line_of_json_says_when_how_grave_where_from_and_what(tmp_path: Path) -> None:
    line = parse(logged(tmp_path, "json", "%s: HTTP %d", "ahrefs", 429))
    assert line.pop("at").endswith("Z")
    assert line == {"level": "warning", "from": "harvester.engine.lane", "message": "ahrefs: HTTP 429"}


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone of a process cannot be changed here")
def test_the_time_is_utc_wherever_the_process_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        line = parse(logged(tmp_path, "json", "hello"))
    time.tzset()
    assert abs(datetime.now(UTC) - datetime.fromisoformat(line["at"])) < timedelta(minutes=5)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_hostile_text_neither_moves_the_cursor_nor_makes_a_line_of_its_own(tmp_path: Path, log_format: str) -> None:
    content = logged(tmp_path, log_format, "%s", 'x\n2026 ERROR forged\r\x1b[2J\u202e\0\ud800"}\u2028' + 10_000 * "y")
    assert content.count("\n") == 1
    assert content.endswith("\n")
    assert content[:-1].isprintable()
    assert len(content) < 4500


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_an_error_is_told_with_where_it_came_from_on_one_line(tmp_path: Path, log_format: str) -> None:
    with logging_to(tmp_path, log_format):
        try:
            raise ValueError("broken \u202e" + 10_000 * "y")
        except ValueError:
            LOG.exception("it failed")
    content = (tmp_path / FILE_NAME).read_text(encoding="utf-8")
    assert content.count("\n") == 1
    assert content[:-1].isprintable()
    assert len(content) < 5000
    assert "it failed" in content
    assert "test_journal.py" in content


def test_a_second_run_writes_behind_the_first(tmp_path: Path) -> None:
    logged(tmp_path, "text", "first")
    assert [line.split()[-1] for line in logged(tmp_path, "text", "second").splitlines()] == ["first", "second"]


def test_the_log_is_for_its_owner_only(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        logged(tmp_path, "text", "hello")
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600


def test_after_the_block_logging_is_as_it_was(tmp_path: Path) -> None:
    ROOT.setLevel(logging.ERROR)
    before = ROOT.level, list(ROOT.handlers)

    def fails() -> None:
        with logging_to(tmp_path, "text"):
            assert ROOT.isEnabledFor(logging.INFO)
            assert len(ROOT.handlers) == len(before[1]) + 1
            LOG.debug("too much")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    after = ROOT.level, list(ROOT.handlers)
    ROOT.setLevel(logging.NOTSET)
    assert after == before
    assert (tmp_path / FILE_NAME).read_text() == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here that is always full")
def test_a_full_disk_is_no_trouble_of_the_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / FILE_NAME).symlink_to("/dev/full")
    with logging_to(tmp_path, "text"):
        for _ in range(1000):
            LOG.error("no room for this line")
    assert capfd.readouterr() == ("", "")


def test_a_log_that_cannot_be_opened_is_no_trouble(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with logging_to(tmp_path, "json"), logging_to(tmp_path / "missing", "text"):
        LOG.error("nowhere to go")
    assert capfd.readouterr() == ("", "")


def test_a_pipe_in_the_place_of_the_log_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / FILE_NAME)
    with logging_to(tmp_path, "text"):
        LOG.error("nobody reads this")


def test_a_message_that_cannot_be_formatted_is_dropped(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ROOT, "propagate", False)  # pytest's own handler is not as patient
    assert logged(tmp_path, "text", "%d", "not a number") == ""
    assert capfd.readouterr() == ("", "")
