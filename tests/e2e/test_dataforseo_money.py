"""What DataForSEO's reports cost, to the micro-dollar: budgets, prices, lost replies, accounts that stop."""

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from dataforseo_cases import CASES, NOBODY, TARGETS, found, implied
from dataforseo_yard import HOME, SEEN, small, spent, yard_of
from operations_kit import KEY_VARIABLE, Harvested, HastyClock, Yard

from harvester.assembly.check import check_job
from harvester.assembly.outcome import RunOptions
from harvester.assembly.status import read_status
from harvester.assembly.surroundings import Surroundings
from harvester.config import job_of
from harvester.engine.ports import Tally
from harvester.errors import UnknownReply
from harvester.job import compile_job
from harvester.sandbox.app import Options, serving
from harvester.sandbox.faults import Fault, Faults, seeded

REPORTS = ("backlinks", "summary", "anchors", "comparison")
TABLES = [{**CASES[name].table, "name": name} for name in REPORTS]
FEW = TARGETS[:9]  #: no target with more than 250 links
CHEAPEST = 24_036  #: micro-dollars of the smallest request


def tally_of(left: Harvested) -> Tally:
    return left.outcome.census.providers["dataforseo"].tally


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Harvested:
    """A job in which nothing goes wrong."""
    return yard_of(tmp_path_factory.mktemp("calm")).harvest(*TABLES, targets=FEW)


# ---- budgets

BUDGETS = ["0.00 USD", "0.024035 USD", "0.024036 USD", *random.Random(4).choices(range(30_000, 400_000), k=4)]


@pytest.mark.parametrize("budget", BUDGETS)
def test_a_budget_is_never_passed_and_used_to_the_last_request_that_fits(tmp_path: Path, budget: str | int) -> None:
    yard = yard_of(tmp_path)
    yard.section["budget"] = budget
    left = yard.harvest({"report": "backlinks", "page_size": 50}, {"report": "anchors"}, targets=FEW)
    units = budget if isinstance(budget, int) else round(float(budget.removesuffix(" USD")) * 1_000_000)
    assert left.account["units_charged"] == spent(left) <= units
    assert units - spent(left) < CHEAPEST
    assert (left.outcome.stopped_by, left.outcome.exit_code) == ("budget", 4)
    status = read_status(left.directory).as_json()["providers"]["dataforseo"]
    assert (status["unit"], status["budget"], status["units_spent"]) == ("micro-dollars", units, spent(left))
    assert (status["units_in_doubt"], status["units_held"], status["balance"]) == (0, 0, 10**12 - spent(left))


def test_a_job_that_was_stopped_goes_on_where_it_was(calm: Harvested, tmp_path: Path) -> None:
    yard, charged = yard_of(tmp_path), 0
    for budget, most_targets in ((0, 3), (150_000, None), (400_000, 8), (10**9, None)):
        yard.section = {"budget": budget}
        yard.run = RunOptions(max_targets=most_targets)
        left = yard.harvest(*TABLES, targets=FEW)
        charged += left.account["units_charged"]
        assert spent(left) == charged <= budget
    assert left.outcome.exit_code == 0
    for name in REPORTS:
        assert left.told(name) == calm.told(name)


# ---- prices

PRICES = {
    "old": ("0.02", "0.00003"),
    "dearer": ("0.031", "0.00005"),
    "free": ("0", "0"),
}


@pytest.mark.parametrize("name", PRICES)
def test_holds_and_budgets_follow_the_prices_that_the_account_tells(calm: Harvested, tmp_path: Path, name: str) -> None:
    request, row = PRICES[name]
    switches = (f"price_per_request={request}", f"price_per_row={row}")
    left = yard_of(tmp_path / "whole", *switches).harvest(*TABLES, targets=FEW)
    assert (left.outcome.exit_code, tally_of(left).units_in_doubt) == (0, 0)
    for report in REPORTS:
        assert left.told(report) == calm.told(report)
    assert spent(left) == left.account["units_charged"]
    cheapest = round((float(request) + float(row)) * 1_000_000)
    yard = yard_of(tmp_path / "budget", *switches)
    yard.section["budget"] = 100_000
    left = yard.harvest(*TABLES[:1], targets=FEW)
    assert left.account["units_charged"] == spent(left) <= 100_000
    assert name == "free" or 100_000 - spent(left) < cheapest
    assert left.outcome.exit_code == (0 if name == "free" else 4)


@pytest.mark.parametrize("empty", ["one_row", "base", "nothing"])
def test_an_answer_without_rows_is_booked_at_what_it_costs(tmp_path: Path, empty: str) -> None:
    left = yard_of(tmp_path, f"empty_costs={empty}").harvest({"report": "backlinks"}, targets=[NOBODY])
    assert spent(left) == left.account["units_charged"] == {"one_row": 24_036, "base": 24_000, "nothing": 0}[empty]
    assert [(task["complete"], task["rows"]) for task in left.tasks] == [(True, 0)]


