"""The plan of a job whose targets' sizes are known: target by target, in the order of the list."""

import sqlite3
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from heapq import nlargest
from itertools import accumulate

from harvester.assembly.plan import (
    Bill,
    Dear,
    HarvestPlan,
    Plan,
    Range,
    Targets,
    plan_job,
    provider_plans,
    share_of,
    unsized_bill,
)
from harvester.assembly.sizes import Sizes, bills_in_order
from harvester.job import CompiledHarvest, Job
from harvester.model import Outlook

DEAREST = 10


def plan_with_sizes(job: Job, targets: Targets, db: sqlite3.Connection, sizes: Sizes | None) -> Plan:
    """Return what a job asks and costs, by the sizes that are known of the targets of its list."""
    if sizes is None:
        return plan_job(job, targets)
    books = {name: _Book(targets, account.config.budget) for name, account in job.accounts.items()}
    harvests = [_plan_harvest(item, targets, db, sizes, books[item.harvest.provider]) for item in job.harvests]
    providers = {
        name: replace(
            found,
            dearest=tuple(_dearest(books[name], db)),
            first_covered=books[name].first_covered(),
            cheapest_covered=books[name].cheapest_covered(),
        )
        for name, found in provider_plans(job, harvests).items()
    }
    about = {"directory": str(sizes.directory), "oldest": sizes.oldest, "newest": sizes.newest}
    return Plan(job=job.config.name, targets=targets, harvests=tuple(harvests), providers=providers, sizes=about)


@dataclass(slots=True)
class _Book:
    """What each target of the list costs at one provider, at most; by its place in the list."""

    targets: Targets
    budget: int | None
    units: "array[int]" = field(init=False)
    sized_units: "array[int]" = field(init=False)  #: of the harvests whose rows are known
    sized_requests: "array[int]" = field(init=False)
    scope: str | None = None  #: by which the sized targets are called
    spent_units: int = 0  #: by the harvests before
    is_bounded: bool = True  #: nothing costs more than is known

    def __post_init__(self) -> None:
        count = max(self.targets.by_scope.values())
        self.units, self.sized_units, self.sized_requests = (array("q", bytes(8 * count)) for _ in range(3))

    def covered(self, costs: "array[int]", count: int) -> int | None:
        """Return how many targets of the next harvest can be paid after all harvests before it."""
        if self.budget is None or not self.is_bounded:
            return None
        return min(count, bisect_right(list(accumulate(costs, initial=self.spent_units)), self.budget) - 1)

    def first_covered(self) -> int | None:
        """Return how many targets, from the first on, can be paid for all harvests."""
        return self._covered(self.units)

    def cheapest_covered(self) -> int | None:
        """Return how many can be paid for all harvests if the cheapest come first."""
        return self._covered(sorted(self.units))

    def _covered(self, units: "array[int] | list[int]") -> int | None:
        if self.budget is None or not self.is_bounded:
            return None
        return max(0, bisect_right(list(accumulate(units, initial=0)), self.budget) - 1)


def _plan_harvest(
    item: CompiledHarvest, targets: Targets, db: sqlite3.Connection, sizes: Sizes, book: _Book
) -> HarvestPlan:
    facts = sizes.prices[item.harvest.provider]
    measure = sizes.measures.get(item.harvest.name)
    share = share_of(item, targets, unsized_bill(item, targets, facts=facts))
    costs = array("q", bytes(8 * len(book.units)))
    if measure is None:
        for place, units in _by_task(item, targets, facts):
            costs[place] += units
        book.is_bounded &= share.units.most is not None
    else:
        share = _sized(share, bills_in_order(db, item, measure, facts), book, costs)
        book.scope = book.scope or item.harvest.scope
    share = replace(share, covered=max(0, found) if (found := _covered(item, share, book, costs)) is not None else None)
    for place, units in enumerate(costs):
        book.units[place] += units
    book.spent_units += sum(costs)
    return share


def _covered(item: CompiledHarvest, share: HarvestPlan, book: _Book, costs: "array[int]") -> int | None:
    """Return how many targets of a harvest can be paid after all harvests before it; None = that is not known."""
    return None if item.stage is not None else book.covered(costs, share.targets.least)


def _sized(
    share: HarvestPlan, bills: Iterator[tuple[str, int | None, Bill]], book: _Book, costs: "array[int]"
) -> HarvestPlan:
    """Return the share of a harvest that is sized, and note what each target costs."""
    least_requests = most_requests = least_units = most_units = sized = rough = 0
    is_bounded = True
    for place, (_, rows, bill) in enumerate(bills):
        least_requests += bill.requests.least
        least_units += bill.units.least
        sized += rows is not None
        rough += rows is not None and bill.is_rough
        if bill.requests.most is None or bill.units.most is None:
            is_bounded = False
            continue
        most_requests += bill.requests.most
        most_units += bill.units.most
        costs[place] = bill.units.most
        if rows is not None:
            book.sized_units[place] += bill.units.most
            book.sized_requests[place] += bill.requests.most
    book.is_bounded &= is_bounded
    requests = Range(least=least_requests, most=most_requests if is_bounded else None)
    units = Range(least=least_units, most=most_units if is_bounded else None)
    return replace(share, bill=Bill(requests=requests, units=units), sized=sized, rough=rough)


def _by_task(item: CompiledHarvest, targets: Targets, facts: Mapping[str, int]) -> Iterator[tuple[int, int]]:
    """Yield what the tasks of a harvest cost at most, each where its first target stands; sets and stages at once."""
    if item.sets is not None or item.stage is not None:
        bill = unsized_bill(item, targets, facts=facts)
        yield 0, bill.units.most or 0
        return
    count, per_task = targets.by_scope[item.harvest.scope], item.exchange.targets_per_task
    whole = item.exchange.forecast(Outlook(facts=facts)).most_units or 0
    for place in range(0, count, per_task):
        rest = min(per_task, count - place)
        if rest == per_task:
            yield place, whole
        else:
            yield place, item.exchange.forecast(Outlook(targets=rest, facts=facts)).most_units or 0


def _dearest(book: _Book, db: sqlite3.Connection) -> Iterator[Dear]:
    if book.scope is None:
        return
    for units, place in nlargest(DEAREST, zip(book.sized_units, range(0, -len(book.units), -1), strict=True)):
        if units:
            yield Dear(target=_name_at(db, book.scope, -place), requests=book.sized_requests[-place], units=units)


def _name_at(db: sqlite3.Connection, scope: str, place: int) -> str:
    query = "SELECT name FROM targets WHERE +scope = ? ORDER BY id LIMIT 1 OFFSET ?"
    name: str = db.execute(query, (scope, place)).fetchone()[0]
    return name
