"""What a job will ask and cost, before anything paid is sent."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, BinaryIO

from harvester.engine.checkpoint import (
    RejectedLine,
    TargetLine,
    count_sets,
    count_targets,
    make_tables,
    rejected_lines,
    take_in,
)
from harvester.job import CompiledHarvest, Job
from harvester.jobdir import faults_of, target_lines, tell_outside
from harvester.model import Forecast, Outlook, RateRule, Scope

ListDatabase = sqlite3.Connection  #: that holds a job's list
RejectedLines = Sequence[tuple[str, int, str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """What the job's lists hold."""

    by_scope: dict[Scope, int]
    sets: dict[str, int]  #: by harvest, of those that ask about sets
    staged: "dict[str, Range]"  #: by harvest, of those that take their targets from the rows of others
    lines: int  #: usable ones, repeated names included
    rejected: int
    first_rejected: RejectedLines

    @property
    def count(self) -> int:
        """Return how many different targets there are, as the job's own scope asks about them."""
        return next(iter(self.by_scope.values()))

    @property
    def repeated(self) -> int:
        """Return how many lines name a target that an earlier line names too."""
        return self.lines - self.count


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """At least and at most; None = without a bound that is known."""

    least: int
    most: int | None

    def __add__(self, other: "Range") -> "Range":
        return Range(
            least=self.least + other.least,
            most=None if self.most is None or other.most is None else self.most + other.most,
        )

    def times(self, most: int | None) -> "Range":
        """Return none, or at most so many for each."""
        if self.most == 0 or most == 0:
            return NOTHING
        return Range(least=0, most=None if self.most is None or most is None else self.most * most)


