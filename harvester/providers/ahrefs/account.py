"""The free question after an Ahrefs account: GET /subscription-info/limits-and-usage."""

from collections.abc import Mapping
from typing import Any

from harvester.errors import UnknownReply
from harvester.model import Balance, BalanceCall, Reply, Request, Section
from harvester.providers.ahrefs.replies import rows_of

#: A limit and its usage; a limit of null does not bind, and the smaller remainder does.
_PAIRS = (
    ("units_limit_workspace", "units_usage_workspace"),
    ("units_limit_api_key", "units_usage_api_key"),
)
_DAY_CHARS = len("2026-03-01")


def _ask(section: Section) -> Request:
    return Request(path="/subscription-info/limits-and-usage")


def _read(reply: Reply) -> Balance:
    (account,) = rows_of(reply, "limits_and_usage") or (None,)
    if not isinstance(account, dict):
        raise UnknownReply("limits_and_usage is no object")
    left = [units for pair in _PAIRS if (units := _left(account, *pair)) is not None]
    # Both as a day: the schema says date, a live answer had 2026-10-04T00:00:00Z.
    days = {
        "units reset on": account.get("usage_reset_date"),
        "key expires on": account.get("api_key_expiration_date"),
    }
    about = [f"{what} {day[:_DAY_CHARS]}" for what, day in days.items() if isinstance(day, str)]
    used = account.get("units_usage_api_key")  # the workspace's own also counts what its other keys use
    return Balance(
        units_left=min(left, default=None),
        units_used=used if type(used) is int else None,
        period=str(account.get("usage_reset_date"))[:_DAY_CHARS],
        about=", ".join([str(account.get("subscription")), *about]),
    )


def _left(account: Mapping[str, Any], limit_name: str, usage_name: str) -> int | None:
    """Return the remainder under one limit, in units. Raises UnknownReply if there is a limit and no usage."""
    limit, usage = account.get(limit_name), account.get(usage_name)
    if limit is None:
        return None
    if not isinstance(limit, int) or not isinstance(usage, int):
        raise UnknownReply(f"{limit_name} = {limit!r} with {usage_name} = {usage!r}")
    return max(0, limit - usage)


BALANCE = BalanceCall(ask=_ask, read=_read)
