"""The run: all lanes beside each other over one store, until they are done or asked to stop."""

import asyncio
from collections.abc import Iterator, Sequence

from harvester.engine.lane import Lane
from harvester.errors import HarvestError

DRAIN_S = 30.0  #: how long open requests are awaited after a stop


async def run_lanes(lanes: Sequence[Lane], stop: asyncio.Event, *, drain_s: float = DRAIN_S) -> None:
    """Run the lanes until each is done or stopped.

    When `stop` is set nothing new leaves, and open requests are awaited and stored for `drain_s` seconds. What is
    still open then stays on hold in the checkpoint: the next run counts it as in doubt. Raises StorageError.
    """
    working: list[asyncio.Task[None]] = []
    try:
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(_stop_when_asked(lanes, working, stop, drain_s), name="stop")
            async with asyncio.TaskGroup() as lane_group:
                working.extend(lane_group.create_task(lane.run(), name=lane.name) for lane in lanes)
            watch.cancel()
    except BaseExceptionGroup as errors:
        raise first_of_ours(errors) from errors


async def _stop_when_asked(
    lanes: Sequence[Lane], working: Sequence[asyncio.Task[None]], stop: asyncio.Event, drain_s: float
) -> None:
    await stop.wait()
    for lane in lanes:
        lane.ask_to_stop()
    await asyncio.sleep(drain_s)  # cut short when the lanes are done
    for task in working:
        task.cancel()


def first_of_ours(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error of ours that a group of errors is about, or the first of any kind."""
    leaves = list(_leaves(group))
    return next((error for error in leaves if isinstance(error, HarvestError)), leaves[0])


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
