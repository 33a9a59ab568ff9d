"""What it cost, and how the run went: requests, throttling, units over time."""

from collections.abc import Mapping
from typing import Any

from harvester.display import MILLIONTHS, digits, shown, unit_shown
from harvester.insight.report.charts import running_total
from harvester.insight.report.parts.blocks import queries
from harvester.insight.report.values import Block, Cell, Column, Figure, Found, Section, Table, Tile
from harvester.insight.report.words import NOTHING, UNKNOWN, count_cell, number_column, title_of

NAME = "cost"


def section(found: Found) -> Section:
    """Return the books of each provider, and units over time."""
    return Section(
        name=NAME,
        short="Cost and run",
        title="What it cost, and how the run went",
        about="By the job's own books. In doubt: replies that were lost on the way and may have been billed.",
        blocks=[_block(found)],
    )


def tile(found: Found) -> Tile:
    """Return what was spent at each provider: units of two providers are no sum."""
    return Tile(
        section=NAME,
        question="What did it cost?",
        figure="" if found.facts.providers else NOTHING,
        unit="",
        words=[] if found.facts.providers else ["nothing was asked yet"],
        amounts=[(name, spent(item)) for name, item in found.facts.providers.items()],
    )


def spent(item: Mapping[str, Any]) -> str:
    """Return what a provider has cost, in its unit, or in money where that is its unit."""
    unit = item.get("unit")
    if unit in MILLIONTHS:
        return f"{item['units_spent'] / 1_000_000:,.2f} {MILLIONTHS[unit]}"
    return f"{item['units_spent']:,} {shown(str(unit or 'units'), 40)}"


def _block(found: Found) -> Block:
    if not found.facts.providers:
        return Block(missing="No request has left yet: harvester run begins.")
    return Block(
        figures=_figures(found),
        tables=[_books(found)],
        notes=[
            "Units over time are those of finished tasks, when they finished; a task that is still open is not in them."
        ],
        queries=queries(found.once, "units_over_time"),
    )


def _books(found: Found) -> Table:
    columns = [
        Column(title="Provider", kind="word"),
        *map(number_column, ("Requests", "Retries")),
        number_column("Throttled", "refused because they came too fast"),
        *map(number_column, ("Rows", "Spent", "In doubt", "Held", "Budget", "Balance")),
        Column(title="Unit", kind="word"),
    ]
    rows = []
    for name, item in found.facts.providers.items():
        unit = item.get("unit")
        counts = [count_cell(item[key]) for key in ("requests", "retries", "throttled", "rows")]
        money = [
            _money(item[key], unit) for key in ("units_spent", "units_in_doubt", "units_held", "budget", "balance")
        ]
        rows.append([Cell(text=title_of(name)), *counts, *money, Cell(text=shown(unit_shown(unit), 40))])
    caption = "Requests and units of each provider, as harvester status says"
    return Table(name="books", caption=caption, columns=columns, rows=rows, total=len(rows))


def _money(units: int | None, unit: str | None) -> Cell:
    if units is None:
        return UNKNOWN
    said = digits(units, unit)
    return Cell(text=said, value=said.replace(",", ""))


def _figures(found: Found) -> list[Figure]:
    figures = []
    rows = found.once["units_over_time"].rows
    for provider in dict.fromkeys(row["provider"] for row in rows):
        steps = [row for row in rows if row["provider"] == provider]
        unit = found.facts.providers.get(provider, {}).get("unit")
        total = digits(sum(row["units"] for row in steps), unit)
        title, of = title_of(provider), shown(unit_shown(unit), 40)
        words = f"{title}: {total} {of} in all, added up over time"
        svg = running_total(
            steps, provider, found.once["began"].rows[0]["began"], 1e-6 if unit in MILLIONTHS else 1.0, words
        )
        figures.append(Figure(title=title, provider=provider, note=f"{total} {of}", svg=svg))
    return figures
