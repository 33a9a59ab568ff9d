"""Rows that were written without quotes are read as they were, or not at all."""

import csv
import io
import re
import time
from collections.abc import Sequence
from itertools import pairwise, takewhile

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harvester.errors import UnknownReply
from harvester.providers.semrush import columns
from harvester.providers.semrush.columns import links_to
from harvester.providers.semrush.table import Column, Table, read

#: Two texts with typed columns before, between and behind them.
FENCED = columns.columns("page_ascore source_url first_seen source_title nofollow")
HEADER = "page_ascore;source_url;first_seen;source_title;nofollow"
ROW: dict[str, str | None] = {
    "page_ascore": "5",
    "source_url": "u",
    "first_seen": "1578929242",
    "source_title": "t",
    "nofollow": "true",
}


def table(*lines: str, header: str = HEADER, known: Sequence[Column] = FENCED) -> Table:
    return read("\n".join((header, *lines, "")).encode(), known)


def test_a_plain_row_is_read_and_an_empty_value_is_none() -> None:
    found = table("5;u;1578929242;t;true", ";u;;;")
    nothing = dict.fromkeys(ROW)
    assert found == Table([ROW, {**nothing, "source_url": "u"}], is_counted=True)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("is_finished", [True, False])
def test_line_ends_a_byte_order_mark_and_a_missing_final_newline_change_nothing(
    end: str, mark: str, is_finished: bool
) -> None:
    text = mark + end.join((HEADER, "5;u;1578929242;t;true", "5;u;1578929242;t;true")) + (end if is_finished else "")
    assert read(text.encode(), FENCED) == Table([ROW, ROW], is_counted=True)


@pytest.mark.parametrize("body", [HEADER, HEADER + "\n", HEADER + "\r\n", HEADER + "\n\n"])
def test_a_header_alone_is_no_rows(body: str) -> None:
    assert read(body.encode(), FENCED) == Table([], is_counted=True)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("5;http://a/;b;1578929242;x; y;true", {"source_url": "http://a/;b", "source_title": "x; y"}),
        ("5;u;1578929242;one\ntwo;true", {"source_title": "one\ntwo"}),
        ("5;u;1578929242;one\n\ntwo;three;true", {"source_title": "one\n\ntwo;three"}),
        ('5;"u;1578929242;say "hi";true', {"source_url": '"u', "source_title": 'say "hi"'}),
        ("5;u;1578929242;\u2028 \x85;true", {"source_title": "\u2028 \x85"}),
    ],
)
def test_separators_in_a_text_are_told_from_those_between_columns(line: str, wanted: dict[str, str], end: str) -> None:
    body = end.join((HEADER, "5;u;1578929242;t;true", line, "5;u;1578929242;t;true", ""))
    assert read(body.encode(), FENCED) == Table([ROW, {**ROW, **wanted}, ROW], is_counted=True)


def test_a_row_with_two_readings_is_kept_as_text() -> None:
    line = "5;u;1578929242;x;1578929242;t;true"  # the first time, or the second, may be the column
    assert table("5;u;1578929242;t;true", line).lines == [ROW, line]


def test_lines_that_may_be_one_row_or_two_are_kept_as_text_and_not_counted() -> None:
    first, second = "5;u;1578929242;one", "7;u;1578929242;t;true"  # the second is a whole row, but the first has no end
    assert table("5;u;1578929242;t;true", first, second) == Table([ROW, first, second], is_counted=False)


def test_a_torn_line_is_kept_as_text() -> None:
    assert table("5;u;1578929242;t;true", "5;u;15789") == Table([ROW, "5;u;15789"], is_counted=True)


def test_values_of_an_unknown_form_do_not_shift_where_the_count_of_columns_is_right() -> None:
    yes = {**ROW, "nofollow": "yes"}
    assert table("5;u;1578929242;t;yes").lines == [yes]
    assert table(*["5;u;1578929242;t;yes"] * 3) == Table([yes] * 3, is_counted=True)
    torn = "5;u;1578929242;t;t;yes"
    assert table("5;u;1578929242;t;yes", torn) == Table([yes, torn], is_counted=False)


def test_columns_without_free_text_are_split_and_no_more() -> None:
    known = columns.REFIPS
    header = ";".join(column.name for column in known)
    good = "1.2.3.4;us;1;2;1578929242;1578929242"
    found = table(good, "1.2.3.4;us;1;2;1578929242;1578929242;7", good, header=header, known=known)
    assert [type(line) for line in found.lines] == [dict, str, dict]
    assert found.is_counted


# Quotes


def test_quoted_rows_are_decisive() -> None:
    found = table('"5";"u";"1578929242";"a ""b"";\n5;u;1578929242;x;true";"true"', '"5";"u";"1578929242";"t";"true"')
    assert found == Table([{**ROW, "source_title": 'a "b";\n5;u;1578929242;x;true'}, ROW], is_counted=True)


def test_a_quoted_row_with_bare_quotes_is_kept_as_text_and_the_next_is_read() -> None:
    bad = '"5";"u";"1578929242";"he said "hi" there";"true"'
    found = table('"5";"u";"1578929242";"t";"true"', bad, "", '"5";"u";"1578929242";"t";"true"')
    assert found == Table([ROW, bad, ROW], is_counted=False)
    assert read((HEADER + '\n"5').encode(), FENCED).lines == ['"5']


# Headers


