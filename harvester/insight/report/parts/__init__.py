"""The parts of the page, in its order."""

from collections.abc import Callable, Sequence

from harvester.insight.report.parts import (
    anchors,
    broken,
    gained,
    gap,
    growth,
    health,
    kinds,
    losses,
    overlap,
    scores,
    whole,
)
from harvester.insight.report.values import Found, Section

#: Each turns all answers into its section.
PARTS: Sequence[Callable[[Found], Section]] = (
    gap.section,
    losses.section,
    broken.section,
    gained.section,
    growth.section,
    overlap.section,
    scores.section,
    kinds.section,
    anchors.section,
    whole.section,
    health.section,
)