# ---- what is lost on the way

MANY_REQUESTS = [{"report": "refdomains", "name": "refdomains", "page_size": 10}] + [
    {**CASES[name].table, "name": name, **more}
    for name, more in {"backlinks": {"page_size": 20}, "anchors": {"page_size": 10}, "summary": {}}.items()
]
#: They cost nothing and do not say so: what never ran is in no list.
UNTOLD = {Fault.RESET, Fault.BAD_GATEWAY}


def drawn(seed: int, arrivals: int) -> dict[int, Fault]:
    """Return which of the first requests meet which fault."""
    faults = Faults(0.05, seeded(seed))
    return {arrival: fault for arrival in range(1, arrivals) if (fault := faults.draw(arrival)) is not None}


def with_faults(directory: Path, *switches: str, seed: int) -> Harvested:
    yard = yard_of(directory, *switches, seed=seed, today=datetime.now(UTC).date(), faults=0.05)
    yard.clock, yard.section["in_flight"] = HastyClock(), 1  # one after another: the same requests meet the faults
    left = yard.harvest(*MANY_REQUESTS, targets=FEW)
    assert left.outcome.exit_code == 0
    for name in ("refdomains", "backlinks", "anchors"):
        assert found(left, name) == implied(left, name, FEW)
    kept_units = sum(task["units"] for task in left.tasks)
    assert left.account["units_charged"] > kept_units, "no reply was lost that had been paid for"
    return left


@pytest.mark.parametrize(("listing", "is_known"), [("at_once", True), ("late", True), ("never", False)])
def test_what_a_lost_reply_cost_is_known_as_soon_as_the_list_shows_it(
    tmp_path: Path, listing: str, is_known: bool, caplog: pytest.LogCaptureFixture
) -> None:
    seed = next(seed for seed in count(1) if not UNTOLD & set(drawn(seed, 120).values()))
    left = with_faults(tmp_path, f"listing={listing}", seed=seed)
    tally = tally_of(left)
    assert (tally.units_spent, tally.units_in_doubt) == (left.account["units_charged"], 0)
    assert ("by the account" in caplog.text) is not is_known, "only what is in no list is left to the account"


def test_with_every_kind_of_fault_no_row_is_missing_and_no_micro_dollar_is_under_counted(tmp_path: Path) -> None:
    seed = next(seed for seed in count(1) if set(drawn(seed, 100).values()) == {*Fault} - {Fault.STRAY_REFUSAL})
    left = with_faults(tmp_path, seed=seed)
    tally = tally_of(left)
    assert (tally.units_spent, tally.units_in_doubt) == (left.account["units_charged"], 0)


def test_a_lost_page_of_a_walk_by_token_is_settled_by_the_account(tmp_path: Path) -> None:
    """It has no tag of its own: "all other parameters identical"."""
    rows = [(f"https://a.example/{n}", HOME, "", "2026-01-01", SEEN, "", "", "text", "") for n in range(20_002)]
    second_page = 3  # the balance comes first
    seed = next(seed for seed in count(1) if drawn(seed, 12) == {second_page: Fault.DROPPED})
    yard = small(tmp_path, "token_binds_tag=true", links=rows, faults=0.05, seed=seed, today=datetime.now(UTC).date())
    yard.clock, yard.section["budget"] = HastyClock(), 240_000
    left = yard.harvest({"report": "backlinks"}, targets=["t.example"])
    assert (tally_of(left).units_spent, tally_of(left).units_in_doubt) == (240_000, 0)
    assert left.account["units_charged"] == 240_000
    assert len({record["url_from"] for record in left.records("dataforseo.backlinks")}) == 3_000


# ---- accounts


def test_starting_a_run_more_often_than_the_balance_may_be_asked_only_takes_longer(tmp_path: Path) -> None:
    async def check_often() -> tuple[list[int | None], int]:
        clock = HastyClock()
        async with serving(Options(), clock.monotonic_s) as sandbox:
            section = {"login": sandbox.logins["dataforseo"], "key": f"env:{KEY_VARIABLE}"}
            document = {
                "job": {"name": "job", "targets": {"inline": ["t.example"]}},
                "providers": {"dataforseo": {**section, "base_url": sandbox.base_urls["dataforseo"]}},
                "harvest": [{"provider": "dataforseo", "report": "summary"}],
            }
            environ = {KEY_VARIABLE: sandbox.keys["dataforseo"], "XDG_RUNTIME_DIR": str(tmp_path)}
            around = Surroundings(environ=environ, notice=print, clock=clock)
            job = compile_job(job_of(document, tmp_path / "job.toml"), clock.utc().date())
            found = [(await check_job(job, around)).accounts["dataforseo"] for _ in range(15)]
            account: Mapping[str, Any] = sandbox.account()["dataforseo"]["keys"][sandbox.keys["dataforseo"]]
        assert [each.fault for each in found] == [None] * 15
        return [each.balance.units_left for each in found if each.balance is not None], account["refused_for_rate"]

    balances, refused = asyncio.run(check_often())
    assert balances == [100_000_000] * 15
    assert refused > 0, "the limit was not met"


