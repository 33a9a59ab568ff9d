"""The figures of the chaos tests: gathered over all of them and printed at the end, for people and for README."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from chaos_kit import IS_ALL, SEED, Figures


@pytest.fixture(name="figures")
def figures_of_a_test(record_property: Callable[[str, object], None]) -> Iterator[Figures]:
    """What a test counts; it is told at the end of the session, summed over all tests."""
    figures: Figures = Counter()
    yield figures
    for name, count in figures.items():
        record_property(name, count)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the sums: a line for each figure, and how to get them all."""
    figures: Figures = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport) and report.when == "teardown":
                figures.update(dict(report.user_properties))
    if not figures:
        return
    part = "all of it" if IS_ALL else "a small part of it; ./scripts/chaos runs all"
    terminalreporter.section(f"chaos, seed {SEED}, {part}")
    width = max(map(len, figures))
    for name in sorted(figures):
        terminalreporter.write_line(f"{name:<{width}}  {figures[name]:>12,}")
