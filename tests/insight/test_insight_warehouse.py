"""What is read is what the job has committed: all of it, nothing else, and with the types of the schema."""

import gzip
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
import zstandard
from insight_kit import FETCHED, Yard, append, found, link, put

from harvester.engine.checkpoint import Output, begin_swap, open_database
from harvester.errors import ConfigError, StorageError
from harvester.insight.warehouse import VIEWS, opened
from harvester.locks import directory_lock
from harvester.records import RECORDS, duckdb_columns, duckdb_views

PACK: dict[str, Callable[[bytes], bytes]] = {"jsonl": bytes, "jsonl.gz": gzip.compress, "jsonl.zst": zstandard.compress}
FORMATS = list(PACK)


def yard(path: Path, format: str = "jsonl", rows: int = 10) -> Yard:
    """Return a job with so many links."""
    made = Yard(path, format=format)
    name = made.harvest("ahrefs", "backlinks")
    made.add(
        name, "backlink", "mine.com", [link(f"https://a{number}.com/", anchor=f"n{number}") for number in range(rows)]
    )
    made.done(name, "mine.com")
    return made


@pytest.mark.parametrize("is_empty", [True, False])
def test_a_view_has_the_columns_and_types_of_its_record(tmp_path: Path, is_empty: bool) -> None:
    job = Yard(tmp_path / "job") if is_empty else yard(tmp_path / "job")
    with opened(job.made()) as connection:
        for record in RECORDS:
            name = "bought_overlap" if record == "overlap" else record
            described = connection.execute(f"DESCRIBE {name}").fetchall()
            typed = {
                column: "TIMESTAMPTZ" if kind == "TIMESTAMP WITH TIME ZONE" else kind for column, kind, *_ in described
            }
            assert typed == duckdb_columns(record)
        overlap = [row[0] for row in connection.execute("DESCRIBE overlap").fetchall()]
        assert overlap == list(duckdb_columns("overlap"))
        for view in VIEWS:
            assert connection.execute(f"SELECT * FROM {view}").description


def test_the_printed_views_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = yard(tmp_path / "job").made()
    monkeypatch.chdir(directory)
    with duckdb.connect() as connection:
        connection.execute(duckdb_views())
        printed = connection.execute("SELECT * FROM backlink").fetchall()
    assert printed == found(directory, "SELECT * FROM backlink")
    assert len(printed) == 10


def test_dates_and_fractions_that_come_late_are_there(tmp_path: Path) -> None:
    job = Yard(tmp_path / "job")
    name = job.harvest("ahrefs", "backlinks")
    late = link("https://b.com/", lost_at="2026-03-04T07:02:31Z", domain_from_score=1.5)
    early = [link("https://a.com/", domain_from_score=1) for _ in range(30_000)]
    job.add(name, "backlink", "mine.com", [*early, *[late] * 10])
    counted = found(job.made(), "SELECT count(lost_at), min(lost_at)::VARCHAR, sum(domain_from_score) FROM backlink")
    assert counted == [(10, "2026-03-04 07:02:31+00", 30_015.0)]


TAILS = {
    "a torn line": b'{"record":"backlink","provider":"ahr',
    "zeros": bytes(70_000),
    "whole lines": b'{"record":"backlink","provider":"ahrefs"}\n' * 3,
    "no text": b"\xff\xfe\x80\n",
}


def test_a_line_too_long_to_be_read_is_not_called_changed(tmp_path: Path) -> None:
    job = Yard(tmp_path / "job")
    name = job.harvest("ahrefs", "backlinks")
    job.add(name, "backlink", "mine.com", [link("https://x.com/", anchor="x" * 40_000_000)])
    with pytest.raises(StorageError, match=r"backlinks.jsonl holds a line of more than 16 MiB: longer than DuckDB"):
        found(job.made(), "SELECT count(*) FROM backlink")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("tail", TAILS)
def test_only_what_is_committed_counts(tmp_path: Path, format: str, tail: str) -> None:
    job = yard(tmp_path / "job[1]*?", format)
    directory = job.made()
    if tail == "whole lines":
        packed = {
            "jsonl": TAILS[tail],
            "jsonl.gz": gzip.compress(TAILS[tail]),
            "jsonl.zst": zstandard.compress(TAILS[tail]),
        }
        append(job.file("ahrefs.backlinks"), packed[format])
    else:
        append(job.file("ahrefs.backlinks"), TAILS[tail])
    append(directory / "tasks.jsonl", TAILS[tail])
    question = "SELECT count(*), count(url_from), min(anchor), max(anchor) FROM backlink"
    with opened(directory) as connection:
        assert connection.execute(question).fetchall() == [(10, 10, "n0", "n9")]
        assert connection.execute("SELECT count(*) FROM task").fetchall() == [(1,)]


