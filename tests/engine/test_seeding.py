"""What the rows of a page bring for other harvests, from the reply to the checkpoint."""

import asyncio
import pickle
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from engine_kit import HARVEST, LANE, Bench, FakeExchange, checkpoint_in, crop, take_names, task

from harvester.engine.checkpoint import (
    RejectedLine,
    SqliteCheckpoint,
    rejected_lines,
    rejected_values,
    take_census,
    take_in,
)
from harvester.engine.finding import find
from harvester.engine.ports import Entry, Question, State, Work, stage_list
from harvester.engine.render import TASKS
from harvester.engine.seeding import seeds_of, without_secrets
from harvester.model import Known, Page, Reply, Request, Row, Seeds, Step, Task
from harvester.testing import EPOCH, MemoryStore, reply, run_in_virtual_time

DEEP = "deep"


@dataclass(frozen=True, kw_only=True)
class Spy:
    """A harvest that takes every row's number for a target, and tells the places."""

    harvest: str = DEEP
    top: int | None = None

    def seeds(self, rows: Iterable[Known]) -> Seeds:
        return Seeds(self.harvest, "host", {f"{row.record['number']}.com": f"at {row.place}" for row in rows}, {})


def seeded(*feeds: Spy, rows: Iterable[int] = range(4), work: Work | None = None) -> tuple[Seeds, ...]:
    work = work or Work(task=task("a.com"))
    page = Page(rows=[Row("a.com", number) for number in rows], next=None, units=1)
    return seeds_of(FakeExchange(), feeds, work, page, reply())


def places(seeds: Seeds) -> list[str]:
    return list(seeds.targets.values())


def test_a_page_brings_its_rows_to_each_of_those_who_take_them() -> None:
    first, second = seeded(Spy(), Spy(harvest="other"))
    assert (first.harvest, second.harvest) == (DEEP, "other")
    assert list(first.targets) == list(second.targets) == ["0.com", "1.com", "2.com", "3.com"]


def test_rows_are_counted_on_over_pages_and_for_each_target_of_a_batch() -> None:
    (later,) = seeded(Spy(), work=Work(task=task("a.com"), rows=10, pages=1))
    assert places(later) == ["at 11", "at 12", "at 13", "at 14"]
    batch = Work(task=Task(id="b", harvest=HARVEST, targets=("a.com", "b.com")), rows=1)
    (both,) = seeded(Spy(), work=batch)
    assert places(both) == ["at 1", "at 2", "at 2", "at 3"]


def test_rows_that_nobody_looks_at_are_not_mapped() -> None:
    (top,) = seeded(Spy(top=2), rows=[0, 1, -2, -3])
    assert (places(top), top.rejected) == (["at 1", "at 2"], {})
    short, deeper = seeded(Spy(top=1), Spy(top=3), rows=range(9))
    assert len(short.targets) == len(deeper.targets) == 3, "who wants fewer looks at their place"
    _, every = seeded(Spy(top=1), Spy())
    assert len(every.targets) == 4


def test_a_row_that_cannot_be_mapped_brings_nothing_and_is_named() -> None:
    first, second = seeded(Spy(), Spy(harvest="other"), rows=[0, -1, 2])
    assert list(first.targets) == ["0.com", "2.com"]
    assert first.rejected == second.rejected == {"row 2 of task links/a.com": "a negative number"}


@pytest.mark.parametrize("is_raw", [False, True])
def test_a_finding_carries_what_its_rows_bring_whatever_form_they_have(is_raw: bool) -> None:
    step = Step(task=task("a.com"))
    question = Question(
        work=Work(task=step.task), step=step, request=Request(path="/"), reply=reply({"rows": [5, 6], "next": None})
    )
    found = find(crop(is_raw=is_raw, feeds=(Spy(),)), question)
    assert [list(seeds.targets) for seeds in found.seeds] == [["5.com", "6.com"]]
    assert pickle.loads(pickle.dumps(found)) == found, "it may come from another process"
    assert find(crop(is_raw=is_raw), question).seeds == ()


def test_an_answer_that_cannot_be_read_brings_nothing() -> None:
    step = Step(task=task("a.com"))
    question = Question(work=Work(task=step.task), step=step, request=Request(path="/"), reply=reply({"row": []}))
    assert find(crop(feeds=(Spy(),)), question).seeds == ()


def test_what_tells_a_key_is_no_target_and_is_not_written_down() -> None:
    seeds = Seeds(DEEP, "host", {"s3cret.com": "S3CRET.com", "a.com": "a.com"}, {"S3CRET/": "no S3CRET host"})
    (clean,) = without_secrets([seeds], lambda text: text.replace("S3CRET", "***"))
    assert clean == Seeds(DEEP, "host", {"a.com": "a.com"}, {"***/": "no *** host", "***.com": "it holds a key"})


