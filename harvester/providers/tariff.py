"""What requests cost: one formula for all providers, with the numbers in their tables."""

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """A price for each request, a price for each row, and the least that a request costs; all in units."""

    request_units: int = 0
    row_units: int = 0
    least_units: int = 0
    least_rows: int = 0  #: so many are billed where fewer come
    #: Under this name an account tells prices of its own: facts NAME.request and NAME.row. None = it does not.
    name: str | None = None

    def units(self, rows: int) -> int:
        """Return what a request with so many rows costs."""
        return max(self.least_units, self.request_units + self.row_units * max(rows, self.least_rows))

    def rows_within(self, units: int | None) -> int | None:
        """Return how many rows a request may have that costs at most `units`; None = any number, -1 = not even none."""
        if units is None:
            return None
        if units < self.units(0):
            return -1
        return (units - self.request_units) // self.row_units if self.row_units else None

    def known(self, facts: Mapping[str, int]) -> "Tariff":
        """Return the account's own prices, as far as it has told them."""
        if self.name is None:
            return self
        return replace(
            self,
            request_units=facts.get(f"{self.name}.request", self.request_units),
            row_units=facts.get(f"{self.name}.row", self.row_units),
        )
