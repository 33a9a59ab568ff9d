"""What each answer of Serpstat means for the work.

Errors come with HTTP 200, numbers and signs differ between documents and live answers, and 403 stands for six
different things: so the text is looked at first, then the number, and the HTTP status only where both say nothing. The
rows stand in the order of the reference: rate, depth, quota, key, plan, no data, the rest.
"""

from typing import NamedTuple

from harvester.codec import parse_body
from harvester.errors import UnknownReply
from harvester.model import Action, Reply, Verdict
from harvester.providers.blank import is_blank
from harvester.providers.serpstat.replies import Fault, fault_of
from harvester.providers.waiting import retry_after_s


class Rule(NamedTuple):
    """One class of errors."""

    name: str
    action: Action
    beginnings: tuple[str, ...]  #: of the message, in lower case
    codes: tuple[int, ...] = ()  #: without sign
    units: int | None = 0  #: whether errors are charged is not documented, but for "no data"; None = in doubt
    units_left: int | None = None
    hint: str = ""


DEPTH = Rule("depth", Action.KEEP, ("to get more than ",))  # its 402 is no empty account
NO_DATA = Rule(
    "no data",
    Action.KEEP,  # "done, zero rows, 1 credit"
    ("no data found", "data not found", "empty result"),
    (32015, 32017, 404),
    units=1,
)
RULES: tuple[Rule, ...] = (
    Rule("rate", Action.PAUSE, ("query frequency exceeded", "too many queries"), (429, 32429, 32000)),
    DEPTH,
    Rule(
        "quota",
        Action.SHRINK,
        ("credits exceeded", "plan credit exceeded", "pricing plan credits exceeded"),
        (32012, 402),
        units_left=0,
    ),
    Rule(
        "quota of one query",
        # How many are left it does not say. The balance was read at the start and every request fits into it, so
        # somebody else has spent meanwhile: nothing is guessed, and the next run reads the balance again.
        Action.SHRINK,
        ("not enough credits for this query",),
        hint="; the next run reads the balance and asks for no more than it covers",
    ),
    Rule(
        "key",
        Action.STOP_LANE,
        ("invalid token", "problems with authorization", "invalid user", "missing token", "api not allowed for"),
        (401, 403, 32020),
    ),
    Rule(
        "plan",
        Action.STOP_REPORT,
        ("method forbidden", "not access to functional", "wrong method or access denied"),
    ),
    NO_DATA,
    Rule("address", Action.STOP_LANE, ("wrong api query",), hint="; is base_url right?"),
    Rule("too large", Action.SET_ASIDE, ("large query domains not supported",), (32016,)),
    Rule("refused query", Action.SET_ASIDE, ("forbidden query",)),
    Rule(
        "filter",
        Action.STOP_REPORT,
        (
            *("not allowed field", "invalid crawl date", "not allowed method", "not allowed values for between"),
            *("field comparetype is required", "field value is required", "not allowed params for filter"),
        ),
        (32117, 32010),
    ),
    Rule(
        "unsupported",
        Action.STOP_REPORT,
        ("procedure name not allowed", "method not supported"),
        (32116,),
    ),
    Rule("request", Action.SET_ASIDE, ("query required", "json schema validation error"), (400, 32600, 32602)),
    Rule("unknown method", Action.STOP_REPORT, ("method not found",), (32601,)),
    Rule(
        "search engine",
        Action.STOP_REPORT,
        ("wrong search engine", "se database parameter not set", "selected se is limited"),
        (32018,),
    ),
    Rule("server", Action.AGAIN, ("server error",), (500, 32603), units=None),
)

#: By HTTP status, where the body says nothing that is known.
_STATUSES = {
    401: Rule("key", Action.STOP_LANE, ()),
    402: Rule("quota", Action.SHRINK, (), units_left=0),
    403: Rule("key", Action.STOP_LANE, ()),
    404: Rule("address", Action.STOP_LANE, (), hint="; is base_url right?"),
    408: Rule("server", Action.AGAIN, (), units=None),
    429: Rule("rate", Action.PAUSE, ()),
}
_CLASSES = {
    3: Rule("moved", Action.STOP_LANE, (), hint=", a redirect; is base_url right?"),
    4: Rule("request", Action.SET_ASIDE, ()),
    5: Rule("server", Action.AGAIN, (), units=None),
}
_UNKNOWN = Rule("unknown", Action.SET_ASIDE, ())  # "skip target, record code and message"
_UNHEARD_OF = Rule("unheard of", Action.SET_ASIDE, (), units=None, hint=", which Serpstat does not document")


def judge(reply: Reply) -> Verdict:
    """Return what the answer means: by its error's text, the error's number, and the HTTP status, in this order."""
    try:
        fault = fault_of(parse_body(reply.body))
    except UnknownReply:
        fault = None
    if fault is not None:
        return _verdict(rule_of(fault, reply.status), str(fault), reply)
    if reply.status == 200 and is_blank(reply):
        return Verdict(action=Action.AGAIN, why="200 without data", units=None)
    if reply.status == 200:  # what it holds, or that it is no answer of the API, is found out by reading it
        return Verdict(action=Action.KEEP, units=None)
    return _verdict(_by_status(reply.status), str(reply.status), reply)


def rule_of(fault: Fault, status: int) -> Rule:
    """Return the row of the table that an error belongs to."""
    text = fault.message.lower()
    for rule in RULES:
        if text.startswith(rule.beginnings):
            return rule
    # A number that only repeats the HTTP status is some proxy's, not the API's: its 404 does not mean "no data".
    for rule in RULES:
        if fault.code in rule.codes and fault.code != status:
            return rule
    return _UNKNOWN if status == 200 else _by_status(status)


def _by_status(status: int) -> Rule:
    return _STATUSES.get(status) or _CLASSES.get(status // 100, _UNHEARD_OF)


def _verdict(rule: Rule, why: str, reply: Reply) -> Verdict:
    wait_s = retry_after_s(reply) if rule.action is Action.PAUSE else None
    return Verdict(
        action=rule.action, why=f"{why}{rule.hint}", wait_s=wait_s, units_left=rule.units_left, units=rule.units
    )
