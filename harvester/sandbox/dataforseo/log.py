"""What was run for one key (reference, section 8): `id_list`, `errors`, what was spent today, how fast it called.

A task is noted when it is run, before its answer leaves: one whose answer is lost on the way is listed all the same.
"""

import hashlib
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from harvester import codec
from harvester.sandbox.account import Rate
from harvester.sandbox.dataforseo.envelope import Dumped, Outcome, Usd
from harvester.sandbox.dataforseo.params import Params, months_before, stamp, start_of
from harvester.sandbox.dataforseo.terms import invalid

_MOST_TASKS = 10_000
_MOST_BYTES = 64_000_000  #: of parameters: a bulk task alone can bring 40 kB
_MOST_LISTED = 1000
_ACCOUNT = "1535"
_LIVE = "https://api.dataforseo.com"
#: Function numbers in captured ids (reference, section 2); those of free endpoints are not known and told as 0000.
FUNCTIONS: Mapping[str, int] = {
    "summary": 265,
    "history": 266,
    "domain_intersection": 268,
    "backlinks": 269,
    "domain_pages": 270,
    "anchors": 272,
    "referring_domains": 273,
    "page_intersection": 287,
    "referring_networks": 332,
    "bulk_ranks": 347,
    "bulk_backlinks": 348,
    "bulk_new_lost_backlinks": 349,
    "bulk_new_lost_referring_domains": 350,
    "bulk_referring_domains": 351,
    "domain_pages_summary": 445,
    "timeseries_summary": 459,
    "timeseries_new_lost_summary": 460,
    "competitors": 461,
    "bulk_spam_score": 482,
    "bulk_pages_summary": 576,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One task that was run."""

    id: str
    function: str
    at: datetime
    code: int
    message: str
    cost_micro: int
    metadata: bytes  #: JSON text
    listing: int  #: how many lists of tasks had been asked for by then

    @property
    def url(self) -> str:
        return f"{_LIVE}/v3/backlinks/{self.function}/live"


class TaskLog:
    """The last tasks of one key."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._minted = 0
        self._listings = 0
        self._spent: tuple[date, int] = (date.min, 0)
        self._arrived: deque[datetime] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    def mint(self, function: str, now: datetime) -> str:
        """Return a new id: `MMDDhhmm-<account>-<function>-0000-<12 hex>`."""
        self._minted += 1
        digest = hashlib.blake2b(f"{self._key}:{self._minted}".encode(), digest_size=6).hexdigest()
        return f"{now:%m%d%H%M}-{_ACCOUNT}-{FUNCTIONS.get(function, 0):04d}-0000-{digest}"

    def note(self, task_id: str, function: str, sent: Mapping[str, Any], outcome: Outcome, now: datetime) -> None:
        """Note a task that was run, and forget the oldest ones."""
        entry = Entry(
            id=task_id,
            function=function,
            at=now.replace(microsecond=0),
            code=outcome.code,
            message=outcome.message,
            cost_micro=outcome.cost_micro,
            metadata=codec.dump(sent),
            listing=self._listings,
        )
        self._entries.append(entry)
        self._bytes += len(entry.metadata)
        while len(self._entries) > _MOST_TASKS or self._bytes > _MOST_BYTES:
            self._bytes -= len(self._entries.popleft().metadata)
        self._spent = (now.date(), self.spent_on(now.date()) + outcome.cost_micro)

    def spent_on(self, day: date) -> int:
        """Return the micro-dollars charged on a UTC day, today's or none."""
        return self._spent[1] if self._spent[0] == day else 0

    def calls_left(self, rate: Rate, now: datetime) -> int:
        """Count a request that was admitted; return how many more the window holds, for a header that is a hint."""
        begin = now - timedelta(seconds=rate.window_s)
        self._arrived.append(now)
        while self._arrived[0] <= begin:
            self._arrived.popleft()
        return max(0, (rate.calls or 0) - len(self._arrived))

    def listed(self, params: Params, now: datetime, *, least: int | None) -> list[dict[str, Any]]:
        """Answer `id_list`; a task is in the list number `least` after it, or in none. Raises Blame."""
        has_metadata = params.flag("include_metadata", False)
        first, last = params.moment("datetime_from"), params.moment("datetime_to")
        oldest = start_of(months_before(now.date(), 1 if has_metadata else 6))
        if first < oldest:
            raise invalid("datetime_from")
        if last < first:
            raise invalid("datetime_to")
        is_reversed = params.choice("sort", ("asc", "desc")) == "desc"
        self._listings += 1
        found = [entry for entry in self._entries if first <= entry.at <= last and self._is_listed(entry, least)]
        return [_listed_row(entry, has_metadata) for entry in _page(found[::-1] if is_reversed else found, params)]

    def _is_listed(self, entry: Entry, least: int | None) -> bool:
        return least is not None and self._listings - entry.listing >= least

    def failed(self, params: Params, now: datetime) -> list[dict[str, Any]]:
        """Answer `errors`: the failed tasks of the last seven days. Raises Blame."""
        oldest = now - timedelta(days=7)
        first = params.moment("datetime_from") if "datetime_from" in params.sent else oldest
        last = params.moment("datetime_to") if "datetime_to" in params.sent else now
        function = params.sent.get("filtered_function")
        found = [
            entry
            for entry in self._entries
            if entry.code != 20000
            and max(first, oldest) <= entry.at <= last
            and function in (None, f"{entry.function}/live", f"backlinks/{entry.function}/live")
        ]
        return [_failed_row(entry) for entry in _page(found, params)]


def _page(entries: list[Entry], params: Params) -> Iterable[Entry]:
    limit = params.number("limit", _MOST_LISTED, low=1, high=_MOST_LISTED)
    offset = params.number("offset", 0, low=0, high=None)
    return entries[offset : offset + limit]


def _listed_row(entry: Entry, has_metadata: bool) -> dict[str, Any]:
    row = {
        "id": entry.id,
        "url": entry.url,
        "datetime_posted": stamp(entry.at),
        "datetime_done": stamp(entry.at),
        "status": entry.message,
        "cost": Usd(entry.cost_micro),
    }
    return {**row, "metadata": Dumped(entry.metadata) if has_metadata else None}


def _failed_row(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "datetime": stamp(entry.at),
        "function": f"backlinks/{entry.function}/live",
        "error_code": entry.code,
        "error_message": entry.message,
        "http_url": entry.url,
        "http_method": "POST",
        "http_code": 200,
        "http_time": 0,
        "http_response": None,
    }
