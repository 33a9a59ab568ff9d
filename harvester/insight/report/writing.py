"""From a job directory to the file of its report."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from harvester.display import shown
from harvester.errors import ConfigError, StorageError
from harvester.insight.report.about_job import ONCE
from harvester.insight.report.about_links import SCOPED
from harvester.insight.report.asking import answers, scopes_of, shelve, shelve_gap
from harvester.insight.report.page import page_of
from harvester.insight.report.values import Facts, Found
from harvester.insight.warehouse import opened

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

#: What DuckDB may take; what it needs beyond that it writes to a temporary directory. A million rows need as much.
MEMORY = "1GB"

_BEGINNING = b"<!doctype html>"  #: of every page


def write_report(directory: Path, facts: Facts, output: Path) -> None:
    """Write the report of a job directory as a whole or not at all. Raises ConfigError and StorageError."""
    _refuse_to_replace(output)
    with opened(directory, memory=MEMORY) as db:
        found = find(db, facts)
    _write(output, page_of(found))


def find(db: "DuckDBPyConnection", facts: Facts) -> Found:
    """Ask everything that the page tells. Raises ConfigError if there is no such target."""
    shelve(db)
    scopes = scopes_of(db, facts)
    shelve_gap(db, scopes[0].mine)
    scoped = {scope.name: answers(db, scope, SCOPED) for scope in scopes}
    return Found(facts=facts, scopes=scopes, once=answers(db, scopes[0], ONCE), scoped=scoped)


def _refuse_to_replace(output: Path) -> None:
    """Refuse a place where something lies that is no page: rows, a config, a device.

    Raises ConfigError, StorageError.
    """
    if not output.name:
        raise ConfigError("--output: expected the name of a file")
    try:
        if not os.path.lexists(output) or output.is_dir():  # a directory is in the way by itself
            return
        if output.is_file():
            with output.open("rb") as file:
                if file.read(len(_BEGINNING)) in (b"", _BEGINNING):
                    return
    except OSError as exc:
        raise StorageError(f"cannot write {output}: {exc.strerror}") from exc
    raise ConfigError(f"{shown(str(output), 1000)}: is there already, and no report; name another file with --output")


def _write(output: Path, page: str) -> None:
    waiting = output.with_name(f".{output.name}.{os.getpid()}.new")
    try:
        fd = os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(fd, "w", encoding="utf-8", newline="\n") as file:
                file.write(page)
                file.flush()
                os.fsync(file.fileno())
            waiting.replace(output)
        except BaseException:
            waiting.unlink(missing_ok=True)
            raise
    except OSError as exc:
        raise StorageError(f"cannot write {output}: {exc.strerror}") from exc
