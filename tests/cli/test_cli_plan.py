"""`harvester plan` and `harvester check`: what a job will ask and cost, and whether it could run."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from cli_kit import KEY, Bench, charged, names, sandbox_beside

from harvester.locks import key_lock, key_lock_path
from harvester.model import Balance, Provider
from harvester.providers import PROVIDERS
from harvester.sandbox.app import Options, Sandbox

OTHER_KEY = "another-key-of-this-user"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    options = Options(rates={"ahrefs": "unlimited"}, units={"ahrefs": 12_345}, keys={"ahrefs": (KEY, OTHER_KEY)})
    with sandbox_beside(options) as running:
        yield running


@pytest.fixture
def bench(sandbox: Sandbox, tmp_path: Path) -> Bench:
    """Return a job of 7 targets: backlinks cost 30 units a row, a summary 14 a target, a request 50 at least."""
    bench = Bench(tmp_path, sandbox.base_urls["ahrefs"], job={"targets": "list.txt"})
    (tmp_path / "list.txt").write_text("".join(f"{name}\n" for name in [*names(7), "www..", "SHOP-1.example."]))
    bench.provider |= {"rate": "60/minute", "row_cap": 250}
    bench.harvests = [{"report": "backlinks", "max_rows": 10}, {"report": "summary"}]
    return bench


def planned(bench: Bench, *arguments: str) -> dict[str, Any]:
    result = bench.call("plan", str(bench.write()), "--json", *arguments)
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_the_plan_is_what_a_hand_reckons(bench: Bench) -> None:
    # Backlinks: one request of 10 rows and one that proves the end, at most: 10 * 30 + 50 units a target.
    # Summary: one batch of 7 in a request: 7 * 14.
    assert planned(bench) == {
        "job": "j",
        "targets": 7,
        "targets_rejected": 1,
        "sizes": None,
        "harvests": [
            {
                "harvest": "ahrefs.backlinks",
                "provider": "ahrefs",
                "report": "backlinks",
                "targets": 7,
                "targets_sized": 0,
                "targets_rough": 0,
                "least_requests": 7,
                "most_requests": 14,
                "least_units": 350,
                "most_units": 2450,
                "least_seconds": 7.0,
                "most_seconds": 14.0,
                "targets_covered": None,
            },
            {
                "harvest": "ahrefs.summary",
                "provider": "ahrefs",
                "report": "summary",
                "targets": 7,
                "targets_sized": 0,
                "targets_rough": 0,
                "least_requests": 1,
                "most_requests": 1,
                "least_units": 50,
                "most_units": 98,
                "least_seconds": 1.0,
                "most_seconds": 1.0,
                "targets_covered": None,
            },
        ],
        "providers": {
            "ahrefs": {
                "unit": "API units",
                "least_requests": 8,
                "most_requests": 15,
                "least_units": 400,
                "most_units": 2548,
                "least_seconds": 8.0,
                "most_seconds": 15.0,
                "budget": None,
                "covered": True,
                "first_targets_covered": None,
                "cheapest_targets_covered": None,
                "dearest": [],
            }
        },
    }


@pytest.mark.parametrize(("budget", "covered"), [(399, False), (400, None), (2547, None), (2548, True)])
def test_the_budget_is_held_against_the_plan(bench: Bench, budget: int, covered: bool | None) -> None:
    assert planned(bench, "--budget", f"ahrefs={budget}")["providers"]["ahrefs"]["covered"] is covered


def test_batches_are_counted_by_their_targets_and_two_keys_take_half_the_time(bench: Bench) -> None:
    bench.harvests = [{"report": "summary"}]
    bench.job["targets"] = {"inline": names(250)}
    bench.provider["key"] = ["env:A", "env:B"]
    found = planned(bench)["providers"]["ahrefs"]
    assert (found["least_requests"], found["most_units"]) == (3, 250 * 14)
    assert found["least_seconds"] == 1.5


def test_without_max_rows_the_most_is_not_known(bench: Bench) -> None:
    bench.harvests = [{"report": "backlinks"}]
    found = planned(bench, "--budget", "ahrefs=5000")["providers"]["ahrefs"]
    assert (found["most_requests"], found["most_units"], found["most_seconds"], found["covered"]) == (None,) * 4


def test_the_plan_in_words(bench: Bench) -> None:
    bench.harvests.append({"report": "refdomains"})
    result = bench.call("plan", str(bench.write()), "--budget", "ahrefs=500")
    head, rejected, *rest = result.stdout.splitlines()
    assert head == "j: 7 targets, 1 line repeated, 1 line rejected"
    assert rejected.startswith("rejected: ")
    assert ' line 8: "www..": ' in rejected
    assert rest == [
        "",
        "harvest            targets  requests  at most  time   at most  units  at most",
        "ahrefs.backlinks         7         7       14  7.0 s  14 s       350    2,450",
        "ahrefs.summary           7         1        1  1.0 s  1.0 s       50       98",
        "ahrefs.refdomains        7         7        -  7.0 s  -          350        -",
        "",
        "provider  requests  at most  rate       time  at most  units  at most  budget  covered  unit",
        "ahrefs          15        -  60/minute  15 s  -          750        -     500  no       API units",
        "",
        '"-" is not known beforehand: it depends on the rows of the targets; `max_rows` bounds them, and --size asks'
        " for them.",
    ]


def test_a_plan_sends_nothing(bench: Bench, sandbox: Sandbox) -> None:
    before = charged(sandbox)["requests"]
    planned(bench)
    assert charged(sandbox)["requests"] == before
    assert not bench.out.exists()


def test_check_shows_targets_and_balances_and_how_to_start(bench: Bench, sandbox: Sandbox) -> None:
    before = charged(sandbox)["units_charged"]
    result = bench.call("check", str(bench.write()))
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == f"config     {bench.config}: 2 harvests of ahrefs"
    assert lines[1].startswith("           rejected: ")
    assert lines[2] == "targets    7 targets, 1 line rejected"
    assert lines[3].startswith("account    ahrefs: 12,345 API units left; Sandbox")
    assert lines[4:] == [f"Ready: harvester run {bench.config}"]
    assert charged(sandbox)["units_charged"] == before
    assert not bench.out.exists()


def test_check_lists_every_rejected_line(bench: Bench) -> None:
    (bench.folder / "list.txt").write_text("a.com\n" + "".join(f"no target {number}\n" for number in range(60)))
    result = bench.call("check", str(bench.write()))
    assert result.exit_code == 0, result.output
    listed = [line for line in result.stdout.splitlines() if "rejected: " in line]
    assert [f'line {number + 2}: "no target {number}"' in line for number, line in enumerate(listed)] == [True] * 60


def test_check_lists_every_fault_and_ends_with_2(bench: Bench) -> None:
    (bench.folder / "list.txt").unlink()
    bench.provider["key"] = ["env:AHREFS_API_TOKEN", "env:NOT_SET", "env:NOT_SET_EITHER"]
    result = bench.call("check", str(bench.write()))
    assert result.exit_code == 2
    faults = [line for line in result.stdout.splitlines() if line[9] == "!"]
    assert [line.split()[0] for line in faults] == ["targets", "key", "key"]
    assert "no such file" in faults[0]
    assert "[providers.ahrefs] env:NOT_SET: no such environment variable" in faults[1]
    assert result.stdout.splitlines()[-1] == "Not ready: see what is marked with !"


def test_check_tells_a_refused_key_from_a_good_one(bench: Bench) -> None:
    bench.provider["key"] = ["env:AHREFS_API_TOKEN", "env:OTHER"]
    result = bench.call("check", str(bench.write()), OTHER="refused-key-1234")
    assert result.exit_code == 2
    assert "account    ahrefs: 12,345 API units left" in result.stdout
    assert "account  ! ahrefs#2: 401" in result.stdout


def test_check_says_when_keep_leaves_nothing_to_spend(bench: Bench) -> None:
    bench.provider["keep"] = 20_000
    result = bench.call("check", str(bench.write()))
    assert result.exit_code == 2
    assert "12,345 API units are left and keep = 20,000 API units: nothing may be spent" in result.stdout


@pytest.mark.parametrize(
    ("keep", "balance", "said"),
    [
        (None, None, "ahrefs: the key is there; this provider has no free question to try it with"),
        (None, Balance(units_left=None, about="Plan X"), "ahrefs: no limit is told; Plan X"),
        (5, None, "ahrefs: keep = 5, but the account does not tell how much is left: remove `keep`"),
    ],
)
def test_check_says_what_is_not_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, keep: int | None, balance: Balance | None, said: str
) -> None:
    ask = PROVIDERS["ahrefs"].balance
    call = None if balance is None or ask is None else replace(ask, read=lambda _: balance)
    monkeypatch.setitem(cast(dict[str, Provider], PROVIDERS), "ahrefs", replace(PROVIDERS["ahrefs"], balance=call))
    bench.provider |= {"keep": keep} if keep is not None else {}
    assert said in bench.call("check", str(bench.write())).stdout


def test_check_does_not_ask_beside_a_run(bench: Bench, sandbox: Sandbox) -> None:
    before = charged(sandbox)["requests"]
    with key_lock(key_lock_path("ahrefs", bench.base_url, KEY, bench.environ), "job /elsewhere"):
        result = bench.call("check", str(bench.write()))
    assert result.exit_code == 0
    assert "ahrefs: not asked, because job /elsewhere uses the key now" in result.stdout
    assert charged(sandbox)["requests"] == before


def test_check_names_a_provider_that_cannot_be_reached(bench: Bench) -> None:
    bench.base_url = "http://127.0.0.1:1"
    result = bench.call("check", str(bench.write()))
    assert result.exit_code == 2
    assert "account  ! ahrefs: cannot connect to 127.0.0.1:1" in result.stdout


def test_a_list_without_a_target_is_a_fault_of_check(bench: Bench) -> None:
    (bench.folder / "list.txt").write_text("# none\n")
    result = bench.call("check", str(bench.write()))
    assert result.exit_code == 2
    assert "targets  ! 0 targets" in result.stdout
