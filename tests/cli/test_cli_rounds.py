"""`run --again` and `changes` on the command line."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from cli_kit import KEY, Bench, sandbox_beside

from harvester.model import Provider
from harvester.providers import PROVIDERS
from harvester.sandbox.app import Options, Sandbox

LOST = "ahrefs.lost-backlinks"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with sandbox_beside(Options(rates={"ahrefs": "unlimited"}, keys={"ahrefs": (KEY,)})) as running:
        yield running


@pytest.fixture
def bench(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    bench = Bench(tmp_path, sandbox.base_urls["ahrefs"])
    bench.harvests = [{"report": "backlinks"}, {"report": "lost-backlinks", "since": "last"}]
    monkeypatch.setattr("harvester.assembly.reconciliation.SAID_FROM_S", 100.0)
    wait_for_no_charge(monkeypatch)
    return bench


def wait_for_no_charge(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox's account shows every charge at once."""
    from dataclasses import replace

    known = cast(dict[str, Provider], PROVIDERS)
    provider = PROVIDERS["ahrefs"]
    assert provider.balance is not None
    monkeypatch.setitem(known, "ahrefs", replace(provider, balance=replace(provider.balance, shows_after_s=0.0)))


def begun(bench: Bench, rounds: int) -> None:
    for _ in range(rounds):
        result = bench.run("--again")
        assert result.exit_code == 0, result.output


def test_the_same_command_does_for_every_week(bench: Bench) -> None:
    today = datetime.now(UTC).date()
    result = bench.run("--again")
    assert result.exit_code == 0
    assert f'{LOST}: since = "last": as without it, for no earlier round is complete' in result.stderr
    result = bench.run("--again")
    assert f"round 1 is put away, into {bench.out}/rounds/1" in result.stderr
    assert f'{LOST}: since = "last": {today}, the day of round 1' in result.stderr
    status = bench.call("status", str(bench.out)).stdout
    assert status.splitlines()[:2] == [
        "j: round 2, complete; 3 targets",
        f'{LOST}: since = "last": {today}, the day of round 1',
    ]
    assert bench.call("status", str(bench.out / "rounds" / "1")).stdout.startswith("j: complete; 3 targets\n")


def test_status_in_json_has_what_it_always_had_until_there_is_a_second_round(bench: Bench) -> None:
    begun(bench, 1)
    first = bench.status()
    begun(bench, 1)
    assert "round" not in first
    second = bench.status()
    assert second.pop("round") == 2
    assert second.keys() == first.keys()


def test_again_and_another_try_of_what_was_set_aside_are_two_things(bench: Bench) -> None:
    result = bench.run("--again", "--retry-set-aside")
    assert result.exit_code == 2
    assert "--again begins another round, --retry-set-aside goes on with this one: choose one" in result.stderr
    assert not bench.out.exists()


def test_a_plan_tells_since_when_it_asks(bench: Bench) -> None:
    def planned() -> tuple[str, object]:
        result = bench.call("plan", str(bench.write()), "--json")
        assert result.exit_code == 0, result.stderr
        found = {item["harvest"]: item for item in json.loads(result.stdout)["harvests"]}
        assert "since_day" not in found["ahrefs.backlinks"]
        return result.stderr, found[LOST]["since_day"]

    said, day = planned()
    assert ("no earlier round is complete" in said, day) == (True, None)
    begun(bench, 1)
    today = datetime.now(UTC).date().isoformat()
    assert planned() == (f'{LOST}: since = "last": {today}, the day of round 1\n', today)


def test_changes_are_a_table_for_people_and_lines_for_programs(bench: Bench) -> None:
    bench.job["targets"] = {"inline": ["shop-2.example"]}
    begun(bench, 2)
    bench.job["targets"] = {"inline": ["shop-2.example", "shop-4.example"]}
    begun(bench, 1)
    text = bench.call("changes", str(bench.out)).stdout
    today = datetime.now(UTC).date()
    lines = text.splitlines()
    assert lines[0] == f"from round 2 ({today}) to round 3 ({today})"
    assert "  1 targets were not asked about in round 2" in lines
    rows = bench.call("changes", str(bench.out), "--format", "jsonl", "--harvest", LOST)
    assert rows.stderr.splitlines()[0] == lines[0]
    found = [json.loads(line) for line in rows.stdout.splitlines()]
    limited = bench.call("changes", str(bench.out), "--format", "jsonl", "--harvest", LOST, "--limit", "1")
    assert len(limited.stdout.splitlines()) == min(1, len(found))
    table = csv.DictReader(io.StringIO(bench.call("changes", str(bench.out), "--format", "csv").stdout))
    assert (table.fieldnames or [])[:3] == ["harvest", "change", "target"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from", "2", "--to", "2"], "--from 2 --to 2: expected an earlier and a later round"),
        (["--to", "7"], "--to 7: "),
        (["--from", "9", "--to", "2"], "--from 9: "),
        (["--harvest", "x"], f"--harvest x: the rounds 1 and 2 have ahrefs.backlinks, {LOST}"),
        (["--to", "1"], "has one round, so nothing to compare; the next one: harvester run CONFIG --again"),
    ],
)
def test_rounds_that_are_not_there_are_named(bench: Bench, arguments: list[str], said: str) -> None:
    begun(bench, 2)
    result = bench.call("changes", str(bench.out), *arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_one_round_has_no_changes_and_no_directory_has_none(bench: Bench) -> None:
    begun(bench, 1)
    result = bench.call("changes", str(bench.out))
    assert (result.exit_code, "nothing to compare" in result.stderr) == (2, True)
    result = bench.call("changes", str(bench.folder))
    assert (result.exit_code, "no job directory" in result.stderr) == (2, True)


def test_between_two_rounds_the_last_two_can_be_compared(bench: Bench) -> None:
    begun(bench, 2)
    (bench.out / "rounds" / "2").mkdir()
    for path in [path for path in bench.out.iterdir() if path.name != "rounds"]:
        path.rename(bench.out / "rounds" / "2" / path.name)
    status = bench.call("status", str(bench.out))
    assert (status.exit_code, "round 3 has not begun; round 2 is in" in status.stderr) == (2, True)
    result = bench.call("changes", str(bench.out))
    assert result.exit_code == 0
    assert result.stdout.startswith("from round 1 ")
