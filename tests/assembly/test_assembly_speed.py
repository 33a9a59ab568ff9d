"""How fast a run went, from two looks at the counts."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from harvester.assembly.speed import RUN, Speed, note_begin, note_end, speed_of
from harvester.engine.checkpoint import Census, SqliteCheckpoint, make_tables
from harvester.engine.checkpoint.census import HarvestCount, ProviderCount
from harvester.engine.ports import State, Tally

BEGAN = datetime(2026, 11, 1, 12, tzinfo=UTC)


def census(*, complete: int, waiting: int, requests: int, rows: int) -> Census:
    tasks = dict.fromkeys(State, 0) | {State.COMPLETE: complete, State.WAITING: waiting}
    return Census(
        targets=9,
        rejected=0,
        harvests={"a": HarvestCount(tasks=tasks, targets=0, pages=0, rows=0, units=0)},
        providers={
            "moz": ProviderCount(tally=Tally(requests=requests, rows=rows), units_held=0, balance=None),
            "ahrefs": ProviderCount(tally=Tally(requests=7), units_held=0, balance=None),
        },
        outputs={},
    )


BEFORE = census(complete=10, waiting=90, requests=100, rows=5000)
AFTER = census(complete=40, waiting=60, requests=160, rows=8000)


@pytest.fixture
def checkpoint() -> Iterator[SqliteCheckpoint]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        make_tables(db)
        yield SqliteCheckpoint(db)


def test_a_run_that_goes_on_is_measured_until_now(checkpoint: SqliteCheckpoint) -> None:
    note_begin(checkpoint, BEFORE, BEGAN)
    speed = speed_of(checkpoint.meta(RUN), AFTER, BEGAN + timedelta(seconds=120))
    assert speed == Speed(seconds=120.0, requests=60, rows=3000, tasks=30, tasks_left=60)
    assert speed.left_s == 240.0
    assert checkpoint.meta("stopped_by") == ""


def test_a_run_that_ended_is_measured_until_its_end(checkpoint: SqliteCheckpoint) -> None:
    note_begin(checkpoint, BEFORE, BEGAN)
    note_end(checkpoint, "budget", BEGAN + timedelta(seconds=60))
    speed = speed_of(checkpoint.meta(RUN), AFTER, None)
    assert speed is not None
    assert speed.seconds == 60.0
    assert checkpoint.meta("stopped_by") == "budget"


def test_a_new_run_forgets_why_the_last_one_stopped(checkpoint: SqliteCheckpoint) -> None:
    note_end(checkpoint, "budget", BEGAN)
    note_begin(checkpoint, BEFORE, BEGAN)
    assert checkpoint.meta("stopped_by") == ""


def test_nothing_is_told_of_a_run_that_was_cut_off_or_did_nothing(checkpoint: SqliteCheckpoint) -> None:
    assert speed_of(None, AFTER, BEGAN) is None
    note_begin(checkpoint, BEFORE, BEGAN)
    note = checkpoint.meta(RUN)
    assert speed_of(note, AFTER, None) is None, "cut off"
    assert speed_of(note, BEFORE, BEGAN + timedelta(seconds=60)) is None, "no request"
    assert speed_of(note, AFTER, BEGAN + timedelta(seconds=0.5)) is None, "too short to tell"
    assert speed_of(note, AFTER, BEGAN - timedelta(seconds=60)) is None, "the clock was set back"


def test_before_a_task_is_done_nobody_knows_how_long_it_takes() -> None:
    assert Speed(seconds=60.0, requests=5, rows=5, tasks=0, tasks_left=9).left_s is None
