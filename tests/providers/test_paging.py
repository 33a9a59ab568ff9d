"""Walking a list by position, against a provider that has exactly the windows that a `Paging` allows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.codec import dump, parse
from harvester.providers.paging import Came, Following, Paging, Window

OFFSET = Paging(page_rows=10)
NUMBERED = Paging(page_rows=10, is_aligned=True, end=60)
BY_TOKEN = Paging(page_rows=10, last_begin=40, has_token=True)
SINGLE = Paging(page_rows=3, is_single=True)


def test_a_window_can_be_said_as_an_absolute_end_or_a_page_number() -> None:
    assert (Window(20, 10).end, Window(20, 10).number, Window(0, 7).number) == (30, 3, 1)


@dataclass
class List:
    """A provider's list of numbers, and what was asked of it."""

    rows: int
    tells_total: bool
    gives_tokens: bool = False

    def answer(self, window: Window) -> Came:
        if window.token is not None:
            begin, limit = map(int, window.token.split("/"))
            assert (begin, limit) == (window.begin, window.limit), "nothing but the token may change"
        came = max(0, min(window.end, self.rows) - window.begin)
        token = f"{window.end}/{window.limit}" if self.gives_tokens and window.end < self.rows else None
        return Came(came, self.rows if self.tells_total else None, token)


def walk(paging: Paging, found: List, *, wanted: int | None = None) -> tuple[list[Window], str | None]:
    """Walk to the end; return the windows, and why rows are missing."""
    windows: list[Window] = []
    cursor: Mapping[str, Any] | None = {}
    incomplete = None
    while cursor is not None:
        left = None if wanted is None else wanted - sum(found.answer(window).rows for window in windows)
        if left is not None and left <= 0:
            return windows, None
        window = paging.window(cursor, 1, wanted=left, within=None)
        if window is None:
            raise AssertionError("the walk stopped where more was wanted")
        windows.append(window)
        cursor, incomplete = paging.following(cursor, window, found.answer(window))
        if left is not None and found.answer(window).rows >= left:
            return windows, None
        assert cursor is None or parse(dump(cursor)) == cursor
    return windows, incomplete


lists = st.builds(List, rows=st.integers(0, 95), tells_total=st.booleans())
wanted_rows = st.none() | st.integers(1, 120)


