"""`harvester run`: what it ends with, and that it goes on where it stopped."""

import errno
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_kit import KEY, Bench, charged, lines_of, names, provider_beside, row_of, sandbox_beside

from harvester.sandbox.app import Options, Sandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    options = Options(
        rates={"ahrefs": "unlimited"},
        units={"ahrefs": 10**9},
        keys={"ahrefs": (KEY,)},
        switches=("ahrefs.cache=false",),
    )
    with sandbox_beside(options) as running:
        yield running


@pytest.fixture
def bench(sandbox: Sandbox, tmp_path: Path) -> Bench:
    return Bench(tmp_path, sandbox.base_urls["ahrefs"], provider={"row_cap": 250})


def test_a_job_that_gets_everything_ends_with_0_and_says_what_it_got(bench: Bench) -> None:
    bench.harvests = [{"report": "backlinks"}, {"report": "summary"}]
    result = bench.run()
    assert result.exit_code == 0, result.output
    count = len(bench.records())
    assert count > 50
    pages = bench.status()["providers"]["ahrefs"]["requests"] - 1
    assert row_of(result.stdout, "ahrefs.backlinks") == {
        "harvest": "ahrefs.backlinks",
        "targets": "3",
        "tasks": "3",
        "complete": "3",
        "incomplete": "0",
        "set aside": "0",
        "left": "0",
        "pages": str(pages),
        "records": f"{count:,}",
        "units": f"{30 * count:,}",
    }
    assert "j: complete after" in result.stdout
    assert f"Results: {bench.out}" in result.stdout
    assert result.stderr.splitlines() == [f"j: 4 tasks to do, into {bench.out}"]


def test_every_row_that_was_served_is_in_the_output_once_and_was_paid_once(bench: Bench, sandbox: Sandbox) -> None:
    before = charged(sandbox)
    bench.harvests = [{"report": "backlinks"}, {"report": "refdomains"}]
    assert bench.run().exit_code == 0
    after = charged(sandbox)
    assert len(bench.rows()) == sum(task["rows"] for task in lines_of(bench.out / "tasks.jsonl"))
    spent = bench.status()["providers"]["ahrefs"]
    assert spent["units_spent"] == after["units_charged"] - before["units_charged"]
    assert spent["requests"] == after["requests"] - before["requests"] - 1, "the balance is free and no request of ours"


def test_a_complete_job_is_not_asked_again(bench: Bench, sandbox: Sandbox) -> None:
    bench.run()
    before = charged(sandbox)["units_charged"]
    result = bench.run()
    assert result.exit_code == 0
    assert charged(sandbox)["units_charged"] == before
    assert "nothing was left to ask" in result.stdout
    assert "j: 0 of 3 tasks to do" in result.stderr


def test_quiet_prints_the_results_and_nothing_else(bench: Bench) -> None:
    result = bench.run("--quiet")
    assert result.stderr == ""
    assert "complete" in result.stdout


def test_an_empty_budget_stops_with_4_and_a_hint_and_a_higher_one_finishes(bench: Bench, sandbox: Sandbox) -> None:
    before = charged(sandbox)["units_charged"]
    result = bench.run("--budget", "ahrefs=1500")
    assert result.exit_code == 4
    assert charged(sandbox)["units_charged"] - before <= 1500
    assert "j: stopped (budget)" in result.stdout
    assert "To go on: raise `budget` in the config or with --budget" in result.stderr
    status = bench.status()
    assert (status["state"], status["stopped_by"]) == ("stopped", "budget")
    assert status["providers"]["ahrefs"]["budget"] == 1500

    finished = bench.run("--budget", "ahrefs=1000000")
    assert finished.exit_code == 0, finished.output
    assert bench.status()["stopped_by"] is None
    whole = Bench(bench.folder / "whole", bench.base_url)
    whole.folder.mkdir()
    whole.run()
    assert _told(bench) == _told(whole)


def test_what_a_key_spent_counts_after_a_key_was_taken_out(bench: Bench) -> None:
    bench.provider["key"] = ["env:OTHER", "env:AHREFS_API_TOKEN"]
    bench.job["targets"] = {"inline": names(8)}
    assert bench.run("--budget", "ahrefs=3000", OTHER="refused-so-that-the-second-spends").exit_code == 4
    assert 2000 < bench.status()["providers"]["ahrefs"]["units_spent"] <= 3000
    bench.provider["key"] = ["env:AHREFS_API_TOKEN"]
    assert bench.run("--budget", "ahrefs=3000").exit_code == 4
    assert bench.status()["providers"]["ahrefs"]["units_spent"] <= 3000


def test_one_refused_key_of_two_does_not_make_a_complete_job_a_stopped_one(bench: Bench) -> None:
    bench.provider |= {"key": ["env:OTHER", "env:AHREFS_API_TOKEN"], "in_flight": 1}
    result = bench.run(OTHER="no-such-key-at-all")
    assert result.exit_code == 0, result.output
    assert "stopped: ahrefs: 401" in result.stdout


