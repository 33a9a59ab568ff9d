"""Rounds: a finished job is put away whole, whatever cuts the move off, and the next one begins where it ended."""

import io
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harvester.assembly.status import read_status
from harvester.codec import parse
from harvester.config import JobConfig, job_of
from harvester.engine.checkpoint import SqliteCheckpoint, break_seal, meta_of, open_to_look
from harvester.engine.ports import Entry, Lines, State, Tally, Work
from harvester.engine.sink import JsonLines
from harvester.errors import ConfigError, StorageError
from harvester.job import compile_job
from harvester.jobdir import JobDirectory, job_directory
from harvester.rounds import Rounds, between_rounds, finish_move, round_directory, rounds_in, turn

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
NAME = "ahrefs.lost-backlinks"
CAPTURED = f"replies/{NAME}.jsonl.zst"


def config_of(folder: Path, *, targets: Sequence[str] = ("a.com", "b.com"), **harvest: Any) -> JobConfig:
    return job_of(
        {
            "job": {"name": "j", "targets": {"inline": list(targets)}},
            "providers": {"ahrefs": {"key": ["env:K", "env:L"]}},
            "harvest": [{"provider": "ahrefs", "report": "lost-backlinks", "since": "last", **harvest}],
        },
        folder / "j.toml",
    )


@contextmanager
def opened(
    config: JobConfig, *, now: datetime = NOW, again: bool = False, said: list[str] | None = None
) -> Iterator[JobDirectory]:
    notice = (lambda _: None) if said is None else said.append
    with job_directory(config, now, io.BytesIO(), notice, again=again) as directory:
        yield directory


def ask(directory: JobDirectory, *, count: int, at: datetime = NOW, state: State = State.COMPLETE) -> None:
    """Ask about so many targets, as a run would; each brings one row."""
    checkpoint = SqliteCheckpoint(directory.db)
    outputs = [f"{NAME}.jsonl", "tasks.jsonl", "rejects.jsonl", CAPTURED]
    checkpoint.begin([(NAME, "subdomains", 1)], [("ahrefs", "ahrefs"), ("ahrefs#2", "ahrefs")], outputs=outputs)
    sink = JsonLines(directory.path, checkpoint.output_bytes(), outputs)
    with closing(sink):
        for work in checkpoint.draw(NAME, count):
            lines = [Lines(name, b'{"n":1}\n', 1) for name in (outputs[0], outputs[1], CAPTURED)]
            done = Work(task=work.task, state=state, pages=1, rows=1, units=30, reason="a remark")
            entry = Entry(
                lane="ahrefs", at=at, tally=Tally(requests=1, units_spent=30, units_in_doubt=5), work=done,
                lines=tuple(lines), learnt={"row_cap": 250},
            )  # fmt: skip
            checkpoint.commit([entry], sink.write(lines))


def finished(config: JobConfig, *, now: datetime = NOW, again: bool = False, state: State = State.COMPLETE) -> None:
    """Do a round to its end."""
    with opened(config, now=now, again=again) as directory:
        ask(directory, count=9, at=now, state=state)
    (config.output / "harvester.log").write_text("what happened\n")


def tree(directory: Path) -> dict[str, bytes]:
    """Return every file below a directory."""
    files = (path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in files}


def meta(directory: Path, key: str) -> str | None:
    with closing(open_to_look(directory)) as db:
        return meta_of(db, key)


# What --again does


