"""Amounts, plurals and tables as people read them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.cli.summary import next_text
from harvester.cli.words import CELL_CHARS, counted, figure, from_here, table
from harvester.display import MILLIONTHS, amount, digits, unit_shown
from harvester.providers import PROVIDERS


@pytest.mark.parametrize(
    ("units", "unit", "said"),
    [
        (1234, "API units", "1,234 API units"),
        (0, "micro-dollars", "0.00 USD"),
        (24_036, "micro-dollars", "0.024036 USD"),
        (60_000, "micro-dollars", "0.06 USD"),
        (1_234_500_000, "micro-dollars", "1,234.50 USD"),
    ],
)
def test_an_amount_is_said_with_what_it_is_of(units: int, unit: str, said: str) -> None:
    assert amount(units, unit) == said


def test_a_path_is_said_as_one_would_type_it_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    assert from_here(here / "out" / "rivals") == "out/rivals"
    assert from_here(Path("out")) == "out"
    assert from_here(here) == str(here)
    assert from_here(tmp_path / "hereafter") == str(tmp_path / "hereafter")
    here.rmdir()
    assert from_here(here / "out") == str(here / "out")


def test_what_a_finished_run_says_to_do_next_can_be_pasted() -> None:
    said = "To look at it: harvester report 'out/my rivals', or harvester query 'out/my rivals'"
    assert next_text(Path("out/my rivals")) == said


@given(units=st.integers(0, 10**15))
def test_no_millionth_is_lost_in_what_is_shown(units: int) -> None:
    whole, _, fraction = digits(units, "micro-dollars").replace(",", "").partition(".")
    assert int(whole) * 1_000_000 + int(fraction.ljust(6, "0")) == units
    assert len(fraction) >= 2


def test_every_currency_is_that_of_a_provider() -> None:
    assert set(MILLIONTHS) <= {provider.unit for provider in PROVIDERS.values()}
    assert (unit_shown("credits"), unit_shown("micro-dollars"), unit_shown(None)) == ("credits", "USD", "-")


def test_amounts_stand_to_the_right_like_numbers_and_what_is_unknown_is_a_dash() -> None:
    rows = [("a", figure(5, "credits"), 1), ("b", figure(24_036, "micro-dollars"), None), ("c", figure(None, None), 22)]
    assert table(("name", "units", "n"), rows).splitlines() == [
        "name     units   n",
        "a            5   1",
        "b     0.024036   -",
        "c            -  22",
    ]


def test_a_cell_that_is_too_long_is_cut() -> None:
    (_, line) = table(("x",), [("y" * 200,)]).splitlines()
    assert len(line) == CELL_CHARS
    assert line.endswith("…")


def test_one_is_not_many() -> None:
    assert (counted(1, "row"), counted(0, "row"), counted(2000, "row")) == ("1 row", "0 rows", "2,000 rows")
