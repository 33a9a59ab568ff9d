"""No key of any provider in any file, line or title of a run, however often and however spelled it comes back."""

import asyncio
import base64
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from html import escape
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from chaos_kit import OPTIONS, TARGETS, Ended, Figures, Job, assert_no_traceback, chance, ended, of
from e2e_kit import start
from engine_kit import unpacked
from meddling_kit import Answer, Do, Heard, Plan, head, in_a_hurry, meddling, run_here
from misdeeds_kit import MISDEEDS

from harvester.codec import parse
from harvester.providers import PROVIDERS
from harvester.sandbox.app import Sandbox, serving
from harvester.sandbox.dataforseo.service import LOGIN

FEW = TARGETS[:4]
KEYS = {name: f's3cret-{name}/Zq+9=&%25"<~1' for name in PROVIDERS}
SECRET = replace(OPTIONS, keys={name: (key,) for name, key in KEYS.items()})
STORM = tuple(name for name, misdeed in MISDEEDS.items() if not misdeed.is_large)


def spellings(key: str) -> list[str]:
    """Return a key as it may come back: as it is, and as URLs, HTML, JSON and Basic authentication write it."""
    quoted = [quote(key), quote(key, safe=""), quote_plus(key)]
    lower = [re.sub("%..", lambda code: code[0].lower(), text) for text in quoted]
    plain = [key, f"{LOGIN}:{key}"] if key == KEYS["dataforseo"] else [key]
    packed = [base64.b64encode(text.encode()).decode() for text in plain]
    bare = [text.rstrip("=") for text in packed]
    return list(dict.fromkeys([key, escape(key), *quoted, *lower, *packed, *bare]))


def written(key: str) -> set[bytes]:
    """Return all that must not be found: every spelling, also as JSON and PHP's JSON escape it."""
    found = {form for text in spellings(key) for form in (text, json.dumps(text)[1:-1])}
    return {form.encode() for text in found for form in (text, text.replace("/", "\\/"))}


FORBIDDEN = {form for key in KEYS.values() for form in written(key)}


def assert_no_secret(job: Job, figures: Figures, *texts: str) -> None:
    """Look for all keys in all files of a job directory, packed ones too, and in these texts."""
    found = {f"text {number}": text.encode() for number, text in enumerate(texts)}
    for path in job.directory.rglob("*"):
        if path.is_file():
            found[path.name] = unpacked(path)
    packed = [parse(line).get("body_base64", "") for line in replies_of(job)]
    found |= {f"captured body {number}": base64.b64decode(text) for number, text in enumerate(packed)}
    leaks = [(where, form) for where, content in found.items() for form in FORBIDDEN if form in content]
    figures["files and texts searched for keys"] += len(found)
    figures["keys found"] += len(leaks)
    assert not leaks, leaks


def echo_headers(key: str) -> dict[str, str]:
    """Return headers that hold a key in every spelling."""
    texts = spellings(key)
    return {f"x-echo-{number}": text for number, text in enumerate(texts)} | {
        "set-cookie": f"key={texts[3]}",
        "location": f"http://127.0.0.1:9/?key={texts[3]}",
        f"x-{re.sub('[^a-z0-9]', '', key.lower())}": "name",
    }


async def refuses(heard: Heard) -> None:
    """Refuse with the whole request in the words of the provider."""
    key = KEYS[heard.provider]
    said = " | ".join([*spellings(key), heard.head.decode("latin-1").split("\r\n")[0]])
    bodies: Mapping[str, object] = {
        "ahrefs": {"error": said},
        "serpstat": {"id": "1", "error": {"code": 32016, "message": f"Large query domains not supported: {said}"}},
        "dataforseo": {"status_code": 40408, "status_message": said, "cost": 0, "tasks": None},
    }
    status = 400 if heard.provider == "ahrefs" else 200
    words = f"ERROR 10042 :: {said}" if heard.provider == "semrush" else json.dumps(bodies[heard.provider])
    body = words.encode()
    await heard.send(head(status, {**echo_headers(key), "content-length": str(len(body))}) + body)


async def breaks(heard: Heard) -> None:
    """Answer with what is no HTTP, and hold the key where the client quotes it."""
    text = "".join(spellings(KEYS[heard.provider]))
    await heard.send(f"HTTP/1.1 200 {text}\r\nX-{text}\0: {text}\r\n\r\n".encode())
    heard.close()


async def fails(heard: Heard) -> None:
    """Fail as a server does that prints what it was asked."""
    key = KEYS[heard.provider]
    body = f"<html>cannot do {' '.join(spellings(key))} {heard.head!r}</html>".encode()
    await heard.send(head(503, {**echo_headers(key), "content-length": str(len(body))}) + body)


async def moves(heard: Heard) -> None:
    """Redirect to an address with the key in it."""
    await heard.send(head(302, {**echo_headers(KEYS[heard.provider]), "content-length": "0"}))


