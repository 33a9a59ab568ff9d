"""What the rows of each report hold, computed a second time from the links they are about (reference, section 4)."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sandbox_kit import GENERATED, NOW, link, moment, world_of
from semrush_sandbox_kit import Till, error_of

from harvester.sandbox.hosts import root_of
from harvester.sandbox.semrush.reports import REPORTS as TABLE
from harvester.sandbox.world import Link, Lost

SEEN = {"first": "2026-10-01", "last": "2026-11-01"}
OLD = {"first": "2025-01-01", "last": "2025-06-01"}
LINKS = (
    link("https://www.a.example/1", "https://t.example/", anchor="One", **SEEN),
    link("https://www.a.example/2", "https://t.example/", anchor="one", rel=frozenset({"nofollow"}), **OLD),
    link("https://b.test/1", "https://www.t.example/p", kind="image", image_alt="logo", anchor="", **OLD),
    link("https://b.test/2", "http://t.example/", kind="form", rel=frozenset({"ugc"}), **OLD),
    link("https://c.example/1", "https://t.example/p", kind="frame", rel=frozenset({"sponsored", "nofollow"}), **OLD),
    link("https://c.example/2", "https://t.example/old", kind="redirect", redirects=("https://t.example/x",), **OLD),
    link("https://d.example/1", "https://t.example/", lost="2026-11-10", lost_reason=Lost.PAGE_REMOVED, **SEEN),
    link("https://e.example/1", "https://t.example/", lost="2025-07-01", **OLD),
    link("https://a.example/u", "https://u.example/"),
    link("https://c.example/u", "https://u.example/"),
    link("https://f.example/u", "https://u.example/"),
)
WORLD = world_of(*LINKS)
FACTS = WORLD.facts
SHOWN = [one for one in LINKS if one.target_host.endswith("t.example") and one.source_host != "e.example"]
BUSY = "x110.com"  # a target of the generated world with hostile texts


def stamp(text: str) -> str:
    return str(int(moment(text).timestamp()))


def counted(links: list[Link]) -> dict[str, str]:
    roots = {root_of(one.source_host) for one in links}
    return {"domains_num": str(len(roots)), "backlinks_num": str(len(links))}


def test_all_fifteen_reports_are_served() -> None:
    assert len(TABLE) == 15
    till = Till(WORLD)
    for name in TABLE:
        batch = name in ("backlinks_matrix", "backlinks_comparison")
        answer = till.ask_many(name, ["t.example", "u.example"]) if batch else till.ask(name)
        if name != "backlinks_competitors":  # nobody links to the sources of this world
            assert (answer.status, answer.rows > 0) == (200, True), answer.body


def test_the_overview_counts_what_the_lists_show() -> None:
    (row,) = Till(WORLD).rows("backlinks_overview", export_columns=",".join(TABLE["backlinks_overview"].columns))
    assert row == {
        "ascore": str(round(FACTS.host("t.example").authority)),
        "total": "7",
        "domains_num": "4",
        "urls_num": "7",
        "ips_num": str(len({FACTS.host(one.source_host).ip for one in SHOWN} - {None})),
        "ipclassc_num": row["ipclassc_num"],
        "follows_num": "5",
        "nofollows_num": "2",
        "sponsored_num": "1",
        "ugc_num": "1",
        "texts_num": "3",
        "images_num": "1",
        "forms_num": "1",
        "frames_num": "1",
    }


def test_the_score_of_a_page_is_its_own() -> None:
    rows = Till(WORLD).rows(
        "backlinks_overview", target="http://t.example/", target_type="url", export_columns="ascore"
    )
    assert rows == [{"ascore": str(round(FACTS.page("https://t.example/").authority))}]


def test_the_totals_of_the_overview_are_lengths_of_lists() -> None:
    till = Till(units=10**9)
    (row,) = till.rows("backlinks_overview", target=BUSY)
    for column, report in (("total", "backlinks"), ("domains_num", "_refdomains"), ("ips_num", "_refips")):
        name = report if report == "backlinks" else f"backlinks{report}"
        assert int(row[column]) == len(till.rows(name, target=BUSY))


def test_a_link_is_shown_as_every_contract_shows_it() -> None:
    rows = {row["source_url"]: row for row in Till(WORLD).rows("backlinks", export_columns=every("backlinks"))}
    assert rows.keys() == {one.source_url for one in SHOWN}
    page = FACTS.page("https://b.test/1")
    assert rows["https://b.test/1"] == {
        "page_ascore": str(round(page.authority)),
        "response_code": "200",
        "source_size": str(page.size_bytes),
        "external_num": str(page.links_external),
        "internal_num": str(page.links_internal),
        "redirect_url": "",
        "source_url": "https://b.test/1",
        "source_title": page.title,
        "image_url": "https://b.test/images/2.png",
        "target_url": "https://www.t.example/p",
        "target_title": FACTS.page("https://www.t.example/p").title,
        "anchor": "",
        "image_alt": "logo",
        "last_seen": stamp("2025-06-01"),
        "first_seen": stamp("2025-01-01"),
        "nofollow": "false",
        "form": "false",
        "frame": "false",
        "image": "true",
        "sitewide": "false",
        "newlink": "false",
        "lostlink": "false",
    }


def every(report: str) -> str:
    return ",".join(TABLE[report].columns)


def test_flags_follow_from_the_life_and_the_kind_of_a_link() -> None:
    rows = {row["source_url"]: row for row in Till(WORLD).rows("backlinks", export_columns=every("backlinks"))}
    assert [url for url, row in rows.items() if row["newlink"] == "true"] == ["https://www.a.example/1"]
    assert [url for url, row in rows.items() if row["lostlink"] == "true"] == ["https://d.example/1"]
    assert rows["https://d.example/1"]["response_code"] == "404"
    moved = rows["https://c.example/2"]
    assert (moved["response_code"], moved["source_title"]) == ("301", "")
    assert moved["redirect_url"] == "https://t.example/x"
    assert rows["https://b.test/2"]["form"] == rows["https://c.example/1"]["frame"] == "true"
    assert rows["https://b.test/2"]["nofollow"] == "false"  # ugc alone does not say nofollow


def test_a_link_repeated_on_a_host_is_sitewide() -> None:
    copies = [link(f"https://a.example/{number}") for number in range(3)]
    rows = Till(world_of(*copies, link("https://b.example/"))).rows("backlinks", export_columns="source_url,sitewide")
    assert {row["source_url"]: row["sitewide"] for row in rows} == {
        **{one.source_url: "true" for one in copies},
        "https://b.example/": "false",
    }


@pytest.mark.parametrize(
    ("target", "target_type", "count"),
    [
        ("t.example", "root_domain", 7),
        ("t.example", "domain", 6),
        ("www.t.example", "domain", 1),
        ("www.t.example", "root_domain", 1),
        ("http://t.example", "url", 4),
        ("https://t.example/p", "url", 1),
    ],
)
def test_the_type_of_a_target_decides_how_much_of_a_site_is_meant(target: str, target_type: str, count: int) -> None:
    assert Till(WORLD).ask("backlinks", target=target, target_type=target_type).rows == count


def test_referring_domains_are_registrable_and_carry_their_own_facts() -> None:
    rows = Till(WORLD).rows("backlinks_refdomains", export_columns=every("backlinks_refdomains"))
    assert {row["domain"]: row["backlinks_num"] for row in rows} == {
        "a.example": "2",
        "b.test": "2",
        "c.example": "2",
        "d.example": "1",
    }
    first = rows[0]
    site = FACTS.host("a.example")
    assert first["domain_ascore"] == str(round(site.authority))
    assert (first["ip"], first["country"]) == (site.ip, site.country.lower())
    assert (first["first_seen"], first["last_seen"]) == (stamp("2025-01-01"), stamp("2026-11-01"))


def test_addresses_count_the_hosts_that_stand_there() -> None:
    till = Till(WORLD)
    rows = {row["ip"]: row for row in till.rows("backlinks_refips")}
    expected = Counter(FACTS.host(one.source_host).ip for one in SHOWN)
    assert {ip: int(row["backlinks_num"]) for ip, row in rows.items()} == {
        ip: count for ip, count in expected.items() if ip is not None
    }
    ip = FACTS.host("b.test").ip
    assert ip is not None
    assert rows[ip]["country"] == FACTS.host("b.test").country.lower()


def test_zones_have_no_dot() -> None:
    assert Till(WORLD).rows("backlinks_tld") == [
        {"zone": "example", **counted([one for one in SHOWN if one.source_host.endswith(".example")])},
        {"zone": "test", **counted([one for one in SHOWN if one.source_host.endswith(".test")])},
    ]


def test_countries_have_their_full_english_name_in_geo_and_a_code_elsewhere() -> None:
    till = Till(units=10**9)
    names = [row["country"] for row in till.rows("backlinks_geo", target=BUSY)]
    assert {"United States", "Germany", "Czech Republic"} <= set(names)
    assert all(len(name) > 2 for name in names)
    codes = {row["country"] for row in till.rows("backlinks_refdomains", target=BUSY)}
    assert {"us", "de", "cz", ""} <= codes  # empty where no address is known
    assert all(code == code.lower() and len(code) in (0, 2) for code in codes)


def test_anchors_are_counted_in_lower_case() -> None:
    rows = {row["anchor"]: row for row in Till(WORLD).rows("backlinks_anchors")}
    assert rows.keys() == {"one", "", "anchor"}
    assert rows["one"] == {
        "anchor": "one",
        **counted([one for one in SHOWN if one.anchor.lower() == "one"]),
        "first_seen": stamp("2025-01-01"),
        "last_seen": stamp("2026-11-01"),
    }


def test_pages_are_those_of_the_target() -> None:
    rows = {row["source_url"]: row for row in Till(WORLD).rows("backlinks_pages")}
    assert rows.keys() == {one.target_url for one in SHOWN}
    page = FACTS.page("https://t.example/")
    assert rows["https://t.example/"] == {
        "source_url": "https://t.example/",
        "source_title": page.title,
        "response_code": str(page.status),
        **counted([one for one in SHOWN if one.target_url == "https://t.example/"]),
        "last_seen": stamp("2026-11-01"),
        "external_num": str(page.links_external),
        "internal_num": str(page.links_internal),
    }


def test_competitors_share_referring_domains() -> None:
    world = world_of(
        *(link(f"https://s{n}.example/", "https://t.example/") for n in range(4)),
        *(link(f"https://s{n}.example/r", "https://s0.example/") for n in range(1, 4)),
        link("https://s1.example/r", "https://s2.example/"),
        link("https://elsewhere.test/", "https://s3.example/"),
    )
    rows = Till(world).rows("backlinks_competitors", export_columns=every("backlinks_competitors") + ",score")
    facts = world.facts
    assert [(row["neighbour"], row["similarity"], row["common_refdomains"]) for row in rows] == [
        ("s0.example", "86", "3"),
        ("s2.example", "40", "1"),
    ]
    assert rows[0]["ascore"] == rows[0]["score"] == str(round(facts.host("s0.example").authority))
    assert (rows[0]["domains_num"], rows[0]["backlinks_num"]) == ("3", "3")


def test_the_generated_world_has_competitors() -> None:
    assert Till().ask("backlinks_competitors", target=BUSY).rows > 3


def test_the_matrix_has_one_column_for_each_target_headed_by_its_name() -> None:
    answer = Till(WORLD).ask_many("backlinks_matrix", ["t.example", "u.example"])
    assert answer.body.split(b"\r\n")[0] == b"domain;domain_ascore;matches_num;t.example;u.example"
    rows = {row["domain"]: row for row in Till(WORLD).shared(["t.example", "u.example"])}
    assert {name: (row["matches_num"], row["t.example"], row["u.example"]) for name, row in rows.items()} == {
        "a.example": ("2", "2", "1"),
        "b.test": ("1", "2", "0"),
        "c.example": ("2", "2", "1"),
        "d.example": ("1", "1", "0"),
        "f.example": ("1", "0", "1"),
    }


def test_the_matrix_expands_only_where_the_column_is_asked_and_there() -> None:
    till = Till(WORLD)
    asked = till.ask_many("backlinks_matrix", ["t.example", "u.example"], export_columns="backlinks_num,domain")
    assert asked.body.split(b"\r\n")[0] == b"t.example;u.example;domain"
    without = till.ask_many("backlinks_matrix", ["t.example", "u.example"], export_columns="domain,domain_score")
    assert without.body.split(b"\r\n")[0] == b"domain;domain_score"


def test_a_comparison_has_a_line_for_each_target_that_has_links() -> None:
    rows = Till(WORLD).compared(["u.example", "nobody.example", "t.example"])
    assert [row["target"] for row in rows] == ["u.example", "t.example"]
    assert rows[1] == {
        "target": "t.example",
        "target_type": "root_domain",
        "ascore": str(round(FACTS.host("t.example").authority)),
        **counted(SHOWN),
        "ips_num": rows[1]["ips_num"],
        "follows_num": "5",
        "nofollows_num": "2",
        "texts_num": "3",
        "images_num": "1",
        "forms_num": "1",
        "frames_num": "1",
    }


def test_a_comparison_of_nobody_finds_nothing() -> None:
    answer = Till(WORLD).ask_many("backlinks_comparison", ["nobody.example", "neither.example"])
    assert error_of(answer) == (200, "ERROR 50")


def test_the_score_profile_has_101_rows_with_zeros() -> None:
    rows = Till(WORLD).rows("backlinks_ascore_profile", export_columns="nonsense")
    assert [row["ascore"] for row in rows] == [str(score) for score in range(101)]
    expected = Counter(round(FACTS.host(root).authority) for root in {root_of(one.source_host) for one in SHOWN})
    assert {int(row["ascore"]): int(row["domains_num"]) for row in rows if row["domains_num"] != "0"} == expected


def test_rating_counts_domains_in_the_profile_and_is_a_confidence_in_the_categories() -> None:
    till = Till()
    profile = till.rows("backlinks_categories_profile", target=BUSY)
    counts = [int(row["rating"]) for row in profile]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == int(till.rows("backlinks_overview", target=BUSY)[0]["domains_num"])
    ratings = [row["rating"] for row in till.rows("backlinks_categories", target=BUSY)]
    assert all(len(rating.partition(".")[2]) == 6 and 0 < float(rating) <= 1 for rating in ratings)
    assert ratings == sorted(ratings, reverse=True)
    name = profile[0]["category_name"]
    assert name.startswith("/")
    chosen = till.rows("backlinks_refdomains", target=BUSY, display_filter=f"+|category||{name}")
    assert len(chosen) == counts[0]


def test_history_has_weekly_points_on_mondays_newest_first() -> None:
    rows = Till(WORLD).rows("backlinks_historical")
    dates = [datetime.fromtimestamp(int(row["date"]), UTC) for row in rows]
    assert dates[0] == datetime(2026, 11, 16, tzinfo=UTC)
    assert all(date.weekday() == 0 and date.time() == NOW.time() for date in dates)
    assert {late - early for late, early in pairwise(dates)} == {timedelta(days=7)}
    assert dates[-1] == datetime(2025, 1, 6, tzinfo=UTC)  # the first Monday with a link
    for date, row in zip(dates, rows, strict=True):
        live = [one for one in LINKS if one.target_host.endswith("t.example") and one.is_live_at(date)]
        assert {name: row[name] for name in ("domains_num", "backlinks_num")} == counted(live)
        assert abs(int(row["score"]) - round(FACTS.host("t.example").authority)) <= 2


def test_a_link_counts_from_the_second_it_is_found_until_the_second_it_is_lost() -> None:
    found = link("https://a.example/", first="2026-11-09", last="2026-11-10", lost="2026-11-16")
    lines = Till(world_of(found)).ask("backlinks_historical", export_columns="date,backlinks_num").body.split(b"\r\n")
    assert lines[1:-1] == [f"{stamp('2026-11-16')};0".encode(), f"{stamp('2026-11-09')};1".encode()]


def test_history_is_of_root_domains_only() -> None:
    till = Till(WORLD)
    assert error_of(till.ask("backlinks_historical", target_type="domain")) == (200, "ERROR 10000")
    young = Till(world_of(link(first="2026-11-17", last="2026-11-18")))
    assert error_of(young.ask("backlinks_historical")) == (200, "ERROR 50")


def test_nobody_is_found_in_any_report() -> None:
    till = Till(WORLD)
    for name in set(TABLE) - {"backlinks_matrix", "backlinks_comparison"}:
        assert till.ask(name, target="nobody.example").body == b"ERROR 50 :: NOTHING FOUND"
    assert till.ask_many("backlinks_matrix", ["nobody.example", "neither.example"]).status == 200
    assert till.account.units_charged == 0


@pytest.mark.parametrize("name", sorted(set(TABLE) - {"backlinks_matrix", "backlinks_comparison"}))
def test_the_generated_world_fills_every_report(name: str) -> None:
    till = Till(GENERATED, units=10**9)
    names = TABLE[name].values.keys() - TABLE[name].doubtful
    rows = till.rows(name, target=BUSY, export_columns=",".join(sorted(names)))
    assert rows
    if TABLE[name].has_columns:
        assert rows[0].keys() == names
