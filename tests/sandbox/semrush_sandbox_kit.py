"""What the tests of Semrush's contract share: a till that answers without a socket, and a careful reader of tables."""

import csv
import io
from collections.abc import Sequence

from sandbox_kit import GENERATED, link, world_of

from harvester.sandbox.account import Account, Rate, Window
from harvester.sandbox.contract import Answer, Asked, Terms
from harvester.sandbox.semrush.service import SEMRUSH, Semrush
from harvester.sandbox.switches import parse_switch, switched
from harvester.sandbox.world import World

REPORTS = "/analytics/v1/"
BALANCE = "/users/countapiunits.html"

#: Forty links to t.example from ten domains, each a day younger than the one before.
FORTY = world_of(
    *(
        link(f"https://s{n % 10}.example/{n}", anchor=f"a{n}", first=f"2026-0{1 + n // 28}-{1 + n % 28:02}")
        for n in range(40)
    )
)

Pairs = list[tuple[str, str]]


class Till:
    """Semrush's contract, one key, no socket."""

    def __init__(self, world: World = GENERATED, *switches: str, units: int = 1_000_000) -> None:
        chosen = switched(SEMRUSH.switches, [parse_switch(f"semrush.{text}") for text in switches])
        rate = Rate(calls=10, window_s=1.0)
        self.service = Semrush(world, Terms(rate=rate, switches=chosen))
        lag_s = chosen.balance_lag_s
        self.account = Account(key=SEMRUSH.key, limit_units=units, window=Window(rate), balance_lag_s=lag_s)
        self._number = 0

    def send(self, query: Pairs, path: str = REPORTS, method: str = "GET") -> Answer:
        """Send one request as it is."""
        self._number += 1
        return self.service.answer(Asked(method=method, path=path, query=query, number=self._number), self.account)

    def ask(self, report: str, **params: object) -> Answer:
        """Ask a report of that type, about t.example unless told otherwise; None leaves a parameter out."""
        usual: dict[str, object] = {"target": "t.example", "target_type": "root_domain"}
        named = {"key": SEMRUSH.key, "type": report, **usual, **params}
        return self.send([(name, str(value)) for name, value in named.items() if value is not None])

    def ask_many(self, report: str, targets: Sequence[str], **params: object) -> Answer:
        """Ask a report on several root domains."""
        arrays = [("targets[]", target) for target in targets] + [("target_types[]", "root_domain")] * len(targets)
        scalars = [("type", report), ("key", SEMRUSH.key)]
        return self.send([*scalars, *arrays, *((name, str(value)) for name, value in params.items())])

    def rows(self, report: str, **params: object) -> list[dict[str, str]]:
        """Return the rows of a report that must be answered."""
        return rows_of(self.ask(report, **params, export_escape=1))

    def compared(self, targets: Sequence[str], **params: object) -> list[dict[str, str]]:
        """Return the rows of backlinks_comparison."""
        return rows_of(self.ask_many("backlinks_comparison", targets, **params, export_escape=1))

    def shared(self, targets: Sequence[str], **params: object) -> list[dict[str, str]]:
        """Return the rows of backlinks_matrix."""
        return rows_of(self.ask_many("backlinks_matrix", targets, **params, export_escape=1))

    def balance(self) -> str:
        return self.send([("key", SEMRUSH.key)], BALANCE).body.decode()


def rows_of(answer: Answer) -> list[dict[str, str]]:
    """Return the rows of an answer that was asked with export_escape=1."""
    header, *rows = csv.reader(io.StringIO(answer.body.decode(), newline=""), delimiter=";")
    assert not header[0].startswith(("ERROR", "Validation")), header
    assert len(rows) == answer.rows
    return [dict(zip(header, row, strict=True)) for row in rows]


def error_of(answer: Answer) -> tuple[int, str]:
    """Return status and text of an error; nothing but the first words where it is `ERROR <code>`."""
    text = answer.body.decode()
    return answer.status, text.partition(" :: ")[0]
