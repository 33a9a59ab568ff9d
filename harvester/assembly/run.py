"""A run of a job: opened, watched, ended."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import Any, TypeVar

from harvester.assembly.crops import crops_of
from harvester.assembly.keys import Keys, holding, without_secrets
from harvester.assembly.outcome import Outcome, ProviderProgress, RunOptions
from harvester.assembly.reading import reading
from harvester.assembly.speed import note_begin, note_end
from harvester.assembly.stations import Builder, Station
from harvester.assembly.surroundings import Surroundings
from harvester.engine.checkpoint import SqliteCheckpoint, take_census
from harvester.engine.lane import Lane
from harvester.engine.ports import stage_list
from harvester.engine.relay import Relay
from harvester.engine.render import REJECTS, TASKS
from harvester.engine.run import first_of_ours, run_lanes
from harvester.engine.sink import JsonLines
from harvester.engine.store import writing
from harvester.job import CompiledHarvest, Job, lane_names
from harvester.jobdir import JobDirectory

T = TypeVar("T")


class Run:
    """A run of a job, opened by `opened_run`."""

    def __init__(self, builder: Builder, directory: JobDirectory, stations: Sequence[Station]) -> None:
        self._directory = directory
        self._parts = builder
        self._stations = stations

    async def work(self, stop: asyncio.Event) -> Outcome:
        """Work until everything is done, or `stop` is set, or no lane can go on. Raises StorageError."""
        checkpoint, clock = self._parts.checkpoint, self._parts.around.clock
        note_begin(checkpoint, self._parts.census, clock.utc())
        await self._work(stop)
        lanes = self._lanes
        outcome = Outcome(
            census=take_census(self._directory.db, self._directory.job.config.scope),
            requests=sum(lane.tally.requests for lane in lanes),
            stops={lane.name: lane.stopped for lane in lanes if lane.stopped is not None},
            stopped_harvests={name: why for item in self._stations for name, why in item.desk.schedule.stopped.items()},
            is_interrupted=stop.is_set(),
            is_limited=self._parts.max_targets is not None,
        )
        note_end(checkpoint, outcome.stopped_by, clock.utc())
        return outcome

    @property
    def _lanes(self) -> list[Lane]:
        return [lane for station in self._stations for lane in station.lanes]

    async def _work(self, stop: asyncio.Event) -> None:
        """Run the lanes, and again as long as an account gives back units that a lane has run out of."""
        lanes = self._lanes
        while lanes:
            await run_lanes(lanes, stop)
            await self._parts.writer.flush()
            freed = await _together([station.reconcile(stop) for station in self._stations])
            came_back = [station for station, units in zip(self._stations, freed, strict=True) if units]
            lanes = [lane for station in came_back for lane in station.lanes if lane.resume()]
            lanes += self._fed_by_others(lanes)

    def _fed_by_others(self, again: Sequence[Lane]) -> list[Lane]:
        """Return the lanes that have to run again because lanes of other providers may bring them targets."""
        waiting = [station for station in self._stations if again and station.desk.schedule.resting]
        lanes = [lane for station in waiting for lane in station.lanes if lane not in again and lane.stopped is None]
        for lane in lanes:
            lane.expect()
        return lanes

    def progress(self) -> dict[str, ProviderProgress]:
        """Return how far each provider's work has come."""
        return {
            station.account.provider.name: ProviderProgress(
                tasks_done=station.tasks_done + station.desk.schedule.finished,
                tasks=station.tasks + station.desk.schedule.added,
                tally=station.tally,
                budget=station.account.config.budget,
                unit=station.account.provider.unit,
                open_requests=sum(lane.open_requests for lane in station.lanes),
                closed_s=station.closed_s,
                rate=station.account.rate,
                is_waiting=not station.desk.is_moving and station.desk.is_fed(),
            )
            for station in self._stations
        }


def _list_of(item: CompiledHarvest) -> str:
    """Return the name of the list that a harvest's targets are in: its scope, or its own."""
    return item.harvest.scope if item.stage is None else stage_list(item.harvest.name)


@asynccontextmanager
async def opened_run(
    directory: JobDirectory, keys: Keys, options: RunOptions, around: Surroundings
) -> AsyncIterator[Run]:
    """Open every part of a run for the length of the block. Waits for keys that another process uses.

    Raises ConfigError if `keep` cannot be kept, StorageError if the output cannot be continued.
    """
    job = directory.job
    async with holding(job, keys, around) as trails, AsyncExitStack() as stack:
        crops = crops_of(job)
        captured = [crop.captured for crop in crops.values() if crop.captured is not None]
        outputs = [TASKS, REJECTS, *(crop.output for crop in crops.values()), *captured]
        sources = {name: stage.source for name, stage in job.stages.items()}
        checkpoint = SqliteCheckpoint(directory.db, most_targets=options.max_targets, sources=sources)
        checkpoint.begin(
            [(item.harvest.name, _list_of(item), item.targets_per_task) for item in job.harvests],
            [(lane, name) for name, found in keys.items() for lane in lane_names(name, len(found))],
            outputs=outputs,
            at=around.clock.utc(),
        )
        if options.retry_set_aside:
            checkpoint.reopen_set_aside()
        sink = JsonLines(directory.path, checkpoint.output_bytes(), outputs)
        stack.callback(sink.close)
        builder = Builder(
            checkpoint=checkpoint,
            census=take_census(directory.db, job.config.scope),
            writer=await stack.enter_async_context(writing(sink, checkpoint)),
            around=around,
            trails=trails,
            crops=crops,
            hold_ids=count(checkpoint.next_hold_id()),
            max_targets=options.max_targets,
            reader=await stack.enter_async_context(
                reading(job, around.reading, without_secrets(around.environ, keys), around.clock.monotonic_s)
            ),
            relay=Relay(sources) if sources else None,
            mark=f"{around.clock.utc():%Y%m%dT%H%M%S}-{int(around.jitter() * 2**32):08x}",
        )
        yield Run(builder, directory, await _stations(builder, stack, job, keys))


async def _stations(builder: Builder, stack: AsyncExitStack, job: Job, keys: Keys) -> list[Station]:
    """Open all providers' parts beside each other: each asks for a balance, and one may be slow to tell."""
    return await _together([builder.station(stack, account, keys[name]) for name, account in job.accounts.items()])


async def _together(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Return what all of it returns; the first error of ours ends the rest, and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
    except BaseExceptionGroup as errors:
        raise first_of_ours(errors) from errors
    return [task.result() for task in tasks]
