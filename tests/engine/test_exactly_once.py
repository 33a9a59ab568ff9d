"""Rows are in exactly once, whatever happened: the files and the mark become true together."""

import asyncio
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from engine_kit import HARVEST, LANE, OUTPUT, Bench, asked, page_of, take_names, unpacked
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from harvester.codec import parse
from harvester.engine.checkpoint import SqliteCheckpoint, open_database, take_census
from harvester.engine.ports import Entry, Lines, State, Work
from harvester.engine.render import REJECTS, TASKS
from harvester.engine.run import run_lanes
from harvester.engine.sink import JsonLines
from harvester.engine.store import writing
from harvester.errors import StorageError
from harvester.model import Reply, Request
from harvester.testing import EPOCH, run_in_virtual_time

FORMATS = ("x.jsonl", "x.jsonl.gz", "x.jsonl.zst")

groups_of_lines = st.lists(
    st.builds(Lines, st.sampled_from(FORMATS), st.binary(max_size=30).map(lambda data: data + b"\n"), st.just(1)),
    min_size=1,
    max_size=4,
)


class Files(RuleBasedStateMachine):
    """Commits and crashes; a crash leaves a copy of the directory as it was at that moment."""

    def __init__(self) -> None:
        super().__init__()
        self.temporary = TemporaryDirectory()
        self.numbers = count()
        self.committed = dict.fromkeys(FORMATS, b"")
        self.directory = Path(self.temporary.name) / "job"
        self.directory.mkdir()
        self.open()
        self.checkpoint.begin([], [(LANE, "acme")])

    def open(self) -> None:
        self.checkpoint = SqliteCheckpoint(open_database(self.directory))
        self.sink = JsonLines(self.directory, self.checkpoint.output_bytes(), FORMATS)

    def crash(self) -> None:
        died_in, self.directory = self.directory, Path(self.temporary.name) / f"after-{next(self.numbers)}"
        shutil.copytree(died_in, self.directory)
        self.close()

    def close(self) -> None:
        self.sink.close()
        self.checkpoint.db.close()

    @rule(lines=groups_of_lines)
    def commit(self, lines: list[Lines]) -> None:
        entries = [Entry(lane=LANE, at=EPOCH, lines=(line,)) for line in lines]
        self.checkpoint.commit(entries, self.sink.write(lines))
        for line in lines:
            self.committed[line.output] += line.data

    @rule(lines=groups_of_lines)
    def crash_before_the_mark(self, lines: list[Lines]) -> None:
        self.sink.write(lines)
        self.crash()
        self.open()

    @rule(lines=groups_of_lines)
    def crash_within_the_mark(self, lines: list[Lines]) -> None:
        lengths = self.sink.write(lines)
        entries = [Entry(lane=LANE, at=EPOCH, lines=tuple(lines)), Entry(lane=LANE, at=EPOCH, settles=99)]
        with pytest.raises(StorageError, match="lacks 1 of 1 holds"):
            self.checkpoint.commit(entries, lengths)
        self.crash()
        self.open()

    @rule(lines=groups_of_lines, name=st.sampled_from(FORMATS), share=st.floats(0, 1), garbage=st.binary(max_size=9))
    def crash_before_all_reached_the_disk(self, lines: list[Lines], name: str, share: float, garbage: bytes) -> None:
        self.sink.write(lines)
        self.crash()
        path, kept_bytes = self.directory / name, self.marked_bytes(name)
        written = path.read_bytes()
        path.write_bytes(written[: kept_bytes + int(share * (len(written) - kept_bytes))] + garbage)
        self.open()

    @rule()
    def crash_after_the_mark(self) -> None:
        self.crash()
        self.open()

    @rule()
    def stop(self) -> None:
        self.close()
        self.open()

    def marked_bytes(self, name: str) -> int:
        with closing(open_database(self.directory)) as db:
            return SqliteCheckpoint(db).output_bytes().get(name, 0)

    @invariant()
    def the_files_hold_what_was_committed(self) -> None:
        assert {name: unpacked(self.directory / name) for name in FORMATS} == self.committed
        sizes = {name: (self.directory / name).stat().st_size for name in FORMATS}
        assert dict.fromkeys(FORMATS, 0) | self.checkpoint.output_bytes() == sizes

    def teardown(self) -> None:
        self.close()
        self.temporary.cleanup()


TestFiles = Files.TestCase
TestFiles.settings = settings(max_examples=30, stateful_step_count=15, deadline=None)


class Killed(Exception):
    """The process is gone."""


@dataclass
class Fuse:
    """Stands between the store and the disk, and kills the process before the given number of operations is over.

    What is on the disk at that moment is kept; nothing reaches it afterwards.
    """

    sink: JsonLines
    checkpoint: SqliteCheckpoint
    directory: Path
    left: int
    remains: Path

    def burn(self) -> None:
        self.left -= 1
        if self.left == 0:
            shutil.copytree(self.directory, self.remains)
        if self.left <= 0:
            raise Killed

    def write(self, lines: Iterable[Lines]) -> Mapping[str, int]:
        lengths = self.sink.write(lines)
        self.burn()  # between the rows and their mark
        return lengths

    def commit(self, entries: Sequence[Entry], lengths: Mapping[str, int]) -> None:
        self.checkpoint.commit(entries, lengths)
        self.burn()  # after the mark, before anybody knows of it

    def draw(self, harvest: str, count: int) -> list[Work]:
        drawn = self.checkpoint.draw(harvest, count)
        self.burn()
        return drawn


