"""Lists of targets that are broken, huge or meant to do harm, through the whole command."""

import codecs
import csv
import gzip
import io
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import zstandard
from chaos_kit import IS_ALL, OPTIONS, SEED, Ended, Figures, Job, assert_no_traceback, chance, of
from cli_kit import sandbox_beside
from hell_kit import assert_harmless, assert_told, call, found_in, run, status
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from harvester.sandbox.app import Sandbox

MIB = 1024 * 1024
MOST_RSS_MIB = 200

#: As many examples as are asked for, the same for the same seed, and no time wasted on small ones.
thorough = settings(
    max_examples=of(25, 400),
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with sandbox_beside(OPTIONS) as running:
        yield running


class Listed:
    """A job whose list is whatever a test puts there."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.job = Job(folder=folder, sandbox=sandbox, providers=("ahrefs",), reports=("refdomains",))
        self._text = self.job.text()

    def of(self, name: str, content: bytes | None = None, column: str | None = None) -> "Listed":
        """Let the list be a file of that name and content."""
        path = self.job.folder / name
        if content is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        source = f'{{ path = "{name}" }}' if column is None else f'{{ path = "{name}", column = "{column}" }}'
        lines = [f"targets = {source}" if line.startswith("targets") else line for line in self._text.splitlines()]
        self.job.config.write_text("\n".join(lines))
        return self

    def call(self, command: str, *arguments: str, input: bytes | None = None) -> Ended:
        """Call a command on the job; whatever it says is harmless."""
        ended = call(command, str(self.job.config), *arguments, environ=self.job.environment(), input=input)
        assert_harmless(ended.out + ended.err)
        return ended


@pytest.fixture
def listed(tmp_path: Path, sandbox: Sandbox) -> Listed:
    return Listed(tmp_path, sandbox)


def assert_counted(checked: Ended, *, good: int, bad: int) -> None:
    """Every line with content is a target, or is listed with its number."""
    assert f"targets    {good:,} target" in checked.out or f"targets  ! {good:,} target" in checked.out, checked.out
    listed_lines = [line for line in checked.out.splitlines() if "rejected: " in line and " line " in line]
    assert len(listed_lines) == bad, checked.out


# Anything.

GARBAGE = st.one_of(
    st.binary(max_size=300),
    st.text(st.characters(exclude_categories=[]), max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(st.sampled_from(["a.com", "b.com,x", '"', "\0", "\r", "\n", ",", ";", "\t", "{", "}", '"domain":"c.com"', "[", "#",
                              "\ufeff", "é.com", "xn--", "..", "http://", "[::1]", "@", "%00", "\ud800", "\u202e"]),
             max_size=60).map(lambda parts: "".join(parts).encode("utf-8", "surrogatepass")),
    st.text(max_size=100).map(lambda text: text.encode("utf-16")),
    st.binary(max_size=200).map(gzip.compress),
    st.binary(max_size=200).map(zstandard.compress),
    st.binary(max_size=200).map(lambda content: gzip.compress(content)[:-3]),
    st.binary(max_size=200).map(lambda content: zstandard.compress(gzip.compress(content)) + b"rubbish"),
)
NAMES = ("l.txt", "l.csv", "l.tsv", "l.jsonl", "l.json", "l", "l.txt.gz", "l.csv.zst", "l.jsonl.GZ", "l.zst.gz")


@seed(SEED)
@thorough
@given(content=GARBAGE, name=st.sampled_from(NAMES), command=st.sampled_from(["check", "plan", "run"]))
def test_no_list_ends_a_command_without_a_word_to_its_user(
    tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox, content: bytes, name: str, command: str
) -> None:
    listed = Listed(tmp_path_factory.mktemp("anything"), sandbox).of(name, content)
    ended = listed.call(command, *(["--max-targets", "1", "--quiet"] if command == "run" else []))
    assert ended.code in (0, 2, 3)
    if ended.code == 2:
        said = ended.out + ended.err
        assert name in said or "0 targets" in said or "holds no target" in said, said


GOOD = st.from_regex(r"[a-z]{1,9}\.[a-z]{1,9}\.(com|org|de)", fullmatch=True)
BAD = st.sampled_from(["no target", "192.168.1.1", "single", "ftp://a.com/", "me@a.com", "a..com", "x" * 300 + ".com", "co.uk"])
LINES = st.lists(st.tuples(st.booleans(), GOOD, BAD), min_size=1, max_size=30)
END = st.sampled_from(["\n", "\r\n", "\r"])
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])


def packed(content: bytes, packing: str) -> bytes:
    return {"": lambda: content, ".gz": lambda: gzip.compress(content), ".zst": lambda: zstandard.compress(content)}[packing]()


@seed(SEED)
@thorough
@given(
    lines=LINES, end=END, encoding=ENCODINGS, packing=st.sampled_from(["", ".gz", ".zst"]), form=st.sampled_from(["txt", "csv", "jsonl"])
)
def test_every_good_line_is_a_target_and_every_other_is_listed_with_its_number(
    tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox, lines: list[tuple[bool, str, str]], end: str,
    encoding: str, packing: str, form: str,
) -> None:
    texts = [good if is_good else bad for is_good, good, bad in lines]
    written = {
        "txt": texts,
        "csv": ["domain,note", *(f'"{text}","a ""note"", {number}"' for number, text in enumerate(texts))],
        "jsonl": [f'{{"note": {number}, "domain": "{text}"}}' for number, text in enumerate(texts)],
    }[form]
    content = packed(end.join([*written, ""]).encode(encoding), packing)
    column = None if form == "txt" else "domain"
    listed = Listed(tmp_path_factory.mktemp("counted"), sandbox).of(f"l.{form}{packing}", content, column)
    good = {text for text, (is_good, *_) in zip(texts, lines, strict=True) if is_good}
    bad = sum(not is_good for is_good, *_ in lines)
    checked = listed.call("check")
    assert checked.code == (0 if good else 2)
    assert_counted(checked, good=len(good), bad=bad)
    first = 2 if form == "csv" else 1
    for number, (is_good, *_) in enumerate(lines, first):
        assert (f"l.{form}{packing} line {number}: " in checked.out) is not is_good


# Files that are none.


def shrinks(path: Path) -> None:
    path.write_bytes(b"a.example\n" * 100_000)


def a_loop(path: Path) -> None:
    path.symlink_to(path.name)


FILES: Mapping[str, tuple[Callable[[Path], object], str]] = {
    "absent": (lambda path: None, "no such file; check the path"),
    "empty": (lambda path: path.touch(), "the list holds no target"),
    "only comments": (lambda path: path.write_text("# a\n\n  \n#b\n"), "the list holds no target"),
    "a directory": (lambda path: path.mkdir(), "is a directory; name a file in it"),
    "a loop of links": (a_loop, "check the path"),
    "a link to nothing": (lambda path: path.symlink_to("gone"), "no such file; check the path"),
    "zeros": (lambda path: path.write_bytes(bytes(100_000)), "line longer than 65,536 bytes"),
    "of NULs": (lambda path: path.write_bytes(b"a.example\0\n" * 3), "holds a NUL"),
    "of UTF-16 without a mark": (lambda path: path.write_bytes("a.example\n".encode("utf-16-le")), "holds a NUL"),
    "of Latin-1": (lambda path: path.write_bytes("bücher.example\n".encode("latin-1")), "save the list as UTF-8"),
    "of an archive in an archive": (lambda path: path.write_bytes(gzip.compress(gzip.compress(b"a.example\n"))), "l.txt"),
}


@pytest.mark.parametrize("what", FILES)
def test_a_list_that_is_none_is_named_with_the_remedy(listed: Listed, what: str, figures: Figures) -> None:
    make, said = FILES[what]
    make(listed.job.folder / "l.txt") if listed.job.folder.exists() else None
    listed.of("l.txt")
    for command in ("check", "plan", "run"):
        ended = listed.call(command)
        if command == "plan" and ended.code == 0:
            assert "0 targets" in ended.out
            continue
        assert ended.code == 2, (command, ended.out)
        assert "l.txt" in ended.out + ended.err
        assert said in ended.out + ended.err or command == "check", ended.out + ended.err
    figures["lists refused by name"] += 1
