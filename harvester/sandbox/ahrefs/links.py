"""The value of every column of a link (Ahrefs reference, sections 13.1 and 13.2)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from harvester.sandbox.ahrefs.time import stamp
from harvester.sandbox.facts import Dice, Facts, HostFacts, PageFacts
from harvester.sandbox.hosts import root_of
from harvester.sandbox.world import Link, Lost

_LOST_REASONS: Mapping[Lost, str] = {
    Lost.LINK_REMOVED: "removedfromhtml",
    Lost.PAGE_REMOVED: "notfound",
    Lost.PAGE_ERROR: "pageerror",
    Lost.PAGE_REDIRECTED: "pageredirected",
    Lost.NOINDEX: "noindex",
    Lost.NOT_CANONICAL: "notcanonical",
    Lost.REDIRECT_LOST: "lostredirect",
}
_STATUS = {Lost.PAGE_REMOVED: 404, Lost.PAGE_ERROR: 500, Lost.PAGE_REDIRECTED: 301}
_DROP_REASONS = ("noratingunused", "notop", "tooold", "rescursive", "duplicate", "disallowed", "unlinked", "lowvalue")
_REDIRECT_REASONS = ("dropped", "codechanged", "nxdomain", "robotsdisallowed", "curlerror", "targetchanged")
_SNIPPETS = ("", "See also ", " for the details.", "«Quelle»: ", "<b>bold</b> ", "読む ", "\x1b[2J")
_UNFOLLOWED = frozenset({"nofollow", "ugc", "sponsored"})


class View:
    """One link with what is invented about its two ends."""

    __slots__ = ("facts", "link")

    def __init__(self, link: Link, facts: Facts) -> None:
        self.link = link
        self.facts = facts

    @property
    def root(self) -> str:
        return root_of(self.link.source_host)

    @property
    def site(self) -> HostFacts:
        return self.facts.host(self.root)

    @property
    def host(self) -> HostFacts:
        return self.facts.host(self.link.source_host)

    @property
    def page(self) -> PageFacts:
        return self.facts.page(self.link.source_url)

    @property
    def root_to(self) -> str:
        return root_of(self.link.target_host)

    @property
    def site_to(self) -> HostFacts:
        return self.facts.host(self.root_to)

    @property
    def page_to(self) -> PageFacts:
        return self.facts.page(self.link.target_url)

    @property
    def is_live(self) -> bool:
        return self.link.lost_at is None

    @property
    def is_followed(self) -> bool:
        return not self.link.rel & _UNFOLLOWED

    @property
    def is_new(self) -> bool:
        """Found by the most recent check of the page, which was the first to find it."""
        return self.is_live and self.link.first_seen == self.link.last_seen

    @property
    def is_redirect_lost(self) -> bool:
        return self.link.kind == "redirect" and not self.is_live

    def pick(self, name: str, choices: Sequence[str]) -> str:
        return Dice(self.facts.seed, name, self.link.source_url, self.link.target_url).pick(0, choices)


def plain(url: str) -> str:
    """Return a URL in the form that filters like: without scheme and `www.`."""
    return url.partition("://")[2].removeprefix("www.")


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (80 if parts.scheme == "http" else 443)


def _tld_class(host: str) -> str:
    labels = host.split(".")[-2:]
    return next((word for word in ("gov", "edu") if word in labels), "normal")


def _maybe_stamp(moment: datetime | None) -> str | None:
    return None if moment is None else stamp(moment)


def _maybe_day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _discovered(view: View) -> str | None:
    if not view.is_new:
        return None
    if view.link.was_restored:
        return "linkrestored"
    return "pagefound" if view.link.page_found == view.link.first_seen else "linkfound"


def _redirect_broken(view: View, value: Callable[[View], str]) -> str | None:
    return value(view) if view.link.lost_reason is Lost.REDIRECT_LOST else None


Values = Mapping[str, Callable[[View], Any]]

_SOURCE: Values = {
    "ahrefs_rank_source": lambda view: view.site.rank,
    "class_c": lambda view: view.page.linking_networks,
    "domain_rating_source": lambda view: view.site.authority,
    "encoding": lambda view: view.page.encoding,
    "first_seen": lambda view: stamp(view.link.page_found),
    "http_code": lambda view: _STATUS.get(view.link.lost_reason, 200) if view.link.lost_reason else 200,
    "http_crawl": lambda view: not view.page.is_script_built,
    "ip_source": lambda view: view.host.ip,
    "is_homepage_link": lambda view: urlsplit(view.link.source_url).path in ("", "/"),
    "is_non_html": lambda view: urlsplit(view.link.source_url).path.endswith((".pdf", ".xml", ".txt")),
    "is_root_source": lambda view: view.link.source_host == view.root,
    "is_spam": lambda view: view.site.is_spam,
    "js_crawl": lambda view: view.page.is_script_built,
    "languages": lambda view: view.page.languages,
    "linked_domains_source_domain": lambda view: view.site.linked_domains,
    "linked_domains_source_page": lambda view: view.page.linked_domains,
    "links_external": lambda view: view.page.links_external,
    "links_internal": lambda view: view.page.links_internal,
    "name_source": lambda view: view.link.source_host,
    "noindex": lambda view: view.link.lost_reason is Lost.NOINDEX,
    "page_category_source": lambda view: view.page.category,
    "page_size": lambda view: view.page.size_bytes,
    "page_type_source": lambda view: view.page.kind,
    "port_source": lambda view: _port(view.link.source_url),
    "positions": lambda view: view.page.keywords,
    "positions_source_domain": lambda view: view.site.keywords,
    "powered_by": lambda view: view.page.platforms,
    "refdomains_source": lambda view: view.page.linking_domains,
    "refdomains_source_domain": lambda view: view.site.linking_domains,
    "root_name_source": lambda view: view.root,
    "source_page_author": lambda view: view.page.author,
    "source_page_publish_date": lambda view: _maybe_day(view.page.published(view.link.page_found.date())),
    "title": lambda view: view.page.title,
    "tld_class_source": lambda view: _tld_class(view.link.source_host),
    "traffic": lambda view: view.page.visits,
    "traffic_domain": lambda view: view.site.visits,
    "url_from": lambda view: view.link.source_url,
    "url_from_plain": lambda view: plain(view.link.source_url),
    "url_rating_source": lambda view: view.page.authority,
}
_TARGET: Values = {
    "ahrefs_rank_target": lambda view: view.site_to.rank,
    "domain_rating_target": lambda view: view.site_to.authority,
    "http_code_target": lambda view: view.page_to.status,
    "is_root_target": lambda view: view.link.target_host == view.root_to,
    "last_visited_target": lambda view: stamp(view.link.last_seen),
    "linked_domains_target_domain": lambda view: view.site_to.linked_domains,
    "name_target": lambda view: view.link.target_host,
    "port_target": lambda view: _port(view.link.target_url),
    "refdomains_target_domain": lambda view: view.site_to.linking_domains,
    "root_name_target": lambda view: view.root_to,
    "tld_class_target": lambda view: _tld_class(view.link.target_host),
    "url_to": lambda view: view.link.target_url,
    "url_to_plain": lambda view: plain(view.link.target_url),
}
_LINK: Values = {
    "alt": lambda view: view.link.image_alt,
    "anchor": lambda view: view.link.anchor,
    "is_alternate": lambda view: view.link.kind == "alternate",
    "is_canonical": lambda view: view.link.kind == "canonical",
    "is_content": lambda view: view.page.is_link_in_content,
    "is_dofollow": lambda view: view.is_followed,
    "is_form": lambda view: view.link.kind == "form",
    "is_frame": lambda view: view.link.kind == "frame",
    "is_image": lambda view: view.link.kind == "image",
    "is_nofollow": lambda view: "nofollow" in view.link.rel,
    "is_redirect": lambda view: view.link.kind == "redirect",
    "is_rss": lambda view: view.link.kind == "rss",
    "is_sponsored": lambda view: "sponsored" in view.link.rel,
    "is_text": lambda view: view.link.kind == "text",
    "is_ugc": lambda view: "ugc" in view.link.rel,
    "len_url_redirect": lambda view: len(view.link.redirects),
    "link_type": lambda view: view.link.kind,
    "redirect_code": lambda view: 301 if view.link.kind == "redirect" else None,
    "redirect_kind": lambda view: [301] * len(view.link.redirects),
    "snippet_left": lambda view: view.pick("left", _SNIPPETS),
    "snippet_right": lambda view: view.pick("right", _SNIPPETS),
    "url_redirect": lambda view: list(view.link.redirects),
    "url_redirect_with_target": lambda view: [view.link.target_url, *view.link.redirects],
}
_LIFE: Values = {
    "broken_redirect_new_target": lambda view: _redirect_broken(view, lambda v: f"https://{v.root}/"),
    "broken_redirect_reason": lambda view: _redirect_broken(view, lambda v: v.pick("broken", _REDIRECT_REASONS)),
    "broken_redirect_source": lambda view: _redirect_broken(view, lambda v: v.link.target_url),
    "discovered_status": _discovered,
    "drop_reason": lambda view: view.pick("drop", _DROP_REASONS) if view.link.lost_reason is Lost.DROPPED else None,
    "first_seen_link": lambda view: stamp(view.link.first_seen),
    "is_lost": lambda view: not view.is_live,
    "is_new": lambda view: view.is_new,
    "is_redirect_lost": lambda view: view.is_redirect_lost,
    "last_seen": lambda view: _maybe_stamp(view.link.lost_at),
    "last_visited": lambda view: stamp(view.link.last_seen),
    "lost_reason": lambda view: _LOST_REASONS.get(view.link.lost_reason) if view.link.lost_reason else None,
}
LINK_VALUES: Values = {**_SOURCE, **_TARGET, **_LINK, **_LIFE}
