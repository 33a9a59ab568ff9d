"""`harvester providers`."""

from typing import Any

import click

from harvester.cli.options import json_option
from harvester.cli.table import table
from harvester.codec import dump_pretty
from harvester.errors import ConfigError
from harvester.model import Provider
from harvester.providers import PROVIDERS


@click.command()
@click.argument("name", required=False)
@json_option
def providers(name: str | None, as_json: bool) -> None:
    """Show each provider's reports, scopes, prices, limits and paging; with NAME one of them in full.

    Example: harvester providers ahrefs
    """
    if name is not None and name not in PROVIDERS:
        raise ConfigError(f"{name}: no provider of that name; there are {', '.join(PROVIDERS)}")
    if as_json:
        chosen = PROVIDERS.values() if name is None else [PROVIDERS[name]]
        click.echo(dump_pretty({item.name: _described(item) for item in chosen}), nl=False)
    elif name is None:
        head = ("provider", "title", "reports", "rate", "in flight", "unit")
        rows = [
            (item.name, item.title, len(item.reports), str(item.rate), item.in_flight, item.unit)
            for item in PROVIDERS.values()
        ]
        click.echo(table(head, rows))
    else:
        click.echo(_text(PROVIDERS[name]))


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
                "price": report.price,
                "paging": report.paging,
            }
            for name, report in provider.reports.items()
        },
    }


def _text(provider: Provider) -> str:
    lines = [
        f"{provider.title}: {provider.base_url}",
        f"  rate      {provider.rate}, {provider.in_flight} requests open at once, {provider.timeout_s:g} s each",
        f"  unit      {provider.unit}; the balance is {'free to ask' if provider.balance else 'not told'}",
        f"  scopes    {', '.join(provider.scopes)}",
        f"  filters   {', '.join(provider.filters)}",
        *(f"  {key:<9} {about}" for key, about in provider.settings.items()),
    ]
    for report in provider.reports.values():
        aliases = f" [{', '.join(report.aliases)}]" if report.aliases else ""
        batch = f"; {report.targets_per_task} targets a request" if report.targets_per_task > 1 else ""
        lines += ["", f"{report.name}{aliases} -> {report.record}{batch}", f"  {report.about}"]
        lines += [f"  {name:<9} {text}" for name, text in (("price", report.price), ("paging", report.paging)) if text]
    return "\n".join(lines)
