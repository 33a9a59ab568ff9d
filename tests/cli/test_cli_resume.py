"""What a second run of a job directory may change in its config, and what it may not."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_kit import KEY, Bench, lines_of, names, sandbox_beside

from harvester.sandbox.app import Options, Sandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    options = Options(rates={"ahrefs": "unlimited"}, units={"ahrefs": 10**9}, keys={"ahrefs": (KEY,)})
    with sandbox_beside(options) as running:
        yield running


@pytest.fixture
def bench(sandbox: Sandbox, tmp_path: Path) -> Bench:
    """Return a job that has begun: one of its three targets is done."""
    bench = Bench(tmp_path, sandbox.base_urls["ahrefs"], job={"targets": "list.txt"})
    write_list(bench, names(3))
    assert bench.run("--max-targets", "1").exit_code == 0
    return bench


def write_list(bench: Bench, targets: list[str]) -> None:
    (bench.folder / "list.txt").write_text("".join(f"{target}\n" for target in targets))


BACKLINKS = {"report": "backlinks"}
ONE = "[[harvest]] ahrefs.backlinks"


@pytest.mark.parametrize(
    ("table", "change", "said"),
    [
        ("job", {"scope": "host"}, '[job] scope was "subdomains" and is "host"'),
        ("job", {"name": "other", "output": "out/j"}, '[job] name was "j" and is "other"'),
        ("output", {"rows": "raw"}, '[output] rows was "record" and is "raw"'),
        ("output", {"format": "jsonl.gz"}, '[output] format was "jsonl" and is "jsonl.gz"'),
        ("harvests", [BACKLINKS | {"max_rows": 5}], f"{ONE} max_rows was absent and is 5"),
        ("harvests", [BACKLINKS | {"since": "30d"}], f'{ONE} since was absent and is "30d"'),
        ("harvests", [BACKLINKS | {"scope": "host"}], f'{ONE} scope was "subdomains" and is "host"'),
        ("harvests", [BACKLINKS | {"fields": ["url_from", "url_to"]}], f'{ONE} fields was absent and is ["url_from"'),
        ("harvests", [BACKLINKS | {"order_by": "traffic:desc"}], f'{ONE} order_by was absent and is "traffic:desc"'),
        ("harvests", [BACKLINKS | {"filter": {"is_followed": True}}], f"{ONE} filter is_followed was absent and is"),
        ("harvests", [BACKLINKS | {"options": {"protocol": "https"}}], f"{ONE} options protocol was absent and is"),
        ("harvests", [BACKLINKS, {"report": "anchors"}], "[[harvest]] ahrefs.anchors is new"),
        ("harvests", [{"report": "anchors"}], f"{ONE} is gone"),
    ],
)
def test_another_meaning_is_refused_and_named(bench: Bench, table: str, change: Any, said: str) -> None:
    setattr(bench, table, change if table == "harvests" else {**getattr(bench, table), **change})
    before = (bench.out / "tasks.jsonl").read_bytes()
    result = bench.run()
    assert result.exit_code == 2
    assert said in result.stderr
    assert "begun with another config" in result.stderr
    assert "start another job directory with --output" in result.stderr
    assert (bench.out / "tasks.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("provider", {"rate": "60000/minute"}),
        ("provider", {"in_flight": 9, "timeout_s": 60, "row_cap": 250}),
        ("provider", {"budget": 10_000_000}),
        ("harvests", [BACKLINKS | {"page_size": 100}]),
        ("harvests", [{"report": "all-backlinks"}]),
        ("output", {"capture": True}),
        ("job", {"targets": {"inline": names(5)}}),
    ],
)
def test_what_does_not_change_the_rows_may_change(bench: Bench, table: str, change: Any) -> None:
    setattr(bench, table, change if table == "harvests" else {**getattr(bench, table), **change})
    result = bench.run()
    assert result.exit_code == 0, result.stderr
    assert bench.status()["state"] == "complete"


def test_names_at_the_end_of_the_list_are_harvested_too(bench: Bench) -> None:
    write_list(bench, names(5))
    assert bench.run().exit_code == 0
    assert {task["target"] for task in lines_of(bench.out / "tasks.jsonl")} == set(names(5))


def test_a_list_that_lacks_a_known_name_is_refused(bench: Bench) -> None:
    write_list(bench, names(2))
    result = bench.run()
    assert result.exit_code == 2
    assert "no longer in its list (shop-3.example)" in result.stderr
    assert bench.status()["targets"] == 3


def test_a_job_of_which_nothing_was_asked_may_begin_anew(sandbox: Sandbox, tmp_path: Path) -> None:
    bench = Bench(tmp_path, sandbox.base_urls["ahrefs"], provider={"budget": 0})
    assert bench.run().exit_code == 4
    bench.harvests, bench.provider = [{"report": "refdomains"}], {}
    bench.job = {"targets": {"inline": ["shop-9.example"]}}
    assert bench.run().exit_code == 0
    assert {record["target"] for record in bench.records("ahrefs.refdomains")} == {"shop-9.example"}
    assert bench.status()["tasks"]["complete"] == 1


def test_a_list_that_is_not_there_leaves_a_job_that_can_begin(sandbox: Sandbox, tmp_path: Path) -> None:
    bench = Bench(tmp_path, sandbox.base_urls["ahrefs"], job={"targets": "list.txt"})
    assert bench.run().exit_code == 2
    assert bench.status()["state"] == "stopped"
    write_list(bench, names(2))
    assert bench.run().exit_code == 0


def test_a_file_that_was_cut_from_outside_is_not_continued(bench: Bench) -> None:
    path = bench.out / "ahrefs.backlinks.jsonl"
    path.write_bytes(path.read_bytes()[:-10])
    result = bench.run()
    assert result.exit_code == 1
    assert "it was changed from outside" in result.stderr


def test_a_second_process_is_told_who_works_in_the_directory(bench: Bench) -> None:
    fd = os.open(bench.out, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        result = bench.run()
    finally:
        os.close(fd)
    assert result.exit_code == 2
    assert f"{bench.out}: in use by process {os.getpid()} since 20" in result.stderr


def test_whoever_only_looks_does_not_keep_a_run_out(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [os.open(bench.out, os.O_RDONLY)]
    fcntl.flock(looks[0], fcntl.LOCK_SH)
    monkeypatch.setattr("harvester.jobdir.time.sleep", lambda _: os.close(looks.pop()))
    assert bench.run().exit_code == 0


@pytest.mark.parametrize(("output", "why"), [("/proc/nowhere", "cannot be made the job directory"), ("f", "exists")])
def test_a_directory_that_cannot_be_had_is_named(bench: Bench, output: str, why: str) -> None:
    (bench.folder / "f").touch()
    bench.job["output"] = output
    result = bench.run()
    assert result.exit_code == 2
    assert why in result.stderr.lower()
