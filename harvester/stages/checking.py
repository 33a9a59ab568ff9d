"""What is wrong with the stages of a job: who may take its targets from whom, and what may be asked of a record."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Protocol

from harvester.condition import EQUALS, Comparison, Condition
from harvester.config.faults import did_you_mean, harvest_fault, shown
from harvester.errors import HarvestRefused
from harvester.model import Exchange, Harvest, Report, SetSource, TargetsFrom
from harvester.providers.mapping import Shaped
from harvester.records import RECORDS, FieldSpec
from harvester.records.shapes import TARGET_FIELDS
from harvester.stages.stage import Stage, stage_of

#: What a literal may be compared with: types of fields, and how to call such a literal.
_LITERALS: Mapping[type, tuple[tuple[str, ...], str]] = {
    bool: (("bool",), "true or false"),
    int: (("int", "num"), "a number"),
    float: (("int", "num"), "a number"),
    str: (("str",), "a text"),
    date: (("ts", "date"), "a date"),
}
_COMPARED_WITH: Mapping[str, str] = {kind: words for kinds, words in _LITERALS.values() for kind in kinds}


class Compiled(Protocol):
    """A harvest that its provider has agreed to."""

    @property
    def harvest(self) -> Harvest:
        """As the config has it, by its neutral names."""

    @property
    def report(self) -> Report:
        """What it asks for."""

    @property
    def exchange(self) -> Exchange:
        """How it is asked."""

    @property
    def sets(self) -> SetSource | None:
        """Where its sets come from; None = it asks about each target, or batches of them."""


def stages_of(path: Path, found: Mapping[int, Compiled], failed: Iterable[str]) -> tuple[dict[str, Stage], list[str]]:
    """Return the stages of a job's harvests, by name, and everything that is wrong with them.

    `found`: by their place in the config, 1 = the first; `failed`: the others' names, whose faults are said elsewhere.
    """
    by_name = {item.harvest.name: item for item in found.values()}
    stages: dict[str, Stage] = {}
    faults: list[str] = []
    for number, item in found.items():
        stage = stage_of(item.harvest)
        if stage is not None:
            stages[stage.harvest] = stage
            refusals = list(_refusals(item, stage, by_name, set(failed))) or list(_cycle(item.harvest, stage, by_name))
            faults += [harvest_fault(path, number, stage.harvest, each) for each in refusals]
    return stages, faults


def _refusals(
    item: Compiled, stage: Stage, by_name: Mapping[str, Compiled], failed: set[str]
) -> Iterator[HarvestRefused]:
    """Yield what is wrong with a harvest's stage, but for cycles."""
    harvest, named = item.harvest, item.harvest.targets_from
    if item.sets is not None:
        key, found = ("only_if", harvest.only_if) if named is None else ("targets_from", asdict(named))
        yield HarvestRefused(key, found, f"none: {item.report.name} asks about sets of targets")
    if named is not None and named.harvest in by_name:
        yield from _field_refusals(named.field, by_name[named.harvest])
    elif named is not None and named.harvest not in failed:
        yield HarvestRefused("targets_from.harvest", named.harvest, _another(named.harvest, by_name, harvest))
    if stage.condition is not None and stage.source in by_name:
        yield from _condition_refusals(harvest, stage.condition, by_name[stage.source])
    elif stage.condition is not None and stage.source not in failed:
        yield HarvestRefused("only_if", harvest.only_if, _another(stage.source, by_name, harvest))


def _field_refusals(field: str, source: Compiled) -> Iterator[HarvestRefused]:
    """Yield why a field of a source's record cannot be taken for a list of targets."""
    record = source.exchange.record
    able = [spec.name for spec in RECORDS[record] if spec.name in TARGET_FIELDS]
    if field not in able:
        expected = (
            f"a field of {source.harvest.name} that can hold a target: {', '.join(able) or f'no {record} has one'}"
        )
        yield HarvestRefused("targets_from.field", field, f"{expected}{did_you_mean(field, able)}")
    elif unpaid := _unpaid(field, source):
        yield HarvestRefused("targets_from.field", field, unpaid)


