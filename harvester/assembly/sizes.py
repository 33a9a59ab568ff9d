"""How many rows the targets have: bought once, as a job of its own beside the job's directory, and kept.

Being a job, it is resumed after any stop, keeps to rate and budget, and costs nothing when it is asked for again.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

from harvester.assembly.plan import Bill, Targets, unsized_bill
from harvester.assembly.prices import prices_of
from harvester.codec import Json, dump, parse
from harvester.config import JobConfig
from harvester.engine.checkpoint import has_state, meta_of, open_to_look, reading, transaction
from harvester.engine.committed import committed_lines
from harvester.engine.render import TASKS
from harvester.errors import ConfigError
from harvester.job import CompiledHarvest, Job, compile_job
from harvester.model import Harvest, Outlook, Scope, Sizing

_TABLE = "CREATE TEMP TABLE sizes (name TEXT, target TEXT, rows INTEGER, PRIMARY KEY (name, target)) WITHOUT ROWID"
#: The targets of one scope in the order of the list, each with its rows. NULL = not known, or not asked about.
_IN_ORDER = """
SELECT targets.name, sizes.rows FROM targets LEFT JOIN sizes ON sizes.name = ? AND sizes.target = targets.name
WHERE +targets.scope = ? ORDER BY targets.id
"""
_ASKED = """
SELECT count(*) FROM targets JOIN sizes ON sizes.name = ? AND sizes.target = targets.name WHERE targets.scope = ?
"""
BLOCK = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What is asked to size some harvests of a job."""

    harvest: Harvest
    field: str  #: of the record, or of its `extra`, that has the size
    sizes: str  #: the harvest of the job whose targets it sizes
    is_exact: bool

    @property
    def key(self) -> str:
        """What its sizes are kept under: one answer may size several reports."""
        return f"{self.harvest.name} {self.field}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The sizes that are there, in the table `sizes` of the list's database."""

    directory: Path
    measures: Mapping[str, Measure]  #: by the job's own harvests, those that are sized
    prices: Mapping[str, Mapping[str, int]]  #: by provider: the account's own, as facts
    oldest: str | None  #: when the first and the last of them came, as records say it
    newest: str | None


def measures_of(job: Job) -> list[Measure]:
    """Return what has to be asked to size a job, for each of its harvests that can be sized."""
    wanted: dict[tuple[str, Scope], set[str]] = {}
    for item in job.harvests:
        if any(item.report.name in sizing.sizes for sizing in _sizings(job, item)):
            wanted.setdefault((item.harvest.provider, item.harvest.scope), set()).add(item.report.name)
    return [
        _measure(item, _cheapest(_sizings(job, item), wanted[item.harvest.provider, item.harvest.scope]))
        for item in job.harvests
        if item.stage is None and item.report.name in wanted.get((item.harvest.provider, item.harvest.scope), ())
    ]


def sizing_config(job: Job) -> JobConfig | None:
    """Return the job that sizes another's targets; None if no harvest of it has a size that can be bought."""
    harvests = {measure.harvest.name: measure.harvest for measure in measures_of(job)}
    if not harvests:
        return None
    output = job.config.output
    return replace(
        job.config,
        name=f"{job.config.name}.sizes",
        output=output.with_name(f"{output.name}.sizes"),
        rows="record",
        format="jsonl",
        capture=False,
        harvests=tuple(harvests[name] for name in sorted(harvests)),
    )


def take_sizes(db: sqlite3.Connection, job: Job) -> Sizes | None:
    """Take the sizes of a job that were bought into the database with its list; None if there are none.

    Raises ConfigError, StorageError if those that are there cannot be read.
    """
    config = sizing_config(job)
    if config is None or not has_state(config.output):
        return None
    with closing(open_to_look(config.output)) as state, reading(state):
        day, meaning = meta_of(state, "day"), parse(meta_of(state, "meaning") or "{}")
        if day is None:
            return None
        lengths = dict(state.execute("SELECT name, bytes FROM outputs").fetchall())
        prices = {name: prices_of(state, name) for name in job.accounts}
    bought = compile_job(config, date.fromisoformat(day))
    described = {item.harvest.name: _plain(bought.described(item.harvest)) for item in bought.harvests}
    known = meaning.get("[[harvest]]", {})
    fitting = {
        measure.sizes: measure
        for measure in measures_of(job)
        if known.get(measure.harvest.name) == described[measure.harvest.name]
    }
    if not fitting:
        return None
    db.execute("DROP TABLE IF EXISTS temp.sizes")
    db.execute(_TABLE)
    measures = {measure.key: measure for measure in fitting.values()}
    found: list[str] = []
    with transaction(db):
        _take_asked(db, config.output, lengths.get(TASKS, 0), list(measures.values()))
        for measure in measures.values():
            found += _take_records(db, config.output, lengths.get(f"{measure.harvest.name}.jsonl", 0), measure)
    return Sizes(
        directory=config.output,
        measures=fitting,
        prices=prices,
        oldest=min(found, default=None),
        newest=max(found, default=None),
    )


def sizes_fit(job: Job) -> bool:
    """Whether the sizes that are kept, if there are any, were bought for the same questions."""
    config = sizing_config(job)
    if config is None or not has_state(config.output):
        return True
    with closing(open_to_look(config.output)) as state, reading(state):
        day, meaning = meta_of(state, "day"), meta_of(state, "meaning")
    if day is None or meaning is None:
        return True
    return bool(parse(meaning) == _plain(compile_job(config, date.fromisoformat(day)).meaning()))


