"""The fifteen reports (reference, section 4): columns, sorting keys, filters, prices."""

from collections.abc import Callable, Mapping
from functools import partial
from operator import attrgetter, itemgetter
from typing import Any

from harvester.sandbox.groups import source_domain, source_zone
from harvester.sandbox.semrush.categories import main_topic
from harvester.sandbox.semrush.columns import (
    ANCHORS,
    COMPARISON,
    COUNTRIES,
    LINKS,
    OVERVIEW,
    PAGES,
    REFDOMAINS,
    REFIPS,
    ZONES,
    Values,
    is_nofollow,
    site_country,
    site_ip,
)
from harvester.sandbox.semrush.filter import flag, kinds, number, text, word
from harvester.sandbox.semrush.history import GAINS
from harvester.sandbox.semrush.report import Report, Sort
from harvester.sandbox.semrush.rows import (
    Rival,
    Shared,
    country_name,
    find_anchors,
    find_ascores,
    find_compared,
    find_heaps,
    find_history,
    find_links,
    find_matrix,
    find_overview,
    find_profile,
    find_rivals,
    find_topics,
)
from harvester.sandbox.semrush.scene import Heap, Sight, ip_of

_MOST_MATRIX = 6
_MOST_COMPARED = 200


def _names(source: str) -> tuple[str, ...]:
    return tuple(source.split(","))


def _attributes(names: str) -> Values:
    return {name: attrgetter(name) for name in _names(names)}


def _some(values: Values, names: str) -> Mapping[str, Callable[[Any], Any]]:
    return {name: values[name] for name in _names(names)}


def _heap_key(heap: Heap) -> str:
    return heap.group.key


def _link_key(sight: Sight) -> tuple[str, ...]:
    link = sight.link
    return link.source_url, link.target_url, link.anchor, link.kind


def _is_lost(sight: Sight) -> bool:
    return sight.link.lost_at is not None


def _is_new(sight: Sight) -> bool:
    return sight.scene.is_new(sight.link)


def _is_kind(kind: str, sight: Sight) -> bool:
    return sight.link.kind == kind


_TYPES: Mapping[str, Callable[[Sight], bool]] = {
    "follow": lambda sight: not is_nofollow(sight.link),
    "nofollow": lambda sight: is_nofollow(sight.link),
    "newlink": _is_new,
    "lostlink": _is_lost,
    **{kind: partial(_is_kind, kind) for kind in ("frame", "form", "image")},
}
_LINK_FIELDS = {
    "type": kinds(_TYPES),
    "zone": word(lambda sight: source_zone(sight.link)),
    "ip": text(lambda sight: [ip_of(sight.scene.facts, sight.link) or ""]),
    "refdomain": text(lambda sight: [source_domain(sight.link)]),
    "anchor": text(lambda sight: [sight.link.anchor]),
    "newlink": flag(_is_new),
    "lostlink": flag(_is_lost),
    "urlanchor": text(lambda sight: [sight.link.source_url, sight.link.anchor]),
    "redirects": flag(lambda sight: bool(sight.link.redirects)),
}
_DOMAIN_FIELDS = {
    "zone": word(lambda heap: heap.group.key.rpartition(".")[2]),
    "country": word(site_country),
    "ip": text(lambda heap: [site_ip(heap) or ""]),
    "newdomain": flag(lambda heap: heap.group.first_seen >= heap.scene.since),
    "lostdomain": flag(lambda heap: heap.group.lost_at is not None),
    "category": word(lambda heap: main_topic(heap.scene.facts, heap.group.key)),
}
_COUNT_SORTS = "domains_num,backlinks_num"
_MATRIX_ASCORE: Callable[[Shared], int] = attrgetter("domain_ascore")
_MATRIX_COUNTS = {f"backlinksnum_{at}": (lambda row, at=at: row.counts[at]) for at in range(_MOST_MATRIX)}

