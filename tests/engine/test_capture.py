"""Kept replies: a line with all that it takes to read them again."""

from dataclasses import replace
from datetime import timedelta

import pytest

from harvester.codec import dump, parse
from harvester.engine.capture import captured_lines, kept_reply
from harvester.engine.ports import Question, Work
from harvester.errors import UnknownReply
from harvester.model import Allowance, Request, Step, Task
from harvester.testing import EPOCH, reply

TASK = Task(id="t1", harvest="links", targets=("a.com", "b.com"))
QUESTION = Question(
    work=Work(task=TASK, cursor={"at": 4}, pages=2, rows=30),
    step=Step(task=TASK, cursor={"at": 4}, allowance=Allowance(rows=7, facts={"seen": 250}), is_continued=True),
    request=Request(
        method="POST", base_url="https://b.example", path="/x", query=(("q", "1"),), json=[{"tag": "t"}], most_rows=7
    ),
    reply=replace(reply(b'{"rows": []}'), headers={"x-units": "5"}, arrived_at=EPOCH + timedelta(microseconds=7)),
)


def line_of(question: Question, rows: int | None = 0) -> bytes:
    (lines,) = captured_lines("replies/x.jsonl.zst", question, rows)
    assert (lines.output, lines.records) == ("replies/x.jsonl.zst", 1)
    assert lines.data.count(b"\n") == 1
    return lines.data


@pytest.mark.parametrize("body", [b'{"rows": []}', b"\xff\x00", b"", "\ufeffé\r\n\u2028".encode()])
@pytest.mark.parametrize("rows", [0, 5, None])
def test_a_kept_reply_can_be_read_again_without_paying(body: bytes, rows: int | None) -> None:
    question = replace(QUESTION, reply=replace(QUESTION.reply, body=body, is_delimited=False))
    kept = kept_reply(line_of(question, rows), question.work.task.harvest)
    assert kept.question == question
    assert kept.rows == rows


def test_a_line_says_what_was_asked_and_what_came() -> None:
    assert parse(line_of(QUESTION)) == {
        "task": TASK.id,
        "targets": ["a.com", "b.com"],
        "page": 3,
        "first_row": 31,
        "rows": 0,
        "cursor": {"at": 4},
        "is_continued": True,
        "wanted_rows": 7,
        "facts": {"seen": 250},
        "request": {
            "method": "POST",
            "base_url": "https://b.example",
            "path": "/x",
            "query": [["q", "1"]],
            "json": [{"tag": "t"}],
            "most_rows": 7,
        },
        "at": "2026-11-01T00:00:00.000007Z",
        "status": 200,
        "headers": {"x-units": "5"},
        "is_delimited": True,
        "body": '{"rows": []}',
    }


def test_a_reply_that_is_no_text_is_kept_in_base64() -> None:
    told = parse(line_of(replace(QUESTION, reply=replace(QUESTION.reply, body=b"\xff\x00"))))
    assert told["body_base64"] == "/wA="
    assert "body" not in told


def test_nothing_is_kept_unless_it_was_asked_for() -> None:
    assert captured_lines(None, QUESTION, 0) == ()


def test_a_line_of_an_earlier_version_is_told_from_one_that_is_damaged() -> None:
    with pytest.raises(UnknownReply, match="kept by an earlier version of harvester"):
        kept_reply(dump({"task": "t", "page": 1, "cursor": {}, "body": "x"}), "h")
    for line in (b"[]", b"1", dump({"request": {}}), dump({**parse(line_of(QUESTION)), "at": "never"})):
        with pytest.raises(UnknownReply, match="not a kept reply"):
            kept_reply(line, "h")
    with pytest.raises(UnknownReply, match="not JSON"):
        kept_reply(b"{", "h")
