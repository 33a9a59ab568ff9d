"""Which rows each report of Serpstat must bring, worked out from the link world alone.

Two things are Serpstat's own: its domains are hosts without `www.`, and links that a site *gives* are a world of their
own, which only its sandbox has.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from html import unescape

from operations_kit import TODAY, Harvested

from harvester.sandbox.groups import is_followed, subnet_of
from harvester.sandbox.serpstat.outgoing import outlinks_below
from harvester.sandbox.world import Link, World

Values = tuple[object, ...]
Expected = Iterable[Values]

NOBODY, BUSY, BIG = "t5.example", "t71.example", "t882.example"  #: none, a thousand, more than 2,500 links
TARGETS = [*(f"t{number}.example" for number in range(1, 11)), BUSY, BIG]
SETS = [["t1.example", BUSY], ["t2.example", "t3.example", BIG], ["t4.example", NOBODY]]
SINCE = datetime(2026, 10, 22, tzinfo=UTC)  #: 30 days before the job's first day


# ---- what the world holds, as records show it


def tidy(anchor: str) -> str:
    """Return an anchor as people read it: no escapes, no control characters, single spaces."""
    seen = [char for char in unescape(anchor) if char.isspace() or unicodedata.category(char) != "Cc"]
    return re.sub(r"\s+", " ", "".join(char for char in seen if not "\x1c" <= char <= "\x1f"))


def domain(host: str) -> str:
    return host.removeprefix("www.")


def stamp(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def score(world: World, name: str) -> float:
    return float(round(world.facts.host(name).authority))


def by(links: Iterable[Link], key: Callable[[Link], str]) -> dict[str, list[Link]]:
    found: defaultdict[str, list[Link]] = defaultdict(list)
    for link in links:
        found[key(link)].append(link)
    return found


def source(link: Link) -> str:
    return domain(link.source_host)


def goal(link: Link) -> str:
    return domain(link.target_host)


def sources(links: Iterable[Link]) -> int:
    return len(set(map(source, links)))


def given(left: Harvested, target: str, *, lost: bool = False) -> list[Link]:
    return [link for link in outlinks_below(left.world, target) if (link.lost_at is not None) is lost]


LINK_FIELDS = (
    *("url_from", "url_to", "anchor", "link_type", "is_followed", "rel_nofollow", "rel_ugc", "rel_sponsored"),
    *("links_external_from", "first_seen_at", "last_seen_at", "last_crawled_at", "lost_at", "is_lost", "lost_reason"),
    *("is_indirect", "dates_precision"),
)


def link_values(world: World, link: Link) -> Values:
    is_lost = link.lost_at is not None
    return (
        *(link.source_url, link.target_url, tidy(link.anchor), link.kind, is_followed(link)),
        *(word in link.rel for word in ("nofollow", "ugc", "sponsored")),
        world.facts.page(link.source_url).links_external,
        f"{link.first_seen:%Y-%m-%d}T00:00:00Z",  # without its time of day
        None if is_lost else stamp(link.last_seen),
        stamp(link.lost_at or link.last_seen),  # the visit that found it gone is the last
        *(stamp(link.lost_at), is_lost, "unknown" if is_lost else None),
        *(link.kind == "redirect", "day"),
    )


def backlinks(left: Harvested, links: Iterable[Link]) -> Expected:
    return [(*link_values(left.world, link), score(left.world, source(link))) for link in links]


def summary(left: Harvested, target: str) -> Expected:
    links, gone = left.live(target), left.links(target)
    ips = {left.world.facts.host(link.source_host).ip for link in links} - {None}
    kinds = Counter(link.kind for link in links)
    followed = sum(map(is_followed, links))
    yield (
        str(TODAY),
        *(len(links), followed, len(links) - followed),
        *(kinds[kind] for kind in ("text", "image", "form", "frame", "redirect")),
        *(sources(links), len(ips), len({subnet_of(ip) for ip in ips if ip is not None})),
        *(score(left.world, target) if gone else 0.0, "serpstat_sdr"),
    )


def anchors(left: Harvested, target: str) -> Expected:
    for text, links in by(left.live(target), lambda link: link.anchor).items():
        yield tidy(text), len(links), sources(links), len(links) - sum(map(is_followed, links))


def top_anchors(left: Harvested, target: str) -> Expected:
    groups = by(left.live(target), lambda link: link.anchor)
    first = sorted(groups, key=lambda text: (-sources(groups[text]), -len(groups[text]), text))[:10]
    return [(tidy(text), len(groups[text]), sources(groups[text])) for text in first]


def pages(left: Harvested, target: str) -> Expected:
    for url, links in by(left.live(target), lambda link: link.target_url).items():
        ips = {left.world.facts.host(link.source_host).ip for link in links} - {None}
        yield url, sources(links), len({link.source_url for link in links}), len(ips)


def history(left: Harvested, target: str) -> Expected:
    links, monday = left.links(target), left.world.now - timedelta(days=left.world.now.weekday())
    for weeks in range(52 if links else 0):
        begin = monday - timedelta(weeks=weeks)
        found = [link for link in links if begin <= link.first_seen < begin + timedelta(weeks=1)]
        lost = [link for link in links if link.lost_at and begin <= link.lost_at < begin + timedelta(weeks=1)]
        yield f"{begin:%Y-%m-%d}", "week", len(found), len(lost)


def zones(left: Harvested, target: str) -> Expected:
    groups = by(left.live(target), lambda link: link.source_host.rpartition(".")[2])
    assert len(groups) <= 10
    return [("tld", zone, sources(links)) for zone, links in groups.items()]


def authority(left: Harvested, target: str) -> Expected:
    ranks = Counter(score(left.world, name) for name in {source(link) for link in left.live(target)})
    if not ranks:
        return
    for low, high in ((0, 0), (1, 9), *((low, low + 9) for low in range(10, 90, 10)), (90, 100)):
        number = sum(many for rank, many in ranks.items() if low <= rank <= high)
        yield "authority", f"{low}-{high}" if high else "0", number, "serpstat_sdr"


def overlap(left: Harvested, target: str) -> Expected:
    for names in SETS:
        groups = [by(left.live(name), source) for name in names]
        for name in {name for group in groups for name in group}:
            counts = [len(group.get(name, ())) for group in groups]
            matches = sum(map(bool, counts))
            for place, counted in zip(names, counts, strict=True):
                if place == target and matches >= 2:
                    yield name, counted, matches, score(left.world, name)


def refdomains(left: Harvested, target: str) -> Expected:
    for name, links in by(left.live(target), source).items():
        yield name, len({link.source_url for link in links}), score(left.world, name)


def outdomains(left: Harvested, target: str) -> Expected:
    for name, links in by(given(left, target), goal).items():
        yield name, len(links), score(left.world, name)


def redirected(left: Harvested, target: str) -> Expected:
    redirects = [link for link in left.live(target) if link.kind == "redirect"]
    return [(name, score(left.world, name)) for name in by(redirects, source)]


def source_threats(left: Harvested, target: str) -> Expected:
    return bad_domains(left.world, by(left.live(target), source))


def target_threats(left: Harvested, target: str) -> Expected:
    return bad_domains(left.world, by(given(left, target), goal))


def bad_domains(world: World, groups: Mapping[str, Sequence[Link]]) -> Expected:
    for name, links in groups.items():
        if world.facts.host(name).is_spam:
            yield name, len(links), f"{max(link.last_seen for link in links):%Y-%m-%d}"


def bad_links(world: World, links: Iterable[Link], far: Callable[[Link], str]) -> Expected:
    for link in links:
        if world.facts.host(far(link)).is_spam:
            yield link.source_url, link.target_url, f"{link.last_seen:%Y-%m-%d}"


_SCORED = (*LINK_FIELDS, "domain_from_score")
_COUNTS = ("links", "links_followed", "links_nofollow", "links_text", "links_image", "links_form", "links_frame")

#: By report: the fields that are compared, and the rows of one target.
REPORTS: Mapping[str, tuple[Sequence[str], Callable[[Harvested, str], Expected]]] = {
    "summary": (
        ("as_of", *_COUNTS, "links_redirect", "refdomains", "refips", "refsubnets", "domain_score", "domain_metric"),
        summary,
    ),
    "backlinks": (_SCORED, lambda left, target: backlinks(left, left.live(target))),
    "new-backlinks": (
        _SCORED,
        lambda left, target: backlinks(left, [link for link in left.live(target) if link.first_seen >= SINCE]),
    ),
    "lost-backlinks": (_SCORED, lambda left, target: backlinks(left, left.lost(target))),
    "refdomains": (("domain", "pages", "domain_score"), refdomains),
    "anchors": (("anchor", "links", "refdomains", "links_nofollow"), anchors),
    "top-anchors": (("anchor", "links", "refdomains"), top_anchors),
    "pages": (("url", "refdomains", "extra.ref_pages", "extra.ips"), pages),
    "history": (("date", "granularity", "links_new", "links_lost"), history),
    "tld": (("dimension", "value", "refdomains"), zones),
    "authority": (("dimension", "value", "refdomains", "metric"), authority),
    "overlap": (("domain", "links", "matches", "domain_score"), overlap),
    "outlinks": (
        LINK_FIELDS,
        lambda left, target: [link_values(left.world, link) for link in given(left, target)],
    ),
    "lost-outlinks": (
        LINK_FIELDS,
        lambda left, target: [link_values(left.world, link) for link in given(left, target, lost=True)],
    ),
    "outdomains": (("domain", "links", "domain_score"), outdomains),
    "redirected-domains": (("domain", "domain_score"), redirected),
    "threats": (("domain", "links", "extra.lastupdate"), source_threats),
    "threat-links": (
        ("url_from", "url_to", "extra.lastupdate"),
        lambda left, target: bad_links(left.world, left.live(target), source),
    ),
    "out-threats": (("domain", "links", "extra.lastupdate"), target_threats),
    "out-threat-links": (
        ("url_from", "url_to", "extra.lastupdate"),
        lambda left, target: bad_links(left.world, given(left, target), goal),
    ),
    "size": (("extra.total",), lambda left, target: [(len(left.live(target)),)] if left.live(target) else []),
}
