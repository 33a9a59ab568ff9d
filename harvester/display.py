"""Text from outside, made harmless for a terminal or a log line; and amounts of units, as people say them."""

#: Units that are millionths of a currency. People are shown the currency; files and scripts have the units.
MILLIONTHS = {"micro-dollars": "USD"}


def shown(text: str, most_chars: int = 500) -> str:
    """Return `text` on one line of at most `most_chars` characters, everything invisible written as an escape."""
    if not text.isprintable():
        # Cut before the escaping too: text from outside may be very long, and escapes make it longer.
        text = "".join(char if char.isprintable() else _escaped(char) for char in text[: most_chars + 1])
    return text if len(text) <= most_chars else text[: most_chars - 1] + "…"


def place_shown(text: str, most_chars: int = 60) -> str:
    """Return a path or another text whose end says most, as `shown`; a long one loses its beginning."""
    safe = shown(text, max(most_chars, 2000))
    return safe if len(safe) <= most_chars else "…" + safe[len(safe) - most_chars + 1 :]


def _escaped(char: str) -> str:
    # `isprintable` is false for what moves the cursor, hides or reorders text, or is no character: control, format
    # (bidi marks too), surrogate, private use, unassigned, separators other than the blank.
    return char.encode("unicode_escape").decode()


def digits(units: int, unit: str | None) -> str:
    """Return an amount without what it is of: "1,234", "0.06"."""
    if unit not in MILLIONTHS:
        return f"{units:,}"
    whole, millionths = divmod(units, 1_000_000)
    return f"{whole:,}.{f'{millionths:06}'.rstrip('0'):0<2}"


def unit_shown(unit: str | None) -> str:
    """Return what the figures of a unit are of."""
    return MILLIONTHS.get(unit or "", unit or "-")


def amount(units: int, unit: str | None) -> str:
    """Return an amount with what it is of: "1,234 API units", "0.06 USD"."""
    return f"{digits(units, unit)} {unit_shown(unit)}"
