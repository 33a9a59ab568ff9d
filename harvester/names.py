"""Hosts, registrable domains, URL keys and targets: one spelling for what providers and users spell differently.

Strategy: a URL is split once by a regular expression, its host is normalised once per spelling (a bounded cache: a
million links share few hosts), and only a path with something to change is rewritten. All of it is plain text: nothing
is resolved, fetched or written.
"""

import re
from functools import lru_cache
from ipaddress import IPv6Address
from typing import NamedTuple
from urllib.parse import quote, unquote

import idna

from harvester.suffixes import icann, icann_and_private

_HOST_CHARS = 253  #: the longest name that the DNS can hold
_LABEL_CHARS = 63
_HOST_TEXT_CHARS = 1024  #: a host as it was written, before escapes and IDNA shorten it; longer is hostile
_CACHED_URL_CHARS = 1024  #: longer URLs are read, but never remembered

_URL = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*):(?=//))?(?://)?([^/?#]*)([^#]*)")
#: Texts that only look like `host:port` or `user:password@host`.
_NOT_A_HOST = re.compile(r"(?:https?|mailto|sips?|xmpp|skype|acct):(?![0-9]+$)", re.IGNORECASE)
_PORT = re.compile(r"0*([0-9]{0,5})")
_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_NOT_OF_A_HOST = re.compile(r"[^a-z0-9._-]")
#: A host that needs no further look at its labels: two or more, none too long, the last one no number.
_PLAIN_TARGET = re.compile(r"(?:[a-z0-9_-]{1,63}\.)+[a-z][a-z0-9-]{0,62}")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f]")

_PLAIN = r"A-Za-z0-9\-._~:/?@!$&'()*+,;=\[\]"  # what RFC 3986 allows unescaped (brackets: as browsers leave them)
_PLAIN_TAIL = re.compile(f"[{_PLAIN}]*")
#: A URL whose key is its host and its tail as it is, if there are no dots to resolve.
_USUAL_URL = re.compile(f"https?://([A-Za-z0-9._-]+)(/[{_PLAIN}]*)?")
_TO_SPELL = re.compile(f"%([0-9A-Fa-f]{{2}})|%|[^{_PLAIN}%]+")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_A_SUFFIX = "a public suffix, under which others register their domains"
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class UrlNames(NamedTuple):
    """What a URL is joined and counted by (data-model.md, section 8.6)."""

    key: str | None  #: join key, never shown; None = the URL is not parseable, and so are all the others
    host: str | None  #: ASCII, lower case; brackets around an IPv6 address
    domain: str | None  #: registrable domain by the ICANN part of the Public Suffix List
    site: str | None  #: the same with the list's private part


class HostNames(NamedTuple):
    """What a host is joined and counted by. `site` is None for a bare private suffix such as `github.io`."""

    host: str | None
    registrable: str | None
    site: str | None


class NotATarget(ValueError):
    """A text that is not a target; its message is the reason, for a user."""


class _Place(NamedTuple):
    """A URL taken apart."""

    scheme: str | None  #: lower case
    host: str  #: as it was written
    port: str  #: without leading zeros; "" = none given
    tail: str  #: path and query as they were written


class _Host(NamedTuple):
    names: HostNames
    stem: str  #: the host in URL keys: without its `www.`, if a registrable domain is left


_NO_URL = UrlNames(None, None, None, None)
_NO_HOST = HostNames(None, None, None)


def url_names(url: str) -> UrlNames:
    """Return the key, host, registrable domain and site of a URL; all None if it is not parseable."""
    if (match := _USUAL_URL.fullmatch(url)) is not None and "/." not in url:
        try:
            names, stem = _host(match[1])
        except NotATarget:
            return _NO_URL
        # Not by its name, which takes three times as long, twice for each of millions of rows.
        return tuple.__new__(UrlNames, (f"{stem}{match[2] or '/'}", *names))
    return _cached_url_names(url) if len(url) <= _CACHED_URL_CHARS else _url_names(url)


def host_names(host: str) -> HostNames:
    """Return the ASCII form, registrable domain and site of a host in any spelling; all None if it is not one."""
    try:
        return _host(host.strip()).names
    except NotATarget:
        return _NO_HOST


def target_of(text: str, scope: str) -> str:
    """Return the one spelling of a user's host, domain or URL that stands for it in `scope`.

    Raises NotATarget with a reason for the user. An unknown scope is a programming error: KeyError.
    """
    return _TARGETS[scope](text)


def _url_names(url: str) -> UrlNames:
    try:
        _, host, port, tail = _place(url.strip())
        names, stem = _host(host)
    except NotATarget:
        return _NO_URL
    return UrlNames(f"{stem}{_shown_port(port)}{_normal_tail(tail)}", *names)


_cached_url_names = lru_cache(maxsize=4096)(_url_names)


def _place(url: str) -> _Place:
    """Take a URL apart; the scheme is optional. Raises NotATarget."""
    match = _URL.match(url)
    assert match is not None  # every part is optional
    scheme, authority, tail = match.groups()
    host, port = authority, ""
    if "@" in authority or ":" in authority:
        if scheme is None:
            _refuse_addresses(authority)
        host, port = _host_and_port(authority.rpartition("@")[2])
    return _Place(scheme and scheme.lower(), host, port, tail)


def _refuse_addresses(authority: str) -> None:
    if _NOT_A_HOST.match(authority):
        raise NotATarget("neither a host nor an http:// or https:// URL")
    user, at, _ = authority.rpartition("@")
    if at and ":" not in user:
        raise NotATarget("an e-mail address")


