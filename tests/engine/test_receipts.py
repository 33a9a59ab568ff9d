"""What a lost reply cost is asked of the provider, where it keeps a list."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from engine_kit import LANE, Bench, scripted, serves, verdict

from harvester.codec import parse
from harvester.engine.ports import Tally
from harvester.engine.receipts import LOOKS_S, Receipts
from harvester.errors import ReplyLost, UnknownReply
from harvester.model import Action, ReceiptCall, Reply, Request
from harvester.testing import EPOCH, LoopClock, reply, run_in_virtual_time

LIST = "/list"


def mark(request: Request, text: str) -> Request:
    return replace(request, headers={"tag": text})


def ask(left_at: datetime, now: datetime) -> Request:
    return Request(path=LIST, query=(("from", left_at.isoformat()), ("to", now.isoformat())))


def read(answer: Reply, text: str) -> int | None:
    listed = parse(answer.body)
    if not isinstance(listed, dict):
        raise UnknownReply("no list")
    units: int | None = listed.get(text)
    return units


CALL = ReceiptCall(mark=mark, ask=ask, read=read)
LOST = ReplyLost("gone")


class Provider:
    """Loses its first replies; its list shows what `lists` says, look by look."""

    def __init__(self, lost: Sequence[Reply | Exception | None], lists: Sequence[object | Exception]) -> None:
        self.paid = scripted(lost, serves(1))
        self.lists = list(lists)
        self.marks: list[str] = []

    async def answer(self, request: Request) -> Reply:
        if request.path != LIST:
            self.marks.append(request.headers["tag"])
            return await self.paid(request)
        listed = self.lists.pop(0)
        if isinstance(listed, Exception):
            raise listed
        return reply({self.marks[-1]: listed} if isinstance(listed, int) else listed)


def worked(provider: Provider, targets: Sequence[str] = ("a.com",)) -> Bench:
    bench = Bench(answer=provider.answer, targets=targets, receipts=Receipts(call=CALL, run="run", clock=LoopClock()))
    run_in_virtual_time(bench.lane.run())
    bench.check_books()
    return bench


def test_a_lost_reply_that_was_billed_costs_its_bill_and_is_not_in_doubt() -> None:
    provider = Provider([LOST], [7])
    bench = worked(provider)
    assert bench.lane.tally == Tally(requests=2, retries=1, rows=1, units_spent=7 + 10)
    assert bench.finished() == {"a.com": (True, None)}


def test_every_request_that_leaves_has_a_mark_of_its_own() -> None:
    provider = Provider([LOST, LOST], [0, 0])
    worked(provider, ["a.com", "b.com"])
    assert provider.marks == ["run-1", "run-2", "run-3", "run-4"]


def test_a_task_that_the_list_shows_late_is_found_by_a_later_look() -> None:
    bench = worked(Provider([LOST], [{}, ReplyLost("again"), 7]))
    assert bench.lane.tally.units_spent == 17
    assert bench.lane.tally.units_in_doubt == 0
    looks = [at_s for at_s, request in bench.sent if request.path == LIST]
    assert [round(b - a, 3) for a, b in pairwise(looks)] == list(LOOKS_S[1:])


@pytest.mark.parametrize("lists", [[{}, {}, {}], [{}, "no list", {}], [LOST, LOST, LOST]])
def test_what_the_list_does_not_show_stays_in_doubt(lists: Sequence[object | Exception]) -> None:
    bench = worked(Provider([LOST], lists))
    assert bench.lane.tally == Tally(requests=2, retries=1, rows=1, units_spent=10, units_in_doubt=20)


@pytest.mark.parametrize("answer", [verdict(Action.AGAIN, units=None), reply({"no": "rows"})])
def test_any_answer_without_a_bill_is_looked_up(answer: Reply) -> None:
    bench = worked(Provider([answer], [3]))
    assert bench.lane.tally.units_in_doubt == 0
    assert bench.lane.tally.units_spent >= 3


def test_the_list_is_asked_for_the_time_from_when_the_request_could_leave() -> None:
    bench = worked(Provider([None, LOST], [0]), ["a.com", "b.com"])
    (query,) = [dict(request.query) for _, request in bench.sent if request.path == LIST]
    left = next(at_s for at_s, request in bench.sent if request.headers.get("tag") == "run-2")
    assert (
        datetime.fromisoformat(query["from"]) <= EPOCH + timedelta(seconds=left) < datetime.fromisoformat(query["to"])
    )


def test_a_stop_is_not_kept_waiting_by_the_list() -> None:
    async def story(answer: Callable[[Request], Awaitable[Reply]]) -> Bench:
        bench = Bench(answer=answer, receipts=Receipts(call=CALL, run="run", clock=LoopClock()))
        async with asyncio.TaskGroup() as group:
            group.create_task(bench.lane.run())
            await asyncio.sleep(1.5)  # the reply is lost after 1 s, the first look is after 2 s
            bench.lane.ask_to_stop()
        return bench

    bench = run_in_virtual_time(story(Provider([LOST], []).answer))
    bench.check_books()
    assert bench.lane.tally.units_in_doubt == 20
    assert [request.path for _, request in bench.sent] == ["/links"]
    assert bench.lane.name == LANE
