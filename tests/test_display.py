"""What is shown cannot move a cursor, reorder a line, or be longer than there is room."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.display import place_shown, shown


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain text", "plain text"),
        ("bücher 日本 ✓ 🙂 e\u0301", "bücher 日本 ✓ 🙂 e\u0301"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("a\nb\r\nc\td", "a\\nb\\r\\nc\\td"),
        ("a\0b\x7fc\x08", "a\\x00b\\x7fc\\x08"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\u2066a\u2069\u200e\u061c", "\\u2066a\\u2069\\u200e\\u061c"),
        ("zero\u200bwidth\ufeff\u00ad", "zero\\u200bwidth\\ufeff\\xad"),
        ("\u2028line\u2029paragraph\x85", "\\u2028line\\u2029paragraph\\x85"),
        ("half \ud800", "half \\ud800"),
        ("\ue000\U000f0000\U000e0041", "\\ue000\\U000f0000\\U000e0041"),
        ("", ""),
    ],
)
def test_everything_invisible_is_written_as_an_escape(text: str, safe: str) -> None:
    assert shown(text) == safe


def test_long_text_is_cut() -> None:
    assert shown("x" * 500) == "x" * 500
    assert shown("x" * 501) == "x" * 499 + "…"
    assert shown("abcdef", 4) == "abc…"
    assert shown("\n" * 10**6, 10) == "\\n\\n\\n\\n\\…"


def test_a_long_path_keeps_its_end() -> None:
    assert place_shown("/short/list.txt") == "/short/list.txt"
    assert place_shown("/a" * 100 + "/li\nst.txt", 20) == "…/a/a/a/a/li\\nst.txt"


@given(text=st.text(st.characters(exclude_categories=[])), most_chars=st.integers(1, 60))
def test_what_is_shown_is_printable_on_one_line_and_fits(text: str, most_chars: int) -> None:
    safe = shown(text, most_chars)
    assert safe.isprintable()
    assert len(safe.splitlines()) <= 1
    assert len(safe) <= most_chars
    if text.isprintable() and len(text) <= most_chars:
        assert safe == text
