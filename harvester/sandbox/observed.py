"""A world read from a CSV of real links. Everything that the file does not say is invented by `facts.py`."""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from harvester.errors import ConfigError
from harvester.sandbox.facts import Facts
from harvester.sandbox.hosts import place_of
from harvester.sandbox.world import Link, Lost

_NEEDED = ("source_url", "target_url", "anchor", "first_seen", "last_seen", "lost_at", "lost_reason")
_REASONS = {"link_removed": Lost.LINK_REMOVED, "page_removed": Lost.PAGE_REMOVED}


class ObservedWorld:
    """The links of one file, indexed by target host once."""

    def __init__(self, links: Sequence[Link], *, seed: int, now: datetime) -> None:
        self.facts = Facts(seed)
        self.now = now
        self._of: defaultdict[str, list[Link]] = defaultdict(list)
        self._below: defaultdict[str, list[Link]] = defaultdict(list)
        for link in links:
            self._of[link.target_host].append(link)
            labels = link.target_host.split(".")
            for start in range(len(labels)):
                self._below[".".join(labels[start:])].append(link)

    def links_of(self, host: str) -> Sequence[Link]:
        """Return the links to exactly this host."""
        return self._of.get(host, ())

    def links_below(self, host: str) -> Sequence[Link]:
        """Return the links to this host and to all hosts below it."""
        return self._below.get(host, ())


def read_links(path: Path) -> list[Link]:
    """Return the links of a CSV file, one for each row, in its order.

    A page counts as found when its first link was. Raises ConfigError naming the line that cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            links = list(_rows(path, csv.DictReader(file)))
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}") from None
    except (csv.Error, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path}: no CSV in UTF-8: {exc}") from None
    found: dict[str, datetime] = {}
    for link in links:
        found[link.source_url] = min(link.first_seen, found.get(link.source_url, link.first_seen))
    return [replace(link, page_found=found[link.source_url]) for link in links]


def _rows(path: Path, reader: "csv.DictReader[str]") -> Iterator[Link]:
    missing = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
    if missing:
        raise ConfigError(f"{path}: columns missing: {', '.join(missing)}")
    for row in reader:
        try:
            yield _link(row)
        except (ValueError, KeyError) as exc:
            raise ConfigError(f"{path}: line {reader.line_num}: {exc}") from None


def _link(row: Mapping[str, str]) -> Link:
    first_seen = _moment(row["first_seen"])
    return Link(
        source_url=row["source_url"],
        source_host=place_of(row["source_url"]).host,
        target_url=row["target_url"],
        target_host=place_of(row["target_url"]).host,
        anchor=row["anchor"],
        kind=row.get("link_type") or "text",
        rel=frozenset((row.get("rel") or "").lower().split()),
        page_found=first_seen,
        first_seen=first_seen,
        last_seen=_moment(row["last_seen"]),
        lost_at=_moment(row["lost_at"]) if row["lost_at"] else None,
        lost_reason=_REASONS[row["lost_reason"]] if row["lost_reason"] else None,
        was_restored=(row.get("restored_count") or "0") != "0",
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
