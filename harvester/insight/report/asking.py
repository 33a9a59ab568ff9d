"""Puts the questions to a job's views, and gives back values."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import TYPE_CHECKING

from harvester.display import shown
from harvester.errors import ConfigError
from harvester.insight.gap import spellings
from harvester.insight.questions import text
from harvester.insight.report.about_job import COMMON
from harvester.insight.report.question import Question
from harvester.insight.report.questions import GAP_SHELF, SHELVES
from harvester.insight.report.values import Answer, Facts, Row, Scope

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TARGETS_NAMED = 5


def shelve(db: "DuckDBPyConnection") -> None:
    """Read each record that the questions are about once, and keep the columns that they use.

    The tables stand before the views of the same names, also for the views that are made of them: a page asks forty
    questions, and a million rows take seconds to read.
    """
    for name, columns in SHELVES.items():
        db.execute(f"CREATE TEMP TABLE {name} AS SELECT {columns} FROM {name}")


def shelve_gap(db: "DuckDBPyConnection", mine: str) -> None:
    """Find once who links to others than `mine`."""
    db.execute(GAP_SHELF.replace("$mine", text(mine)))


def scopes_of(db: "DuckDBPyConnection", facts: Facts) -> list[Scope]:
    """Return whose links are counted: mine, then all targets' where there are others. Raises ConfigError."""
    targets = [str(row["target"]) for row in _rows(db, COMMON["targets"].sql)]
    if not targets:
        targets = [facts.first_target] if facts.first_target else []
    mine = _mine(facts, targets)
    last = _rows(db, COMMON["last"].sql)[0]["last"]
    as_of = last or facts.made_at.astimezone(UTC).date()
    providers = [name for name in facts.providers if name.isidentifier()]
    one = Scope(name="mine", label=mine, mine=mine, targets=len(targets), as_of=as_of, providers=providers)
    if set(targets) <= {mine}:
        return [one]
    everyone = f"all {len(targets):,} targets"
    return [one, Scope(name="all", label=everyone, mine=mine, targets=len(targets), as_of=as_of, providers=providers)]


def answers(db: "DuckDBPyConnection", scope: Scope, questions: Mapping[str, Question]) -> dict[str, Answer]:
    """Ask each of the questions about a scope."""
    return {name: ask(db, question, scope) for name, question in questions.items()}


def ask(db: "DuckDBPyConnection", question: Question, scope: Scope) -> Answer:
    """Ask one question; of a bounded one the first rows, and how many there are."""
    sql = question.text(scope)
    if question.most is None:
        rows = _rows(db, sql)
        return Answer(sql=sql, rows=rows, total=len(rows))
    rows = _rows(db, f"{sql}\nLIMIT {question.most + 1}")
    total = len(rows) if len(rows) <= question.most else _rows(db, f"SELECT count(*) AS n FROM (\n{sql}\n)")[0]["n"]
    return Answer(sql=sql, rows=rows[: question.most], total=total)


def _rows(db: "DuckDBPyConnection", sql: str) -> Sequence[Row]:
    found = db.execute(sql)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _mine(facts: Facts, targets: Sequence[str]) -> str:
    if facts.mine is None:
        first = facts.first_target
        return str(first) if first in targets or not targets else targets[0]
    known = set(targets)
    for name in spellings(facts.mine):
        if name in known:
            return name
    named = ", ".join(shown(name, 60) for name in targets[:TARGETS_NAMED])
    more = f" and {len(targets) - TARGETS_NAMED:,} more" if len(targets) > TARGETS_NAMED else ""
    raise ConfigError(f"--mine {shown(facts.mine, 100)}: nothing was asked about it; the job's targets: {named}{more}")