@pytest.mark.parametrize("format", FORMATS)
def test_files_of_others_are_not_read(tmp_path: Path, format: str) -> None:
    job = yard(tmp_path / "job", format)
    directory = job.made()
    for name in (f"b.{format}", "ahrefs.other.jsonl", "tasks.jsonl.old"):
        (directory / name).write_bytes(b'{"record":"backlink","provider":"stranger"}\n')
    assert found(directory, "SELECT DISTINCT provider FROM backlink") == [("ahrefs",)]


def test_a_run_may_go_on_while_it_is_asked(tmp_path: Path) -> None:
    job = yard(tmp_path / "job")
    directory = job.made()
    with directory_lock(directory), opened(directory) as connection:
        append(job.file("ahrefs.backlinks"), TAILS["a torn line"])
        assert connection.execute("SELECT count(*) FROM backlink").fetchall() == [(10,)]


def test_a_copy_that_has_no_room_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = yard(tmp_path / "job")
    directory = job.made()
    append(job.file("ahrefs.backlinks"), b"torn")
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=5))
    with pytest.raises(StorageError, match=r"has room for 5\. Let TMPDIR name a larger place, or let the job end"):
        found(directory, "SELECT 1")


@pytest.mark.parametrize(
    ("broken", "sql"),
    [
        (b'{"record":"backlink","prov', "SELECT count(*) FROM backlink"),
        (b"{}", "SELECT count(*) FROM backlink"),
        (b"{}", "SELECT count(*) FROM backlink WHERE provider = 'ahrefs'"),
        (b"{}", "SELECT max(anchor) FROM backlink WHERE is_lost IS NOT NULL"),
        (b"null", "SELECT max(anchor) FROM backlink WHERE provider = 'ahrefs'"),
        (b"[1]", "SELECT count(*) FROM backlink"),
        (b'{"record":"refdomain"}', "SELECT count(*) FROM merged_links"),
        (b'{"record":"backlink","lost_at":"soon"}', "SELECT max(lost_at) FROM backlink"),
        (b'{"record":"backlink","status_from":"x"}', "SELECT max(status_from) FROM backlink"),
        (b"\xff\xfe", "SELECT count(*) FROM backlink"),
    ],
)
def test_a_line_that_was_changed_is_an_error_that_names_the_file(tmp_path: Path, broken: bytes, sql: str) -> None:
    job = yard(tmp_path / "job")
    directory = job.made()
    path = job.file("ahrefs.backlinks")
    lines = path.read_bytes().splitlines(keepends=True)
    put(path, len(lines[0]) + len(lines[1]), broken.ljust(len(lines[2]) - 1))
    with pytest.raises(StorageError, match=re.escape(f"{path} holds a line that is none of this job's")) as caught:
        found(directory, sql)
    assert "harvester-" not in str(caught.value).replace(str(tmp_path), ""), (
        "where it was linked to is nobody's business"
    )


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.unlink(), "is missing: it was changed from outside"),
        (lambda path: os.truncate(path, 100), "has 100 bytes, but"),
        (lambda path: put(path, 0, b"{" * 200), "its first line cannot be read"),
        (lambda path: put(path, 0, b'{"record":"page?"}\n'), "its first line is no record"),
        (lambda path: (path.unlink(), path.symlink_to("/etc/hostname")), "is missing|has .* bytes"),
    ],
)
def test_a_file_that_was_damaged_is_named(tmp_path: Path, damage: object, said: str) -> None:
    assert callable(damage)
    job = yard(tmp_path / "job")
    directory = job.made()
    damage(job.file("ahrefs.backlinks"))
    with pytest.raises(StorageError, match=said) as caught:
        found(directory, "SELECT 1")
    assert str(job.file("ahrefs.backlinks")) in str(caught.value)


def test_the_last_line_of_a_task_counts(tmp_path: Path) -> None:
    job = Yard(tmp_path / "job")
    name = job.harvest("ahrefs", "backlinks")
    job.done(name, "a.com", state="set_aside", reason="HTTP 400")
    job.done(name, "a.com")
    job.done(name, "b.com", state="set_aside", reason="HTTP 400")
    job.done(name, "b.com", state="set_aside", reason="HTTP 500", at="2026-11-22T08:00:00Z")
    both = found(job.made(), "SELECT target, state, reason FROM task ORDER BY target")
    assert both == [("a.com", "complete", None), ("b.com", "set_aside", "HTTP 500")]


def test_targets_of_batches_are_asked_one_by_one(tmp_path: Path) -> None:
    job = Yard(tmp_path / "job")
    name = job.harvest("ahrefs", "summary")
    job.done(
        name,
        "a.com",
        target=None,
        targets=[{"target": "a.com", "labels": {"n": "1"}}, {"target": "b.com", "labels": None}],
    )
    job.done(name, "c.com", labels={"n": "3"})
    rows = found(job.made(), "SELECT target, labels, state FROM asked ORDER BY target")
    assert rows == [("a.com", '{"n":"1"}', "complete"), ("b.com", None, "complete"), ("c.com", '{"n":"3"}', "complete")]


