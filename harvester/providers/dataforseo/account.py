"""The free question after a DataForSEO account: GET /appendix/user_data, "6 per minute".

"Numbers may come as strings or nested objects in places": they are read wherever they can be, and what cannot be read
is not said. Only the money left must be there.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from harvester.errors import UnknownReply
from harvester.model import Balance, BalanceCall, RateRule, Reply, Request, Section
from harvester.providers.dataforseo.envelope import OK, micro_dollars, told

_UNITS_OF_DOLLAR = 1_000_000
_PRICES = {"per_request": "request", "per_result": "row"}


def _ask(section: Section) -> Request:
    return Request(path="/appendix/user_data")


def _read(reply: Reply) -> Balance:
    said = told(reply)
    account = said.result[0] if said.result else None
    if said.code != OK or not isinstance(account, dict):
        raise UnknownReply(f"no account in the answer: {said.why}")
    money = _within(account, "money")
    left = _units(money.get("balance"), is_left=True)
    if left is None:
        raise UnknownReply(f"money.balance = {money.get('balance')!r:.80}")
    deposited = _units(money.get("total"), is_left=True)
    return Balance(
        units_left=left,
        units_used=None if deposited is None else deposited - left,
        about=_about(account, money),
        learnt=dict(_prices(account)),
    )


def _about(account: Mapping[str, Any], money: Mapping[str, Any]) -> str:
    """Return the limits of the account, for a user; "0 means no limit of that kind"."""
    calls = str(_within(account, "rates", "limits", "minute").get("total"))
    cap = _units(_within(money, "limits", "day").get("total"))
    spent = _units(_within(money, "statistics", "day").get("total"))
    words = [f"{calls} requests a minute"] if calls.isdecimal() and int(calls) else []
    words.append(f"at most {_dollars(cap)} a day" if cap else "no limit a day")
    if spent is not None:
        words.append(f"{_dollars(spent)} spent today (UTC)")
    return ", ".join(words)


def _dollars(units: int) -> str:
    return f"{units / _UNITS_OF_DOLLAR:,.2f} USD"


def _within(tree: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """Return a branch of a tree; empty if it is not there."""
    for name in path:
        branch = tree.get(name)
        tree = branch if isinstance(branch, dict) else {}
    return tree


def _units(value: Any, *, is_left: bool = False) -> int | None:
    """Return a sum in micro-dollars: what is left is rounded down, and an overdrawn account has nothing left."""
    if isinstance(value, dict):
        value = value.get("total")
    if is_left and isinstance(value, str) and value.startswith("-"):
        return 0
    if is_left and not isinstance(value, str | bool) and value is not None and value < 0:
        return 0
    return micro_dollars(value, math.floor if is_left else math.ceil)


def _prices(account: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield the account's own prices as facts, the dearest of a function's priorities."""
    for function, levels in _within(account, "price", "backlinks").items():
        dearest: dict[str, int] = {}
        for entry in _entries(_within(levels, "live") if isinstance(levels, dict) else {}):
            kind, units = _PRICES.get(str(entry.get("cost_type"))), micro_dollars(entry.get("cost"))
            if kind is not None and units is not None:
                dearest[kind] = max(units, dearest.get(kind, 0))
        yield from ((f"{function}.{kind}", units) for kind, units in dearest.items())


def _entries(priorities: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for entries in priorities.values():
        yield from (entry for entry in entries if isinstance(entry, dict)) if isinstance(entries, list) else ()


BALANCE = BalanceCall(ask=_ask, read=_read, rate=RateRule(calls=6, window_s=60.0), tells_prices=True)
