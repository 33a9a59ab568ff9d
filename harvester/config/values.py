"""What a config file means: the values that the rest of the project sees."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from harvester.model import Harvest, RateRule, Scope, TargetSource

RowsForm = Literal["record", "raw"]
FileFormat = Literal["jsonl", "jsonl.gz", "jsonl.zst"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderConfig:
    """One `[providers.NAME]` table. None = the provider's own default, or no limit."""

    name: str
    keys: tuple[str, ...]  #: "env:NAME" or "file:PATH" with an absolute path; never the secret
    base_url: str | None = None  #: without a trailing slash
    rate: RateRule | Literal["unlimited"] | None = None
    in_flight: int | None = None  #: open requests at once
    budget: int | None = None  #: units this job may spend here; None = no limit
    keep: int | None = None  #: units to leave on the account
    timeout_s: float | None = None  #: one request, connect to last byte
    #: The keys that only some providers have: row_cap, login, balance_url, token_in, datasource.
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobConfig:
    """One config file."""

    path: Path  #: as it was given, for messages
    name: str
    output: Path  #: the job directory, absolute
    targets: tuple[TargetSource, ...]  #: empty only if every harvest has sets of its own
    scope: Scope
    rows: RowsForm
    format: FileFormat
    capture: bool
    providers: Mapping[str, ProviderConfig]
    harvests: tuple[Harvest, ...]
    as_written: Mapping[str, Any]  #: the file as parsed, for the manifest: holds no secret
