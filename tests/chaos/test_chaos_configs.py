"""Configs, arguments and environments from hell: a sentence and exit code 2, and nothing made on a disk."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from chaos_kit import OPTIONS, SEED, Ended, Figures, Job, assert_no_traceback, of
from cli_kit import sandbox_beside
from e2e_kit import REPOSITORY
from hell_kit import assert_harmless, assert_told, call, found_in, run, status
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from harvester.sandbox.app import Sandbox

thorough = settings(
    max_examples=of(200, 1500),
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with sandbox_beside(OPTIONS) as running:
        yield running


# TOML, written by hand: nothing here may depend on how the product reads it.


def toml(value: object) -> str:
    """Return a value as TOML spells it, on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(str(key))} = {toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return (
            '"' + "".join(char if char.isprintable() and char not in '"\\' else escaped(char) for char in value) + '"'
        )
    return value.isoformat() if isinstance(value, date) else str(value)


def escaped(char: str) -> str:
    return f"\\U{ord(char):08X}" if not 0xD800 <= ord(char) <= 0xDFFF else "?"


def document_text(document: Mapping[str, Any]) -> str:
    return "\n".join(f"{json.dumps(str(key))} = {toml(value)}" for key, value in document.items()) + "\n"


def valid_documents() -> list[dict[str, Any]]:
    """Return the configs of the repository, as parsed, each with targets of its own."""
    found = []
    for path in sorted((REPOSITORY / "configs").glob("*.toml")):
        document = tomllib.loads(path.read_text())
        document["job"] = {**document["job"], "output": "out", "targets": {"inline": ["a.example", "b.example"]}}
        found.append(document)
    return found


VALID = valid_documents()
WORDS = (
    "job",
    "output",
    "providers",
    "harvest",
    "name",
    "targets",
    "key",
    "rate",
    "budget",
    "report",
    "sets",
    "filter",
)
WEIRD = st.one_of(
    st.sampled_from(
        [
            0,
            -1,
            1,
            10**30,
            -(10**30),
            2**63,
            2**63 - 1,
            10**9,
            1e308,
            float("nan"),
            float("inf"),
            float("-inf"),
            0.5,
            True,
            False,
            "",
            " ",
            "0/second",
            "1/0minutes",
            "999999999/999999day",
            "60/minuet",
            "unlimited",
            "..",
            "/",
            "a/b",
            "../x",
            "~",
            "-",
            "NUL",
            "con",
            ".",
            "tasks",
            "env:",
            "file:",
            "file:/dev/zero",
            "file:..",
            "env:A B",
            "x" * 1001,
            "\u202e",
            "\x1b[31m",
            "\0",
            "\ufeff",
            "\u0430hrefs",
            "ahrefs",
            "json",
            "2026-02-30",
            "9999d",
            "99999999d",
            "-1d",
            "http://10.0.0.1",
            "https://u:p@h",
            "https://",
            "ftp://x",
            "https://h:99999",
            "25.00 USD",
            "-1 USD",
            "1e9 USD",
            date(1, 1, 1),
            date(9999, 12, 31),
            datetime(2026, 1, 1),
            [],
            {},
            [[]],
            [[[]]],
            [{}],
            [""],
            ["a", "a"],
            {"": ""},
            {"path": "x"},
            {"path": "-", "column": ""},
            {"column": "x"},
            {"inline": []},
            {"inline": [1]},
            {"path": []},
        ]
    ),
    st.text(max_size=30),
    st.integers(),
    st.floats(),
    st.recursive(
        st.none() | st.text(max_size=5) | st.integers(), lambda inner: st.lists(inner, max_size=3), max_leaves=20
    ).map(lambda value: [value]),
)


def places_in(value: object, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the place of everything within a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*at, key)
        yield from places_in(item, (*at, key))


def without_null(value: object) -> object:
    """Return what TOML can say of a value: it has no null."""
    if isinstance(value, list):
        return [without_null(item) for item in value]
    return "none" if value is None else value


def changed(holder: Any, key: Any, how: str, value: object, word: str) -> None:
    """Change one thing in a document; what cannot be changed so is left."""
    if how == "set":
        holder[key] = value
    elif how == "drop":
        del holder[key]
    elif how == "deep":
        holder[key] = json.loads("[" * 200 + "]" * 200)
    elif isinstance(holder, list):
        holder.append(holder[key])
    elif how == "add":
        holder[word] = value
    else:
        holder[f"{key}s"] = holder.pop(key)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Return the text of a valid config in which one thing or a few are wrong, or perhaps none."""
    document = json.loads(json.dumps(draw(st.sampled_from(VALID)), default=str))
    for _ in range(draw(st.integers(1, 3))):
        *above, key = draw(st.sampled_from(sorted(places_in(document), key=repr)))
        holder = document
        for step in above:
            holder = holder[step]
        how = draw(st.sampled_from(["set", "set", "set", "drop", "deep", "add", "rename"]))
        changed(holder, key, how, without_null(draw(WEIRD)), draw(st.sampled_from(WORDS) | st.text(max_size=20)))
    return document_text(document)


@st.composite
def torn(draw: st.DrawFn) -> bytes:
    """Return the bytes of a config that were damaged as bytes."""
    content = document_text(draw(st.sampled_from(VALID))).encode()
    at = draw(st.integers(0, len(content)))
    piece = draw(
        st.binary(max_size=4) | st.sampled_from([b'"', b"'''", b"[", b"]]", b"=", b"\n[job]\n", b"\0", b"\xff", b"#"])
    )
    damaged = content[:at] + piece + content[draw(st.integers(at, min(len(content), at + 5))) :]
    how = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cut"]))
    return (
        damaged[:at] if how == "cut" else damaged if how == "utf-8" else damaged.decode("utf-8", "replace").encode(how)
    )


def environ_of(folder: Path) -> dict[str, str]:
    """Return an environment without any key: nothing can be sent."""
    return {"XDG_RUNTIME_DIR": str(folder), "HOME": str(folder)}


def assert_one_word_or_plan(folder: Path, content: bytes) -> None:
    """No command ends with anything but 0 or 2, says anything harmful, or makes anything."""
    config = folder / "hell.toml"
    config.write_bytes(content)
    before = found_in(folder)
    for command in ("plan", "check", "run"):
        ended = call(command, str(config), environ=environ_of(folder))
        assert ended.code in ((0, 2) if command == "plan" else (2,)), (ended, content)
        assert_harmless(ended.out + ended.err)
        assert found_in(folder) == before
        if ended.code == 2 and command == "plan":
            # The config, or the list of targets that it names; before it perhaps what `since = "last"` means.
            error = ended.err[ended.err.find("Error: ") :]
            assert error.startswith((f"Error: {config}: ", "Error: /", "Error: standard input: ")), ended.err
            assert all('since = "last"' in line for line in ended.err.removesuffix(error).splitlines()), ended.err
            assert len(ended.err) < 100_000


@seed(SEED)
@thorough
@given(text=mutated())
def test_no_config_ends_in_anything_but_a_plan_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    assert_one_word_or_plan(tmp_path_factory.mktemp("mutated"), text.encode("utf-8", "surrogatepass"))


@seed(SEED)
@thorough
@given(content=torn())
def test_no_file_of_bytes_ends_in_anything_but_a_plan_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    assert_one_word_or_plan(tmp_path_factory.mktemp("torn"), content)


# One thing at a time, and what is said of it.

CONFIG = """
[job]
name = "hell"
output = "out"
targets = { inline = ["a.example"] }
[providers.ahrefs]
key = "env:AHREFS_KEY"
[[harvest]]
provider = "ahrefs"
report = "refdomains"
"""
ONE_THING: Mapping[str, tuple[str, str, str]] = {  # what is replaced, by what, and what is said of it
    "rate": (
        "[[harvest]]",
        'rate = "0/second"\n[[harvest]]',
        '[providers.ahrefs] rate = "0/second": expected at least one',
    ),
    "budget": (
        "[[harvest]]",
        f"budget = {10**30}\n[[harvest]]",
        "[providers.ahrefs] budget = a number of 100 bits: expected",
    ),
    "in_flight": (
        "[[harvest]]",
        f"in_flight = {10**9}\n[[harvest]]",
        "in_flight = 1000000000: expected a whole number from 1",
    ),
    "timeout_s": ("[[harvest]]", "timeout_s = 1e308\n[[harvest]]", "timeout_s = 1e+308: expected seconds, more than 0"),
    "timeout_s nan": ("[[harvest]]", "timeout_s = nan\n[[harvest]]", "timeout_s = nan: expected seconds"),
    "page_size": (
        "report =",
        "page_size = 0\nreport =",
        '"ahrefs.refdomains" page_size = 0: expected a whole number from 1',
    ),
    "max_rows": ("report =", "max_rows = -1\nreport =", "max_rows = -1: expected a whole number from 1"),
    "since and until": (
        "report =",
        "since = 2026-02-01\nuntil = 2026-01-01\nreport =",
        "until = 2026-01-01: expected a day not before",
    ),
    "since in no year": (
        "report =",
        "since = 0001-01-01\nreport =",
        "since = 0001-01-01: expected a date in the years",
    ),
    "name": ('"hell"', '"../../etc/passwd"', '[job] name = "../../etc/passwd": expected 1 to 100 letters'),
    "harvest": ("report =", 'name = "a/b"\nreport =', '"a/b" name = "a/b": expected 1 to 100 letters'),
    "report": ('"refdomains"', '"r\u0435fdomains"', 'report = "r\u0435fdomains": expected a report of ahrefs'),
    "key": ("env:AHREFS_KEY", "sk-12345678", "[providers.ahrefs] key: expected"),
    "twice": ("[job]", '[job]\nname = "x"', "not TOML: "),
    "no table": ("[job]", "[jobb]", "jobb: unknown; expected one of job, output, providers, harvest; did you mean"),
    "option": ("report =", "options = { a = { b = 1 } }\nreport =", "options.a = a table: expected a table of texts"),
    "sets": ("report =", "sets = [[]]\nreport =", "sets = [[]]: expected a list of lists of targets"),
    "long": (
        '"a.example"',
        f'"{"x" * 10_000_000}"',
        "larger than 4,194,304 bytes; put targets into a file of their own",
    ),
    "deep": ('["a.example"]', "[" * 100_000, "too many brackets in brackets"),
    "control": ('"hell"', '"a\\u001b[31m"', '[job] name = "a\\u001b[31m": expected'),
    "mark": ('"hell"', '"a\\u202e"', '[job] name = "a\\u202e": expected'),
}


@pytest.mark.parametrize("what", ONE_THING)
def test_what_is_wrong_is_named_with_file_table_value_and_remedy(tmp_path: Path, what: str, figures: Figures) -> None:
    old, new, said = ONE_THING[what]
    assert old in CONFIG
    config = tmp_path / "hell.toml"
    config.write_text(CONFIG.replace(old, new, 1), encoding="utf-8")
    for command in ("check", "plan", "run"):
        assert_told(call(command, str(config), environ=environ_of(tmp_path)), config, said)
    assert list(found_in(tmp_path)) == ["hell.toml"]
    figures["configs refused by name"] += 1


# Where a job would be written.


def hell(folder: Path, sandbox: Sandbox) -> Job:
    return Job(
        folder=folder, sandbox=sandbox, providers=("ahrefs",), reports=("refdomains",), targets=["shop-1.example"]
    )


def set_output(job: Job, output: str, targets: str | None = None) -> None:
    text = job.text().replace('name = "chaos"', f'name = "chaos"\noutput = {toml(output)}')
    if targets is not None:
        text = text.replace('{ inline = ["shop-1.example"] }', toml(targets))
    job.config.write_text(text)


def a_file(path: Path) -> None:
    path.write_text("of somebody else\n")


def foreign(*names: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        for name in names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text('{"name": "of somebody else"}\n')

    return make


OUTPUTS: Mapping[str, tuple[Callable[[Path], None], str, str]] = {
    "below a file": (foreign("file"), "file/out", "file/out: cannot be made the job directory: Not a directory"),
    "a file": (foreign("file"), "file", "file: cannot be made the job directory: File exists"),
    "the list": (foreign("list.txt"), "list.txt", "list.txt: cannot be made the job directory: File exists"),
    "rows of somebody": (foreign("out/tasks.jsonl"), "out", "out: holds rows (tasks.jsonl), but the state"),
    "a manifest of somebody": (
        foreign("out/manifest.json"),
        "out",
        "manifest.json: not of a job, and a run would write over",
    ),
    "a state of somebody": (
        foreign("out/state.sqlite3"),
        "out",
        "state.sqlite3: not a job's state: file is not a database",
    ),
    "a device": (lambda folder: None, "/dev/null", "/dev/null: cannot be made the job directory"),
    "too long": (lambda folder: None, "x" * 300, "cannot be made the job directory: File name too long"),
}


@pytest.mark.parametrize("what", OUTPUTS)
def test_a_place_of_somebody_else_is_left_alone(tmp_path: Path, sandbox: Sandbox, what: str, figures: Figures) -> None:
    make, output, said = OUTPUTS[what]
    job = hell(tmp_path / "job", sandbox)
    set_output(job, output, targets="list.txt" if what == "the list" else None)
    make(job.folder)
    before = found_in(job.folder)
    assert_told(run(job), said)
    assert found_in(job.folder) == before
    figures["job directories refused"] += 1


def test_files_of_somebody_else_in_a_job_directory_are_left_alone(tmp_path: Path, sandbox: Sandbox) -> None:
    job = hell(tmp_path / "job", sandbox)
    foreign("out/notes.txt", "out/replies/mine", "out/ahrefs.backlinks.csv")(job.folder)
    set_output(job, "out")
    before = found_in(job.folder / "out")
    assert run(job).code == 0
    assert before.items() <= found_in(job.folder / "out").items()


def test_the_directory_of_another_job_is_refused(tmp_path: Path, sandbox: Sandbox) -> None:
    job = hell(tmp_path / "job", sandbox)
    set_output(job, "out")
    assert run(job).code == 0
    other = Job(
        folder=job.folder, sandbox=sandbox, providers=("ahrefs",), reports=("anchors",), targets=["shop-1.example"]
    )
    set_output(other, "out")
    files = {name: what for name, what in found_in(job.folder / "out").items() if name.endswith(".jsonl")}
    assert_told(
        run(other), "out: this job was begun with another config", "[[harvest]] ahrefs.anchors is new", "--output"
    )
    assert files.items() <= found_in(job.folder / "out").items()


# Arguments.

HOSTILE = "a\x1b[31m\u202e\nb"
ARGUMENTS: Mapping[str, tuple[list[str], str]] = {
    "budget of nobody": (
        ["run", "CONFIG", "--budget", "ahrefz=5"],
        "--budget ahrefz=5: the config has no [providers.ahrefz]",
    ),
    "budget of nothing": (["run", "CONFIG", "--budget", ""], "--budget : expected PROVIDER=N"),
    "budget of letters": (
        ["plan", "CONFIG", "--budget", f"ahrefs={HOSTILE}"],
        "expected PROVIDER=N, such as ahrefs=50000",
    ),
    "budget below nothing": (["run", "CONFIG", "--budget", "ahrefs=-1"], "expected PROVIDER=N"),
    "budget too great": (["run", "CONFIG", "--budget", f"ahrefs={10**30}"], "expected PROVIDER=N"),
    "targets too many": (["run", "CONFIG", "--max-targets", str(10**30)], "is not in the range"),
    "targets below nothing": (["run", "CONFIG", "--max-targets", "-1"], "is not in the range"),
    "targets of letters": (["run", "CONFIG", "--max-targets", HOSTILE], "is not a valid integer range"),
    "log format": (["run", "CONFIG", "--log-format", HOSTILE], "is not one of 'text', 'json'"),
    "option": (["run", "CONFIG", f"--{HOSTILE}"], "No such option"),
    "further argument": (["run", "CONFIG", HOSTILE], "Got unexpected extra argument"),
    "command": ([HOSTILE], "No such command"),
    "provider": (["providers", HOSTILE], "no provider of that name; there are ahrefs"),
    "record": (["schema", HOSTILE], "no record of that name; there are backlink"),
    "status of a file": (["status", "CONFIG"], "no job directory: it is a file"),
    "status of nothing": (["status", HOSTILE], "no job directory: it is not there"),
    "bytes": (["run", "\udcff\udcfe.toml"], "no such file; check the path"),
    "a device": (["plan", "/dev/zero"], "/dev/zero: not a file; name a config file"),
    "a directory": (["check", "."], "not a file; name a config file"),
    "too long": (["run", "x" * 5000], "cannot be read: File name too long"),
    "output is a file": (["run", "CONFIG", "--output", "CONFIG"], "is a file"),
    "output below a file": (["run", "CONFIG", "--output", "CONFIG/out"], "cannot be made the job directory"),
    "output too long": (
        ["run", "CONFIG", "--output", "x" * 300],
        "cannot be made the job directory: File name too long",
    ),
}


@pytest.mark.parametrize("what", ARGUMENTS)
def test_an_argument_that_cannot_be_meant_is_refused_in_harmless_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, figures: Figures
) -> None:
    arguments, said = ARGUMENTS[what]
    config = tmp_path / "hell.toml"
    config.write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    environ = environ_of(tmp_path) | {"AHREFS_KEY": "a-key-of-hell"}
    ended = call(*(argument.replace("CONFIG", str(config)) for argument in arguments), environ=environ)
    assert ended.code == 2
    assert_told(ended, said)
    assert list(found_in(tmp_path)) == ["hell.toml"]
    figures["arguments refused by name"] += 1


def test_an_output_of_bytes_that_are_no_text_is_a_directory_like_any_other(tmp_path: Path, sandbox: Sandbox) -> None:
    job = hell(tmp_path / "job", sandbox)
    output = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\x1b\xfe")
    for _ in range(2):
        ended = run(job, "--output", output)
        assert ended.code == 0, ended.err
        assert_harmless(ended.out + ended.err)
    assert "complete" in call("status", output, environ=job.environment()).out


# Environments.

KEYS: Mapping[str, tuple[str, str]] = {
    "empty": ("", "the environment variable is empty; set it with: export AHREFS_KEY=..."),
    "blanks": (" \t\n ", "the environment variable is empty"),
    "two lines": ("first\nsecond", "holds a line end or another control character"),
    "an escape": ("\x1b]0;t\x07", "holds a line end or another control character"),
    "an emoji": ("\U0001f600", "holds a character that no key has"),
    "bytes": ("\udcff\udcfe", "holds a character that no key has"),
}
KEY_FILES: Mapping[str, tuple[Callable[[Path], object], str]] = {
    "absent": (lambda path: None, "no such file; create it with the key as its only content"),
    "empty": (lambda path: path.touch(), "the file is empty; write the key into it"),
    "a directory": (lambda path: path.mkdir(), "not a file; name the file that holds the key"),
    "a pipe": (os.mkfifo, "not a file; name the file that holds the key"),
    "huge": (lambda path: path.write_bytes(b"x" * 10**6), "larger than 65,536 bytes: this is not a key"),
    "binary": (lambda path: path.write_bytes(bytes(range(256))), "not text: save the file as UTF-8"),
    "with NULs": (lambda path: path.write_bytes(b"a\0b"), "holds a line end or another control character"),
}


@pytest.mark.parametrize("what", KEYS)
def test_a_key_that_cannot_be_one_is_refused_and_not_repeated(tmp_path: Path, what: str, figures: Figures) -> None:
    key, said = KEYS[what]
    config = tmp_path / "hell.toml"
    config.write_text(CONFIG)
    for command in ("check", "run"):
        ended = call(command, str(config), environ=environ_of(tmp_path) | {"AHREFS_KEY": key})
        assert ended.code == 2
        assert_harmless(ended.out + ended.err)
        assert f"[providers.ahrefs] env:AHREFS_KEY: {said}" in ended.out + ended.err
        assert "hell.toml" in ended.out + ended.err
        assert key.strip() == "" or key.strip() not in ended.out + ended.err
    assert list(found_in(tmp_path)) == ["hell.toml"]
    figures["keys refused by name"] += 1


@pytest.mark.parametrize("what", KEY_FILES)
def test_a_key_file_that_holds_none_is_named_with_the_remedy(tmp_path: Path, what: str, figures: Figures) -> None:
    make, said = KEY_FILES[what]
    config = tmp_path / "hell.toml"
    config.write_text(CONFIG.replace("env:AHREFS_KEY", "file:the-key"))
    make(tmp_path / "the-key")
    assert_told(call("run", str(config), environ=environ_of(tmp_path)), config, "the-key: ", said)
    assert not (tmp_path / "out").exists()
    figures["keys refused by name"] += 1


@pytest.mark.parametrize(("runtime", "code"), [("/nowhere/at/all", 2), ("/dev/null", 2), ("relative", 0), ("", 0)])
def test_a_runtime_directory_that_is_none_is_named_or_not_used(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, runtime: str, code: int
) -> None:
    job = hell(tmp_path / "job", sandbox)
    job.environ["XDG_RUNTIME_DIR"] = runtime
    (tmp_path / "relative").mkdir()
    monkeypatch.chdir(tmp_path)
    ended = run(job)
    assert ended.code == code, ended.err
    if code:
        assert_told(ended, runtime, "Set XDG_RUNTIME_DIR")
    assert list((tmp_path / "relative").iterdir()) == []


SURROUNDINGS: Mapping[str, dict[str, str]] = {
    "nothing": {"PATH": "/nowhere"},
    "C": {"LANG": "C", "LC_ALL": "C", "TERM": "", "TZ": "Nowhere/At_All", "HOME": "/nowhere"},
    "ASCII": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"},
    "warnings": {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1", "TZ": "Asia/Kathmandu"},
}


@pytest.mark.parametrize("what", of(["ASCII", "warnings"], list(SURROUNDINGS)))
def test_a_run_needs_nothing_of_its_surroundings(tmp_path: Path, sandbox: Sandbox, what: str, figures: Figures) -> None:
    job = hell(tmp_path / "job", sandbox)
    environ = {"PYTHONPATH": str(REPOSITORY), "AHREFS_KEY": sandbox.keys["ahrefs"], "XDG_RUNTIME_DIR": str(tmp_path)}
    nowhere = tmp_path / "here"
    nowhere.mkdir(mode=0o555)
    command = [sys.executable, "-m", "harvester", "run", str(job.config)]
    for close in ("<&-", "</dev/null", ">&- 2>&-"):
        script = f"exec {' '.join(command)} {close}"
        shell = ["/bin/sh", "-c", script]
        result = subprocess.run(shell, env=environ | SURROUNDINGS[what], cwd=nowhere, capture_output=True, check=False)
        ended = Ended(code=result.returncode, out=result.stdout.decode(), err=result.stderr.decode())
        assert_no_traceback(ended)
        assert ended.code == 0, ended.err
        assert "Warning" not in ended.err
    assert list(nowhere.iterdir()) == []
    assert status(job).code == 0
    figures["runs in odd surroundings"] += 3