def test_a_finished_job_becomes_a_round_that_is_a_job_directory_itself(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    finished(config)
    before = read_status(config.output).as_json()
    rows = (config.output / f"{NAME}.jsonl").read_bytes()
    said: list[str] = []
    with opened(config, now=NOW + WEEK, again=True, said=said):
        assert read_status(config.output).census.targets == 2
    first = round_directory(config.output, 1)
    assert read_status(first).as_json() == before
    assert (first / f"{NAME}.jsonl").read_bytes() == rows
    assert {path.name for path in first.iterdir()} == {
        f"{NAME}.jsonl", "tasks.jsonl", "rejects.jsonl", "replies", "manifest.json", "harvester.log", "state.sqlite3",
        "state.sqlite3.b2",
    }  # fmt: skip
    assert break_seal(first), "its state is as it was left"
    assert not (config.output / f"{NAME}.jsonl").exists()
    assert not (config.output / "replies").exists()
    assert said[0] == f"round 1 is put away, into {first}"
    assert parse((config.output / "manifest.json").read_bytes())["round"] == 2


def test_each_round_has_the_next_number(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    for number in range(1, 4):
        finished(config, now=NOW + number * WEEK, again=True)
        assert read_status(config.output).round == number
    assert rounds_in(config.output) == Rounds([1, 2])
    shutil.rmtree(round_directory(config.output, 1))  # nobody needs to keep what they do not want
    finished(config, now=NOW + 4 * WEEK, again=True)
    assert (rounds_in(config.output).done, read_status(config.output).round) == ([2, 3], 4)


def test_what_is_not_finished_is_gone_on_with(tmp_path: Path) -> None:
    config, said = config_of(tmp_path), list[str]()
    with opened(config) as directory:
        ask(directory, count=1)
    with opened(config, now=NOW + WEEK, again=True, said=said) as directory:
        ask(directory, count=9)
        assert directory.job.day == NOW.date()
    assert said[0] == "round 1 is not finished: going on with it; --again begins another one after it"
    assert rounds_in(config.output) == Rounds()
    assert len((config.output / f"{NAME}.jsonl").read_bytes().splitlines()) == 2


def test_again_without_a_job_begins_the_first_round_and_without_a_request_the_same_one(tmp_path: Path) -> None:
    config, said = config_of(tmp_path), list[str]()
    for _ in range(2):
        with opened(config, again=True, said=said):
            pass
    assert rounds_in(config.output) == Rounds()
    assert meta(config.output, "round") == "1"
    assert not any("finished" in line for line in said)


def test_tasks_that_were_set_aside_keep_no_round_from_its_end(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    finished(config, state=State.SET_ASIDE)
    finished(config, again=True)
    assert rounds_in(config.output) == Rounds([1])


def test_a_further_round_may_ask_for_something_else(tmp_path: Path) -> None:
    finished(config_of(tmp_path))
    other = config_of(tmp_path, max_rows=7)
    with pytest.raises(ConfigError, match="fixed since then"), opened(other):
        pass
    finished(other, again=True)
    assert read_status(other.output).round == 2


def test_files_of_somebody_else_stay_where_they_are(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    finished(config)
    for name in ("notes.txt", "replies/mine.txt", "chart.html", "report.html"):
        (config.output / name).write_text("mine")
    with opened(config, again=True):
        pass
    assert {"notes.txt", "replies/mine.txt", "chart.html"} <= tree(config.output).keys()
    assert tree(round_directory(config.output, 1)).keys() & {"notes.txt", "report.html"} == {"report.html"}


def test_a_round_that_was_changed_from_outside_is_not_put_away(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    finished(config)
    (config.output / "tasks.jsonl").unlink()
    before = tree(config.output)
    with pytest.raises(StorageError, match=r"tasks\.jsonl is missing"), opened(config, again=True):
        pass
    assert tree(config.output) == before
    assert rounds_in(config.output) == Rounds()


def test_a_place_that_is_taken_is_not_written_over(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    finished(config)
    round_directory(config.output, 1).mkdir(parents=True)
    with pytest.raises(ConfigError, match="rounds/1: is there already, and round 1 is to go there"):
        turn(config.output, NOW, print, is_again=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "rounds").write_text("")
    with pytest.raises(ConfigError, match="cannot be read as the earlier rounds of a job: Not a directory"):
        rounds_in(tmp_path / "other")
    assert between_rounds(tmp_path / "other") is None


def test_whoever_looks_at_the_state_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of(tmp_path)
    finished(config)
    with closing(open_to_look(config.output)) as db:
        db.execute("PRAGMA journal_mode")
        db.execute("SELECT * FROM meta").fetchall()
        with monkeypatch.context() as patch:
            patch.setattr("harvester.engine.checkpoint.database.BUSY_S", 0.1)
            with pytest.raises(
                StorageError, match=r"state\.sqlite3 cannot be put away: .*SQLITE_BUSY.*same command again"
            ):
                turn(config.output, NOW, print, is_again=True)
    assert rounds_in(config.output) == Rounds()
    turn(config.output, NOW, lambda _: None, is_again=True)
    assert rounds_in(config.output) == Rounds([1])


# What carries over


def test_a_new_round_knows_of_the_keys_and_nothing_of_the_money(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    finished(config)
    with opened(config, now=NOW + WEEK, again=True) as directory:
        lanes = directory.db.execute("SELECT name, last_at, requests, units_spent, used FROM lanes").fetchall()
        facts = directory.db.execute("SELECT provider, name, value FROM facts").fetchall()
        doubts = directory.db.execute("SELECT count(*) FROM doubts").fetchone()
    assert sorted(lanes) == [("ahrefs", NOW.timestamp(), 0, 0, None), ("ahrefs#2", None, 0, 0, None)]
    assert facts == [("ahrefs", "row_cap", 250)]
    assert doubts == (0,)
    with closing(open_to_look(round_directory(config.output, 1))) as db:
        assert db.execute("SELECT sum(units_in_doubt) FROM lanes").fetchone() == (10,)


def test_a_key_that_is_gone_leaves_no_lane_behind(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    finished(config)
    fewer = job_of(
        {**config.as_written, "providers": {"ahrefs": {"key": "env:K"}}},
        tmp_path / "j.toml",
    )
    with opened(fewer, again=True) as directory:
        assert directory.db.execute("SELECT name FROM lanes").fetchall() == [("ahrefs",)]


def test_an_earlier_round_that_cannot_be_read_is_named_with_a_remedy(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    finished(config)
    turn(config.output, NOW, lambda _: None, is_again=True)
    state = round_directory(config.output, 1) / "state.sqlite3"
    state.unlink()
    said = r"round 1 of this job cannot be read: .* or remove it: then it counts"
    with pytest.raises(ConfigError, match=said), opened(config):
        pass
    shutil.rmtree(state.parent)
    with opened(config) as directory:
        assert meta_of(directory.db, "round") == "1"


# Cut off


class CutOff(BaseException):
    """The process ends here."""


def cut_off_after(patch: pytest.MonkeyPatch, count: int) -> None:
    """End the process after so many operations on names and directories."""
    left = count

    def counted(work: Callable[..., Any]) -> Callable[..., Any]:
        def do(*arguments: Any, **more: Any) -> Any:
            nonlocal left
            if left == 0:
                raise CutOff
            left -= 1
            return work(*arguments, **more)

        return do

    for name in ("rename", "mkdir", "rmdir"):
        patch.setattr(Path, name, counted(getattr(Path, name)))
    patch.setattr("harvester.rounds.sync_directories", counted(lambda _: None))


def test_a_move_that_is_cut_off_anywhere_is_ended_by_the_next_run(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    finished(config)
    whole = tree(config.output)
    operations = 0
    for count in range(100):
        work = tmp_path / f"cut{count}"
        shutil.copytree(config.output, work)
        with pytest.MonkeyPatch.context() as patch:
            cut_off_after(patch, count)
            try:
                turn(work, NOW, lambda _: None, is_again=True)
                break
            except CutOff:
                operations += 1
        said = between_rounds(work) if not (work / "state.sqlite3").exists() else None
        if said is None:
            assert read_status(work).state == "complete"
        else:
            assert "round 1 is being put away" in said or "round 2 has not begun" in said
            with pytest.raises(ConfigError, match=f"{work}: round"):
                read_status(work)
        if rounds_in(work).moving is None and not rounds_in(work).done:
            turn(work, NOW, lambda _: None, is_again=True)  # nothing was begun: it is done now
        assert finish_move(work) in (1, None)
        found = tree(work)
        assert {f"rounds/1/{name}" for name in whole} == found.keys()
        assert all(
            content == whole[name.removeprefix("rounds/1/")]
            for name, content in found.items()
            if "state" not in name and "manifest" not in name
        )
    assert operations > 15


def test_two_states_or_none_are_not_guessed_about(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    finished(config)
    part = config.output / "rounds" / "1.part"
    part.mkdir(parents=True)
    shutil.copy(config.output / "tasks.jsonl", part)
    with pytest.raises(StorageError, match=r"is there already, and .* is to go there; remove the wrong one"):
        finish_move(config.output)
    shutil.rmtree(part)
    part.mkdir()
    (config.output / "state.sqlite3").unlink()
    with pytest.raises(StorageError, match=r"being put away, and its state\.sqlite3 is gone"):
        finish_move(config.output)


def test_a_disk_that_refuses_the_move_is_told_and_the_next_run_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(tmp_path)
    finished(config)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refused)
        with pytest.raises(StorageError, match=r"1\.part: the finished round cannot be put away: No space"):
            turn(config.output, NOW, print, is_again=True)
    with opened(config):  # without --again, too: the move was asked for
        pass
    assert rounds_in(config.output) == Rounds([1])


def refused(*_: object) -> None:
    raise OSError(28, os.strerror(28))


def test_nothing_is_told_of_a_directory_without_rounds(tmp_path: Path) -> None:
    assert between_rounds(tmp_path) is None
    assert rounds_in(tmp_path).next == 1
    assert compile_job(config_of(tmp_path), NOW.date()).lanes == ("ahrefs", "ahrefs#2")
