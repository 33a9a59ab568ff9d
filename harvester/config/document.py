"""A TOML file to plain values; whatever is wrong with the file itself becomes one fault."""

import re
import tomllib
from pathlib import Path
from typing import Any

from harvester.errors import ConfigError

_MOST_BYTES = 4 * 1024 * 1024
_PLACE = re.compile(r"(.*) \(at (?:line ([0-9]+), column ([0-9]+)|end of document)\)", re.DOTALL)


def document_of(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file. Raises ConfigError."""
    content = _read(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise ConfigError(f"{path}: line {line}: not UTF-8 text; save the file as UTF-8") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{path}: {_place_and_reason(str(exc), text)}") from None
    except (ValueError, RecursionError):
        raise ConfigError(f"{path}: not usable as TOML: a number too long, or too many brackets in brackets") from None


def _read(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"{path}: not a file; name a config file such as configs/job.toml")
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; check the path") from None
    except PermissionError:
        raise ConfigError(f"{path}: may not be read by this user; change its permissions") from None
    except (OSError, ValueError) as exc:
        raise ConfigError(f"{path}: cannot be read: {getattr(exc, 'strerror', None) or exc}") from None
    if len(content) > _MOST_BYTES:
        raise ConfigError(f"{path}: larger than {_MOST_BYTES:,} bytes; put targets into a file of their own")
    return content


def _place_and_reason(message: str, text: str) -> str:
    match = _PLACE.fullmatch(message)
    reason = match[1] if match else message
    line, column = (match[2], match[3]) if match and match[2] else _end_of(text)
    return f"line {line}, column {column}: not TOML: {reason[:1].lower()}{reason[1:]}"


def _end_of(text: str) -> tuple[str, str]:
    lines = text.split("\n")
    return str(len(lines)), str(len(lines[-1]) + 1)
