"""One provider's part of a run: its desk, and for each key a lane with its gate, purse and connections."""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

from harvester.assembly.accounts import account_transport, lane_names, read_balance
from harvester.assembly.surroundings import Surroundings
from harvester.engine.checkpoint import SqliteCheckpoint, take_census
from harvester.engine.desk import Desk
from harvester.engine.gate import Gate
from harvester.engine.lane import Lane, LaneParts
from harvester.engine.ledger import Ledger, Purse
from harvester.engine.ports import State, Tally, Transport
from harvester.engine.render import Crop
from harvester.engine.schedule import Schedule
from harvester.engine.store import Writer
from harvester.errors import ConfigError, HarvestError
from harvester.job import Account, Job
from harvester.locks import Busy, key_lock, key_lock_path
from harvester.model import Credential

log = logging.getLogger(__name__)

KEY_POLL_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """One provider's part of a run."""

    account: Account
    desk: Desk
    lanes: tuple[Lane, ...]
    gates: tuple[Gate, ...]
    tasks: int  #: of the whole job
    tasks_done: int  #: before this run


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """What all stations of a run are made from."""

    job: Job
    checkpoint: SqliteCheckpoint
    writer: Writer
    around: Surroundings
    crops: Mapping[str, Crop]
    hold_ids: Iterator[int]

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
        lanes = lane_names(name, len(keys))
        tallies = [self.checkpoint.lane(lane) for lane in lanes]
        total = sum((tally for tally, _ in tallies), Tally())
        budget = Ledger(account.config.budget, spent_units=total.units_spent, in_doubt_units=total.units_in_doubt)
        built: list[tuple[Lane, Gate]] = []
        for lane, credential, (tally, last_at) in zip(lanes, keys, tallies, strict=True):
            await self._lock(stack, account, credential)
            transport = await stack.enter_async_context(account_transport(account, credential, self.around.clock))
            gate = Gate(account.rate, self.around.clock, is_fresh=self._is_fresh(account, last_at))
            purse = Purse(budget, await self._account_ledger(account, lane, gate, transport))
            parts = LaneParts(
                name=lane,
                in_flight=account.in_flight,
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
            )
            built.append((Lane(parts, tally), gate))
        counts = [count for harvest, count in self._harvest_counts().items() if harvest in crops]
        return Station(
            account=account,
            desk=desk,
            lanes=tuple(lane for lane, _ in built),
            gates=tuple(gate for _, gate in built),
            tasks=sum(sum(count.values()) for count in counts),
            tasks_done=sum(number for count in counts for state, number in count.items() if state.is_finished),
        )

    def _harvest_counts(self) -> dict[str, Mapping[State, int]]:
        census = take_census(self.checkpoint.db, self.job.config.scope)
        return {name: harvest.tasks for name, harvest in census.harvests.items()}

    async def _lock(self, stack: AsyncExitStack, account: Account, credential: Credential) -> None:
        """Wait until no other process of this machine uses the key: two could not share its rate."""
        path = key_lock_path(account.provider.name, account.base_url, credential.key, self.around.environ)
        is_told = False
        while True:
            try:
                stack.enter_context(key_lock(path, f"job {self.job.config.output}"))
                return
            except Busy as exc:
                if not is_told:
                    self.around.notice(f"waiting: the key of {account.provider.name} is in use by {exc}")
                    is_told = True
            await asyncio.sleep(KEY_POLL_S)

    def _is_fresh(self, account: Account, last_at: float | None) -> bool:
        """Whether nothing left this lane within its window, so that the gate may begin at once."""
        if last_at is None or account.rate is None:
            return True
        gone_s = (self.around.clock.utc() - datetime.fromtimestamp(last_at, UTC)).total_seconds()
        return gone_s > account.rate.window_s

    async def _account_ledger(self, account: Account, lane: str, gate: Gate, transport: Transport) -> Ledger:
        """Read the balance, which also warms the connection. Raises ConfigError if `keep` cannot be kept."""
        keep_units = account.config.keep
        try:
            async with gate.passage():
                balance = await read_balance(account, transport)
        except HarvestError as exc:
            log.warning("%s: the balance cannot be read: %s", lane, exc)
            balance = None
        left_units = None if balance is None else balance.units_left
        if left_units is None and keep_units is not None:
            raise ConfigError(
                f"[providers.{account.provider.name}] keep = {keep_units}: the account does not tell its balance now, "
                "so it cannot be kept. Try again later, or remove `keep`."
            )
        self.checkpoint.note_balance(lane, left_units)
        return Ledger(None if left_units is None else max(0, left_units - (keep_units or 0)))
