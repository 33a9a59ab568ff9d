"""The block of counts that stands for many links (reference, section 7, AGG), of any set of links at any time.

A tally is kept by adding and taking away one link at a time, so that a walk through time costs as much as its links,
however many moments are looked at.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any

from harvester.sandbox.dataforseo.filters import Field
from harvester.sandbox.dataforseo.links import Lens, View
from harvester.sandbox.dataforseo.params import stamp
from harvester.sandbox.groups import Group, subnet_of
from harvester.sandbox.world import Link


def _if_nofollow(key: Callable[[View], str]) -> Callable[[View], str | None]:
    return lambda view: None if view.is_followed else key(view)


def _host(view: View) -> str:
    return view.link.source_host


def _root(view: View) -> str:
    return view.root


def _page(view: View) -> str:
    return view.link.source_url


def _subnet(view: View) -> str | None:
    return None if view.ip is None else subnet_of(view.ip)


#: What is counted once however many links share it; None = does not count. `*_nofollow` has at least one such link.
DISTINCT: Mapping[str, Callable[[View], str | None]] = {
    "broken_pages": lambda view: view.link.target_url if view.is_broken else None,
    "referring_domains": _host,
    "referring_domains_nofollow": _if_nofollow(_host),
    "referring_main_domains": _root,
    "referring_main_domains_nofollow": _if_nofollow(_root),
    "referring_ips": lambda view: view.ip,
    "referring_subnets": _subnet,
    "referring_pages": _page,
    "referring_pages_nofollow": _if_nofollow(_page),
}
#: What each link adds to a number.
SUMS: Mapping[str, Callable[[View], int]] = {
    "backlinks": lambda view: 1,
    "backlinks_nofollow": lambda view: not view.is_followed,
    "broken_backlinks": lambda view: view.is_broken,
    "spam": lambda view: view.spam_score,
}
#: How often each key of a map occurs.
MAPS: Mapping[str, Callable[[View], Iterable[str]]] = {
    "referring_links_tld": lambda view: (view.link.source_host.rpartition(".")[2],),
    "referring_links_types": lambda view: (view.item_type,),
    "referring_links_attributes": lambda view: sorted(view.link.rel),
    "referring_links_platform_types": lambda view: view.lens.platform_types(view.root) or (),
    "referring_links_semantic_locations": lambda view: (view.semantic_location or "",),
    "referring_links_countries": lambda view: (view.lens.country(view.root) or "",),
}
_NULL_IF_EMPTY = ("referring_links_attributes", "referring_links_platform_types")
EMPTY_KEY = "$empty"  #: how a filter writes the key ""


class Tally:
    """Counts of the links that are in it now."""

    __slots__ = ("_tables", "sums")

    def __init__(self, names: Iterable[str] = (*DISTINCT, *MAPS, *SUMS)) -> None:
        wanted = set(names)
        self.sums: Counter[str] = Counter({name: 0 for name in SUMS if name in wanted})
        self._tables: dict[str, Counter[str]] = {name: Counter() for name in (*DISTINCT, *MAPS) if name in wanted}

    def add(self, view: View, sign: int = 1) -> None:
        """Count a link, or with -1 take it away."""
        for name in self.sums:
            self.sums[name] += sign * SUMS[name](view)
        for name, table in self._tables.items():
            keys = (DISTINCT[name](view),) if name in DISTINCT else MAPS[name](view)
            for key in keys:
                if key is not None:
                    table[key] += sign
                    if not table[key]:
                        del table[key]

    def has(self, name: str, key: str) -> bool:
        """Return True if something in it has this key."""
        return key in self._tables[name]

    def number(self, name: str) -> int:
        """Return one count."""
        return self.sums[name] if name in SUMS else len(self._tables[name])

    def often(self, name: str, key: str) -> int:
        """Return how often a key of a map occurs."""
        return self._tables[name][key]

    def top(self, name: str, most: int) -> dict[str, int] | None:
        """Return the keys of a map that occur most, `most` at most; null where a map is known to be null then."""
        return dict(self._tables[name].most_common(most)) or (None if name in _NULL_IF_EMPTY else {})


class Counted:
    """Links with the name and the rank of what they have in common."""

    __slots__ = ("_tally", "key", "lens", "links", "rank")

    def __init__(self, key: str, links: Sequence[Link], lens: Lens, rank: int) -> None:
        self.key = key
        self.links = links
        self.lens = lens
        self.rank = rank  #: from 0 to 1000
        self._tally: Tally | None = None

    @property
    def tally(self) -> Tally:
        """The counts, made when they are first asked for."""
        if self._tally is None:
            self._tally = Tally()
            for link in self.links:
                self._tally.add(View(link, self.lens))
        return self._tally

    @property
    def spam_score(self) -> int:
        """Mean spam score of the links."""
        return self.tally.number("spam") // max(1, len(self.links))

    @property
    def first_seen(self) -> str | None:
        return stamp(Group(self.key, self.links).first_seen) if self.links else None

    @property
    def lost_date(self) -> str | None:
        """When the last link was lost; null while one lives."""
        lost_at = Group(self.key, self.links).lost_at if self.links else None
        return None if lost_at is None else stamp(lost_at)


def _counted(name: str) -> Field[Counted]:
    return Field("num", lambda counted: counted.tally.number(name))


#: The block without its maps, in its order.
_NUMBERS: Mapping[str, Field[Counted]] = {
    "rank": Field("num", lambda counted: counted.lens.scaled(counted.rank)),
    "backlinks": Field("num", lambda counted: len(counted.links)),
    "first_seen": Field("time", lambda counted: counted.first_seen),
    "lost_date": Field("time", lambda counted: counted.lost_date),
    "backlinks_spam_score": Field("num", lambda counted: counted.spam_score),
    "broken_backlinks": _counted("broken_backlinks"),
    **{name: _counted(name) for name in DISTINCT},
}
#: Keys that `available_filters` names of each map; any other can be filtered by too.
_MAP_KEYS = {
    "referring_links_types": ("anchor", "image", "link", "meta", "canonical", "alternate", "redirect"),
    "referring_links_attributes": ("nofollow", "noopener", "sponsored", "ugc"),
    "referring_links_semantic_locations": ("article", "section", "footer", EMPTY_KEY),
}
COUNT_NAMES = (*_NUMBERS, *(f"{name}.{key}" for name, keys in _MAP_KEYS.items() for key in keys))


def count_field(name: str) -> Field[Counted] | None:
    """Return the field of that name; `referring_links_tld.com` is one, for filters only."""
    table, dot, key = name.partition(".")
    if dot and table in MAPS:
        wanted = "" if key == EMPTY_KEY else key
        is_sortable = table != "referring_links_tld"
        return Field("num", lambda counted: counted.tally.often(table, wanted), is_sortable=is_sortable)
    return _NUMBERS.get(name)


def block(counted: Counted, most_keys: int, without: Set[str] = frozenset()) -> dict[str, Any]:
    """Return the block of counts; maps hold their top `most_keys` entries."""
    numbers = {name: field.value(counted) for name, field in _NUMBERS.items() if name not in without}
    return {**numbers, **maps(counted.tally, most_keys)}


def maps(tally: Tally, most_keys: int) -> dict[str, Any]:
    """Return the maps of the block."""
    return {name: tally.top(name, most_keys) for name in MAPS}
