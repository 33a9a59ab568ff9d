"""The computed views as SQL: what people ask of harvested links. Each is one SELECT over the views of the records.

Sites are counted by the Public Suffix List (`site_from`, `site`). A host whose ending is on no list is taken by the
list's own default rule, its last two labels, and an IP address by itself: `site_of`. Scores of two metrics are never
compared: where the best row or value is chosen, it is by one metric, named beside it.
"""

from collections.abc import Mapping, Sequence

from harvester.records import METRICS

#: Reports whose rows are links, or domains, that lead to the target; the others are about links away from it.
LINK_REPORTS = ("backlinks", "new-backlinks", "lost-backlinks", "broken-backlinks")
DOMAIN_REPORTS = ("refdomains",)
#: Those that list all of them, so that what is not in them does not link; with `since` or `until` they do not.
FULL_REPORTS = ("backlinks", "refdomains")
COMPUTED = "computed"  #: the report of a row that nobody sold


def text(value: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + value.replace("'", "''") + "'"


def texts(values: Sequence[str]) -> str:
    """Return texts as a list for IN."""
    return f"({', '.join(map(text, values))})" if values else "(NULL)"


SITE_OF = r"""
CREATE MACRO site_of(site, registrable, host) AS CASE
  WHEN site IS NOT NULL THEN site
  WHEN registrable IS NOT NULL OR host LIKE '[%' OR regexp_matches(host, '(^|\.)[0-9]+$') THEN host
  ELSE coalesce(nullif(regexp_extract(host, '[^.]+\.[^.]+$'), ''), host)
END
"""

#: A sum as a number that programs have: a provider may count up to the greatest one in each of its rows.
AS_BIGINT = """
CREATE MACRO as_bigint(amount) AS CAST(CASE WHEN amount > 9223372036854775807 THEN 9223372036854775807 ELSE amount END
  AS BIGINT)
"""

#: Of a link: its site, and the score of its domain, or else of its page.
_BEST = """site_of(site_from, domain_from, host_from) AS site, coalesce(domain_from_metric, page_from_metric) AS metric,
      CASE WHEN domain_from_metric IS NULL THEN page_from_score ELSE domain_from_score END AS score"""

#: One row for each target of each finished task.
ASKED = """
SELECT harvest, provider, report, scope, task, state, complete, reason, "at",
  json_extract_string(item, '$.target') AS target, nullif(json_extract(item, '$.labels'), 'null'::JSON) AS labels
FROM (
  SELECT *, unnest(CASE WHEN target IS NULL THEN CAST(targets AS JSON[])
    ELSE [json_object('target', target, 'labels', labels)] END) AS item
  FROM (SELECT * REPLACE (coalesce(targets, '[]'::JSON) AS targets) FROM task)
)
"""

# A link that a page has twice counts once: `link_id` is page and address. The best one is the least of a struct, of
# which DuckDB compares the first field first, and takes null for the greatest.
BROKEN_PAGES = f"""
SELECT provider, target, page, url, status, links, links_followed, sites, best.url_from AS best_url_from,
  best.anchor AS best_anchor, 0 - best.below AS best_score, best.metric AS best_metric, first_seen_at, last_seen_at
FROM (
  SELECT provider, target, dead AS page, min(url_to) AS url, max(status_to) AS status,
    count(DISTINCT link_id) AS links, count(DISTINCT link_id) FILTER (is_followed) AS links_followed,
    count(DISTINCT site) AS sites,
    min({{'of_domain': domain_from_metric, 'metric': metric, 'below': -score, 'url_from': url_from, 'anchor': anchor}})
      AS best,
    min(first_seen_at) AS first_seen_at, max(last_seen_at) AS last_seen_at
  FROM (
    SELECT provider, target, link_id, url_from, url_to, status_to, anchor, is_followed, first_seen_at, last_seen_at,
      domain_from_metric, {_BEST}, coalesce(key_to, url_to) AS dead
    FROM backlink
    WHERE report IN {texts(LINK_REPORTS)} AND (is_broken OR report = 'broken-backlinks') AND is_lost IS NOT TRUE
  )
  GROUP BY provider, target, dead
)
"""

# A link that the same provider also shows as live is there, whatever another row says. Of several rows of a link that
# was lost, the latest loss is told.
LOST_LINKS = f"""
SELECT provider, target, link_id, latest.site AS site, latest.url_from AS url_from, latest.url_to AS url_to, anchor,
  latest.is_followed AS is_followed, lost_at, latest.lost_reason AS lost_reason,
  latest.lost_reason_from AS lost_reason_from, first_seen_at, last_seen_at, latest.score AS score,
  latest.metric AS metric
FROM (
  SELECT provider, target, link_id, anchor, max(lost_at) AS lost_at, min(first_seen_at) AS first_seen_at,
    max(last_seen_at) AS last_seen_at,
    min({{
      'before': -epoch_us(lost_at), 'task': task, 'row': row, 'site': site, 'url_from': url_from, 'url_to': url_to,
      'is_followed': is_followed, 'lost_reason': lost_reason, 'lost_reason_from': lost_reason_from, 'score': score,
      'metric': metric
    }}) AS latest
  FROM (
    SELECT provider, target, link_id, url_from, url_to, anchor, is_followed, lost_at, lost_reason_from, first_seen_at,
      last_seen_at, task, row, coalesce(lost_reason, 'unknown') AS lost_reason, {_BEST}
    FROM backlink
    WHERE report IN {texts(LINK_REPORTS)} AND is_lost AND lost_reason IS DISTINCT FROM 'dropped_from_index'
  ) AS gone
  ANTI JOIN (SELECT provider, link_id FROM backlink WHERE is_lost IS NOT TRUE) AS live USING (provider, link_id)
  GROUP BY provider, target, link_id, anchor
)
"""

#: Who links to whom by what was harvested, whatever it was harvested for: a row for each provider, target and site.
#: `best` is the greatest score in one metric, the first by name: of a struct, DuckDB compares the first field first.
LINKING = f"""
SELECT provider, target, site, max(links) AS links, any_value(scope) AS scope, max(fetched_at) AS fetched_at,
  min(best) AS best
FROM (
  SELECT provider, target, site, task, as_bigint(sum(links)) AS links, any_value(scope) AS scope,
    max(fetched_at) AS fetched_at, {{best}} AS best
  FROM (
    SELECT provider, target, task, scope, fetched_at, site_of(site, registrable, host) AS site, links,
      domain_metric AS metric, domain_score AS score
    FROM refdomain WHERE report IN {texts(DOMAIN_REPORTS)} AND lost_at IS NULL AND links IS DISTINCT FROM 0
  )
  GROUP BY provider, target, site, task
  UNION ALL
  SELECT provider, target, site, task, count(DISTINCT link_id), any_value(scope), max(fetched_at), {{best}}
  FROM (
    SELECT provider, target, task, scope, fetched_at, site_of(site_from, domain_from, host_from) AS site, link_id,
      domain_from_metric AS metric, domain_from_score AS score
    FROM backlink WHERE report IN {texts(LINK_REPORTS)} AND is_lost IS NOT TRUE
  )
  GROUP BY provider, target, site, task
)
WHERE site IS NOT NULL
GROUP BY provider, target, site
""".replace("{best}", "min({'metric': metric, 'below': -score}) FILTER (metric IS NOT NULL AND score IS NOT NULL)")

#: Who links: a row for each provider and site.
LINKERS = """
SELECT provider, site, targets, links, best.metric AS metric, 0 - best.below AS score
FROM (
  SELECT provider, site, list(target ORDER BY target) AS targets, as_bigint(sum(links)) AS links, min(best) AS best
  FROM linking GROUP BY provider, site
)
"""


def listed_sql(full_harvests: Sequence[str]) -> str:
    """Return a row for each provider and target: whether some list of who links to it is whole.

    What is not in such a list does not link. `full_harvests`: those that ask for all of them.
    """
    return f"""
SELECT provider, target,
  coalesce(bool_or(complete AND reason IS DISTINCT FROM 'max_rows' AND harvest IN {texts(full_harvests)}), false)
    AS is_whole
FROM asked
WHERE report IN {texts((*LINK_REPORTS, *DOMAIN_REPORTS))}
GROUP BY provider, target
"""


GAP = """
SELECT listed.target AS mine, provider, site, linkers.targets AS rivals, len(linkers.targets) AS number, linkers.links,
  linkers.score, linkers.metric, listed.is_whole AS is_proven
FROM listed JOIN linkers USING (provider)
WHERE NOT list_contains(linkers.targets, listed.target)
  AND NOT (site = listed.target OR ends_with(listed.target, '.' || site))
"""


def overlap_sql(bought: str) -> str:
    """Return the rows of comparisons: those of the record, read from the view `bought`, and those that can be computed.

    A computed set is all targets of a provider whose linking domains were harvested. "Does not link" (0) is said only
    of a target whose list is whole.
    """
    return f"""
SELECT * FROM {bought}
UNION ALL BY NAME
SELECT 'overlap' AS record, provider, {text(COMPUTED)} AS report, listed.target AS target, linking.scope AS scope,
  linking.fetched_at AS fetched_at, site AS domain, site,
  CASE WHEN linking.target IS NULL THEN 0 ELSE linking.links END AS links, len(linkers.targets) AS matches,
  compared.set_id, linkers.score AS domain_score, linkers.metric AS domain_metric
FROM listed JOIN linkers USING (provider) JOIN compared USING (provider)
LEFT JOIN linking USING (provider, target, site)
WHERE linking.target IS NOT NULL OR listed.is_whole
"""


COMPARED = """
SELECT provider, left(sha256(string_agg(target, chr(31) ORDER BY target)), 16) AS set_id, count(*) AS targets
FROM listed GROUP BY provider HAVING count(*) > 1
"""


def merged_links_sql(providers: Sequence[str]) -> str:
    """Return one row for each link, whoever knows it, with the scores of these providers beside each other."""
    scores = "".join(
        f",\n  max({of}_score) FILTER ({of}_metric = {text(metric)}) AS {of}_{metric}"
        for of in ("domain_from", "page_from")
        for metric in METRICS
        if metric.partition("_")[0] in providers
    )
    return f"""
SELECT link_id,
  min(url_from) AS url_from, min(url_to) AS url_to,
  min(site_of(site_from, domain_from, host_from)) AS site_from, min(site_of(site_to, domain_to, host_to)) AS site_to,
  list_sort(list(DISTINCT target)) AS targets,
  list_sort(list(DISTINCT provider)) AS providers,
  list_sort(list(DISTINCT anchor) FILTER (anchor IS NOT NULL)) AS anchors,
  list_sort(list(DISTINCT provider) FILTER (is_followed)) AS followed_by,
  list_sort(list(DISTINCT provider) FILTER (is_lost)) AS lost_by,
  CASE WHEN count(is_lost) > 0 THEN bool_and(coalesce(is_lost, false)) END AS is_lost,
  min(first_seen_at) AS first_seen_at, max(last_seen_at) AS last_seen_at, max(lost_at) AS lost_at{scores}
FROM backlink
GROUP BY link_id
"""


def full_harvests(harvests: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Return the harvests that list all who link to a target."""
    return [
        name
        for name, asked in harvests.items()
        if asked["report"] in FULL_REPORTS and asked["until"] is None and _since(asked) is None
    ]


def filters_of(asked: Mapping[str, object]) -> str | None:
    """Return what a harvest lets through of a list; None = all of it."""
    filters = asked.get("filter")
    if not isinstance(filters, dict) or not filters:
        return None
    return ", ".join(f"{name} = {str(value).lower()}" for name, value in filters.items())


def _since(asked: Mapping[str, object]) -> object:
    """Return the first day asked for; None = none: the first round with `since = "last"` names none."""
    return asked.get("since_day") if asked["since"] == "last" else asked["since"]
