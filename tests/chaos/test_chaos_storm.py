"""Everything at once, for long, and with a clock that cannot be trusted: whole runs over all four providers."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from chaos_kit import OPTIONS, TARGETS, Figures, Job, chance, of
from meddling_kit import Do, Heard, Plan, Scale, in_a_hurry, meddling, run_here
from misdeeds_kit import MISDEEDS

from harvester.assembly.status import read_status
from harvester.assembly.surroundings import SystemClock
from harvester.providers import PROVIDERS
from harvester.sandbox.app import Sandbox, serving

#: Rows that came with odd values are stored as they came: such answers are no part of a storm that must leave no trace.
STORM = {name: item for name, item in MISDEEDS.items() if not (item.is_twisting or item.is_large)}
SHARE = 0.2
MOST_RUNS = 60
#: In an outage, nothing comes but this.
OUTAGE = ("closed", "reset, charged", "half a head", "a web page with 200", "a web page with 502", "no HTTP")


def stormy(*about: object, names: tuple[str, ...] = tuple(STORM), share: float = SHARE) -> Plan:
    """Let a share of all requests meet any misdeed, by chance."""
    draw = chance("storm", *about)

    def plan(heard: Heard) -> Do | None:
        if draw.random() >= share:
            return None
        misdeed = MISDEEDS[draw.choice(names)]
        return misdeed.do if misdeed.suits(heard) else None

    return plan


async def undisturbed(sandbox: Sandbox, folder: Path, **about: Any) -> Job:
    """Return the job that nobody meddles with, done."""
    job = Job(folder=folder / "whole", sandbox=sandbox, **about)
    assert (await run_here(job)).exit_code == 0
    return job


def test_a_storm_leaves_no_trace_in_the_rows(tmp_path: Path, figures: Figures) -> None:
    targets = [f"shop-{number}.example" for number in range(1, of(8, 60))]

    async def scenario() -> None:
        async with serving(OPTIONS) as sandbox, serving(OPTIONS) as calm, meddling(sandbox) as meddler:
            whole = (await undisturbed(calm, tmp_path, targets=targets)).records()
            job = Job(
                folder=tmp_path / "storm",
                sandbox=sandbox,
                base_urls=meddler.base_urls,
                targets=targets,
                section={"timeout_s": 20},
            )
            scale = Scale(whole=whole, figures=figures)
            for number in range(MOST_RUNS):
                meddler.plan = stormy(number)
                outcome = await run_here(job, retry_set_aside=True)
                scale.weigh(job, meddler, outcome)
                if outcome.exit_code == 0:
                    break
            figures["runs in a storm until everything was there"] += number + 1
            figures["requests that met a misdeed of the network"] += sum(meddler.met.values())
            lost, doubled = len(whole.keys() - job.records().keys()), len(job.records().keys() - whole.keys())
            figures["rows lost"] += lost
            figures["rows doubled"] += doubled
            assert job.records() == whole

    in_a_hurry(scenario())


@pytest.mark.parametrize("provider", of(("semrush", "dataforseo"), tuple(PROVIDERS)))
def test_a_storm_spends_no_more_than_the_budget(provider: str, tmp_path: Path, figures: Figures) -> None:
    targets = of(TARGETS[:4], TARGETS[:8])

    async def scenario() -> None:
        async with serving(OPTIONS) as sandbox, serving(OPTIONS) as calm, meddling(sandbox) as meddler:
            free = await undisturbed(calm, tmp_path, targets=targets, providers=(provider,))
            price = free.account(provider)["units_charged"]
            scale = Scale(whole=free.records(), figures=figures)
            for number, share in enumerate(of((0.6,), (0.3, 0.6, 0.9, 1.2))):
                before = sandbox.account()[provider]["keys"][sandbox.keys[provider]]["units_charged"]
                job = Job(
                    folder=tmp_path / f"budget-{number}",
                    sandbox=sandbox,
                    base_urls=meddler.base_urls,
                    providers=(provider,),
                    targets=targets,
                    section={"timeout_s": 20, "budget": int(share * price), "in_flight": 6},
                )
                meddler.plan = stormy(provider, number)
                for _ in range(4):
                    await run_here(job, retry_set_aside=True)
                charged = job.account(provider)["units_charged"] - before
                books = read_status(job.directory).as_json()["providers"][provider]
                figures["budgets kept in a storm"] += 1
                figures["units over the budget"] += max(0, charged - int(share * price))
                assert charged <= books["units_spent"] + books["units_in_doubt"] <= int(share * price)
            assert scale.whole

    in_a_hurry(scenario())


def test_an_outage_of_an_hour_costs_no_task(tmp_path: Path, figures: Figures) -> None:
    outage_s = of(600.0, 3600.0)

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        async with serving(OPTIONS) as sandbox, serving(OPTIONS) as calm, meddling(sandbox) as meddler:
            whole = (await undisturbed(calm, tmp_path)).records()
            began_s: dict[str, float] = {}
            storm = stormy("outage", names=OUTAGE, share=1.0)

            def plan(heard: Heard) -> Do | None:
                if heard.number > 8:
                    began_s.setdefault(heard.provider, loop.time())
                until_s = began_s.get(heard.provider, -outage_s) + outage_s
                return storm(heard) if loop.time() < until_s else None

            meddler.plan = plan
            job = Job(
                folder=tmp_path / "outage",
                sandbox=sandbox,
                base_urls=meddler.base_urls,
                # Enough of them to tell an outage from bad tasks: in a hurry, what is to wait is due at once.
                section={"timeout_s": 3600, "in_flight": 4},
            )
            outcome = await run_here(job)
            Scale(whole=whole, figures=figures).weigh(job, meddler, outcome)
            assert outcome.exit_code == 0, job.tasks()
            assert job.records() == whole
            assert set(began_s) == set(PROVIDERS)
            assert all(met >= 10 for met in meddler.met.values()), "each lane was out, and came back"
            figures["requests into an outage of an hour"] += sum(meddler.met.values())
            figures["tasks lost to an outage"] += sum(not task["complete"] for task in job.tasks())
            assert max(meddler.met.values()) < outage_s / 2, "nobody hammers on a provider that is out"

    in_a_hurry(scenario(), hurry=of(400.0, 600.0))


RATE = "600/minute"
#: Days before the job's first day, whatever the clock says later. Semrush cannot select by date.
DATED = {"reports": ("new-backlinks",), "harvest": {"since": "60d"}, "providers": ("ahrefs", "serpstat", "dataforseo")}


class LeapingClock(SystemClock):
    """A wall clock that is put forward and back by up to a day and a half whenever somebody looks."""

    def __init__(self, *about: object) -> None:
        self._draw = chance("clock", *about)

    def utc(self) -> datetime:
        """Return some time of these days."""
        return super().utc() + timedelta(hours=self._draw.uniform(-36.0, 36.0))


@pytest.mark.parametrize("about", [{}, DATED], ids=["lists", "lists since a day"])
def test_a_clock_that_leaps_changes_nothing_but_stamps(
    about: Mapping[str, Any], tmp_path: Path, figures: Figures
) -> None:
    async def scenario() -> None:
        rates = dict.fromkeys(PROVIDERS, RATE)
        limited, clock = replace(OPTIONS, rates=rates), asyncio.get_running_loop().time
        async with serving(limited, clock) as sandbox, serving(OPTIONS) as calm, meddling(sandbox) as meddler:
            whole = (await undisturbed(calm, tmp_path, targets=TARGETS[:4], **about)).records()
            job = Job(
                folder=tmp_path / "leaps",
                sandbox=sandbox,
                base_urls=meddler.base_urls,
                targets=TARGETS[:4],
                section={"rate": RATE},
                **about,
            )
            meddler.plan = stormy("clock", names=("closed", "reset, charged", "a web page with 429"))
            for number in range(MOST_RUNS):
                outcome = await run_here(job, retry_set_aside=True, clock=LeapingClock(number))
                Scale(whole=whole, figures=figures).weigh(job, meddler, outcome)
                if outcome.exit_code == 0:
                    break
            assert job.records() == whole
            refused = sum(job.account(name)["refused_for_rate"] for name in PROVIDERS)
            figures["requests refused for the rate while the clock leapt"] += refused
            assert refused == 0

    in_a_hurry(scenario())
