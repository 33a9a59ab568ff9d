"""Which rows each report of Semrush must bring, worked out from the link world alone.

Two things are Semrush's own: its reports show live links and those lost in the last 90 days, which is the sandbox's
reading of "newlink" and "lostlink", and domains have topics, which only its sandbox knows.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from html import unescape
from typing import NamedTuple

from operations_kit import TODAY, Harvested

from harvester.sandbox.groups import subnet_of
from harvester.sandbox.hosts import place_of, root_of
from harvester.sandbox.semrush.categories import main_topic, topics_of
from harvester.sandbox.world import Link, Lost, Scope, World

Values = tuple[object, ...]
Expected = Iterable[Values]

NOBODY, BUSY, BIG = "t5.example", "t71.example", "t882.example"  #: none, a thousand, more than 2,500 links
TARGETS = [*(f"t{number}.example" for number in range(1, 11)), BUSY, BIG]
#: The last one has a single target with links.
SETS = [["t1.example", BUSY], ["t2.example", "t3.example", "t4.example", "t6.example", "t7.example", BIG]]
SETS += [["t4.example", NOBODY]]
LATELY = timedelta(days=90)


# ---- what the world holds, as records show it


def tidy(text: str | None) -> str | None:
    """Return a text as people read it: no escapes, no control characters, single spaces."""
    if text is None:
        return None
    seen = [char for char in unescape(text) if char.isspace() or unicodedata.category(char) != "Cc"]
    return re.sub(r"\s+", " ", "".join(char for char in seen if not "\x1c" <= char <= "\x1f"))


def stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def score(world: World, host: str) -> float:
    return float(round(world.facts.host(host).authority))


def by(links: Iterable[Link], key: Callable[[Link], str | None]) -> dict[str, list[Link]]:
    found: defaultdict[str, list[Link]] = defaultdict(list)
    for link in links:
        if (name := key(link)) is not None:
            found[name].append(link)
    return found


def source(link: Link) -> str:
    return root_of(link.source_host)


def sources(links: Iterable[Link]) -> set[str]:
    return set(map(source, links))


def seen(links: Sequence[Link]) -> tuple[str, str]:
    return stamp(min(link.first_seen for link in links)), stamp(max(link.last_seen for link in links))


class Asked(NamedTuple):
    """One target of one job."""

    left: Harvested
    target: str
    scope: Scope = Scope.SUBDOMAINS

    @property
    def world(self) -> World:
        return self.left.world

    @property
    def links(self) -> list[Link]:
        """Links that reports show: those that live, and those lost lately."""
        since = self.world.now - LATELY
        return [link for link in self.left.links(self.target, self.scope) if not link.lost_at or link.lost_at >= since]

    @property
    def score(self) -> float:
        if self.scope is Scope.URL:
            return float(round(self.world.facts.page(f"https://{self.target}").authority))
        return score(self.world, place_of(self.target).host)

    def of(self, target: str) -> "Asked":
        """Return another target of the same job."""
        return self._replace(target=target)


STATUS = {Lost.PAGE_REMOVED: 404, Lost.PAGE_ERROR: 500, Lost.PAGE_REDIRECTED: 301}

BACKLINK = (
    *("url_from", "title_from", "status_from", "links_external_from", "links_internal_from", "url_to", "url_to_final"),
    *("anchor", "image_alt", "link_type", "link_type_raw", "is_followed", "rel_nofollow", "is_new", "is_lost"),
    *("lost_reason", "is_indirect", "is_sitewide", "first_seen_at", "last_seen_at", "page_from_score"),
    *("page_from_metric", "extra.source_size", "extra.target_title", "extra.image_url"),
)


def look(link: Link) -> tuple[str, str, str]:
    return link.source_host, link.anchor, link.target_url


def backlinks(asked: Asked, is_meant: Callable[[Link], bool]) -> Expected:
    copies = Counter(map(look, asked.links))
    for link in asked.links:
        if not is_meant(link):
            continue
        page, target = asked.world.facts.page(link.source_url), asked.world.facts.page(link.target_url)
        status = 301 if link.kind == "redirect" else STATUS.get(link.lost_reason or Lost.LINK_REMOVED, 200)
        kind = link.kind if link.kind in ("image", "frame", "form") else None
        host, _, path = link.source_url.partition("://")[2].partition("/")
        image = f"{link.source_url.split(':')[0]}://{host}/images/{len(path.partition('?')[0]) + 1}.png"
        is_lost = link.lost_at is not None
        yield (
            *(link.source_url, (tidy(page.title) or None) if status != 301 else None, status),
            *(page.links_external, page.links_internal, link.target_url),
            *(link.redirects[-1] if link.redirects else None, tidy(link.anchor), tidy(link.image_alt) or None),
            *(kind or "text", kind, "nofollow" not in link.rel, "nofollow" in link.rel),
            *(not is_lost and link.first_seen >= asked.world.now - LATELY, is_lost, "unknown" if is_lost else None),
            *(bool(link.redirects), copies[look(link)] >= 3, *seen([link]), float(round(page.authority)), "semrush_as"),
            *(str(page.size_bytes), target.title or None, image if kind == "image" else None),
        )


def refdomains(asked: Asked) -> Expected:
    for name, links in by(asked.links, source).items():
        host = asked.world.facts.host(name)
        where = (None, None) if host.ip is None else (host.ip, host.country)
        yield name, len(links), *where, *seen(links), score(asked.world, name), "semrush_as"


def address(asked: Asked) -> Callable[[Link], str | None]:
    return lambda link: asked.world.facts.host(link.source_host).ip


def refips(asked: Asked) -> Expected:
    for ip, links in by(asked.links, address(asked)).items():
        country = asked.world.facts.host(min(link.source_host for link in links)).country
        yield ip, country, len(sources(links)), len(links), *seen(links)


def spread(asked: Asked, dimension: str, key: Callable[[Link], str | None]) -> Expected:
    return [(dimension, name, len(sources(links)), len(links)) for name, links in by(asked.links, key).items()]


def countries(asked: Asked) -> Expected:
    has_address = address(asked)
    return spread(
        asked,
        "country",
        lambda link: asked.world.facts.host(link.source_host).country if has_address(link) else None,
    )


def anchors(asked: Asked) -> Expected:
    for text, links in by(asked.links, lambda link: link.anchor.lower()).items():
        yield tidy(text), len(sources(links)), len(links), *seen(links)


def pages(asked: Asked) -> Expected:
    for url, links in by(asked.links, lambda link: link.target_url).items():
        page = asked.world.facts.page(url)
        counts = len(links), len(sources(links)), page.links_external, page.links_internal
        yield url, tidy(page.title) or None, page.status, *counts, seen(links)[1]


def competitors(asked: Asked) -> Expected:
    """Yield those of the twenty strongest referring domains that have links from the same domains."""
    groups, mine = by(asked.links, source), sources(asked.links)
    strongest = sorted(groups.keys() - {asked.target}, key=lambda name: (-len(groups[name]), name))
    for name in strongest[:20]:
        links = asked.of(name).links
        theirs = sources(links)
        if common := len(mine & theirs):
            likeness = float(round(200 * common / (len(mine) + len(theirs))))
            yield name, likeness, common, len(theirs), len(links), score(asked.world, name), "semrush_as"


def counts(asked: Asked) -> Values:
    links = asked.links
    nofollow = sum("nofollow" in link.rel for link in links)
    kinds = Counter(link.kind for link in links)
    return (
        *(str(TODAY), len(links), len(sources(links)), len(by(links, address(asked))), len(links) - nofollow, nofollow),
        *(kinds["text"], kinds["image"], kinds["form"], kinds["frame"], asked.score, "semrush_as"),
    )


def summary(asked: Asked) -> Expected:
    links = asked.links
    if links:
        rels = Counter(rel for link in links for rel in link.rel)
        subnets = {subnet_of(ip) for ip in by(links, address(asked))}
        pages = len({link.source_url for link in links})
        yield *counts(asked), pages, len(subnets), rels["sponsored"], rels["ugc"]


def overlap(asked: Asked) -> Expected:
    for names in SETS:
        groups = [by(asked.of(name).links, source) for name in names]
        for name in {name for group in groups for name in group}:
            numbers = [len(group.get(name, ())) for group in groups]
            for target, number in zip(names, numbers, strict=True):
                if target == asked.target:
                    yield name, number, sum(map(bool, numbers)), score(asked.world, name), "semrush_as"


def authority(asked: Asked) -> Expected:
    found = Counter(int(score(asked.world, name)) for name in sources(asked.links))
    return [("authority", str(at), found[at], "semrush_as") for at in range(101)] if found else []


def topics(asked: Asked) -> Expected:
    found = Counter(main_topic(asked.world.facts, name) for name in sources(asked.links))
    return [("category", name, number) for name, number in found.items()]


def categories(asked: Asked) -> Expected:
    host = place_of(asked.target).host
    return [(topic, round(sure, 6)) for topic, sure in topics_of(asked.world.facts, host)] if asked.links else []


def history(asked: Asked, weeks: int = 53) -> Expected:
    """Yield the Mondays of a year back, as far as there was a link."""
    links = asked.left.links(asked.target)
    if not links:
        return
    monday = asked.world.now - timedelta(days=asked.world.now.weekday())
    for at in (monday - timedelta(weeks=number) for number in range(weeks)):
        if at >= min(link.first_seen for link in links):
            alive = [link for link in links if link.is_live_at(at)]
            yield f"{at:%Y-%m-%d}", "week", len(alive), len(sources(alive))


_COUNTS = (
    *("as_of", "links", "refdomains", "refips", "links_followed", "links_nofollow"),
    *("links_text", "links_image", "links_form", "links_frame", "domain_score", "domain_metric"),
)
_SPREAD = ("dimension", "value", "refdomains", "links")
_SEEN = ("first_seen_at", "last_seen_at")
_SCORE = ("domain_score", "domain_metric")

#: By report: the fields that are compared, and the rows of one target.
REPORTS: Mapping[str, tuple[Sequence[str], Callable[[Asked], Expected]]] = {
    "summary": ((*_COUNTS, "refpages", "refsubnets", "links_sponsored", "links_ugc"), summary),
    "authority": (("dimension", "value", "refdomains", "metric"), authority),
    "categories": (("category", "confidence"), categories),
    "backlinks": (BACKLINK, lambda asked: backlinks(asked, lambda link: True)),
    "new-backlinks": (
        BACKLINK,
        lambda asked: backlinks(
            asked, lambda link: link.lost_at is None and link.first_seen >= asked.world.now - LATELY
        ),
    ),
    "lost-backlinks": (BACKLINK, lambda asked: backlinks(asked, lambda link: link.lost_at is not None)),
    "refdomains": (("domain", "links", "ip", "country", *_SEEN, *_SCORE), refdomains),
    "refips": (("ip", "country", "refdomains", "links", *_SEEN), refips),
    "tld": (_SPREAD, lambda asked: spread(asked, "tld", lambda link: link.source_host.rpartition(".")[2])),
    "countries": (_SPREAD, countries),
    "anchors": (("anchor", "refdomains", "links", *_SEEN), anchors),
    "pages": (
        ("url", "title", "status", "links", "refdomains", "links_external", "links_internal", "last_seen_at"),
        pages,
    ),
    "competitors": (("competitor", "similarity", "common_refdomains", "refdomains", "links", *_SCORE), competitors),
    "topics": (("dimension", "value", "refdomains"), topics),
    "overlap": (("domain", "links", "matches", *_SCORE), overlap),
    "comparison": (_COUNTS, lambda asked: [counts(asked)] if asked.links else []),
    "history": (("date", "granularity", "links", "refdomains"), history),
}
