"""What was lost, when, and why; and what a provider's index let go, which is no loss."""

from datetime import date, timedelta

from harvester.insight.report.charts import bars
from harvester.insight.report.parts.blocks import Head, missing, per_scope, queries, table
from harvester.insight.report.question import RECENT_DAYS
from harvester.insight.report.values import (
    Answers,
    Block,
    Cell,
    Column,
    Figure,
    Found,
    Row,
    Scope,
    Section,
    Table,
    Tile,
)
from harvester.insight.report.words import (
    NOTHING,
    count_cell,
    counted,
    day,
    day_cell,
    link_cell,
    number_column,
    providers_cell,
    reason_title,
    text_cell,
    title_of,
)

NAME = "lost"
REASONS_SAID = 3


def section(found: Found) -> Section:
    """Return the lost links by reason, and the links themselves."""
    return Section(
        name=NAME,
        short="Lost links",
        title="What we lost, and why",
        about="Links that were there and are gone, each once, unless another provider still shows them. The reason is"
        " the provider's (Ahrefs), or follows from the status of the linking page (DataForSEO); others say none.",
        blocks=per_scope(found, _block),
    )


def tile(found: Found) -> Tile:
    """Return what was lost in the last days, and why."""
    scope, answers = found.scopes[0], found.scoped["mine"]
    rows, words = answers["lost_reasons"].rows, []
    recent = sum(row["recent"] for row in rows)
    by_number = sorted((row for row in rows if row["recent"]), key=lambda row: -row["recent"])
    if not answers["asked_lost"].rows[0]["rows"]:
        return _tile(NOTHING, "links", [f"needs lost-backlinks for {scope.mine}"])
    if by_number:
        said = [f"{row['recent']:,} {reason_title(row['reason'])}" for row in by_number[:REASONS_SAID]]
        others = sum(row["recent"] for row in by_number[REASONS_SAID:])
        words.append(", ".join([*said, f"{others:,} for other reasons"] if others else said))
    words.append(f"in the {RECENT_DAYS} days to {day(scope.as_of)}")
    return _tile(f"{recent:,}", "link" if recent == 1 else "links", words)


def _tile(figure: str, unit: str, words: list[str]) -> Tile:
    return Tile(section=NAME, question="What did we lose this month, and why?", figure=figure, unit=unit, words=words)


def _block(scope: Scope, answers: Answers) -> Block:
    asked = queries(answers, "lost_reasons", "lost", "lost_by_provider", "dropped")
    if not answers["asked_lost"].rows[0]["rows"]:
        return missing(scope, "the report lost-backlinks", asked)
    return Block(
        scope=scope.name,
        lead=_lead(scope, answers),
        figures=_figures(answers),
        tables=[_reasons(scope, answers), _links(scope, answers)],
        notes=_housekeeping(answers),
        queries=asked,
    )


def _lead(scope: Scope, answers: Answers) -> str:
    rows = answers["lost_reasons"].rows
    lost, recent = (sum(row[name] for row in rows) for name in ("links", "recent"))
    undated = sum(row["undated"] for row in rows)
    since = scope.as_of - timedelta(days=RECENT_DAYS)
    dated = f", {recent:,} of them after {day(since)}" if lost else ""
    rest = f"; of {undated:,} no provider says when" if undated else ""
    return f"{counted(lost, 'lost link')} in the harvested rows{dated}{rest}."


def _figures(answers: Answers) -> list[Figure]:
    figures = []
    rows = answers["lost_by_provider"].rows
    for provider in dict.fromkeys(row["provider"] for row in rows):
        told = [row for row in rows if row["provider"] == provider]
        if [row["reason"] for row in told] == ["unknown"]:
            continue
        shown = [{"name": reason_title(row["reason"]), "value": row["links"]} for row in told]
        words = ", ".join(f"{row['name']}: {row['value']:,}" for row in shown)
        title = title_of(provider)
        figures.append(
            Figure(title=title, provider=provider, svg=bars(shown, provider, f"Lost links by reason, {title}. {words}"))
        )
    return figures


def _reasons(scope: Scope, answers: Answers) -> Table:
    columns = [
        Column(title="Reason"),
        number_column("Lost links"),
        number_column(f"Last {RECENT_DAYS} days"),
        number_column("No date"),
    ]

    def cells(row: Row) -> list[Cell]:
        return [
            Cell(text=reason_title(row["reason"])),
            *(count_cell(row[name]) for name in ("links", "recent", "undated")),
        ]

    return table(
        Head(name="lost_reasons", caption="Lost links by reason", columns=columns, is_folded=True),
        answers["lost_reasons"],
        cells,
        scope,
    )


def _links(scope: Scope, answers: Answers) -> Table:
    columns = [
        Column(title="Lost", kind="word"),
        Column(title="Why"),
        Column(title="Linking page", kind="address"),
        Column(title="Target page", kind="address"),
        Column(title="Anchor"),
        Column(title="Followed", kind="word"),
        Column(title="Said by", kind="word"),
    ]

    def cells(row: Row) -> list[Cell]:
        lost_on: date | None = row["lost_on"]
        return [
            day_cell(lost_on),
            Cell(text=reason_title(row["reason"])),
            link_cell(row["url_from"]),
            link_cell(row["url_to"]),
            text_cell(row["anchor"]),
            Cell(text={True: "yes", False: "no", None: NOTHING}[row["is_followed"]]),
            providers_cell(row["providers"]),
        ]

    return table(
        Head(name="lost", caption="Lost links, the last ones first", columns=columns), answers["lost"], cells, scope
    )


def _housekeeping(answers: Answers) -> list[str]:
    return [
        f"{title_of(row['provider'])} also dropped {counted(row['links'], 'link')} from its index (too old, duplicates,"
        " no longer among the top): its housekeeping, not counted as losses."
        for row in answers["dropped"].rows
    ]
