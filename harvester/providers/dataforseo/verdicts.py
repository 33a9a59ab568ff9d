"""What each code of DataForSEO means for the work (reference, section 9, row by row).

"On any HTTP status first try to parse the envelope and classify by its code; without a parsable body use the HTTP
code." A failed task was billed 0 in every capture, but what it says it cost is booked, whatever its code.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from harvester.errors import UnknownReply
from harvester.model import Action, Reply, Verdict
from harvester.providers.blank import is_blank
from harvester.providers.dataforseo.envelope import NO_RESULTS, OK, PARTIAL_RESULTS, told

_MINUTE_S = 60.0
#: "lower concurrency, retry after a short random delay": the slowest calls hold a place for half a minute.
_BUSY_S = 5.0

#: Fields whose refusal says something of one target, or of how deep its list was read, and nothing of the harvest.
_OF_ONE_TASK = re.compile(r"'\s*(?:targets?|search_after_token|offset)\b", re.IGNORECASE)
_SHOWN_BYTES = 120


class _Heard(NamedTuple):
    why: str
    units: int | None  #: None = the answer does not say what it cost
    reply: Reply


_Rule = Callable[[_Heard], Verdict]


def judge(reply: Reply) -> Verdict:
    """Return what the answer means, by its code; by its HTTP status if it has none."""
    try:
        said = told(reply)
    except UnknownReply:
        why = f"HTTP {reply.status}: {reply.body[:_SHOWN_BYTES].decode(errors='replace').strip()}".removesuffix(": ")
        if reply.status == 200 and is_blank(reply):
            return Verdict(action=Action.AGAIN, why="HTTP 200 without data", units=None)
        rule = _BY_STATUS.get(reply.status) or _BY_STATUS_CLASS.get(reply.status // 100, _unheard_of)
        return rule(_Heard(why, None, reply))
    heard = _Heard(said.why, said.units, reply)
    if said.is_empty:
        return _keep(heard)
    known = _BY_CODE.get(said.code) or _BY_STATUS_ALWAYS.get(reply.status)
    return (known or _BY_CODE_CLASS.get(said.code // 10_000, _unheard_of))(heard)


def _keep(heard: _Heard) -> Verdict:
    return Verdict(action=Action.KEEP, units=heard.units)


def _stopping(action: Action, heard: _Heard) -> Verdict:
    """A refusal. It costs nothing unless it says so."""
    return Verdict(action=action, why=heard.why, units=heard.units or 0)


_refused: _Rule = partial(_stopping, Action.SET_ASIDE)
_stop_lane: _Rule = partial(_stopping, Action.STOP_LANE)
_stop_report: _Rule = partial(_stopping, Action.STOP_REPORT)


def _again(heard: _Heard) -> Verdict:
    """Ask again. "check id_list before re-buying": without a cost nobody knows whether it was billed."""
    return Verdict(action=Action.AGAIN, why=heard.why, units=heard.units)


def _unheard_of(heard: _Heard) -> Verdict:
    return Verdict(action=Action.SET_ASIDE, why=f"{heard.why}, which is not documented", units=heard.units)


def _moved(heard: _Heard) -> Verdict:
    return Verdict(action=Action.STOP_LANE, why=f"{heard.why}: is base_url right?")


def _next_minute(heard: _Heard) -> Verdict:
    """Wait: "rate-limit per minute exceeded" counts calendar minutes, the statistics carry them as such."""
    arrived_at = heard.reply.arrived_at
    wait_s = _MINUTE_S - arrived_at.second - arrived_at.microsecond / 1_000_000
    return Verdict(action=Action.PAUSE, why=heard.why, wait_s=wait_s, units=heard.units or 0)


def _busy(heard: _Heard) -> Verdict:
    return Verdict(action=Action.PAUSE, why=heard.why, wait_s=_BUSY_S, units=heard.units or 0)


def _empty_account(heard: _Heard) -> Verdict:
    """Stop for want of money. How little is left is not said, so nothing smaller is tried."""
    return Verdict(action=Action.SHRINK, why=heard.why, units_left=0, units=heard.units or 0)


def _day_is_spent(heard: _Heard) -> Verdict:
    """Stop as an empty account does: nothing more can be bought "until 00:00 UTC or limit change"."""
    return _empty_account(
        heard._replace(why=f"{heard.why} (the account's own cost limit of a day, which ends at 00:00 UTC)")
    )


def _invalid_field(heard: _Heard) -> Verdict:
    """Tell a target that cannot be asked about from a fault that every request of the harvest would have."""
    is_named = "'" in heard.why
    return _stop_report(heard) if is_named and not _OF_ONE_TASK.search(heard.why) else _refused(heard)


_BY_CODE: Mapping[int, _Rule] = {
    OK: _keep,
    20100: _stop_report,  # a task was queued, which no live endpoint does
    40000: _stop_report,
    40006: _stop_report,
    40100: _stop_lane,
    40101: _again,
    NO_RESULTS: _keep,
    40103: _again,
    40104: _stop_lane,
    PARTIAL_RESULTS: _keep,
    40200: _empty_account,
    40201: _stop_lane,
    40202: _next_minute,
    40203: _day_is_spent,
    40204: _stop_report,
    40205: _refused,  # "do not repeat the payload; defer": it is asked with --retry-set-aside
    40206: _refused,
    40207: _stop_lane,
    40209: _busy,
    40210: _empty_account,
    40400: _stop_report,
    40401: _stop_report,
    40402: _stop_report,
    40404: _stop_report,  # no data is prepared for the endpoint in DataForSEO's own sandbox
    40405: _refused,
    40406: _refused,
    40407: _refused,
    40408: _refused,
    40501: _invalid_field,
    40502: _stop_report,
    40503: _stop_report,
    40506: _stop_report,
    40601: _again,
    40602: _again,
    50000: _again,
    50001: _again,
    50100: _stop_report,
    50301: _again,
    50303: _again,
    50304: _again,
    50401: _again,
}
#: "An unknown 4xxxx: skip the item and report; an unknown 5xxxx: retry."
_BY_CODE_CLASS: Mapping[int, _Rule] = {4: _refused, 5: _again}

#: What an HTTP status says whatever is in the envelope, unless the code is known.
_BY_STATUS_ALWAYS: Mapping[int, _Rule] = {401: _stop_lane, 402: _empty_account, 429: _next_minute}
_BY_STATUS: Mapping[int, _Rule] = {
    **_BY_STATUS_ALWAYS,
    403: _stop_lane,
    404: _moved,
    408: _again,
}
_BY_STATUS_CLASS: Mapping[int, _Rule] = {3: _moved, 4: _refused, 5: _again}
