"""What the parts share: a block for each scope, tables from rows, and what to say where there is nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harvester.insight.report.questions import QUESTIONS
from harvester.insight.report.values import Answer, Answers, Block, Cell, Column, Found, Row, Scope, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What is said above a table."""

    name: str
    caption: str
    columns: Sequence[Column]
    question: str | None = None  #: whose answer it shows; None = that of its name
    is_folded: bool = False


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


def table(head: Head, answer: Answer, cells: Callable[[Row], Sequence[Cell]], scope: Scope | None = None) -> Table:
    """Return a table of an answer, row by row."""
    return Table(
        name=head.name if scope is None else f"{head.name}-{scope.name}",
        caption=head.caption,
        columns=head.columns,
        rows=[cells(row) for row in answer.rows],
        total=answer.total,
        question=head.question or head.name,
        is_folded=head.is_folded,
    )
