"""A watch over three weeks, through real sockets: each round asks for what is new, and what changed is what changed."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from e2e_kit import harvester, start
from rounds_kit import DAYS, LAST_DAY, OPTIONS, TARGETS, Watch, lines_in, links_on

from harvester.assembly.status import read_status
from harvester.insight.changes import compared
from harvester.sandbox.app import serving
from harvester.sandbox.world import Link

BACKLINKS = {"provider": "ahrefs", "report": "backlinks"}
NEW = {"provider": "ahrefs", "report": "new-backlinks", "since": "last"}
LOST = {"provider": "ahrefs", "report": "lost-backlinks", "since": "last"}
WEEKLY = (
    NEW,
    LOST,
    *({"provider": name, "report": "lost-backlinks", "since": "last"} for name in ("serpstat", "dataforseo")),
)


class Place(NamedTuple):
    """A link as every round sees it, whatever its text."""

    target: str
    url_from: str
    url_to: str


def alone(links: Mapping[str, Sequence[Link]]) -> set[Place]:
    """Return the links that are the only one from their page to their address."""
    places = Counter(place_of(target, link) for target, found in links.items() for link in found)
    return {place for place, count in places.items() if count == 1}


def place_of(target: str, link: Link) -> Place:
    return Place(target, link.source_url, link.target_url)


def changes_in(directory: Path, harvest: str, **rounds: int) -> dict[str, set[Place]]:
    """Return what `harvester changes` finds, by kind."""
    found: dict[str, set[Place]] = {"gained": set(), "lost": set(), "changed": set()}
    with compared(directory, harvest=harvest, **rounds) as changes:
        answer = changes.answer()
        for row in (dict(zip(answer.columns, values, strict=True)) for values in answer.rows):
            found[row["change"]].add(Place(row["target"], row["url_from"], row["url_to"]))
    return found


def world_between(before: date, after: date) -> dict[str, set[Place]]:
    """Return what became of the links of the world between two days, of those that are alone at their place."""
    older = {target: links_on(before, target) for target in TARGETS}
    newer = {target: links_on(after, target) for target in TARGETS}
    single = alone(newer)
    was, now = _live(older), _live(newer)
    return {
        "gained": {place for place in now.keys() - was.keys() if place in single},
        "lost": {place for place in was.keys() - now.keys() if place in single},
        "changed": {
            place
            for place in was.keys() & now.keys()
            if place in single
            and (was[place].anchor, "nofollow" in was[place].rel) != (now[place].anchor, "nofollow" in now[place].rel)
        },
    }


def _live(links: Mapping[str, Sequence[Link]]) -> dict[Place, Link]:
    return {place_of(target, link): link for target, found in links.items() for link in found if link.lost_at is None}


def lost_between(before: date, after: date) -> set[Place]:
    """Return the links that the world lost from one day to another, those that came in that time too."""
    found = {target: links_on(after, target) for target in TARGETS}
    return {
        place_of(target, link)
        for target, links in found.items()
        for link in links
        if link.lost_at is not None and link.lost_at.date() >= before
    }


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watch:
    """Return a watch of three weeks."""
    watch = Watch(folder=tmp_path_factory.mktemp("watch"), harvests=[BACKLINKS, *WEEKLY])
    watch.weeks()
    return watch


def only(found: Mapping[str, set[Place]], places: Iterable[Place]) -> dict[str, set[Place]]:
    wanted = set(places)
    return {kind: each & wanted for kind, each in found.items()}


@pytest.mark.parametrize(("first", "last"), [(1, 2), (2, 3), (1, 3)])
def test_what_whole_lists_differ_by_is_what_became_of_the_world(watched: Watch, first: int, last: int) -> None:
    expected = world_between(DAYS[first - 1], DAYS[last - 1])
    assert all(expected.values()), "there is something to find"
    single = alone({target: links_on(DAYS[last - 1], target) for target in TARGETS})
    assert only(changes_in(watched.directory, "ahrefs.backlinks", first=first, last=last), single) == expected


def test_what_is_new_since_the_last_round_is_what_came_since(watched: Watch) -> None:
    expected = world_between(DAYS[1], DAYS[2])["gained"]
    single = alone({target: links_on(DAYS[2], target) for target in TARGETS})
    assert only(changes_in(watched.directory, "ahrefs.new-backlinks"), single)["gained"] == expected


@pytest.mark.parametrize("provider", ["ahrefs", "serpstat"])
def test_what_was_lost_since_the_last_round_is_what_went_since(watched: Watch, provider: str) -> None:
    for first, last in ((2, 3), (1, 3)):
        found = changes_in(watched.directory, f"{provider}.lost-backlinks", first=first, last=last)
        assert found["lost"] == lost_between(DAYS[first - 1], DAYS[last - 1])
        assert found["gained"] == found["changed"] == set()


def test_no_lost_link_is_missed_by_all_rounds_together(watched: Watch) -> None:
    rounds = [*(watched.directory / "rounds" / str(number) for number in (1, 2)), watched.directory]
    for name in ("ahrefs.lost-backlinks", "serpstat.lost-backlinks"):
        seen = {
            (row["target"], row["url_from"], row["url_to"], row["anchor"])
            for each in rounds
            for row in lines_in(each / f"{name}.jsonl")
        }
        gone = [link for target in TARGETS for link in links_on(LAST_DAY, target) if link.lost_at is not None]
        assert {(place[1], place[2]) for place in seen} >= {(link.source_url, link.target_url) for link in gone}


def test_each_round_asks_from_the_day_of_the_one_before(watched: Watch) -> None:
    manifests = [lines_of_manifest(watched.directory / "rounds" / str(number)) for number in (1, 2)]
    manifests.append(lines_of_manifest(watched.directory))
    for name in ("ahrefs.new-backlinks", "ahrefs.lost-backlinks", "serpstat.lost-backlinks"):
        asked = [each["harvests"][name] for each in manifests]
        assert [each["since"] for each in asked] == ["last"] * 3
        assert [each["since_day"] for each in asked] == [None, DAYS[0].isoformat(), DAYS[1].isoformat()]
    assert [each["round"] for each in manifests] == [1, 2, 3]
    small = len(lines_in(watched.directory / "ahrefs.lost-backlinks.jsonl"))
    assert 0 < small < len(watched.lines(1, "ahrefs.lost-backlinks.jsonl")) / 3


def lines_of_manifest(directory: Path) -> dict[str, Any]:
    import json

    found: dict[str, Any] = json.loads((directory / "manifest.json").read_bytes())
    return found


def test_a_round_that_is_gone_on_with_days_later_asks_from_the_same_day(tmp_path: Path) -> None:
    watch = Watch(folder=tmp_path, harvests=[LOST])

    async def go() -> None:
        async with serving(replace(OPTIONS, today=DAYS[0])) as sandbox:
            await watch.round(sandbox, DAYS[0])
            await watch.round(sandbox, DAYS[1], max_targets=2)
            outcome = await watch.round(sandbox, DAYS[1] + timedelta(days=3))
            assert (outcome.exit_code, read_status(watch.directory).round) == (0, 2)
            await watch.round(sandbox, DAYS[2])

    asyncio.run(go())
    lasts = [line for line in watch.said if "last" in line and LOST["report"] in line]
    began = [line.rpartition('"last": ')[2] for line in lasts]
    assert began == [
        "as without it, for no earlier round is complete",
        "2026-11-07, the day of round 1",
        "2026-11-07, the day of round 1",
        "2026-11-14, the day of round 2",  # on which it began, and not on which it ended
    ]


def test_each_round_may_spend_the_whole_budget(tmp_path: Path) -> None:
    watch = Watch(folder=tmp_path, harvests=[BACKLINKS])

    async def go() -> list[int]:
        spent = []
        async with serving(replace(OPTIONS, today=LAST_DAY, switches=("ahrefs.cache=false",))) as sandbox:
            await watch.round(sandbox, LAST_DAY)
            for budget in (None, 12_000):
                watch.sections = {} if budget is None else {"ahrefs": {"budget": budget}}
                outcome = await watch.round(sandbox, LAST_DAY)
                assert outcome.exit_code == 0
                spent.append(outcome.census.providers["ahrefs"].tally.units_spent)
        return spent

    first, second = asyncio.run(go())
    assert first == second
    assert 6_000 < second <= 12_000


def test_a_round_that_is_killed_goes_on_with_the_same_command(tmp_path: Path) -> None:
    watch = Watch(folder=tmp_path, harvests=[BACKLINKS])

    async def go() -> None:
        async with serving(
            replace(OPTIONS, today=LAST_DAY, latency_ms=40, switches=("ahrefs.cache=false",))
        ) as sandbox:
            config, environ = str(watch.config(sandbox)), {**os.environ, **watch.environ(sandbox)}
            assert (await harvester("run", config, "--again", environ=environ))[0] == 0
            process = await start("run", config, "--again", "--quiet", environ=environ)
            tasks = watch.directory / "tasks.jsonl"
            while not ((watch.directory / "rounds" / "1").exists() and tasks.exists() and tasks.stat().st_size):
                assert process.returncode is None
                await asyncio.sleep(0.005)
            process.send_signal(signal.SIGKILL)
            await process.communicate()
            assert read_status(watch.directory).state == "stopped"
            code, _, err = await harvester("run", config, "--again", environ=environ)
            assert code == 0, err
            assert "round 2 is not finished: going on with it" in err

    asyncio.run(go())
    assert read_status(watch.directory).round == 2
    rows = [
        sorted((row["task"], row["row"], row["url_from"]) for row in lines_in(each / "ahrefs.backlinks.jsonl"))
        for each in (watch.directory / "rounds" / "1", watch.directory)
    ]
    assert rows[0] == rows[1]
    assert len(set(rows[1])) == len(rows[1]) > 200
    assert changes_in(watch.directory, "ahrefs.backlinks") == {"gained": set(), "lost": set(), "changed": set()}
