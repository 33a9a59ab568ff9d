"""Harvests that take their targets from the rows of another one."""

from harvester.stages.checking import stages_of
from harvester.stages.stage import Stage

__all__ = ["Stage", "stages_of"]
