"""How strong the linking sites are: a histogram for each metric, for scores of two metrics share nothing."""

from harvester.insight.report.charts import histogram
from harvester.insight.report.parts.blocks import Head, missing, per_scope, queries, table
from harvester.insight.report.values import Answers, Block, Cell, Column, Figure, Found, Row, Scope, Section
from harvester.insight.report.words import count_cell, counted, metric_title, number_column

HIGHEST = {"dataforseo_rank_1000": 1000}


def section(found: Found) -> Section:
    """Return a histogram for each metric."""
    return Section(
        name="scores",
        short="Scores",
        title="How strong the linking sites are",
        about="Each linking site once. A score counts within its own metric only: 40 here is not 40 there.",
        blocks=per_scope(found, _block),
    )


def _block(scope: Scope, answers: Answers) -> Block:
    answer, asked = answers["scores"], queries(answers, "scores")
    if not answer.rows:
        return missing(scope, "the reports refdomains or backlinks", asked)

    def cells(row: Row) -> list[Cell]:
        low, high = row["low"], row["low"] + HIGHEST.get(row["metric"], 100) // 10
        return [
            Cell(text=metric_title(row["metric"])),
            Cell(text=f"{low:,} to {high:,}", value=str(low)),
            count_cell(row["domains"]),
        ]

    columns = [Column(title="Metric", kind="word"), Column(title="Score", kind="word"), number_column("Sites")]
    return Block(
        scope=scope.name,
        figures=[_figure(metric, answers) for metric in dict.fromkeys(row["metric"] for row in answer.rows)],
        tables=[
            table(
                Head(name="scores", caption="Linking sites by score", columns=columns, is_folded=True),
                answer,
                cells,
                scope,
            )
        ],
        queries=asked,
    )


def _figure(metric: str, answers: Answers) -> Figure:
    rows = [row for row in answers["scores"].rows if row["metric"] == metric]
    highest, title = HIGHEST.get(metric, 100), metric_title(metric)
    sites = sum(row["domains"] for row in rows)
    upper = sum(row["domains"] for row in rows if row["low"] >= highest // 2)
    says = f"{counted(sites, 'site')}, {upper / sites:.0%} at {highest // 2} or more"
    provider = metric.partition("_")[0]
    return Figure(
        title=title, provider=provider, note=says, svg=histogram(rows, provider, highest, f"Sites by {title}: {says}")
    )
