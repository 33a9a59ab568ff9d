"""backlinks/live: a row for each page that links, grouped or not, and search_after_token (reference, sections 6, 7)."""

import base64
import binascii
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from harvester import codec
from harvester.errors import UnknownReply
from harvester.sandbox.dataforseo.links import LINK_FIELDS, View, link_field, link_item, strongest_first
from harvester.sandbox.dataforseo.lists import Listing, listed, page_found, window_of
from harvester.sandbox.dataforseo.params import Params, read_moment, stamp
from harvester.sandbox.dataforseo.shelf import MOST_ROWS, Call, Found
from harvester.sandbox.dataforseo.terms import invalid

_TOKEN = "search_after_token"
_TOKEN_LIFE = timedelta(minutes=10)
_MODES: Mapping[str, str | None] = {"as_is": None, "one_per_domain": "domain_from", "one_per_anchor": "anchor"}
_CUSTOM_FIELDS = (
    "anchor",
    "domain_from",
    "domain_from_country",
    "tld_from",
    "page_from_encoding",
    "page_from_language",
    "item_type",
    "page_from_status_code",
    "semantic_location",
)


def by_page(views: Sequence[View]) -> list[View]:
    """Return one link for each page, the one with the highest rank; it says how many there were."""
    pages: dict[str, list[View]] = {}
    for view in strongest_first(views):
        pages.setdefault(view.link.source_url, []).append(view)
    return [View(found[0].link, found[0].lens, links_count=len(found)) for found in pages.values()]


def _rows(call: Call) -> list[View]:
    return by_page(call.views(call.params.target()))


def _grouping(params: Params) -> tuple[str | None, int]:
    """Return the field that rows are grouped by, and how many rows a group shows. Raises Blame."""
    custom = params.sent.get("custom_mode")
    if custom is None:
        return _MODES[params.choice("mode", tuple(_MODES))], 1
    if not isinstance(custom, dict) or custom.get("field") not in _CUSTOM_FIELDS:
        raise invalid("custom_mode")
    value = custom.get("value")
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_ROWS:
        raise invalid("custom_mode")
    return str(custom["field"]), value


def _fold(call: Call, rows: list[View]) -> list[View]:
    """Return the strongest rows of each group, each with the number of links in its group."""
    name, most = _grouping(call.params)
    if name is None:
        return rows
    value = LINK_FIELDS[name].value
    groups: defaultdict[Any, list[View]] = defaultdict(list)
    for row in rows:
        key = value(row)
        # A site answers with and without `www.`; both are one domain, whichever the link names.
        groups[key.removeprefix("www.") if name == "domain_from" else key].append(row)
    shown = []
    for found in groups.values():
        count = sum(row.links_count for row in found)
        for row in found[:most]:
            row.group_count = count
            shown.append(row)
    return strongest_first(shown)


def _head(call: Call) -> dict[str, Any]:
    """Return the head of the result; modes are null unless they were sent."""
    _grouping(call.params)  # refused even where nothing is grouped
    sent = call.params.sent
    return {"target": call.params.target().text, "mode": sent.get("mode"), "custom_mode": sent.get("custom_mode")}


BACKLINKS: Listing[View] = Listing(
    head=_head,
    rows=_rows,
    lookup=link_field,
    item=lambda view, _call: link_item(view),
    names=tuple(name for name, field in LINK_FIELDS.items() if field.kind and field.is_listed),
    is_order_known=True,
    fold=_fold,
)


def find_backlinks(call: Call, now: datetime) -> Found:
    """Return a page of backlinks, and the token that continues behind it. Raises Blame."""
    offset, limit = window_of(call)
    at = offset
    if _TOKEN in call.params.sent:
        at = offset + _delivered(call, now)
    found = page_found(call, BACKLINKS, at, limit)
    assert found.result is not None
    rows = listed(call, BACKLINKS)
    behind = min(at + limit, len(rows))
    is_last = behind >= len(rows)
    token = None
    if found.rows and not (is_last and call.switches.last_token == "null"):
        token = _token(call, rows[behind - 1], behind - offset, now)
    return Found({**found.result, _TOKEN: token}, found.rows)


def _token(call: Call, last: View, delivered: int, now: datetime) -> str:
    """Return the token behind a row; what it holds is shaped like a captured one (section 6)."""
    offset, _ = window_of(call)
    value = {
        "CurrentOffset": offset,
        "RawRequest": _bound(call),
        "SearchAfterData": {
            "Version": stamp(now),
            "SearchAfterValues": [last.raw_rank, stamp(last.last_seen)],
            "TokenRealOffset": delivered,
        },
    }
    return base64.b64encode(codec.dump(value)).decode()


def _bound(call: Call) -> dict[str, Any]:
    """Return the parameters that a token is bound to: all but itself, and the tag by a switch."""
    loose = (_TOKEN,) if call.switches.token_binds_tag else (_TOKEN, "tag")
    return {name: value for name, value in sorted(call.params.sent.items()) if name not in loose}


def _delivered(call: Call, now: datetime) -> int:
    """Return how many rows were delivered when the token was made. Raises Blame if it is not this request's."""
    try:
        text = base64.b64decode(call.params.sent[_TOKEN], validate=True)
        value = codec.parse(text)
        data, request = value["SearchAfterData"], value["RawRequest"]
        delivered, made = data["TokenRealOffset"], read_moment(data["Version"])
    except (binascii.Error, UnknownReply, TypeError, KeyError, ValueError):
        raise invalid(_TOKEN) from None
    is_stale = made is None or (call.switches.tokens_expire and now - made > _TOKEN_LIFE)
    if request != _bound(call) or is_stale or not isinstance(delivered, int) or delivered < 0:
        raise invalid(_TOKEN)
    return delivered
