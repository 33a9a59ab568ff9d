"""JSON in and out, with the errors that say what happens next."""

import weakref

import pytest

from harvester import codec
from harvester.codec import dump, dump_line, dump_pretty, parse, parse_body
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


def test_a_body_that_is_asked_for_again_is_parsed_once() -> None:
    body, other = b'{"rows": [1, 2]}', b'{"rows": [1, 3]}'
    found = parse_body(body)
    assert found == {"rows": [1, 2]}
    assert parse_body(body) is found
    assert parse_body(other) == {"rows": [1, 3]}
    assert parse_body(body) == found


def test_a_large_body_is_let_go_before_the_next_one_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Value:
        pass

    alive: list[weakref.ref[Value]] = []

    def parsed(_: bytes) -> Value:
        assert not any(value() for value in alive)
        value = Value()
        alive.append(weakref.ref(value))
        return value

    monkeypatch.setattr(codec, "parse", parsed)
    for body in (b'{"rows":1}', b'{"rows":2}', b'{"rows":3}'):
        parse_body(body)
    assert [value() is not None for value in alive] == [False, False, True]
    monkeypatch.undo()
    parse_body(b"{}")


@pytest.mark.parametrize("body", [b"<html>", b""])
def test_a_body_that_is_no_json_says_so_each_time(body: bytes) -> None:
    for _ in range(2):
        with pytest.raises(UnknownReply, match="not JSON"):
            parse_body(body)
