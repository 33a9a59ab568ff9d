"""Which dead pages still have links."""

from harvester.insight.report.parts.blocks import Head, missing, per_scope, queries, table
from harvester.insight.report.values import Answers, Block, Cell, Column, Found, Row, Scope, Section, Tile
from harvester.insight.report.words import (
    NOTHING,
    UNKNOWN,
    count_cell,
    counted,
    link_cell,
    most_of,
    number_column,
    providers_cell,
    text_cell,
)

NAME = "broken"


def section(found: Found) -> Section:
    """Return the dead pages with the links that still lead to them."""
    return Section(
        name=NAME,
        short="Dead pages",
        title="Dead pages that still have links",
        about="Pages that answer 4xx or 5xx while live links lead to them: redirect or restore the most linked first.",
        blocks=per_scope(found, _block),
    )


def tile(found: Found) -> Tile:
    """Return how many there are."""
    scope, answers = found.scopes[0], found.scoped["mine"]
    sums = answers["broken_sums"].rows[0]
    if not sums["pages"] and not answers["asked_broken"].rows[0]["rows"]:
        figure, words = NOTHING, [f"needs broken-backlinks for {scope.mine}"]
    else:
        figure = f"{sums['pages']:,}"
        words = (
            [f"with {counted(sums['links'], 'live link')} from {counted(sums['sites'], 'site')}"]
            if sums["pages"]
            else []
        )
        words += [f"most: {row['links']:,} to {text_cell(row['url']).text}" for row in answers["broken"].rows[:1]]
    return Tile(
        section=NAME,
        question="Which dead pages still have links?",
        figure=figure,
        unit="page" if sums["pages"] == 1 else "pages",
        words=words,
    )


def _block(scope: Scope, answers: Answers) -> Block:
    asked = queries(answers, "broken", "broken_sums")
    if not answers["broken"].rows:
        if answers["asked_broken"].rows[0]["rows"]:
            return Block(
                scope=scope.name, missing="No live link leads to a dead page, by the harvested rows.", queries=asked
            )
        return missing(scope, "the report broken-backlinks (Ahrefs, DataForSEO)", asked)
    most = most_of(answers["broken"].rows, "links")

    def cells(row: Row) -> list[Cell]:
        return [
            link_cell(row["url"]),
            UNKNOWN if row["status"] is None else Cell(text=str(row["status"])),
            count_cell(row["links"], most),
            count_cell(row["followed"]),
            count_cell(row["sites"]),
            link_cell(row["url_from"]),
            text_cell(row["anchor"]),
            providers_cell(row["providers"]),
        ]

    columns = [
        Column(title="Dead page", kind="address"),
        number_column("Status"),
        number_column("Links", "live, as the provider counts who knows most"),
        number_column("Followed"),
        number_column("Sites"),
        Column(title="Best link from", kind="address", note="by the score of its domain"),
        Column(title="Its anchor"),
        Column(title="Said by", kind="word"),
    ]
    sums = answers["broken_sums"].rows[0]
    return Block(
        scope=scope.name,
        lead=f"{counted(sums['pages'], 'dead page')} with {counted(sums['links'], 'live link')}.",
        tables=[
            table(Head(name="broken", caption="Dead pages by links", columns=columns), answers["broken"], cells, scope)
        ],
        queries=asked,
    )
