"""What a request may say and what is answered to one that says it wrong (reference, sections 3.1 to 3.6 and 8)."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_kit import GENERATED, link, world_of
from semrush_sandbox_kit import FORTY, Till, error_of

from harvester.sandbox.semrush.reports import REPORTS
from harvester.sandbox.semrush.service import SEMRUSH

PLAIN = [("key", SEMRUSH.key), ("target", "t.example"), ("target_type", "root_domain")]
LINKS = [("type", "backlinks"), *PLAIN]
WORDING = (
    "ERROR 605 :: Invalid display_offset parameter, must be a positive integer number"
    " and less then display_limit or it should be skipped"
)
ROOT = "root_domain"


@pytest.mark.parametrize("method", ["POST", "HEAD", "PUT"])
def test_only_get_is_known(method: str) -> None:
    till = Till(FORTY)
    assert error_of(till.send(LINKS, method=method)) == (200, "ERROR 48")
    assert error_of(till.send([], method=method)) == (200, "ERROR 48")  # before the type


def test_a_type_must_be_given_and_be_one_of_the_fifteen() -> None:
    till = Till(FORTY)
    text = b'ERROR 41 :: MANDATORY PARAMETER "type" NOT SET OR EMPTY'
    assert till.send(PLAIN).body == till.send([("type", ""), *PLAIN]).body == text
    assert error_of(till.ask("backlinks_everything")) == (200, "ERROR 10000")


def test_other_paths_are_not_found() -> None:
    for path in ("/", "/analytics/v1", "/analytics/v2/"):
        answer = Till(FORTY).send(LINKS, path=path)
        assert (answer.status, answer.body) == (404, b"Not Found")


def test_a_scalar_parameter_comes_once() -> None:
    till = Till(FORTY)
    for name in ("target", "display_limit", "key", "type"):
        doubled = [*LINKS, ("display_limit", "5"), (name, dict(LINKS).get(name, "5"))]
        assert error_of(till.send(doubled)) == (200, "ERROR 10001")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"target": None}, "ERROR 10013"),
        ({"target": ""}, "ERROR 10013"),
        ({"target_type": None}, "ERROR 10013"),
        ({"target_type": "subdomain"}, "ERROR 10000"),
        ({"target_type": "prefix"}, "ERROR 10000"),
        ({"export_columns": "anchor,nonsense"}, "ERROR 10000"),
        ({"export_columns": "anchor,"}, "ERROR 10000"),
        ({"export_columns": "anchor, source_url"}, "ERROR 10000"),
        ({"export_columns": "anchor,anchor"}, "ERROR 10014"),
        ({"export_columns": "domain_ascore"}, "ERROR 10000"),
        ({"display_limit": "ten"}, "ERROR 10000"),
        ({"display_limit": "-1"}, "ERROR 10000"),
        ({"display_limit": "1000001"}, "ERROR 613"),
        ({"display_sort": "anchor_asc"}, "ERROR 10000"),
        ({"display_sort": "page_ascore"}, "ERROR 10000"),
        ({"display_sort": "page_ascore_asc,first_seen_asc"}, "ERROR 10000"),
    ],
)
def test_a_wrong_value_is_refused(params: dict[str, Any], code: str) -> None:
    till = Till(FORTY)
    assert error_of(till.ask("backlinks", **params)) == (200, code)
    assert till.account.units_charged == 0


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("not a host", ROOT),
        ("localhost", ROOT),
        ("http://t.example/", ROOT),
        ("t.example/path", ROOT),
        ("t.example:80", "domain"),
        ("T.example", ROOT),
        ("bücher.example", ROOT),
        ("t.example.", ROOT),
        ("t.example", "url"),
        ("HTTP://t.example/", "url"),
        ("ftp://t.example/", "url"),
        ("https://T.example/", "url"),
        ("https://[::1/", "url"),
    ],
)
def test_a_malformed_target_is_prose_in_a_200(target: str, kind: str) -> None:
    answer = Till(FORTY).ask("backlinks", target=target, target_type=kind)
    assert (answer.status, answer.body) == (200, b"Validation Error : target")


def test_unknown_parameters_change_nothing() -> None:
    till = Till(FORTY)
    assert till.ask("backlinks", limit=3, timespan="weeks").body == till.ask("backlinks").body
    plain = till.ask("backlinks_overview").body
    assert till.ask("backlinks_overview", display_offset=0, display_sort="x", display_filter="y").body == plain


@pytest.mark.parametrize("limit", [None, 0])
def test_without_a_limit_ten_thousand_lines_come(limit: int | None) -> None:
    many = world_of(*(link(f"https://s.example/{number}") for number in range(10_001)))
    till = Till(many)
    assert till.ask("backlinks", display_limit=limit).rows == 10_000
    assert till.account.units_charged == 400_000
    assert till.ask("backlinks", display_limit=limit, display_offset=9_999).rows == 1
    assert error_of(till.ask("backlinks", display_limit=limit, display_offset=10_000)) == (400, "ERROR 605")


def test_the_limit_is_an_absolute_end() -> None:
    till = Till(FORTY)
    everything = till.rows("backlinks")
    assert till.rows("backlinks", display_limit=10) == everything[:10]
    assert till.rows("backlinks", display_limit=20, display_offset=10) == everything[10:20]
    assert till.rows("backlinks", display_limit=100, display_offset=39) == everything[39:]


@pytest.mark.parametrize(("offset", "limit"), [(0, 10), (10, 10), (20, 10), ("-1", 10), ("x", 10), ("", 10)])
def test_an_offset_is_positive_and_below_the_limit(offset: object, limit: int) -> None:
    answer = Till(FORTY).ask("backlinks", display_offset=offset, display_limit=limit)
    assert (answer.status, answer.body.decode()) == (400, WORDING)


def test_beyond_the_last_row_nothing_is_found() -> None:
    assert error_of(Till(FORTY).ask("backlinks", display_offset=40, display_limit=80)) == (200, "ERROR 50")


@settings(max_examples=40, deadline=None)
@given(size=st.integers(1, 50), report=st.sampled_from(["backlinks", "backlinks_refdomains", "backlinks_historical"]))
def test_pages_by_absolute_end_hold_each_row_exactly_once(size: int, report: str) -> None:
    till = Till(FORTY)
    pages: list[dict[str, str]] = []
    while True:
        start = len(pages)
        answer = till.ask(report, display_offset=start or None, display_limit=start + size)
        if error_of(answer) == (200, "ERROR 50"):
            break
        pages += till.rows(report, display_offset=start or None, display_limit=start + size)
    assert pages == till.rows(report)


def test_lists_are_sorted_by_their_own_key_unless_told_otherwise() -> None:
    till = Till(units=10**9)
    for name, report in REPORTS.items():
        if not report.sorts or report.is_batch:
            continue
        for sort in report.sorts:
            for is_descending, rule in ((False, f"{sort}_asc"), (True, f"{sort}_desc")):
                rows = till.rows(name, target="x207.com", display_sort=rule, export_columns=f"{sort}")
                values = [int(row[sort]) for row in rows]
                assert values == sorted(values, reverse=is_descending)
        assert report.default_sort is not None
        rule = f"{report.default_sort.name}_desc"
        assert till.ask(name, target="x207.com").body == till.ask(name, target="x207.com", display_sort=rule).body


def test_equals_keep_one_order_in_either_direction() -> None:
    same = world_of(*(link(f"https://s.example/{number}") for number in range(30)))
    for rule in ("first_seen_asc", "first_seen_desc"):
        rows = Till(same).rows("backlinks", display_sort=rule, export_columns="source_url")
        urls = [row["source_url"] for row in rows]
        assert urls == sorted(urls)


FILTERED = world_of(
    link("https://one.example/a", anchor="Red shoes", rel=frozenset({"nofollow"})),
    link("https://www.one.example/b", anchor="shoestring", first="2026-11-01", last="2026-11-02"),
    link("https://two.test/c", anchor="red", kind="image", lost="2026-11-12", first="2026-11-01", last="2026-11-02"),
    link("https://two.test/d", anchor="", kind="redirect", redirects=("https://t.example/x",)),
    link("https://three.test/e", anchor="blue", kind="form"),
    link("https://three.test/f", anchor="blue", kind="frame"),
)
IP = FILTERED.facts.host("three.test").ip


@pytest.mark.parametrize(
    ("source", "pages"),
    [
        ("+|type||follow", "bcdef"),
        ("+|type||nofollow", "a"),
        ("-|type||nofollow", "bcdef"),
        ("+|type||newlink", "b"),
        ("+|type||lostlink", "c"),
        ("+|type||image", "c"),
        ("+|type||form", "e"),
        ("+|type||frame", "f"),
        ("+|type||newlink|+|type||follow", "b"),
        ("+|zone||test|-|type||lostlink", "def"),
        ("+|refdomain|Eq|one.example", "ab"),
        ("+|refdomain||one.example", "ab"),
        ("+|refdomain|Bw|t", "cdef"),
        ("+|anchor|Co|SHOES", "ab"),
        ("+|anchor|Wm|shoes", "a"),
        ("+|anchor|Bw|shoes", "b"),
        ("+|anchor|Ew|ed", "c"),
        ("+|anchor|Eq|blue", "ef"),
        ("+|urlanchor|Co|two", "cd"),
        ("+|urlanchor|Co|red", "ac"),
        ("+|newlink||true", "b"),
        ("+|lostlink||0", "abdef"),
        ("+|redirects||1", "d"),
        (f"+|ip||{IP}", "ef"),
        ("", "abcdef"),
    ],
)
def test_a_filter_picks_links(source: str, pages: str) -> None:
    rows = Till(FILTERED).rows("backlinks", display_filter=source, export_columns="source_url")
    assert "".join(sorted(row["source_url"][-1] for row in rows)) == pages


@pytest.mark.parametrize(
    ("source", "domains"),
    [
        ("+|zone||test", ["three.test", "two.test"]),
        ("+|lostdomain||true", []),
        ("+|newdomain||false", ["one.example", "three.test", "two.test"]),
        (f"+|ip|Eq|{IP}", ["three.test"]),
    ],
)
def test_a_filter_picks_referring_domains(source: str, domains: list[str]) -> None:
    answer = Till(FILTERED).ask("backlinks_refdomains", display_filter=source, export_columns="domain")
    found = answer.body.decode().split("\r\n")[1:-1]
    assert sorted(found) == domains
    assert bool(domains) or error_of(answer) == (200, "ERROR 50")


def test_the_example_of_the_reference_filters_by_country() -> None:
    till = Till(units=10**9)
    rows = till.rows("backlinks_refdomains", target="x207.com", display_filter="+|country||us")
    assert rows
    assert {row["country"] for row in rows} == {"us"}


@pytest.mark.parametrize(
    "source",
    [
        "type||follow",
        " |type||follow",  # a bare "+" is a space
        "+|type||follow|",
        "+|type|Eq|follow",
        "+|type||sponsored",
        "+|zone|Eq|com",
        "+|zone||",
        "+|anchor|Xx|a",
        "+|anchor|Co|a|b",
        "+|country||us",
        "+|newlink||perhaps",
        "+|backlinksnum_0|Eq|0",
        "*|type||follow",
    ],
)
def test_a_malformed_filter_is_an_invalid_value(source: str) -> None:
    assert error_of(Till(FILTERED).ask("backlinks", display_filter=source)) == (200, "ERROR 10000")


def test_at_most_25_filters_are_taken() -> None:
    till = Till(FILTERED)
    assert till.ask("backlinks", display_filter="|".join(["+|type||follow"] * 25)).rows == 5
    assert error_of(till.ask("backlinks", display_filter="|".join(["+|type||follow"] * 26))) == (200, "ERROR 10030")


MATRIX = world_of(
    *(link(f"https://a.example/{n}", "https://t.example/") for n in range(3)),
    *(link(f"https://b.example/{n}", "https://u.example/") for n in range(4)),
    link("https://c.example/", "https://t.example/"),
    link("https://c.example/", "https://u.example/"),
)
TWO = ["t.example", "u.example"]


@pytest.mark.parametrize(
    ("params", "domains"),
    [
        ({"display_filter": "+|backlinksnum_0|Eq|0"}, {"b.example"}),
        ({"display_filter": "+|backlinksnum_1|Gt|0"}, {"b.example", "c.example"}),
        ({"display_filter": "+|backlinksnum_1|Lt|4|-|backlinksnum_0|Eq|3"}, {"c.example"}),
    ],
)
def test_the_matrix_is_filtered_by_the_number_of_links(params: dict[str, str], domains: set[str]) -> None:
    assert {row["domain"] for row in Till(MATRIX).shared(TWO, **params)} == domains


def test_the_matrix_is_sorted_by_score_matches_or_links() -> None:
    till = Till(MATRIX)
    by_links = [row["domain"] for row in till.shared(TWO, display_sort="backlinksnum_1_desc")]
    assert by_links == ["b.example", "c.example", "a.example"]
    assert till.shared(TWO, display_sort="matchesnum_desc")[0]["domain"] == "c.example"
    default = till.shared(TWO)
    assert till.shared(TWO, display_sort="domain_score_desc") == default
    assert till.shared(TWO, display_sort="domain_ascore_desc") == default
    scores = [int(row["domain_ascore"]) for row in default]
    assert scores == sorted(scores, reverse=True)
    assert till.shared(TWO, display_limit=2, display_offset=1) == default[1:2]


@pytest.mark.parametrize(
    "params",
    [
        {"display_sort": "backlinksnum_2_asc"},
        {"display_filter": "+|backlinksnum_2|Eq|0"},
        {"display_filter": "+|backlinksnum_0|Co|0"},
        {"display_filter": "+|backlinksnum_0|Eq|none"},
    ],
)
def test_a_number_of_links_is_a_number_and_belongs_to_a_target_that_was_asked(params: dict[str, str]) -> None:
    assert error_of(Till(MATRIX).ask_many("backlinks_matrix", TWO, **params)) == (200, "ERROR 10000")


def test_the_number_of_targets_has_bounds() -> None:
    till = Till(MATRIX)
    names = [f"n{number}.example" for number in range(199)]
    assert till.ask_many("backlinks_matrix", [*TWO, *names[:4]]).rows == 3
    assert error_of(till.ask_many("backlinks_matrix", [*TWO, *names[:5]])) == (200, "ERROR 10030")
    assert error_of(till.ask_many("backlinks_matrix", TWO[:1])) == (200, "ERROR 10031")
    assert till.ask_many("backlinks_comparison", [*TWO, *names[:198]]).rows == 2
    assert error_of(till.ask_many("backlinks_comparison", [*TWO, *names])) == (200, "ERROR 10030")
    assert till.ask_many("backlinks_comparison", TWO[:1]).rows == 1


@pytest.mark.parametrize("report", ["backlinks_comparison", "backlinks_matrix"])
def test_targets_and_types_are_parallel_arrays(report: str) -> None:
    till = Till(MATRIX)
    head = [("key", SEMRUSH.key), ("type", report)]
    targets = [("targets[]", name) for name in TWO]
    assert error_of(till.send([*head, *targets])) == (200, "ERROR 10013")
    assert error_of(till.send([*head, *targets, ("target_types[]", ROOT)])) == (200, "ERROR 10015")
    assert error_of(till.send([*head, ("target_types[]", ROOT)])) == (200, "ERROR 10013")
    assert (
        error_of(till.send([*head, ("targets", ",".join(TWO)), ("target_types", f"{ROOT},{ROOT}")]))[1] == "ERROR 10013"
    )
    assert error_of(till.ask(report)) == (200, "ERROR 10013")  # target instead of targets[]
    twice = [*head, *targets, *[("target_types[]", ROOT)] * 2]
    assert till.send(twice).rows > 0
    assert error_of(till.send([*head, *targets, *[("target_types[]", "prefix")] * 2])) == (200, "ERROR 10000")


@pytest.mark.parametrize("joined", ["t.example,u.example", "T.example"])
def test_one_malformed_target_spoils_the_batch(joined: str) -> None:
    answer = Till(MATRIX).ask_many("backlinks_comparison", ["u.example", joined])
    assert (answer.status, answer.body) == (200, b"Validation Error : targets")


def test_duplicates_are_refused() -> None:
    till = Till(MATRIX)
    for report in ("backlinks_comparison", "backlinks_matrix"):
        answer = till.ask_many(report, ["t.example", "u.example", "t.example"])
        assert (answer.status, answer.body) == (200, b"ERROR 402 :: Duplicate domains")
    head = [("key", SEMRUSH.key), ("targets[]", "t.example"), ("targets[]", "t.example")]
    kinds = [("target_types[]", ROOT), ("target_types[]", "domain")]
    assert error_of(till.send([("type", "backlinks_comparison"), *head, *kinds])) == (200, "ERROR 402")
    clash = till.send([("type", "backlinks_matrix"), *head, *kinds])
    assert clash.body.startswith(b"domain;domain_ascore;matches_num;t.example;t.example\r\n")


def test_the_categories_take_subdomain_for_a_host() -> None:
    till = Till()
    assert till.ask("backlinks_categories", target="blog.x207.com", target_type="subdomain").rows > 0
    assert error_of(till.ask("backlinks_categories", target_type="domain")) == (200, "ERROR 10000")
    assert error_of(till.ask("backlinks_overview", target_type="subdomain")) == (200, "ERROR 10000")


def test_a_target_with_thousands_of_links_is_read_page_by_page() -> None:
    till = Till(GENERATED, units=10**9)
    total = int(till.rows("backlinks_overview", target="x110.com")[0]["total"])
    assert total > 1000
    seen: list[str] = []
    for start in range(0, total, 10):
        page = till.rows("backlinks", target="x110.com", display_offset=start or None, display_limit=start + 10)
        seen += [row["source_url"] + row["target_url"] + row["anchor"] for row in page]
    assert len(set(seen)) == len(seen) == total
