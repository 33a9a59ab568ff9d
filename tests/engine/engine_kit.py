"""Builders that the tests of the engine share: a small provider, entries, a lane with all its parts."""

import asyncio
import gzip
import io
import resource
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import zstandard

from harvester.codec import parse
from harvester.engine.checkpoint import SqliteCheckpoint, TargetLine, open_database, take_in
from harvester.engine.desk import Desk
from harvester.engine.gate import Gate
from harvester.engine.lane import Lane
from harvester.engine.ledger import Ledger, Purse
from harvester.engine.parts import LaneParts
from harvester.engine.ports import Entry, Hold, Lines, State, Store, Tally, Work
from harvester.engine.receipts import Receipts
from harvester.engine.render import TASKS, Crop
from harvester.engine.retry import Backoff, Patience
from harvester.engine.schedule import Schedule
from harvester.errors import UnknownReply, UnreadableRow
from harvester.model import Action, Forecast, Outlook, Page, RateRule, Reply, Request, Row, Step, Task, Verdict
from harvester.testing import EPOCH, FakeTransport, LoopClock, MemoryStore, reply

HARVEST = "links"
OUTPUT = "links.jsonl"
LANE = "acme"

MOST_REQUESTS = 1000

Answer = Callable[[Request], Awaitable[Reply]]


