"""What the end-to-end tests of Semrush share: harvests, sandboxes, and records beside what the world implies."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from operations_kit import Harvested, Yard
from semrush_rows import NOBODY, REPORTS, SETS, Asked

from harvester.sandbox.world import Scope

Rows = Counter[tuple[object, ...]]

SINGLE = ("summary", "authority", "categories")
FEW = ["t3.example", "t8.example", NOBODY]
RICH = 10**12

#: Two lists in many pages.
LISTS = ({"report": "backlinks", "page_size": 20}, {"report": "refips", "page_size": 50})
SOME = ["t1.example", "t2.example", "t3.example", "t4.example", "t6.example", NOBODY]


def table(report: str, **more: Any) -> dict[str, Any]:
    """Return a harvest whose lists are read in several pages."""
    size = {} if report in SINGLE else {"page_size": 7 if report == "comparison" else 200}
    sets = {"sets": SETS} if report == "overlap" else {}
    return {"report": report, **size, **sets, **more}


def yard_of(directory: Path, *switches: str, **options: Any) -> Yard:
    return Yard(directory, "semrush", switches=tuple(f"semrush.{text}" for text in switches), **options)


def shown(record: Mapping[str, Any], field: str) -> object:
    return record["extra"][field.removeprefix("extra.")] if field.startswith("extra.") else record[field]


def found(left: Harvested, report: str, harvest: str = "") -> Rows:
    """Return the records of a report, as `REPORTS` tells them."""
    records = left.records(harvest or f"semrush.{report}")
    return Counter((record["target"], *(shown(record, field) for field in REPORTS[report][0])) for record in records)


def expected(left: Harvested, report: str, targets: Sequence[str], scope: Scope = Scope.SUBDOMAINS) -> Rows:
    rows_of = REPORTS[report][1]
    return Counter((target, *row) for target in targets for row in rows_of(Asked(left, target, scope)))


def spent(left: Harvested) -> int:
    """Return what the job says it has spent."""
    return left.outcome.census.providers["semrush"].tally.units_spent


def reasons(left: Harvested) -> set[str | None]:
    return {task["reason"] for task in left.tasks if not task["complete"]}


def rows(left: Harvested) -> Counter[str]:
    """Return all records of all lists, but for what differs from run to run."""
    return left.told(*(f"semrush.{harvest['report']}" for harvest in LISTS))


#: What web pages write into titles, texts and addresses.
PIECES = (
    *(";", '"', "\n", "\r\n", ";;", "a", "é", " ", "\u2028", "\t", "&amp;", "|", "=1+1", "\x1b[31m", ";;;;", "words"),
    *("https://x.example/;y", ';"', '";', "<b>", "日本", "'", ",", "\\"),
)
#: What looks like the columns beside a text.
LOOKALIKES = ("200", ";200;", ";1578929242;", "true", ";true;", ";0", "false;false", "\n5;", '";"')


def hostile_world(directory: Path, links: int) -> Path:
    """Write a world whose addresses and texts are made of these pieces."""
    chance = Random(7)

    def text(most: int) -> str:
        pieces = PIECES if chance.random() < 0.9 else PIECES + LOOKALIKES
        return "".join(chance.choices(pieces, k=chance.randrange(most)))

    path = directory / "hostile.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        sheet = csv.writer(file)
        sheet.writerow(("source_url", "target_url", "anchor", "first_seen", "last_seen", "lost_at", "lost_reason"))
        for number in range(links):
            source = f"https://s{number}.example/{number}{text(3)}"
            target = f"https://t.example/{number % 50}{text(3)}"
            sheet.writerow((source, target, f"{number} {text(7)}", "2026-01-02T03:04:05Z", "2026-11-01", "", ""))
    return path
