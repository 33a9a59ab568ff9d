"""One target with ten million rows: the same memory at 1 % and at the end. And many large pages at the same time.

DataForSEO's links, 10,000 pages of 1,000 rows, one after another, as one task's pages are. They come from one page that
the server has learnt (endless.py), so `rows = "raw"` and `jsonl.zst` lose nothing of what is measured and save hours of
mapping and ten gigabytes of disk; each row is another one, and each must be there once.

Then the same pages as records, one of each target, with as many requests open as harvester itself would have at
DataForSEO: here memory is not that of the list, but that of the pages which are open at the same time.
"""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.counted import OF_ALIAS, OF_PAGE, times_each
from benchmarks.scale import MEMORY_GOAL, NONE, SAME_GOAL
from benchmarks.stage import Job, aliases, staged, targets_with
from benchmarks.table import Figure, Goal
from benchmarks.watched import watched

PAGE_ROWS = 1_000
PAGES = 10_000
QUICK_PAGES = 200
EARLY_AT = 0.01
OPEN = 25  #: what harvester does at DataForSEO where the config says nothing
PAGE_MB = 1.3  #: of text
OPEN_GOAL = Goal("<=", MEMORY_GOAL.value + PAGE_MB * OPEN, floor=200)  #: megabytes; all of them may wait to be read
LEAST_EARLY_PAGES = 10  #: before, not everything that is needed has been imported and filled once

_HARVEST = {"provider": "dataforseo", "report": "backlinks", "page_size": PAGE_ROWS}
_OUTPUT = "dataforseo.backlinks.jsonl"
_LINKS = 3 * PAGE_ROWS  #: of a target; those that are lost, or the site's own, are not in this list


def figures(folder: Path, is_quick: bool) -> Iterator[Figure]:
    """Harvest one target of many rows, and many large pages at once, and yield what memory that took."""
    yield from _deep(folder / "deep", QUICK_PAGES if is_quick else PAGES)
    yield from _wide(folder / "wide", (2 if is_quick else 20) * OPEN)


def _deep(folder: Path, pages: int) -> Iterator[Figure]:
    """Harvest one target of so many pages."""
    early_pages = max(LEAST_EARLY_PAGES, int(EARLY_AT * pages))
    with staged(folder / "server", targets=targets_with(_LINKS, 1), endless_pages=pages) as stage:
        job = Job(folder=folder, stage=stage, targets=aliases(1), harvests=(_HARVEST,), rows="raw", format="jsonl.zst")
        command = job.command()
        stage.zero()
        with watched(command, environ=job.environ, log=folder / "log") as program:
            program.until(lambda: bool(stage.meter()["paid"] > early_pages), look_s=0.1)
            early_mb = program.peak_bytes / 1e6
            ended = program.succeeded()
        meter = stage.meter()
    peak_mb = ended.peak_bytes / 1e6
    rows = times_each(job.directory / f"{_OUTPUT}.zst", OF_PAGE, pages, PAGE_ROWS)
    tasks = times_each(job.directory / "tasks.jsonl", OF_ALIAS, 1)
    name = f"a target of {pages * PAGE_ROWS:,} rows"
    yield Figure(f"{name}: harvested", rows.lines / (meter["last_paid_s"] - meter["first_paid_s"]), "rows/s")
    yield Figure(f"{name}: most memory until page {early_pages:,}", early_mb, "MB", MEMORY_GOAL)
    yield Figure(f"{name}: most memory until the end", peak_mb, "MB", MEMORY_GOAL)
    yield Figure(f"{name}: the end beside the beginning", peak_mb / early_mb, "", SAME_GOAL)
    yield Figure(f"{name}: rows missing, doubled or foreign", rows.wrong, "", NONE, f"{rows.lines:,} rows")
    yield Figure(f"{name}: tasks missing or doubled", tasks.wrong, "", NONE)
    yield Figure(f"{name}: pages paid twice", meter["twice"], "", NONE)


def _wide(folder: Path, targets: int) -> Iterator[Figure]:
    """Harvest one large page of each of so many targets."""
    with staged(folder / "server", targets=targets_with(_LINKS, 2)) as stage:
        harvest = {**_HARVEST, "max_rows": PAGE_ROWS}
        job = Job(folder=folder, stage=stage, targets=aliases(targets), harvests=(harvest,), in_flight=OPEN)
        with watched(job.command(), environ=job.environ, log=folder / "log") as program:
            ended = program.succeeded()
        rows = times_each(job.directory / _OUTPUT, OF_ALIAS, targets, PAGE_ROWS)
    name = f"{targets} pages of {PAGE_ROWS:,} rows, {OPEN} at once"
    yield Figure(f"{name}: most memory", ended.peak_bytes / 1e6, "MB", OPEN_GOAL)
    yield Figure(f"{name}: rows missing, doubled or foreign", rows.wrong, "", NONE, f"{rows.lines:,} rows")
