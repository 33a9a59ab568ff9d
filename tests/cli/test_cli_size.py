"""`harvester plan --size`: sizes are bought once and with consent, and the plan is what the job then costs."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cli_kit import KEY, PATIENCE_S, Bench, charged, lines_of, names, sandbox_beside
from click.testing import CliRunner, Result
from rebuild_kit import environ_of, written

from harvester.cli import main
from harvester.providers import PROVIDERS
from harvester.sandbox.app import CONTRACTS, Options, Sandbox

SIZING_UNITS = 50  #: 7 targets at 7 units (index, backlinks, refdomains), the floor
TARGETS = [*names(25), "nobody-links-here.invalid-zone"]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    options = Options(
        rates=dict.fromkeys(CONTRACTS, "unlimited"),
        units=dict.fromkeys(CONTRACTS, 10**9),
        keys={"ahrefs": (KEY,)},
        row_cap=500,
    )
    with sandbox_beside(options) as running:
        yield running


@pytest.fixture
def bench(sandbox: Sandbox, tmp_path: Path) -> Bench:
    bench = Bench(tmp_path, sandbox.base_urls["ahrefs"], job={"targets": {"inline": names(7)}})
    bench.provider |= {"rate": "unlimited", "row_cap": 500}
    bench.harvests = [{"report": "backlinks"}, {"report": "refdomains", "max_rows": 5}, {"report": "anchors"}]
    return bench


def sized(bench: Bench, *arguments: str) -> dict[str, Any]:
    result = bench.call("plan", str(bench.write()), "--size", "--yes", "--json", *arguments)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def sent(sandbox: Sandbox) -> tuple[int, int]:
    """Return the requests and units that the provider has counted."""
    found = charged(sandbox)
    return found["requests"], found["units_charged"]


# What it costs, and that it is exact


def sized_reports() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield a harvest of every report whose rows can be sized, whole and cut."""
    for name, provider in PROVIDERS.items():
        pages = {} if name == "ahrefs" else {"page_size": 50}
        for report in dict.fromkeys(report for sizing in provider.sizing for report in sizing.sizes):
            yield name, {"report": report, **pages}
            yield name, {"report": report, "max_rows": 65, **pages}
    yield "serpstat", {"report": "backlinks", "filter": {"is_followed": True, "one_per_domain": True}}
    yield "serpstat", {"report": "lost-backlinks", "since": "90d", "max_rows": 13}
    yield "dataforseo", {"report": "refdomains", "scope": "host"}
    yield "ahrefs", {"report": "refdomains", "scope": "host"}


@dataclass(frozen=True)
class Compared:
    """A plan, and what came of it."""

    planned: Mapping[str, Any]
    requests: int
    units: int  #: by the provider's own count


def compared(folder: Path, name: str, harvest: Mapping[str, Any]) -> Compared:
    """Size a harvest, and run it; in a sandbox of its own, because what was asked before may be free."""
    options = Options(rates={name: "unlimited"}, units={name: 10**9}, row_cap=500)
    with sandbox_beside(options) as sandbox:
        section: dict[str, Any] = {"key": f"env:{name.upper()}_KEY", "rate": "unlimited"}
        section |= {"base_url": sandbox.base_urls[name]}
        section |= {"login": sandbox.logins[name]} if name in sandbox.logins else {}
        section |= {"row_cap": 500} if name == "ahrefs" else {}
        document = {
            "job": {"name": "j", "targets": {"inline": TARGETS}},
            "output": {},
            "providers": {name: section},
            "harvest": [{"provider": name, **harvest}],
        }
        config, environ = written(document, folder), environ_of(sandbox, folder)

        def call(*arguments: str) -> Result:
            result = CliRunner().invoke(main, arguments, env=environ)
            assert result.exit_code in (0, 3), result.output
            return result

        def counted() -> int:
            units: int = sandbox.account()[name]["keys"][sandbox.keys[name]]["units_charged"]
            return units

        (planned,) = json.loads(call("plan", str(config), "--size", "--yes", "--json").stdout)["harvests"]
        before = counted()
        call("run", str(config), "--quiet")
        status = json.loads(call("status", str(folder / "out" / "j"), "--json").stdout)
        return Compared(planned, status["providers"][name]["requests"], counted() - before)


@pytest.mark.parametrize(
    ("name", "harvest"),
    list(sized_reports()),
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value.values())),
)
def test_the_plan_is_what_the_provider_then_counts(tmp_path: Path, name: str, harvest: Mapping[str, Any]) -> None:
    found = compared(tmp_path, name, harvest)
    planned = found.planned
    assert planned["targets_sized"] == len(TARGETS)
    assert planned["targets_rough"] == 0
    if (name, harvest["report"]) == ("dataforseo", "broken-backlinks"):  # its size counts links, its rows are pages
        assert planned["least_units"] <= found.units <= planned["most_units"]
        return
    assert (planned["least_units"], planned["most_units"]) == (found.units, found.units)
    assert (planned["least_requests"], planned["most_requests"]) == (found.requests, found.requests)


