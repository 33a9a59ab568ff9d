"""`harvester schema`."""

import click

from harvester.codec import dump_pretty
from harvester.errors import ConfigError
from harvester.records import RECORDS, duckdb_views, json_schema, raw_schema


@click.command()
@click.argument("record", required=False)
@click.option("--sql", is_flag=True, help="Print DuckDB views over a job's files, with explicit column types.")
def schema(record: str | None, sql: bool) -> None:
    """Print the JSON Schema of RECORD, or of all records.

    "raw" is the line of a job with rows = "raw".

    \b
    Example: harvester schema backlink
             harvester schema --sql
    """
    if record is not None and (sql or record not in (*RECORDS, "raw")):
        known = f"there are {', '.join(RECORDS)} and raw"
        raise ConfigError("--sql is about all records at once" if sql else f"{record}: no record of that name; {known}")
    if sql:
        click.echo(duckdb_views(), nl=False)
    elif record == "raw":
        click.echo(dump_pretty(raw_schema()), nl=False)
    else:
        schemas = {name: json_schema(name) for name in RECORDS}
        click.echo(dump_pretty(schemas if record is None else schemas[record]), nl=False)
