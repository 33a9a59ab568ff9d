"""Answers that no provider gives: a web page of what stands before it, or nothing at all."""

from harvester.model import Reply

_OPENING_BYTES = 64
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def is_blank(reply: Reply) -> bool:
    """Return whether an answer is empty or a web page. It says nothing of the task, so asking again can help."""
    opening = reply.body[:_OPENING_BYTES].removeprefix(_BYTE_ORDER_MARK).strip()
    return not opening or opening.startswith(b"<")
