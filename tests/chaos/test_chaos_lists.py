"""Lists of targets that are broken, huge or meant to do harm, through the whole command."""

import gzip
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import repeat
from pathlib import Path
from typing import IO

import pytest
import zstandard
from chaos_kit import OPTIONS, SEED, Ended, Figures, Job, assert_no_traceback, of
from cli_kit import sandbox_beside
from hell_kit import assert_harmless, call, call_as_nobody
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from memory_kit import measured_command, most_mib, on_linux

from harvester.sandbox.app import Sandbox

MIB = 1024 * 1024
MOST_RSS_MIB = 200

#: As many examples as are asked for, the same for the same seed, and no time wasted on small ones.
thorough = settings(
    max_examples=of(25, 200),
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
    st.lists(
        st.sampled_from(
            [
                "a.com",
                "b.com,x",
                '"',
                "\0",
                "\r",
                "\n",
                ",",
                ";",
                "\t",
                "{",
                "}",
                '"domain":"c.com"',
                "[",
                "#",
                "\ufeff",
                "é.com",
                "xn--",
                "..",
                "http://",
                "[::1]",
                "@",
                "%00",
                "\ud800",
                "\u202e",
            ]
        ),
        max_size=60,
    ).map(lambda parts: "".join(parts).encode("utf-8", "surrogatepass")),
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
BAD = st.sampled_from(
    ["no target", "192.168.1.1", "single", "ftp://a.com/", "me@a.com", "a..com", "x" * 300 + ".com", "co.uk"]
)
LINES = st.lists(st.tuples(st.booleans(), GOOD, BAD), min_size=1, max_size=30)
END = st.sampled_from(["\n", "\r\n", "\r"])
FORMS = ("txt", "csv", "jsonl")
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])


PACK: Mapping[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}


@seed(SEED)
@thorough
@given(
    lines=LINES, end=END, encoding=ENCODINGS, packing=st.sampled_from(["", ".gz", ".zst"]), form=st.sampled_from(FORMS)
)
def test_every_good_line_is_a_target_and_every_other_is_listed_with_its_number(
    tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox, lines: list[tuple[bool, str, str]], **written_as: str
) -> None:
    end, encoding, packing, form = (written_as[name] for name in ("end", "encoding", "packing", "form"))
    texts = [good if is_good else bad for is_good, good, bad in lines]
    written = {
        "txt": texts,
        "csv": ["domain,note", *(f'"{text}","a ""note"", {number}"' for number, text in enumerate(texts))],
        "jsonl": [f'{{"note": {number}, "domain": "{text}"}}' for number, text in enumerate(texts)],
    }[form]
    content = PACK[packing](end.join([*written, ""]).encode(encoding))
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


FILES: Mapping[str, tuple[Callable[[Path], object], str]] = {
    "absent": (lambda path: None, "no such file; check the path"),
    "empty": (lambda path: path.touch(), "the list holds no target"),
    "only comments": (lambda path: path.write_text("# a\n\n  \n#b\n"), "the list holds no target"),
    "a directory": (lambda path: path.mkdir(), "is a directory; name a file in it"),
    "a loop of links": (lambda path: path.symlink_to(path.name), "check the path"),
    "zeros": (lambda path: path.write_bytes(bytes(100_000)), "line longer than 65,536 bytes"),
    "of NULs": (lambda path: path.write_bytes(b"a.example\0\n" * 3), "holds a NUL"),
    "of UTF-16 without a mark": (lambda path: path.write_bytes("a.example\n".encode("utf-16-le")), "holds a NUL"),
    "of Latin-1": (lambda path: path.write_bytes("b\u00fccher.example\n".encode("latin-1")), "save the list as UTF-8"),
    "packed twice": (
        lambda path: path.write_bytes(gzip.compress(gzip.compress(b"a.example\n"))),
        "save the list as UTF-8",
    ),
}


@pytest.mark.parametrize("what", FILES)
def test_a_list_that_is_none_is_named_with_the_remedy(listed: Listed, what: str, figures: Figures) -> None:
    make, said = FILES[what]
    make(listed.of("l.txt").job.folder / "l.txt")
    for command in ("check", "plan", "run"):
        ended = listed.call(command)
        if command == "plan" and ended.code == 0:  # nothing is asked of an empty list, and that costs nothing
            assert "0 targets" in ended.out
            continue
        assert ended.code == 2
        assert f"{listed.job.folder / 'l.txt'}"[-50:] in ended.out + ended.err
        assert said in ended.out + ended.err
    figures["lists refused by name"] += 1


def test_a_list_that_may_not_be_read_is_named_with_the_remedy(sandbox: Sandbox, figures: Figures) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        listed = Listed(Path(folder), sandbox).of("l.txt", b"a.example\n")
        Path(folder).chmod(0o755)
        (Path(folder) / "l.txt").chmod(0o000)
        ended = call_as_nobody("check", str(listed.job.config), environ=listed.job.environment())
        assert (ended.code, "l.txt: may not be read by this user; change its permissions" in ended.out) == (2, True)
        figures["lists refused by name"] += 1


