"""A job that is done again, week after week, on one world of links whose present moves on."""

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from e2e_kit import REPOSITORY
from operations_kit import HastyClock

from harvester.assembly.library import job_run
from harvester.assembly.outcome import Outcome, RunOptions
from harvester.assembly.surroundings import Surroundings
from harvester.config import load
from harvester.model import Scope
from harvester.sandbox.app import CONTRACTS, Options, Sandbox, open_world, serving
from harvester.sandbox.hosts import place_of
from harvester.sandbox.world import Link, links_to
from harvester.sandbox.world import Scope as Reach

LAST_DAY = date(2026, 11, 21)
DAYS = (date(2026, 11, 7), date(2026, 11, 14), LAST_DAY)  #: of the rounds
TARGETS = tuple(f"shop-{number}.example" for number in range(1, 7))
OPTIONS = Options(
    rates=dict.fromkeys(CONTRACTS, "unlimited"), units=dict.fromkeys(CONTRACTS, 10**12), last_day=LAST_DAY, row_cap=100
)


class OnDay(HastyClock):
    """The noon of a day."""

    def __init__(self, day: date) -> None:
        super().__init__()
        self._began = datetime.combine(day, time(12), UTC)

    def utc(self) -> datetime:
        """Return noon and a little later."""
        return self._began + timedelta(seconds=self.monotonic_s() % 3600)


@dataclass(kw_only=True)
class Watch:
    """A job that is done again and again."""

    folder: Path
    harvests: Sequence[Mapping[str, Any]]  #: each with provider and report
    targets: Sequence[str] = TARGETS
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  #: further keys, by provider
    said: list[str] = field(default_factory=list)

    @property
    def directory(self) -> Path:
        """The job directory."""
        return self.folder / "out" / "watch"

    def config(self, sandbox: Sandbox) -> Path:
        """Write the config anew: a sandbox of another day has another port."""
        lines = ["[job]", 'name = "watch"', f"targets = {{ inline = {json.dumps(list(self.targets))} }}"]
        for name in dict.fromkeys(each["provider"] for each in self.harvests):
            login = {"login": sandbox.logins[name]} if name in sandbox.logins else {}
            section = {"key": f"env:{name.upper()}_KEY", "base_url": sandbox.base_urls[name], "rate": "unlimited"}
            lines += [f"[providers.{name}]", *_keys({**section, **login, **self.sections.get(name, {})})]
        for each in self.harvests:
            lines += ["[[harvest]]", *_keys(each)]
        path = self.folder / "watch.toml"
        path.write_text("\n".join(lines) + "\n")
        return path

    def environ(self, sandbox: Sandbox) -> dict[str, str]:
        """Return what the keys stand for, and a runtime directory of the job's own."""
        return {f"{name.upper()}_KEY": key for name, key in sandbox.keys.items()} | {
            "XDG_RUNTIME_DIR": str(self.folder)
        }

    async def round(self, sandbox: Sandbox, day: date, **options: Any) -> Outcome:
        """Do the job again on a day."""
        around = Surroundings(environ=self.environ(sandbox), notice=self.said.append, clock=OnDay(day))
        async with job_run(load(self.config(sandbox)), RunOptions(again=True, **options), around) as run:
            return await run.work(asyncio.Event())

    def weeks(self, days: Sequence[date] = DAYS, options: Options = OPTIONS) -> None:
        """Do all rounds, each on its day, to the end."""

        async def go() -> None:
            for day in days:
                async with serving(replace(options, today=day)) as sandbox:
                    assert (await self.round(sandbox, day)).exit_code == 0

        asyncio.run(go())

    def lines(self, number: int, name: str) -> list[dict[str, Any]]:
        """Return the lines of a file of a round that was put away."""
        return lines_in(self.directory / "rounds" / str(number) / name)


def lines_in(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a file; every line must be whole."""
    content = path.read_bytes()
    assert not content or content.endswith(b"\n")
    return [json.loads(line) for line in content.splitlines()]


def links_on(day: date, target: str, scope: Scope = "subdomains") -> list[Link]:
    """Return the links of the world on a day, lost ones included."""
    world = open_world(replace(OPTIONS, today=day))
    return list(links_to(world, place_of(target), Reach[scope.upper()]))


def _keys(table: Mapping[str, Any]) -> list[str]:
    return [f"{name} = {_value(value)}" for name, value in table.items()]


def _value(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {_value(item)}" for name, item in value.items()) + " }"
    return json.dumps(value)


PYTHON = sys.executable
HERE = REPOSITORY
