"""Runs that are stopped from outside, as processes: in order, at once, beside another, with nobody reading."""

import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path

import pytest
from cli_kit import KEY, Bench, charged, end, names, provider_beside, sandbox_beside, wait_until

from harvester.locks import key_lock, key_lock_path
from harvester.sandbox.app import Options, Sandbox

OPTIONS = Options(
    rates={"ahrefs": "unlimited"},
    units={"ahrefs": 10**9},
    keys={"ahrefs": (KEY,)},
    switches=("ahrefs.cache=false",),
    latency_ms=30,
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with sandbox_beside(OPTIONS) as running:
        yield running


@pytest.fixture
def bench(sandbox: Sandbox, tmp_path: Path) -> Bench:
    """Return a job of twelve targets: half a second of work or more."""
    bench = Bench(tmp_path, sandbox.base_urls["ahrefs"], provider={"in_flight": 2, "row_cap": 100})
    bench.job["targets"] = {"inline": names(12)}
    bench.write()
    return bench


def asked(sandbox: Sandbox, key: str = KEY) -> int:
    requests: int = charged(sandbox, key)["requests"]
    return requests


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_in_order_and_the_next_run_ends_with_every_row_once(
    bench: Bench, sandbox: Sandbox, number: signal.Signals
) -> None:
    before = charged(sandbox)
    process = bench.start("run", str(bench.config))
    wait_until(lambda: asked(sandbox) - before["requests"] > 4)
    process.send_signal(number)
    code, out, err = end(process)
    assert code == 130, err
    assert "Stopping: open requests are awaited for up to 30 s. Once more stops at once." in err
    assert "Nothing is lost. To go on, run the same command again." in err
    assert "j: interrupted after" in out
    status = bench.status()
    assert (status["state"], status["stopped_by"]) == ("stopped", "interrupt")
    spent = status["providers"]["ahrefs"]
    assert (spent["units_in_doubt"], spent["units_held"]) == (0, 0), "what was open was awaited"
    assert 0 < status["tasks"]["complete"] < 12

    assert bench.run().exit_code == 0
    after = charged(sandbox)
    assert len(bench.rows()) == bench.status()["providers"]["ahrefs"]["rows"]
    assert bench.status()["providers"]["ahrefs"]["units_spent"] == after["units_charged"] - before["units_charged"]
    whole = Bench(bench.folder / "whole", bench.base_url, job=bench.job, provider=bench.provider)
    whole.folder.mkdir()
    assert whole.run().exit_code == 0
    assert bench.rows().keys() == whole.rows().keys()


@pytest.fixture
def silent() -> Iterator[tuple[str, list[str]]]:
    """Serve a provider that never answers what is paid; yield its URL and the paths it was asked."""
    asked: list[str] = []
    is_over = threading.Event()

    def answer(path: str, _headers: object) -> tuple[int, object]:
        if "limits-and-usage" not in path:
            asked.append(path)
            is_over.wait()
        return 404, {"error": "not found"}

    with provider_beside(answer) as base_url:
        yield base_url, asked
        is_over.set()


def test_a_second_signal_stops_at_once_and_what_was_open_is_in_doubt(
    bench: Bench, silent: tuple[str, list[str]]
) -> None:
    fast_url, (bench.base_url, paths) = bench.base_url, silent
    process = bench.start("run", str(bench.write()))
    assert process.stderr is not None
    wait_until(lambda: len(paths) == 2)
    process.send_signal(signal.SIGINT)
    while "Stopping" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGTERM)
    code, out, err = end(process)
    assert (code, out) == (130, "")
    assert err == "Stopped at once; what was stored is safe. To go on, run the same command again.\n"
    status = bench.status()
    assert (status["state"], status["stopped_by"]) == ("stopped", None)
    held_units = status["providers"]["ahrefs"]["units_held"]
    assert held_units > 0

    bench.base_url = fast_url
    assert bench.run().exit_code == 0
    spent = bench.status()["providers"]["ahrefs"]
    assert (spent["units_in_doubt"], spent["units_held"]) == (held_units, 0)
    assert len(bench.rows()) == spent["rows"]


