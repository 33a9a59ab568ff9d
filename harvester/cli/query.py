"""`harvester query`."""

import sys
from pathlib import Path
from textwrap import fill

import click

from harvester.assembly.standard_input import standard_input
from harvester.cli.answers import format_option, print_answer
from harvester.cli.words import counted
from harvester.errors import ConfigError
from harvester.insight.answer import ask, plainly
from harvester.insight.contents import contents, contents_answer
from harvester.insight.warehouse import opened

COLUMNS_CHARS = 96
MOST_BYTES = 4 * 1024 * 1024  #: of SQL; a file without an end must not fill the memory


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.argument("sql", required=False)
@click.option("--file", "path", type=click.Path(path_type=Path), help="Read the SQL from a file.")
@format_option
def query(directory: Path, sql: str | None, path: Path | None, form: str | None) -> None:
    """Ask a job's rows in SQL, by DuckDB.

    SQL may be "-": it is read from standard input. Without SQL the views are listed, with their columns. It may be
    asked while the job runs: what is committed counts. CSV is for spreadsheets: no text in it begins a formula.

    \b
    Example: harvester query out/rivals
             harvester query out/rivals "SELECT site_from, count(*) FROM backlink GROUP BY ALL ORDER BY 2 DESC LIMIT 10"
    """
    question = _question(sql, path)
    with plainly(), opened(directory) as connection:
        if question is not None:
            print_answer(ask(connection, question), form)
        elif form is None and sys.stdout.isatty():
            for view in contents(connection):
                rows = "computed when asked" if view.rows is None else counted(view.rows, "row")
                click.echo(f"{view.name}: {rows}")
                click.echo(
                    fill(", ".join(view.columns), COLUMNS_CHARS, initial_indent="    ", subsequent_indent="    ")
                )
        else:
            print_answer(contents_answer(connection), form)


def _question(sql: str | None, path: Path | None) -> str | None:
    """Return the SQL that is asked; None if there is none. Raises ConfigError."""
    if sql is not None and path is not None:
        raise ConfigError("--file: the SQL is given already; leave one of them out")
    if path is None and sql != "-":
        return sql if sql is None else _read("the SQL", sql.encode(errors="surrogateescape"))
    name = "-" if path is None else f"--file {path}"
    try:
        if path is None:
            return _read(name, standard_input().read(MOST_BYTES + 1))
        with path.open("rb") as file:
            return _read(name, file.read(MOST_BYTES + 1))
    except OSError as exc:
        raise ConfigError(f"{name}: cannot be read: {exc.strerror or exc}") from exc


def _read(name: str, content: bytes) -> str:
    """Return the SQL in some bytes. Raises ConfigError."""
    if len(content) > MOST_BYTES:
        raise ConfigError(f"{name}: larger than {MOST_BYTES:,} bytes: this is no question")
    try:
        return content.decode()
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{name}: cannot be read: {exc}") from exc
