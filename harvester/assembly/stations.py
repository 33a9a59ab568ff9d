"""One provider's part of a run: its desk, and for each key a lane with its gate, purse and connections."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from harvester.assembly.accounts import Gated, account_transport, read_balance
from harvester.assembly.keys import Trails, gate_of, lane_names
from harvester.assembly.surroundings import Surroundings
from harvester.display import amount
from harvester.engine.checkpoint import Census, SqliteCheckpoint
from harvester.engine.desk import Desk
from harvester.engine.gate import Gate
from harvester.engine.lane import Lane, LaneParts
from harvester.engine.ledger import Ledger, Purse
from harvester.engine.ports import State, Tally, Transport
from harvester.engine.receipts import Receipts
from harvester.engine.render import Crop
from harvester.engine.schedule import Schedule
from harvester.engine.store import Writer
from harvester.errors import ConfigError, HarvestError
from harvester.job import Account
from harvester.model import Balance, Credential

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """One provider's part of a run."""

    account: Account
    desk: Desk
    lanes: tuple[Lane, ...]
    gates: tuple[Gate, ...]
    begun: Tally  #: of the whole job before this run, keys that it had then included
    tasks: int  #: of the whole job, as far as this run may go
    tasks_done: int  #: before this run

    @property
    def tally(self) -> Tally:
        """The counts of the whole job until now."""
        return sum((lane.tally for lane in self.lanes), self.begun)


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
        # The provider's sums, not those of today's keys: what a key has spent counts after it was taken out.
        begun = self.census.providers[name].tally
        budget = Ledger(account.config.budget, spent_units=begun.units_spent, in_doubt_units=begun.units_in_doubt)
        built: list[tuple[Lane, Gate]] = []
        for lane, credential in zip(lane_names(name, len(keys)), keys, strict=True):
            transport = await stack.enter_async_context(account_transport(account, credential, self.around.clock))
            _, last_at = self.checkpoint.lane(lane)
            gate = gate_of(account.rate, self.around.clock, self.trails[lane], last_at)
            balance = await self._balance(account, lane, gate, transport)
            desk.learn(balance.learnt)
            purse = Purse(budget, _ledger_of(balance, account.config.keep))
            parts = LaneParts(
                name=lane,
                said=partial(amount, unit=account.provider.unit),
                in_flight=self._in_flight(account, lane, balance),
                keep_units=account.config.keep or 0,
                desk=desk,
                gate=gate,
                purse=purse,
                store=self.writer,
                transport=transport,
                clock=self.around.clock,
                crops=crops,
                hold_ids=self.hold_ids,
                jitter=self.around.jitter,
                mask=transport.mask.body,
                receipts=self._receipts(account, lane),
            )
            built.append((Lane(parts, Tally()), gate))
        return Station(
            account=account,
            desk=desk,
            lanes=tuple(lane for lane, _ in built),
            gates=tuple(gate for _, gate in built),
            begun=begun,
            tasks=sum(map(self._tasks_of, crops.values())),
            tasks_done=sum(self._tasks_done(crop) for crop in crops),
        )

    def _tasks_of(self, crop: Crop) -> int:
        """Return how many tasks a harvest has, as far as this run may go."""
        tasks = self.census.harvests[crop.name].tasks
        known = sum(tasks.values())
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

    async def _balance(self, account: Account, lane: str, gate: Gate, transport: Transport) -> Balance:
        """Read the balance, which also warms the connection. Raises ConfigError if `keep` cannot be kept."""
        keep_units, why = account.config.keep, "it has no limit, or does not tell it"
        try:
            balance = await read_balance(account, Gated(gate, transport), self.around.clock)
        except HarvestError as exc:
            log.warning("%s: the balance cannot be read: %s", lane, exc)
            balance, why = None, str(exc)
        balance = balance or Balance(units_left=None)
        if balance.units_left is None and keep_units is not None:
            raise ConfigError(
                f"[providers.{account.provider.name}] keep = {keep_units}: the account's balance is not known ({why}), "
                "so nothing can be kept of it. Try again later, or remove `keep`."
            )
        self.checkpoint.note_balance(lane, balance.units_left)
        return balance


def _ledger_of(balance: Balance, keep_units: int | None) -> Ledger:
    """Return what a key's account leaves to be spent."""
    left_units = balance.units_left
    return Ledger(None if left_units is None else max(0, left_units - (keep_units or 0)))
