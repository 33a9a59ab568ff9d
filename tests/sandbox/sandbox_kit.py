"""What the tests of the sandbox share: links written by hand, and a counter that answers without a socket."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from harvester import codec
from harvester.sandbox.account import Account, Rate, Window
from harvester.sandbox.ahrefs.service import AHREFS, Ahrefs
from harvester.sandbox.ahrefs.terms import AhrefsSwitches
from harvester.sandbox.contract import Answer, Asked, Terms
from harvester.sandbox.generated import GeneratedWorld
from harvester.sandbox.hosts import place_of
from harvester.sandbox.observed import ObservedWorld
from harvester.sandbox.switches import parse_switch, switched
from harvester.sandbox.world import Link, Lost, World

TODAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, tzinfo=UTC)
GENERATED = GeneratedWorld(seed=1, today=TODAY)


def moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def link(
    source: str = "https://a.example/page",
    target: str = "https://t.example/",
    *,
    first: str = "2026-01-01",
    last: str = "2026-11-01",
    lost: str = "",
    **more: Any,
) -> Link:
    """Return a link from a few words; `lost` is when it was lost."""
    lost_at = moment(lost) if lost else None
    usual: dict[str, Any] = {
        "anchor": "anchor",
        "kind": "text",
        "rel": frozenset(),
        "page_found": moment(first),
        "lost_reason": Lost.LINK_REMOVED if lost else None,
    }
    return Link(
        source_url=source,
        source_host=place_of(source).host,
        target_url=target,
        target_host=place_of(target).host,
        first_seen=moment(first),
        last_seen=moment(last),
        lost_at=lost_at,
        **(usual | more),
    )


def world_of(*links: Link) -> ObservedWorld:
    return ObservedWorld(links, seed=1, now=NOW)


class Counter:
    """Ahrefs' contract, one key, no socket."""

    def __init__(
        self, world: World = GENERATED, *switches: str, units: int = 1_000_000, row_cap: int | None = 250
    ) -> None:
        chosen: AhrefsSwitches = switched(AHREFS.switches, [parse_switch(f"ahrefs.{text}") for text in switches])
        rate = Rate(calls=60, window_s=60.0)
        self.service = Ahrefs(world, Terms(rate=rate, switches=chosen, row_cap=row_cap))
        self.account = Account(key="k", limit_units=units, window=Window(rate))
        self._number = 0

    def send(
        self, path: str, method: str = "GET", params: Mapping[str, object] | None = None, body: bytes = b""
    ) -> Answer:
        """Send one request; parameter values that are not text are sent as JSON."""
        self._number += 1
        query = [
            (name, value if isinstance(value, str) else codec.dump(value).decode())
            for name, value in (params or {}).items()
        ]
        asked = Asked(method=method, path=path, query=query, body=body, number=self._number)
        return self.service.answer(asked, self.account)

    def ask(self, path: str, **params: object) -> Answer:
        """Get one path."""
        return self.send(path, params=params)

    def explore(self, report: str, **params: object) -> Answer:
        """Ask a report of Site Explorer, about t.example unless told otherwise."""
        return self.send(f"/site-explorer/{report}", params={"target": "t.example", **params})

    def rows(self, report: str, **params: object) -> list[dict[str, Any]]:
        """Return the rows of a report that must be answered."""
        answer = self.explore(report, **params)
        assert answer.status == 200, answer.body
        (rows,) = codec.parse(answer.body).values()
        assert isinstance(rows, list)
        return rows

    def links(self, **params: object) -> list[dict[str, Any]]:
        """Return rows of all-backlinks, one for each link."""
        return self.rows("all-backlinks", **{"aggregation": "all", "select": "url_from", **params})

    def batch(self, targets: Sequence[object], select: Sequence[str], **more: object) -> Answer:
        body = codec.dump({"targets": targets, "select": select, **more})
        return self.send("/batch-analysis/batch-analysis", "POST", body=body)


def error_of(answer: Answer) -> tuple[int, str]:
    """Return status and text of a refusal."""
    text = codec.parse(answer.body)["error"]
    assert isinstance(text, str)
    return answer.status, text


def units_of(answer: Answer) -> tuple[int, int]:
    """Return what an answer says it should cost and did cost."""
    names = ("x-api-units-cost-total", "x-api-units-cost-total-actual")
    total, actual = (int(answer.headers[name]) for name in names)
    return total, actual
