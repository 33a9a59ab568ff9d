"""A job: its config compiled against the providers it names. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Any

from harvester.config import JobConfig, ProviderConfig, default_name, harvest_fault
from harvester.config.faults import did_you_mean, shown
from harvester.errors import ConfigError, HarvestRefused
from harvester.model import (
    Compiling,
    Day,
    Exchange,
    Harvest,
    Provider,
    RateRule,
    Report,
    Scope,
    Section,
    SetColumn,
    Sets,
    SetSource,
)
from harvester.names import NotATarget, target_of
from harvester.providers import PROVIDERS
from harvester.stages import Stage, stages_of

#: What a config says of `since`, and the state and manifest after it: their `since_day` is the day it means.
LAST = "last"

#: Further keys of a provider's section that decide which rows come.
SETTINGS_OF_ROWS = ("datasource",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One provider as this job uses it: the provider's own defaults under what the config says."""

    provider: Provider
    config: ProviderConfig

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self.config.base_url or self.provider.base_url

    @property
    def section(self) -> Section:
        """What the provider's own code reads of its section."""
        is_other = self.base_url != self.provider.base_url
        return Section(base_url=self.base_url if is_other else None, settings=self.config.settings)

    @property
    def rate(self) -> RateRule | None:
        """How often one key may call; None = no limit."""
        if self.config.rate == "unlimited":
            return None
        return self.config.rate or self.provider.rate

    @property
    def in_flight(self) -> int:
        """Requests open at once, for each key."""
        return self.config.in_flight or self.provider.in_flight

    @property
    def timeout_s(self) -> float:
        """Seconds for one request, from connect to the last byte."""
        return self.config.timeout_s or self.provider.timeout_s


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledHarvest:
    """One harvest, ready to be asked."""

    harvest: Harvest  #: with the neutral name of its report
    report: Report
    exchange: Exchange
    sets: SetSource | None = None  #: where its sets come from; None = it asks about each target, or batches of them
    stage: Stage | None = None  #: which rows of another harvest its targets come from; None = the job's targets

    @property
    def targets_per_task(self) -> int:
        """How many targets of the list are one task; 0 = a task is a set."""
        return 0 if self.sets is not None else self.exchange.targets_per_task


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """All that one config file asks for, checked."""

    config: JobConfig
    day: date  #: the job's first day
    accounts: Mapping[str, Account]  #: by provider, those that a harvest uses
    harvests: tuple[CompiledHarvest, ...]

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes in which the job's targets are asked about; the job's own first."""
        listed = (item.harvest.scope for item in self.harvests if item.harvest.targets_from is None)
        return tuple(dict.fromkeys((self.config.scope, *listed)))

    @property
    def stages(self) -> dict[str, Stage]:
        """Where those harvests take their targets that do not ask about the job's list, by their names."""
        return {item.harvest.name: item.stage for item in self.harvests if item.stage is not None}

    @property
    def sets(self) -> tuple[SetSource, ...]:
        """Where the sets of those harvests come from that ask about sets."""
        return tuple(item.sets for item in self.harvests if item.sets is not None)

    @property
    def lanes(self) -> tuple[str, ...]:
        """The names of all lanes."""
        return tuple(
            lane for name, account in self.accounts.items() for lane in lane_names(name, len(account.config.keys))
        )

    def output_of(self, harvest: str) -> str:
        """Return the name of a harvest's output file."""
        return f"{harvest}.{self.config.format}"

    def meaning(self) -> dict[str, Any]:
        """Return what may not change while a job goes on: anything that changes what its rows are."""
        return {
            "[job] name": self.config.name,
            "[job] scope": self.config.scope,
            "[output] rows": self.config.rows,
            "[output] format": self.config.format,
            "[providers]": {
                name: {key: account.config.settings.get(key) for key in SETTINGS_OF_ROWS}
                for name, account in self.accounts.items()
            },
            "[[harvest]]": {item.harvest.name: self.described(item.harvest) for item in self.harvests},
        }

    def described(self, harvest: Harvest) -> dict[str, Any]:
        """Return a harvest in plain values, without what may change while the job goes on."""
        since = _day_text(harvest.since)
        return {
            "provider": harvest.provider,
            "report": harvest.report,
            "scope": harvest.scope,
            **({"since": LAST, "since_day": since} if harvest.is_since_last else {"since": since}),
            "until": _day_text(harvest.until),
            "max_rows": harvest.max_rows,
            "fields": None if harvest.fields is None else list(harvest.fields),
            "order_by": harvest.order_by,
            "filter": dict(harvest.filter),
            "options": dict(harvest.options),
            "sets": _sets_text(harvest.sets),
            "targets_from": None if harvest.targets_from is None else asdict(harvest.targets_from),
            "only_if": harvest.only_if,
        }


