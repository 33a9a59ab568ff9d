"""`harvester rebuild`: the same records come again from the kept replies, and others where the mapping is another."""

import json
import socket
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard
from cli_kit import lines_of, sandbox_beside
from click.testing import CliRunner, Result
from rebuild_kit import copied, document, environ_of, every_report, files_of, options, run, written

from harvester.assembly.crops import crops_of
from harvester.assembly.rebuild import compare_job, rebuild_job, replies_of
from harvester.cli import main
from harvester.engine.render import REJECTS, Crop
from harvester.errors import UnknownReply, UnreadableRow
from harvester.job import Job
from harvester.jobdir import existing_directory
from harvester.locks import directory_lock
from harvester.model import Exchange, Forecast, Outlook, Page, Reply, Request, Row, Step, Verdict
from harvester.providers import PROVIDERS


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Harvest every report of every provider, under faults and two kills."""
    folder = tmp_path_factory.mktemp("everything")
    with sandbox_beside(options(faults=0.04, latency_ms=3)) as sandbox:
        config = written(document(sandbox, every_report(sandbox)), folder)
        environ = environ_of(sandbox, folder)
        assert [run(config, environ, kill_at=size) for size in (20_000, 60_000)] == [-9, -9]
        assert run(config, environ) in (0, 3)
    return folder / "out" / "kept"


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Harvest two reports in packed files."""
    folder = tmp_path_factory.mktemp("few")
    with sandbox_beside(options()) as sandbox:
        tables = [{"provider": "ahrefs", "report": "refdomains"}, {"provider": "serpstat", "report": "backlinks"}]
        config = written(document(sandbox, tables, format="jsonl.gz"), folder)
        assert run(config, environ_of(sandbox, folder)) == 0
    return folder / "out" / "kept"


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whatever reaches for the network fail, once the jobs are there."""
    harvested = {"everything", "few"} & set(request.fixturenames)
    for name in harvested:
        request.getfixturevalue(name)
    if not harvested:
        return  # it harvests itself

    def touched(*_: object, **__: object) -> None:
        raise AssertionError("the network was touched")

    for name in ("connect", "connect_ex", "bind", "sendto"):
        monkeypatch.setattr(socket.socket, name, touched)
    monkeypatch.setattr(socket, "getaddrinfo", touched)


def call(*arguments: str) -> Result:
    """Call the command without a key in sight."""
    result = CliRunner().invoke(main, ["rebuild", *arguments], env=dict.fromkeys(_keys(), ""))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


def _keys() -> list[str]:
    return [f"{name.upper()}_KEY" for name in PROVIDERS]


def quiet(_: str) -> None:
    """Say nothing."""


def test_every_record_of_every_report_comes_again_byte_for_byte(everything: Path, tmp_path: Path) -> None:
    there = copied(everything, tmp_path)
    before = files_of(there)
    assert len(before) > 2 * 50, "outputs and replies of more than fifty reports"
    result = call(str(there), "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert {name: (each["changed"], each["added"], each["gone"]) for name, each in told["files"].items()} == (
        dict.fromkeys(told["files"], (0, 0, 0))
    )
    assert sum(each["same"] for each in told["files"].values()) > 2000
    assert files_of(there) == before


def test_what_is_rebuilt_elsewhere_is_the_same_too(everything: Path, tmp_path: Path) -> None:
    before = files_of(everything)
    result = call(str(everything), "--output", str(tmp_path / "new"))
    assert result.exit_code == 0, result.output
    rebuilt = files_of(tmp_path / "new")
    assert rebuilt == {name: content for name, content in before.items() if not name.startswith("replies")}
    assert files_of(everything) == before
    again = call(str(everything), "--output", str(tmp_path / "new"))
    assert again.exit_code == 2
    assert "is there already" in again.stderr


def test_another_mapping_changes_its_fields_and_no_other(everything: Path, tmp_path: Path) -> None:
    there = copied(everything, tmp_path)
    before = {path.name: lines_of(path) for path in there.glob("*.jsonl")}
    rebuilt = rebuild_job(there, quiet, crops=by(Shouting, {"ahrefs.anchors", "semrush.anchors"}))
    changed = {each.name for each in rebuilt.files if not each.is_same}
    assert changed == {"ahrefs.anchors.jsonl", "semrush.anchors.jsonl"}
    for path in there.glob("*.jsonl"):
        for old, new in zip(before[path.name], lines_of(path), strict=True):
            wanted = {**old, "anchor": old["anchor"].upper()} if path.name in changed else old
            assert new == wanted


def test_rows_that_can_be_read_again_move_from_the_rejects_to_the_records(everything: Path, tmp_path: Path) -> None:
    there = copied(everything, tmp_path)
    before = files_of(there)
    names = {"serpstat.refdomains", "dataforseo.overlap"}
    counts = {name: len(lines_of(there / f"{name}.jsonl")) for name in names}
    rebuild_job(there, quiet, crops=by(Picky, names))
    rejects = lines_of(there / REJECTS)
    assert {each["harvest"] for each in rejects} == names
    for name in names:
        mine = [each for each in rejects if each["harvest"] == name]
        left = lines_of(there / f"{name}.jsonl")
        assert 0 < len(mine) < counts[name]
        assert len(mine) + len(left) == counts[name]
        assert not {(each["task"], each["row"]) for each in mine} & {(each["task"], each["row"]) for each in left}
    assert status(there)["outputs"]["serpstat.refdomains.jsonl"]["records"] < counts["serpstat.refdomains"]

    checked = call(str(there), "--check")
    assert checked.exit_code == 0, checked.output
    assert "row 3 is new" in checked.stdout
    assert len(lines_of(there / REJECTS)) == len(rejects), "--check writes nothing"
    assert call(str(there)).exit_code == 0
    assert files_of(there) == before


def test_packed_files_stay_packed_and_what_does_not_differ_stays_as_it_is(few: Path, tmp_path: Path) -> None:
    there = copied(few, tmp_path)
    before = files_of(there)
    assert call(str(there)).exit_code == 0
    assert files_of(there) == before
    rebuild_job(there, quiet, crops=by(Picky, {"ahrefs.refdomains"}))
    after = files_of(there)
    assert {name for name in after if after[name] != before[name]} == {"ahrefs.refdomains.jsonl.gz", REJECTS}
    assert call(str(there)).exit_code == 0
    assert lines_of(there / "ahrefs.refdomains.jsonl.gz") == lines_of(few / "ahrefs.refdomains.jsonl.gz")


def test_a_check_names_the_first_line_that_would_differ_and_how(few: Path) -> None:
    found = compare_job(few, quiet, crops=by(Renaming, {"serpstat.backlinks"}))
    first = next(each.first for each in found.files if each.first is not None)
    assert (first.line, first.row, first.is_new, first.is_gone) == (1, 1, False, False)
    assert list(first.fields) == ["url_to"]
    assert found.files[1].changed == found.files[1].after > 0


def test_raw_rows_become_records_elsewhere(tmp_path: Path, few: Path) -> None:
    raw, back = tmp_path / "raw", tmp_path / "back"
    assert call(str(few), "--output", str(raw), "--rows", "raw").exit_code == 0
    rows = lines_of(raw / "serpstat.backlinks.jsonl.gz")
    assert {"raw", "task", "row"} <= rows[0].keys()
    assert len(rows) == len(lines_of(few / "serpstat.backlinks.jsonl.gz"))
    assert json.loads((raw / "manifest.json").read_bytes())["config_as_written"]["output"]["rows"] == "raw"
    assert call(str(few), "--output", str(back), "--rows", "record").exit_code == 0
    assert lines_of(back / "serpstat.backlinks.jsonl.gz") == lines_of(few / "serpstat.backlinks.jsonl.gz")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--check", "--output", "x"], "--check writes nothing"),
        (["--rows", "raw"], "--rows changes what the rows of a job are"),
    ],
)
def test_switches_that_do_not_go_together_are_refused(few: Path, arguments: list[str], said: str) -> None:
    result = call(str(few), *arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_job_in_which_somebody_works_is_left_alone(few: Path, tmp_path: Path) -> None:
    there = copied(few, tmp_path)
    with directory_lock(there):
        for arguments in ([], ["--check"], ["--output", str(tmp_path / "new")]):
            result = call(str(there), *arguments)
            assert result.exit_code == 2
            assert "in use by" in result.stderr


def test_what_is_no_job_directory_is_refused(tmp_path: Path) -> None:
    result = call(str(tmp_path))
    assert result.exit_code == 2
    assert "no job directory" in result.stderr
    assert not list(tmp_path.iterdir())


def _remove(path: Path) -> None:
    path.unlink()


def _shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [_remove, _shorten, _flip], ids=lambda harm: harm.__name__)
def test_replies_that_were_tampered_with_are_refused_and_nothing_changes(
    few: Path, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    there = copied(few, tmp_path)
    harm(there / replies_of("serpstat.backlinks"))
    before = files_of(there)
    result = call(str(there))
    assert result.exit_code == 1, result.output
    assert "Put the file back as it was" in result.stderr
    assert files_of(there) == before
    assert not list(there.glob("new~*"))


def test_a_job_without_kept_replies_says_how_to_keep_them(tmp_path: Path, few: Path) -> None:
    there = copied(few, tmp_path)
    change(there, "DELETE FROM outputs WHERE name LIKE 'replies/%'")
    result = call(str(there))
    assert result.exit_code == 2
    assert "`capture = true` under [output]" in result.stderr


def test_replies_that_were_kept_for_a_part_of_the_job_only_are_refused(tmp_path: Path, few: Path) -> None:
    there = copied(few, tmp_path)
    change(there, "UPDATE harvests SET pages = pages + 1 WHERE name = 'serpstat.backlinks'")
    before = files_of(there)
    result = call(str(there))
    assert result.exit_code == 2
    assert "`capture` was off for a part of the job" in result.stderr
    assert files_of(there) == before


def test_a_lost_manifest_and_one_of_another_job_are_refused_with_the_remedy(tmp_path: Path, few: Path) -> None:
    there = copied(few, tmp_path)
    manifest = there / "manifest.json"
    told = json.loads(manifest.read_bytes())
    told["config_as_written"]["job"]["name"] = "another"
    manifest.write_text(json.dumps(told))
    assert "holds another config than the job was begun with" in call(str(there)).stderr
    manifest.write_text("{")
    assert "damaged; `harvester run` with the job's config writes it again" in call(str(there)).stderr
    manifest.unlink()
    result = call(str(there), "--check")
    assert result.exit_code == 2
    assert "cannot be read: No such file or directory; `harvester run` with the job's config" in result.stderr


def test_a_reply_that_can_no_longer_be_read_stops_the_rebuild_before_anything_changes(
    few: Path, tmp_path: Path
) -> None:
    there = copied(few, tmp_path)
    before = files_of(there)
    with pytest.raises(UnknownReply, match="line 1: can no longer be read: forgotten"):
        rebuild_job(there, quiet, crops=by(Forgetful, {"serpstat.backlinks"}))
    with pytest.raises(UnknownReply, match=r"was read as [1-9][0-9]* rows when it came, and is read as 0 now"):
        rebuild_job(there, quiet, crops=by(Blind, {"serpstat.backlinks"}))
    assert files_of(there) == before
    assert not list(there.glob("new~*"))


def test_a_rebuild_that_was_cut_off_is_completed_by_whoever_comes_next(few: Path, tmp_path: Path) -> None:
    there = copied(few, tmp_path)
    (there / "new~rejects.jsonl").write_bytes(b"what a kill left")
    change(there, "INSERT INTO meta VALUES ('swap', '[\"rejects.jsonl\"]')")
    result = call(str(there), "--check")
    assert result.exit_code == 2
    assert f"complete it with: harvester rebuild {there}" in result.stderr
    with existing_directory(there):
        pass
    assert (there / REJECTS).read_bytes() == b"what a kill left"
    assert call(str(there), "--check").exit_code == 0


def test_a_long_rebuild_says_how_far_it_is(few: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harvester.assembly.rebuild.TELL_EACH_S", 0.0)
    said: list[str] = []
    found = compare_job(few, said.append)
    assert len(said) == found.pages
    assert said[-1].startswith(f"rebuilding: {found.pages} of {found.pages} pages")


def rewritten(directory: Path, harvest: str, change_lines: Callable[[list[dict[str, Any]]], None]) -> None:
    """Change what was kept, as if it had come so."""
    path = directory / replies_of(harvest)
    lines = lines_of(path)
    change_lines(lines)
    content = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
    path.write_bytes(zstandard.ZstdCompressor(write_checksum=True).compress(content))
    size = path.stat().st_size
    change(directory, f"UPDATE outputs SET bytes = {size}, records = {len(lines)} WHERE name = 'replies/{path.name}'")


def test_replies_that_could_not_be_read_are_counted_and_are_no_rows(few: Path, tmp_path: Path) -> None:
    def add(lines: list[dict[str, Any]]) -> None:
        lines.append({**lines[0], "rows": None, "body": "{}"})
        lines.append({**lines[0], "rows": None})

    there = copied(few, tmp_path)
    rewritten(there, "serpstat.backlinks", add)
    rows = lines_of(there / "serpstat.backlinks.jsonl.gz")
    result = call(str(there))
    assert result.exit_code == 0, result.output
    assert "whose tasks were set aside: 2; 1 could be now: `harvester run` with --retry-set-aside" in result.stdout
    assert lines_of(there / "serpstat.backlinks.jsonl.gz") == rows


def test_replies_that_an_earlier_version_kept_are_refused(few: Path, tmp_path: Path) -> None:
    there = copied(few, tmp_path)
    rewritten(there, "serpstat.backlinks", lambda lines: lines[1].pop("request"))
    result = call(str(there))
    assert result.exit_code == 2
    assert "serpstat.backlinks.jsonl.zst line 2: it was kept by an earlier version" in result.stderr


def test_replies_of_which_some_are_gone_are_refused(few: Path, tmp_path: Path) -> None:
    there = copied(few, tmp_path)
    change(there, "UPDATE outputs SET records = records + 1 WHERE name LIKE 'replies/serpstat%'")
    result = call(str(there))
    assert result.exit_code == 1
    assert "were stored in it: it was changed" in result.stderr


def test_a_job_that_is_not_finished_is_rebuilt_and_goes_on_afterwards(tmp_path: Path) -> None:
    with sandbox_beside(options()) as sandbox:
        config = written(document(sandbox, [{"provider": "serpstat", "report": "refdomains"}]), tmp_path)
        environ = environ_of(sandbox, tmp_path)
        assert run(config, environ, "--max-targets", "3") == 0
        there = tmp_path / "out" / "kept"
        rebuild_job(there, quiet, crops=by(Renaming, {"serpstat.refdomains"}))
        old = lines_of(there / "serpstat.refdomains.jsonl")
        assert {line["url_to"] for line in old} == {"changed"}
        assert run(config, environ) == 0
        rows = lines_of(there / "serpstat.refdomains.jsonl")
        assert rows[: len(old)] == old
        assert len(rows) > len(old)
        assert len({(line["task"], line["row"]) for line in rows}) == len(rows)
        assert status(there)["state"] == "complete"
        assert call(str(there)).exit_code == 0
        assert "url_to" not in lines_of(there / "serpstat.refdomains.jsonl")[0]


def by(kind: type["Other"], names: set[str]) -> Callable[[Job], Mapping[str, Crop]]:
    """Return a way to make a job's lines in which some harvests are mapped otherwise."""

    def crops(job: Job) -> Mapping[str, Crop]:
        found = crops_of(job)
        return found | {name: replace(found[name], exchange=kind(found[name].exchange)) for name in names}

    return crops


