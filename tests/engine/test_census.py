"""What a job's state says of itself."""

from dataclasses import replace
from pathlib import Path

import pytest
from engine_kit import HARVEST, LANE, OUTPUT, checkpoint_in, hold_entry, row_lines, take_names

from harvester.engine.checkpoint import (
    RejectedLine,
    SqliteBooks,
    SqliteCheckpoint,
    Trouble,
    count_targets,
    first_target,
    meta_of,
    open_to_look,
    rejected_values,
    take_census,
    take_in,
    transaction,
    troubles,
)
from harvester.engine.checkpoint.census import HarvestCount, Output, ProviderCount
from harvester.engine.ports import Entry, State, Tally, stage_list
from harvester.errors import StorageError
from harvester.model import Seeds
from harvester.testing import EPOCH


def begin(checkpoint: SqliteCheckpoint, *, per_task: int = 1, targets: int = 5) -> None:
    take_names(checkpoint.db, *(f"{number}.com" for number in range(targets)))
    checkpoint.begin([(HARVEST, "subdomains", per_task)], [(LANE, "acme"), ("acme#2", "acme"), ("other", "other")])


def counts(**tasks: int) -> dict[State, int]:
    return {state: tasks.get(state.value, 0) for state in State}


def test_a_new_job_is_all_waiting(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        begin(checkpoint)
        take_in(checkpoint.db, ["subdomains"], [RejectedLine("x", 1, "?", "no")], may_lack=True)
        census = take_census(checkpoint.db, "subdomains")
    assert (census.targets, census.rejected) == (5, 1)
    assert census.harvests == {HARVEST: HarvestCount(tasks=counts(waiting=5), targets=0, pages=0, rows=0, units=0)}
    nothing = ProviderCount(tally=Tally(), units_held=0, balance=None)
    assert census.providers == {"acme": nothing, "other": nothing}
    assert census.outputs == {}


def test_tasks_are_counted_by_state_whether_drawn_or_not(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        begin(checkpoint, targets=7)
        done, gap, aside, half, _ = checkpoint.draw(HARVEST, 5)
        works = [
            replace(done, state=State.COMPLETE, pages=1, rows=2, units=3),
            replace(gap, state=State.INCOMPLETE, pages=10, rows=20, units=30, reason="cut"),
            replace(aside, state=State.SET_ASIDE, reason="HTTP 500"),
            replace(half, state=State.OPEN, pages=100, rows=200, units=300),
        ]
        checkpoint.commit([Entry(lane=LANE, at=EPOCH, work=work) for work in works], {})
        census = take_census(checkpoint.db, "subdomains")
        assert census.harvests[HARVEST] == HarvestCount(
            tasks=counts(complete=1, incomplete=1, set_aside=1, open=1, waiting=1 + 2),
            targets=3,
            pages=111,
            rows=222,
            units=333,
        )
        assert [census.tasks(state) for state in State] == [3, 1, 1, 1, 1]
        assert troubles(checkpoint.db, 9) == [
            Trouble(harvest=HARVEST, targets=("1.com",), state=State.INCOMPLETE, reason="cut"),
            Trouble(harvest=HARVEST, targets=("2.com",), state=State.SET_ASIDE, reason="HTTP 500"),
        ]
        assert len(troubles(checkpoint.db, 1)) == 1


def test_targets_that_are_not_drawn_yet_are_counted_in_batches(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        begin(checkpoint, per_task=3, targets=8)
        assert take_census(checkpoint.db, "subdomains").tasks(State.WAITING) == 3
        (work,) = checkpoint.draw(HARVEST, 1)
        checkpoint.commit([Entry(lane=LANE, at=EPOCH, work=replace(work, state=State.COMPLETE))], {})
        count = take_census(checkpoint.db, "subdomains").harvests[HARVEST]
        assert (count.tasks, count.targets) == (counts(complete=1, waiting=2), 3)


def test_an_incomplete_task_of_several_targets_counts_all_of_them(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        begin(checkpoint, per_task=2, targets=7)
        first, second, third = checkpoint.draw(HARVEST, 3)
        works = [
            replace(first, state=State.INCOMPLETE, pages=1, rows=20, units=300),
            replace(second, state=State.INCOMPLETE, pages=4, rows=50, units=600),
            replace(third, state=State.OPEN),
        ]
        checkpoint.commit([Entry(lane=LANE, at=EPOCH, work=work) for work in works], {})
        count = take_census(checkpoint.db, "subdomains").harvests[HARVEST]
        assert (count.targets, count.pages, count.rows, count.units) == (4, 5, 70, 900)
        assert [trouble.reason for trouble in troubles(checkpoint.db, 9)] == ["", ""]


def test_the_lanes_of_a_provider_are_summed(tmp_path: Path) -> None:
    tally = Tally(requests=1, retries=2, throttled=3, rows=4, units_spent=5, units_in_doubt=6)
    with checkpoint_in(tmp_path) as checkpoint:
        begin(checkpoint)
        entries = [Entry(lane=lane, at=EPOCH, tally=tally) for lane in (LANE, "acme#2", "other")]
        checkpoint.commit([*entries, hold_entry(1, "a", units=7), hold_entry(2, "b", units=8, lane="acme#2")], {})
        SqliteBooks(checkpoint.db).note_balance(LANE, 100)
        assert take_census(checkpoint.db, "subdomains").providers["acme"].balance == 100
        SqliteBooks(checkpoint.db).note_balance("acme#2", 11)
        assert take_census(checkpoint.db, "subdomains").providers == {
            "acme": ProviderCount(tally=tally + tally, units_held=15, balance=111),
            "other": ProviderCount(tally=tally, units_held=0, balance=None),
        }
        SqliteBooks(checkpoint.db).note_balance(LANE, None)
        assert take_census(checkpoint.db, "subdomains").providers["acme"].balance == 11


def test_outputs_tell_records_and_bytes_as_committed(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        begin(checkpoint)
        entry = Entry(lane=LANE, at=EPOCH, lines=(*row_lines(3, output="tasks.jsonl"), *row_lines(1, 2)))
        checkpoint.commit([entry], {OUTPUT: 16, "tasks.jsonl": 8})
        outputs = take_census(checkpoint.db, "subdomains").outputs
    assert outputs == {OUTPUT: Output(records=2, bytes=16), "tasks.jsonl": Output(records=1, bytes=8)}
    assert list(outputs) == sorted(outputs)


def test_a_census_sees_one_moment_of_a_job_that_goes_on(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        begin(checkpoint)
        looking = open_to_look(tmp_path)
        with transaction(checkpoint.db):  # a run writes
            checkpoint.db.execute("DELETE FROM targets")
            assert take_census(looking, "subdomains").targets == 5
            assert take_census(checkpoint.db, "subdomains").targets == 0, "its own transaction is left open"
            assert checkpoint.db.in_transaction
        assert take_census(looking, "subdomains").targets == 0
        assert not looking.in_transaction
        looking.close()


def test_a_state_that_cannot_be_counted_is_named(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        checkpoint.db.close()
        with pytest.raises(StorageError, match=r"state\.sqlite3 cannot be read: Cannot operate on a closed"):
            take_census(checkpoint.db, "subdomains")


def test_targets_are_counted_as_a_scope_asks_about_them(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        begin(checkpoint)
        assert (count_targets(checkpoint.db, "subdomains"), count_targets(checkpoint.db, "url")) == (5, 0)
        assert meta_of(checkpoint.db, "scope") is None


def test_the_first_target_is_the_first_of_the_list_as_a_scope_spells_it(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        assert first_target(checkpoint.db, "subdomains") is None
        take_names(checkpoint.db, "b.com", "a.com")
        assert first_target(checkpoint.db, "subdomains") == "b.com"
        assert first_target(checkpoint.db, "url") is None


def test_values_that_are_no_targets_are_counted_and_told_for_the_stage_that_they_came_for(tmp_path: Path) -> None:
    stages = ("deep", "other")
    with checkpoint_in(tmp_path) as checkpoint:
        take_names(checkpoint.db, "a.com")
        lists = [(name, stage_list(name), 1) for name in stages]
        checkpoint.begin([(HARVEST, "subdomains", 1), *lists], [(LANE, "acme")])
        take_in(checkpoint.db, ["subdomains"], [RejectedLine(stage_list("deep"), 7, "?", "a line")], may_lack=True)
        (work,) = checkpoint.draw(HARVEST, 1)
        seeds = tuple(
            Seeds(name, "subdomains", {}, {f"{text} {name}": "no host" for text in "zya"[:count]})
            for name, count in zip(stages, (3, 1), strict=True)
        )
        checkpoint.commit([Entry(lane=LANE, at=EPOCH, work=work, seeds=seeds)], {})
        census = take_census(checkpoint.db, "subdomains")
        assert [census.harvests[name].rejected for name in stages] == [3, 1]
        assert rejected_values(checkpoint.db, "deep", 2) == [("z deep", "no host"), ("y deep", "no host")]
