"""What a harvest may choose of a DataForSEO report, and what becomes of it in the one task of a request."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from harvester.codec import parse
from harvester.errors import HarvestRefused, UnknownReply
from harvester.model import Compiling, Harvest, Scope
from harvester.providers import choices
from harvester.providers.choices import Option, one_of, whole, yes_or_no
from harvester.providers.dataforseo.filters import FILTER, Filter
from harvester.providers.dataforseo.rows import GROUP_RANGES, METRICS

#: Parameters that have a key of their own, or none because they are always set.
OWN_KEYS: Mapping[str, str] = {
    "target": "targets",
    "targets": "targets or sets",
    "include_subdomains": "scope",
    "limit": "page_size or max_rows",
    "offset": "nothing: harvester walks the list by itself",
    "search_after_token": "nothing: harvester walks the list by itself",
    "order_by": "order_by",
    "date_from": "since",
    "date_to": "until",
    "tag": "nothing: harvester finds its own requests by it",
}

#: "URL prefixes" cannot be asked about, only pages by their absolute URL.
SCOPES: tuple[Scope, ...] = ("url", "host", "subdomains")

USUAL_RANK_SCALE = "one_thousand"
MOST_RANKS = {"one_thousand": 1000, "one_hundred": 100}
_GROUPED_BY = (
    *("anchor", "domain_from", "domain_from_country", "tld_from", "page_from_encoding", "page_from_language"),
    *("item_type", "page_from_status_code", "semantic_location"),
)
_MOST_EXCLUDED = 10


def _custom_mode(value: object) -> dict[str, Any] | None:
    try:
        mode = parse(value) if isinstance(value, str) else None
    except UnknownReply:
        return None
    if not isinstance(mode, dict) or mode.keys() != {"field", "value"}:
        return None
    is_count = type(mode["value"]) is int and 1 <= mode["value"] <= 1000
    return mode if mode["field"] in _GROUPED_BY and is_count else None


def _excluded(value: object) -> list[str] | None:
    names: list[Any] = value if isinstance(value, list) else [value]
    is_fit = 0 < len(names) <= _MOST_EXCLUDED and all(isinstance(name, str) and name for name in names)
    return names if is_fit else None


#: Every option of every report.
OPTIONS: Mapping[str, Option] = {
    "rank_scale": one_of(*METRICS),
    "mode": one_of("as_is", "one_per_domain", "one_per_anchor"),
    "custom_mode": Option(
        _custom_mode,
        f'JSON text such as \'{{"field":"anchor","value":10}}\', value 1 to 1,000, field {" ".join(_GROUPED_BY)}',
    ),
    "include_indirect_links": yes_or_no(),
    "exclude_internal_backlinks": yes_or_no(),
    "internal_list_limit": whole(1, 1000),
    "backlinks_status_type": one_of("live", "all", "lost"),
    "filters": FILTER,
    "backlinks_filters": FILTER,
    "network_address_type": one_of("ip", "subnet"),
    "main_domain": yes_or_no(),
    "exclude_large_domains": yes_or_no(),
    "intersection_mode": one_of("partial", "all"),
    "exclude_targets": Option(_excluded, f"a list of up to {_MOST_EXCLUDED} domains, subdomains or pages"),
    "group_range": one_of(*GROUP_RANGES),
    "bulk": one_of("pages_summary", "ranks", "backlinks", "referring_domains", "spam_score"),
}


def checked(harvest: Harvest, allowed: Collection[str]) -> dict[str, Any]:
    """Return the options as they are sent. Raises HarvestRefused.

    `include_indirect_links` is left out where it is the default: the newest official client does not know it for
    backlinks any more (reference, backlinks).
    """
    sent = choices.checked(harvest.options, {name: OPTIONS[name] for name in allowed}, OWN_KEYS)
    if sent.get("include_indirect_links"):
        del sent["include_indirect_links"]
    _agree(harvest, sent)
    return sent


def _agree(harvest: Harvest, sent: Mapping[str, Any]) -> None:
    """Refuse several answers to the question how backlinks are grouped."""
    ways = [f"options.{name}" for name in ("mode", "custom_mode") if name in sent]
    if "one_per_domain" in harvest.filter:
        ways.append("filter.one_per_domain")
    if len(ways) > 1:
        raise HarvestRefused(ways[0], harvest.options[ways[0].removeprefix("options.")], f"not beside {ways[1]}")


def refuse_fields(harvest: Harvest) -> None:
    """Raise HarvestRefused if fields are chosen: "the response" always has all of them, at one price."""
    if harvest.fields:
        raise HarvestRefused("fields", harvest.fields, "none, this report always brings all its fields")


def link_conditions(harvest: Harvest, rank_scale: str) -> list[Filter]:
    """Return what the neutral filters ask of each link. Raises HarvestRefused."""
    found: list[Filter] = []
    if "is_followed" in harvest.filter:
        found.append(["dofollow", "=", harvest.filter["is_followed"]])
    if "min_domain_score" in harvest.filter:
        least, most = harvest.filter["min_domain_score"], MOST_RANKS[rank_scale]
        if not 0 <= least <= most:
            raise HarvestRefused("filter.min_domain_score", least, f"0 to {most:,}, the scale of {METRICS[rank_scale]}")
        found.append(["domain_from_rank", ">=", least])
    return found


def date_conditions(harvest: Harvest, compiling: Compiling, field: str, usual_days: int | None) -> list[Filter]:
    """Return what `since` and `until` ask of a time, with the two operators that all tables of the documents have.

    `usual_days`: how far back it goes if `since` is absent; None = as far as there is. Raises HarvestRefused.
    """
    since, until = choices.window(harvest, compiling)
    if since is None and usual_days is not None:
        since = (until or compiling.today) - timedelta(days=usual_days)
    found: list[Filter] = []
    if since is not None:
        found.append([field, ">", f"{since - timedelta(days=1)} 23:59:59 +00:00"])
    if until is not None:
        found.append([field, "<", f"{until + timedelta(days=1)} 00:00:00 +00:00"])
    return found


def order_by(harvest: Harvest, sortable: Collection[str], usual: str, ties: Sequence[str]) -> list[str]:
    """Return the sorting rules, "up to 3": the chosen one, and what makes the order of the rest certain.

    Raises HarvestRefused.
    """
    name, direction = choices.order(harvest, sortable, usual)
    return [f"{name},{direction}", *(f"{tie},asc" for tie in ties if tie != name)]
