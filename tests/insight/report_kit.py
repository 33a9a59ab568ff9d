"""What the tests of the report share: a job on the sandbox, rows of one's own in it, and the page read again."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from harvester.assembly.outcome import RunOptions
from harvester.assembly.status import read_status
from harvester.cli import main
from harvester.cli.report import facts_of
from harvester.cli.running import View, run_job
from harvester.config import job_of
from harvester.insight.report.page import page_of
from harvester.insight.report.values import Facts, Found
from harvester.insight.report.writing import find
from harvester.insight.warehouse import opened
from harvester.providers import PROVIDERS
from harvester.sandbox.app import CONTRACTS, Options, serving

MINE = "shop-3.example"
RIVALS = ("shop-7.example", "shop-9.example", "shop-12.example")
REPORTS = ("summary", "backlinks", "lost-backlinks", "broken-backlinks", "refdomains", "anchors", "history", "overlap")

Line = dict[str, Any]


def harvested(
    directory: Path,
    targets: Sequence[str] = (MINE, *RIVALS),
    reports: Sequence[str] = REPORTS,
    providers: Sequence[str] = tuple(CONTRACTS),
    options: RunOptions | None = None,
) -> Path:
    """Harvest some reports of the sandbox into a new job directory."""

    output = directory.absolute()

    async def harvest() -> None:
        units = dict.fromkeys(CONTRACTS, 50_000_000)
        rates = dict.fromkeys(CONTRACTS, "100000/second")
        async with serving(Options(seed=1, units=units, rates=rates)) as sandbox:
            document = {
                "job": {"name": directory.name, "targets": {"inline": list(targets)}},
                "providers": {
                    name: {"key": f"env:KEY_{name}", "base_url": sandbox.base_urls[name], "rate": "unlimited"}
                    | ({"login": sandbox.logins[name]} if name in sandbox.logins else {})
                    for name in providers
                },
                "harvest": [
                    {"provider": name, "report": report, "max_rows": 1000}
                    | ({"sets": [list(targets)[:3]]} if report == "overlap" else {})
                    for name in providers
                    for report in reports
                    if PROVIDERS[name].report(report) is not None
                ],
            }
            config = replace(job_of(document, Path("a test's config")), output=output)
            keys = {f"KEY_{name}": sandbox.keys[name] for name in providers}
            environ = {**keys, "XDG_RUNTIME_DIR": str(directory.parent)}
            await run_job(config, options or RunOptions(), environ, View(is_quiet=True))

    asyncio.run(harvest())
    return directory


def copied(job: Path, directory: Path) -> Path:
    """Return a copy of a job that a test may change."""
    shutil.copytree(job, directory)
    return directory


def rewritten(job: Path, name: str, change: Callable[[Sequence[Line]], Iterable[Line]]) -> None:
    """Change the lines of an output, and what the state says of it, as if they had been harvested so."""
    path = job / name
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    changed = list(change(lines))
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in changed), encoding="utf-8")
    (job / "state.sqlite3.b2").unlink(missing_ok=True)
    with closing(sqlite3.connect(job / "state.sqlite3")) as db, db:
        db.execute(
            "UPDATE outputs SET bytes = ?, records = ? WHERE name = ?", (path.stat().st_size, len(changed), name)
        )


def facts(job: Path, **changes: Any) -> Facts:
    """Return what a job says of itself."""
    return replace(facts_of(read_status(job), job), **changes)


def found_in(job: Path, **changes: Any) -> Found:
    """Return all answers of a job."""
    with opened(job) as db:
        return find(db, facts(job, **changes))


def page_text(job: Path, **changes: Any) -> str:
    """Return the page of a job."""
    return page_of(found_in(job, **changes))


def called(*arguments: str) -> Result:
    """Call the command in this process."""
    result = CliRunner().invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


@dataclass
class Read:
    """One table of a page, as it was read again."""

    question: str | None
    scope: str
    heads: list[str] = field(default_factory=list)
    is_number: list[bool] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)  #: by which they sort: values as they were asked for


def is_first(table: Read) -> bool:
    """Whether a cell begins a row."""
    return not table.rows or len(table.rows[-1]) == len(table.heads)


@dataclass
class Page(HTMLParser):
    """What a page holds, as a browser would read it."""

    text: str
    tables: list[Read] = field(default_factory=list)
    queries: dict[tuple[str, str], str] = field(default_factory=dict)  #: by scope and what they count
    tags: list[tuple[str, Mapping[str, str | None]]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Read it."""
        super().__init__()
        self._scope, self._about, self._cell = "mine", "", ""
        self._in: list[str] = []
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        found = dict(attrs)
        self.tags.append((tag, found))
        kind = (found.get("class") or "").split()
        if tag == "div" and "block" in kind:
            self._scope = found.get("data-of") or "mine"
        elif tag == "table":
            self.tables.append(Read(found.get("data-question"), self._scope))
        elif tag == "th":
            self.tables[-1].is_number.append("number" in kind)
            self._cell = ""
        elif tag == "td":
            if is_first(self.tables[-1]):
                self.tables[-1].rows.append([])
            self._value, self._cell = found.get("data-v"), ""
        elif tag == "pre":
            self.queries[self._scope, self._about] = found["data-sql"] or ""
        elif tag == "p":
            self._cell = ""

    def handle_endtag(self, tag: str) -> None:
        """Note what a tag held."""
        if tag == "th":
            self.tables[-1].heads.append(self._cell.strip())
        elif tag == "td":
            self.tables[-1].rows[-1].append(self._cell.strip() if self._value is None else self._value)
        elif tag == "p":
            self._about = self._cell.strip()

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self._cell += data
        self.words.append(data)

    def table(self, question: str, scope: str = "mine") -> Read:
        """Return the table of a question."""
        (found,) = [item for item in self.tables if (item.question, item.scope) == (question, scope)]
        return found
