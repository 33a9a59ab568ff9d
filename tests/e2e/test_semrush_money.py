"""Semrush through real sockets: budgets, bills, lost replies, and accounts that run empty in the middle of a list."""

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from operations_kit import Harvested, HastyClock
from semrush_rows import NOBODY
from semrush_yard import FEW, LISTS, RICH, SOME, expected, found, reasons, rows, spent, yard_of

from harvester.assembly.outcome import RunOptions


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Harvested:
    """Two lists, read without any trouble."""
    return yard_of(tmp_path_factory.mktemp("whole")).harvest(*LISTS, targets=SOME)


@pytest.mark.parametrize("budget", [39, 40, 4_039, 12_345])
def test_a_budget_is_used_up_and_never_passed_and_a_higher_one_brings_the_rest(
    tmp_path: Path, whole: Harvested, budget: int
) -> None:
    yard = yard_of(tmp_path)
    yard.section["budget"] = budget
    first = yard.harvest(*LISTS, targets=SOME)
    assert (first.outcome.exit_code, first.outcome.stopped_by) == (4, "budget")
    assert spent(first) == first.account["units_charged"]
    assert 0 <= budget - spent(first) < 40
    yard.section["budget"] = 10**9
    second = yard.harvest(*LISTS, targets=SOME)
    assert second.outcome.exit_code == 0
    assert rows(second) == rows(whole)
    assert spent(second) == spent(whole) == first.account["units_charged"] + second.account["units_charged"]


@pytest.mark.parametrize(
    ("report", "units"), [("summary", 40), ("categories", 50), ("authority", 100), ("comparison", 80)]
)
def test_a_request_that_does_not_fit_whole_is_not_sent(tmp_path: Path, report: str, units: int) -> None:
    yard = yard_of(tmp_path)
    yard.section["budget"] = units - 1
    left = yard.harvest({"report": report}, targets=FEW[:2])
    assert (left.outcome.exit_code, left.outcome.stopped_by, left.account["units_charged"]) == (4, "budget", 0)
    yard.section["budget"] = 2 * units
    left = yard.harvest({"report": report}, targets=FEW[:2])
    assert (left.outcome.exit_code, found(left, report)) == (0, expected(left, report, FEW[:2]))
    assert spent(left) == left.account["units_charged"] <= 2 * units


def test_a_stop_after_some_targets_changes_nothing(tmp_path: Path, whole: Harvested) -> None:
    yard = yard_of(tmp_path)
    yard.run = RunOptions(max_targets=2)
    assert yard.harvest(*LISTS, targets=SOME).outcome.left == 2 * (len(SOME) - 2)
    yard.run = RunOptions()
    assert rows(yard.harvest(*LISTS, targets=SOME)) == rows(whole)


@pytest.mark.parametrize("switch", ["statuses=200", "internal=prose", "internal=html", "internal=empty"])
def test_faults_on_the_way_change_no_row_and_no_bill(tmp_path: Path, whole: Harvested, switch: str) -> None:
    yard = yard_of(tmp_path, switch, "stray_429=true", faults=0.05, seed=1)
    yard.clock = HastyClock()
    left = yard.harvest(*({**harvest, "page_size": 4} for harvest in LISTS), targets=SOME)
    assert left.outcome.exit_code == 0
    assert left.account["faults"] > 2, "nothing went wrong, so nothing was proved"
    assert rows(left) == rows(whole)
    tally = left.outcome.census.providers["semrush"].tally
    assert spent(whole) <= left.account["units_charged"] <= tally.units_spent + tally.units_in_doubt


def test_a_target_that_semrush_knows_nothing_of_may_have_a_line_of_zeros(tmp_path: Path) -> None:
    left = yard_of(tmp_path, "missing_compared=zero").harvest({"report": "comparison"}, targets=FEW)
    assert {record["target"]: record["links"] for record in left.records("semrush.comparison")}[NOBODY] == 0
    assert spent(left) == left.account["units_charged"] == 120


def test_finding_nothing_costs_what_is_booked_where_it_costs_a_request(tmp_path: Path) -> None:
    harvests = [{"report": name} for name in ("summary", "authority", "categories", "refips")]
    left = yard_of(tmp_path, "charge_empty=requests").harvest(*harvests, targets=[NOBODY])
    assert spent(left) == left.account["units_charged"] == 190
    left = yard_of(tmp_path / "dear", "charge_empty=all").harvest(*harvests, targets=[NOBODY])
    assert spent(left) == left.account["units_charged"] - 40, "the one price that is not known"


# ---- an account that runs empty


def emptied(directory: Path, units: int, *switches: str, **more: Any) -> tuple[Harvested, Harvested]:
    """Return a job whose account ran empty, and the same job after the account was filled up.

    That skipped lines are charged here (which nobody expects) empties the account behind the back of the job, as
    another program with the same account does: answers are cut without a word.
    """
    yard = yard_of(directory, "charge_skipped=true", *switches, units={"semrush": units}, **more)
    first = yard.harvest(*LISTS, targets=SOME)
    yard.options = replace(yard.options, units={"semrush": RICH})
    return first, yard.harvest(*LISTS, targets=SOME)


