"""What the tests of `harvester rebuild` share: a job of every report of every provider whose replies were kept."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli_kit import wait_until

from harvester.config import job_of
from harvester.errors import ConfigError
from harvester.job import compile_job
from harvester.providers import PROVIDERS
from harvester.sandbox.app import CONTRACTS, Options, Sandbox

TARGETS = [*(f"shop-{number}.example" for number in range(1, 5)), "nobody-links-here.invalid-zone"]
SET = TARGETS[:3]
#: So many rows of a page and of a target that lists have several pages.
PAGE, MOST = 30, 75


def options(**more: Any) -> Options:
    """Return a sandbox that is quick and pays for everything."""
    usual: dict[str, Any] = {
        "rates": dict.fromkeys(CONTRACTS, "unlimited"),
        "units": dict.fromkeys(CONTRACTS, 10**9),
        "row_cap": 20,
    }
    return Options(**(usual | more))


def document(sandbox: Sandbox, harvests: Iterable[Mapping[str, Any]], **output: Any) -> dict[str, Any]:
    """Return a config in the form of a file."""
    tables = list(harvests)
    names = dict.fromkeys(str(table["provider"]) for table in tables)
    return {
        "job": {"name": "kept", "targets": {"inline": TARGETS}},
        "output": {"capture": True, **output},
        "providers": {
            name: {"key": f"env:{name.upper()}_KEY", "base_url": sandbox.base_urls[name], "rate": "unlimited"}
            | ({"login": sandbox.logins[name]} if name in sandbox.logins else {})
            for name in names
        },
        "harvest": tables,
    }


def every_report(sandbox: Sandbox, names: Iterable[str] = PROVIDERS) -> list[dict[str, Any]]:
    """Return a harvest of every report of these providers, in pages as small as it allows."""
    return [
        _fit(sandbox, {"provider": name, "report": report.name})
        for name in names
        for report in PROVIDERS[name].reports.values()
    ]


def _fit(sandbox: Sandbox, harvest: dict[str, Any]) -> dict[str, Any]:
    sets = {"sets": [SET[:2], SET]} if harvest["report"] == "overlap" else {}
    for more in ({"page_size": PAGE, "max_rows": MOST}, {"max_rows": MOST}, {"page_size": PAGE}):
        table = {**harvest, **more, **sets}
        try:
            compile_job(job_of(document(sandbox, [table]), Path("job.toml")), datetime.now(UTC).date())
        except ConfigError:
            continue
        return table
    return {**harvest, **sets}


def environ_of(sandbox: Sandbox, folder: Path) -> dict[str, str]:
    """Return the environment of a run."""
    keys = {f"{name.upper()}_KEY": key for name, key in sandbox.keys.items()}
    return {**os.environ, **keys, "XDG_RUNTIME_DIR": str(folder)}


def written(document: Mapping[str, Any], folder: Path) -> Path:
    """Write a config as TOML; JSON strings, numbers and lists are TOML too."""
    lines = []
    for name in ("job", "output"):
        lines += [f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in document[name].items())]
    for name, section in document["providers"].items():
        lines += [f"[providers.{name}]", *(f"{key} = {_toml(value)}" for key, value in section.items())]
    for harvest in document["harvest"]:
        lines += ["[[harvest]]", *(f"{key} = {_toml(value)}" for key, value in harvest.items())]
    path = folder / "job.toml"
    path.write_text("\n".join(lines))
    return path


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
    return json.dumps(value)


def run(config: Path, environ: Mapping[str, str], *arguments: str, kill_at: int | None = None) -> int:
    """Run a job in a process of its own, to its end or until so many bytes are kept; return its exit code."""
    process = subprocess.Popen(
        [sys.executable, "-m", "harvester", "run", str(config), "--quiet", *arguments],
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    if kill_at is not None:
        kept = config.parent / "out" / "kept" / "replies"

        def is_due() -> bool:
            return process.poll() is not None or sum(each.stat().st_size for each in kept.glob("*")) >= kill_at

        wait_until(is_due)
        process.send_signal(signal.SIGKILL)
    return process.wait()


def copied(directory: Path, folder: Path) -> Path:
    """Return a copy of a job directory."""
    return Path(shutil.copytree(directory, folder / "copy"))


def files_of(directory: Path) -> dict[str, bytes]:
    """Return the content of all that a rebuild may touch, and of what it must not touch."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*.jsonl*"))
        if path.is_file()
    }
