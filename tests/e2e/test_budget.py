"""A budget of any size is never passed by the provider's count, and used up to the last request that fits."""

import asyncio
import random
from pathlib import Path

import pytest
from e2e_kit import charged, config_text, environment, harvester, status_of

from harvester.sandbox.app import Options, serving

TARGETS = [f"shop-{number}.example" for number in range(1, 31)]
HARVESTS = ['report = "backlinks"', 'report = "anchors"']
CHEAPEST_REQUEST_UNITS = 50
NO_LIMIT = {"ahrefs": "unlimited"}

BUDGETS = [0, 49, 50, 51, 99, *random.Random(7).choices(range(100, 20_000), k=5)]


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("faults", [0.0, 0.05])
def test_a_budget_is_never_passed_and_never_left_lying(tmp_path: Path, budget: int, faults: float) -> None:
    async def run() -> None:
        async with serving(Options(row_cap=100, rates=NO_LIMIT, faults=faults, seed=budget + 1)) as sandbox:
            config = tmp_path / "job.toml"
            config.write_text(config_text(sandbox, TARGETS, HARVESTS, rate="unlimited", budget=budget))
            code, out, err = await harvester("run", str(config), environ=environment(sandbox, tmp_path / "run"))
            account = charged(sandbox)
        assert code == 4, err
        assert "budget" in out + err
        status = await status_of(tmp_path / "out" / "e2e")
        ours = status["providers"]["ahrefs"]
        used = ours["units_spent"] + ours["units_in_doubt"]
        assert account["units_charged"] <= used <= budget
        assert budget - used < CHEAPEST_REQUEST_UNITS
        assert status["stopped_by"] == "budget"
        assert ours["units_held"] == 0

    asyncio.run(run())


def test_a_higher_budget_finishes_what_a_lower_one_began(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving(Options(row_cap=100, rates=NO_LIMIT)) as sandbox:
            config = tmp_path / "job.toml"
            config.write_text(config_text(sandbox, TARGETS[:5], HARVESTS, rate="unlimited", budget=500))
            environ = environment(sandbox, tmp_path / "run")
            assert (await harvester("run", str(config), environ=environ))[0] == 4
            code, _, err = await harvester("run", str(config), "--budget", "ahrefs=900000", environ=environ)
            assert code == 0, err

    asyncio.run(run())


def test_an_account_that_runs_dry_stops_the_lane_with_the_work_kept(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving(Options(row_cap=100, rates=NO_LIMIT, units={"ahrefs": 3000})) as sandbox:
            config = tmp_path / "job.toml"
            config.write_text(config_text(sandbox, TARGETS, HARVESTS, rate="unlimited", keep=700))
            code, out, err = await harvester("run", str(config), environ=environment(sandbox, tmp_path / "run"))
            account = charged(sandbox)
        assert code == 4, err
        assert "quota" in out + err
        assert 700 <= account["units_left"] < 700 + CHEAPEST_REQUEST_UNITS

    asyncio.run(run())
