"""One provider's part of a run: its desk, and for each key a lane with its gate, purse and connections."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from harvester.assembly.accounts import account_transport
from harvester.assembly.keys import Trails, gate_of
from harvester.assembly.prices import note_prices
from harvester.assembly.reconciliation import UNASKED, Auditor
from harvester.assembly.surroundings import Surroundings
from harvester.display import amount
from harvester.engine.checkpoint import Census, SqliteBooks, SqliteCheckpoint
from harvester.engine.desk import Desk
from harvester.engine.finding import Reader
from harvester.engine.lane import Lane
from harvester.engine.ledger import Ledger, Purse
from harvester.engine.parts import LaneParts
from harvester.engine.ports import State, Tally, Transport
from harvester.engine.receipts import Receipts
from harvester.engine.relay import Relay
from harvester.engine.render import Crop
from harvester.engine.schedule import Schedule
from harvester.engine.store import Writer
from harvester.errors import ConfigError
from harvester.job import Account, lane_names
from harvester.model import Balance, Credential

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """One provider's part of a run."""

    account: Account
    desk: Desk
    lanes: tuple[Lane, ...]
    auditors: tuple[Auditor, ...]  #: of the lanes
    begun: Tally  #: of the whole job before this run sent anything, keys that it had then included
    tasks: int  #: of the whole job, as far as this run may go
    tasks_done: int  #: before this run

    @property
    def tally(self) -> Tally:
        """The counts of the whole job until now."""
        return sum((lane.tally for lane in self.lanes), self.begun)

    async def reconcile(self, stop: asyncio.Event) -> int:
        """Hold the books against the accounts at the end of a run; return how many units came back."""
        pairs = zip(self.lanes, self.auditors, strict=True)
        return sum([await auditor.at_end(lane, stop) for lane, auditor in pairs])

    @property
    def closed_s(self) -> float:
        """Seconds for which nothing will leave."""
        return min(auditor.gate.closed_s for auditor in self.auditors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """What all stations of a run are made from."""

    checkpoint: SqliteCheckpoint
    census: Census  #: at the beginning of the run
    writer: Writer
    around: Surroundings
    trails: Trails
    crops: Mapping[str, Crop]
    hold_ids: Iterator[int]
    max_targets: int | None
    reader: Reader
    relay: Relay | None  #: for jobs with stages
    mark: str  #: tells what leaves in this run from what left in any other

    async def station(self, stack: AsyncExitStack, account: Account, keys: Sequence[Credential]) -> Station:
        """Open a provider's part; the stack closes it."""
        name = account.provider.name
        crops = {crop.name: crop for crop in self.crops.values() if crop.provider == name}
        schedule = Schedule(crops)
        schedule.add(self.checkpoint.unfinished(list(crops)))
        desk = Desk(
            schedule,
            self.writer,
            self.around.clock,
            facts=self.checkpoint.facts(name),
            block=2 * account.in_flight * len(keys),
        )
        if self.relay is not None:
            desk.relay = self.relay
            self.relay.join(crops, desk)
        # The provider's sums, not those of today's keys: what a key has spent counts after it was taken out.
        begun = self.census.providers[name].tally
        budget = Ledger(account.config.budget, spent_units=begun.units_spent, in_doubt_units=begun.units_in_doubt)
        lanes: list[Lane] = []
        auditors: list[Auditor] = []
        for lane, credential in zip(lane_names(name, len(keys)), keys, strict=True):
            opening = account_transport(account, credential, self.around.clock, self.around.environ)
            transport = await stack.enter_async_context(opening)
            auditor = self._auditor(account, lane, transport)
            balance = await self._balance(auditor)
            settled = await auditor.at_start(balance)
            begun += settled
            budget.settle(0, spent_units=settled.units_spent, in_doubt_units=settled.units_in_doubt)
            desk.learn(balance.learnt)
            note_prices(self.checkpoint, name, balance.learnt)
            purse = Purse(budget, Ledger(balance.above(account.config.keep or 0)))
            lanes.append(Lane(self._parts(auditor, balance, purse, desk, transport.mask.body)))
            auditors.append(auditor)
        return Station(
            account=account,
            desk=desk,
            lanes=tuple(lanes),
            auditors=tuple(auditors),
            begun=begun,
            tasks=sum(map(self._tasks_of, crops.values())),
            tasks_done=sum(self._tasks_done(crop) for crop in crops),
        )

    def _parts(
        self, auditor: Auditor, balance: Balance, purse: Purse, desk: Desk, mask: Callable[[bytes], bytes]
    ) -> LaneParts:
        account = auditor.account
        return LaneParts(
            name=auditor.lane,
            said=partial(amount, unit=account.provider.unit),
            in_flight=self._in_flight(account, auditor.lane, balance),
            keep_units=account.config.keep or 0,
            desk=desk,
            gate=auditor.gate,
            purse=purse,
            store=self.writer,
            transport=auditor.transport,
            clock=self.around.clock,
            crops=self.crops,
            hold_ids=self.hold_ids,
            jitter=self.around.jitter,
            mask=mask,
            reader=self.reader,
            receipts=auditor.receipts,
        )

    def _auditor(self, account: Account, lane: str, transport: Transport) -> Auditor:
        clock, trail = self.around.clock, self.trails[lane]
        _, last_at = self.checkpoint.lane(lane)
        now_s = clock.monotonic_s()
        call = account.provider.balance
        if call is None or last_at is None:  # nothing to wait for: the account tells nothing, or nothing has left
            begun_quiet_s = now_s
        else:
            begun_quiet_s = now_s + call.shows_after_s - (trail.gone_s(now_s) or 0.0)
        return Auditor(
            lane=lane,
            account=account,
            checkpoint=self.checkpoint,
            books=SqliteBooks(self.checkpoint.db),
            gate=gate_of(account.rate, clock, trail, last_at),
            transport=transport,
            around=self.around,
            receipts=self._receipts(account, lane),
            begun_quiet_s=begun_quiet_s,
        )

    def _tasks_of(self, crop: Crop) -> int:
        """Return how many tasks a harvest has, as far as this run may go."""
        tasks = self.census.harvests[crop.name].tasks
        known = sum(tasks.values())
        if self.relay is not None and self.relay.is_staged(crop.name):
            return known - self.census.harvests[crop.name].undrawn  # the schedule adds what it draws
        if self.max_targets is None:
            return known
        within = self.max_targets if crop.by_sets else -(-self.max_targets // crop.exchange.targets_per_task)
        return max(min(known, within), known - tasks[State.WAITING])

    def _tasks_done(self, harvest: str) -> int:
        return sum(count for state, count in self.census.harvests[harvest].tasks.items() if state.is_finished)

    def _in_flight(self, account: Account, lane: str, balance: Balance) -> int:
        """Return how many requests may be open: one, if the account has prices of its own and does not tell them."""
        call = account.provider.balance
        if call is None or not call.tells_prices or balance.learnt:
            return account.in_flight
        log.warning("%s: its prices cannot be read, so one request is sent at a time", lane)
        return 1  # the first bill that is dearer than the price list stops the lane

    def _receipts(self, account: Account, lane: str) -> Receipts | None:
        call, clock = account.provider.receipts, self.around.clock
        return None if call is None else Receipts(call=call, run=f"{self.mark}-{lane}", clock=clock)

    async def _balance(self, auditor: Auditor) -> Balance:
        """Read the balance, which also warms the connection. Raises ConfigError if `keep` cannot be kept."""
        account, why = auditor.account, "it has no limit, or does not tell it"
        await auditor.wait_for_the_last_round()
        try:
            balance = await auditor.ask()
        except UNASKED as exc:
            log.warning("%s: the balance cannot be read: %s", auditor.lane, exc)
            balance, why = Balance(units_left=None), str(exc)
            auditor.books.note_balance(auditor.lane, None)
        if balance.units_left is None and account.config.keep is not None:
            raise ConfigError(
                f"[providers.{account.provider.name}] keep = {account.config.keep}: the account's balance is not known"
                f" ({why}), so nothing can be kept of it. Try again later, or remove `keep`."
            )
        return balance
