"""`harvester demo`."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import click

from harvester.assembly.outcome import RunOptions
from harvester.assembly.status import Status
from harvester.cli.progress import say
from harvester.cli.report import made
from harvester.cli.running import FINISHED, Ended, View, finished, run_job, tell_end
from harvester.cli.words import counted, table
from harvester.codec import parse
from harvester.config import job_of
from harvester.display import shown
from harvester.errors import HarvestError
from harvester.providers import PROVIDERS
from harvester.sandbox.app import CONTRACTS, Options, Sandbox, serving

TARGETS, SEED = 200, 1
KEY_VARIABLE = "HARVESTER_DEMO_KEY_"
REPORTS = ("summary", "backlinks", "lost-backlinks", "broken-backlinks", "refdomains", "anchors", "history")
MOST_ROWS = 500  #: of one target and report, so that the demo ends soon
#: Of the sandbox: each provider has a pace of its own, as in life, but a faster one, so that the demo ends soon.
RATES = {"ahrefs": "3000/minute", "semrush": "50/second", "serpstat": "30/second", "dataforseo": "2000/minute"}
UNITS = 50_000_000
FAULTS = 0.02
RECORDS_SHOWN = 3
COLUMNS = ("target", "url_from", "url_to", "anchor", "first_seen_at")
COLUMN_CHARS = 36


@click.command()
@click.option(
    "--targets", type=click.IntRange(1, 100_000), default=TARGETS, show_default=True, help="How many domains."
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="The job directory; by default below out/.",
)
@click.option("--seed", type=int, default=SEED, show_default=True, help="Another seed, another world of links.")
def demo(targets: int, output: Path | None, seed: int) -> None:
    """Harvest made-up domains from all providers of the built-in sandbox.

    It ends with what it brought, and with the path of its report: a page to open in a browser. Stop it with Ctrl-C and
    run it again: it goes on where it stopped. Remove its directory to see it anew.

    Example: harvester demo --targets 20
    """
    output = output or Path("out", _name(targets, seed))
    ended = finished(_demo(targets, output.absolute(), seed))
    if ended.outcome.exit_code == 0:
        click.echo(f"{_records_text(ended.status, output)}\n")
    tell_end(ended, output, *_report_text(ended, output))


def _report_text(ended: Ended, output: Path) -> list[str]:
    """Write the report of a demo that came to its end; return where it is, or how to get it."""
    if ended.outcome.exit_code not in FINISHED:
        return []
    say("writing the report")
    try:
        return [f"Report: {shown(str(made(output, ended.status)), 1000)}"]
    except HarvestError as exc:
        return [f"No report: {shown(str(exc), 1000)}; then: harvester report {shown(str(output), 1000)}"]


def _name(targets: int, seed: int) -> str:
    """Return the name of a demo: rows of two worlds must not meet in one job."""
    return "demo" if (targets, seed) == (TARGETS, SEED) else f"demo-{targets}-{seed}"


async def _demo(targets: int, output: Path, seed: int) -> Ended:
    options = Options(
        seed=seed,
        latency_ms=20,
        faults=FAULTS,
        rates=RATES,
        units=dict.fromkeys(CONTRACTS, UNITS),
    )
    async with serving(options) as sandbox:
        config = job_of(_document(_name(targets, seed), sandbox, targets), Path("the demo's config"))
        environ = {f"{KEY_VARIABLE}{name.upper()}": key for name, key in sandbox.keys.items()}
        say(f"{counted(targets, 'made-up domain')}; the sandbox lets {FAULTS:.0%} of the requests fail on purpose")
        return await run_job(replace(config, output=output), RunOptions(), environ, View())


def _document(name: str, sandbox: Sandbox, targets: int) -> Mapping[str, Any]:
    """Return the demo's config, in the form of a file."""
    return {
        "job": {"name": name, "targets": {"inline": [f"shop-{number}.example" for number in range(1, targets + 1)]}},
        "providers": {
            name: {"key": f"env:{KEY_VARIABLE}{name.upper()}", "base_url": url, "rate": RATES[name]}
            | ({"login": sandbox.logins[name]} if name in sandbox.logins else {})
            for name, url in sandbox.base_urls.items()
        },
        "harvest": [
            {"provider": name, "report": report, "max_rows": MOST_ROWS}
            for name in sandbox.base_urls
            for report in REPORTS
            if PROVIDERS[name].report(report) is not None
        ],
    }


def _records_text(status: Status, directory: Path) -> str:
    """Return the first links of the first provider that has any, in a few of their fields."""
    harvest = next(name for name in status.outputs if name.endswith(".backlinks"))
    path = directory / status.outputs[harvest]
    with path.open(encoding="utf-8") as lines:
        records = [parse(line) for line in islice(lines, RECORDS_SHOWN)]
    rows = [[shown(str(record[name]), COLUMN_CHARS) for name in COLUMNS] for record in records]
    title = f"The first of {counted(status.records(harvest), 'record')} in {path}, in a few of their fields:"
    return f"{title}\n\n{table(COLUMNS, rows)}"
