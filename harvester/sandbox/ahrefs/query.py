"""Parameters of an Ahrefs request (reference, section 3): each is read once, and what is wrong with it is a 400."""

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime

from harvester.sandbox.ahrefs.fields import Columns
from harvester.sandbox.ahrefs.table import Order
from harvester.sandbox.ahrefs.terms import AhrefsSwitches, BadQuery
from harvester.sandbox.ahrefs.time import read_day, start_of
from harvester.sandbox.ahrefs.where import EVERYTHING, Where, parse_where
from harvester.sandbox.hosts import Place, place_of
from harvester.sandbox.world import Scope

#: Free test targets: these and all below them (section 12).
_FREE_HOSTS = ("ahrefs.com", "yep.com", "firehose.com")
_FREE_ROWS = 100
_DEFAULT_ROWS = 1000
_SCOPES = {"exact": Scope.URL, "prefix": Scope.PREFIX, "domain": Scope.HOST, "subdomains": Scope.SUBDOMAINS}
PROTOCOLS = ("both", "http", "https")
_CHECKED = {
    "output": ("json",),
    "volume_mode": ("monthly", "average"),
    "traffic_mode": ("static", "adaptive"),
    "page_positions": ("top10", "top100"),
}

Params = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Subject:
    """Which links a request is about."""

    place: Place
    scope: Scope
    protocol: str  #: both, http, https

    @property
    def is_free(self) -> bool:
        return any(self.place.host == host or self.place.host.endswith(f".{host}") for host in _FREE_HOSTS)


@dataclass(frozen=True, slots=True)
class History:
    """Which lost links a report includes: those lost at or after `since`; None = none."""

    since: datetime | None


ALL_TIME = History(datetime.min.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class RowQuery:
    """One request for rows."""

    subject: Subject
    select: tuple[str, ...]
    where: Where
    order: Order
    limit_rows: int
    units_per_row: int
    aggregation: str  #: all, similar_links, 1_per_domain
    history: History


def check_common(params: Params) -> None:
    """Check the parameters that change nothing here. Raises BadQuery."""
    for name, choices in _CHECKED.items():
        choice(params, name, choices)
    if not re.fullmatch(r"[a-z]{2}", params.get("country", "us")):
        raise BadQuery(f"invalid country: {params['country']!r}")
    if not re.fullmatch(r"\d+", params.get("timeout", "1")):
        raise BadQuery(f"invalid timeout: {params['timeout']!r}")


def choice(params: Params, name: str, choices: Sequence[str]) -> str:
    """Return one of the choices, the first where the parameter is absent. Raises BadQuery."""
    found = params.get(name, choices[0])
    if found not in choices:
        raise BadQuery(f"invalid {name}: {found!r}, expected one of {', '.join(choices)}")
    return found


def read_subject(target: str | None, mode: str = "subdomains", protocol: str = "both") -> Subject:
    """Return the subject named by target, mode and protocol. Raises BadQuery."""
    if not target:
        raise BadQuery("missing parameter: target")
    if mode not in _SCOPES:
        raise BadQuery(f"invalid mode: {mode!r}, expected one of {', '.join(_SCOPES)}")
    if protocol not in PROTOCOLS:
        raise BadQuery(f"invalid protocol: {protocol!r}, expected one of {', '.join(PROTOCOLS)}")
    try:
        return Subject(place_of(target), _SCOPES[mode], protocol)
    except ValueError:
        raise BadQuery(f"invalid target: {target!r}") from None


def subject_of(params: Params) -> Subject:
    """Return the subject of a GET request. Raises BadQuery."""
    return read_subject(params.get("target"), params.get("mode", "subdomains"), params.get("protocol", PROTOCOLS[0]))


def day_of(params: Params, name: str, default: date | None = None) -> date:
    """Return a day. Raises BadQuery if it is no day, or absent without a default."""
    text = params.get(name)
    if text is None:
        if default is None:
            raise BadQuery(f"missing parameter: {name}")
        return default
    return _day(name, text)


def _day(name: str, text: str) -> date:
    day = read_day(text)
    if day is None:
        raise BadQuery(f"invalid {name}: {text!r}, expected YYYY-MM-DD")
    return day


def history_of(params: Params) -> History:
    """Return the window of lost links: all of them unless the request says otherwise. Raises BadQuery."""
    text = params.get("history", "all_time")
    if text == "all_time":
        return ALL_TIME
    if text == "live":
        return History(None)
    word, colon, day = text.partition(":")
    if word != "since" or not colon:
        raise BadQuery(f"invalid history: {text!r}, expected live, since:YYYY-MM-DD or all_time")
    return History(start_of(_day("history", day)))


def select_of(names: Sequence[str], columns: Columns) -> tuple[str, ...]:
    """Return the columns to answer, each once. Raises BadQuery with all there are, as Ahrefs does (section 11)."""
    for name in names:
        if name not in columns.select:
            raise BadQuery(f"column '{name}' not found; available columns: {', '.join(sorted(columns.select))}")
    return tuple(dict.fromkeys(names))


def order_of(terms: Sequence[str], columns: Columns, default_direction: str) -> Order:
    """Return what `name`, `name:asc` and `name:desc` ask for. Raises BadQuery."""
    found = []
    for term in terms:
        name, colon, direction = term.partition(":")
        if name not in columns.select or name in columns.unsortable:
            raise BadQuery(f"column '{name}' not found in order_by or not sortable")
        if colon and direction not in ("asc", "desc"):
            raise BadQuery(f"invalid order_by: {term!r}")
        found.append((name, (direction or default_direction) == "desc"))
    return tuple(found)


def limit_of(params: Params, *, row_cap: int | None, is_free: bool) -> int:
    """Return the most rows of the answer: what was asked, silently cut to the plan's cap (sections 6 and 12)."""
    text = params.get("limit", str(_DEFAULT_ROWS))
    if not re.fullmatch(r"[1-9]\d{0,8}", text):
        raise BadQuery(f"invalid limit: {text!r}")
    caps = [int(text)]
    if row_cap is not None:
        caps.append(row_cap)
    if is_free:
        caps.append(_FREE_ROWS)
    return min(caps)


def row_query(params: Params, columns: Columns, switches: AhrefsSwitches, *, row_cap: int | None) -> RowQuery:
    """Return the request for rows that these parameters make; those the report does not know are ignored.

    Raises BadQuery.
    """
    check_common(params)
    subject = subject_of(params)
    if not params.get("select"):
        raise BadQuery("missing parameter: select")
    select = select_of(params["select"].split(","), columns)
    where = parse_where(params["where"], columns.filters, switches) if "where" in params else EVERYTHING
    terms = params["order_by"].split(",") if "order_by" in params else ()
    order = order_of(terms, columns, switches.default_direction)
    used = {*select, *where.names, *(name for name, _ in order)}
    return RowQuery(
        subject=subject,
        select=select,
        where=where,
        order=order[:1] if switches.order_first_column_only else order,
        limit_rows=limit_of(params, row_cap=row_cap, is_free=subject.is_free),
        units_per_row=columns.price(used),
        aggregation=_aggregation(params, used) if columns.has_aggregation else "all",
        history=history_of(params) if columns.has_history else History(None),
    )


def _aggregation(params: Params, used: Set[str]) -> str:
    found = choice(params, "aggregation", ("similar_links", "1_per_domain", "all"))
    if found == "all" and "link_group_count" in used:
        raise BadQuery("link_group_count is not available with aggregation=all")
    return found
