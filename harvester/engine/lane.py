"""One key's work: hold, gate, exchange, verdict, store.

A lane runs as many workers as requests may be open at once. A worker takes a task, makes one request of it, and
gives the task back; so the schedule decides anew before each request, and nothing but the task's cursor passes
from one page to the next.
"""

import asyncio
import logging
from collections import Counter
from dataclasses import replace
from datetime import datetime

from harvester.engine.exchange import Asked, Brought
from harvester.engine.parts import LaneParts
from harvester.engine.ports import (
    Entry,
    Finding,
    Hold,
    Lines,
    Question,
    State,
    Stop,
    Tally,
    Work,
)
from harvester.engine.retry import Health
from harvester.engine.seeding import without_secrets
from harvester.errors import ConnectFailed, GateShut, ReplyLost
from harvester.model import Action, Allowance, Balance, Reply, Request, Step, Verdict

log = logging.getLogger(__name__)

#: A batch that is refused is halved until the targets are found that cannot be asked about. After so many targets
#: without one page the harvest itself is at fault, and no batch of it is worth further requests.
MOST_REFUSED_IN_A_ROW = 20


class Lane:
    """Everything that runs for one key."""

    def __init__(self, parts: LaneParts) -> None:
        self._parts = parts
        self._health = Health(parts.patience)
        self.tally = Tally()  #: of this run
        self.open_requests = 0
        self.last_end_s: float | None = None  #: monotonic, when the last exchange was over
        self.stopped: Stop | None = None
        self._is_asked_to_stop = False
        self._is_out_of_units = False
        self._refused_in_a_row: Counter[str] = Counter()  #: by harvest
        self._told = ""  #: what the provider said when it had too few units left

    @property
    def name(self) -> str:
        """Name of the lane: the provider's, numbered where it has several keys."""
        return self._parts.name

    async def run(self) -> None:
        """Work until nothing is left that this key can do. Raises StorageError."""
        self._parts.desk.join(self.name)
        try:
            async with asyncio.TaskGroup() as workers:
                for number in range(self._parts.in_flight):
                    workers.create_task(self._work(), name=f"{self.name}-{number}")
        finally:
            self._parts.desk.leave(self.name)
        if self._is_open() and self._parts.desk.schedule.has_parked:
            self._note_stop(self._out_of_units())
            self._is_out_of_units = True

    def settle(self, settled: Tally, balance: Balance | None) -> None:
        """Take in what became of units in doubt, and what the account has left; nothing of this lane may be open."""
        purse = self._parts.purse
        purse.budget.settle(0, spent_units=settled.units_spent, in_doubt_units=settled.units_in_doubt)
        if balance is not None:
            purse.account.renew(balance.above(self._parts.keep_units))
        self.tally += settled

    def resume(self) -> bool:
        """Let a lane that ran out of units run again, with those that came back; False if that was not why it ended."""
        if not self._is_out_of_units:
            return False
        self._is_out_of_units, self.stopped = False, None
        self._parts.desk.units_back()
        self.expect()
        return True

    def expect(self) -> None:
        """Let its desk count on it from now on, and not only once it runs."""
        self._parts.desk.join(self.name)

    def ask_to_stop(self) -> None:
        """Send nothing new; what is open is awaited and stored."""
        self._is_asked_to_stop = True
        self._parts.gate.shut()
        self._parts.desk.tell()

    def _is_open(self) -> bool:
        return self.stopped is None and not self._is_asked_to_stop

    async def _work(self) -> None:
        while (work := await self._parts.desk.take(self.name, self._is_open)) is not None:
            await self._advance(work)

    async def _advance(self, work: Work) -> None:
        """Make one request of a task, and give the task back."""
        purse, crop = self._parts.purse, self._parts.crops[work.task.harvest]
        most_rows = crop.most_rows(work)
        rows_left = None if most_rows is None else most_rows - work.rows
        # Asked for what may become free, not for what is free now: a page that shrinks only because other holds
        # are open would pay a price per request for a few rows. If it does not fit yet, it waits.
        allowance = Allowance(units=purse.reachable_units, rows=rows_left, facts=dict(self._parts.desk.facts))
        step = Step(task=work.task, cursor=work.cursor, allowance=allowance, is_continued=work.lane == self.name)
        request = crop.exchange.ask(step)
        if request is None or not purse.fits(request.most_units):
            self._parts.desk.park(work, self.name)
            return
        request, hold = self._holding(work, request)
        purse.hold(hold.units)
        asked = Asked(replace(work, state=State.OPEN), step, request, hold, self._now(), crop)
        await self._parts.store.commit(Entry(lane=self.name, at=asked.held_at, hold=hold, work=asked.work))
        await self._exchange(asked)

    def _holding(self, work: Work, request: Request) -> tuple[Request, Hold]:
        """Return the hold of a request; where there are receipts, both carry a mark that no other request has."""
        hold = Hold(next(self._parts.hold_ids), self.name, work.task.id, request.most_units)
        receipts = self._parts.receipts
        if receipts is None:
            return request, hold
        mark = receipts.mark_of(hold.id)
        return receipts.call.mark(request, mark), hold._replace(mark=mark)

    async def _exchange(self, asked: Asked) -> None:
        try:
            finding, round_trip_s = await self._ask(asked)
        except GateShut:
            await self._settle(asked, Tally())
            self._parts.desk.go_on(asked.work)
        except ConnectFailed as exc:
            self._note_failure(asked.work, str(exc))
            delay_s = self._rest()
            await self._settle(asked, Tally(retries=1))
            self._parts.desk.retry(asked.work, delay_s)
        except ReplyLost as exc:
            tally = replace(await self._bill(asked, None), retries=1)
            await self._fail_task(asked, tally, str(exc))
        else:
            await self._judge(asked, finding, round_trip_s)

    async def _ask(self, asked: Asked) -> tuple[Finding, float]:
        """Return what came back and how long it took, in seconds. Its body, which may be large, is kept by nobody."""
        async with self._parts.gate.passage():
            reply, round_trip_s = await self._send(asked.request)
        question = Question(work=asked.work, step=asked.step, request=asked.request, reply=reply)
        return await self._parts.reader(asked.crop, question), round_trip_s

    async def _send(self, request: Request) -> tuple[Reply, float]:
        """Return the reply and how long it took, in seconds."""
        self.open_requests += 1
        began_s = self._parts.clock.monotonic_s()
        try:
            reply = await self._parts.transport.send(request)
        finally:
            self.open_requests -= 1
        return reply, self._parts.clock.monotonic_s() - began_s

    async def _judge(self, asked: Asked, finding: Finding, round_trip_s: float) -> None:
        verdict = finding.verdict
        if verdict.why:
            verdict = replace(verdict, why=self._masked(verdict.why))
        learn = self._parts.gate.refused if verdict.action is Action.PAUSE else self._parts.gate.answered
        learn(round_trip_s)
        if verdict.action is Action.KEEP:
            await self._keep(asked, finding)
            return
        is_throttled = verdict.action is Action.PAUSE
        is_again = is_throttled or verdict.action is Action.AGAIN
        if not is_again:
            log.warning("%s %s: HTTP %d: %s", self.name, asked.work.task.id, finding.status, verdict.why)
        if verdict.action not in (Action.AGAIN, Action.SET_ASIDE):
            self._obey(asked, verdict)
        bill = await self._bill(asked, verdict.units)
        tally = replace(bill, throttled=int(is_throttled), retries=int(is_again))
        if verdict.action is Action.AGAIN:
            await self._fail_task(asked, tally, verdict.why)
        elif verdict.action is Action.SET_ASIDE:
            self._health.answered()
            await self._refuse(asked, tally, verdict.why)
        else:
            await self._settle(asked, tally)
            if verdict.action is Action.SHRINK:
                self._shrink(asked.request, verdict)
            self._parts.desk.go_on(asked.work)

    def _obey(self, asked: Asked, verdict: Verdict) -> None:
        """Do what a verdict says of the lane or the report; at once, for others would leave while the disk is busy."""
        if verdict.action is Action.PAUSE:
            self._pause(verdict.wait_s)
            return
        self._health.answered()
        if verdict.action is Action.STOP_REPORT:
            self._parts.desk.schedule.stop_harvest(asked.crop.name, verdict.why)
        elif verdict.action is Action.STOP_LANE:
            self._stop(Stop("key", verdict.why))

    async def _keep(self, asked: Asked, finding: Finding) -> None:
        """Store a page."""
        self._health.answered()
        page, lines = finding.page, finding.lines
        if page is None:
            await self._give_up(asked, finding)
            return
        work = asked.after(page, finding.rows)
        self._refused_in_a_row[asked.crop.name] = 0
        self._parts.desk.learn(page.learnt)
        if work.state.is_finished:
            lines = (*lines, asked.crop.task_line(work, finding.arrived_at))
        tally = replace(await self._bill(asked, page.units), rows=finding.rows)
        await self._settle(asked, tally, Brought(work=work, lines=lines, learnt=page.learnt, seeds=finding.seeds))
        if work.state.is_finished:
            self._parts.desk.finish()
        else:
            self._parts.desk.go_on(work)

    async def _give_up(self, asked: Asked, finding: Finding) -> None:
        """Set a task aside whose answer is to be kept and cannot be read."""
        why = self._masked(finding.unreadable)
        log.warning("%s %s: %s", self.name, asked.work.task.id, why)
        if finding.stumble:
            log.error("an answer could not be read:\n%s", self._masked(finding.stumble))
        # Not free because it cannot be read: without a bill that says more than 0, the hold is in doubt.
        tally = await self._bill(asked, finding.verdict.units or None)
        await self._set_aside(asked, tally, f"the provider's answer cannot be read: {why}", finding.lines)

    async def _bill(self, asked: Asked, units: int | None) -> Tally:
        """Return the count of one request that left; a bill that nobody knows is its hold, in doubt."""
        mark = asked.hold.mark
        if units is None and self._parts.receipts is not None and mark is not None:
            units = await self._parts.receipts.billed(mark, asked.held_at, self._ask_freely)
        if units is None:
            return Tally(requests=1, units_in_doubt=asked.hold.units)
        return Tally(requests=1, units_spent=units)

    async def _ask_freely(self, request: Request) -> Reply:
        """Return the reply to a request that costs nothing and is no task's. Raises GateShut, TransportError."""
        async with self._parts.gate.passage():
            reply, _ = await self._send(request)
        return reply

    async def _settle(self, asked: Asked, tally: Tally, brought: Brought | None = None) -> None:
        """End a hold with all it brought. Its units are free only then: nobody can take them and be stored before."""
        brought = brought or Brought()
        self.last_end_s = self._parts.clock.monotonic_s()
        if tally.units_spent > asked.hold.units:
            billed, most = tally.units_spent, asked.hold.units
            self._stop(Stop("prices", f"a request was billed {billed} units, the price table says {most}"))
        entry = Entry(
            lane=self.name,
            at=self._now(),
            settles=asked.hold.id,
            tally=tally,
            work=brought.work,
            parts=brought.parts,
            lines=tuple(lines._replace(data=self._parts.mask(lines.data)) for lines in brought.lines),
            learnt=brought.learnt,
            seeds=without_secrets(brought.seeds, self._masked) if brought.seeds else (),
        )
        if asked.crop.feeds and entry.work is not None:
            await self._parts.store.commit(entry)  # who draws from it looks into what is durable
            self._parts.desk.brought(asked.crop.name)
        else:
            await self._parts.store.put(entry)
        self._parts.purse.settle(asked.hold.units, spent_units=tally.units_spent, in_doubt_units=tally.units_in_doubt)
        self.tally += tally
        self._parts.desk.units_back()

    async def _fail_task(self, asked: Asked, tally: Tally, why: str) -> None:
        """Try a request again, or set its task aside when that has not helped and other tasks do well."""
        self._note_failure(asked.work, why)
        if self._health.is_outage():
            work, delay_s = asked.work, self._rest()  # not an attempt: nothing can be said of the task
        else:
            work = asked.work.failed()
            delay_s = self._parts.backoff.delay_s(work.attempts, self._parts.jitter)
        if work.attempts >= self._parts.patience.attempts:
            await self._set_aside(asked, tally, f"given up after {work.attempts} attempts: {why}")
            return
        await self._settle(asked, tally)
        self._parts.desk.retry(work, delay_s)

    def _note_failure(self, work: Work, why: str) -> None:
        log.warning("%s %s: %s", self.name, work.task.id, why)
        now_s = self._parts.clock.monotonic_s()
        self._health.failed(work.task.id, now_s)
        if self._health.is_hopeless(now_s):
            self._stop(Stop("unreachable", why))

    def _rest(self) -> float:
        """Close the gate, because the provider is to blame and not a task; return for how many seconds."""
        wave = 1 + (self._health.failures - 1) // self._parts.in_flight  # all that are open fail together
        delay_s = self._parts.backoff.delay_s(wave, self._parts.jitter)
        self._parts.gate.close_for(delay_s)
        return delay_s

    def _pause(self, wait_s: float | None) -> None:
        """Close the gate after a refusal; refusals of one wave count once."""
        gate, now_s = self._parts.gate, self._parts.clock.monotonic_s()
        if gate.closed_s <= 0:
            self._health.refused(now_s)
        if self._health.is_hopeless(now_s):
            self._stop(Stop("unreachable", "the provider refused every request as too many"))
        num = max(1, self._health.refusals)  # 0 if the gate was closed by an outage
        gate.close_for(wait_s or self._parts.backoff.ceiling_s(num))  # "0" says nothing: it was too fast already

    def _shrink(self, request: Request, verdict: Verdict) -> None:
        """Believe what the account says it has left, or stop if that cannot be the reason."""
        left_units = verdict.units_left
        free_units = max(0, (left_units or 0) - self._parts.keep_units)
        if left_units is None or request.most_units <= free_units:
            self._stop(Stop("quota", verdict.why))
            return
        self._parts.purse.account.lower(free_units)
        self._told = f"; the provider said: {verdict.why}"

    async def _refuse(self, asked: Asked, tally: Tally, why: str) -> None:
        """Set a task aside whose request was refused; of a batch, only the targets that cannot be asked about."""
        is_single = len(asked.work.task.targets) == 1
        self._refused_in_a_row[asked.crop.name] += is_single
        is_batch = not is_single and asked.work.pages == 0 and not asked.crop.by_sets
        if not is_batch or self._refused_in_a_row[asked.crop.name] >= MOST_REFUSED_IN_A_ROW:
            await self._set_aside(asked, tally, why)
            return
        parts = asked.work.halves()
        await self._settle(asked, tally, Brought(work=asked.work, parts=parts))
        self._parts.desk.split(parts)

    async def _set_aside(self, asked: Asked, tally: Tally, why: str, lines: tuple[Lines, ...] = ()) -> None:
        work = replace(asked.work, state=State.SET_ASIDE, reason=why)
        await self._settle(asked, tally, Brought(work=work, lines=(*lines, asked.crop.task_line(work, self._now()))))
        self._parts.desk.finish()

    def _stop(self, stop: Stop) -> None:
        if self.stopped is None:
            self._note_stop(stop)
        self._parts.gate.shut()

    def _note_stop(self, stop: Stop) -> None:
        log.error("%s stops: %s: %s", self.name, stop.kind, stop.why)
        self.stopped = stop

    def _masked(self, text: str) -> str:
        return self._parts.mask(text.encode(errors="replace")).decode(errors="replace")

    def _out_of_units(self) -> Stop:
        budget, account = self._parts.purse.budget.free_units, self._parts.purse.account.free_units
        if account is not None and (budget is None or account < budget):
            left = f"{self._parts.said(account)} are left on the account above what is to be kept"
            return Stop("quota", f"{left}: too few for any request{self._told}")
        return Stop("budget", f"{self._parts.said(budget or 0)} of the budget are left: too few for any request")

    def _now(self) -> datetime:
        return self._parts.clock.utc()
