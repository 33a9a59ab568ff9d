"""DataForSEO rows become the records that the data model describes."""

from datetime import date
from typing import Any

import pytest
from dataforseo_kit import compiled, envelope, records_of, stored

from harvester.errors import UnreadableRow
from harvester.records import link_id

LIVE = stored("backlinks")["tasks"][0]["result"][0]["items"][0]


def backlink(report: str = "backlinks", options: dict[str, Any] | None = None, **changed: Any) -> dict[str, Any]:
    """Return the record of the stored live link with other values in it."""
    body = envelope({"items": [{**LIVE, **changed}]})
    (record,) = records_of(compiled(report, options=options or {}), body)
    return record


def test_a_live_link_is_mapped_field_by_field() -> None:
    record, _ = records_of(compiled("backlinks"), stored("backlinks"))
    key_from, key_to = "blog.example.org/list", "example.com/guide"
    assert record == {
        "url_from": "https://www.blog.example.org/list",
        "key_from": key_from,
        "host_from": "www.blog.example.org",
        "domain_from": "example.org",
        "site_from": "example.org",
        "domain_from_raw": "www.blog.example.org",
        "title_from": "Reading & lists",
        "status_from": 200,
        "lang_from": "en",
        "country_from": "DE",
        "ip_from": "192.0.2.7",
        "links_external_from": 41,
        "links_internal_from": 18,
        "url_to": "https://example.com/guide",
        "key_to": key_to,
        "host_to": "example.com",
        "domain_to": "example.com",
        "site_to": "example.com",
        "status_to": 200,
        "anchor": "the long guide",
        "context_before": "see also ",
        "context_after": " (2019)",
        "link_type": "text",
        "link_type_raw": "anchor",
        "is_followed": False,
        "rel_nofollow": True,
        "rel_ugc": False,
        "rel_sponsored": False,
        "is_new": False,
        "is_lost": False,
        "is_broken": False,
        "is_indirect": False,
        "links_in_row": 3,
        "first_seen_at": "2019-01-15T22:55:49Z",
        "last_seen_at": "2026-10-20T00:00:00Z",
        "last_crawled_at": "2026-10-20T00:00:00Z",
        "dates_precision": "second",
        "domain_from_score": 512.0,
        "domain_from_metric": "dataforseo_rank_1000",
        "page_from_score": 310.0,
        "page_from_metric": "dataforseo_rank_1000",
        "spam_score": 5.0,
        "spam_metric": "dataforseo_spam",
        "link_id": link_id(key_from, key_to, "", ""),
        "extra": record["extra"],
    }
    assert record["extra"]["rank"] == 240, "the rank of a backlink is what it passes on"
    assert record["extra"]["attributes"] == ["nofollow", "noopener"]
    assert record["extra"]["prev_seen"] == "2026-09-01 10:00:00 +00:00"
    assert record["extra"]["ranked_keywords_info"]["page_from_keywords_count_top_100"] == 2


def test_nothing_that_was_delivered_is_dropped() -> None:
    record = backlink()
    taken = {"type", "item_type", "links_count"} | {
        name for name in LIVE if name not in record["extra"] and name not in ("type", "item_type", "links_count")
    }
    assert set(LIVE) == taken | set(record["extra"])
    values = [value for name, value in record.items() if name != "extra"]
    mapped = {"type", "first_seen", "last_seen", "page_from_title", "item_type", "domain_from_rank", "page_from_rank"}
    for name in set(LIVE) - set(record["extra"]) - mapped:
        assert LIVE[name] is None or LIVE[name] in values, name


def test_a_lost_link_was_last_seen_live_before_its_last_check_and_its_reason_is_derived() -> None:
    _, record = records_of(compiled("lost-backlinks"), stored("backlinks"))
    assert record["last_seen_at"] == "2026-09-01T10:00:00Z"
    assert record["last_crawled_at"] == "2026-10-20T00:00:00Z"
    assert "lost_at" not in record
    assert (record["lost_reason"], record["lost_reason_from"]) == ("page_not_found", "derived")
    assert record["links_in_row"] == 7
    assert record["extra"]["links_count"] == 3
    assert (record["link_type"], record["image_alt"]) == ("image", "logo")
    assert "rel_nofollow" not in record, "attributes that are null say nothing"
    assert "country_from" not in record
    assert record["extra"]["domain_from_country"] == "WW", "the world is no country"
    assert record["status_to"] == 410


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (200, "link_removed"),
        (204, "link_removed"),
        (301, "page_redirected"),
        (403, "page_error"),
        (404, "page_not_found"),
        (410, "page_not_found"),
        (503, "page_error"),
        (101, "unknown"),
        (0, "unknown"),
        (None, "unknown"),
    ],
)
def test_each_source_status_gives_its_reason(status: int | None, reason: str) -> None:
    record = backlink(is_lost=True, page_from_status_code=status)
    assert record["lost_reason"] == reason
    assert record.get("lost_reason_from") == (None if reason == "unknown" else "derived")
    assert "lost_reason" not in backlink(page_from_status_code=status)


