"""A company's proxy, a certificate that nobody signed, and a run as a process whose memory is measured."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from chaos_kit import Ended
from memory_kit import measured_command, most_mib

#: For api.provider.example and 127.0.0.1; made for these tests, and worth nothing anywhere else.
CERTIFICATE = Path(__file__).parent / "tls" / "certificate.pem"
HOST = "api.provider.example"


def own_tls() -> ssl.SSLContext:
    """Return the server's side of a TLS that nobody trusts by itself."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(CERTIFICATE)
    return tls


@dataclass
class Tunnel:
    """A proxy that connects everybody to one port, if it is willing."""

    to_port: int
    status: int = 200
    port: int = 0
    heard: list[bytes] = field(default_factory=list)  #: all that it could read
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection."""
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def rest(self) -> None:
        """Break off what is open."""
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heard.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(f"HTTP/1.1 {self.status} Said\r\nContent-Length: 0\r\n\r\n".encode())
            if self.status != 200:
                return
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to_port)
            try:
                await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
            finally:
                far_writer.close()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def tunnel(to_port: int, status: int = 200) -> AsyncIterator[Tunnel]:
    """Serve a proxy for the length of the block."""
    proxy = Tunnel(to_port, status)
    server = await asyncio.start_server(proxy.connected, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.rest()


async def measured(config: Path, environ: Mapping[str, str]) -> tuple[Ended, int]:
    """Run `harvester run` to its end; return how it ended, and the most memory it took, in MiB."""
    return await asyncio.to_thread(_measured, config, environ)


def _measured(config: Path, environ: Mapping[str, str]) -> tuple[Ended, int]:
    out, err = config.parent / "out.txt", config.parent / "err.txt"
    note = config.parent / "memory"
    command = measured_command(note, "run", str(config))
    with out.open("wb") as to_out, err.open("wb") as to_err:
        process = subprocess.run(
            command, env=environ, stdin=subprocess.DEVNULL, stdout=to_out, stderr=to_err, check=False
        )
    return Ended(code=process.returncode, out=out.read_text(), err=err.read_text()), most_mib(note)
