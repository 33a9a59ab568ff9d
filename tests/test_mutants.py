"""The mutation check: what it changes, and that its report leaves nothing unexplained."""

import ast
from typing import Any

from mutants import EXPLANATIONS, ROOT, Mutant, explained, is_sql, mutant_of, report, sql_variants, undecorated

LOWER = Mutant("ledger.Ledger.lower", "if a < b:", "if a <= b:")
DROPPED = Mutant("checkpoint.sqlite.SqliteCheckpoint._book", "self.db.execute(query)", "pass")

SHOWN = """\
# harvester.engine.ledger.xǁLedgerǁlower__mutmut_12: survived
--- harvester/engine/ledger.py
+++ harvester/engine/ledger.py
@@ -1,4 +1,4 @@
 def lower(self) -> None:
     # - and + may stand in a comment
-    if a < b:
+    if a <= b:
         self.limit = a
"""


def test_a_mutant_is_known_by_its_function_and_its_lines_and_not_by_their_number() -> None:
    assert mutant_of("harvester.engine.ledger.xǁLedgerǁlower__mutmut_12", SHOWN) == LOWER
    assert mutant_of("harvester.engine.sink.x__plain__mutmut_1", SHOWN).where == "sink._plain"


GATE = "harvester.engine.gate.x_wait__mutmut_2"


def results_of(*survivors: str) -> dict[str, str]:
    killed = {f"harvester.engine.ledger.xǁLedgerǁhold__mutmut_{number}": "killed" for number in range(3)}
    return (
        killed
        | {"harvester.engine.gate.x_wait__mutmut_1": "timeout", GATE: "segfault"}
        | dict.fromkeys(survivors, "survived")
    )


def test_a_report_counts_by_module_and_explains_each_survivor_in_a_line() -> None:
    text, is_well = report(
        results_of("harvester.engine.ledger.xǁLedgerǁlower__mutmut_1"), [LOWER], {LOWER: "no matter"}
    )
    assert is_well
    assert [line.split() for line in text.splitlines()[1:4]] == [
        ["gate", "2", "0", "2", "0"],
        ["ledger", "4", "3", "0", "1"],
        ["all", "6", "3", "2", "1"],
    ]
    assert text.splitlines()[-1] == "ledger.Ledger.lower: if a < b:  =>  if a <= b:: no matter"


def test_a_survivor_without_an_explanation_fails_the_check() -> None:
    text, is_well = report(results_of(), [LOWER, DROPPED], {LOWER: "no matter"})
    assert not is_well
    assert "NOT EXPLAINED checkpoint.sqlite.SqliteCheckpoint._book: self.db.execute(query)  =>  pass" in text


def test_an_explanation_without_its_survivor_fails_the_check_if_its_module_was_changed() -> None:
    text, is_well = report(results_of(), [], {LOWER: "no matter", DROPPED: "of a module that was not asked for"})
    assert not is_well
    assert text.count("NO SUCH SURVIVOR") == 1


def test_nothing_changed_is_nothing_checked() -> None:
    assert not report({}, [], {})[1]


def test_every_explanation_names_a_function_that_there_is() -> None:
    for mutant, why in explained(EXPLANATIONS).items():
        folders = [ROOT / "harvester" / "engine" / "/".join(mutant.where.split(".")[:end]) for end in (1, 2)]
        (path,) = (folder.with_suffix(".py") for folder in folders if folder.with_suffix(".py").is_file())
        name = mutant.where.rpartition(".")[2]
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert name in names, mutant.where
        assert why
        assert "\n" not in why


def test_sql_is_changed_in_its_meaning_one_place_at_a_time() -> None:
    query = '"SELECT id FROM tasks WHERE id > ? AND a IN (1) ORDER BY id LIMIT ?"'
    assert is_sql(query)
    assert set(sql_variants(query)) == {
        query.replace(" > ", " >= "),
        query.replace(" AND ", " OR "),
        query.replace(" IN ", " NOT IN "),
        query.replace("LIMIT ?", "LIMIT ? + 1"),
        query.replace("ORDER BY id ", "ORDER BY id DESC "),
    }
    assert not is_sql('"cannot select from this where it is"')


def test_a_decorator_that_is_called_below_its_function_does_the_same() -> None:
    source = """
from functools import wraps

def twice(function):
    @wraps(function)
    def doubled(*given):
        return 2 * function(*given)
    return doubled

class Ledger:
    limit = 1

    @property
    def free(self):
        return self.limit

    @classmethod
    def new(cls):
        return cls()

@twice
@twice
def five():
    return 5
"""
    plain = undecorated(source)
    assert [line.strip() for line in plain.splitlines() if line.strip().startswith("@")] == ["@classmethod"]
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    exec(source, before)
    exec(plain, after)
    for names in (before, after):
        assert names["five"]() == 20
        assert names["Ledger"].new().free == 1


def test_every_module_of_the_engine_can_be_made_ready() -> None:
    for path in (ROOT / "harvester" / "engine").rglob("*.py"):
        ast.parse(undecorated(path.read_text(encoding="utf-8")))
