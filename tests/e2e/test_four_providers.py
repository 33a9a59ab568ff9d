"""One list through all four providers side by side: one shape, one identity of a link, a pace and a bill for each."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from e2e_kit import lines_of
from operations_kit import TODAY, DayClock

from harvester.assembly.library import job_run
from harvester.assembly.outcome import Outcome, RunOptions
from harvester.assembly.surroundings import Surroundings
from harvester.config import job_of
from harvester.providers import PROVIDERS
from harvester.records import RECORDS
from harvester.sandbox.app import CONTRACTS, Options, Sandbox, open_world, serving
from harvester.sandbox.hosts import place_of
from harvester.sandbox.world import Scope, links_to

TARGETS = [f"shop-{number}.example" for number in range(1, 25)]
#: As differently fast as in life, and all of them fast enough for a test.
RATES = {
    "ahrefs": "360/6seconds",
    "semrush": "600/6seconds",
    "serpstat": "240/6seconds",
    "dataforseo": "4000/minute",
}
OPTIONS = Options(today=TODAY, rates=RATES, units=dict.fromkeys(CONTRACTS, 10**12))


def document(sandbox: Sandbox, directory: Path) -> dict[str, Any]:
    return {
        "job": {"name": "four", "output": str(directory / "out"), "targets": {"inline": TARGETS}},
        "providers": {
            name: {"key": f"env:{name.upper()}", "base_url": url, "rate": RATES[name]}
            | ({"login": sandbox.logins[name]} if name in sandbox.logins else {})
            for name, url in sandbox.base_urls.items()
        },
        "harvest": [
            {"provider": name, "report": report} for name in PROVIDERS for report in ("backlinks", "refdomains")
        ],
    }


async def run_all(directory: Path) -> tuple[Outcome, Mapping[str, Any]]:
    async with serving(OPTIONS) as sandbox:
        environ = {name.upper(): key for name, key in sandbox.keys.items()} | {"XDG_RUNTIME_DIR": str(directory)}
        around = Surroundings(environ=environ, notice=print, clock=DayClock())
        config = job_of(document(sandbox, directory), directory / "four.toml")
        async with job_run(config, RunOptions(), around) as run:
            outcome = await run.work(asyncio.Event())
        return outcome, {name: keys["keys"][sandbox.keys[name]] for name, keys in sandbox.account().items()}


@pytest.fixture(scope="module", name="job")
def harvest_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome, Mapping[str, Any]]:
    directory = tmp_path_factory.mktemp("four")
    outcome, accounts = asyncio.run(run_all(directory))
    return directory / "out", outcome, accounts


Job = tuple[Path, Outcome, Mapping[str, Any]]


def test_the_providers_that_are_described_are_those_that_are_served() -> None:
    assert list(PROVIDERS) == list(CONTRACTS)


def test_all_of_it_is_complete_and_nobody_was_too_fast(job: Job) -> None:
    _, outcome, accounts = job
    assert outcome.exit_code == 0
    for name, account in accounts.items():
        assert (account["refused_for_rate"], account["refused_for_open"]) == (0, 0), name
        tally = outcome.census.providers[name].tally
        assert (tally.units_spent, tally.units_in_doubt) == (account["units_charged"], 0), name


@pytest.mark.parametrize("name", PROVIDERS)
def test_records_of_all_providers_have_one_shape(job: Job, name: str) -> None:
    directory, *_ = job
    for report, record in (("backlinks", "backlink"), ("refdomains", "refdomain")):
        rows = lines_of(directory / f"{name}.{report}.jsonl")
        assert rows
        for row in rows:
            assert list(row)[-len(RECORDS[record]) :] == [field.name for field in RECORDS[record]]
            assert (row["provider"], row["record"], row["report"]) == (name, record, report)


def test_the_same_link_has_the_same_identity_through_all_four(job: Job) -> None:
    directory, *_ = job
    found = {name: lines_of(directory / f"{name}.backlinks.jsonl") for name in PROVIDERS}
    ids = {
        name: {(row["url_from"], row["url_to"]): row["link_id"] for row in rows if not row["is_lost"]}
        for name, rows in found.items()
    }
    world = open_world(OPTIONS)
    compared = 0
    for target in TARGETS:
        live = [
            link
            for link in links_to(world, place_of(target), Scope.SUBDOMAINS)
            if link.is_live_at(world.now) and not link.redirects
        ]
        # One provider shows one link of each linking page, so pages with several links cannot be compared one by one.
        pages = Counter(link.source_url for link in live)
        for link in live:
            if pages[link.source_url] > 1:
                continue
            identities = {ids[name].get((link.source_url, link.target_url)) for name in PROVIDERS}
            assert len(identities) == 1, link
            assert None not in identities, link
            compared += 1
    assert compared > 200


def test_scores_travel_with_the_name_of_their_metric_and_never_meet(job: Job) -> None:
    directory, *_ = job
    metrics = {
        name: {row["domain_metric"] for row in lines_of(directory / f"{name}.refdomains.jsonl")} - {None}
        for name in PROVIDERS
    }
    assert metrics["ahrefs"] == {"ahrefs_dr"}
    assert metrics["semrush"] == {"semrush_as"}
    assert metrics["serpstat"] == {"serpstat_sdr"}
    assert not metrics["dataforseo"], "its rank is what a domain passes on, and no score of the domain"
