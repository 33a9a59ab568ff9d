"""Semrush Analytics v1, the CSV generation, as a contract (reference, sections 3 to 9 and 11): routes, money, refusals.

Checks come in the order that the reference assumes: method (48), type (41), key (110, 120), plan (130, 135), balance
(132), parameters; the server has looked at the rate before. Then the rows are found, cut to what the balance pays for
without a word, charged by line, and written. Whatever Semrush leaves open is a switch (`terms.py`).
"""

import re
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any
from urllib.parse import urlencode

from harvester import codec
from harvester.sandbox.account import Account
from harvester.sandbox.contract import JSON_TYPE, MAIN_RATE, Answer, Asked, Contract, Refusal, Terms
from harvester.sandbox.semrush.csv import Cell, Value, table
from harvester.sandbox.semrush.query import read_query
from harvester.sandbox.semrush.report import LINE_UNITS, Query, Report
from harvester.sandbox.semrush.reports import REPORTS
from harvester.sandbox.semrush.scene import Library
from harvester.sandbox.semrush.terms import SemrushError, SemrushSwitches
from harvester.sandbox.world import World

_REPORTS = "/analytics/v1/"
_BALANCE = "/users/countapiunits.html"
_KEY = re.compile(r"[0-9a-f]{32}")
_PAGE_414 = b"<html><head><title>414 Request-URI Too Large</title></head><body>nginx</body></html>"
_PAGE_500 = b"<html><head><title>500 Internal Server Error</title></head><body>nginx</body></html>"
_PAGE_502 = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


class Semrush:
    """Semrush at work on a world."""

    def __init__(self, world: World, terms: Terms) -> None:
        self._switches: SemrushSwitches = terms.switches
        self._library = Library(world, self._switches)
        self._last_units: dict[str, int] = {}  #: of each key: its last charge
        self.rate = terms.rate
        self.has_stray_refusals = self._switches.stray_429

    def key_of(self, asked: Asked) -> str | None:
        """Return the key of the query."""
        return asked.first().get("key")

    def is_balance(self, asked: Asked) -> bool:
        """Return True for countapiunits.html."""
        return asked.path == _BALANCE

    def rates_of(self, asked: Asked) -> Sequence[str]:
        """Return the one rate there is; the balance is assumed to count toward it."""
        return (MAIN_RATE,) if self._switches.balance_counts or not self.is_balance(asked) else ()

    def answer(self, asked: Asked, account: Account) -> Answer:
        """Answer a request of a known key that is within its rate, and charge what it costs."""
        if asked.path not in (_REPORTS, _BALANCE):
            return _text(404, "Not Found")
        if self._is_too_long(asked):
            return _page(414, _PAGE_414)
        try:
            _check_method(asked)
            if asked.path == _BALANCE:
                return _text(200, self._balance(account))
            return self._report(asked, account)
        except SemrushError as exc:
            account.refused_for_units += exc.code == 132
            return self._error(exc)

    def refuse(self, refusal: Refusal, wait_s: float = 0.0, asked: Asked | None = None) -> Answer:
        """Return Semrush's words for a refusal; never with Retry-After. `asked` tells the balance from a report."""
        if refusal is Refusal.BAD_KEY:
            return self._refuse_key(asked)
        if refusal is Refusal.INTERNAL:
            return self._broken()
        if refusal is Refusal.BAD_GATEWAY:
            return _page(502, _PAGE_502)
        return self._error(SemrushError(429))

    def _refuse_key(self, asked: Asked | None) -> Answer:
        if asked is None:
            return self._error(SemrushError(120))
        if asked.path == _BALANCE and self._switches.balance_failure == "json":
            body = codec.dump({"data": {"error": "Wrong key"}})
            return Answer(status=200, body=body, headers={"Content-Type": JSON_TYPE})
        try:
            _check_method(asked)
            if asked.path == _REPORTS:
                _type_of(asked)
        except SemrushError as exc:
            return self._error(exc)
        is_formed = _KEY.fullmatch(self.key_of(asked) or "")
        return self._error(SemrushError(120 if is_formed else int(self._switches.key_format_code)))

    def _broken(self) -> Answer:
        way = self._switches.internal
        if way == "html":
            return _page(500, _PAGE_500)
        if way == "empty":
            return _text(200, "")
        return self._error(SemrushError(500) if way == "error" else SemrushError(None, "Internal Server Error"))

    def _error(self, error: SemrushError) -> Answer:
        status = error.observed_status if self._switches.statuses == "observed" else 200
        return _text(status, f"{error}\n" if self._switches.error_newline else str(error))

    def _is_too_long(self, asked: Asked) -> bool:
        longest = self._switches.longest_query
        return longest != "unlimited" and len(urlencode(asked.query)) > int(longest)

    def _report(self, asked: Asked, account: Account) -> Answer:
        """Answer a report, in the order of checks that the reference assumes. Raises SemrushError."""
        name = _type_of(asked)
        if self._switches.api_disabled:
            raise SemrushError(130)
        if name in self._switches.disabled_reports.split("+"):
            raise SemrushError(135)
        report = REPORTS.get(name)
        if account.units_left < self._least_units(report):
            raise SemrushError(132)
        if report is None:
            raise SemrushError(10000, "type")
        query = read_query(name, report, asked.query, self._switches)
        lines = self._sell(report, query, self._rows(name, report, query, asked.number), account)
        header, cells = _laid_out(report, query, lines)
        body = table(header, cells, self._switches, is_escaped=query.is_escaped)
        headers = {"Content-Type": f"{self._switches.content_type}; charset=utf-8"}
        return Answer(status=200, body=body, headers=headers, rows=len(lines))

    def _least_units(self, report: Report | None) -> int:
        """Return the balance below which nothing is answered: "with zero balance `ERROR 132`"."""
        if report is not None and report.request_units is not None:
            return report.request_units
        return LINE_UNITS if self._switches.short_balance == "132" else 1

    def _rows(self, name: str, report: Report, query: Query, number: int) -> Sequence[Any]:
        """Return all rows that the filter leaves, in the order asked."""
        if self._switches.ties == "shuffled" and report.tie is not None:
            rows = _wanted(self._library, report, query)
            Random(f"{self._library.world.facts.seed}:{number}").shuffle(rows)
            return _sorted(rows, report, query)
        if not report.is_paged:
            return report.find(self._library, query)
        key = (name, query.subjects, query.sort, query.filter, query.timespan)
        return self._library.rows(key, query.subjects, lambda: _in_order(self._library, report, query))

    def _sell(self, report: Report, query: Query, rows: Sequence[Any], account: Account) -> Sequence[Any]:
        """Charge the rows asked and return those that the balance pays for. Raises SemrushError if there are none."""
        offset, end = query.lines
        found = rows[offset:end]
        if not found:
            return self._sell_nothing(report, account, is_past_end=bool(rows))
        if report.request_units is not None:
            self._charge(account, report.request_units)
            return found
        if self._switches.list_shortage == "132" and LINE_UNITS * (end - offset) > account.units_left:
            raise SemrushError(132)
        covered = account.units_left // LINE_UNITS
        skipped = min(covered, offset) if self._switches.charge_skipped else 0
        lines = found[: covered - skipped]
        self._charge(account, LINE_UNITS * (skipped + len(lines)))
        return lines

    def _sell_nothing(self, report: Report, account: Account, *, is_past_end: bool) -> Sequence[Any]:
        if is_past_end and self._switches.past_end == "header":
            return ()
        if is_past_end and self._switches.past_end == "605":
            raise SemrushError(605)
        if self._switches.charge_empty == "all" or (
            self._switches.charge_empty == "requests" and report.request_units is not None
        ):
            self._charge(account, min(account.units_left, report.request_units or LINE_UNITS))
        raise SemrushError(50)

    def _charge(self, account: Account, units: int) -> None:
        account.charge(units)
        self._last_units[account.key] = units

    def _balance(self, account: Account) -> str:
        left = max(0, account.limit_units - account.units_shown)
        if self._switches.stale_balance:
            left += self._last_units.get(account.key, 0)
        return f"{left:,}" if self._switches.balance_commas else str(left)


