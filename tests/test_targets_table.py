"""CSV: which column, which delimiter, header or not, and quotes that go wrong."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.errors import ConfigError
from harvester.model import TargetSource
from harvester.targets import Listed, Rejected, read_targets

LINKS = Path(__file__).parents[1].parent / "shared" / "data" / "observed_links.csv"


def table(folder: Path, content: str, column: str | None = None, name: str = "list.csv") -> list[Listed | Rejected]:
    path = folder / name
    path.write_bytes(content.encode())
    return list(read_targets(TargetSource(path=path, column=column), ("host",), io.BytesIO()))


def names(lines: list[Listed | Rejected]) -> list[tuple[int, str]]:
    return [(line.line, line.names[0]) for line in lines if isinstance(line, Listed)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_read_from_the_header(tmp_path: Path, delimiter: str) -> None:
    lines = table(tmp_path, delimiter.join(["rank", '"a,b"', "site"]) + "\r\n" + delimiter.join("1x") + "\r\n", "site")
    assert [type(line) for line in lines] == [Rejected]
    lines = table(tmp_path, f"\ufeffrank{delimiter}site\r\n1{delimiter}a.com\r\n")
    assert lines == [Listed(2, ("a.com",), {"rank": "1"})]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a.com\nb.com\n", [(1, "a.com"), (2, "b.com")]),
        ("domain\na.com\n", [(2, "a.com")]),
        ("1,a.com\n2,b.com\n", [(1, "a.com"), (2, "b.com")]),
        ("link.id,link.url\n1,a.com\n", [(2, "a.com")]),
        ("#,domain\n1,a.com\n", [(2, "a.com")]),
        ("#rank,domain\n#1,a.com\n", [(2, "a.com")]),
        ("# made today, by hand\n\ndomain,x\na.com,1\n#b.com,2\n", [(4, "a.com")]),
        ("sep=;\ndomain;x\na.com;1\n", [(3, "a.com")]),
        ("x\n1,a.com\n", [(2, "a.com")]),
        ("a.com", [(1, "a.com")]),
        ("", []),
        ("# nothing\n", []),
    ],
)
def test_a_header_is_told_from_data(tmp_path: Path, content: str, expected: list[tuple[int, str]]) -> None:
    lines = table(tmp_path, content)
    assert names(lines) == expected
    assert len(lines) == len(expected)


def test_other_columns_become_labels_and_each_has_a_name_of_its_own(tmp_path: Path) -> None:
    lines = table(tmp_path, "domain,tag,,tag\na.com,x,y,z,,more\nb.com\n,x\n , \n")
    assert lines == [
        Listed(2, ("a.com",), {"tag": "x", "column 3": "y", "tag (column 4)": "z", "column 6": "more"}),
        Listed(3, ("b.com",), None),
        Rejected(4, ",x", 'no value in column "domain"'),
    ]


def test_a_quoted_cell_may_hold_line_ends_and_the_record_counts_where_it_starts(tmp_path: Path) -> None:
    lines = table(tmp_path, 'domain,note\r\na.com,"one, ""two""\r\nthree"\r\nb.com,x\r\n')
    assert lines == [
        Listed(2, ("a.com",), {"note": 'one, "two"\nthree'}),
        Listed(4, ("b.com",), {"note": "x"}),
    ]


def test_a_quote_that_is_never_closed_costs_only_its_own_line(tmp_path: Path) -> None:
    lines = table(tmp_path, 'domain,note\na.com,"open\nb.com,x\nc.com,"junk"y\n\nd.com,"fine"\n')
    assert names(lines) == [(3, "b.com"), (6, "d.com")]
    assert [(line.line, line.text) for line in lines if isinstance(line, Rejected)] == [
        (2, 'a.com,"open'),
        (4, 'c.com,"junk"y'),
    ]


def test_a_quote_closed_too_far_away_takes_no_lines_with_it(tmp_path: Path) -> None:
    rest = [f"site{number}.com,x" for number in range(6000)]
    lines = table(tmp_path, "\n".join(["domain,note", 'a.com,"open', *rest, 'far away"']))
    assert len(names(lines)) == 6000
    assert [line.line for line in lines if isinstance(line, Rejected)] == [2, 6003]


def test_lines_that_all_open_a_quote_take_linear_time(tmp_path: Path) -> None:
    lines = table(tmp_path, "domain,note\na.com,x\n" + 'a"b,"c\n' * 40_000)
    assert len(lines) == 40_001


@pytest.mark.parametrize(
    ("content", "column", "said"),
    [
        ("rank,site\n1,a.com\n", "domain", ['no column "domain"', '"rank", "site"']),
        ("from,to,x\na.com,b.com,1\n", None, ['2 columns look like domains: "from", "to"', 'column = "from"']),
        ("a.com,b.com\na.com,b.com\n", None, ['2 columns look like domains: "column 1", "column 2"']),
        ("rank,word\n1,x\n", None, ["no column looks like domains", '"rank", "word"']),
        ("domain,rank\n", None, ["no column looks like domains"]),
        ("site,Site\n1,2\n", "SITE", ['2 columns are called "SITE"']),
        ('"open,site\na.com,1\n', None, ["line 1, the header: quotes"]),
        ("a" * 70_000, None, ["line 1, the header: line longer"]),
    ],
)
def test_an_unclear_column_is_refused_with_what_was_found(
    tmp_path: Path, content: str, column: str | None, said: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        table(tmp_path, content, column)
    assert all(words in str(caught.value) for words in [*said, str(tmp_path / "list.csv")])


def test_a_column_is_found_in_other_case_and_kept_as_written(tmp_path: Path) -> None:
    assert table(tmp_path, " Domain ,from\na.com,b.com\n", "domain") == [Listed(2, ("a.com",), {"from": "b.com"})]


def test_a_column_without_a_header_is_named_by_its_number(tmp_path: Path) -> None:
    lines = table(tmp_path, "a.com,b.com\nc.com,d.com\n", "column 2")
    assert lines == [Listed(1, ("b.com",), {"column 1": "a.com"}), Listed(2, ("d.com",), {"column 1": "c.com"})]


def test_the_columns_of_a_real_export_are_ambiguous_until_one_is_named() -> None:
    if not LINKS.exists():
        pytest.skip("the seed data are not beside the repository")
    with pytest.raises(ConfigError, match='"source_url", "target_url"'):
        list(read_targets(TargetSource(path=LINKS), ("host",), io.BytesIO()))
    lines = list(read_targets(TargetSource(path=LINKS, column="target_url"), ("host",), io.BytesIO()))
    with LINKS.open(newline="", encoding="utf-8") as file:
        assert len(lines) == sum(1 for _ in csv.DictReader(file))


CELLS = st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=60, deadline=None)
@given(cells=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=20), delimiter=st.sampled_from(",;\t"))
def test_every_cell_that_csv_can_write_comes_back(cells: list[tuple[str, str]], delimiter: str) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(["one", "domain", "two"])
    writer.writerows((one, "a.com", two) for one, two in cells)
    lines = list(
        read_targets(TargetSource(path=Path("-"), column="domain"), ("host",), io.BytesIO(out.getvalue().encode()))
    )
    assert [line.labels for line in lines if isinstance(line, Listed)] == [
        {"one": one, "two": two} for one, two in cells
    ]
