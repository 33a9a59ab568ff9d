"""The tables of a config file as pydantic models; a field's `description` is what a fault says was expected."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator

from harvester.config import meanings
from harvester.config.values import FileFormat, RowsForm
from harvester.model import Day, RateRule, Scope, Sets, TargetSource

_SCOPES = '"url", "prefix", "host" or "subdomains"'
_NAME = "1 to 100 letters, digits and . _ - that begin with a letter, digit or _ and do not end with a dot"
_COUNT = "a whole number from 1"
_UNITS = 'a whole number of units from 0, at dataforseo of micro-dollars, or dollars as in "25.00 USD"'
_DAY = 'a date as in 2026-10-01, or days before today as in "30d"'
_SINCE = f'{_DAY}, or "last" (the day that the last complete round began)'
_TEXT = "a text on one line"
_URL = "an https:// URL"

_Count = Annotated[int, Field(ge=1, le=meanings.GREATEST)]
_Text = Annotated[str, PlainValidator(meanings.text)]
_Units = Annotated[int, PlainValidator(meanings.units)]
_Url = Annotated[str, PlainValidator(meanings.url)]


class _Table(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class JobTable(_Table):
    """`[job]`."""

    name: Annotated[str, PlainValidator(meanings.file_name)] = Field(description=_NAME)
    output: Annotated[Path, PlainValidator(meanings.output)] | None = Field(None, description="the path of a directory")
    targets: Annotated[tuple[TargetSource, ...], PlainValidator(meanings.targets)] = Field(
        (),
        description='a file, a list of files, { path = "...", column = "..." } or { inline = ["example.com"] }',
    )
    scope: Scope = Field("subdomains", description=_SCOPES)


class OutputTable(_Table):
    """`[output]`."""

    rows: RowsForm = Field("record", description='"record" or "raw"')
    format: FileFormat = Field("jsonl", description='"jsonl", "jsonl.gz" or "jsonl.zst"')
    capture: bool = Field(False, description="true or false")


class ProviderTable(_Table):
    """`[providers.NAME]`."""

    key: Annotated[tuple[str, ...], PlainValidator(meanings.key_references)] = Field(
        description='"env:NAME" (an environment variable) or "file:PATH", or a list of these'
    )
    base_url: _Url | None = Field(None, description=_URL)
    rate: Annotated[RateRule | Literal["unlimited"], PlainValidator(meanings.rate)] | None = Field(
        None, description='a text such as "60/minute" or "50/5minutes", or "unlimited"'
    )
    in_flight: Annotated[int, Field(ge=1, le=1000)] | None = Field(None, description="a whole number from 1 to 1000")
    budget: _Units | None = Field(None, description=_UNITS)
    keep: _Units | None = Field(None, description=_UNITS)
    timeout_s: Annotated[float, PlainValidator(meanings.seconds)] | None = Field(
        None, description="seconds, more than 0 and at most 86400"
    )
    row_cap: Annotated[_Count, AfterValidator(meanings.only_for("ahrefs"))] | None = Field(None, description=_COUNT)
    login: Annotated[str, PlainValidator(meanings.login), AfterValidator(meanings.only_for("dataforseo"))] | None = (
        Field(None, description='the name of the account, or "env:NAME"')
    )
    balance_url: Annotated[_Url, AfterValidator(meanings.only_for("semrush"))] | None = Field(None, description=_URL)
    token_in: Annotated[Literal["query", "header"], AfterValidator(meanings.only_for("serpstat"))] | None = Field(
        None, description='"query" or "header"'
    )
    datasource: Annotated[_Text, AfterValidator(meanings.only_for("majestic"))] | None = Field(None, description=_TEXT)


class FilterTable(_Table):
    """`filter` of a harvest."""

    is_followed: bool | None = Field(None, description="true or false")
    min_domain_score: Annotated[int | float, PlainValidator(meanings.score)] | None = Field(
        None, description="a number from 0"
    )
    one_per_domain: bool | None = Field(None, description="true or false")


class TargetsFromTable(_Table):
    """`targets_from` of a harvest."""

    harvest: _Text = Field(description="the name of another harvest of this file")
    field: _Text = Field(description="the field of that harvest's record that holds the targets")
    top: _Count | None = Field(None, description=_COUNT)


class HarvestTable(_Table):
    """One `[[harvest]]`."""

    name: Annotated[str, PlainValidator(meanings.harvest_name)] | None = Field(None, description=_NAME)
    provider: Annotated[str, PlainValidator(meanings.provider_with_table)] = Field(description="the name of a provider")
    report: Annotated[str, PlainValidator(meanings.report_name)] = Field(
        description="the name of a report, 100 characters at most"
    )
    scope: Scope | None = Field(None, description=_SCOPES)
    since: Annotated[Day | Literal["last"], PlainValidator(meanings.since)] | None = Field(None, description=_SINCE)
    until: Annotated[Day, PlainValidator(meanings.until)] | None = Field(None, description=_DAY)
    max_rows: _Count | None = Field(None, description=_COUNT)
    page_size: _Count | None = Field(None, description=_COUNT)
    fields: Annotated[list[_Text], Field(min_length=1)] | None = Field(
        None, description="a list of the provider's fields, at least one"
    )
    order_by: _Text | None = Field(None, description='a text such as "field:desc"')
    filter: FilterTable | None = Field(None, description="a table of filters")
    options: dict[str, Annotated[Any, PlainValidator(meanings.option)]] = Field(
        default_factory=dict, description="a table of texts, finite numbers, true or false, and lists of these"
    )
    sets: Annotated[Sets, PlainValidator(meanings.sets)] | None = Field(
        None, description='a list of lists of targets, or { column = "..." } of the list of targets'
    )
    targets_from: TargetsFromTable | None = Field(
        None, description='a table such as { harvest = "...", field = "competitor", top = 10 }'
    )
    only_if: Annotated[str, PlainValidator(meanings.only_if)] | None = Field(
        None, description='a condition such as "ahrefs.summary.refdomains >= 10"'
    )
