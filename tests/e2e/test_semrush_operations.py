"""Every report of Semrush, from the link world through real sockets to the records: no row missing, none twice."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from operations_kit import Harvested
from semrush_rows import BIG, NOBODY, REPORTS, TARGETS, Asked
from semrush_yard import FEW, expected, found, spent, table, yard_of

from harvester.providers.semrush import SEMRUSH as PROVIDER
from harvester.sandbox.hosts import root_of
from harvester.sandbox.world import Scope

MANY = [f"t{number}.example" for number in range(1, 201)]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Harvested:
    """One job of all reports."""
    yard = yard_of(tmp_path_factory.mktemp("everything"))
    return yard.harvest(*map(table, REPORTS), targets=TARGETS)


def test_there_is_an_expectation_for_every_report() -> None:
    assert sorted(REPORTS) == sorted(PROVIDER.reports)


@pytest.mark.parametrize("report", REPORTS)
def test_every_row_that_the_world_implies_is_there_once(everything: Harvested, report: str) -> None:
    right = expected(everything, report, TARGETS)
    assert found(everything, report) == right
    assert len({target for target, *_ in right}) >= 8, "nothing is proved by next to nothing"
    places = Counter((record["task"], record["row"]) for record in everything.records(f"semrush.{report}"))
    assert set(places.values()) == {1}


def test_the_job_is_complete_and_its_bill_is_the_sandbox_s_count(everything: Harvested) -> None:
    assert (everything.outcome.exit_code, everything.rejects) == (0, [])
    assert all(task["complete"] for task in everything.tasks)
    nothing = {task["report"]: task["units"] for task in everything.tasks if task["reason"] == "no data"}
    assert {report: units for report, units in nothing.items() if units} == {
        "summary": 40,
        "authority": 100,
        "categories": 50,
    }, "booked, because nobody knows"
    assert spent(everything) == sum(task["units"] for task in everything.tasks)
    assert spent(everything) == everything.account["units_charged"] + 190
    pages = {task["report"]: task["pages"] for task in everything.tasks if task["target"] == BIG}
    assert pages["backlinks"] > 10, "paging was not tried"
    compared = {task["reason"] for task in everything.tasks if task["report"] == "comparison"}
    assert compared == {f"no data for {NOBODY}", None}


@pytest.mark.parametrize(("scope", "kind"), [("host", Scope.HOST), ("url", Scope.URL)])
def test_a_host_and_a_page_have_rows_of_their_own(tmp_path: Path, scope: str, kind: Scope) -> None:
    targets = ["t1.example", "www.t1.example", NOBODY]
    targets = targets if kind is Scope.HOST else ["t1.example/", "t71.example/", "t71.example/guide/0"]
    reports = [name for name in REPORTS if name not in ("overlap", "competitors", "history")]
    left = yard_of(tmp_path).harvest(*({"report": name, "scope": scope} for name in reports), targets=targets)
    assert (left.outcome.exit_code, left.rejects) == (0, [])
    for report in reports:
        assert found(left, report) == expected(left, report, targets, kind), report
    assert len(found(left, "backlinks")) > 20


def test_a_set_of_pages_is_told_apart_by_place(tmp_path: Path) -> None:
    pages = ["t1.example/", "t71.example/"]
    left = yard_of(tmp_path).harvest({"report": "overlap", "scope": "url", "sets": [pages]})
    links = {page: Counter(link.source_host for link in Asked(left, page, Scope.URL).links) for page in pages}
    assert left.rejects == []
    totals = Counter[str]()
    for record in left.records("semrush.overlap"):
        totals[record["target"]] += record["links"]
    assert totals == {page: sum(hosts.values()) for page, hosts in links.items()}


def test_filters_and_orders_reach_semrush_as_they_were_written(tmp_path: Path) -> None:
    harvests: tuple[dict[str, Any], ...] = (
        {"name": "followed", "report": "backlinks", "filter": {"is_followed": True}, "order_by": "first_seen:asc"},
        {"name": "named", "report": "backlinks", "options": {"display_filter": "-|anchor|Co|a+b|+|zone||test"}},
        {"name": "first", "report": "refdomains", "max_rows": 5, "order_by": "backlinks_num:desc"},
        {"name": "second only", "report": "overlap", "options": {"display_filter": "+|backlinksnum_0|Eq|0"}},
    )
    harvests[3].update(sets=[["t3.example", "t8.example"]], name="second")
    left = yard_of(tmp_path).harvest(*harvests, targets=FEW[:2])
    assert left.outcome.exit_code == 0
    for target in FEW[:2]:
        links = Asked(left, target).links
        followed = [record for record in left.records("followed") if record["target"] == target]
        assert [record["first_seen_at"] for record in followed] == sorted(
            f"{link.first_seen:%Y-%m-%dT%H:%M:%SZ}" for link in links if "nofollow" not in link.rel
        )
        zone = Counter(link.source_url for link in links if link.source_host.endswith(".test"))
        assert zone == Counter(item["url_from"] for item in left.records("named") if item["target"] == target)
        domains = Counter(root_of(link.source_host) for link in links)
        first = [record["links"] for record in left.records("first") if record["target"] == target]
        assert first == [count for _, count in domains.most_common(5)]
    assert {record["links"] for record in left.records("second") if record["target"] == "t3.example"} == {0}


# ---- batches


@pytest.mark.parametrize("longest", ["unlimited", "8192", "4096"])
def test_two_hundred_targets_are_compared_in_one_request_or_in_as_many_as_it_takes(
    tmp_path: Path, longest: str
) -> None:
    yard = yard_of(tmp_path, f"longest_query={longest}")
    left = yard.harvest({"report": "comparison", "page_size": 200}, targets=MANY)
    assert (left.outcome.exit_code, left.rejects) == (0, [])
    assert found(left, "comparison") == expected(left, "comparison", MANY)
    known = len(left.records("semrush.comparison"))
    again = len(MANY) - known
    assert 150 < known < 200
    assert left.account["by_path"]["/analytics/v1/"] == again + {"unlimited": 1, "8192": 3, "4096": 7}[longest]
    assert spent(left) == left.account["units_charged"] == 40 * known


def test_lines_of_a_comparison_are_told_apart_by_name_and_not_by_place(tmp_path: Path) -> None:
    left = yard_of(tmp_path, "comparison_order=reversed").harvest({"report": "comparison"}, targets=FEW[:2])
    assert found(left, "comparison") == expected(left, "comparison", FEW[:2])


def test_one_set_of_two_hundred_is_one_request(tmp_path: Path) -> None:
    left = yard_of(tmp_path).harvest({"report": "comparison", "sets": [MANY, MANY[:3]]})
    assert left.outcome.exit_code == 0
    assert found(left, "comparison") == expected(left, "comparison", MANY) + expected(left, "comparison", MANY[:3])


@pytest.mark.parametrize("switch", ["blank_target=true", "comparison_order=reversed"])
def test_a_target_compared_alone_is_found_without_its_name(tmp_path: Path, switch: str) -> None:
    yard = yard_of(tmp_path, switch)
    left = yard.harvest({"report": "comparison", "page_size": 1}, targets=FEW)
    assert (left.outcome.exit_code, left.rejects) == (0, [])
    assert found(left, "comparison") == expected(left, "comparison", FEW)


# ---- pace


def test_no_more_than_ten_requests_are_open_at_once(tmp_path: Path) -> None:
    left = yard_of(tmp_path, latency_ms=10).harvest({"report": "refips"}, {"report": "tld"}, targets=MANY[:20])
    assert left.outcome.exit_code == 0
    assert left.account["most_open"] <= 10
    assert left.account["refused_for_open"] == 0


def test_no_more_requests_arrive_than_the_rate_allows_the_balance_question_included(tmp_path: Path) -> None:
    # Of two seconds and not of one, since a busy machine may stall for longer than 5 % of a second.
    yard = yard_of(tmp_path, rates={"semrush": "20/2seconds"})
    yard.section["rate"] = "20/2seconds"
    left = yard.harvest({"report": "refips"}, targets=MANY[:11])
    assert left.outcome.exit_code == 0
    assert left.account["requests"] > 20
    assert (left.account["refused_for_rate"], left.account["most_in_window"] > 20) == (0, False)
