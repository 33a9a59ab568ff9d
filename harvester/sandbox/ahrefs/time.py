"""How Ahrefs writes and reads time (reference, section 1): `2026-04-19T17:56:55Z` and `2026-04-19`, always UTC."""

import re
from datetime import UTC, date, datetime, time

_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def stamp(moment: datetime) -> str:
    """Return a moment as Ahrefs writes it."""
    return f"{moment.isoformat()[:19]}Z"


def read_day(text: str) -> date | None:
    """Return the day that is meant; None if it is none."""
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def read_moment(text: str) -> datetime | None:
    """Return the moment that a full timestamp means; None if it is none."""
    if not _DAY.match(text) or len(text) < 19:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def start_of(day: date) -> datetime:
    """Return the first second of a day."""
    return datetime.combine(day, time(), UTC)


def end_of(day: date) -> datetime:
    """Return the last second of a day."""
    return datetime.combine(day, time(23, 59, 59), UTC)
