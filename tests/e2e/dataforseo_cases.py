"""Every report of DataForSEO as a harvest, and the rows that it must bring for a target."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from dataforseo_rows import (
    LINK_FIELDS,
    SINCE,
    SUMMARY_FIELDS,
    Expected,
    Values,
    addresses,
    anchors,
    changes,
    competitors,
    firsts,
    host_rank,
    hosts,
    is_broken,
    link_rows,
    linked_pages,
    midnight,
    months,
    nofollow,
    outside,
    refdomains,
    roots,
    spam,
    subnets,
    summary,
)
from operations_kit import TODAY, Harvested

from harvester.sandbox.facts import Facts
from harvester.sandbox.world import Link

NOBODY, BUSY, BIG = "shop-4.example", "shop-12.example", "shop-388.example"  #: none, 454, nearly 2,000 links
TARGETS = [*(f"shop-{number}.example" for number in (0, 1, 2, 3, 5, 6, 22, 43)), NOBODY, BUSY, BIG]


class Case(NamedTuple):
    """One harvest, the fields of its records that are looked at, and what they are for a target."""

    table: Mapping[str, Any]
    fields: Sequence[str]
    rows: Callable[[Harvested, str], Expected]


def live(left: Harvested, target: str) -> list[Link]:
    return outside(left.live(target), target)


def _of_links(report: str, rows: Callable[[Harvested, str], Expected], **more: Any) -> Case:
    return Case({"report": report, "page_size": 300, **more}, LINK_FIELDS, rows)


def _lost(left: Harvested, target: str) -> Expected:
    return link_rows(left.world.facts, outside(left.lost(target), target))


def _broken(left: Harvested, target: str) -> Expected:
    facts = left.world.facts
    return link_rows(facts, live(left, target), lambda link: is_broken(facts, link))


def _lists(report: str, fields: str, rows: Callable[[Facts, Sequence[Link]], Expected], **more: Any) -> Case:
    table = {"report": report, "page_size": 100, **more}
    return Case(table, fields.split(), lambda left, target: rows(left.world.facts, live(left, target)))


def _bulk(name: str, fields: str, counts: Callable[[Facts, str, list[Link]], Values]) -> Case:
    def rows(left: Harvested, target: str) -> Expected:
        facts, links = left.world.facts, live(left, target)
        yield (str(TODAY), *(counts(facts, target, links) if left.links(target) else [0] * len(fields.split())))

    table = {"report": "comparison", "page_size": 5, "options": {"bulk": name}}
    return Case(table, ("as_of", *fields.split()), rows)


def _summary(left: Harvested, target: str) -> Expected:
    return [summary(left.world.facts, target, live(left, target))] if live(left, target) else []


def _pages_summary(left: Harvested, target: str) -> Expected:
    links = live(left, target)
    rank = summary(left.world.facts, target, links)[-1] if left.links(target) else 0
    return [(*summary(left.world.facts, target, links)[:-1], rank)]


def _history(left: Harvested, target: str) -> Expected:
    links, first = outside(left.links(target), target), TODAY - timedelta(days=365)
    for begin, values in months(links, first, TODAY).items():
        yield str(begin), "month", *values, host_rank(left.world.facts, target)


def _new_and_lost(left: Harvested, target: str) -> Expected:
    links, first = outside(left.links(target), target), (TODAY - timedelta(days=365)).replace(day=1)
    for begin in firsts(first, TODAY):
        behind = (begin + timedelta(days=31)).replace(day=1)
        a_second = timedelta(seconds=1)
        yield str(begin), "month", *changes(links, midnight(begin) - a_second, midnight(behind) - a_second)


_GROUP = "links refdomains"
_CHANGED = "links_new links_lost refdomains_new refdomains_lost"
CASES: Mapping[str, Case] = {
    "summary": Case({"report": "summary"}, SUMMARY_FIELDS, _summary),
    "backlinks": _of_links("backlinks", lambda left, target: link_rows(left.world.facts, live(left, target))),
    "new-backlinks": _of_links(
        "new-backlinks",
        lambda left, target: link_rows(left.world.facts, live(left, target), lambda link: link.first_seen >= SINCE),
    ),
    "lost-backlinks": _of_links("lost-backlinks", _lost),
    "broken-backlinks": _of_links("broken-backlinks", _broken),
    "refdomains": _lists(
        "refdomains",
        "domain links pages pages_nofollow links_broken first_seen_at lost_at spam_score spam_metric domain_score",
        refdomains,
    ),
    "anchors": _lists("anchors", "anchor links pages refdomains refdomains_root first_seen_at", anchors),
    "pages": _lists("pages", f"url {_GROUP} first_seen_at page_score page_metric", linked_pages),
    "refips": _lists("refips", "ip links refdomains first_seen_at", addresses),
    "subnets": _lists(
        "refips", "ip links refdomains first_seen_at", subnets, options={"network_address_type": "subnet"}
    ),
    "competitors": Case(
        {"report": "competitors", "page_size": 4},
        ("competitor", "common_links", "domain_score", "domain_metric"),
        lambda left, target: competitors(left.world, target),
    ),
    "history": Case(
        {"report": "history"},
        ("date", "granularity", "links", "refdomains", "refdomains_root", *_CHANGED.split(), "domain_score"),
        _history,
    ),
    "new-lost-history": Case({"report": "new-lost-history"}, ("date", "granularity", *_CHANGED.split()), _new_and_lost),
    "comparison": Case({"report": "comparison", "page_size": 5}, SUMMARY_FIELDS, _pages_summary),
    "ranks": _bulk("ranks", "domain_score", lambda facts, target, links: (host_rank(facts, target),)),
    "links": _bulk("backlinks", "links", lambda facts, target, links: (len(links),)),
    "spam": _bulk("spam_score", "extra.spam_score", lambda facts, target, links: (spam(facts, target),)),
    "domains": _bulk(
        "referring_domains",
        "refdomains refdomains_root extra.referring_domains_nofollow",
        lambda facts, target, links: (hosts(links), roots(links), hosts(nofollow(links))),
    ),
}


def implied(left: Harvested, name: str, targets: Iterable[str]) -> Counter[Values]:
    """Return the rows that a harvest must have brought, each with its target."""
    return Counter((target, *row) for target in targets for row in CASES[name].rows(left, target))


def found(left: Harvested, name: str) -> Counter[Values]:
    """Return the rows that it has brought; a field with `extra.` before its name is one of the provider's own."""
    fields = CASES[name].fields
    return Counter((record["target"], *(_shown(record, field) for field in fields)) for record in left.records(name))


def _shown(record: Mapping[str, Any], field: str) -> object:
    return record["extra"].get(field.removeprefix("extra.")) if field.startswith("extra.") else record[field]
