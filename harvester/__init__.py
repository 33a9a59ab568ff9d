"""Bulk backlink harvesting: every row you paid for exactly once, never over rate or budget."""

from harvester.assembly import Outcome, RunOptions, harvest
from harvester.config import JobConfig, load
from harvester.errors import ConfigError, HarvestError, StorageError

__all__ = ["ConfigError", "HarvestError", "JobConfig", "Outcome", "RunOptions", "StorageError", "harvest", "load"]
