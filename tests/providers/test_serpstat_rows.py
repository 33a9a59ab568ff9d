"""Each kind of Serpstat row becomes its record."""

from typing import Any

import pytest
from serpstat_kit import NOON, compiled, listed, page_of, records_of, step_of, stored

from harvester.errors import UnreadableRow
from harvester.model import Row

COMPUTED = {
    *("key_from", "host_from", "domain_from", "site_from", "key_to", "host_to", "domain_to", "site_to", "link_id"),
    *("key", "host", "registrable", "site", "anchor_key"),
}


def delivered(report: str, method: str, *targets: str) -> list[dict[str, Any]]:
    """Return the records of a stored reply, without what is computed."""
    records = records_of(compiled(report), stored(method), *targets)
    return [{name: value for name, value in record.items() if name not in COMPUTED} for record in records]


@pytest.fixture(name="links")
def read_links() -> list[dict[str, Any]]:
    return delivered("backlinks", "getNewBacklinks")


def test_an_active_link_becomes_a_whole_record(links: list[dict[str, Any]]) -> None:
    assert links[0] == {
        "url_from": "https://blog.example.co.uk/",
        "url_to": "https://example.com/guide/",
        "anchor": "Read & learn",
        "links_external_from": 92,
        "link_type": "text",
        "link_type_raw": "href",
        "is_followed": True,
        "rel_nofollow": False,
        "rel_ugc": False,
        "rel_sponsored": False,
        "is_lost": False,
        "is_indirect": False,
        "first_seen_at": "2023-07-02T00:00:00Z",
        "last_seen_at": "2024-11-23T21:32:02Z",
        "last_crawled_at": "2024-11-23T21:32:02Z",
        "dates_precision": "day",
        "domain_from_score": 25.0,
        "domain_from_metric": "serpstat_sdr",
    }


def test_attributes_are_a_list_in_any_case_and_numbers_may_be_texts(links: list[dict[str, Any]]) -> None:
    link = links[1]
    assert (link["is_followed"], link["rel_nofollow"], link["rel_ugc"], link["rel_sponsored"]) == (
        False,
        True,
        True,
        False,
    )
    assert (link["links_external_from"], link["domain_from_score"]) == (1, 18.0)
    assert (link["link_type"], link["is_indirect"]) == ("redirect", True)
    assert link["anchor"] == ""


def test_words_and_values_that_nobody_knows_are_null_and_kept(links: list[dict[str, Any]]) -> None:
    link = links[2]
    assert (link["link_type"], link["link_type_raw"], link["anchor"]) == ("other", "beacon", "93")
    unknown = {"is_followed", "rel_nofollow", "is_indirect", "first_seen_at", "last_seen_at", "domain_from_score"}
    assert not unknown & link.keys()
    assert link["extra"] == {
        "nofollow": "follow,noopener",
        "links_ext": -4,
        "first_seen": "0000-00-00",
        "last_visited": "2025-25-07 00:00:00",
    }


def test_an_attribute_without_the_word_follow_is_not_followed_and_a_missing_anchor_is_null(
    links: list[dict[str, Any]],
) -> None:
    link = links[3]
    assert (link["is_followed"], link["rel_nofollow"], link["rel_sponsored"]) == (False, False, True)
    assert "anchor" not in link
    assert (link["link_type"], link["domain_from_score"]) == ("frame", 0.0)


@pytest.mark.parametrize(
    ("word", "link_type"),
    [("href", "text"), ("text", "text"), ("iframe", "frame"), ("rss", "rss"), ("canonical", "canonical")],
)
def test_both_vocabularies_of_link_types_are_known(word: str, link_type: str) -> None:
    row = {"url_from": "https://a.com/", "url_to": "https://b.com/", "link_type": word}
    (record,) = records_of(compiled("backlinks"), listed([row]))
    assert (record["link_type"], record["link_type_raw"]) == (link_type, word)


def test_fields_that_say_nothing_leave_nothing_behind() -> None:
    row: dict[str, object] = {
        "url_from": "https://a.com/",
        "url_to": "https://b.com/",
        "link_type": None,
        "nofollow": "",
    }
    (record,) = records_of(compiled("backlinks"), listed([row]))
    assert not {"extra", "link_type", "is_followed"} & record.keys()
    row["link_type"], row["nofollow"] = 5, ["follow"]  # what nobody promised
    (record,) = records_of(compiled("backlinks"), listed([row]))
    assert record["extra"] == {"link_type": 5, "nofollow": ["follow"]}
    row["link_type"], row["nofollow"] = "", " , "
    (record,) = records_of(compiled("backlinks"), listed([row]))
    assert record["extra"] == {"nofollow": " , "}