def test_a_lost_link_without_an_earlier_check_has_no_last_live_one() -> None:
    assert "last_seen_at" not in backlink(is_lost=True, prev_seen=None)


def test_what_a_report_knows_fills_in_what_a_row_does_not_say() -> None:
    assert backlink("lost-backlinks", is_lost=None)["is_lost"] is True
    assert backlink("broken-backlinks", is_broken=None)["is_broken"] is True
    assert backlink("broken-backlinks", url_to_status_code=None)["is_broken"] is False, "the row's own word wins"


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("anchor", "text"),
        ("image", "image"),
        ("redirect", "redirect"),
        ("canonical", "canonical"),
        ("alternate", "alternate"),
        ("meta", "meta"),
        ("link", "meta"),
        ("hologram", "other"),
    ],
)
def test_each_item_type_has_its_link_type(word: str, kind: str) -> None:
    record = backlink(item_type=word)
    assert (record["link_type"], record["link_type_raw"]) == (kind, word)


def test_an_item_type_that_is_no_text_is_kept_aside() -> None:
    record = backlink(item_type=None)
    assert "link_type" not in record
    assert record["extra"]["item_type"] is None


def test_attributes_are_read_word_by_word() -> None:
    record = backlink(attributes=["UGC", "sponsored"])
    assert [record[f"rel_{rel}"] for rel in ("nofollow", "ugc", "sponsored")] == [False, True, True]
    assert "attributes" not in record["extra"]
    assert backlink(attributes=[])["rel_nofollow"] is False
    assert backlink(attributes=["nofollow", 7])["extra"]["attributes"] == ["nofollow", 7]


def test_dates_and_counts_of_another_kind_stay_as_they_came() -> None:
    record = backlink(
        first_seen="soon", backlink_spam_score=101, page_from_language="en-GB", links_count="3", group_count=None
    )
    for name in ("first_seen_at", "spam_score", "lang_from", "links_in_row"):
        assert name not in record
    assert record["extra"]["first_seen"] == "soon"
    assert record["extra"]["backlink_spam_score"] == 101
    assert backlink(last_seen="2026-10-20")["dates_precision"] == "day"


def test_the_metric_is_that_of_the_scale_that_was_sent() -> None:
    record = backlink(options={"rank_scale": "one_hundred"}, domain_from_rank=51)
    assert (record["domain_from_score"], record["domain_from_metric"]) == (51.0, "dataforseo_rank_100")
    assert record["page_from_metric"] == "dataforseo_rank_100"
    assert record["spam_metric"] == "dataforseo_spam"


def test_a_referring_domain_has_no_score_of_its_own() -> None:
    (record,) = records_of(compiled("refdomains"), stored("referring_domains"))
    extra = record.pop("extra")
    assert record == {
        "domain": "blog.example.org",
        "host": "blog.example.org",
        "registrable": "example.org",
        "site": "example.org",
        "links": 41,
        "pages": 30,
        "pages_nofollow": 4,
        "links_broken": 3,
        "first_seen_at": "2019-01-15T22:55:49Z",
        "spam_score": 12.0,
        "spam_metric": "dataforseo_spam",
        "dates_precision": "second",
    }
    assert extra["rank"] == 212
    assert extra["referring_links_countries"] == {"WW": 30, "DE": 11}


def test_anchors_are_texts_and_links_without_one_have_an_empty_one() -> None:
    number, none = records_of(compiled("anchors"), stored("anchors"))
    assert (number["anchor"], number["anchor_key"], number["links"], number["pages"]) == ("93", "93", 41, 30)
    assert (number["refdomains"], number["refdomains_root"]) == (2, 1)
    assert "anchor" not in number["extra"]
    assert none["anchor"] == ""
    assert none["extra"]["anchor"] is None, "which is not the same group as an anchor that is empty"


def test_a_page_has_a_rank_of_its_own() -> None:
    (record,) = records_of(compiled("pages", options={"rank_scale": "one_hundred"}), stored("domain_pages_summary"))
    assert record["url"] == "https://example.com/guide"
    assert (record["key"], record["links"], record["refdomains"]) == ("example.com/guide", 41, 2)
    assert (record["page_score"], record["page_metric"]) == (212.0, "dataforseo_rank_100")
    assert record["first_seen_at"] == "2019-01-15T22:55:49Z"


def test_a_network_is_counted_by_links_and_domains() -> None:
    (record,) = records_of(compiled("refips"), stored("referring_networks"))
    assert (record["ip"], record["links"], record["refdomains"]) == ("192.0.2.7", 41, 2)
    assert record["extra"]["rank"] == 212


def test_a_competitor_shares_links() -> None:
    assert records_of(compiled("competitors"), stored("competitors")) == [
        {
            "competitor": "rival.example",
            "common_links": 37,
            "domain_score": 401.0,
            "domain_metric": "dataforseo_rank_1000",
        }
    ]


