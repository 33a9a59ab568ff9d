"""Summary, and the bulk reports that tell one thing of up to 1,000 targets (reference, section 7)."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from harvester.sandbox.dataforseo.counts import Counted, Tally, block
from harvester.sandbox.dataforseo.links import View
from harvester.sandbox.dataforseo.params import Target, months_before, read_target, start_of
from harvester.sandbox.dataforseo.periods import Walk, site_facts
from harvester.sandbox.dataforseo.shelf import MOST_ROWS, Call, Found
from harvester.sandbox.dataforseo.terms import Blame, invalid
from harvester.sandbox.hosts import root_of
from harvester.sandbox.world import Link

_MOST_DOMAINS = 100
_DOMAIN_COUNTS = (
    "referring_domains",
    "referring_domains_nofollow",
    "referring_main_domains",
    "referring_main_domains_nofollow",
)
Item = Callable[[Call, Target, list[Link]], Mapping[str, Any]]  #: one target with all its links, live and lost


def find_summary(call: Call) -> Found:
    """Return the counts of one target; null where nothing is known of it, for the price of a row. Raises Blame."""
    target = call.params.target()
    lens, most_keys = call.lens, call.most_keys
    links = call.links(target)
    if not call.shelf.links(call.subject(target)):
        return Found(None, 1, is_list=False)
    counts = block(Counted(target.text, links, lens, call.rank_of(target)), most_keys)
    return Found({"target": target.text, **counts, **site_facts(lens, target)}, 1, is_list=False)


def find_bulk(call: Call) -> Found:
    """Return an item for each target. Raises Blame."""
    targets, item = _targets(call), BULK[call.name]
    _since(call)
    items = []
    for target in targets:
        links = call.shelf.links(call.subject(target))
        if links or call.switches.bulk_unknown == "zero":
            items.append(item(call, target, links))
    if call.switches.bulk_order == "reversed":
        items.reverse()
    total = {"total_count": len(items)} if call.name == "bulk_pages_summary" else {}
    return Found({**total, "items_count": len(items), "items": items}, len(items))


def _targets(call: Call) -> list[Target]:
    """Return what the task is about. Raises Blame."""
    sent = call.params.sent.get("targets")
    if not isinstance(sent, list) or not 1 <= len(sent) <= MOST_ROWS:
        raise invalid("targets")
    if call.switches.bulk_duplicates == "merged":
        sent = _once(sent)
    targets = []
    for text in sent:
        try:
            targets.append(read_target(text, "targets"))
        except Blame:
            if call.switches.bulk_invalid == "refused":
                raise
    domains = {root_of(target.place.host) for target in targets}
    if call.name == "bulk_pages_summary" and len(domains) > _MOST_DOMAINS:
        raise invalid("targets")
    return targets


def _once(sent: list[Any]) -> list[Any]:
    """Return the targets without the repeated ones; what is no text stays, to be refused."""
    return [
        *dict.fromkeys(text for text in sent if isinstance(text, str)),
        *(x for x in sent if not isinstance(x, str)),
    ]


def _live(links: list[Link]) -> list[Link]:
    return [link for link in links if link.lost_at is None]


def _rank(call: Call, target: Target, links: list[Link]) -> int:
    """Return the rank of a target on the scale that was asked for; 0 where nothing is known of it."""
    return call.lens.scaled(call.rank_of(target)) if links else 0


def _rank_item(call: Call, target: Target, links: list[Link]) -> Mapping[str, Any]:
    return {"target": target.text, "rank": _rank(call, target, links)}


def _backlinks_item(_call: Call, target: Target, links: list[Link]) -> Mapping[str, Any]:
    return {"target": target.text, "backlinks": len(_live(links))}


def _spam_item(call: Call, target: Target, links: list[Link]) -> Mapping[str, Any]:
    score = call.lens.spam_score(target.place.host) if links else 0
    return {"type": "backlinks_bulk_spam_score", "target": target.text, "spam_score": score}


def _domains_item(call: Call, target: Target, links: list[Link]) -> Mapping[str, Any]:
    tally, lens = Tally(_DOMAIN_COUNTS), call.lens
    for link in _live(links):
        tally.add(View(link, lens))
    return {"target": target.text, **{name: tally.number(name) for name in _DOMAIN_COUNTS}}


def _changes_item(kind: str) -> Item:
    """Return what tells the new and the lost since `date_from`: links, or domains that refer."""
    is_of_links = kind == "backlinks"

    def item(call: Call, target: Target, links: list[Link]) -> Mapping[str, Any]:
        lens = call.lens
        walk = Walk([View(link, lens) for link in links], ())
        walk.to(start_of(_since(call)))
        found = walk.to(call.shelf.world.now)
        names = [name for name in found if (name in ("new_backlinks", "lost_backlinks")) == is_of_links]
        return {"target": target.text, **{name: found[name] for name in names}}

    return item


def _since(call: Call) -> date:
    """Return `date_from`: a month ago where none is sent, a year ago at most. Raises Blame."""
    today = call.shelf.today
    return call.params.day("date_from", months_before(today, 1), low=months_before(today, 12), high=today)


def _pages_item(call: Call, target: Target, links: list[Link]) -> Mapping[str, Any]:
    lens = call.lens
    counts = block(Counted(target.text, _live(links), lens, call.rank_of(target) if links else 0), call.most_keys)
    root_rank = lens.scaled(lens.host_rank(root_of(target.place.host))) if links else 0
    return {"type": "backlinks_bulk_page_summary", "url": target.text, "main_domain_rank": root_rank, **counts}


BULK: Mapping[str, Item] = {
    "bulk_ranks": _rank_item,
    "bulk_backlinks": _backlinks_item,
    "bulk_spam_score": _spam_item,
    "bulk_referring_domains": _domains_item,
    "bulk_new_lost_backlinks": _changes_item("backlinks"),
    "bulk_new_lost_referring_domains": _changes_item("domains"),
    "bulk_pages_summary": _pages_item,
}
