"""Runs a job to its end under signals and progress; what `run` and `demo` share."""

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click

from harvester.assembly.library import job_run
from harvester.assembly.outcome import Outcome, RunOptions
from harvester.assembly.run import Run
from harvester.assembly.standard_input import standard_input
from harvester.assembly.status import Status, read_status
from harvester.assembly.surroundings import Surroundings
from harvester.cli.group import EXIT_INTERRUPTED
from harvester.cli.progress import errors_on_screen, even_unread, progress, say, say_waiting
from harvester.cli.summary import begin_text, headline, hints, next_text, summary_text
from harvester.config import JobConfig

log = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM)
FINISHED = (0, 3)  #: exit codes of a run that has nothing left to do


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A run that came to an end."""

    outcome: Outcome
    status: Status
    took: timedelta
    has_records: bool  #: not only what the providers sent


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a run shows itself."""

    is_quiet: bool = False
    log_format: str = "text"


def finished(work: Coroutine[Any, Any, Ended]) -> Ended:
    """Return how a run ended. A signal that comes outside its work, or a second one in it, ends the process at once."""
    before = {number: signal.signal(number, _interrupt) for number in SIGNALS}
    # A page is thousands of objects without cycles. By default each of them makes Python look for cycles several times,
    # through all that is alive: a fifth of the time that parsing a page takes.
    gc.set_threshold(50_000, 20, 20)
    try:
        return asyncio.run(work)
    except (asyncio.CancelledError, KeyboardInterrupt):
        say("Stopped at once; what was stored is safe. To go on, run the same command again.")
        sys.exit(EXIT_INTERRUPTED)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def run_job(config: JobConfig, options: RunOptions, environ: Mapping[str, str], view: View) -> Ended:
    """Run a job until it is done, stopped or interrupted. Raises HarvestError."""
    began = datetime.now(UTC)
    notice = (lambda _: None) if view.is_quiet else say
    around = Surroundings(environ=environ, notice=notice, stdin=standard_input())
    async with job_run(config, options, around, log_format=view.log_format) as run:
        outcome = await _work(run, config, around, view)
    took, has_records = datetime.now(UTC) - began, config.rows == "record"
    return Ended(outcome=outcome, status=read_status(config.output), took=took, has_records=has_records)


def tell_end(ended: Ended, directory: Path, *last: str) -> NoReturn:
    """Print how a run ended and how to go on; end the process with its exit code, even if nobody reads that.

    `last`: lines after everything else.
    """
    with even_unread(sys.stdout):
        click.echo("\n".join([summary_text(ended.status, ended.outcome, directory, ended.took), *last]))
    for hint in hints(ended.outcome):
        say(hint)
    if ended.has_records and ended.outcome.exit_code in FINISHED:
        say_waiting(next_text(directory))
    sys.exit(ended.outcome.exit_code)


async def _work(run: Run, config: JobConfig, around: Surroundings, view: View) -> Outcome:
    stop = asyncio.Event()
    log.info("run of %s begins", config.path)
    around.notice(begin_text(config.name, config.output, run.progress().values()))
    with _signals(stop, around.notice), errors_on_screen():
        async with progress(run.progress, is_quiet=view.is_quiet):
            outcome = await run.work(stop)
    log.info("run of %s ends: %s, %d requests", config.path, headline(outcome), outcome.requests)
    return outcome


@contextmanager
def _signals(stop: asyncio.Event, notice: Callable[[str], None]) -> Iterator[None]:
    """Let the first SIGINT or SIGTERM stop the run in order, and the second at once."""
    loop, main = asyncio.get_running_loop(), asyncio.current_task()
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def asked() -> None:
        if not stop.is_set():
            stop.set()
            notice("Stopping: open requests are awaited for up to 30 s. Once more stops at once.")
        elif main is not None:
            main.cancel()

    for number in SIGNALS:
        loop.add_signal_handler(number, asked)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
