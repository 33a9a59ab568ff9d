"""Holds, bills and free units. Pure.

Money is never over because a hold is the *most* a request can cost and nothing leaves without one. What a lost
reply may have cost stays counted, as units in doubt, until the account says otherwise.
"""

from harvester.engine.ports import Reading, Settlement
from harvester.errors import OutOfUnits


class Ledger:
    """One limit on units, and what has been taken from it."""

    def __init__(self, limit_units: int | None, *, spent_units: int = 0, in_doubt_units: int = 0) -> None:
        self.limit_units = limit_units  #: None = no limit
        self.spent_units = spent_units
        self.in_doubt_units = in_doubt_units
        self.held_units = 0

    @property
    def free_units(self) -> int | None:
        """Units that a new hold may take now; None = no limit."""
        if self.limit_units is None:
            return None
        return max(0, self.limit_units - self.spent_units - self.in_doubt_units - self.held_units)

    @property
    def reachable_units(self) -> int | None:
        """Units that would be free if every open hold came back unspent; None = no limit."""
        if self.limit_units is None:
            return None
        return max(0, self.limit_units - self.spent_units - self.in_doubt_units)

    def hold(self, units: int) -> None:
        """Set `units` aside. Raises OutOfUnits."""
        if self.free_units is not None and units > self.free_units:
            raise OutOfUnits(f"{units} units asked, {self.free_units} free")
        self.held_units += units

    def settle(self, held_units: int, *, spent_units: int, in_doubt_units: int) -> None:
        """Replace a hold by what it cost."""
        self.held_units -= held_units
        self.spent_units += spent_units
        self.in_doubt_units += in_doubt_units

    def lower(self, free_units: int) -> None:
        """Believe an account that says only `free_units` are left; a limit is never raised by this."""
        limit_units = self._limit(free_units)
        if self.limit_units is None or limit_units < self.limit_units:
            self.limit_units = limit_units

    def renew(self, free_units: int | None) -> None:
        """Believe an account that says what is left when nothing is open, be it less or more; None = no limit."""
        self.limit_units = None if free_units is None else self._limit(free_units)

    def _limit(self, free_units: int) -> int:
        return self.spent_units + self.in_doubt_units + self.held_units + free_units


class Purse:
    """All ledgers that one lane's requests must fit into: the job's budget and the key's account."""

    def __init__(self, budget: Ledger, account: Ledger) -> None:
        self.budget = budget
        self.account = account

    @property
    def free_units(self) -> int | None:
        """Units that a new hold may take now; None = no limit."""
        return _lesser(self.budget.free_units, self.account.free_units)

    @property
    def reachable_units(self) -> int | None:
        """Units that would be free if every open hold came back unspent; None = no limit."""
        return _lesser(self.budget.reachable_units, self.account.reachable_units)

    def fits(self, units: int) -> bool:
        """Whether a hold of `units` would be granted now."""
        free_units = self.free_units
        return free_units is None or units <= free_units

    def hold(self, units: int) -> None:
        """Set `units` aside in both ledgers, or in none. Raises OutOfUnits."""
        if not self.fits(units):
            raise OutOfUnits(f"{units} units asked, {self.free_units} free")
        self.budget.hold(units)
        self.account.hold(units)

    def settle(self, held_units: int, *, spent_units: int, in_doubt_units: int) -> None:
        """Replace a hold by what it cost."""
        for ledger in (self.budget, self.account):
            ledger.settle(held_units, spent_units=spent_units, in_doubt_units=in_doubt_units)


def settlement_of(before: Reading | None, now: Reading, doubt_units: int) -> Settlement:
    """Hold what an account says was charged since it was last believed against our books.

    `doubt_units` came into doubt between the two readings. What the account has charged beyond our bills is what they
    cost, or what others spent who use it too: so it bounds what they cost, and frees the rest. An account that has
    charged less than our bills was filled up or began another period meanwhile, or shows its charges late, and tells
    nothing of what is in doubt.
    """
    if before is None:
        return Settlement(now.spent_units, 0, 0)
    billed_units = now.spent_units - before.spent_units
    if now.period != before.period:
        return Settlement(billed_units, 0, 0)
    charged_units = now.used_units - before.used_units
    if charged_units < billed_units:
        return Settlement(max(0, charged_units), 0, 0)
    return Settlement(charged_units, min(doubt_units, charged_units - billed_units), doubt_units)


def _lesser(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
