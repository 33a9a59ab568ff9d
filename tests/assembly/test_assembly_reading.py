"""Replies that are read beside the event loop: the same findings, whatever becomes of the processes."""

import asyncio
import io
import json
import logging
import os
import pickle
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import pytest

from harvester.assembly.crops import crops_of
from harvester.assembly.keys import without_secrets
from harvester.assembly.library import job_run
from harvester.assembly.outcome import RunOptions
from harvester.assembly.reader_process import ProcessGone, ReaderProcess, answer_all
from harvester.assembly.reading import Load, Readers, ReadingRule, reading, usual_rule
from harvester.assembly.surroundings import Surroundings
from harvester.config import JobConfig, job_of
from harvester.engine.finding import find
from harvester.engine.ports import Finding, Question, Work
from harvester.engine.render import Crop
from harvester.job import Job, compile_job
from harvester.model import Action, Credential, Step, Task
from harvester.providers import PROVIDERS
from harvester.sandbox.app import CONTRACTS, Options, Sandbox, serving
from harvester.testing import reply

DAY = date(2026, 11, 21)
ROWS = [{"url_from": f"https://a{n}.example/", "url_to": "https://b.example/", "anchor": f"n {n}"} for n in range(3)]
AT_ONCE = ReadingRule(most_processes=1, least_bytes=0, most_share=0.0, over_s=0.0)

T = TypeVar("T")


def config_of(folder: Path, sandbox: Sandbox | None = None, **output: str) -> JobConfig:
    """Return a job of all providers, or of one that nobody is asked about."""
    names = list(PROVIDERS) if sandbox else ["ahrefs"]
    sections: dict[str, dict[str, Any]] = {name: {"key": f"env:{name.upper()}_KEY"} for name in names}
    if sandbox is not None:
        for name, section in sections.items():
            section.update(base_url=sandbox.base_urls[name], rate="unlimited")
        sections["dataforseo"]["login"] = sandbox.logins["dataforseo"]
    document = {
        "job": {"name": "j", "targets": {"inline": [f"shop-{number}.example" for number in range(6)]}},
        "output": output,
        "providers": sections,
        "harvest": [{"provider": name, "report": "backlinks"} for name in names],
    }
    return job_of(document, folder / "job.toml")


def job_in(folder: Path) -> Job:
    return compile_job(config_of(folder), DAY)


def asked(job: Job, body: object = None, status: int = 200) -> tuple[Crop, Question]:
    """Return a harvest and a reply to its first request."""
    crop = crops_of(job)["ahrefs.backlinks"]
    task = Task(id="t1", harvest=crop.name, targets=("b.example",))
    step = Step(task=task)
    request = crop.exchange.ask(step)
    assert request is not None
    answer = reply(body if body is not None else {"backlinks": ROWS}, status=status)
    return crop, Question(work=Work(task=task), step=step, request=request, reply=answer)


async def with_process(job: Job, use: Callable[[ReaderProcess], Awaitable[T]]) -> T:
    process = await ReaderProcess.start(job.config, job.day, os.environ)
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(process.listen())
        try:
            return await use(process)
        finally:
            await process.end()
            await listening


@pytest.mark.parametrize(
    ("body", "status", "action"),
    [
        ({"backlinks": ROWS}, 200, Action.KEEP),
        ({"backlinks": "none"}, 200, Action.KEEP),  # cannot be read
        ({"error": "slow down"}, 429, Action.PAUSE),
        (b"<html>", 502, Action.AGAIN),
    ],
)
def test_a_process_finds_what_the_engine_would_find(tmp_path: Path, body: object, status: int, action: Action) -> None:
    job = job_in(tmp_path)
    crop, question = asked(job, body, status)
    here = find(crop, question)
    assert here.verdict.action is action

    async def there(process: ReaderProcess) -> Finding:
        return await process.find(crop, question)

    assert asyncio.run(with_process(job, there)) == here


def test_answers_come_back_to_whom_they_belong(tmp_path: Path) -> None:
    job = job_in(tmp_path)
    questions = [asked(job, {"backlinks": ROWS[:number]}) for number in (3, 0, 1, 2)]

    async def all_of_them(process: ReaderProcess) -> list[int]:
        found = await asyncio.gather(*(process.find(*each) for each in questions))
        assert process.waiting == 0
        return [each.rows for each in found]

    assert asyncio.run(with_process(job, all_of_them)) == [3, 0, 1, 2]


