"""The list of targets into the checkpoint."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_kit import checkpoint_in, take_names
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.engine.checkpoint import Intake, RejectedLine, SqliteCheckpoint, TargetLine, rejected_lines, take_in
from harvester.engine.checkpoint.intake import BLOCK_LINES
from harvester.errors import ConfigError


def names(checkpoint: SqliteCheckpoint, scope: str = "subdomains") -> list[str]:
    """Return the targets in the order in which they are drawn."""
    found = checkpoint.db.execute("SELECT name FROM targets WHERE scope = ? ORDER BY id", (scope,))
    return [name for (name,) in found]


@settings(max_examples=30)
@given(lines=st.lists(st.sampled_from(["a.com", "b.com", "c.com", "d.com", "e.com"])), further=st.lists(st.text("xyz")))
def test_names_keep_the_order_in_which_they_were_first_listed(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], further: list[str]
) -> None:
    with checkpoint_in(tmp_path_factory.mktemp("intake")) as checkpoint:
        take_names(checkpoint.db, *lines)
        assert names(checkpoint) == list(dict.fromkeys(lines))
        take_names(checkpoint.db, *further, *lines)  # a list may grow anywhere; what is known stays where it was
        assert names(checkpoint) == list(dict.fromkeys(lines + further))


def test_a_list_longer_than_a_block_keeps_its_order_in_every_scope(tmp_path: Path) -> None:
    lines = [TargetLine([f"{number}.com", f"www.{number}.com"], None) for number in range(BLOCK_LINES + 2)]
    bad = [RejectedLine("list.txt", number, "???", "not a host") for number in range(3)]
    with checkpoint_in(tmp_path) as checkpoint:
        whole: list[TargetLine | RejectedLine] = [*bad[:2], *lines, *lines[:3], bad[2]]
        intake = take_in(checkpoint.db, ["subdomains", "host"], iter(whole), may_lack=False)
        assert intake == Intake(lines=BLOCK_LINES + 5, rejected=3)
        assert names(checkpoint) == [line.names[0] for line in lines]
        assert names(checkpoint, "host") == [line.names[1] for line in lines]


def test_a_long_list_is_never_held_in_memory_as_a_whole(tmp_path: Path) -> None:
    taken_in: list[int] = []

    def lines() -> Iterator[TargetLine]:
        for number in range(BLOCK_LINES + 1):
            taken_in[:] = [len(names(checkpoint))] if number == BLOCK_LINES else []
            yield TargetLine([f"{number}.com"], None)

    with checkpoint_in(tmp_path) as checkpoint:
        take_in(checkpoint.db, ["subdomains"], lines(), may_lack=False)
    assert taken_in == [BLOCK_LINES]


def test_lines_that_are_one_target_in_one_scope_may_be_two_in_another(tmp_path: Path) -> None:
    lines = [
        TargetLine(["a.com", "www.a.com"], {"client": "first"}),
        TargetLine(["a.com", "shop.a.com"], {"client": "x"}),
    ]
    with checkpoint_in(tmp_path) as checkpoint:
        take_in(checkpoint.db, ["subdomains", "host"], lines, may_lack=False)
        assert names(checkpoint) == ["a.com"]
        assert names(checkpoint, "host") == ["www.a.com", "shop.a.com"]
        checkpoint.begin([("links", "subdomains", 1)], [])
        assert checkpoint.draw("links", 1)[0].labels == {"a.com": {"client": "first"}}


def test_a_list_that_lacks_known_names_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    bad = RejectedLine("list.txt", 7, "???", "not a host")
    with checkpoint_in(tmp_path) as checkpoint:
        take_in(
            checkpoint.db, ["subdomains"], [bad, *(TargetLine([f"{n}.com"], None) for n in range(6))], may_lack=False
        )
        with pytest.raises(ConfigError, match=r"^4 targets of this job .*\(0\.com, 1\.com, 2\.com, \.\.\.\)"):
            take_names(checkpoint.db, "new.com", "3.com", "5.com")
        with pytest.raises(ConfigError, match=r"^1 targets of this job .*\(2\.com\): a job's list may only grow\. Put"):
            take_names(checkpoint.db, *(f"{n}.com" for n in range(6) if n != 2))
        assert names(checkpoint) == [f"{n}.com" for n in range(6)]
        assert rejected_lines(checkpoint.db, 9) == [bad]
        take_names(checkpoint.db, *(f"{n}.com" for n in range(7)))
        assert len(names(checkpoint)) == 7


def test_a_name_that_is_missing_in_several_scopes_is_counted_once(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        take_in(checkpoint.db, ["subdomains", "host"], [TargetLine(["a.com", "a.com"], None)], may_lack=False)
        with pytest.raises(ConfigError, match=r"^1 targets"):
            take_in(checkpoint.db, ["subdomains", "host"], [], may_lack=False)


def test_a_list_that_came_through_a_pipe_may_be_empty_or_other_the_next_time(tmp_path: Path) -> None:
    bad = [RejectedLine("-", 1, "???", "not a host"), RejectedLine("-", 1, "!!!", "not a host")]
    with checkpoint_in(tmp_path) as checkpoint:
        take_in(checkpoint.db, ["subdomains"], [TargetLine(["a.com"], None), bad[0]], may_lack=False)
        assert take_in(checkpoint.db, ["subdomains"], [], may_lack=True) == Intake(0, 0)
        assert (names(checkpoint), rejected_lines(checkpoint.db, 9)) == (["a.com"], bad[:1])
        again: list[TargetLine | RejectedLine] = [TargetLine(["b.com"], None), *bad]
        assert take_in(checkpoint.db, ["subdomains"], again, may_lack=True) == Intake(1, 2)
        assert (names(checkpoint), rejected_lines(checkpoint.db, 9)) == (["a.com", "b.com"], bad)


def test_what_came_through_a_pipe_is_missed_in_a_list_that_is_read_again(tmp_path: Path) -> None:
    with checkpoint_in(tmp_path) as checkpoint:
        take_names(checkpoint.db, "a.com")
        take_names(checkpoint.db, "b.com", may_lack=True)
        with pytest.raises(ConfigError, match=r"^1 targets of this job .*\(b\.com\)"):
            take_names(checkpoint.db, "a.com")


def test_lines_that_are_no_targets_are_listed_in_order_and_anew_for_each_reading(tmp_path: Path) -> None:
    bad = [RejectedLine("list.txt", number, "?", "not a host") for number in (2, 5, 9)]
    with checkpoint_in(tmp_path) as checkpoint:
        assert take_in(checkpoint.db, ["subdomains"], bad, may_lack=False) == Intake(lines=0, rejected=3)
        assert rejected_lines(checkpoint.db, 2) == bad[:2]
        take_in(checkpoint.db, ["subdomains"], bad[1:], may_lack=False)
        assert rejected_lines(checkpoint.db, 9) == bad[1:]


def test_a_list_that_cannot_be_read_to_its_end_leaves_nothing(tmp_path: Path) -> None:
    def lines() -> Iterator[TargetLine]:
        for number in range(BLOCK_LINES + 1):
            yield TargetLine([f"{number}.com"], None)
        raise ConfigError("list.txt: not UTF-8")

    with checkpoint_in(tmp_path) as checkpoint:
        with pytest.raises(ConfigError, match="not UTF-8"):
            take_in(checkpoint.db, ["subdomains"], lines(), may_lack=False)
        assert names(checkpoint) == []
