"""What a harvest may choose of a Semrush report: whom, in which order, which rows (reference, sections 3.3 to 3.6)."""

import re
from collections.abc import Collection, Mapping

from harvester.errors import HarvestRefused
from harvester.model import Harvest, Scope
from harvester.providers import choices
from harvester.providers.choices import Option, one_of
from harvester.providers.spelling import nearest

#: `target_type` for a scope; there is none for a prefix: "subfolders are not supported in v3".
TARGET_TYPES: Mapping[Scope, str] = {"subdomains": "root_domain", "host": "domain", "url": "url"}

#: "At most 25 filters per request."
MOST_FILTERS = 25

#: The fields that `display_filter` knows, report by report.
BACKLINK_FILTERS = ("type", "zone", "ip", "refdomain", "anchor", "newlink", "lostlink", "urlanchor", "redirects")
REFDOMAIN_FILTERS = ("zone", "country", "ip", "newdomain", "lostdomain", "category")
MATRIX_FILTERS = tuple(f"backlinksnum_{place}" for place in range(6))

#: Parameters that have a key of their own, or none because they are always set.
OWN_KEYS: Mapping[str, str] = {
    "type": "report",
    "key": "[providers.semrush] key",
    "target": "targets",
    "target_type": "scope",
    "targets[]": "sets or targets",
    "target_types[]": "scope",
    "export_columns": "fields",
    "display_limit": "page_size or max_rows",
    "display_offset": "nothing: pages follow each other by themselves",
    "display_sort": "order_by",
}
EXPORT_ESCAPE = Option(lambda value: str(value) if value in (0, 1) and not isinstance(value, bool) else None, "0 or 1")
TIMESPAN = one_of("weeks", "months")

_ONE_FILTER = r"[+-]\|(\w+)\|\w*\|[^|]*"
_FILTERS = re.compile(rf"{_ONE_FILTER}(?:\|{_ONE_FILTER})*")
_EACH_FILTER = re.compile(_ONE_FILTER)
_FILTER = choices.any_text("filters of the form SIGN|FIELD|OPERATION|VALUE, joined by |")
_FOLLOWED = {True: "+|type||follow", False: "+|type||nofollow"}


def chosen(
    harvest: Harvest, filtered: Collection[str], own: Mapping[str, Option], fixed_filter: str | None
) -> tuple[tuple[str, str], ...]:
    """Return the parameters of filter and options. Raises HarvestRefused.

    `filtered`: fields that the report's filter knows; `own`: options of this report alone.
    """
    allowed = {"export_escape": EXPORT_ESCAPE, **own, **({"display_filter": _FILTER} if filtered else {})}
    sent = choices.checked(harvest.options, allowed, OWN_KEYS)
    raw = sent.pop("display_filter", None)
    filters = [fixed_filter] if fixed_filter else []
    if "is_followed" in harvest.filter:
        filters.append(_FOLLOWED[harvest.filter["is_followed"]])
    if raw is not None:
        filters += _filters_of(raw, filtered)
    if len(filters) > MOST_FILTERS:
        raise HarvestRefused("options.display_filter", raw, f"at most {MOST_FILTERS} filters in all")
    return (*((("display_filter", "|".join(filters)),) if filters else ()), *sent.items())


def sorting(harvest: Harvest, sortable: Collection[str], usual: str) -> tuple[tuple[str, str], ...]:
    """Return the parameter of the order. Raises HarvestRefused."""
    name, direction = choices.order(harvest, sortable, usual)
    return (("display_sort", f"{name}_{direction}"),)


def _filters_of(raw: str, filtered: Collection[str]) -> list[str]:
    """Return the filters that a text is. Raises HarvestRefused: one misspelt might be ignored, and be paid for."""
    if not _FILTERS.fullmatch(raw):
        raise HarvestRefused("options.display_filter", raw, _FILTER.expected)
    filters = _EACH_FILTER.finditer(raw)
    found = [(match[0], match[1]) for match in filters]
    for _, name in found:
        if name not in filtered:
            expected = f"fields of this report's filter{nearest(name, filtered)}: {', '.join(filtered)}"
            raise HarvestRefused("options.display_filter", name, expected)
    return [text for text, _ in found]