def lane_names(provider: str, keys: int) -> list[str]:
    """Return the names of a provider's lanes, one for each key."""
    return [provider if number == 1 else f"{provider}#{number}" for number in range(1, keys + 1)]


def compile_job(config: JobConfig, day: date) -> Job:
    """Check a config against its providers. Raises ConfigError with everything that is wrong."""
    faults: list[str] = []
    accounts: dict[str, Account] = {}
    used = {harvest.provider for harvest in config.harvests}
    for name, section in config.providers.items():
        if name in PROVIDERS and name in used:
            accounts[name] = Account(provider=PROVIDERS[name], config=section)
            faults += _setting_faults(config, accounts[name])
        elif name not in PROVIDERS:
            known = f"expected one of {', '.join(PROVIDERS)}{did_you_mean(name, PROVIDERS)}"
            faults.append(f"{config.path}: [providers.{name}]: no provider of that name; {known}")
    found: dict[int, CompiledHarvest] = {}
    for number, harvest in enumerate(config.harvests, start=1):
        if harvest.provider in accounts:
            try:
                found[number] = compile_harvest(harvest, accounts[harvest.provider], day)
            except HarvestRefused as exc:
                faults.append(harvest_fault(config.path, number, harvest.name, exc))
    faults += _name_faults(config, list(found.values()))
    failed = [harvest.name for number, harvest in enumerate(config.harvests, start=1) if number not in found]
    stages, stage_faults = stages_of(config.path, found, failed)
    if faults := [*faults, *stage_faults]:
        raise ConfigError(list(dict.fromkeys(faults)))
    staged = (replace(item, stage=stages.get(item.harvest.name)) for item in found.values())
    return Job(config=config, day=day, accounts=accounts, harvests=tuple(staged))


def differences(before: Mapping[str, Any], now: Mapping[str, Any], within: str = "") -> list[str]:
    """Return in words how two meanings of a job differ."""
    found: list[str] = []
    for key in dict.fromkeys((*before, *now)):
        old, new = before.get(key), now.get(key)
        if old == new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(old, new, f"{within}{key} ")
        elif isinstance(old, Mapping) or isinstance(new, Mapping):
            found.append(f"{within}{key} is {'gone' if new is None else 'new'}")
        else:
            found.append(f"{within}{key} was {_said(old)} and is {_said(new)}")
    return found


def _said(value: object) -> str:
    return "absent" if value is None else shown(value)


def compile_harvest(harvest: Harvest, account: Account, day: date) -> CompiledHarvest:
    """Check one harvest against its provider. Raises HarvestRefused."""
    provider = account.provider
    report = provider.report(harvest.report)
    if report is None:
        names = [*provider.reports, *(alias for item in provider.reports.values() for alias in item.aliases)]
        others = [other.name for other in PROVIDERS.values() if other.report(harvest.report) is not None]
        elsewhere = f"; providers that have {harvest.report}: {', '.join(others)}" if others else ""
        meant = did_you_mean(harvest.report, names)
        expected = f"a report of {provider.name}: {', '.join(provider.reports)}{elsewhere or meant}"
        raise HarvestRefused("report", harvest.report, expected)
    if harvest.scope not in provider.scopes:
        raise HarvestRefused("scope", harvest.scope, f"a scope that {provider.name} has: {', '.join(provider.scopes)}")
    is_named_by_default = harvest.name == default_name(harvest.provider, harvest.report)
    name = default_name(harvest.provider, report.name) if is_named_by_default else harvest.name
    neutral = replace(harvest, report=report.name, name=name)
    _admit(report, neutral, provider)
    compiling = Compiling(today=day, section=account.section)
    if neutral.is_since_last:
        _admit_last(report, neutral, compiling)
    exchange = report.compile(neutral, compiling)
    return CompiledHarvest(harvest=neutral, report=report, exchange=exchange, sets=_sets_of(neutral, report))


