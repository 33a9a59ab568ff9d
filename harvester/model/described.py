"""A provider, described: its reports, its account, and what can be asked of it for nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from harvester.model.exchange import Exchange, Reply, Request, Verdict
from harvester.model.wanted import SCOPES, Credential, Day, Harvest, RateRule, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What an account says of itself."""

    units_left: int | None  #: None = the account has no limit it tells of
    #: A count that every charge raises and nothing lowers within a period; None = only what is left is told.
    units_used: int | None = None
    period: str = ""  #: the period that `units_used` counts within
    about: str = ""  #: plan, reset date: one line for a user
    learnt: Mapping[str, int] = field(default_factory=dict)  #: the account's own prices, as facts for later steps

    def above(self, keep_units: int) -> int | None:
        """Return what may be spent of it so that `keep_units` stay; None = no limit is known."""
        return None if self.units_left is None else max(0, self.units_left - keep_units)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A provider's section of the config, as far as its own code reads it."""

    base_url: str | None = None  #: another address than the provider's own, without a trailing slash
    settings: Mapping[str, Any] = field(default_factory=dict)  #: its further keys


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceCall:
    """The free question after the balance of a key."""

    ask: Callable[[Section], Request]
    read: Callable[[Reply], Balance]  #: raises UnknownReply
    rate: RateRule | None = None  #: a limit of its own, beside the provider's
    #: How long after a request its charge may still be missing in the answer. No provider documents it.
    shows_after_s: float = 10.0
    tells_prices: bool = False  #: prices differ by account, and the answer has them (`Balance.learnt`)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptCall:
    """The free question after what a request was billed whose reply was lost.

    `mark` writes a text into a request by which the provider's list of what it did can be searched; it is another
    text for every request that leaves.
    """

    mark: Callable[[Request, str], Request]
    ask: Callable[[datetime, datetime], Request]  #: from when it left to now, UTC
    read: Callable[[Reply, str], int | None]  #: units billed; None = the mark is not in the list; raises UnknownReply


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """A paid question after how many rows reports of a target have."""

    report: str  #: the neutral name of a report whose records answer it
    sizes: Mapping[str, str]  #: neutral name of a report -> field of the answer's record that counts its rows
    fields: tuple[str, ...] | None = None  #: provider fields to pay for; None = those the record needs
    options: Mapping[str, Any] = field(default_factory=dict)
    scopes: tuple[Scope, ...] = SCOPES  #: in which it can be asked
    upper: frozenset[str] = frozenset()  #: reports that may have fewer rows than it counts
    #: Asked for each harvest by itself, with its own filter and options, so that its rows are counted exactly. The
    #: option "of" then names the report.
    is_of_harvest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiling:
    """What a harvest is compiled with, besides its own table."""

    today: date  #: the job's first day: relative dates and "now" mean this day for the whole life of the job
    section: Section = field(default_factory=Section)

    def day(self, day: Day | None) -> date | None:
        """Return the calendar day meant by a harvest's `since` or `until`."""
        return self.today - day if isinstance(day, timedelta) else day


class SetSize(NamedTuple):
    """How many targets a report compares in one call."""

    least: int
    most: int
    is_needed: bool = True  #: False = asks in batches of the job's targets unless the harvest names sets


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSource:
    """Where one harvest's sets come from: `named`, or else `column`, or else all targets of the job."""

    harvest: str
    scope: Scope
    size: SetSize
    named: tuple[tuple[str, ...], ...] = ()  #: as the scope asks about them
    column: str | None = None  #: of the list


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One report of a provider."""

    name: str  #: neutral
    record: str
    about: str
    compile: Callable[[Harvest, Compiling], Exchange]  #: raises HarvestRefused
    aliases: tuple[str, ...] = ()  #: the provider's own names
    targets_per_task: int = 1
    filters: tuple[str, ...] = ()  #: neutral filters that it can express
    sets: SetSize | None = None  #: None = it never asks about a set
    price: str = ""  #: for a user
    paging: str = ""  #: for a user


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One provider, described."""

    name: str
    title: str
    base_url: str
    unit: str  #: plural, for a user: "API units"
    rate: RateRule
    in_flight: int
    timeout_s: float
    scopes: tuple[Scope, ...]
    reports: Mapping[str, Report]  #: by neutral name
    sign: Callable[[Request, Credential], Request]
    judge: Callable[[Reply], Verdict]
    balance: BalanceCall | None = None
    receipts: ReceiptCall | None = None
    sizing: tuple[Sizing, ...] = ()  #: the cheapest first; the first that counts all reports in question is asked
    settings: Mapping[str, str] = field(default_factory=dict)  #: further keys of its config section, explained
    needed_settings: tuple[str, ...] = ()  #: those of them that it cannot do without

    @property
    def filters(self) -> tuple[str, ...]:
        """The neutral filters that at least one report can express."""
        return tuple(dict.fromkeys(name for report in self.reports.values() for name in report.filters))

    def report(self, name: str) -> Report | None:
        """Return the report of that neutral name or alias."""
        if name in self.reports:
            return self.reports[name]
        return next((report for report in self.reports.values() if name in report.aliases), None)