def test_a_pipe_may_be_a_list(listed: Listed) -> None:
    os.mkfifo(listed.of("l.csv", column="domain").job.folder / "l.csv")
    content = "".join(f"shop-{number}.example,{number}\n" for number in range(20_000))
    writer = threading.Thread(target=(listed.job.folder / "l.csv").write_text, args=(f"domain,n\n{content}",))
    writer.start()
    assert_counted(listed.call("check"), good=20_000, bad=0)
    writer.join()


# Sizes: the command as a process of its own, whose memory is measured.


def measured(
    listed: Listed, *arguments: str, meanwhile: Callable[[IO[bytes]], object] = lambda out: None
) -> tuple[Ended, int]:
    """Call a command as a process; return how it ended, and the most memory it had, in MiB."""
    note = listed.job.folder / "memory"
    command = measured_command(note, arguments[0], str(listed.job.config), *arguments[1:])
    with tempfile.TemporaryFile() as err:
        with subprocess.Popen(command, env=listed.job.environment(), stdout=subprocess.PIPE, stderr=err) as process:
            assert process.stdout is not None
            meanwhile(process.stdout)
            out = process.stdout.read()
        err.seek(0)
        ended = Ended(code=process.returncode, out=out.decode(), err=err.read().decode())
    assert_no_traceback(ended)
    return ended, most_mib(note)


def lines_of_names(path: Path, count: int) -> None:
    """Write so many names, a few bad ones among them."""
    with path.open("w") as file:
        for first in range(0, count, 100_000):
            numbers = range(first, min(first + 100_000, count))
            file.writelines("no target\n" if number % 50_000 == 7 else f"s{number}.example\n" for number in numbers)


@on_linux
@pytest.mark.parametrize("command", of(["check"], ["check", "run"]))
def test_a_long_list_is_read_in_flat_memory(listed: Listed, command: str, figures: Figures) -> None:
    count = of(100_000, 10_000_000 if command == "check" else 1_000_000)
    lines_of_names(listed.of("l.txt").job.folder / "l.txt", count)
    began_s = time.monotonic()
    ended, most_mib = measured(listed, command, *(["--max-targets", "2", "--quiet"] if command == "run" else []))
    bad = count // 50_000
    assert ended.code == 0, ended.err
    assert f"{count - bad:,} targets, {bad} lines rejected" in ended.out
    assert most_mib <= MOST_RSS_MIB
    figures[f"MiB at most for a list of {count:,} lines ({command})"] += most_mib
    figures[f"s for a list of {count:,} lines ({command})"] += round(time.monotonic() - began_s)


def long_line(path: Path) -> None:
    with path.open("wb") as file:
        file.writelines([b"a.example\n", *repeat(b"x" * MIB, 100), b"\nb.example\n"])


def bomb(path: Path) -> None:
    """Write a few bytes that stand for gigabytes of one line."""
    packer = zstandard.ZstdCompressor(level=3) if path.suffix == ".zst" else None
    with path.open("wb") as file, packer.stream_writer(file) if packer else gzip.open(file, "wb", 1) as packed:
        packed.write(b"a.example\n")
        for _ in range(of(300, 1500)):
            packed.write(b"x" * MIB)
        packed.write(b"\nb.example\n")


@on_linux
@pytest.mark.parametrize(
    ("name", "make"), [("l.txt", long_line), ("l.csv.gz", bomb), ("l.jsonl.zst", bomb), ("l.txt.zst", bomb)]
)
def test_a_line_of_a_hundred_megabytes_costs_only_itself(
    listed: Listed, name: str, make: Callable[[Path], None], figures: Figures
) -> None:
    make(listed.of(name).job.folder / name)
    ended, most_mib = measured(listed, "check")
    assert ended.code == (2 if "json" in name else 0)
    assert f"{name} line 2: " in ended.out
    assert "line longer than 65,536 bytes" in ended.out
    assert ("2 targets, 1 line rejected" in ended.out) is ("json" not in name)
    assert most_mib <= MOST_RSS_MIB
    figures[f"MiB at most for a line without an end in {name}"] += most_mib


@on_linux
def test_a_list_that_shrinks_while_it_is_read_does_not_count(listed: Listed, figures: Figures) -> None:
    path = listed.of("l.txt").job.folder / "l.txt"
    path.write_bytes(b"no target\n" + b"".join(b"s%d.example\n" % number for number in range(of(300_000, 2_000_000))))

    def shrink(out: IO[bytes]) -> None:
        while b"line 1" not in out.readline():
            pass
        os.truncate(path, 1_000_000)

    ended, _ = measured(listed, "check", meanwhile=shrink)
    assert ended.code == 2
    assert "l.txt: was changed while it was read; nothing of this list counts, try again (reached line" in ended.out
    figures["lists refused by name"] += 1
