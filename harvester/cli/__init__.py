"""The command line: each command parses, calls, prints; nothing is decided here."""

from harvester.cli.group import Cli

main = Cli(
    name="harvester",
    package="harvester.cli",
    sections={
        "Harvest": ["check", "plan", "run", "status", "rebuild"],
        "Look at the result": ["changes", "export", "gap", "query", "report"],
        "Look up": ["providers", "schema"],
        "Try without an account": ["demo", "sandbox"],
    },
    help="""Harvest backlink data in bulk: every row you paid for exactly once, never over rate or budget.

    \b
    Example: harvester demo                      sees it work, without any account
             harvester run configs/rivals.toml   harvests what the file asks for
    """,
)

__all__ = ["main"]
