"""`harvester run`."""

import asyncio
import os
import sys
from pathlib import Path

import click

from harvester.assembly import RunOptions
from harvester.cli.group import EXIT_INTERRUPTED
from harvester.cli.options import budget_option, config_argument, load_config, output_option
from harvester.cli.running import View, run_job
from harvester.cli.summary import resume_hint, summary_text


@click.command()
@config_argument
@output_option
@budget_option
@click.option("--max-targets", type=click.IntRange(min=1), metavar="N", help="Only the first N targets of the list.")
@click.option("--retry-set-aside", is_flag=True, help="Try again the tasks that were set aside.")
@click.option("--quiet", is_flag=True, help="No progress; errors only.")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", help="Form of harvester.log.")
def run(
    config: Path,
    output: Path | None,
    budgets: tuple[str, ...],
    max_targets: int | None,
    retry_set_aside: bool,
    quiet: bool,
    log_format: str,
) -> None:
    """Harvest what CONFIG asks for; run it again after any stop to resume.

    Exit codes: 0 complete, 2 wrong config, 3 finished but some tasks are incomplete or set aside, 4 stopped with
    work left (budget, quota, key), 130 interrupted.

    Example: harvester run configs/rivals.toml --max-targets 20
    """
    job = load_config(config, output=output, budgets=budgets)
    options = RunOptions(max_targets=max_targets, retry_set_aside=retry_set_aside)
    try:
        ended = asyncio.run(run_job(job, options, os.environ, View(is_quiet=quiet, log_format=log_format)))
    except (asyncio.CancelledError, KeyboardInterrupt):
        click.echo("Stopped at once; what was stored is safe. To go on, run the same command again.", err=True)
        sys.exit(EXIT_INTERRUPTED)
    click.echo(summary_text(ended.status, ended.outcome, job.output, ended.took))
    if hint := resume_hint(ended.outcome):
        click.echo(hint, err=True)
    sys.exit(ended.outcome.exit_code)
