"""What the tests of the command line share: a sandbox beside the test, a provider that says what it is told, a job."""

import asyncio
import gzip
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import zstandard
from click.testing import CliRunner, Result

from harvester.cli import main
from harvester.sandbox.app import Options, Sandbox, serving

KEY_VARIABLE = "AHREFS_API_TOKEN"
KEY = "s3cret/Zq+9=&%key~1"  #: spelled otherwise in a URL, in JSON of some kinds and in Base64
PATIENCE_S = 20.0

Table = Mapping[str, Any]


@contextmanager
def sandbox_beside(options: Options) -> Iterator[Sandbox]:
    """Serve a sandbox from another thread for the length of the block."""
    found: list[Sandbox] = []
    is_up, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with serving(options) as sandbox:
            found.append(sandbox)
            is_up.set()
            await stop.wait()

    def live() -> None:
        try:
            loop.run_until_complete(serve())
        finally:
            is_up.set()
            loop.close()

    thread = threading.Thread(target=live, name="sandbox")
    thread.start()
    is_up.wait()
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


#: From path (with query) and headers to status and body: bytes as they are, or anything as JSON.
Answer = Callable[[str, Mapping[str, str]], tuple[int, object]]


@contextmanager
def provider_beside(answer: Answer) -> Iterator[str]:
    """Serve a provider that answers as told, from another thread; yield its base URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, body = answer(self.path, dict(self.headers))
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing: clients are killed here."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Bench:
    """One job of one user: a folder, a config in it, and the commands."""

    folder: Path
    base_url: str
    key: str = KEY
    name: str = "ahrefs"  #: of the provider
    job: dict[str, Any] = field(default_factory=dict)
    output: dict[str, Any] = field(default_factory=dict)
    provider: dict[str, Any] = field(default_factory=dict)
    harvests: list[Table] = field(default_factory=lambda: [{"report": "backlinks"}])

    @property
    def config(self) -> Path:
        return self.folder / "job.toml"

    @property
    def out(self) -> Path:
        return self.folder / "out" / "j"

    @property
    def environ(self) -> dict[str, str]:
        return {KEY_VARIABLE: self.key, "XDG_RUNTIME_DIR": str(self.folder)}

    def write(self) -> Path:
        """Write the config as it is now."""
        job = {"name": "j", "targets": {"inline": names(3)}, **self.job}
        section = {"key": f"env:{KEY_VARIABLE}", "base_url": self.base_url, "rate": "unlimited", **self.provider}
        tables: list[tuple[str, Table]] = [("[job]", job), ("[output]", self.output)]
        tables += [(f"[providers.{self.name}]", section)]
        tables += [("[[harvest]]", {"provider": self.name, **harvest}) for harvest in self.harvests]
        self.config.write_text("\n".join(line for title, table in tables for line in _table(title, table)))
        return self.config

    def run(self, *arguments: str, input: str | bytes | None = None, **environ: str) -> Result:
        """Write the config and run the job in this process."""
        return self.call("run", str(self.write()), *arguments, input=input, **environ)

    def call(self, *arguments: str, input: str | bytes | None = None, **environ: str) -> Result:
        """Call a command in this process; nothing may escape it but its exit code."""
        result = CliRunner().invoke(main, arguments, input=input, env={**self.environ, **environ})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        return result

    def start(self, *arguments: str, **pipes: Any) -> "subprocess.Popen[str]":
        """Start a command as a process of its own."""
        usual = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [sys.executable, "-m", "harvester", *arguments]
        return subprocess.Popen(command, env={**os.environ, **self.environ}, text=True, **(usual | pipes))

    def status(self) -> dict[str, Any]:
        """Return what `status --json` says."""
        result = self.call("status", str(self.out), "--json")
        assert result.exit_code == 0, result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    def records(self, harvest: str = "ahrefs.backlinks") -> list[dict[str, Any]]:
        """Return the records of a harvest; every line must be whole."""
        return lines_of(self.out / f"{harvest}.jsonl")

    def rows(self) -> dict[tuple[str, int], dict[str, Any]]:
        """Return all records by their place, without when they were fetched; no place may be there twice."""
        found: dict[tuple[str, int], dict[str, Any]] = {}
        for path in sorted(self.out.glob("ahrefs.*.jsonl")):
            for record in lines_of(path):
                place = (record["task"], record["row"])
                assert place not in found, "a row was written twice"
                found[place] = {name: value for name, value in record.items() if name != "fetched_at"}
        return found


def names(count: int) -> list[str]:
    """Return so many targets of the generated world."""
    return [f"shop-{number}.example" for number in range(1, count + 1)]


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a JSON Lines file, plain or packed; every line must be whole."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    if path.suffix == ".zst":
        with zstandard.ZstdDecompressor().stream_reader(content, read_across_frames=True) as reader:
            content = reader.read()
    assert not content or content.endswith(b"\n"), "the last line is torn"
    return [json.loads(line) for line in content.splitlines()]


def row_of(text: str, name: str) -> dict[str, str]:
    """Return the row of a printed table that begins with `name`, by the heads of its columns."""
    lines = [re.split(r"\s{2,}", line) for line in text.splitlines()]
    (at,) = [number for number, line in enumerate(lines) if line[0] == name]
    head = next(line for line in reversed(lines[:at]) if line[0] in ("harvest", "provider"))
    return dict(zip(head, lines[at], strict=True))


def wait_until(is_true: Callable[[], object]) -> None:
    """Wait for what another process does."""
    until_s = time.monotonic() + PATIENCE_S
    while not is_true():
        assert time.monotonic() < until_s, "it does not happen"
        time.sleep(0.01)


def end(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Await a process; return exit code, standard output and standard error."""
    try:
        out, err = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return process.returncode, out, err


def charged(sandbox: Sandbox, key: str = KEY) -> dict[str, Any]:
    """Return what the sandbox counted for a key."""
    found: dict[str, Any] = sandbox.account()["ahrefs"]["keys"][key]
    return found


def _table(title: str, table: Table) -> Sequence[str]:
    return [title, *(f"{name} = {_value(value)}" for name, value in table.items())]


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {_value(item)}" for name, item in value.items()) + " }"
    return json.dumps(value)
