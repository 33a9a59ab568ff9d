"""id_list, errors and the other free helpers of DataForSEO (reference, sections 7 and 8)."""

from datetime import date, timedelta

import pytest
from dataforseo_sandbox_kit import Buyer, exact, invalid
from sandbox_kit import link, world_of

from harvester import codec
from harvester.sandbox.dataforseo.envelope import Outcome
from harvester.sandbox.dataforseo.log import TaskLog
from harvester.sandbox.dataforseo.params import Params, months_before
from harvester.sandbox.dataforseo.reports import LISTINGS

WORLD = world_of(link())
ID_LIST = "/v3/backlinks/id_list"


def test_every_task_that_was_run_is_listed_with_what_it_cost() -> None:
    buyer = Buyer(WORLD)
    summary = buyer.task("summary", tag="first", rank_scale=None)
    buyer.task("backlinks", limit=5000)
    buyer.post("anchors", {"target": "t.example"}, {"target": "never-run.example"})
    rows = buyer.id_list(include_metadata=True)
    assert [(row["url"].partition("/v3/backlinks/")[2], row["status"], str(row["cost"])) for row in rows] == [
        ("summary/live", "Ok.", "0.024036"),
        ("backlinks/live", "Invalid Field: 'limit'.", "0"),
        ("anchors/live", "Ok.", "0.024036"),
    ]
    assert rows[0] == {
        "id": summary["id"],
        "url": "https://api.dataforseo.com/v3/backlinks/summary/live",
        "datetime_posted": "2026-11-21 12:30:05 +00:00",
        "datetime_done": "2026-11-21 12:30:05 +00:00",
        "status": "Ok.",
        "cost": summary["cost"],
        "metadata": {"target": "t.example", "tag": "first"},
    }
    assert all(row["metadata"] is None for row in buyer.id_list())


def test_a_task_whose_answer_was_dropped_on_the_way_is_listed_with_its_tag() -> None:
    buyer = Buyer(WORLD)
    buyer.send("/v3/backlinks/summary/live", codec.dump([{"target": "t.example", "tag": "attempt-2"}]))
    found = [row for row in buyer.id_list(include_metadata=True) if row["metadata"].get("tag") == "attempt-2"]
    assert [str(row["cost"]) for row in found] == ["0.024036"]


def test_the_list_is_cut_by_time_and_paged() -> None:
    buyer = Buyer(WORLD)
    start = buyer.now
    for number in range(5):
        buyer.now = start + timedelta(hours=number)
        buyer.task("summary", tag=str(number))
    span = {"datetime_from": "2026-11-21 13:30:05 +00:00", "datetime_to": "2026-11-21 15:30:05 +00:00"}

    def tags(**params: object) -> list[str]:
        return [row["metadata"]["tag"] for row in buyer.id_list(include_metadata=True, **params)]

    assert tags() == list("01234")
    assert tags(**span) == list("123")
    assert tags(sort="desc") == list("43210")
    assert tags(sort="desc", limit=2, offset=1) == list("32")
    assert tags(offset=9) == []


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"datetime_from": None}, "datetime_from"),
        ({"datetime_to": None}, "datetime_to"),
        ({"datetime_from": "2026-11-01"}, "datetime_from"),
        ({"datetime_from": "2026-02-30 00:00:00 +00:00"}, "datetime_from"),
        ({"datetime_from": "2026-05-20 00:00:00 +00:00"}, "datetime_from"),
        ({"datetime_from": "2026-10-20 00:00:00 +00:00", "include_metadata": True}, "datetime_from"),
        ({"datetime_to": "2026-10-31 00:00:00 +00:00"}, "datetime_to"),
        ({"limit": 1001}, "limit"),
        ({"offset": -1}, "offset"),
        ({"sort": "up"}, "sort"),
        ({"include_metadata": 1}, "include_metadata"),
    ],
)
def test_what_is_wrong_with_the_window_is_named(params: dict[str, object], field: str) -> None:
    span = {"datetime_from": "2026-11-01 00:00:00 +00:00", "datetime_to": "2026-11-22 00:00:00 +00:00"}
    (task,) = exact(Buyer(WORLD).send(ID_LIST, codec.dump([{**span, **params}])).body)["tasks"]
    assert (task["status_code"], task["status_message"], task["cost"]) == (*invalid(field), 0)


def test_half_a_year_can_be_listed_without_metadata() -> None:
    assert Buyer(WORLD).id_list(datetime_from="2026-05-21 00:00:00 +00:00") == []
    assert Buyer(WORLD).id_list(datetime_from="2026-10-21 00:00:00 +00:00", include_metadata=True) == []


