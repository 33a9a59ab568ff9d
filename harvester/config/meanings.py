"""Single values of a config file: text in, meaning out.

Each function is a pydantic validator: it raises Unfit to say what it expected, or a bare ValueError when the
description of its field says it all.
"""

import os
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import ValidationInfo

from harvester.condition import Malformed, condition_of
from harvester.config.faults import Unfit, nearest
from harvester.model import Day, RateRule, SetColumn, Sets, TargetSource

#: The greatest number that the checkpoint (SQLite) and the manifest (64-bit JSON) can hold.
GREATEST = 2**63 - 1

#: Files of the job directory that no harvest may overwrite, without their ending.
_TAKEN_NAMES = frozenset({"tasks", "rejects"})
_WINDOWS_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
)
_UNIT_S = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}
_UNITS = [*_UNIT_S, *(f"{unit}s" for unit in _UNIT_S), "s"]
_MICRO_DOLLARS = 1_000_000

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_RATE = re.compile(r"([0-9]{1,9})\s*/\s*([0-9]{1,6})?\s*([A-Za-z]+)")
_DOLLARS = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) USD")
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAYS = re.compile(r"([0-9]{1,5})d")
_FIRST_YEAR, _LAST_YEAR = 1990, 2199  #: no link index is older; the next centuries bring room to add a day
_MOST_DAYS = 36_500
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_URL = re.compile(r"[A-Za-z0-9._~:/%!$&'()*+,;=\[\]-]+")
_SINCE_FORMS = 'a date as in 2026-10-01, days before today as in "30d", or "last"'
_KEY_FORMS = '"env:NAME" (an environment variable) or "file:PATH", or a list of these'
_URL_FORMS = (
    "an https:// URL without credentials, query and fragment (plain http:// only for 127.0.0.0/8, localhost, ::1)"
)


def file_name(value: object) -> str:
    """Return a name that can be a file on every system."""
    if not isinstance(value, str) or not _NAME.fullmatch(value) or value.endswith("."):
        raise ValueError
    if value.partition(".")[0].lower() in _WINDOWS_DEVICES:
        raise Unfit("another name: Windows keeps this one for a device")
    return value


def harvest_name(value: object) -> str:
    """Return a name that can be an output file of a job."""
    name = file_name(value)
    if name.lower() in _TAKEN_NAMES:
        raise Unfit(f"another name: the job writes {name.lower()}.jsonl itself")
    return name


def text(value: object) -> str:
    """Return a text that is not blank and fits on one line."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable() or len(value) > 1000:
        raise ValueError
    return value


def report_name(value: object) -> str:
    """Return the name of a report, short enough to become part of a file name."""
    name = text(value)
    if len(name) > 100:
        raise ValueError
    return name


def path_in(folder: Path, value: object) -> Path:
    """Return an absolute path; a relative one begins at `folder`."""
    return Path(os.path.realpath(folder / text(value)))


def output(value: object, info: ValidationInfo) -> Path:
    """Return the job directory."""
    return path_in(_folder(info), value)


def targets(value: object, info: ValidationInfo) -> tuple[TargetSource, ...]:
    """Return the lists that `targets` names."""
    sources = tuple(_source(item, _folder(info)) for item in (value if isinstance(value, list) else [value]))
    if not sources:
        raise ValueError
    if sum(source.path == Path("-") for source in sources) > 1:
        raise Unfit('"-" (standard input) once at most')
    return sources


def rate(value: object) -> RateRule | Literal["unlimited"]:
    """Return how often a key may call: "60/minute", "50/5minutes", "unlimited"."""
    if not isinstance(value, str):
        raise ValueError
    if value.strip() == "unlimited":
        return "unlimited"
    match = _RATE.fullmatch(value.strip())
    if match is None:
        raise Unfit(_rate_forms(), meant=nearest(value, ["unlimited"]))
    calls, count, unit = int(match[1]), int(match[2] or 1), match[3]
    if unit not in _UNITS:
        meant = nearest(unit, _UNITS)
        raise Unfit(_rate_forms(), meant=meant and f"{calls}/{match[2] or ''}{meant}")
    if calls < 1 or count < 1:
        raise Unfit("at least one call in a window of at least one second")
    return RateRule(calls=calls, window_s=count * _UNIT_S["second" if unit == "s" else unit.removesuffix("s")])


def units(value: object, info: ValidationInfo) -> int:
    """Return an amount in the provider's smallest units; dollars become micro-dollars."""
    if isinstance(value, str) and value.strip().upper().endswith("USD"):
        if _context(info, "provider") != "dataforseo":
            raise Unfit("a whole number of the provider's units; only dataforseo charges in USD")
        if match := _DOLLARS.fullmatch(value):
            return int(Decimal(match[1]) * _MICRO_DOLLARS)
        raise Unfit('dollars with at most six decimals, as in "25.00 USD"')
    if type(value) is not int or not 0 <= value <= GREATEST:
        raise ValueError
    return value


def seconds(value: object) -> float:
    """Return a duration in seconds, at most a day."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 86400:
        raise ValueError
    return float(value)


def score(value: object) -> int | float:
    """Return a number from 0 that can be compared with a provider's scores."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1_000_000:
        raise ValueError
    return value


def key_references(value: object, info: ValidationInfo) -> tuple[str, ...]:
    """Return where the keys of a provider are to be read; the secrets themselves are refused."""
    references = tuple(_reference(item, _folder(info)) for item in (value if isinstance(value, list) else [value]))
    if not references:
        raise Unfit(_KEY_FORMS, hide=True)
    if len(set(references)) < len(references):
        raise Unfit("each key once: the provider counts calls by key", hide=True)
    return references


