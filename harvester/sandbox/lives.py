"""A world on one of its earlier days: what was found later is not there yet, what was lost later still is.

A few links have changed in the last weeks of their world: before that they had another text, or followed otherwise.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from harvester.sandbox.facts import Dice, Facts
from harvester.sandbox.world import Link, World

CHANGED_WITHIN = timedelta(days=60)
_TEXTS, _RELS = 0.15, 0.10  #: shares of the links whose text, and whose rel, has changed
_A_SECOND = timedelta(seconds=1)


class WorldOnDay:
    """Another world as it was at one moment, so that one link lives through several of them."""

    def __init__(self, world: World, now: datetime) -> None:
        self._world = world
        self.now = now

    @property
    def facts(self) -> Facts:
        """What is invented about hosts and pages."""
        return self._world.facts

    def links_of(self, host: str) -> Sequence[Link]:
        """Return the links to exactly this host."""
        return self._known(self._world.links_of(host))

    def links_below(self, host: str) -> Sequence[Link]:
        """Return the links to this host and to all hosts below it."""
        return self._known(self._world.links_below(host))

    def _known(self, links: Sequence[Link]) -> Sequence[Link]:
        return [self._at_present(link) for link in links if link.first_seen < self.now]

    def _at_present(self, link: Link) -> Link:
        is_lost = link.lost_at is not None and link.lost_at < self.now
        return replace(
            self._unchanged(link),
            last_seen=min(link.last_seen, self.now - _A_SECOND),
            lost_at=link.lost_at if is_lost else None,
            lost_reason=link.lost_reason if is_lost else None,
        )

    def _unchanged(self, link: Link) -> Link:
        """Return a link as it was before what changes later."""
        dice = Dice(self.facts.seed, "change", link.source_url, link.target_url, link.anchor)
        if self._world.now - CHANGED_WITHIN * dice.unit(0) < self.now:
            return link
        if dice.has(1, _TEXTS) and link.kind == "text":
            return replace(link, anchor=f"{link.anchor} (before)".lstrip())
        return replace(link, rel=link.rel ^ {"nofollow"}) if dice.has(2, _RELS) else link
