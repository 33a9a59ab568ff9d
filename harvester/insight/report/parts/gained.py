"""New links against lost ones, month by month."""

from harvester.insight.report.charts import gained_and_lost
from harvester.insight.report.parts.blocks import Head, missing, per_scope, queries, table
from harvester.insight.report.question import MONTHS
from harvester.insight.report.values import Answers, Block, Cell, Column, Figure, Found, Row, Scope, Section
from harvester.insight.report.words import count_cell, number_column, title_of

FROM = {"history": "its own counts", "rows": "harvested rows"}


def section(found: Found) -> Section:
    """Return a panel for each provider."""
    return Section(
        name="gained",
        short="New and lost",
        title="New against lost, month by month",
        about=f"The last {MONTHS} months, the last one so far. By the provider's own history where it was harvested,"
        " else by the days on which the harvested links were first seen and lost. Compare months, not panels: providers"
        " crawl differently.",
        blocks=per_scope(found, _block),
    )


def _block(scope: Scope, answers: Answers) -> Block:
    answer = answers["gained_and_lost"]
    asked = queries(answers, "gained_and_lost")
    if not answer.rows:
        return missing(scope, "the reports history (DataForSEO, Serpstat), or backlinks and lost-backlinks,", asked)

    def cells(row: Row) -> list[Cell]:
        month = row["month"]
        return [
            Cell(text=title_of(row["provider"])),
            Cell(text=f"{month:%b %Y}", value=f"{month:%Y-%m-%d}"),
            count_cell(row["gained"]),
            count_cell(row["lost"]),
            Cell(text=FROM[row["counted_from"]]),
        ]

    columns = [
        Column(title="Provider", kind="word"),
        Column(title="Month", kind="word"),
        number_column("New"),
        number_column("Lost"),
        Column(title="Counted from"),
    ]
    return Block(
        scope=scope.name,
        figures=[_figure(name, answers) for name in dict.fromkeys(row["provider"] for row in answer.rows)],
        tables=[
            table(
                Head(
                    name="gained_and_lost",
                    caption="Links gained and lost in each month",
                    columns=columns,
                    is_folded=True,
                ),
                answer,
                cells,
                scope,
            )
        ],
        queries=asked,
    )


def _figure(provider: str, answers: Answers) -> Figure:
    rows = [row for row in answers["gained_and_lost"].rows if row["provider"] == provider]
    gained = sum(row["gained"] or 0 for row in rows)
    lost = [row["lost"] for row in rows if row["lost"] is not None]
    says = f"{gained:,} new, {sum(lost):,} lost" if lost else f"{gained:,} new; it does not date losses"
    title = title_of(provider)
    return Figure(
        title=title,
        provider=provider,
        note=f"{says}; from {FROM[rows[0]['counted_from']]}",
        svg=gained_and_lost(
            rows, provider, f"New links upwards, lost links downwards, {title}: {says} in {len(rows)} months"
        ),
    )
