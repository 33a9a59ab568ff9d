import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from benchmarks.peers import kills, limit
from benchmarks.peers.environment import REQUIREMENTS, versions
from benchmarks.peers.programs import PEERS, RAW
from benchmarks.peers.rows import Counted, counted, key_of
from benchmarks.program import run
from benchmarks.replay import Replay

ROWS: list[dict[str, Any]] = [
    {"url_from": f"https://a.example/{number}", "url_to": "https://b.example/", "link_text": f"text {number}"}
    for number in range(4)
]
KEYS = b"".join(map(key_of, ROWS))
WRAPPED = {
    "lines": lambda row: row,
    "messages": lambda row: {"type": "RECORD", "record": {"stream": "links", "data": row}},
    "raw": lambda row: {"record": "backlink", "raw": row},
}


def written(folder: Path, name: str, *lines: object) -> Path:
    path = folder / name
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


@pytest.mark.parametrize("reading", WRAPPED)
def test_rows_that_are_all_there_are_counted_as_whole(tmp_path: Path, reading: str) -> None:
    path = written(tmp_path, "rows", *map(WRAPPED[reading], ROWS))

    found = counted(KEYS, [path], reading)

    assert found == Counted(rows=4)
    assert found.is_whole


def test_rows_in_one_array_are_counted(tmp_path: Path) -> None:
    assert counted(KEYS, [written(tmp_path, "rows", ROWS)], "array") == Counted(rows=4)


def test_an_array_that_was_cut_off_is_torn_and_all_of_it_missing(tmp_path: Path) -> None:
    (tmp_path / "rows").write_text(json.dumps(ROWS)[:-9])

    assert counted(KEYS, [tmp_path / "rows"], "array") == Counted(missing=4, torn=1)


def test_missing_doubled_foreign_and_torn_rows_are_told_apart(tmp_path: Path) -> None:
    foreign = {**ROWS[0], "url_to": "https://c.example/"}
    first = written(tmp_path, "first", ROWS[0], ROWS[1], foreign)
    second = written(tmp_path, "second", ROWS[1], ROWS[1])
    with second.open("a") as file:
        file.write(json.dumps(ROWS[2])[:-5] + json.dumps(ROWS[3]) + "\n")

    found = counted(KEYS, [first, second], "lines")

    assert found == Counted(rows=5, missing=2, doubled=2, foreign=1, torn=1)
    assert not found.is_whole


def test_what_was_never_written_is_missing() -> None:
    assert counted(KEYS, [], "lines") == Counted(missing=4)


@pytest.mark.parametrize("reading", WRAPPED)
def test_a_line_that_was_cut_off_is_torn_however_rows_are_wrapped(tmp_path: Path, reading: str) -> None:
    path = written(tmp_path, "rows", *map(WRAPPED[reading], ROWS))
    path.write_bytes(path.read_bytes()[:-9])

    assert counted(KEYS, [path], reading) == Counted(rows=3, missing=1, torn=1)


def test_messages_that_are_no_records_are_no_rows(tmp_path: Path) -> None:
    path = written(tmp_path, "rows", {"type": "LOG"}, *map(WRAPPED["messages"], ROWS), {"type": "STATE"})

    assert counted(KEYS, [path], "messages") == Counted(rows=4)


def test_a_record_is_the_row_that_it_was_made_of() -> None:
    row = {"url_from": "https://a.example/", "url_to": "https://b.example/", "link_text": "two\nlines\tand \x1b[31mred"}
    record = {**row, "anchor": "two lines and [31mred", "image_alt": None}
    del record["link_text"]

    assert key_of(record) == key_of(row)


def test_every_peer_is_pinned() -> None:
    lines = [line for line in REQUIREMENTS.read_text().splitlines() if not line.startswith("#")]

    assert len(versions()) == len(lines)
    assert all(peer.versions for peer in PEERS)


def a_killed_job(**counts: int) -> kills.Killed:
    return kills.Killed(counted=Counted(rows=100, **counts), twice=kills.IN_FLIGHT, code=0)


def test_of_ours_nothing_may_be_missing_or_doubled_or_bought_twice_but_what_was_open() -> None:
    fine = a_killed_job()
    bad = (
        a_killed_job(missing=1),
        a_killed_job(doubled=1),
        replace(fine, twice=2 * kills.IN_FLIGHT + 1),
        replace(fine, code=3),
        replace(fine, code=-9),
    )

    assert all(figure.is_met for figure in kills.told(RAW, [fine, fine], pages=1))
    for job in bad:
        assert sum(not figure.is_met for figure in kills.told(RAW, [fine, job], pages=1)) == 1


def test_of_others_figures_are_told_and_no_goals_are_set() -> None:
    job = a_killed_job(missing=7, doubled=5)

    figures = list(kills.told(PEERS[0], [job, job], pages=10))

    assert [figure.value for figure in figures] == [14, 10, 2 * kills.IN_FLIGHT]
    assert all(figure.goal is None for figure in figures)


def test_a_request_at_each_tenth_of_a_second_uses_all_of_the_allowance() -> None:
    meter = {"first_paid_s": 1.0, "last_paid_s": 11.0, "paid": 101, "refused": 0}

    assert limit.used(meter) == pytest.approx(1.0)
    assert limit.used({**meter, "refused": 50}) == pytest.approx(0.5)


def test_a_server_can_be_told_to_limit_from_now_on() -> None:
    replay = Replay(targets=(), latency_s=0, limit=None)

    replay.told(b"PUT", b"/_replay/limit/2/2.0")

    assert replay.limit is not None
    assert [replay.limit.admits(replay.meter) for _ in range(3)] == [True, True, False]


def test_a_list_begins_at_its_first_page() -> None:
    replay = Replay(targets=(), latency_s=0, limit=None)
    replay.listed["a.example", 1] = b"key"
    replay.known[b"key"] = b"page"

    assert replay.listed_page("/links?target=a.example") == b"page"
    assert replay.listed_page("/links?target=a.example&page=1") == b"page"
    assert replay.listed_page("/links?target=a.example&page=2") != b"page"


def test_memory_is_that_of_a_program_and_not_of_the_one_that_started_it(tmp_path: Path) -> None:
    ours = bytearray(300_000_000)
    ours[::4096] = bytes(len(range(0, len(ours), 4096)))

    ended = run([sys.executable, "-c", "import time; time.sleep(0.2)"], environ={}, log=tmp_path / "log")

    assert 1_000_000 < ended.peak_bytes < 100_000_000
