"""Switches: what the references could not confirm, decided on the command line as `provider.name=value`."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from harvester.errors import ConfigError

_BOOLEANS = {"true": True, "false": False}


class Switch(NamedTuple):
    """One decision."""

    provider: str
    name: str
    value: str


def parse_switch(text: str) -> Switch:
    """Return the switch written as `provider.name=value`. Raises ConfigError."""
    where, equals, value = text.partition("=")
    provider, dot, name = where.strip().partition(".")
    if not (equals and dot and provider and name):
        raise ConfigError(f"switch {text!r}: expected provider.name=value, such as ahrefs.retry_after=true")
    return Switch(provider, name, value.strip())


def switched(kind: type[Any], switches: Iterable[Switch]) -> Any:
    """Return an instance of the dataclass `kind` with these decisions. Raises ConfigError with every fault at once."""
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    chosen: dict[str, object] = {}
    faults: list[str] = []
    for switch in switches:
        said = f"switch {switch.provider}.{switch.name}"
        if switch.name not in names:
            faults.append(f"{said}: unknown; there are {', '.join(names)}")
            continue
        try:
            chosen[switch.name] = _value(switch.value, hints[switch.name])
        except ValueError as exc:
            faults.append(f"{said} = {switch.value!r}: expected {exc}")
    if faults:
        raise ConfigError(faults)
    return replace(kind(), **chosen)


def by_provider(texts: Iterable[str], known: Mapping[str, object]) -> dict[str, list[Switch]]:
    """Return the switches of each provider. Raises ConfigError for a provider that is not served."""
    found: dict[str, list[Switch]] = {name: [] for name in known}
    for text in texts:
        switch = parse_switch(text)
        if switch.provider not in found:
            raise ConfigError(f"switch {text!r}: no provider of that name; there are {', '.join(known)}")
        found[switch.provider].append(switch)
    return found


def _value(text: str, hint: Any) -> object:
    """Return the text as a value of that type. Raises ValueError saying what was expected."""
    if get_origin(hint) is Literal:
        if text not in get_args(hint):
            raise ValueError(" or ".join(get_args(hint)))
        return text
    if hint is bool:
        if text not in _BOOLEANS:
            raise ValueError("true or false")
        return _BOOLEANS[text]
    if hint is float:
        seconds = float(text) if text.replace(".", "", 1).isdecimal() else -1.0
        if seconds < 0:
            raise ValueError("a number of seconds")
        return seconds
    return text
