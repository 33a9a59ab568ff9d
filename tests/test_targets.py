"""Every form a target list comes in, and what each line of it becomes."""

import gzip
import io
import os
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from harvester.errors import ConfigError
from harvester.model import Scope, TargetSource
from harvester.targets import Listed, Rejected, content_hash, read_targets
from harvester.targets.source import name_of

STDIN = TargetSource(path=Path("-"))
HOST: tuple[Scope, ...] = ("host",)


def piped(content: bytes, column: str | None = None) -> list[Listed | Rejected]:
    source = TargetSource(path=Path("-"), column=column)
    return list(read_targets(source, HOST, io.BytesIO(content)))


def filed(folder: Path, name: str, content: bytes) -> list[Listed | Rejected]:
    path = folder / name
    path.write_bytes(content)
    return list(read_targets(TargetSource(path=path), HOST, io.BytesIO()))


def listed(lines: list[Listed | Rejected]) -> list[tuple[int, str]]:
    return [(line.line, line.names[0]) for line in lines if isinstance(line, Listed)]


def rejected(lines: list[Listed | Rejected]) -> list[tuple[int, str]]:
    return [(line.line, line.text) for line in lines if isinstance(line, Rejected)]


def test_a_plain_list_may_hold_hosts_and_urls_in_any_spelling(tmp_path: Path) -> None:
    lines = filed(
        tmp_path,
        "list.txt",
        "\ufeff# rivals\r\nExample.COM.\r\n\r\n  https://a.example.org/x  \nbücher.de\nxn--bcher-kva.de".encode(),
    )
    assert listed(lines) == [
        (2, "example.com"),
        (4, "a.example.org"),
        (5, "xn--bcher-kva.de"),
        (6, "xn--bcher-kva.de"),
    ]
    assert rejected(lines) == []


def test_what_is_no_target_is_listed_with_its_number_and_a_reason(tmp_path: Path) -> None:
    lines = filed(tmp_path, "list.txt", b"example.com\n\nfoo bar\n")
    (bad,) = [line for line in lines if isinstance(line, Rejected)]
    assert (bad.line, bad.text) == (3, "foo bar")
    assert bad.reason


def test_a_rejected_text_is_shortened(tmp_path: Path) -> None:
    ((_, text),) = rejected(filed(tmp_path, "list.txt", b"no " * 1000))
    assert len(text) == 200


def test_comments_begin_a_line_or_follow_a_blank_and_fragments_are_none(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("#one.com\n # two.com\na.com # three\nb.com\t#four\nhttps://c.com/x#part\n")
    lines = list(read_targets(TargetSource(path=path), ("host",), io.BytesIO()))
    assert [line.names for line in lines if isinstance(line, Listed)] == [("a.com",), ("b.com",), ("c.com",)]
    assert len(lines) == 3


def test_each_scope_has_its_own_spelling_in_the_order_asked() -> None:
    (line,) = read_targets(STDIN, ("url", "host", "prefix"), io.BytesIO(b"https://Example.com/a/\n"))
    (other,) = read_targets(STDIN, ("host",), io.BytesIO(b"https://Example.com/a/\n"))
    assert isinstance(line, Listed)
    assert isinstance(other, Listed)
    assert len(line.names) == 3
    assert line.names[1] == other.names[0] == "example.com"


def test_inline_targets_are_numbered_by_position() -> None:
    source = TargetSource(inline=("Example.com", "", "b.org"))
    lines = list(read_targets(source, HOST, io.BytesIO()))
    assert listed(lines) == [(1, "example.com"), (3, "b.org")]
    assert rejected(lines) == [(2, "")]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_with_a_byte_order_mark_is_read(tmp_path: Path, encoding: str) -> None:
    lines = filed(tmp_path, "list.txt", "\ufeffbücher.de\r\nb.com\r\n".encode(encoding))
    assert listed(lines) == [(1, "xn--bcher-kva.de"), (2, "b.com")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_in_any_of_three_ways(tmp_path: Path, end: str) -> None:
    lines = filed(tmp_path, "list.txt", end.join(["a.com", "", "b.com"]).encode())
    assert listed(lines) == [(1, "a.com"), (3, "b.com")]


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("list.txt.gz", gzip.compress(b"a.com\n", mtime=0) + gzip.compress(b"b.com\n", mtime=0) + b"\0" * 9),
        ("list.TXT.ZST", zstandard.compress(b"a.com\n") + zstandard.compress(b"b.com\n")),
        ("list", gzip.compress(b"a.com\nb.com\n", mtime=0)),
        ("-", zstandard.compress(b"a.com\nb.com\n")),
    ],
)
def test_packed_lists_of_several_members_are_read_whole(tmp_path: Path, name: str, packed: bytes) -> None:
    lines = piped(packed) if name == "-" else filed(tmp_path, name, packed)
    assert listed(lines) == [(1, "a.com"), (2, "b.com")]


