"""A server that stands between a run and the sandbox and does to chosen requests what networks and servers do.

Everything else is handed on unchanged. `misdeeds_kit.py` is the table of what it can do; `Meddler.plan` says to whom.
"""

import asyncio
import re
import selectors
import socket
import ssl
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, TypeVar

from chaos_kit import Figures, Job
from e2e_kit import lines_of

from harvester.assembly.library import job_run
from harvester.assembly.outcome import Outcome, RunOptions
from harvester.assembly.status import read_status
from harvester.assembly.surroundings import Surroundings, SystemClock
from harvester.config import load
from harvester.sandbox.app import CONTRACTS, Sandbox

T = TypeVar("T")

HURRY = 40.0

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_FREE = (b"limits-and-usage", b"countapiunits", b"getStats", b"/appendix/", b"/id_list")


class _Hurried(selectors.DefaultSelector):
    def __init__(self, hurry: float) -> None:
        super().__init__()
        self._hurry = hurry

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(None if timeout is None else timeout / self._hurry)


class HurriedLoop(asyncio.SelectorEventLoop):
    """An event loop for real sockets whose seconds are short: retries of a minute take no longer than one second."""

    def __init__(self, hurry: float = HURRY) -> None:
        """`hurry`: so many seconds pass in one."""
        self._hurry = hurry
        super().__init__(_Hurried(hurry))

    def time(self) -> float:
        """Return seconds of its own."""
        return time.monotonic() * self._hurry


def in_a_hurry(main: Coroutine[Any, Any, T], hurry: float = HURRY) -> T:
    """Run a coroutine to its end with real sockets and short seconds."""
    with asyncio.Runner(loop_factory=lambda: HurriedLoop(hurry)) as runner:
        return runner.run(main)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the sandbox answered, and charged for."""

    status: int
    headers: Mapping[str, str]  #: names in lower case, those of the length left out
    body: bytes

    def raw(self, *, length: int | None = None) -> bytes:
        """Return the answer as it goes over the wire, with the length that it has, or that it is said to have."""
        said = len(self.body) if length is None else length
        headers = {**self.headers, "content-length": str(said)}
        return head(self.status, headers) + self.body

    def of(self, body: bytes, **headers: str) -> "Answer":
        """Return the answer with another body."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, body=body, headers={**self.headers, **more})


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """Return the head of an answer."""
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


@dataclass(kw_only=True)
class Heard:
    """One request as it came over the wire."""

    meddler: "Meddler"
    provider: str
    head: bytes
    body: bytes
    number: int  #: of the provider's, from 1
    on_connection: int  #: from 0
    writer: asyncio.StreamWriter

    @property
    def content(self) -> bytes:
        """The request as it came, for finding out what it asks."""
        return self.head + self.body

    @property
    def is_paid(self) -> bool:
        """Whether it buys something."""
        return not any(word in self.content for word in _FREE)

    def is_about(self, target: str) -> bool:
        """Whether it asks about a target."""
        return target.encode() in self.content

    async def answer(self) -> Answer:
        """Let the sandbox answer, and charge."""
        return await self.meddler.forward(self)

    async def send(self, data: bytes) -> None:
        """Send what is no whole answer, or is one."""
        self.writer.write(data)
        await self.writer.drain()

    def close(self) -> None:
        """Close the connection."""
        self.writer.close()

    def reset(self) -> None:
        """Break the connection off."""
        reset(self.writer)


