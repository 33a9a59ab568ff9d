"""`harvester providers`."""

from collections.abc import Mapping
from typing import Any

import click

from harvester.cli.options import json_option
from harvester.cli.words import counted, table
from harvester.codec import dump_pretty
from harvester.display import MILLIONTHS, unit_shown
from harvester.errors import ConfigError
from harvester.model import Provider, Report
from harvester.providers import PROVIDERS


@click.command()
@click.argument("name", required=False)
@json_option
def providers(name: str | None, as_json: bool) -> None:
    """Show who offers which report at which price, or one provider in full.

    In full: its reports with the provider's own names, its scopes, filters, limits and settings.

    Example: harvester providers ahrefs
    """
    if name is not None and name not in PROVIDERS:
        raise ConfigError(f"{name}: no provider of that name; there are {', '.join(PROVIDERS)}")
    if as_json:
        chosen = PROVIDERS.values() if name is None else [PROVIDERS[name]]
        click.echo(dump_pretty({item.name: _described(item) for item in chosen}), nl=False)
    elif name is None:
        click.echo(_list_text())
    else:
        click.echo(_text(PROVIDERS[name]))


def _list_text() -> str:
    head = ("provider", "title", "reports", "rate", "open", "unit")
    rows = [
        (item.name, item.title, len(item.reports), str(item.rate), item.in_flight, unit_shown(item.unit))
        for item in PROVIDERS.values()
    ]
    more = f"All that is known of one: harvester providers {next(iter(PROVIDERS))}"
    return f"{table(head, rows)}\n\n{_matrix_text()}\n\n{more}"


def _matrix_text() -> str:
    """Return one line for each report of each provider; the same report of several stands together."""
    names = dict.fromkeys(name for provider in PROVIDERS.values() for name in provider.reports)
    rows = []
    for name in names:
        offers = [(item.name, item.reports[name]) for item in PROVIDERS.values() if name in item.reports]
        rows += [
            (name if at == 0 else "", provider, report.price, report.paging)
            for at, (provider, report) in enumerate(offers)
        ]
    return table(("report", "provider", "price", "paging"), rows)


def _described(provider: Provider) -> dict[str, Any]:
    return {
        "title": provider.title,
        "base_url": provider.base_url,
        "unit": provider.unit,
        "rate": str(provider.rate),
        "in_flight": provider.in_flight,
        "timeout_s": provider.timeout_s,
        "scopes": provider.scopes,
        "filters": provider.filters,
        "settings": dict(provider.settings),
        "has_free_balance": provider.balance is not None,
        "reports": {
            name: {
                "aliases": report.aliases,
                "record": report.record,
                "about": report.about,
                "targets_per_request": report.targets_per_task,
                "targets_per_set": None
                if report.sets is None
                else {"least": report.sets.least, "most": report.sets.most},
                "filters": report.filters,
                "price": report.price,
                "paging": report.paging,
            }
            for name, report in provider.reports.items()
        },
    }


def _text(provider: Provider) -> str:
    pace = f"{provider.rate}, {counted(provider.in_flight, 'request')} open at once, {provider.timeout_s:g} s for each"
    facts = {
        "rate": pace,
        "unit": f"{_unit_text(provider.unit)}; the balance is {'free to ask' if provider.balance else 'not told'}",
        "scopes": ", ".join(provider.scopes),
        "filters": ", ".join(provider.filters) or "none",
        **provider.settings,
    }
    lines = [f"{provider.title}, {provider.base_url}", *_facts_text(facts), "", "reports (record):"]
    for report in provider.reports.values():
        facts = {
            "price": report.price,
            "paging": report.paging,
            "filters": ", ".join(report.filters),
            "sets": _sets_text(report),
            "also": ", ".join(report.aliases),
        }
        lines += ["", f"{report.name} ({report.record}): {report.about}", *_facts_text(facts)]
    return "\n".join(lines)


def _unit_text(unit: str) -> str:
    """Return what is paid in; of money also what files and scripts count."""
    return f"{unit_shown(unit)}, counted in {unit}" if unit in MILLIONTHS else unit


def _sets_text(report: Report) -> str:
    if report.sets is None:
        return ""
    bounds = f"of {report.sets.least} to {report.sets.most} targets"
    return f"needed, {bounds}" if report.sets.is_needed else f"possible, {bounds}"


def _facts_text(facts: Mapping[str, str]) -> list[str]:
    width = max(map(len, facts))
    return [f"  {name:<{width}} {text}" for name, text in facts.items() if text]
