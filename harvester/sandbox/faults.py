"""Things that go wrong on the way, drawn by lot. Which ones is a function of seed and arrival number."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from random import Random

from harvester.errors import ConfigError


class Fault(Enum):
    """What goes wrong with one request."""

    INTERNAL = "500 in the provider's words, nothing charged"
    BAD_GATEWAY = "502 with a page for people, nothing charged"
    RESET = "the connection is reset, nothing charged"
    DROPPED = "the answer is charged and never sent"
    TRUNCATED = "the answer is charged and half of it sent"
    STRAY_REFUSAL = "refused as too fast although it was not, nothing charged"


_USUAL = (Fault.INTERNAL, Fault.BAD_GATEWAY, Fault.RESET, Fault.DROPPED, Fault.TRUNCATED)
_WITH_STRAY = (*_USUAL, Fault.STRAY_REFUSAL)


def seeded(seed: int) -> Callable[[int], Random]:
    """Return the source of chance for each arrival under one seed."""
    return lambda arrival: Random(f"{seed}:fault:{arrival}")


@dataclass(frozen=True, slots=True)
class Faults:
    """Draws one of the faults for a share of all requests."""

    share: float
    chance: Callable[[int], Random]

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise ConfigError(f"faults {self.share}: expected a share from 0 to 1")

    def draw(self, arrival: int, *, has_stray_refusals: bool = False) -> Fault | None:
        """Return what goes wrong with the request that came as number `arrival`; None for most."""
        if not self.share:
            return None
        chance = self.chance(arrival)
        if chance.random() >= self.share:
            return None
        return chance.choice(_WITH_STRAY if has_stray_refusals else _USUAL)
