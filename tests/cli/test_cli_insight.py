"""`query`, `export` and `gap` as a user calls them."""

import csv
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from cli_kit import Bench, lines_of, names, sandbox_beside
from insight_kit import Yard, link

from harvester.sandbox.app import Options

EVIL = "\x1b[31m=cmd\u202e"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, "")


@pytest.fixture(name="job")
def job_of_two_targets(tmp_path: Path) -> Path:
    job = Yard(tmp_path / "job")
    for provider, metric in (("ahrefs", "ahrefs_dr"), ("serpstat", "serpstat_sdr")):
        name = job.harvest(provider, "refdomains")
        for target, sites in (
            ("rival-a.com", ("x.com", "y.com")),
            ("rival-b.com", ("y.com",)),
            ("mine.com", ("x.com",)),
        ):
            rows = [{"domain": site, "links": 2, "domain_score": 7.5, "domain_metric": metric} for site in sites]
            job.add(name, "refdomain", target, rows)
            job.done(name, target)
    name = job.harvest("ahrefs", "backlinks")
    job.add(name, "backlink", "mine.com", [link("https://x.com/", anchor=EVIL, extra={"a": [1]})])
    return job.made()


def test_rows_of_a_real_run_are_counted_as_they_are(bench: Bench) -> None:
    with sandbox_beside(Options(latency_ms=0)) as sandbox:
        bench.base_url, bench.key = sandbox.base_urls["ahrefs"], sandbox.keys["ahrefs"]
        bench.harvests = [{"report": "backlinks"}, {"report": "refdomains"}, {"report": "broken-backlinks"}]
        assert bench.run().exit_code == 0
    for record in ("backlink", "refdomain"):
        lines = [
            line for path in bench.out.glob("ahrefs.*.jsonl") for line in lines_of(path) if line["record"] == record
        ]
        (counted,) = bench.call(
            "query", str(bench.out), f"SELECT count(*) AS n, sum(row) AS sum FROM {record}"
        ).stdout.splitlines()
        assert json.loads(counted) == {"n": len(lines), "sum": sum(line["row"] for line in lines)}
    broken = [line for line in lines_of(bench.out / "ahrefs.broken-backlinks.jsonl") if not line["is_lost"]]
    pages = bench.call("query", str(bench.out), "FROM broken_pages", "--format", "jsonl").stdout.splitlines()
    assert {json.loads(line)["page"] for line in pages} == {line["key_to"] for line in broken}
    gap = bench.call("gap", str(bench.out), "--mine", names(1)[0])
    assert gap.exit_code == 0
    assert gap.stdout


def test_a_question_is_answered_for_people_and_for_programs(bench: Bench, job: Path) -> None:
    sql = "SELECT anchor, extra, fetched_at, 1.5 AS n, anchor FROM backlink"
    told = {
        form: bench.call("query", str(job), sql, "--format", form).stdout for form in ("table", "csv", "json", "jsonl")
    }
    head, line = told["table"].splitlines()
    assert head.split() == ["anchor", "extra", "fetched_at", "n", "anchor_1"]
    assert line.split() == [r"\x1b[31m=cmd\u202e", '{"a":[1]}', "2026-11-21T08:00:00Z", "1.5", r"\x1b[31m=cmd\u202e"]
    (row,) = json.loads(told["json"])
    assert row == json.loads(told["jsonl"])
    assert (row["extra"], row["n"], row["fetched_at"]) == ({"a": [1]}, 1.5, "2026-11-21T08:00:00Z")
    assert bench.call("query", str(job), sql).stdout == told["jsonl"]
    assert next(csv.reader(io.StringIO(told["csv"]))) == ["anchor", "extra", "fetched_at", "n", "anchor_1"]


def test_csv_on_the_terminal_holds_no_formula(bench: Bench, job: Path) -> None:
    sql = "SELECT '=1' AS a, -1 AS b, '-1' AS c, NULL AS d, ['@x'] AS e, true AS f"
    assert (
        bench.call("query", str(job), sql, "--format", "csv").stdout == 'a,b,c,d,e,f\n\'=1,-1,\'-1,,"[""@x""]",true\n'
    )


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (
            "SELECT sit FROM backlink",
            'Binder Error: Referenced column "sit" not found in FROM clause! Candidate bindings',
        ),
        ("SELECT * FROM backlinks", 'Table with name backlinks does not exist! Did you mean "backlink"?'),
        ("SELEC 1", 'Parser Error: syntax error at or near "SELEC"'),
        ("SELECT 1\nFROM\nnowhere", "(line 3)"),
        ("SELECT 'x'::INT", "Could not convert string 'x' to INT32"),
        ("/* nothing */", "there is no question in the SQL"),
        ("COPY backlink TO 'x.csv'", "COPY is no question: a question reads: SELECT"),
        ("COPY backlink TO 'x.csv' (FORMAT csv, USE_TMP_FILE false)", "To write files: harvester export"),
        ("EXPLAIN ANALYZE COPY backlink TO 'x.csv'", "COPY is no question"),
        ("SELECT 1; ATTACH 'x'", "ATTACH is no question"),
        ("PREPARE p AS COPY backlink TO 'x'", "PREPARE is no question"),
        ("SELECT * FROM 'other.csv'", "a question reads the job's own rows, and nothing else"),
        ("SELECT error(E'a\\nb\\x1b')", "a b"),
    ],
)
def test_a_wrong_question_is_one_line(bench: Bench, job: Path, sql: str, said: str) -> None:
    ended = bench.call("query", str(job), sql)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert said in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.rstrip("\n").isprintable()


