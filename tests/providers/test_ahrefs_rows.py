"""Each kind of Ahrefs row becomes its record."""

from typing import Any

import pytest
from ahrefs_kit import NOON, compiled, records_of, step_of, stored

from harvester.errors import UnreadableRow
from harvester.model import Row
from harvester.providers.ahrefs import rows
from harvester.providers.mapping import Shape
from harvester.records import RECORDS


@pytest.fixture(name="links")
def read_links() -> list[dict[str, Any]]:
    return records_of(compiled("backlinks"), stored("all-backlinks"))


def test_a_lost_link_becomes_a_whole_record(links: list[dict[str, Any]]) -> None:
    computed = {
        "key_from",
        "host_from",
        "domain_from",
        "site_from",
        "key_to",
        "host_to",
        "domain_to",
        "site_to",
        "link_id",
    }
    assert {name: value for name, value in links[0].items() if name not in computed} == {
        "url_from": "https://www.blog.example.co.uk/reading-list?p=2",
        "domain_from_raw": "example.co.uk",
        "title_from": "Reading & list",
        "status_from": 200,
        "lang_from": "en",
        "ip_from": "203.0.113.7",
        "links_external_from": 41,
        "links_internal_from": 18,
        "url_to": "https://example.com/guide",
        "anchor": "the long guide",
        "context_before": "see also ",
        "context_after": " (2019)",
        "link_type": "text",
        "link_type_raw": "text",
        "is_followed": True,
        "rel_nofollow": False,
        "rel_ugc": False,
        "rel_sponsored": False,
        "is_new": False,
        "is_lost": True,
        "is_indirect": False,
        "first_seen_at": "2019-05-02T00:11:09Z",
        "last_seen_at": "2026-02-11T18:40:00Z",
        "lost_at": "2026-03-04T07:02:31Z",
        "lost_reason": "link_removed",
        "lost_reason_raw": "removedfromhtml",
        "lost_reason_from": "provider",
        "dates_precision": "second",
        "domain_from_score": 54.0,
        "domain_from_metric": "ahrefs_dr",
        "page_from_score": 12.0,
        "page_from_metric": "ahrefs_ur",
        "extra": {
            "first_seen": "2018-01-01T00:00:00Z",
            "drop_reason": None,
            "discovered_status": None,
            "noindex": False,
            "languages": ["en", "de"],
        },
    }


def test_last_seen_is_when_the_link_was_found_to_be_gone(links: list[dict[str, Any]]) -> None:
    assert links[0]["lost_at"] == "2026-03-04T07:02:31Z"
    assert "lost_at" not in links[1]


def test_last_visited_is_when_the_link_was_last_live(links: list[dict[str, Any]]) -> None:
    assert links[1]["last_seen_at"] == "2026-10-01T04:00:00Z"


def test_first_seen_link_and_not_first_seen_is_when_the_link_was_found(links: list[dict[str, Any]]) -> None:
    assert links[0]["first_seen_at"] == "2019-05-02T00:11:09Z"


def test_a_redirected_image_link_keeps_its_whole_chain_and_its_zero_scores(links: list[dict[str, Any]]) -> None:
    link = links[1]
    assert (link["link_type"], link["image_alt"], link["anchor"]) == ("image", "logo", "")
    assert link["url_to_final"] == "https://example.com/new"
    assert link["extra"]["url_redirect"] == ["https://example.com/old", "https://example.com/new"]
    assert (link["domain_from_score"], link["domain_from_metric"]) == (0.0, "ahrefs_dr")
    assert link["extra"]["discovered_status"] == "linkfound"
    assert "lost_reason" not in link


def test_a_link_that_the_index_dropped_is_told_from_one_that_a_page_lost(links: list[dict[str, Any]]) -> None:
    link = links[2]
    assert (link["lost_reason"], link["lost_reason_raw"], link["lost_reason_from"]) == (
        "dropped_from_index",
        "tooold",
        "provider",
    )


def test_unknown_words_are_other_and_kept(links: list[dict[str, Any]]) -> None:
    assert (links[2]["link_type"], links[2]["link_type_raw"]) == ("other", "beacon")
    assert (links[3]["lost_reason"], links[3]["lost_reason_raw"]) == ("unknown", "eaten")


