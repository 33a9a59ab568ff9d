"""What the benchmarks of scale, rate and lanes count by: meter, windows, lines, an endless list, simulated time."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from benchmarks.counted import OF_ALIAS, OF_PAGE, Times, times_each
from benchmarks.endless import Endless
from benchmarks.meter import Limit, Meter
from benchmarks.rate import LATENCIES_S, used
from benchmarks.replay import Replay
from benchmarks.scale import spelt
from benchmarks.simulated import lived
from benchmarks.stage import environ_of
from benchmarks.table import Figure, Goal
from benchmarks.watched import watched

from harvester.codec import dump, parse
from harvester.model import Allowance, Compiling, Cursor, Harvest, RateRule, Request, Step, Task
from harvester.names import target_of
from harvester.providers import PROVIDERS
from harvester.testing import EPOCH, reply


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


# What comes to the server.


def test_a_meter_tells_free_questions_from_paid_requests_and_those_paid_twice(clock: Clock) -> None:
    meter = Meter(clock=clock)
    meter.came(is_paid=False)
    clock.now_s += 2
    for key in (b"a", b"b", b"a"):
        meter.came()
        meter.went(key)
    meter.went(b"balance", is_paid=False)
    assert (meter.requests, meter.paid, meter.twice, meter.most_open) == (4, 3, 1, 2)
    assert (meter.first_s, meter.first_paid_s, meter.last_paid_s) == (0, 2, 2)
    assert parse(meter.shown())["pages"] == 2


def test_a_question_after_the_balance_is_not_paid_twice(clock: Clock) -> None:
    meter = Meter(clock=clock)
    for _ in range(2):
        meter.came(is_paid=False)
        meter.went(b"balance", is_paid=False)
    assert meter.twice == 0


def test_a_lap_begins_the_seconds_anew_and_goes_on_counting(clock: Clock) -> None:
    meter = Meter(clock=clock)
    meter.came()
    meter.went(b"a")
    clock.now_s += 5
    meter.lap()
    assert meter.first_paid_s is None
    clock.now_s += 3
    meter.came()
    meter.went(b"a")
    assert (meter.paid, meter.twice) == (2, 1)
    assert [meter.first_paid_s, meter.now_s] == [3, 3]


def test_a_limit_counts_any_window_and_not_only_whole_ones(clock: Clock) -> None:
    meter, limit = Meter(clock=clock), Limit(3, 10.0)
    admitted = []
    for at_s in (0, 8, 9, 9.9, 10, 18.1, 30):
        clock.now_s = 100 + at_s
        admitted.append(limit.admits(meter))
    assert admitted == [True, True, True, False, False, False, True]
    assert meter.most_in_window == 4


def test_the_server_does_as_it_is_told() -> None:
    replay = Replay(targets=(), latency_s=0.0, limit=None)
    replay.meter.came()
    assert parse(replay.told(b"GET", b"/_replay"))["paid"] == 1
    assert parse(replay.told(b"PUT", b"/_replay/lap"))["paid"] == 1
    assert replay.meter.first_paid_s is None
    replay.told(b"PUT", b"/_replay/closed/9.5")
    assert replay.closed_until_s > time.perf_counter() > replay.broken_until_s
    replay.told(b"PUT", b"/_replay/broken/9.5")
    assert replay.broken_until_s > time.perf_counter()
    assert parse(replay.told(b"DELETE", b"/_replay"))["paid"] == 0
    assert parse(replay.told(b"GET", b"/_replay/asked")) == []


# An endless list.

LINE = b"POST /dataforseo/v3/backlinks/backlinks/live HTTP/1.1"


def learnt(rows: int) -> bytes:
    """Return the page of a list as the provider answers it."""
    items = [{"type": "backlink", "url_from": f"http{'s' * (n % 2)}://a.example/{n}"} for n in range(rows)]
    result = {"target": "a.com", "total_count": 77, "items_count": rows, "items": items, "search_after_token": "ey=="}
    task = {"id": "1", "status_code": 20000, "status_message": "Ok.", "cost": 0.06, "result": [result]}
    return dump({"status_code": 20000, "status_message": "Ok.", "cost": 0.06, "tasks": [task]})


def walked(pages_of: Callable[[Request], bytes]) -> tuple[list[str], int, Any]:
    """Walk a list with the provider's own code; return the linking pages, the number of answers, and the last one."""
    harvest = Harvest(name="links", provider="dataforseo", report="backlinks", page_size=10)
    exchange = PROVIDERS["dataforseo"].reports["backlinks"].compile(harvest, Compiling(today=EPOCH.date()))
    task, cursor, found, answers = Task(id="1", harvest="links", targets=("a.com",)), dict[str, Any](), list[str](), 0
    while True:
        step = Step(task=task, cursor=cursor, allowance=Allowance(units=None, rows=None, facts={}))
        request = exchange.ask(step)
        assert request is not None
        page = exchange.read(step, request, reply(pages_of(request)))
        answers += 1
        found += [row.data["url_from"] for row in page.rows]
        if page.next is None:
            return found, answers, page
        following: Cursor = page.next
        assert following != cursor
        cursor = dict(following)


def test_an_endless_list_is_walked_to_its_end_and_all_its_rows_differ() -> None:
    endless, first = Endless(pages=2_100), list[bytes]()

    def answered(request: Request) -> bytes:
        number, bare = endless.asked(dump(request.json))
        first.append(bare)
        return endless.page(learnt(10), number)

    rows, answers, last = walked(answered)
    assert answers == 2_100, "further than 20,000 rows, where offsets end"
    assert len(set(rows)) == len(rows) == 21_000
    assert last.incomplete is None
    assert len(set(first)) == 1, "nothing changes but the token"