def test_a_walk_whose_pages_share_rows_is_called_rough(tmp_path: Path) -> None:
    found = compared(tmp_path, "ahrefs", {"report": "backlinks", "page_size": 50})
    assert 0 < found.planned["targets_rough"] < len(TARGETS)
    assert found.planned["least_units"] <= found.units
    (tmp_path / "out" / "j").rename(tmp_path / "done")
    text = CliRunner().invoke(main, ["plan", str(tmp_path / "job.toml")]).stdout
    assert f"{found.planned['targets_rough']} targets take more than one request" in text


def test_a_plan_of_several_harvests_is_what_the_job_then_costs(bench: Bench, sandbox: Sandbox) -> None:
    before = sent(sandbox)[1]
    plan = sized(bench)
    assert sent(sandbox)[1] - before == SIZING_UNITS
    backlinks, refdomains, anchors = plan["harvests"]
    assert backlinks["least_units"] == backlinks["most_units"]
    assert refdomains["most_units"] == refdomains["least_units"] >= 7 * 50
    assert (anchors["least_units"], anchors["most_units"], anchors["targets_sized"]) == (350, None, 0)


@pytest.mark.parametrize(
    ("name", "reports", "price"),
    [
        ("ahrefs", ["backlinks"], (1, 52)),  # 26 * 2: index and backlinks
        ("ahrefs", ["refdomains"], (1, 156)),  # 26 * 6
        ("ahrefs", ["refdomains", "backlinks"], (1, 182)),  # 26 * 7
        ("semrush", ["refips"], (1 + 26, 26 * 40)),
        ("dataforseo", ["refdomains"], (1, 24_000 + 26 * 36)),
        ("serpstat", ["anchors"], (26, 26)),
        ("serpstat", ["anchors", "pages"], (52, 52)),
    ],
)
def test_the_cheapest_question_is_asked(
    sandbox: Sandbox, tmp_path: Path, name: str, reports: list[str], price: tuple[int, int]
) -> None:
    bench = Bench(
        tmp_path, sandbox.base_urls[name], name=name, key=sandbox.keys[name], job={"targets": {"inline": TARGETS}}
    )
    bench.provider |= {"login": sandbox.logins[name]} if name in sandbox.logins else {}
    bench.harvests = [{"report": report} for report in reports]
    result = bench.call("plan", str(bench.write()), "--size", "--yes")
    assert result.exit_code == 0, result.output
    found = re.search(r"Sizing with \w+: ([\d,]+) requests?, at most ([\d,.]+) ", result.stderr)
    assert found is not None
    units = float(found[2].replace(",", "")) * (1_000_000 if name == "dataforseo" else 1)
    assert (int(found[1]), round(units)) == price


def test_many_targets_of_dataforseo_are_asked_about_a_thousand_at_a_time(sandbox: Sandbox, tmp_path: Path) -> None:
    bench = Bench(
        tmp_path, sandbox.base_urls["dataforseo"], name="dataforseo", key=sandbox.keys["dataforseo"],
        job={"targets": {"inline": names(1001)}},
    )  # fmt: skip
    bench.provider |= {"login": sandbox.logins["dataforseo"]}
    for reports, requests in ((["refdomains"], 2), (["refdomains", "backlinks"], 11)):
        bench.harvests = [{"report": report} for report in reports]
        result = bench.call("plan", str(bench.write()), "--size")
        assert result.exit_code == 2
        assert f"Sizing with dataforseo: {requests} requests" in result.stderr


# What it says


def test_the_ten_dearest_targets_are_named_with_what_they_cost(bench: Bench) -> None:
    bench.job["targets"] = {"inline": TARGETS}
    bench.harvests = [{"report": "backlinks"}, {"report": "refdomains"}]
    dearest = sized(bench)["providers"]["ahrefs"]["dearest"]
    assert len(dearest) == 10
    units = [each["most_units"] for each in dearest]
    assert units == sorted(units, reverse=True)
    assert bench.run().exit_code == 0
    spent: dict[str, int] = {}
    for task in lines_of(bench.out / "tasks.jsonl"):
        spent[task["target"]] = spent.get(task["target"], 0) + task["units"]
    assert {each["target"]: each["most_units"] for each in dearest} == {
        name: spent[name] for name in sorted(spent, key=lambda name: -spent[name])[:10]
    }


