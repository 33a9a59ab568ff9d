"""Parameters of a report (reference, sections 3.1 to 3.6): each is read once, and the first that is wrong is blamed."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

from harvester.sandbox.hosts import Place, ascii_host, place_of, root_of
from harvester.sandbox.semrush.filter import Test, parse_filter
from harvester.sandbox.semrush.report import Lines, Query, Report, Sort
from harvester.sandbox.semrush.scene import Subject
from harvester.sandbox.semrush.terms import SemrushError, SemrushSwitches

DEFAULT_LINES = 10_000

_ARRAY = "[]"
_NUMBERED = re.compile(r"backlinksnum_(\d)")
_CATEGORIES_TYPES = {
    "subdomain": ("root_domain", "subdomain", "url"),
    "domain": ("root_domain", "domain", "url"),
    "both": ("root_domain", "subdomain", "domain", "url"),
}

T = TypeVar("T")


def read_query(name: str, report: Report, pairs: Sequence[tuple[str, str]], switches: SemrushSwitches) -> Query:
    """Return what the parameters ask of the report of that name. Raises SemrushError."""
    return _Reader(name, report, pairs, switches).query()


class _Reader:
    """Reads the parameters of one request."""

    def __init__(self, name: str, report: Report, pairs: Sequence[tuple[str, str]], switches: SemrushSwitches) -> None:
        self._name = name
        self._report = report
        self._pairs = pairs
        self._scalars = dict(pairs)
        self._switches = switches

    def query(self) -> Query:
        self._check_names()
        subjects = tuple(self._subjects()) if self._report.is_batch else (self._subject(),)
        source = self._scalars.get("display_filter", "") if self._report.fields else ""
        return Query(
            subjects=subjects,
            columns=self._columns(),
            sort=self._sort(len(subjects)) if self._report.sorts else None,
            filter=source,
            tests=self._tests(source, len(subjects)) if source else (),
            lines=self._lines(len(subjects)),
            timespan=self._timespan(),
            is_escaped=self._switches.export_escape == "honoured" and self._scalars.get("export_escape") == "1",
        )

    def _check_names(self) -> None:
        counts = Counter(name for name, _ in self._pairs if not name.endswith(_ARRAY))
        doubled = [name for name, count in counts.items() if count > 1]
        if doubled:
            raise SemrushError(10001, doubled[0])
        unknown = [name for name, _ in self._pairs if name not in self._report.parameters]
        if unknown and self._switches.unknown_parameters == "refused":
            raise SemrushError(10000, unknown[0])

    def _missing(self, name: str) -> SemrushError:
        prose = self._switches.missing_parameter == "prose"
        return SemrushError(None, f"Validation Error : {name}") if prose else SemrushError(10013, name)

    def _subject(self) -> Subject:
        for name in ("target", "target_type"):
            if not self._scalars.get(name):
                raise self._missing(name)
        return self._read_subject("target", self._scalars["target"], self._scalars["target_type"])

    def _subjects(self) -> list[Subject]:
        """Return the targets of the parallel arrays, "same length and order"."""
        targets = self._array("targets[]")
        least = int(self._switches.matrix_least) if self._report.spread else 1
        if len(targets) > self._report.most_targets:
            raise SemrushError(10030, "targets")
        if len(targets) < least:
            raise SemrushError(10031, "targets")
        types = self._array("target_types[]")
        if len(types) != len(targets):
            raise SemrushError(10015, "targets, target_types")
        subjects = [self._read_subject("targets", *both) for both in zip(targets, types, strict=True)]
        keys = targets if self._report.has_unique_names else list(zip(targets, types, strict=True))
        if len(set(keys)) < len(keys):
            raise SemrushError(402)
        return subjects

    def _array(self, name: str) -> list[str]:
        values = [value for key, value in self._pairs if key == name]
        if not values:
            raise self._missing(name.removesuffix(_ARRAY))
        return values

    def _read_subject(self, parameter: str, target: str, target_type: str) -> Subject:
        types = _CATEGORIES_TYPES[self._switches.categories_types]
        if target_type not in (types if self._name == "backlinks_categories" else self._report.types):
            raise SemrushError(10000, "target_type")
        try:
            return Subject(target, target_type, self._place(target, target_type))
        except ValueError:
            if self._switches.malformed_target == "10042":
                raise SemrushError(10042) from None
            raise SemrushError(None, f"Validation Error : {parameter}") from None

    def _place(self, target: str, target_type: str) -> Place:
        """Return where a target points. Raises ValueError."""
        is_any = self._switches.hosts == "any"
        if target_type == "url":
            if not re.match(r"https?://", target, re.IGNORECASE if is_any else 0):
                raise ValueError("a URL has its scheme")
            place, authority = place_of(target), urlsplit(target).netloc
            is_plain = authority.isascii() and authority == authority.lower()
        else:
            place = Place(ascii_host(target), "/")
            is_plain = place.host == target
        if not (is_any or is_plain):
            raise ValueError("not lower-case punycode")
        if (
            target_type == "root_domain"
            and self._switches.not_registrable == "refused"
            and root_of(place.host) != place.host
        ):
            raise ValueError("not a registrable domain")
        return place

    def _columns(self) -> tuple[str, ...]:
        report, source = self._report, self._scalars.get("export_columns", "")
        default = report.default or report.columns
        if self._name == "backlinks" and self._switches.backlinks_default == "all":
            default = report.columns
        if not report.has_columns:
            return default
        if not source:
            if self._switches.columns_required:
                raise self._missing("export_columns")
            return default
        known = report.values.keys() - (frozenset() if self._switches.historical_gains else report.doubtful)
        names = source.split(",")
        if len(set(names)) < len(names):
            raise SemrushError(10014, "export_columns")
        if set(names) <= known:
            return tuple(names)
        if self._switches.unknown_names == "refused":
            raise SemrushError(10000, "export_columns")
        return tuple(name for name in names if name in known) or default

    def _lines(self, targets: int) -> Lines:
        """Return the rows asked; absent or zero, display_limit is 10,000."""
        if not self._report.is_paged:
            return Lines(0, targets if self._report.is_batch else DEFAULT_LINES)
        end = self._number("display_limit", 10000) or DEFAULT_LINES
        ceiling = self._switches.row_ceiling
        if ceiling != "none" and end > int(ceiling):
            raise SemrushError(613)
        offset = self._number("display_offset", 605)
        if offset is None:
            return Lines(0, end)
        if offset >= end or (offset == 0 and self._switches.zero_offset == "605"):
            raise SemrushError(605)
        return Lines(offset, end)

    def _number(self, name: str, code: int) -> int | None:
        source = self._scalars.get(name)
        if source is None:
            return None
        if not re.fullmatch(r"\d{1,18}", source, re.ASCII):
            raise SemrushError(code, "" if code == 605 else name)
        return int(source)

    def _sort(self, targets: int) -> Sort | None:
        """Return the one rule `<key>_asc` or `<key>_desc`."""
        source = self._scalars.get("display_sort", "")
        name, _, direction = source.rpartition("_")
        if direction in ("asc", "desc") and name in _within(self._report.sorts, targets):
            return Sort(name, direction == "desc")
        if source and self._switches.unknown_names == "refused":
            raise SemrushError(10000, "display_sort")
        return self._report.default_sort

    def _tests(self, source: str, targets: int) -> Sequence[Test]:
        try:
            return parse_filter(source, _within(self._report.fields, targets))
        except SemrushError:
            if self._switches.unknown_names == "refused":
                raise
            return ()

    def _timespan(self) -> str:
        if self._switches.timespan == "ignored" or self._name != "backlinks_historical":
            return ""
        found = self._scalars.get("timespan", "weeks")
        if found not in ("weeks", "months"):
            raise SemrushError(10000, "timespan")
        return found


def _within(known: Mapping[str, T], targets: int) -> Mapping[str, T]:
    """Return the names that exist for so many targets: `backlinksnum_2` needs three."""
    return {
        name: value
        for name, value in known.items()
        if not (found := _NUMBERED.fullmatch(name)) or int(found[1]) < targets
    }