@pytest.mark.parametrize(
    ("report", "method"), [("lost-backlinks", "getLostBacklinks"), ("lost-outlinks", "getLostOutlinks")]
)
def test_a_lost_link_says_when_and_not_why_and_was_not_seen_live_then(report: str, method: str) -> None:
    for link in delivered(report, method):
        assert link["is_lost"] is True
        assert link["lost_at"] == link["last_crawled_at"]
        assert "last_seen_at" not in link, "the last visit found it gone"
        assert link["lost_reason"] == "unknown"
        assert "lost_reason_from" not in link
        assert link["dates_precision"] == "day"


def test_the_date_of_the_loss_keeps_its_seconds() -> None:
    assert delivered("lost-backlinks", "getLostBacklinks")[0]["lost_at"] == "2025-02-02T07:33:53Z"


def test_lost_outgoing_links_have_other_names_for_the_same_fields() -> None:
    (link,) = delivered("lost-outlinks", "getLostOutlinks")
    assert (link["is_followed"], link["rel_nofollow"], link["links_external_from"]) == (False, True, 14)
    assert "extra" not in link


def test_an_outgoing_link_is_live_unless_it_has_the_date_of_its_loss() -> None:
    (link,) = delivered("outlinks", "getOutlinks")
    assert (link["is_lost"], link["last_seen_at"]) == (False, "2025-02-04T21:37:16Z")
    assert not {"extra", "domain_from_score", "domain_from_metric", "lost_at"} & link.keys()
    body = stored("getOutlinks")
    body["result"]["data"][0]["date_del"] = "2025-02-05 00:00:00"
    (link,) = records_of(compiled("outlinks"), body)
    assert (link["is_lost"], link["lost_reason"]) == (True, "unknown")
    assert "last_seen_at" not in link


def test_referring_domains_count_pages_and_not_links() -> None:
    first, second = delivered("refdomains", "getRefDomains")
    assert first == {
        "domain": "elsner.example.com",
        "pages": 2,
        "domain_score": 47.0,
        "domain_metric": "serpstat_sdr",
        "dates_precision": "second",
    }
    assert (second["pages"], second["domain_score"]) == (3, 46.5)


def test_domains_of_other_reports_have_other_spellings() -> None:
    first, second = delivered("outdomains", "getOutDomains")
    assert (first["domain"], first["links"], first["domain_score"]) == ("support.example.net", 340, 0.0)
    assert (second["domain"], second["links"], second["domain_score"]) == ("chrome.example.net", 197, 7.0)
    (redirected,) = delivered("redirected-domains", "getRedirectedDomains")
    assert (redirected["domain"], redirected["domain_score"]) == ("old.example.net", 0.0)
    assert "extra" not in redirected


@pytest.mark.parametrize("report", ["threats", "out-threats"])
def test_a_threat_is_a_domain_with_its_kinds_in_extra(report: str) -> None:
    (threat,) = delivered(report, "getThreats")
    assert (threat["domain"], threat["links"]) == ("bad.example.org", 3)
    assert threat["extra"] == {
        "domain_link": "https://bad.example.org",
        "platform_type": ["windows", "linux", "osx"],
        "threat_type": ["threat_type_unspecified"],
        "lastupdate": "2025-01-23",
    }


def test_the_domain_of_a_threat_is_the_malicious_one_on_whichever_side_it_is() -> None:
    (link,) = delivered("threat-links", "getThreatsLinks")
    assert (link["url_from"], link["domain_from_raw"]) == ("https://bad.example.org/?n=266", "bad.example.org")
    (link,) = delivered("out-threat-links", "getOutThreatsLinks")
    assert (link["url_from"], link["url_to"]) == ("https://www.example.com/user/ a/?lng=en", "https://bad.example.org/")
    assert "domain_from_raw" not in link
    assert link["extra"]["domain"] == "bad.example.org"
    assert "is_lost" not in link, "nobody said so"


def test_anchors_are_texts_and_their_counts_have_two_sets_of_names() -> None:
    assert delivered("anchors", "getAnchors")[1] == {
        "anchor": "93",
        "links": 6,
        "refdomains": 4,
        "links_nofollow": 3,
        "dates_precision": "second",
    }
    top = delivered("top-anchors", "getTopAnchors")
    assert top[0] == {
        "anchor": "",
        "links": 7_914_025_436,
        "refdomains": 17_592_749,
        "dates_precision": "second",
    }


def test_a_page_is_its_whole_address() -> None:
    pages = delivered("pages", "getTopPages")
    assert [page["url"] for page in pages] == ["https://example.com/", "https://example.com"]
    assert pages[0]["refdomains"] == 3265
    assert pages[0]["extra"] == {"url": "/", "ref_pages": 52_041, "ips": 3144}
    assert "links" not in pages[0]


def test_a_summary_has_its_counts_and_keeps_the_rest() -> None:
    (summary,) = delivered("summary", "getSummaryV2")
    extra = summary.pop("extra")
    assert summary == {
        "as_of": "2026-11-21",
        "links": 376_199,
        "links_followed": 135_620,
        "links_nofollow": 240_579,
        "links_text": 81_760,
        "links_image": 294_217,
        "links_form": 12,
        "links_frame": 1,
        "links_redirect": 203,
        "refdomains": 5_842,
        "refips": 4_510,
        "refsubnets": 2_854,
        "domain_score": 60.0,
        "domain_metric": "serpstat_sdr",
        "dates_precision": "second",
    }
    assert extra["referring_domains_change"] == -8
    assert (extra["external_links"], extra["canonical_backlinks"]) == (89_260, 6)


