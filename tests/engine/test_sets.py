"""Sets of targets: where they come from, what is refused, and that each becomes one task."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest
from engine_kit import HARVEST, OUTPUT, Bench, FakeExchange, checkpoint_in, crop
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harvester.engine.checkpoint import SqliteCheckpoint, TargetLine, count_outside, count_sets, take_census, take_in
from harvester.engine.ports import State
from harvester.errors import ConfigError
from harvester.model import Action, Reply, Request, SetSize, SetSource, Step
from harvester.testing import reply, run_in_virtual_time

SIZE = SetSize(2, 3)
BY_COLUMN = SetSource(harvest=HARVEST, scope="subdomains", size=SIZE, column="client")
WHOLE_LIST = SetSource(harvest=HARVEST, scope="subdomains", size=SIZE)


def line(name: str, client: str | None = None) -> TargetLine:
    return TargetLine([name], None if client is None else {"client": client})


def read(checkpoint: SqliteCheckpoint, source: SetSource, *lines: TargetLine, may_lack: bool = False) -> None:
    """Read a list and make the harvest's sets of it, as the start of a run does."""
    take_in(checkpoint.db, ["subdomains"], lines, may_lack=may_lack, sets=[source])
    checkpoint.begin([(HARVEST, "subdomains", 0)], [])


def drawn(checkpoint: SqliteCheckpoint, count: int = 10) -> list[tuple[str, ...]]:
    return [work.task.targets for work in checkpoint.draw(HARVEST, count)]


def test_sets_of_the_config_are_tasks_in_its_order_and_need_no_list(tmp_path: Path) -> None:
    named = (("me.com", "b.com"), ("b.com", "me.com"), ("me.com", "c.com", "a.com"))
    source = SetSource(harvest=HARVEST, scope="subdomains", size=SIZE, named=named)
    with checkpoint_in(tmp_path) as checkpoint:
        read(checkpoint, source)
        assert count_sets(checkpoint.db, HARVEST) == 3
        assert drawn(checkpoint, 2) == list(named[:2])
        assert take_census(checkpoint.db, "subdomains").harvests[HARVEST].tasks[State.WAITING] == 3
    with checkpoint_in(tmp_path) as checkpoint:  # a resumed run goes on behind what was drawn
        assert [work.task.targets for work in checkpoint.unfinished([HARVEST])] == list(named[:2])
        assert drawn(checkpoint) == [named[2]]
        assert drawn(checkpoint) == []


def test_a_target_may_stand_in_many_sets_of_a_column(tmp_path: Path) -> None:
    lines = [line("me.com", "one"), line("x.com"), line("a.com", "two"), line("b.com", "one"), line("me.com", "two")]
    with checkpoint_in(tmp_path) as checkpoint:
        read(checkpoint, BY_COLUMN, *lines, line("b.com", "one"), line("c.com", " two "))
        works = checkpoint.draw(HARVEST, 10)
        assert [work.task.targets for work in works] == [("me.com", "b.com"), ("a.com", "me.com", "c.com")]
        assert works[0].labels["b.com"] == {"client": "one"}