@dataclass(frozen=True, kw_only=True)
class FakeExchange:
    """Rows are numbers, `page_rows` at a time, paid by the row; a reply may say its verdict itself."""

    page_rows: int = 2
    row_units: int = 10
    least_rows: int = 1  #: fewer cannot be asked for
    targets_per_task: int = 1
    record: str = "backlink"

    def ask(self, step: Step) -> Request | None:
        rows = self.page_rows
        if step.allowance.rows is not None:
            rows = min(rows, step.allowance.rows)
        if step.allowance.units is not None:
            rows = min(rows, step.allowance.units // self.row_units)
        if rows < self.least_rows:
            return None
        return Request(
            path="/links",
            query=(("target", step.task.targets[0]), ("at", str(step.cursor.get("at", 0))), ("rows", str(rows))),
            most_units=rows * self.row_units,
            most_rows=rows,
        )

    def judge(self, step: Step, request: Request, reply: Reply) -> Verdict:
        verdict = parse(reply.body).get("verdict")
        return (
            Verdict(action=Action.KEEP) if verdict is None else Verdict(action=Action[verdict.pop("action")], **verdict)
        )

    def read(self, step: Step, request: Request, reply: Reply) -> Page:
        body = parse(reply.body)
        if "rows" not in body:
            raise UnknownReply("no rows in it")
        rows = [Row(step.task.targets[n % len(step.task.targets)], n) for n in body.pop("rows")]
        units = body.pop("units", len(rows) * self.row_units)
        return Page(rows=rows, next=body.pop("next"), units=units, **body)

    def record_of(self, row: Row, arrived_at: datetime) -> dict[str, Any]:
        if row.data < 0:
            raise UnreadableRow("a negative number")
        return {"number": row.data}

    def forecast(self, outlook: Outlook | None = None) -> Forecast:
        return Forecast(least_requests=1, most_requests=None, least_units=self.row_units, most_units=None)


def asked(request: Request, name: str) -> str:
    """Return one parameter of a request."""
    return dict(request.query)[name]


def serves(rows: int | Mapping[str, int], latency_s: float = 1.0) -> Answer:
    """Return a provider that has so many rows for each target."""

    async def answer(request: Request) -> Reply:
        await asyncio.sleep(latency_s)
        return page_of(request, rows if isinstance(rows, int) else rows[asked(request, "target")])

    return answer


def page_of(request: Request, rows: int, **more: object) -> Reply:
    """Return the page that a request asks for, of so many rows."""
    at = int(asked(request, "at"))
    end = min(rows, at + int(asked(request, "rows")))
    return reply({"rows": list(range(at, end)), "next": {"at": end} if end < rows else None, **more})


def verdict(action: Action, **more: object) -> Reply:
    """Return a reply that says what it means."""
    return reply({"verdict": {"action": action.name, **more}}, status=500)


def scripted(answers: Sequence[Reply | Exception | None], rest: Answer) -> Answer:
    """Return a provider whose first answers are given (None = as usual); then it serves as usual."""
    left = list(answers)

    async def answer(request: Request) -> Reply:
        first = left.pop(0) if left else None
        if first is None:
            return await rest(request)
        await asyncio.sleep(1.0)
        if isinstance(first, Exception):
            raise first
        return first

    return answer


def task(target: str, harvest: str = HARVEST) -> Task:
    """Return a task whose id is easy to read."""
    return Task(id=f"{harvest}/{target}", harvest=harvest, targets=(target,))


def crop(exchange: FakeExchange | None = None, **more: Any) -> Crop:
    """Return a harvest as the engine sees it."""
    settings: dict[str, Any] = {"name": HARVEST, "output": OUTPUT, **more}
    return Crop(
        provider="acme", report="backlinks", scope="subdomains", exchange=exchange or FakeExchange(), **settings
    )


@dataclass(kw_only=True)
class Bench:
    """A provider's lanes with fake surroundings; `run` works until they end."""

    answer: Answer
    targets: Sequence[str] = ("a.com",)
    crops: Sequence[Crop] = field(default_factory=lambda: [crop()])
    in_flight: int = 1
    budget: int | None = None
    accounts: Sequence[int | None] = (None,)  #: one lane for each
    rate: RateRule | None = None
    keep_units: int = 0
    store_type: type[MemoryStore] = MemoryStore
    store: Store | None = None  #: in place of the one in memory
    earlier: Tally = field(default_factory=Tally)  #: what earlier runs counted
    patience: Patience = field(default_factory=Patience)
    hold_ids: Iterator[int] = field(default_factory=lambda: count(1))
    mask: Callable[[bytes], bytes] = bytes
    receipts: Receipts | None = None

    def __post_init__(self) -> None:
        self.memory = self.store_type({c.name: [Work(task=item) for item in self._tasks(c)] for c in self.crops})
        self.clock = LoopClock()
        store = self.store or self.memory
        self.desk = Desk(Schedule([c.name for c in self.crops]), store, self.clock, facts={}, block=4)
        self.budget_ledger = Ledger(
            self.budget, spent_units=self.earlier.units_spent, in_doubt_units=self.earlier.units_in_doubt
        )
        self.transports = [FakeTransport(self.answer_unless_endless) for _ in self.accounts]
        self.purses = [Purse(self.budget_ledger, Ledger(units)) for units in self.accounts]
        self.gates = [Gate(self.rate, self.clock, is_fresh=True) for _ in self.accounts]
        self.lanes = [Lane(self._parts(number)) for number in range(len(self.accounts))]

    async def answer_unless_endless(self, request: Request) -> Reply:
        """Ask the provider; a lane that asks for ever fails its test instead of hanging it."""
        assert sum(len(transport.sent) for transport in self.transports) < MOST_REQUESTS, (
            "this lane does not come to an end"
        )
        return await self.answer(request)

    def _tasks(self, of: Crop) -> list[Task]:
        size = of.exchange.targets_per_task
        batches = [tuple(self.targets[at : at + size]) for at in range(0, len(self.targets), size)]
        return [replace(task(names[0], of.name), targets=names) for names in batches]

    def _parts(self, number: int) -> LaneParts:
        return LaneParts(
            name=LANE if number == 0 else f"{LANE}#{number + 1}",
            said=lambda units: f"{units} units",
            in_flight=self.in_flight,
            keep_units=self.keep_units,
            desk=self.desk,
            gate=self.gates[number],
            purse=self.purses[number],
            store=self.store or self.memory,
            transport=self.transports[number],
            clock=self.clock,
            crops={c.name: c for c in self.crops},
            hold_ids=self.hold_ids,
            jitter=lambda: 1.0,
            mask=self.mask,
            receipts=self.receipts,
            backoff=Backoff(),
            patience=self.patience,
        )

    @property
    def lane(self) -> Lane:
        """The first lane."""
        return self.lanes[0]

    @property
    def sent(self) -> list[tuple[float, Request]]:
        """When the first lane sent what."""
        return self.transports[0].sent

    @property
    def sent_at_s(self) -> list[float]:
        """When the first lane sent something, to the millisecond."""
        return [round(at_s, 3) for at_s, _ in self.sent]

    def rows(self, output: str = OUTPUT) -> list[dict[str, Any]]:
        """Return the lines written to an output."""
        return [parse(line) for line in self.memory.lines(output).splitlines()]

    def finished(self) -> dict[str, tuple[bool, str | None]]:
        """Return the finished tasks: whether each is complete, and the remark on it."""
        return {line["target"]: (line["complete"], line["reason"]) for line in self.rows(TASKS)}

    def check_books(self) -> None:
        """Assert that every hold was ended once, all work was given back, and purse and tally agree."""
        began = [entry.hold.id for entry in self.memory.entries if entry.hold is not None]
        ended = [entry.settles for entry in self.memory.entries if entry.settles is not None]
        assert sorted(began) == sorted(ended)
        assert self.desk.schedule.busy == 0
        tally = sum((lane.tally for lane in self.lanes), Tally())
        assert sum((entry.tally for entry in self.memory.entries), Tally()) == tally
        assert self.budget_ledger.held_units == 0
        assert self.budget_ledger.spent_units == tally.units_spent
        assert self.budget_ledger.in_doubt_units == tally.units_in_doubt


def hold_entry(number: int, target: str, *, units: int = 20, lane: str = LANE, at: datetime = EPOCH) -> Entry:
    """Return the entry of a request that is about to leave."""
    return Entry(lane=lane, at=at, hold=Hold(number, lane, f"{HARVEST}/{target}", units))


def row_lines(*numbers: int, output: str = OUTPUT) -> tuple[Lines, ...]:
    """Return lines that hold a number each."""
    return (Lines(output, b"".join(b'{"n":%d}\n' % number for number in numbers), len(numbers)),)


@contextmanager
def checkpoint_in(
    directory: Path, *, most_targets: int | None = None, sources: Mapping[str, str] | None = None
) -> Iterator[SqliteCheckpoint]:
    """Open a job's state."""
    db = open_database(directory)
    try:
        yield SqliteCheckpoint(db, most_targets=most_targets, sources=sources or {})
    finally:
        db.close()


@contextmanager
def files_no_larger_than(most_bytes: int) -> Iterator[None]:
    """Let writes beyond a length fail, as on a disk that broke."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def take_names(db: sqlite3.Connection, *names: str, may_lack: bool = False) -> None:
    """Read a list of names into a job's state."""
    take_in(db, ["subdomains"], [TargetLine([name], None) for name in names], may_lack=may_lack)


def is_finished(work: Work) -> bool:
    """Whether a task is done."""
    return work.state not in (State.WAITING, State.OPEN)


def unpacked(path: Path) -> bytes:
    """Return what an output file holds, decompressed."""
    packed = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(packed)
    if path.suffix == ".zst":
        with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(packed), read_across_frames=True) as stream:
            return stream.read()
    return packed
