"""How tables are written: what nobody quotes, and what a switch quotes or spells otherwise (reference, section 3.7)."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_kit import GENERATED, link, world_of
from semrush_sandbox_kit import FORTY, Till, rows_of

from harvester.sandbox.contract import Answer

HOSTILE = 'a;b,c"d"\ntwo lines'
NASTY = world_of(
    link("https://a.example/p;x=1", "https://t.example/;q", anchor=HOSTILE, first="2026-01-01", last="2026-01-02")
)
COLUMNS = "first_seen,anchor,nofollow,source_url,last_seen"
BODY = (
    "first_seen;anchor;nofollow;source_url;last_seen\r\n"
    '1767225600;a;b,c"d"\ntwo lines;false;https://a.example/p;x=1;1767312000\r\n'
)


def nasty(*switches: str, **more: Any) -> Answer:
    return Till(NASTY, *switches).ask("backlinks", export_columns=COLUMNS, **more)


def test_values_go_out_raw_whatever_they_hold() -> None:
    answer = nasty()
    assert answer.body.decode() == BODY
    assert (answer.status, answer.rows) == (200, 1)
    assert answer.headers == {"Content-Type": "text/plain; charset=utf-8"}


def test_the_generated_world_has_texts_that_shift_columns() -> None:
    answer = Till(units=10**9).ask("backlinks", target="x110.com", export_columns="anchor,source_title")
    lines = answer.body.decode().split("\r\n")[1:-1]
    assert len(lines) == answer.rows
    assert any(line.count(";") > 1 for line in lines)
    assert any('"' in line for line in lines)
    assert any("\n" in line for line in lines)
    assert any("\x1b" in line for line in lines)


def test_the_header_echoes_the_names_asked_in_their_order() -> None:
    till = Till(FORTY)
    body = till.ask("backlinks_refdomains", export_columns="last_seen,domain_score,domain", display_limit=1).body
    assert body.startswith(b"last_seen;domain_score;domain\r\n")
    assert till.ask("backlinks_overview", export_columns="trust_score,score").body.startswith(b"trust_score;score\r\n")
    short = b"page_score;source_title;source_url;target_url;anchor;external_num;internal_num;first_seen;last_seen\r\n"
    assert till.ask("backlinks").body.startswith(short)
    assert till.ask("backlinks", export_columns="").body.startswith(short)


@pytest.mark.parametrize(
    ("report", "header"),
    [
        (
            "backlinks_overview",
            "total;domains_num;ips_num;follows_num;nofollows_num;score;trust_score;urls_num;ipclassc_num;texts_num"
            ";forms_num;frames_num;images_num",
        ),
        (
            "backlinks_refdomains",
            "domain;backlinks_num;domain_score;domain_trust_score;first_seen;last_seen;ip;country",
        ),
        ("backlinks_historical", "date;backlinks_num;domains_num;score"),
        ("backlinks_tld", "zone;domains_num;backlinks_num"),
        ("backlinks_ascore_profile", "ascore;domains_num"),
    ],
)
def test_each_report_has_default_columns(report: str, header: str) -> None:
    assert Till(FORTY).ask(report).body.decode().split("\r\n")[0] == header


def test_export_escape_quotes_each_value_and_leaves_the_header() -> None:
    assert nasty(export_escape=1).body.decode() == (
        "first_seen;anchor;nofollow;source_url;last_seen\r\n"
        '"1767225600";"a;b,c""d""\ntwo lines";"false";"https://a.example/p;x=1";"1767312000"\r\n'
    )
    assert nasty(export_escape=0).body.decode() == BODY


@pytest.mark.parametrize(("way", "written"), [("backslash", 'c\\"d\\"'), ("raw", 'c"d"'), ("doubled", 'c""d""')])
def test_a_quote_inside_a_quoted_value_is_written_in_one_of_three_ways(way: str, written: str) -> None:
    assert written in nasty(f"quote_inside={way}", export_escape=1).body.decode()
    assert nasty(f"quote_inside={way}").body.decode() == BODY


def test_export_escape_can_have_no_effect() -> None:
    assert nasty("export_escape=ignored", export_escape=1).body.decode() == BODY


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        (("line_end=lf",), BODY.replace("\r\n", "\n")),
        (("final_newline=false",), BODY.removesuffix("\r\n")),
        (("bom=true",), "\ufeff" + BODY),
        (("booleans=digits",), BODY.replace("false", "0")),
        (("line_end=lf", "final_newline=false"), BODY.replace("\r\n", "\n").removesuffix("\n")),
    ],
)
def test_spelling_is_switched(switches: tuple[str, ...], expected: str) -> None:
    assert nasty(*switches).body.decode() == expected


def test_the_content_type_is_switched() -> None:
    assert nasty("content_type=text/csv").headers == {"Content-Type": "text/csv; charset=utf-8"}


def test_what_is_not_known_is_nothing_between_separators() -> None:
    rows = [row for row in Till(units=10**9).rows("backlinks_refdomains", target="x110.com") if not row["ip"]]
    assert rows
    assert {row["country"] for row in rows} == {""}
    body = Till(units=10**9).ask("backlinks_refdomains", target="x110.com", export_columns="ip,domain,country").body
    assert f";{rows[0]['domain']};\r\n".encode() in body


@settings(max_examples=60, deadline=None)
@given(anchor=st.text(max_size=30), title=st.booleans())
def test_a_quoted_table_gives_every_text_back(anchor: str, title: bool) -> None:
    world = world_of(link(anchor=anchor))
    columns = "anchor,source_title" if title else "anchor"
    (row,) = rows_of(Till(world).ask("backlinks", export_columns=columns, export_escape=1))
    assert row["anchor"] == anchor


def test_the_quoted_table_of_a_hostile_target_is_the_raw_one_read_aloud() -> None:
    till = Till(GENERATED, units=10**9)
    quoted = till.rows("backlinks", target="x207.com", export_columns="anchor,source_title,source_url")
    raw = till.ask("backlinks", target="x207.com", export_columns="anchor,source_title,source_url").body.decode()
    joined = "".join(f"{';'.join(row.values())}\r\n" for row in quoted)
    assert raw == f"anchor;source_title;source_url\r\n{joined}"
