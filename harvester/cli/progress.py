"""Progress of a run on standard error: a bar for each provider, or plain lines where no terminal is.

The only file that imports tqdm.
"""

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Never

import click
from tqdm import tqdm

from harvester.assembly import ProviderProgress
from harvester.cli.table import duration
from harvester.display import shown

BAR_S = 0.25
PLAIN_S = 10.0
BAR = "{desc} {percentage:3.0f}%|{bar:20}| {n_fmt}/{total_fmt} tasks {postfix}"

Look = Callable[[], Mapping[str, ProviderProgress]]


class Pace:
    """Turns counts into words: rows a second and the time that is left. Pure but for the clock handed in."""

    def __init__(self, begun: Mapping[str, ProviderProgress], now_s: float) -> None:
        self._begun = begun
        self._began_s = now_s

    def words(self, name: str, now: ProviderProgress, now_s: float) -> str:
        """Return what a line says of a provider beside its tasks."""
        before = self._begun[name]
        gone_s = max(now_s - self._began_s, 1e-6)
        spent = now.tally.units_spent + now.tally.units_in_doubt
        words = [
            f"{(now.tally.rows - before.tally.rows) / gone_s:,.0f} records/s",
            f"{spent:,}" + (f" of {now.budget:,}" if now.budget is not None else "") + f" {now.unit}",
        ]
        if now.closed_s > 0:
            words.append(f"paused {duration(now.closed_s)}")
        left_s = self._left_s(before, now, gone_s)
        if left_s is not None:
            words.append(f"{duration(left_s)} left")
        return ", ".join(words)

    def _left_s(self, before: ProviderProgress, now: ProviderProgress, gone_s: float) -> float | None:
        """Return the seconds left at the pace so far, or, before a task is done, as the rate allows at best."""
        left = now.tasks - now.tasks_done
        done = now.tasks_done - before.tasks_done
        if left == 0:
            return None
        if done:
            return left * gone_s / done
        return None if now.rate is None else left * now.rate.window_s / now.rate.calls


@asynccontextmanager
async def progress(look: Look, *, is_quiet: bool) -> AsyncIterator[None]:
    """Show how a run comes on for the length of the block."""
    if is_quiet:
        yield
        return
    show = _bars if sys.stderr.isatty() else _plain
    async with asyncio.TaskGroup() as group:
        showing = group.create_task(show(look), name="progress")
        try:
            yield
        finally:
            showing.cancel()


@contextmanager
def errors_on_screen() -> Iterator[None]:
    """Show what stops a lane, above the bars."""
    handler = _Screen(level=logging.ERROR)
    logger = logging.getLogger("harvester")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Screen(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(shown(record.getMessage()), file=sys.stderr)


async def _bars(look: Look) -> None:
    begun = look()
    pace = Pace(begun, time.monotonic())
    bars = {
        name: tqdm(total=item.tasks, desc=name, bar_format=BAR, file=sys.stderr, position=at, leave=True, mininterval=0)
        for at, (name, item) in enumerate(begun.items())
    }
    try:
        while True:
            _draw(bars, look(), pace)
            await asyncio.sleep(BAR_S)
    finally:
        _draw(bars, look(), pace)
        for bar in bars.values():
            bar.close()


def _draw(bars: Mapping[str, "tqdm[Never]"], now: Mapping[str, ProviderProgress], pace: Pace) -> None:
    for name, bar in bars.items():
        bar.n = now[name].tasks_done
        bar.set_postfix_str(pace.words(name, now[name], time.monotonic()), refresh=False)
        bar.refresh()


async def _plain(look: Look) -> None:
    pace = Pace(look(), time.monotonic())
    while True:
        await asyncio.sleep(PLAIN_S)
        for name, item in look().items():
            words = pace.words(name, item, time.monotonic())
            click.echo(f"{name}: {item.tasks_done:,}/{item.tasks:,} tasks, {words}", err=True)