@settings(max_examples=80)
@given(found=lists, wanted=wanted_rows)
def test_by_offset_every_row_comes_once_and_none_beyond_what_is_wanted(found: List, wanted: int | None) -> None:
    windows, incomplete = walk(OFFSET, found, wanted=wanted)
    assert incomplete is None
    assert [window.begin for window in windows[1:]] == [window.end for window in windows[:-1]]
    goal = found.rows if wanted is None else min(wanted, found.rows)
    assert sum(found.answer(window).rows for window in windows) == goal
    assert wanted is None or windows[-1].end <= wanted
    assert not found.tells_total or len(windows) == max(1, -(-goal // 10)), "no page is asked that must be empty"


@settings(max_examples=80)
@given(found=lists, wanted=wanted_rows)
def test_page_numbers_begin_at_whole_pages_and_end_where_the_provider_does(found: List, wanted: int | None) -> None:
    windows, incomplete = walk(NUMBERED, found, wanted=wanted)
    assert all(window.begin == (window.number - 1) * window.limit for window in windows)
    assert all(window.end <= 60 for window in windows)
    goal = min(found.rows if wanted is None else min(wanted, found.rows), 60)
    assert sum(found.answer(window).rows for window in windows) == goal
    # A list that ends with the last page looks as if it went on, unless the provider tells its length.
    is_cut = windows[-1].end == 60 and (wanted is None or wanted > 60)
    is_cut = is_cut and (found.rows > 60 if found.tells_total else found.rows >= 60)
    assert (incomplete is not None) == is_cut
    if incomplete and found.tells_total:
        assert f"the first 60 rows of {found.rows}" in incomplete


@settings(max_examples=80)
@given(rows=st.integers(0, 95), tells_total=st.booleans(), wanted=wanted_rows)
def test_a_token_leads_where_positions_do_not(rows: int, tells_total: bool, wanted: int | None) -> None:
    found = List(rows, tells_total, gives_tokens=True)
    windows, incomplete = walk(BY_TOKEN, found, wanted=wanted)
    assert incomplete is None
    assert all(window.begin <= 40 or window.token is not None for window in windows)
    came = sum(found.answer(window).rows for window in windows)
    goal = rows if wanted is None else min(wanted, rows)
    # Behind the last position a page cannot be made smaller, so rows beyond what is wanted may come.
    assert came == goal or (wanted is not None and wanted > 41 and goal <= came < goal + 10)


def test_a_list_without_a_token_ends_where_positions_do_and_says_so() -> None:
    windows, incomplete = walk(BY_TOKEN, List(95, True))
    assert windows[-1] == Window(40, 10)
    assert incomplete == "the provider gives the first 50 rows of 95 and no more"


def test_a_page_made_smaller_by_the_units_is_by_position_and_drops_the_token() -> None:
    cursor = {"begin": 10, "limit": 10, "token": "10/10", "total": 30}
    assert BY_TOKEN.window(cursor, 1, wanted=None, within=4) == Window(10, 4)
    following = BY_TOKEN.following(cursor, Window(10, 4), Came(4, 30, "14/4"))
    assert following == Following({"begin": 14, "total": 30})


def test_where_only_a_token_leads_a_page_that_the_units_do_not_cover_is_not_asked() -> None:
    cursor = {"begin": 50, "limit": 10, "token": "50/10", "total": 95}
    assert BY_TOKEN.window(cursor, 1, wanted=None, within=9) is None
    assert BY_TOKEN.window(cursor, 1, wanted=None, within=10) == Window(50, 10, "50/10")


@pytest.mark.parametrize(("begin", "most", "limit"), [(0, 7, 7), (10, 7, 5), (10, 1, 1), (30, 10, 10), (7, 5, 1)])
def test_a_page_number_takes_the_greatest_length_that_fits(begin: int, most: int, limit: int) -> None:
    assert NUMBERED.window({"begin": begin}, 1, wanted=None, within=most) == Window(begin, limit)


@pytest.mark.parametrize("paging", [OFFSET, NUMBERED, BY_TOKEN, SINGLE])
@pytest.mark.parametrize("within", [0, -1])
def test_without_units_for_a_row_nothing_is_asked(paging: Paging, within: int) -> None:
    assert paging.window({}, 1, wanted=None, within=within) is None


def test_what_comes_in_one_answer_is_asked_whole_or_not_at_all() -> None:
    assert SINGLE.window({}, 4, wanted=1, within=12) == Window(0, 12)
    assert SINGLE.window({}, 4, wanted=None, within=11) is None
    assert SINGLE.following({}, Window(0, 3), Came(3, 99)) == Following(None)


def test_a_short_page_in_the_middle_does_not_end_a_list_whose_length_is_told() -> None:
    assert OFFSET.following({}, Window(0, 10), Came(7, 30)).next == {"begin": 7, "total": 30}
    assert NUMBERED.following({}, Window(0, 10), Came(7, 30)).next == {"begin": 10, "total": 30}
    last = OFFSET.following({"begin": 20}, Window(20, 10), Came(7, 30))
    assert last.next == {"begin": 27, "total": 30}


@pytest.mark.parametrize("total", [0, 9, 10])
def test_a_total_that_counts_fewer_rows_than_came_says_nothing(total: int) -> None:
    following = OFFSET.following({}, Window(0, 10), Came(10, total)).next
    assert following == (None if total == 10 else {"begin": 10})


def test_a_full_page_without_token_and_total_is_followed_by_position_where_that_leads() -> None:
    assert BY_TOKEN.following({}, Window(0, 10), Came(10)).next == {"begin": 10}
    beyond = BY_TOKEN.following({"begin": 50}, Window(50, 10, "x"), Came(10))
    assert beyond == Following(None)


@pytest.mark.parametrize("begin", [10, 20])
def test_an_empty_page_before_the_end_ends_the_walk_and_says_what_is_missing(begin: int) -> None:
    following = OFFSET.following({"begin": begin, "total": 30}, Window(begin, 10), Came(0))
    assert following == Following(None, f"nothing came from row {begin + 1} on, of 30 that there should be")