REPORTS: Mapping[str, Report] = {
    "backlinks_overview": Report(
        find=find_overview,
        values=OVERVIEW,
        columns=_names(
            "ascore,total,domains_num,urls_num,ips_num,ipclassc_num,follows_num,nofollows_num,sponsored_num,ugc_num"
            ",texts_num,images_num,forms_num,frames_num"
        ),
        default=_names(
            "total,domains_num,ips_num,follows_num,nofollows_num,score,trust_score,urls_num,ipclassc_num,texts_num"
            ",forms_num,frames_num,images_num"
        ),
        is_paged=False,
        request_units=40,
    ),
    "backlinks": Report(
        find=find_links,
        values=LINKS,
        columns=tuple(name for name in LINKS if name != "page_score"),
        default=_names(
            "page_score,source_title,source_url,target_url,anchor,external_num,internal_num,first_seen,last_seen"
        ),
        sorts=_some(LINKS, "page_ascore,last_seen,first_seen"),
        default_sort=Sort("page_ascore", is_descending=True),
        tie=_link_key,
        fields=_LINK_FIELDS,
    ),
    "backlinks_refdomains": Report(
        find=partial(find_heaps, lambda link, _scene: source_domain(link)),
        values=REFDOMAINS,
        columns=_names("domain_ascore,domain,backlinks_num,ip,country,first_seen,last_seen"),
        default=_names("domain,backlinks_num,domain_score,domain_trust_score,first_seen,last_seen,ip,country"),
        sorts=_some(REFDOMAINS, "domain_ascore,backlinks_num,last_seen,first_seen"),
        default_sort=Sort("backlinks_num", is_descending=True),
        tie=_heap_key,
        fields=_DOMAIN_FIELDS,
    ),
    "backlinks_refips": Report(
        find=partial(find_heaps, lambda link, scene: ip_of(scene.facts, link)),
        values=REFIPS,
        columns=_names("ip,country,domains_num,backlinks_num,first_seen,last_seen"),
        sorts=_some(REFIPS, f"{_COUNT_SORTS},first_seen,last_seen"),
        default_sort=Sort("domains_num", is_descending=True),
        tie=_heap_key,
    ),
    "backlinks_tld": Report(
        find=partial(find_heaps, lambda link, _scene: source_zone(link)),
        values=ZONES,
        columns=_names("zone,domains_num,backlinks_num"),
        sorts=_some(ZONES, _COUNT_SORTS),
        default_sort=Sort("domains_num", is_descending=True),
        tie=_heap_key,
    ),
    "backlinks_geo": Report(
        find=partial(find_heaps, country_name),
        values=COUNTRIES,
        columns=_names("country,domains_num,backlinks_num"),
        sorts=_some(COUNTRIES, _COUNT_SORTS),
        default_sort=Sort("domains_num", is_descending=True),
        tie=_heap_key,
    ),
    "backlinks_anchors": Report(
        find=find_anchors,
        values=ANCHORS,
        columns=_names("anchor,domains_num,backlinks_num,first_seen,last_seen"),
        sorts=_some(ANCHORS, f"{_COUNT_SORTS},first_seen,last_seen"),
        default_sort=Sort("backlinks_num", is_descending=True),
        tie=_heap_key,
    ),
    "backlinks_pages": Report(
        find=partial(find_heaps, lambda link, _scene: link.target_url),
        values=PAGES,
        columns=tuple(PAGES),
        sorts=_some(PAGES, "backlinks_num,domains_num,last_seen"),
        default_sort=Sort("backlinks_num", is_descending=True),
        tie=_heap_key,
    ),
    "backlinks_competitors": Report(
        find=find_rivals,
        values={**_attributes(",".join(Rival._fields)), "score": attrgetter("ascore")},
        columns=Rival._fields,
    ),
    "backlinks_matrix": Report(
        find=find_matrix,
        values={
            **_attributes("domain,domain_ascore,matches_num"),
            "backlinks_num": attrgetter("counts"),
            "domain_score": _MATRIX_ASCORE,
        },
        columns=_names("domain,domain_ascore,matches_num,backlinks_num"),
        most_targets=_MOST_MATRIX,
        spread="backlinks_num",
        sorts={
            "domain_ascore": _MATRIX_ASCORE,
            "domain_score": _MATRIX_ASCORE,
            "matchesnum": attrgetter("matches_num"),
            **_MATRIX_COUNTS,
        },
        default_sort=Sort("domain_score", is_descending=True),
        tie=attrgetter("domain"),
        fields={name: number(count) for name, count in _MATRIX_COUNTS.items()},
    ),
    "backlinks_comparison": Report(
        find=find_compared,
        values=COMPARISON,
        columns=_names(
            "target,target_type,ascore,backlinks_num,domains_num,ips_num,follows_num,nofollows_num,texts_num"
            ",images_num,forms_num,frames_num"
        ),
        is_paged=False,
        most_targets=_MOST_COMPARED,
        has_unique_names=True,
    ),
    "backlinks_ascore_profile": Report(
        find=find_ascores,
        values={"ascore": itemgetter(0), "domains_num": itemgetter(1)},
        columns=_names("ascore,domains_num"),
        has_columns=False,
        is_paged=False,
        request_units=100,
    ),
    "backlinks_categories_profile": Report(
        find=find_profile,
        values=_attributes("category_name,rating"),
        columns=_names("category_name,rating"),
    ),
    "backlinks_categories": Report(
        find=find_topics,
        values=_attributes("category_name,rating"),
        columns=_names("category_name,rating"),
        is_paged=False,
        request_units=50,
    ),
    "backlinks_historical": Report(
        find=find_history,
        values=_attributes("date,backlinks_num,domains_num,score," + ",".join(GAINS)),
        columns=_names("date,backlinks_num,domains_num,score"),
        doubtful=frozenset(GAINS),
        types=("root_domain",),
    ),
}
