"""What the job brought, and what of it is not whole."""

from harvester.display import digits, shown, unit_shown
from harvester.insight.report.parts.blocks import Head, queries, table
from harvester.insight.report.values import Block, Cell, Column, Found, Row, Section, Table
from harvester.insight.report.words import count_cell, counted, number_column, text_cell


def section(found: Found) -> Section:
    """Return the tasks of each harvest, and those that are not complete with the reason."""
    return Section(
        name="whole",
        short="Completeness",
        title="What is complete, and what is not",
        about="Finished tasks of each harvest. A task is incomplete where rows are out of reach, and set aside after an"
        " answer that will not change.",
        blocks=[_block(found)],
    )


def _block(found: Found) -> Block:
    answers = found.once
    tables = [_harvests(found)] if answers["harvests"].rows else []
    if answers["troubles"].rows:
        tables.append(_troubles(found))
    if answers["rejects"].rows:
        tables.append(_rejects(found))
    return Block(
        lead=completeness(found),
        tables=tables,
        notes=_notes(found),
        queries=queries(answers, "harvests", "troubles", "rejects", "capped"),
    )


def completeness(found: Found) -> str:
    """Return in a sentence what is whole and what is not."""
    tasks = found.facts.tasks
    left = tasks["open"] + tasks["waiting"]
    parts = [f"{counted(tasks['complete'], 'task')} complete"]
    parts += [f"{tasks['incomplete']:,} incomplete"] if tasks["incomplete"] else []
    parts += [f"{tasks['set_aside']:,} set aside"] if tasks["set_aside"] else []
    parts += [f"{left:,} left"] if left else []
    parts += (
        [f"{counted(found.facts.targets_rejected, 'line')} of the list rejected"]
        if found.facts.targets_rejected
        else []
    )
    return ", ".join(parts) + ("." if len(parts) > 1 else ": nothing is missing of what was asked for.")


def _notes(found: Found) -> list[str]:
    capped = found.once["capped"].rows[0]["tasks"]
    return [f"{counted(capped, 'task')} ended where max_rows ends: there may be more rows to buy."] if capped else []


def _harvests(found: Found) -> Table:
    def cells(row: Row) -> list[Cell]:
        unit = found.facts.providers.get(row["provider"], {}).get("unit")
        counts = [count_cell(row[name]) for name in ("tasks", "complete", "incomplete", "set_aside", "pages", "rows")]
        said = digits(row["units"], unit)
        return [
            text_cell(row["harvest"]),
            *counts,
            Cell(text=said, value=said.replace(",", "")),
            Cell(text=shown(unit_shown(unit), 40)),
        ]

    heads = ("Tasks", "Complete", "Incomplete", "Set aside", "Pages", "Rows", "Units")
    columns = [Column(title="Harvest"), *map(number_column, heads), Column(title="of", kind="word")]
    return table(
        Head(name="harvests", caption="Finished tasks of each harvest", columns=columns), found.once["harvests"], cells
    )


def _troubles(found: Found) -> Table:
    def cells(row: Row) -> list[Cell]:
        return [
            text_cell(row["harvest"]),
            text_cell(row["target"]),
            Cell(text=row["state"].replace("_", " ")),
            text_cell(row["reason"]),
            count_cell(row["rows"]),
        ]

    columns = [
        Column(title="Harvest"),
        Column(title="Target"),
        Column(title="State", kind="word"),
        Column(title="Why"),
        number_column("Rows", "that were read all the same"),
    ]
    return table(
        Head(name="troubles", caption="Tasks that are not complete", columns=columns), found.once["troubles"], cells
    )


def _rejects(found: Found) -> Table:
    def cells(row: Row) -> list[Cell]:
        return [text_cell(row["harvest"]), text_cell(row["reason"]), count_cell(row["rows"])]

    columns = [Column(title="Harvest"), Column(title="Why"), number_column("Rows")]
    return table(
        Head(name="rejects", caption="Rows that could not be read; they are in rejects.jsonl", columns=columns),
        found.once["rejects"],
        cells,
    )
