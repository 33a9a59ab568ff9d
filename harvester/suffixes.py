"""The Public Suffix List: under which names others register theirs.

The list is the copy that tldextract brings along; nobody is asked for another one. It is read and looked up here, by
the format and the algorithm of https://publicsuffix.org/list/: every row brings hosts, and a set answers in a fifth of
the time that the library takes; and what the library would fetch lists with takes long to import.
"""

from functools import cache
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import idna

_PRIVATE = "===BEGIN PRIVATE DOMAINS==="  #: what companies have registered begins here


class Suffixes(NamedTuple):
    """One part of the list, in ASCII. Its default rule is left out: an unknown ending is no suffix."""

    exact: frozenset[str]
    wildcards: frozenset[str]  #: `ck` for `*.ck`: every name one label longer is a suffix
    exceptions: frozenset[str]  #: `www.ck` for `!www.ck`: except this one

    def is_suffix(self, name: str) -> bool:
        """Say whether nobody can own `name` itself."""
        if name in self.exact:
            return True
        return name.partition(".")[2] in self.wildcards and name not in self.exceptions

    def registrable(self, name: str) -> str | None:
        """Return the part of a host that somebody registered; None if it is a suffix itself, or ends in none."""
        before, rest = "", name
        while rest:
            label, _, parent = rest.partition(".")
            if rest in self.exceptions:
                return rest
            if rest in self.exact or parent in self.wildcards:
                return f"{before}.{rest}" if before else None
            before, rest = label, parent
        return None


@cache
def icann() -> Suffixes:
    """Return the suffixes of registries."""
    return _suffixes_of(_list().decode().partition(_PRIVATE)[0])


@cache
def icann_and_private() -> Suffixes:
    """Return the same with those of companies, such as `github.io`."""
    companies = _suffixes_of(_list().decode().partition(_PRIVATE)[2])
    return Suffixes(*(both[0] | both[1] for both in zip(icann(), companies, strict=True)))


def suffix_list_version() -> str:
    """Return what identifies the list in use: another one gives other domains and sites."""
    return f"tldextract {version('tldextract')}, sha256 {sha256(_list()).hexdigest()[:12]}"


def _suffixes_of(text: str) -> Suffixes:
    found = [line.split()[0] for line in text.splitlines() if line.strip() and not line.startswith("//")]
    rules = {rule if rule.isascii() else _ascii(rule) for rule in found}
    return Suffixes(
        exact=frozenset(rule for rule in rules if rule[0] not in "*!"),
        wildcards=frozenset(rule[2:] for rule in rules if rule[0] == "*"),
        exceptions=frozenset(rule[1:] for rule in rules if rule[0] == "!"),
    )


def _list() -> bytes:
    library = find_spec("tldextract")  # found, and not imported
    assert library is not None
    assert library.origin is not None
    return Path(library.origin).with_name(".tld_set_snapshot").read_bytes()


def _ascii(rule: str) -> str:
    return ".".join(label if label.isascii() else idna.encode(label).decode("ascii") for label in rule.split("."))
