"""The reports of one object, the histories and Batch Analysis."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_kit import GENERATED, TODAY, Counter, error_of, link, world_of

from harvester import codec
from harvester.sandbox.ahrefs.fields import BATCH
from harvester.sandbox.ahrefs.summaries import buckets
from harvester.sandbox.ahrefs.time import end_of, read_day, read_moment, stamp, start_of
from harvester.sandbox.hosts import root_of

WORLD = world_of(
    link("https://a.example/1", first="2026-01-05"),
    link("https://a.example/2", first="2026-02-05", lost="2026-06-01"),
    link("https://b.example/1", first="2026-03-05", lost="2026-09-01", rel=frozenset({"nofollow"})),
    link("https://c.example/1", "https://www.t.example/x", first="2026-05-05", rel=frozenset({"sponsored"})),
)
days = st.dates(date(2020, 1, 1), date(2026, 11, 1))


def one(counter: Counter, report: str, **params: object) -> tuple[str, Any]:
    answer = counter.explore(report, **params)
    assert answer.status == 200, answer.body
    ((key, found),) = codec.parse(answer.body).items()
    return key, found


def target(url: str, mode: str = "subdomains", protocol: str = "both") -> dict[str, str]:
    return {"url": url, "mode": mode, "protocol": protocol}


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (TODAY.isoformat(), (2, 4, 2, 3)),
        ("2026-05-04", (3, 3, 2, 2)),
        ("2026-05-05", (4, 4, 3, 3)),
        ("2025-01-01", (0, 0, 0, 0)),
    ],
)
def test_backlinks_stats_count_live_and_all_links_of_that_day(day: str, expected: tuple[int, ...]) -> None:
    key, found = one(Counter(WORLD), "backlinks-stats", date=day)
    names = ("live", "all_time", "live_refdomains", "all_time_refdomains")
    assert (key, tuple(found[name] for name in names)) == ("metrics", expected)


def test_domain_rating_is_doubly_named_and_a_float() -> None:
    key, found = one(Counter(WORLD), "domain-rating", date="2026-11-01")
    assert (key, set(found)) == ("domain_rating", {"domain_rating", "ahrefs_rank"})
    assert isinstance(found["domain_rating"], float)


def test_metrics_have_eight_numbers() -> None:
    key, found = one(Counter(WORLD), "metrics", date="2026-11-01", country="us", volume_mode="average")
    assert (key, len(found)) == ("metrics", 8)


@given(days, st.integers(0, 90), st.sampled_from(["daily", "weekly", "monthly"]))
@settings(max_examples=60)
def test_buckets_stand_inside_the_range_on_their_own_day(first: date, length: int, grouping: str) -> None:
    last = first + timedelta(days=length)
    found = buckets(first, last, grouping)
    assert found == sorted(set(found))
    assert all(first <= day <= last for day in found)
    all_days = [first + timedelta(days=number) for number in range(length + 1)]
    wanted = {"daily": all_days, "weekly": [d for d in all_days if d.isoweekday() == 1]}
    assert found == wanted.get(grouping, [d for d in all_days if d.day == 1])


def test_time_is_read_and_written_in_utc() -> None:
    assert read_day("2026-04-19") == date(2026, 4, 19)
    assert [read_day(text) for text in ("2026-02-30", "2026-W01-1", "20260419", "")] == [None] * 4
    texts = ["2026-04-19T17:56:55Z", "2026-04-19T19:56:55+02:00", "2026-04-19 17:56:55", "2026-04-19T17:56:55.900Z"]
    moments = [read_moment(text) for text in texts]
    assert [stamp(moment) for moment in moments if moment] == [texts[0]] * 4
    assert [read_moment(text) for text in ("2026-04-19", "2026-04-19T99:56:55Z", "soon" * 9)] == [None] * 3
    assert stamp(start_of(date(2026, 4, 19))) == "2026-04-19T00:00:00Z"
    assert stamp(end_of(date(2026, 4, 19))) == "2026-04-19T23:59:59Z"


def test_one_month_border_is_one_monthly_row() -> None:
    assert buckets(date(2026, 1, 31), date(2026, 2, 1), "monthly") == [date(2026, 2, 1)]
    assert buckets(date(2026, 1, 2), date(2026, 1, 31), "monthly") == []


def test_refdomains_history_counts_the_domains_alive_on_each_day() -> None:
    key, rows = one(Counter(WORLD), "refdomains-history", date_from="2026-01-01", date_to="2026-11-21")
    assert key == "refdomains"
    assert [row["refdomains"] for row in rows] == [0, 1, 1, 2, 2, 3, 3, 3, 2, 2, 2]
    assert [row["date"] for row in rows[:2]] == ["2026-01-01", "2026-02-01"]


def test_refdomains_history_agrees_with_counting_day_by_day() -> None:
    host = next(f"site{n}.example" for n in range(99) if GENERATED.link_count(f"site{n}.example") > 80)
    params = {"target": host, "date_from": "2025-11-01", "history_grouping": "weekly"}
    _, rows = one(Counter(GENERATED), "refdomains-history", **params)
    assert len(rows) > 50
    for row in rows:
        end = end_of(date.fromisoformat(row["date"]))
        alive = {root_of(one.source_host) for one in GENERATED.links_below(host) if one.is_live_at(end)}
        assert row["refdomains"] == len(alive)


@pytest.mark.parametrize(
    ("report", "key", "name"),
    [
        ("domain-rating-history", "domain_ratings", "domain_rating"),
        ("url-rating-history", "url_ratings", "url_rating"),
        ("pages-history", "pages", "pages"),
    ],
)
def test_the_other_histories_run_until_today(report: str, key: str, name: str) -> None:
    found, rows = one(Counter(WORLD), report, date_from="2026-11-01", date_to="2027-12-31", history_grouping="daily")
    assert (found, len(rows), set(rows[0])) == (key, 21, {"date", name})
    assert all(row[name] >= 0 for row in rows)
    if name == "domain_rating":
        _, today = one(Counter(WORLD), "domain-rating", date=TODAY.isoformat())
        assert rows[-1][name] == today["domain_rating"]


def test_a_batch_answers_one_row_for_each_target_joined_by_index() -> None:
    counts = ["backlinks", "backlinks_dofollow", "refdomains", "refdomains_nofollow"]
    asked = [
        target("T.example"),
        target("https://www.t.example", "domain", "https"),
        target("xn--bcher-kva.example/X", "prefix"),
    ]
    answer = Counter(WORLD).batch(asked, ["index", "url", "mode", "protocol", *counts], order_by=["backlinks"])
    assert [list(row.values()) for row in codec.parse(answer.body)["targets"]] == [
        [0, "t.example/", "subdomains", "both", 2, 1, 2, 1],
        [1, "www.t.example/", "domain", "https", 1, 0, 1, 1],
        [2, "bücher.example/X", "prefix", "both", 0, 0, 0, 0],
    ]


def test_a_batch_can_return_every_column_and_be_ordered() -> None:
    asked = [target(f"site{number}.example") for number in range(30)]
    counter = Counter(GENERATED)
    rows = codec.parse(counter.batch(asked, sorted(BATCH.select)).body)["targets"]
    assert [row["index"] for row in rows] == list(range(30))
    assert all(set(row) == set(BATCH.select) for row in rows)
    assert all(row["backlinks"] == row["backlinks_dofollow"] + row["backlinks_nofollow"] for row in rows)
    assert all(row["refdomains"] == row["refdomains_dofollow"] + row["refdomains_nofollow"] for row in rows)
    ordered = codec.parse(counter.batch(asked, ["index"], order_by=["domain_rating:asc"]).body)["targets"]
    rating = {row["index"]: row["domain_rating"] for row in rows}
    assert [rating[row["index"]] for row in ordered] == sorted(rating.values())


def test_a_batch_agrees_with_the_reports() -> None:
    counter = Counter(GENERATED, row_cap=None, units=10**9)
    for number in range(10):
        host = f"site{number}.example"
        answer = counter.batch([target(host)], ["backlinks", "refdomains"])
        (row,) = codec.parse(answer.body)["targets"]
        assert row["backlinks"] == len(counter.links(target=host, history="live", limit=10**6))
        assert row["refdomains"] == len(counter.rows("refdomains", target=host, select="domain", history="live"))


def test_targets_can_be_missing_from_a_batch_and_are_not_billed() -> None:
    asked = [target(f"site{number}.example") for number in range(100)]
    answer = Counter(GENERATED, "batch_missing=true").batch(asked, ["index", "url"])
    indexes = [row["index"] for row in codec.parse(answer.body)["targets"]]
    assert 70 < len(indexes) < 95
    assert indexes == sorted(indexes)
    assert answer.headers["x-api-units-cost-total"] == str(2 * len(indexes))


@pytest.mark.parametrize(
    ("targets", "select", "more", "why"),
    [
        ([], ["index"], {}, "1 to 100"),
        ([target("t.example")] * 101, ["index"], {}, "1 to 100"),
        ("t.example", ["index"], {}, "1 to 100"),
        (["t.example"], ["index"], {}, "invalid target 0"),
        ([target("t.example"), {"url": "t.example", "mode": "domain"}], ["index"], {}, "invalid target 1"),
        ([target("t.example", "host")], ["index"], {}, "invalid mode"),
        ([target("t.example", protocol="ftp")], ["index"], {}, "invalid protocol"),
        ([target("no host")], ["index"], {}, "invalid target"),
        ([target("t.example")], [], {}, "missing parameter: select"),
        ([target("t.example")], "index", {}, "invalid select"),
        ([target("t.example")], ["rank"], {}, "column 'rank' not found; available columns: ahrefs_rank, "),
        ([target("t.example")], ["index"], {"order_by": ["rank"]}, "order_by"),
        ([target("t.example")], ["index"], {"order_by": ["index:up"]}, "order_by"),
        ([target("t.example")], ["index"], {"output": "csv"}, "invalid output"),
    ],
)
def test_a_batch_at_fault_is_a_400(targets: Any, select: Any, more: dict[str, Any], why: str) -> None:
    counter = Counter(WORLD)
    status, text = error_of(counter.batch(targets, select, **more))
    assert (status, counter.account.units_charged) == (400, 0)
    assert why in text


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"targets":1}'])
def test_a_batch_needs_a_json_object(body: bytes) -> None:
    path = "/batch-analysis/batch-analysis"
    assert error_of(Counter(WORLD).send(path, "POST", body=body))[0] == 400
    assert Counter(WORLD).ask(path).status == 404
