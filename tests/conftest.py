"""What all tests share: how many run beside each other, the chaos tests' figures, reports that can be passed on."""

from collections import Counter
from collections.abc import Callable, Generator, Iterator

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


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Run one process more than there are cores: many tests wait for other processes, for sockets and for the disk."""
    return 1 + (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write hostile text in a report as escapes: processes that share the tests can pass on nothing else."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report
