"""The libraries of the extra `insight`: imported when they are needed, and missed in one line."""

from importlib import import_module
from typing import Any

from harvester.errors import ConfigError


def needed(module: str) -> Any:
    """Return a module of the extra `insight`. Raises ConfigError if it is not installed."""
    try:
        return import_module(module)
    except ModuleNotFoundError as exc:
        library = (exc.name or module).partition(".")[0]
        raise ConfigError(
            f"this needs {library}, which is not installed: pip install '.[insight]' in the copy of harvester's source"
        ) from exc
