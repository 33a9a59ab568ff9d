"""One key's work, in virtual time: every kind of answer, and what it does to money, tasks and the gate."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest
from engine_kit import (
    LANE,
    Answer,
    Bench,
    FakeExchange,
    asked,
    crop,
    page_of,
    scripted,
    serves,
    verdict,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.codec import parse
from harvester.engine.gate import Pace
from harvester.engine.ports import Entry, State, Tally
from harvester.engine.render import REJECTS
from harvester.engine.retry import Patience
from harvester.engine.run import run_lanes
from harvester.errors import ConnectFailed, ReplyLost
from harvester.model import Action, Page, RateRule, Reply, Request, Step, Verdict
from harvester.testing import MemoryStore, reply, run_in_virtual_time


def worked(bench: Bench) -> Bench:
    """Let the lanes work to their end, and check the books."""
    run_in_virtual_time(run_lanes(bench.lanes, asyncio.Event()))
    bench.check_books()
    return bench


def holds(bench: Bench) -> list[int]:
    """Return the units held for each request, in order."""
    return [entry.hold.units for entry in bench.memory.entries if entry.hold is not None]


# The good days.


@pytest.mark.parametrize("in_flight", [1, 3])
def test_every_row_of_every_page_is_written_once_with_pages_and_rows_counted_on(in_flight: int) -> None:
    rows = {"a.com": 5, "b.com": 0, "c.com": 2}
    bench = worked(Bench(answer=serves(rows), targets=list(rows), in_flight=in_flight))
    for name, number in rows.items():
        lines = [line for line in bench.rows() if line["target"] == name]
        assert [line["number"] for line in lines] == list(range(number))
        assert [line["row"] for line in lines] == [n + 1 for n in range(number)]
        assert [line["page"] for line in lines] == [n // 2 + 1 for n in range(number)]
    assert bench.finished() == dict.fromkeys(rows, (True, None))
    assert bench.lane.tally == Tally(requests=5, rows=7, units_spent=70)
    assert bench.lane.stopped is None
    assert not bench.desk.schedule.has_left


def test_no_more_requests_are_open_than_allowed() -> None:
    bench = worked(Bench(answer=serves(4), targets=[f"{n}.com" for n in range(9)], in_flight=3))
    assert bench.transports[0].most_open == 3
    assert bench.lane.open_requests == 0


def test_work_that_has_begun_goes_first() -> None:
    bench = worked(Bench(answer=serves(4), targets=["a.com", "b.com"]))
    assert [asked(request, "target") for _, request in bench.sent] == ["a.com", "a.com", "b.com", "b.com"]


def test_a_hold_is_durable_before_its_request_leaves() -> None:
    durable: list[int] = []

    class Slow(MemoryStore):
        async def commit(self, entry: Entry) -> None:
            await asyncio.sleep(0.5)
            await super().commit(entry)
            assert entry.hold is not None
            durable.append(entry.hold.units)

    async def answer(request: Request) -> Reply:
        assert durable.pop() == request.most_units, "it left without a hold in the checkpoint"
        return await serves(5)(request)

    bench = worked(Bench(answer=answer, store_type=Slow))
    assert len(bench.sent) == 3
    assert [bool(entry.hold) for entry in bench.memory.entries] == [True, False] * 3


def test_units_are_free_only_when_the_end_of_their_hold_stands_in_the_store() -> None:
    class Full(MemoryStore):
        async def put(self, entry: Entry) -> None:
            await asyncio.sleep(5.0 if entry.settles == 1 else 0)  # the queue is full for a while
            await super().put(entry)

    async def answer(request: Request) -> Reply:
        return await serves(0, latency_s=1.0 + float(asked(request, "target")))(request)

    bench = worked(Bench(answer=answer, targets=list("0123"), store_type=Full, in_flight=4, budget=40))
    held = 0
    for entry in bench.memory.entries:
        held += entry.hold.units if entry.hold is not None else -20
        assert held <= 40, "a crash here would count more than the budget"


def test_the_task_becomes_open_with_its_first_hold() -> None:
    bench = worked(Bench(answer=serves(1)))
    first = bench.memory.entries[0]
    assert first.work is not None
    assert (first.work.state, first.lane) == (State.OPEN, LANE)


def test_rows_that_cannot_be_read_are_kept_with_their_number() -> None:
    async def answer(request: Request) -> Reply:
        return reply({"rows": [1, -2, 3], "next": None})

    bench = worked(Bench(answer=answer))
    assert [line["row"] for line in bench.rows()] == [1, 3]
    assert [(line["row"], line["raw"]) for line in bench.rows(REJECTS)] == [(2, -2)]
    assert bench.lane.tally.rows == 3, "all of them were paid for"


def test_raw_rows_and_replies_are_kept_if_so_asked() -> None:
    bench = worked(Bench(answer=serves(3), crops=[crop(is_raw=True, captured="replies/x.jsonl.zst")]))
    assert [line["raw"] for line in bench.rows()] == [0, 1, 2]
    assert [(line["page"], line["cursor"]) for line in bench.rows("replies/x.jsonl.zst")] == [(1, {}), (2, {"at": 2})]


def test_what_a_reply_teaches_is_known_to_the_next_request_and_kept() -> None:
    known: list[Mapping[str, int]] = []

    @dataclass(frozen=True, kw_only=True)
    class Curious(FakeExchange):
        def ask(self, step: Any) -> Request | None:
            known.append(step.allowance.facts)
            return super().ask(step)

    async def answer(request: Request) -> Reply:
        return page_of(request, 3, learnt={"seen": 7})

    bench = worked(Bench(answer=answer, crops=[crop(Curious())]))
    assert known == [{}, {"seen": 7}]
    assert [dict(entry.learnt) for entry in bench.memory.entries if entry.learnt] == [{"seen": 7}] * 2


def test_a_step_knows_whether_the_page_before_was_read_with_its_own_key_in_this_run() -> None:
    steps: list[tuple[int, bool]] = []

    @dataclass(frozen=True, kw_only=True)
    class Witness(FakeExchange):
        def ask(self, step: Step) -> Request | None:
            request = super().ask(step)
            steps.append((step.cursor.get("at", 0), step.is_continued))
            return request

    bench = worked(Bench(answer=serves(5), crops=[crop(Witness())]))
    assert steps == [(0, False), (2, True), (4, True)]

    steps.clear()
    bench = worked(Bench(answer=serves(5), crops=[crop(Witness())], accounts=[20, None]))
    assert [len(transport.sent) for transport in bench.transports] == [1, 2], "the first key can pay for one page"
    assert steps == [(0, False), (2, True), (2, False), (4, True)]


def test_a_task_of_several_targets_tells_each_row_its_target() -> None:
    bench = worked(
        Bench(answer=serves(4), crops=[crop(FakeExchange(targets_per_task=2))], targets=["a.com", "b.com", "c.com"])
    )
    rows = [line["target"] for line in bench.rows()][:4]
    assert rows == ["a.com", "b.com", "a.com", "b.com"]
    lines = bench.rows("tasks.jsonl")
    assert [[item["target"] for item in line["targets"]] for line in lines] == [["a.com", "b.com"], ["c.com"]]


# Rows that are wanted, and rows that cannot be had.


def test_no_more_rows_are_asked_for_than_wanted() -> None:
    bench = worked(Bench(answer=serves(9), crops=[crop(max_rows=3)]))
    assert [asked(request, "rows") for _, request in bench.sent] == ["2", "1"]
    assert len(bench.rows()) == 3
    assert bench.finished() == {"a.com": (True, "max_rows")}


@pytest.mark.parametrize("following", [{"at": 0}, {}])
def test_a_cursor_that_does_not_advance_ends_the_task_as_incomplete(following: dict[str, int]) -> None:
    async def answer(request: Request) -> Reply:
        return reply({"rows": [1, 2], "next": {"at": 2} if asked(request, "at") == "0" else following})

    async def stuck(request: Request) -> Reply:
        return reply({"rows": [1, 2], "next": {"at": 2}})

    for provider in (answer, stuck) if following == {} else (stuck,):
        bench = worked(Bench(answer=provider))
        assert len(bench.sent) == 2
        assert bench.finished() == {"a.com": (False, "the next page would be one that was already read")}
        assert len(bench.rows()) == 4


def test_a_task_that_lacked_rows_on_one_page_is_incomplete_at_its_end() -> None:
    async def answer(request: Request) -> Reply:
        return page_of(request, 6, incomplete={"0": None, "2": "first gap", "4": "second gap"}[asked(request, "at")])

    bench = worked(Bench(answer=answer))
    assert bench.finished() == {"a.com": (False, "first gap")}
    assert len(bench.rows()) == 6


def test_a_remark_on_a_complete_task_is_told() -> None:
    async def answer(request: Request) -> Reply:
        return page_of(request, 1, note="the provider keeps a year")

    assert worked(Bench(answer=answer)).finished() == {"a.com": (True, "the provider keeps a year")}


# Answers that are no page.


def test_a_request_that_failed_is_tried_again_after_longer_and_longer_waits() -> None:
    failures: list[Reply | Exception | None] = [verdict(Action.AGAIN), ReplyLost("reset"), *[verdict(Action.AGAIN)] * 2]
    bench = worked(Bench(answer=scripted(failures, serves(1))))
    assert bench.sent_at_s == [0, 2, 5, 10, 19]  # each takes 1 s; waits 1, 2, 4, 8 s
    assert bench.finished() == {"a.com": (True, None)}
    assert bench.lane.tally == Tally(requests=5, retries=4, rows=1, units_spent=10, units_in_doubt=20)


def test_a_task_that_fails_while_others_do_well_is_set_aside_after_five_attempts() -> None:
    async def answer(request: Request) -> Reply:
        if asked(request, "target") == "bad.com" and asked(request, "at") == "2":
            await asyncio.sleep(0.1)
            return verdict(Action.AGAIN, why="HTTP 500")
        return await serves(4)(request)

    bench = worked(Bench(answer=answer, targets=["bad.com", *(f"{n}.com" for n in range(20))], in_flight=2))
    assert len([1 for _, request in bench.sent if asked(request, "target") == "bad.com"]) == 1 + 5
    assert bench.finished().pop("bad.com") == (False, "given up after 5 attempts: HTTP 500")
    assert sum(is_complete for is_complete, _ in bench.finished().values()) == 20
    assert len(bench.rows()) == 2 + 20 * 4, "what was read of it is kept"
    assert bench.lane.stopped is None


def test_attempts_are_counted_for_a_request_and_not_for_a_task() -> None:
    failures = [verdict(Action.AGAIN)] * 4
    bench = worked(Bench(answer=scripted([*failures, None, *failures, None], serves(4))))
    assert bench.finished() == {"a.com": (True, None)}


def fails(from_s: float, until_s: float, failure: Callable[[], Reply], rest: Answer) -> Answer:
    """Return a provider that is out of order for a time."""

    async def answer(request: Request) -> Reply:
        await asyncio.sleep(0.1)
        return failure() if from_s <= asyncio.get_running_loop().time() < until_s else await rest(request)

    return answer


def lost() -> Reply:
    raise ReplyLost("reset by peer")


def not_connected() -> Reply:
    raise ConnectFailed("no route")


def broken() -> Reply:
    return verdict(Action.AGAIN, why="HTTP 503")


@pytest.mark.parametrize("failure", [lost, not_connected, broken])
@pytest.mark.parametrize("in_flight", [1, 4])
def test_an_outage_of_an_hour_costs_no_task(failure: Callable[[], Reply], in_flight: int) -> None:
    targets = [f"{n}.com" for n in range(8)]
    bench = worked(Bench(answer=fails(1, 3600, failure, serves(4)), targets=targets, in_flight=in_flight))
    assert bench.finished() == dict.fromkeys(targets, (True, None))
    assert len(bench.rows()) == 8 * 4
    assert bench.lane.stopped is None
    assert len([at_s for at_s in bench.sent_at_s if at_s < 3600]) < 75 * in_flight, "the gate was closed meanwhile"
    assert bench.sent_at_s[-1] < 3600 + 120, "it came back soon"


def test_failures_of_an_outage_are_not_counted_against_a_task_afterwards() -> None:
    targets = [f"{n}.com" for n in range(4)]
    healed = fails(0, 600, broken, serves(1))
    failures = [broken()] * 3  # of one task alone, when all is well again

    async def answer(request: Request) -> Reply:
        if asyncio.get_running_loop().time() > 600 and asked(request, "target") == "0.com" and failures:
            return failures.pop()
        return await healed(request)

    bench = worked(Bench(answer=answer, targets=targets, in_flight=4, patience=Patience(first_contact_s=900)))
    assert len([1 for at_s in bench.sent_at_s if at_s < 600]) > 4 * 5
    assert not failures
    assert bench.finished() == dict.fromkeys(targets, (True, None))


def test_a_wave_of_failures_counts_once_for_the_wait_that_follows() -> None:
    names = [f"{n}.com" for n in range(10)]
    bench = worked(Bench(answer=scripted([ReplyLost("reset")] * 10, serves(1)), targets=names, in_flight=10))
    assert bench.sent_at_s == [0] * 10 + [2] * 10


def test_a_provider_that_never_answers_stops_its_lane_soon_and_for_free() -> None:
    bench = worked(Bench(answer=fails(0, 1e9, not_connected, serves(1)), targets=["a.com", "b.com"]))
    assert bench.lane.stopped is not None
    assert (bench.lane.stopped.kind, bench.lane.stopped.why) == ("unreachable", "no route")
    assert 20 < bench.sent_at_s[-1] < 60
    assert (bench.lane.tally.requests, bench.lane.tally.units_in_doubt) == (0, 0)
    assert bench.lane.tally.retries == len(bench.sent)
    assert bench.desk.schedule.has_left


@pytest.mark.parametrize(
    "first",
    [
        reply({"message": "hello"}),  # cannot be read
        verdict(Action.SET_ASIDE),
        verdict(Action.SHRINK, units_left=15),
        verdict(Action.PAUSE),
    ],
)
def test_a_provider_that_has_answered_anything_is_waited_for_longer(first: Reply) -> None:
    away = fails(1, 100, not_connected, serves(0))
    bench = worked(Bench(answer=scripted([first], away), targets=["a.com", "b.com"], accounts=[100]))
    assert bench.lane.stopped is None
    assert bench.finished()["b.com"] == (True, None)


def test_an_outage_without_end_stops_the_lane_with_its_work_left() -> None:
    targets = [f"{n}.com" for n in range(5)]
    bench = worked(Bench(answer=fails(1, 1e9, broken, serves(2)), targets=targets, in_flight=2))
    assert bench.lane.stopped is not None
    assert bench.lane.stopped.kind == "unreachable"
    assert 7200 < bench.sent_at_s[-1] < 7200 + 120
    assert list(bench.finished()) == ["0.com", "1.com"]


def test_a_request_that_never_left_is_free_and_no_attempt() -> None:
    bench = worked(Bench(answer=scripted([None, *[ConnectFailed("no route")] * 9], serves(4))))
    assert bench.finished() == {"a.com": (True, None)}
    assert bench.lane.tally == Tally(requests=2, retries=9, rows=4, units_spent=40)


def test_a_reply_that_was_lost_may_have_been_billed() -> None:
    bench = worked(Bench(answer=scripted([ReplyLost("torn")], serves(1)), budget=100))
    assert bench.lane.tally == Tally(requests=2, retries=1, rows=1, units_spent=10, units_in_doubt=20)
    assert bench.budget_ledger.free_units == 70


def test_an_answer_that_does_not_say_what_it_cost_is_in_doubt() -> None:
    async def answer(request: Request) -> Reply:
        return page_of(request, 1, units=None)

    bench = worked(Bench(answer=answer))
    assert bench.lane.tally == Tally(requests=1, rows=1, units_in_doubt=20)
    failing = worked(Bench(answer=scripted([verdict(Action.SET_ASIDE, units=None)], serves(1))))
    assert failing.lane.tally == Tally(requests=1, units_in_doubt=20)


def test_an_answer_that_blames_the_request_sets_its_task_aside_and_the_rest_goes_on() -> None:
    blamed = verdict(Action.SET_ASIDE, why="HTTP 400: bad target", units=5)
    bench = worked(Bench(answer=scripted([blamed], serves(1)), targets=["a.com", "b.com"]))
    assert bench.finished() == {"a.com": (False, "HTTP 400: bad target"), "b.com": (True, None)}
    assert bench.lane.tally == Tally(requests=2, rows=1, units_spent=15)


def test_an_answer_that_cannot_be_read_sets_its_task_aside_in_doubt_and_is_kept() -> None:
    strange = scripted([reply({"message": "hello"})], serves(1))
    bench = worked(Bench(answer=strange, crops=[crop(captured="replies/x.jsonl.zst")], targets=["a.com", "b.com"]))
    assert bench.finished() == {
        "a.com": (False, "the provider's answer cannot be read: no rows in it"),
        "b.com": (True, None),
    }
    assert bench.lane.tally == Tally(requests=2, rows=1, units_spent=10, units_in_doubt=20)
    assert bench.rows("replies/x.jsonl.zst")[0]["body"] == '{"message":"hello"}'


@dataclass(frozen=True, kw_only=True)
class StumblingExchange(FakeExchange):
    """Fails on one answer, and states bills before a page is read."""

    def judge(self, step: Step, request: Request, reply: Reply) -> Verdict:
        found = super().judge(step, request, reply)
        return replace(found, units=parse(reply.body).get("stated", 0)) if found.action is Action.KEEP else found

    def read(self, step: Step, request: Request, reply: Reply) -> Page:
        if parse(reply.body).get("message") == "stumble":
            raise RecursionError("too deep")
        return super().read(step, request, reply)


def test_an_answer_that_a_providers_code_stumbles_over_costs_its_task_and_not_the_job() -> None:
    strange = scripted([reply({"message": "stumble"})], serves(1))
    bench = worked(Bench(answer=strange, crops=[crop(StumblingExchange())], targets=["a.com", "b.com"]))
    assert bench.finished() == {
        "a.com": (False, "the provider's answer cannot be read: RecursionError: too deep"),
        "b.com": (True, None),
    }
    assert bench.lane.tally.units_in_doubt == 20


@pytest.mark.parametrize(("stated", "spent", "in_doubt"), [(15, 15, 0), (0, 0, 20)])
def test_a_bill_is_booked_also_where_the_page_cannot_be_read(stated: int, spent: int, in_doubt: int) -> None:
    bench = worked(Bench(answer=scripted([reply({"stated": stated})], serves(1)), crops=[crop(StumblingExchange())]))
    assert bench.lane.tally == Tally(requests=1, units_spent=spent, units_in_doubt=in_doubt)


@pytest.mark.parametrize("answer", [reply({"stated": 5000}), verdict(Action.SET_ASIDE, why="400", units=5000)])
def test_any_bill_above_its_hold_stops_the_lane(answer: Reply) -> None:
    bench = Bench(answer=scripted([answer], serves(1)), crops=[crop(StumblingExchange())], targets=["a.com", "b.com"])
    worked(bench)
    assert bench.lane.stopped is not None
    assert bench.lane.stopped.kind == "prices"
    assert len(bench.sent) == 1


def test_a_secret_that_comes_out_of_an_answer_only_when_it_is_read_is_masked_all_the_same() -> None:
    answers = [verdict(Action.SET_ASIDE, why="no s3cret"), reply({"message": "s3cret"})]
    bench = Bench(
        answer=scripted(answers, serves(1)),
        crops=[crop(FakeExchange(record="s3cret"))],
        targets=["a.com", "b.com", "c.com"],
        mask=lambda data: data.replace(b"s3cret", b"***"),
    )
    worked(bench)
    assert bench.finished()["a.com"] == (False, "no ***")
    assert bench.rows()[0]["record"] == "***"


def test_a_wait_of_nothing_is_no_wait_that_was_asked_for() -> None:
    refused = verdict(Action.PAUSE, why="429", wait_s=0.0)
    bench = worked(Bench(answer=scripted([refused, refused], serves(1))))
    assert bench.sent_at_s == [0, 2, 5]


# The lane as a whole.


def test_a_refusal_pauses_the_whole_lane_and_one_wave_counts_once() -> None:
    targets = [f"{n}.com" for n in range(4)]
    refusals = [verdict(Action.PAUSE, why="HTTP 429")] * 12
    bench = worked(Bench(answer=scripted(refusals, serves(1)), targets=targets, in_flight=4))
    # Each wave takes 1 s; then nothing leaves for 1, 2, 4 s.
    assert bench.sent_at_s == [0] * 4 + [2] * 4 + [5] * 4 + [10] * 4
    assert bench.lane.tally == Tally(requests=16, retries=12, throttled=12, rows=4, units_spent=40)
    assert bench.finished() == dict.fromkeys(targets, (True, None))


def test_the_time_that_a_provider_asks_for_is_kept_to() -> None:
    bench = worked(Bench(answer=scripted([verdict(Action.PAUSE, wait_s=30.0)], serves(3)), targets=["a.com", "b.com"]))
    assert bench.sent_at_s[:2] == [0, 31]


def test_nothing_leaves_while_the_entry_of_a_refusal_waits_for_the_disk() -> None:
    class Full(MemoryStore):
        async def put(self, entry: Entry) -> None:
            await asyncio.sleep(10.0 if entry.tally.throttled else 0)
            await super().put(entry)

    refusal = scripted([verdict(Action.PAUSE, wait_s=30.0)], serves(2, latency_s=1.2))
    bench = worked(Bench(answer=refusal, targets=list("abcd"), store_type=Full, in_flight=2))
    assert [at_s for at_s in bench.sent_at_s if 1 < at_s < 31] == []


def test_refusals_without_end_stop_the_lane() -> None:
    async def answer(request: Request) -> Reply:
        return verdict(Action.PAUSE)

    bench = worked(Bench(answer=answer, in_flight=2))
    assert bench.lane.stopped is not None
    assert bench.lane.stopped.kind == "unreachable"
    assert 7200 < bench.sent_at_s[-1] < 7200 + 120


def test_a_refusal_teaches_the_gate_and_is_no_answer_to_learn_from() -> None:
    rule = RateRule(calls=10, window_s=1.0)
    bench = worked(Bench(answer=scripted([verdict(Action.PAUSE)] * 2, serves(0)), rate=rule))
    expected = Pace(rule)
    expected.refused(0.0, 1.0)
    expected.refused(2.0, 3.0)
    expected.answered(1.0, 6.0)  # the one that followed
    assert bench.gates[0].pace is not None
    assert bench.gates[0].pace.late_s == expected.late_s > Pace(rule).late_s
    assert bench.gates[0].pace.margin_s == expected.margin_s


def test_an_account_with_less_than_asked_is_asked_for_less() -> None:
    short = verdict(Action.SHRINK, why="12 units left", units_left=12)
    bench = worked(Bench(answer=scripted([short], serves(1)), accounts=[1000]))
    assert holds(bench) == [20, 10]
    assert bench.purses[0].account.free_units == 2
    assert bench.finished() == {"a.com": (True, None)}


def test_what_is_to_be_kept_on_the_account_is_not_asked_for() -> None:
    short = verdict(Action.SHRINK, why="15 units left", units_left=15)
    bench = worked(Bench(answer=scripted([short], serves(1)), accounts=[1000], keep_units=10))
    assert holds(bench) == [20]
    assert bench.lane.stopped is not None
    assert bench.lane.stopped.kind == "quota"
    assert "5 units are left on the account" in bench.lane.stopped.why


@pytest.mark.parametrize("units_left", [None, 0, 9])
def test_an_empty_account_stops_the_lane(units_left: int | None) -> None:
    async def answer(request: Request) -> Reply:
        return verdict(Action.SHRINK, units_left=units_left)

    bench = worked(Bench(answer=answer, targets=["a.com", "b.com"]))
    assert len(bench.sent) == 1
    assert bench.lane.stopped is not None
    assert bench.lane.stopped.kind == "quota"


@pytest.mark.parametrize(("units_left", "row_units", "keep"), [(20, 10, 0), (None, 0, 0), (None, 0, 7), (5, 0, 7)])
def test_a_refusal_that_an_account_cannot_be_the_reason_of_is_not_asked_again(
    units_left: int | None, row_units: int, keep: int
) -> None:
    async def answer(request: Request) -> Reply:
        return verdict(Action.SHRINK, why="over quota", units_left=units_left)

    @dataclass(frozen=True, kw_only=True)
    class Free(FakeExchange):
        def ask(self, step: Any) -> Request | None:
            return Request(path="/links", most_units=row_units * 2)

    bench = worked(Bench(answer=answer, crops=[crop(Free())], keep_units=keep))
    assert len(bench.sent) == 1
    assert bench.lane.stopped is not None
    assert (bench.lane.stopped.kind, bench.lane.stopped.why) == ("quota", "over quota")


def test_a_report_that_a_key_may_not_read_stops_and_the_others_go_on() -> None:
    async def answer(request: Request) -> Reply:
        name = "closed" if asked(request, "rows") == "3" else "open"
        return verdict(Action.STOP_REPORT, why="not in your plan") if name == "closed" else await serves(2)(request)

    crops = [crop(FakeExchange(page_rows=3), name="closed"), crop(name="open")]
    bench = worked(Bench(answer=answer, crops=crops, targets=["a.com", "b.com"]))
    assert bench.desk.schedule.stopped == {"closed": "not in your plan"}
    assert [line["harvest"] for line in bench.rows("tasks.jsonl")] == ["open", "open"]
    assert len(bench.sent) == 3
    assert bench.lane.stopped is None


def test_a_key_that_is_refused_stops_its_lane_and_another_takes_over() -> None:
    targets = [f"{n}.com" for n in range(6)]
    bench = Bench(answer=serves(2), targets=targets, accounts=[None, None])
    bench.transports[0].answer = scripted([None, verdict(Action.STOP_LANE, why="HTTP 401")], serves(2))
    worked(bench)
    first, second = bench.lanes
    assert first.stopped is not None
    assert (first.stopped.kind, first.stopped.why) == ("key", "HTTP 401")
    assert second.stopped is None
    assert len(bench.sent) == 2
    assert bench.finished() == dict.fromkeys(targets, (True, None))


def test_a_stop_holds_back_the_requests_that_stand_at_the_gate() -> None:
    stop = scripted([verdict(Action.STOP_LANE, why="HTTP 401")], serves(1))
    bench = worked(Bench(answer=stop, targets=list("abcd"), in_flight=4, rate=RateRule(calls=60, window_s=600)))
    assert len(bench.sent) == 1
    assert bench.desk.schedule.has_left


def test_a_bill_above_the_hold_stops_the_lane_and_its_rows_are_kept() -> None:
    async def answer(request: Request) -> Reply:
        return page_of(request, 4, units=21)

    bench = worked(Bench(answer=answer, targets=["a.com", "b.com"], budget=1000))
    assert bench.lane.stopped is not None
    assert bench.lane.stopped.kind == "prices"
    assert "billed 21 units, the price table says 20" in bench.lane.stopped.why
    assert len(bench.rows()) == 2
    assert bench.lane.tally.units_spent == 21
    assert len(bench.sent) == 1


# Money.


def test_work_that_does_not_fit_waits_for_held_units_to_come_back() -> None:
    targets = ["a.com", "b.com", "c.com"]
    bench = worked(Bench(answer=serves(1), targets=targets, in_flight=3, budget=40))
    assert bench.sent_at_s == [0, 0, 1]
    assert holds(bench) == [20, 20, 20]  # not shrunk to what is free for the moment
    assert bench.finished() == dict.fromkeys(targets, (True, None))


def test_a_budget_stops_the_lane_when_the_cheapest_request_does_not_fit() -> None:
    bench = worked(Bench(answer=serves(9), targets=["a.com", "b.com"], budget=55))
    assert bench.lane.stopped is not None
    assert bench.lane.stopped.kind == "budget"
    assert "5 units of the budget are left" in bench.lane.stopped.why
    assert len(bench.rows()) == 5
    assert holds(bench) == [20, 20, 10]


def test_a_key_without_units_leaves_the_work_to_another() -> None:
    targets = [f"{n}.com" for n in range(5)]
    bench = worked(Bench(answer=serves(3), targets=targets, in_flight=2, accounts=[0, None]))
    assert bench.finished() == dict.fromkeys(targets, (True, None))
    assert bench.sent == []
    assert [lane.stopped for lane in bench.lanes] == [None, None]


def test_keys_that_are_all_without_units_stop() -> None:
    bench = worked(Bench(answer=serves(3), targets=["a.com", "b.com", "c.com"], in_flight=2, accounts=[30, 45]))
    assert [lane.stopped.kind for lane in bench.lanes if lane.stopped] == ["quota", "quota"]
    assert [purse.account.free_units for purse in bench.purses] == [0, 5]


@settings(max_examples=60)
@given(
    account=st.integers(0, 200), rows=st.lists(st.integers(0, 7), min_size=1, max_size=6), in_flight=st.integers(1, 4)
)
def test_an_account_that_is_only_known_by_its_refusals_is_used_up_too(
    account: int, rows: list[int], in_flight: int
) -> None:
    left = [account]

    async def answer(request: Request) -> Reply:
        if request.most_units > left[0]:
            units_left = left[0]
            await asyncio.sleep(1.0)
            return verdict(Action.SHRINK, units_left=units_left)
        page = page_of(request, rows[int(asked(request, "target"))])
        left[0] -= 10 * len(parse(page.body)["rows"])
        await asyncio.sleep(1.0)
        return page

    bench = worked(Bench(answer=answer, targets=[str(n) for n in range(len(rows))], in_flight=in_flight))
    if bench.lane.stopped is None:
        assert len(bench.finished()) == len(rows)
    else:
        assert bench.lane.stopped.kind == "quota"
        assert left[0] < 10


@dataclass
class Till:
    """A provider's own count of what it charged; it bills what it likes, within the price of what was asked for."""

    rows: Mapping[str, int]
    faults: list[str]
    charged_units: int = 0
    number: Any = field(default_factory=count)

    async def answer(self, request: Request) -> Reply:
        number = next(self.number)
        await asyncio.sleep(0.1 * (number % 3))
        fault = self.faults[number] if number < len(self.faults) else ""
        if fault == "connect":
            raise ConnectFailed("no route")
        if fault == "refused":
            return verdict(Action.PAUSE)
        page = page_of(request, self.rows[asked(request, "target")])
        self.charged_units += 10 * len(parse(page.body)["rows"])
        if fault == "lost":
            raise ReplyLost("torn")
        return page


