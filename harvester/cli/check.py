"""`harvester check`."""

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from harvester.assembly import AccountCheck, Surroundings, check_job, read_all_targets
from harvester.cli.group import EXIT_USAGE
from harvester.cli.options import config_argument, load_config, notice, standard_input
from harvester.display import shown
from harvester.job import compile_job


@click.command()
@config_argument
def check(config: Path) -> None:
    """Check CONFIG, its target list and its keys, and read each account's balance where that is free.

    Example: harvester check configs/rivals.toml
    """
    job = compile_job(load_config(config), datetime.now(UTC).date())
    click.echo(f"config   {shown(str(config), 200)}: {len(job.harvests)} harvests of {', '.join(job.accounts)}")
    targets = read_all_targets(job, standard_input(), notice)
    count = next(iter(targets.by_scope.values()))
    click.echo(f"targets  {count:,} targets, {targets.rejected:,} lines rejected")
    for source, line, text, reason in targets.first_rejected:
        click.echo(f"         {shown(source, 60)} line {line}: {shown(text, 60)}: {shown(reason)}")
    checked = asyncio.run(check_job(job, Surroundings(environ=os.environ, notice=notice)))
    for fault in checked.faults:
        click.echo(f"key      {shown(fault)}")
    for lane, account in checked.accounts.items():
        click.echo(f"account  {lane}: {_account_text(account)}")
    if not checked.is_good or count == 0:
        sys.exit(EXIT_USAGE)


def _account_text(account: AccountCheck) -> str:
    if account.fault is not None:
        return shown(account.fault)
    if account.balance is None:
        return "the key is there; this provider has no free question to try it with"
    left = account.balance.units_left
    return f"{'no limit known' if left is None else f'{left:,} units left'}; {shown(account.balance.about)}"
