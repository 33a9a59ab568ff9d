"""What is invented about hosts and pages: ratings, addresses, traffic, titles. All of it follows from seed and name.

No provider's metric: an `authority` of 0 to 100 that each contract shows under its own name. Facts are read from a
digest only when they are asked for, so that naming a host costs nothing.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache, partial
from typing import TypeVar

T = TypeVar("T")

_COUNTRIES = ("US", "US", "US", "DE", "GB", "FR", "IN", "BR", "JP", "NL", "PL", "ES", "IT", "UA", "CZ")
_LANGUAGES = ("en", "en", "en", "en", "de", "fr", "es", "pt", "ja", "nl", "pl", "it", "uk", "cs")
_ENCODINGS = ("utf8", "utf8", "utf8", "utf8", "iso88591", "windows1252")
_PLATFORMS = ("WordPress", "Nginx", "PHP", "jQuery", "Cloudflare", "Drupal", "React", "Apache")
_AUTHORS = ("A. Writer", "Zoë Brontë", "Jan Nowak", "山田太郎", "O'Brien & Sons", "editor@blog.example")
_CATEGORIES = ("/News", "/News/Technology", "/Business/Marketing", "/Science", "/Hobbies/Cooking,/Home")
_PAGE_TYPES = ("/Article", "/Article/Blog_Post", "/Forum/Thread", "/Directory", "/Home")
_TITLES = (
    "Ten tools we use every day",
    "Release notes",
    "Über uns | Impressum",
    "お知らせ",
    "Links & resources",
    "<title>unescaped</title>",
    "\x1b]0;owned\x07Terminal title",
    "Résumé of the year; part 2",
    "",
)
_STATUS_BROKEN = (404, 404, 404, 410, 500, 403)


class Dice:
    """Sixteen numbers that belong to a name: the same in every run, on every machine."""

    __slots__ = ("_digest",)

    def __init__(self, *names: object) -> None:
        text = "\x1f".join(map(str, names)).encode("utf-8", "backslashreplace")
        self._digest = hashlib.blake2b(text, digest_size=64).digest()

    def unit(self, at: int) -> float:
        """Return number `at` (0 to 15) as a fraction of one, one excluded."""
        return int.from_bytes(self._digest[4 * at : 4 * at + 4], "big") / 2**32

    def number(self, at: int, low: int, high: int) -> int:
        """Return number `at` as an integer from `low` to `high`, both included."""
        return low + int(self.unit(at) * (high - low + 1))

    def has(self, at: int, share: float) -> bool:
        """Return True for this share of all names."""
        return self.unit(at) < share

    def pick(self, at: int, choices: Sequence[T]) -> T:
        """Return one of the choices."""
        return choices[int(self.unit(at) * len(choices))]


def heavy_tail(unit: float, *, typical: float) -> int:
    """Return a count whose median is about 1.7 times `typical` and whose largest is ten thousand times that."""
    return int(typical / math.pow(max(1.0 - unit, 1e-6), 0.75))


class HostFacts:
    """One host."""

    __slots__ = ("_dice",)

    def __init__(self, seed: int, host: str) -> None:
        self._dice = Dice(seed, "host", host)

    @property
    def weight(self) -> float:
        """How important the host is, from 0 to 1; equally many hosts at every height."""
        return self._dice.unit(0)

    @property
    def authority(self) -> float:
        """From 0 to 100, one decimal; most hosts are low."""
        return round(100 * math.pow(self.weight, 2.5), 1)

    @property
    def rank(self) -> int:
        """From 1, the strongest."""
        return 1 + int((100.0 - self.authority) ** 4 * 2.1)

    @property
    def ip(self) -> str | None:
        """IPv4 address of the range set aside for benchmarks (RFC 2544); unknown for a few."""
        a, b, c = (self._dice.number(at, 0, 255) for at in (1, 2, 3))
        return None if self._dice.has(15, 0.03) else f"198.{18 + a % 2}.{b}.{c}"

    @property
    def country(self) -> str:
        return self._dice.pick(4, _COUNTRIES)

    @property
    def visits(self) -> int:
        """Search visits in a month."""
        return int(self.weight**3 * heavy_tail(self._dice.unit(5), typical=40))

    @property
    def keywords(self) -> int:
        return self.visits // 3 + self._dice.number(6, 0, 9)

    @property
    def linking_domains(self) -> int:
        return heavy_tail(self.weight, typical=9)

    @property
    def linking_domains_followed(self) -> int:
        return int(self.linking_domains * (0.5 + self._dice.unit(7) / 2))

    @property
    def linked_domains(self) -> int:
        return 1 + heavy_tail(self._dice.unit(8), typical=11)

    @property
    def linked_domains_followed(self) -> int:
        return 1 + int((self.linked_domains - 1) * self._dice.unit(9))

    @property
    def links_out(self) -> int:
        return self.linked_domains * self._dice.number(10, 1, 6)

    @property
    def links_inside(self) -> int:
        return 5 + heavy_tail(self._dice.unit(11), typical=60)

    @property
    def is_spam(self) -> bool:
        return self._dice.has(12, 0.05)

    @property
    def ads(self) -> int:
        """Paid advertisements; most hosts have none."""
        return self._dice.number(13, 0, 40) if self._dice.has(14, 0.2) else 0


class PageFacts:
    """One page."""

    __slots__ = ("_dice",)

    def __init__(self, seed: int, url: str) -> None:
        self._dice = Dice(seed, "page", url)

    @property
    def authority(self) -> float:
        """From 0 to 100, one decimal."""
        return round(80 * self._dice.unit(0) ** 3, 1)

    @property
    def visits(self) -> int:
        return heavy_tail(self._dice.unit(1), typical=1) - 1

    @property
    def keywords(self) -> int:
        return self.visits // 2

    @property
    def linking_domains(self) -> int:
        return heavy_tail(self._dice.unit(2), typical=1) - 1

    @property
    def linking_networks(self) -> int:
        """Distinct /24 networks that link to the page."""
        return (self.linking_domains + 1) // 2

    @property
    def linked_domains(self) -> int:
        return self._dice.number(3, 1, 30)

    @property
    def links_external(self) -> int:
        return self.linked_domains + self._dice.number(4, 0, 20)

    @property
    def links_internal(self) -> int:
        return self._dice.number(5, 0, 120)

    @property
    def size_bytes(self) -> int:
        return self._dice.number(6, 900, 250_000)

    @property
    def title(self) -> str:
        return self._dice.pick(7, _TITLES)

    @property
    def languages(self) -> list[str]:
        """ISO 639-1 codes; none for a few pages, two for a few others."""
        if self._dice.has(8, 0.05):
            return []
        first = self._dice.pick(9, _LANGUAGES)
        return [first, "la"] if self._dice.has(8, 0.1) else [first]

    @property
    def encoding(self) -> str:
        return self._dice.pick(10, _ENCODINGS)

    @property
    def platforms(self) -> list[str]:
        first = self._dice.number(11, 0, len(_PLATFORMS))
        return list(_PLATFORMS[first : first + 2])

    @property
    def author(self) -> str | None:
        return self._dice.pick(12, _AUTHORS) if self._dice.has(13, 0.3) else None

    @property
    def category(self) -> str | None:
        return self._dice.pick(12, _CATEGORIES) if self._dice.has(14, 0.6) else None

    @property
    def kind(self) -> str | None:
        return self._dice.pick(13, _PAGE_TYPES) if self._dice.has(14, 0.8) else None

    @property
    def is_script_built(self) -> bool:
        """Whether the page shows its links only after its scripts ran."""
        return self._dice.has(14, 0.1)

    @property
    def is_link_in_content(self) -> bool:
        return self._dice.has(15, 0.7)

    @property
    def status(self) -> int:
        """What the page answers today; an error for one page in twelve."""
        return self._dice.pick(4, _STATUS_BROKEN) if self._dice.has(6, 1 / 12) else 200

    def published(self, found: date) -> date | None:
        """Return the day the page says it was published, at most 30 days before it was found; unknown for most."""
        return found - timedelta(days=self._dice.number(9, 0, 30)) if self._dice.has(10, 0.25) else None


@dataclass(frozen=True)
class Facts:
    """Facts of every host and page under one seed; those asked for last are remembered."""

    seed: int

    @cached_property
    def host(self) -> Callable[[str], HostFacts]:
        return lru_cache(maxsize=20_000)(partial(HostFacts, self.seed))

    @cached_property
    def page(self) -> Callable[[str], PageFacts]:
        return lru_cache(maxsize=20_000)(partial(PageFacts, self.seed))
