"""What has changed between two rounds, as SQL over two tables of rows: what was known, and what has come since.

A row is one link of one page to one address with one text: pages have several. So rows are matched by target, link and
text first. What is left of a link on both sides is the same link with another text only if it is one row on each side,
and the later list is whole. A text that one side does not know tells nothing; nor does a row that stands for several
links of its page, for another of them may be shown the next time.
"""

from datetime import date

from harvester.insight.comparison import Pair
from harvester.insight.questions import text

#: The columns that are read of each record, by the names that all of them have here; `seen`: what they are made from.
READ = {
    "backlink": {
        "id": "link_id", "anchor": "anchor", "url_from": "url_from", "url_to": "url_to", "is_followed": "is_followed",
        "status_to": "status_to", "first_seen_at": "first_seen_at", "lost_at": "lost_at", "lost_reason": "lost_reason",
        "links": "links_in_row", "is_lost": "is_lost IS TRUE",
    },
    "refdomain": {
        "id": "domain", "anchor": "NULL::VARCHAR", "url_from": "domain", "url_to": "NULL::VARCHAR",
        "is_followed": "NULL::BOOLEAN", "status_to": "NULL::BIGINT", "first_seen_at": "first_seen_at",
        "lost_at": "lost_at", "lost_reason": "NULL::VARCHAR", "links": "NULL::BIGINT", "is_lost": "lost_at IS NOT NULL",
    },
}  # fmt: skip
#: What a page's several equal rows say together; where they contradict each other nothing is known.
_TOGETHER = {
    "is_lost": "bool_and(is_lost)",
    "is_followed": "CASE WHEN min(is_followed) = max(is_followed) THEN min(is_followed) END",
    "status_to": "CASE WHEN min(status_to) = max(status_to) THEN min(status_to) END",
    "url_from": "min(url_from)",
    "url_to": "min(url_to)",
    "first_seen_at": "min(first_seen_at)",
    "lost_at": "max(lost_at)",
    "lost_reason": "max(lost_reason)",
    "links": "coalesce(max(links), 1)",  # that the row stands for
}
_FIELDS = ("anchor", "is_followed", "status_to")
COLUMNS = (
    "change", "target", "id", "url_from", "url_to", "anchor", "field", "before", "after", "first_seen_at", "lost_at",
    "lost_reason", "by",
)  # fmt: skip
UNDECIDED = "undecided"


def rows_sql(record: str, source: str, number: int, *, is_lost: bool) -> str:
    """Return one row for each link and text of one round; `is_lost`: all that the report lists is gone."""
    read = {**READ[record], **({"is_lost": "true"} if is_lost else {})}
    columns = ", ".join(f'{seen} AS "{name}"' for name, seen in read.items())
    together = ", ".join(f"{seen} AS {name}" for name, seen in _TOGETHER.items())
    return (
        f"SELECT target, id, anchor, {number} AS round, {together}"
        f" FROM (SELECT target, {columns} FROM {source}) GROUP BY target, id, anchor"
    )


def latest_sql(rounds: list[str]) -> str:
    """Return of each link and text what the last of the rounds says that has it."""
    if len(rounds) == 1:
        return rounds[0]
    latest = ", ".join(f"arg_max({name}, round) AS {name}" for name in _TOGETHER)  # skips what is null: known before
    return (
        f"SELECT target, id, anchor, max(round) AS round, {latest}"
        f" FROM ({' UNION ALL '.join(f'({each})' for each in rounds)}) GROUP BY target, id, anchor"
    )


def read_to_the_end_sql(tasks: str, harvest: str) -> str:
    """Return for each target of a harvest whether all that it was asked for was read."""
    return f"""
SELECT target, bool_or(complete AND reason IS DISTINCT FROM 'max_rows') AS is_read
FROM (
  SELECT complete, reason, unnest(CASE WHEN target IS NOT NULL THEN [target]
    ELSE list_transform(CAST(targets AS JSON[]), lambda each: json_extract_string(each, '$.target')) END) AS target
  FROM {tasks} WHERE harvest = {text(harvest)}
)
GROUP BY target
"""


