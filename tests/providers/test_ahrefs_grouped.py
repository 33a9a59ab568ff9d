"""Rows that stand for several links, and caps that are in no price list."""

from typing import Any

import pytest
from ahrefs_kit import asked, compiled, parameters, reply_of, step_of

from harvester.model import Exchange, Page

AGAIN = "each page groups its links anew, so rows may be missing or stand for the same links"


def link(number: int, **more: object) -> dict[str, object]:
    return {
        "url_from": f"https://site-{number}.example/",
        "url_to": "https://example.com/",
        "first_seen_link": f"2026-01-{1 + number // 20:02}T00:00:{number % 20:02}Z",
        "ahrefs_rank_source": 1000 + number,
        "domain_rating_source": 50.0 - number,
        "linked_domains_source_domain": 3,
        "url_rating_source": 10.0,
        "links_external": number,
        **more,
    }


def second_page(exchange: Exchange) -> Page:
    """Return the second page of a harvest whose pages overlap in one row."""
    first = exchange.read(step_of(), asked(exchange), reply_of({"backlinks": [link(n) for n in range(4)]}))
    assert first.next is not None
    assert first.incomplete is None
    step = step_of(cursor=first.next)
    return exchange.read(step, asked(exchange, step), reply_of({"backlinks": [link(n) for n in range(3, 6)]}))


def test_one_row_per_domain_is_paged_by_what_all_links_of_a_domain_share() -> None:
    exchange = compiled("backlinks", filter={"one_per_domain": True}, page_size=4)
    assert parameters(asked(exchange))["order_by"] == "ahrefs_rank_source:asc"
    page = second_page(exchange)
    assert [row.data["ahrefs_rank_source"] for row in page.rows] == [1004, 1005]
    assert page.incomplete is None


@pytest.mark.parametrize(
    "harvest",
    [
        {"options": {"aggregation": "similar_links"}},
        {"filter": {"one_per_domain": True}, "order_by": "links_external:asc"},
    ],
)
def test_other_grouped_rows_are_incomplete_once_a_second_page_brings_some(harvest: dict[str, Any]) -> None:
    assert second_page(compiled("backlinks", page_size=4, **harvest)).incomplete == AGAIN


def test_a_page_of_one_value_that_no_answer_has_passed_yet_may_have_been_cut() -> None:
    exchange = compiled("backlinks", order_by="links_external:asc")
    rows = [link(n, links_external=7) for n in range(60)]
    first = exchange.read(step_of(), asked(exchange), reply_of({"backlinks": rows}))
    assert first.next is not None
    inner = parameters(asked(exchange, step_of(cursor=first.next)))
    assert inner["order_by"] == "first_seen_link:asc", "split: an unknown cap of 60 would hide the rest"


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59"])
def test_a_time_at_the_ends_of_the_calendar_is_no_time(moment: str) -> None:
    exchange = compiled("backlinks", page_size=2)
    rows = [link(0), link(1, first_seen_link=moment)]
    page = exchange.read(step_of(), asked(exchange), reply_of({"backlinks": rows}))
    assert page.incomplete is not None
    assert "first_seen_link" in page.incomplete