def test_values_of_a_wrong_type_are_null_and_kept_as_they_came(links: list[dict[str, Any]]) -> None:
    link = links[3]
    fields = {"status_from", "is_followed", "links_external_from", "first_seen_at", "lang_from", "domain_from_score"}
    assert not fields & link.keys()
    assert link["extra"] == {
        "http_code": "200",
        "is_dofollow": 1,
        "links_external": -4,
        "first_seen_link": "0000-00-00",
        "languages": "en",
        "link_type": 7,
        "drop_reason": None,
        "domain_rating_source": "71",
    }


def test_a_score_never_travels_without_its_metric_nor_a_metric_without_its_score(links: list[dict[str, Any]]) -> None:
    for link in links:
        assert ("domain_from_score" in link) == ("domain_from_metric" in link)
        assert ("page_from_score" in link) == ("page_from_metric" in link)


def test_a_date_without_its_time_makes_the_row_precise_to_the_day_only(links: list[dict[str, Any]]) -> None:
    assert [link["dates_precision"] for link in links] == ["second", "second", "second", "day"]


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("removedfromhtml", "link_removed"),
        ("notfound", "page_not_found"),
        ("pageerror", "page_error"),
        ("pageredirected", "page_redirected"),
        ("noindex", "page_noindex"),
        ("notcanonical", "page_not_canonical"),
        ("lostredirect", "redirect_broken"),
    ],
)
def test_each_reason_of_a_loss_has_its_neutral_name(word: str, reason: str) -> None:
    row = {
        "url_from": "https://a.example/",
        "url_to": "https://example.com/",
        "lost_reason": word,
        "drop_reason": "notop",
    }
    record = rows.BACKLINK.record_of(row, NOON, {})
    assert (record["lost_reason"], record["lost_reason_raw"]) == (reason, word)


def test_a_lost_link_of_which_nobody_says_why_has_an_unknown_reason_from_nobody() -> None:
    row = {"url_from": "https://a.example/", "url_to": "https://example.com/", "lost_reason": None, "is_lost": True}
    record = rows.BACKLINK.record_of(row, NOON, {})
    assert (record["lost_reason"], record["lost_reason_from"]) == ("unknown", None)


def test_a_reason_that_is_no_word_is_kept_as_it_came() -> None:
    row = {"url_from": "https://a.example/", "url_to": "https://example.com/", "lost_reason": 7}
    record = rows.BACKLINK.record_of(row, NOON, {})
    assert (record["lost_reason"], record["extra"]) == (None, {"lost_reason": 7})


def test_a_row_of_the_lost_report_is_lost_even_if_that_was_not_bought() -> None:
    exchange = compiled("lost-backlinks", fields=("anchor",))
    row = Row("example.com", {"url_from": "https://a.example/", "url_to": "https://example.com/", "anchor": "a"})
    assert exchange.record_of(row, NOON)["is_lost"] is True


def test_a_broken_link_is_broken_and_knows_the_status_of_its_target() -> None:
    (link,) = records_of(compiled("broken-backlinks"), stored("broken-backlinks"))
    assert (link["is_broken"], link["status_to"], link["status_from"]) == (True, 404, 200)
    assert "is_lost" not in link
    assert "is_broken" not in records_of(compiled("backlinks"), stored("broken-backlinks"))[0]


def test_a_grouped_row_says_how_many_links_it_stands_for() -> None:
    row = {"url_from": "https://a.example/", "url_to": "https://example.com/", "link_group_count": 12}
    assert rows.BACKLINK.record_of(row, NOON, {})["links_in_row"] == 12


def test_a_referring_domain_becomes_its_record() -> None:
    (domain,) = records_of(compiled("refdomains"), stored("refdomains"))
    assert domain == {
        "domain": "blog.example.co.uk",
        "host": "blog.example.co.uk",
        "registrable": "example.co.uk",
        "site": "example.co.uk",
        "links": 1290,
        "links_followed": 1200,
        "links_new": 3,
        "links_lost": 0,
        "first_seen_at": "2016-06-06T06:06:06Z",
        "domain_score": 71.0,
        "domain_metric": "ahrefs_dr",
        "ip": "203.0.113.9",
        "dates_precision": "second",
        "extra": {"is_spam": False},
    }


