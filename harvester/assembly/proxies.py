"""A company's proxy, as HTTPS_PROXY and NO_PROXY name it.

Only what is encrypted goes through it: a tunnel (CONNECT) shows the proxy a host's name and no key. Plain http:// is
loopback and never leaves this machine, so HTTP_PROXY means nothing here. Not left to the HTTP client, which would
send keys in the clear to the proxy of HTTP_PROXY, and passwords out of ~/.netrc to providers.
"""

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from harvester.errors import ConfigError


def proxy_of(environ: Mapping[str, str]) -> Callable[[str], str | None]:
    """Return what tells the URL of the proxy that leads to a host; None = none does. Raises ConfigError."""
    name = next((name for name in ("https_proxy", "HTTPS_PROXY") if environ.get(name, "").strip()), None)
    url = None if name is None else _url(name, environ[name].strip())
    without = environ.get("no_proxy") or environ.get("NO_PROXY") or ""

    def of(host: str) -> str | None:
        return None if url is None or _is_loopback(host) or _is_exempt(host, without) else url

    return of


def _url(name: str, value: str) -> str:
    """Return a proxy's URL; its value, which may hold a password, is in no message. Raises ConfigError."""
    url = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme == "http" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ConfigError(
            f"the environment variable {name} names no proxy that can be used: expected http://HOST:PORT (also with "
            f"USER:PASSWORD@); correct it, or take it out with: unset {name}"
        )
    return url


def _is_exempt(host: str, without: str) -> bool:
    """Return whether NO_PROXY names a host, a domain above it, or everything ("*")."""
    names = [name.strip().lstrip(".").lower() for name in without.split(",")]
    return "*" in names or any(name and f".{host}".lower().endswith(f".{name}") for name in names)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
