"""`harvester run`."""

import os
from pathlib import Path

import click

from harvester.assembly.outcome import RunOptions
from harvester.cli.options import budget_option, config_argument, output_option
from harvester.cli.overrides import load_config
from harvester.cli.running import View, finished, run_job, tell_end


@click.command()
@config_argument
@output_option
@budget_option
@click.option(
    "--max-targets", type=click.IntRange(1, 10**12), metavar="N", help="Only the first N targets of the list."
)
@click.option("--retry-set-aside", is_flag=True, help="Try again the tasks that were set aside.")
@click.option("--again", is_flag=True, help="If the job is finished, begin its next round; else go on with this one.")
@click.option("--quiet", is_flag=True, help="Print the results, and what stops the run; no progress.")
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Of harvester.log."
)
def run(
    config: Path,
    output: Path | None,
    budgets: tuple[str, ...],
    max_targets: int | None,
    retry_set_aside: bool,
    again: bool,
    quiet: bool,
    log_format: str,
) -> None:
    """Harvest what CONFIG asks for; run it again to go on.

    Ctrl-C stops it in order: open requests are awaited and stored. A second Ctrl-C stops it at once; that loses no
    row either, but what the open requests cost stays in doubt.

    \b
    Exit codes:
      0    everything asked for is complete
      1    internal error, or the disk failed
      2    the command, the config or the job directory is wrong
      3    finished, but some tasks were set aside or are incomplete
      4    stopped with work left: budget, quota or key
      130  interrupted

    With --again a finished job moves into DIRECTORY/rounds/1 (2, ...), and all is asked anew, each round with the
    whole budget. A job that is not finished is gone on with, so the same command does for every week.

    Example: harvester run configs/rivals.toml --max-targets 20
    """
    if again and retry_set_aside:
        raise click.UsageError("--again begins another round, --retry-set-aside goes on with this one: choose one")
    job = load_config(config, output=output, budgets=budgets)
    options = RunOptions(max_targets=max_targets, retry_set_aside=retry_set_aside, again=again)
    ended = finished(run_job(job, options, os.environ, View(is_quiet=quiet, log_format=log_format)))
    tell_end(ended, job.output)