def test_who_no_longer_waits_does_not_disturb_the_others(tmp_path: Path) -> None:
    job = job_in(tmp_path)
    question = asked(job)

    async def one_of_two(process: ReaderProcess) -> int:
        first = asyncio.ensure_future(process.find(*question))
        second = asyncio.ensure_future(process.find(*question))
        await asyncio.sleep(0)
        first.cancel()
        return (await second).rows

    assert asyncio.run(with_process(job, one_of_two)) == 3


def test_a_process_that_dies_tells_all_who_wait_and_all_who_come(tmp_path: Path) -> None:
    job = job_in(tmp_path)
    question = asked(job)

    async def die(process: ReaderProcess) -> None:
        waiting = [asyncio.ensure_future(process.find(*question)) for _ in range(3)]
        await asyncio.sleep(0)
        await process.end()
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(end) for end in ends} == {ProcessGone}
        assert process.is_gone
        with pytest.raises(ProcessGone):
            await process.find(*question)

    asyncio.run(with_process(job, die))


def test_a_process_ends_with_what_it_is_told(tmp_path: Path) -> None:
    job = job_in(tmp_path)
    crop, question = asked(job)
    told = io.BytesIO(b"".join(map(pickle.dumps, ((job.config, job.day), (crop.name, question)))))
    answers = io.BytesIO()
    answer_all(told, answers)
    assert pickle.loads(answers.getvalue()[8:]) == find(crop, question)


def test_a_process_gets_no_keys() -> None:
    environ = {"PATH": "/bin", "KEY": "secret-1", "URL": "https://secret-2@proxy", "OTHER": "x"}
    keys = {"ahrefs": [Credential(key="secret-1"), Credential(key="secret-2")], "semrush": [Credential(key="s3")]}
    assert without_secrets(environ, keys) == {"PATH": "/bin", "OTHER": "x"}


RULE = ReadingRule(most_processes=1, most_share=0.5, over_s=2.0)


@pytest.mark.parametrize(
    ("readings", "told"),
    [
        ([(0.0, 1.9)], [False]),  # too little time to tell
        ([(0.0, 2.0)], [True]),
        ([(0.0, 0.5), (1.5, 2.0)], [False, True]),  # half of two seconds
        ([(0.0, 0.4), (1.6, 2.0)], [False, False]),
        ([(0.0, 0.1), (3.0, 3.1), (3.1, 5.2)], [False, False, True]),  # what is long ago does not count
    ],
)
def test_reading_is_too_much_if_it_takes_half_of_the_loops_time(
    readings: list[tuple[float, float]], told: list[bool]
) -> None:
    load = Load(RULE)
    assert [load.is_too_much(*each) for each in readings] == told


def test_a_machine_with_one_core_gets_no_process_and_a_large_one_few() -> None:
    assert 0 <= usual_rule().most_processes <= 3


class Fake(ReaderProcess):
    """A process that counts, and answers when it is let."""

    def __init__(self) -> None:
        self.is_gone = False
        self.came = 0
        self.may_answer = asyncio.Event()
        self._open = 0

    @property
    def waiting(self) -> int:
        return self._open

    async def find(self, crop: Crop, question: Question) -> Finding:
        self.came += 1
        self._open += 1
        await self.may_answer.wait()
        self._open -= 1
        if self.is_gone:
            raise ProcessGone
        return find(crop, question)


def test_replies_go_to_who_has_least_to_do_and_to_the_loop_if_all_have_enough(tmp_path: Path) -> None:
    crop, question = asked(job_in(tmp_path))

    async def story() -> list[int]:
        readers = Readers(replace(AT_ONCE, most_waiting=2), lambda: 0.0)
        fakes = [Fake(), Fake()]
        for fake in fakes:
            readers.add(fake)
        asking = [asyncio.ensure_future(readers(crop, question)) for _ in range(9)]
        for _ in range(30):
            await asyncio.sleep(0)
        assert [fake.came for fake in fakes] == [2, 2]
        done = sum(task.done() for task in asking)
        assert done == 5, "the loop has read the others"
        for fake in fakes:
            fake.may_answer.set()
        return [(await task).rows for task in asking]

    assert asyncio.run(story()) == [3] * 9


