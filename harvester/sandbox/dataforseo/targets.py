"""Reports that set targets against each other: competitors and the two intersections (reference, section 7).

Assumed: in a partial intersection a referrer has to link to one of the targets, in a full one to all of them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from harvester.sandbox.dataforseo.counts import COUNT_NAMES, Counted, block, count_field
from harvester.sandbox.dataforseo.filters import Field, Lookup
from harvester.sandbox.dataforseo.links import View, link_field, link_item, strongest_first
from harvester.sandbox.dataforseo.lists import Listing
from harvester.sandbox.dataforseo.params import Target, read_target
from harvester.sandbox.dataforseo.rows import BACKLINKS
from harvester.sandbox.dataforseo.shelf import Call, Subject
from harvester.sandbox.dataforseo.terms import invalid
from harvester.sandbox.facts import Dice
from harvester.sandbox.generated import site_host
from harvester.sandbox.groups import grouped, source_domain
from harvester.sandbox.hosts import root_of
from harvester.sandbox.world import Link

P = TypeVar("P")
Q = TypeVar("Q")

_MOST_TARGETS = 20
_KEYS = frozenset(map(str, range(1, _MOST_TARGETS + 1)))
_MOST_EXCLUDED = 10
_CANDIDATES = 20
_POOL = 400  #: sites with low numbers link the most, so their names are known to many
_LARGE_RANK = 900
_NOT_IN_INTERSECTIONS = ("image_url", "ranked_keywords_info")


class Competitor(NamedTuple):
    """A domain that has referring domains in common with the target."""

    target: str
    rank: int
    intersections: int


_COMPETITOR: Mapping[str, Field[Competitor]] = {
    "target": Field("str", lambda row: row.target),
    "rank": Field("num", lambda row: row.rank),
    "intersections": Field("num", lambda row: row.intersections),
}


def _competitor_rows(call: Call) -> list[Competitor]:
    """Return the neighbours that share referring domains, the one that shares most first."""
    target, lens = call.params.target(), call.lens
    subject = Subject(
        target,
        include_subdomains=not call.params.flag("main_domain"),
        exclude_internal=call.params.flag("exclude_internal_backlinks"),
    )
    is_large_left_out = call.params.flag("exclude_large_domains")
    own = {source_domain(link) for link in call.shelf.links(subject) if link.lost_at is None}
    rows = []
    for host in _neighbours(call, target, own):
        rank = lens.host_rank(host)
        if is_large_left_out and rank >= _LARGE_RANK:
            continue
        links = call.shelf.links(Subject(Target(host, target.place._replace(host=host, path="/"))))
        shared = len(own & {source_domain(link) for link in links if link.lost_at is None})
        if shared:
            rows.append(Competitor(host, lens.scaled(rank), shared))
    return sorted(rows, key=lambda row: (row.rank, row.intersections), reverse=True)


def _neighbours(call: Call, target: Target, own: Iterable[str]) -> list[str]:
    """Return the domains that are looked at: some that link to the target, and as many of the pool of sites."""
    seed, root = call.shelf.world.facts.seed, root_of(target.place.host)
    pool = [site_host(seed, Dice(seed, "rival", root, at).number(0, 0, _POOL - 1)) for at in range(_CANDIDATES)]
    return [host for host in dict.fromkeys([*sorted(own)[:_CANDIDATES], *pool]) if host != root]


def _no_head(_call: Call) -> Mapping[str, Any]:
    """Return nothing: the result does not repeat the target."""
    return {}


COMPETITORS: Listing[Competitor] = Listing(
    head=_no_head,
    rows=_competitor_rows,
    lookup=_COMPETITOR.get,
    item=lambda row, _call: {"type": "backlinks_competitors", **row._asdict()},
    names=tuple(_COMPETITOR),
)


@dataclass(frozen=True, slots=True)
class Shared(Generic[P]):
    """What one referrer has for each target, by the target's key."""

    parts: Mapping[str, P]


def _targets(call: Call) -> dict[str, Target]:
    """Return the targets by their keys "1" to "20". Raises Blame."""
    sent = call.params.sent.get("targets")
    if not isinstance(sent, dict) or not 1 <= len(sent) <= _MOST_TARGETS:
        raise invalid("targets")
    if not set(sent) <= _KEYS:
        raise invalid("targets")
    return {key: read_target(text, "targets") for key, text in sent.items()}


def _excluded(call: Call, key: Callable[[Link], str]) -> set[str]:
    """Return the referrers that link to one of `exclude_targets`. Raises Blame."""
    sent = call.params.sent.get("exclude_targets", [])
    if not isinstance(sent, list) or len(sent) > _MOST_EXCLUDED:
        raise invalid("exclude_targets")
    return {key(link) for text in sent for link in _links_excluded(call, text) if link.lost_at is None}


