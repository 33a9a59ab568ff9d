"""`harvester schema`."""

import click

from harvester.codec import dump_pretty
from harvester.errors import ConfigError
from harvester.records import RECORDS, duckdb_views, json_schema, raw_schema


@click.command()
@click.argument("record", required=False)
@click.option("--sql", is_flag=True, help="Print DuckDB views over a job's files, with explicit column types.")
def schema(record: str | None, sql: bool) -> None:
    """Print the JSON Schema of RECORD (or of all records); "raw" is the line of a job with rows = "raw".

    Example: harvester schema backlink
    """
    if sql:
        click.echo(duckdb_views(), nl=False)
        return
    schemas = {"raw": raw_schema} | {name: (lambda name=name: json_schema(name)) for name in RECORDS}
    if record is not None and record not in schemas:
        raise ConfigError(f"{record}: no record of that name; there are {', '.join(RECORDS)} and raw")
    shown = schemas[record]() if record is not None else {name: json_schema(name) for name in RECORDS}
    click.echo(dump_pretty(shown), nl=False)
