"""The rows of each report, found in the shared world (reference, section 4)."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from harvester.sandbox.groups import source_domain
from harvester.sandbox.hosts import root_of
from harvester.sandbox.semrush.categories import COUNTRY_NAMES, Topic, profile, topics_of
from harvester.sandbox.semrush.filter import names_in
from harvester.sandbox.semrush.history import Point, points_of
from harvester.sandbox.semrush.report import Query
from harvester.sandbox.semrush.scene import Heap, Library, Scene, Sight, Subject, ascore_of, country_of
from harvester.sandbox.semrush.terms import SemrushError
from harvester.sandbox.world import Link

_MOST_RIVALS = 20
_PROFILED_DOMAINS = 10_000
_LARGE_PROFILE_LINKS = 1_000  # above it `urlanchor` "cannot be used"; the number is ours
_WEEKS = 27


def _scene(library: Library, query: Query) -> Scene:
    return library.scene(query.subjects[0])


def find_overview(library: Library, query: Query) -> Sequence[Scene]:
    """Return the target itself, if it has links."""
    scene = _scene(library, query)
    return [scene] if scene.links else []


def find_links(library: Library, query: Query) -> Sequence[Sight]:
    """Return the links; "`urlanchor` cannot be used for domains with a large profile"."""
    scene = _scene(library, query)
    is_large = len(scene.links) > _LARGE_PROFILE_LINKS and library.switches.urlanchor_large == "refused"
    if is_large and query.tests and "urlanchor" in names_in(query.filter):
        raise SemrushError(10000, "display_filter")
    return [Sight(link, scene) for link in scene.links]


def find_heaps(key: Callable[[Link, Scene], str | None], library: Library, query: Query) -> Sequence[Heap]:
    """Return the links counted together by what `key` says of each."""
    scene = _scene(library, query)
    return scene.heaps(lambda link: key(link, scene))


def country_name(link: Link, scene: Scene) -> str | None:
    """Return the full English name of the country that links."""
    code = country_of(scene.facts, link.source_host)
    return None if code is None else COUNTRY_NAMES[code]


def find_anchors(library: Library, query: Query) -> Sequence[Heap]:
    """Return the links by their text; "anchors look lower-cased in the official example"."""
    is_lower = library.switches.anchor_case == "lower"
    return _scene(library, query).heaps(lambda link: link.anchor.lower() if is_lower else link.anchor)


class Rival(NamedTuple):
    """One line of `backlinks_competitors`."""

    ascore: int
    neighbour: str
    similarity: int
    common_refdomains: int
    domains_num: int
    backlinks_num: int


def find_rivals(library: Library, query: Query) -> Sequence[Rival]:
    """Return the domains among the strongest referring ones that share referring domains with the target."""
    scene = _scene(library, query)
    mine = scene.group.domains
    heaps = sorted(scene.heaps(source_domain), key=lambda heap: (-len(heap.group.links), heap.group.key))
    own = root_of(scene.place.host)
    rivals = []
    for domain in islice((heap.group.key for heap in heaps if heap.group.key != own), _MOST_RIVALS):
        other = library.scene_of_domain(domain)
        theirs = other.group.domains
        common = len(mine & theirs)
        if common:
            similarity = round(200 * common / (len(mine) + len(theirs)))
            rivals.append(Rival(other.ascore, domain, similarity, common, len(theirs), len(other.links)))
    return sorted(rivals, key=lambda rival: (-rival.similarity, -rival.common_refdomains, rival.neighbour))


class Shared(NamedTuple):
    """One line of `backlinks_matrix`: a domain and how many links each target has from it."""

    domain: str
    domain_ascore: int
    counts: tuple[int, ...]

    @property
    def matches_num(self) -> int:
        return sum(map(bool, self.counts))


def find_matrix(library: Library, query: Query) -> Sequence[Shared]:
    """Return the domains that link to one target or more."""
    counts = [
        {heap.group.key: len(heap.group.links) for heap in library.scene(subject).heaps(source_domain)}
        for subject in query.subjects
    ]
    facts = library.world.facts
    return [
        Shared(domain, ascore_of(facts, domain), tuple(count.get(domain, 0) for count in counts))
        for domain in dict.fromkeys(domain for count in counts for domain in count)
    ]


def find_compared(library: Library, query: Query) -> Sequence[tuple[Subject, Scene]]:
    """Return one line for each target that has links; with a switch, for the others too unless none has any."""
    pairs = [(subject, library.scene(subject)) for subject in query.subjects]
    if len(pairs) == 1 and library.switches.blank_target:
        pairs = [(replace(subject, target=""), scene) for subject, scene in pairs]
    known = [pair for pair in pairs if pair[1].links]
    found = pairs if known and library.switches.missing_compared == "zero" else known
    return found[::-1] if library.switches.comparison_order == "reversed" else found


def find_ascores(library: Library, query: Query) -> Sequence[tuple[int, int]]:
    """Return "101 data rows (score 0 to 100, zeros included)"."""
    scene = _scene(library, query)
    if not scene.links:
        return []
    counts = Counter(ascore_of(scene.facts, domain) for domain in scene.group.domains)
    return [(score, counts[score]) for score in range(101)]


def find_profile(library: Library, query: Query) -> Sequence[Topic]:
    """Return the topics of the referring domains, "computed from the first 10,000" of them."""
    scene = _scene(library, query)
    heaps = sorted(scene.heaps(source_domain), key=lambda heap: (-len(heap.group.links), heap.group.key))
    return profile(scene.facts, (heap.group.key for heap in heaps[:_PROFILED_DOMAINS]))


def find_topics(library: Library, query: Query) -> Sequence[Topic]:
    """Return the topics of the target, if it has links."""
    scene = _scene(library, query)
    return topics_of(scene.facts, scene.place.host) if scene.links else []


def find_history(library: Library, query: Query) -> Sequence[Point]:
    """Return the points in time, newest first; with `timespan=weeks` "at most 27 lines"."""
    is_monthly = query.timespan == "months" or (not query.timespan and library.switches.history_step == "monthly")
    points = points_of(_scene(library, query), is_monthly=is_monthly)
    return points[:_WEEKS] if query.timespan == "weeks" else points
