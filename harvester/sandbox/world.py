"""The links that every contract shows, neutral of any provider, and how they are found by target."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from harvester.sandbox.facts import Facts
from harvester.sandbox.hosts import Place, place_of


class Lost(Enum):
    """Why a link is gone."""

    LINK_REMOVED = "the page stayed, the link went"
    PAGE_REMOVED = "the page is gone"
    PAGE_ERROR = "the page answers with an error"
    PAGE_REDIRECTED = "the page now leads elsewhere"
    NOINDEX = "the page asks not to be indexed"
    NOT_CANONICAL = "the page names another as canonical"
    REDIRECT_LOST = "the redirect behind the link is gone"
    DROPPED = "the index let the page go"


class Scope(Enum):
    """How much of a site a target means."""

    URL = "exactly this page"
    PREFIX = "addresses of this host that begin so"
    HOST = "this host only"
    SUBDOMAINS = "this host and all below it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link with its life. Times are UTC and whole seconds: page_found <= first_seen <= last_seen < lost_at."""

    source_url: str
    source_host: str
    target_url: str
    target_host: str
    anchor: str
    kind: str  #: text, image, redirect, frame, form, canonical, alternate, rss
    rel: frozenset[str]
    page_found: datetime  #: the page that carries the link was discovered
    first_seen: datetime
    last_seen: datetime  #: last check that found it
    lost_at: datetime | None = None  #: first check that did not; None = still there
    lost_reason: Lost | None = None
    was_restored: bool = False
    image_alt: str | None = None
    redirects: tuple[str, ...] = ()  #: where target_url leads on to, hop by hop

    def is_live_at(self, when: datetime) -> bool:
        """Return True if the link had been found by then and was not lost by then."""
        return self.first_seen <= when and (self.lost_at is None or self.lost_at > when)


class World(Protocol):
    """All links there are."""

    @property
    def facts(self) -> Facts:
        """What is invented about hosts and pages."""

    @property
    def now(self) -> datetime:
        """The present of this world: nothing in it is younger."""

    def links_of(self, host: str) -> Sequence[Link]:
        """Return the links to exactly this host."""

    def links_below(self, host: str) -> Sequence[Link]:
        """Return the links to this host and to all hosts below it."""


def links_to(world: World, place: Place, scope: Scope) -> Sequence[Link]:
    """Return the links to a target, in no particular order."""
    if scope is Scope.SUBDOMAINS:
        return world.links_below(place.host)
    links = world.links_of(place.host)
    if scope is Scope.HOST:
        return links
    if scope is Scope.PREFIX:
        return [link for link in links if place_of(link.target_url).path.startswith(place.path)]
    return [link for link in links if place_of(link.target_url).path == place.path]