def test_a_lane_stores_what_rows_bring_with_them_masked_and_durable() -> None:
    class Ordered(MemoryStore):
        async def put(self, entry: Entry) -> None:
            assert not entry.seeds, "who draws from it would look too early"
            await super().put(entry)

    async def answer(request: Request) -> Reply:
        await asyncio.sleep(1.0)
        return reply({"rows": [1, 77], "next": None})

    @dataclass(frozen=True, kw_only=True)
    class Telling(Spy):
        def seeds(self, rows: Iterable[Known]) -> Seeds:
            found = super().seeds(rows)
            return found._replace(targets={target: target for target in found.targets})

    bench = Bench(
        answer=answer,
        crops=[crop(feeds=(Telling(),))],
        store_type=Ordered,
        mask=lambda data: data.replace(b"77", b"***"),
    )
    run_in_virtual_time(bench.lane.run())
    bench.check_books()
    (seeds,) = [seeds for entry in bench.memory.entries for seeds in entry.seeds]
    assert seeds == Seeds(DEEP, "host", {"1.com": "1.com"}, {"***.com": "it holds a key"})


def test_the_line_of_a_source_that_is_not_complete_says_who_may_lack_targets() -> None:
    source = crop(feeds=(Spy(), Spy(harvest="other")))
    lacking = Work(task=task("a.com"), state=State.INCOMPLETE, reason="cut")
    whole = Work(task=task("a.com"), state=State.COMPLETE, note="max_rows")
    assert b'"reason":"cut; so deep, other may lack targets"' in source.task_line(lacking, EPOCH).data
    assert b'"reason":"max_rows"' in source.task_line(whole, EPOCH).data
    assert b'"reason":"cut"' in crop().task_line(lacking, EPOCH).data
    assert source.task_line(lacking, EPOCH).output == TASKS


# The checkpoint.


SOURCES = {DEEP: HARVEST}


def begin(checkpoint: SqliteCheckpoint, per_task: int = 1, names: Sequence[str] = ("a.com", "b.com")) -> None:
    take_names(checkpoint.db, *names)
    checkpoint.begin([(HARVEST, "subdomains", 1), (DEEP, stage_list(DEEP), per_task)], [(LANE, "acme")])


def brings(work: Work, *targets: str, state: State = State.COMPLETE, rejected: dict[str, str] | None = None) -> Entry:
    seeds = Seeds(DEEP, "subdomains", dict.fromkeys(targets, "as it came"), rejected or {})
    return Entry(lane=LANE, at=EPOCH, work=replace(work, state=state), seeds=(seeds,))


def drawn(checkpoint: SqliteCheckpoint, count: int = 9) -> list[tuple[str, ...]]:
    return [work.task.targets for work in checkpoint.draw(DEEP, count)]


def test_a_staged_list_keeps_the_order_in_which_targets_came_each_once(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path, sources=SOURCES) as checkpoint:
        begin(checkpoint)
        first, second = checkpoint.draw(HARVEST, 2)
        assert drawn(checkpoint) == []
        checkpoint.commit([brings(first, "z.com", "a.com"), brings(second, "a.com", "m.com")], {})
        assert drawn(checkpoint, 2) == [("z.com",), ("a.com",)]
    with checkpoint_in(tmp_path, sources=SOURCES) as checkpoint:
        begin(checkpoint)
        assert drawn(checkpoint) == [("m.com",)]
        assert drawn(checkpoint) == []


def test_the_jobs_own_list_is_not_drawn_from_nor_counted_with_it(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path, sources=SOURCES) as checkpoint:
        begin(checkpoint)
        (first, _) = checkpoint.draw(HARVEST, 2)
        checkpoint.commit([brings(first, "a.com", "x.com", rejected={"-": "no host"})], {})
        assert checkpoint.draw(HARVEST, 9) == []
        census = take_census(checkpoint.db, "subdomains")
        assert (census.targets, census.rejected) == (2, 0)
        deep = census.harvests[DEEP]
        assert (deep.listed, deep.undrawn, deep.rejected, deep.tasks[State.WAITING]) == (2, 2, 1, 2)
        assert (census.harvests[HARVEST].listed, census.harvests[HARVEST].rejected) == (None, 0)
        drawn(checkpoint, 1)
        deep = take_census(checkpoint.db, "subdomains").harvests[DEEP]
        assert (deep.listed, deep.undrawn, deep.tasks[State.WAITING]) == (2, 1, 2)


def test_a_target_that_is_on_the_list_too_has_what_the_list_says_of_it(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path, sources=SOURCES) as checkpoint:
        begin(checkpoint)
        checkpoint.db.execute("""UPDATE targets SET labels = '{"client":"me"}' WHERE name = 'b.com'""")
        first, _ = checkpoint.draw(HARVEST, 2)
        checkpoint.commit([brings(first, "b.com", "x.com")], {})
        own, other = checkpoint.draw(DEEP, 9)
        assert (own.labels, other.labels) == ({"b.com": {"client": "me"}}, {})


