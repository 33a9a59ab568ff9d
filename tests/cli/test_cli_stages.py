"""What the commands say of harvests that take their targets from the rows of others."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_kit import KEY, Bench, names, row_of, sandbox_beside

from harvester.assembly.plan import Range
from harvester.sandbox.app import Options, Sandbox

SOURCES = {"report": "refdomains", "name": "sources", "max_rows": 5}
SIZED = {"report": "summary", "name": "sized", "targets_from": {"harvest": "sources", "field": "domain", "top": 3}}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with sandbox_beside(Options(rates={"ahrefs": "unlimited"}, keys={"ahrefs": (KEY,)})) as running:
        yield running


@pytest.fixture
def bench(sandbox: Sandbox, tmp_path: Path) -> Bench:
    bench = Bench(tmp_path, sandbox.base_urls["ahrefs"], job={"targets": {"inline": names(40)}})
    bench.provider["row_cap"] = 100
    bench.harvests = [SOURCES, SIZED, {"report": "anchors", "name": "texts", "only_if": "own.refdomains >= 20"}]
    bench.harvests += [{"report": "summary", "name": "own"}]
    return bench


def planned(bench: Bench, *arguments: str) -> dict[str, dict[str, Any]]:
    result = bench.call("plan", str(bench.write()), "--json", *arguments)
    assert result.exit_code == 0, result.stderr
    return {item["harvest"]: item for item in json.loads(result.stdout)["harvests"]}


def test_a_plan_says_how_many_targets_rows_can_bring(bench: Bench) -> None:
    found = planned(bench)
    sized = found["sized"]
    assert (sized["targets"], sized["least_targets"], sized["most_targets"]) == (120, 0, 120)
    assert (sized["least_requests"], sized["most_requests"], sized["least_units"]) == (0, 2, 0)
    assert sized["most_units"] == 2 * 1400
    texts = found["texts"]
    assert (texts["most_targets"], texts["most_requests"], texts["least_units"]) == (40, None, 0)
    assert "least_targets" not in found["own"]


def test_without_a_bound_the_most_is_not_known(bench: Bench) -> None:
    del bench.harvests[2:]
    bench.harvests[0] = {"report": "refdomains", "name": "sources"}
    bench.harvests[1] = {**SIZED, "targets_from": {"harvest": "sources", "field": "domain"}}
    found = planned(bench)["sized"]
    assert (found["targets"], found["least_targets"], found["most_targets"]) == (None, 0, None)
    assert (found["most_requests"], found["most_units"]) == (None, None)
    text = bench.call("plan", str(bench.config)).stdout
    assert row_of(text, "sized")["targets"] == "-"


def test_without_top_the_rows_of_the_source_bound_it_and_no_row_is_none(bench: Bench) -> None:
    bench.harvests[1] = {**SIZED, "targets_from": {"harvest": "sources", "field": "domain"}}
    assert planned(bench)["sized"]["most_targets"] == 40 * 5


def test_a_plan_shows_a_range_and_explains_it(bench: Bench) -> None:
    text = bench.call("plan", str(bench.write())).stdout
    assert row_of(text, "sized")["targets"] == "up to 120"
    assert row_of(text, "sources")["targets"] == "40"
    assert "Targets that come from the rows of another harvest: none at least" in text
    bench.harvests = [SOURCES]
    assert "Targets that come" not in bench.call("plan", str(bench.write())).stdout


def test_sizes_are_bought_for_the_list_and_not_for_what_is_not_known_yet(bench: Bench) -> None:
    bench.harvests = [SOURCES, {"report": "backlinks", "name": "deep", "targets_from": SIZED["targets_from"]}]
    found = planned(bench, "--size", "--yes")
    assert (found["deep"]["least_targets"], found["deep"]["most_targets"]) == (0, 120)
    assert found["sources"]["most_units"] is not None


def test_a_run_and_status_say_where_targets_came_from(bench: Bench) -> None:
    result = bench.run()
    assert result.exit_code == 0, result.output
    count = len({record["domain"] for record in bench.records("sources") if record["row"] <= 3})
    said = f"sized: {count} targets from the rows of sources"
    assert said in result.stdout
    assert said in bench.call("status", str(bench.out)).stdout
    assert row_of(result.stdout, "sized")["targets"] == str(count)
    stages = bench.status()["stages"]
    assert stages["sized"] == {"source": "sources", "targets": count, "targets_rejected": 0, "may_lack_targets": False}
    assert stages["texts"]["source"] == "own"


def test_a_job_without_stages_says_nothing_of_them(bench: Bench) -> None:
    bench.harvests = [{"report": "summary"}]
    assert "from the rows of" not in bench.run().stdout
    assert "stages" not in bench.status()


def test_all_that_is_wrong_with_stages_is_said_at_once_and_nothing_is_made(bench: Bench) -> None:
    bench.harvests += [{"report": "pages", "only_if": "own.refdomain > 5"}]
    bench.harvests[1] = {**SIZED, "targets_from": {"harvest": "source", "field": "domain"}}
    result = bench.run()
    assert result.exit_code == 2
    assert 'targets_from.harvest = "source": expected the name of another harvest' in result.stderr
    assert 'did you mean "refdomains"?, at character 1' in result.stderr
    assert not bench.out.exists()


def test_nothing_times_anything_is_nothing_and_without_a_bound_it_is_without_one() -> None:
    nothing, some, any_number = Range(least=0, most=0), Range(least=2, most=3), Range(least=2, most=None)
    assert nothing.times(None) == any_number.times(0) == nothing
    assert some.times(4) == Range(least=0, most=12)
    assert some.times(None) == any_number.times(4) == Range(least=0, most=None)
