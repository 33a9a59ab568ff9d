"""The methods that answer at once, for a price that knows no pages (reference, sections 5.7 to 5.9)."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from harvester.sandbox.groups import grouped, is_followed, source_zone, subnet_of
from harvester.sandbox.serpstat.columns import domains_in
from harvester.sandbox.serpstat.lists import links_by_site
from harvester.sandbox.serpstat.query import Form, Query
from harvester.sandbox.serpstat.rows import (
    Row,
    Shelf,
    domain_of,
    from_domain,
    is_from_main_page,
    is_malicious,
    live,
    rank_of,
    to_domain,
)
from harvester.sandbox.serpstat.zones import country_of
from harvester.sandbox.world import Link

_WEEK = timedelta(days=7)
_TOP_ROWS = 10
_KINDS = ("text", "image", "redirect", "canonical", "alternate", "rss", "frame", "form")
_SDR_RANGES = ("0", "1 - 9", *(f"{low} - {low + 9}" for low in range(10, 90, 10)), "90 - 100")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a flat method found."""

    data: list[Row] | Row
    summary: Mapping[str, Any] = field(default_factory=dict)  #: of `summary_info`, beside `sort` and `order`
    is_known: bool = True  #: False = nothing is known of the target


@dataclass(frozen=True, slots=True, kw_only=True)
class Flat:
    """One method that is not paged."""

    find: Callable[[Shelf, Query], Found]
    credits: int | None = 1  #: None = one for each row
    form: Form = field(default_factory=Form)
    sort: str | None = ""
    order: str | None = ""
    is_summary_outside: bool = False


# ---- summary


def _counts(shelf: Shelf, links: Sequence[Link], given: Sequence[Link]) -> dict[str, int]:
    """Return the counters of links that are there together; type buckets, and followed or not, sum to `backlinks`."""
    facts = shelf.world.facts
    domains, targets = {from_domain(link) for link in links}, {to_domain(link) for link in given}
    addresses = {ip for host in {link.source_host for link in links} if (ip := facts.host(host).ip) is not None}
    kinds = Counter(link.kind for link in links)
    followed = sum(map(is_followed, links))
    return {
        "referring_domains": len(domains),
        "referring_malicious_domains": sum(is_malicious(facts, domain) for domain in domains),
        "referring_ip_addresses": len(addresses),
        "referring_subnets": len(set(map(subnet_of, addresses))),
        "backlinks": len(links),
        "backlinks_from_mainpages": sum(map(is_from_main_page, links)),
        "nofollow_backlinks": len(links) - followed,
        "dofollow_backlinks": followed,
        **{f"{kind}_backlinks": kinds[kind] for kind in _KINDS},
        "external_domains": len(targets),
        "external_malicious_domains": sum(is_malicious(facts, domain) for domain in targets),
        "external_links": len(given),
    }


def _summary(shelf: Shelf, query: Query) -> Found:
    incoming, outgoing = shelf.incoming(query.target), shelf.outgoing(query.target)
    week_ago = shelf.world.now - _WEEK
    now = _counts(shelf, live(incoming), live(outgoing))
    then = _counts(shelf, _live_at(incoming, week_ago), _live_at(outgoing, week_ago))
    data: Row = {"sersptat_domain_rank": _rank(shelf, query)}
    for name, count in now.items():
        data |= {name: count, f"{name}_change": count - then[name]}
    data["redirected_domains"] = domains_in(link for link in live(incoming) if link.kind == "redirect")
    is_known = bool(incoming)
    if not is_known and shelf.switches.empty_summary == "list":
        return Found(data=[], is_known=False)
    return Found(data=data if is_known else dict.fromkeys(data, 0), is_known=is_known)


def _live_at(links: Iterable[Link], when: datetime) -> list[Link]:
    return [link for link in links if link.is_live_at(when)]


def _rank(shelf: Shelf, query: Query) -> float | None:
    domain = domain_of(query.target.place.host)
    if shelf.switches.summary_rank == "null":
        return None
    is_whole = shelf.switches.summary_rank == "integer"
    return rank_of(shelf.world.facts, domain) if is_whole else shelf.world.facts.host(domain).authority


# ---- tops, distributions, history


