from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.errors import ConfigError
from harvester.sandbox.account import Account, Rate, Window, parse_rate
from harvester.sandbox.faults import Fault, Faults, seeded

gaps = st.lists(st.floats(0.0, 3.0, allow_nan=False), max_size=60)


def arrivals(gaps_s: Sequence[float]) -> list[float]:
    now_s, found = 100.0, []
    for gap_s in gaps_s:
        now_s += gap_s
        found.append(now_s)
    return found


@pytest.mark.parametrize(
    ("text", "calls", "window_s"),
    [
        ("60/minute", 60, 60.0),
        ("60/6seconds", 60, 6.0),
        ("10 / second", 10, 1.0),
        ("50/5 minutes", 50, 300.0),
        ("1/hour", 1, 3600.0),
        ("5/2days", 5, 172800.0),
        ("unlimited", None, 60.0),
    ],
)
def test_a_rate_is_read(text: str, calls: int | None, window_s: float) -> None:
    assert parse_rate(text) == Rate(calls=calls, window_s=window_s)


@pytest.mark.parametrize("text", ["", "60", "60/fortnight", "0/minute", "5/0seconds", "-1/minute", "1.5/second"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected"):
        parse_rate(text)


@given(gaps, st.integers(1, 5))
@settings(max_examples=60)
def test_no_sliding_window_admits_more_than_the_rate(gaps_s: list[float], calls: int) -> None:
    window = Window(Rate(calls=calls, window_s=5.0))
    admitted = [now_s for now_s in arrivals(gaps_s) if window.arrive(now_s) is None]
    for now_s in admitted:
        assert sum(now_s - 5.0 < other_s <= now_s for other_s in admitted) <= calls


@given(gaps)
@settings(max_examples=60)
def test_the_most_in_any_window_counts_refused_requests_too(gaps_s: list[float]) -> None:
    window, moments = Window(Rate(calls=2, window_s=5.0)), arrivals(gaps_s)
    for now_s in moments:
        window.arrive(now_s)
    assert window.most == max((sum(end - 5.0 < at <= end for at in moments) for end in moments), default=0)


def test_a_refused_request_learns_when_the_next_would_be_admitted() -> None:
    window = Window(Rate(calls=2, window_s=10.0))
    assert [window.arrive(at_s) for at_s in (0.0, 4.0)] == [None, None]
    assert window.arrive(5.0) == 5.0
    assert window.arrive(9.0) == 1.0  # being refused did not fill the window
    assert window.arrive(10.0) is None


def test_a_fixed_window_lets_two_fills_meet_at_its_border() -> None:
    fixed = Window(Rate(calls=2, window_s=10.0, is_fixed=True))
    assert [fixed.arrive(at_s) for at_s in (9.0, 9.5, 10.0, 10.5)] == [None] * 4
    assert fixed.arrive(11.0) == 9.0
    assert fixed.most == 5


def test_an_unlimited_window_admits_all_and_still_measures() -> None:
    window = Window(parse_rate("unlimited"))
    assert all(window.arrive(float(at_s)) is None for at_s in range(100))
    assert window.most == 60


def test_an_account_knows_its_busiest_moment_and_bounds_what_it_remembers() -> None:
    account = Account(key="k", limit_units=10, window=Window(parse_rate("60/minute")))
    account.begin("/a")
    account.begin("/b")
    account.end()
    account.begin("/a")
    for number in range(300):
        account.begin(f"/path{number}")
    for number in range(20_005):
        account.remember(number.to_bytes(4, "big"), number)
    assert (account.requests, account.now_open, account.most_open) == (303, 302, 302)
    assert account.by_path["/a"] == 2
    assert account.by_path["other"] == 202
    assert len(account.cached) == 20_000
    assert account.as_json()["units_left"] == 10


def test_faults_follow_from_seed_and_arrival() -> None:
    drawn = [Faults(0.3, seeded(7)).draw(number) for number in range(2000)]
    assert drawn == [Faults(0.3, seeded(7)).draw(number) for number in range(2000)]
    assert drawn != [Faults(0.3, seeded(8)).draw(number) for number in range(2000)]
    assert 0.25 < sum(fault is not None for fault in drawn) / 2000 < 0.35
    assert set(drawn) == {None, *Fault} - {Fault.STRAY_REFUSAL}


def test_stray_refusals_are_drawn_only_on_request_and_nothing_without_a_share() -> None:
    assert Fault.STRAY_REFUSAL in {Faults(1.0, seeded(1)).draw(n, has_stray_refusals=True) for n in range(100)}
    assert {Faults(0.0, seeded(1)).draw(number) for number in range(100)} == {None}
    with pytest.raises(ConfigError, match="share"):
        Faults(2.0, seeded(1))
