"""Which rows each report of DataForSEO must bring, worked out from the link world alone.

Its own rules: links within the target's registrable domain are left out; a list of links has one row for each page
that links, the link with the highest rank; whatever the index would know of hosts and pages is drawn from the names.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from html import unescape

from operations_kit import TODAY

from harvester.sandbox.facts import Dice, Facts
from harvester.sandbox.generated import site_host
from harvester.sandbox.groups import Group, grouped, is_followed, source_domain, subnet_of
from harvester.sandbox.hosts import place_of, root_of
from harvester.sandbox.world import Link, Lost, World

Values = tuple[object, ...]
Expected = Iterable[Values]

SINCE = datetime(2026, 10, 22, tzinfo=UTC)  #: 30 days before the job's first day

_TYPES = {"text": "anchor", "rss": "alternate", "frame": "meta", "form": "link"}
_KINDS = {"anchor": "text", "link": "meta"}
_STATUS = {Lost.PAGE_REMOVED: 404, Lost.PAGE_ERROR: 500, Lost.PAGE_REDIRECTED: 301}
_REASONS = {404: "page_not_found", 500: "page_error", 301: "page_redirected", 200: "link_removed"}


# ---- what the world holds, as records show it


def tidy(text: str) -> str:
    """Return a text as people read it: no escapes, no control characters, single spaces."""
    seen = [char for char in unescape(text) if char.isspace() or unicodedata.category(char) != "Cc"]
    return re.sub(r"\s+", " ", "".join(char for char in seen if not "\x1c" <= char <= "\x1f"))


def stamp(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def outside(links: Iterable[Link], target: str) -> list[Link]:
    """Return the links that come from elsewhere."""
    root = root_of(place_of(target).host)
    return [link for link in links if source_domain(link) != root]


def host_rank(facts: Facts, host: str) -> float:
    return float(round(10 * facts.host(host).authority))


def page_rank(facts: Facts, url: str) -> float:
    return float(round(10 * facts.page(url).authority))


def passed_on(facts: Facts, link: Link) -> float:
    pages = 2 * page_rank(facts, link.source_url) + page_rank(facts, link.target_url)
    return (pages + host_rank(facts, source_domain(link))) // 4


def spam(facts: Facts, host: str) -> int:
    low, high = (60, 100) if facts.host(host).is_spam else (0, 40)
    return Dice(facts.seed, "spam", host).number(0, low, high)


def status_to(facts: Facts, link: Link) -> int | None:
    if link.redirects:
        return 301
    return None if Dice(facts.seed, "crawl", link.target_url).has(0, 0.1) else facts.page(link.target_url).status


def is_broken(facts: Facts, link: Link) -> bool:
    return (status_to(facts, link) or 0) >= 400


def item_type(link: Link) -> str:
    return _TYPES.get(link.kind, link.kind)


def anchor_of(link: Link) -> str | None:
    return link.anchor or ("" if link.kind == "text" else None)


def ips(facts: Facts, links: Iterable[Link]) -> set[str]:
    return {ip for link in links if (ip := facts.host(link.source_host).ip) is not None}


# ---- lists of links


def by_page(facts: Facts, links: Iterable[Link]) -> list[tuple[Link, int]]:
    """Return the strongest link of each page, and how many links the page has."""
    pages: defaultdict[str, list[Link]] = defaultdict(list)
    for link in links:
        pages[link.source_url].append(link)
    return [(max(found, key=lambda link: _strength(facts, link)), len(found)) for found in pages.values()]


def _strength(facts: Facts, link: Link) -> tuple[float, datetime]:
    return passed_on(facts, link), link.lost_at or link.last_seen


LINK_FIELDS = (
    *("url_from", "domain_from_raw", "url_to", "url_to_final", "anchor", "image_alt", "title_from", "ip_from"),
    *("link_type", "link_type_raw", "is_followed", "rel_nofollow", "rel_ugc", "rel_sponsored", "is_indirect"),
    *("links_in_row", "first_seen_at", "last_seen_at", "last_crawled_at", "lost_at", "is_lost", "is_new"),
    *("lost_reason", "lost_reason_from", "status_from", "status_to", "is_broken", "dates_precision"),
    *("domain_from_score", "domain_from_metric", "page_from_score", "page_from_metric", "spam_score", "spam_metric"),
)


def link_values(facts: Facts, link: Link, links_count: int) -> Values:
    page, anchor, kind, is_lost = (
        facts.page(link.source_url),
        anchor_of(link),
        item_type(link),
        link.lost_at is not None,
    )
    status_from = _STATUS.get(link.lost_reason, 200) if link.lost_reason else 200
    return (
        *(link.source_url, link.source_host, link.target_url, link.redirects[-1] if link.redirects else None),
        *(None if anchor is None else tidy(anchor), link.image_alt, tidy(page.title), facts.host(link.source_host).ip),
        *(_KINDS.get(kind, kind), kind, is_followed(link)),
        *(word in link.rel if link.rel else None for word in ("nofollow", "ugc", "sponsored")),
        *(bool(link.redirects), links_count, stamp(link.first_seen)),
        *(stamp(link.last_seen), stamp(link.lost_at or link.last_seen), None, is_lost),
        *(not is_lost and link.first_seen == link.last_seen,),
        *((_REASONS[status_from], "derived", status_from) if is_lost else (None, None, 200)),
        *(status_to(facts, link), is_broken(facts, link), "second"),
        *(host_rank(facts, source_domain(link)), "dataforseo_rank_1000"),
        *(page_rank(facts, link.source_url), "dataforseo_rank_1000"),
        *(float(spam(facts, source_domain(link))), "dataforseo_spam"),
    )


def link_rows(facts: Facts, links: Iterable[Link], picks: Callable[[Link], bool] = lambda _: True) -> Expected:
    """Return the rows of a list of links; a filter sees the link that a page is shown by."""
    return [link_values(facts, link, count) for link, count in by_page(facts, links) if picks(link)]


# ---- links counted by what they share


def hosts(links: Iterable[Link]) -> int:
    return len({link.source_host for link in links})


def roots(links: Iterable[Link]) -> int:
    return len(set(map(source_domain, links)))


def pages(links: Iterable[Link]) -> int:
    return len({link.source_url for link in links})


def nofollow(links: Iterable[Link]) -> list[Link]:
    return [link for link in links if not is_followed(link)]


def broken(facts: Facts, links: Iterable[Link]) -> list[Link]:
    return [link for link in links if is_broken(facts, link)]


def refdomains(facts: Facts, links: Sequence[Link]) -> Expected:
    for group in grouped(links, source_domain):
        found = group.links
        yield (
            *(group.key, len(found), pages(found), pages(nofollow(found)), len(broken(facts, found))),
            *(stamp(group.first_seen), None, float(spam(facts, group.key)), "dataforseo_spam", None),
        )


def anchors(facts: Facts, links: Sequence[Link]) -> Expected:
    for group in grouped(links, lambda link: repr(anchor_of(link))):
        found, anchor = group.links, anchor_of(group.links[0])
        yield (tidy(anchor or ""), len(found), pages(found), hosts(found), roots(found), stamp(group.first_seen))


def linked_pages(facts: Facts, links: Sequence[Link]) -> Expected:
    for group in grouped(links, lambda link: link.target_url):
        score = page_rank(facts, group.key)
        yield group.key, len(group.links), hosts(group.links), stamp(group.first_seen), score, "dataforseo_rank_1000"


def addresses(facts: Facts, links: Sequence[Link]) -> Expected:
    return _networks(grouped(links, lambda link: facts.host(link.source_host).ip))


def subnets(facts: Facts, links: Sequence[Link]) -> Expected:
    known = [link for link in links if facts.host(link.source_host).ip is not None]
    return _networks(grouped(known, lambda link: subnet_of(facts.host(link.source_host).ip or "")))


def _networks(groups: Iterable[Group]) -> Expected:
    return [(group.key, len(group.links), hosts(group.links), stamp(group.first_seen)) for group in groups]


# ---- one row for a target


SUMMARY_FIELDS = (
    *("as_of", "links", "refpages", "refdomains", "refdomains_root", "refips", "refsubnets", "links_broken"),
    *("pages_broken", "links_nofollow", "links_text", "links_image", "first_seen_at", "lost_at", "domain_score"),
)


def summary(facts: Facts, target: str, links: Sequence[Link]) -> Values:
    """Return the counts of a target; a map has no entry for what there is none of."""
    known, dead = ips(facts, links), broken(facts, links)
    kinds = Counter(map(item_type, links))
    rels = Counter(word for link in links for word in link.rel)
    return (
        *(
            str(TODAY),
            len(links),
            pages(links),
            hosts(links),
            roots(links),
            len(known),
            len(set(map(subnet_of, known))),
        ),
        *(len(dead), len({link.target_url for link in dead}), rels["nofollow"] or None),
        *(kinds["anchor"] or None, kinds["image"] or None),
        *(stamp(min((link.first_seen for link in links), default=None)), None, host_rank(facts, target)),
    )


def months(links: Sequence[Link], first: date, last: date) -> Mapping[date, Values]:
    """Return links, hosts and domains on the first of each month, and what came and went since the one before."""
    found: dict[date, Values] = {}
    begun = [begin for begin in firsts(first, last) if any(link.first_seen <= midnight(begin) for link in links)]
    for begin in begun:
        before = (begin - timedelta(days=1)).replace(day=1)
        live = [link for link in links if link.is_live_at(midnight(begin))]
        moved = changes(links, midnight(before), midnight(begin))
        found[begin] = (len(live), hosts(live), roots(live), *moved)
    return found


def changes(links: Sequence[Link], after: datetime, until: datetime) -> Values:
    """Return the links found and lost behind one moment and up to another, and the hosts that came and went."""
    were = {link.source_host for link in links if link.is_live_at(after)}
    are = {link.source_host for link in links if link.is_live_at(until)}
    return (
        sum(after < link.first_seen <= until for link in links),
        sum(link.lost_at is not None and after < link.lost_at <= until for link in links),
        len(are - were),
        len(were - are),
    )


def firsts(first: date, last: date) -> list[date]:
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [day for day in days if day.day == 1]


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


# ---- several targets


def overlap(links: Mapping[str, Sequence[Link]], *, is_full: bool = False) -> Expected:
    """Return a row for each domain that links to one, or to all, of the targets, and each target."""
    of = {target: Counter(map(source_domain, found)) for target, found in links.items()}
    for domain in set().union(*of.values()):
        matches = sum(domain in counts for counts in of.values())
        if matches == len(links) or not is_full:
            yield from ((target, domain, counts[domain], matches) for target, counts in of.items())


def competitors(world: World, target: str) -> Expected:
    """Return the known sites that share referring domains with the target itself, its subdomains left out."""
    facts = world.facts
    own = {source_domain(link) for link in world.links_of(target) if link.lost_at is None}
    draws = (Dice(facts.seed, "rival", target, at).number(0, 0, 399) for at in range(20))
    for host in {*sorted(own)[:20], *(site_host(facts.seed, number) for number in draws)}:
        theirs = outside((link for link in world.links_below(host) if link.lost_at is None), host)
        shared = own & set(map(source_domain, theirs))
        if shared and host_rank(facts, host) < 900:
            yield host, len(shared), host_rank(facts, host), "dataforseo_rank_1000"
