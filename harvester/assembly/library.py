"""A job as one call: for programs that want the harvest and not the terminal around it."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from harvester.assembly.keys import all_credentials
from harvester.assembly.outcome import Outcome, RunOptions
from harvester.assembly.run import Run, opened_run
from harvester.assembly.standard_input import standard_input
from harvester.assembly.surroundings import Surroundings
from harvester.config import JobConfig
from harvester.errors import HarvestError
from harvester.job import compile_job
from harvester.jobdir import job_directory
from harvester.journal import logging_to

log = logging.getLogger(__name__)


async def harvest(
    config: JobConfig, options: RunOptions | None = None, *, stop: asyncio.Event | None = None
) -> Outcome:
    """Run a job until it is done or can go no further; call it again to go on.

    Set `stop` to end it in order. Keys come from the environment of this process or from files, as the config says,
    and a list of targets "-" from its standard input.
    Raises ConfigError if the config, a key or the job directory cannot be used, StorageError if the disk fails.
    """
    around = Surroundings(environ=os.environ, notice=log.info, stdin=standard_input())
    async with job_run(config, options or RunOptions(), around) as run:
        return await run.work(stop or asyncio.Event())


@asynccontextmanager
async def job_run(
    config: JobConfig, options: RunOptions, around: Surroundings, *, log_format: str = "text"
) -> AsyncIterator[Run]:
    """Open a job's directory and every part of a run, for the length of the block. Raises as `harvest`."""
    now = around.clock.utc()
    keys = all_credentials(compile_job(config, now.date()), around.environ)  # before a long list is read for nothing
    # Lists of a million lines block here for seconds; nothing else runs yet, so nothing is kept waiting.
    with (
        job_directory(config, now, around.stdin, around.notice, again=options.again) as directory,
        logging_to(config.output, log_format),
        _errors_logged(),
    ):
        async with opened_run(directory, keys, options, around) as run:
            yield run


@contextmanager
def _errors_logged() -> Iterator[None]:
    try:
        yield
    except HarvestError as exc:
        log.error("the run ends: %s", exc)
        raise
    except Exception:
        log.exception("the run ends by an internal error")
        raise
