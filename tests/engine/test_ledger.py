"""The promise "money": spent, in doubt and held together never pass a limit."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from harvester.engine.ledger import Ledger, Purse
from harvester.errors import OutOfUnits

UNITS = st.integers(0, 60)
LIMIT = st.none() | st.integers(0, 200)


def taken_units(ledger: Ledger) -> int:
    return ledger.spent_units + ledger.in_doubt_units + ledger.held_units


def state_of(ledger: Ledger) -> tuple[int | None, int, int, int]:
    return ledger.limit_units, ledger.spent_units, ledger.in_doubt_units, ledger.held_units


class TwoLanesOnOneBudget(RuleBasedStateMachine):
    """Two keys with an account each and a common budget: every bill is at most its hold."""

    holds: Bundle[tuple[int, int]] = Bundle("holds")

    def __init__(self) -> None:
        super().__init__()
        self.budget = Ledger(150, spent_units=20, in_doubt_units=10)
        self.purses = [Purse(self.budget, Ledger(limit)) for limit in (100, None)]
        self.cost_units = 30  #: what all bills come to, by a count of our own
        self.held_units = [0, 0]

    @rule(target=holds, lane=st.integers(0, 1), units=UNITS)
    def hold(self, lane: int, units: int) -> tuple[int, int]:
        purse = self.purses[lane]
        free_units = purse.free_units
        assert free_units is not None
        before = [state_of(purse.budget), state_of(purse.account)]
        assert purse.fits(units) == (units <= free_units)
        try:
            purse.hold(units)
        except OutOfUnits:
            assert units > free_units
            assert [state_of(purse.budget), state_of(purse.account)] == before, "all ledgers or none"
            return lane, 0
        assert units <= free_units
        self.held_units[lane] += units
        return lane, units

    @rule(hold=consumes(holds), share=st.floats(0.0, 1.0), is_in_doubt=st.booleans())
    def bill(self, hold: tuple[int, int], share: float, is_in_doubt: bool) -> None:
        lane, held_units = hold
        if is_in_doubt:
            spent_units, in_doubt_units = 0, held_units
        else:
            spent_units, in_doubt_units = int(share * held_units), 0
        self.purses[lane].settle(held_units, spent_units=spent_units, in_doubt_units=in_doubt_units)
        self.cost_units += spent_units + in_doubt_units
        self.held_units[lane] -= held_units

    @rule(lane=st.integers(0, 1), units=UNITS)
    def an_account_says_what_is_left(self, lane: int, units: int) -> None:
        account = self.purses[lane].account
        before_units, before_limit = account.free_units, account.limit_units
        account.lower(units)
        assert account.limit_units is not None
        assert before_limit is None or account.limit_units <= before_limit, "a limit is never raised"
        assert account.free_units == (units if before_units is None else min(units, before_units))

    @invariant()
    def nothing_is_over_its_limit(self) -> None:
        for ledger in (self.budget, *(purse.account for purse in self.purses)):
            assert ledger.limit_units is None or taken_units(ledger) <= ledger.limit_units
            assert ledger.held_units >= 0

    @invariant()
    def the_budget_counts_what_both_lanes_did(self) -> None:
        assert self.budget.spent_units + self.budget.in_doubt_units == self.cost_units
        assert self.budget.held_units == sum(self.held_units)
        for purse, held_units in zip(self.purses, self.held_units, strict=True):
            assert purse.account.held_units == held_units

    @invariant()
    def what_is_reachable_is_what_is_free_and_held(self) -> None:
        assert self.budget.reachable_units == (self.budget.free_units or 0) + self.budget.held_units


TestTwoLanesOnOneBudget = TwoLanesOnOneBudget.TestCase
TestTwoLanesOnOneBudget.settings = settings(max_examples=40, deadline=None)


def test_without_a_limit_everything_is_granted() -> None:
    ledger = Ledger(None)
    ledger.hold(10**12)
    assert (ledger.free_units, ledger.reachable_units, ledger.held_units) == (None, None, 10**12)
    purse = Purse(ledger, Ledger(None))
    assert purse.fits(10**15)
    assert (purse.free_units, purse.reachable_units) == (None, None)


def test_a_hold_that_is_refused_says_what_is_free() -> None:
    with pytest.raises(OutOfUnits, match="51 units asked, 50 free"):
        Ledger(100, spent_units=50).hold(51)
    with pytest.raises(OutOfUnits, match="31 units asked, 30 free"):
        Purse(Ledger(50, in_doubt_units=20), Ledger(100)).hold(31)


@pytest.mark.parametrize(("budget", "account", "free"), [(10, None, 10), (None, 20, 20), (10, 20, 10), (20, 10, 10)])
def test_a_purse_has_what_its_poorest_ledger_has(budget: int | None, account: int | None, free: int) -> None:
    purse = Purse(Ledger(budget), Ledger(account))
    purse.hold(4)
    assert (purse.free_units, purse.reachable_units) == (free - 4, free)


def test_a_bill_beyond_its_hold_leaves_nothing_and_never_less() -> None:
    ledger = Ledger(100)
    ledger.hold(100)
    ledger.settle(100, spent_units=130, in_doubt_units=0)
    assert (ledger.free_units, ledger.reachable_units) == (0, 0)


def test_what_a_lost_reply_may_have_cost_stays_counted() -> None:
    ledger = Ledger(100)
    ledger.hold(30)
    ledger.settle(30, spent_units=0, in_doubt_units=30)
    assert (ledger.in_doubt_units, ledger.free_units) == (30, 70)


@given(limit=LIMIT, said=st.lists(UNITS, max_size=5))
def test_an_account_is_believed_only_when_it_says_less(limit: int | None, said: list[int]) -> None:
    ledger = Ledger(limit, spent_units=5)
    before = ledger.free_units
    for units in said:
        ledger.lower(units)
    assert ledger.free_units == (min([*said, *([] if before is None else [before])]) if said else before)
