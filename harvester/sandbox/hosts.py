"""Host names: what a target means, and which registrable domain a host belongs to."""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

import tldextract

#: The bundled suffix list, ICANN part; the network is never asked.
_suffixes = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class Place(NamedTuple):
    """Where a URL or a target points, without scheme, port and fragment."""

    host: str  #: ASCII, lower case
    path: str  #: with the query; "/" where the text had none


def ascii_host(name: str) -> str:
    """Return the host in ASCII and lower case. Raises ValueError if it is not a host name or an IPv4 address."""
    host = name.rstrip(".").lower()
    if not host.isascii():
        host = host.encode("idna").decode("ascii")  # UnicodeError is a ValueError
    if len(host) > 253 or not _HOST.fullmatch(host):
        raise ValueError(f"not a host name: {name!r}")
    return host


def unicode_host(host: str) -> str:
    """Return the host as people read it; as it is where it cannot be decoded."""
    try:
        return host.encode("ascii").decode("idna")
    except UnicodeError:
        return host


@lru_cache(maxsize=65536)
def place_of(text: str) -> Place:
    """Return where a URL, or a target whose scheme is optional, points. Raises ValueError."""
    if re.match(r"[a-z][a-z0-9+.-]*://", text, re.IGNORECASE):
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https"):
            raise ValueError(f"not a web address: {text!r}")
    else:
        parts = urlsplit(f"//{text}")
    host = ascii_host(parts.hostname or "")
    return Place(host, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


@lru_cache(maxsize=65536)
def root_of(host: str) -> str:
    """Return the registrable domain of a host; the host itself for an address or a bare suffix.

    A name under no listed suffix (`.example`, `.test`) counts as registered one label below its last one.
    """
    found = _suffixes(host)
    if found.suffix:
        return f"{found.domain}.{found.suffix}" if found.domain else host
    labels = host.split(".")
    return host if labels[-1].isdigit() else ".".join(labels[-2:])
