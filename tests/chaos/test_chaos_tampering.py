"""A job directory that was changed between two runs: what can be noticed is refused, and nothing is cut or bought.

Each attack meets a copy of one job that is half done. Once the damage is undone, the job goes on to the same rows.
"""

import asyncio
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from chaos_kit import IS_ALL, OPTIONS, TARGETS, Figures, Job, chance, of
from cli_kit import sandbox_beside
from e2e_kit import REPOSITORY
from hell_kit import REFUSED, assert_told, call_as_nobody, found_in, rows_and_foreign, run, status

from harvester.sandbox.app import Sandbox

Harm = Callable[[Path], object]
Rows = Mapping[tuple[str, str, int], Mapping[str, Any]]

PUT_BACK = "Put the file back as it was, or start anew in another directory"
FORMATS = ("jsonl", "jsonl.gz", "jsonl.zst")
DONE = 2  #: targets of all


@dataclass
class HalfDone:
    """A job that has ended in order with half of its targets, and what it would have become."""

    folder: Path
    sandbox: Sandbox
    format: str
    targets: tuple[str, ...] = TARGETS[:4]
    rows: Rows = field(default_factory=dict)

    @cached_property
    def job(self) -> Job:
        """The job as it stands."""
        job = self._job("begun")
        assert run(job, "--max-targets", str(DONE), "--quiet").code == 0
        return job

    @cached_property
    def whole(self) -> Rows:
        """All of its rows."""
        job = self._job("whole")
        assert run(job, "--quiet").code == 0
        return job.records()

    @cached_property
    def rest_units(self) -> dict[str, int]:
        """What its other half costs, by provider."""
        job, before = self.copy_in(self.folder / "rest"), charged(self.sandbox)
        assert run(job, "--quiet").code == 0
        return {name: units - before[name] for name, units in charged(self.sandbox).items()}

    def copy_in(self, folder: Path) -> Job:
        """Return a copy of the job in a folder of its own: a moved job directory is still the same."""
        shutil.copytree(self.job.folder, folder, symlinks=True, dirs_exist_ok=True)
        return replace(self.job, folder=folder)

    def _job(self, name: str) -> Job:
        # Not DataForSEO, whose balance may be asked six times a minute: that is one start of a run each.
        providers = of(("ahrefs", "serpstat"), ("ahrefs", "serpstat", "semrush"))
        return Job(
            folder=self.folder / name,
            sandbox=self.sandbox,
            providers=providers,
            targets=self.targets,
            format=self.format,
            capture=True,
        )


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with sandbox_beside(OPTIONS) as running:
        yield running


