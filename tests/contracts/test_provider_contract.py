"""What every provider keeps, whatever it is: run over each row of PROVIDERS, and over yours when you add one."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.codec import dump, parse
from harvester.config import ProviderConfig
from harvester.errors import HarvestRefused, UnknownReply, UnreadableRow
from harvester.job import Account, compile_harvest
from harvester.model import (
    SCOPES,
    Action,
    Allowance,
    Compiling,
    Credential,
    Exchange,
    Harvest,
    Provider,
    Reply,
    Report,
    Request,
    Row,
    Step,
    Task,
)
from harvester.providers import PROVIDERS
from harvester.records import RECORDS

ARRIVED_AT = datetime(2026, 11, 1, tzinfo=UTC)
COMPILING = Compiling(today=date(2026, 11, 1))
SECRET = "s3cr3t-k3y"


@dataclass(frozen=True)
class Case:
    """One report of one provider; short to print, since Hypothesis prints what fails."""

    name: str
    provider: Provider = field(repr=False)
    report: Report = field(repr=False)


CASES = [
    Case(f"{provider.name}.{report.name}", provider, report)
    for provider in PROVIDERS.values()
    for report in provider.reports.values()
]
each_report = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
each_provider = pytest.mark.parametrize("provider", PROVIDERS.values(), ids=list(PROVIDERS))

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
bodies = st.binary(max_size=64) | json_values.map(lambda value: json.dumps(value).encode())


def harvest_of(case: Case) -> Harvest:
    return Harvest(name="h", provider=case.provider.name, report=case.report.name)


def compiled(case: Case) -> Exchange:
    return case.report.compile(harvest_of(case), COMPILING)


def account_of(provider: Provider) -> Account:
    return Account(provider=provider, config=ProviderConfig(name=provider.name, keys=("env:KEY",)))


def step_of(exchange: Exchange, allowance: Allowance | None = None) -> Step:
    targets = tuple(f"t{number}.example" for number in range(min(3, exchange.targets_per_task)))
    return Step(task=Task(id="t", harvest="h", targets=targets), allowance=allowance or Allowance())


def asked(exchange: Exchange) -> tuple[Step, Request]:
    step = step_of(exchange)
    request = exchange.ask(step)
    assert request is not None
    return step, request


def reply_of(status: int, body: bytes, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status=status, headers=headers or {}, body=body, arrived_at=ARRIVED_AT)


@each_provider
def test_a_provider_is_listed_under_its_own_name_and_knows_its_scopes(provider: Provider) -> None:
    assert PROVIDERS[provider.name] is provider
    assert "subdomains" in provider.scopes, "the default of every config"
    assert set(provider.scopes) <= set(SCOPES)
    assert provider.base_url.startswith("https://")
    assert not provider.base_url.endswith("/")


@each_provider
def test_names_and_aliases_of_reports_are_unambiguous(provider: Provider) -> None:
    names = [name for report in provider.reports.values() for name in (report.name, *report.aliases)]
    assert len(names) == len(set(names))
    for report in provider.reports.values():
        for name in (report.name, *report.aliases):
            assert provider.report(name) is report
    assert provider.report("no such report") is None


@each_report
def test_a_report_compiles_with_nothing_but_its_name(case: Case) -> None:
    exchange = compiled(case)
    assert exchange.record == case.report.record
    assert case.report.record in RECORDS
    assert 1 <= exchange.targets_per_task <= case.report.targets_per_task


@each_report
def test_an_unknown_field_filter_or_option_is_refused_before_anything_is_sent(case: Case) -> None:
    harvest = harvest_of(case)
    for wrong in (
        replace(harvest, options={"no_such_option": 1}),
        replace(harvest, fields=("no_such_field",)),
        replace(harvest, filter={"no_such_filter": True}),
    ):
        with pytest.raises(HarvestRefused):
            compile_harvest(wrong, account_of(case.provider), COMPILING.today)


@each_report
def test_the_first_request_is_whole_and_holds_no_secret(case: Case) -> None:
    _, request = asked(compiled(case))
    assert request.path.startswith("/")
    assert request.most_units >= 0
    signed = case.provider.sign(request, Credential(key=SECRET, login="somebody"))
    assert SECRET not in repr(request)
    assert signed != request, "the key is somewhere in the signed request"
    assert signed.path == request.path


@each_report
@given(units=st.integers(0, 5000), rows=st.none() | st.integers(1, 500))
@settings(max_examples=30, deadline=None)
def test_a_request_never_costs_more_than_it_is_allowed(case: Case, units: int, rows: int | None) -> None:
    exchange = compiled(case)
    request = exchange.ask(step_of(exchange, Allowance(units=units, rows=rows)))
    if request is not None:
        assert request.most_units <= units


@each_report
def test_asking_is_pure(case: Case) -> None:
    exchange = compiled(case)
    assert asked(exchange) == asked(exchange)


@each_report
@given(status=st.integers(100, 599), body=bodies)
@settings(max_examples=40, deadline=None)
def test_any_reply_can_be_judged_and_whatever_is_kept_can_be_read(case: Case, status: int, body: bytes) -> None:
    exchange = compiled(case)
    step, request = asked(exchange)
    reply = reply_of(status, body)
    verdict = exchange.judge(step, request, reply)
    case.provider.judge(reply)
    assert verdict.units is None or verdict.units >= 0
    if verdict.action is not Action.KEEP:
        assert verdict.why, "a user is told why"
        return
    try:
        page = exchange.read(step, request, reply)
    except UnknownReply:
        return
    assert page.units is None or page.units >= 0
    for row in page.rows:
        assert row.target in step.task.targets or row.target == ""
        try_to_map(exchange, row)
    if page.next is not None:
        assert parse(dump(page.next)) == page.next, "a cursor survives being written down"


@each_report
@given(data=json_values)
@settings(max_examples=60, deadline=None)
def test_any_row_becomes_a_whole_record_or_is_unreadable(case: Case, data: object) -> None:
    exchange = compiled(case)
    try_to_map(exchange, Row("t0.example", data))


def try_to_map(exchange: Exchange, row: Row) -> None:
    try:
        record = exchange.record_of(row, ARRIVED_AT)
    except UnreadableRow:
        return
    assert list(record) == [field.name for field in RECORDS[exchange.record]]
    dump(record)


@each_report
def test_too_many_requests_pause_and_a_refused_key_stops(case: Case) -> None:
    exchange = compiled(case)
    step, request = asked(exchange)
    assert exchange.judge(step, request, reply_of(429, b"<html>slow down</html>")).action is Action.PAUSE
    assert exchange.judge(step, request, reply_of(401, b"{}")).action is Action.STOP_LANE
    assert exchange.judge(step, request, reply_of(503, b"")).action is Action.AGAIN


@each_report
def test_a_forecast_has_a_least_that_is_not_above_its_most(case: Case) -> None:
    forecast = case.report.compile(replace(harvest_of(case), max_rows=1000), COMPILING).forecast()
    assert forecast.least_requests >= 1
    assert forecast.most_requests is None or forecast.most_requests >= forecast.least_requests
    assert forecast.most_units is None or forecast.most_units >= forecast.least_units >= 0
