"""Runs a job to its end under signals and progress; what `run` and `demo` share."""

import asyncio
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from harvester.assembly import Outcome, RunOptions, Status, Surroundings, opened_run, read_status
from harvester.cli.options import notice, standard_input
from harvester.cli.progress import errors_on_screen, progress
from harvester.config import JobConfig
from harvester.jobdir import JobDirectory, job_directory
from harvester.journal import logging_to


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A run that came to an end."""

    outcome: Outcome
    status: Status
    took: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a run shows itself."""

    is_quiet: bool = False
    log_format: str = "text"


async def run_job(config: JobConfig, options: RunOptions, environ: Mapping[str, str], view: View) -> Ended:
    """Run a job until it is done, stopped or interrupted. Raises HarvestError."""
    began = datetime.now(UTC)
    say: Callable[[str], None] = (lambda _: None) if view.is_quiet else notice
    around = Surroundings(environ=environ, notice=say)
    # Lists of a million lines block here for seconds; nothing else runs yet, so nothing is kept waiting.
    with job_directory(config, began, standard_input(), say) as directory, logging_to(config.output, view.log_format):
        outcome = await _work(directory, options, around, view)
    return Ended(outcome=outcome, status=read_status(config.output), took=datetime.now(UTC) - began)


async def _work(directory: JobDirectory, options: RunOptions, around: Surroundings, view: View) -> Outcome:
    stop = asyncio.Event()
    async with opened_run(directory, options, around) as run:
        with _signals(stop, around.notice), errors_on_screen():
            async with progress(run.progress, is_quiet=view.is_quiet):
                return await run.work(stop)


@contextmanager
def _signals(stop: asyncio.Event, say: Callable[[str], None]) -> Iterator[None]:
    """Let the first SIGINT or SIGTERM stop the run in order, and the second at once."""
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()

    def asked() -> None:
        if stop.is_set() and main is not None:
            main.cancel()
        stop.set()
        say("stopping: open requests are awaited for up to 30 s; once more to stop at once")

    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, asked)
    try:
        yield
    finally:
        for number in numbers:
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)
