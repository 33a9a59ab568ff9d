"""What the lanes' accounts say of themselves, kept beside what the lanes have counted."""

import sqlite3
from datetime import UTC, datetime

from harvester.engine.checkpoint.database import reading, transaction
from harvester.engine.ports import Doubt, Reading, Settlement


class SqliteBooks:
    """The accounts of one job's lanes, in the checkpoint's file. For when no request is open."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.db = connection

    def note_balance(self, lane: str, units: int | None) -> None:
        """Remember what an account said it has. Raises StorageError."""
        with transaction(self.db):
            self.db.execute("UPDATE lanes SET balance = ? WHERE name = ?", (units, lane))

    def last_reading(self, lane: str) -> Reading | None:
        """Return when an account was last believed; None = it never was."""
        with reading(self.db):
            row = self.db.execute(
                "SELECT used, period, used_spent FROM lanes WHERE name = ? AND used IS NOT NULL", (lane,)
            ).fetchone()
        return None if row is None else Reading(*row)

    def doubts(self, lane: str) -> list[Doubt]:
        """Return what the last believed reading knows nothing of, and no other either."""
        with reading(self.db):
            rows = self.db.execute("SELECT id, units, mark, at FROM doubts WHERE lane = ? ORDER BY id", (lane,))
            return [Doubt(id_, units, mark, datetime.fromtimestamp(at, UTC)) for id_, units, mark, at in rows]

    def found(self, lane: str, doubt: Doubt, units: int) -> None:
        """Book what a lost reply cost, as its receipt says. Raises StorageError."""
        with transaction(self.db):
            self.db.execute("DELETE FROM doubts WHERE id = ?", (doubt.id,))
            self._add(lane, spent_units=units, released_units=doubt.units)

    def believe(self, lane: str, now: Reading, settlement: Settlement) -> None:
        """Book what an account says was charged; the next reading is held against this one. Raises StorageError.

        What is in doubt and not settled by it stays so: no later reading can tell.
        """
        with transaction(self.db):
            self.db.execute("DELETE FROM doubts WHERE lane = ?", (lane,))
            self._add(lane, spent_units=settlement.spent_units, released_units=settlement.released_units)
            self.db.execute(
                "UPDATE lanes SET used = ?, period = ?, used_spent = ?, charged = coalesce(charged, 0) + ?"
                " WHERE name = ?",
                (
                    now.used_units, now.period, now.spent_units + settlement.spent_units,
                    settlement.charged_units, lane,
                ),
            )  # fmt: skip

    def _add(self, lane: str, *, spent_units: int, released_units: int) -> None:
        self.db.execute(
            "UPDATE lanes SET units_spent = units_spent + ?, units_in_doubt = units_in_doubt - ? WHERE name = ?",
            (spent_units, released_units, lane),
        )
