"""What the reports on one target show: its links in a window, found once and kept (reference, sections 3.3 and 4).

Assumed, as no document says it: all reports count the links that `backlinks` lists, so that `total`, `domains_num` and
`ips_num` of the overview are lengths of lists. The flags `newlink` and `lostlink` and the filters of those names
suggest that the list holds live links and those lost lately; lately is 90 days here, for new links too.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, NamedTuple

from harvester.sandbox.facts import Dice, Facts
from harvester.sandbox.groups import Group, grouped
from harvester.sandbox.hosts import Place
from harvester.sandbox.recent import Recent
from harvester.sandbox.semrush.terms import SemrushSwitches
from harvester.sandbox.world import Link, Scope, World, links_to

SCOPES = {"root_domain": Scope.SUBDOMAINS, "domain": Scope.HOST, "subdomain": Scope.HOST, "url": Scope.URL}

_RECENT = timedelta(days=90)
_KEPT = 50_000
_SITEWIDE_COPIES = 3


@dataclass(frozen=True, slots=True)
class Subject:
    """One target as it was asked for."""

    target: str
    target_type: str  #: a key of `SCOPES`
    place: Place


class Scene:
    """The links of one target."""

    def __init__(self, world: World, subject: Subject, lost_links: str) -> None:
        self.place = subject.place
        self.scope = SCOPES[subject.target_type]
        self.facts: Facts = world.facts
        self.now = world.now
        self.since = world.now - _RECENT
        self.history: Sequence[Link] = links_to(world, self.place, self.scope)  #: all that ever were
        self._lost_links = lost_links

    @cached_property
    def links(self) -> Sequence[Link]:
        """Links that reports show, in no particular order."""
        return [link for link in self.history if link.lost_at is None or self._is_shown(link)]

    @cached_property
    def group(self) -> Group:
        """All links that reports show as one group."""
        return Group(self.place.host, self.links)

    @cached_property
    def ascore(self) -> int:
        """Authority Score of the target."""
        if self.scope is Scope.URL:
            return round(self.facts.page(f"https://{self.place.host}{self.place.path}").authority)
        return ascore_of(self.facts, self.place.host)

    def heaps(self, key: Callable[[Link], str | None]) -> list["Heap"]:
        """Return the links in groups, by what `key` says of each; None leaves a link out."""
        return [Heap(group, self) for group in grouped(self.links, key)]

    def is_new(self, link: Link) -> bool:
        """Return True for a live link that was found lately."""
        return link.lost_at is None and link.first_seen >= self.since

    def is_sitewide(self, link: Link) -> bool:
        """Return True if several pages of a host show the same text with the same aim."""
        return self._copies[_look(link)] >= _SITEWIDE_COPIES

    @cached_property
    def _copies(self) -> Counter[tuple[str, str, str]]:
        return Counter(map(_look, self.links))

    def _is_shown(self, link: Link) -> bool:
        if self._lost_links == "recent":
            return link.lost_at is not None and link.lost_at >= self.since
        return self._lost_links == "all"


@dataclass(frozen=True, slots=True)
class Sight:
    """One link where it is shown."""

    link: Link
    scene: Scene


@dataclass(frozen=True, slots=True)
class Heap:
    """Links counted together where they are shown."""

    group: Group
    scene: Scene


def _look(link: Link) -> tuple[str, str, str]:
    return link.source_host, link.anchor, link.target_url


def ascore_of(facts: Facts, host: str) -> int:
    """Return the Authority Score of a host."""
    return round(facts.host(host).authority)


def trust_of(facts: Facts, host: str) -> int:
    """Return the trust metric of older days."""
    return round(facts.host(host).authority * (0.6 + 0.4 * Dice(facts.seed, "trust", host).unit(0)))


def ip_of(facts: Facts, link: Link) -> str | None:
    """Return the address of the host that links; None where it is not known."""
    return facts.host(link.source_host).ip


def country_of(facts: Facts, host: str) -> str | None:
    """Return the code of the country that a host's address belongs to, in capitals; None without an address."""
    found = facts.host(host)
    return None if found.ip is None else found.country


class _Kept(NamedTuple):
    """A list and how much memory it holds, in links."""

    rows: Sequence[Any]
    weight: int


class Library:
    """The scenes and lists of one world that were used last, so that the next page of a target costs only itself."""

    def __init__(self, world: World, switches: SemrushSwitches) -> None:
        self.world = world
        self.switches = switches
        self._scenes: Recent[tuple[Place, Scope], Scene] = Recent(_KEPT, weigh=lambda scene: 1 + len(scene.history))
        self._lists: Recent[Hashable, _Kept] = Recent(_KEPT, weigh=lambda kept: kept.weight)

    def scene(self, subject: Subject) -> Scene:
        """Return what the reports on a target show."""
        key = (subject.place, SCOPES[subject.target_type])
        return self._scenes.get(key, lambda: Scene(self.world, subject, self.switches.lost_links))

    def scene_of_domain(self, domain: str) -> Scene:
        """Return what the reports on a registrable domain show."""
        return self.scene(Subject(domain, "root_domain", Place(domain, "/")))

    def rows(self, key: Hashable, subjects: Sequence[Subject], find: Callable[[], Sequence[Any]]) -> Sequence[Any]:
        """Return a list of rows on these targets, found now if it is not kept."""

        def keep() -> _Kept:
            # Rows hold their scenes, so a list weighs as much as those, however short it is.
            return _Kept(find(), 1 + sum(len(self.scene(subject).history) for subject in subjects))

        return self._lists.get(key, keep).rows
