"""What is exported reads back with the right types, in the programs of others, and is no formula anywhere."""

import csv
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pandas
import polars
import pytest
from insight_kit import Yard, link
from openpyxl.utils.escape import unescape
from pyarrow import parquet

from harvester.errors import ConfigError, StorageError
from harvester.insight.answer import Answer
from harvester.insight.export import FORMATS, Order, export
from harvester.insight.extras import needed
from harvester.insight.sheets import LONG_TEXTS, Book, workbook

LATE = 30_000
MOMENT = datetime(2026, 3, 4, 7, 2, 31, tzinfo=UTC)
EVIL = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "'=1",
    "1",
    "true",
    "NULL",
    "",
    'a,b;"c"\n=1',
    "_x0041_",
    "\u202e\ufffe",
)


def small(path: Path, rows: list[dict[str, Any]]) -> Path:
    job = Yard(path)
    name = job.harvest("ahrefs", "lost-backlinks")
    job.add(name, "backlink", "mine.com", rows)
    job.done(name, "mine.com", labels={"client": "=A"})
    return job.made()


@pytest.fixture(scope="module", name="late")
def job_with_late_values(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job in which a date and a fraction come after 30,000 rows without."""
    early = link("https://a.com/", domain_from_score=1, extra={"is": ["flat", 1]})
    late = link("https://b.com/", lost_at="2026-03-04T07:02:31Z", domain_from_score=1.5, links_in_row=3)
    return small(tmp_path_factory.mktemp("late") / "job", [early] * LATE + [late] * 10)


def test_parquet_reads_back_in_duckdb_polars_and_pandas(late: Path, tmp_path: Path) -> None:
    export(Order(directory=late, form="parquet", output=tmp_path / "out"))
    path = tmp_path / "out" / "backlink.parquet"
    question = f"SELECT count(*), count(lost_at), max(lost_at), max(domain_from_score), max(links_in_row) FROM '{path}'"
    assert duckdb.execute(question).fetchall() == [(LATE + 10, 10, MOMENT, 1.5, 3)]
    kinds = {str(field.name): str(field.type) for field in parquet.read_schema(path)}
    expected = {"lost_at": "timestamp[us, tz=UTC]", "domain_from_score": "double", "is_lost": "bool", "extra": "string"}
    assert kinds.items() >= {**expected, "row": "int64", "links_in_row": "int64", "anchor": "string"}.items()
    frame = polars.read_parquet(path)
    assert frame.schema["lost_at"] == polars.Datetime("us", "UTC")
    assert frame.schema["extra"] == polars.String
    assert frame["lost_at"].drop_nulls().to_list() == [MOMENT] * 10
    assert frame["domain_from_score"].max() == 1.5
    assert frame["extra"][0] == '{"is":["flat",1]}'
    table = pandas.read_parquet(path)
    assert str(table["lost_at"].dtype) == "datetime64[us, UTC]"
    assert table["lost_at"].count() == 10
    assert table["lost_at"].max() == pandas.Timestamp(MOMENT)
    assert table["domain_from_score"].max() == 1.5


def test_csv_reads_back_in_duckdb_polars_and_pandas(late: Path, tmp_path: Path) -> None:
    export(Order(directory=late, form="csv", output=tmp_path / "out"))
    path = tmp_path / "out" / "backlink.csv"
    columns = "columns = {'lost_at': 'TIMESTAMPTZ', 'domain_from_score': 'DOUBLE'}"
    read = f"read_csv('{path}', all_varchar = true)"
    assert duckdb.execute(f"SELECT count(lost_at), max(lost_at), max(domain_from_score) FROM {read}").fetchall() == [
        (10, "2026-03-04T07:02:31Z", "1.5")
    ], columns
    frame = polars.read_csv(path, infer_schema_length=None, columns=["lost_at", "domain_from_score"])
    assert frame["lost_at"].drop_nulls().str.to_datetime(time_zone="UTC").to_list() == [MOMENT] * 10
    assert frame["domain_from_score"].max() == 1.5
    table = pandas.read_csv(path, parse_dates=["lost_at"], low_memory=False)
    assert table["lost_at"].max() == pandas.Timestamp(MOMENT)


def test_a_database_has_a_table_for_each_record(late: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.duckdb"
    written = export(Order(directory=late, form="duckdb", output=path))
    assert [(item.view, item.rows) for item in written] == [("backlink", LATE + 10), ("task", 1)]
    with duckdb.connect(str(path), read_only=True) as database:
        assert database.sql("SELECT count(lost_at), max(lost_at) FROM backlink").fetchall() == [(10, MOMENT)]
        kinds = dict(
            database.sql("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'backlink'").fetchall()
        )
    assert (kinds["lost_at"], kinds["extra"], kinds["row"]) == ("TIMESTAMP WITH TIME ZONE", "JSON", "BIGINT")


def test_no_text_is_a_formula_in_csv(tmp_path: Path) -> None:
    rows = [link("https://a.com/", anchor=text, title_from=text, domain_from_score=1) for text in EVIL[:10]]
    export(Order(directory=small(tmp_path / "job", rows), form="csv", output=tmp_path / "out"))
    with (tmp_path / "out" / "backlink.csv").open(newline="", encoding="utf-8") as file:
        anchors = [row["anchor"] for row in csv.DictReader(file)]
    assert anchors == ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\t=1", *EVIL[5:10]]


def test_texts_stay_texts_in_a_workbook(tmp_path: Path) -> None:
    rows = [link("https://a.com/", anchor=text, lost_at="2026-03-04T07:02:31Z", links_in_row=7) for text in EVIL]
    directory = small(tmp_path / "job", [*rows, link("https://b.com/", anchor="http://a.com/", extra={"a": 1})])
    export(Order(directory=directory, form="xlsx", output=tmp_path / "out.xlsx"))
    book = openpyxl.load_workbook(tmp_path / "out.xlsx")
    assert book.sheetnames == ["backlink", "task"]
    sheet = book["backlink"]
    names = [cell.value for cell in sheet[1]]
    columns = {name: [sheet.cell(row, at).value for row in range(2, len(EVIL) + 3)] for at, name in enumerate(names, 1)}
    for text, value in zip(EVIL, columns["anchor"], strict=False):
        assert unescape(value or "") == text
    kinds = {sheet.cell(row, names.index("anchor") + 1).data_type for row in range(2, len(EVIL) + 2)}
    assert kinds <= {"s", "n", "inlineStr"}, "no formula"
    assert all(sheet.cell(row, names.index("anchor") + 1).data_type != "f" for row in range(2, len(EVIL) + 3))
    assert columns["lost_at"][0] == MOMENT.replace(tzinfo=None)
    assert columns["links_in_row"][0] == 7
    assert columns["is_lost"][0] is False
    assert columns["extra"][-1] == '{"a":1}'
    assert sheet.cell(len(EVIL) + 2, names.index("anchor") + 1).hyperlink is None


def test_what_excel_cannot_hold_is_not_lost(tmp_path: Path) -> None:
    long = "🙂" * 20_000 + "end"
    rows: list[tuple[Any, ...]] = [(number, "x", 10**15 + number, 0.5) for number in range(25)] + [(25, long, -1, None)]
    path = tmp_path / "x.xlsx"
    writer = needed("xlsxwriter").Workbook(str(path), {"constant_memory": True, "strings_to_formulas": False})
    book = Book(writer, most_rows=11)
    assert book.add("page", Answer(columns=["n", "text", "big", "real"], types=[], rows=iter(rows))) == 26
    book.finish()
    writer.close()
    read = openpyxl.load_workbook(path)
    assert read.sheetnames == ["page", "page 2", "page 3", LONG_TEXTS]
    got = [row for name in read.sheetnames[:3] for row in read[name].iter_rows(min_row=2, values_only=True)]
    assert [row[0] for row in got] == list(range(26))
    assert got[3][2] == "1000000000000003", "Excel would have rounded it"
    parts = list(read[LONG_TEXTS].iter_rows(min_row=2, values_only=True))
    assert {row[:2] for row in parts} == {("page 3", "B7")}
    assert "".join(str(row[3]) for row in parts) == long
    assert str(got[25][1]).endswith(f'(whole in the sheet "{LONG_TEXTS}")')


def test_a_workbook_without_rows_has_its_head(tmp_path: Path) -> None:
    with workbook(tmp_path / "x.xlsx") as book:
        assert book.add("page", Answer(columns=["n"], types=["BIGINT"], rows=iter(()))) == 0
    assert [cell.value for cell in openpyxl.load_workbook(tmp_path / "x.xlsx")["page"][1]] == ["n"]


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_there_is_replaced_only_when_it_is_said_and_by_a_whole_file(tmp_path: Path, form: str) -> None:
    directory = small(tmp_path / "job", [link("https://a.com/"), link("https://b.com/")])
    first = export(Order(directory=directory, form=form))
    assert {item.path.parent for item in first} <= {tmp_path, tmp_path / f"job-{form}"}
    for item in first:
        item.path.write_bytes(b"mine")
    with pytest.raises(ConfigError, match="is there already; --force replaces it, --output names another place"):
        export(Order(directory=directory, form=form))
    damaged = next(directory.glob("*.lost-backlinks.jsonl"))
    content = damaged.read_bytes()
    damaged.write_bytes(content[:-20] + b"}" * 19 + b"\n")
    with pytest.raises(StorageError, match="none of this job's"):
        export(Order(directory=directory, form=form, force=True))
    assert {item.path.read_bytes() for item in first} == {b"mine"}
    damaged.write_bytes(content)
    again = export(Order(directory=directory, form=form, force=True))
    assert b"mine" not in {item.path.read_bytes() for item in again}
    left = {path.name for path in tmp_path.rglob("*") if path.name.startswith(".harvester")}
    assert left == set()


@pytest.mark.parametrize("form", FORMATS)
def test_nested_values_of_computed_views_can_be_exported(tmp_path: Path, form: str) -> None:
    directory = small(tmp_path / "job", [link("https://a.com/", anchor="x")])
    views = ("merged_links", "broken_pages", "gap", "overlap", "reject")
    written = export(Order(directory=directory, form=form, views=views))
    assert [(item.view, item.rows) for item in written] == [("merged_links", 1), *((view, 0) for view in views[1:])]
    if form == "csv":
        with written[0].path.open(newline="") as file:
            (row,) = csv.DictReader(file)
        assert (row["providers"], row["anchors"], row["lost_by"]) == ('["ahrefs"]', '["x"]', "")


def test_comparisons_that_nobody_sold_are_exported_only_by_name(tmp_path: Path) -> None:
    job = Yard(tmp_path / "job")
    name = job.harvest("semrush", "overlap")
    job.add(name, "overlap", "mine.com", [{"domain": "x.com", "links": 1, "matches": 1, "set_id": "s"}])
    other = job.harvest("ahrefs", "refdomains")
    job.add(other, "refdomain", "rival.com", [{"domain": "x.com", "links": 2}])
    job.done(other, "mine.com", "rival.com")
    directory = job.made()
    usual = export(Order(directory=directory, form="parquet"))
    assert [(item.view, item.rows) for item in usual] == [("refdomain", 1), ("overlap", 1), ("task", 2)]
    (named,) = export(Order(directory=directory, form="parquet", views=("overlap",), force=True))
    assert named.rows == 3


@pytest.mark.parametrize("inside", ["", "x", "rounds/x"])
def test_nothing_is_written_into_the_job_directory(tmp_path: Path, inside: str) -> None:
    directory = small(tmp_path / "job", [link("https://a.com/")])
    before = sorted(os.listdir(directory))
    with pytest.raises(ConfigError, match="lies in the job directory"):
        export(Order(directory=directory, form="csv", output=directory / inside))
    assert sorted(os.listdir(directory)) == before


@pytest.mark.parametrize("form", FORMATS)
def test_a_place_whose_name_is_no_utf_8_is_refused(tmp_path: Path, form: str) -> None:
    job = Yard(tmp_path / "job").made()
    with pytest.raises(ConfigError, match="no UTF-8; name another with --output"):
        export(Order(directory=job, form=form, output=tmp_path / "a\udcff"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["job"]


def test_a_round_is_exported_beside_the_job_and_not_among_its_rounds(tmp_path: Path) -> None:
    job = Yard(tmp_path / "job").made()
    yard = Yard(job / "rounds" / "1")
    yard.add(yard.harvest("ahrefs", "backlinks"), "backlink", "mine.com", [link("https://x.com/")])
    (written,) = export(Order(directory=yard.made(), form="csv"))
    assert written.path == tmp_path / "job-round-1-csv" / "backlink.csv"
    for inside in (job / "rounds" / "2", job / "exported"):
        with pytest.raises(ConfigError, match="lies in the job directory"):
            export(Order(directory=yard.path, form="csv", output=inside))
    assert [path.name for path in (job / "rounds").iterdir()] == ["1"]


@pytest.mark.parametrize("form", FORMATS)
def test_an_export_that_fails_leaves_no_folder_behind(tmp_path: Path, form: str) -> None:
    job = Yard(tmp_path / "job")
    name = job.harvest("ahrefs", "backlinks")
    job.add(name, "backlink", "mine.com", [link("https://x.com/")])
    directory = job.made()
    job.file(name).unlink()
    with pytest.raises(StorageError, match="is missing"):
        export(Order(directory=directory, form=form, output=tmp_path / "new" / "out"))
    assert not (tmp_path / "new" / "out").exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    directory = small(tmp_path / "job", [link("https://a.com/")])
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"cannot write .*file/out"):
        export(Order(directory=directory, form="csv", output=tmp_path / "file" / "out"))
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match=r"cannot write .*folder"):
        export(Order(directory=directory, form="xlsx", output=tmp_path / "folder", force=True))


def test_a_view_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--view pages: no view of that name; there are backlink, refdomain"):
        export(Order(directory=tmp_path, form="csv", views=("pages",), output=tmp_path.parent / "out"))
