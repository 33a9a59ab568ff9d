"""The free question after a Semrush account: GET users/countapiunits.html (reference, section 6)."""

import re

from harvester.codec import parse_body
from harvester.errors import UnknownReply
from harvester.model import Balance, BalanceCall, Reply, Request, Section
from harvester.providers.proof import Proof
from harvester.providers.semrush.verdicts import refusal_of

#: "https:// on the same host is used by clients"; the official example has http://.
BALANCE_URL = "https://www.semrush.com/users/countapiunits.html"

#: The price of one line: with less, a list breaks off without a word.
LINE_UNITS = 40
#: "10 simultaneous requests per account": the charges of so many pages the balance may not show yet.
OPEN_AT_ONCE = 10

_NUMBER = re.compile(r"\s*([0-9][0-9, ]{0,24})\s*")
_SHOWN_CHARS = 200


def address(section: Section) -> str:
    """Return where to ask: as configured, else beside the API: a key goes to no other server than its own."""
    configured = section.settings.get("balance_url")
    if configured is not None:
        return str(configured)
    if section.base_url is None:
        return BALANCE_URL
    return section.base_url.removesuffix("/analytics/v1") + "/users/countapiunits.html"


def proof(section: Section) -> Proof:
    """Return the question that tells the end of a list from the end of the money.

    "Per-line reports return only as many lines as the balance covers." How soon a charge is visible is not known.
    """
    return Proof(request=_ask(section), units_left=_units, unseen_pages=OPEN_AT_ONCE)


def _ask(section: Section) -> Request:
    return Request(base_url=address(section), path="")


def _read(reply: Reply) -> Balance:
    units_left = _units(reply)
    if units_left is None:
        raise UnknownReply(f"not a balance: {_error_of(reply)}")
    return Balance(units_left=units_left)


def _units(reply: Reply) -> int | None:
    """Return the number that an answer is, such as "1,000"; None = it is none, or states an error."""
    match = None if reply.status != 200 else _NUMBER.fullmatch(reply.body.decode(errors="replace").lstrip("\ufeff"))
    return int(re.sub("[, ]", "", match[1])) if match else None


def _error_of(reply: Reply) -> str:
    """Return what a failed answer says: an `ERROR` line, a JSON object with `data.error`, or its text."""
    if (refusal := refusal_of(reply)) is not None:
        return refusal.text
    try:
        answer = parse_body(reply.body)
    except UnknownReply:
        answer = None
    data = answer.get("data") if isinstance(answer, dict) else None
    error = data.get("error") if isinstance(data, dict) else None
    shown = error if isinstance(error, str) else reply.body[: 4 * _SHOWN_CHARS].decode(errors="replace")
    return shown[:_SHOWN_CHARS]


BALANCE = BalanceCall(ask=_ask, read=_read)
