"""Job directories for the tests of insight: the state with its real tables, files packed as the sink packs them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harvester.codec import dump, dump_line
from harvester.engine.checkpoint import SqliteCheckpoint, open_database
from harvester.engine.sink import COMPRESS
from harvester.insight.warehouse import opened
from harvester.records import complete

FETCHED = "2026-11-21T08:00:00Z"
Row = Mapping[str, Any]


@dataclass
class Yard:
    """A job directory that is made by hand."""

    path: Path
    format: str = "jsonl"
    rows: str = "record"
    harvests: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def harvest(self, provider: str, report: str, **asked: Any) -> str:
        """Add a harvest; return its name."""
        name = f"{provider}.{report}"
        blank = dict.fromkeys(("since", "until", "max_rows", "fields", "order_by", "sets"))
        self.harvests[name] = {**blank, "provider": provider, "report": report, "scope": "subdomains", **asked}
        return name

    def add(self, harvest: str, record: str, target: str, rows: Sequence[Row]) -> None:
        """Add records of one target."""
        lines = self.files.setdefault(f"{harvest}.{self.format}", [])
        asked = self.harvests[harvest]
        task = f"{harvest}/{target}"
        first = 1 + sum(line["task"] == task for line in lines)
        for number, fields in enumerate(rows, start=first):
            envelope = {
                "record": record, "provider": asked["provider"], "report": asked["report"], "target": target,
                "scope": asked["scope"], "task": task, "page": 1, "row": number, "fetched_at": FETCHED,
            }  # fmt: skip
            lines.append({**envelope, **complete(record, fields)})

    def done(
        self, harvest: str, *targets: str, state: str = "complete", reason: str | None = None, **more: Any
    ) -> None:
        """Add the line of a finished task for each target."""
        asked = self.harvests[harvest]
        for target in targets:
            line = {
                "task": f"{harvest}/{target}", "harvest": harvest, "provider": asked["provider"],
                "report": asked["report"], "scope": asked["scope"], "target": target, "targets": None, "labels": None,
                "complete": state == "complete", "state": state, "reason": reason, "pages": 1, "rows": 1, "units": 1,
                "at": FETCHED, **more,
            }  # fmt: skip
            self.files.setdefault("tasks.jsonl", []).append(line)

    def made(self) -> Path:
        """Write all of it; return the job directory."""
        self.path.mkdir(parents=True)
        db = open_database(self.path)
        db.execute("PRAGMA synchronous = OFF")
        for name in dict.fromkeys([*self.files, *(f"{name}.{self.format}" for name in self.harvests)]):
            lines = self.files.get(name, [])
            half = len(lines) // 2
            pack = COMPRESS[Path(name).suffix] or bytes
            data = b"".join(pack(b"".join(map(dump_line, piece))) for piece in (lines[:half], lines[half:]) if piece)
            (self.path / name).write_bytes(data)
            db.execute("INSERT INTO outputs VALUES (?, ?, ?)", (name, len(data), len(lines)))
        meaning = {
            "[job] name": "yard", "[output] rows": self.rows, "[output] format": self.format,
            "[[harvest]]": self.harvests,
        }  # fmt: skip
        SqliteCheckpoint(db).set_meta({"scope": "subdomains", "meaning": dump(meaning).decode()})
        db.close()
        return self.path

    def file(self, harvest: str) -> Path:
        """Return the file of a harvest."""
        return self.path / f"{harvest}.{self.format}"


def link(page: str, to: str = "https://mine.com/", /, **fields: Any) -> dict[str, Any]:
    """Return the fields of a backlink."""
    return {"url_from": page, "url_to": to, "is_lost": False, **fields}


def found(directory: Path, sql: str) -> list[tuple[Any, ...]]:
    """Return what a question finds."""
    with opened(directory) as connection:
        rows: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
    return rows


def append(path: Path, tail: bytes) -> None:
    """Write on behind what is committed."""
    with path.open("ab") as file:
        file.write(tail)


def put(path: Path, at: int, data: bytes) -> None:
    """Change a file in place."""
    fd = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(fd, data, at)
    finally:
        os.close(fd)
