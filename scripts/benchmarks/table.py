"""A measured figure beside its goal, on a screen and in Markdown."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple


class Goal(NamedTuple):
    """What a figure has to reach."""

    sign: str  #: ">=", "<=" or "="
    value: float
    floor: float | None = None  #: what is reached even in a short run on a busy machine; None = the same

    def lowered(self) -> "Goal":
        """Return what has to be reached where figures are noisy."""
        return self if self.floor is None else Goal(self.sign, self.floor)

    def is_met(self, figure: float) -> bool:
        """Whether a figure reaches it."""
        return {">=": figure >= self.value, "<=": figure <= self.value, "=": figure == self.value}[self.sign]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a table."""

    about: str
    value: float
    unit: str = ""
    goal: Goal | None = None
    note: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the goal is reached, if there is one."""
        return self.goal is None or self.goal.is_met(self.value)

    def lowered(self) -> "Figure":
        """Return the same figure, held against its goal's floor."""
        return self if self.goal is None else replace(self, goal=self.goal.lowered())

    def cells(self) -> tuple[str, str, str, str]:
        """Return what is measured, how much, what was to be reached and whether it was, and a remark."""
        goal = "" if self.goal is None else f"{self.goal.sign} {shown(self.goal.value)}{' ✓' if self.is_met else ' ✗'}"
        return self.about, f"{shown(self.value)} {self.unit}".strip(), goal, self.note


def shown(value: float) -> str:
    """Return a number in as many digits as mean something."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def median(values: Iterable[float]) -> float:
    """Return the middle one of some values."""
    return statistics.median(values)


def markdown(rows: Sequence[Sequence[str]], head: Sequence[str]) -> str:
    """Return a table in Markdown, its columns aligned."""
    lines = [head, ["-" * len(cell) for cell in head], *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    filled = [
        [cell.ljust(width, "-" if number == 1 else " ") for cell, width in zip(line, widths, strict=True)]
        for number, line in enumerate(lines)
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in filled) + "\n"
