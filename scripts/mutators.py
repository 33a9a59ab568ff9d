"""mutmut, with changes of its own added: statements left out, branches never or always taken, other SQL.

mutmut alone would pass over the line that forces a file to disk, and spell SQL in other letters, which SQLite does
not mind. Run like `mutmut`.
"""

from collections.abc import Iterable, Iterator
from typing import Any, cast

import libcst as cst
from mutants import is_sql, sql_variants
from mutmut.__main__ import cli
from mutmut.mutation import mutators
from mutmut.runners.harness import PytestRunner
from mutmut.state import state
from mutmut.workers import isolation


def strings(node: cst.BaseString) -> Iterator[cst.BaseString]:
    """Change a string as mutmut does, or SQL in its sense."""
    if not isinstance(node, cst.SimpleString) or not is_sql(node.value):
        yield from mutators.operator_string(node)
        return
    for text in sql_variants(node.value):
        yield node.with_changes(value=text)


def sql_pieces(node: cst.FormattedStringText) -> Iterator[cst.FormattedStringText]:
    """Change SQL that is put together with an f-string."""
    if is_sql(node.value):
        for text in sql_variants(node.value):
            yield node.with_changes(value=text)


def left_out(node: cst.Expr | cst.Raise) -> Iterator[cst.Pass]:
    """Leave out a call that stands alone, or an error."""
    if isinstance(node, cst.Raise) or isinstance(node.value, cst.Call | cst.Await):
        yield cst.Pass()


def never(node: cst.If | cst.While) -> Iterator[cst.CSTNode]:
    """Never take a branch."""
    yield _forced(node, cst.And(), "False")


def always(node: cst.If) -> Iterator[cst.CSTNode]:
    """Always take a branch."""
    yield _forced(node, cst.Or(), "True")


def _forced(node: cst.If | cst.While, operator: cst.BaseBooleanOp, literal: str) -> cst.CSTNode:
    test = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    forced = cst.BooleanOperation(left=test, operator=operator, right=cst.Name(literal))
    return node.with_changes(test=forced)


class QuickestFirst(PytestRunner):  # type: ignore[misc,unused-ignore]  # of no known type where mutmut is missing
    """Runs the tests of a mutant by how long they take: most mutants die of a quick one."""

    def _pytest_args_regular_run(self, tests: Iterable[str]) -> list[str]:
        lasts_s = state().duration_by_test
        arguments: list[str] = super()._pytest_args_regular_run(sorted(tests, key=lambda test: lasts_s.get(test, 0.0)))
        return arguments


def main() -> None:
    """Run mutmut with these changes in its list."""
    isolation.PytestRunner = QuickestFirst  # type: ignore[attr-defined,misc,unused-ignore]
    operators = cast("list[tuple[type, Any]]", mutators.mutation_operators)
    kept = [each for each in operators if each[1] is not mutators.operator_string]
    operators[:] = [  # in place: mutmut's own modules hold this very list
        *kept,
        (cst.BaseString, strings),
        (cst.FormattedStringText, sql_pieces),
        (cst.Expr, left_out),
        (cst.Raise, left_out),
        (cst.If, never),
        (cst.While, never),
        (cst.If, always),
    ]
    cli()


if __name__ == "__main__":
    main()
