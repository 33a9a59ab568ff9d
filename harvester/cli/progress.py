"""Progress of a run on standard error: a bar for each provider, or plain lines where no terminal is.

The only file that imports tqdm. Nothing here may stop a run: it was paid for, and its words were not.
"""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Never, TextIO

from tqdm import tqdm

from harvester.assembly.outcome import ProviderProgress
from harvester.cli.words import duration
from harvester.display import digits, shown, unit_shown

BAR_S = 0.25
PLAIN_S = 10.0
BAR = "{desc} {percentage:3.0f}%|{bar:16}| {n_fmt}/{total_fmt} tasks{postfix}"

tqdm.monitor_interval = 0  # no thread: the bars are drawn again by us

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
        spent_units = now.tally.units_spent + now.tally.units_in_doubt
        words = [f"paused for {duration(now.closed_s)}"] if now.closed_s > 0 else []
        words += ["waiting for targets"] if now.is_waiting else []
        left_s = self._left_s(before, now, gone_s)
        if left_s is not None:
            words.append(f"{duration(left_s)} left")
        of_budget = "" if now.budget is None else f" of {digits(now.budget, now.unit)}"
        words.append(f"{digits(spent_units, now.unit)}{of_budget} {unit_shown(now.unit)}")
        words.append(f"{(now.tally.rows - before.tally.rows) / gone_s:,.0f} rows/s")
        return ", ".join(words)

    def _left_s(self, before: ProviderProgress, now: ProviderProgress, gone_s: float) -> float | None:
        """Return the seconds left at the pace so far, or, before a task is done, as the rate allows at best."""
        left = now.tasks - now.tasks_done
        done = now.tasks_done - before.tasks_done
        if left <= 0:
            return None
        if done:
            return left * gone_s / done
        return None if now.rate is None else left * now.rate.window_s / now.rate.calls


def say(text: str) -> None:
    """Say one line to the user, apart from the results and above the bars."""
    with even_unread(sys.stderr):
        tqdm.write(shown(text, 1000), file=sys.stderr)


def say_waiting(text: str) -> None:
    """Say one line to somebody who waits at a terminal; a script hears nothing."""
    if _has_screen(sys.stderr):
        say(text)


@contextmanager
def even_unread(stream: TextIO) -> Iterator[None]:
    """Go on when nobody reads what the block writes: the pipe was closed, or the disk behind it is full."""
    try:
        yield
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


@asynccontextmanager
async def progress(look: Look, *, is_quiet: bool) -> AsyncIterator[None]:
    """Show how a run comes on for the length of the block. Raises what the block raises."""
    if is_quiet:
        yield
        return
    showing = asyncio.create_task((_bars if _has_screen(sys.stderr) else _plain)(look), name="progress")
    try:
        yield
    finally:
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)


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


def _has_screen(stream: TextIO) -> bool:
    """Whether bars can be drawn: a terminal without a size, as containers have them, or a dumb one shows none."""
    try:
        return os.environ.get("TERM") != "dumb" and stream.isatty() and all(os.get_terminal_size(stream.fileno()))
    except OSError:
        return False


class _Screen(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())


async def _bars(look: Look) -> None:
    now_s = asyncio.get_running_loop().time
    begun = look()
    pace = Pace(begun, now_s())
    bars = {
        name: tqdm(
            total=item.tasks,
            initial=item.tasks_done,
            desc=name,
            bar_format=BAR,
            file=sys.stderr,
            position=at,
            dynamic_ncols=True,
        )
        for at, (name, item) in enumerate(begun.items())
    }
    try:
        while True:
            _draw(bars, look(), pace, now_s())
            await asyncio.sleep(BAR_S)
    finally:
        _draw(bars, look(), pace, now_s())
        with even_unread(sys.stderr):
            for bar in bars.values():
                bar.close()


def _draw(bars: Mapping[str, "tqdm[Never]"], now: Mapping[str, ProviderProgress], pace: Pace, now_s: float) -> None:
    with even_unread(sys.stderr):
        for name, bar in bars.items():
            bar.n, bar.total = now[name].tasks_done, now[name].tasks  # there may be more of them than at first
            bar.set_postfix_str(pace.words(name, now[name], now_s), refresh=False)
            bar.refresh()


async def _plain(look: Look) -> None:
    now_s = asyncio.get_running_loop().time
    pace = Pace(look(), now_s())
    while True:
        await asyncio.sleep(PLAIN_S)
        for name, item in look().items():
            say(f"{name}: {item.tasks_done:,}/{item.tasks:,} tasks, {pace.words(name, item, now_s())}")
