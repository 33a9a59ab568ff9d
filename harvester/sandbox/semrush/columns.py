"""The value of every column of the reports that list or count links (reference, section 3.8)."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from harvester.sandbox.facts import PageFacts
from harvester.sandbox.groups import subnet_of
from harvester.sandbox.semrush.csv import Cell
from harvester.sandbox.semrush.scene import Heap, Scene, Sight, Subject, ascore_of, country_of, trust_of
from harvester.sandbox.world import Link, Lost

Values = Mapping[str, Callable[[Any], Cell]]  #: column -> its value in a row

#: What a page that carried a link answers now; 200 where nothing is told.
_STATUS = {Lost.PAGE_REMOVED: 404, Lost.PAGE_ERROR: 500, Lost.PAGE_REDIRECTED: 301}
_MOVED = 301


def _source(sight: Sight) -> PageFacts:
    return sight.scene.facts.page(sight.link.source_url)


def _response_code(link: Link) -> int:
    if link.kind == "redirect":
        return _MOVED
    return _STATUS.get(link.lost_reason, 200) if link.lost_reason else 200


def _source_title(sight: Sight) -> str:
    """Return the title; none "on a redirecting page"."""
    return "" if _response_code(sight.link) == _MOVED else _source(sight).title


def _image_url(link: Link) -> str:
    if link.kind != "image":
        return ""
    parts = urlsplit(link.source_url)
    return f"{parts.scheme}://{parts.netloc}/images/{len(parts.path)}.png"


def _page_ascore(sight: Sight) -> int:
    return round(_source(sight).authority)


LINKS: Values = {
    "page_ascore": _page_ascore,
    "response_code": lambda sight: _response_code(sight.link),
    "source_size": lambda sight: _source(sight).size_bytes,
    "external_num": lambda sight: _source(sight).links_external,
    "internal_num": lambda sight: _source(sight).links_internal,
    "redirect_url": lambda sight: sight.link.redirects[-1] if sight.link.redirects else "",
    "source_url": lambda sight: sight.link.source_url,
    "source_title": _source_title,
    "image_url": lambda sight: _image_url(sight.link),
    "target_url": lambda sight: sight.link.target_url,
    "target_title": lambda sight: sight.scene.facts.page(sight.link.target_url).title,
    "anchor": lambda sight: sight.link.anchor,
    "image_alt": lambda sight: sight.link.image_alt,
    "last_seen": lambda sight: sight.link.last_seen,
    "first_seen": lambda sight: sight.link.first_seen,
    "nofollow": lambda sight: is_nofollow(sight.link),
    "form": lambda sight: sight.link.kind == "form",
    "frame": lambda sight: sight.link.kind == "frame",
    "image": lambda sight: sight.link.kind == "image",
    "sitewide": lambda sight: sight.scene.is_sitewide(sight.link),
    "newlink": lambda sight: sight.scene.is_new(sight.link),
    "lostlink": lambda sight: sight.link.lost_at is not None,
    "page_score": _page_ascore,
}


def is_nofollow(link: Link) -> bool:
    """Return True if the link says nofollow; ugc and sponsored are counted apart."""
    return "nofollow" in link.rel


def site_ip(heap: Heap) -> str | None:
    """Return the address of a referring domain."""
    return heap.scene.facts.host(heap.group.key).ip


def site_country(heap: Heap) -> str | None:
    """Return the country of a referring domain."""
    code = country_of(heap.scene.facts, heap.group.key)
    return None if code is None else code.lower()


def _address_country(heap: Heap) -> str | None:
    """Return the country of an address, which is that of the first of its hosts."""
    code = country_of(heap.scene.facts, min(heap.group.hosts))
    return None if code is None else code.lower()


def _domain_ascore(heap: Heap) -> int:
    return ascore_of(heap.scene.facts, heap.group.key)


def _target_page(heap: Heap) -> PageFacts:
    return heap.scene.facts.page(heap.group.key)


COUNTS: Values = {
    "domains_num": lambda heap: len(heap.group.domains),
    "backlinks_num": lambda heap: len(heap.group.links),
}
_SEEN: Values = {
    "first_seen": lambda heap: heap.group.first_seen,
    "last_seen": lambda heap: heap.group.last_seen,
}
REFDOMAINS: Values = {
    "domain_ascore": _domain_ascore,
    "domain": lambda heap: heap.group.key,
    "backlinks_num": COUNTS["backlinks_num"],
    "ip": site_ip,
    "country": site_country,
    **_SEEN,
    "domain_score": _domain_ascore,
    "domain_trust_score": lambda heap: trust_of(heap.scene.facts, heap.group.key),
}
REFIPS: Values = {"ip": lambda heap: heap.group.key, "country": _address_country, **COUNTS, **_SEEN}
ZONES: Values = {"zone": lambda heap: heap.group.key, **COUNTS}
COUNTRIES: Values = {"country": lambda heap: heap.group.key, **COUNTS}
ANCHORS: Values = {"anchor": lambda heap: heap.group.key, **COUNTS, **_SEEN}
PAGES: Values = {
    "source_url": lambda heap: heap.group.key,
    "source_title": lambda heap: _target_page(heap).title,
    "response_code": lambda heap: _target_page(heap).status,
    "backlinks_num": COUNTS["backlinks_num"],
    "domains_num": COUNTS["domains_num"],
    "last_seen": _SEEN["last_seen"],
    "external_num": lambda heap: _target_page(heap).links_external,
    "internal_num": lambda heap: _target_page(heap).links_internal,
}


def _of_kind(kind: str) -> Callable[[Scene], int]:
    return lambda scene: scene.group.count(lambda link: link.kind == kind)


def _with_rel(rel: str) -> Callable[[Scene], int]:
    return lambda scene: scene.group.count(lambda link: rel in link.rel)


_TARGET: Values = {
    "ascore": lambda scene: scene.ascore,
    "domains_num": lambda scene: len(scene.group.domains),
    "ips_num": lambda scene: len(scene.group.addresses(scene.facts)),
    "follows_num": lambda scene: scene.group.count(lambda link: not is_nofollow(link)),
    "nofollows_num": lambda scene: scene.group.count(is_nofollow),
    "texts_num": _of_kind("text"),
    "images_num": _of_kind("image"),
    "forms_num": _of_kind("form"),
    "frames_num": _of_kind("frame"),
}
#: One row is a whole scene.
OVERVIEW: Values = {
    **_TARGET,
    "total": lambda scene: len(scene.links),
    "urls_num": lambda scene: len(scene.group.pages),
    "ipclassc_num": lambda scene: len({subnet_of(ip) for ip in scene.group.addresses(scene.facts)}),
    "sponsored_num": _with_rel("sponsored"),
    "ugc_num": _with_rel("ugc"),
    "score": _TARGET["ascore"],
    "trust_score": lambda scene: trust_of(scene.facts, scene.place.host),
}


def _of_scene(value: Callable[[Scene], Cell]) -> Callable[[tuple[Subject, Scene]], Cell]:
    return lambda pair: value(pair[1])


#: One row is a pair of subject and scene.
COMPARISON: Values = {
    "target": lambda pair: pair[0].target,
    "target_type": lambda pair: pair[0].target_type,
    "backlinks_num": lambda pair: len(pair[1].links),
    **{name: _of_scene(value) for name, value in _TARGET.items()},
}
