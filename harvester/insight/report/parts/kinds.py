"""What kinds of links they are: followed or not, text or image."""

from collections.abc import Mapping, Sequence

from harvester.insight.report.charts import shares
from harvester.insight.report.parts.blocks import Head, missing, per_scope, queries, table
from harvester.insight.report.values import Answer, Answers, Block, Cell, Column, Figure, Found, Row, Scope, Section
from harvester.insight.report.words import count_cell, number_column, title_of

FOLLOW: Mapping[str, str] = {"followed": "strong", "nofollow": "middle", "not said": "weak"}
TYPES: Mapping[str, str] = {"text": "strong", "image": "middle", "redirect": "weak", "other": "neutral"}


def section(found: Found) -> Section:
    """Return the shares of each provider's live links."""
    return Section(
        name="kinds",
        short="Kinds of links",
        title="What kinds of links they are",
        about="Live links of the harvested rows, once each. Followed is the provider's verdict; definitions differ.",
        blocks=per_scope(found, _block),
    )


def _block(scope: Scope, answers: Answers) -> Block:
    asked = queries(answers, "follow", "types")
    if not answers["follow"].rows:
        return missing(scope, "the report backlinks", asked)

    def cells(row: Row) -> list[Cell]:
        return [Cell(text=title_of(row["provider"])), Cell(text=row["kind"]), count_cell(row["links"])]

    columns = [Column(title="Provider", kind="word"), Column(title="Kind", kind="word"), number_column("Links")]
    return Block(
        scope=scope.name,
        figures=[
            _figure("Followed or not", FOLLOW, answers["follow"]),
            _figure("Type", TYPES, answers["types"]),
        ],
        tables=[
            table(
                Head(name="follow", caption="Live links, followed or not", columns=columns, is_folded=True),
                answers["follow"],
                cells,
                scope,
            ),
            table(
                Head(name="types", caption="Live links by type", columns=columns, is_folded=True),
                answers["types"],
                cells,
                scope,
            ),
        ],
        queries=asked,
    )


def _figure(title: str, kinds: Mapping[str, str], answer: Answer) -> Figure:
    rows = _merged(answer.rows, kinds)
    present = {row["kind"] for row in rows}
    used = {kind: shade for kind, shade in kinds.items() if kind in present}
    sums = {kind: sum(row["links"] for row in rows if row["kind"] == kind) for kind in used}
    words = ", ".join(f"{kind}: {links:,}" for kind, links in sums.items())
    return Figure(
        title=title,
        svg=shares(rows, used, f"{title}, share of each provider's live links. All together: {words}"),
        legend=[(shade, kind) for kind, shade in used.items()],
    )


def _merged(rows: Sequence[Row], kinds: Mapping[str, str]) -> list[Row]:
    """Return the rows with every kind that has no colour of its own as the last one."""
    sums: dict[tuple[str, str], int] = {}
    *_, other = kinds
    for row in rows:
        key = (title_of(row["provider"]), row["kind"] if row["kind"] in kinds else other)
        sums[key] = sums.get(key, 0) + row["links"]
    return [{"name": name, "kind": kind, "links": links} for (name, kind), links in sums.items()]