def _check_method(asked: Asked) -> None:
    if asked.method != "GET":
        raise SemrushError(48)


def _type_of(asked: Asked) -> str:
    name = asked.first().get("type")
    if not name:
        raise SemrushError(41)
    return name


def _wanted(library: Library, report: Report, query: Query) -> list[Any]:
    return [row for row in report.find(library, query) if all(test(row) for test in query.tests)]


def _sorted(rows: list[Any], report: Report, query: Query) -> list[Any]:
    """Sort by the one rule; equals stay as they come."""
    if query.sort is not None:
        rows.sort(key=report.sorts[query.sort.name], reverse=query.sort.is_descending)
    return rows


def _in_order(library: Library, report: Report, query: Query) -> list[Any]:
    """Return the rows in an order that leaves nothing open, so that pages neither overlap nor miss a row."""
    rows = _wanted(library, report, query)
    if report.tie is not None:
        rows.sort(key=report.tie)
    return _sorted(rows, report, query)


def _laid_out(report: Report, query: Query, rows: Sequence[Any]) -> tuple[list[str], Iterator[list[Value]]]:
    """Return the header, "echoing the requested names in the requested order", and the cells of each row."""
    header: list[str] = []
    for name in query.columns:
        header += [subject.target for subject in query.subjects] if name == report.spread else [name]
    values = [report.values[name] for name in query.columns]
    return header, (_cells(values, row) for row in rows)


def _cells(values: Sequence[Callable[[Any], Cell]], row: Any) -> list[Value]:
    cells: list[Value] = []
    for value in values:
        cell = value(row)
        cells += cell if isinstance(cell, tuple) else (cell,)
    return cells


def _text(status: int, text: str) -> Answer:
    return Answer(status=status, body=text.encode(), headers={"Content-Type": "text/plain; charset=utf-8"})


def _page(status: int, body: bytes) -> Answer:
    return Answer(status=status, body=body, headers={"Content-Type": "text/html; charset=UTF-8"})


SEMRUSH = Contract(
    name="semrush",
    prefix="/semrush",
    base_path=_REPORTS,
    key="0123456789abcdef5a4db0c0ffee5eed",
    howto="export SEMRUSH_API_KEY={key}",
    rate="10/second",
    in_flight=10,
    switches=SemrushSwitches,
    open=Semrush,
)
