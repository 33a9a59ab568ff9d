"""A process that reads replies for a run: both of its ends.

It gets the job's config once, and then reply after reply; each comes back as what the engine would have found itself.
It holds nothing and sends nothing, so it may be killed at any time, and ends when its standard input does.
"""

import asyncio
import pickle
import socket
import struct
import sys
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from itertools import product
from typing import BinaryIO

from harvester.assembly.crops import crops_of
from harvester.config import JobConfig
from harvester.engine.finding import find
from harvester.engine.ports import Finding, Question
from harvester.engine.render import Crop
from harvester.job import compile_job

_LENGTH = struct.Struct("<Q")
_BUFFER_BYTES = 4 * 1024 * 1024
#: Found where this process has found us, whatever the working directory holds.
_PROGRAM = "import sys; sys.path[:] = {path!r}; from harvester.assembly.reader_process import serve; serve()"


class ProcessGone(Exception):
    """The process has ended without an answer."""


class ReaderProcess:
    """One process, as the run sees it."""

    def __init__(
        self, process: asyncio.subprocess.Process, answers: asyncio.StreamReader, asks: asyncio.StreamWriter
    ) -> None:
        self._process, self._answers, self._asks = process, answers, asks
        self._asked: deque[asyncio.Future[Finding]] = deque()
        self.is_gone = False

    @classmethod
    async def start(cls, config: JobConfig, day: date, environ: Mapping[str, str]) -> "ReaderProcess":
        """Start one for a job that began on `day`. Raises OSError."""
        ours, theirs = socket.socketpair()  # holds more than a pipe, so that a page passes in one go
        with theirs:
            for end, name in product((ours, theirs), (socket.SO_SNDBUF, socket.SO_RCVBUF)):
                end.setsockopt(socket.SOL_SOCKET, name, _BUFFER_BYTES)
            try:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-c", _PROGRAM.format(path=sys.path)),
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=asyncio.subprocess.DEVNULL,
                    env=dict(environ),
                    start_new_session=True,  # Ctrl-C is for the run alone
                )
            except BaseException:
                ours.close()
                raise
        answers, asks = await asyncio.open_connection(sock=ours, limit=_BUFFER_BYTES)
        asks.write(pickle.dumps((config, day)))
        return cls(process, answers, asks)

    @property
    def waiting(self) -> int:
        """How many replies it has and has not given back."""
        return len(self._asked)

    async def find(self, crop: Crop, question: Question) -> Finding:
        """Return what a reply to a harvest's request is. Raises ProcessGone."""
        if self.is_gone:
            raise ProcessGone
        asked: asyncio.Future[Finding] = asyncio.get_running_loop().create_future()
        self._asked.append(asked)
        self._asks.write(pickle.dumps((crop.name, question), pickle.HIGHEST_PROTOCOL))
        return await asked

    async def listen(self) -> None:
        """Hand out what comes back, until the process ends."""
        try:
            while True:
                (length,) = _LENGTH.unpack(await self._answers.readexactly(_LENGTH.size))
                found = pickle.loads(await self._answers.readexactly(length))
                asked = self._asked.popleft()
                if not asked.done():  # else nobody waits any more
                    asked.set_result(found)
        except (EOFError, OSError):
            self.is_gone = True
            while self._asked:
                if not (asked := self._asked.popleft()).done():
                    asked.set_exception(ProcessGone())

    async def end(self) -> None:
        """End the process."""
        self._asks.close()
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        with suppress(OSError):
            await self._asks.wait_closed()


def serve() -> None:
    """Be such a process."""
    answer_all(sys.stdin.buffer, sys.stdout.buffer)


def answer_all(asked: BinaryIO, answers: BinaryIO) -> None:
    """Read what comes, until it ends."""
    config, day = pickle.load(asked)
    crops = crops_of(compile_job(config, day))
    while True:
        try:
            name, question = pickle.load(asked)
        except EOFError:
            return
        found = pickle.dumps(find(crops[name], question), pickle.HIGHEST_PROTOCOL)
        answers.write(_LENGTH.pack(len(found)) + found)
        answers.flush()
