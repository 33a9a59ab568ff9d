"""Text from outside, made harmless for a terminal or a log line."""

import unicodedata

#: Categories that can move the cursor, hide or reorder text, or are no characters: control, format, surrogate,
#: private use, unassigned, line and paragraph separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def shown(text: str, most_chars: int = 500) -> str:
    """Return `text` on one line with everything invisible written as an escape, shortened to `most_chars`."""
    if len(text) > most_chars:
        text = text[: most_chars - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(char) if unicodedata.category(char) in _HIDDEN else char for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()
