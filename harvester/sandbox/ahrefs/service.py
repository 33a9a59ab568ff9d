"""Ahrefs API v3 as a contract (reference, sections 1 to 18): routes, money, headers, refusals.

A request is first read as a whole (400), then priced (403 if the pool cannot cover the most it may cost), then answered
and charged for the rows it returned. Whatever Ahrefs leaves open is a switch (`terms.py`).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from math import ceil
from random import Random
from typing import Any

from harvester import codec
from harvester.sandbox.account import Account
from harvester.sandbox.ahrefs.batch import find_batch, read_batch
from harvester.sandbox.ahrefs.fields import OBJECT_UNITS
from harvester.sandbox.ahrefs.query import Subject, check_common, choice, day_of, row_query, subject_of
from harvester.sandbox.ahrefs.reports import ROW_REPORTS, Row, Shelf
from harvester.sandbox.ahrefs.summaries import HISTORY_REPORTS, OBJECT_REPORTS, buckets, domain_rating
from harvester.sandbox.ahrefs.terms import AhrefsSwitches, BadQuery
from harvester.sandbox.contract import JSON_TYPE, MAIN_RATE, Answer, Asked, Contract, Refusal, Terms
from harvester.sandbox.world import World

_LEAST_UNITS = 50
_BALANCE = "/subscription-info/limits-and-usage"
_FREE_RATING = "/public/domain-rating-free"
_BATCH = "/batch-analysis/batch-analysis"
_EXPLORER = "/site-explorer/"
_MOST_HISTORY_DAYS = 20_000
_PAGE_502 = b"<html><head><title>502 Bad Gateway</title></head><body><h1>We'll be right back</h1></body></html>"
_PAGE_429 = b"<!DOCTYPE html><html><head><title>Rate limited | Cloudflare</title></head><body>1015</body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A request that has been read: what it can cost, and how to answer it."""

    key: str  #: top-level key of the answer
    units_per_row: int
    most_rows: int
    find: Callable[[Random], list[Row]]
    is_object: bool = False
    is_free: bool = False
    subject: Subject | None = None


