"""The state of a job: holds, tasks, counts, and what a second run finds."""

import errno
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from engine_kit import (
    HARVEST,
    LANE,
    OUTPUT,
    checkpoint_in,
    files_no_larger_than,
    hold_entry,
    row_lines,
    take_names,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.engine.checkpoint import (
    FILE_NAME,
    SqliteCheckpoint,
    TargetLine,
    force_again,
    keep_in_one_file,
    open_database,
    open_to_look,
    take_in,
    transaction,
    troubles,
)
from harvester.engine.checkpoint.database import BEGUN_BYTES, BLOCK_BYTES, _set_up
from harvester.engine.ports import Entry, State, Tally, Work, task_id
from harvester.errors import ConfigError, StorageError
from harvester.testing import EPOCH


def begin(checkpoint: SqliteCheckpoint, *, per_task: int = 1) -> None:
    checkpoint.begin([(HARVEST, "subdomains", per_task)], [(LANE, "acme"), ("acme#2", "acme")])


def begun(directory: Path, *names: str, per_task: int = 1) -> None:
    with checkpoint_in(directory) as checkpoint:
        take_names(checkpoint.db, *names)
        begin(checkpoint, per_task=per_task)


def targets(works: Sequence[Work]) -> list[tuple[str, ...]]:
    return [work.task.targets for work in works]


def keeps(work: Work, **more: object) -> Entry:
    return Entry(lane=LANE, at=EPOCH, work=work, **more)  # type: ignore[arg-type]  # fields of Entry, by name


def test_holds_that_a_crash_left_become_units_in_doubt_and_their_requests_count(tmp_path: Path) -> None:
    begun(tmp_path)
    with checkpoint_in(tmp_path) as checkpoint:
        settled = Entry(lane=LANE, at=EPOCH, settles=1, tally=Tally(requests=1, units_spent=5))
        entries = [hold_entry(number, "a.com", units=20 + number) for number in (1, 2, 3)]
        checkpoint.commit([*entries, hold_entry(4, "a.com", units=7, lane="acme#2"), settled], {})
        assert checkpoint.next_hold_id() == 5
    for _ in range(2):  # the second start finds nothing more
        with checkpoint_in(tmp_path) as checkpoint:
            begin(checkpoint)
            assert checkpoint.lane(LANE)[0] == Tally(requests=3, units_spent=5, units_in_doubt=22 + 23)
            assert checkpoint.lane("acme#2")[0] == Tally(requests=1, units_in_doubt=7)
            assert checkpoint.next_hold_id() == 1


def test_a_request_that_a_crash_left_open_may_have_left_at_the_last_moment(tmp_path: Path) -> None:
    begun(tmp_path)
    later = EPOCH + timedelta(hours=1)
    with checkpoint_in(tmp_path) as checkpoint:
        assert checkpoint.lane(LANE)[1] is None
        checkpoint.commit([hold_entry(1, "a.com")], {})
        assert checkpoint.lane(LANE)[1] == EPOCH.timestamp()
        checkpoint.begin([], [], at=later)
        assert checkpoint.lane(LANE)[1] == later.timestamp()
        assert checkpoint.lane("acme#2")[1] is None
        checkpoint.begin([], [], at=later + timedelta(hours=1))
        assert checkpoint.lane(LANE)[1] == later.timestamp()


def test_a_hold_can_be_ended_once(tmp_path: Path) -> None:
    begun(tmp_path)
    with checkpoint_in(tmp_path) as checkpoint:
        checkpoint.commit([hold_entry(1, "a.com"), Entry(lane=LANE, at=EPOCH, settles=1)], {})
        with pytest.raises(StorageError, match="lacks 1 of 1 holds"):
            checkpoint.commit([Entry(lane=LANE, at=EPOCH, settles=1, tally=Tally(requests=1))], {})
        assert checkpoint.lane(LANE)[0] == Tally(), "nothing of a refused transaction may count"


def test_a_task_can_be_completed_once(tmp_path: Path) -> None:
    begun(tmp_path, "a.com")
    with checkpoint_in(tmp_path) as checkpoint:
        done = keeps(replace(checkpoint.draw(HARVEST, 1)[0], state=State.COMPLETE))
        checkpoint.commit([done], {})
        part = Work.of(HARVEST, ("b.com",), {})
        for again in (done, replace(done, work=replace(part, state=State.OPEN)), replace(done, parts=(part,))):
            with pytest.raises(StorageError, match="lacks 1 of 1 tasks"):
                checkpoint.commit([again], {})


@settings(max_examples=40, deadline=None)  # each example commits to a disk, which others may keep busy
@given(data=st.data())
def test_every_target_is_drawn_once_in_order_whatever_happens_between(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("drawn")
    names = [f"{number}.com" for number in range(data.draw(st.integers(0, 12)))]
    per_task = data.draw(st.integers(1, 4))
    begun(directory, *names, per_task=per_task)
    seen: list[str] = []
    open_works: list[Work] = []
    drawn = True
    while drawn:
        with checkpoint_in(directory) as checkpoint:  # a restart before every step
            begin(checkpoint, per_task=per_task)
            assert sorted(targets(checkpoint.unfinished([HARVEST]))) == sorted(targets(open_works))
            works = checkpoint.draw(HARVEST, data.draw(st.integers(1, 3)))
            seen += [name for work in works for name in work.task.targets]
            drawn = bool(works)
            open_works += works
            for work in data.draw(st.permutations(open_works))[:2]:
                checkpoint.commit([keeps(replace(work, state=State.COMPLETE))], {})
                open_works.remove(work)
    assert seen == names


def test_targets_that_share_a_task_are_drawn_together(tmp_path: Path) -> None:
    begun(tmp_path, "a.com", "b.com", "c.com", "d.com", "e.com", per_task=2)
    with checkpoint_in(tmp_path) as checkpoint:
        assert targets(checkpoint.draw(HARVEST, 2)) == [("a.com", "b.com"), ("c.com", "d.com")]
        take_names(checkpoint.db, "a.com", "b.com", "c.com", "d.com", "e.com", "f.com")
        assert targets(checkpoint.draw(HARVEST, 2)) == [("e.com", "f.com")]
        assert checkpoint.draw(HARVEST, 2) == []


def test_only_the_first_targets_are_drawn_if_so_asked(tmp_path: Path) -> None:
    begun(tmp_path, "a.com", "b.com", "c.com", "d.com")
    with checkpoint_in(tmp_path, most_targets=3) as checkpoint:
        assert targets(checkpoint.draw(HARVEST, 2)) == [("a.com",), ("b.com",)]
        assert targets(checkpoint.draw(HARVEST, 2)) == [("c.com",)]
        assert checkpoint.draw(HARVEST, 2) == []
    with checkpoint_in(tmp_path, most_targets=9) as checkpoint:
        assert targets(checkpoint.draw(HARVEST, 9)) == [("d.com",)]


@pytest.mark.parametrize("most_targets", [None, 30_000])
def test_drawing_from_a_long_list_costs_no_more_than_from_a_short_one(tmp_path: Path, most_targets: int | None) -> None:
    begun(tmp_path, *(f"{number}.com" for number in range(30_000)))
    with checkpoint_in(tmp_path, most_targets=most_targets) as checkpoint:
        checkpoint.draw(HARVEST, 1)
        blocks = 0

        def another_thousand() -> int:
            nonlocal blocks
            blocks += 1
            return 0

        checkpoint.db.set_progress_handler(another_thousand, 1000)  # called every so many steps of SQLite's machine
        checkpoint.draw(HARVEST, 8)
        assert blocks <= 3


def test_tasks_that_have_begun_come_back_first_and_as_they_stood(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        lines = [TargetLine(["a.com"], None), TargetLine(["b.com"], {"client": "x"}), TargetLine(["c.com"], None)]
        take_in(checkpoint.db, ["subdomains"], lines, may_lack=False)
        begin(checkpoint)
        fresh, other, _ = works = checkpoint.draw(HARVEST, 3)
        assert [work.labels for work in works] == [{}, {"b.com": {"client": "x"}}, {}]
        half = replace(
            other, state=State.OPEN, cursor={"at": [1, None]}, pages=2, rows=3, units=4, reason="a page was cut"
        )
        checkpoint.commit([keeps(half)], {})
    with checkpoint_in(tmp_path) as checkpoint:
        assert checkpoint.unfinished([HARVEST]) == [half, fresh, works[2]]
        assert checkpoint.unfinished(["another", HARVEST]) == [half, fresh, works[2]]
        assert checkpoint.unfinished(["another"]) == []


def test_a_task_that_was_set_aside_goes_on_from_where_it_stood(tmp_path: Path) -> None:
    begun(tmp_path, "a.com", "b.com", "c.com")
    with checkpoint_in(tmp_path) as checkpoint:
        fresh, half, incomplete = checkpoint.draw(HARVEST, 3)
        half = replace(half, state=State.OPEN, cursor={"at": 2}, pages=1, rows=2, reason="a page was cut")
        checkpoint.commit([keeps(half)], {})
        given_up = [replace(work, state=State.SET_ASIDE, reason="HTTP 500") for work in (fresh, half)]
        gap = keeps(replace(incomplete, state=State.INCOMPLETE, reason="a gap"))
        checkpoint.commit([*map(keeps, given_up), gap], {})
        assert checkpoint.unfinished([HARVEST]) == []
        assert checkpoint.reopen_set_aside() == 2
        # What an earlier page lacked is still missing when the task comes to its end.
        assert checkpoint.unfinished([HARVEST]) == [half, fresh]
        assert checkpoint.reopen_set_aside() == 0
        checkpoint.commit([keeps(replace(half, state=State.INCOMPLETE))], {})
        assert [trouble.reason for trouble in troubles(checkpoint.db, 9)] == ["a page was cut", "a gap"]


def test_a_complete_task_leaves_only_its_sums(tmp_path: Path) -> None:
    begun(tmp_path, "a.com", "b.com", per_task=2)
    with checkpoint_in(tmp_path) as checkpoint:
        (work,) = checkpoint.draw(HARVEST, 1)
        checkpoint.commit([keeps(replace(work, state=State.COMPLETE, pages=2, rows=3, units=4))], {})
        assert checkpoint.db.execute("SELECT count(*) FROM tasks").fetchone() == (0,)
        sums = checkpoint.db.execute("SELECT complete, complete_targets, pages, rows, units FROM harvests").fetchone()
        assert sums == (1, 2, 2, 3, 4)


def test_facts_keep_their_greatest_value_for_all_keys_of_a_provider(tmp_path: Path) -> None:
    begun(tmp_path)
    with checkpoint_in(tmp_path) as checkpoint:
        checkpoint.commit([Entry(lane=LANE, at=EPOCH, learnt={"rows_per_request": 100, "other": -5})], {})
        checkpoint.commit([Entry(lane="acme#2", at=EPOCH, learnt={"rows_per_request": 250, "other": -7})], {})
        checkpoint.commit([Entry(lane=LANE, at=EPOCH, learnt={"rows_per_request": 99})], {})
        assert checkpoint.facts("acme") == {"rows_per_request": 250, "other": -5}
        assert checkpoint.facts("another") == {}


def test_lanes_and_outputs_are_summed(tmp_path: Path) -> None:
    begun(tmp_path)
    tally = Tally(requests=1, retries=2, throttled=3, rows=4, units_spent=5, units_in_doubt=6)
    late = EPOCH + timedelta(seconds=1.5)
    with checkpoint_in(tmp_path) as checkpoint:
        checkpoint.commit([Entry(lane=LANE, at=EPOCH, tally=tally, lines=row_lines(1, 2))], {OUTPUT: 16})
        checkpoint.commit([Entry(lane=LANE, at=late, tally=tally, lines=row_lines(3))], {OUTPUT: 24})
        assert checkpoint.lane(LANE) == (tally + tally, late.timestamp())
        assert checkpoint.output_bytes() == {OUTPUT: 24}
        assert checkpoint.db.execute("SELECT records FROM outputs").fetchone() == (3,)


def test_remarks_on_the_job_are_kept(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        assert checkpoint.meta("day") is None
        checkpoint.set_meta({"day": "2026-11-01", "scope": "host"})
        checkpoint.set_meta({"day": "2026-11-02"})
    with checkpoint_in(tmp_path) as checkpoint:
        assert (checkpoint.meta("day"), checkpoint.meta("scope")) == ("2026-11-02", "host")


def test_the_identity_of_a_task_is_the_same_in_every_run_and_of_no_other() -> None:
    assert task_id("links", ["a.com"]) == "1fc3b85623a5b3f1"
    assert len({task_id("links", ["a.com", "b.com"]), task_id("links", ["a.comb.com"]), task_id("l", ["a.com"])}) == 3


def test_a_state_that_lacks_a_lane_or_a_harvest_says_so(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        with pytest.raises(StorageError, match="holds nothing of links"):
            checkpoint.draw(HARVEST, 1)
        with pytest.raises(StorageError, match="holds nothing of acme"):
            checkpoint.lane(LANE)


# The file.


def test_the_state_keeps_others_out_and_reaches_the_disk_at_every_commit(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600
        assert checkpoint.db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert checkpoint.db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert checkpoint.db.execute("PRAGMA fullfsync").fetchone() == (1,)
        assert checkpoint.db.execute("PRAGMA application_id").fetchone()[0].to_bytes(4) == b"HRVS"


def test_a_state_waits_for_another_process_and_begins_no_transactions_by_itself(tmp_path: Path) -> None:
    for opening in (open_database, open_to_look):
        with closing(opening(tmp_path)) as db:
            assert db.execute("PRAGMA busy_timeout").fetchone() == (30_000,)
            assert db.isolation_level is None


def test_the_outputs_of_a_job_are_known_before_they_have_rows(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        for _ in range(2):  # a second start finds them there
            checkpoint.begin([], [], outputs=[OUTPUT, "tasks.jsonl"])
        assert checkpoint.output_bytes() == {OUTPUT: 0, "tasks.jsonl": 0}


@pytest.mark.parametrize("opening", [open_database, open_to_look])
def test_what_is_no_state_of_ours_is_refused_by_name_and_left_as_it_is(tmp_path: Path, opening: object) -> None:
    assert callable(opening)
    path = tmp_path / FILE_NAME
    path.write_bytes(b"not a database at all, only some text " * 10)
    open_files = len(os.listdir("/dev/fd"))
    with pytest.raises(ConfigError, match=r"state\.sqlite3: .*file is not a database") as refused:
        opening(tmp_path)
    assert len(os.listdir("/dev/fd")) == open_files, f"it is closed while {refused.value!r} is still about"
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE theirs (x)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=r"state\.sqlite3: a database of another program"):
        opening(tmp_path)
    assert path.read_bytes() == before
    path.unlink()
    open_database(tmp_path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(
        ConfigError, match=r"another version of harvester \(format 99, this one reads 3\)\. Finish the job with"
    ):
        opening(tmp_path)


def test_a_state_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(StorageError, match=r"cannot open .*state\.sqlite3: not a file\. Put the job's state back"):
        open_database(tmp_path)
    with pytest.raises(StorageError, match=r"cannot open .*state\.sqlite3: No such file or directory$"):
        open_database(tmp_path / "gone")


def test_a_damaged_state_is_named_and_not_taken_for_somebody_elses(tmp_path: Path) -> None:
    open_database(tmp_path).close()
    with (tmp_path / FILE_NAME).open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 2000)  # the header is whole, the list of tables is not
    with pytest.raises(StorageError, match=r"state\.sqlite3 cannot be used as a checkpoint: .*malformed"):
        open_database(tmp_path)


def test_a_state_with_other_tables_or_a_torn_index_is_damaged(tmp_path: Path) -> None:
    with closing(open_database(tmp_path)) as db:
        db.execute("CREATE TABLE more (x)")
    with pytest.raises(
        StorageError, match=r"state\.sqlite3 is damaged: its tables are not those of a job\. Put a good"
    ):
        open_database(tmp_path)
    open_database(tmp_path, is_sound=True).close()


def test_a_name_that_changed_in_its_table_alone_is_noticed(tmp_path: Path) -> None:
    with closing(open_database(tmp_path)) as db:
        db.execute("INSERT INTO targets (scope, name, round) VALUES ('host', 'shop-one.example', 1)")
    path = tmp_path / FILE_NAME
    path.write_bytes(path.read_bytes().replace(b"shop-one.example", b"shop-two.example", 1))
    with pytest.raises(StorageError, match=r"is damaged: .*index"):
        open_database(tmp_path)


@pytest.mark.parametrize("change", ["last_target = last_target + 1", "complete_targets = 1"])
def test_a_state_that_would_leave_a_target_out_is_damaged(tmp_path: Path, change: str) -> None:
    begun(tmp_path, "a.com", "b.com", "c.com")
    with checkpoint_in(tmp_path) as checkpoint:
        checkpoint.draw(HARVEST, 1)
    with closing(open_database(tmp_path)) as db:
        db.execute(f"UPDATE harvests SET {change}")
    with pytest.raises(StorageError, match=f"is damaged: the targets of {HARVEST} do not add up"):
        open_database(tmp_path)


def test_a_task_whose_targets_cannot_be_counted_is_damage_too(tmp_path: Path) -> None:
    begun(tmp_path, "a.com")
    with checkpoint_in(tmp_path) as checkpoint:
        checkpoint.draw(HARVEST, 1)
        checkpoint.db.execute("UPDATE tasks SET targets = 'no list'")
    with pytest.raises(StorageError, match=r"state\.sqlite3 cannot be read: malformed JSON"):
        open_database(tmp_path)


def test_a_damaged_state_of_which_sqlite_speaks_no_text_is_named_all_the_same(tmp_path: Path) -> None:
    open_database(tmp_path).close()
    path = tmp_path / FILE_NAME
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE lanes (", b"CREATE TABLE \xf1anes ("))
    with pytest.raises(StorageError, match=r"state\.sqlite3 cannot be used as a checkpoint: .*Put a good copy back"):
        open_database(tmp_path)


def test_what_is_no_file_is_no_state(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / FILE_NAME)
    with pytest.raises(StorageError, match="not a file"):
        open_database(tmp_path)


def test_a_state_whose_damage_is_no_text_is_named_too(tmp_path: Path) -> None:
    open_database(tmp_path).close()
    path = tmp_path / FILE_NAME
    path.write_bytes(path.read_bytes().replace(b"tablefactsfacts", b"table" + b"\xff" * 10))  # SQLite quotes the name
    with pytest.raises(StorageError, match=r"state\.sqlite3 cannot be used as a checkpoint: "):
        open_database(tmp_path)


def test_a_directory_without_a_state_is_no_job_directory(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no job directory: it holds no state\.sqlite3"):
        open_to_look(tmp_path)
    with pytest.raises(ConfigError, match="no job directory: it is not there"):
        open_to_look(tmp_path / "nowhere")
    config = tmp_path / "job.toml"
    config.touch()
    with pytest.raises(ConfigError, match="no job directory: it is a file"):
        open_to_look(config)


def test_a_state_that_is_only_looked_at_cannot_be_changed(tmp_path: Path) -> None:
    open_database(tmp_path).close()
    db = open_to_look(tmp_path)
    with pytest.raises(StorageError, match=r"checkpoint .*state\.sqlite3 cannot be written: .*readonly"):
        SqliteCheckpoint(db).set_meta({"x": "y"})
    db.close()


def test_two_processes_do_not_write_between_each_others_check_and_write(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as one:
        one.set_meta({"n": "0"})

        def count_up() -> None:
            with checkpoint_in(tmp_path) as mine:
                for _ in range(25):
                    with transaction(mine.db):
                        n = int(mine.meta("n") or "0")
                        mine.db.execute("UPDATE meta SET value = ? WHERE key = 'n'", (str(n + 1),))

        threads = [threading.Thread(target=count_up) for _ in range(3)]  # a connection each, as processes have
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert one.meta("n") == "75"


def test_a_transaction_that_fails_changes_nothing_and_the_next_one_works(tmp_path: Path) -> None:
    def breaks(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO meta VALUES ('a', 'b')")
        raise ZeroDivisionError

    with checkpoint_in(tmp_path) as checkpoint:
        with pytest.raises(ZeroDivisionError), transaction(checkpoint.db):
            breaks(checkpoint.db)
        with pytest.raises(StorageError, match="UNIQUE"), transaction(checkpoint.db):
            checkpoint.db.executemany("INSERT INTO meta VALUES (?, 'b')", [("a",), ("a",)])
        assert checkpoint.meta("a") is None
        checkpoint.set_meta({"a": "c"})
        assert checkpoint.meta("a") == "c"


def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        checkpoint.db.execute("PRAGMA cache_size = 1")
        pages = checkpoint.db.execute("PRAGMA page_count").fetchone()[0]
        checkpoint.db.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StorageError, match=r"state\.sqlite3 cannot be written: database or disk is full"):
            checkpoint.set_meta({str(number): "x" * 9000 for number in range(100)})
        checkpoint.db.execute("PRAGMA max_page_count = 100000")
        checkpoint.set_meta({"a": "b"})


def test_nothing_is_committed_any_more_once_the_disk_has_failed(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        for _ in range(2):  # the second time the disk would do it
            with (
                files_no_larger_than((tmp_path / f"{FILE_NAME}-wal").stat().st_size),
                pytest.raises(StorageError, match=r"state\.sqlite3 cannot be written: disk I/O error \(SQLITE_IOERR_"),
            ):
                checkpoint.set_meta({"a": "b"})
        with pytest.raises(StorageError, match="disk I/O error"):
            checkpoint.set_meta({"a": "b"})
        assert checkpoint.meta("a") is None
    with checkpoint_in(tmp_path) as checkpoint:
        checkpoint.set_meta({"a": "b"})


def test_a_state_whose_log_cannot_begin_is_refused() -> None:
    with (
        closing(sqlite3.connect(":memory:")) as db,  # has no log, and SQLite says so without an error
        pytest.raises(
            StorageError,
            match=r"x\.sqlite3 cannot be used .* could not begin its write-ahead log\. The disk failed or is full, "
            r"or is a network share: then choose a job directory on a local disk\.$",
        ),
    ):
        _set_up(db, Path("x.sqlite3"))


def test_a_state_that_may_not_be_on_the_disk_is_written_again_and_stays_as_it_was(tmp_path: Path) -> None:
    force_again(tmp_path)  # nothing is there yet
    with checkpoint_in(tmp_path) as checkpoint:
        checkpoint.set_meta({"a": "b" * 3_000_000})
        shutil.copytree(tmp_path, tmp_path / "died")
    died = tmp_path / "died"
    before = {path.name: path.read_bytes() for path in died.iterdir()}
    changed_ns = {path.name: path.stat().st_mtime_ns for path in died.iterdir()}
    assert max(map(len, before.values())) > 2 * BLOCK_BYTES
    force_again(died)
    assert {path.name: path.read_bytes() for path in died.iterdir()} == before
    again = {path.name for path in died.iterdir() if path.stat().st_mtime_ns > changed_ns[path.name]}
    assert again == {FILE_NAME, f"{FILE_NAME}-wal"}, "its tables are in the log alone"
    with checkpoint_in(died) as checkpoint:
        assert checkpoint.meta("a") == "b" * 3_000_000
    force_again(died)
    assert (died / FILE_NAME).stat().st_size > BEGUN_BYTES


def test_a_state_that_cannot_be_forced_to_disk_again_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    (tmp_path / FILE_NAME).write_bytes(b"begun")
    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(StorageError, match=r"cannot force .*state\.sqlite3 to disk: Input/output error"):
        force_again(tmp_path)


def test_a_state_that_was_closed_is_an_error_of_ours_too(tmp_path: Path) -> None:
    checkpoint = SqliteCheckpoint(open_database(tmp_path))
    checkpoint.db.close()
    questions: list[Callable[[], object]] = [
        lambda: checkpoint.facts("acme"),
        lambda: checkpoint.lane(LANE),
        lambda: checkpoint.meta("day"),
        lambda: checkpoint.unfinished([HARVEST]),
        checkpoint.output_bytes,
        checkpoint.next_hold_id,
    ]
    for question in questions:
        with pytest.raises(StorageError, match=r"state\.sqlite3 cannot be read: Cannot operate on a closed database"):
            question()
    with pytest.raises(StorageError, match=r"state\.sqlite3 cannot be written: Cannot operate on a closed database\.$"):
        checkpoint.set_meta({})


def test_a_state_that_is_to_be_moved_is_one_file_and_says_who_is_in_its_way(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        log = tmp_path / f"{FILE_NAME}-wal"
        assert log.exists()
        checkpoint.db.execute("PRAGMA busy_timeout = 0")
        with closing(open_to_look(tmp_path)) as other:
            other.execute("BEGIN")
            other.execute("SELECT * FROM meta").fetchall()
            with pytest.raises(StorageError) as stopped:
                keep_in_one_file(checkpoint.db)
            other.execute("COMMIT")
        state = tmp_path / FILE_NAME
        assert str(stopped.value) == (
            f"the checkpoint {state} cannot be put away: database is locked (SQLITE_BUSY)."
            " Is another process looking at it? Then run the same command again."
        )
        keep_in_one_file(checkpoint.db)
        assert not log.exists()
