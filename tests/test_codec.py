"""JSON in and out, with the errors that say what happens next."""

from decimal import Decimal

import pytest

from harvester.codec import dump, dump_line, dump_pretty, parse, parse_exact
from harvester.errors import UnknownReply, UnreadableRow


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


def test_what_is_written_is_read_back() -> None:
    value = {"a": [1, 2.5, None, "é"], "b": {}}
    assert parse(dump(value)) == value
    assert dump_line(value) == dump(value) + b"\n"
    assert parse(dump_pretty(value)) == value


@pytest.mark.parametrize("body", [b"", b"{", b"NaN", b"\xff", b"[" * 5000])
def test_what_is_not_json_is_an_unknown_reply(body: bytes) -> None:
    with pytest.raises(UnknownReply, match="not JSON"):
        parse(body)


@pytest.mark.parametrize("write", [dump, dump_line])
def test_what_was_read_and_is_nested_too_deep_to_be_written_says_so(write: object) -> None:
    assert callable(write)
    with pytest.raises(UnreadableRow, match="not to be written as JSON"):
        write(nested(300))


def test_fractions_can_be_read_as_they_are_written() -> None:
    found = parse_exact(b'{"cost": 0.024036, "rows": 7, "far": 1e3}')
    assert (str(found["cost"]), found["rows"], found["far"]) == ("0.024036", 7, Decimal("1E+3"))


@pytest.mark.parametrize("text", [b"", b"{", b"[" * 100_000, b"1e" + b"9" * 30, b"\xff", b"1" * 5000])
def test_what_cannot_be_read_exactly_is_no_json(text: bytes) -> None:
    with pytest.raises(UnknownReply, match="not JSON"):
        parse_exact(text)