def test_a_rank_may_be_null_or_a_fraction_and_then_is_no_metric_without_a_score() -> None:
    body = stored("getSummaryV2")
    body["result"]["data"]["sersptat_domain_rank"] = None
    assert not {"domain_score", "domain_metric"} & records_of(compiled("summary"), body)[0].keys()
    body["result"]["data"]["sersptat_domain_rank"] = 59.5
    assert records_of(compiled("summary"), body)[0]["domain_score"] == 59.5


def test_the_distance_between_points_of_a_history_is_measured() -> None:
    points = delivered("history", "getBacklinksChangesHistory")
    assert points[0] == {"date": "2021-06-07", "granularity": "week", "links_new": 434, "links_lost": 759}
    assert {point["granularity"] for point in points} == {"week"}, "one week without a point is still a week's history"


@pytest.mark.parametrize(
    ("days", "granularity"),
    [
        (["2026-01-01", "2026-01-02", "2026-01-03"], "day"),
        (["2026-01-31", "2026-02-28", "2026-03-31"], "month"),
        (["2026-03-01", "2026-02-01", "2026-01-01"], "month"),
        (["2023-01-01", "2024-01-01", "2025-01-01"], "year"),
        (["2026-01-01", "2026-01-04"], None),
        (["2026-01-01"], None),
        (["string", None, 5], None),
        ([], None),
    ],
)
def test_a_history_of_any_step_is_recognised(days: list[object], granularity: str | None) -> None:
    data: list[object] = [{"date": day, "new_links": 0, "lost_links": 0} for day in days]
    rows = page_of(compiled("history"), listed([*data, 5])).rows
    assert {row.known["granularity"] for row in rows} == {granularity}


def test_a_zone_has_no_dot_and_a_range_no_blanks() -> None:
    zones = delivered("tld", "getDistributionTLD")
    assert (zones[1]["dimension"], zones[1]["value"], zones[1]["refdomains"]) == ("tld", "uk", 1_021_533)
    assert zones[1]["extra"] == {"country_name": "United Kingdom", "country_code": "gb", "percentage": 3.02}
    ranges = delivered("authority", "getDistributionSDR")
    assert [each["value"] for each in ranges] == ["0", "1-9", "90-100"]
    assert ranges[0] == {"dimension": "authority", "value": "0", "refdomains": 11_540_696, "metric": "serpstat_sdr"}


@pytest.mark.parametrize(("report", "row"), [("tld", {"tld": 5}), ("authority", {"sdr_range": " "})])
def test_a_distribution_without_a_value_is_no_record(report: str, row: dict[str, object]) -> None:
    exchange = compiled(report)
    (read,) = page_of(exchange, listed([row])).rows
    with pytest.raises(UnreadableRow):
        exchange.record_of(read, NOON)


def test_an_overlap_has_a_record_for_each_target_by_the_number_in_the_key() -> None:
    records = records_of(compiled("overlap"), stored("getIntersect"), "a.com", "b.com", "c.com")
    assert [(record["domain"], record["links"], record["matches"]) for record in records] == [
        ("forum.example.ru", 177, 2),
        ("forum.example.ru", 3, 2),
        ("forum.example.ru", 0, 2),
        ("speshka.example.com", 61, 3),
        ("speshka.example.com", 1, 3),
        ("speshka.example.com", 92, 3),
    ]
    assert len({record["set_id"] for record in records}) == 1
    assert (records[0]["domain_score"], records[0]["domain_metric"]) == (5.0, "serpstat_sdr")
    assert "extra" not in records[0]


@pytest.mark.parametrize(
    "row",
    [
        5,
        {"Domain": "x.com"},
        {"Domain": "x.com", "Links count for domain #1 a.com": 1},
        {"Domain": "x.com", "Links count for domain #1 a.com": 1, "Links count for domain #2 b.com": None},
        {"Domain": "x.com", "Links count for domain #1 a.com": 1, "Links count for domain #3 b.com": 2},
    ],
)
def test_an_overlap_that_does_not_count_for_every_target_is_no_record(row: object) -> None:
    exchange = compiled("overlap")
    (read,) = page_of(exchange, listed([row]), step_of("a.com", "b.com")).rows
    with pytest.raises(UnreadableRow):
        exchange.record_of(read, NOON)


@pytest.mark.parametrize("data", [None, 5, "x", [], {}, {"url_from": ""}, {"url_from": 5, "url_to": "https://a.com/"}])
def test_what_is_no_link_is_no_record(data: object) -> None:
    with pytest.raises(UnreadableRow):
        compiled("backlinks").record_of(Row("example.com", data), NOON)