def _admit_last(report: Report, harvest: Harvest, compiling: Compiling) -> None:
    """Refuse `since = "last"` where no day could be asked for, also while there is none. Raises HarvestRefused."""
    some_day = min(compiling.today, compiling.day(harvest.until) or compiling.today)
    try:
        report.compile(replace(harvest, since=harvest.since or some_day), compiling)
    except HarvestRefused as exc:
        if exc.key == "since":
            raise HarvestRefused("since", LAST, exc.expected) from None
        raise


def _admit(report: Report, harvest: Harvest, provider: Provider) -> None:
    """Refuse filters and sets that a report cannot express, and say which others can. Raises HarvestRefused."""
    for name, value in harvest.filter.items():
        if name not in report.filters:
            raise HarvestRefused(f"filter.{name}", value, _able(name, report, provider))
    if harvest.sets is not None and report.sets is None:
        able = ", ".join(item.name for item in provider.reports.values() if item.sets is not None) or "none"
        raise HarvestRefused(
            "sets", _sets_text(harvest.sets), f"none; reports of {provider.name} that take sets: {able}"
        )


def _sets_of(harvest: Harvest, report: Report) -> SetSource | None:
    """Return where the harvest's sets come from. Raises HarvestRefused for a set that cannot be asked about."""
    if report.sets is None or (harvest.sets is None and not report.sets.is_needed):
        return None
    source = SetSource(harvest=harvest.name, scope=harvest.scope, size=report.sets)
    if harvest.sets is None:
        return source
    if isinstance(harvest.sets, SetColumn):
        return replace(source, column=harvest.sets.name)
    named = tuple(_set_of(targets, source) for targets in harvest.sets)
    if repeated := [targets for targets in named if named.count(targets) > 1]:
        raise HarvestRefused("sets", repeated[0], "each set once")
    return replace(source, named=named)


def _set_of(written: tuple[str, ...], source: SetSource) -> tuple[str, ...]:
    """Return one set as its scope asks about it. Raises HarvestRefused."""
    targets: list[str] = []
    for text in written:
        try:
            targets.append(target_of(text, source.scope))
        except NotATarget as exc:
            raise HarvestRefused("sets", text, f"targets in every set: {exc}") from None
    if len(set(targets)) < len(targets):
        raise HarvestRefused("sets", written, "each target once in a set")
    if not source.size.least <= len(targets) <= source.size.most:
        raise HarvestRefused("sets", written, f"{source.size.least} to {source.size.most} targets in a set")
    return tuple(targets)


def _able(name: str, report: Report, provider: Provider) -> str:
    """Return what can be asked instead of a filter that the report does not have."""
    others = [
        other.name
        for other in PROVIDERS.values()
        if report.name in other.reports and name in other.reports[report.name].filters
    ]
    reports = [item.name for item in provider.reports.values() if name in item.filters]
    words = [
        f"filters of this report only: {', '.join(report.filters) or 'none'}",
        f"providers that can filter {report.name} so: {', '.join(others)}" if others else "",
        f"reports of {provider.name} that can: {', '.join(reports)}" if reports else "",
    ]
    return "; ".join(filter(None, words))


def _setting_faults(config: JobConfig, account: Account) -> list[str]:
    known, table = account.provider.settings, f"{config.path}: [providers.{account.provider.name}]"
    missing = [
        f"{table} {key}: missing; expected {known[key]}"
        for key in account.provider.needed_settings
        if key not in account.config.settings
    ]
    return missing + [
        f"{table} {key}: not a key of {account.provider.name}; its own keys are: {', '.join(known) or 'none'}"
        for key in account.config.settings
        if key not in known
    ]


def _name_faults(config: JobConfig, harvests: list[CompiledHarvest]) -> list[str]:
    """Return a fault for each name that two harvests have, now that reports go by their neutral names."""
    names = [item.harvest.name.casefold() for item in harvests]  # some disks take upper and lower case for the same
    return [
        f"{config.path}: two [[harvest]] tables would write {shown(name)}: give one of them a `name` of its own"
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]


def _sets_text(sets: Sets | None) -> Any:
    if isinstance(sets, SetColumn):
        return {"column": sets.name}
    return None if sets is None else [list(names) for names in sets]


def _day_text(day: Day | None) -> str | None:
    return f"{day.days}d" if isinstance(day, timedelta) else day.isoformat() if day is not None else None
