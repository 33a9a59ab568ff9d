"""What each status of Ahrefs means for the work.

The documents declare 400, 401, 403, 429 and 500 with {"error": "<text>"} and no error codes; the rest of the table is
what the official SDK handles and what public clients have met. A refusal costs nothing unless its header says so.
"""

import re
from collections.abc import Callable, Mapping

from harvester.model import Action, Reply, Verdict
from harvester.providers.ahrefs.replies import charged, error_text, is_from_the_api
from harvester.providers.blank import is_blank
from harvester.providers.waiting import retry_after_s

_LIMIT_REACHED = "api units limit reached"
_UNITS_LEFT = re.compile(r"units left:\s*([0-9][0-9,]{0,18})", re.IGNORECASE)


def judge(reply: Reply) -> Verdict:
    """Return what the answer means, by its status."""
    rule = _BY_STATUS.get(reply.status) or _BY_CLASS.get(reply.status // 100, _unheard_of)
    return rule(reply)


def _refused(action: Action, reply: Reply) -> Verdict:
    why = f"{reply.status}: {error_text(reply)}".removesuffix(": ")
    return Verdict(action=action, why=why, units=charged(reply) or 0)


def _keep(reply: Reply) -> Verdict:
    return Verdict(action=Action.KEEP, units=charged(reply))


def _answered(reply: Reply) -> Verdict:
    """Tell an answer of the API from a page that a server before it put in its place, with its status."""
    if is_blank(reply):
        return Verdict(action=Action.AGAIN, why="200 without data", units=charged(reply))
    return _keep(reply)


def _set_aside(reply: Reply) -> Verdict:
    return _refused(Action.SET_ASIDE, reply)


def _stop_lane(reply: Reply) -> Verdict:
    return _refused(Action.STOP_LANE, reply)


def _out_of_units(reply: Reply) -> Verdict:
    text = error_text(reply)
    left = _UNITS_LEFT.search(text)
    units_left = int(left[1].replace(",", "")) if left else 0  # it says empty and not how empty: nothing is left
    why = text or f"{reply.status}: no units are left"
    return Verdict(action=Action.SHRINK, why=why, units_left=units_left, units=charged(reply) or 0)


def _forbidden(reply: Reply) -> Verdict:
    """Tell an empty account from a report that the plan or the key does not include."""
    if _LIMIT_REACHED in error_text(reply).lower():
        return _out_of_units(reply)
    return _refused(Action.STOP_REPORT, reply)


def _not_found(reply: Reply) -> Verdict:
    """Tell "no data for this target", which the SDK gets as 404, from an address that does not exist."""
    if is_from_the_api(reply):
        return _keep(reply)
    return Verdict(action=Action.STOP_LANE, why="404 without an answer of the API: is base_url right?")


def _moved(reply: Reply) -> Verdict:
    return Verdict(action=Action.STOP_LANE, why=f"{reply.status}, a redirect: is base_url right?")


def _pause(reply: Reply) -> Verdict:
    """Wait as long as a numeric Retry-After says, as the SDK does, which ignores its date form."""
    wait_s = retry_after_s(reply)
    return Verdict(action=Action.PAUSE, why="429: too many requests", wait_s=wait_s, units=charged(reply) or 0)


def _again(reply: Reply) -> Verdict:
    why = f"{reply.status}: {error_text(reply)}".removesuffix(": ")
    return Verdict(action=Action.AGAIN, why=why, units=charged(reply))


def _unheard_of(reply: Reply) -> Verdict:
    """Set aside what is neither a page, nor a refusal, nor a failure; whether it was billed is unknown."""
    return Verdict(action=Action.SET_ASIDE, why=f"{reply.status}, which Ahrefs does not document", units=charged(reply))


_BY_STATUS: Mapping[int, Callable[[Reply], Verdict]] = {
    200: _answered,
    400: _set_aside,
    401: _stop_lane,
    402: _out_of_units,
    403: _forbidden,
    404: _not_found,
    408: _again,
    429: _pause,
}
_BY_CLASS: Mapping[int, Callable[[Reply], Verdict]] = {
    3: _moved,
    4: _set_aside,
    5: _again,
}
