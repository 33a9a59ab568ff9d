"""Lists of what links have in common: anchors, linked pages, referring domains and networks (reference, section 7)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from harvester.sandbox.dataforseo.counts import COUNT_NAMES, Counted, block, count_field
from harvester.sandbox.dataforseo.filters import Field
from harvester.sandbox.dataforseo.links import Lens, View, anchor_of
from harvester.sandbox.dataforseo.lists import Listing, target_head
from harvester.sandbox.dataforseo.params import Target, stamp
from harvester.sandbox.dataforseo.shelf import Call
from harvester.sandbox.facts import Dice, PageFacts
from harvester.sandbox.groups import Group, grouped, source_domain, subnet_of
from harvester.sandbox.hosts import place_of, root_of
from harvester.sandbox.world import Link

_SERVERS = ("nginx", "Apache/2.4.58", "cloudflare", "LiteSpeed", None)


def _counted(
    call: Call, target: Target, key: Callable[[Link], str | None], rank: Callable[[Group], int]
) -> list[Counted]:
    lens = call.lens
    rows = [Counted(group.key, group.links, lens, rank(group)) for group in grouped(call.links(target), key)]
    return sorted(rows, key=lambda row: (row.rank, len(row.links)), reverse=True)


def _best_rank(lens: Lens) -> Callable[[Group], int]:
    return lambda group: max(View(link, lens).raw_rank for link in group.links)


def _anchor_key(link: Link) -> str:
    """Return a key that tells an empty text from none."""
    anchor = anchor_of(link)
    return "none" if anchor is None else f"text {anchor}"


def _anchor(row: Counted) -> str | None:
    return None if row.key == "none" else row.key.removeprefix("text ")


def _anchor_rows(call: Call) -> list[Counted]:
    return _counted(call, call.params.target(), _anchor_key, _best_rank(call.lens))


def _domain_rows(call: Call) -> list[Counted]:
    lens = call.lens
    return _counted(call, call.params.target(), source_domain, lambda group: lens.host_rank(group.key))


def _page_rows(call: Call) -> list[Counted]:
    lens, target = call.lens, call.params.target(is_page_allowed=call.name != "domain_pages")
    return _counted(call, target, lambda link: link.target_url, lambda group: lens.page_rank(group.key))


def _network_rows(call: Call) -> list[Counted]:
    """Return the networks of hosts whose address is known."""
    is_subnet = call.params.choice("network_address_type", ("ip", "subnet")) == "subnet"
    facts = call.shelf.world.facts

    def key(link: Link) -> str | None:
        ip = facts.host(link.source_host).ip
        return subnet_of(ip) if ip is not None and is_subnet else ip

    return _counted(call, call.params.target(), key, _best_rank(call.lens))


def _key_field() -> Field[Counted]:
    return Field("str", lambda row: row.key)


def _listing(
    rows: Callable[[Call], list[Counted]], own: Mapping[str, Field[Counted]], kind: str, without: Sequence[str] = ()
) -> Listing[Counted]:
    """Return a list whose items are a name and the block of counts."""
    left_out = frozenset(without)

    def item(row: Counted, call: Call) -> Mapping[str, Any]:
        names = {name: field.value(row) for name, field in own.items()}
        return {"type": kind, **names, **block(row, call.most_keys, left_out)}

    return Listing(
        head=target_head,
        rows=rows,
        lookup=lambda name: own.get(name) or (None if name in left_out else count_field(name)),
        item=item,
        names=(*own, *(name for name in COUNT_NAMES if name not in left_out)),
    )


ANCHORS = _listing(_anchor_rows, {"anchor": Field("str", _anchor)}, "backlinks_anchor")
REFERRING_DOMAINS = _listing(_domain_rows, {"domain": _key_field()}, "backlinks_referring_domain")
DOMAIN_PAGES_SUMMARY = _listing(_page_rows, {"url": _key_field()}, "backlinks_page_summary")
REFERRING_NETWORKS = _listing(
    _network_rows, {"network_address": _key_field()}, "backlinks_referring_network", ["backlinks_spam_score"]
)


def _page(row: Counted) -> PageFacts:
    return row.lens.facts.page(row.key)


def _host(row: Counted) -> str:
    return place_of(row.key).host


def _server(row: Counted) -> str | None:
    return Dice(row.lens.facts.seed, "server", _host(row)).pick(0, _SERVERS)


def _status(row: Counted) -> int | None:
    return row.lens.status_of(row.key, row.links[0].redirects)


def _when_found(row: Counted) -> str:
    return stamp(min(link.page_found for link in row.links))


def _when_checked(row: Counted) -> str:
    return stamp(max(link.last_seen for link in row.links))


def _location(row: Counted) -> str | None:
    return row.links[0].redirects[0] if row.links[0].redirects else None


def _is_compressed(row: Counted) -> bool:
    return _page(row).size_bytes % 4 > 0


_PAGE: Mapping[str, Field[Counted]] = {
    "main_domain": Field("str", lambda row: root_of(_host(row))),
    "domain": Field("str", _host),
    "tld": Field("str", lambda row: _host(row).rpartition(".")[2]),
    "page": _key_field(),
    "ip": Field("str", lambda row: row.lens.facts.host(_host(row)).ip),
    "first_visited": Field("time", _when_found),
    "prev_visited": Field("time", lambda row: None if _when_found(row) == _when_checked(row) else _when_found(row)),
    "fetch_time": Field("time", _when_checked),
    "status_code": Field("num", _status),
    "location": Field("str", _location),
    "size": Field("num", lambda row: _page(row).size_bytes),
    "encoded_size": Field("num", lambda row: _page(row).size_bytes // (3 if _is_compressed(row) else 1)),
    "content_encoding": Field("str", lambda row: "gzip" if _is_compressed(row) else None),
    "media_type": Field("str", lambda row: "text/html"),
    "server": Field("str", _server),
}
_META: Mapping[str, Field[Counted]] = {
    "title": Field("str", lambda row: _page(row).title),
    "canonical": Field("str", lambda row: row.key if _status(row) == 200 else None),
    "internal_links_count": Field("num", lambda row: _page(row).links_internal),
    "external_links_count": Field("num", lambda row: _page(row).links_external),
    "images_count": Field("num", lambda row: _page(row).links_internal // 5),
    "words_count": Field("num", lambda row: _page(row).size_bytes // 60),
    "page_spam_score": Field("num", lambda row: row.lens.spam_score(_host(row))),
    "social_media_tags": Field("", lambda row: {"og:title": _page(row).title} if _page(row).author else None),
    "h1": Field("array.str", lambda row: [_page(row).title]),
    "h2": Field("array.str", lambda row: [_page(row).title] if urlsplit(row.key).path != "/" else None),
    "h3": Field("array.str", lambda row: None),
    "images_alt": Field("array.str", lambda row: None),
    "powered_by": Field("array.str", lambda row: _page(row).platforms or None),
    "language": Field("str", lambda row: next(iter(_page(row).languages), None)),
    "charset": Field("str", lambda row: _page(row).encoding),
    "platform_type": Field("array.str", lambda row: row.lens.platform_types(root_of(_host(row)))),
    "technologies": Field("", lambda row: {"server": _server(row)} if _server(row) else None),
}


def _page_field(name: str) -> Field[Counted] | None:
    """Return the field of a linked page; those of its two objects are written with a dot."""
    table, _, rest = name.partition(".")
    if table == "page_summary":
        return count_field(rest)
    return _META.get(rest) if table == "meta" else _PAGE.get(name)


def _page_item(row: Counted, call: Call) -> Mapping[str, Any]:
    return {
        "type": "backlinks_domain_page",
        **{name: field.value(row) for name, field in _PAGE.items()},
        "meta": {name: field.value(row) for name, field in _META.items()},
        "page_summary": block(row, call.most_keys),
    }


DOMAIN_PAGES: Listing[Counted] = Listing(
    head=target_head,
    rows=_page_rows,
    lookup=_page_field,
    item=_page_item,
    names=(
        *_PAGE,
        *(f"meta.{name}" for name, field in _META.items() if field.kind),
        *(f"page_summary.{name}" for name in COUNT_NAMES),
    ),
)
