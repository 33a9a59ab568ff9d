"""How the referring domains grew, provider by provider."""

from harvester.insight.report.charts import growth
from harvester.insight.report.parts.blocks import Head, missing, per_scope, queries, table
from harvester.insight.report.values import Answers, Block, Cell, Column, Figure, Found, Row, Scope, Section
from harvester.insight.report.words import count_cell, day, day_cell, number_column, text_cell, title_of


def section(found: Found) -> Section:
    """Return a panel for each provider that has a history."""
    return Section(
        name="growth",
        short="Growth",
        title="Referring domains over time",
        about="As each provider counts them: rules differ (DataForSEO counts subdomains singly), so compare shapes,"
        " not heights. No axis begins at zero.",
        blocks=per_scope(found, _block),
    )


def _block(scope: Scope, answers: Answers) -> Block:
    asked = queries(answers, "growth", "growth_by_target")
    if not answers["growth"].rows:
        return missing(scope, "the report history (Ahrefs, Semrush, DataForSEO)", asked)

    def cells(row: Row) -> list[Cell]:
        change = row["change"]
        return [
            Cell(text=title_of(row["provider"])),
            text_cell(row["target"]),
            day_cell(row["since"]),
            count_cell(row["before"]),
            day_cell(row["until"]),
            count_cell(row["after"]),
            Cell(text=f"{change:+,}".replace("-", "\N{MINUS SIGN}"), value=str(change)),
        ]

    columns = [
        Column(title="Provider", kind="word"),
        Column(title="Target"),
        Column(title="From", kind="word"),
        number_column("Domains"),
        Column(title="Until", kind="word"),
        number_column("Domains then"),
        number_column("Change"),
    ]
    names = dict.fromkeys(row["provider"] for row in answers["growth"].rows)
    caption = "Referring domains at the first and the last point, the greatest change first"
    return Block(
        scope=scope.name,
        figures=[_figure(name, answers) for name in names],
        tables=[
            table(
                Head(name="growth_by_target", caption=caption, columns=columns, is_folded=True),
                answers["growth_by_target"],
                cells,
                scope,
            )
        ],
        queries=asked,
    )


def _figure(provider: str, answers: Answers) -> Figure:
    rows = [row for row in answers["growth"].rows if row["provider"] == provider]
    first, last = rows[0], rows[-1]
    says = f"{first['value']:,} → {last['value']:,}"
    of = f"; summed over {last['targets']:,} targets" if last["targets"] > 1 else ""
    title = title_of(provider)
    words = f"Referring domains, {title}: {says}, from {day(first['date'])} to {day(last['date'])}"
    return Figure(title=title, provider=provider, note=f"{says}{of}", svg=growth(rows, provider, words))
