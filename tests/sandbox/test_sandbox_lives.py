"""One world of links on several days: a link lives through them, and is on each as the last day says it was."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from harvester.errors import ConfigError
from harvester.sandbox.app import Options, open_world
from harvester.sandbox.world import Link, World

LAST = date(2026, 11, 21)
HOSTS = [f"shop-{number}.example" for number in range(1, 40)]


def world_on(day: date) -> World:
    return open_world(Options(today=day, last_day=LAST))


def places(world: World) -> dict[tuple[str, str, str], list[Link]]:
    found: dict[tuple[str, str, str], list[Link]] = {}
    for host in HOSTS:
        for link in world.links_below(host):
            found.setdefault((link.target_host, link.source_url, link.target_url), []).append(link)
    return found


@pytest.mark.parametrize("days", [0, 1, 7, 30, 400])
def test_a_day_shows_what_had_happened_by_then(days: int) -> None:
    world, final = world_on(LAST - timedelta(days=days)), world_on(LAST)
    was, now = places(world), places(final)
    for place, links in now.items():
        known = [link for link in links if link.first_seen < world.now]
        assert len(known) == len(was.get(place, [])), "each that was found by then, and no other"
        for link, before in zip(known, was.get(place, []), strict=True):
            is_lost = link.lost_at is not None and link.lost_at < world.now
            assert before.lost_at == (link.lost_at if is_lost else None)
            assert (before.lost_reason is None) == (before.lost_at is None)
            assert before.first_seen == link.first_seen <= before.last_seen < (before.lost_at or world.now)
    assert was.keys() <= now.keys()


def test_links_change_only_until_they_are_as_they_are_today() -> None:
    days = (LAST - timedelta(days=days) for days in (61, 30, 7, 1, 0))
    changed = []
    final = places(world_on(LAST))
    for day in days:
        pairs = [
            (final[place][0], links[0])
            for place, links in places(world_on(day)).items()
            if len(links) == len(final[place]) == 1
        ]
        changed.append(
            sum((link.anchor, link.rel) != (before.anchor, before.rel) for link, before in pairs) / len(pairs)
        )
    assert changed[-1] == 0
    assert sorted(changed, reverse=True) == changed
    assert 0.1 < changed[0] < 0.35


def test_a_host_alone_has_its_own_links_only() -> None:
    world = world_on(LAST - timedelta(days=30))
    for host in HOSTS:
        assert [link for link in world.links_below(host) if link.target_host == host] == list(world.links_of(host))


def test_without_a_last_day_the_world_ends_today() -> None:
    assert places(open_world(Options(today=LAST))) == places(world_on(LAST))


def test_a_last_day_before_today_is_refused() -> None:
    with pytest.raises(ConfigError, match="told up to 2026-11-20, and today is 2026-11-21"):
        open_world(replace(Options(today=LAST), last_day=LAST - timedelta(days=1)))
