"""What a config asks for: harvests, their targets, and how an account may be used."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

Scope = Literal["url", "prefix", "host", "subdomains"]
SCOPES: tuple[Scope, ...] = ("url", "prefix", "host", "subdomains")

#: A date, or how long before the job's first day.
Day = date | timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSource:
    """One list of targets: a file, standard input, or names written in the config itself."""

    path: Path | None = None  #: `Path("-")` = standard input; None = `inline` is the list
    column: str | None = None  #: CSV column or JSON Lines key; None = find it
    inline: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRule:
    """How often one key may call: at most `calls` requests in any window of `window_s` seconds."""

    calls: int
    window_s: float

    def __str__(self) -> str:
        names = {1.0: "second", 60.0: "minute", 3600.0: "hour", 86400.0: "day"}
        return f"{self.calls}/{names.get(self.window_s) or f'{self.window_s:g} s'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One key of one provider. `repr` and `str` never show the secret."""

    key: str = field(repr=False)
    login: str | None = field(default=None, repr=False)

    def secrets(self) -> tuple[str, ...]:
        """Return the texts that must never be shown."""
        return (self.key,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvest:
    """One `[[harvest]]` table of a job, checked against the config's own rules and not yet against a provider."""

    name: str
    provider: str
    report: str  #: neutral name or one of the provider's own
    scope: Scope = "subdomains"
    since: Day | None = None
    until: Day | None = None
    max_rows: int | None = None  #: rows per target; None = all
    page_size: int | None = None  #: rows per request; None = the cheapest the provider allows
    fields: tuple[str, ...] | None = None  #: provider fields to pay for; None = those the record needs
    order_by: str | None = None
    filter: Mapping[str, Any] = field(default_factory=dict)  #: neutral filters
    options: Mapping[str, Any] = field(default_factory=dict)  #: parameters passed to the provider as they are
    sets: "Sets | None" = None  #: for reports about several targets at once; None = the job's targets are one set
    targets_from: "TargetsFrom | None" = None  #: None = the job's targets
    only_if: str | None = None  #: a condition on the records of another harvest about the same target
    #: The config says `since = "last"`; then `since` is the day that this means in the present round; None = none yet.
    is_since_last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetsFrom:
    """The rows of another harvest as a list of targets."""

    harvest: str
    field: str  #: of its record
    top: int | None = None  #: only the first so many rows of each of its targets; None = all


@dataclass(frozen=True, slots=True)
class SetColumn:
    """Sets that the target list itself names: the lines with the same text in this column are one set."""

    name: str


Sets = tuple[tuple[str, ...], ...] | SetColumn
