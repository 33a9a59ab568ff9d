"""What the tests of Serpstat's contract share: a token that asks without a socket, and the specification."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sandbox_kit import GENERATED

from harvester import codec
from harvester.sandbox.account import Account, Rate, Window
from harvester.sandbox.contract import Answer, Asked, Terms
from harvester.sandbox.serpstat.service import BACKLINKS, SERPSTAT, Serpstat
from harvester.sandbox.switches import parse_switch, switched
from harvester.sandbox.world import Link, World

SPEC = Path(__file__).parents[2].parent / "shared/providers/specs/serpstat-methods.json"
_RATE = Rate(calls=1, window_s=1.0)
EVERY_LINK = {"linkPerDomain": 0}
BUSY = "t71.example"  #: has about a thousand links in the generated world


class Token:
    """Serpstat's contract, one token, no socket."""

    def __init__(self, world: World = GENERATED, *switches: str, credits: int = 1_000_000) -> None:
        chosen = switched(SERPSTAT.switches, [parse_switch(f"serpstat.{text}") for text in switches])
        self.service = Serpstat(world, Terms(rate=_RATE, switches=chosen))
        self.account = Account(key="k", limit_units=credits, window=Window(_RATE))

    @property
    def charged(self) -> int:
        return self.account.units_charged

    def post(self, body: object, path: str = "/v4/", method: str = "POST") -> Answer:
        """Send a body: bytes as they are, anything else as JSON."""
        raw = body if isinstance(body, bytes) else codec.dump(body)
        return self.service.answer(Asked(method=method, path=path, body=raw), self.account)

    def send(self, method: str, params: Mapping[str, object]) -> Answer:
        return self.post({"id": "7", "method": f"{BACKLINKS}{method}", "params": params})

    def send_usual(self, method: str, **params: object) -> Answer:
        """Ask about t.example, subdomains included, unless told otherwise; a parameter that is None is left out."""
        usual: dict[str, object] = {"query": "t.example", "searchType": "domain_with_subdomains"}
        return self.send(method, {name: value for name, value in {**usual, **params}.items() if value is not None})

    def ask(self, method: str, **params: object) -> dict[str, Any]:
        """Return the body that answers."""
        body = codec.parse(self.send_usual(method, **params).body)
        assert isinstance(body, dict)
        return body

    def rows(self, method: str, **params: object) -> list[dict[str, Any]]:
        """Return the rows of a call that must succeed."""
        body = self.ask(method, **params)
        assert "error" not in body, body
        rows = body["result"]["data"]
        assert isinstance(rows, list)
        return rows

    def links(self, *groups: list[dict[str, object]], method: str = "getNewBacklinks", **params: object) -> list[str]:
        """Return `url_from` of every link, or of those that the groups of a complexFilter let through."""
        more = {"complexFilter": list(groups)} if groups else {}
        usual = {**EVERY_LINK, "sort": "url_from", "order": "asc", "size": 1000}
        return [row["url_from"] for row in self.rows(method, **{**usual, **more, **params})]

    def summary(self, method: str, **params: object) -> dict[str, Any]:
        """Return `summary_info`, wherever it stands."""
        body = self.ask(method, **params)
        found = body["result"].get("summary_info", body.get("summary_info"))
        assert isinstance(found, dict)
        return found

    def error(self, method: str, **params: object) -> tuple[object, str]:
        """Return number and text of a call that must fail."""
        return error_of(self.send_usual(method, **params))


def error_of(answer: Answer) -> tuple[object, str]:
    """Return number and text of an error body."""
    body = codec.parse(answer.body)
    assert "result" not in body, body
    return body["error"]["code"], body["error"]["message"]


def live(links: Iterable[Link]) -> list[Link]:
    """Return the links that are there."""
    return [link for link in links if link.lost_at is None]


def where(field: str, compare: str, *values: object) -> dict[str, object]:
    """Return one condition of a complexFilter."""
    return {"field": field, "compareType": compare, "value": list(values)}


def quick(name: str) -> dict[str, object]:
    """Return one quick filter of a complexFilter."""
    return {"additional_filters": name}


def specified() -> Iterator[dict[str, Any]]:
    """Yield the specification of each backlink method that is served; skip the test if there is none."""
    if not SPEC.exists():
        pytest.skip("the provider's specification is not beside the repository")
    for method in codec.parse(SPEC.read_bytes())["methods"]:
        if method["method"].startswith(BACKLINKS) and not method["deprecated"]:
            yield {**method, "name": method["method"].removeprefix(BACKLINKS)}