def test_a_summary_takes_what_it_can_from_the_maps() -> None:
    (record,) = records_of(compiled("summary"), stored("summary"))
    extra = record.pop("extra")
    assert record == {
        "as_of": "2026-11-21",
        "links": 5574,
        "links_nofollow": 5203,
        "links_ugc": 7,
        "links_text": 5464,
        "links_image": 10,
        "links_redirect": 4,
        "refpages": 5478,
        "refdomains": 73,
        "refdomains_root": 70,
        "refips": 69,
        "refsubnets": 64,
        "links_broken": 1,
        "pages_broken": 10,
        "first_seen_at": "2019-01-15T22:55:49Z",
        "domain_score": 201.0,
        "domain_metric": "dataforseo_rank_1000",
        "dates_precision": "second",
    }
    assert "links_sponsored" not in record, "a map without an entry does not say 0"
    assert extra["referring_links_attributes"]["noopener"] == 118
    assert extra["info"]["target_spam_score"] == 1


def test_maps_of_another_shape_say_nothing() -> None:
    body = envelope({"referring_links_types": None, "referring_links_attributes": {"nofollow": "many", "ugc": True}})
    (record,) = records_of(compiled("summary"), body)
    assert not {"links_nofollow", "links_ugc", "links_text"} & set(record)


@pytest.mark.parametrize(
    ("bulk", "item", "field", "value"),
    [
        ("ranks", {"rank": 7}, "domain_score", 7.0),
        ("backlinks", {"backlinks": 0}, "links", 0),
        ("referring_domains", {"referring_main_domains": 5}, "refdomains_root", 5),
        ("spam_score", {"type": "backlinks_bulk_spam_score", "spam_score": 9}, "extra", {"spam_score": 9}),
        ("pages_summary", {"broken_backlinks": 3}, "links_broken", 3),
    ],
)
def test_each_bulk_is_a_summary_of_what_it_counts(bulk: str, item: dict[str, Any], field: str, value: object) -> None:
    exchange = compiled("comparison", options={"bulk": bulk})
    (record,) = records_of(exchange, envelope({"items": [{"target": "example.com", **item}]}))
    assert record[field] == value


def test_what_was_not_counted_before_may_2021_is_not_zero() -> None:
    before, after = records_of(compiled("history", since=date(2021, 4, 1)), stored("history"))
    assert (before["date"], before["granularity"], before["links"]) == ("2021-04-01", "month", 41)
    assert (before["refdomains"], before["refdomains_root"], before["domain_score"]) == (2, 1, 212.0)
    assert not {"links_new", "links_lost", "refdomains_new", "refdomains_lost"} & set(before)
    assert before["extra"]["new_backlinks"] == 0
    assert (after["links_new"], after["links_lost"], after["refdomains_new"]) == (4, 0, 1)
    assert "new_backlinks" not in after["extra"]


def test_points_dated_by_the_last_day_of_their_period_are_dated_by_its_first() -> None:
    past, running = records_of(compiled("new-lost-history"), stored("timeseries_new_lost_summary"))
    assert (past["date"], past["granularity"]) == ("2026-10-01", "month")
    assert (past["links_new"], past["links_lost"], past["refdomains_new"], past["refdomains_lost"]) == (7, 2, 3, 1)
    assert past["extra"]["date"] == "2026-10-31 00:00:00 +00:00"
    assert running["date"] == "2026-11-01", "its last day lies ahead, and the point is believed all the same"


@pytest.mark.parametrize(
    ("group_range", "last_day", "first_day"),
    [
        ("day", "2026-11-20", "2026-11-20"),
        ("week", "2026-11-22", "2026-11-16"),
        ("month", "2024-02-29", "2024-02-01"),
        ("year", "2025-12-31", "2025-01-01"),
    ],
)
def test_each_period_has_its_first_day(group_range: str, last_day: str, first_day: str) -> None:
    exchange = compiled("new-lost-history", options={"group_range": group_range})
    (record,) = records_of(exchange, envelope({"items": [{"date": f"{last_day} 00:00:00 +00:00"}]}))
    assert (record["date"], record["granularity"]) == (first_day, group_range)


@pytest.mark.parametrize("said", [{}, {"date": None}, {"date": 7}, {"date": "soon"}, {"date": "0001-01-03"}], ids=repr)
@pytest.mark.parametrize("options", [{}, {"group_range": "week"}], ids=repr)
def test_a_point_without_a_date_is_a_reject(said: dict[str, Any], options: dict[str, Any]) -> None:
    report = "new-lost-history" if options else "history"
    with pytest.raises(UnreadableRow):
        records_of(compiled(report, options=options), envelope({"items": [{**said, "new_backlinks": 1}]}))


def test_a_row_may_be_short() -> None:
    (record,) = records_of(
        compiled("backlinks"), envelope({"items": [{"url_from": "a.example", "url_to": "b.example"}]})
    )
    assert "extra" not in record
    (point,) = records_of(compiled("history"), envelope({"items": [{"date": "2020-01-01", "new_backlinks": 0}]}))
    assert point["extra"] == {"new_backlinks": 0}
