"""A job: its config compiled against the providers it names. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches
from typing import Any

from harvester.config import JobConfig, ProviderConfig, default_name, harvest_fault
from harvester.errors import ConfigError, HarvestRefused
from harvester.model import Compiling, Exchange, Harvest, Provider, RateRule, Report, Scope
from harvester.providers import PROVIDERS


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """All that one config file asks for, checked."""

    config: JobConfig
    day: date  #: the job's first day
    accounts: Mapping[str, Account]  #: by provider, those that a harvest uses
    harvests: tuple[CompiledHarvest, ...]

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes in which targets are asked about; the job's own first."""
        return tuple(dict.fromkeys((self.config.scope, *(item.harvest.scope for item in self.harvests))))

    def output_of(self, harvest: str) -> str:
        """Return the name of a harvest's output file."""
        return f"{harvest}.{self.config.format}"

    def meaning(self) -> dict[str, Any]:
        """Return what may not change while a job goes on: anything that changes what its rows are."""
        return {
            "job.name": self.config.name,
            "job.scope": self.config.scope,
            "output.rows": self.config.rows,
            "output.format": self.config.format,
            "harvests": {item.harvest.name: _meaning(item.harvest) for item in self.harvests},
        }


def compile_job(config: JobConfig, day: date) -> Job:
    """Check a config against its providers. Raises ConfigError with everything that is wrong."""
    faults: list[str] = []
    accounts: dict[str, Account] = {}
    for name in dict.fromkeys(harvest.provider for harvest in config.harvests):
        if name in PROVIDERS:
            accounts[name] = Account(provider=PROVIDERS[name], config=config.providers[name])
            faults += _setting_faults(config, accounts[name])
        else:
            expected = f"one of {', '.join(PROVIDERS)}{_nearest(name, PROVIDERS)}"
            faults.append(f"{config.path}: provider = {name!r}: expected {expected}")
    harvests: list[CompiledHarvest] = []
    for number, harvest in enumerate(config.harvests, start=1):
        if harvest.provider in accounts:
            try:
                harvests.append(_compile(harvest, accounts[harvest.provider], day))
            except HarvestRefused as exc:
                faults.append(harvest_fault(config.path, number, harvest.name, exc))
    faults += _name_faults(config, harvests)
    if faults:
        raise ConfigError(faults)
    return Job(config=config, day=day, accounts=accounts, harvests=tuple(harvests))


def differences(before: Mapping[str, Any], now: Mapping[str, Any], within: str = "") -> list[str]:
    """Return in words how two meanings of a job differ."""
    found: list[str] = []
    for key in dict.fromkeys((*before, *now)):
        old, new = before.get(key), now.get(key)
        if old == new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(old, new, f"{within}{key}.")
        elif key not in now:
            found.append(f"{within}{key} is gone")
        elif key not in before:
            found.append(f"{within}{key} is new")
        else:
            found.append(f"{within}{key} was {old!r} and is {new!r}")
    return found


def _compile(harvest: Harvest, account: Account, day: date) -> CompiledHarvest:
    provider = account.provider
    report = provider.report(harvest.report)
    if report is None:
        names = [*provider.reports, *(alias for item in provider.reports.values() for alias in item.aliases)]
        expected = f"a report of {provider.name}: {', '.join(provider.reports)}{_nearest(harvest.report, names)}"
        raise HarvestRefused("report", harvest.report, expected)
    if harvest.scope not in provider.scopes:
        raise HarvestRefused("scope", harvest.scope, f"a scope that {provider.name} has: {', '.join(provider.scopes)}")
    is_named_by_default = harvest.name == default_name(harvest.provider, harvest.report)
    name = default_name(harvest.provider, report.name) if is_named_by_default else harvest.name
    neutral = replace(harvest, report=report.name, name=name)
    exchange = report.compile(neutral, Compiling(today=day, settings=account.config.settings))
    return CompiledHarvest(harvest=neutral, report=report, exchange=exchange)


def _setting_faults(config: JobConfig, account: Account) -> list[str]:
    known = account.provider.settings
    return [
        f"{config.path}: [providers.{account.provider.name}] {key}: not a key of {account.provider.name};"
        f" its own keys are: {', '.join(known) or 'none'}"
        for key in account.config.settings
        if key not in known
    ]


def _name_faults(config: JobConfig, harvests: list[CompiledHarvest]) -> list[str]:
    names = [item.harvest.name for item in harvests]
    twice = dict.fromkeys(name for name in names if names.count(name) > 1)
    return [
        f"{config.path}: two [[harvest]] tables are named {name!r}: give one of them a name of its own"
        for name in twice
    ]


def _meaning(harvest: Harvest) -> dict[str, Any]:
    return {
        "provider": harvest.provider,
        "report": harvest.report,
        "scope": harvest.scope,
        "since": None if harvest.since is None else str(harvest.since),
        "until": None if harvest.until is None else str(harvest.until),
        "max_rows": harvest.max_rows,
        "fields": None if harvest.fields is None else list(harvest.fields),
        "order_by": harvest.order_by,
        "filter": dict(harvest.filter),
        "options": dict(harvest.options),
        "sets": None if harvest.sets is None else [list(names) for names in harvest.sets],
    }


def _nearest(found: str, known: Mapping[str, object] | list[str]) -> str:
    match = get_close_matches(found, known, n=1)
    return f"; did you mean {match[0]!r}?" if match else ""