@dataclass
class Shop:
    """A provider that counts what it sold; some replies are late, so that pages are stored in any order."""

    rows: Mapping[str, int]
    sold: Counter[tuple[str, str]] = field(default_factory=Counter)
    charged_units: int = 0

    async def answer(self, request: Request) -> Reply:
        target = asked(request, "target")
        await asyncio.sleep(0.1 + 0.3 * (self.sold.total() % 3))
        self.sold[target, asked(request, "at")] += 1
        page = page_of(request, self.rows[target])
        self.charged_units += 10 * len(parse(page.body)["rows"])
        await asyncio.sleep(0.2)
        return page


IN_FLIGHT = 3


async def work(fuse: Fuse, shop: Shop, budget: int | None, seconds: float | None) -> None:
    """Work on a job until it is done, or the process dies, or is interrupted after so long."""
    checkpoint = fuse.checkpoint
    checkpoint.begin([(HARVEST, "subdomains", 1)], [(LANE, "acme")])
    earlier, _ = checkpoint.lane(LANE)
    assert shop.charged_units <= earlier.units_spent + earlier.units_in_doubt, "something was paid for and forgotten"
    async with asyncio.timeout(seconds), writing(fuse, fuse) as writer:
        bench = Bench(
            answer=shop.answer,
            in_flight=IN_FLIGHT,
            budget=budget,
            store=writer,
            earlier=earlier,
            hold_ids=count(checkpoint.next_hold_id()),
        )
        bench.desk.schedule.add(checkpoint.unfinished([HARVEST]))
        await run_lanes(bench.lanes, asyncio.Event())
        await writer.flush()


def run(directory: Path, shop: Shop, budget: int | None, death: int | float | None) -> Path:
    """Run a job until it dies at an operation on the disk (int) or at a moment (float); return what it left."""
    remains = directory.with_name(f"{directory.name}+")
    with closing(open_database(directory)) as db:
        checkpoint = SqliteCheckpoint(db)
        with closing(JsonLines(directory, checkpoint.output_bytes(), [OUTPUT, TASKS, REJECTS])) as sink:
            operations = death if isinstance(death, int) else 10_000
            fuse = Fuse(sink, checkpoint, directory, operations, remains)
            with suppress(Killed, TimeoutError):
                run_in_virtual_time(work(fuse, shop, budget, death if isinstance(death, float) else None))
    return remains if remains.exists() else directory


def rows_in(directory: Path) -> dict[str, list[int]]:
    """Return the numbers of all records by target, in the order of the file; the row numbers must fit them."""
    rows: dict[str, list[int]] = {}
    for line in map(parse, (directory / OUTPUT).read_bytes().splitlines()):
        rows.setdefault(line["target"], []).append(line["number"])
        assert line["row"] == line["number"] + 1
    return rows


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 9), min_size=1, max_size=7),
    deaths=st.lists(st.integers(1, 40) | st.floats(0.05, 4.0), max_size=5),
    garbage=st.binary(max_size=5),
    budget=st.none() | st.integers(0, 300),
)
def test_a_job_that_is_killed_again_and_again_has_every_row_once_and_pays_within_its_budget(
    sizes: list[int], deaths: list[int | float], garbage: bytes, budget: int | None
) -> None:
    shop = Shop({f"{number}.com": size for number, size in enumerate(sizes)})
    with TemporaryDirectory() as temporary:
        directory = Path(temporary) / "job"
        directory.mkdir()
        with closing(open_database(directory)) as db:
            take_names(db, *shop.rows)
        for death in deaths:
            directory = run(directory, shop, budget, death)
            with (directory / OUTPUT).open("ab") as file:
                file.write(garbage)  # of a page that was on its way to the disk
        directory = run(directory, shop, budget, None)
        rows = rows_in(directory)
        with closing(open_database(directory)) as db:
            census = take_census(db, "subdomains")
        finished = [parse(line) for line in (directory / TASKS).read_bytes().splitlines()]
    # Each row of each page that was stored, once and in order.
    assert all(found == list(range(len(found))) for found in rows.values())
    assert census.harvests[HARVEST].rows == sum(map(len, rows.values()))
    # Nothing is paid for beyond the budget, or again, except what was open when the process died.
    tally = census.providers["acme"].tally
    assert shop.charged_units <= tally.units_spent + tally.units_in_doubt
    assert budget is None or tally.units_spent + tally.units_in_doubt <= budget
    assert sum(sold - 1 for sold in shop.sold.values()) <= IN_FLIGHT * len(deaths)
    if budget is None:
        assert rows == {name: list(range(size)) for name, size in shop.rows.items() if size}
        assert Counter(line["target"] for line in finished) == Counter(shop.rows.keys())
        assert all(line["complete"] and line["rows"] == shop.rows[line["target"]] for line in finished)
        assert census.tasks(State.COMPLETE) == len(sizes)
