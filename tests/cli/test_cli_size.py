"""`harvester plan --size`: the sizes are bought once and with consent, and the plan is what the job then costs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_kit import KEY, Bench, charged, lines_of, names, sandbox_beside

from harvester.sandbox.app import Options, Sandbox

SIZING_UNITS = 50  #: 7 targets at 7 units (index, backlinks, refdomains), the floor


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with sandbox_beside(Options(rates={"ahrefs": "unlimited"}, keys={"ahrefs": (KEY,)})) as running:
        yield running


@pytest.fixture
def bench(sandbox: Sandbox, tmp_path: Path) -> Bench:
    bench = Bench(tmp_path, sandbox.base_urls["ahrefs"], job={"targets": {"inline": names(7)}})
    bench.provider |= {"rate": "unlimited", "row_cap": 250}
    bench.harvests = [{"report": "backlinks"}, {"report": "refdomains", "max_rows": 5}, {"report": "anchors"}]
    return bench


def sized(bench: Bench) -> dict[str, Any]:
    result = bench.call("plan", str(bench.write()), "--size", "--yes", "--json")
    assert result.exit_code == 0, result.output
    assert "Sizing with ahrefs: 1 request, at most 700 API units." in result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_a_plan_by_size_is_what_the_job_then_costs(bench: Bench, sandbox: Sandbox) -> None:
    before = charged(sandbox)["units_charged"]
    plan = sized(bench)
    assert charged(sandbox)["units_charged"] - before == SIZING_UNITS
    backlinks, refdomains, anchors = plan["harvests"]
    assert (backlinks["least_units"], backlinks["least_requests"]) == (
        backlinks["most_units"],
        backlinks["most_requests"],
    )
    assert refdomains["most_units"] >= refdomains["least_units"] >= 7 * 50
    assert (anchors["least_units"], anchors["most_units"]) == (350, None)

    before = charged(sandbox)["units_charged"]
    bench.harvests = [{"report": "backlinks"}]
    assert bench.run().exit_code == 0
    assert charged(sandbox)["units_charged"] - before == backlinks["most_units"]
    assert bench.status()["providers"]["ahrefs"]["requests"] == backlinks["most_requests"]


def test_sizes_are_not_bought_twice(bench: Bench, sandbox: Sandbox) -> None:
    first = sized(bench)
    before = charged(sandbox)["units_charged"]
    assert sized(bench) == first
    assert charged(sandbox)["units_charged"] == before


def test_nothing_is_bought_without_consent(bench: Bench, sandbox: Sandbox) -> None:
    before = charged(sandbox)["units_charged"]
    result = bench.call("plan", str(bench.write()), "--size")
    assert result.exit_code == 1
    assert "Buy what is not bought yet?" in result.output
    assert charged(sandbox)["units_charged"] == before


def test_sizes_that_cannot_be_had_end_the_plan_with_the_reason(bench: Bench) -> None:
    bench.provider["budget"] = 10
    result = bench.call("plan", str(bench.write()), "--size", "--yes")
    assert result.exit_code == 4
    assert "stopped (budget)" in result.output


def test_a_job_without_a_size_to_buy_says_so_and_is_planned_as_usual(bench: Bench) -> None:
    bench.harvests = [{"report": "summary"}]
    result = bench.call("plan", str(bench.write()), "--size", "--yes")
    assert result.exit_code == 0
    assert "No report of this job has a size that can be bought." in result.stderr


@pytest.mark.parametrize("name", ["semrush", "serpstat", "dataforseo"])
def test_every_provider_sells_sizes_and_a_target_without_data_has_none(name: str, tmp_path: Path) -> None:
    with sandbox_beside(Options(rates={name: "unlimited"}, keys={name: (KEY,)}, units={name: 10**9})) as running:
        bench = Bench(tmp_path, running.base_urls[name], name=name, job={"targets": {"inline": names(12)}})
        bench.provider |= {"login": running.logins[name]} if name in running.logins else {}
        bench.harvests = [{"report": "refdomains"}, {"report": "anchors"}]
        result = bench.call("plan", str(bench.write()), "--size", "--yes", "--json")
        assert result.exit_code == 0, result.output
        refdomains, anchors = json.loads(result.stdout)["harvests"]
        assert refdomains["most_units"] is not None, "every target has a size, if only none"
        most = anchors["most_units"]  # no size is sold of these, so the most is what a list can be
        assert most is None or most > 100 * refdomains["most_units"]
        assert bench.run().exit_code == 0
        assert bench.status()["providers"][name]["requests"] > 0
        bought = sum(task["units"] for task in lines_of(bench.out / "tasks.jsonl") if "refdomains" in task["harvest"])
        assert bought <= refdomains["most_units"]
