"""Whole runs over all four providers while the network, proxies and servers do what they do: through real sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from chaos_kit import OPTIONS, TARGETS, Figures, Job, of
from meddling_kit import Do, Heard, Meddler, Plan, Rows, Scale, in_a_hurry, in_peace, meddling, run_here
from misdeeds_kit import MISDEEDS, Misdeed

from harvester.assembly.outcome import Outcome
from harvester.providers import PROVIDERS
from harvester.sandbox.app import serving

FEW = TARGETS[:4]
CHOSEN = FEW[2]  #: not the first: what fails before anything went well is given less time

#: Misdeeds of the everyday tests: one of each kind, and those that once went through.
SOME = (
    "nobody listens for a while",
    "half a body of unknown length",
    "announces too little",
    "a web page with 200",
    "keys are missing",
    "a redirect with 302",
    "an answer unasked",
)
MODEST = tuple(name for name, misdeed in MISDEEDS.items() if not misdeed.is_large)
LASTING = tuple(name for name in MODEST if MISDEEDS[name].is_lasting)
SMALL_TIMEOUT = {"timeout_s": 10}


@pytest.fixture(scope="module", name="whole")
def undisturbed_rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """The records of the job that nobody meddles with."""

    async def scenario() -> Rows:
        async with serving(OPTIONS) as sandbox:
            job = Job(folder=tmp_path_factory.mktemp("whole"), sandbox=sandbox)
            assert (await run_here(job)).exit_code == 0
            return job.records()

    return in_a_hurry(scenario())


def about(targets: tuple[str, ...], whole: Rows) -> Rows:
    """Return the records about some targets."""
    return {place: row for place, row in whole.items() if row["target"] in targets}


def once(misdeed: Misdeed) -> Plan:
    """Let one request of each provider meet a misdeed: the first about the chosen target."""
    met: set[str] = set()

    def plan(heard: Heard) -> Do | None:
        is_chosen = heard.is_about(CHOSEN) or misdeed.for_fresh
        if not (heard.is_paid and is_chosen and misdeed.suits(heard)) or heard.provider in met:
            return None
        met.add(heard.provider)
        return misdeed.do

    return plan


def always(misdeed: Misdeed) -> Plan:
    """Let every request about the chosen target meet a misdeed."""
    return lambda heard: misdeed.do if heard.is_paid and heard.is_about(CHOSEN) else None


def ends_of(job: Job, outcome: Outcome) -> dict[str, set[str]]:
    """Return, by provider, what became of the chosen target's tasks, and whether its lane stopped."""
    ends: dict[str, set[str]] = {name: set() for name in PROVIDERS}
    for task in job.tasks():
        if task["target"] == CHOSEN:
            ends[task["provider"]].add("again" if task["complete"] else "aside")
    for lane in outcome.stops:
        ends[lane].add("stop")
    return ends


@asynccontextmanager
async def about_to_meet(misdeed: Misdeed, folder: Path) -> AsyncIterator[tuple[Job, Meddler]]:
    """Set a job up in front of a meddler, which meddles with nothing yet."""
    async with serving(OPTIONS) as sandbox, meddling(sandbox) as meddler:
        section = SMALL_TIMEOUT if misdeed.is_slow else {}
        yield Job(folder=folder, sandbox=sandbox, base_urls=meddler.base_urls, targets=FEW, section=section), meddler


@pytest.mark.parametrize("name", of(SOME, MODEST))
def test_what_one_request_meets_costs_no_row(name: str, tmp_path: Path, whole: Rows, figures: Figures) -> None:
    misdeed, rows = MISDEEDS[name], about(FEW, whole)
    scale = Scale(whole=rows, figures=figures, twisted=CHOSEN if misdeed.is_twisting else None)

    async def scenario() -> None:
        async with about_to_meet(misdeed, tmp_path) as (job, meddler):
            meddler.plan = once(misdeed)
            outcome = await run_here(job)
            scale.weigh(job, meddler, outcome)
            assert dict(meddler.met) == dict.fromkeys(PROVIDERS, 1), "each provider's run met it once"
            figures["requests that met a misdeed of the network"] += sum(meddler.met.values())
            for provider, ends in ends_of(job, outcome).items():
                assert misdeed.is_twisting or misdeed.end_of(provider) in ends, (provider, ends)
                assert "aside" not in ends or misdeed.is_twisting or misdeed.end_of(provider) == "aside"
            meddler.plan = in_peace
            outcome = await run_here(job, retry_set_aside=True)
            scale.weigh(job, meddler, outcome)
            if not misdeed.is_twisting:
                assert outcome.exit_code == 0
                assert job.records() == rows

    in_a_hurry(scenario())


@pytest.mark.parametrize("name", of(("a web page with 200",), LASTING))
def test_a_target_that_always_meets_it_is_set_aside_and_all_others_are_whole(
    name: str, tmp_path: Path, whole: Rows, figures: Figures
) -> None:
    misdeed, rows = MISDEEDS[name], about(FEW, whole)
    scale = Scale(whole=rows, figures=figures, twisted=CHOSEN if misdeed.is_twisting else None)

    async def scenario() -> None:
        async with about_to_meet(misdeed, tmp_path) as (job, meddler):
            meddler.plan = always(misdeed)
            outcome = await run_here(job)
            scale.weigh(job, meddler, outcome)
            figures["requests that met a misdeed of the network"] += sum(meddler.met.values())
            if misdeed.is_twisting:
                return
            is_stopped = misdeed.end == "stop"
            assert outcome.exit_code == (4 if is_stopped else 3)
            for task in job.tasks():
                assert task["complete"] == (task["target"] != CHOSEN), task
                assert task["complete"] or task["state"] == "set_aside"
            assert is_stopped or job.records() == about(tuple(set(FEW) - {CHOSEN}), whole)
            meddler.plan = in_peace
            assert (await run_here(job, retry_set_aside=True)).exit_code == 0
            assert job.records() == rows

    in_a_hurry(scenario())
