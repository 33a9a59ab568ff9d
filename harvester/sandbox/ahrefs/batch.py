"""Batch Analysis: one row for each of up to 100 targets (Ahrefs reference, section 14)."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from harvester import codec
from harvester.errors import UnknownReply
from harvester.sandbox.ahrefs.fields import BATCH
from harvester.sandbox.ahrefs.query import History, Subject, check_common, order_of, read_subject, select_of
from harvester.sandbox.ahrefs.reports import Row, Shelf
from harvester.sandbox.ahrefs.summaries import host_of, page_rating
from harvester.sandbox.ahrefs.table import Order, Table
from harvester.sandbox.ahrefs.terms import AhrefsSwitches, BadQuery
from harvester.sandbox.facts import Dice, HostFacts
from harvester.sandbox.hosts import unicode_host

_MOST_TARGETS = 100
#: Columns for which the links of a target have to be counted.
_COUNTED = frozenset(name for name in BATCH.select if name.startswith(("backlinks", "ref"))) - {"backlinks_internal"}


@dataclass(frozen=True, slots=True)
class BatchTarget:
    """One target of Batch Analysis as it was asked for."""

    index: int
    subject: Subject
    mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchQuery:
    """One request."""

    targets: Sequence[BatchTarget]
    select: tuple[str, ...]
    order: Order
    units_per_row: int


def read_batch(body: bytes) -> BatchQuery:
    """Return the request that a body makes. Raises BadQuery."""
    try:
        document = codec.parse(body)
    except UnknownReply as exc:
        raise BadQuery(f"invalid body: {exc}") from None
    if not isinstance(document, dict):
        raise BadQuery("invalid body: expected an object")
    check_common({name: str(document[name]) for name in ("country", "volume_mode", "output") if name in document})
    targets = document.get("targets")
    if not isinstance(targets, list) or not 1 <= len(targets) <= _MOST_TARGETS:
        raise BadQuery(f"invalid targets: expected 1 to {_MOST_TARGETS}")
    select = select_of(_names(document, "select"), BATCH)
    if not select:
        raise BadQuery("missing parameter: select")
    order = order_of(_names(document, "order_by"), BATCH, "desc")
    return BatchQuery(
        targets=[_target(index, target) for index, target in enumerate(targets)],
        select=select,
        order=order,
        units_per_row=BATCH.price({*select, *(name for name, _ in order)}),
    )


def _names(document: dict[str, Any], name: str) -> list[str]:
    names = document.get(name, [])
    if not isinstance(names, list) or not all(isinstance(item, str) for item in names):
        raise BadQuery(f"invalid {name}: expected a list of names")
    return names


def _target(index: int, target: Any) -> BatchTarget:
    keys = ("url", "mode", "protocol")
    if not isinstance(target, dict) or not all(isinstance(target.get(key), str) for key in keys):
        raise BadQuery(f"invalid target {index}: url, mode and protocol are required")
    url, mode, protocol = (target[key] for key in keys)
    return BatchTarget(index, read_subject(url, mode, protocol), mode)


def find_batch(shelf: Shelf, query: BatchQuery, switches: AhrefsSwitches) -> list[Row]:
    """Return the rows in the order asked for, else in that of the request."""
    seed = shelf.world.facts.seed
    targets = [
        target
        for target in query.targets
        if not (switches.batch_missing and Dice(seed, "missing", target.subject.place).has(0, 1 / 7))
    ]
    names = {*query.select, *(name for name, _ in query.order)}
    rows = [batch_row(shelf, target, names) for target in targets]
    table = Table(rows, {name: itemgetter(name) for name in names})
    order = query.order[:1] if switches.order_first_column_only else query.order
    return [table.pick(row, query.select) for row in table.order(order)]


def batch_row(shelf: Shelf, target: BatchTarget, names: Set[str]) -> Row:
    """Return the columns of one target; those that need its links only if they are among `names`.

    "`url` comes back changed: trailing slash added, IDN in Unicode even when punycode was sent" (section 14).
    """
    subject = target.subject
    place = subject.place
    return {
        "index": target.index,
        "url": f"{unicode_host(place.host)}{place.path}",
        "mode": target.mode,
        "protocol": subject.protocol,
        **(_batch_links(shelf, subject) if names & _COUNTED else {}),
        **_batch_site(host_of(shelf, subject), shelf.world.facts.host(place.host).ip),
        "url_rating": page_rating(shelf, subject),
    }


def _batch_links(shelf: Shelf, subject: Subject) -> Row:
    views = shelf.links(subject, History(None)).rows
    domains = {view.root for view in views}
    followed = {view.root for view in views if view.is_followed}
    ips = {view.host.ip for view in views} - {None}
    backlinks_dofollow = sum(view.is_followed for view in views)
    return {
        "backlinks": len(views),
        "backlinks_dofollow": backlinks_dofollow,
        "backlinks_nofollow": len(views) - backlinks_dofollow,
        "backlinks_redirect": sum(view.link.kind == "redirect" for view in views),
        "refdomains": len(domains),
        "refdomains_dofollow": len(followed),
        "refdomains_nofollow": len(domains - followed),
        "refips": len(ips),
        "refips_subnets": len({str(ip).rpartition(".")[0] for ip in ips}),
    }


def _batch_site(site: HostFacts, ip: str | None) -> dict[str, Any]:
    keywords = site.keywords
    return {
        "ahrefs_rank": site.rank,
        "backlinks_internal": site.links_inside,
        "domain_rating": site.authority,
        "ip": ip,
        "linked_domains": site.linked_domains,
        "linked_domains_dofollow": site.linked_domains_followed,
        "org_cost": site.visits * 37,
        "org_keywords": keywords,
        "org_keywords_1_3": keywords // 10,
        "org_keywords_4_10": keywords // 5,
        "org_keywords_11_20": keywords // 5,
        "org_keywords_21_50": keywords // 4,
        "org_keywords_51_plus": keywords - keywords // 10 - 2 * (keywords // 5) - keywords // 4,
        "org_traffic": site.visits,
        "org_traffic_top_by_country": [[site.country.lower(), site.visits // 2]] if site.visits else [],
        "outgoing_links": site.links_out,
        "outgoing_links_dofollow": site.links_out * site.linked_domains_followed // site.linked_domains,
        "paid_ads": site.ads,
        "paid_cost": site.ads * 950,
        "paid_keywords": site.ads,
        "paid_traffic": site.ads * 11,
    }
