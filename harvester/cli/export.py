"""`harvester export`."""

from pathlib import Path

import click

from harvester.cli.progress import say_waiting
from harvester.cli.words import from_here, table
from harvester.display import place_shown
from harvester.insight.export import FORMATS, Order
from harvester.insight.export import export as write_export


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(FORMATS), required=True, help="What to write.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="A folder for parquet and csv, a file for duckdb and xlsx; by default beside the job directory.",
)
@click.option("--view", "views", multiple=True, metavar="NAME", help="Only this view. May be given several times.")
@click.option("--force", is_flag=True, help="Replace what is there.")
def export(directory: Path, form: str, output: Path | None, views: tuple[str, ...], force: bool) -> None:
    """Write a job's rows as Parquet, CSV, DuckDB or Excel.

    All records that have rows, and the tasks: a file each as parquet and csv, a table each in one duckdb database, a
    sheet each in one xlsx workbook. Types are those of `harvester schema --sql`. In csv and xlsx no text is a formula.

    \b
    Example: harvester export out/rivals --format parquet
             harvester export out/rivals --format xlsx --view broken_pages --view lost_links --output dead.xlsx
    """
    order = Order(directory=directory, form=form, output=output, views=views, force=force)
    say_waiting(f"writing {from_here(order.place)}")
    written = write_export(order)
    rows = [(item.view, item.rows, place_shown(from_here(item.path), 200)) for item in written]
    click.echo(table(("view", "rows", "file"), rows))
