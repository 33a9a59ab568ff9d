"""DataForSEO's sandbox with the generated world or one of a few links, and what a job of it left behind."""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from operations_kit import Harvested, Yard

COLUMNS = (
    *("source_url", "target_url", "anchor", "first_seen", "last_seen", "lost_at", "lost_reason", "link_type", "rel"),
    "restored_count",
)
SEEN = "2026-11-20T08:00:00Z"
HOME, PAGE, SLASH = "https://t.example/", "https://t.example/p", "https://t.example/p/"
SMALL = (
    ("https://a.example/1", HOME, "one &amp; two", "2026-11-10T05:06:07Z", SEEN, "", "", "text", ""),
    ("https://a.example/1", HOME, "one &amp; two", "2026-11-10T05:06:07Z", "2026-11-19", "", "", "text", "nofollow"),
    ("https://www.b.example/", "https://www.t.example/x", "", "2025-01-02", SEEN, "", "", "image", "sponsored"),
    ("https://blog.c.example/3?x=1", PAGE, "red\x1b[0m", "2026-10-22", SEEN, "", "", "frame", "ugc"),
    ("https://c.example/", SLASH, "main", "2026-10-21T23:59:59Z", SEEN, "", "", "text", "noopener"),
    ("https://d.example/", "http://t.example/p", "plain", "2026-11-20", "2026-11-20", "", "", "text", ""),
    ("https://news.t.example/", HOME, "inside", "2025-01-01", SEEN, "", "", "text", ""),
    (
        *("https://e.example/", HOME, "gone", "2025-01-01", "2026-11-01", "2026-11-15T23:59:59Z"),
        *("link_removed", "text", ""),
    ),
    ("https://f.example/", HOME, "long gone", "2026-02-15", "2026-02-20", "2026-03-01", "page_removed", "text", ""),
)
FROM = {row[0].partition("//")[2].partition("/")[0].removeprefix("www."): row[0] for row in SMALL}


def small(directory: Path, *switches: str, links: Sequence[Sequence[str]] = SMALL, **options: Any) -> Yard:
    """Return a sandbox of a few links."""
    directory.mkdir(exist_ok=True)
    path = directory / "links.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *((*row, "0") for row in links)])
    return yard_of(directory, *switches, links=path, **options)


def yard_of(directory: Path, *switches: str, **options: Any) -> Yard:
    """Return a sandbox of the generated world, or of `links`."""
    return Yard(directory, "dataforseo", switches=tuple(f"dataforseo.{text}" for text in switches), **options)


def spent(left: Harvested) -> int:
    """Return the micro-dollars that the job knows to have been billed."""
    return left.outcome.census.providers["dataforseo"].tally.units_spent


def pairs(left: Harvested, harvest: str, *fields: str) -> Counter[tuple[object, ...]]:
    """Return these fields of all records, counted."""
    return Counter(tuple(record[field] for field in fields) for record in left.records(harvest))