def _top_anchors(shelf: Shelf, query: Query) -> Found:
    links = live(shelf.incoming(query.target))
    rows: list[Row] = [
        {"anchor": group.key, "backlinks_count": len(group.links), "domains_count": domains_in(group.links)}
        for group in grouped(links, lambda link: link.anchor)
    ]
    rows.sort(key=lambda row: (-row["domains_count"], -row["backlinks_count"], row["anchor"]))
    summary = {"referring_domains": domains_in(links), "backlinks": len(links), "unique_anchors": len(rows)}
    return Found(data=rows[:_TOP_ROWS], summary=summary, is_known=bool(rows))


def _range_of(rank: int) -> str:
    return _SDR_RANGES[0 if rank == 0 else min(1 + rank // 10, len(_SDR_RANGES) - 1)]


def _by_rank(shelf: Shelf, query: Query) -> Found:
    domains = {from_domain(link) for link in live(shelf.incoming(query.target))}
    counts = Counter(_range_of(rank_of(shelf.world.facts, domain)) for domain in domains)
    rows: list[Row] = [{"sdr_range": name, "domains": counts[name]} for name in _SDR_RANGES]
    return Found(data=rows if domains else [], is_known=bool(domains))


def _by_zone(shelf: Shelf, query: Query) -> Found:
    """Return the ten largest zones; in the example `tld_count` and `domains_count` count these ten only."""
    groups = grouped(live(shelf.incoming(query.target)), source_zone)
    counts = sorted(((group.key, domains_in(group.links)) for group in groups), key=lambda zone: (-zone[1], zone[0]))
    total = sum(count for _, count in counts)
    rows: list[Row] = []
    for zone, count in counts[:_TOP_ROWS]:
        name, code = country_of(zone, query.lang)
        share = round(100 * count / total, 2)
        rows.append(
            {"tld": f".{zone}", "country_name": name, "country_code": code, "percentage": share, "domains": count}
        )
    summary = {
        "tld_count": len(rows),
        "domains_count": sum(row["domains"] for row in rows),
        "biggest_tld_percentage": rows[0]["percentage"] if rows else 0,
    }
    return Found(data=rows, summary=summary, is_known=bool(rows))


def _history(shelf: Shelf, query: Query) -> Found:
    """Return new and lost links of each week, named by its Monday, oldest first, up to the week of today."""
    links = shelf.incoming(query.target)
    gained = Counter(_monday(link.first_seen.date()) for link in links)
    dropped = Counter(_monday(link.lost_at.date()) for link in links if link.lost_at is not None)
    last = _monday(shelf.world.now.date())
    first = last - 51 * _WEEK if shelf.switches.history == "52" else min([*gained, last])
    weeks = [first + number * _WEEK for number in range((last - first) // _WEEK + 1)] if links else []
    rows: list[Row] = [
        {"date": week.isoformat(), "lost_links": dropped[week], "new_links": gained[week]} for week in weeks
    ]
    return Found(data=rows, summary={"page": 1, "count": len(rows), "total": None}, is_known=bool(links))


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


# ---- intersection


def _intersect_summary(shelf: Shelf, query: Query) -> Found:
    """Return one row per non-empty subset of the sites: domains that link to these and to none of the others.

    In the examples the rows of two of three sites and of all three (131 + 100) make about the `total` (233) of
    getIntersect with links to these two: a domain is in one row only.
    """
    texts = [target.text for target in query.targets]
    found = links_by_site(shelf, query)
    counts = Counter(sum(1 << at for at, count in enumerate(counts) if count) for _, counts in found.values())
    rows: list[Row] = [
        {
            "referring_domains_count": counts[subset],
            "domains": ", ".join(text for at, text in enumerate(texts) if subset >> at & 1),
        }
        for subset in range(1, 1 << len(texts))
    ]
    rows = rows if found else []
    return Found(data=rows, summary={"page": 1, "count": len(rows), "total": 0}, is_known=bool(found))


FLATS: Mapping[str, Flat] = {
    "getSummaryV2": Flat(find=_summary, credits=5, sort=None, order=None),
    "getTopAnchors": Flat(find=_top_anchors, sort="referring_domains", order="desc"),
    "getDistributionSDR": Flat(find=_by_rank),
    "getDistributionTLD": Flat(
        find=_by_zone, form=Form(has_lang=True), sort="percentage", order="desc", is_summary_outside=True
    ),
    "getBacklinksChangesHistory": Flat(find=_history, sort=None, order=None),
    "getIntersectSummary": Flat(find=_intersect_summary, credits=None, form=Form(scopes=(), has_intersect=True)),
}
