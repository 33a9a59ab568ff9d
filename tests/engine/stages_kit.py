"""Harvests of several small providers that bring each other their targets, over a real checkpoint."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any
from zlib import crc32

from engine_kit import LANE, Bench, FakeExchange, checkpoint_in, crop, take_names

from harvester.codec import parse
from harvester.engine.checkpoint import take_census
from harvester.engine.ports import State, stage_list
from harvester.engine.relay import Relay
from harvester.engine.render import REJECTS, TASKS, Crop
from harvester.engine.run import run_lanes
from harvester.engine.sink import JsonLines
from harvester.engine.store import writing
from harvester.model import Page, Reply, Request, Row, Seeds, Step
from harvester.testing import reply, run_in_virtual_time

ROOTS = ("a.com", "b.com", "c.com")
PAGE_ROWS = 2


@dataclass(frozen=True, kw_only=True)
class NamesExchange(FakeExchange):
    """A row for each of a target's numbers, two at a time; costs a unit a row."""

    page_rows: int = PAGE_ROWS
    row_units: int = 1

    def ask(self, step: Step) -> Request | None:
        query = (("targets", ",".join(step.task.targets)), ("at", str(step.cursor.get("at", 0))))
        return Request(path="/rows", query=query, most_units=self.page_rows * self.row_units, most_rows=self.page_rows)

    def read(self, step: Step, request: Request, reply: Reply) -> Page:
        body = parse(reply.body)
        return Page(rows=[Row(target, n) for target, n in body["rows"]], next=body["next"], units=len(body["rows"]))

    def record_of(self, row: Row, arrived_at: datetime) -> dict[str, Any]:
        return {"target": row.target, "n": row.data}