def test_another_list_is_not_endless() -> None:
    assert Endless(pages=3).is_of_list(LINE)
    assert not Endless(pages=3).is_of_list(LINE.replace(b"backlinks/live", b"anchors/live"))


def test_a_request_that_changes_more_than_the_token_is_not_known() -> None:
    replay = Replay(targets=[b"a.com"], latency_s=0.0, limit=None, endless=Endless(pages=3))
    body = b'[{"target":"alias-0000007.example","limit":10%s,"tag":"%d"}]'
    replay.known[LINE + b'[{"target":"a.com","limit":10}]'] = b"HTTP/1.1 200 -\r\n\r\n" + learnt(10)
    token = b',"search_after_token":"page-0000002"'
    answer = replay.answer(LINE, b'[{"target":"alias-0000007.example","limit":10' + token + b"}]")
    assert answer is not None
    assert b"://p0000002.a.example/9" in answer
    assert b'"search_after_token":null' in answer, "it is the last of three"
    assert replay.answer(LINE, body.replace(b"10", b"20") % (token, 5)) is None


def test_a_page_whose_rows_cannot_be_numbered_is_refused() -> None:
    with pytest.raises(ValueError, match="10 rows, of which 9"):
        Endless(pages=3).page(learnt(10).replace(b'"url_from":"https', b'"url_from":"ftp', 1), 0)


# Lines.


def line(number: int) -> bytes:
    return b'{"record":"backlink","target":"alias-%07d.example","raw":{"target":"a.com"}}\n' % number


def test_lines_are_counted_for_each_target(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(map(line, [0, 2, 1, 2, 3, 5])) + b'{"target":"b.com"}\n' + line(4)[:-2])
    assert times_each(path, OF_ALIAS, 5) == Times(lines=8, foreign=3, missing=1, beyond=1)
    path.write_bytes(b"".join(map(line, range(5))))
    assert times_each(path, OF_ALIAS, 5).wrong == 0


def test_packed_lines_are_counted_over_all_frames(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.zst"
    rows = [b'{"target":"a.com","raw":{"url_from":"http://p%07d.a.example/%d"}}\n' % (n // 3, n) for n in range(9)]
    frames = [zstandard.ZstdCompressor().compress(b"".join(rows[at : at + 2])) for at in range(0, 9, 2)]
    path.write_bytes(b"".join(frames))
    assert times_each(path, OF_PAGE, 3, 3) == Times(lines=9, foreign=0, missing=0, beyond=0)
    path.write_bytes(b"".join(frames[1:] + frames[1:2]))
    assert times_each(path, OF_PAGE, 3, 3) == Times(lines=9, foreign=0, missing=1, beyond=1)


def test_a_speed_that_misses_its_goal_may_still_be_above_the_floor_and_a_count_never() -> None:
    ratio = Figure("speed", 0.3, goal=Goal(">=", 0.7, floor=0.2))
    assert not ratio.is_met
    assert ratio.lowered().is_met
    assert not Figure("speed", 0.1, goal=Goal(">=", 0.7, floor=0.2)).lowered().is_met
    assert not Figure("rows missing", 1, goal=Goal("=", 0)).lowered().is_met
    assert Figure("no goal", 1).lowered().is_met


def test_a_list_as_people_spell_it_holds_each_target_once() -> None:
    lines = list(spelt(16))
    assert len(set(lines)) == 16
    assert sorted(target_of(each, "subdomains") for each in lines) == [f"alias-{n:07d}.example" for n in range(16)]


# Programs and time.


def test_a_program_is_looked_at_before_it_is_killed(tmp_path: Path) -> None:
    code = "import time; kept = bytearray(b'x' * 50_000_000); print('ready', flush=True); time.sleep(60)"
    with watched([sys.executable, "-c", code], environ=environ_of({}), log=tmp_path / "log") as program:
        program.until(lambda: "ready" in (tmp_path / "log").read_text())
        ended = program.kill()
    assert ended.code == -9
    assert 50_000_000 < ended.peak_bytes < 150_000_000
    assert ended.said == "ready\n"


def test_a_program_that_fails_is_told_of(tmp_path: Path) -> None:
    with watched([sys.executable, "-c", "exit('no')"], environ=environ_of({}), log=tmp_path / "log") as program:
        with pytest.raises(RuntimeError, match="ended with 1:\nno"):
            program.succeeded()
        with pytest.raises(RuntimeError, match="ended too early:\nno"):
            program.until(lambda: False)


@pytest.mark.parametrize("latency_s", LATENCIES_S)
def test_a_lane_in_simulated_time_uses_its_allowance(latency_s: float) -> None:
    life = lived(RateRule(calls=60, window_s=60.0), latency_s, seconds=180.0, in_flight=32)
    assert life.arrived >= 0.95 * 180
    assert life.answered >= life.arrived, "what has left in time may arrive later"
    assert (life.most_in_window <= 60, life.refused) == (True, 0)
    assert life.most_open <= 32


def test_open_requests_hold_back_a_lane_that_may_have_too_few() -> None:
    life = lived(RateRule(calls=60, window_s=60.0), 20.0, seconds=180.0, in_flight=4)
    assert life.most_open == 4
    assert 36 <= life.arrived <= 40


def test_what_is_used_counts_from_the_first_paid_request_to_the_last() -> None:
    meter = {"paid": 101, "first_paid_s": 20.0, "last_paid_s": 30.0, "most_in_window": 98, "most_open": 7, "refused": 0}
    assert used(meter, RateRule(calls=600, window_s=60.0), 0.5).use == 1.0
