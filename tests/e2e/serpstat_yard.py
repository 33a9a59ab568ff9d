"""What the end-to-end tests of Serpstat share: its sandbox over the generated world or over a few links by hand."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from operations_kit import Harvested, Yard
from serpstat_rows import SETS

SINGLE = ("size", "summary", "top-anchors", "history", "tld", "authority")


def table(report: str, **more: Any) -> dict[str, Any]:
    """Return a harvest whose lists are read in several pages."""
    size = {} if report in SINGLE else {"page_size": 200}
    sets = {"sets": SETS} if report == "overlap" else {}
    return {"report": report, **size, **sets, **more}


def yard_of(directory: Path, *switches: str, **options: Any) -> Yard:
    return Yard(directory, "serpstat", switches=tuple(f"serpstat.{text}" for text in switches), **options)


def told(left: Harvested, report: str) -> Counter[str]:
    """Return the records of a report, but for what differs from run to run."""
    return left.told(f"serpstat.{report}")


def shown(record: Mapping[str, Any], field: str) -> object:
    return record["extra"][field.removeprefix("extra.")] if field.startswith("extra.") else record[field]


def spent(left: Harvested) -> int:
    """Return the credits that the job says it has spent."""
    return left.outcome.census.providers["serpstat"].tally.units_spent


COLUMNS = (
    *("source_url", "target_url", "anchor", "first_seen", "last_seen", "lost_at", "lost_reason", "link_type", "rel"),
    "restored_count",
)
SEEN = "2026-11-20T08:00:00Z"
SMALL = (
    ("https://a.example/1", "https://t.example/", "one &amp; two", "2026-11-10T05:06:07Z", SEEN, "", "", "text", ""),
    ("https://a.example/1", "https://t.example/", "again", "2026-11-10T05:06:07Z", SEEN, "", "", "text", "nofollow"),
    ("https://www.b.example/", "https://www.t.example/x", "", "2025-01-02", SEEN, "", "", "image", "sponsored"),
    ("https://blog.c.example/3?x=1", "https://t.example/p/1", "red\x1b[0m", "2026-10-22", SEEN, "", "", "frame", "ugc"),
    ("https://c.example/", "https://t.example/p/2", "main", "2026-10-21", SEEN, "", "", "text", "noopener"),
    (
        *("https://d.example/", "https://t.example/", "gone", "2025-01-01", "2026-11-01", "2026-11-15T23:59:59Z"),
        *("link_removed", "text", ""),
    ),
    (
        *("https://e.example/", "https://t.example/", "long gone", "2026-02-15", "2026-02-20", "2026-03-01"),
        *("page_removed", "text", ""),
    ),
    ("https://f.example/", "https://xn--bcher-kva.example/", "books", "2026-01-01", SEEN, "", "", "text", ""),
)


def small(directory: Path, *switches: str, links: Sequence[Sequence[str]] = SMALL, **options: Any) -> Yard:
    """Return a sandbox of a few links."""
    directory.mkdir(exist_ok=True)
    path = directory / "links.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *((*row, "0") for row in links)])
    return yard_of(directory, *switches, links=path, **options)


def anchors_of(left: Harvested, report: str = "backlinks") -> list[str]:
    return sorted(record["anchor"] for record in left.records(f"serpstat.{report}"))


LIVE = ["", "again", "main", "one & two", "red[0m"]