@settings(max_examples=25)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from(["one", "two", "three"])), unique=True, max_size=12
    )
)
@example([("a", "one"), ("b", "two"), ("c", "two"), ("d", "one")])  # the set that begins first ends last
def test_sets_of_a_column_are_its_groups_in_the_order_of_the_list(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    groups: dict[str, list[str]] = {}
    for name, client in rows:
        groups.setdefault(client, []).append(f"{name}.com")
    is_good = bool(groups) and all(2 <= len(group) <= 3 for group in groups.values())
    is_good = is_good and len({tuple(group) for group in groups.values()}) == len(groups)
    with checkpoint_in(tmp_path_factory.mktemp("sets")) as checkpoint:
        lines = [line(f"{name}.com", client) for name, client in rows]
        if not is_good:
            with pytest.raises(ConfigError):
                read(checkpoint, BY_COLUMN, *lines)
            assert count_sets(checkpoint.db, HARVEST) == 0
        else:
            read(checkpoint, BY_COLUMN, *lines)
            assert drawn(checkpoint) == [tuple(group) for group in groups.values()]


def test_without_sets_the_whole_list_is_one(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        read(checkpoint, WHOLE_LIST, line("b.com"), line("a.com"))
        assert drawn(checkpoint) == [("b.com", "a.com")]


@pytest.mark.parametrize(
    ("source", "lines", "said"),
    [
        (WHOLE_LIST, [line(f"{n}.com") for n in range(9)], "there are more than 3: expected 2 to 3 .* with `sets`"),
        (WHOLE_LIST, [line("a.com")], "there are 1: expected 2 to 3"),
        (
            BY_COLUMN,
            [line("a.com", "one")],
            r'^\[\[harvest\]\] "links" sets: the set "one" has 1: expected 2 to 3 targets',
        ),
        (
            SetSource(harvest=HARVEST, scope="subdomains", size=SIZE, named=(("a.com", "b.com"), ("c.com",))),
            [],
            'the set "2" has 1: expected 2 to 3 targets',
        ),
        (BY_COLUMN, [line("a.com"), line("b.com")], 'no line of the list has anything in a column "client"'),
        (
            BY_COLUMN,
            [line("a.com", "x"), line("b.com", "x"), line("a.com", "y"), line("b.com", "y")],
            'the sets "x" and "y" have the same targets',
        ),
        (BY_COLUMN, [line(f"{n}.com", str(n)) for n in range(9)], "and 4 more like that"),
    ],
)
def test_what_is_no_set_is_refused_by_name_and_nothing_is_kept(
    tmp_path: Path, source: SetSource, lines: list[TargetLine], said: str
) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        with pytest.raises(ConfigError, match=said):
            read(checkpoint, source, *lines)
        assert checkpoint.db.execute("SELECT count(*) FROM targets").fetchone() == (0,)


@pytest.mark.parametrize(("wrong", "more"), [(5, []), (6, ["and 1 more like that"])])
def test_the_first_sets_that_are_wrong_are_named_and_the_others_counted(
    tmp_path: Path, wrong: int, more: list[str]
) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        with pytest.raises(ConfigError) as refused:
            read(checkpoint, BY_COLUMN, *(line(f"{number}.com", str(number)) for number in range(wrong)))
        assert list(refused.value.faults[5:]) == more


def test_a_list_that_grew_after_it_was_drawn_as_one_set_is_refused(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        read(checkpoint, WHOLE_LIST, line("a.com"), line("b.com"))
        assert drawn(checkpoint) == [("a.com", "b.com")]
        with pytest.raises(ConfigError, match="sets: the whole list as one set was asked about with other targets"):
            read(checkpoint, WHOLE_LIST, line("a.com"), line("b.com"), line("c.com"))


def test_a_start_that_got_no_further_than_its_list_leaves_every_set_to_be_changed(tmp_path: Path) -> None:
    lines = [line("a.com", "one"), line("b.com", "one")]
    with checkpoint_in(tmp_path) as checkpoint:
        take_in(checkpoint.db, ["subdomains"], lines, may_lack=False, sets=[BY_COLUMN])
        read(checkpoint, BY_COLUMN, *lines, line("c.com", "one"))
        assert drawn(checkpoint) == [("a.com", "b.com", "c.com")]


def test_a_set_may_grow_until_it_is_drawn_and_not_after(tmp_path: Path) -> None:
    one, two = [line("a.com", "one"), line("b.com", "one")], [line("c.com", "two"), line("d.com", "two")]
    with checkpoint_in(tmp_path) as checkpoint:
        read(checkpoint, BY_COLUMN, *one, *two)
        assert drawn(checkpoint, 1) == [("a.com", "b.com")]
        read(checkpoint, BY_COLUMN, *one, *two, line("e.com", "two"))
        with pytest.raises(ConfigError, match='"one" was asked about with other targets'):
            read(checkpoint, BY_COLUMN, *one, *two, line("e.com", "two"), line("f.com", "one"))
        assert drawn(checkpoint) == [("c.com", "d.com", "e.com")]


def test_a_pipe_that_brings_nothing_this_time_changes_no_set(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        read(checkpoint, BY_COLUMN, line("a.com", "one"), line("b.com", "one"))
        read(checkpoint, BY_COLUMN, may_lack=True)
        assert drawn(checkpoint) == [("a.com", "b.com")]


def test_what_a_pipe_brings_is_added_to_the_sets_that_it_brought_before(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        read(
            checkpoint,
            BY_COLUMN,
            line("a.com", "one"),
            line("b.com", "one"),
            line("c.com", "two"),
            line("d.com", "two"),
        )
        assert drawn(checkpoint, 1) == [("a.com", "b.com")]
        read(checkpoint, BY_COLUMN, line("f.com", "two"), line("c.com", "two"), may_lack=True)
        assert drawn(checkpoint) == [("c.com", "d.com", "f.com")]


def test_a_set_that_the_list_no_longer_names_is_not_asked_about_unless_it_was_drawn(tmp_path: Path) -> None:
    names = ["a.com", "b.com", "c.com", "d.com"]
    with checkpoint_in(tmp_path) as checkpoint:
        read(checkpoint, BY_COLUMN, *(line(name, "one" if name < "c" else "two") for name in names))
        assert drawn(checkpoint, 1) == [("a.com", "b.com")]
        read(
            checkpoint, BY_COLUMN, *(line(name, "one" if name < "c" else "new") for name in names), line("e.com", "new")
        )
        assert drawn(checkpoint) == [("c.com", "d.com", "e.com")]


def test_targets_that_are_in_no_set_are_counted(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        read(
            checkpoint,
            BY_COLUMN,
            line("a.com", "one"),
            line("b.com", "one"),
            line("c.com", " "),
            line("d.com"),
            line("e.com"),
        )
        assert count_outside(checkpoint.db, BY_COLUMN) == 3
        assert count_outside(checkpoint.db, WHOLE_LIST) == 0


def test_a_limit_on_targets_is_one_on_sets(tmp_path: Path) -> None:
    named = (("a.com", "b.com"), ("c.com", "d.com"))
    source = SetSource(harvest=HARVEST, scope="subdomains", size=SIZE, named=named)
    with checkpoint_in(tmp_path, most_targets=1) as checkpoint:
        read(checkpoint, source)
        assert drawn(checkpoint) == [named[0]]
        assert drawn(checkpoint) == []


@dataclass(frozen=True, kw_only=True)
class SetExchange(FakeExchange):
    """One row for each target of a set."""

    targets_per_task: int = 3

    def ask(self, step: Step) -> Request | None:
        rows = step.allowance.rows or 0
        return Request(
            path="/set", query=(("targets", ",".join(step.task.targets)), ("rows", str(rows))), most_units=30
        )


def set_bench(answer: Reply, *, max_rows: int | None = None) -> Bench:
    async def answering(_: Request) -> Reply:
        await asyncio.sleep(0.1)
        return answer

    crops = [crop(SetExchange(), by_sets=True, max_rows=max_rows)]
    return Bench(answer=answering, targets=["a.com", "b.com", "c.com"], crops=crops)


def test_a_set_that_is_refused_is_set_aside_whole_and_never_halved() -> None:
    refusal = reply({"verdict": {"action": Action.SET_ASIDE.name, "why": "no"}}, status=400)
    bench = set_bench(refusal)
    run_in_virtual_time(bench.lane.run())
    assert len(bench.sent) == 1
    (task,) = bench.rows("tasks.jsonl")
    assert (task["state"], task["target"]) == ("set_aside", None)
    assert [item["target"] for item in task["targets"]] == ["a.com", "b.com", "c.com"]


def test_rows_are_wanted_for_each_target_of_a_set() -> None:
    bench = set_bench(reply({"rows": [0, 1, 2, 3, 4, 5], "next": {"at": 6}}), max_rows=2)
    run_in_virtual_time(bench.lane.run())
    assert [dict(request.query)["rows"] for _, request in bench.sent] == ["6"]
    assert [row["target"] for row in bench.rows(OUTPUT)] == ["a.com", "b.com", "c.com"] * 2
    (task,) = bench.rows("tasks.jsonl")
    assert (task["complete"], task["reason"]) == (True, "max_rows")