def _host_and_port(text: str) -> tuple[str, str]:
    if text.startswith("["):
        address, bracket, rest = text.partition("]")
        host, colon, port = address + bracket, rest[:1] or ":", rest[1:]
    else:
        host, _, port = text.partition(":")
        colon = ":"
    match = _PORT.fullmatch(port)
    if colon != ":" or match is None or int(match[1] or 0) > 0xFFFF:
        raise NotATarget("what follows the host is not a port")
    return host, match[1]


@lru_cache(maxsize=16384)
def _host(text: str) -> _Host:
    """Normalise a host and find its domains, data-model.md section 8.6. Raises NotATarget."""
    name = _ascii_host(text)
    names = HostNames(name, icann().registrable(name), icann_and_private().registrable(name))
    rest = name.removeprefix("www.")
    stem = rest if rest != name and icann().registrable(rest) else name
    return _Host(names, stem)


def _ipv6(text: str) -> str:
    try:
        if "%" in text or not text.endswith("]"):
            raise ValueError("zone identifiers mean something on one machine only")
        return f"[{IPv6Address(text[1:-1]).compressed}]"
    except ValueError:
        raise NotATarget("brackets without an IPv6 address") from None


def _ascii_host(text: str) -> str:
    """Return a host in ASCII, lower case, without its trailing dot. Raises NotATarget.

    "If IDNA encoding fails and the name is plain ASCII of [a-z0-9._-], keep it": for ASCII, encoding either fails or
    changes nothing but case, so only other texts need the idna package.
    """
    if len(text) > _HOST_TEXT_CHARS:
        raise NotATarget(f"the host is longer than {_HOST_CHARS} characters")
    if text.startswith("["):
        return _ipv6(text)
    if "%" in text:
        text = unquote(text)
    name = (text.lower() if text.isascii() else _idna(text)).removesuffix(".")
    if not _HOST.fullmatch(name):
        raise NotATarget(_fault_of(name))
    if len(name) > _HOST_CHARS:
        raise NotATarget(f"the host is longer than {_HOST_CHARS} characters")
    return name


def _idna(text: str) -> str:
    try:
        return idna.encode(text, uts46=True).decode("ascii")
    except (ValueError, IndexError) as exc:  # IDNAError is a ValueError; IndexError: broken Punycode beside Unicode
        raise NotATarget(f"not an international domain name: {str(exc)[:120]}") from None


def _fault_of(name: str) -> str:
    if not name:
        return "no host in it"
    foreign = _NOT_OF_A_HOST.search(name)
    return f"illegal character {foreign[0]!r} in the host" if foreign else "a host with nothing between two dots"


def _shown_port(port: str) -> str:
    return "" if port in ("", "80", "443") else f":{port}"


def _normal_tail(tail: str) -> str:
    """Return path and query in their one spelling: escapes, dot segments, at least a slash."""
    if not _PLAIN_TAIL.fullmatch(tail):
        tail = _TO_SPELL.sub(_spell, tail)
    path, mark, query = tail.partition("?")
    if "/." in path:
        path = _without_dots(path)
    return f"{path or '/'}{mark}{query}"


def _spell(match: re.Match[str]) -> str:
    """Respell an escape, a percent sign that begins none, or a run of characters that need escapes."""
    digits = match[1]
    if digits is None:
        return quote(match[0], safe="", errors="surrogatepass")
    char = chr(int(digits, 16))
    return char if char in _UNRESERVED else f"%{digits.upper()}"


def _without_dots(path: str) -> str:
    """Resolve `.` and `..` (RFC 3986, section 5.2.4)."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _host_target(text: str) -> str:
    name = text.strip().lower().removesuffix(".")
    if not _PLAIN_TARGET.fullmatch(name) or len(name) > _HOST_CHARS:
        return _target_place(text).host
    if icann().is_suffix(name):
        raise NotATarget(_A_SUFFIX)
    return name


def _subdomains_target(text: str) -> str:
    name = _host_target(text)
    # A loop, so that the target of a target is itself.
    while name.startswith("www.") and "." in name[4:] and not icann().is_suffix(name[4:]):
        name = name[4:]
    return name


def _prefix_target(text: str) -> str:
    _, host, port, tail = _target_place(text)
    return f"{host}{_shown_port(port)}{_normal_tail(tail.partition('?')[0])}"


def _url_target(text: str) -> str:
    scheme, host, port, tail = _target_place(text)
    if scheme is None:
        return f"{host}{_shown_port(port)}{_normal_tail(tail)}"
    shown = "" if port in ("", _DEFAULT_PORTS[scheme]) else f":{port}"
    return f"{scheme}://{host}{shown}{_normal_tail(tail)}"


_TARGETS = {"url": _url_target, "prefix": _prefix_target, "host": _host_target, "subdomains": _subdomains_target}


def _target_place(text: str) -> _Place:
    """Take a user's entry apart, its host normalised; refuse what no provider can be asked about. Raises NotATarget."""
    text = text.strip()
    if not text:
        raise NotATarget("empty")
    if _BLANK.search(text):
        raise NotATarget("a blank or control character inside")
    place = _place(text)
    if place.scheme is not None and place.scheme not in _DEFAULT_PORTS:
        raise NotATarget("a scheme other than http and https")
    name = _ascii_host(place.host)
    _refuse_hosts(name)
    return place._replace(host=name)


def _refuse_hosts(name: str) -> None:
    labels = name.split(".")
    if name.startswith("[") or _NUMBER.fullmatch(labels[-1]):
        raise NotATarget("an IP address, not a domain")
    if len(labels) == 1:
        raise NotATarget("a single word without a dot, not a domain")
    if max(map(len, labels)) > _LABEL_CHARS:
        raise NotATarget(f"a part of the host is longer than {_LABEL_CHARS} characters")
    if icann().is_suffix(name):
        raise NotATarget(_A_SUFFIX)
