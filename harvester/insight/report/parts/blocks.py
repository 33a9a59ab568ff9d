"""What the parts share: a block for each scope, tables from rows, and what to say where there is nothing."""

from collections.abc import Callable, Mapping, Sequence

from harvester.insight.report.questions import QUESTIONS
from harvester.insight.report.values import Answer, Answers, Block, Cell, Column, Found, Row, Scope, Table


def per_scope(found: Found, of: Callable[[Scope, Answers], Block]) -> list[Block]:
    """Return a block for each scope."""
    return [of(scope, found.scoped[scope.name]) for scope in found.scopes]


def queries(answers: Answers, *names: str) -> Mapping[str, str]:
    """Return the texts of some questions by what they count."""
    return {QUESTIONS[name].about: answers[name].sql for name in names}


def missing(scope: Scope | None, reports: str, queries: Mapping[str, str] | None = None) -> Block:
    """Return what to say where a job has nothing: which reports would fill it."""
    of = "" if scope is None or not scope.is_mine else f" for {scope.mine}"
    return Block(
        scope=None if scope is None else scope.name,
        missing=f"Nothing here{of} yet: {reports} would fill it.",
        queries=queries or {},
    )


def table(
    name: str,
    caption: str,
    columns: Sequence[Column],
    answer: Answer,
    cells: Callable[[Row], Sequence[Cell]],
    scope: Scope | None = None,
    question: str | None = None,
    is_folded: bool = False,
) -> Table:
    """Return a table of an answer, row by row."""
    return Table(
        name=name if scope is None else f"{name}-{scope.name}",
        caption=caption,
        columns=columns,
        rows=[cells(row) for row in answer.rows],
        total=answer.total,
        question=question or name,
        is_folded=is_folded,
    )
