"""What every job must come to, whatever was done to it: the rows, the tasks and the bill of an undisturbed run."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from chaos_kit import OPTIONS, Figures, Job
from disk_kit import Operation
from operations_kit import HastyClock

from harvester.assembly.library import job_run
from harvester.assembly.outcome import Outcome, RunOptions
from harvester.assembly.status import read_status
from harvester.assembly.surroundings import Surroundings
from harvester.config import load
from harvester.sandbox.app import CONTRACTS, Sandbox, serving

IN_FLIGHT = 2  #: requests of a provider that may be open at once, as `chaos_kit.Job` has it

#: What only the free questions hold: for a balance, or for what a lost reply cost.
FREE = {
    "ahrefs": ("/subscription-info/",),
    "semrush": ("countapiunits",),
    "serpstat": ("getStats",),
    "dataforseo": ("/appendix/", "/id_list"),
}

_BEGIN = re.compile(rb"(?:GET|POST) (/[a-z]+)\S* HTTP/1.1\r\n")


def sandbox_that_counts(*, latency_ms: float = 0.0) -> AbstractAsyncContextManager[Sandbox]:
    """Serve a sandbox whose minutes pass at once: DataForSEO tells a balance six times a minute, and runs are many."""
    return serving(replace(OPTIONS, latency_ms=latency_ms), lambda: time.monotonic() * 1e6)


class Sent(NamedTuple):
    """A request that left."""

    place: int  #: of the operation that sent it, in the log
    provider: str
    is_free: bool
    raw: bytes


def sent_in(operations: Iterable[Operation]) -> list[Sent]:
    """Return the requests that left, in order."""
    found = []
    for index, operation in enumerate(operations):
        if operation.kind == "send":
            begin = _BEGIN.match(operation.data)
            assert begin is not None, "each request is sent in one piece"
            name = next(name for name, each in CONTRACTS.items() if each.prefix.split("/")[1] == begin[1].decode()[1:])
            found.append(Sent(index, name, any(each.encode() in operation.data for each in FREE[name]), operation.data))
    return found


@dataclass(frozen=True, kw_only=True)
class Bill:
    """What providers saw, by their names."""

    pages: Counter[str]  #: requests for them
    units: Counter[str]

    def __add__(self, other: "Bill") -> "Bill":
        return Bill(pages=self.pages + other.pages, units=self.units + other.units)


@dataclass(frozen=True, kw_only=True)
class Whole:
    """What an undisturbed run brings and costs."""

    records: Mapping[tuple[str, str, int], Mapping[str, Any]]
    tasks: Mapping[str, Mapping[str, Any]]
    bill: Bill


def units_charged(job: Job) -> Counter[str]:
    """Return what the sandbox has charged until now."""
    return Counter({name: job.account(name)["units_charged"] for name in job.providers})


def pages_in(operations: Iterable[Operation]) -> Counter[str]:
    """Return how many pages were asked for."""
    return Counter(sent.provider for sent in sent_in(operations) if not sent.is_free)


async def resume(job: Job) -> Bill:
    """Run a job in this process until it is complete; return what that cost."""
    requests, units = _pages(job), units_charged(job)
    around = Surroundings(environ=job.environment(), notice=lambda _: None, clock=HastyClock())
    async with job_run(load(job.config), RunOptions(), around) as run:
        outcome: Outcome = await run.work(asyncio.Event())
    assert outcome.exit_code == 0
    return Bill(pages=_pages(job) - requests, units=units_charged(job) - units)


def _pages(job: Job) -> Counter[str]:
    pages: Counter[str] = Counter()
    for name in job.providers:
        account = job.account(name)
        listings = sum(number for path, number in account["by_path"].items() if path.endswith("/id_list"))
        pages[name] = account["requests"] - account["balances_asked"] - listings
    return pages


async def undisturbed(job: Job) -> Whole:
    """Run a job without any trouble."""
    bill = await resume(job)
    assert bill.units <= booked(job), "what the sandbox charged is in the books"
    return Whole(records=job.records(), tasks=tasks_of(job), bill=bill)


def booked(job: Job) -> Counter[str]:
    """Return the units that the job's own books hold for gone, certainly or perhaps."""
    providers = read_status(job.directory).as_json()["providers"]
    return Counter({name: told["units_spent"] + told["units_in_doubt"] for name, told in providers.items()})


def tasks_of(job: Job) -> dict[str, Mapping[str, Any]]:
    """Return the finished tasks, each there once, without when that was and by how many pages."""
    lines = job.tasks()
    found: dict[str, Mapping[str, Any]] = {
        line["task"]: {key: line[key] for key in ("complete", "reason", "rows")} for line in lines
    }
    assert len(found) == len(lines), "a task was finished twice"
    return found


def assert_kept(job: Job, whole: Whole, figures: Figures, *, bill: Bill, ends: int) -> None:
    """Look whether a job that came to a sudden end so many times, and was completed, kept the promises.

    `bill` is all that its providers ever counted for it.
    """
    found = job.records()  # fails on a torn line and on a row that is there twice
    lost = whole.records.keys() - found.keys()
    figures["rows checked"] += len(found)
    figures["rows lost"] += len(lost)
    figures["rows doubled or torn"] += 0
    assert not lost
    assert found == whole.records
    assert tasks_of(job) == whole.tasks
    assert_paid(job, bill, figures)
    again = bill.pages - whole.bill.pages
    most = ends * IN_FLIGHT
    for name, pages in again.items():
        assert pages <= most, f"{name}: {pages} pages were bought twice, {most} were open"
    figures["pages bought twice"] += again.total()
    figures["pages bought twice, at most allowed"] += most * len(job.providers)


def assert_paid(job: Job, bill: Bill, figures: Figures) -> None:
    """Look whether the books know of every unit that was charged."""
    books = booked(job)
    figures["units charged that are not in the books"] += (bill.units - books).total()
    for name, units in bill.units.items():
        assert units <= books[name], f"{name}: {units} units were charged, {books[name]} are in the books"
