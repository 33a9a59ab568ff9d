"""An account's own prices, as it told them last: kept for whoever plans without asking it."""

import sqlite3
from collections.abc import Mapping

from harvester.codec import dump, parse
from harvester.engine.checkpoint import SqliteCheckpoint, meta_of


def note_prices(checkpoint: SqliteCheckpoint, provider: str, prices: Mapping[str, int]) -> None:
    """Keep what an account has told, if it has. Raises StorageError."""
    if prices:
        checkpoint.set_meta({_key(provider): dump(prices).decode()})


def prices_of(db: sqlite3.Connection, provider: str) -> dict[str, int]:
    """Return what an account has told, by name of fact; nothing if it never did."""
    prices: dict[str, int] = parse(meta_of(db, _key(provider)) or "{}")
    return prices


def _key(provider: str) -> str:
    return f"prices of {provider}"
