"""What the chaos tests share: how much is done, from which seed, and one job over all four providers as a process.

`./scripts/chaos` sets CHAOS=all and CHAOS_SEED; without them a small part runs, always the same.
"""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from e2e_kit import lines_of, start
from engine_kit import unpacked

from harvester.codec import parse
from harvester.providers import PROVIDERS
from harvester.sandbox.app import CONTRACTS, Options, Sandbox

IS_ALL = os.environ.get("CHAOS") == "all"
SEED = int(os.environ.get("CHAOS_SEED", "1"))

T = TypeVar("T")

Figures = Counter[str]

#: Nothing is for free twice, nobody is slowed down, and nobody runs out of units.
OPTIONS = Options(
    rates=dict.fromkeys(CONTRACTS, "unlimited"),
    units=dict.fromkeys(CONTRACTS, 10**12),
    switches=("ahrefs.cache=false",),
    row_cap=100,
)
REPORTS = ("backlinks", "refdomains")
TARGETS = tuple(f"shop-{number}.example" for number in range(1, 13))


def of(some: T, everything: T) -> T:
    """Return how much is done: a small part in the everyday tests, everything in `scripts/chaos`."""
    return everything if IS_ALL else some


def chance(*about: object) -> Random:
    """Return a source of chance of one's own: the same for the same seed, whatever other tests draw."""
    return Random(":".join(map(str, (SEED, *about))))


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A run that came to an end; killed ones have the negative number of their signal."""

    code: int
    out: str
    err: str


@dataclass(kw_only=True)
class Job:
    """One config over all four providers (or some), run as a process in a folder of its own."""

    folder: Path
    sandbox: Sandbox
    base_urls: Mapping[str, str] = field(default_factory=dict)  #: by provider, in place of the sandbox's own
    providers: Sequence[str] = tuple(PROVIDERS)
    reports: Sequence[str] = REPORTS
    targets: Sequence[str] = TARGETS
    format: str = "jsonl"
    capture: bool = False
    section: Mapping[str, Any] = field(default_factory=dict)  #: further keys of each provider's table
    harvest: Mapping[str, Any] = field(default_factory=dict)  #: further keys of each [[harvest]]
    environ: dict[str, str] = field(default_factory=dict)  #: beside what every run gets

    @property
    def config(self) -> Path:
        """The config file, written on first use."""
        path = self.folder / "job.toml"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            path.write_text(self.text())
        return path

    @property
    def directory(self) -> Path:
        """The job directory."""
        return self.folder / "out" / "chaos"

    def text(self) -> str:
        """Return the config."""
        output = {"format": self.format, "capture": self.capture}
        lines = ["[job]", 'name = "chaos"', f"targets = {{ inline = {json.dumps(list(self.targets))} }}"]
        lines += ["[output]", *_keys(output)]
        for name in self.providers:
            base_url = self.base_urls.get(name, self.sandbox.base_urls[name])
            login = {"login": self.sandbox.logins[name]} if name in self.sandbox.logins else {}
            usual = {"key": f"env:{name.upper()}_KEY", "base_url": base_url, "rate": "unlimited", "in_flight": 2}
            # Else what a short page proves depends on which came before it, and after a kill a run may need one more.
            plan = {"row_cap": OPTIONS.row_cap} if name == "ahrefs" else {}
            lines += [f"[providers.{name}]", *_keys({**usual, **login, **plan, **self.section})]
            for report in self.reports:
                lines += ["[[harvest]]", *_keys({"provider": name, "report": report, **self.harvest})]
        return "\n".join(lines) + "\n"

    def environment(self) -> dict[str, str]:
        """Return the environment of a run: the keys, and a runtime directory of its own."""
        keys = {f"{name.upper()}_KEY": key for name, key in self.sandbox.keys.items()}
        return {**os.environ, "XDG_RUNTIME_DIR": str(self.folder), **keys, **self.environ}

    async def begin(self, *arguments: str, **environ: str) -> asyncio.subprocess.Process:
        """Start `harvester run`."""
        more = {**self.environment(), **environ}
        return await start("run", str(self.config), *arguments, environ=more)

    async def run(self, *arguments: str, **environ: str) -> Ended:
        """Run to the end."""
        return await ended(await self.begin(*arguments, **environ))

    async def status(self) -> dict[str, Any]:
        """Return what `harvester status --json` says."""
        asked = await ended(await start("status", str(self.directory), "--json", environ=self.environment()))
        assert asked.code == 0, asked.err
        found: dict[str, Any] = json.loads(asked.out)
        return found

    def records(self) -> dict[tuple[str, str, int], dict[str, Any]]:
        """Return every record by its place, each there once, without when it was fetched. Every line must be whole."""
        found: dict[tuple[str, str, int], dict[str, Any]] = {}
        for path in sorted(self.directory.glob(f"*.*.{self.format}")):
            content = unpacked(path)
            assert not content or content.endswith(b"\n"), "the last line is torn"
            for record in map(parse, content.splitlines()):
                place = (path.name, record["task"], record["row"])
                assert place not in found, f"a row was written twice: {place}"
                found[place] = {name: value for name, value in record.items() if name != "fetched_at"}
        return found

    def tasks(self) -> list[dict[str, Any]]:
        """Return the finished tasks."""
        return lines_of(self.directory / "tasks.jsonl")

    def account(self, provider: str) -> dict[str, Any]:
        """Return what the sandbox has counted for a provider's test key."""
        account: dict[str, Any] = self.sandbox.account()[provider]["keys"][self.sandbox.keys[provider]]
        return account


async def ended(process: asyncio.subprocess.Process) -> Ended:
    """Wait for a process to end."""
    out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(code=process.returncode, out=out.decode(errors="replace"), err=err.decode(errors="replace"))


def assert_no_traceback(*runs: Ended) -> None:
    """Look for what no user should ever see."""
    for run in runs:
        for text in (run.out, run.err):
            assert "Traceback" not in text, text
            assert "internal error" not in text, text


def _keys(table: Mapping[str, Any]) -> list[str]:
    return [f"{name} = {json.dumps(value)}" for name, value in table.items()]