@pytest.mark.parametrize(
    "sql",
    [
        "EXPLAIN SELECT count(*) FROM backlink",
        "EXPLAIN ANALYZE SELECT count(*) FROM backlink",
        "DESCRIBE backlink",
        "SHOW TABLES",
        "SUMMARIZE refdomain",
        "PIVOT refdomain ON provider USING count(*) GROUP BY target",
        "CREATE TEMP TABLE mine AS SELECT site FROM refdomain; SELECT count(*) FROM mine",
        "WITH a AS (FROM task) SELECT count(*) FROM a",
    ],
)
def test_all_that_reads_is_a_question(bench: Bench, job: Path, sql: str) -> None:
    ended = bench.call("query", str(job), sql, "--format", "table")
    assert ended.exit_code == 0, ended.stderr
    assert len(ended.stdout.splitlines()) > 1


def test_a_question_may_come_from_a_file_or_a_pipe(bench: Bench, job: Path) -> None:
    path = bench.folder / "q.sql"
    path.write_text("SELECT 7 AS n;\n")
    assert bench.call("query", str(job), "--file", str(path)).stdout == '{"n":7}\n'
    assert bench.call("query", str(job), "-", input="SELECT 8 AS n").stdout == '{"n":8}\n'
    assert "leave one of them out" in bench.call("query", str(job), "SELECT 1", "--file", str(path)).stderr
    assert "cannot be read: No such file" in bench.call("query", str(job), "--file", str(path) + "x").stderr
    assert bench.call("query", str(job), "-", input=b"\xff").exit_code == 2


def test_without_a_question_the_views_are_listed(bench: Bench, job: Path) -> None:
    found = {row["view"]: row for row in map(json.loads, bench.call("query", str(job)).stdout.splitlines())}
    assert found["refdomain"]["rows"] == 8
    assert found["gap"]["rows"] is None
    assert found["backlink"]["columns"]["lost_at"] == "TIMESTAMP WITH TIME ZONE"


def test_sql_without_an_end_or_with_half_characters_is_no_question(bench: Bench, job: Path) -> None:
    endless = bench.call("query", str(job), "--file", "/dev/zero")
    assert (endless.exit_code, "larger than 4,194,304 bytes: this is no question" in endless.stderr) == (2, True)
    for half in (bench.call("query", str(job), "SELECT '\udcff'"), bench.call("query", str(job), "-", input=b"\xff")):
        assert (half.exit_code, "cannot be read: 'utf-8' codec" in half.stderr) == (2, True)


def test_a_terminal_gets_tables_and_blocks_where_they_have_no_room(bench: Bench, job: Path) -> None:
    shown = on_a_terminal("query", str(job))
    assert "refdomain: 8 rows" in shown
    assert "gap: computed when asked" in shown
    assert "n  m\n7  8" in on_a_terminal("query", str(job), "SELECT 7 AS n, 8 AS m")
    blocks = on_a_terminal("query", str(job), "SELECT * FROM backlink")
    assert "\nurl_from             https://x.com/\n" in blocks
    assert "anchor               \\x1b[31m=cmd\\u202e\n" in blocks


def test_a_long_table_says_its_head_again(bench: Bench, job: Path) -> None:
    lines = bench.call("query", str(job), "SELECT range AS n FROM range(1200)", "--format", "table").stdout.splitlines()
    assert lines.count("    n") + lines.count("  n") == 3
    assert len(lines) == 1200 + 3 + 2


def test_a_reader_that_goes_away_ends_it_quietly(job: Path) -> None:
    command = f"{sys.executable} -m harvester query {job} 'SELECT range FROM range(3000000)' | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ('{"range":0}\n', "")


def test_a_gap_names_who_links_to_rivals_only(bench: Bench, job: Path) -> None:
    rows = [json.loads(line) for line in bench.call("gap", str(job), "--mine", "MINE.com").stdout.splitlines()]
    assert [
        (row["provider"], row["site"], row["number"], row["rivals"], row["links"], row["score"]) for row in rows
    ] == [
        ("ahrefs", "y.com", 2, ["rival-a.com", "rival-b.com"], 4, 7.5),
        ("serpstat", "y.com", 2, ["rival-a.com", "rival-b.com"], 4, 7.5),
    ]
    one = bench.call(
        "gap", str(job), "--mine", "rival-b.com", "--provider", "serpstat", "--rivals", "2", "--limit", "1"
    )
    assert [json.loads(line)["site"] for line in one.stdout.splitlines()] == ["x.com"]
    none = bench.call("gap", str(job), "--mine", "mine.com", "--rivals", "3", "--format", "table")
    assert none.stdout == "provider  site  number  rivals  links  score  metric\n"
    assert "no site links to so many rivals and not to it" in none.stderr


def test_an_export_says_what_it_wrote(bench: Bench, job: Path) -> None:
    ended = bench.call("export", str(job), "--format", "csv")
    assert ended.exit_code == 0, ended.stderr
    assert [line.split()[:2] for line in ended.stdout.splitlines()] == [
        ["view", "rows"], ["backlink", "1"], ["refdomain", "8"], ["task", "6"]
    ]  # fmt: skip
    again = bench.call("export", str(job), "--format", "csv")
    assert again.exit_code == 2
    assert "backlink.csv: is there already; --force replaces it" in again.stderr


def on_a_terminal(*arguments: str) -> str:
    """Return what a command prints on a terminal of 80 columns."""
    reader, writer = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "harvester", *arguments], stdout=writer, env={**os.environ, "COLUMNS": "80"}
    )
    os.close(writer)
    pieces = []
    try:
        while piece := os.read(reader, 65536):
            pieces.append(piece)
    except OSError:  # its end, on Linux
        pass
    os.close(reader)
    assert process.wait() == 0
    return b"".join(pieces).decode().replace("\r\n", "\n")