def _links_excluded(call: Call, text: object) -> Iterable[Link]:
    if not (isinstance(text, str) and text.endswith("*")):
        return call.shelf.links(Subject(read_target(text, "exclude_targets")))
    prefix = text.removesuffix("*")
    host = read_target(prefix, "exclude_targets").place.host
    return (link for link in call.shelf.world.links_of(host) if link.target_url.startswith(prefix))


def _head(call: Call) -> dict[str, Any]:
    return {"targets": {key: target.text for key, target in _targets(call).items()}}


def _shared(
    call: Call, key: Callable[[Link], str], part: Callable[[str, list[Link]], P], rank: Callable[[Shared[P]], Any]
) -> list[Shared[P]]:
    """Return what referrers have for the targets, those that link to all or, by `intersection_mode`, to any."""
    targets = _targets(call)
    needed = len(targets) if call.params.choice("intersection_mode", ("all", "partial")) == "all" else 1
    excluded = _excluded(call, key)
    found: dict[str, dict[str, P]] = {}
    for name, target in targets.items():
        for group in grouped(call.links(target), key):
            if group.key not in excluded:
                found.setdefault(group.key, {})[name] = part(group.key, [*group.links])
    return sorted((Shared(parts) for parts in found.values() if len(parts) >= needed), key=rank, reverse=True)


def _domain_rows(call: Call) -> list[Shared[Counted]]:
    lens = call.lens
    return _shared(
        call,
        source_domain,
        lambda domain, links: Counted(domain, links, lens, lens.host_rank(domain)),
        lambda row: (next(iter(row.parts.values())).rank, sum(len(part.links) for part in row.parts.values())),
    )


def _page_rows(call: Call) -> list[Shared[list[View]]]:
    lens = call.lens
    return _shared(
        call,
        lambda link: link.source_url,
        lambda _url, links: strongest_first(View(link, lens) for link in links),
        lambda row: max(part[0].raw_rank for part in row.parts.values()),
    )


def _numbered(find: Callable[[str], Field[Q] | None], pick: Callable[[P], Q]) -> Lookup[Shared[P]]:
    """Return the lookup of names such as `2.backlinks`: a field of what the second target has."""

    def lookup(name: str) -> Field[Shared[P]] | None:
        key, _, rest = name.partition(".")
        field = find(rest) if key.isdigit() else None
        if field is None:
            return None
        value = field.value

        def of(row: Shared[P]) -> Any:
            return value(pick(row.parts[key])) if key in row.parts else None

        return Field(field.kind, of, field.is_listed, field.is_sortable)

    return lookup


def _domain_field(name: str) -> Field[Counted] | None:
    return Field("str", lambda part: part.key) if name == "target" else count_field(name)


def _item(name: str, show: Callable[[P, Call], Any]) -> Callable[[Shared[P], Call], Mapping[str, Any]]:
    def item(row: Shared[P], call: Call) -> Mapping[str, Any]:
        parts: dict[str, Any] = {key: show(part, call) for key, part in row.parts.items()}
        if call.switches.partial_gaps == "null":
            parts = {key: parts.get(key) for key in _targets(call)}
        return {name: parts, "summary": {"intersections_count": len(row.parts)}}

    return item


def _domain_part(part: Counted, call: Call) -> Mapping[str, Any]:
    return {"type": "backlinks_domain_intersection", "target": part.key, **block(part, call.most_keys)}


def _page_part(views: list[View], _call: Call) -> list[dict[str, Any]]:
    items = (link_item(view) for view in views)
    return [{name: value for name, value in item.items() if name not in _NOT_IN_INTERSECTIONS} for item in items]


def _same(part: Counted) -> Counted:
    return part


def _first(views: list[View]) -> View:
    """Return the link that filters and order look at: the strongest of a page's."""
    return views[0]


DOMAIN_INTERSECTION: Listing[Shared[Counted]] = Listing(
    head=_head,
    rows=_domain_rows,
    lookup=_numbered(_domain_field, _same),
    item=_item("domain_intersection", _domain_part),
    names=tuple(f"1.{name}" for name in ("target", *COUNT_NAMES)),
)
PAGE_INTERSECTION: Listing[Shared[list[View]]] = Listing(
    head=_head,
    rows=_page_rows,
    lookup=_numbered(link_field, _first),
    item=_item("page_intersection", _page_part),
    names=tuple(f"1.{name}" for name in BACKLINKS.names),
)
