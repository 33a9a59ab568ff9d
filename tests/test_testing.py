"""The tools that tests trust: time that jumps, and a network and disk in memory."""

import asyncio
import time
from datetime import timedelta

import pytest

from harvester.engine.ports import Clock, Entry, Lines, Sink, Store, Transport, Work
from harvester.errors import ReplyLost
from harvester.model import Reply, Request, Task
from harvester.testing import (
    EPOCH,
    FakeTransport,
    LoopClock,
    MemorySink,
    MemoryStore,
    VirtualTimeLoop,
    reply,
    run_in_virtual_time,
)


def test_a_day_of_waiting_takes_no_time() -> None:
    async def scenario() -> float:
        await asyncio.sleep(86_400.0)
        return LoopClock().monotonic_s()

    began_s = time.monotonic()
    assert run_in_virtual_time(scenario()) == pytest.approx(86_400.0, abs=1e-3)
    assert time.monotonic() - began_s < 1.0


def test_waiters_wake_in_the_order_of_their_times() -> None:
    async def scenario() -> list[float]:
        woken = list[float]()

        async def wait(seconds: float) -> None:
            await LoopClock().sleep_s(seconds)
            woken.append(seconds)

        await asyncio.gather(*(wait(seconds) for seconds in (3.0, 1.0, 2.0)))
        return woken

    assert run_in_virtual_time(scenario()) == [1.0, 2.0, 3.0]


def test_work_without_waiting_takes_no_virtual_time() -> None:
    async def scenario() -> float:
        for _ in range(1000):
            await asyncio.sleep(0)
        return LoopClock().monotonic_s()

    assert run_in_virtual_time(scenario()) == 0.0


def test_a_wait_that_nothing_can_end_is_told() -> None:
    async def scenario() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="deadlock"):
        run_in_virtual_time(scenario())


def test_time_stands_still_while_a_thread_works() -> None:
    def slowly() -> str:
        time.sleep(0.05)  # a thread takes real time
        return "done"

    async def scenario() -> tuple[float, str]:
        loop = asyncio.get_running_loop()
        timer = loop.call_later(1000.0, lambda: None)
        answer = await asyncio.to_thread(slowly)
        timer.cancel()
        return loop.time(), answer

    assert run_in_virtual_time(scenario()) == (0.0, "done")


def test_a_thread_that_cannot_be_had_does_not_stop_the_clock() -> None:
    async def scenario() -> float:
        loop = asyncio.get_running_loop()
        await loop.shutdown_default_executor()
        with pytest.raises(RuntimeError):
            await asyncio.to_thread(lambda: None)
        assert isinstance(loop, VirtualTimeLoop)
        assert loop.at_work == 0
        await asyncio.sleep(10.0)
        return loop.time()

    assert run_in_virtual_time(scenario()) == pytest.approx(10.0, abs=1e-3)


def test_the_clock_shows_the_loops_time() -> None:
    async def scenario() -> None:
        clock: Clock = LoopClock()
        assert clock.utc() == EPOCH
        await clock.sleep_s(60.0)
        assert clock.utc() - EPOCH == pytest.approx(timedelta(seconds=60), abs=timedelta(milliseconds=1))

    run_in_virtual_time(scenario())


def test_a_fake_transport_remembers_what_was_sent_when_and_how_much_was_open() -> None:
    async def slowly(request: Request) -> Reply:
        await asyncio.sleep(1.0)
        if request.path == "/lost":
            raise ReplyLost("gone")
        return reply({"path": request.path}, status=203, headers={"x": "1"})

    async def scenario() -> FakeTransport:
        fake = FakeTransport(slowly)
        transport: Transport = fake
        first, second = await asyncio.gather(transport.send(Request(path="/a")), transport.send(Request(path="/b")))
        assert (first.status, first.body, first.headers) == (203, b'{"path":"/a"}', {"x": "1"})
        assert second.arrived_at == EPOCH
        with pytest.raises(ReplyLost):
            await transport.send(Request(path="/lost"))
        return fake

    fake = run_in_virtual_time(scenario())
    assert [(round(at_s), request.path) for at_s, request in fake.sent] == [(0, "/a"), (0, "/b"), (1, "/lost")]
    assert fake.most_open == 2


def test_a_reply_takes_bytes_as_they_are() -> None:
    assert reply(b"a;b").body == b"a;b"
    assert reply().body == b"null"


def test_a_memory_store_keeps_entries_and_hands_out_tasks() -> None:
    works = [Work(task=Task(id=name, harvest="a", targets=(name,))) for name in "xyz"]

    async def scenario() -> MemoryStore:
        memory = MemoryStore(drawable={"a": list(works)})
        store: Store = memory
        assert [len(await store.draw("a", 2)) for _ in range(3)] == [2, 1, 0]
        assert await store.draw("b", 2) == []
        await store.put(Entry(lane="l", at=EPOCH, lines=(Lines("a.jsonl", b"1\n", 1), Lines("b.jsonl", b"9\n", 1))))
        await store.commit(Entry(lane="l", at=EPOCH, lines=(Lines("a.jsonl", b"2\n", 1),)))
        return memory

    memory = run_in_virtual_time(scenario())
    assert len(memory.entries) == 2
    assert memory.lines("a.jsonl") == b"1\n2\n"


def test_a_memory_sink_tells_how_long_its_files_have_grown() -> None:
    memory = MemorySink()
    sink: Sink = memory
    assert sink.write([Lines("a", b"12", 1), Lines("b", b"1", 1), Lines("a", b"3", 1)]) == {"a": 3, "b": 1}
    assert sink.write([Lines("b", b"2", 1)]) == {"b": 2}
    assert memory.files == {"a": bytearray(b"123"), "b": bytearray(b"12")}
