"""When a key's gate may begin at once: only if nobody can have sent anything with it for a window."""

import itertools
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harvester.assembly.accounts import Gated, read_balance
from harvester.assembly.keys import gate_of
from harvester.config import ProviderConfig
from harvester.engine.gate import Gate
from harvester.job import Account
from harvester.locks import key_lock
from harvester.model import RateRule, Reply, Request
from harvester.providers import PROVIDERS
from harvester.testing import EPOCH, FakeTransport, LoopClock, reply, run_in_virtual_time

MINUTE = RateRule(calls=60, window_s=60.0)
SECOND = RateRule(calls=1, window_s=1.0)
UP_S = 10_000.0  #: for how long the machine has been up


@dataclass
class MachineClock(LoopClock):
    """A clock whose wall can be set, on a machine that has been up for a while."""

    wall_s: float = 0.0  #: by how much the wall clock was set forward

    def utc(self) -> datetime:
        return EPOCH.astimezone(UTC) + timedelta(seconds=self.wall_s)

    def monotonic_s(self) -> float:
        return UP_S + super().monotonic_s()


def begins_at_once(
    folder: Path, *, left_s: float | None, last_s: float | None, wall_s: float = 0.0, rule: RateRule | None = MINUTE
) -> bool:
    """Return whether a gate lets its first request leave at once.

    `left_s`: how long ago the key's file says that a request left; `last_s`: how long ago the job's state says so.
    """

    async def story() -> bool:
        clock = MachineClock(wall_s=wall_s)
        with key_lock(folder / "key.lock", "before") as trail:
            if left_s is not None:
                trail.left(UP_S - left_s, 0.0)
        with key_lock(folder / "key.lock", "now") as trail:
            gate = gate_of(rule, clock, trail, None if last_s is None else EPOCH.timestamp() - last_s)
            async with gate.passage():
                return clock.monotonic_s() - UP_S < 0.01

    return run_in_virtual_time(story())


@pytest.mark.parametrize(
    ("left_s", "last_s", "is_at_once"),
    [
        (None, None, True),  # nobody has ever sent anything
        (70.0, 70.0, True),
        (70.0, None, True),  # another job, long ago
        (10.0, None, False),  # another job, just now
        (62.0, 62.0, False),  # it may have arrived a little later than it left
        (10.0, 70.0, False),
        (70.0, 10.0, False),
        (None, 70.0, False),  # the wall clock alone is not believed
        (-50.0, 70.0, True),  # the machine was started anew since, and has been up for longer than a window
    ],
)
def test_a_gate_begins_at_once_only_if_all_that_is_known_says_that_a_window_is_over(
    tmp_path: Path, left_s: float | None, last_s: float | None, is_at_once: bool
) -> None:
    assert begins_at_once(tmp_path, left_s=left_s, last_s=last_s) is is_at_once


@pytest.mark.parametrize("wall_s", [-1e9, -86_400.0, -60.0, 60.0, 86_400.0, 1e9])
@pytest.mark.parametrize("left_s", [0.5, 30.0, None])
def test_a_wall_clock_that_jumps_never_makes_a_gate_fresh_that_is_not(
    tmp_path: Path, left_s: float | None, wall_s: float
) -> None:
    assert not begins_at_once(tmp_path, left_s=left_s, last_s=left_s or 30.0, wall_s=wall_s)


def test_a_machine_that_was_just_started_is_not_believed_to_be_fresh(tmp_path: Path) -> None:
    async def story() -> float:
        clock = LoopClock()  # up for no time at all
        with key_lock(tmp_path / "key.lock", "before") as trail:
            trail.left(86_400.0, 0.0)
            gate = gate_of(MINUTE, clock, trail, EPOCH.timestamp() - 1e6)
            async with gate.passage():
                return clock.monotonic_s()

    assert run_in_virtual_time(story()) > 1.0


def test_what_has_no_limit_need_not_wait(tmp_path: Path) -> None:
    assert begins_at_once(tmp_path, left_s=0.0, last_s=0.0, rule=None)


# Questions that are no task's


def test_each_question_for_a_balance_waits_for_the_gate(tmp_path: Path) -> None:
    """Also those that follow a refusal, and what is asked for after them."""
    answers = [reply(b"slow down", status=429)] * 2 + [
        reply({"limits_and_usage": {"units_limit_workspace": 7, "units_usage_workspace": 0}})
    ]

    async def answer(_: Request) -> Reply:
        return answers.pop(0)

    async def story() -> list[float]:
        transport, clock = FakeTransport(answer), LoopClock()
        gate = Gate(SECOND, clock, is_fresh=True)
        provider = replace(PROVIDERS["ahrefs"], rate=RateRule(calls=100, window_s=10.0))  # it would ask again too soon
        account = Account(provider=provider, config=ProviderConfig(name="ahrefs", keys=("env:K",)))
        balance = await read_balance(account, Gated(gate, transport), clock)
        assert balance is not None
        assert balance.units_left == 7
        async with gate.passage():
            return [*(at_s for at_s, _ in transport.sent), clock.monotonic_s()]

    asked_s = run_in_virtual_time(story())
    assert len(asked_s) == 4
    assert all(later - earlier >= 1.0 for earlier, later in itertools.pairwise(asked_s))