def test_anchors_become_their_records_the_empty_one_included() -> None:
    live, empty = records_of(compiled("anchors"), stored("anchors"))
    assert live == {
        "anchor": "pharmaindustrie.com",
        "anchor_key": "pharmaindustrie.com",
        "refdomains": 94,
        "first_seen_at": "2024-08-12T12:33:45Z",
        "dates_precision": "second",
        "extra": {"is_spam": True},
    }
    assert empty == {
        "anchor": "",
        "anchor_key": "",
        "links": 15_000_000_000,
        "pages": 12,
        "refdomains": 5,
        "links_followed": 11,
        "links_new": 1,
        "links_lost": 2,
        "first_seen_at": "2024-08-12T12:33:45Z",
        "lost_at": "2026-01-01T10:00:00Z",
        "dates_precision": "second",
    }


def test_pages_become_their_records() -> None:
    old, fresh = records_of(compiled("pages"), stored("pages"))
    assert old == {
        "url": "https://example.com/guide",
        "key": "example.com/guide",
        "title": "Guide",
        "status": 200,
        "links": 120,
        "refdomains": 30,
        "first_seen_at": "2017-01-01T00:00:00Z",
        "last_seen_at": "2026-10-01T01:02:03Z",
        "page_score": 23.0,
        "page_metric": "ahrefs_ur",
        "dates_precision": "second",
        "extra": {"last_seen": None},
    }
    assert not {"title", "status", "page_score", "page_metric"} & fresh.keys()


def test_batch_rows_find_their_targets_by_index_and_not_by_place() -> None:
    exchange = compiled("summary")
    step = step_of("xn--fa-hia.de", "pharmaindustrie.com")
    first, second = records_of(exchange, stored("batch-analysis"), *step.task.targets)
    assert (first["links"], second["links"]) == (803, 3)
    assert first == {
        "as_of": "2026-11-21",
        "links": 803,
        "links_followed": 600,
        "links_nofollow": 203,
        "links_redirect": 4,
        "refdomains": 719,
        "refips": 400,
        "refsubnets": 197,
        "domain_score": 0.0,
        "domain_metric": "ahrefs_dr",
        "dates_precision": "second",
        "extra": {"url": "pharmaindustrie.com/", "ahrefs_rank": 0, "refdomains_dofollow": 358, "org_traffic": 0},
    }
    assert second["rank_position"] == 4123456


def test_totals_know_the_links_of_all_time_and_their_day() -> None:
    (totals,) = records_of(compiled("totals"), stored("backlinks-stats"))
    assert totals == {
        "as_of": "2026-11-21",
        "links": 1200,
        "links_all_time": 2500,
        "refdomains": 310,
        "dates_precision": "second",
        "extra": {"all_time_refdomains": 400},
    }


def test_points_of_a_history_know_their_distance() -> None:
    first, _ = records_of(compiled("history", options={"history_grouping": "weekly"}), stored("refdomains-history"))
    assert first == {"date": "2026-02-01", "granularity": "week", "refdomains": 300}
    (point,) = records_of(compiled("rating-history"), stored("domain-rating-history"))
    assert point == {
        "date": "2026-03-01",
        "granularity": "month",
        "domain_score": 54.0,
        "domain_metric": "ahrefs_dr",
    }


@pytest.mark.parametrize(
    ("report", "data"),
    [
        ("backlinks", "no object"),
        ("backlinks", {"url_to": "https://example.com/"}),
        ("backlinks", {"url_from": 7, "url_to": "https://example.com/"}),
        ("refdomains", {"domain": None}),
        ("anchors", {"refdomains": 3}),
        ("pages", {"links_to_target": 3}),
        ("history", {"refdomains": 3}),
    ],
)
def test_a_row_without_what_makes_it_one_is_unreadable(report: str, data: object) -> None:
    with pytest.raises(UnreadableRow):
        compiled(report).record_of(Row("example.com", data), NOON)


def test_a_batch_row_of_no_target_is_unreadable() -> None:
    for index in (2, -1, None, True, "0"):
        with pytest.raises(UnreadableRow, match="which target"):
            records_of(compiled("summary"), {"targets": [{"index": index, "backlinks": 1}]}, "a.example", "b.example")


@pytest.mark.parametrize(
    "shape", [rows.BACKLINK, rows.BROKEN_BACKLINK, rows.REFDOMAIN, rows.ANCHOR, rows.PAGE, rows.SUMMARY, rows.TOTALS]
)
def test_every_record_field_of_the_tables_exists(shape: Shape) -> None:
    known = {spec.name for spec in RECORDS[shape.record]}
    metrics = {name for metric, _ in shape.metrics.values() for name in [metric]}
    assert {take.field for take in shape.takes.values()} | metrics | shape.metrics.keys() <= known
