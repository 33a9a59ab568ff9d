"""Jobs of one provider against its sandbox, through real sockets and in this process, on one fixed day.

What a test compares with is the link world itself (`Harvested.links`), never an answer of the sandbox.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

from e2e_kit import lines_of

from harvester.assembly.library import job_run
from harvester.assembly.outcome import Outcome, RunOptions
from harvester.assembly.surroundings import Surroundings, SystemClock
from harvester.config import job_of
from harvester.sandbox.app import Options, Sandbox, open_world, serving
from harvester.sandbox.hosts import place_of
from harvester.sandbox.world import Link, Scope, World, links_to

TODAY = date(2026, 11, 21)
BEGAN = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEY_VARIABLE = "PROVIDER_KEY"


class DayClock(SystemClock):
    """The real time, on a fixed day: what a test expects must not depend on when it runs."""

    def utc(self) -> datetime:
        """Return noon and what has passed since the loop began."""
        return BEGAN + timedelta(seconds=self.monotonic_s() % 3600)


class HastyClock(SystemClock):
    """The real day, on which waiting takes no time: it moves the seconds, by which the sandbox counts rates too."""

    def __init__(self) -> None:
        self._waited_s = 0.0

    def monotonic_s(self) -> float:
        """Return the loop's seconds, and those that were waited for."""
        return super().monotonic_s() + self._waited_s

    async def sleep_s(self, seconds: float) -> None:
        """Let everybody else go on."""
        self._waited_s += seconds
        await asyncio.sleep(0)


@dataclass(frozen=True, kw_only=True)
class Harvested:
    """What a job left behind."""

    directory: Path
    outcome: Outcome
    world: World
    account: Mapping[str, Any]  #: the sandbox's own count for the key

    def records(self, harvest: str) -> list[dict[str, Any]]:
        """Return the records of a harvest; every line must be whole."""
        return lines_of(self.directory / f"{harvest}.jsonl")

    def told(self, *harvests: str) -> Counter[str]:
        """Return all records of harvests, but for what differs from run to run: when, and how pages were cut."""
        records = chain.from_iterable(map(self.records, harvests))
        return Counter(repr({**record, "fetched_at": None, "as_of": None, "page": None}) for record in records)

    @property
    def tasks(self) -> list[dict[str, Any]]:
        """The finished tasks."""
        return lines_of(self.directory / "tasks.jsonl")

    @property
    def rejects(self) -> list[dict[str, Any]]:
        """The rows that could not be read."""
        path = self.directory / "rejects.jsonl"
        return lines_of(path) if path.exists() else []

    def links(self, target: str, scope: Scope = Scope.SUBDOMAINS) -> list[Link]:
        """Return all links of the world to a target, lost ones included."""
        return list(links_to(self.world, place_of(target), scope))

    def live(self, target: str, scope: Scope = Scope.SUBDOMAINS) -> list[Link]:
        """Return the links that live on the world's day."""
        return [link for link in self.links(target, scope) if link.is_live_at(self.world.now)]

    def lost(self, target: str, scope: Scope = Scope.SUBDOMAINS) -> list[Link]:
        """Return the links that are gone."""
        return [link for link in self.links(target, scope) if not link.is_live_at(self.world.now)]


class Yard:
    """One provider's sandbox and a directory; `harvest` runs one job to its end."""

    def __init__(self, directory: Path, provider: str, **options: Any) -> None:
        """`options` are those of the sandbox. Without rates: a test takes no longer than its answers."""
        usual = {"today": TODAY, "rates": {provider: "unlimited"}, "units": {provider: 10**12}}
        self.directory = directory
        self.provider = provider
        self.options = Options(**{**usual, **options})
        self.section: dict[str, Any] = {}  #: further keys of the provider's table
        self.run = RunOptions()
        self.clock: SystemClock = DayClock()
        self.stop: asyncio.Event | None = None  #: ends a run in order, when or before it works

    def harvest(self, *harvests: Mapping[str, Any], targets: Sequence[str] = ()) -> Harvested:
        """Run a job of these [[harvest]] tables, each without its provider."""
        return asyncio.run(self._harvest(harvests, targets))

    async def _harvest(self, harvests: Sequence[Mapping[str, Any]], targets: Sequence[str]) -> Harvested:
        async with serving(self.options, self.clock.monotonic_s) as sandbox:
            return await self.harvest_at(sandbox, harvests, targets)

    async def harvest_at(
        self, sandbox: Sandbox, harvests: Sequence[Mapping[str, Any]], targets: Sequence[str]
    ) -> Harvested:
        """Run a job against a sandbox that others may use too."""
        provider = self.provider
        login = {"login": sandbox.logins[provider]} if provider in sandbox.logins else {}
        place = {"key": f"env:{KEY_VARIABLE}", "base_url": sandbox.base_urls[provider], "rate": "unlimited"}
        document = {
            "job": {"name": "job", "output": str(self.directory / "out")}
            | ({"targets": {"inline": list(targets)}} if targets else {}),
            "providers": {provider: {**place, **login, **self.section}},
            "harvest": [{"provider": provider, **table} for table in harvests],
        }
        environ = {KEY_VARIABLE: sandbox.keys[provider], "XDG_RUNTIME_DIR": str(self.directory)}
        around = Surroundings(environ=environ, notice=print, clock=self.clock, jitter=float)
        config = job_of(json.loads(json.dumps(document)), self.directory / "job.toml")
        async with job_run(config, self.run, around) as running:
            outcome = await running.work(self.stop or asyncio.Event())
        return Harvested(
            directory=self.directory / "out",
            outcome=outcome,
            world=open_world(self.options),
            account=sandbox.account()[provider]["keys"][sandbox.keys[provider]],
        )
