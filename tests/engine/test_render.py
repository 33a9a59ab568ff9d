"""Rows to lines."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from engine_kit import FakeExchange, crop, task

from harvester.codec import parse
from harvester.engine.ports import Lines, State, Work
from harvester.engine.render import REJECTS, TASKS, rfc3339
from harvester.model import Page, Row, Task
from harvester.testing import EPOCH, reply

AT = "2026-11-01T00:00:00Z"

#: What every record says of where it came from, in this order.
ENVELOPE = ["record", "provider", "report", "target", "scope", "task", "page", "row", "fetched_at"]


def page(*numbers: int) -> Page:
    return Page(rows=[Row("a.com", number) for number in numbers], next=None, units=1)


def read(lines: tuple[Lines, ...], output: str) -> list[dict[str, Any]]:
    """Return the lines for an output, whose count must be right."""
    (found,) = [line for line in lines if line.output == output]
    parsed = [parse(text) for text in found.data.splitlines()]
    assert found.data.endswith(b"\n")
    assert len(parsed) == found.records
    return parsed


def test_a_record_is_its_envelope_and_then_its_own_fields() -> None:
    (record,) = read(crop().page_lines(Work(task=task("a.com")), page(7), reply()), "links.jsonl")
    assert list(record) == [*ENVELOPE, "number"]
    assert record == {
        "record": "backlink",
        "provider": "acme",
        "report": "backlinks",
        "target": "a.com",
        "scope": "subdomains",
        "task": "links/a.com",
        "page": 1,
        "row": 1,
        "fetched_at": AT,
        "number": 7,
    }


def test_pages_and_rows_are_counted_on_from_what_the_task_has() -> None:
    work = Work(task=task("a.com"), pages=2, rows=10)
    lines = crop().page_lines(work, page(5, -6, 7), reply())
    assert [(record["page"], record["row"]) for record in read(lines, "links.jsonl")] == [(3, 11), (3, 13)]
    (reject,) = read(lines, REJECTS)
    assert reject == {
        "harvest": "links",
        "task": "links/a.com",
        "page": 3,
        "row": 12,
        "fetched_at": AT,
        "reason": "a negative number",
        "raw": -6,
    }


def test_raw_rows_are_kept_as_they_came_and_never_rejected() -> None:
    lines = crop(is_raw=True).page_lines(Work(task=task("a.com")), page(-1), reply())
    (record,) = read(lines, "links.jsonl")
    assert list(record) == [*ENVELOPE, "raw"]
    assert record["raw"] == -1
    assert len(lines) == 1


def test_a_page_without_rows_has_no_lines() -> None:
    assert crop().page_lines(Work(task=task("a.com")), page(), reply()) == ()


def test_the_line_of_a_finished_task_tells_what_became_of_it() -> None:
    work = Work(task=task("a.com"), state=State.COMPLETE, pages=2, rows=3, units=4, labels={"a.com": {"client": "x"}})
    line = crop().task_line(work, EPOCH)
    assert (line.output, line.records) == (TASKS, 1)
    assert parse(line.data) == {
        "task": "links/a.com",
        "harvest": "links",
        "provider": "acme",
        "report": "backlinks",
        "scope": "subdomains",
        "target": "a.com",
        "targets": None,
        "labels": {"client": "x"},
        "complete": True,
        "state": "complete",
        "reason": None,
        "pages": 2,
        "rows": 3,
        "units": 4,
        "at": AT,
    }


def test_a_task_that_is_not_complete_says_why_and_a_remark_does_not_hide_it() -> None:
    work = Work(task=task("a.com"), state=State.INCOMPLETE, reason="cut", note="max_rows")
    told = parse(crop().task_line(work, EPOCH).data)
    assert (told["complete"], told["state"], told["reason"]) == (False, "incomplete", "cut")
    told = parse(crop().task_line(replace(work, state=State.COMPLETE, reason=None), EPOCH).data)
    assert (told["complete"], told["reason"]) == (True, "max_rows")


def test_the_line_of_a_task_of_several_targets_names_each_with_its_labels() -> None:
    batch = Task(id="t", harvest="links", targets=("a.com", "b.com"))
    work = Work(task=batch, state=State.SET_ASIDE, reason="HTTP 400", labels={"b.com": {"client": "x"}})
    told = parse(crop(FakeExchange(targets_per_task=2)).task_line(work, EPOCH).data)
    assert (told["target"], told["labels"]) == (None, None)
    assert told["targets"] == [{"target": "a.com", "labels": None}, {"target": "b.com", "labels": {"client": "x"}}]


def test_times_are_written_in_utc_and_whole_seconds() -> None:
    at = datetime(2026, 11, 1, 1, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert rfc3339(at) == "2026-10-31T23:59:59Z"


def test_a_row_too_deep_to_be_written_leaves_its_place_in_the_rejects() -> None:
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    found = Page(rows=[Row("a.com", deep), Row("a.com", 2)], next=None, units=1)
    lines = crop(is_raw=True).page_lines(Work(task=task("a.com")), found, reply())
    (record,) = read(lines, "links.jsonl")
    assert (record["row"], record["raw"]) == (2, 2)
    (reject,) = read(lines, REJECTS)
    assert (reject["row"], reject["raw"]) == (1, None)
    assert "not to be written as JSON" in reject["reason"]
