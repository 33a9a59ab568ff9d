"""The job directory: one process at a time, one job, one list that only grows."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harvester.codec import parse
from harvester.config import JobConfig, job_of
from harvester.engine.checkpoint import SqliteCheckpoint, count_targets, meta_of
from harvester.engine.ports import Entry, Tally
from harvester.errors import ConfigError, StorageError
from harvester.jobdir import JobDirectory, job_directory

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 11, 20, tzinfo=UTC)


class Keyboard(io.BytesIO):
    """A terminal that would be asked for a list."""

    def isatty(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        raise AssertionError("nobody types a list twice")


def config_of(folder: Path, targets: Any, **harvest: Any) -> JobConfig:
    return job_of(
        {
            "job": {"name": "j", "targets": targets},
            "providers": {"ahrefs": {"key": "env:K"}},
            "harvest": [{"provider": "ahrefs", "report": "lost-backlinks", "since": "30d", **harvest}],
        },
        folder / "j.toml",
    )


@contextmanager
def opened(config: JobConfig, *, now: datetime = NOW, stdin: bytes = b"") -> Iterator[JobDirectory]:
    with job_directory(config, now, io.BytesIO(stdin), lambda _: None) as directory:
        yield directory


def begin(config: JobConfig, *, stdin: bytes = b"") -> None:
    """Open a job for the first time and let one request leave, so that it is bound to what it was begun with."""
    with opened(config, stdin=stdin) as directory:
        checkpoint = SqliteCheckpoint(directory.db)
        checkpoint.begin([("ahrefs.lost-backlinks", "subdomains", 1)], [("ahrefs", "ahrefs")])
        checkpoint.commit([Entry(lane="ahrefs", at=NOW, tally=Tally(requests=1))], {})


def targets_in(directory: JobDirectory) -> int:
    return count_targets(directory.db, "subdomains")


def test_a_job_remembers_its_first_day_so_that_30d_means_one_day_for_ever(tmp_path: Path) -> None:
    config = config_of(tmp_path, {"inline": ["a.com"]})
    begin(config)
    with opened(config, now=LATER) as directory:
        assert directory.job.day == NOW.date()


def test_a_job_of_which_nothing_was_asked_begins_on_the_day_it_is_asked(tmp_path: Path) -> None:
    config = config_of(tmp_path, {"inline": ["a.com", "b.com"]})
    with opened(config):
        pass
    with opened(config_of(tmp_path, {"inline": ["c.com"]}, max_rows=1), now=LATER) as directory:
        assert directory.job.day == LATER.date()
        assert targets_in(directory) == 1


def test_a_list_is_read_again_only_if_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "list.txt").write_text("a.com\nb.com\n")
    config = config_of(tmp_path, "list.txt")
    begin(config)
    with monkeypatch.context() as patch:
        patch.setattr("harvester.jobdir.take_in", None)  # must not be called
        with opened(config) as directory:
            assert targets_in(directory) == 2
    (tmp_path / "list.txt").write_text("a.com\nb.com\nc.com\n")
    with opened(config) as directory:
        assert targets_in(directory) == 3


def test_a_piped_list_may_be_empty_the_second_time_and_is_not_asked_of_a_terminal(tmp_path: Path) -> None:
    config = config_of(tmp_path, "-")
    begin(config, stdin=b"a.com\nb.com\nno target\n")
    with opened(config, stdin=b"") as directory:
        assert targets_in(directory) == 2
    with opened(config, stdin=b"c.com\n") as directory:
        assert targets_in(directory) == 3
    with job_directory(config, NOW, Keyboard(), lambda _: None) as directory:
        assert targets_in(directory) == 3


def test_whoever_is_asked_for_a_list_at_the_keyboard_is_told_so(tmp_path: Path) -> None:
    class Typed(io.BytesIO):
        def isatty(self) -> bool:
            return True

    said: list[str] = []
    with job_directory(config_of(tmp_path, "-"), NOW, Typed(b"a.com\n"), said.append) as directory:
        assert targets_in(directory) == 1
    assert said == ["Reading targets from the terminal: one on each line, Ctrl-D ends the list."]


def test_a_list_without_a_target_is_refused_with_its_first_lines(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("\n".join(f"no target {n}" for n in range(9)))
    config = config_of(tmp_path, "list.txt")
    for _ in range(2):
        with pytest.raises(ConfigError) as caught, opened(config):
            pass
        first, *lines = caught.value.faults
        said = "the list holds no target; expected a host or URL on each line"
        assert first == f"{tmp_path}/j.toml: [job] targets: {said} ({tmp_path}/list.txt)"
        assert len(lines) == 5
        assert lines[0].startswith(f'  {tmp_path}/list.txt line 1: "no target 0": ')


def test_a_long_list_is_announced_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("harvester.jobdir.NOTICE_LINES", 2)
    monkeypatch.setattr("harvester.jobdir.time.monotonic", iter(range(0, 100, 3)).__next__)
    config = config_of(tmp_path, {"inline": [f"s{n}.com" for n in range(5)]})
    with job_directory(config, NOW, io.BytesIO(), said.append):
        pass
    assert said == ["reading targets: 2 lines", "reading targets: 4 lines"]


def test_a_config_that_fits_no_provider_makes_nothing_on_disk(tmp_path: Path) -> None:
    config = config_of(tmp_path, {"inline": ["a.com"]}, order_by="nothing")
    with pytest.raises(ConfigError), opened(config):
        pass
    assert not config.output.exists()


def test_two_at_once_are_refused_and_the_first_is_named(tmp_path: Path) -> None:
    config = config_of(tmp_path, {"inline": ["a.com"]})
    with opened(config) as directory:
        holder = meta_of(directory.db, "holder")
        with pytest.raises(ConfigError, match=f"in use by {holder}; wait for it, or stop it"), opened(config):
            pass
    with opened(config):
        pass


def test_whoever_cannot_be_named_is_somebody_all_the_same(tmp_path: Path) -> None:
    config = config_of(tmp_path, {"inline": ["a.com"]})
    with opened(config):
        for name in ("state.sqlite3", "state.sqlite3-wal", "state.sqlite3-shm"):
            (config.output / name).unlink(missing_ok=True)
        with pytest.raises(ConfigError, match="in use by another harvester process"), opened(config):
            pass


def test_a_directory_of_somebody_else_is_a_fault_of_the_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harvester.jobdir.os.access", lambda *_: False)  # these tests may run as root
    with pytest.raises(ConfigError, match="may not be written by this user"):
        begin(config_of(tmp_path, {"inline": ["a.com"]}))


def test_a_state_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    config = config_of(tmp_path, {"inline": ["a.com"]})
    config.output.mkdir(parents=True)
    (config.output / "state.sqlite3").write_bytes(b"not ours, and long enough to be looked at " * 20)
    with pytest.raises(ConfigError, match="not a job's state"), opened(config):
        pass


def test_a_manifest_that_cannot_be_written_stops_the_run(tmp_path: Path) -> None:
    config = config_of(tmp_path, {"inline": ["a.com"]})
    (config.output / "manifest.json").mkdir(parents=True)
    with pytest.raises(StorageError, match=r"cannot write .*manifest\.json"), opened(config):
        pass


def test_the_manifest_follows_the_config_and_keeps_no_login(tmp_path: Path) -> None:
    config = config_of(tmp_path, {"inline": ["a.com"]})
    begin(config)
    with opened(config, now=LATER):
        manifest = parse((config.output / "manifest.json").read_bytes())
    assert (manifest["day"], manifest["last_run_at"]) == ("2026-11-01", "2026-11-20T00:00:00Z")
    assert manifest["harvests"]["ahrefs.lost-backlinks"]["output"] == "ahrefs.lost-backlinks.jsonl"
    assert list(config.output.glob("*.new")) == []


def test_rows_whose_state_is_gone_are_not_cut_back_to_nothing(tmp_path: Path) -> None:
    config = config_of(tmp_path, {"inline": ["a.com"]})
    config.output.mkdir(parents=True)
    rows = config.output / "tasks.jsonl"
    rows.write_text("{}\n")
    with (
        pytest.raises(
            ConfigError, match=r"holds rows \(tasks.jsonl\), but the state of the job that wrote them is gone"
        ),
        job_directory(config, NOW, io.BytesIO(), print),
    ):
        pass
    assert rows.read_text() == "{}\n"
