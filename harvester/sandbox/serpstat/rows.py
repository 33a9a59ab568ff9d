"""What a row of a list is made of, and what Serpstat shows of a link (reference, sections 5 and 8)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from harvester.sandbox.facts import Dice, Facts
from harvester.sandbox.groups import Group
from harvester.sandbox.recent import Recent
from harvester.sandbox.serpstat.outgoing import outlinks_from
from harvester.sandbox.serpstat.query import Target
from harvester.sandbox.serpstat.terms import SerpstatSwitches
from harvester.sandbox.world import Link, Scope, World, links_to

Row = dict[str, Any]
Keep = Callable[[Link], bool]

_ATTRIBUTES = {"nofollow": "nofollow", "ugc": "UGC", "sponsored": "sponsored"}
_SHOWN_KINDS = {"text": "href"}
_FILTER_KINDS = {"frame": "iframe"}
#: Name in an answer -> code in a filter. Only `windows`, `linux`, `osx` and `threat_type_unspecified` have been seen.
PLATFORMS = {
    "windows": "1",
    "linux": "2",
    "android": "3",
    "osx": "4",
    "ios": "5",
    "any_platform": "6",
    "all_platforms": "7",
    "chrome": "8",
}
THREATS = {
    "malware": "1",
    "social_engineering": "2",
    "unwanted_software": "3",
    "potentially_harmful_application": "4",
    "threat_type_unspecified": "9",
}


class Shelf:
    """The links of a world by target; what was invented last is remembered."""

    def __init__(self, world: World, switches: SerpstatSwitches) -> None:
        self.world = world
        self.switches = switches
        self._given: Recent[tuple[str, Scope], Sequence[Link]] = Recent(20_000, weigh=lambda links: 1 + len(links))

    def incoming(self, target: Target) -> Sequence[Link]:
        """Return the links to a target, the lost ones too."""
        links = links_to(self.world, target.place, target.scope)
        if target.scope is Scope.HOST and self.switches.www_is_host:
            links = [*links, *self.world.links_of(f"www.{target.place.host}")]
        return links

    def outgoing(self, target: Target) -> Sequence[Link]:
        """Return the links that a target gives, the lost ones too."""
        text = f"{target.place.host}{target.place.path}"
        return self._given.get((text, target.scope), lambda: outlinks_from(self.world, text, target.scope))


@dataclass(frozen=True, slots=True)
class Entry:
    """One row before it is written: a link, or links that share a domain, a text, a page."""

    group: Group
    facts: Facts
    counts: tuple[int, ...] = ()  #: links to each site of an intersection

    @property
    def key(self) -> str:
        return self.group.key

    @property
    def links(self) -> Sequence[Link]:
        return self.group.links

    @property
    def link(self) -> Link:
        """The link, where the row is one."""
        return self.group.links[0]

    @property
    def rank(self) -> int:
        """SDR of the domain that the key is."""
        return rank_of(self.facts, self.key)


def domain_of(host: str) -> str:
    """Return what Serpstat calls the domain of a host: the host, without `www.`.

    In its examples `https://www.drweb.com/...` is of "drweb.com", while "podcasts.apple.com" and "support.google.com"
    are domains of their own.
    """
    bare = host.removeprefix("www.")
    return bare if "." in bare else host


def from_domain(link: Link) -> str:
    """Return the domain that links."""
    return domain_of(link.source_host)


def to_domain(link: Link) -> str:
    """Return the domain that is linked to."""
    return domain_of(link.target_host)


def rank_of(facts: Facts, domain: str) -> int:
    """Return the SDR of a domain, 0 to 100."""
    return round(facts.host(domain).authority)


def is_malicious(facts: Facts, domain: str) -> bool:
    """Return True for a domain that the threat reports list."""
    return facts.host(domain).is_spam


def platforms_of(facts: Facts, domain: str) -> list[str]:
    """Return the platforms that a malicious domain threatens."""
    dice = Dice(facts.seed, "threat", domain)
    usual = ["windows", "linux", "osx"]
    return [dice.pick(1, tuple(PLATFORMS))] if dice.has(0, 0.4) else usual


def threats_of(facts: Facts, domain: str) -> list[str]:
    """Return what is wrong with a malicious domain."""
    return [Dice(facts.seed, "threat", domain).pick(2, tuple(THREATS))]


def visited(link: Link) -> datetime:
    """Return the last crawl: of a lost link the one that missed it ("in the examples equal" to its `date_del`)."""
    return link.last_seen if link.lost_at is None else link.lost_at


def attributes(link: Link) -> str:
    """Return the attributes as answers write them, comma separated."""
    return ",".join(shown for word, shown in _ATTRIBUTES.items() if word in link.rel) or "follow"


def attribute_words(link: Link) -> frozenset[str]:
    """Return the attributes as filters write them."""
    return link.rel & _ATTRIBUTES.keys() or frozenset({"follow"})


def kind_shown(link: Link) -> str:
    """Return the type of a link as answers write it."""
    return _SHOWN_KINDS.get(link.kind, link.kind)


def kind_words(link: Link) -> frozenset[str]:
    """Return the type of a link as filters write it."""
    return frozenset({_FILTER_KINDS.get(link.kind, link.kind)})


def is_from_main_page(link: Link) -> bool:
    """Return True if the link stands on the first page of its host."""
    parts = urlsplit(link.source_url)
    return parts.path in ("", "/") and not parts.query


def path_shown(url: str) -> str:
    """Return what follows the host in a URL: `"/"` and `""` are different pages."""
    return url.removeprefix(url.partition("://")[0]).removeprefix("://").removeprefix(urlsplit(url).netloc)


def day_shown(moment: datetime) -> str:
    """Return the day of a moment as `YYYY-MM-DD`."""
    return moment.date().isoformat()


def moment_shown(moment: datetime) -> str:
    """Return a moment as `YYYY-MM-DD HH:MM:SS`."""
    return moment.isoformat(" ")[:19]


def shown(entry: Entry, values: Mapping[str, Callable[[Entry], Any]]) -> Row:
    """Return a row of these values."""
    return {name: value(entry) for name, value in values.items()}


def live(links: Iterable[Link]) -> list[Link]:
    """Return the links that are there."""
    return [link for link in links if link.lost_at is None]


def lost(links: Iterable[Link]) -> list[Link]:
    """Return the links that are gone."""
    return [link for link in links if link.lost_at is not None]
