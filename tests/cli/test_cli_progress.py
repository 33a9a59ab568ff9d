"""What is seen of a run while it goes on: words of pure arithmetic, a line every ten seconds, or a bar."""

import asyncio
import io
import os
import pty
import struct
import sys
import termios
from contextlib import closing, redirect_stderr
from dataclasses import replace
from fcntl import ioctl

import pytest

from harvester.assembly.outcome import ProviderProgress
from harvester.cli.progress import Pace, even_unread, progress, say, say_waiting
from harvester.cli.words import counted, duration, rejected_text, table
from harvester.engine.ports import Tally
from harvester.model import RateRule
from harvester.testing import run_in_virtual_time

BEGUN = ProviderProgress(
    tasks_done=100,
    tasks=1100,
    tally=Tally(rows=5000, units_spent=90_000, units_in_doubt=10_000),
    budget=None,
    unit="API units",
    open_requests=0,
    closed_s=0.0,
    rate=RateRule(calls=60, window_s=60.0),
)
LATER = replace(BEGUN, tasks_done=200, tally=Tally(rows=9000, units_spent=150_000, units_in_doubt=10_000))


@pytest.mark.parametrize(
    ("now", "gone_s", "words"),
    [
        (LATER, 100.0, "15 min 00 s left, 160,000 API units, 40 rows/s"),
        (replace(LATER, budget=500_000), 100.0, "15 min 00 s left, 160,000 of 500,000 API units, 40 rows/s"),
        (replace(LATER, is_waiting=True), 100.0, "waiting for targets, 15 min 00 s left, 160,000 API units, 40 rows/s"),
        (replace(LATER, closed_s=30.4), 100.0, "paused for 30 s, 15 min 00 s left, 160,000 API units, 40 rows/s"),
        (replace(LATER, tasks_done=1100), 100.0, "160,000 API units, 40 rows/s"),
        (replace(LATER, tasks_done=1101), 100.0, "160,000 API units, 40 rows/s"),
        (BEGUN, 100.0, "16 min 40 s left, 100,000 API units, 0 rows/s"),
        (replace(BEGUN, rate=None), 100.0, "100,000 API units, 0 rows/s"),
        (BEGUN, 0.0, "16 min 40 s left, 100,000 API units, 0 rows/s"),
    ],
)
def test_the_words_say_speed_money_and_what_is_left(now: ProviderProgress, gone_s: float, words: str) -> None:
    assert Pace({"ahrefs": BEGUN}, 1000.0).words("ahrefs", now, 1000.0 + gone_s) == words


def test_before_a_task_is_done_the_rate_says_how_long_it_takes_at_best() -> None:
    slow = replace(BEGUN, rate=RateRule(calls=1, window_s=60.0))
    assert "16.7 h" not in Pace({"a": slow}, 0.0).words("a", slow, 5.0)
    assert Pace({"a": slow}, 0.0).words("a", slow, 5.0).startswith("16 h 40 min left")


def watched(seconds: float, *, is_quiet: bool = False) -> list[float]:
    """Show a run of so many virtual seconds; return when it was looked at."""
    looks: list[float] = []

    def look() -> dict[str, ProviderProgress]:
        looks.append(asyncio.get_running_loop().time())
        return {"ahrefs": replace(LATER, tasks_done=100 + len(looks)), "moz": BEGUN}

    async def work() -> None:
        async with progress(look, is_quiet=is_quiet):
            await asyncio.sleep(seconds)

    run_in_virtual_time(work())
    return looks


def test_without_a_terminal_a_plain_line_for_each_provider_comes_every_ten_seconds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    looks = watched(35.0)
    assert [round(at_s) for at_s in looks] == [0, 10, 20, 30]
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[0] for line in lines] == ["ahrefs", "moz"] * 3
    assert lines[0] == "ahrefs: 102/1,100 tasks, 2 h 46 min left, 160,000 API units, 0 rows/s"


