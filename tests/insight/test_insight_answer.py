"""A question that takes long can be ended."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from insight_kit import Yard

from harvester.insight.answer import ask
from harvester.insight.warehouse import opened

ENDLESS = "(SELECT 1 AS n FROM range(1000000000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 8)"


@pytest.fixture
def _interrupts() -> Iterator[None]:
    """Let Ctrl-C be heard, also where whoever runs the tests is deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interrupts")
@pytest.mark.parametrize(
    "sql", [f"SELECT count(*) FROM {ENDLESS}", f"FROM {ENDLESS} LIMIT 10", f"CREATE TABLE t AS FROM {ENDLESS}; FROM t"]
)
def test_control_c_ends_a_question_that_takes_long(tmp_path: Path, sql: str) -> None:
    directory = Yard(tmp_path / "job").made()
    with opened(directory) as connection:
        late = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
        late.start()
        with pytest.raises(KeyboardInterrupt):
            list(ask(connection, sql).rows)
        late.join()
        assert list(ask(connection, "SELECT 1").rows) == [(1,)], "the next one is answered"
