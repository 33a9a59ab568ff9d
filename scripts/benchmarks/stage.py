"""What all benchmarks stand on: the replaying server, targets with enough links, and jobs on them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from harvester.sandbox.generated import GeneratedWorld

HARVESTER = (sys.executable, "-m", "harvester")
_SERVER = Path(__file__).with_name("replay.py")
_SCRIPTS = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A replaying server that is running."""

    url: str
    accounts: Mapping[str, Mapping[str, str | None]]  #: base_url, key and login, by provider

    def meter(self) -> dict[str, Any]:
        """Return what came to the server since its meter was set to zero."""
        found: dict[str, Any] = self._told("/_replay")
        return found

    def zero(self) -> None:
        """Set the meter to zero."""
        self._told("/_replay", "DELETE")

    def lap(self) -> None:
        """Let the meter's seconds count from now; its counts go on."""
        self._told("/_replay/lap", "PUT")

    def limit(self, calls: int, seconds: float) -> None:
        """Let the server refuse from now on what is beyond a limit; nothing came yet, as far as it goes."""
        self._told(f"/_replay/limit/{calls}/{seconds}", "PUT")

    def close_for(self, seconds: float) -> None:
        """Let the server refuse every request for so long, as too many."""
        self._told(f"/_replay/closed/{seconds}", "PUT")

    def break_for(self, seconds: float) -> None:
        """Let the server break every connection for so long over which something comes."""
        self._told(f"/_replay/broken/{seconds}", "PUT")

    def asked(self) -> list[dict[str, Any]]:
        """Return the requests that the server met for the first time."""
        found: list[dict[str, Any]] = self._told("/_replay/asked")
        return found

    def _told(self, address: str, method: str = "GET") -> Any:
        with urlopen(Request(f"{self.url}{address}", method=method), timeout=30) as reply:
            return json.load(reply)


@contextmanager
def staged(
    folder: Path,
    *,
    targets: Iterable[str] = (),
    latency_ms: float = 0,
    endless_pages: int | None = None,
) -> Iterator[Stage]:
    """Run a replaying server for the length of the block; `targets`: whom aliases stand for."""
    folder.mkdir(parents=True, exist_ok=True)
    names = folder / "targets-of-the-server"
    names.write_text("\n".join(targets))
    command = [sys.executable, str(_SERVER), "--targets", str(names), "--latency-ms", str(latency_ms)]
    if endless_pages is not None:
        command += ["--endless", str(endless_pages)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ_of({}))
    try:
        assert server.stdout is not None
        yield Stage(**json.loads(server.stdout.readline()))
    finally:
        server.terminate()
        server.wait(timeout=30)


def environ_of(more: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a program: as ours, with our modules to be found, and no proxy."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return {**kept, "PYTHONPATH": os.pathsep.join((str(_SCRIPTS), str(_SCRIPTS.parent))), **more}


def targets_with(links: int, number: int) -> list[str]:
    """Return so many targets of the sandbox that have so many links or more."""
    world = GeneratedWorld(seed=1, today=datetime.now(UTC).date())
    names = (f"bench-{each:06d}.com" for each in count())
    return list(islice((name for name in names if world.link_count(name) >= links), number))


def aliases(number: int) -> list[str]:
    """Return so many names for the targets that a server was started with."""
    return [f"alias-{each:07d}.example" for each in range(number)]


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job on a stage, in a folder of its own."""

    folder: Path
    stage: Stage
    targets: Iterable[str]  #: written anew for each command, line by line
    harvests: Sequence[Mapping[str, Any]]  #: keys of each [[harvest]]
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  #: further keys, by provider
    rows: str = "record"
    format: str = "jsonl"
    rate: str = "unlimited"
    in_flight: int = 16

    @property
    def directory(self) -> Path:
        """The job directory."""
        return self.folder / "out"

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a run, with keys."""
        keys = {f"{name.upper()}_KEY": account["key"] or "" for name, account in self.stage.accounts.items()}
        return environ_of({**keys, "XDG_RUNTIME_DIR": str(self.folder)})

    def written(self) -> Path:
        """Write config and targets; return the config."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "targets.txt").open("w") as file:  # one by one: there may be a million
            file.writelines(f"{target}\n" for target in self.targets)
        lines = ["[job]", 'name = "bench"', 'output = "out"', 'targets = "targets.txt"']
        lines += ["[output]", f'rows = "{self.rows}"', f'format = "{self.format}"']
        for name in dict.fromkeys(harvest["provider"] for harvest in self.harvests):
            account = self.stage.accounts[name]
            login = {"login": account["login"]} if account["login"] else {}
            usual = {"base_url": account["base_url"], "rate": self.rate, "in_flight": self.in_flight}
            section = {"key": f"env:{name.upper()}_KEY", **login, **usual, **self.sections.get(name, {})}
            lines += [f"[providers.{name}]", *_keys(section)]
        for harvest in self.harvests:
            lines += ["[[harvest]]", *_keys(harvest)]
        path = self.folder / "job.toml"
        path.write_text("\n".join(lines) + "\n")
        return path

    def command(self, *options: str) -> list[str]:
        """Return the command that runs it."""
        return [*HARVESTER, "run", str(self.written()), "--quiet", *options]


def _keys(table: Mapping[str, Any]) -> list[str]:
    return [f"{name} = {json.dumps(value)}" for name, value in table.items()]