@settings(max_examples=100)
@given(
    units=st.tuples(st.none() | st.integers(0, 400), st.lists(st.none() | st.integers(0, 300), min_size=1, max_size=3)),
    rows=st.lists(st.integers(0, 7), min_size=1, max_size=6),
    least_rows=st.tuples(st.integers(1, 2), st.integers(1, 3)),
    in_flight=st.integers(1, 4),
    faults=st.lists(st.sampled_from(["", "", "lost", "connect", "refused"]), max_size=8),
)
def test_units_are_never_passed_and_used_up_to_the_cheapest_request(
    units: tuple[int | None, list[int | None]],
    rows: list[int],
    least_rows: tuple[int, int],
    in_flight: int,
    faults: list[str],
) -> None:
    names = {f"{number}.com": n for number, n in enumerate(rows)}
    till = Till(names, faults)
    bench = Bench(
        answer=till.answer,
        targets=list(names),
        crops=[crop(FakeExchange(page_rows=3, least_rows=least), name=str(least)) for least in set(least_rows)],
        in_flight=in_flight,
        budget=units[0],
        accounts=units[1],
        patience=Patience(attempts=20, first_contact_s=1e6),
    )
    worked(bench)
    spent = bench.budget_ledger.spent_units + bench.budget_ledger.in_doubt_units
    assert till.charged_units <= spent
    assert units[0] is None or spent <= units[0]
    for lane, purse, account in zip(bench.lanes, bench.purses, units[1], strict=True):
        used = lane.tally.units_spent + lane.tally.units_in_doubt
        assert account is None or used <= account
        assert purse.account.held_units == 0
    left = [line for line in bench.rows("tasks.jsonl") if not line["complete"]]
    assert left == []
    if len(bench.rows("tasks.jsonl")) == len(names) * len(bench.crops):
        assert [lane.stopped for lane in bench.lanes] == [None] * len(bench.lanes)
        return
    cheapest = 10 * min(least for least in set(least_rows) if is_left(bench, least))
    for lane, purse in zip(bench.lanes, bench.purses, strict=True):
        assert lane.stopped is not None
        account, budget = purse.account.free_units, purse.budget.free_units
        assert purse.free_units is not None
        assert purse.free_units < cheapest, "there was work that it could have done"
        is_quota = account is not None and (budget is None or account < budget)
        assert lane.stopped.kind == ("quota" if is_quota else "budget")


def is_left(bench: Bench, harvest: int) -> bool:
    """Whether a harvest has tasks that are not finished."""
    done = [line for line in bench.rows("tasks.jsonl") if line["harvest"] == str(harvest)]
    return len(done) < len(bench.targets)
