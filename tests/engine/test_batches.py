"""A batch of targets that is refused is halved until only the target at fault is left."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest
from engine_kit import HARVEST, Bench, FakeExchange, checkpoint_in, crop, take_names

from harvester.engine.lane import MOST_REFUSED_IN_A_ROW
from harvester.engine.ports import Entry, State, Work, task_id
from harvester.model import Action, Reply, Request, Step, Task
from harvester.testing import EPOCH, reply, run_in_virtual_time


@dataclass(frozen=True, kw_only=True)
class BatchExchange(FakeExchange):
    """One row for each target of a batch."""

    targets_per_task: int = 8

    def ask(self, step: Step) -> Request | None:
        targets = ",".join(step.task.targets)
        return Request(path="/batch", query=(("targets", targets),), most_units=len(step.task.targets) * self.row_units)


def bench_of(count: int, bad: set[str]) -> Bench:
    async def answer(request: Request) -> Reply:
        await asyncio.sleep(0.1)
        targets = dict(request.query)["targets"].split(",")
        if bad & set(targets):
            return reply({"verdict": {"action": Action.SET_ASIDE.name, "why": "400: invalid target"}}, status=400)
        return reply({"rows": list(range(len(targets))), "next": None})

    targets = [f"t{number}.com" for number in range(count)]
    return Bench(answer=answer, targets=targets, crops=[crop(BatchExchange())], in_flight=2)


def outcome_of(bench: Bench) -> tuple[set[str], set[str]]:
    """Return the targets that were read, and those that were set aside."""
    run_in_virtual_time(bench.lane.run())
    bench.check_books()
    done: set[str] = set()
    aside: set[str] = set()
    for line in bench.rows("tasks.jsonl"):
        names = {item["target"] for item in line["targets"]}
        (done if line["complete"] else aside).update(names)
    return done, aside


@pytest.mark.parametrize("bad", [set(), {"t0.com"}, {"t3.com", "t9.com"}, {"t4.com", "t5.com"}])
def test_only_the_targets_at_fault_are_set_aside(bad: set[str]) -> None:
    bench = bench_of(16, bad)
    done, aside = outcome_of(bench)
    assert aside == bad
    assert done | aside == set(bench.targets)
    assert bench.lane.tally.units_spent == 10 * len(done)
    assert bench.desk.schedule.finished == 2 + bench.desk.schedule.added


def test_a_harvest_that_is_always_refused_is_not_halved_for_ever() -> None:
    bench = bench_of(800, {f"t{number}.com" for number in range(800)})
    done, aside = outcome_of(bench)
    assert (done, len(aside)) == (set(), 800)
    batches = 100
    assert len(bench.sent) <= batches + 2 * MOST_REFUSED_IN_A_ROW


def test_the_parts_of_a_batch_take_its_place_in_the_checkpoint(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        take_names(checkpoint.db, "a.com", "b.com", "c.com")
        checkpoint.begin([(HARVEST, "subdomains", 3)], [("acme", "acme")])
        (work,) = checkpoint.draw(HARVEST, 5)
        parts = work.halves()
        assert [part.task.targets for part in parts] == [("a.com",), ("b.com", "c.com")]
        checkpoint.commit([Entry(lane="acme", at=EPOCH, work=work, parts=parts)], {})
    with checkpoint_in(tmp_path) as checkpoint:
        assert checkpoint.unfinished([HARVEST]) == list(parts)


def test_a_part_keeps_the_labels_of_its_targets() -> None:
    task = Task(id="t", harvest=HARVEST, targets=("a.com", "b.com"))
    first, second = Work(task=task, state=State.OPEN, labels={"b.com": {"client": "x"}}).halves()
    assert (first.labels, second.labels) == ({}, {"b.com": {"client": "x"}})
    assert second.task.id == task_id(HARVEST, ["b.com"])
    assert second.state is State.WAITING
