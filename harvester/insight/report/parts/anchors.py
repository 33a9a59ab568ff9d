"""The texts that people link with."""

from harvester.insight.report.parts.blocks import Head, missing, per_scope, queries, table
from harvester.insight.report.values import Answers, Block, Cell, Column, Found, Row, Scope, Section
from harvester.insight.report.words import count_cell, most_of, number_column, text_cell, title_of


def section(found: Found) -> Section:
    """Return the most used anchors, provider beside provider."""
    return Section(
        name="anchors",
        short="Anchors",
        title="Top anchors",
        about="Links with each text, by provider. Crawls and counting rules differ: compare texts, not providers.",
        blocks=per_scope(found, _block),
    )


def _block(scope: Scope, answers: Answers) -> Block:
    name = "anchors_told" if answers["anchors_told"].rows else "anchors_found"
    answer = answers[name]
    if not answer.rows:
        return missing(scope, "the reports anchors or backlinks", queries(answers, "anchors_told", "anchors_found"))
    providers = [provider for provider in scope.providers if any(row[provider] is not None for row in answer.rows)]
    most = {provider: most_of(answer.rows, provider) for provider in providers}

    def cells(row: Row) -> list[Cell]:
        words = text_cell(row["anchor"]) if row["anchor"] else Cell(text="(no text)", value="")
        return [words, *(count_cell(row[provider], most[provider]) for provider in providers)]

    columns = [Column(title="Anchor"), *(number_column(title_of(provider), "links") for provider in providers)]
    counted = "as the providers count them" if name == "anchors_told" else "in the harvested rows"
    caption = f"Links with each anchor, {counted}"
    return Block(
        scope=scope.name,
        tables=[table(Head(name="anchors", caption=caption, columns=columns, question=name), answer, cells, scope)],
        queries=queries(answers, name),
    )