def login(value: object, info: ValidationInfo) -> str:
    """Return an account's name, or where it is to be read."""
    name = text(value)
    if name.startswith(("env:", "file:")):
        return _reference(name, _folder(info))
    if ":" in name or not name.isascii():
        raise ValueError
    return name


def url(value: object) -> str:
    """Return a base URL without its trailing slash. A secret would not be safe in it, so it is refused."""
    hide = isinstance(value, str) and any(sign in value for sign in "@?#")
    unfit = Unfit(_URL_FORMS, hide=hide)
    if not isinstance(value, str) or not _URL.fullmatch(value):
        raise unfit
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname or "", parts.port  # reading the port checks it
    except ValueError:
        raise unfit from None
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))):
        raise unfit
    return value.rstrip("/")


def day(value: object) -> Day:
    """Return a date, or how long before the job's first day."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return _possible(value)
    if isinstance(value, str) and _ISO_DATE.fullmatch(value):
        try:
            written = date.fromisoformat(value)
        except ValueError:
            raise Unfit("a date that exists") from None
        return _possible(written)
    if isinstance(value, str) and (match := _DAYS.fullmatch(value)) and int(match[1]) <= _MOST_DAYS:
        return timedelta(days=int(match[1]))
    raise ValueError


def since(value: object) -> Day | Literal["last"]:
    """Return a day, or that the last complete round of the same harvest decides it."""
    if isinstance(value, str) and value == "last":
        return "last"
    try:
        return day(value)
    except Unfit:
        raise
    except ValueError:
        raise Unfit(_SINCE_FORMS, meant=nearest(value, ["last"])) from None


def _possible(value: date) -> date:
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise Unfit(f"a date in the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return value


def sets(value: object) -> Sets:
    """Return the sets that a harvest names, or the column of the list that names them."""
    if isinstance(value, dict) and value.keys() == {"column"}:
        return SetColumn(text(value["column"]))
    if not isinstance(value, list) or not value:
        raise ValueError
    if not all(isinstance(targets, list) and targets for targets in value):
        raise ValueError
    return tuple(tuple(text(target) for target in targets) for targets in value)


def only_if(value: object) -> str:
    """Return a condition on the records of another harvest, as it was written."""
    written = text(value)
    try:
        condition_of(written)
    except Malformed as exc:
        raise Unfit(str(exc)) from None
    return written


def until(value: object, info: ValidationInfo) -> Day:
    """Return a day that is not before the harvest's `since`, as far as the two can be compared."""
    end, since = day(value), info.data.get("since")
    if isinstance(end, date) and isinstance(since, date) and end < since:
        raise Unfit(f"a day not before since = {since}")
    if isinstance(end, timedelta) and isinstance(since, timedelta) and end > since:
        raise Unfit(f"a day not before since = {since.days}d")
    return end


def provider_with_table(value: object, info: ValidationInfo) -> str:
    """Return the name of a provider that the file has a table for."""
    name = text(value)
    known: list[str] = _context(info, "providers")
    if name not in known:
        raise Unfit(f"a provider with a table [providers.{name[:60]}] in this file", meant=nearest(name, known))
    return name


def option(value: object) -> object:
    """Return a parameter for the provider: a plain value or a list of plain values."""
    for item in value if isinstance(value, list) else [value]:
        is_number = isinstance(item, int | float) and -GREATEST <= item <= GREATEST  # neither NaN nor Infinity
        if not (is_number or isinstance(item, str)):
            raise ValueError
    return value


def only_for(provider: str) -> Callable[[Any, ValidationInfo], Any]:
    """Return a validator that refuses a key in the table of any other provider."""

    def check(value: Any, info: ValidationInfo) -> Any:
        if _context(info, "provider") != provider:
            raise Unfit(f"no such key in this table, only in [providers.{provider}]", hide=True)
        return value

    return check


def _context(info: ValidationInfo, key: str) -> Any:
    assert info.context is not None  # every model is validated with one
    return info.context[key]


def _folder(info: ValidationInfo) -> Path:
    folder: Path = _context(info, "folder")
    return folder


def _rate_forms() -> str:
    return 'CALLS/WINDOW such as "60/minute" or "50/5minutes" (second, minute, hour, day), or "unlimited"'


def _source(item: object, folder: Path) -> TargetSource:
    if isinstance(item, str):
        return TargetSource(path=_list_path(item, folder))
    if not isinstance(item, dict):
        raise ValueError
    if item.keys() == {"inline"} and isinstance(item["inline"], list) and item["inline"]:
        return TargetSource(inline=tuple(text(name) for name in item["inline"]))
    if item.keys() == {"path"} or item.keys() == {"path", "column"}:
        column = text(item["column"]) if "column" in item else None
        return TargetSource(path=_list_path(item["path"], folder), column=column)
    raise ValueError


def _list_path(value: object, folder: Path) -> Path:
    return Path("-") if value == "-" else path_in(folder, value)


def _reference(item: object, folder: Path) -> str:
    kind, _, rest = item.partition(":") if isinstance(item, str) else ("", "", "")
    if kind == "env" and _VARIABLE.fullmatch(rest):
        return f"env:{rest}"
    if kind == "file" and rest.strip() and rest.isprintable():
        return f"file:{path_in(folder, rest)}"
    raise Unfit(f"{_KEY_FORMS}; the secret itself does not belong in this file", hide=True)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
