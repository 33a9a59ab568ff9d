"""One finished sentence for each thing that is wrong in a config file.

    configs/x.toml: [providers.ahrefs] rate = "60/minuet": expected ...; did you mean "60/minute"?

What was expected is the `description` of the model's field, unless its validator knows better (`Unfit`). The words of
pydantic are never shown. Nor is any value that may be a secret: those of `key` and `login`, of URLs with credentials
or a query, and of keys we do not know (`api_key = ...`).
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, time, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from harvester.errors import HarvestRefused

_SHOWN_CHARS = 60
_HIDDEN = frozenset({"key", "login"})
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,60}")

#: Where a value stands below its table: keys and list positions, as pydantic counts them (0 = the first).
Place = tuple[str | int, ...]


class Unfit(ValueError):
    """Raised by a validator that can say more than the description of its field."""

    def __init__(self, expected: str, *, meant: str | None = None, hide: bool = False) -> None:
        self.expected = expected
        self.meant = meant  #: the nearest thing that would do
        self.hide = hide  #: the value may be a secret
        super().__init__(expected)


def faults_of(error: ValidationError, model: type[BaseModel], table: str) -> list[str]:
    """Return one sentence for each error of a table, without the file's name."""
    return [_fault(detail, model, table) for detail in error.errors(include_url=False)]


def harvest_fault(path: Path, number: int, name: str, refused: HarvestRefused) -> str:
    """Return the sentence for what a provider refuses in the `number`-th harvest (1 = the first) of a file."""
    said = f"{harvest_table(number, name)} {refused.key} = {shown(refused.found)}: expected {refused.expected}"
    return f"{path}: {said}"


def harvest_table(number: int, name: object) -> str:
    """Return how to call a harvest in a message; `number` is 1 for the first."""
    return f"[[harvest]] no. {number} {shown(name)}" if isinstance(name, str) else f"[[harvest]] no. {number}"


def unknown(key: str, known: Iterable[str]) -> str:
    """Return what to say of a key or table that does not exist."""
    known = list(known)
    return f"{key_shown(key)}: unknown; expected one of {', '.join(known)}{did_you_mean(key, known)}"


def did_you_mean(found: object, known: Iterable[str]) -> str:
    """Return the end of a sentence that offers the nearest spelling, or ""."""
    meant = nearest(found, known)
    return f"; did you mean {shown(meant)}?" if meant else ""


def nearest(found: object, known: Iterable[str]) -> str | None:
    """Return which of `known` is spelled most like `found`, if any is."""
    if not isinstance(found, str):
        return None
    folded = {text.casefold(): text for text in known}
    close = get_close_matches(found[:_SHOWN_CHARS].casefold(), folded, n=1)
    return folded[close[0]] if close else None


def key_shown(key: str) -> str:
    """Return a key as TOML spells it, shortened."""
    return key if _BARE_KEY.fullmatch(key) else shown(key)


def shown(value: object) -> str:
    """Return a value on one short line, much as TOML spells it and safe to print."""
    if isinstance(value, str):
        text = value if len(value) <= _SHOWN_CHARS else f"{value[:_SHOWN_CHARS]}…"
        return json.dumps(text, ensure_ascii=not text.isprintable())
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > 64:
        return f"a number of {value.bit_length()} bits"  # its digits may be too many to print
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f'"{value.days}d"'
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return _list_shown(value)
    return str(value)


def _list_shown(values: list[Any] | tuple[Any, ...], *, is_inner: bool = False) -> str:
    text = ", ".join(
        shown(value)
        if not isinstance(value, list | tuple)
        else "[…]"
        if is_inner
        else _list_shown(value, is_inner=True)
        for value in values[:4]
    )
    return f"[{text}, …]" if len(values) > 4 else f"[{text}]"


def _fault(detail: Mapping[str, Any], model: type[BaseModel], table: str) -> str:
    place: Place = detail["loc"]
    holder, key = _holder(model, place)
    at = f"{table} {_place_shown(place)}"
    if detail["type"] == "extra_forbidden":
        return f"{table} {''.join(f'{step}.' for step in place[:-1])}{unknown(key, holder.model_fields)}"
    unfit = _unfit(detail, holder.model_fields[key])
    if detail["type"] == "missing":
        return f"{at}: missing; expected {unfit.expected}"
    found = "" if unfit.hide or key in _HIDDEN else f" = {shown(detail['input'])}"
    return f"{at}{found}: expected {unfit.expected}" + (f"; did you mean {shown(unfit.meant)}?" if unfit.meant else "")


def _unfit(detail: Mapping[str, Any], field: FieldInfo) -> Unfit:
    """Return what the validator said, or else what the field's description says."""
    error = detail.get("ctx", {}).get("error")
    if isinstance(error, Unfit):
        return error
    return Unfit(field.description or "another value", meant=nearest(detail["input"], _choices(field.annotation)))


def _choices(annotation: Any) -> list[str]:
    """Return the texts that a field's `Literal`, optional or not, allows."""
    found = [text for text in get_args(annotation) if isinstance(text, str)]
    return found or [text for part in get_args(annotation) for text in get_args(part) if isinstance(text, str)]


def _holder(model: type[BaseModel], place: Place) -> tuple[type[BaseModel], str]:
    """Return the model whose key is at fault, and the key: the table's own, or that of an inline table in it."""
    key = str(place[0])
    field = model.model_fields.get(key)
    for inner in get_args(field.annotation) if field and len(place) > 1 else ():
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return inner, str(place[1])
    return model, key


def _place_shown(place: Place) -> str:
    text = ""
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f".{key_shown(step)}" if text else key_shown(step)
    return text
