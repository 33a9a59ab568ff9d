"""The main job on real links: exactly the rows that the CSV implies, within rate and bill."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from e2e_kit import (
    LINKS,
    ObservedLinks,
    charged,
    config_text,
    environment,
    harvester,
    lines_of,
    needs_links,
    status_of,
)

from harvester.sandbox.app import Options, serving

RATE = "120/6seconds"
REPORTS = ("backlinks", "lost-backlinks", "refdomains", "anchors")


async def harvest_observed(folder: Path, targets: list[str]) -> None:
    options = Options(links=LINKS, row_cap=100, rates={"ahrefs": RATE}, faults=0.02, latency_ms=20)
    async with serving(options) as sandbox:
        config = folder / "job.toml"
        config.write_text(
            config_text(sandbox, targets, [f'report = "{name}"' for name in REPORTS], rate=RATE, row_cap=100)
        )
        code, _, err = await harvester("run", str(config), environ=environment(sandbox, folder / "run"))
        assert code == 0, err
        account = charged(sandbox)
    status = await status_of(folder / "out" / "e2e")
    assert status["state"] == "complete"
    ours = status["providers"]["ahrefs"]
    assert account["refused_for_rate"] == 0
    assert account["most_in_window"] <= 120
    assert account["units_charged"] <= ours["units_spent"] + ours["units_in_doubt"]
    assert account["faults"] > 0, "nothing went wrong, so nothing was proved"


@needs_links
def test_a_harvest_of_observed_links_brings_exactly_the_rows_of_the_csv(tmp_path: Path) -> None:
    links = ObservedLinks()
    targets = links.most_linked(40)
    asyncio.run(harvest_observed(tmp_path, targets))

    expected: dict[str, Counter[tuple[str, ...]]] = {name: Counter() for name in REPORTS}
    for target in targets:
        live, lost = links.to(target, lost=False), links.to(target, lost=True)
        expected["backlinks"].update((target, row["source_url"], row["target_url"]) for row in live)
        expected["lost-backlinks"].update((target, row["source_url"], row["target_url"]) for row in lost)
        expected["refdomains"].update({(target, links.domain(row["source_url"])) for row in live})
        expected["anchors"].update({(target, row["anchor"]) for row in live})
    fields = {"refdomains": ("domain",), "anchors": ("anchor",)}
    for name in REPORTS:
        records = lines_of(tmp_path / "out" / "e2e" / f"ahrefs.{name}.jsonl")
        columns = ("target", *fields.get(name, ("url_from", "url_to")))
        assert Counter(tuple(record[column] for column in columns) for record in records) == expected[name], name
        places = Counter((record["task"], record["row"]) for record in records)
        assert set(places.values()) <= {1}, "a line was written twice"


@needs_links
@pytest.mark.parametrize("switch", ["ahrefs.timestamps_in_where=refuse", "ahrefs.timestamps_in_where=day"])
def test_the_rows_are_the_same_where_filters_take_days_only(tmp_path: Path, switch: str) -> None:
    links = ObservedLinks()
    targets = links.most_linked(5)

    async def run() -> None:
        async with serving(
            Options(links=LINKS, row_cap=100, rates={"ahrefs": "unlimited"}, switches=(switch,))
        ) as sandbox:
            config = tmp_path / "job.toml"
            config.write_text(config_text(sandbox, targets, ['report = "backlinks"'], rate="unlimited", row_cap=100))
            code, _, err = await harvester("run", str(config), environ=environment(sandbox, tmp_path / "run"))
            assert code == 0, err

    asyncio.run(run())
    records = lines_of(tmp_path / "out" / "e2e" / "ahrefs.backlinks.jsonl")
    expected = Counter(
        (target, row["source_url"], row["target_url"]) for target in targets for row in links.to(target, lost=False)
    )
    assert Counter((record["target"], record["url_from"], record["url_to"]) for record in records) == expected
