"""Everything a run takes from the world around it."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from typing import BinaryIO

from harvester.assembly.reading import ReadingRule, usual_rule
from harvester.engine.ports import Clock


class SystemClock:
    """The real time."""

    def utc(self) -> datetime:
        """Return the wall clock's time, in UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return seconds that never run backwards: the event loop's own, by which the gate's limiter counts."""
        return asyncio.get_running_loop().time()

    async def sleep_s(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Environment, standard input, clock, chance, and a way to say something to the user."""

    environ: Mapping[str, str]
    notice: Callable[[str], None]  #: one line for the user, now
    stdin: BinaryIO = field(default_factory=BytesIO)  #: where a list of targets may come from
    clock: Clock = field(default_factory=SystemClock)
    jitter: Callable[[], float] = random.random
    reading: ReadingRule = field(default_factory=usual_rule)  #: when replies are read beside the event loop
