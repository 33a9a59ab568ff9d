"""Each answer of Semrush becomes records, a bill and a next step; what ends a list is told from what ends the money."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from semrush_kit import NOON, NOTHING, asked, compiled, page_of, records_of, reply_of, step_of, stored, table, told

from harvester.errors import UnknownReply, UnreadableRow
from harvester.model import Action, Exchange, Page, Row, Verdict
from harvester.providers.semrush.countries import code_of
from harvester.records import RECORDS, set_id

BACKLINK: dict[str, Any] = {
    "url_from": "https://src.example/p",
    "key_from": "src.example/p",
    "host_from": "src.example",
    "title_from": "A page | Some site",
    "status_from": 200,
    "links_external_from": 12,
    "links_internal_from": 80,
    "url_to": "https://example.com/",
    "key_to": "example.com/",
    "host_to": "example.com",
    "domain_to": "example.com",
    "site_to": "example.com",
    "anchor": "see & example",
    "link_type": "text",
    "is_followed": True,
    "rel_nofollow": False,
    "is_new": False,
    "is_lost": False,
    "is_indirect": False,
    "is_sitewide": True,
    "first_seen_at": "2020-01-13T15:27:22Z",
    "last_seen_at": "2020-01-14T08:20:11Z",
    "dates_precision": "second",
    "page_from_score": 37.0,
    "page_from_metric": "semrush_as",
    "extra": {"target_title": "Example", "source_size": "48211", "image_url": None},
}


def test_a_backlink_has_its_flags_its_dates_and_its_score() -> None:
    plain, image = records_of(compiled("backlinks"), stored("backlinks"))
    del plain["link_id"]
    assert plain == BACKLINK
    assert (image["link_type"], image["link_type_raw"]) == ("frame", "frame,image")
    assert (image["is_followed"], image["rel_nofollow"], image["is_new"]) == (False, True, True)
    assert (image["is_lost"], image["lost_reason"], "lost_reason_from" in image) == (True, "unknown", False)
    assert (image["url_to_final"], image["is_indirect"]) == ("https://example.com/shoes", True)
    assert (image["anchor"], image["image_alt"]) == ("", "a red shoe")
    assert "status_from" not in image


def test_columns_that_were_not_asked_for_are_not_invented() -> None:
    of = compiled("backlinks", fields=("response_code",))
    record = records_of(
        of, table("page_ascore;source_url;response_code;target_url;lostlink", "1;http://a/;200;b;")
    ).pop()
    for name in ("anchor", "link_type", "is_followed", "is_indirect", "is_lost", "lost_reason"):
        assert name not in record


def test_values_of_another_form_stay_in_extra() -> None:
    of = compiled("backlinks")
    body = stored("backlinks").replace("37;", "137;").replace(";200;", ";7;").replace("1578929242", "0")
    record = records_of(of, body)[0]
    assert record["extra"] == {
        "page_ascore": "137",
        "response_code": "7",
        "first_seen": "0",
        "target_title": "Example",
        "source_size": "48211",
        "image_url": None,
    }
    row = Row(
        "example.com", {"source_url": "http://a/", "target_url": "b", "nofollow": "maybe", "first_seen": "9" * 18}
    )
    record = told(of.record_of(row, NOON))
    assert record["extra"] == {"nofollow": "maybe", "first_seen": "9" * 18}


@pytest.mark.parametrize(
    ("report", "name", "records"),
    [
        (
            "summary",
            "backlinks_overview",
            [
                {
                    "as_of": "2026-11-21",
                    "links": 15_248_332_274,
                    "links_followed": 80011,
                    "links_nofollow": 18202,
                    "links_ugc": 120,
                    "links_sponsored": 31,
                    "links_text": 91004,
                    "links_image": 7100,
                    "links_form": 9,
                    "links_frame": 100,
                    "refpages": 60114,
                    "refdomains": 1520,
                    "refips": 1102,
                    "refsubnets": 870,
                    "domain_score": 41.0,
                    "domain_metric": "semrush_as",
                    "dates_precision": "second",
                    "extra": {"trust_score": "44"},
                }
            ],
        ),
        (
            "refdomains",
            "backlinks_refdomains",
            [
                {
                    "domain": "Ref.example",
                    "host": "ref.example",
                    "links": 3860,
                    "first_seen_at": "2019-08-12T14:59:49Z",
                    "last_seen_at": "2020-01-30T19:14:19Z",
                    "domain_score": 58.0,
                    "domain_metric": "semrush_as",
                    "ip": "203.0.113.7",
                    "country": "KR",
                    "dates_precision": "second",
                    "extra": {"domain_trust_score": "61"},
                },
                {
                    "domain": "münchen.example",
                    "host": "xn--mnchen-3ya.example",
                    "links": 1,
                    "last_seen_at": "2020-01-30T19:14:19Z",
                    "domain_score": 0.0,
                    "domain_metric": "semrush_as",
                    "dates_precision": "second",
                    "extra": {"domain_trust_score": None},
                },
            ],
        ),
        (
            "refips",
            "backlinks_refips",
            [
                {
                    "ip": "203.0.113.7",
                    "country": "US",
                    "refdomains": 12,
                    "links": 4100,
                    "first_seen_at": "2019-08-12T14:59:49Z",
                    "last_seen_at": "2020-01-30T19:14:19Z",
                    "dates_precision": "second",
                }
            ],
        ),
        ("tld", "backlinks_tld", [{"dimension": "tld", "value": "com", "refdomains": 27755, "links": 11645}]),
        (
            "countries",
            "backlinks_geo",
            [
                {
                    "dimension": "country",
                    "value": "US",
                    "refdomains": 1200,
                    "links": 88100,
                    "extra": {"country": "United States"},
                },
                {
                    "dimension": "country",
                    "value": "KR",
                    "refdomains": 40,
                    "links": 61,
                    "extra": {"country": "Korea, Republic of"},
                },
                {
                    "dimension": "country",
                    "value": "Atlantis",
                    "refdomains": 1,
                    "links": 1,
                    "extra": {"country": "Atlantis"},
                },
            ],
        ),
        (
            "anchors",
            "backlinks_anchors",
            [
                {
                    "anchor": "buy shoes; cheap",
                    "anchor_key": "buy shoes; cheap",
                    "links": 9120,
                    "refdomains": 310,
                    "first_seen_at": "2019-08-12T14:59:49Z",
                    "last_seen_at": "2020-01-30T19:14:19Z",
                    "dates_precision": "second",
                },
                {
                    "anchor": "",
                    "anchor_key": "",
                    "links": 3,
                    "refdomains": 2,
                    "first_seen_at": "2019-08-12T14:59:49Z",
                    "last_seen_at": "2020-01-30T19:14:19Z",
                    "dates_precision": "second",
                },
            ],
        ),
        (
            "pages",
            "backlinks_pages",
            [
                {
                    "url": "https://example.com/shop",
                    "key": "example.com/shop",
                    "title": "The shop",
                    "status": 200,
                    "links": 700,
                    "refdomains": 60,
                    "links_external": 4,
                    "links_internal": 90,
                    "last_seen_at": "2020-01-30T19:14:19Z",
                    "dates_precision": "second",
                }
            ],
        ),
        (
            "competitors",
            "backlinks_competitors",
            [
                {
                    "competitor": "rival.example",
                    "common_refdomains": 440,
                    "similarity": 31.0,
                    "refdomains": 2100,
                    "links": 90011,
                    "domain_score": 52.0,
                    "domain_metric": "semrush_as",
                }
            ],
        ),
        (
            "topics",
            "backlinks_categories_profile",
            [{"dimension": "category", "value": "/Arts & Entertainment/Music", "refdomains": 120}],
        ),
        (
            "categories",
            "backlinks_categories",
            [{"category": "/Shopping/Apparel/Footwear", "confidence": 0.912345}],
        ),
        (
            "history",
            "backlinks_historical",
            [
                {
                    "date": date,
                    "granularity": "week",
                    "links": links,
                    "refdomains": domains,
                    "domain_score": score,
                    "domain_metric": "semrush_as",
                }
                for date, links, domains, score in (
                    ("2021-04-12", 98213, 1520, 41.0),
                    ("2021-04-05", 98100, 1516, 41.0),
                    ("2021-03-29", 97000, 1490, 40.0),
                )
            ],
        ),
    ],
)
def test_rows_become_records(report: str, name: str, records: list[dict[str, Any]]) -> None:
    assert records_of(compiled(report), stored(name)) == records


def test_an_authority_profile_has_a_row_for_each_score() -> None:
    of = compiled("authority")
    page = page_of(of, stored("backlinks_ascore_profile"))
    assert (len(page.rows), page.units, page.next) == (101, 100, None)
    assert told(of.record_of(page.rows[57], NOON)) == {
        "dimension": "authority",
        "value": "57",
        "refdomains": 57 * 3 % 7,
        "metric": "semrush_as",
    }


def test_raw_rows_are_the_cells_by_their_column() -> None:
    row = page_of(compiled("anchors"), stored("backlinks_anchors")).rows[1]
    assert row.data == {
        "domains_num": "2",
        "backlinks_num": "3",
        "first_seen": "1565621989",
        "anchor": None,
        "last_seen": "1580411659",
    }


def test_a_row_that_cannot_be_read_keeps_its_text_and_is_paid() -> None:
    of = compiled("refips")
    bad = "203.0.113.7;us;12;4100;1565621989;1580411659;odd"
    page = page_of(of, stored("backlinks_refips") + bad + "\n")
    assert (page.units, [row.target for row in page.rows]) == (80, ["example.com"] * 2)
    assert page.rows[1].data == bad
    with pytest.raises(UnreadableRow, match="cannot be told apart"):
        of.record_of(page.rows[1], NOON)


# Countries


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("United States", "US"),
        ("Türkiye", "TR"),
        ("Turkey", "TR"),
        ("COTE D'IVOIRE", "CI"),
        ("Côte d\u2019Ivoire", "CI"),
        ("South Korea", "KR"),
        ("Korea, Democratic People's Republic of", "KP"),
        ("Bosnia & Herzegovina", "BA"),
        ("St. Lucia", "LC"),
        ("U.S. Virgin Islands", "VI"),
        ("Congo", "CG"),
        ("Congo - Kinshasa", "CD"),
        ("The Netherlands", "NL"),
        ("Holy See (Vatican City State)", "VA"),
        ("Vatican City", "VA"),
        ("Guinea", "GN"),
        ("Papua New Guinea", "PG"),
        ("Kosovo", None),
        ("", None),
    ],
)
def test_countries_are_known_by_the_names_in_use(name: str, code: str | None) -> None:
    assert code_of(name) == code


# Histories


@pytest.mark.parametrize(
    ("seconds", "granularity"),
    [
        ((1617580800, 1617494400), "day"),
        ((1617580800, 1616976000, 1615766400, 1615161600), "week"),
        ((1617235200, 1614556800, 1612137600), "month"),
        ((1609459200, 1577836800), "year"),
        ((1617580800, 1617062400), None),
        ((1617580800,), None),
        ((), None),
    ],
)
def test_the_distance_of_points_is_measured(seconds: tuple[int, ...], granularity: str | None) -> None:
    body = table("date;backlinks_num;domains_num;score", *(f"{second};1;1;1" for second in seconds))
    for record in records_of(compiled("history"), body):
        assert record.get("granularity") == granularity


# Overlaps


def test_an_overlap_has_a_row_for_each_domain_and_target() -> None:
    of = compiled("overlap")
    targets = ("a.example", "b.example")
    assert records_of(of, stored("backlinks_matrix"), *targets) == [
        {
            "domain": "ref.example",
            "links": links,
            "matches": 1,
            "set_id": set_id(targets),
            "domain_score": 85.0,
            "domain_metric": "semrush_as",
        }
        for links in (0, 4)
    ]
    page = page_of(of, stored("backlinks_matrix"), step_of(*targets))
    assert ([row.target for row in page.rows], page.units) == (list(targets), 40)


def test_an_overlap_of_pages_is_headed_by_their_addresses_whatever_is_in_them() -> None:
    of = compiled("overlap", scope="url")
    body = table("domain;domain_ascore;matches_num;https://a.example/;x=1;https://b.example/", "ref.example;85;1;3;0")
    rows = page_of(of, body, step_of("a.example/;x=1", "b.example/")).rows
    assert [(row.target, row.known["links"]) for row in rows] == [("a.example/;x=1", 3), ("b.example/", 0)]


def test_an_overlap_that_cannot_be_read_is_about_nobody() -> None:
    body = stored("backlinks_matrix") + "ref.example;85;1;;4\nref.example;85;9;1;4\nref.example\n"
    of = compiled("overlap")
    page = page_of(of, body, step_of("a.example", "b.example"))
    assert [row.target for row in page.rows] == ["a.example", "b.example", "", "a.example", "b.example", ""]
    assert page.units == 160
    assert of.record_of(page.rows[3], NOON)["extra"] == {"matches_num": "9"}, "theirs, where it is not ours"


# Comparisons


def test_lines_of_a_comparison_are_matched_by_target() -> None:
    of = compiled("comparison")
    step = step_of("a.example", "b.example", "c.example")
    page = page_of(of, stored("backlinks_comparison"), step)
    assert [row.target for row in page.rows] == ["b.example", "a.example"]
    assert (page.units, page.next, page.incomplete) == (80, {"again": ["c.example"]}, None)
    assert told(of.record_of(page.rows[0], NOON)) == {
        "as_of": "2026-11-21",
        "links": 900,
        "links_followed": 600,
        "links_nofollow": 300,
        "links_text": 800,
        "links_image": 90,
        "links_form": 4,
        "links_frame": 6,
        "refdomains": 80,
        "refips": 70,
        "domain_score": 12.0,
        "domain_metric": "semrush_as",
        "dates_precision": "second",
    }


def compared(*targets: str) -> str:
    return table("target;backlinks_num", *(f"{target};{place}" for place, target in enumerate(targets)))


@pytest.mark.parametrize(
    ("asked_about", "came", "rows", "again"),
    [
        (("a.com", "b.com"), ("", ""), ["a.com", "b.com"], None),
        (("a.com", "b.com"), ("",), [""], ["a.com", "b.com"]),
        (("a.com", "b.com"), ("other.com", "b.com"), ["", "b.com"], ["a.com"]),
        (("a.com",), ("",), ["a.com"], None),
        (("a.com",), ("www.a.com",), ["a.com"], None),
    ],
)
def test_a_blank_or_unknown_target_is_matched_by_place_only_where_that_is_certain(
    asked_about: tuple[str, ...], came: tuple[str, ...], rows: list[str], again: list[str] | None
) -> None:
    of = compiled("comparison", fields=("backlinks_num",))
    page = page_of(of, compared(*came), step_of(*asked_about))
    assert [row.target for row in page.rows] == rows
    assert page.next == (again and {"again": again})


def test_a_page_is_matched_by_the_address_it_was_asked_by() -> None:
    of = compiled("comparison", fields=("backlinks_num",), scope="url")
    page = page_of(of, compared("https://b.com/", "https://a.com/x"), step_of("a.com/x", "b.com/", "c.com/"))
    assert [row.target for row in page.rows] == ["b.com/", "a.com/x"]


def test_a_target_asked_about_again_has_no_data_or_is_missed() -> None:
    of = compiled("comparison", fields=("backlinks_num",))
    step = step_of("a.com", "b.com", cursor={"again": ["b.com"]})
    assert asked(of, step).most_units == 40
    assert page_of(of, NOTHING, step) == Page(rows=(), next=None, units=0, note="no data for b.com")
    missed = page_of(of, compared(), step)
    assert missed.next == {"bare": [], "again": ["b.com"], "is_short": True}, "an account that is empty says no more"


def test_a_batch_of_which_nothing_is_found_is_not_asked_about_again() -> None:
    assert page_of(compiled("comparison"), NOTHING, step_of("a.com", "b.com")).next is None


# The end of a list, or of the money


def ips(count: int) -> str:
    return table("ip", *(f"203.0.113.{place}" for place in range(count)))


def test_a_list_goes_on_behind_a_full_page_and_ends_with_nothing_found() -> None:
    of = compiled("refips", fields=("ip",), page_size=10)
    page = page_of(of, ips(10))
    assert (len(page.rows), page.units, page.next) == (10, 400, {"begin": 10})
    step = step_of(cursor=page.next)
    assert page_of(of, NOTHING, step) == Page(rows=(), next=None, units=0)
    assert page_of(of, NOTHING) == Page(rows=(), next=None, units=0, note="no data")


def proof_of(of: Exchange, balance: str) -> tuple[Verdict, Page]:
    """Return what a balance means after four of ten rows."""
    page = page_of(of, ips(4))
    assert (page.units, page.next) == (160, {"begin": 4, "is_short": True})
    step = replace(step_of(cursor=page.next), is_continued=True)
    request = asked(of, step)
    assert (request.most_units, request.path) == (0, "")
    return of.judge(step, request, reply_of(balance)), of.read(step, request, reply_of(balance))


AGAIN = {"begin": 4, "is_again": True}


@pytest.mark.parametrize(
    ("balance", "following"), [("4000", None), ("4,000\n", None), ("3,999", AGAIN), ("40", AGAIN), ("no", AGAIN)]
)
def test_a_short_page_is_the_last_if_the_account_could_have_paid_for_ten_more(balance: str, following: object) -> None:
    verdict, page = proof_of(compiled("refips", fields=("ip",), page_size=10), balance)
    assert verdict.action is Action.KEEP
    assert (page.next, page.units, page.incomplete) == (following, 0, None)


@pytest.mark.parametrize("balance", ["0", "39"])
def test_an_account_that_cannot_pay_for_a_line_stops_the_work_in_the_middle_of_a_list(balance: str) -> None:
    verdict, _ = proof_of(compiled("refips", fields=("ip",), page_size=10), balance)
    assert (verdict.action, verdict.units_left) == (Action.SHRINK, int(balance))


def test_enough_of_a_history_is_enough() -> None:
    of = compiled("history", max_rows=3)
    assert page_of(of, stored("backlinks_historical")) == Page(
        rows=page_of(of, stored("backlinks_historical")).rows, next=None, units=120
    )
    longer = compiled("history", max_rows=2000, since=timedelta(weeks=2000))
    page = page_of(longer, table("date;backlinks_num;domains_num;score", *["1618185600;1;1;1"] * 1000))
    assert page.next == {"begin": 1000}
    assert asked(longer, step_of(cursor=page.next)).most_rows == 1000


@pytest.mark.parametrize(("code", "cursor"), [(613, {"begin": 1000}), (613, {}), (605, {})])
def test_a_list_that_may_not_be_asked_for_is_incomplete(code: int, cursor: dict[str, int]) -> None:
    page = page_of(compiled("refips"), f"ERROR {code} :: too far", step_of(cursor=cursor))
    assert (page.next, page.units, page.incomplete) == (None, 0, f"ERROR {code} :: too far")


def test_an_offset_that_is_refused_behind_the_first_page_is_no_row_and_no_proof() -> None:
    page = page_of(compiled("refips"), "ERROR 605 :: too far", step_of(cursor={"begin": 1000}))
    assert page == Page(rows=(), next={"begin": 1000, "is_short": True}, units=0)


@pytest.mark.parametrize(("report", "units"), [("summary", 40), ("categories", 50), ("authority", 100), ("refips", 0)])
def test_finding_nothing_costs_a_request_where_requests_are_priced(report: str, units: int) -> None:
    assert page_of(compiled(report), NOTHING) == Page(rows=(), next=None, units=units, note="no data")


def test_lines_that_stand_for_an_unknown_number_of_rows_are_no_end_and_no_higher_bill() -> None:
    of = compiled("anchors", page_size=3)
    header = "domains_num;backlinks_num;first_seen;anchor;last_seen"
    torn = ("1;1;1565621989;one", "2;2;1565621989;two;1580411659")
    page = page_of(of, table(header, *torn))
    assert (page.units, page.next) == (80, {"begin": 2, "is_short": True})
    assert page.incomplete == "lines that cannot be read stand for an unknown number of rows"
    page = page_of(of, table(header, torn[0], torn[1], "3;3;1565621989;three;1580411659", "4;4"))
    assert (page.units, page.next, page.incomplete) == (120, {"begin": 3}, None)


def test_another_table_than_the_one_asked_for_is_not_read() -> None:
    with pytest.raises(UnknownReply, match="the first line is"):
        page_of(compiled("refips"), stored("backlinks_tld"))


def test_each_record_of_each_report_is_whole() -> None:
    for report, name in (("backlinks", "backlinks"), ("pages", "backlinks_pages"), ("tld", "backlinks_tld")):
        of = compiled(report)
        for row in page_of(of, stored(name)).rows:
            assert list(of.record_of(row, NOON)) == [field.name for field in RECORDS[of.record]]


def columns_of(of: Exchange) -> list[str]:
    """Return the columns that a report asks for."""
    return dict(asked(of).query)["export_columns"].split(",")


def lines_of(of: Exchange, *names: str) -> str:
    """Return an answer of a comparison with so many lines, which have nothing but a name."""
    columns = columns_of(of)
    lines = [";".join(name if column == "target" else "" for column in columns) for name in names]
    return "\n".join([";".join(columns), *lines])


def test_a_line_without_a_name_is_not_given_to_a_target_that_another_line_names() -> None:
    of = compiled("comparison")
    body = lines_of(of, "b.example", "", "a.example")
    page = page_of(of, body, step_of("a.example", "b.example", "c.example"))
    assert [row.target for row in page.rows] == ["b.example", "", "a.example"]
    assert page.next == {"again": ["c.example"]}


def test_pages_that_differ_in_case_only_are_two() -> None:
    of = compiled("comparison", scope="url")
    targets = ("https://a.example/X", "https://a.example/x")
    page = page_of(of, lines_of(of, *targets), step_of(*targets))
    assert [row.target for row in page.rows] == list(targets)


@pytest.mark.parametrize(("report", "flag"), [("lost-backlinks", "lostlink"), ("new-backlinks", "newlink")])
def test_a_filter_that_was_not_honoured_is_noticed(report: str, flag: str) -> None:
    of = compiled(report)
    columns = columns_of(of)
    values = {"source_url": "https://s.example/", "target_url": "https://t.example/"}

    def said(value: str) -> str:
        line = ";".join({**values, flag: value}.get(name, "") for name in columns)
        return page_of(of, "\n".join([";".join(columns), line])).incomplete or ""

    assert said("true") == ""
    assert "1 rows are not what the report is about" in said("false")
