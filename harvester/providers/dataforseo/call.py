"""How one live endpoint is asked and answered: one task in each POST, one element in its result.

"POST, body is a JSON array holding exactly one task object"; fields that are not sent are left out, never null.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from harvester.errors import UnknownReply
from harvester.model import Reply, Request, Row, Scope
from harvester.names import url_names
from harvester.providers.dataforseo.envelope import PARTIAL_RESULTS, told
from harvester.providers.listing import Answer, overlap_rows
from harvester.providers.mapping import number
from harvester.providers.paging import Window

Item = Any


class Form(NamedTuple):
    """How an endpoint is told whom it is asked about, and whom its items are about."""

    name: Callable[[Sequence[str]], Mapping[str, Any]]  #: targets, as they are sent -> fields of the task
    rows: Callable[[Sequence[str], Sequence[str], Sequence[Item]], list[Row]]  #: targets, the same as sent, items


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """One live endpoint with all it is sent but target and window."""

    function: str  #: name of the endpoint: "referring_domains"
    form: Form
    scope: Scope
    parameters: Mapping[str, Any]
    has_items: bool = True  #: False = the one element of the result is the row
    has_limit: bool = True  #: whether it takes `limit` and `offset`

    def request(self, targets: Sequence[str], window: Window) -> Request:
        """Return the request for that window.

        With a token "all other parameters" are as in the request before: it has no offset, and the tag of that one.
        """
        task = {**self.form.name(self._sent(targets)), **self.parameters}
        if self.has_limit:
            task["limit"] = window.limit
        if window.token is not None:
            task |= _continued(window.token)
        elif window.begin:
            task["offset"] = window.begin
        return Request(method="POST", path=f"/backlinks/{self.function}/live", json=[task])

    def answer(self, targets: Sequence[str], request: Request, reply: Reply) -> Answer:
        """Return what a reply judged KEEP holds. Raises UnknownReply."""
        said = told(reply)
        head = _head(said.result)
        items = _items(head) if self.has_items else [head] if head else []
        rows = self.form.rows(targets, self._sent(targets), items)
        asked_about = {row.target for row in rows}
        missing = tuple(target for target in targets if target not in asked_about) if self.form is BATCH else ()
        return Answer(
            rows=rows,
            units=said.units,
            length=len(items),
            total=number(head.get("total_count"), reply.arrived_at),
            token=_token(request, head.get("search_after_token")),
            missing=missing,
            incomplete=_incomplete(said.code, _count(head, "items_count"), len(items)),
        )

    def _sent(self, targets: Sequence[str]) -> list[str]:
        """Return the targets as the API wants them: "a page should be specified with absolute URL"."""
        if self.scope != "url":
            return list(targets)
        return [target if "://" in target else f"https://{target}" for target in targets]


def _token(request: Request, token: Any) -> str | None:
    """Return how the list goes on behind a request: its tag, a blank, and the token of its answer.

    Whether a tag is one of the "other parameters" that must stay is not said, so it stays, whatever it is.
    """
    (task,) = request.json
    return f"{task.get('tag', '')} {token}" if isinstance(token, str) and token else None


def _continued(token: str) -> dict[str, str]:
    """Return what differs from, and what is said again of, the request that the token belongs to."""
    tag, _, token = token.partition(" ")
    return {"search_after_token": token, **({"tag": tag} if tag else {})}


def _head(result: Sequence[Any]) -> Mapping[str, Any]:
    """Return the one element of a result; [], [null] and null are those of a target without data."""
    head = result[0] if result else None
    if head is None:
        return {}
    if not isinstance(head, dict):
        raise UnknownReply(f"the result is {type(head).__name__}, not an object")
    return head


def _items(head: Mapping[str, Any]) -> list[Item]:
    items = head.get("items")
    if items is None:
        return []
    if not isinstance(items, list):
        raise UnknownReply(f"items are {type(items).__name__}, not a list")
    return items


def _count(head: Mapping[str, Any], name: str) -> int | None:
    value = head.get(name)
    return value if type(value) is int and value >= 0 else None


def _incomplete(code: int, announced: int | None, came: int) -> str | None:
    if code == PARTIAL_RESULTS:
        return "the provider completed the request with partial results only"
    if announced is not None and announced > came:
        return f"the provider speaks of {announced:,} rows, and {came:,} came"
    return None


def _one_rows(targets: Sequence[str], sent: Sequence[str], items: Sequence[Item]) -> list[Row]:
    return [Row(targets[0], item) for item in items]


def _batch_rows(targets: Sequence[str], sent: Sequence[str], items: Sequence[Item]) -> list[Row]:
    """Match items "by target (or url), not by position": spelt as sent, or as another spelling of the same."""
    as_sent: dict[str, list[str]] = {}
    for spelt, target in zip(sent, targets, strict=True):
        as_sent.setdefault(spelt, []).append(target)
    by_key = {key: [target] for target in reversed(targets) if (key := url_names(target).key) is not None}
    rows = []
    for item in items:
        name = item.get("target", item.get("url")) if isinstance(item, dict) else None
        found = (as_sent.get(name) or by_key.get(url_names(name).key or "")) if isinstance(name, str) else None
        rows += [Row(target, item) for target in found or ("",)]
    return rows


def _set_rows(targets: Sequence[str], sent: Sequence[str], items: Sequence[Item]) -> list[Row]:
    """Return a row for each item and target, with that target's part of the item: its rows together hold all of it."""
    return [
        _part_of(row, str(number))
        for item in items
        for number, row in enumerate(overlap_rows(targets, [item], _links_of(len(targets))), start=1)
    ]


def _links_of(targets: int) -> Callable[[Item], Sequence[int] | None]:
    def links(item: Item) -> Sequence[int] | None:
        entries = item.get("domain_intersection") if isinstance(item, dict) else None
        if not isinstance(entries, dict) or _domain_of(entries) is None:
            return None
        counts = [_links(entries.get(str(number))) for number in range(1, targets + 1)]
        return [count for count in counts if count is not None]  # one too few: the row cannot be read

    return links


def _links(entry: Any) -> int | None:
    """Return an entry's links; a missing key is a target that the domain does not link to."""
    if entry is None:
        return 0
    return _count(entry, "backlinks") if isinstance(entry, dict) else None


def _domain_of(entries: Mapping[str, Any]) -> str | None:
    """Return the referring domain: every entry names the same."""
    names = (entry.get("target") for entry in entries.values() if isinstance(entry, dict))
    return next((name for name in names if isinstance(name, str) and name), None)


def _part_of(row: Row, key: str) -> Row:
    """Return the row with its own target's entry only: twenty rows with twenty entries each would be paid in disk."""
    if not row.target:
        return row
    entries = row.data["domain_intersection"]
    data = {**row.data, "domain_intersection": {key: entries[key]} if key in entries else {}}
    return Row(row.target, data, {**row.known, "domain": _domain_of(entries)})


ONE = Form(lambda sent: {"target": sent[0]}, _one_rows)
#: "De-duplicate inputs": targets that are sent alike are sent once, and share their item.
BATCH = Form(lambda sent: {"targets": list(dict.fromkeys(sent))}, _batch_rows)
SET = Form(lambda sent: {"targets": {str(number): each for number, each in enumerate(sent, start=1)}}, _set_rows)
