"""Which sites the targets have in common: a matrix of up to four, an UpSet of more."""

from harvester.insight.report.charts import matrix, upset
from harvester.insight.report.parts.blocks import Head, missing, queries, table
from harvester.insight.report.question import MATRIX_TARGETS, UPSET_TARGETS
from harvester.insight.report.values import Answer, Block, Cell, Column, Figure, Found, Row, Section
from harvester.insight.report.words import count_cell, counted, most_of, number_column, text_cell


def section(found: Found) -> Section:
    """Return who shares how many linking sites with whom."""
    return Section(
        name="overlap",
        short="Overlap",
        title="Who shares our linking sites",
        about="Sites that link to a target, by any provider, from all rows that show who links.",
        blocks=[_block(found)],
    )


def _block(found: Found) -> Block:
    targets = found.once["linking_targets"]
    if targets.total < 2:
        reports = "the reports refdomains or backlinks, for two targets or more,"
        return missing(None, reports, queries(found.once, "linking_targets"))
    pairs = found.once["overlap_pairs"]
    most = most_of([row for row in pairs.rows if row["one"] != row["other"]], "sites")

    def cells(row: Row) -> list[Cell]:
        own = row["one"] == row["other"]
        return [
            text_cell(row["one"]),
            Cell(text="(all of its sites)") if own else text_cell(row["other"]),
            count_cell(row["sites"], None if own else most),
            Cell(text=f"{row['share']:.1%}", value=repr(row["share"])),
        ]

    columns = [
        Column(title="Target"),
        Column(title="In common with"),
        number_column("Sites"),
        number_column("Share", "of the first one's sites"),
    ]
    figure, note = _matrix(found) if targets.total <= MATRIX_TARGETS else _upset(found)
    return Block(
        figures=[figure],
        tables=[
            table(
                Head(name="overlap_pairs", caption="Linking sites in common", columns=columns, is_folded=True),
                pairs,
                cells,
            )
        ],
        notes=[note] if note else [],
        queries=queries(found.once, "overlap_pairs", "linking_targets", "overlap_targets", "overlap_sets"),
    )


def _matrix(found: Found) -> tuple[Figure, str]:
    sizes = {row["target"]: row["sites"] for row in found.once["linking_targets"].rows}
    names = {target: text_cell(target).text for target in sizes}
    known = {(row["one"], row["other"]): row["sites"] for row in found.once["overlap_pairs"].rows}
    rows = [
        {
            "one": names[one],
            "other": names[other],
            "sites": known.get((one, other), 0),
            "share": known.get((one, other), 0) / size,
        }
        for one, size in sizes.items()
        for other in sizes
    ]
    words = "; ".join(f"{row['one']} and {row['other']}: {row['sites']:,}" for row in rows if row["one"] < row["other"])
    svg = matrix(rows, list(names.values()), f"Sites in common. {words}")
    title = "Sites in common, and their share of the row's target"
    return Figure(title=title, svg=svg, is_wide=True), ""


def _upset(found: Found) -> tuple[Figure, str]:
    chosen, sets = found.once["overlap_targets"], found.once["overlap_sets"]
    sizes = [{"name": _named(row), "sites": row["sites"]} for row in chosen.rows]
    names = {row["target"]: _named(row) for row in chosen.rows}
    rows = [{"members": [names[target] for target in row["members"]], "sites": row["sites"]} for row in sets.rows]
    words = "; ".join(f"{' and '.join(row['members'])}: {row['sites']:,}" for row in rows[:5])
    title = "Sites by exactly which targets they link to, the most frequent combinations"
    figure = Figure(title=title, svg=upset(rows, sizes, f"{title}. {words}"), is_wide=True)
    left = found.once["linking_targets"].total - len(chosen.rows)
    return figure, _left_out(chosen, left) if left else ""


def _left_out(chosen: Answer, left: int) -> str:
    shown = min(UPSET_TARGETS, len(chosen.rows))
    return f"Shown are the {shown} targets that have most in common with the first; {counted(left, 'other')} left out."


def _named(row: Row) -> str:
    return f"{text_cell(row['target']).text} ({row['sites']:,})"
