"""The value of every column of the reports that count links (Ahrefs reference, sections 13.3, 13.4 and 13.7).

Assumed, as no document says it: all links of the report's window count, the lost ones too, and with `history=live` the
window has no length, so that nothing is gained or lost in it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harvester.sandbox.ahrefs.links import View, plain
from harvester.sandbox.ahrefs.time import stamp
from harvester.sandbox.facts import Facts, HostFacts, PageFacts
from harvester.sandbox.hosts import root_of


@dataclass(frozen=True, slots=True)
class Group:
    """The links of one referring domain, anchor or target page inside a report's window. Never empty."""

    key: str
    views: Sequence[View]
    since: datetime | None  #: links gained and lost are counted from here; None = none are

    @property
    def facts(self) -> Facts:
        return self.views[0].facts

    @property
    def site(self) -> HostFacts:
        """The referring domain, where the key is one."""
        return self.facts.host(self.key)

    @property
    def page(self) -> PageFacts:
        """The target page, where the key is one."""
        return self.facts.page(self.key)

    def count(self, is_meant: Callable[[View], bool]) -> int:
        return sum(map(is_meant, self.views))

    def gained(self) -> int:
        since = self.since
        return 0 if since is None else self.count(lambda view: view.link.first_seen >= since)

    def lost(self) -> int:
        since = self.since
        return 0 if since is None else self.count(lambda v: v.link.lost_at is not None and v.link.lost_at >= since)

    def followed(self) -> int:
        return self.count(lambda view: view.is_followed)

    def first_seen(self) -> str:
        return stamp(min(view.link.first_seen for view in self.views))

    def last_seen(self) -> str | None:
        """Return when the last link was lost; None while one lives."""
        lost = [view.link.lost_at for view in self.views if view.link.lost_at is not None]
        return stamp(max(lost)) if len(lost) == len(self.views) else None

    def top_rating(self) -> float:
        return max(view.site.authority for view in self.views)

    def is_spam(self) -> bool:
        return all(view.site.is_spam for view in self.views)

    def domains(self) -> int:
        return len({view.root for view in self.views})


GroupValues = Mapping[str, Callable[[Group], Any]]

REFDOMAIN_VALUES: GroupValues = {
    "dofollow_linked_domains": lambda group: group.site.linked_domains_followed,
    "dofollow_links": Group.followed,
    "dofollow_refdomains": lambda group: group.site.linking_domains_followed,
    "domain": lambda group: group.key,
    "domain_rating": lambda group: group.site.authority,
    "first_seen": Group.first_seen,
    "ip_source": lambda group: group.site.ip,
    "is_root_domain": lambda group: root_of(group.key) == group.key,
    "is_spam": lambda group: group.site.is_spam,
    "last_seen": Group.last_seen,
    "links_to_target": lambda group: len(group.views),
    "lost_links": Group.lost,
    "new_links": Group.gained,
    "positions_source_domain": lambda group: group.site.keywords,
    "traffic_domain": lambda group: group.site.visits,
}
ANCHOR_VALUES: GroupValues = {
    "anchor": lambda group: group.key,
    "dofollow_links": Group.followed,
    "first_seen": Group.first_seen,
    "is_spam": Group.is_spam,
    "last_seen": Group.last_seen,
    "links_to_target": lambda group: len(group.views),
    "lost_links": Group.lost,
    "new_links": Group.gained,
    "refdomains": Group.domains,
    "refpages": lambda group: len({view.link.source_url for view in group.views}),
    "top_domain_rating": Group.top_rating,
}
PAGE_VALUES: GroupValues = {
    "dofollow_to_target": Group.followed,
    "first_seen_link": Group.first_seen,
    "http_code_target": lambda group: group.page.status,
    "is_spam": Group.is_spam,
    "languages_target": lambda group: group.page.languages,
    "last_seen": Group.last_seen,
    "last_visited_source": lambda group: stamp(max(view.link.last_seen for view in group.views)),
    "last_visited_target": lambda group: stamp(max(view.link.last_seen for view in group.views)),
    "links_to_target": lambda group: len(group.views),
    "lost_links_to_target": Group.lost,
    "new_links_to_target": Group.gained,
    "nofollow_to_target": lambda group: len(group.views) - group.followed(),
    "powered_by_target": lambda group: group.page.platforms,
    "redirects_to_target": lambda group: group.count(lambda view: view.link.kind == "redirect"),
    "refdomains_target": Group.domains,
    "target_redirect": lambda group: next((v.link.redirects[-1] for v in group.views if v.link.redirects), None),
    "title_target": lambda group: group.page.title if group.page.status == 200 else None,
    "top_domain_rating_source": Group.top_rating,
    "url_rating_target": lambda group: group.page.authority if group.page.status == 200 else None,
    "url_to": lambda group: group.key,
    "url_to_plain": lambda group: plain(group.key),
}
#: Names under which grouped reports filter by a property of the link.
REFDOMAIN_ALIASES = {
    "linked_domains": "linked_domains_source_page",
    "refdomains": "refdomains_source",
    "root_domain_name": "root_name_source",
    "traffic_page": "traffic",
}
ANCHOR_ALIASES = {
    "domain_rating": "domain_rating_source",
    "is_root_domain": "is_root_source",
    "linked_domains": "linked_domains_source_page",
    "root_domain_name": "root_name_source",
    "traffic_page": "traffic",
}
PAGE_ALIASES = {
    "http_code_source": "http_code",
    "languages_source": "languages",
    "linked_domains_source": "linked_domains_source_page",
    "links_external_source": "links_external",
    "positions_source": "positions",
    "powered_by_source": "powered_by",
    "title_source": "title",
    "traffic_domain_source": "traffic_domain",
    "traffic_source": "traffic",
}
