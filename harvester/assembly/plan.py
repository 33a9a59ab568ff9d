"""What a job will ask and cost, before anything paid is sent."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
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
from harvester.model import RateRule, Scope

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
            return Range(least=0, most=0)
        return Range(least=0, most=None if self.most is None or most is None else self.most * most)


@dataclass(frozen=True, slots=True, kw_only=True)
class HarvestPlan:
    """One harvest's share."""

    name: str
    provider: str
    report: str
    targets: Range
    requests: Range
    units: Range
    is_since_last: bool = False
    since_day: date | None = None  #: what that means in the round that is planned; None = as if `since` were absent

    @classmethod
    def before_sizes(cls, item: CompiledHarvest, targets: Targets, *, without: int = 0) -> "HarvestPlan":
        """Return the share of a harvest whose targets' rows are not known; of all targets, or all but some."""
        staged = targets.staged.get(item.harvest.name)
        if staged is not None:
            return cls._staged(item, staged)
        count = targets.by_scope[item.harvest.scope]
        if item.sets is not None:
            tasks = targets.sets[item.harvest.name]
        else:
            tasks = -(-max(0, count - without) // item.exchange.targets_per_task)
        forecast = item.exchange.forecast()
        return cls(
            name=item.harvest.name,
            provider=item.harvest.provider,
            report=item.report.name,
            targets=Range(least=count, most=count),
            requests=_times(tasks, forecast.least_requests, forecast.most_requests),
            units=_times(tasks, forecast.least_units, forecast.most_units),
            is_since_last=item.harvest.is_since_last,
            since_day=item.harvest.since if isinstance(item.harvest.since, date) else None,
        )

    @classmethod
    def _staged(cls, item: CompiledHarvest, targets: Range) -> "HarvestPlan":
        """Return the share of a harvest that may find no target, or as many as its source's rows can bring."""
        forecast, tasks = item.exchange.forecast(), targets.times(1)
        if targets.most is not None:
            tasks = Range(least=0, most=-(-targets.most // item.exchange.targets_per_task))
        return cls(
            name=item.harvest.name,
            provider=item.harvest.provider,
            report=item.report.name,
            targets=targets,
            requests=tasks.times(forecast.most_requests),
            units=tasks.times(forecast.most_units),
            is_since_last=item.harvest.is_since_last,
            since_day=item.harvest.since if isinstance(item.harvest.since, date) else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPlan:
    """One provider's share: all its harvests go through one budget and one rate."""

    unit: str
    rate: RateRule | None  #: of one key; None = unlimited
    requests: Range
    units: Range
    least_s: float | None  #: None = no rate limit, so the answers' own pace decides
    most_s: float | None
    budget: int | None

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

    def as_json(self) -> dict[str, Any]:
        """Return the plan for scripts."""
        return {
            "job": self.job,
            "targets": self.targets.count,
            "targets_rejected": self.targets.rejected,
            "harvests": [
                {
                    "harvest": item.name,
                    "provider": item.provider,
                    "report": item.report,
                    "targets": item.targets.most,
                    **(_range("targets", item.targets) if item.name in self.targets.staged else {}),
                    **({"since_day": item.since_day} if item.is_since_last else {}),
                    **_range("requests", item.requests),
                    **_range("units", item.units),
                }
                for item in self.harvests
            ],
            "providers": {
                name: {
                    "unit": item.unit,
                    **_range("requests", item.requests),
                    **_range("units", item.units),
                    "least_seconds": item.least_s,
                    "most_seconds": item.most_s,
                    "budget": item.budget,
                    "covered": item.is_covered,
                }
                for name, item in self.providers.items()
            },
        }


def read_all_targets(
    job: Job, stdin: BinaryIO, notice: Callable[[str], None], *, hear: Callable[[RejectedLine], None] | None = None
) -> Targets:
    """Read the job's lists as a run would, into a database that is thrown away; `hear` gets each rejected line.

    Raises ConfigError.
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
        return Targets(
            by_scope=by_scope,
            sets=sets,
            staged=_staged(job, by_scope, sets),
            lines=intake.lines,
            rejected=intake.rejected,
            first_rejected=rejected_lines(db, 20),
        )


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
    return plan_of(job, targets, [HarvestPlan.before_sizes(item, targets) for item in job.harvests])


def plan_of(job: Job, targets: Targets, harvests: Sequence[HarvestPlan]) -> Plan:
    """Return the plan of a job whose harvests are planned."""
    providers: dict[str, ProviderPlan] = {}
    for name, account in job.accounts.items():
        mine = [item for item in harvests if item.provider == name]
        requests, units = _sum(item.requests for item in mine), _sum(item.units for item in mine)
        keys = len(account.config.keys)
        providers[name] = ProviderPlan(
            unit=account.provider.unit,
            rate=account.rate,
            requests=requests,
            units=units,
            least_s=_seconds(requests.least, account.rate, keys),
            most_s=None if requests.most is None else _seconds(requests.most, account.rate, keys),
            budget=account.config.budget,
        )
    return Plan(job=job.config.name, targets=targets, harvests=tuple(harvests), providers=providers)


def _times(tasks: int, least: int, most: int | None) -> Range:
    if tasks == 0:
        return Range(least=0, most=0)
    return Range(least=tasks * least, most=None if most is None else tasks * most)


def _sum(ranges: Iterable[Range]) -> Range:
    return sum(ranges, Range(least=0, most=0))


def _seconds(requests: int, rate: RateRule | None, keys: int) -> float | None:
    return None if rate is None else requests * rate.window_s / rate.calls / keys


def _range(name: str, found: Range) -> dict[str, int | None]:
    return {f"least_{name}": found.least, f"most_{name}": found.most}