FORBIDDEN = (
    "COPY (SELECT 1) TO '{0}/new.csv'",
    "COPY (SELECT 1) TO '{0}/manifest.json'",
    "SELECT * FROM read_text('/etc/hostname')",
    "SELECT * FROM read_text('{0}/manifest.json')",
    "SELECT * FROM read_csv('https://127.0.0.1/x.csv')",
    "ATTACH '{0}/state.sqlite3'",
    "ATTACH '/tmp/x.duckdb'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "RESET allowed_paths",
    "SET temp_directory = '{0}'",
    "SET python_enable_replacements = true",
    "SET TimeZone = 'Asia/Tokyo'",
    "EXPORT DATABASE '{0}/x'",
    "SELECT * FROM not_a_table_but_a_variable",
)


def test_a_question_reaches_nothing_but_the_rows(tmp_path: Path) -> None:
    directory = yard(tmp_path / "job").made()
    (directory / "manifest.json").write_text("{}")
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    not_a_table_but_a_variable = duckdb.sql("SELECT 1")
    with opened(directory) as connection:
        for sql in FORBIDDEN:
            with pytest.raises(duckdb.Error):
                connection.execute(sql.format(directory))
    del not_a_table_but_a_variable
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = yard(tmp_path / "job").made()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    before = sorted(path.name for path in directory.iterdir())
    found(directory, "FROM backlink")
    with pytest.raises(duckdb.Error):
        found(directory, "FROM nothing")
    assert sorted(path.name for path in directory.iterdir()) == before
    assert list(temporary.iterdir()) == []


def test_a_job_of_raw_rows_says_that_it_has_no_records(tmp_path: Path) -> None:
    job = yard(tmp_path / "job")
    job.rows = "raw"
    with pytest.raises(ConfigError, match='a job with rows = "raw" has no records'):
        found(job.made(), "SELECT 1")


def test_what_is_no_job_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no job directory: it holds no state"):
        found(tmp_path, "SELECT 1")
    with pytest.raises(ConfigError, match="no job directory"):
        found(tmp_path / "nowhere", "SELECT 1")
    job = Yard(tmp_path / "job")
    job.made()
    db = open_database(job.path)
    db.execute("DELETE FROM meta")
    db.close()
    with pytest.raises(ConfigError, match="the job has not begun; start it with: harvester run"):
        found(job.path, "SELECT 1")


def test_times_are_told_in_utc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    directory = yard(tmp_path / "job").made()
    assert found(directory, "SELECT DISTINCT fetched_at::VARCHAR FROM backlink") == [
        (FETCHED.replace("T", " ")[:-1] + "+00",)
    ]


@pytest.mark.parametrize("library", ["duckdb", "pytz"])
def test_a_library_that_is_not_installed_is_named_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    directory = yard(tmp_path / "job").made()
    monkeypatch.setitem(sys.modules, library, None)
    said = f"this needs {library}, which is not installed: pip install '.[insight]'"
    with pytest.raises(ConfigError, match=re.escape(said)):
        found(directory, "SELECT 1")


def test_a_run_never_waits_for_them() -> None:
    program = (
        "import sys, harvester.cli.run, harvester.cli.query, harvester.cli.export, harvester.cli.gap;"
        "print({'duckdb', 'xlsxwriter', 'altair', 'jinja2', 'pytz'} & set(sys.modules))"
    )
    asked = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert asked.stdout == "set()\n"


def grow(file: Path) -> None:
    append(file, file.read_bytes())


def replace(file: Path) -> None:
    content = file.read_bytes()
    move(file)
    file.write_bytes(content)


def move(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))


def read_while(job: Yard, name: str, deed: Callable[[Path], None]) -> None:
    with opened(job.path) as connection:
        deed(job.file(name))
        connection.execute("SELECT * FROM backlink").fetchall()


@pytest.mark.parametrize("deed", [grow, replace, move])
def test_a_run_that_begins_while_rows_are_read_where_they_lie_is_noticed(
    tmp_path: Path, deed: Callable[[Path], None]
) -> None:
    job = Yard(tmp_path / "job")
    name = job.harvest("ahrefs", "backlinks")
    job.add(name, "backlink", "mine.com", [link("https://x.com/")])
    job.made()
    with pytest.raises(StorageError, match="a run or a rebuild wrote it while it was read"):
        read_while(job, name, deed)


def test_a_rebuild_that_was_cut_off_is_completed_before_anything_is_asked(tmp_path: Path) -> None:
    job = Yard(tmp_path / "job")
    name = job.harvest("ahrefs", "backlinks")
    job.add(name, "backlink", "mine.com", [link("https://x.com/"), link("https://y.com/")])
    directory, file = job.made(), job.file(name)
    lines = file.read_bytes().splitlines(keepends=True)
    with closing(open_database(directory)) as db:  # as `begin_swap` leaves it: what is new has one line less
        begin_swap(db, {file.name: Output(records=1, bytes=len(lines[0]))})
    with pytest.raises(ConfigError, match="a rebuild was cut off; complete it with: harvester rebuild"):
        found(directory, "SELECT count(*) FROM backlink")