def _condition_refusals(harvest: Harvest, condition: Condition, decider: Compiled) -> Iterator[HarvestRefused]:
    """Yield why a condition cannot be asked of the records of that harvest."""
    other, specs = decider.harvest, {spec.name: spec for spec in RECORDS[decider.exchange.record]}
    expected = []
    if decider.sets is not None:
        expected.append(f"a harvest that asks about single targets, and {other.name} asks about sets")
    if other.scope != harvest.scope:
        expected.append(f"a harvest of this one's scope, {harvest.scope}, and that of {other.name} is {other.scope}")
    if other.targets_from != harvest.targets_from:
        expected.append(
            f"a harvest over this one's targets, {_targets(harvest)}, and {other.name} has {_targets(other)}"
        )
    faults = ((each, _comparison_fault(each, specs, decider)) for each in condition.comparisons)
    expected += [f"{fault}, at character {comparison.at}" for comparison, fault in faults if fault]
    yield from (HarvestRefused("only_if", harvest.only_if, each) for each in expected)


def _comparison_fault(comparison: Comparison, specs: Mapping[str, FieldSpec], decider: Compiled) -> str | None:
    """Return what a comparison should be; None = it is as it should."""
    name, literal, spec = comparison.field, comparison.literal, specs.get(comparison.field)
    if spec is None:
        return f"a field of {decider.harvest.name}: {', '.join(specs)}{did_you_mean(name, specs)}"
    if unpaid := _unpaid(name, decider):
        return unpaid
    if literal is None:
        return None
    if spec.type not in _COMPARED_WITH:
        return f"`is null` or `is not null`, all that {name} can be asked"
    if spec.type not in _LITERALS[type(literal)][0]:
        return f"{_COMPARED_WITH[spec.type]} to compare {name} with"
    if spec.type in ("str", "bool") and comparison.sign not in EQUALS:
        return f"== or != for {name}, which is {_COMPARED_WITH[spec.type]}"
    if spec.values and literal not in spec.values:
        return f"one of {', '.join(spec.values)} to compare {name} with{did_you_mean(literal, spec.values)}"
    return None


def _unpaid(field: str, source: Compiled) -> str | None:
    """Return what to say if a source chooses what it pays for, and this record field is not among it."""
    chosen, record = source.harvest.fields, source.exchange.record
    spec = next(each for each in RECORDS[record] if each.name == field)
    if chosen is None or not spec.nullable or spec.computed or not isinstance(source.exchange, Shaped):
        return None
    bringing = source.exchange.shape.paid_by(field)
    if not bringing or set(bringing) & set(chosen):
        return None
    return f"a field that {source.harvest.name} pays for; for {field} add {shown(bringing[0])} to its `fields`"


def _cycle(harvest: Harvest, stage: Stage, by_name: Mapping[str, Compiled]) -> Iterator[HarvestRefused]:
    """Yield why a harvest would wait for itself."""
    way, at = [harvest.name], stage
    while at.source not in way:
        way.append(at.source)
        following = stage_of(by_name[at.source].harvest) if at.source in by_name else None
        if following is None:
            return
        at = following
    if at.source == harvest.name:  # else that of another one, further on
        key, found = ("targets_from.harvest", stage.source) if stage.condition is None else ("only_if", harvest.only_if)
        yield HarvestRefused(
            key, found, f"a harvest that does not wait for this one ({' for '.join([*way, at.source])})"
        )


def _another(found: str, by_name: Mapping[str, Compiled], harvest: Harvest) -> str:
    names = [name for name in by_name if name != harvest.name]
    return f"the name of another harvest: {', '.join(names) or 'there is none'}{did_you_mean(found, names)}"


def _targets(harvest: Harvest) -> str:
    return "the job's list" if harvest.targets_from is None else f"targets_from = {_written(harvest.targets_from)}"


def _written(named: TargetsFrom) -> str:
    said = (f"{key} = {shown(value)}" for key, value in asdict(named).items() if value is not None)
    return f"{{ {', '.join(said)} }}"
