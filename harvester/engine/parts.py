"""What a lane is made of."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from harvester.engine.desk import Desk
from harvester.engine.finding import Reader, find_here
from harvester.engine.gate import Gate
from harvester.engine.ledger import Purse
from harvester.engine.ports import Clock, Store, Transport
from harvester.engine.receipts import Receipts
from harvester.engine.render import Crop
from harvester.engine.retry import Backoff, Patience


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneParts:
    """What a lane is made of."""

    name: str
    said: Callable[[int], str]  #: an amount of units, for a user
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
    mask: Callable[[bytes], bytes] = bytes  #: takes secrets out of what is stored or shown
    reader: Reader = find_here
    receipts: Receipts | None = None  #: None = what a lost reply cost cannot be asked
    backoff: Backoff = field(default_factory=Backoff)
    patience: Patience = field(default_factory=Patience)
