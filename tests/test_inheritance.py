"""What a round takes over from those before it: the day of `since = "last"`, decided once and kept."""

import io
import shutil
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harvester.config import JobConfig, job_of
from harvester.engine.checkpoint import SqliteCheckpoint, open_to_look
from harvester.engine.ports import Entry, State, Tally, Work
from harvester.errors import ConfigError
from harvester.inheritance import next_round
from harvester.job import compile_job
from harvester.jobdir import job_directory
from harvester.rounds import round_directory
from harvester.since_last import Last, Lasts, lasts_of, told

FIRST = date(2026, 11, 2)
A_WEEK = timedelta(days=7)
LOST, NEW = "ahrefs.lost-backlinks", "ahrefs.new-backlinks"


def config_of(folder: Path, *harvests: dict[str, Any], report: str = "lost-backlinks", **harvest: Any) -> JobConfig:
    tables = harvests or ({"report": report, "since": "last", **harvest},)
    return job_of(
        {
            "job": {"name": "j", "targets": {"inline": ["a.com", "b.com"]}},
            "providers": {"ahrefs": {"key": "env:K"}, "semrush": {"key": "env:S"}},
            "harvest": [{"provider": "ahrefs", **table} for table in tables],
        },
        folder / "j.toml",
    )


def do_round(config: JobConfig, number: int, *, states: Sequence[State] = (State.COMPLETE,), of: str = "") -> Lasts:
    """Do a round to its end, in its week; each harvest's tasks end in the states by turns. Return its lasts.

    `of`: only of this harvest; all others are complete.
    """
    day = FIRST + (number - 1) * A_WEEK
    now = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    with job_directory(config, now, io.BytesIO(), lambda _: None, again=True) as directory:
        checkpoint = SqliteCheckpoint(directory.db)
        names = [item.harvest.name for item in directory.job.harvests]
        checkpoint.begin([(name, "subdomains", 1) for name in names], [("ahrefs", "ahrefs")])
        for name in names:
            ends = states if of in ("", name) else (State.COMPLETE,)
            for at, work in enumerate(checkpoint.draw(name, 9)):
                done = Work(task=work.task, state=ends[at % len(ends)], reason="why")
                checkpoint.commit([Entry(lane="ahrefs", at=now, tally=Tally(requests=1), work=done)], {})
        return lasts_of(directory.db)


def last_of(folder: Path, number: int, **harvest: Any) -> Last:
    """Return what `since = "last"` means in a round that is done now."""
    return do_round(config_of(folder, **harvest), number)[LOST]


def test_the_first_round_asks_as_without_since(tmp_path: Path) -> None:
    assert last_of(tmp_path, 1) == Last(None)


