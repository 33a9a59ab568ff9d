"""A parsed config file to a `JobConfig`, or to all of its faults at once.

Each table is read alone, so that what is wrong in one hides nothing in another; what concerns several tables is
checked on the tables as they were written.
"""

import os
import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from harvester.config.document import document_of
from harvester.config.faults import faults_of, harvest_table, key_shown, shown, unknown
from harvester.config.tables import HarvestTable, JobTable, OutputTable, ProviderTable
from harvester.config.values import JobConfig, ProviderConfig
from harvester.errors import ConfigError
from harvester.model import Harvest, Scope, TargetsFrom

_TABLES = ("job", "output", "providers", "harvest")
_FURTHER_KEYS = ("row_cap", "login", "balance_url", "token_in", "datasource")
_PROVIDER_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_NOT_OF_A_FILE = re.compile(r"[^A-Za-z0-9._-]+")
_HIDDEN = "(not shown)"

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(slots=True)
class _Reading:
    """One file being read: what its tables are read with, and what was wrong so far."""

    folder: Path
    providers: list[str]
    faults: list[str] = field(default_factory=list)

    def table(self, model: type[_Model], found: object, name: str, provider: str = "") -> _Model | None:
        """Return a table, or None after noting what is wrong with it."""
        if not isinstance(found, dict):
            self.faults.append(f"{name}: expected a table with this name")
            return None
        context = {"folder": self.folder, "provider": provider, "providers": self.providers}
        try:
            return model.model_validate(found, context=context)
        except ValidationError as exc:
            self.faults += faults_of(exc, model, name)
            return None


def load(path: Path) -> JobConfig:
    """Return what a config file asks for. Raises ConfigError with all that is wrong with it."""
    return job_of(document_of(path), path)


def job_of(document: Mapping[str, Any], path: Path) -> JobConfig:
    """Return what a parsed config file asks for. Raises ConfigError with all that is wrong with it."""
    sections = document.get("providers", {})
    known = list(sections) if isinstance(sections, dict) else []
    reading = _Reading(folder=Path(os.path.realpath(path.absolute().parent)), providers=known)
    reading.faults += [unknown(key, _TABLES) for key in document if key not in _TABLES]
    job = reading.table(JobTable, document.get("job"), "[job]")
    output = reading.table(OutputTable, document.get("output", {}), "[output]")
    providers = _providers(sections, reading)
    tables = _harvest_tables(document.get("harvest"), reading)
    if _lacks_targets(document):
        reading.faults.append("[job] targets: missing; expected a file or a list of files with the targets")
    if reading.faults or job is None or output is None:
        raise ConfigError([f"{path}: {fault}" for fault in reading.faults])
    return JobConfig(
        path=path,
        name=job.name,
        output=job.output or reading.folder / "out" / job.name,
        targets=job.targets,
        scope=job.scope,
        rows=output.rows,
        format=output.format,
        capture=output.capture,
        providers=providers,
        harvests=tuple(_harvest(table, job.scope) for table in tables),
        as_written=_without_logins(document),
    )


def default_name(provider: str, report: str) -> str:
    """Return the name of a harvest that has none, fit for a file name."""
    return f"{provider}.{_NOT_OF_A_FILE.sub('-', report)}".rstrip(".")


def _lacks_targets(document: Mapping[str, Any]) -> bool:
    """Say whether a harvest needs the job's targets and the job has none."""
    job, tables = document.get("job"), document.get("harvest")
    if not isinstance(job, dict) or "targets" in job or not isinstance(tables, list):
        return False
    # A harvest that others decide on needs no list of its own, and theirs if they do.
    return any(
        isinstance(table, dict)
        and not isinstance(table.get("sets"), list)
        and not {"targets_from", "only_if"} & set(table)
        for table in tables
    )


def _providers(sections: object, reading: _Reading) -> dict[str, ProviderConfig]:
    if not isinstance(sections, dict):
        reading.faults.append("[providers]: expected tables such as [providers.ahrefs]")
        return {}
    providers = {}
    for name, section in sections.items():
        title = f"[providers.{key_shown(name)}]"
        if not _PROVIDER_NAME.fullmatch(name):
            reading.faults.append(f"{title}: expected the name of a provider: letters, digits, _ and -")
        table = reading.table(ProviderTable, section, title, provider=name)
        if table is not None:
            providers[name] = _provider(name, table)
    return providers


def _provider(name: str, table: ProviderTable) -> ProviderConfig:
    further = {key: getattr(table, key) for key in _FURTHER_KEYS}
    return ProviderConfig(
        name=name,
        keys=table.key,
        base_url=table.base_url,
        rate=table.rate,
        in_flight=table.in_flight,
        budget=table.budget,
        keep=table.keep,
        timeout_s=table.timeout_s,
        settings={key: value for key, value in further.items() if value is not None},
    )


def _harvest_tables(found: object, reading: _Reading) -> list[HarvestTable]:
    if not isinstance(found, list) or not found:
        is_single = isinstance(found, dict)
        hint = "found [harvest], which needs two brackets" if is_single else "expected at least one such table"
        reading.faults.append(f"[[harvest]]: {hint}")
        return []
    titles = [harvest_table(number, _name_of(table)) for number, table in zip(count(1), found, strict=False)]
    tables = [reading.table(HarvestTable, table, title) for table, title in zip(found, titles, strict=True)]
    reading.faults += _same_names(found, titles)
    return [table for table in tables if table is not None]


def _name_of(table: object) -> object:
    """Return the name that a harvest has or gets; None if neither can be said."""
    if not isinstance(table, dict):
        return None
    provider, report = table.get("provider"), table.get("report")
    if "name" not in table and isinstance(provider, str) and isinstance(report, str):
        return default_name(provider, report)
    return table.get("name")


def _same_names(found: Iterable[object], titles: list[str]) -> list[str]:
    """Return a fault for each name that stands for two files, or for one where upper and lower case are the same."""
    first: dict[str, str] = {}
    faults = []
    for table, title in zip(found, titles, strict=True):
        name = _name_of(table)
        if not isinstance(name, str):
            continue
        if name.casefold() in first:
            faults.append(f"{title} name = {shown(name)}: expected another name than {first[name.casefold()]}")
        first.setdefault(name.casefold(), title)
    return faults


def _harvest(table: HarvestTable, scope: Scope) -> Harvest:
    return Harvest(
        name=table.name or default_name(table.provider, table.report),
        provider=table.provider,
        report=table.report,
        scope=table.scope or scope,
        since=None if table.since == "last" else table.since,
        until=table.until,
        max_rows=table.max_rows,
        page_size=table.page_size,
        fields=None if table.fields is None else tuple(table.fields),
        order_by=table.order_by,
        filter=table.filter.model_dump(exclude_unset=True) if table.filter else {},
        options=table.options,
        sets=table.sets,
        targets_from=TargetsFrom(**table.targets_from.model_dump()) if table.targets_from else None,
        only_if=table.only_if,
        is_since_last=table.since == "last",
    )


def _without_logins(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy without the names of accounts: they are not secret, but nobody else's business either."""
    copy = deepcopy(dict(document))
    for section in copy["providers"].values():
        if not str(section.get("login", "env:")).startswith(("env:", "file:")):
            section["login"] = _HIDDEN
    return copy