def test_the_same_key_twice_is_refused_before_anything_waits_for_it(bench: Bench) -> None:
    bench.provider["key"] = ["env:AHREFS_API_TOKEN", "env:OTHER"]
    result = bench.run(OTHER=KEY)
    assert result.exit_code == 2
    assert "env:OTHER: the same key as env:AHREFS_API_TOKEN; name each key once" in result.stderr


def test_a_refused_key_stops_with_4_and_says_what_to_mend(bench: Bench) -> None:
    bench.key = "sk-wrong-and-secret-123"
    result = bench.run()
    assert result.exit_code == 4
    assert "stopped: ahrefs: 401" in result.stdout
    assert "To go on: mend the key or base_url" in result.stderr
    assert bench.status()["stopped_by"] == "key"


def test_a_report_that_the_plan_lacks_stops_only_itself_and_says_so(tmp_path: Path) -> None:
    switches = ("ahrefs.insufficient_plan=anchors",)
    with sandbox_beside(Options(keys={"ahrefs": (KEY,)}, switches=switches)) as sandbox:
        bench = Bench(tmp_path, sandbox.base_urls["ahrefs"], harvests=[{"report": "anchors"}, {"report": "backlinks"}])
        result = bench.run()
    assert result.exit_code == 4
    assert "stopped: ahrefs.anchors: 403: Insufficient plan" in result.stdout
    assert "To go on: see what the provider says of the report" in result.stderr
    assert bench.status()["tasks"] == {"complete": 3, "incomplete": 0, "set_aside": 0, "open": 3, "waiting": 0}


def test_an_incomplete_task_ends_with_3_and_names_what_is_missing(tmp_path: Path) -> None:
    switches = ("ahrefs.batch_missing=true",)
    with sandbox_beside(Options(keys={"ahrefs": (KEY,)}, switches=switches)) as sandbox:
        bench = Bench(tmp_path, sandbox.base_urls["ahrefs"], harvests=[{"report": "summary"}])
        bench.job["targets"] = {"inline": names(30)}
        result = bench.run()
    assert result.exit_code == 3
    assert "j: finished with gaps" in result.stdout
    assert "incomplete: ahrefs.summary shop-" in result.stdout
    assert "no row came for" in result.stdout
    assert "--retry-set-aside" not in result.stderr, "asking again would not help"
    (task,) = lines_of(bench.out / "tasks.jsonl")
    assert (task["complete"], task["state"]) == (False, "incomplete")


def test_what_was_set_aside_ends_with_3_and_is_tried_again_on_request(tmp_path: Path) -> None:
    ill = {"shop-2.example"}

    def answer(path: str, _headers: object) -> tuple[int, object]:
        if any(name in path for name in ill):
            return 400, {"error": "bad target"}
        return 200, {"metrics": {"live": 1, "all_time": 2, "live_refdomains": 1, "all_time_refdomains": 2}}

    with provider_beside(answer) as base_url:
        bench = Bench(tmp_path, base_url, harvests=[{"report": "totals"}])
        result = bench.run()
        assert result.exit_code == 3
        assert "set aside: ahrefs.totals shop-2.example: 400: bad target" in result.stdout
        assert "To try again what was set aside: the same command with --retry-set-aside." in result.stderr
        assert bench.status()["tasks"]["set_aside"] == 1
        assert bench.run().exit_code == 3, "without being asked to, it is not tried again"

        ill.clear()
        again = bench.run("--retry-set-aside")
    assert again.exit_code == 0, again.output
    assert "1 of 3 tasks to do" in again.stderr
    assert sorted(record["target"] for record in bench.records("ahrefs.totals")) == names(3)


def test_only_the_first_troubles_are_shown_and_the_rest_is_counted(tmp_path: Path) -> None:
    with provider_beside(lambda path, _: (400, {"error": "bad target"})) as base_url:
        bench = Bench(tmp_path, base_url, harvests=[{"report": "totals"}], job={"targets": {"inline": names(7)}})
        lines = bench.run().stdout.splitlines()
    assert len([line for line in lines if line.startswith("set aside: ahrefs.totals shop-")]) == 5
    assert "and 2 more tasks like that: see `reason` in tasks.jsonl" in lines
    assert bench.call("status", str(bench.out)).stdout.count("set aside: ahrefs.totals shop-") == 7


def test_rows_that_cannot_be_read_are_counted_and_kept(tmp_path: Path) -> None:
    with provider_beside(lambda path, _: (200, {"backlinks": ["no object"]})) as base_url:
        bench = Bench(tmp_path, base_url, provider={"row_cap": 250})
        result = bench.run()
    assert "3 rows could not be read: see rejects.jsonl" in result.stdout
    assert len(lines_of(bench.out / "rejects.jsonl")) == 3
    assert "3 rows could not be read" in bench.call("status", str(bench.out)).stdout


