"""Rounds of a job that are made by hand, each in its place."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from insight_kit import Yard

from harvester.engine.checkpoint import SqliteCheckpoint, open_database

DAYS = (date(2026, 3, 2), date(2026, 3, 9), date(2026, 3, 16))


class Rounds:
    """A job directory with so many rounds; the last one is at its top."""

    def __init__(self, directory: Path, count: int) -> None:
        self.directory = directory
        paths = [directory / "rounds" / str(number) for number in range(1, count)] + [directory]
        self.yards = [Yard(path) for path in paths]

    def harvest(self, provider: str, report: str, **asked: Any) -> str:
        """Add a harvest to all rounds; return its name."""
        for number in range(len(self.yards)):
            name = self.ask(number, provider, report, **asked)
        return name

    def ask(self, number: int, provider: str, report: str, **asked: Any) -> str:
        """Add a harvest to one round (0 = the first); return its name."""
        return self.yards[number].harvest(provider, report, **{"filter": {}, "options": {}, **asked})

    def made(self, *, finished: Sequence[bool] | None = None, days: Sequence[date] = DAYS) -> Path:
        """Write all of it; return the job directory."""
        for number, yard in enumerate(self.yards):
            if number + 1 == len(self.yards) and self.directory.exists():
                _into(yard, self.directory)
            else:
                yard.made()
            is_finished = finished is None or finished[number]
            db = open_database(yard.path)
            SqliteCheckpoint(db).set_meta({"day": days[number].isoformat(), "round": str(number + 1)})
            for name, asked in yard.harvests.items():
                db.execute(
                    "INSERT INTO harvests (name, scope, targets_per_task, complete) VALUES (?, ?, 1, 1)",
                    (name, asked["scope"]),
                )
            if not is_finished:
                db.execute("INSERT INTO targets (scope, name, round) VALUES ('subdomains', 'left.com', 1)")
            db.close()
        return self.directory


def _into(yard: Yard, directory: Path) -> None:
    """Write a round into a directory that is there already."""
    elsewhere = Yard(directory.with_name(f"{directory.name}.made"), yard.format, yard.rows, yard.harvests, yard.files)
    for path in list(elsewhere.made().iterdir()):
        path.rename(directory / path.name)
    elsewhere.path.rmdir()


def rows_of(answer: Any) -> list[Mapping[str, Any]]:
    """Return the rows of an answer by their columns."""
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