def test_quiet_looks_at_nothing_and_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert watched(35.0, is_quiet=True) == []
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    """A terminal that remembers what it is sent."""

    encoding = "utf-8"

    def __init__(self, lines: int, columns: int) -> None:
        super().__init__()
        self._ends = pty.openpty()
        ioctl(self._ends[1], termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._ends[1]

    def close(self) -> None:
        if not self.closed:
            for fd in self._ends:
                os.close(fd)
        super().close()


def seen(terminal: Terminal, seconds: float) -> str:
    """Return what a terminal shows of a run of so many virtual seconds."""
    with closing(terminal), redirect_stderr(terminal):
        watched(seconds)
        return terminal.getvalue()


def test_on_a_terminal_every_provider_has_a_bar_that_is_drawn_to_the_end() -> None:
    drawn = seen(Terminal(24, 120), 1.0)
    assert "ahrefs   9%|█" in drawn
    assert "moz   9%|█" in drawn
    assert "106/1100 tasks, " in drawn
    assert " 0/1100 tasks" not in drawn, "what an earlier run has done is done"


def test_only_somebody_who_waits_at_a_terminal_is_told_what_takes_so_long(capsys: pytest.CaptureFixture[str]) -> None:
    say_waiting("writing")
    assert capsys.readouterr() == ("", "")
    with closing(Terminal(24, 80)) as terminal, redirect_stderr(terminal):
        say_waiting("writing")
        assert terminal.getvalue() == "writing\n"


def test_a_terminal_without_a_size_gets_plain_lines() -> None:
    drawn = seen(Terminal(0, 0), 11.0)
    assert [line.split(": ")[0] for line in drawn.splitlines()] == ["ahrefs", "moz"]


def test_a_note_of_somebody_else_moves_no_cursor() -> None:
    with redirect_stderr(io.StringIO()) as screen:
        say("someone \x1b[2J\nelse")
    assert screen.getvalue() == "someone \\x1b[2J\\nelse\n"


def test_an_error_of_the_run_comes_out_as_it_is() -> None:
    async def work() -> None:
        async with progress(lambda: {"ahrefs": BEGUN}, is_quiet=False):
            raise LookupError("as it is")

    with pytest.raises(LookupError, match="as it is"):
        run_in_virtual_time(work())


def test_a_progress_that_fails_does_not_stop_the_run() -> None:
    async def work() -> str:
        async with progress(dict[str, ProviderProgress]().__getitem__, is_quiet=False):  # type: ignore[arg-type]  # fails
            await asyncio.sleep(60.0)
        return "done"

    assert run_in_virtual_time(work()) == "done"


def test_what_is_no_matter_of_reading_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), even_unread(sys.stderr):
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (7199.0, "2 h 00 min"),
        (172_000.0, "47 h 47 min"),
        (172_800.0, "2.0 days"),
        (10**9, "11,574.1 days"),
    ],
)
def test_a_length_of_time_is_said_as_a_person_says_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(("number", "words"), [(0, "0 tasks"), (1, "1 task"), (2000, "2,000 tasks")])
def test_a_number_agrees_with_its_noun(number: int, words: str) -> None:
    assert counted(number, "task") == words


@pytest.mark.parametrize(("count", "last"), [(2, []), (3, ["and 1 more line like that"])])
def test_lines_that_are_not_shown_are_counted(count: int, last: list[str]) -> None:
    lines = rejected_text([("list.txt", 1, "x", "no dot"), ("list.txt", 7, "y\n", "no dot")], count)
    assert lines[:2] == ['rejected: list.txt line 1: "x": no dot', 'rejected: list.txt line 7: "y\\n": no dot']
    assert lines[2:] == last


def test_a_table_is_aligned_numbers_to_the_right_and_harmless() -> None:
    text = table(("name", "count", "left"), [("a", 1000, None), ("b\x1b[2J", 7, 12)])
    assert text.splitlines() == ["name      count  left", "a         1,000     -", "b\\x1b[2J      7    12"]


def test_a_table_without_rows_is_its_head() -> None:
    assert table(("a", "b"), []) == "a  b"