CUTS = ("short_balance=header", "short_balance=132", "list_shortage=132", "stale_balance=true", "statuses=200")


@pytest.mark.parametrize("switch", CUTS)
@pytest.mark.parametrize("units", [840, 3_639, 20_001])
def test_a_list_that_the_account_cut_goes_on_where_it_broke_off(
    tmp_path: Path, whole: Harvested, switch: str, units: int
) -> None:
    first, second = emptied(tmp_path, units, switch)
    assert (first.outcome.exit_code, first.outcome.stopped_by) == (4, "quota")
    assert first.outcome.left > 0
    assert first.account["units_charged"] <= units
    assert reasons(first) == set()
    assert (second.outcome.exit_code, reasons(second)) == (0, set())
    assert rows(second) == rows(whole), "exactly the missing rows came"


@pytest.mark.parametrize("units", [0, 39, 1_000, 4_039])
def test_an_account_that_the_job_knows_to_be_low_is_used_up_line_by_line(
    tmp_path: Path, whole: Harvested, units: int
) -> None:
    yard = yard_of(tmp_path, "list_shortage=132", "short_balance=132", units={"semrush": units})
    first = yard.harvest(*LISTS, targets=SOME)
    assert (first.outcome.exit_code, first.outcome.stopped_by) == (4, "quota")
    assert first.account["units_charged"] == spent(first) == units // 40 * 40
    assert first.account["refused_for_units"] == 0, "no more was asked for than there was"
    yard.options = replace(yard.options, units={"semrush": RICH})
    assert rows(yard.harvest(*LISTS, targets=SOME)) == rows(whole)


def test_the_balance_of_one_key_says_nothing_of_a_page_that_another_key_brought(
    tmp_path: Path, whole: Harvested
) -> None:
    second_key = "f" * 32
    (tmp_path / "second.key").write_text(second_key)
    yard = yard_of(tmp_path, "charge_skipped=true", units={"semrush": 9_990}, keys={"semrush": (second_key,)})
    yard.section["key"] = ["env:PROVIDER_KEY", "file:second.key"]
    first = yard.harvest(*LISTS, targets=SOME)
    assert {stop.kind for stop in first.outcome.stops.values()} == {"quota"}
    assert len(first.outcome.stops) == 2
    yard.options = replace(yard.options, units={"semrush": RICH})
    second = yard.harvest(*LISTS, targets=SOME)
    assert (second.outcome.exit_code, rows(second)) == (0, rows(whole))


@pytest.mark.parametrize("switch", ["short_balance=header", "short_balance=132"])
def test_a_comparison_that_the_account_cut_goes_on_where_it_broke_off(tmp_path: Path, switch: str) -> None:
    harvests = {"report": "refips", "page_size": 10}, {"report": "comparison"}
    lists = yard_of(tmp_path / "lists", "charge_skipped=true").harvest(harvests[0], targets=SOME)
    units = lists.account["units_charged"] + 3 * 40 + 25
    yard = yard_of(tmp_path / "both", "charge_skipped=true", switch, units={"semrush": units})
    yard.section["in_flight"] = 1
    first = yard.harvest(*harvests, targets=SOME)
    assert (first.outcome.exit_code, first.outcome.stopped_by, first.outcome.left) == (4, "quota", 1)
    assert len(first.records("semrush.comparison")) == 3
    yard.options = replace(yard.options, units={"semrush": RICH})
    second = yard.harvest(*harvests, targets=SOME)
    assert second.outcome.exit_code == 0
    assert found(second, "comparison") == expected(second, "comparison", SOME)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@pytest.mark.parametrize(
    ("units", "short_balance", "way"),
    [(RICH, "header", "complete"), (4_000, "header", "waits"), (4_039, "132", "waits"), (4_039, "header", "says so")],
)
def test_without_a_balance_lists_are_asked_for_until_semrush_says_that_they_ended(
    tmp_path: Path, whole: Harvested, units: int, short_balance: str, way: str
) -> None:
    port = free_port()
    yard = yard_of(tmp_path, f"short_balance={short_balance}", units={"semrush": units}, port=port)
    yard.section["balance_url"] = f"http://127.0.0.1:{port}/semrush/nowhere"
    first = yard.harvest(*LISTS, targets=SOME)
    assert first.outcome.exit_code == {"complete": 0, "waits": 4, "says so": 3}[way]
    unproven = "fewer rows came than were asked for, and whether the account ran empty cannot be told"
    assert reasons(first) == ({unproven} if way == "says so" else set())
    yard.options = replace(yard.options, units={"semrush": RICH})
    second = yard.harvest(*LISTS, targets=SOME)
    assert (rows(second) == rows(whole)) is (way != "says so")
    short = {task["target"] for task in second.tasks if not task["complete"]}
    lacking = rows(whole) - rows(second)
    assert all(any(f"'target': '{target}'" in row for target in short) for row in lacking)
