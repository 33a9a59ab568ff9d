"""Who links to the rivals and not to mine: the question, and whether the harvested rows can prove its answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from harvester.display import shown
from harvester.errors import ConfigError
from harvester.insight.answer import Answer, answer_to
from harvester.insight.questions import DOMAIN_REPORTS, LINK_REPORTS
from harvester.model import SCOPES
from harvester.names import NotATarget, target_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SHOWN = 5  #: targets, in an error

#: By number of rivals, and then by score: each provider by itself, and within one metric.
_ORDER = "number DESC, metric, score DESC NULLS LAST, links DESC NULLS LAST, site"
_GAP = f"""
SELECT provider, site, number, rivals, links, score, metric FROM gap
WHERE mine = $mine AND list_contains($providers, provider) AND number >= $least
QUALIFY $most IS NULL OR row_number() OVER (PARTITION BY provider ORDER BY {_ORDER}) <= $most
ORDER BY provider, {_ORDER}
"""
_WHY = """
SELECT provider, string_agg(DISTINCT harvest || ': ' || CASE
    WHEN reason = 'max_rows' THEN 'its rows end at max_rows'
    WHEN complete THEN 'it lists only some of them'
    ELSE coalesce(reason, state) END, '; ')
FROM asked JOIN listed USING (provider, target)
WHERE target = $mine AND NOT is_whole AND list_contains($providers, provider) AND report = ANY ($reports)
GROUP BY provider ORDER BY provider
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """An answer, and what to say beside it."""

    answer: Answer
    remarks: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is asked."""

    mine: str
    provider: str | None = None  #: None = each one that knows
    least_rivals: int = 1
    most_sites: int | None = None  #: of each provider
    unproven: bool = False  #: also where rows of mine may be missing


def find_gap(connection: "DuckDBPyConnection", terms: Terms) -> Gap:
    """Return the sites that link to rivals of a target and not to it. Raises ConfigError if the rows cannot tell."""
    mine, whole = _mine(connection, terms)
    unproven = sorted(name for name, is_whole in whole.items() if not is_whole)
    providers = sorted(whole) if terms.unproven else sorted(whole.keys() - set(unproven))
    remarks = [
        f"{name}: not proven that a site does not link to {shown(mine, 100)}: {shown(why, 300)}"
        for name, why in _reasons(connection, mine, unproven)
    ]
    if not providers:
        raise ConfigError([*remarks, "harvest all of its linking domains, or see what there is with --unproven"])
    if unproven and not terms.unproven:
        remarks.append("left out; --unproven shows it all the same")
    values = {"mine": mine, "providers": providers, "least": terms.least_rivals, "most": terms.most_sites}
    remarks += [*_of_rivals(connection, mine, providers), *_of_filters(connection, mine, providers)]
    return Gap(answer=answer_to(connection, _GAP, values), remarks=remarks)


def _mine(connection: "DuckDBPyConnection", terms: Terms) -> tuple[str, dict[str, bool]]:
    """Return the target as the job spells it, and for each provider whether its list is whole. Raises ConfigError."""
    known = connection.execute("SELECT provider, count(*) FROM listed GROUP BY provider ORDER BY provider").fetchall()
    if not known:
        raise ConfigError(
            'no harvest of this job says who links to a target: add one with report = "refdomains" (or "backlinks")'
        )
    if terms.provider is not None and terms.provider not in dict(known):
        names = ", ".join(name for name, _ in known)
        raise ConfigError(
            f"--provider {shown(terms.provider, 100)}: it was not asked who links; those that were: {names}"
        )
    rows = connection.execute(
        "SELECT target, provider, is_whole FROM listed WHERE list_contains($names, target)"
        " AND coalesce(provider = $provider, true)",
        {"names": spellings(terms.mine), "provider": terms.provider},
    ).fetchall()
    if not rows:
        raise ConfigError(f"--mine {shown(terms.mine, 100)}: {_not_there(connection, terms.mine)}")
    mine = str(rows[0][0])
    whole = {str(provider): bool(is_whole) for target, provider, is_whole in rows if target == mine}
    if not any(count > 1 for name, count in known if name in whole):
        raise ConfigError(
            f"{shown(mine, 100)} is the only target whose links were harvested: there is no rival to compare"
        )
    return mine, whole


def spellings(name: str) -> list[str]:
    """Return what a job may call a target, by its scope."""
    found = [name]
    for scope in SCOPES:
        try:
            found.append(target_of(name, scope))
        except NotATarget:
            continue
    return list(dict.fromkeys(found))


def _not_there(connection: "DuckDBPyConnection", name: str) -> str:
    targets = [
        str(target) for (target,) in connection.execute("SELECT DISTINCT target FROM listed ORDER BY 1").fetchall()
    ]
    near = get_close_matches(name, targets[:10_000], n=1)
    meant = f"; did you mean {shown(near[0], 100)}?" if near else ""
    some = ", ".join(shown(target, 60) for target in targets[:SHOWN])
    more = f" and {len(targets) - SHOWN:,} more" if len(targets) > SHOWN else ""
    return f"it is not among the targets whose linking domains were harvested: {some}{more}{meant}"


def _reasons(connection: "DuckDBPyConnection", mine: str, providers: Sequence[str]) -> list[tuple[str, str]]:
    if not providers:
        return []
    values = {"mine": mine, "providers": list(providers), "reports": [*LINK_REPORTS, *DOMAIN_REPORTS]}
    found: list[tuple[str, str]] = connection.execute(_WHY, values).fetchall()
    return found


def _of_rivals(connection: "DuckDBPyConnection", mine: str, providers: Sequence[str]) -> list[str]:
    """Return what to say of rivals whose own lists are not whole: a site may link to more of them than is counted."""
    rows = connection.execute(
        "SELECT provider, count(*) FILTER (NOT is_whole), count(*) FROM listed"
        " WHERE target <> $mine AND list_contains($providers, provider) GROUP BY provider ORDER BY provider",
        {"mine": mine, "providers": list(providers)},
    ).fetchall()
    return [
        f"{name}: rows of {short:,} of {count:,} rivals may be missing: sites may link to more of them than is said"
        for name, short, count in rows
        if short
    ]


def _of_filters(connection: "DuckDBPyConnection", mine: str, providers: Sequence[str]) -> list[str]:
    """Return what to say of lists harvested with a filter: what it holds back may link to mine all the same."""
    rows = connection.execute(
        "SELECT DISTINCT harvest, filter FROM asked JOIN filtered USING (harvest) JOIN listed USING (provider, target)"
        " WHERE target = $mine AND list_contains($providers, provider) ORDER BY harvest",
        {"mine": mine, "providers": list(providers)},
    ).fetchall()
    return [
        f"{shown(name, 100)}: only links with {shown(filters, 200)}: sites whose links do not pass may link to"
        f" {shown(mine, 100)} all the same"
        for name, filters in rows
    ]