def test_a_batch_that_is_not_full_waits_for_its_source(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path, sources=SOURCES) as checkpoint:
        begin(checkpoint, per_task=2)
        first, second = checkpoint.draw(HARVEST, 2)
        checkpoint.commit([brings(first, "x.com", "y.com", "z.com")], {})
        assert drawn(checkpoint) == [("x.com", "y.com")]
        assert drawn(checkpoint) == []
        checkpoint.commit([brings(second, state=State.OPEN)], {})
        assert drawn(checkpoint) == []
        checkpoint.commit([brings(second, state=State.SET_ASIDE)], {})
        assert drawn(checkpoint) == [("z.com",)]


def test_a_source_is_not_over_as_long_as_its_own_source_is_not(tmp_path: Path) -> None:
    chain = {DEEP: "middle", "middle": HARVEST}
    with checkpoint_in(tmp_path, sources=chain) as checkpoint:
        take_names(checkpoint.db, "a.com")
        lists = [(HARVEST, "subdomains", 1), ("middle", stage_list("middle"), 1), (DEEP, stage_list(DEEP), 2)]
        checkpoint.begin(lists, [(LANE, "acme")])
        (source,) = checkpoint.draw(HARVEST, 1)
        middle = Seeds("middle", "subdomains", {"m.com": "m.com", "n.com": "n.com"}, {})
        checkpoint.commit([Entry(lane=LANE, at=EPOCH, work=replace(source, state=State.OPEN), seeds=(middle,))], {})
        (work, other) = checkpoint.draw("middle", 9)
        checkpoint.commit([brings(work, "x.com"), brings(other)], {})
        assert drawn(checkpoint) == []
        checkpoint.commit([Entry(lane=LANE, at=EPOCH, work=replace(source, state=State.COMPLETE))], {})
        assert drawn(checkpoint) == [("x.com",)]


def test_a_run_over_the_first_targets_does_not_bound_what_these_bring(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path, sources=SOURCES, most_targets=1) as checkpoint:
        begin(checkpoint, per_task=2)
        (first,) = checkpoint.draw(HARVEST, 9)
        checkpoint.commit([brings(first, "x.com", "y.com", "z.com")], {})
        assert drawn(checkpoint) == [("x.com", "y.com"), ("z.com",)]


def test_a_list_that_is_read_again_neither_misses_nor_forgets_what_rows_brought(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path, sources=SOURCES) as checkpoint:
        begin(checkpoint)
        first, _ = checkpoint.draw(HARVEST, 2)
        checkpoint.commit([brings(first, "x.com", rejected={"?": "no host"})], {})
        take_in(checkpoint.db, ["subdomains"], [RejectedLine("list", 3, "!", "no")], may_lack=True)
        take_names(checkpoint.db, "a.com", "b.com", "c.com")
        assert rejected_lines(checkpoint.db, 9) == []
        assert rejected_values(checkpoint.db, DEEP, 9) == [("?", "no host")]
        assert rejected_values(checkpoint.db, HARVEST, 9) == []
        assert drawn(checkpoint) == [("x.com",)]


def test_a_value_that_is_no_target_is_kept_once(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path, sources=SOURCES) as checkpoint:
        begin(checkpoint)
        first, second = checkpoint.draw(HARVEST, 2)
        checkpoint.commit([brings(work, rejected={"?": "no host"}) for work in (first, second)], {})
        assert rejected_values(checkpoint.db, DEEP, 9) == [("?", "no host")]
        assert drawn(checkpoint) == []


def test_a_draw_does_not_look_through_the_jobs_own_list(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path, sources=SOURCES) as checkpoint:
        begin(checkpoint)
        (last,) = checkpoint.db.execute("SELECT last_target FROM harvests WHERE name = ?", (DEEP,)).fetchone()
        assert last == 2
        first, _ = checkpoint.draw(HARVEST, 2)
        checkpoint.commit([brings(first, "x.com")], {})
    with checkpoint_in(tmp_path, sources=SOURCES) as checkpoint:
        begin(checkpoint, names=("a.com", "b.com", "c.com"))
        assert drawn(checkpoint) == [("x.com",)], "and yet none is passed over"


def test_seeds_and_rows_become_true_together_or_not_at_all(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path, sources=SOURCES) as checkpoint:
        begin(checkpoint)
        first, _ = checkpoint.draw(HARVEST, 2)
        lost = Entry(lane=LANE, at=EPOCH, settles=99)
        with pytest.raises(Exception, match="lacks 1 of 1 holds"):
            checkpoint.commit([brings(first, "x.com"), lost], {})
        assert drawn(checkpoint) == []


def test_a_page_with_what_it_brings_is_one_transaction(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path, sources=SOURCES) as checkpoint:
        begin(checkpoint)
        first, _ = checkpoint.draw(HARVEST, 2)
        said: list[str] = []
        checkpoint.db.set_trace_callback(lambda statement: said.append(statement.split()[0]))
        checkpoint.commit([brings(first, "x.com")], {})
        assert (said[0], said[-1], said.count("BEGIN"), said.count("COMMIT")) == ("BEGIN", "COMMIT", 1, 1)
