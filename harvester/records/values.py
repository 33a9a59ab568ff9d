"""The values of single fields: texts, times, identities (data-model.md, sections 8.1, 8.7 and 9). Pure functions."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from html import unescape

from harvester.errors import UnreadableRow

_WHITE = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"  # White_Space of the Unicode database
_CONTROL = r"\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"  # category Cc, without those of them that are white space
_UNTIDY = re.compile(f"[{_CONTROL}]|(?! (?![{_WHITE}]))[{_WHITE}]")
_CONTROLS = re.compile(f"[{_CONTROL}]+")
_WHITES = re.compile(f"[{_WHITE}]+")

#: What the providers write, on days that every month has; the rest is read slowly.
_USUAL = re.compile(
    r"(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    r"(?:[T ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:Z| ?\+00:00)?)?"
)
#: Python reads far more than the extended format, such as week dates and any separator, even a digit.
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ]|$)")
_EARLIEST = "1990-01-01T00:00:00Z"
_AHEAD = timedelta(days=2)


def text(value: object) -> str | None:
    """Return a text for showing: entities unescaped once, no control characters, single spaces, not trimmed.

    None stays None; a number becomes its text, for anchors are never numbers. Raises UnreadableRow for anything else.
    """
    if not isinstance(value, str):
        return _text_of(value)
    if value.isprintable() and "&" not in value and "  " not in value:  # most are: none of what follows applies
        return value
    if "&" in value:
        value = _unescaped(value)
    if _UNTIDY.search(value):
        return _WHITES.sub(" ", _CONTROLS.sub("", value))
    return value


def _text_of(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise UnreadableRow(f"a text was expected, not {type(value).__name__}")


def _unescaped(value: str) -> str:
    try:
        return unescape(value)
    except ValueError:  # a numeric reference of more than 4,300 digits, which Python refuses to read as a number
        return value


def anchor_key(anchor: str) -> str:
    """Return an anchor for comparing: NFKC, no format characters (category Cf), case-folded, single spaces, trimmed."""
    if anchor.isascii():
        return " ".join(anchor.lower().split())
    folded = _without_format(unicodedata.normalize("NFKC", anchor)).casefold()
    # Folding can leave marks in an order, or letters in a form, that NFKC would change again.
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def _without_format(anchor: str) -> str:
    return "".join([char for char in anchor if unicodedata.category(char) != "Cf"])


def link_id(key_from: str | None, key_to: str | None, url_from: str, url_to: str) -> str:
    """Return the provider-neutral identity of a link (data-model.md, section 9): a raw URL stands in for a null key."""
    both = f"{url_from if key_from is None else key_from}\x1f{url_to if key_to is None else key_to}"
    return blake2b(both.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def set_id(targets: Sequence[str]) -> str:
    """Return the identity of a comparison: the same targets in the same order have the same one at every provider."""
    return blake2b("\x1f".join(targets).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def timestamp(value: object, arrived_at: datetime) -> str | None:
    """Return an ISO 8601 date-time or date with any offset as UTC to the second; without an offset it is UTC.

    None for what is not one, and for what nobody can have seen: before 1990, or more than two days after
    `arrived_at` (UTC), when the reply came.
    """
    if not isinstance(value, str):
        return None
    canonical = _canonical(value)
    if canonical is None:
        return None
    earliest, latest = _believed(arrived_at)
    return canonical if earliest <= canonical <= latest else None


def _canonical(value: str) -> str | None:
    """Return a date-time or date as records write it; None for what is not one."""
    if _USUAL.fullmatch(value):
        if value[19:] == "Z" and value[10] == "T":
            return value
        return f"{value[:10]}T{value[11:19] or '00:00:00'}Z"
    if not _ISO_DATE.match(value):
        return None
    try:
        return f"{_moment(value).replace(tzinfo=None).isoformat(timespec='seconds')}Z"
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=16)
def _believed(arrived_at: datetime) -> tuple[str, str]:
    """Return the first and the last moment that somebody can have seen; so written, the later is the greater."""
    return _EARLIEST, f"{(arrived_at + _AHEAD).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _moment(value: str) -> datetime:
    """Read a date-time, also one with a blank before its offset (DataForSEO: `2026-03-01 04:05:06 +00:00`)."""
    moment = datetime.fromisoformat(value.replace(" +", "+").replace(" -", "-"))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def day(value: object, arrived_at: datetime) -> str | None:
    """Return the UTC calendar day of a date or date-time, believed and refused as by `timestamp`."""
    moment = timestamp(value, arrived_at)
    return moment and moment[:10]
