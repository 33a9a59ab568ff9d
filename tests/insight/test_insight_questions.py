"""The computed views say what plain Python reckons from the same rows."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from insight_kit import Row, Yard, found, link

from harvester.names import host_names

TARGETS = ("mine.com", "rival-a.com", "rival-b.com")
HOSTS = ("x.com", "www.x.com", "blog.y.co.uk", "me.github.io", "1.2.3.4", "www.made-up.zz", "github.io", "rival-a.com")
PAGES = tuple(f"https://{host}/{page}" for host in HOSTS for page in "ab")
Placed = tuple[str, str, dict[str, Any]]  #: a row with its provider and target
METRICS = {"ahrefs": "ahrefs_dr", "serpstat": "serpstat_sdr"}
scores = st.none() | st.integers(0, 100).map(float)
days = st.none() | st.integers(1, 28).map(lambda day: f"2026-03-{day:02}T00:00:00Z")

links = st.fixed_dictionaries(
    {
        "url_from": st.sampled_from(PAGES),
        "url_to": st.sampled_from(("https://mine.com/", "http://www.mine.com/", "https://mine.com/old")),
        "anchor": st.sampled_from((None, "", "one")),
        "is_lost": st.sampled_from((None, False, True)),
        "is_followed": st.sampled_from((None, False, True)),
        "first_seen_at": days,
        "last_seen_at": days,
        "lost_at": days,
        "domain_from_score": scores,
    }
)
#: Of two pages only, so that rows meet.
close = links.map(lambda row: {**row, "url_from": PAGES[str(row["url_from"]).endswith("a")]})
domains = st.fixed_dictionaries(
    {
        "domain": st.sampled_from(HOSTS),
        "links": st.none() | st.integers(0, 3),
        "lost_at": st.sampled_from((None, None, "2026-03-04T00:00:00Z")),
        "domain_score": scores,
    }
)


def placed(rows: "st.SearchStrategy[dict[str, Any]]") -> "st.SearchStrategy[list[Placed]]":
    """Return rows with the provider and the target they are of."""
    return st.lists(
        st.tuples(st.sampled_from(sorted(METRICS)), st.sampled_from(TARGETS), rows), min_size=3, max_size=12
    )


@contextmanager
def job_of(linked: Sequence[Placed], listed: Sequence[Placed], **ends: dict[str, Any]) -> Iterator[Path]:
    """Make a job of these links and referring domains; `ends`: how tasks about a target ended, if not complete."""
    with TemporaryDirectory() as folder:
        job = Yard(Path(folder, "job"))
        for provider, metric in METRICS.items():
            for report, record, rows in (("backlinks", "backlink", linked), ("refdomains", "refdomain", listed)):
                name = job.harvest(provider, report)
                of = "domain_from" if record == "backlink" else "domain"
                for by, target, row in rows:
                    if by == provider:
                        job.add(
                            name,
                            record,
                            target,
                            [{**row, f"{of}_metric": None if row[f"{of}_score"] is None else metric}],
                        )
                for target in TARGETS:
                    job.done(name, target, **ends.get(report, {}))
        yield job.made()


def site_of(host: str) -> str:
    """Return the site that a host counts for."""
    names = host_names(host)
    if names.site is not None:
        return names.site
    is_address = host.replace(".", "").isdigit()
    return host if names.registrable is not None or is_address else ".".join(host.split(".")[-2:])


def host(url: str) -> str:
    return url.split("/")[2]


SITES = {
    "https://www.x.com/a": "x.com",
    "https://a.b.y.co.uk/": "y.co.uk",
    "https://me.github.io/": "me.github.io",
    "https://github.io/": "github.io",
    "https://1.2.3.4/": "1.2.3.4",
    "https://[2001:db8::1]/": "[2001:db8::1]",
    "https://a.b.made-up.zz/": "made-up.zz",
    "https://localhost/": "localhost",
    "https://co.uk/": "co.uk",
    "https://exa mple.com/": None,
}


def test_a_site_is_what_somebody_registered(tmp_path: Path) -> None:
    job = Yard(tmp_path / "job")
    job.add(job.harvest("ahrefs", "backlinks"), "backlink", "mine.com", [link(url) for url in SITES])
    rows = found(job.made(), "SELECT url_from, site_of(site_from, domain_from, host_from) FROM backlink")
    assert dict(rows) == SITES


@settings(max_examples=10, deadline=None)
@given(linked=placed(close))
def test_a_merged_link_is_what_all_who_know_it_say(linked: list[Placed]) -> None:
    with job_of(linked, ()) as directory:
        merged = {
            row[0]: row[1:]
            for row in found(
                directory,
                "SELECT link_id, providers, is_lost, strftime(first_seen_at, '%d'), strftime(last_seen_at, '%d'),"
                " domain_from_ahrefs_dr, domain_from_serpstat_sdr, anchors, followed_by, lost_by, targets"
                " FROM merged_links",
            )
        }
        lines = [
            json.loads(line)
            for line in b"".join(path.read_bytes() for path in directory.glob("*.backlinks.jsonl")).splitlines()
        ]
    expected: dict[str, tuple[Any, ...]] = {}
    for link_id in {line["link_id"] for line in lines}:
        rows = [line for line in lines if line["link_id"] == link_id]
        verdicts = [row["is_lost"] for row in rows]

        def seen(name: str, rows: list[dict[str, Any]] = rows) -> list[str]:
            return sorted(row[name][8:10] for row in rows if row[name])

        def best(metric: str, rows: list[dict[str, Any]] = rows) -> float | None:
            return max((row["domain_from_score"] for row in rows if row["domain_from_metric"] == metric), default=None)

        def of(name: str, is_wanted: Any, rows: list[dict[str, Any]] = rows) -> list[str] | None:
            return sorted({row[name] for row in rows if is_wanted(row)}) or None

        expected[link_id] = (
            of("provider", lambda row: True),
            None if set(verdicts) == {None} else all(verdicts),
            min(seen("first_seen_at"), default=None),
            max(seen("last_seen_at"), default=None),
            best("ahrefs_dr"),
            best("serpstat_sdr"),
            of("anchor", lambda row: row["anchor"] is not None),
            of("provider", lambda row: row["is_followed"]),
            of("provider", lambda row: row["is_lost"]),
            of("target", lambda row: True),
        )
    assert merged == expected


def linking(linked: Sequence[Placed], listed: Sequence[Placed]) -> dict[str, dict[str, set[str]]]:
    """Return for each provider which targets a site links to."""
    who: dict[str, dict[str, set[str]]] = {provider: {} for provider in METRICS}
    for provider, target, row in linked:
        if row["is_lost"] is not True:
            who[provider].setdefault(site_of(host(row["url_from"])), set()).add(target)
    for provider, target, row in listed:
        if row["lost_at"] is None and row["links"] != 0:
            who[provider].setdefault(site_of(row["domain"]), set()).add(target)
    return who


@settings(max_examples=10, deadline=None)
@given(linked=placed(links), listed=placed(domains))
def test_a_gap_is_who_links_to_rivals_and_not_to_mine(linked: list[Placed], listed: list[Placed]) -> None:
    with job_of(linked, listed) as directory:
        rows = found(directory, "SELECT mine, provider, site, rivals, number, score, metric, is_proven FROM gap")
    expected = set()
    for provider, sites in linking(linked, listed).items():
        for site, targets in sites.items():
            of_site = [row["domain_from_score"] for by, _, row in linked if by == provider and is_live(row, site)]
            of_site += [row["domain_score"] for by, _, row in listed if by == provider and is_live(row, site)]
            score = max((score for score in of_site if score is not None), default=None)
            for mine in TARGETS:
                if mine not in targets and mine != site:
                    metric = None if score is None else METRICS[provider]
                    expected.add((mine, provider, site, tuple(sorted(targets)), len(targets), score, metric, True))
    assert {(*row[:3], tuple(row[3]), *row[4:]) for row in rows} == expected
    assert len(rows) == len(expected)


def is_live(row: Row, site: str) -> bool:
    if "domain" in row:
        return row["lost_at"] is None and row["links"] != 0 and site_of(row["domain"]) == site
    return row["is_lost"] is not True and site_of(host(row["url_from"])) == site


@settings(max_examples=10, deadline=None)
@given(linked=placed(links), listed=placed(domains), is_whole=st.booleans())
def test_a_computed_overlap_has_the_shape_of_the_record(
    linked: list[Placed], listed: list[Placed], is_whole: bool
) -> None:
    ends = (
        {} if is_whole else {"backlinks": {"reason": "max_rows"}, "refdomains": {"state": "incomplete", "reason": "x"}}
    )
    with job_of(linked, listed, **ends) as directory:
        rows = found(directory, "SELECT record, report, provider, target, site, matches, links, set_id FROM overlap")
    who = linking(linked, listed)
    expected = {
        (provider, target, site, len(targets))
        for provider, sites in who.items()
        for site, targets in sites.items()
        for target in (TARGETS if is_whole else targets)
    }
    assert {(row[0], row[1]) for row in rows} <= {("overlap", "computed")}
    assert {row[2:6] for row in rows} == expected
    assert len(rows) == len(expected)
    assert len({(row[2], row[7]) for row in rows}) == len({row[2] for row in rows}), "a provider has one set"
    for _, _, provider, target, site, _, count, _ in rows:
        assert (count == 0) == (target not in who[provider][site])


def test_a_bought_comparison_stands_beside_the_computed_one(tmp_path: Path) -> None:
    job = Yard(tmp_path / "job")
    name = job.harvest("semrush", "overlap", sets=[["mine.com", "rival.com"]])
    row = {
        "domain": "x.com",
        "links": 0,
        "matches": 1,
        "set_id": "s",
        "domain_score": 7.0,
        "domain_metric": "semrush_as",
    }
    job.add(name, "overlap", "mine.com", [row])
    other = job.harvest("ahrefs", "refdomains")
    job.add(other, "refdomain", "rival.com", [{"domain": "x.com", "links": 2}, {"domain": "www.x.com", "links": 3}])
    job.done(other, "mine.com", "rival.com")
    columns = "provider, report, target, domain, site, links, matches, domain_score, domain_metric"
    assert found(job.made(), f"SELECT {columns} FROM overlap ORDER BY ALL") == [
        ("ahrefs", "computed", "mine.com", "x.com", "x.com", 0, 1, None, None),
        ("ahrefs", "computed", "rival.com", "x.com", "x.com", 5, 1, None, None),
        ("semrush", "overlap", "mine.com", "x.com", "x.com", 0, 1, 7.0, "semrush_as"),
    ]


def test_links_away_from_a_target_are_no_links_to_it(tmp_path: Path) -> None:
    job = Yard(tmp_path / "job")
    away = job.harvest("serpstat", "outlinks")
    gone = job.harvest("serpstat", "lost-outlinks")
    job.add(away, "backlink", "mine.com", [link("https://mine.com/", "https://x.com/", is_broken=True)])
    job.add(gone, "backlink", "mine.com", [link("https://mine.com/", "https://x.com/", is_lost=True)])
    job.done(away, "mine.com", "rival.com")
    directory = job.made()
    for view in ("gap", "overlap", "broken_pages", "lost_links", "linking", "listed"):
        assert found(directory, f"FROM {view}") == [], view
    assert len(found(directory, "FROM merged_links")) == 1


@pytest.mark.parametrize(
    ("asked", "end"),
    [
        ({}, {"reason": "max_rows"}),
        ({}, {"state": "incomplete", "reason": "rows are out of reach"}),
        ({}, {"state": "set_aside", "reason": "HTTP 400"}),
        ({"since": "30d"}, {}),
        ({"until": "2026-01-01"}, {}),
    ],
)
def test_a_list_with_rows_missing_proves_nothing(tmp_path: Path, asked: dict[str, Any], end: dict[str, Any]) -> None:
    job = Yard(tmp_path / "job")
    name = job.harvest("ahrefs", "refdomains", **asked)
    job.add(name, "refdomain", "rival.com", [{"domain": "x.com"}])
    job.done(name, "mine.com", **end)
    job.done(name, "rival.com")
    directory = job.made()
    assert found(directory, "SELECT mine, site, is_proven FROM gap") == [("mine.com", "x.com", False)]
    assert found(directory, "SELECT target, links FROM overlap ORDER BY 1") == [("rival.com", None)]


def test_new_links_alone_list_nobody_else(tmp_path: Path) -> None:
    job = Yard(tmp_path / "job")
    name = job.harvest("ahrefs", "new-backlinks")
    job.add(name, "backlink", "rival.com", [link("https://x.com/", "https://rival.com/")])
    job.done(name, "mine.com", "rival.com")
    assert found(job.made(), "SELECT site, is_proven FROM gap") == [("x.com", False)]


def test_a_dead_page_has_one_row_with_its_best_link(tmp_path: Path) -> None:
    job = Yard(tmp_path / "job")
    broken, live = job.harvest("ahrefs", "broken-backlinks"), job.harvest("ahrefs", "backlinks")
    dead, www, dr = "https://mine.com/dead", "http://www.mine.com/dead", {"domain_from_metric": "ahrefs_dr"}
    rows = [
        link("https://a.com/1", dead, is_broken=True, status_to=404, domain_from_score=10, **dr),
        link("https://www.a.com/2", dead, is_broken=True, page_from_score=99, page_from_metric="ahrefs_ur"),
        link("https://b.com/", www, is_broken=True, is_followed=True, anchor="best", domain_from_score=60, **dr),
        link("https://c.com/", dead, is_broken=True, is_lost=True, domain_from_score=90, **dr),
    ]
    job.add(broken, "backlink", "mine.com", rows)
    job.add(live, "backlink", "mine.com", [rows[0], link("https://d.com/", "https://mine.com/fine")])
    columns = "provider, target, page, status, links, links_followed, sites, best_url_from, best_anchor, best_score"
    assert found(job.made(), f"SELECT {columns}, best_metric FROM broken_pages") == [
        ("ahrefs", "mine.com", "mine.com/dead", 404, 3, 1, 2, "https://b.com/", "best", 60.0, "ahrefs_dr")
    ]


def test_what_we_lost_leaves_housekeeping_and_what_is_still_there_out(tmp_path: Path) -> None:
    job = Yard(tmp_path / "job")
    gone, live = job.harvest("ahrefs", "lost-backlinks"), job.harvest("ahrefs", "backlinks")
    other = job.harvest("serpstat", "lost-backlinks")

    def lost(page: str, reason: str | None, **fields: Any) -> dict[str, Any]:
        return link(page, is_lost=True, lost_reason=reason, **fields)

    job.add(gone, "backlink", "mine.com", [
        lost("https://a.com/", "link_removed", lost_at="2026-03-04T00:00:00Z", lost_reason_from="provider"),
        lost("https://a.com/", "page_not_found", lost_at="2026-03-05T00:00:00Z"),
        lost("https://b.com/", "dropped_from_index"),
        lost("https://c.com/", "page_error"),
        lost("https://d.com/", None),
    ])  # fmt: skip
    job.add(live, "backlink", "mine.com", [link("https://c.com/"), lost("https://d.com/", None)])
    job.add(other, "backlink", "mine.com", [lost("https://c.com/", "unknown")])
    columns = "provider, url_from, lost_reason, strftime(lost_at, '%d')"
    assert found(job.made(), f"SELECT {columns} FROM lost_links ORDER BY ALL") == [
        ("ahrefs", "https://a.com/", "page_not_found", "05"),
        ("ahrefs", "https://d.com/", "unknown", None),
        ("serpstat", "https://c.com/", "unknown", None),
    ]


def test_scores_of_two_metrics_of_one_provider_are_not_compared(tmp_path: Path) -> None:
    job = Yard(tmp_path / "job")
    name = job.harvest("dataforseo", "backlinks")
    rows = [
        link("https://x.com/1", domain_from_score=900, domain_from_metric="dataforseo_rank_1000"),
        link("https://x.com/2", domain_from_score=40, domain_from_metric="dataforseo_rank_100"),
        link("https://x.com/3", domain_from_score=50, domain_from_metric="dataforseo_rank_100"),
    ]
    job.add(name, "backlink", "rival.com", rows)
    job.done(name, "mine.com", "rival.com")
    directory = job.made()
    assert found(directory, "SELECT score, metric FROM gap") == [(50.0, "dataforseo_rank_100")]
    merged = "SELECT max(domain_from_dataforseo_rank_1000), max(domain_from_dataforseo_rank_100) FROM merged_links"
    assert found(directory, merged) == [(900.0, 50.0)]


def test_counts_beyond_all_measure_break_no_answer_and_an_unknown_one_stays_unknown(tmp_path: Path) -> None:
    job, most = Yard(tmp_path / "job"), 2**63 - 1
    name = job.harvest("ahrefs", "refdomains")
    for target, counts in {"mine.com": [], "a.com": [most, most, None], "b.com": [most, 1, None]}.items():
        sites = ("x.com", "www.x.com", "y.com")
        rows = [{"domain": site, "links": links} for site, links in zip(sites, counts, strict=False)]
        job.add(name, "refdomain", target, rows)
        job.done(name, target)
    assert found(job.made(), "SELECT site, links FROM gap WHERE mine = 'mine.com' ORDER BY site") == [
        ("x.com", most),
        ("y.com", None),
    ]
