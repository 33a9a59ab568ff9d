"""What every exchange with Serpstat has in common: one URL, one envelope.

"HTTP 200 for success and for errors alike; success is the presence of `result`, failure the presence of `error`."
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from harvester.codec import Json
from harvester.errors import UnknownReply
from harvester.model import Request, Section

TOKEN = "token"  #: the parameter and the header have the same name

#: Required, and only echoed. One for all requests: an answer is matched to its question by the connection it comes
#: over, there is no key by which a repeated request would be recognised, and batches of requests are not sent.
_ID = "harvester"

_CODE = re.compile(r"[+-]?[0-9]{1,9}")
_MOST_CHARS = 200


class Fault(NamedTuple):
    """The provider's error."""

    code: int | None  #: without its sign: printed unsigned in the documents, negative in real answers
    message: str

    def __str__(self) -> str:
        words = [str(self.code)] if self.code is not None else []
        return ": ".join([*words, self.message or "an error without a message"])[:_MOST_CHARS]


def request_of(method: str, params: Mapping[str, Any], section: Section) -> Request:
    """Return the call of a method; `sign` fills in the token where the request has a place for it."""
    headers = {TOKEN: ""} if section.settings.get("token_in") == "header" else {}
    return Request(method="POST", path="/", headers=headers, json={"id": _ID, "method": method, "params": dict(params)})


def fault_of(body: Json) -> Fault | None:
    """Return the error that an answer tells of; None if it tells of none."""
    error = body.get("error") if isinstance(body, dict) else None
    if not error:
        return None
    if not isinstance(error, dict):
        return Fault(None, error if isinstance(error, str) else "")
    message = error.get("message")
    return Fault(_code(error.get("code")), message.strip() if isinstance(message, str) else "")


def _code(value: object) -> int | None:
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return abs(int(text)) if _CODE.fullmatch(text) else None


def result_of(body: Json) -> Mapping[str, Any]:
    """Return the result of an answer without an error. Raises UnknownReply."""
    result = body.get("result") if isinstance(body, dict) else None
    if not isinstance(result, dict):
        raise UnknownReply("neither result nor error")
    return result
