"""One key's work: hold, gate, exchange, verdict, store.

A lane runs as many workers as requests may be open at once. A worker takes a task, makes one request of it, and
gives the task back; so the schedule decides anew before each request, and nothing but the task's cursor passes
from one page to the next.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from harvester.engine.desk import Desk
from harvester.engine.gate import Gate
from harvester.engine.ledger import Purse
from harvester.engine.ports import Clock, Entry, Hold, Lines, State, Store, Tally, Transport, Work
from harvester.engine.render import Crop
from harvester.engine.retry import Backoff, Health, Patience
from harvester.errors import ConnectFailed, GateShut, ReplyLost, UnknownReply
from harvester.model import Action, Allowance, Page, Reply, Request, Step, Verdict

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a lane stopped with work left."""

    kind: str  #: "budget", "quota", "key", "prices" or "unreachable"
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneParts:
    """What a lane is made of."""

    name: str
    in_flight: int
    keep_units: int  #: left on the account, whatever happens
    desk: Desk
    gate: Gate
    purse: Purse
    store: Store
    transport: Transport
    clock: Clock
    crops: Mapping[str, Crop]
    hold_ids: Iterator[int]
    jitter: Callable[[], float]  #: returns 0..1
    backoff: Backoff = field(default_factory=Backoff)
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that has its hold."""

    work: Work
    step: Step
    request: Request
    hold: Hold
    crop: Crop


class Lane:
    """Everything that runs for one key."""

    def __init__(self, parts: LaneParts, tally: Tally) -> None:
        """`tally`: what the lane has counted in earlier runs of the job."""
        self._parts = parts
        self._health = Health(parts.patience)
        self.tally = tally
        self.open_requests = 0
        self.stopped: Stop | None = None
        self._is_asked_to_stop = False

    @property
    def name(self) -> str:
        """Name of the lane: the provider's, numbered where it has several keys."""
        return self._parts.name

    async def run(self) -> None:
        """Work until nothing is left that this key can do. Raises StorageError."""
        async with asyncio.TaskGroup() as workers:
            for number in range(self._parts.in_flight):
                workers.create_task(self._work(), name=f"{self.name}-{number}")
        if self.stopped is None and not self._is_asked_to_stop and self._parts.desk.schedule.has_parked:
            self._stop(self._out_of_units())

    def ask_to_stop(self) -> None:
        """Send nothing new; what is open is awaited and stored."""
        self._is_asked_to_stop = True
        self._parts.gate.shut()
        self._parts.desk.tell()

    def _is_open(self) -> bool:
        return self.stopped is None and not self._is_asked_to_stop

    async def _work(self) -> None:
        while (work := await self._parts.desk.take(self._is_open)) is not None:
            await self._advance(work)

    async def _advance(self, work: Work) -> None:
        """Make one request of a task, and give the task back."""
        purse, crop = self._parts.purse, self._parts.crops[work.task.harvest]
        rows_left = None if crop.max_rows is None else crop.max_rows - work.rows
        # Asked for what may become free, not for what is free now: a page that shrinks only because other holds
        # are open would pay a price per request for a few rows. If it does not fit yet, it waits.
        allowance = Allowance(units=purse.reachable_units, rows=rows_left, facts=dict(self._parts.desk.facts))
        step = Step(task=work.task, cursor=work.cursor, allowance=allowance)
        request = crop.exchange.ask(step)
        if request is None or not purse.fits(request.most_units):
            self._parts.desk.park(work)
            return
        hold = Hold(next(self._parts.hold_ids), self.name, work.task.id, request.most_units)
        purse.hold(hold.units)
        asked = _Asked(replace(work, state=State.OPEN), step, request, hold, crop)
        await self._parts.store.commit(Entry(lane=self.name, at=self._now(), hold=hold, work=asked.work))
        await self._exchange(asked)

    async def _exchange(self, asked: _Asked) -> None:
        try:
            async with self._parts.gate.passage():
                reply = await self._send(asked.request)
        except GateShut:
            await self._settle(asked, Tally())
            self._parts.desk.go_on(asked.work)
        except ConnectFailed as exc:
            await self._settle(asked, Tally(retries=1))
            self._failed(asked, str(exc), is_blamed=False)
        except ReplyLost as exc:
            tally = Tally(requests=1, retries=1, units_in_doubt=asked.hold.units)
            await self._fail_task(asked, tally, str(exc))
        else:
            await self._judge(asked, reply)

    async def _send(self, request: Request) -> Reply:
        self.open_requests += 1
        began_s = self._parts.clock.monotonic_s()
        try:
            reply = await self._parts.transport.send(request)
        finally:
            self.open_requests -= 1
        if self._parts.gate.pace is not None:
            self._parts.gate.pace.answered(self._parts.clock.monotonic_s() - began_s)
        return reply

    async def _judge(self, asked: _Asked, reply: Reply) -> None:
        verdict = asked.crop.exchange.judge(asked.step, asked.request, reply)
        if verdict.action is Action.KEEP:
            await self._keep(asked, reply)
            return
        log.warning("%s %s: HTTP %d: %s", self.name, asked.work.task.id, reply.status, verdict.why)
        is_throttled = verdict.action is Action.PAUSE
        tally = Tally(
            requests=1,
            throttled=int(is_throttled),
            retries=int(is_throttled or verdict.action is Action.AGAIN),
            units_spent=verdict.units or 0,
            units_in_doubt=asked.hold.units if verdict.units is None else 0,
        )
        if verdict.action is Action.AGAIN:
            await self._fail_task(asked, tally, verdict.why)
        elif verdict.action is Action.SET_ASIDE:
            self._health.answered()
            await self._set_aside(asked, tally, verdict.why)
        else:
            await self._settle(asked, tally)
            self._obey(asked, verdict)
            self._parts.desk.go_on(asked.work)

    def _obey(self, asked: _Asked, verdict: Verdict) -> None:
        """Do what a verdict on the lane or the report says."""
        if verdict.action is Action.PAUSE:
            self._pause(verdict.wait_s)
            return
        self._health.answered()
        match verdict.action:
            case Action.SHRINK:
                self._shrink(asked.request, verdict)
            case Action.STOP_REPORT:
                self._parts.desk.schedule.stop_harvest(asked.crop.name, verdict.why)
            case _:
                self._stop(Stop("key", verdict.why))

    async def _keep(self, asked: _Asked, reply: Reply) -> None:
        """Store a page."""
        try:
            page = asked.crop.exchange.read(asked.step, asked.request, reply)
        except UnknownReply as exc:
            log.warning("%s %s: %s", self.name, asked.work.task.id, exc)
            self._health.answered()
            tally = Tally(requests=1, units_in_doubt=asked.hold.units)
            await self._set_aside(asked, tally, f"the provider's answer cannot be read: {exc}")
            return
        self._health.answered()
        self._parts.desk.learn(page.learnt)
        work = _after(asked, page)
        lines = asked.crop.page_lines(asked.work, page, reply)
        if work.state.is_finished:
            lines = (*lines, asked.crop.task_line(work, reply.arrived_at))
        units = page.units
        tally = Tally(
            requests=1,
            rows=len(page.rows),
            units_spent=units or 0,
            units_in_doubt=asked.hold.units if units is None else 0,
        )
        await self._settle(asked, tally, work=work, lines=lines, learnt=page.learnt)
        if units is not None and units > asked.hold.units:
            self._stop(Stop("prices", f"a request was billed {units} units, the price table says {asked.hold.units}"))
        if work.state.is_finished:
            self._parts.desk.finish()
        else:
            self._parts.desk.go_on(work)

    async def _settle(
        self,
        asked: _Asked,
        tally: Tally,
        *,
        work: Work | None = None,
        lines: tuple[Lines, ...] = (),
        learnt: Mapping[str, int] | None = None,
    ) -> None:
        """End a hold with all it brought; durable before anything that follows it in the store."""
        self._parts.purse.settle(asked.hold.units, spent_units=tally.units_spent, in_doubt_units=tally.units_in_doubt)
        self.tally += tally
        entry = Entry(
            lane=self.name,
            at=self._now(),
            settles=asked.hold.id,
            tally=tally,
            work=work,
            lines=lines,
            learnt=learnt or {},
        )
        await self._parts.store.put(entry)
        self._parts.desk.units_back()

    async def _fail_task(self, asked: _Asked, tally: Tally, why: str) -> None:
        """Try a request again, or set its task aside when that has not helped."""
        work = asked.work.failed()
        if work.attempts < self._parts.patience.attempts or self._health.is_outage():
            await self._settle(asked, tally)
            self._failed(replace(asked, work=work), why, is_blamed=True)
            return
        log.warning("%s %s: %s", self.name, work.task.id, why)
        self._health.failed(work.task.id, self._parts.clock.monotonic_s())
        await self._set_aside(asked, tally, f"given up after {work.attempts} attempts: {why}")

    def _failed(self, asked: _Asked, why: str, *, is_blamed: bool) -> None:
        """Give work back for another attempt; close the gate where the provider is to blame and not the task."""
        now_s = self._parts.clock.monotonic_s()
        log.warning("%s %s: %s", self.name, asked.work.task.id, why)
        self._health.failed(asked.work.task.id, now_s)
        if self._health.is_hopeless(now_s):
            self._stop(Stop("unreachable", why))
        is_outage = not is_blamed or self._health.is_outage()
        num = self._health.failures if is_outage else max(1, asked.work.attempts)
        delay_s = self._parts.backoff.delay_s(num, self._parts.jitter)
        if is_outage:
            self._parts.gate.close_for(delay_s)
        self._parts.desk.retry(asked.work, delay_s)

    def _pause(self, wait_s: float | None) -> None:
        """Close the gate after a refusal; refusals of one wave count once."""
        gate, now_s = self._parts.gate, self._parts.clock.monotonic_s()
        if gate.closed_s <= 0:
            self._health.refused(now_s)
            if gate.pace is not None:
                gate.pace.refused()
        if self._health.is_hopeless(now_s):
            self._stop(Stop("unreachable", "the provider refused every request as too many"))
        gate.close_for(self._parts.backoff.ceiling_s(self._health.refusals) if wait_s is None else wait_s)

    def _shrink(self, request: Request, verdict: Verdict) -> None:
        """Believe what the account says it has left, or stop if that cannot be the reason."""
        left_units = verdict.units_left or 0
        if request.most_units <= left_units - self._parts.keep_units:
            self._stop(Stop("quota", verdict.why))
            return
        self._parts.purse.account.lower(max(0, left_units - self._parts.keep_units))

    async def _set_aside(self, asked: _Asked, tally: Tally, why: str) -> None:
        work = replace(asked.work, state=State.SET_ASIDE, reason=why)
        await self._settle(asked, tally, work=work, lines=(asked.crop.task_line(work, self._now()),))
        self._parts.desk.finish()

    def _stop(self, stop: Stop) -> None:
        if self.stopped is None:
            log.error("%s stops: %s: %s", self.name, stop.kind, stop.why)
            self.stopped = stop
        self._parts.gate.shut()
        self._parts.desk.tell()

    def _out_of_units(self) -> Stop:
        budget, account = self._parts.purse.budget.free_units, self._parts.purse.account.free_units
        if account is not None and (budget is None or account < budget):
            return Stop(
                "quota", f"{account} units are left on the account above what is to be kept: too few for any request"
            )
        return Stop("budget", f"{budget} units of the budget are left: too few for any request")

    def _now(self) -> datetime:
        return self._parts.clock.utc()


def _after(asked: _Asked, page: Page) -> Work:
    """Return the work as it stands after a page."""
    next_cursor, reason = page.next, page.incomplete
    if next_cursor is not None and dict(next_cursor) == dict(asked.step.cursor):
        # The last guard against paying for one page for ever, whatever a provider's code thinks.
        next_cursor, reason = None, "the next page would be this one again"
    reason = asked.work.reason or reason
    finished = State.COMPLETE if reason is None else State.INCOMPLETE
    return replace(
        asked.work,
        cursor=next_cursor or {},
        state=State.OPEN if next_cursor is not None else finished,
        pages=asked.work.pages + 1,
        rows=asked.work.rows + len(page.rows),
        units=asked.work.units + (page.units or 0),
        reason=reason,
        note=page.note,
        attempts=0,
    )
