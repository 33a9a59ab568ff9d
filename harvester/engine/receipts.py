"""What lost replies cost, where a provider keeps a list of what it did.

A request carries a mark that no other one has. When its reply is lost, the provider's list says whether it was billed.
How soon a request stands in that list is not documented, so it is looked for a few times, later each time; what is not
found stays in doubt, for it may only be late.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from harvester.engine.ports import Clock
from harvester.errors import GateShut, TransportError, UnknownReply
from harvester.model import ReceiptCall, Reply, Request

log = logging.getLogger(__name__)

Send = Callable[[Request], Awaitable[Reply]]  #: waits for the lane's gate

#: Seconds before each look into the list.
LOOKS_S = (1.0, 4.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipts:
    """The receipts of one lane."""

    call: ReceiptCall
    run: str  #: tells this run's marks from those of every other
    clock: Clock

    def mark_of(self, hold: int) -> str:
        """Return the mark of the request that a hold was taken for."""
        return f"{self.run}-{hold}"

    async def billed(self, mark: str, left_at: datetime, send: Send) -> int | None:
        """Return what a request cost that left at `left_at` (UTC) or later, looking a few times; None = not listed."""
        for delay_s in LOOKS_S:
            await self.clock.sleep_s(delay_s)
            try:
                units = await self.listed(mark, left_at, send)
            except GateShut:
                return None
            if units is not None:
                return units
        return None

    async def listed(self, mark: str, left_at: datetime, send: Send) -> int | None:
        """Return what the list says now that a request cost; None = it does not say. Raises GateShut."""
        try:
            return self.call.read(await send(self.call.ask(left_at, self.clock.utc())), mark)
        except (TransportError, UnknownReply) as exc:
            log.warning("what a lost reply cost cannot be asked: %s", exc)
            return None
