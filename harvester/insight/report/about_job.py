"""What is asked once: who links to whom among the targets, and what the job's tasks brought."""

from collections.abc import Mapping
from types import MappingProxyType

from harvester.insight.report.question import MATRIX_TARGETS, MOST_ROWS, STEPS, UPSET_COLUMNS, UPSET_TARGETS, Question

#: What the page needs to know before it asks anything else.
COMMON: Mapping[str, Question] = MappingProxyType(
    {
        "targets": Question(
            about="targets that were asked about",
            sql="SELECT DISTINCT target FROM asked WHERE target IS NOT NULL ORDER BY target",
        ),
        "last": Question(about="the day of the last task", sql='SELECT max("at")::DATE AS last FROM task'),
    }
)

#: Whoever links, by any provider.
_LINKS = "linkers AS (SELECT DISTINCT target, site FROM linking)"
_CHOSEN = f"""
chosen AS (
  SELECT target, count(*) AS sites, count(*) FILTER (site IN (SELECT site FROM linkers WHERE target = $mine)) AS common
  FROM linkers GROUP BY target ORDER BY target <> $mine, common DESC, sites DESC, target LIMIT {UPSET_TARGETS}
)"""

#: Asked once.
ONCE: Mapping[str, Question] = MappingProxyType(
    {
        "gap_sums": Question(
            about="sites that link to rivals and not to mine",
            sql="""
SELECT rivals, count(*) AS sites FROM (
  SELECT site, len(list_distinct(flatten(list(rivals)))) AS rivals
  FROM gap WHERE mine = $mine AND site NOT IN (SELECT site FROM linking WHERE target = $mine) GROUP BY site
)
GROUP BY rivals ORDER BY rivals DESC
""",
        ),
        "gap": Question(
            about="sites that link to rivals and not to mine, by number of rivals and score",
            sql="""
SELECT site, len(list_distinct(flatten(list(rivals)))) AS rivals, max(links) AS links$each,
  list_aggregate(list_sort(list_distinct(flatten(list(rivals)))), 'string_agg', ', ') AS names,
  bool_or(is_proven) AS is_proven
FROM gap WHERE mine = $mine AND site NOT IN (SELECT site FROM linking WHERE target = $mine)
GROUP BY site ORDER BY rivals DESC$order, links DESC NULLS LAST, site
""",
            each=",\n  max(score) FILTER (provider = '$provider') AS $provider",
            most=MOST_ROWS,
        ),
        "gap_metrics": Question(
            about="the metric of each provider's scores in the gap",
            sql="""
SELECT provider, min(metric) AS metric FROM gap WHERE mine = $mine AND metric IS NOT NULL
GROUP BY provider ORDER BY provider
""",
        ),
        "linking_targets": Question(
            about="targets whose linking sites were harvested",
            sql=f"""
WITH {_LINKS}
SELECT target, count(*) AS sites FROM linkers GROUP BY target ORDER BY target <> $mine, sites DESC, target
""",
            most=MOST_ROWS,
        ),
        "overlap_pairs": Question(
            about="sites that two targets have in common",
            sql=f"""
WITH {_LINKS}
SELECT one, other, sites, sites / max(sites) OVER (PARTITION BY one) AS share FROM (
  SELECT a.target AS one, b.target AS other, count(*) AS sites
  FROM linkers AS a JOIN linkers AS b USING (site)
  WHERE a.target = $mine OR (SELECT count(DISTINCT target) FROM linkers) <= {MATRIX_TARGETS}
  GROUP BY one, other
)
ORDER BY one <> $mine, one, other <> one, sites DESC, other
""",
            most=MOST_ROWS,
        ),
        "overlap_targets": Question(
            about="the targets that have most in common with mine, and how many sites link to each",
            sql=f"""
WITH {_LINKS},{_CHOSEN}
SELECT target, sites, common FROM chosen ORDER BY target <> $mine, common DESC, sites DESC, target
""",
        ),
        "overlap_sets": Question(
            about="sites by exactly which of these targets they link to",
            sql=f"""
WITH {_LINKS},{_CHOSEN}
SELECT members, count(*) AS sites
FROM (SELECT site, list(target ORDER BY target) AS members FROM linkers SEMI JOIN chosen USING (target) GROUP BY site)
GROUP BY members ORDER BY sites DESC, len(members), members LIMIT {UPSET_COLUMNS}
""",
        ),
        "harvests": Question(
            about="finished tasks of each harvest",
            sql="""
SELECT harvest, min(provider) AS provider, count(*) AS tasks, count(*) FILTER (state = 'complete') AS complete,
  count(*) FILTER (state = 'incomplete') AS incomplete, count(*) FILTER (state = 'set_aside') AS set_aside,
  as_bigint(sum(pages)) AS pages, as_bigint(sum("rows")) AS rows, as_bigint(sum(units)) AS units
FROM task GROUP BY harvest ORDER BY harvest
""",
            most=MOST_ROWS,
        ),
        "troubles": Question(
            about="tasks that are not complete, and why",
            sql="""
SELECT harvest, coalesce(target, len(CAST(targets AS JSON[])) || ' targets') AS target, state, reason, "rows"
FROM task WHERE state <> 'complete' ORDER BY state, harvest, target
""",
            most=MOST_ROWS,
        ),
        "capped": Question(
            about="complete tasks that end where max_rows ends",
            sql="SELECT count(*) AS tasks FROM task WHERE state = 'complete' AND reason = 'max_rows'",
        ),
        "rejects": Question(
            about="rows that could not be read, and why",
            sql="SELECT harvest, reason, count(*) AS rows FROM reject GROUP BY ALL ORDER BY rows DESC, harvest, reason",
            most=MOST_ROWS,
        ),
        "began": Question(about="when the first task finished", sql='SELECT min("at")::TIMESTAMP AS began FROM task'),
        "units_over_time": Question(
            about="units of the tasks that finished in each step of time, by its end",
            sql=f"""
WITH span AS (
  SELECT epoch(min("at")) AS begin, greatest(ceil((epoch(max("at")) - epoch(min("at"))) / {STEPS}), 1) AS step FROM task
)
SELECT provider,
  make_timestamp(CAST((begin + (1 + floor((epoch("at") - begin) / step)) * step) * 1000000 AS BIGINT)) AS until,
  as_bigint(sum(units)) AS units, count(*) AS tasks
FROM task, span GROUP BY ALL ORDER BY provider, until
""",
        ),
    }
)