def test_a_task_can_show_up_late() -> None:
    buyer = Buyer(WORLD, "listing=late")
    buyer.task("summary", tag="a")
    assert buyer.id_list() == []
    buyer.task("summary", tag="b")
    assert [row["metadata"]["tag"] for row in buyer.id_list(include_metadata=True)] == ["a"]
    assert len(buyer.id_list()) == 2


def test_a_task_can_show_up_never() -> None:
    buyer = Buyer(WORLD, "listing=never")
    buyer.task("summary", tag="a")
    assert [buyer.id_list() for _ in range(5)] == [[]] * 5


def test_each_key_has_its_own_list() -> None:
    buyer = Buyer(WORLD)
    buyer.task("summary")
    buyer.account.key = "other"
    assert buyer.id_list() == []


def test_the_log_forgets_its_oldest_tasks() -> None:
    log, now = TaskLog("k"), Buyer().now
    for number in range(10_005):
        log.note(str(number), "summary", {"tag": str(number)}, Outcome(), now)
    assert len(log) == 10_000
    span = {"datetime_from": "2026-11-01 00:00:00 +00:00", "datetime_to": "2026-11-30 00:00:00 +00:00"}
    assert log.listed(Params(span), now, least=1)[0]["id"] == "5"
    log.note("huge", "bulk_ranks", {"targets": "x" * 63_999_900}, Outcome(), now)
    assert len(log) < 10


def test_failed_tasks_are_told_for_seven_days() -> None:
    buyer = Buyer(WORLD)
    buyer.task("summary")
    buyer.task("backlinks", limit=0)
    buyer.task("history", date_from="1999-01-01")

    def functions(**params: object) -> list[str]:
        (task,) = exact(buyer.send("/v3/backlinks/errors", codec.dump([params])).body)["tasks"]
        assert all(row["error_code"] == 40501 for row in task["result"])
        return [row["function"] for row in task["result"]]

    assert functions() == ["backlinks/backlinks/live", "backlinks/history/live"]
    assert functions(filtered_function="history/live", limit=5) == ["backlinks/history/live"]
    assert functions(datetime_from="2026-11-21 12:30:06 +00:00") == []
    assert functions(datetime_to="2026-11-21 12:30:04 +00:00") == []
    assert functions(offset=1) == ["backlinks/history/live"]
    buyer.now += timedelta(days=7, seconds=1)
    assert functions() == []


def test_index_status_and_codes_are_told() -> None:
    buyer = Buyer(WORLD)
    (index,) = buyer.get("/v3/backlinks/index")
    assert (len(index["index_history"]), index["index_history"][0]["date"]) == (12, "2026-11-01")
    assert index["total_backlinks"] == index["index_history"][0]["total_backlinks"]
    assert {"api": "backlinks", "status": None, "endpoints": [{"endpoint": "live", "status": None}]} in buyer.get(
        "/v3/appendix/status"
    )
    assert {"code": 40501, "message": "Invalid Field."} in buyer.get("/v3/appendix/errors")


def test_available_filters_are_those_that_filters_take() -> None:
    buyer = Buyer(WORLD)
    (found,) = buyer.get("/v3/backlinks/available_filters")
    assert set(found) == {"content_duplicates", *LISTINGS}
    assert found["backlinks"]["is_broken"] == "bool"
    assert found["backlinks"]["first_seen"] == "time"
    assert found["backlinks"]["domain_from_platform_type"] == "array.str"
    assert "domain_from_country" not in found["backlinks"]
    assert found["domain_pages"]["meta.title"] == "str"
    assert found["domain_pages"]["page_summary.backlinks"] == "num"
    assert found["domain_intersection"]["1.backlinks"] == "num"
    assert found["page_intersection"]["1.domain_from"] == "str"
    assert found["competitors"] == {"target": "str", "rank": "num", "intersections": "num"}
    assert "backlinks_spam_score" not in found["referring_networks"]
    likely: dict[str, object] = {
        "bool": True,
        "num": 1,
        "str": "x",
        "time": "2026-01-01 00:00:00 +00:00",
        "array.str": "x",
    }
    for name, fields in found.items():
        subject = {"targets": {"1": "t.example"}} if "intersection" in name else {"target": "t.example"}
        for field, kind in fields.items():
            condition = [field, "has" if kind == "array.str" else "=", likely[kind]]
            (task,) = buyer.post(name, {**subject, "filters": condition})["tasks"]
            assert task["status_code"] == 20000, (name, field)


@pytest.mark.parametrize(
    ("day", "months", "before"), [("2026-03-31", 1, "2026-02-28"), ("2024-02-29", 12, "2023-02-28")]
)
def test_a_month_earlier_is_the_same_day_or_the_last(day: str, months: int, before: str) -> None:
    assert months_before(date.fromisoformat(day), months).isoformat() == before
    assert months_before(date(2026, 12, 1), -1) == date(2027, 1, 1)