class Ahrefs:
    """Ahrefs at work on a world."""

    def __init__(self, world: World, terms: Terms) -> None:
        self._shelf = Shelf(world)
        self._row_cap = terms.row_cap
        self._switches: AhrefsSwitches = terms.switches
        self.rate = replace(terms.rate, is_fixed=self._switches.fixed_window, is_shared=self._switches.shared_window)
        self.has_stray_refusals = self._switches.stray_429

    def key_of(self, asked: Asked) -> str | None:
        """Return the bearer token."""
        scheme, _, key = asked.headers.get("authorization", "").partition(" ")
        return key.strip() if scheme.lower() == "bearer" else None

    def is_balance(self, asked: Asked) -> bool:
        """Return True for limits-and-usage."""
        return asked.path == _BALANCE

    def rates_of(self, asked: Asked) -> Sequence[str]:
        """Return the one rate there is; whether the balance counts toward it is not known."""
        return (MAIN_RATE,) if self._switches.balance_counts or not self.is_balance(asked) else ()

    def answer(self, asked: Asked, account: Account) -> Answer:
        """Answer a request of a known key that is within its rate, and charge what it costs."""
        try:
            if asked.path == _BALANCE:
                return _json(200, {"limits_and_usage": self._balance(account)})
            if asked.path == _FREE_RATING:
                return _json(200, {"domain_rating": self._free_rating(asked)})
            priced = self._price(asked)
        except BadQuery as exc:
            return _error(400, str(exc))
        if priced is None:
            return _error(404, f"{asked.method} {asked.path} is not served here")
        if asked.path.rpartition("/")[2] in self._switches.insufficient_plan.split("+"):
            return _error(403, "Insufficient plan")
        return self._sell(asked, account, priced)

    def refuse(self, refusal: Refusal, wait_s: float = 0.0, asked: Asked | None = None) -> Answer:
        """Return Ahrefs' words for a refusal."""
        if refusal is Refusal.BAD_KEY:
            return _error(401, "Unauthorized: the API key is missing, wrong or expired")
        if refusal is Refusal.INTERNAL:
            return _error(500, "Internal error")
        if refusal is Refusal.BAD_GATEWAY:
            return _page(502, _PAGE_502)
        answer = _page(429, _PAGE_429) if self._switches.html_429 else _error(429, "Too many requests")
        if self._switches.retry_after:
            answer = replace(answer, headers={**answer.headers, "Retry-After": str(max(1, ceil(wait_s)))})
        return answer

    def _sell(self, asked: Asked, account: Account, priced: Priced) -> Answer:
        """Answer from the cache for nothing, or for what the rows cost if the pool covers the most they may cost."""
        digest = _digest(asked)
        is_hit = digest in account.cached
        expected = max(_LEAST_UNITS, priced.units_per_row * priced.most_rows)
        if not is_hit and not priced.is_free and expected > account.units_left:
            account.refused_for_units += 1
            left = max(0, account.units_left)
            return _error(403, f"API units limit reached. Expected usage: {expected}, API units left: {left}.")
        if priced.subject is not None and self._is_missing(priced.subject):
            return _error(404, "target not found")
        number = account.cached.get(digest, asked.number)
        rows = priced.find(Random(f"{self._shelf.world.facts.seed}:{number}"))
        units = max(_LEAST_UNITS, priced.units_per_row * len(rows))
        if not rows and not self._switches.charge_empty:
            units = 0
        charged = 0 if is_hit or priced.is_free else units
        account.charge(charged)
        account.cache_hits += is_hit
        if self._switches.cache:
            account.remember(digest, number)
        return self._rows_answer(priced, rows, self._cost_headers(priced, len(rows), units, charged, is_hit=is_hit))

    def _is_missing(self, subject: Subject) -> bool:
        return self._switches.missing_target == "404" and not len(self._shelf.links(subject))

    def _rows_answer(self, priced: Priced, rows: list[Row], headers: Mapping[str, str]) -> Answer:
        if self._switches.null_fields == "dropped":
            rows = [{name: value for name, value in row.items() if value is not None} for row in rows]
        body = codec.dump({priced.key: rows[0] if priced.is_object else rows})
        return Answer(status=200, body=body, headers={"Content-Type": JSON_TYPE, **headers}, rows=len(rows))

    def _cost_headers(self, priced: Priced, rows: int, units: int, charged: int, *, is_hit: bool) -> dict[str, str]:
        """Return the five headers of section 8."""
        if self._switches.missing_headers:
            return {}
        per_row = priced.units_per_row
        if self._switches.cost_row_floor and per_row * rows < _LEAST_UNITS:
            per_row = _LEAST_UNITS // max(1, rows)
        return {
            "x-api-rows": str(rows),
            "x-api-units-cost-row": str(per_row),
            "x-api-units-cost-total": str(units),
            "x-api-units-cost-total-actual": str(charged),
            "x-api-cache": "hit" if is_hit else "miss",
        }

    def _price(self, asked: Asked) -> Priced | None:
        """Return the request, read and priced; None if there is no such report. Raises BadQuery."""
        if asked.path == _BATCH and asked.method == "POST":
            return self._price_batch(asked)
        name = asked.path.removeprefix(_EXPLORER)
        if name == asked.path or asked.method != "GET":
            return None
        params = asked.first()
        if name in ROW_REPORTS:
            return self._price_rows(name, params)
        if name in OBJECT_REPORTS:
            return self._price_object(name, params)
        return self._price_history(name, params) if name in HISTORY_REPORTS else None

    def _price_batch(self, asked: Asked) -> Priced:
        query = read_batch(asked.body)
        return Priced(
            key="targets",
            units_per_row=query.units_per_row,
            most_rows=len(query.targets),
            find=lambda _chance: find_batch(self._shelf, query, self._switches),
        )

    def _price_rows(self, name: str, params: Mapping[str, str]) -> Priced:
        report = ROW_REPORTS[name]
        query = row_query(params, report.columns, self._switches, row_cap=self._row_cap)
        return Priced(
            key=report.key,
            units_per_row=query.units_per_row,
            most_rows=query.limit_rows,
            find=partial(report.find, self._shelf, query, self._switches),
            is_free=query.subject.is_free,
            subject=query.subject,
        )

    def _price_object(self, name: str, params: Mapping[str, str]) -> Priced:
        key, describe = OBJECT_REPORTS[name]
        check_common(params)
        subject, day = subject_of(params), day_of(params, "date")
        return Priced(
            key=key,
            units_per_row=OBJECT_UNITS[name],
            most_rows=1,
            find=lambda _chance: [describe(self._shelf, subject, day)],
            is_object=True,
            is_free=subject.is_free,
            subject=subject,
        )

    def _price_history(self, name: str, params: Mapping[str, str]) -> Priced:
        key, describe = HISTORY_REPORTS[name]
        check_common(params)
        subject, days = subject_of(params), self._days(params)
        step = -1 if self._switches.history_order == "desc" else 1
        return Priced(
            key=key,
            units_per_row=OBJECT_UNITS[name],
            most_rows=len(days),
            find=lambda _chance: describe(self._shelf, subject, days)[::step],
            is_free=subject.is_free,
            subject=subject,
        )

    def _days(self, params: Mapping[str, str]) -> Sequence[date]:
        today = self._shelf.world.now.date()
        first, last = day_of(params, "date_from"), min(today, day_of(params, "date_to", today))
        if (last - first).days > _MOST_HISTORY_DAYS:
            raise BadQuery("invalid date_from: too long ago")
        return buckets(first, last, choice(params, "history_grouping", ("monthly", "daily", "weekly")))

    def _free_rating(self, asked: Asked) -> dict[str, Any]:
        subject = subject_of(asked.first())
        rating = domain_rating(self._shelf, subject, self._shelf.world.now.date())["domain_rating"]
        return {"domain_rating": rating, "license": "http://ahrefs.com/legal/domain-rating-license"}

    def _balance(self, account: Account) -> dict[str, Any]:
        """Return the object of section 15; the pool of the workspace belongs to this key alone."""
        now = self._shelf.world.now.date()
        reset = date(now.year + now.month // 12, now.month % 12 + 1, 1).isoformat()
        return {
            "subscription": "Sandbox, billed never",
            "usage_reset_date": reset if self._switches.reset_date_form == "date" else f"{reset}T00:00:00Z",
            "units_limit_workspace": account.limit_units,
            "units_usage_workspace": account.units_shown,
            "units_limit_api_key": None,
            "units_usage_api_key": account.units_shown,
            "api_key_expiration_date": f"{now.year + 1}-01-01T00:00:00Z",
        }


def _digest(asked: Asked) -> bytes:
    """Return what makes two requests the same for the cache: everything but the order of parameters."""
    words = [asked.method, asked.path, *(f"{name}={value}" for name, value in sorted(asked.query))]
    text = "\x1f".join(words).encode("utf-8", "backslashreplace")
    return hashlib.blake2b(text + b"\x1e" + asked.body, digest_size=16).digest()


def _json(status: int, value: object) -> Answer:
    return Answer(status=status, body=codec.dump(value))


def _error(status: int, text: str) -> Answer:
    return _json(status, {"error": text})


def _page(status: int, body: bytes) -> Answer:
    return Answer(status=status, body=body, headers={"Content-Type": "text/html; charset=UTF-8"})


AHREFS = Contract(
    name="ahrefs",
    prefix="/ahrefs/v3",
    key="sandbox-ahrefs-key",
    howto="export AHREFS_API_TOKEN={key}",
    rate="60/minute",
    switches=AhrefsSwitches,
    open=Ahrefs,
)
