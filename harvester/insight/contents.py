"""What there is to ask: the views of a job, their columns, and how many rows are known to be in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harvester.insight.answer import Answer
from harvester.insight.warehouse import COMPUTED_VIEWS, VIEWS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One view."""

    name: str
    rows: int | None  #: None = they are computed when they are asked for
    columns: Mapping[str, str]  #: their types, by name


def contents(connection: "DuckDBPyConnection") -> list[View]:
    """Return all views."""
    lines = dict(connection.execute("SELECT name, lines FROM committed").fetchall())
    return [
        View(
            name=name,
            rows=None if name in COMPUTED_VIEWS or name == "asked" else int(lines.get(name, 0)),
            columns={str(column): str(kind) for column, kind, *_ in connection.execute(f"DESCRIBE {name}").fetchall()},
        )
        for name in VIEWS
    ]


def contents_answer(connection: "DuckDBPyConnection") -> Answer:
    """Return the same as rows: a view each."""
    rows = [(view.name, view.rows, view.columns) for view in contents(connection)]
    return Answer(columns=("view", "rows", "columns"), types=("VARCHAR", "BIGINT", "MAP"), rows=iter(rows))
