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
    sections={
        "Harvest": [check, plan, run, status],
        "Look up": [providers, schema],
        "Try without an account": [demo, sandbox],
    },
    help="""Harvest backlink data in bulk: every row you paid for exactly once, never over rate or budget.

    \b
    Example: harvester demo                      sees it work, without any account
             harvester run configs/rivals.toml   harvests what the file asks for
    """,
)

__all__ = ["main"]
