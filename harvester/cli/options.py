"""What several commands take: the config file, and what the command line changes in it."""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import click

from harvester.config import JobConfig, document_of, job_of
from harvester.errors import ConfigError

config_argument = click.argument("config", type=click.Path(path_type=Path))
output_option = click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), help="The job directory, in place of the config's."
)
budget_option = click.option(
    "--budget",
    "budgets",
    multiple=True,
    metavar="PROVIDER=N",
    help="Spend no more than N units there, in place of the config's budget. May be repeated.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")


def load_config(path: Path, *, output: Path | None = None, budgets: Sequence[str] = ()) -> JobConfig:
    """Return a config with what the command line changes in it. Raises ConfigError."""
    document = document_of(path)
    for text in budgets:
        _set_budget(document, text)
    config = job_of(document, path)
    return config if output is None else replace(config, output=output.absolute())


def standard_input() -> BinaryIO:
    """Return standard input as bytes."""
    return sys.stdin.buffer


def notice(text: str) -> None:
    """Say one line to the user, apart from the results."""
    click.echo(text, err=True)


def _set_budget(document: Mapping[str, Any], text: str) -> None:
    name, equals, amount = (part.strip() for part in text.partition("="))
    section = document.get("providers", {}).get(name) if isinstance(document.get("providers"), dict) else None
    if not equals or not amount:
        raise ConfigError(f"--budget {text}: expected PROVIDER=N, such as ahrefs=50000")
    if not isinstance(section, dict):
        raise ConfigError(f"--budget {text}: the config has no [providers.{name}]")
    section["budget"] = int(amount) if re.fullmatch(r"[0-9]{1,18}", amount) else amount
