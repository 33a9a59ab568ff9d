"""Who links to the rivals and not to us."""

from harvester.display import shown
from harvester.insight.report.charts import bars
from harvester.insight.report.parts.blocks import Head, missing, queries, table
from harvester.insight.report.values import Block, Cell, Column, Figure, Found, Row, Section, Tile
from harvester.insight.report.words import (
    NOTHING,
    TEXT_CHARS,
    count_cell,
    counted,
    metric_title,
    most_of,
    number_column,
    score_cell,
    text_cell,
)

NAME = "gap"
BARS = 8
NAMES = 3
NAMES_CHARS = 1000


def section(found: Found) -> Section:
    """Return the link gap: a table, and how many sites link to how many rivals."""
    return Section(
        name=NAME,
        short="Link gap",
        title="Who links to the rivals and not to us",
        about="Sites that link to at least one other target of the job, and that no provider shows linking to"
        f" {found.mine}.",
        blocks=[_block(found)],
    )


def tile(found: Found) -> Tile:
    """Return how many there are."""
    rows = found.once["gap_sums"].rows
    sites, several = sum(row["sites"] for row in rows), sum(row["sites"] for row in rows if row["rivals"] > 1)
    first = found.once["gap"].rows[0] if found.once["gap"].rows else None
    words = [f"{several:,} of them to more than one rival"] if rows else [_needs(found)]
    if first is not None:
        words.append(f"first: {text_cell(first['site']).text}, to {counted(first['rivals'], 'rival')}")
    return Tile(
        section=NAME,
        question="Who links to the rivals and not to us?",
        figure=f"{sites:,}" if rows else NOTHING,
        unit="site" if sites == 1 else "sites",
        words=words,
    )


def _needs(found: Found) -> str:
    if found.scopes[0].targets < 2:
        return "needs other targets in the job"
    return "nobody, by the harvested rows" if found.once["linking_targets"].rows else "needs refdomains or backlinks"


def _block(found: Found) -> Block:
    answers = found.once
    asked = queries(answers, "gap", "gap_sums")
    if found.scopes[0].targets < 2:
        return missing(None, "other targets in the list, with the reports refdomains or backlinks,", asked)
    if not answers["gap"].rows:
        if answers["linking_targets"].rows:
            return Block(missing="No site links to a rival and not to us, by the harvested rows.", queries=asked)
        return missing(None, "the reports refdomains or backlinks, for our target and for its rivals,", asked)
    metrics = {row["provider"]: row["metric"] for row in answers["gap_metrics"].rows}
    most = most_of(answers["gap"].rows, "links")

    def cells(row: Row) -> list[Cell]:
        scores = [score_cell(row[provider]) for provider in metrics]
        return [
            text_cell(row["site"]),
            count_cell(row["rivals"]),
            _names(row["names"]),
            count_cell(row["links"], most),
            *scores,
            Cell(text="yes" if row["is_proven"] else "no"),
        ]

    columns = [
        Column(title="Site"),
        number_column("Rivals", "other targets that it links to"),
        Column(title="Which"),
        number_column("Links", "to them, as the provider counts who counts most"),
        *(number_column(metric_title(metric), "on its own scale") for metric in metrics.values()),
        Column(
            title="Proven",
            kind="word",
            note="our own list was harvested to its end, so what is not in it does not link",
        ),
    ]
    caption = f"Sites that link to rivals and not to {found.mine}, by number of rivals, then by score"
    proven = any(row["is_proven"] for row in answers["gap"].rows)
    note = "Not proven: the list of who links to us was not harvested to its end, so some of these may do so after all."
    return Block(
        figures=[_figure(found)],
        tables=[table(Head(name="gap", caption=caption, columns=columns), answers["gap"], cells)],
        notes=[] if proven else [note],
        queries=asked,
    )


def _names(names: str) -> Cell:
    """Return the first rivals in words; a CSV gets all of them."""
    first = names.split(", ")
    rest = len(first) - NAMES
    said = names if rest <= 1 else f"{', '.join(first[:NAMES])} and {rest:,} more"
    return Cell(text=shown(said, TEXT_CHARS), value=shown(names, NAMES_CHARS))


def _figure(found: Found) -> Figure:
    rows = found.once["gap_sums"].rows
    few = [row for row in rows if row["rivals"] < BARS or len(rows) <= BARS]
    many = sum(row["sites"] for row in rows if row not in few)
    drawn = [{"name": f"{BARS} rivals or more", "value": many}] if many else []
    drawn += [{"name": counted(row["rivals"], "rival"), "value": row["sites"]} for row in few]
    words = ", ".join(f"{row['name']}: {row['value']:,}" for row in drawn)
    return Figure(title="Sites by number of rivals", svg=bars(drawn, "accent", f"Sites by number of rivals. {words}"))
