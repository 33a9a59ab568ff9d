"""`harvester status`: the form that other people's scripts read, and the words."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cli_kit import KEY, Bench, lines_of, names, row_of, sandbox_beside

from harvester.assembly.speed import RUN
from harvester.engine.checkpoint import SqliteCheckpoint, open_database
from harvester.locks import directory_lock
from harvester.sandbox.app import Options, Sandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    options = Options(rates={"ahrefs": "unlimited"}, units={"ahrefs": 1_000_000}, keys={"ahrefs": (KEY,)})
    with sandbox_beside(options) as running:
        yield running


@pytest.fixture
def bench(sandbox: Sandbox, tmp_path: Path) -> Bench:
    job = {"targets": {"inline": [*names(3), "no target", names(1)[0]]}}
    return Bench(tmp_path, sandbox.base_urls["ahrefs"], job=job, provider={"row_cap": 250, "budget": 500_000})


def shape(value: object) -> object:
    """Return the keys of a JSON object in their order, and theirs."""
    return {name: shape(item) for name, item in value.items()} if isinstance(value, dict) else type(value).__name__


def test_the_json_form_is_as_promised_to_the_letter(bench: Bench) -> None:
    bench.harvests = [{"report": "backlinks"}, {"report": "lost-backlinks", "max_rows": 1}]
    assert bench.run().exit_code == 0
    found = bench.status()
    assert list(found) == ["job", "state", "stopped_by", "targets", "targets_rejected", "tasks", "providers", "outputs"]
    assert (found["job"], found["state"], found["stopped_by"]) == ("j", "complete", None)
    assert (found["targets"], found["targets_rejected"]) == (3, 1)
    assert json.dumps(found["tasks"]) == '{"complete": 6, "incomplete": 0, "set_aside": 0, "open": 0, "waiting": 0}'
    spent = found["providers"]["ahrefs"]
    assert list(spent) == [
        "unit",
        "requests",
        "retries",
        "throttled",
        "rows",
        "units_spent",
        "units_in_doubt",
        "units_held",
        "budget",
        "balance",
    ]
    tasks = lines_of(bench.out / "tasks.jsonl")
    assert (spent["unit"], spent["retries"], spent["throttled"]) == ("API units", 0, 0)
    assert spent["requests"] == sum(task["pages"] for task in tasks)
    assert spent["rows"] == sum(task["rows"] for task in tasks)
    assert spent["units_spent"] == sum(task["units"] for task in tasks)
    assert (spent["units_in_doubt"], spent["units_held"], spent["budget"]) == (0, 0, 500_000)
    assert 0 < spent["balance"] <= 1_000_000
    assert found["outputs"] == {
        path.name: {"records": len(lines_of(path)), "bytes": path.stat().st_size}
        for path in (bench.out / "ahrefs.backlinks.jsonl", bench.out / "ahrefs.lost-backlinks.jsonl")
    }


def test_a_harvest_without_rows_has_an_output_all_the_same(bench: Bench) -> None:
    bench.provider["budget"] = 0
    assert bench.run().exit_code == 4
    found = bench.status()
    assert found["outputs"] == {"ahrefs.backlinks.jsonl": {"records": 0, "bytes": 0}}
    assert found["tasks"] == {"complete": 0, "incomplete": 0, "set_aside": 0, "open": 0, "waiting": 3}


def test_the_text_form_says_the_same_in_words(bench: Bench) -> None:
    bench.run("--max-targets", "2")
    text = bench.call("status", str(bench.out)).stdout
    lines = text.splitlines()
    assert lines[0] == "j: stopped (max-targets); 3 targets, 1 line rejected"
    harvest, provider = row_of(text, "ahrefs.backlinks"), row_of(text, "ahrefs")
    assert [harvest[name] for name in ("tasks", "complete", "set aside", "left")] == ["3", "2", "0", "1"]
    assert harvest["records"] == f"{len(bench.records()):,}"
    balance = bench.status()["providers"]["ahrefs"]["balance"]
    assert (provider["budget"], provider["balance"]) == ("500,000", f"{balance:,}")
    assert lines[-1] == 'rejected: inline line 4: "no target": a blank or control character inside'


def test_speed_is_told_of_the_last_run_and_of_one_that_goes_on(bench: Bench) -> None:
    bench.run("--max-targets", "2")
    count = len(bench.records())
    requests = bench.status()["providers"]["ahrefs"]["requests"]
    with closing(open_database(bench.out)) as db:
        note = {"began": "2026-11-01T12:00:00Z", "requests": 0, "rows": 0, "tasks": 0}
        SqliteCheckpoint(db).set_meta({RUN: json.dumps(note | {"ended": "2026-11-01T12:02:00Z"})})
    line = bench.call("status", str(bench.out)).stdout.splitlines()[1]
    assert line == f"last run: {requests / 2:.1f} requests/min, {count / 2:,.0f} rows/min, for 2 min 00 s"
    with directory_lock(bench.out):
        line = bench.call("status", str(bench.out)).stdout.splitlines()[1]
    assert re.fullmatch(r"running for \S+ days: \S+ requests/min, \S+ rows/min; about \S+ days left", line)


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_a_directory_of_somebody_else_is_named(tmp_path: Path, arguments: list[str]) -> None:
    bench = Bench(tmp_path, "")
    for path in (tmp_path, tmp_path / "nowhere"):
        result = bench.call("status", str(path), *arguments)
        assert result.exit_code == 2
        assert f"{path}: no job directory" in result.stderr
    (tmp_path / "state.sqlite3").write_text("something else entirely, and long enough to be a header " * 9)
    result = bench.call("status", str(tmp_path), *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""


def test_a_missing_manifest_costs_names_and_no_numbers(bench: Bench) -> None:
    bench.run()
    (bench.out / "manifest.json").write_text("{")
    found = bench.status()
    assert found["tasks"]["complete"] == 3
    assert found["providers"]["ahrefs"]["unit"] is None
    assert bench.run().exit_code == 0
    assert bench.status()["providers"]["ahrefs"]["unit"] == "API units"


@pytest.mark.parametrize(
    "manifest",
    ["[1]", '{"harvests": 5, "providers": 7}', '{"harvests": {"h": {}}, "providers": {"ahrefs": {"unit": 1}}}'],
)
def test_a_manifest_of_another_shape_costs_no_more(bench: Bench, manifest: str) -> None:
    bench.run()
    (bench.out / "manifest.json").write_text(manifest)
    found = bench.status()
    assert (found["tasks"]["complete"], found["providers"]["ahrefs"]["unit"]) == (3, None)
    assert bench.call("status", str(bench.out)).exit_code == 0


def test_a_damaged_state_is_named_with_the_remedy(bench: Bench) -> None:
    bench.run()
    with closing(open_database(bench.out)) as db:
        db.execute("UPDATE tasks SET state = 'nonsense'")
        db.execute("INSERT INTO tasks (id, harvest, targets, state) SELECT 1, name, '[]', 'nonsense' FROM harvests")
    result = bench.call("status", str(bench.out))
    assert result.exit_code == 1
    assert "state.sqlite3 cannot be read: 'nonsense' is not a valid State. Put a good copy back" in result.stderr


def test_an_output_without_a_record_is_listed_as_well(bench: Bench) -> None:
    bench.harvests = [{"report": "backlinks"}, {"report": "anchors"}]
    bench.run("--budget", "ahrefs=0")
    assert bench.status()["outputs"] == {
        "ahrefs.anchors.jsonl": {"records": 0, "bytes": 0},
        "ahrefs.backlinks.jsonl": {"records": 0, "bytes": 0},
    }
