"""Every report of Serpstat, from the link world through real sockets to the records, and what they cost."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from operations_kit import Harvested, HastyClock
from serpstat_rows import BIG, BUSY, NOBODY, REPORTS, TARGETS
from serpstat_yard import LIVE, anchors_of, shown, small, spent, table, told, yard_of

from harvester.assembly.outcome import RunOptions
from harvester.providers.serpstat import SERPSTAT


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Harvested:
    """One job of all reports."""
    yard = yard_of(tmp_path_factory.mktemp("everything"))
    return yard.harvest(*map(table, REPORTS), targets=TARGETS)


def test_there_is_an_expectation_for_every_report() -> None:
    assert list(REPORTS) == list(SERPSTAT.reports)


@pytest.mark.parametrize("report", REPORTS)
def test_every_row_that_the_world_implies_is_there_once(everything: Harvested, report: str) -> None:
    fields, rows_of = REPORTS[report]
    expected = Counter((target, *row) for target in TARGETS for row in rows_of(everything, target))
    records = everything.records(f"serpstat.{report}")
    assert Counter((record["target"], *(shown(record, field) for field in fields)) for record in records) == expected
    assert len({target for target, *_ in expected}) > 1, "nothing is proved by next to nothing"
    places = Counter((record["task"], record["row"]) for record in records)
    assert set(places.values()) == {1}


def test_the_job_is_complete_and_its_bill_is_the_sandbox_s_count(everything: Harvested) -> None:
    assert everything.outcome.exit_code == 0
    assert everything.rejects == []
    assert all(task["complete"] for task in everything.tasks)
    assert everything.outcome.census.providers["serpstat"].tally.units_in_doubt == 0
    assert spent(everything) == sum(task["units"] for task in everything.tasks) == everything.account["units_charged"]
    assert max(task["pages"] for task in everything.tasks) > 10, "paging was not tried"
    nobody = {task["report"]: task for task in everything.tasks if task["target"] == NOBODY}
    assert {task["rows"] for name, task in nobody.items() if name != "summary"} == {0}
    assert {task["units"] for name, task in nobody.items() if name != "summary"} == {1}
    assert {task["reason"] for name, task in nobody.items() if name != "summary"} == {"no data"}


@pytest.mark.parametrize(
    ("target", "harvest", "expected"),
    [
        ("t.example", {}, LIVE),
        ("t.example", {"scope": "host"}, [text for text in LIVE if text]),
        ("www.t.example", {"scope": "host"}, [""]),
        ("www.t.example", {}, LIVE),  # where subdomains are meant, `www.` is no target of its own
        ("https://t.example/p/", {"scope": "prefix"}, ["main", "red[0m"]),
        ("https://t.example/p/1", {"scope": "url"}, ["red[0m"]),
        ("bücher.example", {}, ["books"]),
        ("t.example", {"filter": {"is_followed": True}}, ["main", "one & two"]),
        ("t.example", {"filter": {"is_followed": False}}, ["", "again", "red[0m"]),
        ("t.example", {"report": "new-backlinks"}, ["again", "one & two", "red[0m"]),
        ("t.example", {"report": "new-backlinks", "since": "2026-10-21", "until": "2026-10-21"}, ["main"]),
        ("t.example", {"report": "lost-backlinks"}, ["gone", "long gone"]),
        ("t.example", {"report": "lost-backlinks", "since": "2026-11-15"}, ["gone"]),
        ("t.example", {"report": "lost-backlinks", "until": "2026-11-14"}, ["long gone"]),
        (
            "t.example",
            {"report": "lost-backlinks", "since": "2026-03-01", "until": "2026-11-15"},
            ["gone", "long gone"],
        ),
        ("t.example", {"max_rows": 2, "order_by": "add:desc"}, ["again", "one & two"]),
    ],
)
def test_scopes_filters_and_days_pick_the_links_they_mean(
    tmp_path: Path, target: str, harvest: dict[str, Any], expected: list[str]
) -> None:
    left = small(tmp_path).harvest({"report": "backlinks", **harvest}, targets=[target])
    assert anchors_of(left, harvest.get("report", "backlinks")) == expected
    assert left.outcome.exit_code == 0
    assert spent(left) == left.account["units_charged"] == max(1, len(expected))


def test_one_link_for_each_referring_domain(tmp_path: Path) -> None:
    left = small(tmp_path).harvest({"report": "backlinks", "filter": {"one_per_domain": True}}, targets=["t.example"])
    domains = [record["host_from"].removeprefix("www.") for record in left.records("serpstat.backlinks")]
    assert sorted(domains) == ["a.example", "b.example", "blog.c.example", "c.example"]


MAIN_PAGES = (
    '[[{"field": "links_external", "compareType": "gte", "value": [0]}, {"additional_filters": "only_main_page"}]]'
)


@pytest.mark.parametrize("reading", ["whole_query", "plain_or"])
def test_a_filter_of_the_user_s_and_ours_hold_together_in_both_readings_of_groups(tmp_path: Path, reading: str) -> None:
    left = small(tmp_path, f"quick_filters={reading}").harvest(
        {
            "report": "new-backlinks",
            "since": "2025-01-01",
            "filter": {"is_followed": True},
            "options": {"complexFilter": MAIN_PAGES},
        },
        targets=["t.example"],
    )
    assert anchors_of(left, "new-backlinks") == ["main"]


# ---- money


def test_every_budget_is_used_to_the_last_credit_and_never_passed(tmp_path: Path) -> None:
    for budget in (0, 4, 6, 201, 655, 1_000):
        yard = yard_of(tmp_path / str(budget))
        yard.section = {"budget": budget}
        left = yard.harvest(table("summary"), table("backlinks"), targets=["t1.example", BUSY, BIG])
        assert left.outcome.stopped_by == "budget", budget
        assert left.account["units_charged"] == spent(left) == budget, "a list can always use what is left"
        assert left.outcome.census.providers["serpstat"].units_held == 0


@pytest.mark.parametrize("cover", ["rows", "size"])
def test_an_account_with_less_than_a_page_is_used_to_the_last_credit(tmp_path: Path, cover: str) -> None:
    for units in (1, 250, 1_151):
        left = yard_of(tmp_path / str(units), f"cover={cover}", units={"serpstat": units}).harvest(
            {"report": "backlinks"}, targets=[BIG]
        )
        assert left.outcome.stopped_by == "quota"
        assert left.account["units_charged"] == spent(left) == units
        assert left.account["refused_for_units"] == 0
        assert len(left.records("serpstat.backlinks")) == units


def test_a_job_that_was_stopped_goes_on_where_it_was(everything: Harvested, tmp_path: Path) -> None:
    yard, charged = yard_of(tmp_path), 0
    reports = ("backlinks", "anchors", "lost-outlinks", "threat-links", "history")
    for budget, most_targets in ((0, 3), (777, None), (1_500, 9), (10**9, None)):
        yard.section = {"budget": budget}
        yard.run = RunOptions(max_targets=most_targets)
        left = yard.harvest(*map(table, reports), targets=TARGETS)
        charged += left.account["units_charged"]
        assert spent(left) == charged <= budget
    assert left.outcome.exit_code == 0
    for report in reports:
        assert told(left, report) == told(everything, report)


def test_with_faults_the_rows_are_the_same_and_every_credit_is_accounted_for(
    everything: Harvested, tmp_path: Path
) -> None:
    reports = ("backlinks", "summary", "outdomains", "overlap")
    yard = yard_of(tmp_path, faults=0.05, seed=1)
    yard.clock = HastyClock()
    left = yard.harvest(*map(table, reports), targets=TARGETS)
    tally = left.outcome.census.providers["serpstat"].tally
    assert left.outcome.exit_code == 0
    assert left.account["faults"] > 2, "nothing went wrong, so nothing was proved"
    assert left.account["units_charged"] <= tally.units_spent + tally.units_in_doubt
    for report in reports:
        assert told(left, report) == told(everything, report)