def test_a_plan_says_how_far_a_budget_goes_in_the_order_of_the_list(bench: Bench, sandbox: Sandbox) -> None:
    bench.job["targets"] = {"inline": TARGETS}
    # In a scope that no other test asks for: what was asked before is free.
    bench.harvests = [{"report": name, "scope": "host"} for name in ("backlinks", "refdomains")]
    whole = sized(bench)["providers"]["ahrefs"]
    assert whole["first_targets_covered"] is None, "there is no budget to be covered by"
    budget = whole["most_units"] // 2
    plan = sized(bench, "--budget", f"ahrefs={budget}")
    first = plan["providers"]["ahrefs"]["first_targets_covered"]
    cheapest = plan["providers"]["ahrefs"]["cheapest_targets_covered"]
    assert 0 < first < len(TARGETS)
    assert first < cheapest < len(TARGETS)
    backlinks, refdomains = (each["targets_covered"] for each in plan["harvests"])
    assert backlinks < len(TARGETS) or refdomains < len(TARGETS)

    before = sent(sandbox)[1]
    enough = bench.run("--budget", f"ahrefs={budget}", "--max-targets", str(first))
    assert enough.exit_code == 0, enough.output
    assert sent(sandbox)[1] - before <= budget
    assert bench.run("--budget", f"ahrefs={budget}", "--max-targets", str(first + 1)).exit_code == 4


def test_the_plan_by_sizes_in_words(bench: Bench) -> None:
    bench.harvests = [{"report": "backlinks"}, {"report": "refdomains", "max_rows": 5}]
    sized(bench)
    text = bench.call("plan", str(bench.write()), "--budget", "ahrefs=9000").stdout
    sizes, dearest, covered, goes, money = (
        next(line for line in text.splitlines() if line.startswith(beginning))
        for beginning in ("sizes: ", "dearest at", "ahrefs: 9,000", "ahrefs: without", "What a unit")
    )
    assert re.fullmatch(
        rf"sizes: {bench.out}\.sizes, bought \d{{4}}-.* UTC, \S+ s ago; --size --refresh buys them anew", sizes
    )
    assert dearest.split() == ["dearest", "at", "target", "requests", "units", "unit"]
    assert re.search(
        r"pay for the first (\d) of 7 targets, all harvests of each \(run with --max-targets \1\)", covered
    )
    assert re.search(r"harvest by harvest: ahrefs.backlinks \d of 7, ahrefs.refdomains 0 of 7 targets", goes)
    assert "depends on your plan" in money


def test_every_target_of_a_batch_is_counted_and_no_more(bench: Bench) -> None:
    bench.harvests = [{"report": "summary"}]
    bench.job["targets"] = {"inline": names(120)}
    plan = json.loads(bench.call("plan", str(bench.write()), "--json").stdout)
    assert plan["harvests"][0]["most_units"] == 120 * 14
    bench.job["targets"] = {"inline": names(102)}
    plan = json.loads(bench.call("plan", str(bench.write()), "--json").stdout)
    assert plan["harvests"][0]["most_units"] == 100 * 14 + 50


def test_the_accounts_own_prices_are_used_once_they_were_told(tmp_path: Path) -> None:
    options = Options(
        rates={"dataforseo": "unlimited"},
        switches=("dataforseo.price_per_request=0.01", "dataforseo.price_per_row=0.00001"),
    )
    with sandbox_beside(options) as sandbox:
        bench = Bench(tmp_path, sandbox.base_urls["dataforseo"], name="dataforseo", key=sandbox.keys["dataforseo"])
        bench.provider |= {"login": sandbox.logins["dataforseo"]}
        bench.harvests = [{"report": "refdomains"}, {"report": "overlap", "max_rows": 100}, {"report": "comparison"}]
        listed = json.loads(bench.call("plan", str(bench.write()), "--json").stdout)
        found = sized(bench)
        assert found["providers"]["dataforseo"]["least_units"] < listed["providers"]["dataforseo"]["least_units"]
        (refdomains, *_) = found["harvests"]
        assert bench.run().exit_code == 0
        tasks = [task for task in lines_of(bench.out / "tasks.jsonl") if task["harvest"] == "dataforseo.refdomains"]
        assert sum(task["units"] for task in tasks) == refdomains["most_units"]


# What is kept


def test_sizes_are_not_bought_twice_and_need_no_key_then(bench: Bench, sandbox: Sandbox) -> None:
    first = sized(bench)
    before = sent(sandbox)
    again = bench.call("plan", str(bench.write()), "--size", "--json", AHREFS_API_TOKEN="")
    assert json.loads(again.stdout) == first
    assert "Sizing with" not in again.stderr
    assert sent(sandbox) == before


