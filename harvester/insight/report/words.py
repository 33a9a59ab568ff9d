"""Values in words: numbers, days, providers, and text from outside made harmless for a page."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from harvester.display import shown
from harvester.insight.report.values import Cell, Column

NOTHING = "\N{EN DASH}"  #: where there is no value
TEXT_CHARS = 300  #: a longer text is cut; the job's files hold all of it
LINK_CHARS = 600  #: a longer address is text only

PROVIDER_TITLES: Mapping[str, str] = {
    "ahrefs": "Ahrefs",
    "semrush": "Semrush",
    "serpstat": "Serpstat",
    "dataforseo": "DataForSEO",
    "moz": "Moz",
    "majestic": "Majestic",
}
METRIC_TITLES: Mapping[str, str] = {
    "ahrefs_dr": "Ahrefs DR",
    "ahrefs_ur": "Ahrefs UR",
    "semrush_as": "Semrush AS",
    "serpstat_sdr": "Serpstat SDR",
    "dataforseo_rank_1000": "DataForSEO rank",
    "dataforseo_rank_100": "DataForSEO rank of 100",
    "moz_da": "Moz DA",
    "moz_pa": "Moz PA",
    "majestic_tf": "Majestic TF",
    "majestic_cf": "Majestic CF",
}
REASON_TITLES: Mapping[str, str] = {
    "link_removed": "link removed",
    "page_not_found": "page not found",
    "page_error": "page in error",
    "page_redirected": "page redirected",
    "page_noindex": "page noindex",
    "page_not_canonical": "page not canonical",
    "redirect_broken": "redirect broken",
    "dropped_from_index": "dropped from index",
    "unknown": "reason unknown",
}


UNKNOWN = Cell(text=NOTHING, value="")


def title_of(provider: str) -> str:
    """Return a provider's name as it writes itself."""
    return PROVIDER_TITLES.get(provider, shown(provider, 40))


def metric_title(metric: str) -> str:
    """Return the name of a score as people know it."""
    return METRIC_TITLES.get(metric, shown(metric, 40))


def reason_title(reason: str | None) -> str:
    """Return why a link is gone, in a few words."""
    return REASON_TITLES.get(reason or "unknown", shown(reason or "", 60))


def day(moment: date | datetime) -> str:
    """Return a day as people write it without doubt: 21 Nov 2026."""
    return f"{moment.day} {moment:%b %Y}"


def counted(number: int, noun: str, nouns: str = "") -> str:
    """Return a number with its noun: "1 link", "2,000 links"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {nouns or noun + 's'}"


def listed(parts: Sequence[str]) -> str:
    """Return parts as a sentence lists them: "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""


def text_cell(text: object) -> Cell:
    """Return a text from outside, harmless, on one line."""
    return Cell(text="" if text is None else shown(str(text), TEXT_CHARS))


def link_cell(url: object) -> Cell:
    """Return an address, as a link where a browser may follow it."""
    text = "" if url is None else str(url)
    return Cell(text=shown(text, TEXT_CHARS), href=text if _may_be_followed(text) else None)


def count_cell(number: int | None, most: int | None = None) -> Cell:
    """Return a number; `most`: the greatest of its column, for a bar."""
    if number is None:
        return UNKNOWN
    return Cell(text=f"{number:,}", value=str(number), share=number / most if most else None)


def score_cell(score: float | None) -> Cell:
    """Return a score on its own scale."""
    if score is None:
        return UNKNOWN
    score += 0.0  # -0.0 is 0 as well
    return Cell(text=f"{score:,.1f}".removesuffix(".0"), value=f"{score:.10g}")


def day_cell(moment: date | datetime | None) -> Cell:
    """Return a day that sorts as one."""
    if moment is None:
        return UNKNOWN
    return Cell(text=day(moment), value=f"{moment:%Y-%m-%d}")


def providers_cell(names: str) -> Cell:
    """Return who says so, as the dots that the page's head explains; `names`: with commas."""
    found = names.split(", ")
    return Cell(text=", ".join(map(title_of, found)), dots=found)


def number_column(title: str, note: str = "") -> Column:
    """Return the head of a column of numbers."""
    return Column(title=title, kind="number", note=note)


def most_of(rows: Sequence[Mapping[str, Any]], name: str) -> int:
    """Return the greatest number of a column."""
    return max((row[name] for row in rows if row[name] is not None), default=0)


def _may_be_followed(url: str) -> bool:
    if len(url) > LINK_CHARS or not url.isprintable() or " " in url or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        return False