async def echoes(heard: Heard) -> None:
    """Answer, with the key in every header and in texts of the rows."""
    answer, key = await heard.answer(), KEYS[heard.provider]
    echoed = answer.of(_with_echo(answer, key))
    await heard.send(replace(echoed, headers={**answer.headers, **echo_headers(key)}).raw())


def _with_echo(answer: Answer, key: str) -> bytes:
    """Return a body with the key in its titles and anchors, where it has such."""
    said = " ".join(spellings(key))
    if answer.body[:1] == b"{":
        # As the server writes JSON: a quote within a text is escaped.
        inside = json.dumps(said)[1:-1].encode()
        return re.sub(
            rb'("(?:title|anchor|page_from_title|nameFrom|domain)": ?)"[^"\\]*"',
            lambda match: match[1] + b'"' + inside + b'"',
            answer.body,
        )
    return answer.body.replace(b"of the year", said.replace(";", ",").encode())


def echo_plan() -> Plan:
    """Refuse one target, fail once for another, and answer the rest with echoes."""
    failed: set[str] = set()

    def plan(heard: Heard) -> Do:
        if heard.is_about(FEW[1]):
            return refuses
        # What DataForSEO's lost replies cost is looked up for fifteen seconds; the storm does that in less.
        if not heard.is_about(FEW[2]) or heard.provider in (*failed, "dataforseo"):
            return echoes
        failed.add(heard.provider)
        return fails if heard.provider == "ahrefs" else breaks

    return plan


def secret_job(sandbox: Sandbox, folder: Path, base_urls: Mapping[str, str]) -> Job:
    """Return a job with keys that are spelled otherwise wherever they travel."""
    return Job(
        folder=folder,
        sandbox=sandbox,
        base_urls=base_urls,
        targets=FEW,
        capture=True,
        environ={f"{name.upper()}_KEY": key for name, key in KEYS.items()},
    )


async def watched(job: Job, *arguments: str) -> tuple[Ended, str]:
    """Run a job as a process, and read its title while it runs."""
    process = await job.begin(*arguments)
    running = asyncio.ensure_future(ended(process))
    titles = ""
    while not running.done():
        titles += title_of(process.pid)
        await asyncio.sleep(0.1)
    return await running, titles


def title_of(pid: int) -> str:
    """Return what others see of a process, where the system has a place to look."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:  # no such place, or the process has just ended
        return ""


@pytest.mark.parametrize("log_format", of(("json",), ("text", "json")))
def test_a_provider_that_repeats_the_key_in_every_spelling_gets_it_nowhere(
    log_format: str, tmp_path: Path, figures: Figures
) -> None:
    async def scenario() -> None:
        async with serving(SECRET) as sandbox, meddling(sandbox) as meddler:
            job = secret_job(sandbox, tmp_path, meddler.base_urls)
            meddler.plan = echo_plan()
            run, titles = await watched(job, "--log-format", log_format)
            assert run.code == 3, run.err
            assert_no_traceback(run)
            assert "***" in run.out + run.err, "what was masked can be seen"
            assert {task["provider"] for task in job.tasks() if task["state"] == "set_aside"} == set(PROVIDERS)
            assert any("***" in line for line in replies_of(job))
            status = await ended(await start("status", str(job.directory), environ=job.environment()))
            meddler.plan = lambda heard: moves
            check = await ended(await start("check", str(job.config), environ=job.environment()))
            again, more_titles = await watched(job, "--retry-set-aside")
            assert again.code == 4, again.err
            assert_no_traceback(check, again)
            outputs = [text for item in (run, status, check, again) for text in (item.out, item.err)]
            assert_no_secret(job, figures, *outputs, titles, more_titles)

    in_a_hurry(scenario(), hurry=1.0)


def replies_of(job: Job) -> list[str]:
    """Return the captured replies, line by line."""
    paths = sorted((job.directory / "replies").glob("*.jsonl.zst"))
    return [line for path in paths for line in unpacked(path).decode().splitlines()]


def stormy(*about: object) -> Plan:
    """Answer with echoes, and let every third request meet a misdeed."""
    draw = chance("secrets", *about)

    def plan(heard: Heard) -> Do:
        if draw.random() > 0.35:
            return echoes
        do = draw.choice((refuses, breaks, fails, moves, None))
        return do or MISDEEDS[draw.choice(STORM)].do

    return plan


def test_a_storm_of_misdeeds_brings_no_key_to_light(
    tmp_path: Path, figures: Figures, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with serving(SECRET) as sandbox, meddling(sandbox) as meddler:
            job = replace(secret_job(sandbox, tmp_path, meddler.base_urls), section={"timeout_s": 20})
            for number in range(of(3, 12)):
                meddler.plan = stormy(number)
                await run_here(job, retry_set_aside=True)
                shown = capsys.readouterr()
                assert_no_secret(job, figures, shown.out, shown.err, caplog.text)
            figures["requests that met a misdeed of the network"] += sum(meddler.met.values())
            assert not meddler.trapped

    in_a_hurry(scenario())
