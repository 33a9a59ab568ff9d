"""The sum behind the promise "rate": how far apart calls leave, by what was seen."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.engine.gate import COLD_ANSWERS, MOST_UNTAUGHT, Pace
from harvester.model import RateRule

HOUR_S = 3600.0
MINUTE = RateRule(calls=60, window_s=60.0)
TEN = RateRule(calls=10, window_s=1.0)


def settled(rule: RateRule, *round_trips_s: float, samples: int = 4, taught_s: float = 0.0) -> Pace:
    """Return a pace that is past its cold start and has seen enough."""
    pace = Pace(rule, samples=samples, taught_s=taught_s)
    for _ in range(COLD_ANSWERS):
        pace.answered(1.0, 0.0)
    for number in range(samples):
        pace.answered(round_trips_s[number % len(round_trips_s)], 0.0)
    return pace


@settings(max_examples=200)
@given(
    calls=st.integers(1, 100_000),
    window_s=st.floats(1.0, 86_400.0),
    taught_s=st.floats(0.0, 100.0),
    events=st.lists(st.tuples(st.one_of(st.none(), st.floats(0.0, 1000.0)), st.floats(0.0, HOUR_S)), max_size=80),
)
def test_a_bucket_of_any_pace_lets_no_call_too_many_through(
    calls: int, window_s: float, taught_s: float, events: list[tuple[float | None, float]]
) -> None:
    pace, now_s = Pace(RateRule(calls=calls, window_s=window_s), samples=16, taught_s=taught_s), 0.0
    for round_trip_s, pause_s in events:
        now_s += pause_s
        if round_trip_s is None:
            pace.refused(now_s, now_s)
        else:
            pace.answered(round_trip_s, now_s)
        assert pace.burst_calls >= 1.0
        assert 0.0 <= pace.margin_s <= (pace.rest_s - window_s) * (1 + 1e-9)
        most_calls = pace.burst_calls + (window_s + pace.margin_s) / pace.spacing_s  # of the leaky bucket
        assert most_calls <= (calls + 1) * (1 + 1e-12)  # that one would be a whole window away
    assert pace.rest_s <= window_s + max(0.05 * window_s, 1.0) + 0.5
    for hour in range(12):  # refusals are forgiven, whatever they were
        for _ in range(20):
            pace.answered(1.0, now_s + hour * HOUR_S)
    assert window_s / pace.spacing_s >= 0.95 * calls


def test_a_lane_that_was_never_refused_gives_no_more_than_5_percent_for_the_spread_of_its_round_trips() -> None:
    margins_s = []
    pace = settled(MINUTE, 1.0, samples=4)
    for round_trip_s in (1.2, 2.0, 1.0, 1.0, 1.0, 9.0):
        pace.answered(round_trip_s, 0.0)
        margins_s.append(pytest.approx(pace.margin_s))
    assert margins_s == [0.5, 1.1, 1.1, 1.1, 1.1, 3.0]


def test_the_margin_is_the_worst_until_enough_is_seen() -> None:
    pace = settled(MINUTE, 1.0, samples=4)
    assert pace.margin_s == 0.5  # however steady
    fewer = Pace(MINUTE, samples=4)
    for _ in range(COLD_ANSWERS + 3):
        fewer.answered(1.0, 0.0)
    assert fewer.margin_s == 3.0


@pytest.mark.parametrize(
    ("window_s", "least_s"), [(1.0, 0.025), (6.0, 0.15), (60.0, 0.5), (3600.0, 18.0), (86_400.0, 432.0)]
)
def test_even_the_steadiest_lane_expects_one_to_be_late_and_the_clocks_to_differ(
    window_s: float, least_s: float
) -> None:
    assert settled(RateRule(calls=10, window_s=window_s), 0.1).margin_s == pytest.approx(least_s)


@pytest.mark.parametrize(("rule", "cold_s"), [(RateRule(calls=1, window_s=1.0), 0.25), (TEN, 0.25), (MINUTE, 0.5)])
def test_the_first_calls_may_be_late_by_a_handshake_which_says_nothing_of_the_later_ones(
    rule: RateRule, cold_s: float
) -> None:
    pace = Pace(rule, samples=4)
    assert pace.margin_s == pytest.approx(MOST_UNTAUGHT * rule.window_s + cold_s)
    for number in range(COLD_ANSWERS):
        pace.answered(0.4 if number < 8 else 0.1, 0.0)
    assert pace.margin_s == pytest.approx(MOST_UNTAUGHT * rule.window_s)
    for _ in range(4):
        pace.answered(0.1, 0.0)
    assert pace.margin_s == pytest.approx(min(0.025 * rule.window_s, 0.5))


def test_a_rare_stall_is_remembered_for_an_hour_or_two() -> None:
    pace = settled(MINUTE, 0.5)
    pace.answered(2.5, 0.0)
    margins_s = {}
    for minute in range(0, 150, 10):
        for _ in range(4):
            pace.answered(0.5, 60.0 * minute)
        margins_s[minute] = pytest.approx(pace.margin_s)
    assert [minute for minute, margin_s in margins_s.items() if margin_s == 2.2] == list(range(0, 120, 10))
    assert [minute for minute, margin_s in margins_s.items() if margin_s == 0.5] == list(range(120, 150, 10))


def test_a_pace_wants_64_round_trips_after_the_cold_ones_before_it_promises_less() -> None:
    pace = Pace(TEN)
    margins_s = []
    for _ in range(COLD_ANSWERS + 64):
        margins_s.append(round(pace.margin_s, 9))
        pace.answered(0.1, 0.0)
    assert margins_s == [0.3] * COLD_ANSWERS + [0.05] * 64
    assert pace.margin_s == pytest.approx(0.025)


@pytest.mark.parametrize(
    ("rule", "slack_s"),
    [(RateRule(calls=1, window_s=1.0), 0.0), (RateRule(calls=2, window_s=1.0), 0.0025), (MINUTE, 0.05)],
)
def test_a_late_departure_is_made_good_for_unless_there_is_one_call_a_window(rule: RateRule, slack_s: float) -> None:
    assert Pace(rule).slack_s == pytest.approx(slack_s)


# What refusals teach


def test_what_was_learnt_is_halved_every_hour_by_whatever_comes_first() -> None:
    pace = settled(TEN, 0.1, 30.0, taught_s=0.8)
    margins_s = []
    for hour in (1, 2, 3):
        pace.answered(30.0, hour * HOUR_S)
        pace.answered(0.1, hour * HOUR_S + 1.0)
        margins_s.append(pytest.approx(pace.margin_s))
    assert margins_s == [0.4, 0.2, 0.1]
    refused = settled(TEN, 0.1, 30.0, taught_s=0.8)
    refused.refused(HOUR_S, HOUR_S)  # halved first, and then doubled
    assert refused.margin_s == pytest.approx(0.8)


def test_each_refusal_doubles_what_is_believed_of_the_round_trips_until_they_explain_no_more() -> None:
    pace, margins_s = settled(TEN, 0.1, 0.6), []
    for number in range(6):
        margins_s.append(pytest.approx(pace.margin_s))
        pace.refused(10.0 * number, 10.0 * number)
    assert margins_s == [0.05, 0.1, 0.2, 0.55, 0.55, 0.55]  # the last step goes all the way: 1.1 times the spread
    assert pace.spacing_s == pytest.approx((1.0 + 0.55 + 0.0025) / 10)


def test_the_refusals_of_one_wave_teach_once() -> None:
    pace = settled(TEN, 0.1, 0.6)
    for number in range(5):
        pace.refused(9.0 + 0.1 * number, 9.6 + 0.1 * number)  # all but the first left before that was known
    assert pace.margin_s == pytest.approx(0.1)
    pace.refused(10.0, 10.3)
    assert pace.margin_s == pytest.approx(0.2)


@pytest.mark.parametrize(("slowest_s", "margin_s"), [(0.11, 0.025), (0.14, 0.044)])
def test_refusals_that_no_jitter_explains_teach_a_steady_lane_nothing(slowest_s: float, margin_s: float) -> None:
    pace = settled(TEN, 0.1, slowest_s)
    for number in range(100):
        pace.refused(10.0 * number, 10.0 * number)
        pace.answered(0.1, 10.0 * number)
    assert pace.margin_s == pytest.approx(margin_s)
    pace.answered(0.9, 1000.0)  # nor is the lane slower from then on
    assert pace.margin_s == pytest.approx(0.05)


def test_no_refusal_makes_a_lane_wait_for_arrivals_later_than_a_second() -> None:
    pace, slow_minute = settled(TEN, 0.1, 30.0), settled(MINUTE, 0.1, 30.0)
    for number in range(100):
        pace.refused(10.0 * number, 10.0 * number)
        slow_minute.refused(10.0 * number, 10.0 * number)
    assert pace.margin_s == 1.0
    assert 1.0 / pace.spacing_s >= 0.49 * 10, "half of the allowance is the worst that refusals can cost"
    assert slow_minute.margin_s == 3.0
    assert 60.0 / slow_minute.spacing_s >= 0.95 * 60, "and nothing where 5 % of the window are more than a second"


@pytest.mark.parametrize("seen", [0, COLD_ANSWERS, COLD_ANSWERS + 3])
def test_a_lane_that_has_not_seen_enough_believes_every_refusal_at_first(seen: int) -> None:
    pace = Pace(TEN, samples=4)
    for _ in range(seen):
        pace.answered(0.1, 0.0)
    before_s = pace.margin_s
    pace.refused(1.0, 1.0)
    assert pace.margin_s > before_s
    for _ in range(COLD_ANSWERS + 4):
        pace.answered(0.1, 2.0)
    assert pace.margin_s == pytest.approx(0.025)


def test_what_was_learnt_is_relearnt_at_most_once_an_hour() -> None:
    pace, refused_at_s = settled(TEN, 0.1, 0.6, taught_s=0.55), []
    assert pace.margin_s == pytest.approx(0.55)
    for second in range(10 * int(HOUR_S)):
        pace.answered(0.1 if second % 2 else 0.6, float(second))
        if pace.margin_s < 0.5:  # as soon as it forgets what it needs
            refused_at_s.append(second)
            pace.refused(float(second), float(second))
    assert 1 <= len(refused_at_s) <= 10
    assert all(later - earlier >= HOUR_S for earlier, later in pairwise(refused_at_s))


@pytest.mark.parametrize(
    ("taught_s", "margin_s"), [(0.0, 0.05), (0.01, 0.05), (0.3, 0.3), (0.55, 0.55), (7.0, 1.0), (1e300, 1.0)]
)
def test_what_the_last_lane_learnt_is_believed_within_bounds(taught_s: float, margin_s: float) -> None:
    assert settled(TEN, 0.1, 30.0, taught_s=taught_s).margin_s == pytest.approx(margin_s)
