"""What the rows of a page bring for harvests that take their targets from them. Pure.

The rows are mapped once more, whatever form they are written in: a source is asked for a few rows of each target, and
the lines of all other harvests cost what they cost.
"""

from collections.abc import Callable, Iterable, Sequence

from harvester.engine.ports import Feed, Work
from harvester.errors import UnreadableRow
from harvester.model import Exchange, Known, Page, Reply, Seeds


def seeds_of(exchange: Exchange, feeds: Sequence[Feed], work: Work, page: Page, reply: Reply) -> tuple[Seeds, ...]:
    """Return what a page that follows on what `work` has brings for each of the feeds.

    A row that cannot be mapped brings nothing, and is named.
    """
    known: list[Known] = []
    unreadable: dict[str, str] = {}
    tops = [feed.top for feed in feeds if feed.top is not None]
    most = max(tops) if len(tops) == len(feeds) else None
    for number, row in enumerate(page.rows, start=work.rows + 1):
        place = -(-number // len(work.task.targets))
        if most is not None and place > most:
            break
        try:
            known.append(Known(place, row.target, exchange.record_of(row, reply.arrived_at)))
        except UnreadableRow as exc:
            unreadable[f"row {number} of task {work.task.id}"] = str(exc)
    found = (feed.seeds(known) for feed in feeds)
    return tuple(seeds._replace(rejected={**seeds.rejected, **unreadable}) for seeds in found)


def without_secrets(found: Iterable[Seeds], masked: Callable[[str], str]) -> tuple[Seeds, ...]:
    """Return seeds of which none tells a key: another provider would be asked about it."""
    return tuple(_without_secrets(seeds, masked) for seeds in found)


def _without_secrets(seeds: Seeds, masked: Callable[[str], str]) -> Seeds:
    telling = {masked(text): "it holds a key" for text in seeds.targets.values() if masked(text) != text}
    return seeds._replace(
        targets={target: text for target, text in seeds.targets.items() if masked(text) == text},
        rejected={**{masked(text): masked(why) for text, why in seeds.rejected.items()}, **telling},
    )
