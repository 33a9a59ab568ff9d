"""One exchange as a lane sees it: what was asked, what it brought, and where its task stands then. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from harvester.engine.ports import Hold, Lines, State, Work
from harvester.engine.render import Crop
from harvester.model import BEGINNING, Page, Request, Seeds, Step


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that has its hold."""

    work: Work
    step: Step
    request: Request
    hold: Hold
    held_at: datetime  #: UTC; it left then or later
    crop: Crop

    def after(self, page: Page, came_rows: int) -> Work:
        """Return the work as it stands after a page with so many rows."""
        rows, next_cursor, reason, note = self.work.rows + came_rows, page.next, page.incomplete, page.note
        # The last guards against paying for ever, whatever a provider's code thinks.
        most_rows = self.crop.most_rows(self.work)
        if next_cursor is not None and most_rows is not None and rows >= most_rows:
            next_cursor, note = None, "max_rows"
        elif next_cursor is not None and dict(next_cursor) in (dict(self.step.cursor), BEGINNING):
            next_cursor, reason = None, "the next page would be one that was already read"
        reason = self.work.reason or reason
        finished = State.COMPLETE if reason is None else State.INCOMPLETE
        return replace(
            self.work,
            cursor=next_cursor or {},
            state=State.OPEN if next_cursor is not None else finished,
            pages=self.work.pages + 1,
            rows=rows,
            units=self.work.units + (page.units or 0),
            reason=reason,
            note=note,
            attempts=0,
            lane=self.hold.lane,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What an exchange brought beside its bill."""

    work: Work | None = None  #: the task's new state
    parts: tuple[Work, ...] = ()  #: tasks that take its place
    lines: tuple[Lines, ...] = ()
    learnt: Mapping[str, int] = field(default_factory=dict)
    seeds: tuple[Seeds, ...] = ()  #: targets for other harvests