def reset(writer: asyncio.StreamWriter) -> None:
    """Break a connection off: RST instead of FIN."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


Do = Callable[[Heard], Awaitable[None]]
Plan = Callable[[Heard], Do | None]


def in_peace(_heard: Heard) -> None:
    """Meddle with nothing."""
    return


@dataclass(kw_only=True)
class Meddler:
    """The server."""

    sandbox: Sandbox
    plan: Plan = in_peace
    tls: ssl.SSLContext | None = None
    port: int = 0
    met: Counter[str] = field(default_factory=Counter)  #: requests that met a misdeed, by provider
    heard: Counter[bytes] = field(default_factory=Counter)  #: how often each paid request came, word for word
    rude: int = 0  #: so many connections are broken off before anything is read
    trapped: list[bytes] = field(default_factory=list)  #: what came to the other host that redirects name
    trap_port: int = 0
    _numbers: Counter[str] = field(default_factory=Counter)
    _open: set[asyncio.Task[None]] = field(default_factory=set)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _deaf: int = 0
    _listening: socket.socket | None = None

    @property
    def base_urls(self) -> dict[str, str]:
        """Where a run is to go, by provider."""
        return self.base_urls_at(f"http://127.0.0.1:{self.port}")

    def base_urls_at(self, origin: str) -> dict[str, str]:
        """Return where a run is to go if the server is reached so."""
        return {name: f"{origin}{CONTRACTS[name].base}" for name in CONTRACTS}

    async def listen(self) -> None:
        """Begin to listen, again at the port it had, unless somebody wants it deaf still."""
        self._deaf = max(0, self._deaf - 1)
        if self._deaf:
            return
        # Not a server of asyncio's: one that is closed while it lets somebody in leaves that connection open for ever.
        self._listening = socket.create_server(("127.0.0.1", self.port), backlog=100)
        self._listening.setblocking(False)
        self.port = self._listening.getsockname()[1]
        self._keep(self._accept(self._listening))

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):  # it was closed
            while listening is self._listening:
                came, _ = await loop.sock_accept(listening)
                self._keep(self._let_in(came))

    async def _let_in(self, came: socket.socket) -> None:
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader(limit=2**20)
        protocol = asyncio.StreamReaderProtocol(reader)
        with suppress(OSError, ssl.SSLError):
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, came, ssl=self.tls)
            self._connected(reader, asyncio.StreamWriter(transport, protocol, reader, loop))

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    def deafen(self) -> None:
        """Listen no more until `listen` is called as often; what is open stays."""
        self._deaf += 1
        if self._listening is not None:
            asyncio.get_running_loop().remove_reader(self._listening.fileno())
            self._listening.close()
            self._listening = None

    def later(self, delay_s: float, do: Callable[[], Awaitable[None]]) -> None:
        """Do something after a while."""

        async def wait() -> None:
            await asyncio.sleep(delay_s)
            await do()

        self._keep(wait())

    async def rest(self) -> None:
        """Break off what is open, and listen no more."""
        await asyncio.to_thread(time.sleep, 0.05)  # real time: who has connected is let in, and seen to leave
        self.deafen()
        for _ in range(3):  # who was just being let in comes behind the others
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)
            for writer in self._writers:
                writer.transport.abort()
            await asyncio.sleep(0.1)  # what was broken off is closed a round of the event loop later

    async def trap(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Note whoever comes to the host that no key may go to."""
        self.trapped.append(await reader.read(65536))
        writer.close()

    async def forward(self, heard: Heard) -> Answer:
        """Return the sandbox's answer to a request."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.sandbox.port)
        line, _, rest = heard.head.partition(b"\r\n")
        kept = [name for name in rest.split(b"\r\n") if not name.lower().startswith((b"connection:", b"host:"))]
        try:
            writer.write(b"\r\n".join([line, b"Host: 127.0.0.1", b"Connection: close", *kept]) + heard.body)
            answer = await reader.read()
        finally:
            writer.close()
        top, _, body = answer.partition(b"\r\n\r\n")
        first, *lines = top.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        for name in ("content-length", "connection", "date", "server"):
            headers.pop(name, None)
        return Answer(status=int(first.split(" ")[1]), headers=headers, body=body)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.rude > 0:
            self.rude -= 1
            reset(writer)
            return
        self._writers.add(writer)
        self._keep(self._serve(reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            for number in count():
                top = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(top)
                body = await reader.readexactly(int(length[1])) if length else b""
                await self._meet(self._heard(top, body, number, writer))
                if writer.is_closing():
                    break
        writer.close()

    def _heard(self, top: bytes, body: bytes, on_connection: int, writer: asyncio.StreamWriter) -> Heard:
        path = top.split(b" ", 2)[1].decode("latin-1")
        provider = next(name for name, contract in CONTRACTS.items() if path.startswith(f"{contract.prefix}/"))
        self._numbers[provider] += 1
        heard = Heard(
            meddler=self,
            provider=provider,
            head=top,
            body=body,
            number=self._numbers[provider],
            on_connection=on_connection,
            writer=writer,
        )
        if heard.is_paid:
            self.heard[heard.content] += 1
        return heard

    async def _meet(self, heard: Heard) -> None:
        do = self.plan(heard)
        if do is None:
            await heard.send((await heard.answer()).raw())
            return
        self.met[heard.provider] += 1
        await do(heard)


@asynccontextmanager
async def meddling(sandbox: Sandbox, tls: ssl.SSLContext | None = None) -> AsyncIterator[Meddler]:
    """Stand in front of a sandbox for the length of the block."""
    meddler = Meddler(sandbox=sandbox, tls=tls)
    await meddler.listen()
    trap = await asyncio.start_server(meddler.trap, "127.0.0.1", 0)
    meddler.trap_port = trap.sockets[0].getsockname()[1]
    try:
        yield meddler
    finally:
        trap.close()
        await meddler.rest()


async def run_here(job: Job, *, retry_set_aside: bool = False, clock: SystemClock | None = None) -> Outcome:
    """Run a job in this process."""
    around = Surroundings(environ=job.environment(), notice=print, clock=clock or SystemClock())
    async with job_run(load(job.config), RunOptions(retry_set_aside=retry_set_aside), around) as run:
        return await run.work(asyncio.Event())


Row = Mapping[str, object]
Rows = Mapping[tuple[str, str, int], Row]


#: What a row is about: it can be missing, and never another's.
_NAMES = ("target", "url_from", "url_to", "domain")


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What a run that was meddled with is weighed by."""

    whole: Rows  #: of the undisturbed run
    figures: Figures
    twisted: str | None = None  #: a target whose rows came with odd values

    def weigh(self, job: Job, meddler: Meddler, outcome: Outcome) -> None:
        """Hold what a run left behind against the undisturbed run: rows, books, words."""
        self._weigh_rows(job)
        status = read_status(job.directory).as_json()
        for task in job.tasks():
            assert task["complete"] or task["reason"], "why it is not complete must be said"
        assert outcome.exit_code == _expected_exit(status["tasks"]), status
        assert (outcome.stopped_by is not None) == (outcome.exit_code == 4)
        self._weigh_books(job, status)
        log = (job.directory / "harvester.log").read_text()
        assert "Traceback" not in log, log[log.index("Traceback") :][:3000]
        self.figures["requests to a host that no key may go to"] += len(meddler.trapped)
        assert not meddler.trapped

    def _weigh_rows(self, job: Job) -> None:
        found = job.records()
        foreign = [place for place, row in found.items() if not self._is_own(row, self.whole.get(place))]
        self.figures["rows wrong, foreign or from an error page"] += len(foreign)
        assert not foreign, (foreign[0], found[foreign[0]], self.whole.get(foreign[0]))
        path = job.directory / "rejects.jsonl"
        there = {place[1:] for place in found}
        there |= {(line["task"], line["row"]) for line in (lines_of(path) if path.exists() else [])}
        complete = {task["task"] for task in job.tasks() if task["complete"]}
        lost = [place for place in self.whole if place[1] in complete and place[1:] not in there]
        self.figures["rows missing from tasks that call themselves complete"] += len(lost)
        assert not lost, lost

    def _weigh_books(self, job: Job, status: Mapping[str, Any]) -> None:
        for name, books in status["providers"].items():
            booked = books["units_spent"] + books["units_in_doubt"]
            unbooked = job.account(name)["units_charged"] - booked
            self.figures["units charged beyond what the books say"] += max(0, unbooked)
            assert unbooked <= 0, (name, books, job.account(name))
            assert books["units_held"] == 0
            if books["budget"] is not None:
                self.figures["units over the budget"] += max(0, booked - books["budget"])
                assert booked <= books["budget"], (name, books)

    def _is_own(self, row: Row, own: Row | None) -> bool:
        """Return whether a row is what the undisturbed run has in its place; a twisted one may lack what it says."""
        if self.twisted is None or row["target"] != self.twisted:
            return row == own
        return any(
            all(row.get(name) in (other.get(name), None) for name in ("provider", "report", *_NAMES))
            for other in self.whole.values()
            if other["target"] == self.twisted
        )


def _expected_exit(tasks: Mapping[str, int]) -> int:
    if tasks["open"] or tasks["waiting"]:
        return 4
    return 3 if tasks["set_aside"] or tasks["incomplete"] else 0
