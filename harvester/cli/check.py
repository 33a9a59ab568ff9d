"""`harvester check`."""

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from harvester.assembly.check import AccountCheck, Checked, check_job
from harvester.assembly.plan import read_all_targets
from harvester.assembly.standard_input import standard_input
from harvester.assembly.surroundings import Surroundings
from harvester.cli.group import EXIT_USAGE
from harvester.cli.options import config_argument
from harvester.cli.overrides import load_config
from harvester.cli.progress import say
from harvester.cli.words import counted, rejected_text
from harvester.display import amount, shown
from harvester.engine.checkpoint import RejectedLine
from harvester.errors import ConfigError
from harvester.job import Job, compile_job
from harvester.jobdir import no_targets


@click.command()
@config_argument
def check(config: Path) -> None:
    """Check CONFIG, its targets, its keys and their balances.

    Nothing paid is sent: a balance is read where that is free. Exit code 0 if the job could run, 2 if not.

    Example: harvester check configs/rivals.toml
    """
    job = compile_job(load_config(config), datetime.now(UTC).date())
    _line("config", f"{config}: {counted(len(job.harvests), 'harvest')} of {', '.join(job.accounts)}")
    has_targets = _check_targets(job)
    checked = asyncio.run(check_job(job, Surroundings(environ=os.environ, notice=say)))
    _tell_accounts(checked)
    if not (has_targets and checked.is_good):
        click.echo("Not ready: see what is marked with !")
        sys.exit(EXIT_USAGE)
    click.echo(f"Ready: harvester run {shown(str(config), 1000)}")


def _check_targets(job: Job) -> bool:
    """Print what the job's list holds; return whether a run could begin with it."""
    try:
        targets = read_all_targets(job, standard_input(), say, hear=_tell_rejected)
    except ConfigError as exc:
        for fault in exc.faults:
            _line("targets", fault, is_fault=True)
        return False
    has_targets = targets.count > 0 or not job.config.targets
    rejected = f", {counted(targets.rejected, 'line')} rejected" if targets.rejected else ""
    _line("targets", f"{counted(targets.count, 'target')}{rejected}", is_fault=not has_targets)
    if not has_targets:
        _line("", no_targets(job))
    return has_targets


def _tell_rejected(line: RejectedLine) -> None:
    """Print a line that is no target, as soon as it is read: there may be millions."""
    (text,) = rejected_text([line], 1)
    _line("", text)


def _tell_accounts(checked: Checked) -> None:
    for fault in checked.faults:
        _line("key", fault, is_fault=True)
    for lane, account in checked.accounts.items():
        _line("account", f"{lane}: {_account_text(account)}", is_fault=account.fault is not None)


def _account_text(account: AccountCheck) -> str:
    if account.fault is not None:
        return f"{account.fault} (key {account.reference})"
    if account.holder is not None:
        return f"not asked, because {account.holder} uses the key now"
    if account.balance is None:
        return "the key is there; this provider has no free question to try it with"
    left = account.balance.units_left
    words = ["no limit is told" if left is None else f"{amount(left, account.unit)} left", account.balance.about]
    return "; ".join(filter(None, words))


def _line(what: str, text: str, *, is_fault: bool = False) -> None:
    click.echo(f"{what:<9}{'! ' if is_fault else '  '}{shown(text)}")
