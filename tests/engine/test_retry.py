"""How long to wait, and when waiting no longer helps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.engine.retry import Backoff, Health, Patience


@pytest.mark.parametrize(
    ("retry_num", "delay_s"), [(1, 1.0), (2, 2.0), (3, 4.0), (6, 32.0), (7, 60.0), (40, 60.0), (100_000, 60.0)]
)
def test_backoff_doubles_up_to_the_cap(retry_num: int, delay_s: float) -> None:
    assert Backoff().ceiling_s(retry_num) == delay_s
    assert Backoff().delay_s(retry_num, jitter=lambda: 1.0) == delay_s
    assert Backoff().delay_s(retry_num, jitter=lambda: 0.25) == delay_s / 4


@given(
    first_s=st.floats(0.001, 100.0),
    cap_s=st.floats(0.001, 1000.0),
    retry_num=st.integers(1, 10**6),
    chance=st.floats(0.0, 1.0),
)
def test_a_delay_is_never_beyond_the_cap_and_never_shrinks(
    first_s: float, cap_s: float, retry_num: int, chance: float
) -> None:
    backoff = Backoff(first_s=first_s, cap_s=cap_s)
    assert 0.0 <= backoff.delay_s(retry_num, lambda: chance) <= backoff.ceiling_s(retry_num) <= cap_s
    assert backoff.ceiling_s(retry_num) <= backoff.ceiling_s(retry_num + 1)


PATIENCE = Patience()


def test_a_lane_that_never_got_an_answer_stops_soon() -> None:
    health = Health(PATIENCE)
    assert not health.is_hopeless(1e9)
    health.failed("a", 100.0)
    health.failed("a", 119.0)
    assert not health.is_hopeless(120.0)
    assert health.is_hopeless(120.1)


@pytest.mark.parametrize("trouble", ["failure", "refusal"])
def test_a_lane_that_worked_before_waits_for_hours(trouble: str) -> None:
    health = Health(PATIENCE)
    health.answered()
    for now_s in (100.0, 5000.0):
        if trouble == "failure":
            health.failed("a", now_s)
        else:
            health.refused(now_s)
    assert not health.is_hopeless(7300.0)
    assert health.is_hopeless(7300.1)


def test_a_refusal_is_an_answer() -> None:
    health = Health(PATIENCE)
    health.refused(0.0)
    assert not health.is_hopeless(7200.0)
    assert health.refusals == 1


def test_an_answer_ends_all_trouble() -> None:
    health = Health(PATIENCE)
    for task in "abc":
        health.failed(task, 0.0)
        health.refused(1.0)
    assert (health.failures, health.refusals) == (3, 3)
    health.answered()
    assert health == Health(PATIENCE, has_answered=True)
    assert not health.is_hopeless(1e9)
    health.failed("a", 1e9)  # trouble is counted anew
    assert not health.is_hopeless(1e9 + 7200.0)


def test_one_bad_task_is_no_outage_and_several_are() -> None:
    health = Health(PATIENCE)
    for _ in range(10):
        health.failed("a", 0.0)
    health.failed("b", 0.0)
    assert not health.is_outage()
    health.failed("c", 0.0)
    assert health.is_outage()
