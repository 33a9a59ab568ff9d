"""A gap is told only where the harvested rows can tell it; otherwise it is said why not."""

from pathlib import Path
from typing import Any

import pytest
from insight_kit import Yard

from harvester.errors import ConfigError
from harvester.insight.gap import Terms, find_gap
from harvester.insight.warehouse import opened


def asked(directory: Path, mine: str = "mine.com", **terms: Any) -> tuple[list[str], list[str]]:
    """Return the sites of a gap, and what is said beside it."""
    with opened(directory) as connection:
        gap = find_gap(connection, Terms(mine=mine, **terms))
        return [f"{row[0]}: {row[1]} ({row[2]})" for row in gap.answer.rows], list(gap.remarks)


def yard(path: Path, report: str = "refdomains", **asked: Any) -> tuple[Yard, str]:
    """Return a job with two rivals, not yet made, and the harvest to which mine may be added."""
    job = Yard(path)
    name = job.harvest("ahrefs", report, **asked)
    for target, sites in (("rival-a.com", "xyz"), ("rival-b.com", "yz"), ("rival-c.com", "z")):
        rows = [
            {"domain": f"{site}.com", "domain_score": ord(site) % 7, "domain_metric": "ahrefs_dr"} for site in sites
        ]
        job.add(name, "refdomain", target, rows)
        job.done(name, target)
    return job, name


def test_most_rivals_come_first_and_then_the_score(tmp_path: Path) -> None:
    job, name = yard(tmp_path / "job")
    more = [
        {"domain": f"{site}.com", "domain_score": score, "domain_metric": "ahrefs_dr"}
        for site, score in zip("abcd", (5, 50, None, 9), strict=True)
    ]
    job.add(
        name, "refdomain", "rival-c.com", [row if row["domain_score"] else {"domain": row["domain"]} for row in more]
    )
    job.done(name, "mine.com", reason="no data")
    order = ["z.com (3)", "y.com (2)", "b.com (1)", "d.com (1)", "a.com (1)", "x.com (1)", "c.com (1)"]
    directory = job.made()
    assert asked(directory) == ([f"ahrefs: {site}" for site in order], [])
    assert asked(directory, least_rivals=2) == (["ahrefs: z.com (3)", "ahrefs: y.com (2)"], [])
    assert asked(directory, most_sites=1) == (["ahrefs: z.com (3)"], [])


def test_my_own_site_is_no_gap(tmp_path: Path) -> None:
    job, name = yard(tmp_path / "job")
    job.add(name, "refdomain", "rival-a.com", [{"domain": "www.mine.com"}])
    job.done(name, "mine.com", "shop.mine.com")
    directory = job.made()
    assert not [site for site in asked(directory)[0] if "mine" in site]
    assert not [site for site in asked(directory, "shop.mine.com")[0] if "mine" in site]


@pytest.mark.parametrize(
    ("end", "why"),
    [
        ({"reason": "max_rows"}, "ahrefs.refdomains: its rows end at max_rows"),
        (
            {"state": "incomplete", "reason": "rows\x1b are out of reach"},
            "ahrefs.refdomains: rows\\x1b are out of reach",
        ),
        ({"state": "set_aside"}, "ahrefs.refdomains: set_aside"),
    ],
)
def test_what_rows_that_are_missing_cannot_prove_is_said(tmp_path: Path, end: dict[str, Any], why: str) -> None:
    job, name = yard(tmp_path / "job")
    job.done(name, "mine.com", **end)
    directory = job.made()
    said = f"ahrefs: not proven that a site does not link to mine.com: {why}"
    with pytest.raises(ConfigError) as caught:
        asked(directory)
    assert caught.value.faults == (said, "harvest all of its linking domains, or see what there is with --unproven")
    sites, remarks = asked(directory, unproven=True)
    assert (sites[0], remarks) == ("ahrefs: z.com (3)", [said])


def test_a_list_of_only_some_is_said_to_be_that(tmp_path: Path) -> None:
    job, name = yard(tmp_path / "job", since="30d")
    job.done(name, "mine.com")
    with pytest.raises(ConfigError, match=r"ahrefs\.refdomains: it lists only some of them"):
        asked(job.made())


def test_a_provider_that_can_prove_it_is_shown_without_the_other(tmp_path: Path) -> None:
    job, name = yard(tmp_path / "job")
    job.done(name, "mine.com", reason="max_rows")
    other = job.harvest("serpstat", "refdomains")
    job.add(other, "refdomain", "rival-a.com", [{"domain": "q.com"}])
    job.done(other, "mine.com", "rival-a.com")
    job.done(other, "rival-b.com", reason="max_rows")
    directory = job.made()
    sites, remarks = asked(directory)
    assert sites == ["serpstat: q.com (1)"]
    assert remarks[0].startswith("ahrefs: not proven")
    assert remarks[1] == "left out; --unproven shows it all the same"
    assert remarks[2].startswith("serpstat: rows of 1 of 2 rivals may be missing")
    assert len(asked(directory, unproven=True)[0]) == 4
    assert asked(directory, provider="serpstat")[0] == ["serpstat: q.com (1)"]


def test_what_a_filter_holds_back_is_said(tmp_path: Path) -> None:
    job, name = yard(tmp_path / "job", filter={"min_domain_score": 20, "is_followed": True})
    job.done(name, "mine.com")
    sites, remarks = asked(job.made())
    assert sites
    said = "ahrefs.refdomains: only links with min_domain_score = 20, is_followed = true: sites whose links do not pass"
    assert remarks == [f"{said} may link to mine.com all the same"]


def test_a_target_that_was_not_harvested_is_named_with_the_nearest(tmp_path: Path) -> None:
    job, name = yard(tmp_path / "job")
    job.done(name, *(f"other-{number}.com" for number in range(5)))
    directory = job.made()
    with pytest.raises(
        ConfigError, match=r"--mine rival\.com: it is not among .*: other-0\.com, .* and 3 more; did you mean rival-"
    ):
        asked(directory, "rival.com")
    with pytest.raises(ConfigError, match=r"--mine \\x1bzz: it is not among"):
        asked(directory, "\x1bzz")
    with pytest.raises(ConfigError, match="--provider semrush: it was not asked who links; those that were: ahrefs"):
        asked(directory, "rival-a.com", provider="semrush")


def test_without_lists_or_rivals_there_is_no_gap(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='add one with report = "refdomains"'):
        asked(Yard(tmp_path / "empty").made())
    job = Yard(tmp_path / "job")
    job.done(job.harvest("ahrefs", "backlinks"), "mine.com")
    with pytest.raises(
        ConfigError, match=r"mine\.com is the only target whose links were harvested: there is no rival"
    ):
        asked(job.made())
