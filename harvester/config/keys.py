"""The secret behind a reference in a config file. No message here repeats any part of it."""

from collections.abc import Mapping
from pathlib import Path

from harvester.errors import ConfigError

_MOST_BYTES = 65_536


def resolve_key(reference: str, environ: Mapping[str, str]) -> str:
    """Return the secret that "env:NAME" or "file:PATH" stands for, without blanks around it. Raises ConfigError."""
    kind, _, rest = reference.partition(":")
    if kind == "env":
        text = environ.get(rest, "")
        remedy = f"set it with: export {rest}=..."
        missing = "the environment variable is empty" if rest in environ else "no such environment variable"
    elif kind == "file":
        text = _content(Path(rest), reference)
        missing, remedy = "the file is empty", "write the key into it"
    else:
        raise ConfigError('a key that is neither "env:NAME" nor "file:PATH"; the secret itself is not accepted')
    secret = text.strip()
    if not secret:
        raise ConfigError(f"{reference}: {missing}; {remedy}")
    _check(secret, reference)
    return secret


def resolve_login(login: str, environ: Mapping[str, str]) -> str:
    """Return an account's name, which may be written plainly. Raises ConfigError."""
    return resolve_key(login, environ) if login.startswith(("env:", "file:")) else login


def _content(path: Path, reference: str) -> str:
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"{reference}: not a file; name the file that holds the key")
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{reference}: no such file; create it with the key as its only content") from None
    except (OSError, ValueError) as exc:
        raise ConfigError(f"{reference}: cannot be read: {getattr(exc, 'strerror', None) or 'bad path'}") from None
    if len(content) > _MOST_BYTES:
        raise ConfigError(f"{reference}: larger than {_MOST_BYTES:,} bytes: this is not a key")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{reference}: not text: save the file as UTF-8 with the key as its only content") from None


def _check(secret: str, reference: str) -> None:
    """Refuse what cannot travel in an HTTP header: a line end would let a key write headers of its own."""
    if any(ord(sign) < 32 or 127 <= ord(sign) < 160 for sign in secret):
        raise ConfigError(f"{reference}: holds a line end or another control character; expected the key alone")
    try:
        secret.encode("latin-1")
    except UnicodeEncodeError:
        raise ConfigError(
            f"{reference}: holds a character that no key has (beyond Latin-1); copy the key again"
        ) from None
