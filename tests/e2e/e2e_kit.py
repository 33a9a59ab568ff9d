"""What the end-to-end tests share: the sandbox, a config, the command as a process, and its output."""

import asyncio
import csv
import json
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import tldextract

from harvester.sandbox.app import Sandbox

REPOSITORY = Path(__file__).parents[2]
LINKS = REPOSITORY.parent / "shared" / "data" / "observed_links.csv"
KEY_VARIABLE = "AHREFS_API_TOKEN"

needs_links = pytest.mark.skipif(not LINKS.is_file(), reason="the observed links (../shared/data) are not here")


def config_text(sandbox: Sandbox, targets: Sequence[str], harvests: Sequence[str], **provider: object) -> str:
    """Return a config; `harvests` are the bodies of its [[harvest]] tables, without the provider."""
    keys = {"key": f"env:{KEY_VARIABLE}", "base_url": sandbox.base_urls["ahrefs"], **provider}
    lines = ["[job]", 'name = "e2e"', f"targets = {{ inline = {json.dumps(list(targets))} }}", "[providers.ahrefs]"]
    lines += [f"{name} = {json.dumps(value)}" for name, value in keys.items()]
    for body in harvests:
        lines += ["[[harvest]]", 'provider = "ahrefs"', body]
    return "\n".join(lines)


def environment(sandbox: Sandbox, scratch: Path) -> dict[str, str]:
    """Return the environment of a run: the test key, and a runtime directory of its own."""
    scratch.mkdir(exist_ok=True)
    return {**os.environ, KEY_VARIABLE: sandbox.keys["ahrefs"], "XDG_RUNTIME_DIR": str(scratch)}


async def start(*arguments: str, environ: Mapping[str, str]) -> asyncio.subprocess.Process:
    """Start the command."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "harvester",
        *arguments,
        env=environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def harvester(*arguments: str, environ: Mapping[str, str]) -> tuple[int, str, str]:
    """Run the command to its end; return exit code, standard output and standard error."""
    process = await start(*arguments, environ=environ)
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def status_of(directory: Path) -> dict[str, Any]:
    """Return what `harvester status --json` says."""
    code, out, err = await harvester("status", str(directory), "--json", environ=os.environ)
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Return the records of a file; every line must be whole."""
    content = path.read_bytes()
    assert not content or content.endswith(b"\n"), "the last line is torn"
    return [json.loads(line) for line in content.splitlines()]


def charged(sandbox: Sandbox) -> dict[str, Any]:
    """Return what the sandbox has counted for its test key."""
    account: dict[str, Any] = sandbox.account()["ahrefs"]["keys"][sandbox.keys["ahrefs"]]
    return account


class ObservedLinks:
    """What the CSV of real links implies, worked out without any of our code."""

    def __init__(self) -> None:
        with LINKS.open(encoding="utf-8", newline="") as file:
            self.rows = list(csv.DictReader(file))
        self._extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)

    def host(self, url: str) -> str:
        """Return a URL's host as a target would name it."""
        return (
            url.split("://", 1)[1].split("/", 1)[0].split("?", 1)[0].split("#", 1)[0].split(":")[0].lower().rstrip(".")
        )

    def domain(self, url: str) -> str:
        """Return a URL's registrable domain, or its host where it has none."""
        host = self.host(url)
        return self._extract(host).top_domain_under_public_suffix or host

    def most_linked(self, count: int) -> list[str]:
        """Return the domains with the most links."""
        return [name for name, _ in Counter(self.domain(row["target_url"]) for row in self.rows).most_common(count)]

    def to(self, target: str, *, lost: bool) -> list[dict[str, str]]:
        """Return the links to a domain and everything below it."""
        hosts = ((row, self.host(row["target_url"])) for row in self.rows)
        found = [row for row, host in hosts if host == target or host.endswith(f".{target}")]
        return [row for row in found if bool(row["lost_at"]) is lost]