class Other:
    """A harvest as it is, for others to change."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.record = exchange.record
        self.targets_per_task = exchange.targets_per_task

    def ask(self, step: Step) -> Request | None:
        raise AssertionError("nothing may be asked")

    def judge(self, step: Step, request: Request, reply: Reply) -> Verdict:
        return self.exchange.judge(step, request, reply)

    def read(self, step: Step, request: Request, reply: Reply) -> Page:
        return self.exchange.read(step, request, reply)

    def record_of(self, row: Row, arrived_at: datetime) -> dict[str, Any]:
        return self.exchange.record_of(row, arrived_at)

    def forecast(self, outlook: Outlook | None = None) -> Forecast:
        return self.exchange.forecast(outlook)


class Shouting(Other):
    """Reads anchors in capitals."""

    def record_of(self, row: Row, arrived_at: datetime) -> dict[str, Any]:
        record = self.exchange.record_of(row, arrived_at)
        return {**record, "anchor": record["anchor"].upper()}


class Renaming(Other):
    """Changes one field."""

    def record_of(self, row: Row, arrived_at: datetime) -> dict[str, Any]:
        return {**self.exchange.record_of(row, arrived_at), "url_to": "changed"}


class Picky(Other):
    """Cannot read every third row."""

    count = 0

    def record_of(self, row: Row, arrived_at: datetime) -> dict[str, Any]:
        self.count += 1
        if self.count % 3 == 0:
            raise UnreadableRow("the third")
        return self.exchange.record_of(row, arrived_at)


class Forgetful(Other):
    """Can no longer read a reply."""

    def read(self, step: Step, request: Request, reply: Reply) -> Page:
        raise UnknownReply("forgotten")


class Blind(Other):
    """Sees no row."""

    def read(self, step: Step, request: Request, reply: Reply) -> Page:
        return replace(self.exchange.read(step, request, reply), rows=())


def change(directory: Path, statement: str) -> None:
    """Change the state of a job from outside."""
    (directory / "state.sqlite3.b2").unlink()
    with closing(sqlite3.connect(directory / "state.sqlite3")) as db:
        db.execute(statement)
        db.commit()


def status(directory: Path) -> dict[str, Any]:
    """Return what `status --json` says."""
    result = CliRunner().invoke(main, ["status", str(directory), "--json"])
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found
