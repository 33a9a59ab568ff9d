"""Walking a list by position: page numbers, offsets, absolute ends and continuation tokens. Pure.

A `Window` is what one request asks for; how a provider spells it is the provider's business (`begin` and `limit`, or
`number`, or `end`). A `Paging` says which windows a provider allows, and where the next one begins after an answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from harvester.model import Cursor


class Window(NamedTuple):
    """Rows `begin` (0-based) to `begin + limit` of a list."""

    begin: int
    limit: int
    token: str | None = None  #: what the answer before gave to go on with

    @property
    def end(self) -> int:
        """The position behind the last row."""
        return self.begin + self.limit

    @property
    def number(self) -> int:
        """The page number, from 1, where pages are `limit` rows each."""
        return self.begin // self.limit + 1


class Came(NamedTuple):
    """What an answer says of the list."""

    rows: int
    total: int | None = None  #: rows of the whole list
    token: str | None = None  #: where it goes on


class Following(NamedTuple):
    """Where the walk stands after an answer."""

    next: Cursor | None  #: None = it is over
    incomplete: str | None = None  #: why rows are missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """The windows that a provider allows for one list."""

    page_rows: int  #: rows of a usual request; of `is_single`, the most that one target can have
    is_single: bool = False  #: everything comes in one answer, nothing can be asked in parts
    is_aligned: bool = False  #: windows begin at whole multiples of their length (page numbers)
    end: int | None = None  #: no row from here on can be had by position
    enough: int | None = None  #: no row from here on is wanted: the walk is over there, and complete
    last_begin: int | None = None  #: no window may begin behind this position, unless it goes on by token
    has_token: bool = False  #: answers say how to go on, if nothing but the token changes in the next request
    tells_total: bool = False  #: answers say how many rows there are, so nothing is asked for behind the last

    @property
    def reach(self) -> int | None:
        """How many rows can be had at most; None = all."""
        if self.end is not None or self.last_begin is None or self.has_token:
            return self.end
        return (self.last_begin // self.page_rows + 1) * self.page_rows

    def window(self, cursor: Cursor, targets: int, *, wanted: int | None, within: int | None) -> Window | None:
        """Return the next window: at most `wanted` rows, and `within` what the units allow. None = nothing is left."""
        if self.is_single:
            limit = self.page_rows * targets
            return Window(0, limit) if within is None or within >= limit else None
        begin, total = _int(cursor, "begin") or 0, _int(cursor, "total")
        ends = [end - begin for end in (self.end, self.enough) if end is not None]
        limit = _least((self.page_rows, wanted, within, *ends))
        token, usual = cursor.get("token"), _int(cursor, "limit") or limit
        if token is not None and self._needs_token(_goal(begin, wanted, total)):
            return Window(begin, usual, token) if within is None or within >= usual else None
        if self.is_aligned:
            limit = _divisor(begin, limit)
        return Window(begin, limit) if limit > 0 else None

    def following(self, cursor: Cursor, window: Window, came: Came) -> Following:
        """Return where the walk goes on behind `window`."""
        if self.is_single or (self.enough is not None and window.end >= self.enough):
            return Following(None)
        total = _int(cursor, "total") if came.total is None else came.total
        if total is not None and total < window.begin + came.rows:
            total = None  # it counts fewer rows than there are: it does not say where the list ends
        if came.rows == 0 and total is not None and window.begin < total:
            return Following(None, f"nothing came from row {window.begin + 1:,} on, of {total:,} that there should be")
        # A page that is short although more must follow: a position counts what came, a page number whole pages.
        end = window.end if self.is_aligned else window.begin + came.rows
        has_more = came.rows >= window.limit if total is None else end < total
        return self._onward(window, came, end, total) if has_more else Following(None)

    def _onward(self, window: Window, came: Came, end: int, total: int | None) -> Following:
        """Return how the walk goes on at `end`, where there is more."""
        # A token goes on from the request it answers, so the walk by token begins with the list.
        is_by_token = self.has_token and (window.token is not None or window.begin == 0)
        token = came.token if is_by_token else None
        if token is None and (reason := self._unreachable(end, total)):
            # Beyond all positions, a walk by token has ended when no token is given.
            return Following(None, None if is_by_token and total is None else reason)
        following = {"begin": end, "total": total, "token": token, "limit": window.limit if token else None}
        return Following({name: value for name, value in following.items() if value is not None})

    def _needs_token(self, goal: int | None) -> bool:
        """Return whether positions do not lead to the end of what is wanted."""
        return self.last_begin is not None and (goal is None or goal > self.last_begin + 1)

    def _unreachable(self, begin: int, total: int | None) -> str | None:
        """Return why nothing can be asked for from that position on."""
        if self.end is not None and begin >= self.end:
            reached = self.end
        elif self.last_begin is not None and begin > self.last_begin:
            reached = begin
        else:
            return None
        of_all = "" if total is None else f" of {total:,}"
        return f"the provider gives the first {reached:,} rows{of_all} and no more"


def _goal(begin: int, wanted: int | None, total: int | None) -> int | None:
    """Return the position behind the last row that the walk is after; None = not known."""
    bounds = [bound for bound in (None if wanted is None else begin + wanted, total) if bound is not None]
    return min(bounds, default=None)


def _least(bounds: Iterable[int | None]) -> int:
    return min(bound for bound in bounds if bound is not None)


def _divisor(begin: int, most: int) -> int:
    """Return the greatest length up to `most` of which `begin` is a whole multiple; 0 if `most` is."""
    return next((length for length in range(most, 0, -1) if begin % length == 0), 0)


def _int(cursor: Cursor, name: str) -> int | None:
    value: int | None = cursor.get(name)
    return value
