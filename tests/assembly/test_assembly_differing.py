"""Rebuilt lines beside those that are there, page by page."""

import pytest

from harvester.assembly.differing import Comparing, Comparison, Difference
from harvester.codec import dump_line
from harvester.errors import StorageError


def line(task: str, row: int, value: int = 0, page: int = 1) -> bytes:
    return dump_line({"task": task, "page": page, "row": row, "value": value})


def compared(there: list[bytes], pages: list[tuple[tuple[str, int], list[bytes]]]) -> Comparison:
    comparison = Comparison(name="x.jsonl")
    comparing = Comparing(comparison, there)
    for place, new in pages:
        comparing.page(place, new)
    comparing.end()
    assert comparison.before == len(there)
    assert comparison.after == sum(len(new) for _, new in pages)
    return comparison


def test_the_same_lines_are_the_same() -> None:
    lines = [line("a", 1), line("a", 2), line("b", 1)]
    found = compared(lines, [(("a", 1), lines[:2]), (("c", 1), []), (("b", 1), lines[2:])])
    assert (found.is_same, found.same, found.first) == (True, 3, None)


def test_a_row_that_is_new_moves_no_other() -> None:
    there = [line("a", 2), line("a", 3), line("b", 1)]
    found = compared(there, [(("a", 1), [line("a", 1), *there[:2]]), (("b", 1), there[2:])])
    assert (found.same, found.changed, found.added, found.gone) == (3, 0, 1, 0)
    assert found.first == Difference(line=3, task="a", row=1, fields={}, is_new=True)


def test_rows_that_change_and_go_are_told_apart() -> None:
    there = [line("a", 1), line("a", 2), line("a", 3, page=2), line("z", 1)]
    found = compared(there, [(("a", 1), [line("a", 1, 5)]), (("a", 2), there[2:3])])
    assert (found.same, found.changed, found.added, found.gone) == (1, 1, 0, 2)
    assert found.first == Difference(line=1, task="a", row=1, fields={"value": (0, 5)})
    assert not found.is_same


def test_lines_behind_the_last_page_are_gone() -> None:
    found = compared([line("a", 1), line("b", 1)], [(("a", 1), [line("a", 1)])])
    assert found.first == Difference(line=2, task="b", row=1, fields={}, is_gone=True)


@pytest.mark.parametrize("harmed", [b"{\n", b"[]\n", b'{"task":"a"}\n'])
def test_a_line_that_is_none_of_ours_is_refused(harmed: bytes) -> None:
    with pytest.raises(StorageError, match="Put the file back as it was"):
        compared([harmed], [(("a", 1), [line("a", 1)])])
