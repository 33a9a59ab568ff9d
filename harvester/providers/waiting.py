"""How long to wait after a refusal, where the answer says so in the header that HTTP has for it."""

from harvester.model import Reply

#: A longer wait is not believed. No provider documents the header: a number in it is honoured, its date form is not.
LONGEST_WAIT_S = 3600.0
_MOST_DIGITS = 6


def retry_after_s(reply: Reply) -> float | None:
    """Return the seconds of a numeric Retry-After, an hour at most; None if there is none."""
    value = reply.headers.get("retry-after", "").strip()
    is_number = value.isascii() and value.isdecimal()
    return min(float(value[:_MOST_DIGITS]), LONGEST_WAIT_S) if is_number else None
