"""What is asked about links, once for one target and once for all (`$among`)."""

from collections.abc import Mapping
from types import MappingProxyType

from harvester.insight.report.question import MONTHS, MOST_ROWS, RECENT_DAYS, Question

_SITE_FROM = "site_of(site_from, domain_from, host_from)"

#: A link that any provider still shows is not lost. Why: from whoever says it, before what was derived.
_GONE = """
WITH gone AS (
  SELECT link_id, min(lost_at)::DATE AS lost_on,
    coalesce(min(lost_reason) FILTER (lost_reason_from = 'provider' AND lost_reason <> 'unknown'),
      min(lost_reason) FILTER (lost_reason_from = 'derived' AND lost_reason <> 'unknown'), 'unknown') AS reason,
    min(url_from) AS url_from, min(url_to) AS url_to, min(anchor) AS anchor, min(site) AS site,
    bool_or(is_followed) AS is_followed, string_agg(DISTINCT provider, ', ' ORDER BY provider) AS providers
  FROM lost_links
  WHERE $among AND link_id NOT IN (SELECT link_id FROM backlink WHERE report IN $links AND is_lost IS NOT TRUE)
  GROUP BY link_id
)
"""

#: Asked for one target and for all.
SCOPED: Mapping[str, Question] = MappingProxyType(
    {
        "gained_and_lost": Question(
            about="links gained and lost in each month",
            sql=f"""
WITH months AS (
  SELECT CAST(unnest(range(date_trunc('month', $as_of) - INTERVAL {MONTHS - 1} MONTH, $as_of + INTERVAL 1 DAY,
    INTERVAL 1 MONTH)) AS DATE) AS month
),
told AS (  -- the provider's own counts, of one report
  SELECT provider, report, date_trunc('month', date)::DATE AS month, sum(gained) AS gained, sum(lost) AS lost
  FROM (
    SELECT provider, report, target, date, max(links_new) AS gained, max(links_lost) AS lost
    FROM history WHERE links_new IS NOT NULL AND $among GROUP BY ALL
  )
  GROUP BY provider, report, month QUALIFY report = min(report) OVER (PARTITION BY provider)
),
gained AS (
  SELECT provider, date_trunc('month', first_seen_at)::DATE AS month, count(DISTINCT link_id) AS gained
  FROM backlink WHERE report IN $links AND $among GROUP BY ALL
),
lost AS (
  SELECT provider, date_trunc('month', lost_at)::DATE AS month, count(DISTINCT link_id) AS lost
  FROM lost_links WHERE lost_at IS NOT NULL AND $among GROUP BY ALL
)
SELECT provider, month, 'history' AS counted_from, as_bigint(told.gained) AS gained, as_bigint(told.lost) AS lost
FROM (SELECT DISTINCT provider FROM told) CROSS JOIN months LEFT JOIN told USING (provider, month)
UNION ALL
SELECT provider, month, 'rows', coalesce(gained.gained, 0),
  CASE WHEN provider IN (SELECT provider FROM lost) THEN coalesce(lost.lost, 0) END
FROM (SELECT DISTINCT provider FROM gained WHERE provider NOT IN (SELECT provider FROM told))
CROSS JOIN months LEFT JOIN gained USING (provider, month) LEFT JOIN lost USING (provider, month)
ORDER BY provider, month
""",
        ),
        "growth": Question(
            about="referring domains over time; of all targets only the days on which each of them has a point",
            sql="""
SELECT provider, date, as_bigint(sum(refdomains)) AS value, count(*) AS targets
FROM (
  SELECT provider, target, date, max(refdomains) AS refdomains
  FROM history WHERE refdomains IS NOT NULL AND $among GROUP BY ALL
)
GROUP BY provider, date QUALIFY targets = max(targets) OVER (PARTITION BY provider)
ORDER BY provider, date
""",
        ),
        "growth_by_target": Question(
            about="referring domains of each target, first and last",
            sql="""
SELECT provider, target, min(date) AS since, max(date) AS until, arg_min(refdomains, date) AS before,
  arg_max(refdomains, date) AS after, after - before AS change
FROM history WHERE refdomains IS NOT NULL AND $among
GROUP BY provider, target ORDER BY change DESC, provider, target
""",
            most=MOST_ROWS,
        ),
        "scores": Question(
            about="referring sites by score, each once for each metric",
            sql=f"""
WITH scored AS (
  SELECT domain_metric AS metric, site_of(site, registrable, host) AS site, domain_score AS score
  FROM refdomain WHERE report IN $domains AND lost_at IS NULL AND links IS DISTINCT FROM 0 AND $among
  UNION ALL
  SELECT domain_from_metric, {_SITE_FROM}, domain_from_score
  FROM backlink WHERE report IN $links AND is_lost IS NOT TRUE AND $among
),
best AS (
  SELECT metric, site, max(score) AS score FROM scored
  WHERE metric IS NOT NULL AND metric <> 'cc_harmonic' AND score IS NOT NULL AND site IS NOT NULL GROUP BY ALL
),
steps AS (SELECT *, CASE WHEN metric = 'dataforseo_rank_1000' THEN 100 ELSE 10 END AS step FROM best)
SELECT metric, (least(floor(score / step), 9) * step)::BIGINT AS low, count(*) AS domains
FROM steps GROUP BY metric, low ORDER BY metric, low
""",
        ),
        "follow": Question(
            about="live links by whether they are followed",
            sql="""
SELECT provider,
  CASE WHEN is_followed THEN 'followed' WHEN is_followed IS NULL THEN 'not said' ELSE 'nofollow' END AS kind,
  count(DISTINCT link_id) AS links
FROM backlink WHERE report IN $links AND is_lost IS NOT TRUE AND $among
GROUP BY ALL ORDER BY provider, kind
""",
        ),
        "types": Question(
            about="live links by type",
            sql="""
SELECT provider, coalesce(link_type, 'not said') AS kind, count(DISTINCT link_id) AS links
FROM backlink WHERE report IN $links AND is_lost IS NOT TRUE AND $among
GROUP BY ALL ORDER BY provider, links DESC, kind
""",
        ),
        "anchors_told": Question(
            about="links with each anchor, as the providers count them",
            sql="""
SELECT min(anchor) AS anchor$each, max(links) AS most
FROM (
  SELECT provider, anchor_key, min(anchor) AS anchor, as_bigint(sum(links)) AS links
  FROM (
    SELECT provider, target, anchor_key, min(anchor) AS anchor, max(links) AS links
    FROM anchor WHERE $among AND links IS NOT NULL GROUP BY ALL
  )
  GROUP BY provider, anchor_key
)
GROUP BY anchor_key ORDER BY most DESC, anchor_key
""",
            each=",\n  max(links) FILTER (provider = '$provider') AS $provider",
            most=MOST_ROWS,
        ),
        "anchors_found": Question(
            about="links with each anchor in the harvested rows",
            sql="""
SELECT anchor$each, max(links) AS most
FROM (
  SELECT provider, anchor, count(DISTINCT link_id) AS links
  FROM backlink WHERE report IN $links AND is_lost IS NOT TRUE AND anchor IS NOT NULL AND $among GROUP BY ALL
)
GROUP BY anchor ORDER BY most DESC, anchor
""",
            each=",\n  max(links) FILTER (provider = '$provider') AS $provider",
            most=MOST_ROWS,
        ),
        "broken": Question(
            about="dead pages with live links; the links that the provider knows who knows most",
            sql="""
SELECT min(url) AS url, max(status) AS status, max(links) AS links, max(links_followed) AS followed,
  max(sites) AS sites, first(best_url_from ORDER BY links DESC, provider) AS url_from,
  first(best_anchor ORDER BY links DESC, provider) AS anchor,
  string_agg(DISTINCT provider, ', ' ORDER BY provider) AS providers
FROM broken_pages WHERE $among
GROUP BY target, page ORDER BY links DESC, sites DESC, url
""",
            most=MOST_ROWS,
        ),
        "broken_sums": Question(
            about="dead pages, and the links to them",
            sql="""
SELECT count(*) AS pages, as_bigint(coalesce(sum(links), 0)) AS links, as_bigint(coalesce(sum(sites), 0)) AS sites
FROM (SELECT max(links) AS links, max(sites) AS sites FROM broken_pages WHERE $among GROUP BY target, page)
""",
        ),
        "asked_broken": Question(
            about="rows that say whether their target is dead",
            sql="SELECT count(*) AS rows FROM backlink WHERE report IN $links AND is_broken IS NOT NULL AND $among",
        ),
        "lost_reasons": Question(
            about="lost links by reason, all of them and those of the last days",
            sql=f"""{_GONE}
SELECT reason, count(*) AS links, count(*) FILTER (lost_on > $as_of - INTERVAL {RECENT_DAYS} DAY) AS recent,
  count(*) FILTER (lost_on IS NULL) AS undated
FROM gone GROUP BY reason ORDER BY links DESC, reason
""",
        ),
        "lost_by_provider": Question(
            about="lost links by reason, as each provider says it",
            sql="""
SELECT provider, lost_reason AS reason, count(DISTINCT link_id) AS links
FROM lost_links WHERE $among GROUP BY ALL ORDER BY provider, links DESC, reason
""",
        ),
        "lost": Question(
            about="lost links, the last ones first",
            sql=f"""{_GONE}
SELECT lost_on, reason, url_from, url_to, anchor, is_followed, providers
FROM gone ORDER BY lost_on DESC NULLS LAST, url_from, url_to
""",
            most=MOST_ROWS,
        ),
        "dropped": Question(
            about="links that a provider's index let go: its housekeeping, no losses",
            sql="""
SELECT provider, count(DISTINCT link_id) AS links FROM backlink
WHERE report IN $links AND is_lost AND lost_reason = 'dropped_from_index' AND $among GROUP BY ALL ORDER BY provider
""",
        ),
        "asked_lost": Question(
            about="rows of lost links",
            sql="SELECT count(*) AS rows FROM backlink WHERE report IN $links AND is_lost AND $among",
        ),
    }
)
