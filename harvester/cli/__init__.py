"""The command line: each command parses, calls, prints; nothing is decided here."""

from harvester.cli.check import check
from harvester.cli.demo import demo
from harvester.cli.group import Cli
from harvester.cli.plan import plan
from harvester.cli.providers import providers
from harvester.cli.run import run
from harvester.cli.sandbox import sandbox
from harvester.cli.schema import schema
from harvester.cli.status import status

main = Cli(
    name="harvester",
    commands=[run, plan, check, status, providers, schema, sandbox, demo],
    help="""Harvest backlink data in bulk: every row you paid for exactly once, never over rate or budget.

    Example: harvester demo
    """,
)

__all__ = ["main"]
