"""A question in SQL and its answer: what may be asked, the rows as they stream in, and what is wrong in one line."""

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from harvester.errors import ConfigError, StorageError
from harvester.insight.extras import needed

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, Statement

_T = TypeVar("_T")

FETCHED_ROWS = 1000  #: at once
LISTEN_S = 0.1  #: between looks whether somebody wants to end it

#: Kinds of statements that read, or make something in memory. COPY and ATTACH could write over the job's own files.
_READING = frozenset({"SELECT", "CREATE", "MULTI"})
_EXPLAIN = re.compile(r"\s*EXPLAIN\s+(?:ANALYZE\s+)?", re.IGNORECASE)
_WRITING = "a question reads: SELECT, WITH, FROM, DESCRIBE, SUMMARIZE, PIVOT, EXPLAIN, or CREATE of something in memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a question found; its rows can be taken once."""

    columns: Sequence[str]
    types: Sequence[str]  #: as DuckDB names them
    rows: Iterator[Sequence[Any]]


def ask(connection: "DuckDBPyConnection", sql: str) -> Answer:
    """Run SQL, and return the answer to its last statement.

    Raises ConfigError for what is no question, and duckdb.Error.
    """
    statements = connection.extract_statements(sql)
    if not statements:
        raise ConfigError(f"there is no question in the SQL; {_WRITING}")
    for statement in statements:
        _refuse_if_writing(connection, statement)
    session = connection.cursor()  # what one statement makes, the next one may use
    for statement in statements[:-1]:
        awaited(session, partial(session.execute, statement))
    return _answer(awaited(session, partial(session.execute, statements[-1])))


def answer_to(connection: "DuckDBPyConnection", question: str, values: object = None) -> Answer:
    """Return the answer to one statement. Raises duckdb.Error, also while the rows are taken."""
    # A cursor of its own: whoever asks again over the same one loses the rows that have not been taken.
    session = connection.cursor()
    return _answer(awaited(session, partial(session.execute, question, values)))


def _answer(result: "DuckDBPyConnection") -> Answer:
    about = result.description or []
    return Answer(
        columns=_different([str(column[0]) for column in about]),
        types=[str(column[1]) for column in about],
        rows=_rows(result),
    )


def awaited(connection: "DuckDBPyConnection", call: Callable[[], _T]) -> _T:
    """Return what a call of DuckDB returns that may take long; Ctrl-C ends it, as DuckDB by itself may not."""
    with ThreadPoolExecutor(max_workers=1) as beside:
        found = beside.submit(call)
        try:
            while wait([found], timeout=LISTEN_S).not_done:
                pass  # a signal that another thread took is heard only now
        except KeyboardInterrupt:
            while wait([found], timeout=LISTEN_S).not_done:
                connection.interrupt()
            raise
        return found.result()


@contextmanager
def plainly() -> Iterator[None]:
    """Turn DuckDB's errors in the block into one line.

    Raises ConfigError for what is wrong with a question, StorageError for what is missing to answer it.
    """
    duckdb = needed("duckdb")
    try:
        yield
    except (duckdb.OutOfMemoryException, duckdb.IOException) as exc:
        raise StorageError(f"{_sentence(exc)} (what does not fit into memory goes to TMPDIR)") from exc
    except duckdb.TransactionException as exc:  # a database that is exported has no room
        raise StorageError(_sentence(exc)) from exc
    except duckdb.PermissionException as exc:
        raise ConfigError(f"{_sentence(exc)}: a question reads the job's own rows, and nothing else") from exc
    except duckdb.Error as exc:
        raise ConfigError(_sentence(exc)) from exc


def _refuse_if_writing(connection: "DuckDBPyConnection", statement: "Statement") -> None:
    kind = statement.type.name
    if kind == "EXPLAIN":  # EXPLAIN ANALYZE does what it explains
        begun = _EXPLAIN.match(statement.query)
        explained = connection.extract_statements(statement.query[begun.end() :]) if begun else []
        kind = explained[0].type.name if len(explained) == 1 else kind
    if kind not in _READING:
        raise ConfigError(f"{kind} is no question: {_WRITING}. To write files: harvester export")


def _rows(result: "DuckDBPyConnection") -> Iterator[Sequence[Any]]:
    while rows := awaited(result, partial(result.fetchmany, FETCHED_ROWS)):
        yield from rows


def _different(names: Sequence[str]) -> list[str]:
    """Return the names, each once: a second one of a name would hide the first in JSON."""
    given: list[str] = []
    for name in names:
        number, own = 0, name
        while own in given:
            number += 1
            own = f"{name}_{number}"
        given.append(own)
    return given


def _sentence(exc: Exception) -> str:
    """Return what DuckDB says with its hint, without the drawing of the place."""
    said, _, place = str(exc).partition("\n\nLINE ")
    line = place.partition(":")[0]
    where = f" (line {line})" if line.isdecimal() and line != "1" else ""
    return " ".join(said.split()) + where
