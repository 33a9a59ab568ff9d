"""The books of a lane held against its account, at the start and at the end of a run, when nothing of ours is open.

What lost replies cost is first looked up one by one where the provider keeps a list of what it did, then bounded by
what the account was charged in all. How soon an account shows a charge is documented by nobody, so what was lost a
moment ago is not settled by it: at the start that waits for the end, and at the end the question waits.
"""

import asyncio
import logging
from dataclasses import dataclass

from harvester.assembly.accounts import Gated, read_balance
from harvester.assembly.surroundings import Surroundings
from harvester.engine.checkpoint import SqliteBooks, SqliteCheckpoint
from harvester.engine.gate import Gate
from harvester.engine.lane import Lane
from harvester.engine.ledger import settlement_of
from harvester.engine.ports import Reading, Tally, Transport
from harvester.engine.receipts import Receipts
from harvester.errors import GateShut, TransportError, UnknownReply
from harvester.job import Account
from harvester.model import Balance

log = logging.getLogger(__name__)

SAID_FROM_S = 2.0  #: a shorter wait needs no word
UNASKED = (TransportError, UnknownReply, GateShut)  #: why an account may not tell anything


@dataclass(frozen=True, slots=True, kw_only=True)
class Auditor:
    """Holds one lane's books against its account."""

    lane: str
    account: Account
    checkpoint: SqliteCheckpoint
    books: SqliteBooks
    gate: Gate
    transport: Transport
    around: Surroundings
    receipts: Receipts | None
    begun_quiet_s: float  #: monotonic, from when on the account shows everything that earlier runs were charged

    async def at_start(self, balance: Balance) -> Tally:
        """Settle what earlier runs left in doubt, as far as can be told now; return what that changes.

        Raises StorageError.
        """
        changed = await self._look_up(asyncio.Event())
        is_quiet = self.begun_quiet_s <= self.around.clock.monotonic_s()
        return changed + (self._settle(balance, is_quiet=is_quiet) or Tally())

    async def at_end(self, lane: Lane, stop: asyncio.Event) -> int:
        """Settle what is in doubt; return how many units came back.

        What cannot be asked stays in doubt until the next start. Raises StorageError.
        """
        changed, balance = await self._look_up(stop), None
        try:
            balance = await self.ask()
            settled = self._settle(balance, is_quiet=self._wait_s(lane) <= 0)
            if settled is None and await self._waited(self._wait_s(lane), stop):
                balance = await self.ask()
                settled = self._settle(balance, is_quiet=True)
            changed += settled or Tally()
        except GateShut:  # the lane stopped for good, or was asked to
            pass
        except UNASKED as exc:
            log.warning("%s: what was charged cannot be read from the account: %s", self.lane, exc)
        lane.settle(changed, balance)
        return -changed.units_spent - changed.units_in_doubt

    async def wait_for_the_last_round(self) -> None:
        """Let the account show all that the round before was charged: this one's count begins with the first reading.

        Without a request in this round, what is known of a departure is of that one.
        """
        counted, last_at = self.checkpoint.lane(self.lane)
        call = self.account.provider.balance
        if counted.requests or last_at is None or call is None or self.books.last_reading(self.lane) is not None:
            return
        gone_s = self.around.clock.utc().timestamp() - last_at  # a clock that was set may cost a sentence, no money
        seconds = min(self.begun_quiet_s - self.around.clock.monotonic_s(), call.shows_after_s - gone_s)
        if seconds <= 0:
            return
        if seconds >= SAID_FROM_S:
            self.around.notice(f"{self.lane}: in {seconds:.0f} s its account shows all that the last round has cost")
        await self.around.clock.sleep_s(seconds)

    async def ask(self) -> Balance:
        """Read the balance, and note it. Raises one of UNASKED, or StorageError."""
        balance = None
        if self.account.provider.balance is not None:
            balance = await read_balance(self.account, self._gated, self.around.clock)
        balance = balance or Balance(units_left=None)
        self.books.note_balance(self.lane, balance.units_left)
        return balance

    @property
    def _gated(self) -> Gated:
        return Gated(self.gate, self.transport)

    async def _look_up(self, stop: asyncio.Event) -> Tally:
        """Settle what the provider's list of receipts knows of; return what that changes."""
        changed = Tally()
        for doubt in self.books.doubts(self.lane):
            if self.receipts is None or doubt.mark is None or stop.is_set():
                continue
            try:
                units = await self.receipts.listed(doubt.mark, doubt.left_at, self._gated.send)
            except GateShut:
                break
            if units is not None:
                self.books.found(self.lane, doubt, units)
                changed += Tally(units_spent=units, units_in_doubt=-doubt.units)
        return changed

    def _settle(self, balance: Balance, *, is_quiet: bool) -> Tally | None:
        """Believe what the account says of what is in doubt; return what that changes.

        `is_quiet`: it certainly shows every charge of ours. If it does not, nothing in doubt is settled by it: None.
        """
        used_units = balance.units_used
        if used_units is None and balance.units_left is not None:
            used_units = -balance.units_left
        if used_units is None:  # it has no limit, and does not tell what was used
            return Tally()
        counted, _ = self.checkpoint.lane(self.lane)
        now = Reading(used_units, balance.period, counted.units_spent)
        doubt_units = sum(doubt.units for doubt in self.books.doubts(self.lane))
        if doubt_units and not is_quiet:
            return None
        settlement = settlement_of(self.books.last_reading(self.lane), now, doubt_units)
        self.books.believe(self.lane, now, settlement)
        spent_units, released_units = settlement.spent_units, settlement.released_units
        if released_units:
            log.info("%s: of %d units in doubt %d were charged, by the account", self.lane, released_units, spent_units)
        return Tally(units_spent=spent_units, units_in_doubt=-released_units)

    def _wait_s(self, lane: Lane) -> float:
        """Return in how many seconds the account shows every charge."""
        call, quiet_s = self.account.provider.balance, self.begun_quiet_s
        if call is not None and lane.last_end_s is not None:
            quiet_s = max(quiet_s, lane.last_end_s + call.shows_after_s)
        return quiet_s - self.around.clock.monotonic_s()

    async def _waited(self, seconds: float, stop: asyncio.Event) -> bool:
        """Wait; return False if the run is asked to stop before."""
        if seconds >= SAID_FROM_S:
            self.around.notice(f"{self.lane}: in {seconds:.0f} s its account shows what lost replies have cost")
        waiting = {
            asyncio.ensure_future(self.around.clock.sleep_s(seconds)),
            asyncio.ensure_future(stop.wait()),
        }
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()
        return not stop.is_set()
