"""Values in words: numbers, days, and text from outside that stays text."""

from datetime import date

import pytest

from harvester.insight.report.words import (
    LINK_CHARS,
    TEXT_CHARS,
    UNKNOWN,
    count_cell,
    counted,
    day,
    day_cell,
    link_cell,
    listed,
    metric_title,
    providers_cell,
    reason_title,
    score_cell,
    text_cell,
    title_of,
)


@pytest.mark.parametrize("url", ["https://a.test/x?y=1#z", "http://a.test:8080/", "https://xn--fa-hia.test/ß"])
def test_a_web_address_is_a_link(url: str) -> None:
    assert link_cell(url).href == url


@pytest.mark.parametrize(
    "url",
    [
        *(
            "javascript:alert(1)",
            "javascript://a.test/%0aalert(1)",
            " javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
        ),
        *("ftp://a.test/", "//a.test/", "a.test/x", "", "https://", "https:///x", "http:/\\a.test", "https://[::1/"),
        *("https://user@a.test/", "https://user:pw@a.test/", "https://a.test/\n", "java\tscript:alert(1)"),
        *("https://a.test/ x", "https://a.test/\u202e/", "https://a.test/\x00", "https://a.test/" + "x" * LINK_CHARS),
    ],
)
def test_anything_else_stays_text(url: str) -> None:
    assert link_cell(url).href is None


def test_no_address_is_an_empty_text() -> None:
    assert (link_cell(None).text, link_cell(None).href) == ("", None)


def test_text_from_outside_shows_what_would_hide_or_turn_it_around_and_ends_somewhere() -> None:
    assert text_cell("a\u202eb\x1b[31m\u200f\ud800").text == r"a\u202eb\x1b[31m\u200f\ud800"
    assert len(text_cell("x" * 10_000).text) == TEXT_CHARS
    assert text_cell(None).text == ""


def test_a_number_is_shown_for_people_and_sorts_as_a_number() -> None:
    cell = count_cell(1234567, 2469134)
    assert (cell.text, cell.value, cell.share) == ("1,234,567", "1234567", 0.5)
    assert count_cell(0, 0).share is None
    assert count_cell(None) == UNKNOWN


@pytest.mark.parametrize(
    ("score", "text", "value"), [(75.0, "75", "75"), (0.25, "0.2", "0.25"), (-0.0, "0", "0"), (1000.0, "1,000", "1000")]
)
def test_a_score_keeps_its_scale_and_zero_has_no_sign(score: float, text: str, value: str) -> None:
    assert (score_cell(score).text, score_cell(score).value) == (text, value)
    assert score_cell(None) == UNKNOWN


def test_a_day_is_shown_without_doubt_and_sorts_as_a_day() -> None:
    assert day(date(2026, 3, 1)) == "1 Mar 2026"
    assert (day_cell(date(2026, 3, 1)).value, day_cell(None)) == ("2026-03-01", UNKNOWN)


def test_what_has_no_title_is_shown_as_it_is_and_harmless() -> None:
    assert (title_of("ahrefs"), title_of("n\u202ew")) == ("Ahrefs", r"n\u202ew")
    assert (metric_title("moz_da"), metric_title("x\x00")) == ("Moz DA", r"x\x00")
    assert (reason_title(None), reason_title("x\x00")) == ("reason unknown", r"x\x00")


def test_parts_are_listed_and_counted_as_a_sentence_does() -> None:
    assert [listed(parts) for parts in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
    assert [counted(1, "link"), counted(2000, "link"), counted(2, "entry", "entries")] == [
        "1 link",
        "2,000 links",
        "2 entries",
    ]


def test_providers_are_dots_that_have_names() -> None:
    cell = providers_cell("ahrefs, dataforseo")
    assert (cell.text, list(cell.dots)) == ("Ahrefs, DataForSEO", ["ahrefs", "dataforseo"])
