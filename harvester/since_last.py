"""What `since = "last"` means in one round: decided when the round begins, and kept in its state."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from harvester.codec import dump, parse
from harvester.engine.checkpoint import meta_of

SINCE_LAST = "since_last"  #: the remark on the job that holds what `since = "last"` means in the present round


@dataclass(frozen=True, slots=True)
class Last:
    """What `since = "last"` means for one harvest in one round."""

    day: date | None  #: None = no earlier round was complete: all that the report has, as if `since` were absent
    round: int | None = None  #: the earlier round that this is the day of


Lasts = Mapping[str, Last]  #: by harvest, those with `since = "last"`


def lasts_of(db: sqlite3.Connection) -> Lasts:
    """Return what `since = "last"` means in the round of this state, as it was decided when the round began."""
    kept = parse(meta_of(db, SINCE_LAST) or "{}")
    return {
        name: Last(None if day is None else date.fromisoformat(day), number) for name, (day, number) in kept.items()
    }


def told(lasts: Lasts) -> list[str]:
    """Return in words what `since = "last"` means: it decides what is bought."""
    return [
        f'{name}: since = "last": {"as without it, for no earlier round is complete" if last.day is None else last.day}'
        f"{'' if last.round is None else f', the day of round {last.round}'}"
        for name, last in lasts.items()
    ]


def note_of(lasts: Lasts) -> str:
    """Return the text that `lasts_of` reads."""
    return dump({name: [last.day, last.round] for name, last in lasts.items()}).decode()