def test_each_round_asks_from_the_day_on_which_the_one_before_began(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        found = last_of(tmp_path, number)
    assert found == Last(FIRST + A_WEEK, 2)


@pytest.mark.parametrize("state", [State.SET_ASIDE, State.INCOMPLETE])
def test_a_round_that_has_not_all_of_it_is_skipped(tmp_path: Path, state: State) -> None:
    last_of(tmp_path, 1)
    do_round(config_of(tmp_path), 2, states=(State.COMPLETE, state))
    assert last_of(tmp_path, 3) == Last(FIRST, 1)


@pytest.mark.parametrize("is_by_condition", [False, True])
def test_a_round_whose_targets_may_have_lacked_some_is_skipped(tmp_path: Path, is_by_condition: bool) -> None:
    taken: dict[str, Any] = {"targets_from": {"harvest": "rivals", "field": "competitor"}}
    staged: dict[str, Any] = {"report": "lost-backlinks", "since": "last", **taken}
    harvests: list[dict[str, Any]] = [{"provider": "semrush", "report": "competitors", "name": "rivals"}]
    if is_by_condition:  # the harvest that decides is whole, and the one before it is not
        harvests.append({"provider": "semrush", "report": "summary", "name": "sized", **taken})
        staged["only_if"] = "sized.links > 1"
    config = config_of(tmp_path, *harvests, staged)
    do_round(config, 1)
    do_round(config, 2, states=(State.COMPLETE, State.SET_ASIDE), of="rivals")
    assert do_round(config, 3)[LOST] == Last(FIRST, 1)


@pytest.mark.parametrize(
    "other",
    [
        {"scope": "host"},
        {"filter": {"is_followed": True}},
        {"max_rows": 9},
        {"options": {"protocol": "https"}},
    ],
)
def test_a_round_that_asked_for_other_rows_is_skipped(tmp_path: Path, other: dict[str, Any]) -> None:
    last_of(tmp_path, 1)
    last_of(tmp_path, 2, **other)
    assert last_of(tmp_path, 3) == Last(FIRST, 1)


def test_other_columns_or_another_order_of_all_rows_are_the_same_rows(tmp_path: Path) -> None:
    last_of(tmp_path, 1, order_by="domain_rating_source:desc")
    assert last_of(tmp_path, 2) == Last(FIRST, 1)


def test_another_order_of_the_first_rows_brings_others(tmp_path: Path) -> None:
    last_of(tmp_path, 1, max_rows=5, order_by="domain_rating_source:desc")
    assert last_of(tmp_path, 2, max_rows=5) == Last(None)


@pytest.mark.parametrize(("until", "day"), [("3d", FIRST - timedelta(days=3)), ("2026-10-20", date(2026, 10, 20))])
def test_what_a_round_left_out_by_until_is_asked_for_by_the_next(tmp_path: Path, until: str, day: date) -> None:
    last_of(tmp_path, 1, until=until)
    assert last_of(tmp_path, 2, until=until) == Last(day, 1)


def test_a_clock_that_was_set_back_asks_for_more_and_not_for_the_future(tmp_path: Path) -> None:
    last_of(tmp_path, 3)
    assert last_of(tmp_path, 2) == Last(FIRST + A_WEEK, 1)


def test_each_harvest_has_a_day_of_its_own_and_only_those_that_ask_for_it(tmp_path: Path) -> None:
    both = ({"report": "lost-backlinks", "since": "last"}, {"report": "new-backlinks", "since": "7d"})
    do_round(config_of(tmp_path), 1)
    assert do_round(config_of(tmp_path, *both), 2) == {LOST: Last(FIRST, 1)}


def test_what_was_decided_is_kept_and_fixed(tmp_path: Path) -> None:
    last_of(tmp_path, 1)
    config = config_of(tmp_path)
    now = datetime(2026, 11, 9, 12, tzinfo=UTC)
    with job_directory(config, now, io.BytesIO(), lambda _: None, again=True) as directory:
        checkpoint = SqliteCheckpoint(directory.db)
        checkpoint.begin([(LOST, "subdomains", 1)], [("ahrefs", "ahrefs")])
        checkpoint.draw(LOST, 1)
        checkpoint.commit([Entry(lane="ahrefs", at=now, tally=Tally(requests=1))], {})
    shutil.rmtree(round_directory(config.output, 1))  # nobody needs it any more
    with job_directory(config, now + A_WEEK, io.BytesIO(), lambda _: None, again=True) as directory:
        assert directory.job.harvests[0].harvest.since == FIRST
        assert lasts_of(directory.db) == {LOST: Last(FIRST, 1)}
    fixed = config_of(tmp_path, since="2026-11-01")
    with (
        pytest.raises(ConfigError, match='since was "last" and is "2026-11-01"'),
        job_directory(fixed, now, io.BytesIO(), lambda _: None),
    ):
        pass


def test_a_plan_is_of_the_round_that_the_next_run_does(tmp_path: Path) -> None:
    def planned() -> tuple[date | None, Lasts]:
        job, lasts = next_round(compile_job(config_of(tmp_path), FIRST + 5 * A_WEEK))
        since = job.harvests[0].harvest.since
        assert not isinstance(since, timedelta)
        return since, lasts

    assert planned() == (None, {LOST: Last(None)})
    last_of(tmp_path, 1)
    assert planned() == (FIRST, {LOST: Last(FIRST, 1)})
    do_round(config_of(tmp_path), 2, states=(State.OPEN,))
    assert planned() == (FIRST, {LOST: Last(FIRST, 1)})  # that round goes on
    with closing(open_to_look(tmp_path / "out" / "j")) as db:
        assert lasts_of(db) == {LOST: Last(FIRST, 1)}


def test_what_last_means_is_told_in_words() -> None:
    assert told({"a": Last(None), "b": Last(FIRST, 4)}) == [
        'a: since = "last": as without it, for no earlier round is complete',
        'b: since = "last": 2026-11-02, the day of round 4',
    ]


# The config


@pytest.mark.parametrize("report", ["summary", "totals"])
def test_last_is_refused_where_no_day_can_be_asked_for(tmp_path: Path, report: str) -> None:
    with pytest.raises(ConfigError, match='since = "last": expected none') as caught:
        compile_job(config_of(tmp_path, report=report), FIRST)
    assert len(caught.value.faults) == 1


def test_last_is_taken_by_every_report_that_takes_a_day(tmp_path: Path) -> None:
    for report in ("backlinks", "new-backlinks", "history", "refdomains"):
        for further in ({}, {"until": "3d"}):
            assert compile_job(config_of(tmp_path, report=report, **further), FIRST).harvests[0].harvest.since is None


def test_what_else_is_wrong_with_the_harvest_is_told_as_ever(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="order_by"):
        compile_job(config_of(tmp_path, order_by="nothing"), FIRST)


@pytest.mark.parametrize(
    ("since", "said"),
    [
        ("lsat", r'"lsat": expected a date as in 2026-10-01, days before today as in "30d", or "last".*"last"\?'),
        ("Last", r'expected a date as in .*did you mean "last"'),
        ("2026-13-01", "a date that exists"),
        (7, 'or "last"'),
    ],
)
def test_a_since_that_is_nothing_is_refused_with_what_it_could_be(tmp_path: Path, since: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        config_of(tmp_path, since=since)


def test_only_since_can_be_last(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="until"):
        config_of(tmp_path, until="last")