def test_all_open_requests_stay_within_what_the_account_allows(tmp_path: Path) -> None:
    targets = [f"shop-{number}.example" for number in range(75)]
    left = yard_of(tmp_path, latency_ms=200).harvest({"report": "summary"}, targets=targets)
    assert left.outcome.exit_code == 0
    assert 20 < left.account["most_open"] <= 25
    assert left.account["refused_for_open"] == 0


def test_more_open_requests_than_the_account_allows_are_refused_and_asked_again(tmp_path: Path) -> None:
    """Another program may use the same account: here the config itself asks for too much."""
    yard = yard_of(tmp_path, latency_ms=1500)
    yard.clock, yard.section["in_flight"] = HastyClock(), 40
    targets = [f"shop-{number}.example" for number in range(60)]
    left = yard.harvest({"report": "summary"}, targets=targets)
    assert left.outcome.exit_code == 0
    assert left.account["refused_for_open"] > 0
    assert spent(left) == left.account["units_charged"] == 60 * CHEAPEST


@pytest.mark.parametrize(
    ("switches", "stopped_by", "least_units"),
    [
        (("daily_limit=0.2",), "quota", 200_000 - 60_000),
        (("unverified=403",), "key", 0),
        (("unverified=401",), "key", 0),
    ],
)
def test_an_account_that_cannot_go_on_stops_with_the_work_kept(
    tmp_path: Path, switches: tuple[str, ...], stopped_by: str, least_units: int
) -> None:
    left = yard_of(tmp_path, *switches).harvest({"report": "backlinks"}, targets=FEW)
    assert (left.outcome.stopped_by, left.outcome.exit_code) == (stopped_by, 4)
    assert least_units <= left.account["units_charged"] == spent(left) <= 200_000
    assert not any(not task["complete"] for task in left.tasks), "nothing is set aside for it"


@pytest.mark.parametrize("refusal", ["task_40210", "envelope_40210", "http_402"])
def test_two_jobs_that_spend_from_one_account_stop_when_it_is_empty(tmp_path: Path, refusal: str) -> None:
    """Each has read a balance that the other uses up: here it is the provider who says that nothing is left."""

    async def both() -> list[Harvested]:
        yards = [
            yard_of(tmp_path / name, f"no_funds={refusal}", units={"dataforseo": 300_000}) for name in ("one", "other")
        ]
        for yard in yards:
            yard.directory.mkdir()
        async with serving(yards[0].options) as sandbox:
            running = (yard.harvest_at(sandbox, [{"report": "backlinks", "page_size": 50}], FEW) for yard in yards)
            return list(await asyncio.gather(*running))

    left = asyncio.run(both())
    account = left[-1].account
    assert account["refused_for_units"] > 0, "the limit was not met"
    assert {each.outcome.stopped_by for each in left} == {"quota"}
    assert sum(map(spent, left)) == sandbox_units(left) <= 300_000
    assert sum(len(each.records("dataforseo.backlinks")) for each in left) > 0


def sandbox_units(left: list[Harvested]) -> int:
    """Return what the account that all of them used was charged in the end."""
    return max(int(each.account["units_charged"]) for each in left)


def test_an_account_that_runs_dry_is_used_up_but_for_what_is_to_be_kept(tmp_path: Path) -> None:
    yard = yard_of(tmp_path, "user_data_numbers=strings", units={"dataforseo": 300_000})
    yard.section["keep"] = "0.20 USD"
    left = yard.harvest({"report": "backlinks"}, targets=FEW)
    assert left.outcome.stopped_by == "quota"
    assert 200_000 <= left.account["units_left"] < 200_000 + CHEAPEST
    assert left.account["refused_for_units"] == 0


def test_an_account_whose_prices_cannot_be_read_is_asked_one_request_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreadable(*_: object) -> None:
        raise UnknownReply("user_data is down")

    monkeypatch.setattr("harvester.assembly.reconciliation.read_balance", unreadable)
    yard = Yard(tmp_path, "dataforseo", latency_ms=5)
    found = yard.harvest({"report": "summary"}, targets=[f"shop-{number}.example" for number in range(8)])
    assert found.account["most_open"] == 1
    assert found.outcome.exit_code == 0