def set_aside(directory: Path, now: datetime) -> Path | None:
    """Give sizes that are kept another name, so that they are bought anew; return it. Raises ConfigError."""
    if not has_state(directory):
        return None
    kept = directory.with_name(f"{directory.name}.until-{now:%Y%m%dT%H%M%S}")
    try:
        directory.rename(kept)
    except OSError as exc:
        raise ConfigError(f"{directory}: cannot be set aside as {kept.name}: {exc.strerror}") from exc
    return kept


def count_asked(db: sqlite3.Connection, measure: Measure) -> int:
    """Return how many targets of the list were asked about, answered or not."""
    number: int = db.execute(_ASKED, (measure.key, measure.harvest.scope)).fetchone()[0]
    return number


def bought_bill(job: Job, targets: Targets, db: sqlite3.Connection, sizes: Sizes | None) -> dict[str, Bill]:
    """Return what the sizes cost that are not there yet, by provider."""
    config = sizing_config(job)
    assert config is not None  # there is something to buy
    bills: dict[str, Bill] = {}
    there = {} if sizes is None else {measure.harvest.name: measure for measure in sizes.measures.values()}
    for item in compile_job(config, job.day).harvests:
        measure = there.get(item.harvest.name)
        bill = unsized_bill(item, targets, without=0 if measure is None else count_asked(db, measure))
        provider = item.harvest.provider
        bills[provider] = bills.get(provider, Bill()) + bill
    return bills


def in_order(db: sqlite3.Connection, measure: Measure) -> Iterator[tuple[str, int | None]]:
    """Yield the targets in the order of the list, each with its rows if they are known."""
    yield from db.execute(_IN_ORDER, (measure.key, measure.harvest.scope))


@dataclass(slots=True)
class _Forecasts:
    """Forecasts of one harvest by rows: many targets have the same few."""

    item: CompiledHarvest
    is_exact: bool
    facts: Mapping[str, int]
    known: dict[int | None, Bill] = field(default_factory=dict)

    def bill(self, rows: int | None) -> Bill:
        """Return what a target costs that has so many rows; None = nobody knows how many."""
        if (bill := self.known.get(rows)) is None:
            outlook = Outlook(rows=rows, is_exact=self.is_exact and rows is not None, facts=self.facts)
            bill = Bill.of(self.item.exchange.forecast(outlook))
            if len(self.known) < BLOCK:
                self.known[rows] = bill
        return bill


def bills_in_order(
    db: sqlite3.Connection, item: CompiledHarvest, measure: Measure, facts: Mapping[str, int]
) -> Iterator[tuple[str, int | None, Bill]]:
    """Yield the targets of a sized harvest in the order of the list: name, rows if they are known, and the bill."""
    forecasts = _Forecasts(item, measure.is_exact, facts)
    for target, rows in in_order(db, measure):
        yield target, rows, forecasts.bill(rows)


def _sizings(job: Job, item: CompiledHarvest) -> list[Sizing]:
    if item.stage is not None:  # who will be asked about is not known
        return []
    sizings = job.accounts[item.harvest.provider].provider.sizing
    return [sizing for sizing in sizings if item.harvest.scope in sizing.scopes]


def _cheapest(sizings: Sequence[Sizing], wanted: Iterable[str]) -> Sizing:
    """Return the first that counts the rows of all these reports: they stand in the order of their price."""
    return next((each for each in sizings if set(wanted) <= each.sizes.keys()), sizings[-1])


def _measure(item: CompiledHarvest, sizing: Sizing) -> Measure:
    harvest = item.harvest
    field_name = sizing.sizes[item.report.name]
    if sizing.is_of_harvest:
        asked = replace(
            harvest,
            name=f"{harvest.name}.size",
            report=sizing.report,
            max_rows=None,
            page_size=None,
            order_by=None,
            options={**harvest.options, "of": item.report.name},
            is_since_last=False,  # `since` is the day that it means
        )
        return Measure(harvest=asked, field=field_name, sizes=harvest.name, is_exact=True)
    asked = Harvest(
        name=f"{harvest.provider}.{harvest.scope}",
        provider=harvest.provider,
        report=sizing.report,
        scope=harvest.scope,
        fields=sizing.fields,
        options=sizing.options,
    )
    is_whole = not harvest.filter and not harvest.options and harvest.since is None and harvest.until is None
    is_exact = is_whole and item.report.name not in sizing.upper
    return Measure(harvest=asked, field=field_name, sizes=harvest.name, is_exact=is_exact)


def _take_asked(db: sqlite3.Connection, directory: Path, length: int, measures: Sequence[Measure]) -> None:
    """Note the targets that were asked about: 0 rows where nothing else comes, and none where an answer lacks some."""
    for task in map(parse, committed_lines(directory / TASKS, length)):
        rows = 0 if task["complete"] else None
        keys = [measure.key for measure in measures if measure.harvest.name == task["harvest"]]
        asked = ((key, each["target"], rows) for key in keys for each in task["targets"] or [task])
        db.executemany("INSERT OR REPLACE INTO sizes VALUES (?, ?, ?)", asked)


def _take_records(db: sqlite3.Connection, directory: Path, length: int, measure: Measure) -> list[str]:
    """Note the sizes that came; return when the first and the last of them did."""
    first = last = None
    for record in map(parse, committed_lines(directory / f"{measure.harvest.name}.jsonl", length)):
        rows = _size(record, measure.field)
        db.execute("INSERT OR REPLACE INTO sizes VALUES (?, ?, ?)", (measure.key, record["target"], rows))
        at = record["fetched_at"]
        first, last = min(first or at, at), max(last or at, at)
    return [at for at in (first, last) if at is not None]


def _size(record: Mapping[str, Json], name: str) -> int | None:
    value = record[name] if name in record else (record.get("extra") or {}).get(name)
    return value if type(value) is int else None


def _plain(value: object) -> Json:
    return parse(dump(value))
