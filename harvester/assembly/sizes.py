"""How many rows the targets have: bought once, as a job of its own beside the job's directory, and kept.

Being a job, it is resumed after any stop, keeps to rate and budget, and costs nothing when it is asked for again.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import repeat
from pathlib import Path

from harvester.assembly.plan import HarvestPlan, Plan, Range, Targets, plan_of
from harvester.codec import parse
from harvester.config import JobConfig
from harvester.engine.render import TASKS
from harvester.job import CompiledHarvest, Job
from harvester.model import Harvest, Scope

Sizes = dict[str, int]  #: neutral name of a report -> rows


def sizing_config(job: Job) -> JobConfig | None:
    """Return the job that sizes another's targets; None if no harvest of it has a size that can be bought."""
    wanted = {
        (item.harvest.provider, item.harvest.scope) for item in job.harvests if _size_field(job, item) is not None
    }
    if not wanted:
        return None
    output = job.config.output
    return replace(
        job.config,
        name=f"{job.config.name}.sizes",
        output=output.with_name(f"{output.name}.sizes"),
        rows="record",
        format="jsonl",
        capture=False,
        harvests=tuple(_sizing_harvest(job, provider, scope) for provider, scope in sorted(wanted)),
    )


def plan_with_sizes(job: Job, targets: Targets, sizes: Path) -> Plan:
    """Return what a job asks and costs, by the sizes in a job directory that `sizing_config` made."""
    return plan_of(job, targets, [_plan_harvest(job, item, targets, sizes) for item in job.harvests])


def _sizing_harvest(job: Job, provider: str, scope: Scope) -> Harvest:
    sizing = job.accounts[provider].provider.sizing
    assert sizing is not None  # it has a size field
    name = _name(provider, scope)
    return Harvest(name=name, provider=provider, report=sizing.report, scope=scope, fields=sizing.fields)


def _name(provider: str, scope: str) -> str:
    return f"{provider}.{scope}"


def _size_field(job: Job, item: CompiledHarvest) -> str | None:
    sizing = job.accounts[item.harvest.provider].provider.sizing
    if sizing is None or item.stage is not None or item.harvest.scope not in sizing.scopes:
        return None
    return sizing.sizes.get(item.report.name)


def _plan_harvest(job: Job, item: CompiledHarvest, targets: Targets, sizes: Path) -> HarvestPlan:
    field = _size_field(job, item)
    unsized = HarvestPlan.before_sizes(item, targets)
    if field is None:
        return unsized
    requests, units, known = Range(least=0, most=0), Range(least=0, most=0), 0
    name = _name(item.harvest.provider, item.harvest.scope)
    for rows in _known(sizes, name, field, unsized.targets.least):
        forecast = item.exchange.forecast(rows)
        requests += Range(least=forecast.least_requests, most=forecast.most_requests)
        units += Range(least=forecast.least_units, most=forecast.most_units)
        known += 1
    rest = HarvestPlan.before_sizes(item, targets, without=known)
    return replace(unsized, requests=requests + rest.requests, units=units + rest.units)


def _known(sizes: Path, name: str, field: str, targets: int) -> Iterator[int]:
    """Yield the size of each target that has one, a line at a time: a list may hold a million.

    A target without a record has the size 0, unless it is in a task whose answer may lack some.
    """
    records = 0
    with (sizes / f"{name}.jsonl").open("rb") as lines:
        for record in map(parse, lines):
            records += 1
            if record[field] is not None:
                yield record[field]
    yield from repeat(0, max(0, targets - records - _unread(sizes / TASKS, name)))


def _unread(tasks: Path, name: str) -> int:
    """Return how many targets are in tasks that are not complete; one that was tried again counts as it ended."""
    unread: dict[str, int] = {}  #: by task
    with tasks.open("rb") as lines:
        for task in map(parse, lines):
            unread.pop(task["task"], None)
            if task["harvest"] == name and not task["complete"]:
                unread[task["task"]] = len(task["targets"] or [task["target"]])
    return sum(unread.values())
