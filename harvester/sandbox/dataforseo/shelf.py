"""One task at work: which links it is about, and what it read from its parameters (reference, section 5)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any, NamedTuple

from harvester.sandbox.dataforseo.filters import parse_filter
from harvester.sandbox.dataforseo.links import Lens, View, link_field
from harvester.sandbox.dataforseo.params import Params, Target
from harvester.sandbox.dataforseo.terms import DataforseoSwitches, invalid
from harvester.sandbox.hosts import place_of, root_of
from harvester.sandbox.recent import Recent
from harvester.sandbox.world import Link, World

MOST_ROWS = 1000
_DEFAULT_KEYS = 10
_LINKS_KEPT = 50_000
_ROWS_KEPT = 10_000  #: each with the counts that were asked of it
_MOST_TAG = 255


class Subject(NamedTuple):
    """A target, and which of the links to it are meant."""

    target: Target
    include_subdomains: bool = True
    include_indirect: bool = True
    exclude_internal: bool = True


class _Hit(NamedTuple):
    """A link to a page; `is_hop` says that it comes there by a redirect."""

    link: Link
    is_hop: bool


class Shelf:
    """Links of the world by domain and by page; the rows of recent lists."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.lists: Recent[bytes, list[Any]] = Recent(_ROWS_KEPT, weigh=lambda rows: 1 + len(rows))
        self._pages: Recent[str, Mapping[tuple[str, str], list[_Hit]]] = Recent(
            _LINKS_KEPT, weigh=lambda pages: 1 + sum(map(len, pages.values()))
        )

    @property
    def today(self) -> date:
        return self.world.now.date()

    def links(self, subject: Subject) -> list[Link]:
        """Return the links to a target, live and lost, in no particular order."""
        links = self._page_links(subject) if subject.target.is_page else self._domain_links(subject)
        if not subject.exclude_internal:
            return list(links)
        root = root_of(subject.target.place.host)
        return [link for link in links if root_of(link.source_host) != root]

    def _domain_links(self, subject: Subject) -> Sequence[Link]:
        host = subject.target.place.host
        links = self.world.links_below(host) if subject.include_subdomains else self.world.links_of(host)
        return links if subject.include_indirect else [link for link in links if not link.redirects]

    def _page_links(self, subject: Subject) -> Iterator[Link]:
        """Yield the links to exactly this page, and those that are led on to it."""
        target = subject.target
        if not target.has_path:
            return
        pages = self._pages.get(target.place.host, lambda: self._index(target.place.host))
        for hit in pages.get((target.scheme, target.place.path), ()):
            if subject.include_indirect or not hit.is_hop:
                yield hit.link

    def _index(self, host: str) -> Mapping[tuple[str, str], list[_Hit]]:
        found: dict[tuple[str, str], list[_Hit]] = {}
        for link in self.world.links_of(host):
            for url in dict.fromkeys((link.target_url, *link.redirects)):
                place = place_of(url)
                if place.host == host:
                    key = (url.partition(":")[0].lower(), place.path)
                    found.setdefault(key, []).append(_Hit(link, url != link.target_url))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One task: what was sent, and what it is answered from."""

    name: str  #: of the report
    params: Params
    shelf: Shelf
    switches: DataforseoSwitches
    number: int  #: how many requests arrived before it

    def check(self) -> None:
        """Check what a report may not come to read when it finds nothing. Raises Blame."""
        tag = self.params.sent.get("tag", "")
        if not isinstance(tag, str) or len(tag) > _MOST_TAG:
            raise invalid("tag")
        _ = self.lens, self.most_keys

    @property
    def lens(self) -> Lens:
        """Facts with ranks on the scale that was asked for. Raises Blame."""
        scale = self.params.choice("rank_scale", ("one_thousand", "one_hundred"))
        return Lens(self.shelf.world.facts, scale == "one_hundred", self.switches.lost_last_seen == "missed")

    @property
    def chance(self) -> Random:
        """What differs between two requests for the same."""
        return Random(f"{self.shelf.world.facts.seed}:dataforseo:{self.number}")

    @property
    def most_keys(self) -> int:
        """How many entries a map holds. Raises Blame."""
        return self.params.number("internal_list_limit", _DEFAULT_KEYS, low=1, high=MOST_ROWS)

    def subject(self, target: Target) -> Subject:
        """Return a target with the flags that were sent. Raises Blame."""
        return Subject(
            target,
            self.params.flag("include_subdomains"),
            self.params.flag("include_indirect_links"),
            self.params.flag("exclude_internal_backlinks"),
        )

    def views(self, target: Target) -> list[View]:
        """Return the links to a target that `backlinks_status_type` and `backlinks_filters` let pass. Raises Blame."""
        status = self.params.choice("backlinks_status_type", ("live", "all", "lost"))
        sent = self.params.sent.get("backlinks_filters")
        passes = parse_filter(sent, link_field, self.switches, name="backlinks_filters")
        lens, subject = self.lens, self.subject(target)
        views = (View(link, lens) for link in self.shelf.links(subject))
        return [view for view in views if status in ("all", "lost" if view.is_lost else "live") and passes(view)]

    def links(self, target: Target) -> list[Link]:
        """Return the same links as `views`. Raises Blame."""
        return [view.link for view in self.views(target)]

    def rank_of(self, target: Target) -> int:
        """Return the rank of a target, from 0 to 1000."""
        return self.lens.page_rank(target.text) if target.is_page else self.lens.host_rank(target.place.host)


@dataclass(frozen=True, slots=True)
class Found:
    """What a task found."""

    result: Mapping[str, Any] | None
    rows: int  #: that are billed
    is_list: bool = True
