"""Answers that cost nothing and know no target: user_data, status, index, filters (reference, sections 7 and 8)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harvester.sandbox.account import Account, Rate
from harvester.sandbox.dataforseo.envelope import Usd
from harvester.sandbox.dataforseo.lists import Listing
from harvester.sandbox.dataforseo.log import TaskLog
from harvester.sandbox.dataforseo.params import months_before
from harvester.sandbox.dataforseo.terms import MESSAGES
from harvester.sandbox.facts import Dice
from harvester.sandbox.world import World

_PRIORITIES = ("priority_low", "priority_normal", "priority_high")
_FREE = ("available_filters", "errors", "id_list")
_APIS = ("serp", "keywords_data", "appendix", "dataforseo_labs", "on_page", "backlinks", "content_analysis")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """Prices and stops of an account, in micro-dollars."""

    per_request_micro: int
    per_row_micro: int
    daily_limit_micro: int  #: 0 = none

    def cost(self, rows: int) -> int:
        """Return what a request with so many rows costs."""
        return self.per_request_micro + self.per_row_micro * rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an account stands now."""

    login: str
    account: Account
    rate: Rate
    further: Mapping[str, int]  #: calls per minute of endpoints with a limit of their own
    bill: Bill
    log: TaskLog
    functions: Sequence[str]
    now: datetime
    are_numbers_texts: bool


def user_data(at: Standing) -> dict[str, Any]:
    """Return `result[0]` of user_data; in a tree of limits 0 means that there is none."""
    day, minute = f"{at.now:%Y-%m-%d}", f"{at.now:%Y-%m-%d %H:%M}"
    spent = Usd(at.log.spent_on(at.now.date()))
    calls = int((at.rate.calls or 0) * 60 / at.rate.window_s)
    return {
        "login": at.login,
        "timezone": "UTC",
        "rates": {
            "limits": {"day": _tree(at, 0, {}), "minute": _tree(at, _number(at, calls), at.further)},
            "statistics": {"day": {"value": day, **_tree(at, 0, {})}, "minute": {"value": minute, **_tree(at, 0, {})}},
        },
        "money": {
            "total": _number(at, Usd(at.account.limit_units)),
            "balance": _number(at, Usd(at.account.limit_units - at.account.units_shown)),
            "limits": {"day": _tree(at, _number(at, Usd(at.bill.daily_limit_micro)), {}), "minute": _tree(at, 0, {})},
            "statistics": {
                "day": {"value": day, **_tree(at, spent, {})},
                "minute": {"value": minute, **_tree(at, 0, {})},
            },
        },
        "price": {"backlinks": _prices(at)},
        "backlinks_subscription_expiry_date": None,
        "llm_mentions_subscription_expiry_date": None,
    }


def _number(at: Standing, value: int | Usd) -> int | Usd | str:
    """Return a number, or by a switch the text of it."""
    return str(value) if at.are_numbers_texts else value


def _tree(at: Standing, total: int | Usd | str, of_endpoints: Mapping[str, int]) -> dict[str, Any]:
    """Return the tree of one limit or statistic: the total, and next to nothing for each function (as observed)."""
    functions: dict[str, Any] = {name: {"live": 0} for name in at.functions}
    free = {name: of_endpoints.get(name, 0) if name == "errors" else 0 for name in _FREE}
    appendix = {name: of_endpoints.get(name, 0) for name in ("user_data", "errors", "status")}
    return {
        "total": total,
        "backlinks": {**functions, **free},
        "total_backlinks": 0,
        "appendix": {**appendix, "errors": 0},
        "total_appendix": 0,
    }


def _prices(at: Standing) -> dict[str, Any]:
    row, request = at.bill.per_row_micro, at.bill.per_request_micro
    lines = [{"cost_type": "per_result", "cost": Usd(row)}, {"cost_type": "per_request", "cost": Usd(request)}]
    free = [{"cost_type": "per_result", "cost": 0}, {"cost_type": "per_request", "cost": 0}]
    paid = {name: {"live": dict.fromkeys(_PRIORITIES, lines)} for name in at.functions}
    return {**paid, **{name: dict.fromkeys(_PRIORITIES, free) for name in _FREE}}


def index(world: World) -> dict[str, Any]:
    """Return how large the index is, and was on the first of each of the last twelve months."""
    links = Dice(world.facts.seed, "index").number(0, 10**12, 3 * 10**12)
    first = world.now.date().replace(day=1)
    history = [
        {
            "date": months_before(first, ago).isoformat(),
            "total_backlinks": links * (200 - ago) // 200,
            "total_pages": links * (200 - ago) // 2000,
        }
        for ago in range(12)
    ]
    return {"total_backlinks": links, "total_pages": links // 10, "index_history": history}


def available_filters(listings: Mapping[str, Listing[Any]]) -> dict[str, dict[str, str]]:
    """Return every field that lists can be filtered by, with its type."""
    found = {name: _kinds(listing) for name, listing in listings.items()}
    return {"content_duplicates": {}, **found}


def _kinds(listing: Listing[Any]) -> dict[str, str]:
    fields = ((name, listing.lookup(name)) for name in listing.names)
    return {name: field.kind for name, field in fields if field is not None}


def status() -> list[dict[str, Any]]:
    """Return the state of every API: nothing is wrong with any."""
    return [{"api": api, "status": None, "endpoints": [{"endpoint": "live", "status": None}]} for api in _APIS]


def errors(codes: Iterable[int] = MESSAGES) -> list[dict[str, Any]]:
    """Return every code with its text."""
    return [{"code": code, "message": MESSAGES[code]} for code in codes]
