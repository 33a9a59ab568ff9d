"""Serpstat API v4 as a contract (reference, sections 1 to 11): dispatch, money, the end of lists, refusals.

A call is read as a whole, then the credits left are looked at, then it is answered and charged for its rows, one at
least. Whatever Serpstat leaves open is a switch (`terms.py`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from harvester import codec
from harvester.sandbox.account import Account
from harvester.sandbox.contract import MAIN_RATE, Answer, Asked, Contract, Refusal, Terms
from harvester.sandbox.recent import Recent
from harvester.sandbox.serpstat.envelope import Result, body_of, failure, id_of, method_of, params_of, success
from harvester.sandbox.serpstat.flat import FLATS, Flat, Found
from harvester.sandbox.serpstat.listing import Listing, listed
from harvester.sandbox.serpstat.lists import listings
from harvester.sandbox.serpstat.query import Query, read_query
from harvester.sandbox.serpstat.rows import Entry, Row, Shelf
from harvester.sandbox.serpstat.terms import Blame, Refused, SerpstatSwitches
from harvester.sandbox.world import World

GET_STATS = "SerpstatLimitsProcedure.getStats"
BACKLINKS = "SerpstatBacklinksProcedure."

_PAGE_502 = b"<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"
_MOST_ENTRIES_KEPT = 50_000
#: What makes two lists the same but for the page.
_LIST_PARAMS = (
    "query",
    "searchType",
    "intersect",
    "anchor",
    "count",
    "sort",
    "order",
    "linkPerDomain",
    "complexFilter",
)
#: What stands in the place of an answer without rows, by the number that a switch names.
_NO_ROWS = {
    "32015": (Blame.NO_DATA, "No data found for requested domain"),
    "32017": (Blame.PAST_END, "Data not found"),
}
_REFUSALS = {
    Refusal.BAD_KEY: (Blame.AUTH, "Invalid token!"),
    Refusal.TOO_FAST: (Blame.RATE, "Query frequency exceeded"),
    Refusal.TOO_MANY_OPEN: (Blame.RATE, "Query frequency exceeded"),
    Refusal.INTERNAL: (Blame.SERVER, "Server error"),
}


class Serpstat:
    """Serpstat at work on a world."""

    has_stray_refusals = False

    def __init__(self, world: World, terms: Terms) -> None:
        self._switches: SerpstatSwitches = terms.switches
        self._shelf = Shelf(world, self._switches)
        self._listings = listings(self._switches)
        self._kept: Recent[bytes, list[Entry]] = Recent(_MOST_ENTRIES_KEPT, weigh=lambda entries: 1 + len(entries))
        self.rate = terms.rate

    def key_of(self, asked: Asked) -> str | None:
        """Return the token: query parameter `token`, or the request header of that name."""
        header = asked.headers.get("token") if self._switches.header_token else None
        return asked.first().get("token", header)

    def is_balance(self, asked: Asked) -> bool:
        """Return True for getStats."""
        try:
            return method_of(body_of(asked)) == GET_STATS
        except Refused:
            return False

    def rates_of(self, asked: Asked) -> Sequence[str]:
        """Return the one rate there is; whether free calls count toward it is not known."""
        return (MAIN_RATE,) if self._switches.balance_counts or not self.is_balance(asked) else ()

    def answer(self, asked: Asked, account: Account) -> Answer:
        """Answer a call of a known token that is within its rate, and charge what it costs."""
        call_id = None
        try:
            body = body_of(asked)
            call_id = id_of(body)
            return self._answer(body, call_id, account)
        except Refused as exc:
            return failure(call_id, exc, self._switches)

    def refuse(self, refusal: Refusal, wait_s: float = 0.0, asked: Asked | None = None) -> Answer:
        """Return Serpstat's words for a refusal; how long to wait is never told."""
        if refusal is Refusal.BAD_GATEWAY:
            return Answer(status=502, body=_PAGE_502, headers={"Content-Type": "text/html"})
        # Assumed: who is turned away at the door has no `id` echoed, who is let in has.
        call_id = None if asked is None or refusal is Refusal.BAD_KEY else _id_if_any(asked)
        return failure(call_id, Refused(*_REFUSALS[refusal]), self._switches)

    def _answer(self, body: Mapping[str, Any], call_id: str, account: Account) -> Answer:
        method = method_of(body)
        if method == GET_STATS:
            return success(call_id, _stats(account), max(0, account.units_left))
        name = method.removeprefix(BACKLINKS)
        report = self._listings.get(name) or FLATS.get(name)
        if name == method or report is None:
            raise Refused(Blame.METHOD, "Method not found")
        params = params_of(body)
        query = read_query(params, report.form, self._switches)
        self._check_target(name, query)
        self._check_credits(account, self._most_credits(report, query))
        if isinstance(report, Listing):
            digest = codec.dump([name, *(params.get(key) for key in _LIST_PARAMS)])
            result, without_rows = self._list(report, query, digest)
        else:
            result, without_rows = self._find(report, query)
        self._charge(account, result.credits)
        if without_rows in _NO_ROWS:
            raise Refused(*_NO_ROWS[without_rows])
        return success(call_id, result, account.units_left)

    def _check_target(self, name: str, query: Query) -> None:
        """Refuse what this plan or any plan may not ask."""
        if name in self._switches.plan_without.split("+"):
            raise Refused(Blame.PLAN, "Method forbidden")
        hosts = {target.place.host for target in query.targets}
        if hosts & set(self._switches.forbidden.split("+")):
            raise Refused(Blame.FORBIDDEN, "Forbidden query!")
        if hosts & set(self._switches.large.split("+")):
            raise Refused(Blame.TOO_LARGE, "Large query domains not supported")

    def _most_credits(self, report: Listing | Flat, query: Query) -> int:
        """Return what must be left before anything is looked up."""
        if self._switches.cover == "rows":
            return 0
        if isinstance(report, Listing):
            return query.size
        return self._flat_credits(report, (1 << len(query.targets)) - 1)

    def _check_credits(self, account: Account, credits: int) -> None:
        if account.units_left <= 0:
            account.refused_for_units += 1
            raise Refused(Blame.QUOTA, "Credits exceeded")
        if credits > account.units_left:
            account.refused_for_units += 1
            raise Refused(Blame.COVER, "Not enough credits for this query")

    def _charge(self, account: Account, credits: int) -> None:
        """Charge an answer; "repeats and exports are charged like first calls"."""
        self._check_credits(account, credits)
        account.charge(credits)

    def _list(self, listing: Listing, query: Query, digest: bytes) -> tuple[Result, str]:
        """Return one page of a list, and what the switches say of it if it has no rows."""
        start, last = (query.page - 1) * query.size, self._switches.last_row
        if start >= last:
            raise Refused(Blame.DEPTH, f"To get more than {last} results use export report methods")
        entries = self._kept.get(digest, lambda: listed(listing, self._shelf, query))
        rows = [self._row(listing, entry, query) for entry in entries[start : min(start + query.size, last)]]
        echo = listing.sort_echo or {}
        summary = {
            "page": query.page,
            "count": len(rows),
            "total": len(entries) if self._switches.list_total == "number" else None,
            "sort": echo.get(query.sort, query.sort),
            "order": query.order if listing.is_order_lower else query.order.upper(),
        }
        at_end = self._switches.no_data if query.page == 1 else self._switches.past_end
        return Result(data=rows, summary=summary, credits=max(1, len(rows))), "" if rows else at_end

    def _row(self, listing: Listing, entry: Entry, query: Query) -> Row:
        """Return a row in the spelling that was chosen."""
        row = listing.write(entry, query)
        if self._switches.numbers_as_text:
            row |= {name: str(row[name]) for name in listing.schema_texts}
        if self._switches.spaced_attributes:
            row |= {name: row[name].replace(",", ", ") for name in ("nofollow", "link_nofollow") if name in row}
        if self._switches.spelling == "schema" and listing.schema_names:
            row = {listing.schema_names.get(name, name): value for name, value in row.items()}
        return row

    def _find(self, flat: Flat, query: Query) -> tuple[Result, str]:
        """Return the answer of a flat method, and what the switches say of it if nothing is known."""
        found = flat.find(self._shelf, query)
        credits = 1 if self._is_no_data(found) else self._flat_credits(flat, len(found.data))
        result = Result(
            data=found.data,
            summary={"sort": flat.sort, "order": flat.order, **found.summary},
            credits=credits,
            is_summary_outside=flat.is_summary_outside,
        )
        return result, "" if found.is_known else self._switches.no_data

    def _is_no_data(self, found: Found) -> bool:
        """Return True for an answer "with no data", which costs 1 credit; whether zeros are one is a switch."""
        if found.is_known:
            return False
        is_zeros = bool(found.data) and self._switches.no_data == "empty"
        return not is_zeros or self._switches.zero_summary_price == "1"

    def _flat_credits(self, flat: Flat, rows: int) -> int:
        if flat.credits is not None:
            return flat.credits
        return max(1, rows) if self._switches.intersect_summary_price == "row" else 1


def _id_if_any(asked: Asked) -> str | None:
    try:
        return id_of(body_of(asked))
    except Refused:
        return None


def _stats(account: Account) -> Result:
    """Return the free answer of getStats (section 9); the limits of the browser plugin "are not the API rate"."""
    data = {
        "max_lines": account.limit_units,
        "used_lines": account.units_shown,
        "left_lines": max(0, account.limit_units - account.units_shown),
        "user_info": {"user_id": "1", "ga_client_Id": "1.1", "plan_id": "1"},
        "plugin_limits": {"hasApiPlugin": True, "delayBetweenRequests": 1, "total": 10_000, "used": 0, "left": 10_000},
    }
    return Result(data=data, summary={}, credits=0)


SERPSTAT = Contract(
    name="serpstat",
    prefix="/serpstat",
    base_path="/v4",
    key="sandbox-serpstat-token",
    howto="export SERPSTAT_TOKEN={key}",
    rate="1/second",
    switches=SerpstatSwitches,
    open=Serpstat,
)
