"""Rows of a report with their columns: a column is computed once, a single value without its column."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

R = TypeVar("R")
Order = tuple[tuple[str, bool], ...]  #: columns, the first counts most; True = descending


class Table(Generic[R]):
    """Rows in an order that says nothing, which also decides between equals when they are sorted."""

    def __init__(self, rows: Sequence[R], values: Mapping[str, Callable[[R], Any]]) -> None:
        self.rows = rows
        self._values = values
        self._columns: dict[str, Sequence[Any]] = {}
        self._orders: dict[Order, Sequence[int]] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> Sequence[Any]:
        """Return the values of all rows."""
        if name not in self._columns:
            value = self._values[name]
            self._columns[name] = [value(row) for row in self.rows]
        return self._columns[name]

    def add(self, name: str, column: Sequence[Any]) -> None:
        """Add a column that does not follow from each row alone."""
        self._columns[name] = column

    def order(self, by: Order) -> Sequence[int]:
        """Return the numbers of the rows in this order; null comes last in either direction."""
        if by not in self._orders:
            self._orders[by] = self.sorted(range(len(self.rows)), by)
        return self._orders[by]

    def sorted(self, rows: Iterable[int], by: Order) -> list[int]:
        """Return these rows in this order; equals stay as they come."""
        numbers = list(rows)
        for name, is_descending in reversed(by):
            column = self.column(name)
            known = [number for number in numbers if column[number] is not None]
            unknown = [number for number in numbers if column[number] is None]
            known.sort(key=column.__getitem__, reverse=is_descending)
            numbers = known + unknown
        return numbers

    def pick(self, row: int, names: Sequence[str]) -> dict[str, Any]:
        """Return one row as an object."""
        columns, values, data = self._columns, self._values, self.rows[row]
        return {name: columns[name][row] if name in columns else values[name](data) for name in names}
