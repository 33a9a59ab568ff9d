"""Text that providers and users send to do harm: kept in the records as it is, and harmless wherever it is shown."""

import csv
import html
import json
import os
import pty
import re
import subprocess
import sys
import termios
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from chaos_kit import OPTIONS, Ended, Figures, Job, of
from cli_kit import sandbox_beside
from hell_kit import assert_harmless, call, is_harmless, run, status

from harvester.providers import PROVIDERS
from harvester.sandbox.app import Sandbox

#: What a page may say of itself, and somebody reads in a terminal, a log or a spreadsheet.
TEXTS = (
    "\x1b[2J\x1b[1;1Hcleared \x1b[31mred\x1b[0m",
    "\x1b]8;;https://evil.example/\x07click\x1b]8;;\x07",
    "\x1b]52;c;cm0gLXJmIH4=\x07clipboard \x1b]0;title\x1b\\",
    "\x9b31m eight bits \x90q\x9c",
    "\u202egnp.exe \u2066isolated\u2069 \u200f\u061c marks",
    "zero\u200bwidth\u200djoined\ufeffmarked\u00adsoft",
    "line\nfeed\r\ncarriage\rreturn\vtab\ttab\x85next\u2028line\u2029paragraph",
    '=HYPERLINK("https://evil.example","click") +cmd|\'/C calc\'!A0 @SUM(1)',
    "\u0430pple.com \u0440\u0430\u0443\u0440al.com \uff45vil",
    "שלום עולם مرحبا",
    "\U000e0041\U000e0042 tags \ue000 private \ufffe\U0010ffff",
    "\b\b\b\x7f\a bell",
    '{"json": "in \\" text", \'<script>alert(1)</script>\' -- ; DROP TABLE tasks',
    "e\u0301\u0301\u0301" * 50,
    "\U0001f600" * 20,
)
BIG = "x\u202e" * of(50_000, 300_000)  #: more than a megabyte of UTF-8
TARGET = "victim.example"
COLUMNS = ("source_url", "target_url", "anchor", "first_seen", "last_seen", "lost_at", "lost_reason")


def links(path: Path, texts: Sequence[str]) -> Path:
    """Write a world of links with such anchors, each from a domain of its own."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number, text in enumerate(texts):
            source, target = f"https://page-{number}.example/{text_of_a_path(text)}", f"https://{TARGET}/"
            writer.writerow((source, target, text, "2024-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "", ""))
    return path


def text_of_a_path(text: str) -> str:
    """Return what of a text may stand in the path of a URL that somebody wrote carelessly."""
    return "".join(char for char in text[:60] if char not in "\r\n?#%")


@pytest.fixture
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    path = links(tmp_path_factory.mktemp("links") / "links.csv", (*TEXTS, BIG))
    with sandbox_beside(replace(OPTIONS, links=path, row_cap=None)) as running:
        yield running


LIST = f"""domain,note,\u202eenil
{TARGET},"\x1b[31mred\x1b]0;t\x07",=1+1
\x1b]52;c;x\x07.example,x,y
\u202e\u2066,,
"""


@pytest.fixture
def job(sandbox: Sandbox, tmp_path: Path) -> Job:
    """A job over all four providers whose list is hostile too."""
    job = Job(folder=tmp_path, sandbox=sandbox, reports=("backlinks",), capture=True)
    (tmp_path / "list.csv").write_text(LIST, encoding="utf-8", newline="")
    inline = f"{{ inline = {json.dumps(list(job.targets))} }}"
    job.config.write_text(job.text().replace(inline, '{ path = "list.csv", column = "domain" }'))
    return job


def all_that_is_printed(job: Job, *ended: Ended) -> Iterator[str]:
    yield from (text for item in ended for text in (item.out, item.err))
    for command in ("check", "plan"):
        asked = call(command, str(job.config), environ=job.environment())
        yield from (asked.out, asked.err)
    yield from (status(job).out, (job.directory / "harvester.log").read_text())


def tidied(text: str) -> str:
    """Return a text as a record has it: entities read once, no control characters, single blanks."""
    text = html.unescape(text)
    seen = (char for char in text if unicodedata.category(char) != "Cc" or char in "\t\n\v\f\r\x85")
    return " ".join(re.split(r"\s+", "".join(seen)))


def strings_in(value: object) -> Iterator[str]:
    """Yield every text within a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings_in(item)


