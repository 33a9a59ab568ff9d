"""A link as DataForSEO shows it: every field of a `backlinks/live` item (reference, section 7).

What the world says (pages, texts, times, statuses) is shown as it is; what only this index would know is invented from
the names. Assumed: a page that redirects on answers 301, and a link to it counts as an indirect one.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harvester.sandbox.dataforseo.filters import Field
from harvester.sandbox.dataforseo.params import stamp
from harvester.sandbox.facts import Dice, Facts, PageFacts
from harvester.sandbox.groups import is_followed, source_domain, source_zone
from harvester.sandbox.world import Link, Lost

_ITEM_TYPES = {
    "text": "anchor",
    "image": "image",
    "redirect": "redirect",
    "canonical": "canonical",
    "alternate": "alternate",
    "rss": "alternate",
    "frame": "meta",
}
_STATUS = {Lost.PAGE_REMOVED: 404, Lost.PAGE_ERROR: 500, Lost.PAGE_REDIRECTED: 301}
_ENCODINGS = {"utf8": "utf-8", "iso88591": "iso-8859-1", "windows1252": "windows-1252"}
_PLATFORMS = ("cms", "blogs", "ecommerce", "message-boards", "wikis", "news", "organization")
_LOCATIONS = ("article", "section", "footer", "nav", "", None)
_SNIPPETS = (None, "", "See also ", " for the details.", "«Quelle»: ", "<b>bold</b> ", "\x1b[2J")


@dataclass(frozen=True, slots=True)
class Lens:
    """Facts, with ranks on the scale that was asked for."""

    facts: Facts
    is_hundred: bool = False  #: ranks from 0 to 100, not to 1000
    shows_misses: bool = True  #: the visit that missed a lost link counts as one

    def scaled(self, rank: int) -> int:
        """Return a rank of 0 to 1000 on the scale that was asked for."""
        return (rank + 5) // 10 if self.is_hundred else rank

    def host_rank(self, host: str) -> int:
        """Return the rank of a host, from 0 to 1000."""
        return round(10 * self.facts.host(host).authority)

    def page_rank(self, url: str) -> int:
        """Return the rank of a page, from 0 to 1000."""
        return round(10 * self.facts.page(url).authority)

    def spam_score(self, host: str) -> int:
        """Return the spam score of a host, from 0 to 100."""
        low, high = (60, 100) if self.facts.host(host).is_spam else (0, 40)
        return Dice(self.facts.seed, "spam", host).number(0, low, high)

    def platform_types(self, domain: str) -> list[str] | None:
        """Return what kinds of site a domain is; not known for a few."""
        dice = Dice(self.facts.seed, "platform", domain)
        if dice.has(0, 0.15):
            return ["unknown"] if dice.has(1, 0.5) else None
        first = dice.number(2, 0, len(_PLATFORMS) - 1)
        return list(_PLATFORMS[first : first + (2 if dice.has(3, 0.2) else 1)])

    def country(self, domain: str) -> str | None:
        """Return the country of a domain: `WW` where it is nowhere in particular, null without an address."""
        facts = self.facts.host(domain)
        return None if facts.ip is None else "WW" if facts.is_spam else facts.country

    def status_of(self, url: str, redirects: tuple[str, ...] = ()) -> int | None:
        """Return what a linked page answered; None = not crawled yet."""
        if redirects:
            return 301
        return None if Dice(self.facts.seed, "crawl", url).has(0, 0.1) else self.facts.page(url).status


class View:
    """One link, or the links of one page that are shown as one."""

    __slots__ = ("group_count", "lens", "link", "links_count")

    def __init__(self, link: Link, lens: Lens, *, links_count: int = 1) -> None:
        self.link = link
        self.lens = lens
        self.links_count = links_count
        self.group_count = 0  #: 0 with `as_is`

    @property
    def root(self) -> str:
        return source_domain(self.link)

    @property
    def page(self) -> PageFacts:
        return self.lens.facts.page(self.link.source_url)

    @property
    def dice(self) -> Dice:
        return Dice(self.lens.facts.seed, "link", self.link.source_url, self.link.target_url)

    @property
    def ip(self) -> str | None:
        return self.lens.facts.host(self.link.source_host).ip

    @property
    def raw_rank(self) -> int:
        """From 0 to 1000: what the link passes on, by the ranks of its two pages and of its domain."""
        lens, link = self.lens, self.link
        pages = 2 * lens.page_rank(link.source_url) + lens.page_rank(link.target_url)
        return (pages + lens.host_rank(self.root)) // 4

    @property
    def is_followed(self) -> bool:
        return is_followed(self.link)

    @property
    def is_lost(self) -> bool:
        return self.link.lost_at is not None

    @property
    def last_seen(self) -> datetime:
        """The "most recent date when our crawler visited the backlink": of a lost one, the visit that missed it."""
        lost_at = self.link.lost_at if self.lens.shows_misses else None
        return lost_at or self.link.last_seen

    @property
    def url_to_status(self) -> int | None:
        return self.lens.status_of(self.link.target_url, self.link.redirects)

    @property
    def is_broken(self) -> bool:
        """Whether the linked page answered 4xx or 5xx; one that was not crawled yet is not broken."""
        return (self.url_to_status or 0) >= 400

    @property
    def spam_score(self) -> int:
        return self.lens.spam_score(self.root)

    @property
    def anchor(self) -> str | None:
        return anchor_of(self.link)

    @property
    def item_type(self) -> str:
        return _ITEM_TYPES.get(self.link.kind, "link")

    @property
    def semantic_location(self) -> str | None:
        return self.dice.pick(0, _LOCATIONS)


def anchor_of(link: Link) -> str | None:
    """Return the text of a link; null for the kinds of link that have none."""
    return link.anchor or ("" if link.kind == "text" else None)


def _prev_seen(view: View) -> str | None:
    """Return the visit before the last one; between two that found the link it was half-way."""
    link = view.link
    if view.last_seen != link.last_seen:
        return stamp(link.last_seen)
    if link.first_seen == link.last_seen:
        return None
    return stamp(link.first_seen + (link.last_seen - link.first_seen) / 2)


def _page_status(view: View) -> int:
    reason = view.link.lost_reason
    return 200 if reason is None else _STATUS.get(reason, 200)


def _image_url(view: View) -> str | None:
    return f"https://{view.link.source_host}/image.png" if view.link.kind == "image" else None


def _redirect_target(view: View) -> str | None:
    return view.link.redirects[-1] if view.link.redirects else None


def _path(view: View) -> list[dict[str, Any]] | None:
    """Return the pages that lead on, the linked one first."""
    hops = [view.link.target_url, *view.link.redirects][:-1]
    return [{"type": "redirect", "status_code": 301, "url": url} for url in hops] or None


def _url_to_spam(view: View) -> int | None:
    return None if view.url_to_status is None else view.lens.spam_score(view.link.target_host)


def _keywords(view: View) -> dict[str, int]:
    count = view.page.keywords
    return dict(zip(KEYWORD_COUNTS, (count // 30, count // 10, count), strict=True))


def _is_new(view: View) -> bool:
    return not view.is_lost and view.link.first_seen == view.link.last_seen


def _field(kind: str, value: Callable[[View], Any], *, is_listed: bool = True) -> Field[View]:
    return Field(kind, value, is_listed)


KEYWORD_COUNTS = tuple(f"page_from_keywords_count_top_{top}" for top in (3, 10, 100))

_SOURCE: Mapping[str, Field[View]] = {
    "type": _field("", lambda view: "backlink"),
    "domain_from": _field("str", lambda view: view.link.source_host),
    "url_from": _field("str", lambda view: view.link.source_url),
    "url_from_https": _field("bool", lambda view: view.link.source_url.startswith("https:")),
    "domain_to": _field("str", lambda view: view.link.target_host),
    "url_to": _field("str", lambda view: view.link.target_url),
    "url_to_https": _field("bool", lambda view: view.link.target_url.startswith("https:")),
    "tld_from": _field("str", lambda view: source_zone(view.link)),
    "is_new": _field("bool", _is_new),
    "is_lost": _field("bool", lambda view: view.is_lost),
    "backlink_spam_score": _field("num", lambda view: view.spam_score),
    "rank": _field("num", lambda view: view.lens.scaled(view.raw_rank)),
    "page_from_rank": _field("num", lambda view: view.lens.scaled(view.lens.page_rank(view.link.source_url))),
    "domain_from_rank": _field("num", lambda view: view.lens.scaled(view.lens.host_rank(view.root))),
    "domain_from_platform_type": _field("array.str", lambda view: view.lens.platform_types(view.root)),
    "domain_from_is_ip": _field("bool", lambda view: view.link.source_host.rpartition(".")[2].isdigit()),
    "domain_from_ip": _field("str", lambda view: view.ip),
    "domain_from_country": _field("str", lambda view: view.lens.country(view.root), is_listed=False),
    "page_from_external_links": _field("num", lambda view: view.page.links_external),
    "page_from_internal_links": _field("num", lambda view: view.page.links_internal),
    "page_from_size": _field("num", lambda view: view.page.size_bytes),
    "page_from_encoding": _field("str", lambda view: _ENCODINGS[view.page.encoding]),
    "page_from_language": _field("str", lambda view: next(iter(view.page.languages), None)),
    "page_from_title": _field("str", lambda view: view.page.title),
    "page_from_status_code": _field("num", _page_status),
}
_LINK: Mapping[str, Field[View]] = {
    "first_seen": _field("time", lambda view: stamp(view.link.first_seen)),
    "prev_seen": _field("time", _prev_seen),
    "last_seen": _field("time", lambda view: stamp(view.last_seen)),
    "item_type": _field("str", lambda view: view.item_type),
    "attributes": _field("array.str", lambda view: sorted(view.link.rel) or None, is_listed=False),
    "dofollow": _field("bool", lambda view: view.is_followed),
    "original": _field("bool", lambda view: view.link.page_found == view.link.first_seen),
    "alt": _field("str", lambda view: view.link.image_alt),
    "image_url": _field("str", _image_url, is_listed=False),
    "anchor": _field("str", lambda view: view.anchor),
    "text_pre": _field("str", lambda view: view.dice.pick(1, _SNIPPETS)),
    "text_post": _field("str", lambda view: view.dice.pick(2, _SNIPPETS)),
    "semantic_location": _field("str", lambda view: view.semantic_location),
    "links_count": _field("num", lambda view: view.links_count),
    "group_count": _field("num", lambda view: view.group_count),
    "is_broken": _field("bool", lambda view: view.is_broken),
    "url_to_status_code": _field("num", lambda view: view.url_to_status),
    "url_to_spam_score": _field("num", _url_to_spam),
    "url_to_redirect_target": _field("str", _redirect_target, is_listed=False),
    "ranked_keywords_info": _field("", _keywords),
    "is_indirect_link": _field("bool", lambda view: bool(view.link.redirects), is_listed=False),
    "indirect_link_path": _field("", _path),
}
#: The fields of an item, in its order.
LINK_FIELDS: Mapping[str, Field[View]] = {**_SOURCE, **_LINK}


def _keyword_field(name: str) -> Field[View]:
    return _field("num", lambda view: _keywords(view)[name], is_listed=False)


_BY_NAME = {**LINK_FIELDS, **{f"ranked_keywords_info.{name}": _keyword_field(name) for name in KEYWORD_COUNTS}}


def link_field(name: str) -> Field[View] | None:
    """Return the field of a link of that name."""
    return _BY_NAME.get(name)


def link_item(view: View) -> dict[str, Any]:
    """Return the object that stands for a link."""
    return {name: field.value(view) for name, field in LINK_FIELDS.items()}


def strongest_first(views: Iterable[View]) -> list[View]:
    """Return links in the order that backlinks/live has by default: rank, then last_seen, both descending."""
    return sorted(views, key=lambda view: (view.raw_rank, view.last_seen), reverse=True)
