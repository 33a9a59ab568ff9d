"""Harvests that bring each other their targets: nobody waits for what cannot come, nothing that came is left out."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from engine_kit import verdict
from hypothesis import given, settings
from hypothesis import strategies as st
from stages_kit import ROOTS, Planned, Works, child, reckoned, rows_of

from harvester.model import Action

A = Planned(name="a")
B = Planned(name="b", provider=1, source="a")
C = Planned(name="c", source="b")


def test_a_harvest_asks_about_what_anothers_rows_bring_at_another_provider(tmp_path: Path) -> None:
    works = Works(directory=tmp_path, plan=[A, B])
    works.run()
    works.assert_whole()
    assert len(reckoned([A, B])["b"]) > 3


def test_and_at_the_same_one_and_from_stage_to_stage(tmp_path: Path) -> None:
    works = Works(directory=tmp_path, plan=[C, Planned(name="b", source="a"), A])
    works.run()
    works.assert_whole()
    assert reckoned([A, B, C])["c"]


def test_tasks_appear_as_pages_are_stored_and_not_when_all_is_done(tmp_path: Path) -> None:
    works = Works(directory=tmp_path, plan=[A, B], in_flight=1)
    works.run()
    last_of_a = max(at_s for at_s, name, _ in works.asked if name == "a")
    first_of_b = min(at_s for at_s, name, _ in works.asked if name == "b")
    first = next(target for target in ROOTS if rows_of("a", target))
    assert first_of_b < last_of_a
    assert next(targets for _, name, targets in works.asked if name == "b") == (child("b", first, 0),)


def test_a_batch_is_asked_about_when_it_is_full_or_nothing_more_comes(tmp_path: Path) -> None:
    batch = Planned(name="b", provider=1, source="a", per_task=2)
    works = Works(directory=tmp_path, plan=[A, batch], in_flight=1, latency_s={"b": 0.1})
    works.run()
    works.assert_whole()
    firsts = dict.fromkeys(targets for _, name, targets in works.asked if name == "b")
    sizes = [len(targets) for targets in firsts]
    assert sizes[:-1] == [2] * (len(sizes) - 1)
    assert sizes[-1] == 1 + (len(reckoned([A, batch])["b"]) - 1) % 2
    last_of_a = max(at_s for at_s, name, _ in works.asked if name == "a")
    assert min(at_s for at_s, name, _ in works.asked if name == "b") <= last_of_a


def test_the_last_batch_does_not_wait_for_what_else_its_source_s_provider_does(tmp_path: Path) -> None:
    slow = Planned(name="slow")
    works = Works(
        directory=tmp_path,
        plan=[A, slow, Planned(name="b", provider=1, source="a", per_task=100)],
        latency_s={"slow": 100.0},
        in_flight=1,
    )
    works.run()
    works.assert_whole()
    assert max(at_s for at_s, name, _ in works.asked if name == "b") < 50


def test_who_waits_ends_when_its_source_runs_out_of_units_and_goes_on_with_it(tmp_path: Path) -> None:
    works = Works(directory=tmp_path, plan=[A, B], in_flight=1)
    works.run(3, None)
    source, fed = works.benches
    assert source.lane.stopped is not None
    assert source.lane.stopped.kind == "budget"
    assert fed.lane.stopped is None
    assert works.left() > 0
    works.run()
    works.assert_whole()


@pytest.mark.parametrize("action", [Action.STOP_LANE, Action.STOP_REPORT])
def test_who_waits_ends_when_its_source_is_stopped(tmp_path: Path, action: Action) -> None:
    works = Works(directory=tmp_path, plan=[A, B, C], replies={"a": verdict(action, why="no")})
    works.run()
    assert not works.done()["b"]
    assert works.left() > 0
    works.replies.clear()
    works.run()
    works.assert_whole()


def test_providers_that_wait_for_each_other_in_a_ring_of_lists_end(tmp_path: Path) -> None:
    # The first provider has A, too dear, and waits for C; the second waits for B, which A would bring.
    works = Works(directory=tmp_path, plan=[A, B, C], in_flight=1)
    works.run(1, None)
    assert works.asked == []
    assert works.left() == len(ROOTS)
    works.run()
    works.assert_whole()


def test_a_source_that_is_set_aside_lets_the_others_bring_theirs(tmp_path: Path) -> None:
    works = Works(directory=tmp_path, plan=[A, B, C], replies={"b": verdict(Action.SET_ASIDE, why="no")})
    works.run()
    assert works.done()["b"].keys() == reckoned([A, B])["b"]
    assert not works.done()["c"]
    assert works.left() == 0


def test_a_source_without_rows_ends_all_that_follow(tmp_path: Path) -> None:
    bare = [f"x{number}.com" for number in range(60) if rows_of("a", f"x{number}.com") == 0][:3]
    works = Works(directory=tmp_path, plan=[A, B, C], roots=bare)
    works.run()
    works.assert_whole()
    assert not works.done()["b"]


def test_a_run_over_the_first_targets_ends_with_what_these_bring(tmp_path: Path) -> None:
    batch = Planned(name="b", provider=1, source="a", per_task=100)
    first = next(number for number, target in enumerate(ROOTS, start=1) if rows_of("a", target))
    works = Works(directory=tmp_path, plan=[A, batch])
    works.run(most_targets=first)
    assert works.done()["b"].keys() == reckoned([A, batch], ROOTS[:first])["b"], "the last batch too"
    assert first < len(ROOTS)
    works.run()
    works.assert_whole()


def test_nobody_looks_for_targets_again_and_again(tmp_path: Path) -> None:
    works = Works(directory=tmp_path, plan=[A, B], latency_s={"a": 1000.0}, in_flight=8)
    works.run()
    works.assert_whole()
    pages_of_a = sum(name == "a" for _, name, _ in works.asked)
    assert 0 < works.draws <= 2 * pages_of_a + 5


@pytest.mark.parametrize("seconds", [0.5, 1.5, 2.5, 3.5, 4.5, 6.5])
def test_a_run_that_is_killed_goes_on_to_the_same_targets_and_rows(tmp_path: Path, seconds: float) -> None:
    works = Works(directory=tmp_path, plan=[A, B, C])
    works.run(stop_after_s=seconds)
    works.run()
    works.assert_whole()


@st.composite
def plans(draw: st.DrawFn) -> list[Planned]:
    """Draw harvests that each take their targets from the list or from an earlier one, in any order of the config."""
    made: list[Planned] = []
    for number in range(draw(st.integers(2, 5))):
        source = draw(st.sampled_from([None, *(item.name for item in made)])) if made else None
        item = Planned(
            name=f"h{number}",
            provider=draw(st.integers(0, 2)),
            source=source,
            per_task=draw(st.sampled_from([1, 1, 2, 4])),
        )
        made.append(item)
    return draw(st.permutations(made))


BUDGETS = st.lists(st.none() | st.integers(0, 30), min_size=3, max_size=3)


@settings(max_examples=60, deadline=None)
@given(plans(), BUDGETS, st.none() | st.floats(0.2, 12.0), st.none() | st.integers(1, 2), st.integers(1, 3))
def test_every_job_ends_and_the_next_run_completes_it(
    plan: list[Planned], budgets: list[int | None], stop_after_s: float | None, most_targets: int | None, in_flight: int
) -> None:
    with TemporaryDirectory() as directory:
        works = Works(directory=Path(directory), plan=plan, in_flight=in_flight)
        works.run(*budgets, stop_after_s=stop_after_s, most_targets=most_targets)
        if works.left() == 0:
            works.assert_whole()
        works.run()
        works.assert_whole()