def test_a_small_reply_is_read_at_once(tmp_path: Path) -> None:
    crop, question = asked(job_in(tmp_path))

    async def story() -> int:
        readers = Readers(replace(AT_ONCE, least_bytes=10_000), lambda: 0.0)
        fake = Fake()
        readers.add(fake)
        await readers(crop, question)
        return fake.came

    assert asyncio.run(story()) == 0


@pytest.mark.parametrize(("own_turn_bytes", "between"), [(0, [0, 1, 2]), (10**6, [0, 0, 0])])
def test_a_large_reply_is_read_in_a_turn_of_the_loop_of_its_own(
    tmp_path: Path, own_turn_bytes: int, between: list[int]
) -> None:
    crop, question = asked(job_in(tmp_path))

    async def story() -> list[int]:
        readers = Readers(replace(AT_ONCE, most_processes=0, own_turn_bytes=own_turn_bytes), lambda: 0.0)
        turns: list[int] = []  #: how many of the replies before had been followed up when each was read
        followed = 0

        async def read_and_store() -> None:
            nonlocal followed
            await readers(crop, question)
            turns.append(followed)
            await asyncio.sleep(0)  # as the writer is told, and begins in the next turn
            followed += 1

        await asyncio.gather(*(read_and_store() for _ in range(3)))
        return turns

    assert asyncio.run(story()) == between


def test_what_a_dead_process_had_is_read_on_the_loop(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    crop, question = asked(job_in(tmp_path))

    async def story() -> int:
        readers = Readers(AT_ONCE, lambda: 0.0)
        fake = Fake()
        readers.add(fake)
        fake.is_gone = True
        assert (await readers(crop, question)).rows == 3
        assert fake.came == 0
        fake.is_gone = False
        asking = asyncio.ensure_future(readers(crop, question))
        await asyncio.sleep(0)
        fake.is_gone = True
        fake.may_answer.set()
        return (await asking).rows

    assert asyncio.run(story()) == 3
    assert "a process that reads replies has ended" in caplog.text


def test_a_process_that_cannot_be_started_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    job = job_in(tmp_path)
    monkeypatch.setattr("sys.executable", str(tmp_path / "no-python"))

    async def story() -> int:
        async with reading(job, AT_ONCE, {}, asyncio.get_running_loop().time) as readers:
            rows = (await readers(*asked(job))).rows
            for _ in range(50):
                await asyncio.sleep(0)
            assert "cannot start a process that reads replies: No such file or directory" in caplog.text
            return rows + (await readers(*asked(job))).rows

    assert asyncio.run(story()) == 6


def records(directory: Path) -> dict[tuple[str, str, int], dict[str, Any]]:
    """Return all records by their place, without the time."""
    files = sorted(directory.glob("*.backlinks.jsonl"))
    lines = [json.loads(line) for path in files for line in path.read_bytes().splitlines()]
    found = {(each["provider"], each["task"], each["row"]): {**each, "fetched_at": None} for each in lines}
    assert len(found) == len(lines)
    return found


def test_a_run_writes_the_same_rows_wherever_they_were_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    rules = {"here": replace(AT_ONCE, most_processes=0), "beside": replace(AT_ONCE, most_processes=2, most_waiting=16)}

    async def story() -> None:
        async with serving(Options(rates=dict.fromkeys(CONTRACTS, "unlimited"), row_cap=20)) as sandbox:
            for name, rule in rules.items():
                keys = {f"{provider.upper()}_KEY": key for provider, key in sandbox.keys.items()}
                environ = {**os.environ, **keys, "XDG_RUNTIME_DIR": str(tmp_path)}
                around = Surroundings(environ=environ, notice=print, reading=rule)
                config = replace(config_of(tmp_path, sandbox), output=tmp_path / name)
                async with job_run(config, RunOptions(), around) as run:
                    assert (await run.work(asyncio.Event())).exit_code == 0
                assert ("2 processes read replies" in caplog.text) == (name == "beside")

    asyncio.run(story())
    here = records(tmp_path / "here")
    assert len(here) > 200
    assert records(tmp_path / "beside") == here
