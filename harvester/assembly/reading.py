"""Where replies are read: on the event loop, and beside it once that takes most of the loop's time.

Parsing and mapping are the largest part of a page's work. As long as the provider is slower, the loop does it. If it
takes most of the loop's time, processes are started, for each further core one. Then a reply goes to the one that has
least to do, and is read on the loop if all of them have enough.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from harvester.assembly.reader_process import ProcessGone, ReaderProcess
from harvester.engine.finding import find
from harvester.engine.ports import Finding, Question
from harvester.engine.render import Crop
from harvester.engine.run import first_of_ours
from harvester.job import Job

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingRule:
    """When replies are read beside the loop."""

    most_processes: int
    least_bytes: int = 16_384  #: of a body: a smaller one is read sooner than sent
    own_turn_bytes: int = 262_144  #: of a body: a larger one is read in a turn of the loop of its own
    most_share: float = 0.5  #: of the loop's time, spent on reading
    over_s: float = 2.0  #: for so long
    most_waiting: int = 2  #: replies at one process: one that is read, and one that is there when it is done


def usual_rule() -> ReadingRule:
    """Return the rule for this machine: a process for each core but one, three at most."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return ReadingRule(most_processes=min(3, cores - 1))


class Load:
    """How much of the loop's time goes into reading. Pure."""

    def __init__(self, rule: ReadingRule) -> None:
        self._rule = rule
        self._since_s: float | None = None
        self._spent_s = 0.0

    def is_too_much(self, began_s: float, ended_s: float) -> bool:
        """Count one reading; True if the loop has spent too much of the last seconds on them."""
        if self._since_s is None:
            self._since_s = began_s
        self._spent_s += ended_s - began_s
        passed_s = ended_s - self._since_s
        if passed_s < self._rule.over_s:
            return False
        is_too_much = self._spent_s >= self._rule.most_share * passed_s
        self._since_s, self._spent_s = ended_s, 0.0
        return is_too_much


class Readers:
    """Finds out what replies are, wherever there is time for it. Open it with `reading`."""

    def __init__(self, rule: ReadingRule, clock_s: Callable[[], float]) -> None:
        self._rule = rule
        self._clock_s = clock_s
        self._load = Load(rule)
        self._places = asyncio.Semaphore(1)  # the loop's own, until there are processes
        self._processes: list[ReaderProcess] = []
        self.is_too_much = asyncio.Event()  #: the loop has too much to read

    def add(self, process: ReaderProcess) -> None:
        """Give replies to a process too."""
        self._processes.append(process)
        for _ in range(self._rule.most_waiting):
            self._places.release()

    async def __call__(self, crop: Crop, question: Question) -> Finding:
        """Return what a reply to a harvest's request is."""
        if len(question.reply.body) < self._rule.least_bytes:
            return find(crop, question)
        async with self._places:
            if (process := self._free()) is not None:
                try:
                    return await process.find(crop, question)
                except ProcessGone:
                    log.warning("a process that reads replies has ended; they are read without it")
            if self._processes or len(question.reply.body) >= self._rule.own_turn_bytes:
                # What has come back meanwhile is taken first, or its process would be idle; and what was read goes to
                # disk, and others' requests leave, before the next one is read.
                await asyncio.sleep(0)
            return self._here(crop, question)

    def _free(self) -> ReaderProcess | None:
        known = [each for each in self._processes if not each.is_gone and each.waiting < self._rule.most_waiting]
        return min(known, key=lambda process: process.waiting, default=None)

    def _here(self, crop: Crop, question: Question) -> Finding:
        began_s = self._clock_s()
        found = find(crop, question)
        if self._load.is_too_much(began_s, self._clock_s()):
            self.is_too_much.set()
        return found


@asynccontextmanager
async def reading(
    job: Job, rule: ReadingRule, environ: Mapping[str, str], clock_s: Callable[[], float]
) -> AsyncIterator[Readers]:
    """Open the readers of a job; leaving the block ends their processes, which get `environ`."""
    readers = Readers(rule, clock_s)
    started: list[ReaderProcess] = []

    async def start() -> None:
        await readers.is_too_much.wait()
        for _ in range(rule.most_processes):
            try:
                started.append(await ReaderProcess.start(job.config, job.day, environ))
            except OSError as exc:
                log.warning("cannot start a process that reads replies: %s", exc.strerror)
                return
            tasks.append(group.create_task(started[-1].listen(), name="reader"))
            readers.add(started[-1])
        log.info("%d processes read replies beside the event loop", len(started))

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(start(), name="readers")] if rule.most_processes else []
            try:
                yield readers
            finally:
                for task in tasks:
                    task.cancel()
                for process in started:
                    await process.end()
    except BaseExceptionGroup as errors:
        raise first_of_ours(errors) from errors
