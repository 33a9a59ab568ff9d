"""A world that nobody stores: the links of a host follow from the seed, the host's name and the day.

Any host has links when it is asked about by name. A registrable domain also has a few of the usual subdomains, and
those are what its own report covers below itself. Sources stand under `.example` and `.test`, which nobody can own
(RFC 2606), and are drawn from one pool, the same for all targets, so that two targets share sources.

What is here on purpose: hosts without any link and hosts with thousands; links that share one exact first-seen second,
sometimes more of them than a page holds; several links from one page to one other; site-wide copies of a link; texts
that attack terminals, browsers and spreadsheets.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time
from functools import lru_cache
from random import Random
from typing import NamedTuple

from harvester.sandbox.facts import Dice, Facts, heavy_tail
from harvester.sandbox.hosts import ascii_host, root_of
from harvester.sandbox.recent import Recent
from harvester.sandbox.world import Link, Lost

_DAY_S = 86_400
_SITES = 40_000
_MOST_LINKS = 6_000
_LINKS_KEPT = 50_000
_SUBDOMAINS = ("www", "blog", "shop", "docs", "m")


def _several(text: str) -> tuple[str, ...]:
    return tuple(text.split("|"))


_FIRST = _several(
    "quiet|amber|north|paper|green|silent|copper|early|hidden|stone|river|modern|little|broad|winter|bright|café|bücher"
    "|señor|żółty|open|grand|velvet|local"
)
_SECOND = _several(
    "harbor|garden|notes|digest|market|studio|forum|review|gazette|journal|lab|kitchen|atlas|signal|craft|works|weekly"
    "|trail|report|guide|house|press|radio|bikes|travel"
)
_WORDS = _several(
    "guide|tools|review|links|best-of|news|2024|archive|resources|how-to|case-study|partners|r%C3%A9sum%C3%A9|top-10"
    "|%E3%83%AA%E3%83%B3%E3%82%AF|team|faq|story"
)
_ANCHORS = _several(
    "click here|read more|source|official site|this article|homepage|documentation|Website|日本語のリンク"
    "|официальный сайт|مصدر الخبر|mehr über uns|café crème|🚀 launch|ελληνικά|한국어 링크"
)
_HOSTILE = (
    "\x1b[31mred\x1b[0m\x1b]0;owned\x07",
    "<script>alert(1)</script>",
    '=HYPERLINK("http://phish.example/","Invoice")',
    "+1+1|' /C calc'!A0",
    "two\nlines\tand a tab",
    "\u202egpj.exe",
    'a;b,c"d"',
    "line\u2028separator",
    "long " * 80,
)
_KINDS = (
    ("text",) * 78 + ("image",) * 10 + ("redirect",) * 5 + ("rss",) * 3 + ("canonical", "alternate", "frame", "form")
)
_REASONS = (
    *(Lost.LINK_REMOVED,) * 8,
    *(Lost.PAGE_REMOVED,) * 6,
    *(Lost.PAGE_ERROR, Lost.PAGE_REDIRECTED, Lost.NOINDEX, Lost.NOT_CANONICAL, Lost.DROPPED, Lost.DROPPED),
)
_RELS = (
    *(frozenset[str](),) * 29,
    *(frozenset({"nofollow"}),) * 7,
    *(frozenset({"ugc"}), frozenset({"nofollow", "ugc"}), frozenset({"sponsored"}), frozenset({"noopener"})),
)


@lru_cache(maxsize=_SITES)
def site_host(seed: int, number: int) -> str:
    """Return the registrable domain of one site of the pool; those with low numbers link the most."""
    series, pair = divmod(number, len(_FIRST) * len(_SECOND))
    name = f"{_FIRST[pair % len(_FIRST)]}-{_SECOND[pair // len(_FIRST)]}{series or ''}"
    return ascii_host(f"{name}.{Dice(seed, 'site', number).pick(0, ('example', 'example', 'test'))}")


class GeneratedWorld:
    """Links as a pure function of seed, host and day; those asked for last are remembered."""

    def __init__(self, *, seed: int, today: date) -> None:
        self.facts = Facts(seed)
        self.now = datetime.combine(today, time(), UTC)
        self._kept: Recent[str, Sequence[Link]] = Recent(_LINKS_KEPT, weigh=lambda links: 1 + len(links))

    def links_of(self, host: str) -> Sequence[Link]:
        """Return the links to exactly this host."""
        return self._kept.get(host, lambda: tuple(_Author(self, host).links()))

    def links_below(self, host: str) -> Sequence[Link]:
        """Return the links to this host and to the subdomains that this world knows of it."""
        below = [link for sub in self.subdomains(host) for link in self.links_of(sub)]
        return [*self.links_of(host), *below] if below else self.links_of(host)

    def subdomains(self, host: str) -> list[str]:
        """Return the hosts below a registrable domain; none for a host that is itself below one."""
        if root_of(host) != host or not self.link_count(host):
            return []
        dice = Dice(self.facts.seed, "subdomains", host)
        return [f"{label}.{host}" for at, label in enumerate(_SUBDOMAINS) if dice.has(at, 0.35)]

    def link_count(self, host: str) -> int:
        """Return how many links a host has: none for one in eight, 20 for most, thousands for a few."""
        weight = self.facts.host(host).weight
        if weight < 0.12:
            return 0
        is_usual_subdomain = host.partition(".")[0] in _SUBDOMAINS and root_of(host) != host
        return min(heavy_tail(weight, typical=3 if is_usual_subdomain else 12), _MOST_LINKS)


class _Rush(NamedTuple):
    """An event after which many links were found in the same second."""

    at_s: int
    share: float


class _Look(NamedTuple):
    """A link without its life."""

    source_url: str
    source_host: str
    target_url: str
    anchor: str
    kind: str
    rel: frozenset[str]
    redirects: tuple[str, ...]


class _Author:
    """Writes the links of one host, in an order that says nothing."""

    def __init__(self, world: GeneratedWorld, host: str) -> None:
        self._seed = world.facts.seed
        self._host = host
        self._now_s = int(world.now.timestamp())
        self._count = world.link_count(host)
        self._chance = Random(f"{self._seed}:{host}")
        self._rush = self._draw_rush()

    def links(self) -> Iterator[Link]:
        look: _Look | None = None
        for number in range(self._count):
            is_copy = look is not None and self._chance.random() < 0.25
            look = self._copy(look, number) if look is not None and is_copy else self._fresh(number)
            yield self._born(look)

    def _draw_rush(self) -> _Rush:
        share = 0.0
        if self._count >= 20 and self._chance.random() < 0.3:
            share = 0.1
        if self._count >= 250 and self._chance.random() < 0.4:
            share = 0.7
        return _Rush(self._now_s - 10 * _DAY_S - self._chance.randrange(890 * _DAY_S), share)

    def _fresh(self, number: int) -> _Look:
        site = site_host(self._seed, int(_SITES * self._chance.random() ** 4))
        host = self._chance.choice(("", "", "", "www.", "blog.")) + site
        kind = self._chance.choice(_KINDS)
        target_url, redirects = self._target(is_redirect=kind == "redirect")
        anchor = "" if kind in ("redirect", "canonical", "alternate") else self._anchor()
        return _Look(self._page(host, number), host, target_url, anchor, kind, self._chance.choice(_RELS), redirects)

    def _copy(self, look: _Look, number: int) -> _Look:
        """Return mostly the same link on one more page, now and then a second one from the same page."""
        if self._chance.random() < 0.1:
            return look._replace(anchor=f"{look.anchor} ({number})".lstrip())
        return look._replace(source_url=self._page(look.source_host, number))

    def _page(self, host: str, number: int) -> str:
        scheme = "http" if self._chance.random() < 0.08 else "https"
        port = ":8080" if self._chance.random() < 0.005 else ""
        query = "?id=1&utm_source=x%20y" if self._chance.random() < 0.03 else ""
        return f"{scheme}://{host}{port}/{self._chance.choice(_WORDS)}/{number}{query}"

    def _target(self, *, is_redirect: bool) -> tuple[str, tuple[str, ...]]:
        chance = self._chance
        site = f"{'http' if chance.random() < 0.15 else 'https'}://{self._host}"
        if is_redirect:
            number = self._chance.randrange(40)
            hops = (f"https://{self._host}/moved/{number}", f"https://{self._host}/new/{number}")
            return f"{site}/old/{number}", hops[self._chance.randrange(2) :]
        if chance.random() < 0.35:
            return f"{site}/", ()
        path = f"{_WORDS[int(len(_WORDS) * chance.random() ** 2)]}/{int(12 * chance.random() ** 2)}"
        return f"{site}/{path}{self._chance.choice(('', '', '', '/', '?ref=1', '#part'))}", ()

    def _anchor(self) -> str:
        roll = self._chance.random()
        if roll < 0.06:
            return self._chance.choice(_HOSTILE)
        if roll < 0.14:
            return ""
        return self._host if roll < 0.4 else self._chance.choice(_ANCHORS)

    def _born(self, look: _Look) -> Link:
        """Give a link its life, all of it before now."""
        chance = self._chance
        first_s = self._now_s - 60 - int(3000 * _DAY_S * chance.random() ** 2.5)
        if chance.random() < self._rush.share:
            first_s = self._rush.at_s
        found_s = first_s - (0 if chance.random() < 0.4 else self._chance.randrange(400 * _DAY_S))
        lost_s = first_s + 1 + int((self._now_s - first_s - 1) * chance.random()) if chance.random() < 0.3 else None
        return Link(
            source_url=look.source_url,
            source_host=look.source_host,
            target_url=look.target_url,
            target_host=self._host,
            anchor=look.anchor,
            kind=look.kind,
            rel=look.rel,
            page_found=_moment(found_s),
            first_seen=_moment(first_s),
            last_seen=_moment(self._last_s(first_s, lost_s)),
            lost_at=None if lost_s is None else _moment(lost_s),
            lost_reason=None if lost_s is None else self._reason(look.kind),
            was_restored=chance.random() < 0.03,
            image_alt=self._chance.choice(("", "logo", "=1+1", "Bild: Häuser")) if look.kind == "image" else None,
            redirects=look.redirects,
        )

    def _last_s(self, first_s: int, lost_s: int | None) -> int:
        """Return the last check that found the link: its first one for many young links, else within 40 days."""
        end_s = self._now_s if lost_s is None else lost_s
        if end_s - first_s < 20 * _DAY_S and self._chance.random() < 0.5:
            return first_s
        return max(first_s, end_s - 1 - self._chance.randrange(40 * _DAY_S))

    def _reason(self, kind: str) -> Lost:
        if kind == "redirect" and self._chance.random() < 0.6:
            return Lost.REDIRECT_LOST
        return self._chance.choice(_REASONS)


def _moment(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
