"""What each answer of Semrush means for the work.

"ERROR <code> :: <TEXT>" comes with any HTTP status, mostly 200, so the body is asked first (reference, section 8); then
the prose errors of analytics/v1, then the status. A refusal costs nothing; what an error of the server cost is unknown.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from harvester.model import Action, Reply, Verdict
from harvester.providers.blank import is_blank
from harvester.providers.waiting import retry_after_s

#: Answers without rows: the list is empty or has ended, may not be asked for from there on, or not in one piece.
NOTHING_FOUND = 50
BAD_OFFSET = 605
_WITHOUT_ROWS = (NOTHING_FOUND, BAD_OFFSET, 613)
DUPLICATE_DOMAINS = "duplicate domains"

_WHY_CHARS = 200
_ERROR = re.compile(r"\s*ERROR\s+([0-9]{1,9})\b[ \t]*(?:::[ \t]*([^\r\n]*))?")
_INVALID = re.compile(r"\s*Validation Error\s*:\s*(\w*)", re.IGNORECASE)

#: By the code of the body; one that is not here sets the task aside.
BY_CODE: Mapping[int, Action] = {
    **dict.fromkeys(_WITHOUT_ROWS, Action.KEEP),
    # Every request of the report has the same fault.
    **dict.fromkeys((40, 41, 42, 43, 44, 45, 46, 48), Action.STOP_REPORT),
    **dict.fromkeys((10001, 10010, 10011, 10012, 10013, 10015), Action.STOP_REPORT),
    **dict.fromkeys((10040, 10041, 10043, 10044, 10045), Action.STOP_REPORT),
    # The account may not have this report: 131 limit reached, 133 no database access, 135 not in the plan.
    **dict.fromkeys((131, 133, 135), Action.STOP_REPORT),
    # The key, the plan, or a limit over everything.
    **dict.fromkeys((30, 70, 110, 120, 121, 122, 130, 134, 136, 402, 404), Action.STOP_LANE),
    132: Action.SHRINK,
    429: Action.PAUSE,
    500: Action.AGAIN,
    # The targets are what differs from requests that go well: one is no domain, or comes twice, or they are too many.
    **dict.fromkeys((10000, 10014, 10030, 10031, 10042), Action.SET_ASIDE),
}
_BY_STATUS: Mapping[int, Action] = {
    200: Action.KEEP,
    **dict.fromkeys((401, 403, 404), Action.STOP_LANE),
    408: Action.AGAIN,
}
_BY_CLASS: Mapping[int, Action] = {3: Action.STOP_LANE, 5: Action.AGAIN}
_ASIDES: Mapping[int, str] = {
    3: ", a redirect: are base_url and balance_url right?",
    404: ": are base_url and balance_url right?",
}
#: Prose of a server in trouble, with whatever status.
_TROUBLE = ("internal server error", "service unavailable", "bad gateway", "gateway time-out", "gateway timeout")


class Refusal(NamedTuple):
    """An error that the body states."""

    code: int
    text: str  #: for a user


def refusal_of(reply: Reply) -> Refusal | None:
    """Return the `ERROR` that a body is; None = it is none."""
    match = _ERROR.match(_opening(reply))
    return Refusal(int(match[1]), f"ERROR {match[1]} :: {match[2] or ''}".removesuffix(" :: ")) if match else None


def judge(reply: Reply) -> Verdict:
    """Return what the answer means."""
    if reply.status == 429:
        return Verdict(action=Action.PAUSE, why="429: too many requests", wait_s=retry_after_s(reply))
    if (refusal := refusal_of(reply)) is not None:
        return _by_code(refusal)
    return _by_prose(reply) or _by_status(reply)


def _by_code(refusal: Refusal) -> Verdict:
    action = BY_CODE.get(refusal.code, Action.SET_ASIDE)
    if refusal.code == 402 and DUPLICATE_DOMAINS in refusal.text.casefold():
        action = Action.SET_ASIDE  # of a batch: its halves will do
    return Verdict(
        action=action,
        why=refusal.text,
        units_left=0 if action is Action.SHRINK else None,
        units=None if action in (Action.AGAIN, Action.KEEP) else 0,
    )


def _by_prose(reply: Reply) -> Verdict | None:
    opening = _opening(reply)
    if match := _INVALID.match(opening):
        is_target = match[1].casefold() in ("target", "targets")
        return Verdict(action=Action.SET_ASIDE if is_target else Action.STOP_REPORT, why=opening.strip())
    if opening.strip().casefold().startswith(_TROUBLE):
        return Verdict(action=Action.AGAIN, why=opening.strip(), units=None)
    return None


def _by_status(reply: Reply) -> Verdict:
    action = _BY_STATUS.get(reply.status) or _BY_CLASS.get(reply.status // 100, Action.SET_ASIDE)
    opening = _opening(reply).strip()
    aside = _ASIDES.get(reply.status) or _ASIDES.get(reply.status // 100) or f": {opening}".removesuffix(": ")
    if action is Action.KEEP and is_blank(reply):
        return Verdict(action=Action.AGAIN, why=f"{reply.status} without data{aside}", units=None)
    if action is Action.KEEP and not reply.is_delimited:  # of a table, unlike of JSON, the first half looks whole
        return Verdict(action=Action.AGAIN, why="200, and nothing says where the answer ends", units=None)
    is_unclear = action in (Action.KEEP, Action.AGAIN) or reply.status // 100 not in (3, 4)
    return Verdict(action=action, why=f"{reply.status}{aside}", units=None if is_unclear else 0)


def _opening(reply: Reply) -> str:
    """Return how the body begins, for a user."""
    return reply.body[: 4 * _WHY_CHARS].decode(errors="replace").removeprefix("\ufeff")[:_WHY_CHARS]
