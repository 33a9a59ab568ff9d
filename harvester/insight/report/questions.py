"""Every figure of the page as SQL over a job's views, as `harvester query` takes it.

Questions about links are asked twice, for one target and for all (`$among`). Whatever is counted over providers is
counted once: a link by its `link_id`, a site by its name; and what only one provider can say stands beside its name.
Links that the harvests hold are those that were bought: with `max_rows` they are not all that there are.
"""

from collections.abc import Mapping
from types import MappingProxyType

from harvester.insight.report.about_job import COMMON, ONCE
from harvester.insight.report.about_links import SCOPED
from harvester.insight.report.question import Question

#: What is read once of each record: all columns that a question or one of the computed views uses.
SHELVES: Mapping[str, str] = MappingProxyType(
    {
        "backlink": (
            "provider, report, target, scope, task, row, fetched_at, url_from, key_to, url_to, host_from, domain_from,"
            " site_from, status_to, anchor, link_type, is_followed, is_lost, is_broken, first_seen_at, last_seen_at,"
            " lost_at, lost_reason, lost_reason_from, domain_from_score, domain_from_metric, page_from_score,"
            " page_from_metric, link_id"
        ),
        "refdomain": (
            "provider, report, target, scope, task, fetched_at, domain, host, registrable, site, links, lost_at,"
            " domain_score, domain_metric"
        ),
        "task": "*",
        "linking": "*",
        "lost_links": "*",
        "broken_pages": "*",
    }
)
#: The gap of every target would be as large as all targets by all sites.
GAP_SHELF = "CREATE TEMP TABLE gap AS SELECT * FROM gap WHERE mine = $mine"

#: Every question of the page.
QUESTIONS: Mapping[str, Question] = MappingProxyType({**COMMON, **SCOPED, **ONCE})