@pytest.mark.parametrize(
    "header",
    ["", "page_ascore;source_url;first_seen;source_title", HEADER + ";x", "a;b;c;d;e", "<html>", "Not Found"],
)
def test_another_header_is_no_data(header: str) -> None:
    with pytest.raises(UnknownReply, match="the first line is"):
        read(header.encode() + b"\n5;u;1578929242;t;true\n", FENCED)


def test_names_in_a_header_are_compared_loosely() -> None:
    assert read(b'"Page_Ascore"; source_url;first_seen;source_title;nofollow\n', FENCED).lines == []


def test_a_target_may_be_spelt_otherwise_in_its_column_but_not_change_places() -> None:
    known = (*columns.columns("domain"), links_to("a.example"), links_to("http://b.example/;x"))
    for header in ("domain;a.example;http://b.example/;x", "domain;A.example;b.example"):
        assert read(f"{header}\nr.example;1;2\n".encode(), known).lines == [
            {"domain": "r.example", "a.example": "1", "http://b.example/;x": "2"}
        ]
    with pytest.raises(UnknownReply):
        read(
            b"domain;b.example;a.example\n", (*columns.columns("domain"), links_to("a.example"), links_to("b.example"))
        )


# Whatever is written


texts = st.text(alphabet=';\n\r"1a. é', max_size=8) | st.sampled_from(
    ["1578929242", ";true", "true\n5;", ";1578929242;"]
)
VALUES = {
    "first_seen": ("1578929242", "1578990011", ""),
    "last_seen": ("1578929242", "0", ""),
    **dict.fromkeys(("nofollow", "form", "frame", "image", "sitewide", "newlink", "lostlink"), ("true", "false", "")),
}
FENCED_LAYOUTS = {"two": FENCED, "backlinks": columns.BACKLINKS, "anchors": columns.ANCHORS, "pages": columns.PAGES}


def rows_of(known: Sequence[Column]) -> st.SearchStrategy[list[tuple[str, ...]]]:
    """Return rows with any texts, and values of the documented form in all other columns."""
    row = [
        texts if column.pattern is None else st.sampled_from(VALUES.get(column.name, ("0", "7", "200", "")))
        for column in known
    ]
    return st.lists(st.tuples(*row), max_size=6)


def forges_a_row(row: Sequence[str], known: Sequence[Column], end: str) -> bool:
    """Return whether a text holds the end of a row, a line break, and the beginning of a row."""
    head = [f"(?:{column.pattern});" for column in takewhile(is_typed, known)]
    tail = [f";(?:{column.pattern})" for column in takewhile(is_typed, reversed(known))]
    begins, ends = re.compile("".join(head) + "(?s:.*)"), re.compile("(?s:.*)" + "".join(reversed(tail)))
    pieces = ";".join(row).split(end)
    return any(ends.fullmatch(piece) and begins.fullmatch(following) for piece, following in pairwise(pieces))


def is_typed(column: Column) -> bool:
    return column.pattern is not None


def as_read(row: Sequence[str], known: Sequence[Column]) -> dict[str, str | None]:
    return {column.name: value or None for column, value in zip(known, row, strict=True)}


@pytest.mark.parametrize("known", FENCED_LAYOUTS.values(), ids=list(FENCED_LAYOUTS))
@given(data=st.data(), end=st.sampled_from(["\n", "\r\n"]), is_finished=st.booleans())
@settings(max_examples=150, deadline=None)
def test_what_is_written_without_quotes_is_read_as_it_was_or_kept_as_text(
    known: Sequence[Column], data: st.DataObject, end: str, is_finished: bool
) -> None:
    rows = data.draw(rows_of(known))
    assume(end == "\n" or is_finished or len(rows) != 1)  # else nothing shows that rows end like the header
    assume(not any(forges_a_row(row, known, end) for row in rows))
    header = ";".join(column.name for column in known)
    found = read((end.join((header, *map(";".join, rows))) + (end if is_finished else "")).encode(), known)
    written = [as_read(row, known) for row in rows]
    places = iter(written)
    read_rows = [line for line in found.lines if isinstance(line, dict)]
    assert all(row in places for row in read_rows), "each row read is one that was written, and in order"
    if found.is_counted:
        assert len(found.lines) == len(rows)
        assert all(isinstance(line, str) or line == row for line, row in zip(found.lines, written, strict=True))


@given(rows=rows_of(FENCED))
@settings(max_examples=100, deadline=None)
def test_what_is_written_with_quotes_is_read_as_it_was(rows: list[tuple[str, ...]]) -> None:
    sheet = io.StringIO()
    csv.writer(sheet, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    found = read(f"{HEADER}\n{sheet.getvalue()}".encode(), FENCED)
    assert found == Table([as_read(row, FENCED) for row in rows], is_counted=True)


@given(body=st.binary(max_size=60))
@settings(max_examples=100, deadline=None)
def test_any_bytes_can_be_read_behind_the_header(body: bytes) -> None:
    read(HEADER.encode() + b"\n" + body, FENCED)


@pytest.mark.parametrize(
    "hostile",
    [
        ";" * 200_000,
        ";1" * 100_000,
        "\n" * 200_000,
        "5;u;1578929242;" + "1578929242;" * 50_000,
        '"' * 200_000,
        '"5";' * 50_000,
        '"a\n' * 50_000,
    ],
)
def test_hostile_texts_take_time_in_proportion(hostile: str) -> None:
    began_s = time.monotonic()
    table("5;u;1578929242;t;true", hostile, "5;u;1578929242;t;true")
    table('"5";"u";"1578929242";"t";"true"', hostile)
    assert time.monotonic() - began_s < 5.0, "seconds for what should take milliseconds"