@given(content=st.binary(max_size=3000), level=st.integers(1, 9))
def test_packing_changes_nothing(content: bytes, level: int) -> None:
    plain = b"a.com\n" + content
    expected = piped(b"# text\n" + plain)
    assert piped(gzip.compress(b"# text\n" + plain, level)) == expected
    assert piped(zstandard.compress(b"# text\n" + plain, level)) == expected


def test_json_lines_hold_strings_or_objects_and_other_scalars_become_labels(tmp_path: Path) -> None:
    lines = filed(
        tmp_path,
        "list.jsonl",
        b'"a.com"\n\n{"url": "https://b.com/x", "rank": 1.50, "ok": true, "no": null, "tags": ["x"], "tag": "y"}\n'
        b'{"domain": "c.com", "url": "https://d.com/"}\n',
    )
    assert lines == [
        Listed(1, ("a.com",), None),
        Listed(3, ("b.com",), {"rank": "1.50", "ok": "true", "tag": "y"}),
        Listed(4, ("c.com",), {"url": "https://d.com/"}),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "[1]",
        "{",
        "3",
        '{"x": "a.com"}',
        '{"domain": 3}',
        '{"domain": ["a.com"]}',
        '"\\ud800.com"',
        '{"domain": "a.com", "\\ud800": "x"}',
        '{"domain": "a.com", "x": "\\ud800"}',
        "[" * 50_000,
        '{"domain": ' + "9" * 5000 + "}",
    ],
)
def test_json_that_names_no_target_is_rejected(tmp_path: Path, line: str) -> None:
    lines = filed(tmp_path, "list.ndjson", f"{line}\n".encode())
    assert [type(line) for line in lines] == [Rejected]


def test_a_key_of_the_users_own_wins_in_json_lines() -> None:
    assert piped(b'{"domain": "a.com", "site": "b.com"}\n{"domain": "c.com"}\n', column="site") == [
        Listed(1, ("b.com",), {"domain": "a.com"}),
        Rejected(2, '{"domain": "c.com"}', "no key 'site'"),
    ]


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b'\n{"domain": "a.com"}\n', [(2, "a.com")]),
        (b"# list\ndomain,tag\na.com,x\n", [(3, "a.com")]),
        (b"https://a.com/x;y,z\nb.com\n", [(1, "a.com"), (2, "b.com")]),
        (b"a.com # with, comma\n", [(1, "a.com")]),
        (b'"domain"\n"a.com"\n', [(2, "a.com")]),
        (b"1\tgoogle.com\n", [(1, "google.com")]),
        (b"", []),
        (b"\n# nothing\n", []),
    ],
)
def test_standard_input_shows_its_form_by_its_beginning(content: bytes, names: list[tuple[int, str]]) -> None:
    lines = piped(content)
    assert listed(lines) == names
    assert rejected(lines) == []


def test_the_hash_follows_content_column_and_form_and_not_the_place(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "c.csv"):
        (tmp_path / name).write_bytes(b"a.com\n")
    sources = [
        TargetSource(path=tmp_path / "a.txt"),
        TargetSource(path=tmp_path / "b.txt"),
        TargetSource(path=tmp_path / "c.csv"),
        TargetSource(path=tmp_path / "c.csv", column="x"),
        TargetSource(inline=("a.com",)),
        TargetSource(inline=("a.com", "b.com")),
    ]
    hashes = [content_hash(source) for source in sources]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 5
    assert content_hash(STDIN) is None


@pytest.mark.parametrize(("name", "said"), [("", "is a directory"), ("none.txt", "no such file"), ("x\0y", "opened")])
def test_a_list_that_cannot_be_opened_is_named_with_a_remedy(tmp_path: Path, name: str, said: str) -> None:
    source = TargetSource(path=tmp_path / name)
    with pytest.raises(ConfigError, match=said) as hashed:
        content_hash(source)
    with pytest.raises(ConfigError, match=said) as read:
        list(read_targets(source, HOST, io.BytesIO()))
    assert str(tmp_path) in str(hashed.value)
    assert str(hashed.value) == str(read.value)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="this user may read everything")
def test_a_list_of_somebody_else_is_named_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "list.txt").touch(mode=0o000)
    with pytest.raises(ConfigError, match="change its permissions"):
        content_hash(TargetSource(path=tmp_path / "list.txt"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_is_not_read_for_its_hash(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "list.txt")
    assert content_hash(TargetSource(path=tmp_path / "list.txt")) is None


def test_a_path_that_is_no_text_can_be_stored() -> None:
    assert name_of(Path("/lists/\udcff.txt")) == "/lists/\\udcff.txt"
