"""History and the two timeseries (reference, section 7)."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import pytest
from dataforseo_sandbox_kit import Buyer
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_kit import GENERATED, TODAY, link, world_of

from harvester.sandbox.dataforseo.periods import periods
from harvester.sandbox.hosts import root_of
from harvester.sandbox.world import Link

BUSY = max((f"site{number}.example" for number in range(60)), key=GENERATED.link_count)
WORLD = world_of(
    link("https://a.example/1", first="2026-01-10"),
    link("https://a.example/2", first="2026-03-05", last="2026-03-06", lost="2026-03-20"),
    link("https://b.example/3", first="2026-03-31 23:59:59", rel=frozenset({"nofollow"})),
)


def outside_of(host: str) -> list[Link]:
    return [one for one in GENERATED.links_below(host) if root_of(one.source_host) != root_of(host)]


def live_at(when: datetime) -> list[Link]:
    return [one for one in outside_of(BUSY) if one.is_live_at(when)]


def day_of(item: dict[str, Any]) -> date:
    assert item["date"].endswith(" 00:00:00 +00:00")
    return date.fromisoformat(item["date"][:10])


@pytest.mark.parametrize(
    ("group_range", "ends"),
    [
        ("month", ["2022-03-31", "2022-04-30", "2022-05-31"]),
        ("year", ["2022-12-31"]),
        ("week", [(date(2022, 3, 27) + timedelta(weeks=week)).isoformat() for week in range(8)]),
    ],
)
def test_periods_are_whole_and_dated_by_their_last_day(group_range: str, ends: list[str]) -> None:
    span = {"date_from": "2022-03-23", "date_to": "2022-05-13"}  # the example of the spec
    result = Buyer(WORLD).result("timeseries_summary", group_range=group_range, **span)
    assert [day_of(item).isoformat() for item in result["items"]] == ends
    assert {name: result[name] for name in (*span, "group_range", "items_count")} == {
        **span,
        "group_range": group_range,
        "items_count": len(ends),
    }
    assert {item["backlinks"] for item in result["items"]} == {0}  # no data gives 0
    assert {item["rank"] for item in result["items"]} == {0}


def test_a_day_is_a_period_too_and_a_month_is_usual() -> None:
    assert len(Buyer(WORLD).items("timeseries_summary", group_range="day", date_from="2026-11-12")) == 10
    items = Buyer(WORLD).items("timeseries_summary")
    assert (day_of(items[0]), day_of(items[-1])) == (date(2019, 1, 31), date(2026, 11, 30))


@given(
    st.dates(date(2019, 1, 30), TODAY),
    st.dates(date(2019, 1, 30), TODAY),
    st.sampled_from(["day", "week", "month", "year"]),
)
@settings(max_examples=60)
def test_periods_follow_each_other_and_cover_the_span(one: date, other: date, group_range: str) -> None:
    first, last = sorted((one, other))
    found = list(periods(first, last, group_range))
    assert found[0][0] <= first <= found[0][1]
    assert found[-1][0] <= last <= found[-1][1]
    assert all((after[0] - before[1]).days == 1 for before, after in pairwise(found))


def test_a_series_tells_the_state_at_the_end_of_each_period() -> None:
    items = Buyer().items("timeseries_summary", target=BUSY, date_from="2024-01-01")
    for item in items:
        links = live_at(datetime.combine(day_of(item), time(23, 59, 59), UTC))
        assert item["backlinks"] == len(links)
        assert item["referring_domains"] == len({one.source_host for one in links})
        assert item["referring_main_domains"] == len({root_of(one.source_host) for one in links})
        assert item["backlinks_nofollow"] == sum(bool(one.rel & {"nofollow", "ugc", "sponsored"}) for one in links)
    today = Buyer().result("summary", target=BUSY)
    for name in ("backlinks", "rank", "referring_ips", "referring_subnets", "referring_pages_nofollow"):
        assert items[-1][name] == today[name]


def test_changes_are_told_for_each_period() -> None:
    items = Buyer(WORLD).items("timeseries_new_lost_summary", date_from="2026-01-01", date_to="2026-04-30")
    names = ("new_backlinks", "lost_backlinks", "new_referring_domains", "lost_referring_domains")
    assert [tuple(item[name] for name in names) for item in items] == [
        (1, 0, 1, 0),
        (0, 0, 0, 0),
        (2, 1, 1, 0),
        (0, 0, 0, 0),
    ]


@pytest.mark.parametrize("group_range", ["week", "month"])
def test_changes_add_up_to_the_state(group_range: str) -> None:
    span = {"target": BUSY, "date_from": "2025-01-01", "group_range": group_range}
    states = Buyer().items("timeseries_summary", **span)
    changes = Buyer().items("timeseries_new_lost_summary", **span)
    assert len(states) == len(changes)
    for (before, after), change in zip(pairwise(states), changes[1:], strict=True):
        for name in ("backlinks", "referring_domains", "referring_main_domains"):
            assert after[name] == before[name] + change[f"new_{name}"] - change[f"lost_{name}"]


def test_history_tells_the_state_on_the_first_of_each_month() -> None:
    buyer = Buyer(GENERATED, "history_gaps=false")
    result = buyer.result("history", target=BUSY, date_from="2024-12-01", date_to="2026-11-21")
    assert [day_of(item) for item in result["items"]] == [
        *(date(2024 + (11 + n) // 12, (11 + n) % 12 + 1, 1) for n in range(24)),
    ]
    for item in result["items"]:
        assert item["backlinks"] == len(live_at(datetime.combine(day_of(item), time(), UTC)))
    for before, after in pairwise(result["items"]):
        for name in ("backlinks", "referring_domains"):
            assert after[name] == before[name] + after[f"new_{name}"] - after[f"lost_{name}"]
    assert result["date_to"] == "2026-11-21"


def test_history_begins_with_the_first_link_and_2019() -> None:
    items = Buyer(WORLD, "history_gaps=false").items("history")
    assert [day_of(item) for item in items] == [date(2026, month, 1) for month in range(2, 12)]
    assert [item["new_backlinks"] for item in items[:3]] == [1, 0, 2]
    early = Buyer(GENERATED, "history_gaps=false").items("history", target=BUSY)
    assert day_of(early[0]) == date(2019, 1, 1)
    assert {item["new_backlinks"] for item in early if day_of(item) < date(2021, 5, 1)} == {0}
    assert sum(item["new_backlinks"] for item in early) > 0


def test_history_from_the_middle_of_a_month_begins_with_the_next() -> None:
    items = Buyer(WORLD, "history_gaps=false").items("history", date_from="2026-03-02", date_to="2026-05-31")
    assert [day_of(item).month for item in items] == [4, 5]
    assert items[0]["new_backlinks"] == 2
    late = Buyer(WORLD, "history_gaps=false").items("history", date_to="2027-01-01")
    assert day_of(late[-1]) == date(2026, 11, 1)


def test_months_can_be_missing_from_history() -> None:
    whole = Buyer(GENERATED, "history_gaps=false").items("history", target=BUSY)
    found = Buyer().items("history", target=BUSY)
    assert len(found) < len(whole)
    assert all(item in whole for item in found)
    assert found == Buyer().items("history", target=BUSY)


def test_subdomains_can_be_left_out_of_a_series() -> None:
    world = world_of(link(), link("https://b.example/", "https://sub.t.example/"))
    for flag, count in ((True, 2), (False, 1)):
        items = Buyer(world).items("timeseries_summary", date_from="2026-11-01", include_subdomains=flag)
        assert [item["backlinks"] for item in items] == [count]
