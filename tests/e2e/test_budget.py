"""A budget of any size is never passed by the provider's count, and used up to the last request that fits."""

import random
from pathlib import Path

import pytest
from operations_kit import Harvested, HastyClock, Yard

TARGETS = [f"shop-{number}.example" for number in range(1, 31)]
HARVESTS = [{"report": "backlinks"}, {"report": "anchors"}]
CHEAPEST_REQUEST_UNITS = 50

BUDGETS = [0, 49, 50, 51, 99, *random.Random(7).choices(range(100, 20_000), k=5)]


def harvested(
    directory: Path,
    *,
    targets: list[str] = TARGETS,
    units: int = 10**12,
    faults: float = 0.0,
    seed: int = 1,
    **section: int,
) -> Harvested:
    """Run the job with these keys in its provider's table."""
    yard = Yard(directory, "ahrefs", row_cap=100, units={"ahrefs": units}, faults=faults, seed=seed)
    yard.clock = HastyClock()
    yard.section = section
    return yard.harvest(*HARVESTS, targets=targets)


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("faults", [0.0, 0.05])
def test_a_budget_is_never_passed_and_never_left_lying(tmp_path: Path, budget: int, faults: float) -> None:
    left = harvested(tmp_path, faults=faults, seed=budget + 1, budget=budget)
    ours = left.outcome.census.providers["ahrefs"]
    used = ours.tally.units_spent + ours.tally.units_in_doubt
    assert left.account["units_charged"] <= used <= budget
    assert budget - used < CHEAPEST_REQUEST_UNITS
    assert (left.outcome.exit_code, left.outcome.stopped_by, ours.units_held) == (4, "budget", 0)


def test_a_higher_budget_finishes_what_a_lower_one_began(tmp_path: Path) -> None:
    assert harvested(tmp_path, targets=TARGETS[:5], budget=500).outcome.exit_code == 4
    assert harvested(tmp_path, targets=TARGETS[:5], budget=900_000).outcome.exit_code == 0


@pytest.mark.parametrize("faults", [0.0, 0.2])
def test_an_account_that_runs_dry_stops_the_lane_with_the_work_kept(tmp_path: Path, faults: float) -> None:
    left = harvested(tmp_path, units=9000, faults=faults, keep=700)
    assert (left.outcome.exit_code, left.outcome.stopped_by) == (4, "quota")
    assert 700 <= left.account["units_left"] < 700 + CHEAPEST_REQUEST_UNITS
