"""Changes the engine's code, in a copy, with mutmut; reports each change that no test notices, with its explanation."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
COPY = ROOT / "build" / "mutate"
EXPLANATIONS = ROOT / "scripts" / "mutants.toml"
MOST_S = 3600.0

#: What mutmut says of tests that failed, and of tests that were broken off.
KILLED, ENDLESS = ("killed",), ("timeout", "segfault")

#: Words of SQL, which nothing else in the engine spells in capitals.
SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|FROM|WHERE|VALUES|CONFLICT|PRAGMA|BEGIN|COMMIT|ROLLBACK)\b|= \?")
SQL_CHANGES = (
    (r" > ", " >= "), (r" >= ", " > "), (r" < ", " <= "), (r" <= ", " < "), (r" <> ", " = "), (r" \+ ", " - "),
    (r" AND ", " OR "), (r"(?<!NOT) IN ", " NOT IN "), (r" NOT IN ", " IN "), (r"\bmax\(", "min("),
    (r"\bmin\(", "max("), (r"\bsum\(", "max("), (r"DISTINCT ", ""), (r"LIMIT \?", "LIMIT ? + 1"),
    (r", 0\)", ", 1)"), (r" 0 ", " 1 "), (r"ORDER BY ([\w., ]+?)(?= LIMIT|\)|[\"']|$)", r"ORDER BY \1 DESC"),
    (r"OR IGNORE ", ""), (r"OR REPLACE ", "OR IGNORE "), (r" ON CONFLICT DO NOTHING", ""), (r"WAL", "DELETE"),
    (r"IMMEDIATE", "DEFERRED"), (r"FULL", "OFF"), (r"= ON", "= OFF"),
)  # fmt: skip


class Mutant(NamedTuple):
    """A change: in which function, and the lines that it replaces by others."""

    where: str
    was: str
    becomes: str


def is_sql(text: str) -> bool:
    """Whether a string is a statement of SQL, or a piece of one."""
    return SQL.search(text) is not None


def sql_variants(text: str) -> Iterator[str]:
    """Yield a statement with another meaning, one change at a time."""
    for pattern, other in SQL_CHANGES:
        for found in re.finditer(pattern, text):
            yield text[: found.start()] + found.expand(other) + text[found.end() :]


def undecorated(source: str) -> str:
    """Return the same module with each decorator called below its function: mutmut passes over decorated ones."""
    lines = source.splitlines()
    functions = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    for node in sorted(functions, key=lambda node: -node.lineno):  # from the end, so that numbers of lines stay true
        names = [ast.unparse(decorator) for decorator in node.decorator_list]
        if not names or names in (["classmethod"], ["staticmethod"]):  # these it does not
            continue
        calls = [f"{' ' * node.col_offset}{node.name} = {name}({node.name})" for name in reversed(names)]
        lines[node.end_lineno : node.end_lineno] = calls
        del lines[node.decorator_list[0].lineno - 1 : node.lineno - 1]
    return "\n".join(lines) + "\n"


def mutant_of(name: str, diff: str) -> Mutant:
    """Return what a mutant of mutmut's changes, from its name and the difference that mutmut shows."""
    module, _, function = name.rpartition("__mutmut_")[0].rpartition(".x")
    where = f"{module.removeprefix('harvester.engine.')}.{function[1:].replace('ǁ', '.')}"
    lines = diff.splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("@@"))
    was, becomes = (" ".join(line[1:].strip() for line in lines[begin:] if line.startswith(sign)) for sign in "-+")
    return Mutant(where, was, becomes)


def explained(path: Path) -> dict[Mutant, str]:
    """Return why changes that survive do no harm. Raises KeyError if an explanation lacks a part."""
    known = tomllib.loads(path.read_text(encoding="utf-8")).get("survivor", [])
    return {Mutant(each["where"], each["was"], text): each["why"] for each in known for text in each["becomes"]}


def report(results: Mapping[str, str], survivors: Iterable[Mutant], reasons: Mapping[Mutant, str]) -> tuple[str, bool]:
    """Return what is to be printed, and whether all is well; `results`: by mutant, mutmut's words."""
    counts: dict[str, Counter[str]] = {}
    for name, result in results.items():
        module = name.partition(".x")[0].removeprefix("harvester.engine.")
        counts.setdefault(module, Counter())[result if result in KILLED + ENDLESS else "survived"] += 1
    lines = [f"{'module':<22}{'mutants':>9}{'killed':>9}{'timed out':>11}{'survived':>10}"]
    for module, count in [*sorted(counts.items()), ("all", sum(counts.values(), Counter()))]:
        ends = sum(count[each] for each in ENDLESS)
        lines += [f"{module:<22}{count.total():>9}{count['killed']:>9}{ends:>11}{count['survived']:>10}"]
    found = sorted(set(survivors))
    lines += ["", *(f"{it.where}: {it.was}  =>  {it.becomes}: {reasons[it]}" for it in found if it in reasons)]
    open_ones = [f"NOT EXPLAINED {it.where}: {it.was}  =>  {it.becomes}" for it in found if it not in reasons]
    stale = [it for it in reasons if it not in set(found) and any(it.where.startswith(f"{each}.") for each in counts)]
    open_ones += [f"NO SUCH SURVIVOR {it.where}: {it.was}  =>  {it.becomes}" for it in stale]
    return "\n".join([*lines, *open_ones]), bool(counts) and not open_ones


def make_copy(files: Iterable[Path]) -> None:
    """Copy what the tests need, with the files that are to be changed made ready for mutmut."""
    shutil.rmtree(COPY, ignore_errors=True)
    for name in ("harvester", "tests"):
        shutil.copytree(ROOT / name, COPY / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", COPY)
    for file in files:
        path = COPY / file.relative_to(ROOT)
        path.write_text(undecorated(path.read_text(encoding="utf-8")), encoding="utf-8")


def mutmut(*arguments: str, is_shown: bool = False) -> str:
    """Run mutmut in the copy and return what it prints. Raises SystemExit."""
    command = [sys.executable, str(ROOT / "scripts" / "mutators.py"), *arguments]
    out = None if is_shown else subprocess.PIPE
    try:
        return subprocess.run(command, cwd=COPY, stdout=out, text=True, check=True, timeout=MOST_S).stdout or ""
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as exc:
        said = exc.output if isinstance(exc.output, str) else ""
        raise SystemExit(f"{said}\nThe mutation check came to no end: {exc}") from exc


def main(wanted: Sequence[str]) -> int:
    """Check the modules that are named, or all."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
    files = [path for pattern in settings["only_mutate"] for path in sorted(ROOT.glob(pattern))]
    chosen = [path for path in files if not wanted or {path.stem, path.parent.name} & set(wanted)]
    if not chosen:
        raise SystemExit(f"No such module. There are {', '.join(path.stem for path in files)}.")
    make_copy(files)
    begins = tuple(".".join(path.relative_to(ROOT).with_suffix("").parts) + ".x" for path in chosen)
    patterns = [f"{begin}*" for begin in begins]
    mutmut("run", "--max-children", str(os.cpu_count() or 1), *patterns, is_shown=sys.stdout.isatty())
    listed = (line.strip().rpartition(": ") for line in mutmut("results", "--all", "true").splitlines())
    results = {name: result for name, _, result in listed if name.startswith(begins)}
    survivors = [name for name, result in results.items() if result not in KILLED + ENDLESS]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        mutants = pool.map(lambda name: mutant_of(name, mutmut("show", name)), survivors)
        text, is_well = report(results, mutants, explained(EXPLANATIONS))
    print(text)
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
