"""Where the time of one page goes: each step by itself, many times over, in microseconds."""

import asyncio
import gc
import timeit
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from time import perf_counter

from benchmarks.pages import CASES, Bench, Case, job_of, prepared
from benchmarks.stage import aliases
from benchmarks.table import Figure
from harvester.assembly.crops import crops_of
from harvester.config import load
from harvester.engine.checkpoint import SqliteCheckpoint, TargetLine, open_database, take_in
from harvester.engine.finding import find
from harvester.engine.ports import Entry, Hold, Lines, Question, State, Tally, Work
from harvester.engine.render import Crop
from harvester.engine.sink import JsonLines
from harvester.engine.transport import Address, HttpTransport, http_transport
from harvester.job import Job, compile_job
from harvester.model import Credential, Reply, Step
from harvester.testing import LoopClock

_LANE = "lane"
_GROUP = 16  #: entries that are committed together when as many requests are open


def each_us(work: Callable[[], object], times: int) -> float:
    """Return how long a piece of work takes, as the best of five."""
    return min(timeit.repeat(work, setup=gc.enable, number=times, repeat=5)) / times * 1e6  # as in a run, with gc


async def each_async_us(work: Callable[[], Awaitable[object]], times: int) -> float:
    """Return the same of work that is awaited."""
    best_s = float("inf")
    for _ in range(5):
        began_s = perf_counter()
        for _ in range(times):
            await work()
        best_s = min(best_s, perf_counter() - began_s)
    return best_s / times * 1e6


def figures(folder: Path, is_quick: bool) -> Iterator[Figure]:
    """Measure the steps of a page of each provider; quickly: of one."""
    cases = [case for case in CASES if case.rows == 100]
    for case in cases[:1] if is_quick else cases:
        with prepared(case, folder / case.provider) as bench:
            yield from _steps(bench, 20 if is_quick else 300)


def _steps(bench: Bench, times: int) -> Iterator[Figure]:
    named = f"{bench.case.name}: "
    crop, question, sent_us = asyncio.run(_sent(bench, _job(bench.case, bench), times))
    raw, exchange = replace(crop, is_raw=True), crop.exchange
    work, step, request, reply = question.work, question.step, question.request, question.reply
    page = exchange.read(step, request, reply)
    yield Figure(f"{named}sent, answered and received (the server's part included)", sent_us, "µs")
    yield Figure(f"{named}asked for", each_us(lambda: exchange.ask(step), times), "µs")
    twin = replace(reply, body=bytes(bytearray(reply.body)))  # parsed anew each time: only one is kept
    replies = cycle((reply, twin))
    judged_us = each_us(lambda: exchange.judge(step, request, next(replies)), times)
    yield Figure(f"{named}parsed and judged", judged_us, "µs")
    read_us = each_us(lambda: exchange.read(step, request, reply), times)
    yield Figure(f"{named}read: rows, cursor, bill", read_us, "µs", note="parsed already")
    raw_us = each_us(lambda: raw.page_lines(work, page, reply), times)
    yield Figure(f"{named}written as raw lines", raw_us, "µs")
    record_us, rows = each_us(lambda: crop.page_lines(work, page, reply), times), len(page.rows)
    yield Figure(f"{named}mapped and written as records", record_us, "µs", note=f"{record_us / rows:.1f} a row")
    for name, each in (("raw", raw), ("record", crop)):
        yield from _stored(bench.folder / name, f"{named}{name}: ", find(each, question).lines, work, times)


def _job(case: Case, bench: Bench) -> Job:
    job = job_of(case, bench.stage, bench.folder / "steps", "record", aliases(1))
    return compile_job(load(job.written()), datetime.now(UTC).date())


async def _sent(bench: Bench, job: Job, times: int) -> tuple[Crop, Question, float]:
    account = bench.stage.accounts[bench.case.provider]
    (crop,) = crops_of(job).values()
    work = Work.of(crop.name, (aliases(1)[0],), {})
    step = Step(task=work.task)
    request = crop.exchange.ask(step)
    assert request is not None
    address = Address(base_url=str(account["base_url"]), timeout_s=60.0, in_flight=1, user_agent="harvester")
    credential = Credential(key=str(account["key"]), login=account["login"])
    sign = job.accounts[bench.case.provider].provider.sign

    async def send(transport: HttpTransport) -> Reply:
        return await transport.send(request)

    async with http_transport(address, credential, sign, LoopClock()) as transport:
        reply = await send(transport)
        sent_us = await each_async_us(lambda: send(transport), times)
    return crop, Question(work=work, step=step, request=request, reply=reply), sent_us


def _stored(folder: Path, named: str, lines: tuple[Lines, ...], work: Work, times: int) -> Iterator[Figure]:
    folder.mkdir()
    outputs = [each.output for each in lines]
    sink = JsonLines(folder, {}, outputs)
    with closing(sink):
        alone_us = each_us(lambda: sink.write(lines), times)
        together_us = each_us(lambda: sink.write(lines * _GROUP), max(1, times // _GROUP)) / _GROUP
    yield Figure(f"{named}appended and forced to disk", alone_us, "µs", note=_in_a_group(together_us))
    with closing(open_database(folder)) as db:
        checkpoint = SqliteCheckpoint(db)
        take_in(db, ["subdomains"], [TargetLine([f"t{n}.example"], None) for n in range(_GROUP)], may_lack=False)
        checkpoint.begin([(work.task.harvest, "subdomains", 1)], [(_LANE, "provider")], outputs=outputs)
        works = checkpoint.draw(work.task.harvest, _GROUP)
        alone_us = each_us(lambda: _book(checkpoint, works[:1], lines), times)
        together_us = each_us(lambda: _book(checkpoint, works, lines), max(1, times // _GROUP)) / _GROUP
    yield Figure(f"{named}held, then billed and marked", alone_us, "µs", note=_in_a_group(together_us))


def _in_a_group(us: float) -> str:
    return f"{us:.0f} each in a group of {_GROUP}"


def _book(checkpoint: SqliteCheckpoint, works: list[Work], lines: tuple[Lines, ...]) -> None:
    """Commit the holds of some requests, and then what they brought."""
    at = datetime.now(UTC)
    going = [replace(work, state=State.OPEN) for work in works]
    holds = [Hold(number, _LANE, work.task.id, 100) for number, work in enumerate(going, start=1)]
    checkpoint.commit(
        [Entry(lane=_LANE, at=at, hold=hold, work=work) for hold, work in zip(holds, going, strict=True)], {}
    )
    tally = Tally(requests=1, rows=100, units_spent=100)
    bills = [
        Entry(lane=_LANE, at=at, settles=hold.id, tally=tally, work=work, lines=lines)
        for hold, work in zip(holds, going, strict=True)
    ]
    checkpoint.commit(bills, {lines[0].output: 1})
