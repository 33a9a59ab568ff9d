"""Text from outside, made harmless for a terminal or a log line."""


def shown(text: str, most_chars: int = 500) -> str:
    """Return `text` on one line of at most `most_chars` characters, everything invisible written as an escape."""
    if not text.isprintable():
        # Cut before the escaping too: text from outside may be very long, and escapes make it longer.
        text = "".join(char if char.isprintable() else _escaped(char) for char in text[: most_chars + 1])
    return text if len(text) <= most_chars else text[: most_chars - 1] + "…"


def _escaped(char: str) -> str:
    # `isprintable` is false for what moves the cursor, hides or reorders text, or is no character: control, format
    # (bidi marks too), surrogate, private use, unassigned, separators other than the blank.
    return char.encode("unicode_escape").decode()
