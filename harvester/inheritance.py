"""What a round takes over from those before it: the day that `since = "last"` means, and what was learnt of the keys.

Nothing of the money is taken over. A round has its own budget, and what is in doubt stays in the round that asked: the
first reading of an account in a new round is where its count begins.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from harvester.codec import dump, parse
from harvester.condition import condition_of
from harvester.config import JobConfig
from harvester.engine.checkpoint import has_state, open_to_look, reading, transaction
from harvester.engine.ports import State
from harvester.errors import ConfigError, StorageError
from harvester.job import Job, compile_job
from harvester.rounds import RoundState, archives, is_finished, state_of
from harvester.since_last import Last, Lasts, lasts_of


def with_lasts(job: Job, lasts: Lasts) -> JobConfig:
    """Return a job's config in which each `since = "last"` is the day that it means."""
    none = Last(None)
    harvests = tuple(
        replace(written, since=lasts.get(item.harvest.name, none).day) if written.is_since_last else written
        for written, item in zip(job.config.harvests, job.harvests, strict=True)
    )
    return replace(job.config, harvests=harvests)


def lasts_for(job: Job, directory: Path) -> Lasts:
    """Return what `since = "last"` means in a round that begins now. Raises ConfigError."""
    return _lasts(job, _earlier(directory))


def next_round(job: Job) -> tuple[Job, Lasts]:
    """Return the job as the next `harvester run --again` would do it, and what `since = "last"` means in it.

    Nothing is changed on disk. Raises ConfigError.
    """
    directory = job.config.output
    present = state_of(directory, 0) if has_state(directory) else None
    if present is not None and not is_finished(present.census):
        with closing(open_to_look(directory)) as db, reading(db):
            lasts = lasts_of(db)
    else:
        lasts = _lasts(job, [*([present] if present else []), *_earlier(directory)])
    return compile_job(with_lasts(job, lasts), job.day), lasts


def inherit(db: sqlite3.Connection, directory: Path, lanes: Iterable[str]) -> None:
    """Take what the last round knew of the keys into the state of a new one; again, if that was cut off.

    When each lane's last request left, so that the rate holds from round to round, and the facts that replies taught.
    Raises ConfigError, StorageError.
    """
    found = next(archives(directory), None)
    if found is None:
        return
    number, path = found
    with _told(number, path), closing(open_to_look(path)) as old, reading(old):
        departures = old.execute("SELECT name, provider, last_at FROM lanes").fetchall()
        facts = old.execute("SELECT provider, name, value FROM facts").fetchall()
    used = set(lanes)
    with transaction(db):
        db.executemany(
            "INSERT OR REPLACE INTO lanes (name, provider, last_at) VALUES (?, ?, ?)",
            (row for row in departures if row[0] in used),
        )
        db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", facts)


def _lasts(job: Job, earlier: Iterable[RoundState]) -> dict[str, Last]:
    marked = [item.harvest for item in job.harvests if item.harvest.is_since_last]
    wanted = {harvest.name: parse(dump(job.described(harvest))) for harvest in marked}
    found: dict[str, Last] = {}
    for past in earlier if wanted else ():
        for name in wanted.keys() - found.keys():
            if _is_complete(past, name) and _is_same(past, name, wanted[name]):
                found[name] = Last(min(_end(past, name), job.day), past.number or None)
        if wanted.keys() == found.keys():
            break
    return {name: found.get(name, Last(None)) for name in wanted}


def _is_complete(past: RoundState, name: str | None) -> bool:
    """Whether a round has all of a harvest, and of those that brought its targets: else it may have lacked some."""
    while name is not None:
        count = past.census.harvests.get(name)
        if count is None or any(tasks for state, tasks in count.tasks.items() if state is not State.COMPLETE):
            return False
        name = _source(past.meaning.get("[[harvest]]", {}).get(name, {}))
    return True


def _source(described: Mapping[str, Any]) -> str | None:
    """Return the harvest from whose rows another one took its targets; None = it asked about the job's list."""
    if (condition := described.get("only_if")) is not None:
        return condition_of(condition).harvest
    source: str | None = (described.get("targets_from") or {}).get("harvest")
    return source


def _is_same(past: RoundState, name: str, described: Mapping[str, Any]) -> bool:
    """Whether a round asked for the same rows, so that nothing is missed if only later ones are asked for."""
    before = past.meaning.get("[[harvest]]", {}).get(name, {})
    beside = {"since", "since_day", "until", "fields"}
    if described["max_rows"] is None:  # else the order decides which rows came
        beside.add("order_by")
    return all(before.get(key) == value for key, value in described.items() if key not in beside)


def _end(past: RoundState, name: str) -> date:
    """Return the last day up to which a round certainly had everything: the one on which it began, or its `until`.

    Not the day of its end: what the provider found while it ran may stand on pages that it had read by then.
    """
    until = past.meaning["[[harvest]]"][name].get("until")
    if until is None:
        return past.day
    days_before = until.removesuffix("d")
    return min(
        past.day, past.day - timedelta(days=int(days_before)) if days_before != until else date.fromisoformat(until)
    )


def _earlier(directory: Path) -> Iterator[RoundState]:
    for number, path in archives(directory):
        with _told(number, path):
            found = state_of(path, number)
        if found is not None:
            yield found


@contextmanager
def _told(number: int, path: Path) -> Iterator[None]:
    """Say of an earlier round that cannot be read what can be done about it."""
    try:
        yield
    except (ConfigError, StorageError) as exc:
        what = f"round {number} of this job cannot be read: {exc}"
        raise ConfigError(f"{what} Put {path} right, or remove it: then it counts for nothing.") from exc
