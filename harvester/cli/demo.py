"""`harvester demo`."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import click

from harvester.assembly import RunOptions
from harvester.cli.running import Ended, View, run_job
from harvester.cli.summary import summary_text
from harvester.config import job_of
from harvester.display import shown
from harvester.sandbox.app import Options, Sandbox, serving

KEY_VARIABLE = "HARVESTER_DEMO_KEY_"
REPORTS = ("summary", "backlinks", "lost-backlinks", "refdomains", "anchors", "history")
MOST_ROWS = 500  #: of one target and report, so that the demo ends soon
RATE = "3000/minute"  #: of the sandbox; a real account allows less
RECORDS_SHOWN = 3


@click.command()
@click.option("--targets", type=click.IntRange(1, 100_000), default=200, show_default=True, help="How many domains.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("out/demo"),
    show_default=True,
    help="The job directory.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another world of links.")
def demo(targets: int, output: Path, seed: int) -> None:
    """Harvest made-up domains from the built-in sandbox: the whole tool, without any account.

    Example: harvester demo --targets 20
    """
    try:
        ended = asyncio.run(_demo(targets, output.absolute(), seed))
    except (asyncio.CancelledError, KeyboardInterrupt):
        sys.exit(130)
    click.echo(f"\n{summary_text(ended.status, ended.outcome, output, ended.took)}")
    _show_records(output)
    sys.exit(ended.outcome.exit_code)


async def _demo(targets: int, output: Path, seed: int) -> Ended:
    options = Options(seed=seed, latency_ms=20, faults=0.02, rates={"ahrefs": RATE}, units={"ahrefs": 50_000_000})
    async with serving(options) as sandbox:
        config = job_of(_document(sandbox, targets), Path("demo.toml"))
        environ = {f"{KEY_VARIABLE}{name.upper()}": key for name, key in sandbox.keys.items()}
        click.echo(f"{targets} made-up domains, {len(REPORTS)} reports, 2 % of the requests fail on purpose", err=True)
        return await run_job(replace(config, output=output), RunOptions(), environ, View())


def _document(sandbox: Sandbox, targets: int) -> Mapping[str, Any]:
    """Return the demo's config, in the form of a file."""
    return {
        "job": {"name": "demo", "targets": {"inline": [f"shop-{number}.example" for number in range(1, targets + 1)]}},
        "providers": {
            name: {"key": f"env:{KEY_VARIABLE}{name.upper()}", "base_url": url, "rate": RATE, "row_cap": 250}
            for name, url in sandbox.base_urls.items()
        },
        "harvest": [
            {"provider": name, "report": report, "max_rows": MOST_ROWS}
            for name in sandbox.base_urls
            for report in REPORTS
        ],
    }


def _show_records(directory: Path) -> None:
    for report in ("backlinks", "refdomains"):
        path = directory / f"ahrefs.{report}.jsonl"
        click.echo(f"\nThe first records of {path}:")
        with path.open(encoding="utf-8") as lines:
            for line in islice(lines, RECORDS_SHOWN):
                click.echo(shown(line.rstrip("\n"), 600))
