"""What several commands take."""

from pathlib import Path

import click

config_argument = click.argument("config", type=click.Path(path_type=Path))
output_option = click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), help="The job directory, in place of the config's."
)
budget_option = click.option(
    "--budget",
    "budgets",
    multiple=True,
    metavar="PROVIDER=N",
    help="Spend at most N units there, in place of the config's budget. Once for each provider.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
