"""A lane of the engine in simulated time: ten minutes of a slow provider in a second.

The lane, its gate, its desk and the provider's own code are those of a run. Time, the disk and the network are not: the
clock jumps from one event to the next. A request is on its way for up to a tenth of the latency, by chance, and the
provider thinks for the rest of it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from random import Random

from benchmarks.meter import Limit, Meter
from harvester.engine.desk import Desk
from harvester.engine.gate import Gate
from harvester.engine.lane import Lane
from harvester.engine.ledger import Ledger, Purse
from harvester.engine.parts import LaneParts
from harvester.engine.ports import Work
from harvester.engine.render import Crop
from harvester.engine.run import run_lanes
from harvester.engine.schedule import Schedule
from harvester.model import Compiling, Harvest, RateRule, Reply, Request
from harvester.providers import PROVIDERS
from harvester.testing import EPOCH, FakeTransport, LoopClock, MemoryStore, reply, run_in_virtual_time

ON_THE_WAY = 0.1  #: of the latency, at most

_HARVEST = Harvest(name="links", provider="serpstat", report="backlinks", page_size=1, max_rows=1)
_PAGE = {"id": "1", "result": {"data": [{"url_from": "https://a.example/", "url_to": "https://b.example/"}]}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """What a provider saw of a lane."""

    arrived: int  #: in the time that was given
    answered: int  #: in all
    most_in_window: int
    most_open: int
    refused: int


def lived(rule: RateRule, latency_s: float, *, seconds: float, in_flight: int) -> Lived:
    """Let a lane work for so long at a provider that admits so much, work always waiting."""
    return run_in_virtual_time(_life(rule, latency_s, seconds, in_flight))


async def _life(rule: RateRule, latency_s: float, seconds: float, in_flight: int) -> Lived:
    clock = asyncio.get_running_loop().time
    meter, limit, chance, arrived_s = Meter(clock=clock), Limit(rule.calls, rule.window_s), Random(1), list[float]()

    async def answer(_: Request) -> Reply:
        await asyncio.sleep(chance.uniform(0.0, ON_THE_WAY * latency_s))
        arrived_s.append(clock())
        meter.came()
        is_admitted = limit.admits(meter)
        await asyncio.sleep((1.0 - ON_THE_WAY) * latency_s)
        meter.went(b"%d" % len(arrived_s) if is_admitted else None)
        return reply(_PAGE) if is_admitted else reply(status=429)

    enough = int(1.5 * seconds * rule.calls / rule.window_s)
    transport, stop = FakeTransport(answer), asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, stop.set)
    lane = lane_of(rule, transport, in_flight=in_flight, tasks=enough)
    await run_lanes([lane], stop)
    return Lived(
        arrived=sum(at_s < seconds for at_s in arrived_s),
        answered=lane.tally.rows,
        most_in_window=meter.most_in_window,
        most_open=transport.most_open,
        refused=meter.refused,
    )


def lane_of(rule: RateRule, transport: FakeTransport, *, in_flight: int, tasks: int) -> Lane:
    """Return a lane with so many tasks of one page each, whose key has never been used."""
    report = PROVIDERS[_HARVEST.provider].reports[_HARVEST.report]
    crop = Crop(
        name=_HARVEST.name,
        provider=_HARVEST.provider,
        report=_HARVEST.report,
        scope=_HARVEST.scope,
        exchange=report.compile(_HARVEST, Compiling(today=EPOCH.date())),
        output="links.jsonl",
        max_rows=_HARVEST.max_rows,
    )
    clock = LoopClock()
    store = MemoryStore({crop.name: [Work.of(crop.name, (f"alias-{each:07d}.example",), {}) for each in range(tasks)]})
    jitter: Callable[[], float] = Random(1).random
    return Lane(
        LaneParts(
            name=crop.provider,
            said=str,
            in_flight=in_flight,
            keep_units=0,
            desk=Desk(Schedule([crop.name]), store, clock, facts={}, block=2 * in_flight),
            gate=Gate(rule, clock, is_fresh=True),
            purse=Purse(Ledger(None), Ledger(None)),
            store=store,
            transport=transport,
            clock=clock,
            crops={crop.name: crop},
            hold_ids=count(1),
            jitter=jitter,
        )
    )
