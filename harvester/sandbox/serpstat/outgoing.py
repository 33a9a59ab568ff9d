"""Links that a host gives, for the reports on outgoing links.

The link world knows links by their target only, so these are invented here, from the seed, the host's name and the day,
with the plausibility of the world's own: targets out of the world's pool of sites, a life for each link. They are no
links *to* their targets in the world.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple

from harvester.sandbox.facts import Dice
from harvester.sandbox.generated import site_host
from harvester.sandbox.hosts import place_of, root_of
from harvester.sandbox.world import Link, Lost, Scope, World

_DAY_S = 86_400
_SITES = 40_000
_MOST_LINKS = 3_000
_UNKNOWN_SHARE = 0.12
_SUBDOMAINS = ("www", "blog")
_PAGES = ("", "about", "partners", "blog/links", "news?id=7", "r%C3%A9sum%C3%A9")
_PATHS = ("docs", "article", "download", "users/profile")
_ANCHORS = ("", "source", "read more", "日本語のリンク", "Café & Söhne", "<b>bold</b>", "=1+1", "two\nlines")
_KINDS = (*("text",) * 15, "image", "image", "frame", "canonical", "alternate")
_RELS = (
    *(frozenset[str](),) * 6,
    frozenset({"nofollow"}),
    frozenset({"nofollow", "ugc"}),
    frozenset({"sponsored", "noopener"}),
)


def outlinks_of(world: World, host: str) -> Sequence[Link]:
    """Return the links that exactly this host gives or gave: a pure function of seed, host and the world's present."""
    return tuple(_Giver(world, host).links()) if _is_known(world, host) else ()


def outlinks_below(world: World, host: str) -> Sequence[Link]:
    """Return the links of this host and, if it is a registrable domain, of the few hosts known below it."""
    hosts = [host]
    if root_of(host) == host and _is_known(world, host):
        dice = Dice(world.facts.seed, "outgoing subdomains", host)
        hosts += [f"{label}.{host}" for at, label in enumerate(_SUBDOMAINS) if dice.has(at, 0.5)]
    return [link for name in hosts for link in outlinks_of(world, name)]


def _is_known(world: World, host: str) -> bool:
    """Return False for the hosts that the generated world knows no links to."""
    return world.facts.host(host).weight >= _UNKNOWN_SHARE


def outlinks_from(world: World, place_text: str, scope: Scope) -> Sequence[Link]:
    """Return the links that a target gives or gave, in no particular order. Raises ValueError if it is no place."""
    place = place_of(place_text)
    if scope is Scope.SUBDOMAINS:
        return outlinks_below(world, place.host)
    links = outlinks_of(world, place.host)
    if scope is Scope.HOST:
        return links
    if scope is Scope.PREFIX:
        return [link for link in links if place_of(link.source_url).path.startswith(place.path)]
    return [link for link in links if place_of(link.source_url).path == place.path]


class _Life(NamedTuple):
    first_seen: datetime
    last_seen: datetime
    lost_at: datetime | None


class _Giver:
    """Writes the links that one host gives, in an order that says nothing."""

    def __init__(self, world: World, host: str) -> None:
        self._seed = world.facts.seed
        self._host = host
        self._now_s = int(world.now.timestamp())
        self._facts = world.facts.host(host)
        self._chance = Random(f"{self._seed}:outgoing:{host}")

    def links(self) -> Iterator[Link]:
        count = min(self._facts.links_out, _MOST_LINKS)
        targets = [self._target() for _ in range(min(self._facts.linked_domains, count))]
        pages = [self._page(number) for number in range(1 + count // 4)]
        for number in range(count):
            yield self._link(self._chance.choice(pages), self._chance.choice(targets), number)

    def _target(self) -> str:
        return self._chance.choice(("", "", "www.")) + site_host(self._seed, int(_SITES * self._chance.random() ** 3))

    def _page(self, number: int) -> str:
        path = self._chance.choice(_PAGES) if number < len(_PAGES) else f"page/{number}"
        return f"https://{self._host}/{path}"

    def _link(self, page: str, target: str, number: int) -> Link:
        chance, life = self._chance, self._life()
        return Link(
            source_url=page,
            source_host=self._host,
            target_url=f"https://{target}/{chance.choice(_PATHS)}/{number}",
            target_host=target,
            anchor=chance.choice((*_ANCHORS, target)),
            kind=chance.choice(_KINDS),
            rel=chance.choice(_RELS),
            page_found=life.first_seen,
            first_seen=life.first_seen,
            last_seen=life.last_seen,
            lost_at=life.lost_at,
            lost_reason=Lost.LINK_REMOVED if life.lost_at else None,
        )

    def _life(self) -> _Life:
        """Return first_seen <= last_seen < lost_at < now; one link in four is lost."""
        chance = self._chance
        first_s = self._now_s - 60 - int(2000 * _DAY_S * chance.random() ** 2)
        is_lost = chance.random() < 0.25
        end_s = first_s + 1 + int((self._now_s - first_s - 1) * chance.random()) if is_lost else self._now_s
        last_s = max(first_s, end_s - 1 - chance.randrange(40 * _DAY_S))
        end = datetime.fromtimestamp(end_s, UTC)
        return _Life(
            end - timedelta(seconds=end_s - first_s), end - timedelta(seconds=end_s - last_s), end if is_lost else None
        )
