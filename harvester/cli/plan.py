"""`harvester plan`."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from harvester.assembly.outcome import RunOptions
from harvester.assembly.plan import ListDatabase, Targets, listed
from harvester.assembly.sized_plan import plan_with_sizes
from harvester.assembly.sizes import bought_bill, set_aside, sizes_fit, sizing_config, take_sizes
from harvester.assembly.standard_input import standard_input
from harvester.cli.options import budget_option, config_argument, json_option
from harvester.cli.overrides import load_config
from harvester.cli.plan_text import plan_text, price_text
from harvester.cli.progress import say
from harvester.cli.running import View, finished, run_job, tell_end
from harvester.codec import dump_pretty
from harvester.config import JobConfig
from harvester.errors import ConfigError
from harvester.inheritance import next_round
from harvester.job import Job, compile_job
from harvester.since_last import told


@click.command()
@config_argument
@budget_option
@click.option("--size", is_flag=True, help="Buy the cheapest sizing report first, then plan by it.")
@click.option("--yes", is_flag=True, help="With --size: buy without asking.")
@click.option("--refresh", is_flag=True, help="With --size: set kept sizes aside, and buy them anew.")
@json_option
def plan(config: Path, budgets: tuple[str, ...], size: bool, yes: bool, refresh: bool, as_json: bool) -> None:
    """Say what CONFIG will ask and cost; nothing is sent, unless with --size.

    The job is counted from its beginning. The most is known where `max_rows` bounds the rows of a target, or where
    --size has bought how many a target has. Sizes are kept beside the job directory, are not bought twice, and are used
    by every later plan. With --budget the plan says how far that goes.

    \b
    Example: harvester plan configs/rivals.toml --size --budget ahrefs=50000
    """
    if (yes or refresh) and not size:
        raise click.UsageError("--yes and --refresh are about buying sizes: use them with --size.")
    now = datetime.now(UTC)
    job, lasts = next_round(compile_job(load_config(config, budgets=budgets), now.date()))
    for line in told(lasts):
        say(line)
    if size and any(source.path == Path("-") for source in job.config.targets):
        raise ConfigError("--size reads the list twice, and standard input can be read once; put the list into a file")
    with listed(job, standard_input(), say) as (targets, db):
        if size:
            _buy_what_is_missing(job, targets, db, is_agreed=yes, is_anew=refresh)
        planned = plan_with_sizes(job, targets, db, take_sizes(db, job))
    click.echo(dump_pretty(planned.as_json()), nl=False) if as_json else click.echo(plan_text(planned, now))


def _buy_what_is_missing(job: Job, targets: Targets, db: ListDatabase, *, is_agreed: bool, is_anew: bool) -> None:
    """Buy the sizes that are not there, once the user has seen the price and agrees."""
    sizing = sizing_config(job)
    if sizing is None:
        say("No report of this job has a size that can be bought.")
        return
    if is_anew and (kept := set_aside(sizing.output, datetime.now(UTC))) is not None:
        say(f"The sizes that were kept are in {kept}.")
    if not sizes_fit(job):
        raise ConfigError(
            f"{sizing.output}: holds the sizes of other questions than this config asks (its harvests, filters or days"
            " were changed): buy them anew with --size --refresh, which sets the old ones aside"
        )
    bills = bought_bill(job, targets, db, take_sizes(db, job))
    if not any(bill.requests.most for bill in bills.values()):
        return
    for name, bill in bills.items():
        say(price_text(name, bill, job.accounts[name].provider.unit))
    if is_agreed or _agrees():
        _buy(sizing)
    else:
        say("Nothing was bought.")


def _agrees() -> bool:
    """Ask. Raises ConfigError if nobody is there."""
    if not sys.stdin.isatty():
        raise ConfigError(
            "--size buys, and nobody can be asked here: agree to the price with --yes; nothing was bought"
        )
    return click.confirm("Buy what is not bought yet?", err=True)


def _buy(sizing: JobConfig) -> None:
    """Buy the sizes; end the process if they cannot be had."""
    try:
        ended = finished(run_job(sizing, RunOptions(), os.environ, View()))
    except ConfigError as exc:
        remedy = "these are the sizes of a job; if its list was changed, --size --refresh buys them anew"
        raise ConfigError([*exc.faults, remedy]) from exc
    if ended.outcome.exit_code not in (0, 3):
        tell_end(ended, sizing.output)