def test_a_plan_without_size_uses_the_sizes_that_are_there(bench: Bench, sandbox: Sandbox) -> None:
    bench.call("plan", str(bench.write()))
    first = sized(bench)
    before = sent(sandbox)
    plain = json.loads(bench.call("plan", str(bench.write()), "--json").stdout)
    assert plain == first
    assert plain["sizes"]["directory"] == f"{bench.out}.sizes"
    assert sent(sandbox) == before


def test_targets_that_came_later_are_sized_alone(bench: Bench, sandbox: Sandbox) -> None:
    sized(bench)
    bench.job["targets"] = {"inline": names(9)}
    plain = bench.call("plan", str(bench.write())).stdout
    assert "sizes: ahrefs.backlinks: 2 of 9 targets have none" in plain
    before = sent(sandbox)[1]
    result = bench.call("plan", str(bench.write()), "--size", "--yes", "--json")
    assert "Sizing with ahrefs: 1 request, at most 50 API units." in result.stderr
    assert sent(sandbox)[1] - before == SIZING_UNITS
    assert json.loads(result.stdout)["harvests"][0]["targets_sized"] == 9


def test_sizes_of_other_questions_are_not_taken_for_these(bench: Bench) -> None:
    bench.harvests = [{"report": "backlinks"}]
    sized(bench)
    bench.harvests = [{"report": "backlinks"}, {"report": "refdomains"}]
    plain = json.loads(bench.call("plan", str(bench.write()), "--json").stdout)
    assert plain["sizes"] is None
    refused = bench.call("plan", str(bench.write()), "--size", "--yes")
    assert refused.exit_code == 2
    assert "buy them anew with --size --refresh" in refused.stderr
    anew = bench.call("plan", str(bench.write()), "--size", "--yes", "--refresh", "--json")
    assert anew.exit_code == 0, anew.output
    assert "The sizes that were kept are in" in anew.stderr
    assert len(list(bench.out.parent.glob("j.sizes.until-*"))) == 1
    assert [each["targets_sized"] for each in json.loads(anew.stdout)["harvests"]] == [7, 7]


def test_a_list_that_lost_targets_says_how_to_buy_anew(bench: Bench) -> None:
    sized(bench)
    bench.job["targets"] = {"inline": ["shop-99.example", *names(5)]}
    result = bench.call("plan", str(bench.write()), "--size", "--yes")
    assert result.exit_code == 2
    assert "--size --refresh buys them anew" in result.stderr


# Consent


def test_nothing_is_bought_if_nobody_can_be_asked(bench: Bench, sandbox: Sandbox) -> None:
    before = sent(sandbox)
    result = bench.call("plan", str(bench.write()), "--size")
    assert result.exit_code == 2
    assert "Sizing with ahrefs: 1 request, at most 50 API units." in result.stderr, "the price first"
    assert "agree to the price with --yes; nothing was bought" in result.stderr
    assert sent(sandbox) == before
    assert not bench.out.with_name("j.sizes").exists()


@pytest.mark.parametrize(("answer", "is_bought"), [(b"y\n", True), (b"n\n", False), (b"\n", False)])
def test_at_a_terminal_the_user_is_asked(bench: Bench, sandbox: Sandbox, answer: bytes, is_bought: bool) -> None:
    bench.job["targets"] = {"inline": names(6)}  # what was asked before is free
    before = sent(sandbox)[1]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "harvester", "plan", str(bench.write()), "--size", "--json"],
        env={**os.environ, **bench.environ},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        os.write(ours, answer)
        out, err = process.communicate(timeout=PATIENCE_S)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0, err
    assert b"Buy what is not bought yet?" in err
    assert (b"Nothing was bought." in err) is not is_bought
    assert (json.loads(out)["sizes"] is not None) is is_bought
    assert (sent(sandbox)[1] - before == SIZING_UNITS) is is_bought


def test_who_leaves_the_question_open_buys_nothing(bench: Bench, sandbox: Sandbox) -> None:
    before = sent(sandbox)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "harvester", "plan", str(bench.write()), "--size"],
        env={**os.environ, **bench.environ},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        os.write(ours, b"\x04")  # Ctrl-D
        _, err = process.communicate(timeout=PATIENCE_S)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 130
    assert err.endswith(b"Error: interrupted\n")
    assert sent(sandbox) == before


def test_a_list_from_standard_input_cannot_be_sized(bench: Bench) -> None:
    bench.job["targets"] = "-"
    result = bench.call("plan", str(bench.write()), "--size", "--yes", input="shop-1.example\n")
    assert result.exit_code == 2
    assert "put the list into a file" in result.stderr


@pytest.mark.parametrize("switch", ["--yes", "--refresh"])
def test_switches_of_buying_go_with_size_alone(bench: Bench, switch: str) -> None:
    result = bench.call("plan", str(bench.write()), switch)
    assert result.exit_code == 2
    assert "use them with --size" in result.stderr


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
