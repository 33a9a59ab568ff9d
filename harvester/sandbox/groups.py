"""Links counted by what they have in common: the same arithmetic behind every contract's aggregates.

A group knows no provider's names: contracts show its counts under their own, with their own rules of what counts.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from harvester.sandbox.facts import Facts
from harvester.sandbox.hosts import root_of
from harvester.sandbox.world import Link


@dataclass(frozen=True, slots=True)
class Group:
    """The links that share a key: a referring domain, an address, a text, a target page. Never empty."""

    key: str
    links: Sequence[Link]

    @property
    def domains(self) -> frozenset[str]:
        """Registrable domains that link."""
        return frozenset(root_of(link.source_host) for link in self.links)

    @property
    def hosts(self) -> frozenset[str]:
        """Hosts that link."""
        return frozenset(link.source_host for link in self.links)

    @property
    def pages(self) -> frozenset[str]:
        """Pages that link."""
        return frozenset(link.source_url for link in self.links)

    @property
    def first_seen(self) -> datetime:
        """When the first of the links was found."""
        return min(link.first_seen for link in self.links)

    @property
    def last_seen(self) -> datetime:
        """When one of the links was last found to be there."""
        return max(link.last_seen for link in self.links)

    @property
    def lost_at(self) -> datetime | None:
        """When the last of the links was lost; None while one lives."""
        lost = [link.lost_at for link in self.links if link.lost_at is not None]
        return max(lost) if len(lost) == len(self.links) else None

    def count(self, is_meant: Callable[[Link], bool]) -> int:
        """Return how many of the links are meant."""
        return sum(map(is_meant, self.links))

    def addresses(self, facts: Facts) -> frozenset[str]:
        """Return the IP addresses of the hosts that link, those that are known."""
        return frozenset(ip for host in self.hosts if (ip := facts.host(host).ip) is not None)


def grouped(links: Iterable[Link], key: Callable[[Link], str | None]) -> list[Group]:
    """Return the links by what `key` says of each, in the order of first appearance; None leaves a link out."""
    found: defaultdict[str, list[Link]] = defaultdict(list)
    for link in links:
        name = key(link)
        if name is not None:
            found[name].append(link)
    return [Group(name, members) for name, members in found.items()]


def source_domain(link: Link) -> str:
    """Return the registrable domain that links."""
    return root_of(link.source_host)


def source_zone(link: Link) -> str:
    """Return the top-level domain of the host that links, without its dot."""
    return link.source_host.rpartition(".")[2]


def is_followed(link: Link) -> bool:
    """Return True if no attribute of the link keeps it from passing on weight."""
    return not link.rel & {"nofollow", "ugc", "sponsored"}


def subnet_of(ip: str) -> str:
    """Return the class C network of an IPv4 address."""
    return f"{ip.rpartition('.')[0]}.0"
