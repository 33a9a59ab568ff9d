"""Whether a list ended or the money did, where a provider cuts lists silently at what the account can pay.

A balance speaks for the key and the moment it is asked with and at, and may not show the last charges yet. So a list
that broke off has ended if the key that brought the page could, in the same run, pay for several pages more; if the
account could not pay for a row, the list waits for money; between the two it is asked for once more from where it
broke off. If that brings nothing either, nobody can tell.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from harvester.model import Action, Reply, Request, Step, Verdict


class End(Enum):
    """What became of a list that broke off."""

    REACHED = "it has ended"
    AGAIN = "it is asked for once more"
    UNTOLD = "fewer rows came than were asked for, and whether the account ran empty cannot be told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The free question after a page with too few rows."""

    request: Request
    units_left: Callable[[Reply], int | None]  #: what the account could still pay; None = the reply does not say
    unseen_pages: int  #: so many more must be covered, for charges that are not in the balance yet

    def judge(self, reply: Reply, usual: Verdict, row_units: int) -> Verdict:
        """Say what the reply means; a balance that cannot be had proves nothing, and is no reason to stop."""
        if usual.action is Action.PAUSE:
            return usual
        units_left = self.units_left(reply)
        if units_left is None or units_left >= row_units:
            return Verdict(action=Action.KEEP)
        why = f"a list broke off, and the account has {units_left} units left: too few for another row"
        return Verdict(action=Action.SHRINK, why=why, units_left=units_left)

    def end(self, step: Step, reply: Reply, page_units: int) -> End:
        """Return what became of the list; `page_units`: the price of a page."""
        units_left = self.units_left(reply)
        is_funded = units_left is not None and units_left >= self.unseen_pages * page_units
        if step.is_continued and is_funded:
            return End.REACHED
        return End.UNTOLD if step.is_continued and step.cursor.get("is_twice") else End.AGAIN