def changes_sql(pair: Pair) -> str:
    """Return all changes of a harvest, and the rows of which nothing can be said, as `undecided`.

    It reads `before` and `after`, and `before_read` and `after_read`: which targets were read to their end.
    """
    lists = "filtered lists" if pair.later.is_filtered else "lists"
    is_whole_after = pair.later.is_everything and not pair.later.is_of_losses
    names = [name for name in _TOGETHER if name != "is_lost"]
    both = ", ".join(f"o.{name} AS old_{name}, n.{name} AS new_{name}" for name in ("anchor", "is_lost", *names))
    return f"""
WITH matched AS MATERIALIZED (
  SELECT coalesce(n.target, o.target) AS target, coalesce(n.id, o.id) AS id, o.id IS NOT NULL AS is_old,
    n.id IS NOT NULL AS is_new, {both}
  FROM before AS o FULL JOIN after AS n
    ON o.target = n.target AND o.id = n.id AND coalesce('=' || o.anchor, '') = coalesce('=' || n.anchor, '')
),
loose AS (SELECT * FROM matched WHERE NOT (is_old AND is_new)),
met AS (  -- links of which something is left on both sides
  SELECT target, id, count(*) = 2 AS is_pair,
    bool_or(is_old AND (old_anchor IS NULL OR old_links > 1) OR is_new AND (new_anchor IS NULL OR new_links > 1))
      AS is_unknown
  FROM loose GROUP BY target, id HAVING bool_or(is_old) AND bool_or(is_new)
),
told AS MATERIALIZED (
  SELECT loose.*, met.id IS NOT NULL AS is_met, coalesce(is_pair, false) AS is_pair,
    coalesce(is_unknown, false) AS is_unknown, b.is_read IS TRUE AS is_read_before, a.is_read IS TRUE AS is_read_after,
    old_page.target IS NOT NULL AS is_grouped_before, new_page.target IS NOT NULL AS is_grouped_after
  FROM loose LEFT JOIN met USING (target, id)
  LEFT JOIN before_read AS b USING (target) LEFT JOIN after_read AS a USING (target)
  LEFT JOIN (SELECT DISTINCT target, url_from FROM before WHERE links > 1) AS old_page
    ON old_page.target = loose.target AND old_page.url_from = new_url_from
  LEFT JOIN (SELECT DISTINCT target, url_from FROM after WHERE links > 1) AS new_page
    ON new_page.target = loose.target AND new_page.url_from = old_url_from
),
same AS (
  SELECT target, id, {", ".join(f"old_{name}, new_{name}" for name in ("anchor", "is_lost", *names))}
  FROM matched WHERE is_old AND is_new
  UNION ALL
  SELECT target, id, {", ".join(_either(name) for name in ("anchor", "is_lost", *names))}
  FROM told WHERE is_pair AND (is_unknown OR {_sql(is_whole_after)} AND is_read_after) GROUP BY target, id
),
alone AS (
  SELECT *, CASE
    WHEN is_pair AND (is_unknown OR {_sql(is_whole_after)} AND is_read_after) THEN NULL
    WHEN is_unknown THEN CASE WHEN is_new THEN {text(UNDECIDED)} END
    WHEN is_new AND NOT new_is_lost THEN {_gained(pair, lists)}
    WHEN is_new THEN {_lost(pair, lists)}
    WHEN NOT old_is_lost THEN {_absent(pair, lists)}
  END AS verdict
  FROM told
)
{_LISTED}"""


def _field(name: str) -> str:
    return f"{{'field': {text(name)}, 'before': old_{name}::VARCHAR, 'after': new_{name}::VARCHAR}}"


def _either(name: str) -> str:
    return f"any_value(old_{name}) AS old_{name}, any_value(new_{name}) AS new_{name}"