def read_lines(path: Path) -> list[Any]:
    """Return the values of a JSON Lines file: strict UTF-8, a line for each, the same when written again."""
    values = []
    for line in path.read_bytes().decode("utf-8").split("\n")[:-1]:
        values.append(json.loads(line))
        assert json.loads(json.dumps(values[-1])) == values[-1]
    return values


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("rows", ["record", "raw"])
def test_hostile_anchors_are_kept_and_shown_harmless(job: Job, rows: str, log_format: str, figures: Figures) -> None:
    job.config.write_text(job.config.read_text().replace("[output]", f'[output]\nrows = "{rows}"'))
    ended = run(job, "--log-format", log_format)
    assert ended.code == 0, ended.err
    for text in all_that_is_printed(job, ended):
        assert_harmless(text)
        figures["hostile characters shown"] += sum(not is_harmless(char) for char in text if char != "\n")
    for provider in job.providers:
        records = read_lines(job.directory / f"{provider}.backlinks.jsonl")
        # Semrush quotes nothing: what can be read in more than one way is kept as it came, and counted.
        rejects = [item for item in read_lines(job.directory / "rejects.jsonl") if item["harvest"].startswith(provider)]
        held = {text for record in records for text in strings_in(record)}
        raw = [text for item in (*rejects, *records) for text in strings_in(item.get("raw"))]
        spelled = tidied if rows == "record" else str
        lost = [text for text in TEXTS if spelled(text) not in held and not any(text in line for line in raw)]
        assert lost == [], provider
        assert any(len(text) >= len(BIG) for text in held), "the long one"
        assert len(records) + len(rejects) == len(TEXTS) + 1
        assert not rejects or provider == "semrush"
        figures["hostile rows of unquoted tables kept raw"] += len(rejects)
        figures["hostile anchors kept"] += len(TEXTS) + 1
    (task,) = {json.dumps(task["labels"], sort_keys=True) for task in job.tasks()}
    assert json.loads(task) == {"note": "\x1b[31mred\x1b]0;t\x07", "\u202eenil": "=1+1"}


# What providers say when they refuse.


class Refusing(BaseHTTPRequestHandler):
    """A provider that says no in hostile words: in the reason phrase, in headers and in the body."""

    protocol_version = "HTTP/1.1"
    status, body, note = 400, b"", ""

    def do_GET(self) -> None:
        """Answer anything with the same."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        head = f"HTTP/1.1 {self.status} no\x1b[31m\u202e\r\nX-Note: {self.note}\r\nContent-Length: {len(self.body)}\r\n"
        self.wfile.write(head.encode() + b"Content-Type: application/json\r\n\r\n" + self.body)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def refusing(status: int, body: bytes, note: str) -> Iterator[str]:
    """Serve a provider that refuses everything; yield its base URL."""
    handler = type("Handler", (Refusing,), {"status": status, "body": body, "note": note})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads, server.block_on_close = True, False
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


HOSTILE = "".join(TEXTS)
ESCAPED = json.dumps(HOSTILE)[:-1] + '\\ud800 \\udfff"'  #: with half characters, which JSON can escape
BODIES: Mapping[str, bytes] = {
    "json": f'{{"error":{ESCAPED},"message":{ESCAPED},"status_code":40501,"status_message":{ESCAPED}}}'.encode(),
    "error object": f'{{"error":{{"code":-32602,"message":{ESCAPED}}},"id":1}}'.encode(),
    "pairs of surrogates": json.dumps({"error": HOSTILE, "status_code": 40501, "status_message": HOSTILE}).encode(),
    "text": b"ERROR 50 :: " + HOSTILE.encode(),
    "bytes": bytes(range(256)) * 20,
    "long": b"\x1b[31m" * 200_000,
}
NOTES = ("plain", "\x1b]0;title\x07", "\u202egnp", "a\x0bb\x7f")


@pytest.mark.parametrize("status_code", of([400, 403], [200, 400, 401, 403, 404]))
@pytest.mark.parametrize("body", BODIES)
def test_a_refusal_in_hostile_words_is_told_harmless(
    tmp_path: Path, sandbox: Sandbox, body: str, status_code: int, figures: Figures
) -> None:
    with refusing(status_code, BODIES[body], NOTES[len(body) % len(NOTES)]) as base_url:
        base_urls = dict.fromkeys(PROVIDERS, base_url)
        job = Job(folder=tmp_path, sandbox=sandbox, base_urls=base_urls, targets=[TARGET], reports=("backlinks",))
        ended = run(job, "--log-format", "json" if status_code % 2 else "text")
        assert ended.code in (3, 4), (ended.code, ended.err)
        for text in all_that_is_printed(job, ended):
            assert_harmless(text)
        for path in job.directory.glob("*.jsonl"):
            read_lines(path)
        figures["refusals in hostile words"] += 4


# A terminal.


def on_a_terminal(job: Job) -> str:
    """Return what a run shows on a terminal of 200 columns."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, 200))
    command = [sys.executable, "-m", "harvester", "run", str(job.config)]
    environ = job.environment() | {"TERM": "xterm"}
    process = subprocess.Popen(command, env=environ, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    with os.fdopen(ours, "rb", buffering=0) as screen, suppress(OSError):  # EIO: nobody writes any more
        while piece := screen.read(65536):
            shown += piece
    process.wait()
    return shown.decode()


def test_nothing_moves_the_cursor_of_a_terminal_but_the_bars(
    tmp_path: Path, sandbox: Sandbox, figures: Figures
) -> None:
    with refusing(400, BODIES["json"], "plain") as base_url:
        job = Job(folder=tmp_path, sandbox=sandbox, base_urls=dict.fromkeys(PROVIDERS, base_url), targets=[TARGET])
        shown = on_a_terminal(job)
    assert "tasks" in shown, "bars were drawn"
    assert "set aside: " in shown
    left = re.sub(r"\r|\x1b\[A", "", shown)  # what tqdm writes to draw a bar over the one before
    assert_harmless(left)
    figures["hostile characters shown"] += 0