@pytest.fixture(scope="module", params=of(("jsonl", "jsonl.zst"), FORMATS))
def half_done(request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> HalfDone:
    """A job in each of the formats."""
    return HalfDone(tmp_path_factory.mktemp("half done"), sandbox, request.param)


@pytest.fixture(scope="module")
def plain(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> HalfDone:
    """A job that is not packed."""
    return HalfDone(tmp_path_factory.mktemp("plain"), sandbox, "jsonl")


def charged(sandbox: Sandbox) -> dict[str, int]:
    """Return what each provider has charged so far."""
    return {name: sandbox.account()[name]["keys"][key]["units_charged"] for name, key in sandbox.keys.items()}


def assert_goes_on(half_done: HalfDone, job: Job, figures: Figures) -> None:
    """The job ends as if nothing had happened: every row once, and its other half paid once."""
    rest, whole = half_done.rest_units, half_done.whole
    before = charged(job.sandbox)
    ended = run(job)
    assert ended.code == 0, ended.err
    found = job.records()
    figures["rows lost"] += len(whole.keys() - found.keys())
    assert found == whole
    figures["units bought twice"] += sum(charged(job.sandbox).values()) - sum(before.values()) - sum(rest.values())
    assert {name: units - before[name] for name, units in charged(job.sandbox).items()} == rest


def assert_refused(job: Job, figures: Figures, *words: object) -> None:
    """A run is refused in good words; neither a row nor a file of somebody else is touched, and nothing is bought."""
    before, files = charged(job.sandbox), rows_and_foreign(job.folder / "out")
    assert_told(run(job), *words)
    assert rows_and_foreign(job.folder / "out") == files
    assert charged(job.sandbox) == before
    figures["tampered directories refused"] += 1


def undo(job: Job, original: Job, name: str) -> None:
    """Put a file of a job back as it was."""
    path = job.directory / name
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    shutil.copy(original.directory / name, path)


# Outputs.


def linked(how: Callable[[Path, Path], None]) -> Harm:
    """Put a link to the same rows somewhere else in the place of a file."""

    def harm(path: Path) -> None:
        elsewhere = path.parent.parent / f"elsewhere {path.name}"
        path.rename(elsewhere)
        elsewhere.write_bytes(elsewhere.read_bytes() + b'{"more":"of somebody else"}\n')
        how(path, elsewhere)

    return harm


def instead(make: Harm) -> Harm:
    """Make something else in the place of a file."""

    def harm(path: Path) -> None:
        path.unlink()
        make(path)

    return harm


HARMS_OF_ROWS: Mapping[str, tuple[Harm, str]] = {
    "is gone": (Path.unlink, "is missing, but"),
    "is shorter": (lambda path: os.truncate(path, path.stat().st_size - 1), "bytes of rows were stored in it"),
    "is empty": (lambda path: path.write_bytes(b""), "has 0 bytes, but"),
    "is a directory": (instead(Path.mkdir), "Is a directory"),
    "is a pipe": (instead(os.mkfifo), "is not a file"),
    "leads nowhere": (instead(lambda path: path.symlink_to("/dev/null")), "is a link"),
    "leads to nothing": (instead(lambda path: path.symlink_to("gone")), "is a link"),
    "leads elsewhere": (linked(Path.symlink_to), "is a link"),
    "has another name": (linked(Path.hardlink_to), "has a second name"),
}


def outputs_of(format: str) -> tuple[str, ...]:
    return (f"ahrefs.backlinks.{format}", "tasks.jsonl", "replies/serpstat.refdomains.jsonl.zst")


@pytest.mark.parametrize("harm", HARMS_OF_ROWS)
@pytest.mark.parametrize("at", of([0], [0, 1, 2]))
def test_an_output_that_was_changed_stops_the_run_and_is_left_as_it_is(
    half_done: HalfDone, at: int, harm: str, tmp_path: Path, figures: Figures
) -> None:
    job, name = half_done.copy_in(tmp_path / "job"), outputs_of(half_done.format)[at]
    do, said = HARMS_OF_ROWS[harm]
    do(job.directory / name)
    for _ in range(of(1, 2)):  # it is no better for having been looked at
        assert_refused(job, figures, f"{job.directory / name}", said, PUT_BACK)
    undo(job, half_done.job, name)
    if IS_ALL or harm == "is gone":
        assert_goes_on(half_done, job, figures)


@pytest.mark.parametrize("harm", ["is a directory", "is a pipe", "leads nowhere", "leads elsewhere"])
def test_a_file_for_rows_that_has_none_yet_may_not_lead_elsewhere_either(
    plain: HalfDone, harm: str, tmp_path: Path, figures: Figures
) -> None:
    job = plain.copy_in(tmp_path / "job")
    do, said = HARMS_OF_ROWS[harm]
    do(job.directory / "rejects.jsonl")
    assert_refused(job, figures, job.directory / "rejects.jsonl", said, PUT_BACK)


TAILS = (b"\0" * 5000, b'{"record":"backlink","task":"half', b"\n", b"\x1f\x8b\x08\x00half", b"\x28\xb5\x2f\xfd")


@pytest.mark.parametrize("tail", of(TAILS[:2], TAILS))
def test_an_output_that_is_longer_than_committed_is_cut_back(
    half_done: HalfDone, tail: bytes, tmp_path: Path, figures: Figures
) -> None:
    job = half_done.copy_in(tmp_path / "job")
    for name in outputs_of(half_done.format):
        with (job.directory / name).open("ab") as file:
            file.write(tail)
        figures["uncommitted tails cut off"] += 1
    assert_goes_on(half_done, job, figures)


def test_a_directory_may_be_moved_between_two_runs(plain: HalfDone, tmp_path: Path, figures: Figures) -> None:
    job = plain.copy_in(tmp_path / "here")
    job.folder.rename(tmp_path / "there")
    assert_goes_on(plain, replace(job, folder=tmp_path / "there"), figures)


# What is not needed.

NOT_NEEDED: Mapping[str, tuple[str, Harm]] = {
    "no manifest": ("manifest.json", Path.unlink),
    "a torn manifest": ("manifest.json", lambda path: path.write_bytes(path.read_bytes()[:50])),
    "a manifest of bytes": ("manifest.json", lambda path: path.write_bytes(bytes(range(256)))),
    "a manifest of another kind": ("manifest.json", lambda path: path.write_text('{"harvests":{"a":5},"providers":7}')),
    "a manifest that is a list": ("manifest.json", lambda path: path.write_text("[1]")),
    "a half-written manifest": ("manifest.new", lambda path: path.symlink_to("elsewhere")),
    "no log": ("harvester.log", Path.unlink),
    "a log that is a directory": ("harvester.log", instead(Path.mkdir)),
    "a log that is a pipe": ("harvester.log", instead(os.mkfifo)),
    "a log that leads nowhere": ("harvester.log", instead(lambda path: path.symlink_to("/dev/null"))),
    "no seal": ("state.sqlite3.b2", Path.unlink),
    "a torn seal": ("state.sqlite3.b2", lambda path: path.write_text("0123")),
    "a seal that is a directory": ("state.sqlite3.b2", instead(Path.mkdir)),
    "an old index of the log": ("state.sqlite3-shm", lambda path: path.write_bytes(os.urandom(32768))),
}


@pytest.mark.parametrize("what", of(list(NOT_NEEDED)[3::2], list(NOT_NEEDED)))
def test_what_is_not_needed_may_be_damaged(plain: HalfDone, what: str, tmp_path: Path, figures: Figures) -> None:
    job = plain.copy_in(tmp_path / "job")
    name, harm = NOT_NEEDED[what]
    harm(job.directory / name)
    asked = status(job)
    assert asked.code == 0, asked.err
    assert_goes_on(plain, job, figures)
    assert not (job.directory / "elsewhere").exists()


def test_an_edit_of_the_same_length_is_not_noticed_and_the_documentation_says_so(
    plain: HalfDone, tmp_path: Path, figures: Figures
) -> None:
    job = plain.copy_in(tmp_path / "job")
    path = job.directory / "tasks.jsonl"
    path.write_bytes(path.read_bytes().replace(b"shop-1.example", b"shop-X.example"))
    assert_goes_on(plain, job, figures)
    assert b"shop-X.example" in path.read_bytes()
    assert "edited to the same length" in " ".join((REPOSITORY / "docs" / "promises.md").read_text().split())


# The state.


def sql(*statements: str) -> Harm:
    """Change a database."""

    def harm(path: Path) -> None:
        with closing(sqlite3.connect(path)) as db:
            for statement in statements:
                db.execute(statement)
            db.commit()

    return harm


def cut(share: float) -> Harm:
    return lambda path: os.truncate(path, int(path.stat().st_size * share))


def planted(end: str) -> Harm:
    return lambda path: path.with_name(f"{path.name}{end}").write_bytes(os.urandom(5000))


GONE = "the state of the job that wrote them is gone; put state.sqlite3 back"
CHANGED = "not as the last run left it: damaged, an older copy, or another job's. Put it back as it was"
HARMS_OF_STATE: Mapping[str, tuple[Harm, str]] = {
    "is gone": (Path.unlink, GONE),
    "is empty": (lambda path: path.write_bytes(b""), GONE),
    "is a directory": (instead(Path.mkdir), GONE),
    "is a pipe": (instead(os.mkfifo), GONE),
    "leads nowhere": (instead(lambda path: path.symlink_to("/dev/null")), GONE),
    "leads to nothing": (instead(lambda path: path.symlink_to("gone")), GONE),
    "is text": (
        lambda path: path.write_bytes(b"no database at all " * 500),
        "file is not a database. Put the job's state",
    ),
    "is of another program": (sql("PRAGMA application_id = 7"), "a database of another program. Choose another"),
    "is older": (sql("PRAGMA user_version = 1"), "another version of harvester (format 1, this one reads 2)"),
    "is newer": (sql("PRAGMA user_version = 3"), "another version of harvester (format 3, this one reads 2)"),
    "lost its tail": (cut(0.5), "state.sqlite3"),
    "lost its last byte": (lambda path: os.truncate(path, path.stat().st_size - 1), "state.sqlite3"),
    "has no tables": (sql("DROP TABLE outputs"), CHANGED),
    "was told to spend more": (sql("UPDATE lanes SET units_spent = 0"), CHANGED),
    "knows other lengths": (sql("UPDATE outputs SET bytes = bytes / 2"), CHANGED),
    "has a log of something else": (planted("-wal"), CHANGED),
    "has a journal of something else": (planted("-journal"), CHANGED),
}


@pytest.mark.parametrize("harm", HARMS_OF_STATE)
def test_another_state_is_refused_by_name_and_left_as_it_is(
    plain: HalfDone, harm: str, tmp_path: Path, figures: Figures
) -> None:
    job = plain.copy_in(tmp_path / "job")
    do, said = HARMS_OF_STATE[harm]
    do(job.directory / "state.sqlite3")
    before = found_in(job.directory)
    for _ in range(of(1, 2)):
        assert_refused(job, figures, job.directory, "state.sqlite3", said)
        assert found_in(job.directory) == before
    for end in ("-wal", "-journal"):
        (job.directory / f"state.sqlite3{end}").unlink(missing_ok=True)
    undo(job, plain.job, "state.sqlite3")
    if IS_ALL or harm == "is gone":
        assert_goes_on(plain, job, figures)


def test_the_state_of_another_job_is_refused_by_name(plain: HalfDone, tmp_path: Path, figures: Figures) -> None:
    job, other = plain.copy_in(tmp_path / "job"), replace(plain.job, folder=tmp_path / "other", reports=("refdomains",))
    assert run(other, "--max-targets", "1").code == 0
    shutil.copy(other.directory / "state.sqlite3", job.directory)
    assert_refused(job, figures, job.directory / "state.sqlite3", CHANGED)
    shutil.copy(other.directory / "state.sqlite3.b2", job.directory)  # a careful forger
    assert_refused(job, figures, job.directory, "begun with another config", "ahrefs.backlinks is new")
    for name in ("state.sqlite3", "state.sqlite3.b2"):
        undo(job, plain.job, name)
    assert_goes_on(plain, job, figures)


def test_a_flipped_bit_anywhere_in_the_state_is_noticed(plain: HalfDone, tmp_path: Path, figures: Figures) -> None:
    job, draw = plain.copy_in(tmp_path / "job"), chance("flips")
    path = job.directory / "state.sqlite3"
    content = path.read_bytes()
    for _ in range(of(8, 200)):
        flip(path, content, draw.randrange(8 * len(content)))
        assert_refused(job, figures, path)
        figures["flipped bits noticed"] += 1
    path.write_bytes(content)
    assert_goes_on(plain, job, figures)


def flip(path: Path, content: bytes, bit: int) -> None:
    byte = bytes([content[bit // 8] ^ 1 << bit % 8])
    path.write_bytes(content[: bit // 8] + byte + content[bit // 8 + 1 :])


# After a crash, when no digest lies beside the state.


@pytest.fixture(scope="module")
def killed(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> HalfDone:
    """A job that has ended in order once, and was killed the next time."""
    half_done = HalfDone(tmp_path_factory.mktemp("killed"), sandbox, "jsonl", targets=TARGETS)
    done = len(half_done.job.tasks())
    slower = replace(half_done.job, folder=half_done.folder / "slower", section={"rate": "40/second"})
    shutil.copytree(half_done.job.directory, slower.directory)
    asyncio.run(kill_after(slower, done + 6))
    shutil.rmtree(half_done.job.directory)
    shutil.copytree(slower.directory, half_done.job.directory)
    assert not (half_done.job.directory / "state.sqlite3.b2").exists()
    return half_done


async def kill_after(job: Job, tasks: int) -> None:
    """Run a job until so many of its tasks are finished, and kill it."""
    process = await job.begin("--quiet")
    while (job.directory / "tasks.jsonl").read_bytes().count(b"\n") < tasks:
        assert process.returncode is None
        await asyncio.sleep(0.005)
    process.kill()
    await process.communicate()


def test_a_bit_that_flipped_after_a_crash_is_noticed_or_costs_no_row(
    plain: HalfDone, tmp_path: Path, figures: Figures
) -> None:
    draw, whole = chance("flips after a crash"), plain.whole
    plain.rest_units  # noqa: B018  # bought now, not while others are counted
    for number in range(of(4, 300)):
        job = plain.copy_in(tmp_path / str(number))
        (job.directory / "state.sqlite3.b2").unlink()
        path = job.directory / "state.sqlite3"
        content = path.read_bytes()
        flip(path, content, draw.randrange(8 * len(content)))
        status(job)
        before = rows_and_foreign(job.folder / "out")
        ended = run(job, "--quiet")
        if ended.code in REFUSED:
            assert_told(ended, job.directory)
            assert rows_and_foreign(job.folder / "out") == before
            figures["bits flipped after a crash: refused"] += 1
        else:
            figures["bits flipped after a crash: of no consequence"] += 1
            assert (ended.code, job.records()) == (0, whole)
        shutil.rmtree(job.folder)


HARMS_OF_THE_LOG: Mapping[str, Harm] = {
    "is as the crash left it": lambda path: None,
    "is gone": Path.unlink,
    "is torn": cut(0.6),
    "is of bytes": lambda path: path.write_bytes(os.urandom(path.stat().st_size)),
    "has a flipped bit": lambda path: flip(path, path.read_bytes(), 4 * path.stat().st_size),
}


@pytest.mark.parametrize("harm", of(list(HARMS_OF_THE_LOG)[:3], list(HARMS_OF_THE_LOG)))
def test_a_log_of_the_state_that_was_damaged_after_a_crash_costs_no_row(
    killed: HalfDone, harm: str, tmp_path: Path, figures: Figures
) -> None:
    whole, job = killed.whole, killed.copy_in(tmp_path / "job")
    HARMS_OF_THE_LOG[harm](job.directory / "state.sqlite3-wal")
    ended = run(job)
    assert ended.code == 0, ended.err
    assert job.records() == whole
    figures["rows lost"] += 0
    figures["logs of a state damaged after a crash"] += harm != "is as the crash left it"


def test_the_log_of_another_state_after_a_crash_is_refused(killed: HalfDone, tmp_path: Path, figures: Figures) -> None:
    job, other = (
        killed.copy_in(tmp_path / "job"),
        replace(killed.job, folder=tmp_path / "other", reports=("refdomains",)),
    )
    other = replace(other, section={"rate": "40/second"})
    other.directory.mkdir(parents=True)
    (other.directory / "tasks.jsonl").touch()
    asyncio.run(kill_after(other, 2))
    shutil.copy(other.directory / "state.sqlite3-wal", job.directory)
    assert_refused(job, figures, job.directory)
    assert_refused(job, figures, job.directory)


# A directory that may not be written.


def test_a_directory_that_may_only_be_read_is_named(plain: HalfDone, figures: Figures) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        job = plain.copy_in(Path(folder) / "job")
        paths = (Path(folder), *Path(folder).rglob("*"))
        for path in paths:
            path.chmod(0o555 if path.is_dir() else 0o444)
        before = found_in(job.directory)
        ended = call_as_nobody("run", str(job.config), environ=job.environment())
        assert_told(
            ended, f"{job.directory}: may not be written by this user; name another job directory with --output"
        )
        assert found_in(job.directory) == before
        figures["tampered directories refused"] += 1
        for path in paths:
            path.chmod(0o755)