@dataclass(frozen=True, kw_only=True)
class Fed:
    """A harvest that takes its targets from another's rows."""

    harvest: str
    source: str
    top: int | None = None

    def seeds(self, rows: Any) -> Seeds:
        found = {child(self.harvest, row.target, row.record["n"]): "as it came" for row in rows}
        return Seeds(self.harvest, "subdomains", found, {})


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A harvest of these tests."""

    name: str
    provider: int = 0
    source: str | None = None
    per_task: int = 1


def rows_of(harvest: str, target: str) -> int:
    """Return how many rows a harvest finds for a target."""
    return crc32(f"{harvest} {target}".encode()) % 5


def child(harvest: str, target: str, n: int) -> str:
    """Return which target a row brings for a harvest; different rows may bring the same."""
    return f"t{crc32(f'{harvest} {target} {n}'.encode()) % 11}.com"


def reckoned(plan: Sequence[Planned], roots: Sequence[str] = ROOTS) -> dict[str, set[str]]:
    """Return which targets each harvest asks about in the end."""
    by_name = {item.name: item for item in plan}

    def targets_of(item: Planned) -> set[str]:
        if item.source is None:
            return set(roots)
        source = by_name[item.source]
        return {child(item.name, t, n) for t in targets_of(source) for n in range(rows_of(source.name, t))}

    return {item.name: targets_of(item) for item in plan}


@dataclass(kw_only=True)
class Works:
    """A job of several providers in a directory; each `run` is a process of its own."""

    directory: Path
    plan: Sequence[Planned]
    roots: Sequence[str] = ROOTS
    latency_s: Mapping[str, float] = field(default_factory=dict)  #: by harvest; else 1
    in_flight: int = 2
    replies: dict[str, Reply] = field(default_factory=dict)  #: what a harvest is answered instead of rows
    benches: list[Bench] = field(default_factory=list)  #: of the last run, by provider
    draws: int = 0  #: of the last run

    def run(self, *budgets: int | None, stop_after_s: float | None = None, most_targets: int | None = None) -> None:
        """Work until all lanes have ended; `stop_after_s`: or until they are killed."""

        async def work() -> None:
            try:
                async with asyncio.timeout(stop_after_s):
                    await self._work(budgets, most_targets)
            except TimeoutError:
                return

        run_in_virtual_time(work())

    async def _work(self, budgets: Sequence[int | None], most_targets: int | None) -> None:
        sources = {item.name: item.source for item in self.plan if item.source is not None}
        with checkpoint_in(self.directory, most_targets=most_targets, sources=sources) as checkpoint:
            take_names(checkpoint.db, *self.roots)
            lists = {item.name: stage_list(item.name) if item.source else "subdomains" for item in self.plan}
            outputs = [TASKS, REJECTS, *(f"{item.name}.jsonl" for item in self.plan)]
            checkpoint.begin(
                [(item.name, lists[item.name], item.per_task) for item in self.plan], [(LANE, LANE)], outputs=outputs
            )
            self.draws = 0
            checkpoint.db.set_trace_callback(self._count_draws)
            async with writing(JsonLines(self.directory, checkpoint.output_bytes(), outputs), checkpoint) as store:
                relay, hold_ids = Relay(sources), count(checkpoint.next_hold_id())
                self.benches = []
                for number in range(1 + max(item.provider for item in self.plan)):
                    bench = Bench(
                        answer=self.answer,
                        crops=[self._crop(item) for item in self.plan if item.provider == number],
                        in_flight=self.in_flight,
                        budget=budgets[number] if budgets else None,
                        store=store,
                        hold_ids=hold_ids,
                    )
                    bench.desk.schedule.add(checkpoint.unfinished([each.name for each in bench.crops]))
                    bench.desk.relay = relay
                    relay.join([each.name for each in bench.crops], bench.desk)
                    self.benches.append(bench)
                await run_lanes([bench.lane for bench in self.benches], asyncio.Event())

    def _count_draws(self, statement: str) -> None:
        self.draws += statement.startswith("SELECT scope, targets_per_task, last_target FROM harvests")

    async def answer(self, request: Request) -> Reply:
        query = dict(request.query)
        harvest, at = query["harvest"], int(query["at"])
        await asyncio.sleep(self.latency_s.get(harvest, 1.0))
        if harvest in self.replies:
            return self.replies[harvest]
        rows = [(target, n) for target in query["targets"].split(",") for n in range(rows_of(harvest, target))]
        end = at + PAGE_ROWS
        return reply({"rows": rows[at:end], "next": {"at": end} if end < len(rows) else None})

    def _crop(self, item: Planned) -> Crop:
        exchange = Named(harvest=item.name, targets_per_task=item.per_task)
        feeds = tuple(Fed(harvest=each.name, source=item.name) for each in self.plan if each.source == item.name)
        return crop(exchange, name=item.name, output=f"{item.name}.jsonl", feeds=feeds)

    @property
    def asked(self) -> list[tuple[float, str, tuple[str, ...]]]:
        """When which harvest asked about which targets, in the last run."""
        found = []
        for bench in self.benches:
            for at_s, request in bench.sent:
                query = dict(request.query)
                found.append((round(at_s, 2), query["harvest"], tuple(query["targets"].split(","))))
        return sorted(found)

    def done(self) -> dict[str, Counter[str]]:
        """Return the targets of finished tasks by harvest, and how often each of them was finished."""
        found: dict[str, Counter[str]] = {item.name: Counter() for item in self.plan}
        for line in (self.directory / TASKS).read_bytes().splitlines():
            task = parse(line)
            found[task["harvest"]].update([each["target"] for each in task["targets"] or [task]])
        return found

    def rows(self) -> Counter[tuple[str, str, int]]:
        """Return how often each row of each harvest was written."""
        found: Counter[tuple[str, str, int]] = Counter()
        for item in self.plan:
            for line in (self.directory / f"{item.name}.jsonl").read_bytes().splitlines():
                record = parse(line)
                found[item.name, record["target"], record["n"]] += 1
        return found

    def left(self) -> int:
        """Return how many tasks are not finished."""
        with checkpoint_in(self.directory) as checkpoint:
            census = take_census(checkpoint.db, "subdomains")
        return census.tasks(State.OPEN) + census.tasks(State.WAITING)

    def assert_whole(self) -> None:
        """Assert that everything was asked once, and every row is there once."""
        expected = reckoned(self.plan, self.roots)
        assert self.done() == {name: Counter(dict.fromkeys(targets, 1)) for name, targets in expected.items()}
        every = {(name, t, n) for name, targets in expected.items() for t in targets for n in range(rows_of(name, t))}
        assert self.rows() == Counter(dict.fromkeys(every, 1))
        assert self.left() == 0


@dataclass(frozen=True, kw_only=True)
class Named(NamesExchange):
    """The same, saying which harvest asks."""

    harvest: str

    def ask(self, step: Step) -> Request | None:
        request = super().ask(step)
        assert request is not None
        query = (*request.query, ("harvest", self.harvest))
        return Request(path="/rows", query=query, most_units=request.most_units, most_rows=request.most_rows)
