"""The paged methods: their parameters, and where their rows come from (reference, section 5)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from harvester.sandbox.groups import Group, grouped
from harvester.sandbox.serpstat.columns import (
    ACTIVE_LINK,
    ANCHOR,
    ANCHOR_COLUMNS,
    COUNTS,
    FIRST_DETECTION,
    INTERSECT_COLUMNS,
    LINK_COLUMNS,
    LOST_LINK,
    LOST_OUTLINK,
    OLD_NAMES,
    OUT_DOMAIN,
    OUT_DOMAIN_COLUMNS,
    OUTLINK,
    PAGE,
    PAGE_COLUMNS,
    REDIRECTED,
    REDIRECTED_COLUMNS,
    REF_DOMAIN,
    REF_DOMAIN_COLUMNS,
    SEVEN,
    THREAT_LINK,
    Columns,
    Values,
    threat_columns,
    threat_domain,
    write_intersect,
)
from harvester.sandbox.serpstat.filter import Kind
from harvester.sandbox.serpstat.listing import Listing
from harvester.sandbox.serpstat.query import ALL_SCOPES, Form, Query
from harvester.sandbox.serpstat.rows import (
    Entry,
    Keep,
    Row,
    Shelf,
    from_domain,
    is_malicious,
    live,
    lost,
    shown,
    to_domain,
)
from harvester.sandbox.serpstat.terms import SerpstatSwitches
from harvester.sandbox.world import Link

Source = Callable[[Shelf, Query], list[Link]]
Key = Callable[[Link], str]

_LINK_QUICK = ("no_subdomains", "only_main_page", "last_week")
_REF_DOMAIN_QUICK = ("no_subdomains", "only_subdomains", "only_hosts", "last_week")
_OUT_DOMAIN_QUICK = ("only_subdomains", "only_hosts", "last_week")
_REF_DOMAIN_FILTERS = ("domain_links", "domain_from", "domain_rank")
_OUT_DOMAIN_SORTS = ("domain_links", "domain_to", "domain_rank")
_ANCHOR_SORTS = ("total", "refDomains", "nofollow", "anchor", "lastupdate")
_PAGE_SORTS = ("ips", "count", "domains", "url_to", "lastupdate")
_THREAT_DOMAIN_SORTS = ("lastupdate", "domain_link", "links_count", "platform_type", "threat_type")
_THREAT_LINK_SORTS = ("lastupdate", "url_from", "url_to", "platform_type", "threat_type")
_THREAT_ECHO = {"lastupdate": "check"}  # "asked sort lastupdate, summary_info.sort answered check"


def _active(shelf: Shelf, query: Query) -> list[Link]:
    return live(shelf.incoming(query.target))


def _lost(shelf: Shelf, query: Query) -> list[Link]:
    return lost(shelf.incoming(query.target))


def _given(shelf: Shelf, query: Query) -> list[Link]:
    return live(shelf.outgoing(query.target))


def _given_lost(shelf: Shelf, query: Query) -> list[Link]:
    return lost(shelf.outgoing(query.target))


def _redirects(shelf: Shelf, query: Query) -> list[Link]:
    return [link for link in _active(shelf, query) if link.kind == "redirect"]


def _from_malicious(shelf: Shelf, query: Query) -> list[Link]:
    return [link for link in _active(shelf, query) if is_malicious(shelf.world.facts, from_domain(link))]


def _to_malicious(shelf: Shelf, query: Query) -> list[Link]:
    return [link for link in _given(shelf, query) if is_malicious(shelf.world.facts, to_domain(link))]


def _each(source: Source, name: Key, shelf: Shelf, query: Query, keep: Keep) -> list[Entry]:
    """Return one row for each link."""
    return [Entry(Group(name(link), (link,)), shelf.world.facts) for link in source(shelf, query) if keep(link)]


def _by(source: Source, key: Key, shelf: Shelf, query: Query, keep: Keep) -> list[Entry]:
    """Return one row for all links that share a key."""
    return [Entry(group, shelf.world.facts) for group in grouped(filter(keep, source(shelf, query)), key)]


def _by_text(shelf: Shelf, query: Query, keep: Keep) -> list[Entry]:
    """Return one row for each text that holds what was asked for, in as many words as were asked for."""
    entries = _by(_active, lambda link: link.anchor, shelf, query, keep)
    found = (entry for entry in entries if query.anchor in entry.key)
    return [entry for entry in found if query.words is None or len(entry.key.split()) == query.words]


def links_by_site(shelf: Shelf, query: Query) -> dict[str, tuple[list[Link], list[int]]]:
    """Return by linking domain its active links to the sites of an intersection, and how many go to each."""
    found: dict[str, tuple[list[Link], list[int]]] = {}
    for at, target in enumerate(query.targets):
        for link in live(shelf.incoming(target)):
            links, counts = found.setdefault(from_domain(link), ([], [0] * len(COUNTS)))
            links.append(link)
            counts[at] += 1
    return found


def _intersected(shelf: Shelf, query: Query, _keep: Keep) -> list[Entry]:
    """Return one row for each domain that links to several of the sites."""
    least = 2 if shelf.switches.intersect_rows == "several" else 1
    return [
        Entry(Group(domain, links), shelf.world.facts, tuple(counts))
        for domain, (links, counts) in links_by_site(shelf, query).items()
        if sum(map(bool, counts)) >= least
    ]


def _write(values: Values) -> Callable[[Entry, Query], Row]:
    return lambda entry, _query: shown(entry, values)


def _kinds(columns: Columns, names: Iterable[str]) -> Mapping[str, Kind]:
    return {name: columns[name].kind for name in names}


def _link_form(filters: tuple[str, ...], sorts: tuple[str, ...], **more: Any) -> Form:
    usual = Form(
        scopes=ALL_SCOPES,
        has_pages=True,
        has_link_per_domain=True,
        sorts=sorts,
        default_sort="check",
        kinds=_kinds(LINK_COLUMNS, filters),
    )
    return replace(usual, **more)


def _plain_form(columns: Columns, sorts: tuple[str, ...], default_sort: str, **more: Any) -> Form:
    """Return the form of a list that filters by what it sorts by, unless `kinds` says otherwise."""
    usual = Form(has_pages=True, sorts=sorts, default_sort=default_sort, kinds=_kinds(columns, sorts))
    return replace(usual, **more)


def _link_lists(switches: SerpstatSwitches) -> dict[str, Listing]:
    first = {} if switches.lost_check == "last_visited" else {"check": FIRST_DETECTION}
    lost_columns = {**LINK_COLUMNS, **first}
    return {
        "getNewBacklinks": Listing(
            form=_link_form((*SEVEN, "add"), (*SEVEN, "add", "domain_rank"), quick=_LINK_QUICK),
            gather=partial(_each, _active, from_domain),
            columns=LINK_COLUMNS,
            write=_write(ACTIVE_LINK),
            schema_texts=("domain_rank",),
        ),
        "getLostBacklinks": Listing(
            form=_link_form(SEVEN, SEVEN, quick=_LINK_QUICK),
            gather=partial(_each, _lost, from_domain),
            columns=lost_columns,
            write=_write(LOST_LINK),
        ),
        "getOutlinks": Listing(
            form=_link_form(SEVEN, SEVEN),
            gather=partial(_each, _given, to_domain),
            columns=LINK_COLUMNS,
            write=_write(OUTLINK),
            far=to_domain,
        ),
        "getLostOutlinks": Listing(
            form=_link_form(SEVEN, (*SEVEN[:-1], "lastupdate"), default_sort="lastupdate"),
            gather=partial(_each, _given_lost, to_domain),
            columns=lost_columns,
            write=_write(LOST_OUTLINK),
            far=to_domain,
            is_order_lower=True,
            schema_names={old: name for name, old in OLD_NAMES.items()},
        ),
    }


_COUNTED: Mapping[str, Listing] = {
    "getRefDomains": Listing(
        form=_plain_form(
            REF_DOMAIN_COLUMNS,
            (*_REF_DOMAIN_FILTERS, "check"),
            "check",
            kinds=_kinds(REF_DOMAIN_COLUMNS, _REF_DOMAIN_FILTERS),
            quick=_REF_DOMAIN_QUICK,
        ),
        gather=partial(_by, _active, from_domain),
        columns=REF_DOMAIN_COLUMNS,
        write=_write(REF_DOMAIN),
        schema_texts=("ref_pages", "domainRank"),
    ),
    "getAnchors": Listing(
        form=_plain_form(
            ANCHOR_COLUMNS,
            _ANCHOR_SORTS,
            "lastupdate",
            scopes=ALL_SCOPES,
            has_anchor=True,
            kinds=_kinds(ANCHOR_COLUMNS, ANCHOR_COLUMNS),
            quick=("no_subdomains",),
        ),
        gather=_by_text,
        columns=ANCHOR_COLUMNS,
        write=_write(ANCHOR),
    ),
    "getTopPages": Listing(
        form=_plain_form(PAGE_COLUMNS, _PAGE_SORTS, "lastupdate", quick=("no_subdomains",)),
        gather=partial(_by, _active, lambda link: link.target_url),
        columns=PAGE_COLUMNS,
        write=_write(PAGE),
    ),
    "getOutDomains": Listing(
        form=_plain_form(
            OUT_DOMAIN_COLUMNS,
            _OUT_DOMAIN_SORTS,
            "domain_rank",
            scopes=ALL_SCOPES,
            kinds=_kinds(OUT_DOMAIN_COLUMNS, OUT_DOMAIN_COLUMNS),
            quick=_OUT_DOMAIN_QUICK,
        ),
        gather=partial(_by, _given, to_domain),
        columns=OUT_DOMAIN_COLUMNS,
        write=_write(OUT_DOMAIN),
        far=to_domain,
        schema_names={"domain_to": "domains_to"},
        schema_texts=("domain_links", "domain_rank"),
    ),
    "getRedirectedDomains": Listing(
        form=_plain_form(REDIRECTED_COLUMNS, ("domain", "domain_rank"), "domain_rank", scopes=()),
        gather=partial(_by, _redirects, from_domain),
        columns=REDIRECTED_COLUMNS,
        write=_write(REDIRECTED),
    ),
    "getIntersect": Listing(
        form=_plain_form(INTERSECT_COLUMNS, ("domain_rank", *COUNTS), "domain_rank", scopes=(), has_intersect=True),
        gather=_intersected,
        columns=INTERSECT_COLUMNS,
        write=write_intersect,
    ),
}


def _threat_lists(source: Source, far: Key, far_url: Callable[[Link], str]) -> tuple[Listing, Listing]:
    """Return the two threat methods of one direction: domains and links.

    `linkPerDomain` is let through and does nothing: the examples with 1 answer several rows of one domain.
    """
    columns = threat_columns(far_url)
    domains = Listing(
        form=_plain_form(columns, _THREAT_DOMAIN_SORTS, "lastupdate"),
        gather=partial(_by, source, far),
        columns=columns,
        write=_write(threat_domain(far_url)),
        far=far,
        sort_echo=_THREAT_ECHO,
    )
    links = replace(
        domains,
        form=_plain_form(columns, _THREAT_LINK_SORTS, "lastupdate"),
        gather=partial(_each, source, far),
        write=_write(THREAT_LINK),
    )
    return domains, links


def listings(switches: SerpstatSwitches) -> dict[str, Listing]:
    """Return every paged method by its name without the procedure."""
    threats, threat_links = _threat_lists(_from_malicious, from_domain, lambda link: link.source_url)
    out_threats, out_threat_links = _threat_lists(_to_malicious, to_domain, lambda link: link.target_url)
    return {
        **_link_lists(switches),
        **_COUNTED,
        "getThreats": threats,
        "getThreatsLinks": threat_links,
        "getOutThreats": replace(out_threats, is_order_lower=True),
        "getOutThreatsLinks": out_threat_links,
    }