def test_a_run_that_waits_for_its_key_says_for_whom_and_can_be_stopped(bench: Bench) -> None:
    with key_lock(key_lock_path("ahrefs", bench.base_url, KEY, bench.environ), "job /elsewhere"):
        process = bench.start("run", str(bench.config))
        assert process.stderr is not None
        said = process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        code, _, err = end(process)
    assert said == "Waiting: the key of ahrefs is in use by job /elsewhere. Two could not share its rate.\n"
    assert code == 130
    assert "Stopped at once" in err


def test_a_run_that_still_reads_its_list_can_be_stopped(bench: Bench) -> None:
    bench.job["targets"] = "-"
    process = bench.start("run", str(bench.write()), stdin=subprocess.PIPE)
    wait_until(lambda: "running" in bench.call("status", str(bench.out)).output)
    process.send_signal(signal.SIGINT)
    code, _, err = end(process)
    assert code == 130
    assert "Traceback" not in err


def test_beside_a_run_status_says_so_and_a_second_run_is_refused(bench: Bench, silent: tuple[str, list[str]]) -> None:
    bench.base_url, paths = silent
    process = bench.start("run", str(bench.write()))
    try:
        wait_until(lambda: len(paths) == 2)
        status = bench.status()
        second = bench.run()
        text = bench.call("status", str(bench.out)).stdout
    finally:
        process.kill()
        end(process)
    assert (status["state"], status["stopped_by"]) == ("running", None)
    assert status["tasks"] == {"complete": 0, "incomplete": 0, "set_aside": 0, "open": 2, "waiting": 10}
    assert status["providers"]["ahrefs"]["units_held"] > 0
    assert text.startswith("j: running; 12 targets\n")
    assert second.exit_code == 2
    assert f"in use by process {process.pid} since " in second.stderr
    assert bench.status()["state"] == "stopped", "killed"


def test_a_reader_that_goes_away_costs_nothing_but_words(bench: Bench) -> None:
    process = bench.start("run", str(bench.config))
    assert process.stderr is not None
    assert process.stdout is not None
    process.stderr.close()
    process.stdout.close()
    assert process.wait(20) == 0
    assert bench.status()["state"] == "complete"


def test_closed_standard_streams_are_no_reason_to_fail(bench: Bench) -> None:
    command = f"exec {sys.executable} -m harvester run {bench.config} <&- >&- 2>&-"
    done = subprocess.run(["sh", "-c", command], env={**os.environ, **bench.environ}, timeout=20, check=False)
    assert done.returncode == 0
    assert bench.status()["state"] == "complete"


@pytest.mark.parametrize("command", ["providers --json", "schema", "schema --sql"])
def test_output_can_be_piped_to_somebody_who_stops_reading(command: str) -> None:
    line = f"{sys.executable} -m harvester {command} | head -c 1"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=20, check=False)
    assert len(done.stdout) == 1
    assert done.stderr == ""


def test_on_a_terminal_a_bar_is_drawn_and_a_pipe_gets_none(bench: Bench) -> None:
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 110, 0, 0))
    process = bench.start("run", str(bench.config), stderr=theirs)
    os.close(theirs)
    drawn = read_all(ours)
    code, out, _ = end(process)
    assert code == 0
    assert "100%|████████████████| 12/12 tasks" in drawn
    assert "API units" in drawn
    assert "rows/s" in drawn
    assert "\x1b" not in out
    assert "|█" not in out


def read_all(terminal: int) -> str:
    """Return everything that a terminal is sent until its other end is closed."""
    pieces: list[bytes] = []
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # Linux tells the end of a terminal by EIO
            piece = b""
        if not piece:
            os.close(terminal)
            return b"".join(pieces).decode()
        pieces.append(piece)
