"""The import map is a test, so that it cannot rot (README, "How it is put together")."""

import ast
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "harvester"

#: What each module may import of ours; errors and model import nothing.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "model": set(),
    "display": set(),
    "codec": {"errors"},
    "suffixes": set(),
    "names": {"errors", "suffixes"},
    "condition": set(),
    "config": {"condition", "errors", "model"},
    "records": {"errors", "model", "names"},
    "targets": {"errors", "model", "names"},
    "providers": {"codec", "errors", "model", "names", "records"},
    "engine": {"codec", "errors", "model"},
    "sandbox": {"codec", "errors"},
    "stages": {"condition", "config", "errors", "model", "names", "providers", "records"},
    "locks": {"errors"},
    "journal": {"codec", "display"},
    "insight": {"codec", "display", "engine", "errors", "locks", "model", "names", "records", "rounds"},
    "job": {"config", "errors", "model", "names", "providers", "stages"},
    "rounds": {"codec", "engine", "errors"},
    "since_last": {"codec", "engine"},
    "inheritance": {"codec", "condition", "config", "engine", "errors", "job", "rounds", "since_last"},
    "jobdir": {
        "codec", "config", "display", "engine", "errors", "inheritance", "job", "locks", "rounds", "since_last",
        "suffixes", "targets",
    },
    "assembly": {
        "codec", "config", "display", "engine", "errors", "inheritance", "job", "jobdir", "journal", "locks", "model",
        "rounds", "since_last",
    },
    "testing": {"codec", "engine", "errors", "model"},
    "cli": {
        "assembly", "codec", "config", "display", "engine", "errors", "inheritance", "insight", "job", "jobdir",
        "journal", "model", "providers", "records", "sandbox", "since_last",
    },
    "__init__": {"assembly", "config", "errors", "model"},
    "__main__": {"cli"},
}  # fmt: skip

#: Parts of the engine that put parts together; the others import `ports` only.
ENGINE_BUILDERS = {"desk", "exchange", "finding", "lane", "parts", "run"}

#: What all providers are described with.
SHARED_BY_PROVIDERS = {
    "blank",
    "choices",
    "keyset",
    "listing",
    "mapping",
    "paging",
    "proof",
    "spelling",
    "tariff",
    "waiting",
}

#: Who may import what of other people's.
ONLY = {
    "orjson": {"harvester/codec.py"},
    "aiolimiter": {"harvester/engine/gate.py"},
    "tqdm": {"harvester/cli/progress.py"},
    "sqlite3": {
        "harvester/engine/checkpoint/",
        "harvester/jobdir.py",
        "harvester/inheritance.py",
        "harvester/rounds.py",
        "harvester/since_last.py",
        *(f"harvester/assembly/{name}.py" for name in ("plan", "sizes", "sized_plan", "prices", "rebuild")),
    },
    "aiohttp": {"harvester/engine/transport.py", "harvester/sandbox/app.py"},
    "click": {"harvester/cli/"},
    "fcntl": {"harvester/locks.py"},
    "duckdb": {"harvester/insight/"},
    "altair": {"harvester/insight/report/charts.py"},
    "vl_convert": {"harvester/insight/report/drawing.py"},
    "jinja2": {"harvester/insight/report/page.py"},
    "selenium": set(),
}

MODULES = sorted(PACKAGE.rglob("*.py"))


@cache
def tree_of(path: Path) -> ast.Module:
    """Return a file's syntax; most tests here look at that of every module."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, hidden in a function or not."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if node.module == "harvester":  # `from harvester import codec`
                yield from (f"harvester.{alias.name}" for alias in node.names)
            else:
                yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def inside(path: Path) -> str:
    return path.relative_to(PACKAGE.parent).as_posix()


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def parts(path: Path) -> list[str]:
    return list(path.relative_to(PACKAGE).with_suffix("").parts)


def for_each(paths: Sequence[Path]) -> Callable[[Callable[[Path], None]], Callable[[], None]]:
    """Make a test of one module one of all these, which names each that fails; thousands of tests take their time."""

    def made(check: Callable[[Path], None]) -> Callable[[], None]:
        def test() -> None:
            faults: list[str] = []
            for path in paths:
                try:
                    check(path)
                except AssertionError as exc:
                    faults.append(f"{inside(path)}: {exc}")
            assert paths
            assert not faults, "\n".join(faults)

        test.__name__ = check.__name__
        return test

    return made


@for_each(MODULES)
def test_a_module_imports_only_what_the_map_allows(path: Path) -> None:
    room = room_of(path)
    for name in imported(path):
        if name == "harvester" or name.startswith("harvester."):
            target = name.removeprefix("harvester").removeprefix(".").split(".")[0] or "__init__"
            assert target == room or target in MAY_IMPORT[room], f"{room} must not import {name}"


@for_each(MODULES)
def test_a_library_is_imported_by_its_own_file_only(path: Path) -> None:
    for name in imported(path):
        owners = ONLY.get(name.split(".")[0])
        assert owners is None or any(inside(path).startswith(owner) for owner in owners), name


@for_each([path for path in MODULES if room_of(path) == "engine"])
def test_parts_of_the_engine_meet_in_ports_only(path: Path) -> None:
    part = parts(path)[1] if len(parts(path)) > 1 else "__init__"
    for name in imported(path):
        if name.startswith("harvester.engine.") and part not in ENGINE_BUILDERS:
            assert name.split(".")[2] in {part, "directories", "ports"}, name


@for_each([path for path in MODULES if room_of(path) == "providers"])
def test_providers_do_not_know_each_other(path: Path) -> None:
    part = parts(path)[1]
    for name in imported(path):
        if name.startswith("harvester.providers.") and part not in {"__init__"}:
            assert name.split(".")[2] in {part} | SHARED_BY_PROVIDERS, name


@for_each([path for path in MODULES if room_of(path) == "insight"])
def test_insight_knows_of_the_engine_only_the_state_it_leaves(path: Path) -> None:
    for name in imported(path):
        assert not name.startswith("harvester.engine") or name == "harvester.engine.checkpoint", name


CONTRACT_MODULES = [path for path in MODULES if room_of(path) == "sandbox" and len(parts(path)) > 2]


@for_each(CONTRACT_MODULES)
def test_contracts_do_not_know_each_other(path: Path) -> None:
    folders = {folder.name for folder in (PACKAGE / "sandbox").iterdir() if folder.is_dir()}
    for name in imported(path):
        if name.startswith("harvester.sandbox."):
            assert name.split(".")[2] not in folders - {parts(path)[1]}, name


@for_each([path for path in MODULES if room_of(path) == "providers"])
def test_providers_neither_wait_nor_look_at_the_world(path: Path) -> None:
    tree = tree_of(path)
    assert not any(
        isinstance(node, ast.Await | ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith) for node in ast.walk(tree)
    )
    assert not {"os", "time", "random", "logging", "asyncio", "socket"} & {
        name.split(".")[0] for name in imported(path)
    }


def test_the_map_names_every_module_that_is_there() -> None:
    assert {room_of(path) for path in MODULES} == set(MAY_IMPORT)


@for_each(MODULES)
def test_no_module_outgrows_four_hundred_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@for_each(MODULES)
def test_no_function_outgrows_sixty_lines(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
            assert lines <= 60, f"{node.name}: {lines} lines"


@for_each(MODULES)
def test_every_public_function_and_class_has_a_docstring(path: Path) -> None:
    tree = tree_of(path)
    assert ast.get_docstring(tree), "the module says what it is for"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name
