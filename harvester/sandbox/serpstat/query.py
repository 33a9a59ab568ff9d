"""What a call asks for: target, order, page and filter, read against the form of its method (reference, section 4)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from harvester.sandbox.hosts import Place, place_of
from harvester.sandbox.serpstat.filter import Clause, Kind, read_clauses
from harvester.sandbox.serpstat.terms import Blame, Refused, SerpstatSwitches, bad_params
from harvester.sandbox.world import Scope

SCOPES: Mapping[str, Scope] = {
    "domain": Scope.HOST,
    "domain_with_subdomains": Scope.SUBDOMAINS,
    "url": Scope.URL,
    "part_url": Scope.PREFIX,
}
DOMAIN_SCOPES = ("domain", "domain_with_subdomains")
ALL_SCOPES = tuple(SCOPES)
LANGUAGES = ("en", "ru", "uk", "de", "se")
_USUAL_SCOPE = "domain_with_subdomains"
_MOST_ROWS = 1000
_MOST_INTERSECT = 2  # "provider's client allows at most 2; keys exist for 3 domains in all"


class Target(NamedTuple):
    """A site, or a part of one."""

    text: str  #: as it was asked about
    place: Place
    scope: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Which parameters a method has."""

    scopes: tuple[str, ...] = DOMAIN_SCOPES  #: of searchType; () = the method has none
    has_intersect: bool = False
    has_lang: bool = False
    has_anchor: bool = False  #: `anchor` and `count`
    has_pages: bool = False  #: `page`, `size`, `sort`, `order`, `complexFilter`
    has_link_per_domain: bool = False
    sorts: tuple[str, ...] = ()
    default_sort: str = ""
    kinds: Mapping[str, Kind] = field(default_factory=dict)  #: fields of complexFilter
    quick: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A call that has been read."""

    target: Target
    others: tuple[Target, ...] = ()
    lang: str = "en"
    anchor: str = ""  #: rows must hold this text
    words: int | None = None  #: rows must have so many words
    sort: str = ""
    order: str = "desc"
    page: int = 1
    size: int = 100
    is_one_per_domain: bool = False
    clauses: tuple[Clause, ...] = ()

    @property
    def targets(self) -> tuple[Target, ...]:
        return (self.target, *self.others)


def read_query(params: Mapping[str, Any], form: Form, switches: SerpstatSwitches) -> Query:
    """Return what the parameters ask for; those that the method does not have are ignored. Raises Refused."""
    found: dict[str, Any] = {"target": _read_target(params, form, switches)}
    if form.has_intersect:
        found["others"] = _read_others(params, switches)
    if form.has_lang:
        found["lang"] = _choice(params, "lang", LANGUAGES, "en")
    if form.has_anchor:
        found |= _read_anchor(params, switches)
    if form.has_pages:
        found |= _read_pages(params, form)
    if form.has_link_per_domain:
        number = _number(params, "linkPerDomain", int(switches.omitted_link_per_domain), range(2))
        found["is_one_per_domain"] = number == 1
    return Query(**found)


def _read_target(params: Mapping[str, Any], form: Form, switches: SerpstatSwitches) -> Target:
    text = params.get("query")
    if text is None or text == "":
        raise Refused(Blame.PARAMS, "Query required")
    is_demanded = form.has_pages and switches.search_type_required
    if form.scopes and is_demanded and "searchType" not in params:
        raise bad_params()
    scope = _choice(params, "searchType", form.scopes, _USUAL_SCOPE) if form.scopes else _USUAL_SCOPE
    return _target(text, SCOPES[scope], switches)


def _read_others(params: Mapping[str, Any], switches: SerpstatSwitches) -> tuple[Target, ...]:
    names = params.get("intersect")
    if not isinstance(names, list) or not 1 <= len(names) <= _MOST_INTERSECT:
        raise bad_params()
    return tuple(_target(name, SCOPES[_USUAL_SCOPE], switches) for name in names)


def _target(text: object, scope: Scope, switches: SerpstatSwitches) -> Target:
    """Return a target: a bare domain, or an address whose scheme "the provider's client lets through"."""
    if not isinstance(text, str) or not (switches.unicode_query or text.isascii()):
        raise bad_params()
    if scope in (Scope.HOST, Scope.SUBDOMAINS) and any(sign in text for sign in "/?#:@"):
        raise bad_params()
    try:
        return Target(text, place_of(text), scope)
    except ValueError:
        raise bad_params() from None


def _read_anchor(params: Mapping[str, Any], switches: SerpstatSwitches) -> dict[str, Any]:
    """Return text and number of words; "parameter count is a string holding the number of words"."""
    anchor = _text(params, "anchor", "")
    count = _text(params, "count", "" if switches.omitted_count == "any" else switches.omitted_count)
    if count and not (count.isascii() and count.isdigit()):
        raise bad_params()
    return {"anchor": anchor, "words": int(count) if count else None}


def _read_pages(params: Mapping[str, Any], form: Form) -> dict[str, Any]:
    raw = params.get("complexFilter")
    return {
        "sort": _choice(params, "sort", form.sorts, form.default_sort),
        "order": _choice(params, "order", ("asc", "desc"), "desc"),
        "page": _number(params, "page", 1, range(1, 2**31)),
        "size": _number(params, "size", 100, range(1, _MOST_ROWS + 1)),
        "clauses": () if raw is None else read_clauses(raw, form.kinds, form.quick),
    }


def _checked(params: Mapping[str, Any], name: str, usual: Any, is_allowed: Callable[[Any], bool]) -> Any:
    value = params.get(name, usual)
    if not is_allowed(value):
        raise bad_params()
    return value


def _choice(params: Mapping[str, Any], name: str, choices: tuple[str, ...], usual: str) -> str:
    return str(_checked(params, name, usual, lambda value: isinstance(value, str) and value in choices))


def _number(params: Mapping[str, Any], name: str, usual: int, allowed: range) -> int:
    return int(_checked(params, name, usual, lambda value: type(value) is int and value in allowed))


def _text(params: Mapping[str, Any], name: str, usual: str) -> str:
    return str(_checked(params, name, usual, lambda value: isinstance(value, str)))
