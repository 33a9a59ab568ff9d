"""Holds, bills and free units. Pure.

Money is never over because a hold is the *most* a request can cost and nothing leaves without one. What a lost
reply may have cost stays counted, as units in doubt, until the account says otherwise.
"""

from collections.abc import Iterable, Sequence

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
        limit_units = self.spent_units + self.in_doubt_units + self.held_units + free_units
        if self.limit_units is None or limit_units < self.limit_units:
            self.limit_units = limit_units


class Purse:
    """All ledgers that one lane's requests must fit into: the job's budget and the key's account."""

    def __init__(self, budget: Ledger, account: Ledger) -> None:
        self.budget = budget
        self.account = account

    @property
    def _ledgers(self) -> Sequence[Ledger]:
        return (self.budget, self.account)

    @property
    def free_units(self) -> int | None:
        """Units that a new hold may take now; None = no limit."""
        return _least(ledger.free_units for ledger in self._ledgers)

    @property
    def reachable_units(self) -> int | None:
        """Units that would be free if every open hold came back unspent; None = no limit."""
        return _least(ledger.reachable_units for ledger in self._ledgers)

    def fits(self, units: int) -> bool:
        """Whether a hold of `units` would be granted now."""
        return self.free_units is None or units <= self.free_units

    def hold(self, units: int) -> None:
        """Set `units` aside in every ledger, or in none. Raises OutOfUnits."""
        if not self.fits(units):
            raise OutOfUnits(f"{units} units asked, {self.free_units} free")
        for ledger in self._ledgers:
            ledger.hold(units)

    def settle(self, held_units: int, *, spent_units: int, in_doubt_units: int) -> None:
        """Replace a hold by what it cost."""
        for ledger in self._ledgers:
            ledger.settle(held_units, spent_units=spent_units, in_doubt_units=in_doubt_units)


def _least(limits: Iterable[int | None]) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)
