"""Parameters of a task (reference, section 5): each is read once; what is wrong with it is a 40501 that names it."""

import re
from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from urllib.parse import urlsplit

from harvester.sandbox.dataforseo.terms import invalid
from harvester.sandbox.hosts import Place, ascii_host, place_of

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+00:00")


def stamp(moment: datetime) -> str:
    """Return a moment as DataForSEO writes it: `2019-01-15 22:55:49 +00:00`."""
    return f"{moment:%Y-%m-%d %H:%M:%S} +00:00"


def read_moment(text: object) -> datetime | None:
    """Return the moment that is meant; None if it is none."""
    if not (isinstance(text, str) and _MOMENT.fullmatch(text)):
        return None
    try:
        return datetime.fromisoformat(text[:19]).replace(tzinfo=UTC)
    except ValueError:
        return None


def start_of(day: date) -> datetime:
    """Return the first second of a day."""
    return datetime.combine(day, time(), UTC)


def months_before(day: date, months: int) -> date:
    """Return the same day of an earlier month, or its last day where it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


@dataclass(frozen=True, slots=True)
class Target:
    """A domain or a page, read from the text that was sent."""

    text: str
    place: Place
    scheme: str = ""  #: of a page; "" = a domain
    has_path: bool = True  #: `https://x.com` has none, and no page is called that

    @property
    def is_page(self) -> bool:
        return bool(self.scheme)


def read_target(text: object, field: str) -> Target:
    """Return what is asked about: a page where a scheme is given, else a domain. Raises Blame of `field`."""
    if not isinstance(text, str):
        raise invalid(field)
    try:
        if re.match("https?://", text, re.IGNORECASE):
            parts = urlsplit(text)
            return Target(text, place_of(text), parts.scheme, bool(parts.path))
        return Target(text, Place(ascii_host(text), "/"))
    except ValueError:
        raise invalid(field) from None


@dataclass(frozen=True, slots=True)
class Params:
    """What was sent with one task; a parameter that is null was not sent (section 5)."""

    sent: Mapping[str, Any]

    def flag(self, name: str, default: bool = True) -> bool:
        """Return a boolean. Raises Blame."""
        found = self.sent.get(name, default)
        if not isinstance(found, bool):
            raise invalid(name)
        return found

    def number(self, name: str, default: int, *, low: int, high: int | None) -> int:
        """Return an integer from `low` to `high`, both included. Raises Blame."""
        found = self.sent.get(name, default)
        if not isinstance(found, int) or isinstance(found, bool) or found < low or (high is not None and found > high):
            raise invalid(name)
        return found

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """Return one of the choices, the first where none was sent. Raises Blame."""
        found = self.sent.get(name, choices[0])
        if found not in choices:
            raise invalid(name)
        return str(found)

    def day(self, name: str, default: date, *, low: date, high: date | None = None) -> date:
        """Return a day from `low` to `high`, both included. Raises Blame."""
        text = self.sent.get(name, default.isoformat())
        try:
            found = date.fromisoformat(text) if isinstance(text, str) and _DAY.fullmatch(text) else None
        except ValueError:
            found = None
        if found is None or found < low or (high is not None and found > high):
            raise invalid(name)
        return found

    def moment(self, name: str) -> datetime:
        """Return a moment that must be given. Raises Blame."""
        found = read_moment(self.sent.get(name))
        if found is None:
            raise invalid(name)
        return found

    def target(self, *, is_page_allowed: bool = True) -> Target:
        """Return what the task is about. Raises Blame."""
        found = read_target(self.sent.get("target"), "target")
        if found.is_page and not is_page_allowed:
            raise invalid("target")
        return found
