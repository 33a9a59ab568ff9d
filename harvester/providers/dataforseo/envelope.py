"""What every DataForSEO answer has in common: an envelope with one task in it, a code at both levels, and a cost.

"HTTP 200 says nothing" (reference, section 0): only code 20000 of the envelope and of its task is data.
"""

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from harvester.codec import parse_body
from harvester.errors import UnknownReply
from harvester.model import Reply

OK = 20000
NO_RESULTS = 40102
PARTIAL_RESULTS = 40106

#: Public clients met this text with another code than 40102 (reference, section 9).
_NO_RESULTS_TEXT = "no search results"
_ERROR_CHARS = 200

_DECIMAL = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,12})?")
_MOST_DOLLARS = 10**9
_DECIMALS_MEANT = 3  #: of a micro-dollar: binary noise is a million times smaller


class Statement(NamedTuple):
    """What an answer says of itself."""

    code: int  #: the envelope's, or its task's if the envelope's is 20000
    message: str
    units: int | None  #: what it cost, in micro-dollars; None = it does not say
    result: list[Any]

    @property
    def why(self) -> str:
        """Return code and message, for a user."""
        return f"{self.code}: {self.message[:_ERROR_CHARS]}".removesuffix(": ")

    @property
    def is_empty(self) -> bool:
        """Return whether it says that nothing was found."""
        return self.code == NO_RESULTS or self.message.lower().startswith(_NO_RESULTS_TEXT)


def told(reply: Reply) -> Statement:
    """Return what an answer says. Raises UnknownReply if it has no envelope."""
    return _statement(parse_body(reply.body))


def micro_dollars(value: object, rounded: Callable[[Decimal], int] = math.ceil) -> int | None:
    """Return a sum of dollars in micro-dollars; None if it is not one.

    Rounded up, where there are more than six decimals: what is held or booked must not be less than what is billed. But
    not for the noise of a sum that was a binary fraction where it was written, as in 0.024036000000000002.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and not _DECIMAL.fullmatch(value):
        return None
    # Of a float `str` gives the shortest number that it can stand for: the one that was written.
    exact = Decimal(str(value))
    return rounded(round(exact.scaleb(6), _DECIMALS_MEANT)) if 0 <= exact <= _MOST_DOLLARS else None


def _statement(document: Any) -> Statement:
    """Return what a parsed answer says. Raises UnknownReply."""
    envelope = document if isinstance(document, dict) else {}
    tasks = envelope.get("tasks")
    task = tasks[0] if isinstance(tasks, list) and tasks and isinstance(tasks[0], dict) else {}
    said: Mapping[str, Any] = envelope if envelope.get("status_code") != OK else task
    code, message, result = said.get("status_code"), said.get("status_message"), task.get("result")
    if type(code) is not int:
        raise UnknownReply("not an answer of the API: it has no status_code")
    if not isinstance(result, list | None):
        raise UnknownReply(f"the result is {type(result).__name__}, not a list")
    announced = task.get("result_count")
    if code == OK and result is None and type(announced) is int and announced > 0:
        raise UnknownReply(f"{announced:,} results are announced, and none is there")
    return Statement(
        code=code,
        message=message if isinstance(message, str) else "",
        units=_cost(envelope, task),
        result=[] if result is None else result,
    )


def _cost(envelope: Mapping[str, Any], task: Mapping[str, Any]) -> int | None:
    """Return the bill: that of the envelope and that of its one task are the same, or the greater is believed."""
    costs = (micro_dollars(envelope.get("cost")), micro_dollars(task.get("cost")))
    return max((cost for cost in costs if cost is not None), default=None)
