"""The columns of each report, in the order in which they are asked for (reference, sections 3.7, 3.8 and 4).

The price is per line, whatever its columns. So all are asked for, and a harvest's own choice always comes with the
typed columns that stand between its free texts.
"""

from collections.abc import Collection, Sequence

from harvester.model import Harvest
from harvester.providers import choices
from harvester.providers.semrush.table import Column

_INTEGER = "-?[0-9]{0,19}"
_SECONDS = "(?:0|[0-9]{9,10})?"
_FRACTION = r"-?[0-9]*(?:\.[0-9]*)?"
_TRUTH = "(?:true|false|True|False|TRUE|FALSE|[01])?"
_NAME = r"[^;\r\n]*"

#: Columns whose values are written on the web and may hold anything.
_TEXTS = frozenset(
    {"source_url", "source_title", "target_url", "target_title", "redirect_url", "image_url", "image_alt", "anchor"}
)
_PATTERNS = {
    **dict.fromkeys(("first_seen", "last_seen", "date"), _SECONDS),
    **dict.fromkeys(("nofollow", "form", "frame", "image", "sitewide", "newlink", "lostlink"), _TRUTH),
    **dict.fromkeys(("domain", "ip", "country", "zone", "neighbour", "target", "target_type", "category_name"), _NAME),
    **dict.fromkeys(("rating", "similarity"), _FRACTION),
}


def columns(names: str) -> tuple[Column, ...]:
    """Return the columns of those names, separated by blanks."""
    return tuple(Column(name, None if name in _TEXTS else _PATTERNS.get(name, _INTEGER)) for name in names.split())


def links_to(target: str) -> Column:
    """Return a column of `backlinks_matrix`: "headed by the target string, in request order"."""
    return Column(target, _INTEGER, is_echoed=False)


def asked(
    harvest: Harvest, known: Sequence[Column], default: Collection[str], needed: Collection[str]
) -> tuple[Column, ...]:
    """Return the columns to ask for: those of the harvest, those needed, and what fences their texts.

    In the whole order each free text follows a typed column and the last column is typed. Raises HarvestRefused.
    """
    if harvest.fields is None:
        names = set(default)
    else:
        names = set(choices.selected(harvest, [column.name for column in known], default, needed))
    texts = [place for place, column in enumerate(known) if column.pattern is None and column.name in names]
    fences = {known[place - 1].name for place in texts} | ({known[-1].name} if texts else set())
    return tuple(column for column in known if column.name in names | fences)


OVERVIEW = columns(
    "ascore total domains_num urls_num ips_num ipclassc_num follows_num nofollows_num sponsored_num ugc_num texts_num"
    " images_num forms_num frames_num trust_score"
)
BACKLINKS = columns(
    "page_ascore source_url response_code target_url first_seen source_title external_num target_title internal_num"
    " image_alt source_size anchor last_seen redirect_url nofollow image_url form frame image sitewide newlink lostlink"
)
REFDOMAINS = columns("domain_ascore domain backlinks_num ip country first_seen last_seen domain_trust_score")
REFIPS = columns("ip country domains_num backlinks_num first_seen last_seen")
TLD = columns("zone domains_num backlinks_num")
GEO = columns("country domains_num backlinks_num")
#: The text before the last time and not behind it, so that an anchor with a line break at its end is read whole.
ANCHORS = columns("domains_num backlinks_num first_seen anchor last_seen")
PAGES = columns("response_code backlinks_num source_url domains_num last_seen source_title external_num internal_num")
COMPETITORS = columns("ascore neighbour similarity common_refdomains domains_num backlinks_num")
MATRIX = columns("domain domain_ascore matches_num backlinks_num")
COMPARISON = columns(
    "target target_type ascore backlinks_num domains_num ips_num follows_num nofollows_num texts_num images_num"
    " forms_num frames_num"
)
AUTHORITY = columns("ascore domains_num")
CATEGORIES = columns("category_name rating")
HISTORY = columns(
    "date backlinks_num domains_num score backlinks_new_num backlinks_lost_num domains_new_num domains_lost_num"
)
