"""Bulk backlink harvesting: every row you paid for exactly once, never over rate or budget."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harvester.assembly.library import harvest
    from harvester.assembly.outcome import Outcome, RunOptions
    from harvester.config import JobConfig, load
    from harvester.errors import ConfigError, HarvestError, StorageError

__all__ = ["ConfigError", "HarvestError", "JobConfig", "Outcome", "RunOptions", "StorageError", "harvest", "load"]

#: Imported when they are asked for: each command would have to wait for all that a run needs.
_HOMES = {
    "ConfigError": "errors",
    "HarvestError": "errors",
    "JobConfig": "config",
    "Outcome": "assembly.outcome",
    "RunOptions": "assembly.outcome",
    "StorageError": "errors",
    "harvest": "assembly.library",
    "load": "config",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
