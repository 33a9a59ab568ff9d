"""The books against the account: what lost replies cost is settled at the end of a run, or at the next start."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from operations_kit import Harvested, HastyClock, Yard

from harvester.assembly.accounts import read_balance
from harvester.assembly.outcome import RunOptions
from harvester.assembly.status import read_status
from harvester.assembly.surroundings import SystemClock
from harvester.cli.summary import accounts_text
from harvester.display import amount
from harvester.engine.checkpoint import SqliteBooks
from harvester.engine.checkpoint.census import ProviderCount
from harvester.errors import StorageError, UnknownReply
from harvester.model import Balance
from harvester.providers import PROVIDERS
from harvester.sandbox.app import Sandbox, serving

TARGETS = [f"shop-{number}.example" for number in range(1, 16)]
HARVESTS = ({"report": "backlinks"}, {"report": "refdomains"})
#: Without its list of receipts, what DataForSEO charged is to be found by the account alone.
SWITCHES = {"ahrefs": ("ahrefs.cache=false",), "dataforseo": ("dataforseo.listing=never",)}


def yard_of(directory: Path, provider: str, *switches: str, faults: float = 0.15) -> Yard:
    further = (*SWITCHES.get(provider, ()), *(f"{provider}.{switch}" for switch in switches))
    today = datetime.now(UTC).date()
    yard = Yard(directory, provider, row_cap=100, seed=3, faults=faults, switches=further, today=today)
    yard.clock = HastyClock()
    return yard


def ours(left: Harvested, provider: str) -> ProviderCount:
    return left.outcome.census.providers[provider]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_at_the_end_nothing_is_in_doubt_and_the_books_are_the_accounts(tmp_path: Path, provider: str) -> None:
    left = yard_of(tmp_path, provider).harvest(*HARVESTS, targets=TARGETS)
    found, charged = ours(left, provider), left.account["units_charged"]
    assert left.account["faults"] > 3
    assert (found.tally.units_spent, found.tally.units_in_doubt, found.charged) == (charged, 0, charged)
    assert accounts_text(read_status(left.directory)) == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_account_that_shows_charges_late_is_waited_for(tmp_path: Path, provider: str) -> None:
    left = yard_of(tmp_path, provider, "balance_lag_s=7").harvest(*HARVESTS, targets=TARGETS)
    found, charged = ours(left, provider), left.account["units_charged"]
    assert (found.tally.units_spent, found.tally.units_in_doubt, found.charged) == (charged, 0, charged)


def test_an_account_that_shows_charges_too_late_settles_nothing_and_is_named(tmp_path: Path) -> None:
    left = yard_of(tmp_path, "serpstat", "balance_lag_s=3000").harvest(*HARVESTS, targets=TARGETS)
    found = ours(left, "serpstat")
    assert found.tally.units_in_doubt > 0
    assert found.tally.units_spent + found.tally.units_in_doubt >= left.account["units_charged"]
    (said,) = accounts_text(read_status(left.directory))
    assert said.startswith(f"serpstat: the account shows {found.tally.units_spent:,} credits less than was billed: ")


def with_others(yard: Yard) -> tuple[Harvested, int]:
    """Run a job in two parts, between which another program uses the account; return what that was charged too."""
    other = Yard(yard.directory / "other", yard.provider)
    other.clock = yard.clock

    async def go() -> tuple[Harvested, int]:
        async with serving(yard.options, yard.clock.monotonic_s) as sandbox:
            yard.run = RunOptions(max_targets=3)
            before = await yard.harvest_at(sandbox, HARVESTS, TARGETS)
            between = await other.harvest_at(sandbox, HARVESTS, TARGETS)
            yard.run = RunOptions()
            left = await yard.harvest_at(sandbox, HARVESTS, TARGETS)
            return left, between.account["units_charged"] - before.account["units_charged"]

    return asyncio.run(go())


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_others_spend_is_told_and_not_taken_for_ours(tmp_path: Path, provider: str) -> None:
    left, others = with_others(yard_of(tmp_path, provider, faults=0.0))
    found, charged = ours(left, provider), left.account["units_charged"]
    assert others > 0
    assert (found.tally.units_spent, found.tally.units_in_doubt) == (charged - others, 0)
    assert found.charged == charged
    (said,) = accounts_text(read_status(left.directory))
    assert said.startswith(f"{provider}: the account was charged {amount(others, PROVIDERS[provider].unit)} more")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_others_spend_leaves_what_is_in_doubt_as_the_most_it_can_be(tmp_path: Path, provider: str) -> None:
    left, others = with_others(yard_of(tmp_path, provider))
    found = ours(left, provider)
    assert found.tally.units_in_doubt == 0
    assert found.tally.units_spent >= left.account["units_charged"] - others


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_next_round_is_charged_its_own_requests_only_even_if_the_account_shows_the_last_ones_late(
    tmp_path: Path, provider: str
) -> None:
    yard = yard_of(tmp_path, provider, "balance_lag_s=7", faults=0.0)
    yard.run = RunOptions(again=True)

    async def go() -> tuple[Harvested, Harvested]:
        async with serving(yard.options, yard.clock.monotonic_s) as sandbox:
            first = await yard.harvest_at(sandbox, HARVESTS, TARGETS)
            await yard.harvest_at(sandbox, HARVESTS, TARGETS)
            await yard.clock.sleep_s(10)
            yard.run = RunOptions()  # nothing is left to ask, but the account shows all of it now
            return first, await yard.harvest_at(sandbox, HARVESTS, TARGETS)

    first, second = asyncio.run(go())
    begun, found = ours(first, provider), ours(second, provider)
    both = second.account["units_charged"]
    assert (found.tally.units_spent, found.charged) == (both - begun.tally.units_spent,) * 2
    assert found.tally.units_spent > 0
    assert read_status(second.directory).round == 2
    assert accounts_text(read_status(second.directory)) == []


class LaterClock(SystemClock):
    """Another clock, some seconds on."""

    def __init__(self, clock: SystemClock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds

    def monotonic_s(self) -> float:
        return self._clock.monotonic_s() + self._seconds


async def opened(yard: Yard, sandbox: Sandbox, waited_s: float) -> Harvested:
    """Start a job so many seconds later, and stop it before it sends anything."""
    later = Yard(yard.directory, yard.provider)
    later.clock = LaterClock(yard.clock, waited_s)
    later.stop = asyncio.Event()
    later.stop.set()
    left = await later.harvest_at(sandbox, HARVESTS, TARGETS)
    assert left.outcome.is_interrupted
    return left


async def until_asked(sandbox: Sandbox, provider: str, requests: int) -> None:
    """Wait until so many requests have arrived."""
    while sandbox.account()[provider]["keys"][sandbox.keys[provider]]["requests"] < requests:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.002)


def test_a_receipt_settles_at_the_start_what_a_crash_left_open(tmp_path: Path) -> None:
    yard = Yard(tmp_path, "dataforseo", latency_ms=30, today=datetime.now(UTC).date())

    async def go() -> Harvested:
        async with serving(yard.options, yard.clock.monotonic_s) as sandbox:
            working = asyncio.create_task(yard.harvest_at(sandbox, HARVESTS, TARGETS))
            await until_asked(sandbox, "dataforseo", 6)
            working.cancel()  # what is open stays on hold, as after a crash
            with suppress(asyncio.CancelledError):
                await working
            return await opened(yard, sandbox, 0.0)

    left = asyncio.run(go())
    # A hold whose request never left is in no list; the account settles it at the end.
    assert ours(left, "dataforseo").tally.units_spent == left.account["units_charged"] > 0


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_start_settles_what_is_old_enough(tmp_path: Path, provider: str) -> None:
    yard = yard_of(tmp_path, provider, faults=0.5)
    yard.section = {"in_flight": 1}

    async def go() -> list[Harvested]:
        yard.stop = stop = asyncio.Event()
        async with serving(yard.options, yard.clock.monotonic_s) as sandbox:
            working = asyncio.create_task(yard.harvest_at(sandbox, HARVESTS, TARGETS))
            await until_asked(sandbox, provider, 20)
            stop.set()
            await working
            return [await opened(yard, sandbox, waited_s) for waited_s in (0.0, 16.0)]

    at_once, later = asyncio.run(go())
    assert ours(at_once, provider).tally.units_in_doubt > 0
    charged = later.account["units_charged"]
    found = ours(later, provider)
    assert (found.tally.units_spent, found.tally.units_in_doubt, found.charged) == (charged, 0, charged)


def test_a_disk_that_fails_while_the_books_are_settled_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StorageError("the checkpoint cannot be written")

    yard = yard_of(tmp_path, "serpstat")
    yard.run = RunOptions(max_targets=3)
    yard.harvest(*HARVESTS, targets=TARGETS)
    monkeypatch.setattr(SqliteBooks, "believe", fail)
    with pytest.raises(StorageError):
        yard.harvest(*HARVESTS, targets=TARGETS)


def test_an_account_that_tells_nothing_at_the_end_leaves_what_is_in_doubt_for_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = []

    async def once(*about: Any) -> Balance | None:
        asked.append(about)
        if len(asked) > 1:
            raise UnknownReply("out of order")
        return await read_balance(*about)

    monkeypatch.setattr("harvester.assembly.reconciliation.read_balance", once)
    left = yard_of(tmp_path, "serpstat").harvest(*HARVESTS, targets=TARGETS)
    assert left.outcome.exit_code == 0
    assert ours(left, "serpstat").tally.units_in_doubt > 0
    assert "serpstat: what was charged cannot be read from the account: out of order" in caplog.text