NOTHING = Range(least=0, most=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What some tasks ask and cost."""

    requests: Range = NOTHING
    units: Range = NOTHING
    is_rough: bool = False  #: as of `Forecast`

    @classmethod
    def of(cls, forecast: Forecast, tasks: int = 1) -> "Bill":
        """Return the bill of so many tasks that cost the same."""
        if tasks == 0:
            return cls()
        return cls(
            requests=_times(tasks, forecast.least_requests, forecast.most_requests),
            units=_times(tasks, forecast.least_units, forecast.most_units),
            is_rough=forecast.is_rough,
        )

    def __add__(self, other: "Bill") -> "Bill":
        return Bill(requests=self.requests + other.requests, units=self.units + other.units)


@dataclass(frozen=True, slots=True, kw_only=True)
class HarvestPlan:
    """One harvest's share."""

    name: str
    provider: str
    report: str
    targets: Range
    bill: Bill
    is_since_last: bool = False
    since_day: date | None = None  #: what that means in the round that is planned; None = as if `since` were absent
    sized: int = 0  #: targets whose rows are known
    rough: int = 0  #: of those, whose cost is rough all the same
    covered: int | None = None  #: targets that the budget still pays for, harvest after harvest; None = not known

    @property
    def requests(self) -> Range:
        """What is asked."""
        return self.bill.requests

    @property
    def units(self) -> Range:
        """What it costs."""
        return self.bill.units


@dataclass(frozen=True, slots=True, kw_only=True)
class Dear:
    """One target, and at most what all harvests of a provider cost of it."""

    target: str
    requests: int
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPlan:
    """One provider's share: all its harvests go through one budget and one rate."""

    unit: str
    rate: RateRule | None  #: of one key; None = unlimited
    keys: int
    requests: Range
    units: Range
    budget: int | None
    dearest: tuple[Dear, ...] = ()  #: targets whose sizes are known
    first_covered: int | None = None  #: so many targets, from the first of the list on, can be paid whole
    cheapest_covered: int | None = None  #: and so many if the cheapest came first

    @property
    def least_s(self) -> float | None:
        """Seconds at least; None = no rate limit, so the answers' own pace decides."""
        return self.seconds(self.requests.least)

    @property
    def most_s(self) -> float | None:
        """Seconds at most."""
        return self.seconds(self.requests.most)

    def seconds(self, requests: int | None) -> float | None:
        """Return how long so many requests take under the rate; None = that is not known."""
        if self.rate is None or requests is None:
            return None
        return requests * self.rate.window_s / self.rate.calls / self.keys

    @property
    def is_covered(self) -> bool | None:
        """Whether the budget pays for all of it; None = it depends on what the targets have."""
        if self.budget is None or (self.units.most is not None and self.units.most <= self.budget):
            return True
        return False if self.units.least > self.budget else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a job will ask and cost."""

    job: str
    targets: Targets
    harvests: tuple[HarvestPlan, ...]
    providers: dict[str, ProviderPlan]
    sizes: Mapping[str, Any] | None = None  #: where the sizes are, and how old; None = there are none

    def as_json(self) -> dict[str, Any]:
        """Return the plan for scripts."""
        return {
            "job": self.job,
            "targets": self.targets.count,
            "targets_rejected": self.targets.rejected,
            "sizes": self.sizes,
            "harvests": [self._harvest(item) for item in self.harvests],
            "providers": {name: _provider(item) for name, item in self.providers.items()},
        }

    def _harvest(self, item: HarvestPlan) -> dict[str, Any]:
        provider = self.providers[item.provider]
        return {
            "harvest": item.name,
            "provider": item.provider,
            "report": item.report,
            "targets": item.targets.most,
            **(_range("targets", item.targets) if item.name in self.targets.staged else {}),
            **({"since_day": item.since_day} if item.is_since_last else {}),
            "targets_sized": item.sized,
            "targets_rough": item.rough,
            **_range("requests", item.requests),
            **_range("units", item.units),
            "least_seconds": provider.seconds(item.requests.least),
            "most_seconds": provider.seconds(item.requests.most),
            "targets_covered": item.covered,
        }


def _provider(item: ProviderPlan) -> dict[str, Any]:
    return {
        "unit": item.unit,
        **_range("requests", item.requests),
        **_range("units", item.units),
        "least_seconds": item.least_s,
        "most_seconds": item.most_s,
        "budget": item.budget,
        "covered": item.is_covered,
        "first_targets_covered": item.first_covered,
        "cheapest_targets_covered": item.cheapest_covered,
        "dearest": [
            {"target": dear.target, "most_requests": dear.requests, "most_units": dear.units} for dear in item.dearest
        ],
    }


@contextmanager
def listed(
    job: Job, stdin: BinaryIO, notice: Callable[[str], None], *, hear: Callable[[RejectedLine], None] | None = None
) -> Iterator[tuple[Targets, sqlite3.Connection]]:
    """Read the job's lists as a run would, into a database that is thrown away behind the block.

    `hear` gets each rejected line. Raises ConfigError.
    """
    lines = target_lines(job, stdin, notice)
    with closing(sqlite3.connect("", isolation_level=None)) as db:  # "" = a temporary file: flat memory
        make_tables(db)
        heard = lines if hear is None else _heard(lines, hear)
        with faults_of(job):
            intake = take_in(db, job.scopes, heard, may_lack=False, sets=job.sets)
        tell_outside(db, job, notice)
        by_scope = {scope: count_targets(db, scope) for scope in job.scopes}
        sets = {source.harvest: count_sets(db, source.harvest) for source in job.sets}
        targets = Targets(
            by_scope=by_scope,
            sets=sets,
            staged=_staged(job, by_scope, sets),
            lines=intake.lines,
            rejected=intake.rejected,
            first_rejected=rejected_lines(db, 20),
        )
        yield targets, db


def read_all_targets(
    job: Job, stdin: BinaryIO, notice: Callable[[str], None], *, hear: Callable[[RejectedLine], None] | None = None
) -> Targets:
    """Return what the job's lists hold. Raises ConfigError."""
    with listed(job, stdin, notice, hear=hear) as (targets, _):
        return targets


def _staged(job: Job, by_scope: dict[Scope, int], sets: dict[str, int]) -> dict[str, Range]:
    """Return how many targets each staged harvest can have."""
    items = {item.harvest.name: item for item in job.harvests}

    def targets_of(name: str) -> Range:
        item = items[name]
        if item.stage is None:
            asked = sets[name] * item.sets.size.most if item.sets is not None else by_scope[item.harvest.scope]
            return Range(least=asked, most=asked)
        source = items[item.stage.source].harvest
        rows = [bound for bound in (item.stage.top, source.max_rows) if bound is not None]
        return targets_of(source.name).times(1 if item.stage.condition is not None else min(rows, default=None))

    return {name: targets_of(name) for name in job.stages}


def _heard(
    lines: Iterable[TargetLine | RejectedLine], hear: Callable[[RejectedLine], None]
) -> Iterator[TargetLine | RejectedLine]:
    for line in lines:
        if isinstance(line, RejectedLine):
            hear(line)
        yield line


def plan_job(job: Job, targets: Targets) -> Plan:
    """Return what the whole job asks and costs, from its beginning."""
    harvests = [share_of(item, targets, unsized_bill(item, targets)) for item in job.harvests]
    return Plan(job=job.config.name, targets=targets, harvests=tuple(harvests), providers=provider_plans(job, harvests))


def share_of(item: CompiledHarvest, targets: Targets, bill: Bill) -> HarvestPlan:
    """Return a harvest's share."""
    return HarvestPlan(
        name=item.harvest.name,
        provider=item.harvest.provider,
        report=item.report.name,
        targets=_targets(item, targets),
        bill=bill,
        is_since_last=item.harvest.is_since_last,
        since_day=item.harvest.since if isinstance(item.harvest.since, date) else None,
    )


def _targets(item: CompiledHarvest, targets: Targets) -> Range:
    count = targets.by_scope[item.harvest.scope]
    return targets.staged.get(item.harvest.name, Range(least=count, most=count))


def unsized_bill(
    item: CompiledHarvest, targets: Targets, *, without: int = 0, facts: Mapping[str, int] | None = None
) -> Bill:
    """Return the bill of a harvest whose targets' rows are not known; of all targets, or of all but some."""
    facts = facts or {}
    if item.stage is not None:
        return _staged_bill(item, targets.staged[item.harvest.name], item.exchange.forecast(Outlook(facts=facts)))
    if item.sets is not None:
        return Bill.of(item.exchange.forecast(Outlook(facts=facts)), targets.sets[item.harvest.name])
    count, per_task = max(0, targets.by_scope[item.harvest.scope] - without), item.exchange.targets_per_task
    whole, rest = divmod(count, per_task)
    bill = Bill.of(item.exchange.forecast(Outlook(facts=facts)), whole)
    return bill + Bill.of(item.exchange.forecast(Outlook(targets=rest, facts=facts)), 1 if rest else 0)


def _staged_bill(item: CompiledHarvest, targets: Range, forecast: Forecast) -> Bill:
    """Return the bill of a harvest that may find no target, or as many as its source's rows can bring."""
    most = None if targets.most is None else -(-targets.most // item.exchange.targets_per_task)
    tasks = Range(least=0, most=most)
    return Bill(
        requests=tasks.times(forecast.most_requests),
        units=tasks.times(forecast.most_units),
        is_rough=forecast.is_rough,
    )


def provider_plans(job: Job, harvests: Sequence[HarvestPlan]) -> dict[str, ProviderPlan]:
    """Return the shares of the providers."""
    providers: dict[str, ProviderPlan] = {}
    for name, account in job.accounts.items():
        mine = sum((item.bill for item in harvests if item.provider == name), Bill())
        providers[name] = ProviderPlan(
            unit=account.provider.unit,
            rate=account.rate,
            keys=len(account.config.keys),
            requests=mine.requests,
            units=mine.units,
            budget=account.config.budget,
        )
    return providers


def _times(tasks: int, least: int, most: int | None) -> Range:
    return Range(least=tasks * least, most=None if most is None else tasks * most)


def _range(name: str, found: Range) -> dict[str, int | None]:
    return {f"least_{name}": found.least, f"most_{name}": found.most}
