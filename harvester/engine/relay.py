"""Which harvests take their targets from which, and whose desk is to be told. Pure but for that.

Such a harvest rests while its list has nothing more for a task. It is woken when rows of its source are durable, and
nobody waits for it any longer once none can come: the question goes from source to source until one has work that can
go on now, or none has. So it always has an answer, also where providers wait for each other in a ring of lists.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol


class Place(Protocol):
    """Where the lanes of one provider come for work."""

    @property
    def is_closed(self) -> bool:
        """Whether all its lanes have left."""

    @property
    def is_moving(self) -> bool:
        """Whether there is work that is being done, or can be."""

    def is_resting(self, harvest: str) -> bool:
        """Whether a harvest's list had nothing more when it was last looked at."""

    def is_stopped(self, harvest: str) -> bool:
        """Whether a harvest cannot go on."""

    def wake(self, harvest: str) -> None:
        """Let a harvest's list be looked at again."""

    def tell(self) -> None:
        """Wake everybody who waits, to look again."""


class Relay:
    """The stages of a run, over the desks of all its providers."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        """`sources`: for each staged harvest, the one that it takes its targets from."""
        self._sources = sources
        self._places: dict[str, Place] = {}  #: by harvest

    def join(self, harvests: Iterable[str], place: Place) -> None:
        """Note where harvests are worked on."""
        self._places.update(dict.fromkeys(harvests, place))

    def is_staged(self, harvest: str) -> bool:
        """Whether a harvest takes its targets from another."""
        return harvest in self._sources

    def brought(self, source: str) -> None:
        """Wake who draws from a harvest: some of its rows have become durable, and perhaps they were its last."""
        for harvest, other in self._sources.items():
            if other == source:
                self._places[harvest].wake(harvest)
                self.brought(harvest)  # with its source, it may be over too

    def left(self) -> None:
        """Let everybody look again: a provider's lanes have ended."""
        for place in set(self._places.values()):
            place.tell()

    def can_come(self, harvest: str) -> bool:
        """Whether a resting harvest's list may still grow in this run."""
        while (source := self._sources.get(harvest)) is not None:
            place = self._places[source]
            if place.is_closed or place.is_stopped(source):
                return False
            if place.is_moving:
                return True
            if not place.is_resting(source):
                return False
            harvest = source
        return False