def _known(name: str) -> str:
    return f"CASE WHEN is_new THEN new_{name} ELSE old_{name} END AS {name}"


#: The rows of `alone` and `same` (`changes_sql`) as changes.
_LISTED = f"""
SELECT split_part(verdict, ' ', 1) AS change, target, id, {", ".join(_known(name) for name in ("url_from", "url_to"))},
  {_known("anchor")}, NULL::VARCHAR AS field, NULL::VARCHAR AS before, NULL::VARCHAR AS after,
  {", ".join(_known(name) for name in ("first_seen_at", "lost_at", "lost_reason"))},
  nullif(substr(verdict, strpos(verdict || ' ', ' ') + 1), '') AS "by"
FROM alone WHERE verdict IS NOT NULL
UNION ALL
SELECT CASE WHEN new_is_lost THEN 'lost' ELSE 'gained' END, target, id, new_url_from, new_url_to, new_anchor,
  NULL, NULL, NULL, new_first_seen_at, new_lost_at, new_lost_reason, 'verdict'
FROM same WHERE old_is_lost != new_is_lost
UNION ALL
SELECT 'changed', target, id, new_url_from, new_url_to, new_anchor, each.field, each.before, each.after,
  new_first_seen_at, new_lost_at, new_lost_reason, 'values'
FROM (
  SELECT *, unnest([{", ".join(_field(name) for name in _FIELDS)}]) AS each
  FROM same WHERE NOT old_is_lost AND NOT new_is_lost AND old_links = 1 AND new_links = 1
)
WHERE each.before != each.after  -- null is not known, and no change
"""


def _gained(pair: Pair, lists: str) -> str:
    """Return what is said of a link that is there, and was not known."""
    return f"CASE {_came(pair, 'new_first_seen_at', 'gained', lists)} ELSE {text(UNDECIDED)} END"


def _lost(pair: Pair, lists: str) -> str:
    """Return what is said of a link that is said to be gone, and was not known."""
    gone_before = (
        "" if pair.later.is_of_losses else f"WHEN {_date('new_lost_at')} < {_day(pair.earlier.round.day)} THEN NULL"
    )
    return f"CASE {_came(pair, 'new_lost_at', 'lost', lists)} {gone_before} ELSE {text(UNDECIDED)} END"


def _came(pair: Pair, at: str, change: str, lists: str) -> str:
    """Return when a row that was not known is a change: the earlier list would have it, or its date is later."""
    earlier = pair.earlier
    happened = f"coalesce({_date(at)}, {_day(pair.after_since)})"
    # A list of what is there cannot tell since when something is gone that it does not have.
    would_list = earlier.is_everything and (change == "gained" or earlier.is_of_losses)
    first, last = _day(earlier.since), f"coalesce({_day(earlier.until)}, 'infinity'::DATE)"
    in_window = f"{happened} >= {first} AND {happened} <= {last}"
    return f"""
      WHEN is_read_before AND NOT is_grouped_before AND {_sql(would_list)} THEN {text(f"{change} {lists}")}
      WHEN {happened} >= {_day(earlier.round.day)} THEN {text(f"{change} dates")}
      WHEN is_read_before AND NOT is_grouped_before AND {_sql(not earlier.is_grouped)} AND {in_window}
        THEN {text(f"{change} {lists}")}"""


def _absent(pair: Pair, lists: str) -> str:
    """Return what is said of a link that was there, and of which the later round has no row."""
    later = pair.later
    if later.is_of_losses or not later.is_everything:
        return "NULL"
    is_gone = "is_read_after AND NOT is_grouped_after"
    return f"CASE WHEN {is_gone} THEN {text(f'lost {lists}')} ELSE {text(UNDECIDED)} END"


def _date(at: str) -> str:
    return f"CAST({at} AS DATE)"


def _day(day: date | None) -> str:
    return "NULL::DATE" if day is None else f"DATE {text(day.isoformat())}"


def _sql(value: bool) -> str:
    return "true" if value else "false"