def test_max_targets_takes_the_first_and_a_later_run_the_rest(bench: Bench) -> None:
    result = bench.run("--max-targets", "1")
    assert result.exit_code == 0
    assert "j: 1 task" in result.stderr
    assert "done as far as --max-targets goes" in result.stdout
    assert "2 tasks left. To go on, run the same command without --max-targets." in result.stderr
    assert {record["target"] for record in bench.records()} == {"shop-1.example"}
    assert (bench.status()["state"], bench.status()["stopped_by"]) == ("stopped", "max-targets")

    assert bench.run().exit_code == 0
    assert lines_of(bench.out / "tasks.jsonl")[0]["target"] == "shop-1.example"
    assert {record["target"] for record in bench.records()} == set(names(3))


def test_standard_input_can_be_the_list_and_is_not_needed_to_go_on(bench: Bench) -> None:
    bench.job["targets"] = "-"
    assert bench.run("--max-targets", "1", input="shop-1.example\nshop-2.example\nno target\n").exit_code == 0
    result = bench.run(input="")
    assert result.exit_code == 0, result.output
    assert {record["target"] for record in bench.records()} == set(names(2))
    assert bench.status()["targets_rejected"] == 1


def test_an_empty_list_is_refused_every_time(bench: Bench) -> None:
    bench.job["targets"] = "-"
    for _ in range(2):
        result = bench.run(input="# nothing\n-\n")
        assert result.exit_code == 2
        assert "[job] targets: the list holds no target" in result.stderr
        assert 'standard input line 2: "-": ' in result.stderr


def test_capture_keeps_the_replies_as_they_came(bench: Bench, sandbox: Sandbox) -> None:
    bench.output = {"capture": True}
    before = charged(sandbox)["rows_served"]
    assert bench.run().exit_code == 0
    served = charged(sandbox)["rows_served"] - before
    replies = lines_of(bench.out / "replies" / "ahrefs.backlinks.jsonl.zst")
    assert sum(len(json.loads(reply["body"])["backlinks"]) for reply in replies) == served
    assert stat.S_IMODE((bench.out / "replies").stat().st_mode) == 0o700


def test_raw_rows_are_the_providers_own_objects_in_the_envelope(bench: Bench) -> None:
    bench.output = {"rows": "raw"}
    assert bench.run().exit_code == 0
    record = bench.records()[0]
    assert record["target"] == "shop-1.example"
    assert "url_from" in record["raw"]


@pytest.mark.parametrize("format", ["jsonl.gz", "jsonl.zst"])
def test_packed_output_holds_the_same_rows(bench: Bench, format: str) -> None:
    assert bench.run().exit_code == 0
    plain = bench.records()
    bench.output = {"format": format}
    assert bench.run("--output", str(bench.folder / "packed"), "--max-targets", "1").exit_code == 0
    assert bench.run("--output", str(bench.folder / "packed")).exit_code == 0, "a second run appends a frame"
    path = bench.folder / "packed" / f"ahrefs.backlinks.{format}"
    assert sorted(row["url_from"] for row in lines_of(path)) == sorted(row["url_from"] for row in plain)


def test_nobody_else_can_read_the_job_directory(bench: Bench) -> None:
    bench.output = {"capture": True}
    before = os.umask(0)
    try:
        bench.run()
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [bench.out, *bench.out.rglob("*")]}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_the_manifest_tells_what_was_run_and_with_which_versions(bench: Bench) -> None:
    bench.harvests = [{"report": "all-backlinks", "since": "30d"}]
    bench.run()
    manifest: dict[str, Any] = json.loads((bench.out / "manifest.json").read_text())
    assert manifest["harvests"]["ahrefs.backlinks"]["report"] == "backlinks"
    assert manifest["harvests"]["ahrefs.backlinks"]["since"] == "30d"
    assert manifest["providers"]["ahrefs"]["base_url"] == bench.base_url
    assert set(manifest["versions"]) == {"harvester", "python", "suffix_list"}
    assert manifest["config_as_written"]["providers"]["ahrefs"]["key"] == "env:AHREFS_API_TOKEN"


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_the_log_tells_how_the_run_began_and_ended(bench: Bench, log_format: str) -> None:
    bench.run("--log-format", log_format)
    first, *_, last = (bench.out / "harvester.log").read_text().splitlines()
    assert "run of" in first
    assert "complete" in last
    if log_format == "json":
        assert json.loads(last)["level"] == "info"


def test_a_full_disk_ends_the_run_with_1_and_a_sentence(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", is_full)
    result = bench.run()
    assert result.exit_code == 1
    assert "Error: cannot write" in result.stderr
    assert "No space left on device" in result.stderr
    assert "Traceback" not in result.stderr
    assert "No space left on device" in (bench.out / "harvester.log").read_text()


def _told(bench: Bench) -> list[tuple[object, ...]]:
    return sorted((row["target"], row["url_from"], row["url_to"], str(row["anchor"])) for row in bench.records())
