"""A config file, with what the command line changes in it."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harvester.config import JobConfig, document_of, job_of
from harvester.errors import ConfigError

#: Units, or an amount of money; which of them a provider takes is the config's business.
_AMOUNT = re.compile(r"([0-9]{1,18})|[0-9]{1,12}(\.[0-9]{1,6})? *USD")


def load_config(path: Path, *, output: Path | None = None, budgets: Sequence[str] = ()) -> JobConfig:
    """Return a config with what the command line changes in it. Raises ConfigError."""
    document = document_of(path)
    faults = [fault for text in budgets for fault in _set_budget(document.get("providers"), text)]
    if faults:
        raise ConfigError(faults)
    config = job_of(document, path)
    return config if output is None else replace(config, output=output.absolute())


def _set_budget(sections: Any, text: str) -> list[str]:
    """Set a provider's budget in a parsed config; return what is wrong with the text."""
    name, _, amount = (part.strip() for part in text.partition("="))
    match = _AMOUNT.fullmatch(amount)
    if match is None:
        return [f'--budget {text}: expected PROVIDER=N, such as ahrefs=50000 (dataforseo also takes "25.00 USD")']
    section = sections.get(name) if isinstance(sections, dict) else None
    if not isinstance(section, dict):
        return [f"--budget {text}: the config has no [providers.{name}]"]
    section["budget"] = int(amount) if match[1] else amount
    return []
