"""Every report of DataForSEO, from the link world through real sockets to the records."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from dataforseo_cases import CASES, NOBODY, TARGETS, found, implied, live
from dataforseo_rows import overlap
from dataforseo_yard import FROM, HOME, SEEN, pairs, small, spent, yard_of
from operations_kit import Harvested

from harvester.providers.dataforseo import DATAFORSEO
from harvester.records import set_id


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Harvested:
    """One job of all reports about single targets."""
    yard = yard_of(tmp_path_factory.mktemp("everything"), "history_gaps=false")
    return yard.harvest(*({**case.table, "name": name} for name, case in CASES.items()), targets=TARGETS)


def test_there_is_an_expectation_for_every_report() -> None:
    assert {case.table["report"] for case in CASES.values()} | {"overlap"} == set(DATAFORSEO.reports)


@pytest.mark.parametrize("name", CASES)
def test_every_row_that_the_world_implies_is_there_once(everything: Harvested, name: str) -> None:
    expected = implied(everything, name, TARGETS)
    assert found(everything, name) == expected
    assert len({target for target, *_ in expected}) > 5, "nothing is proved by next to nothing"
    places = Counter((record["task"], record["row"]) for record in everything.records(name))
    assert set(places.values()) == {1}


def test_the_job_is_complete_and_its_bill_is_the_sandbox_s_to_the_micro_dollar(everything: Harvested) -> None:
    assert everything.outcome.exit_code == 0
    assert everything.rejects == []
    assert all(task["complete"] for task in everything.tasks)
    assert everything.outcome.census.providers["dataforseo"].tally.units_in_doubt == 0
    assert spent(everything) == sum(task["units"] for task in everything.tasks) == everything.account["units_charged"]
    assert everything.account["refused_for_open"] == 0
    assert everything.account["most_open"] <= DATAFORSEO.in_flight
    assert max(task["pages"] for task in everything.tasks) >= 10, "paging was not tried"
    nobody = [task for task in everything.tasks if task["target"] == NOBODY and task["report"] != "new-lost-history"]
    assert {(task["rows"], task["units"], task["reason"]) for task in nobody} == {(0, 24_036, "no data")}


SETS = [TARGETS[:2], [*TARGETS[2:7], NOBODY], TARGETS[-2:]]


def test_an_overlap_has_a_row_for_each_domain_and_target(tmp_path: Path) -> None:
    table = {"report": "overlap", "sets": SETS, "page_size": 50}
    left = yard_of(tmp_path).harvest(
        {**table, "name": "any"}, {**table, "name": "every", "options": {"intersection_mode": "all"}}
    )
    for name in ("any", "every"):
        expected: Counter[tuple[object, ...]] = Counter()
        for targets in SETS:
            links = {target: live(left, target) for target in targets}
            rows = overlap(links, is_full=name == "every")
            expected.update((set_id(targets), *row) for row in rows)
        assert pairs(left, name, "set_id", "target", "domain", "links", "matches") == expected
    assert {record["links"] for record in left.records("any")} > {0, 1, 2}
    assert left.outcome.exit_code == 0
    assert spent(left) == left.account["units_charged"]


@pytest.mark.parametrize("count", [2, 20])
def test_an_overlap_takes_two_to_twenty_targets(tmp_path: Path, count: int) -> None:
    targets = [f"shop-{number}.example" for number in range(count)]
    left = yard_of(tmp_path, "partial_gaps=null").harvest({"report": "overlap"}, targets=targets)
    expected = Counter(overlap({target: live(left, target) for target in targets}))
    assert pairs(left, "dataforseo.overlap", "target", "domain", "links", "matches") == expected
    assert spent(left) == left.account["units_charged"]


# ---- small worlds, written by hand


@pytest.mark.parametrize(
    ("scope", "target", "sources"),
    [
        ("subdomains", "t.example", "a b blog.c c d"),
        ("host", "t.example", "a blog.c c d"),
        ("host", "www.t.example", "b"),
        ("url", "https://t.example", "a"),
        ("url", "t.example/", "a"),
        ("url", "https://t.example/p", "blog.c"),
        ("url", "https://t.example/p/", "c"),
        ("url", "http://t.example/p", "d"),
        ("url", "https://www.t.example/x", "b"),
        ("url", "https://t.example/nowhere", ""),
    ],
)
def test_a_scope_is_what_the_target_means(tmp_path: Path, scope: str, target: str, sources: str) -> None:
    reports = ("summary", "backlinks", "refdomains", "comparison")
    left = small(tmp_path).harvest(*({"report": name, "scope": scope} for name in reports), targets=[target])
    expected = {FROM[f"{name}.example"] for name in sources.split()}
    assert {record["url_from"] for record in left.records("dataforseo.backlinks")} == expected
    domains = {name.removeprefix("blog.") for name in sources.split()}
    assert {record["domain"] for record in left.records("dataforseo.refdomains")} == {f"{x}.example" for x in domains}
    counts = [record["refpages"] for name in ("summary", "comparison") for record in left.records(f"dataforseo.{name}")]
    assert counts in ([len(expected)] * 2, [0] if not expected else None)
    assert left.outcome.exit_code == 0
    assert spent(left) == left.account["units_charged"]


def test_an_answer_is_laid_out_as_the_world_has_it(tmp_path: Path) -> None:
    """Of two links on one page the stronger is shown, and of two that are as strong the one seen later."""
    left = small(tmp_path).harvest({"report": "backlinks"}, {"report": "anchors"}, targets=["t.example"])
    of = {record["url_from"]: record for record in left.records("dataforseo.backlinks")}
    one, image, framed = of[FROM["a.example"]], of[FROM["b.example"]], of[FROM["blog.c.example"]]
    assert (one["anchor"], one["links_in_row"], one["is_followed"]) == ("one & two", 2, True)
    assert (one["first_seen_at"], one["last_seen_at"]) == ("2026-11-10T05:06:07Z", "2026-11-20T08:00:00Z")
    assert (image["anchor"], image["link_type"], image["rel_sponsored"], image["is_followed"]) == (
        *(None, "image", True),
        False,
    )
    assert (framed["anchor"], framed["link_type"], framed["rel_ugc"]) == ("red[0m", "meta", True)
    assert of[FROM["d.example"]]["is_new"] is True
    assert pairs(left, "dataforseo.anchors", "anchor", "links") == Counter(
        {("one & two", 2): 1, ("", 1): 1, ("red[0m", 1): 1, ("main", 1): 1, ("plain", 1): 1}
    )


def test_new_links_are_those_first_seen_within_the_window_to_the_second(tmp_path: Path) -> None:
    windows = {"usual": {}, "day": {"since": "2026-10-21", "until": "2026-10-21"}, "none": {"since": "2026-11-21"}}
    left = small(tmp_path).harvest(
        *({"report": "new-backlinks", "name": name, **window} for name, window in windows.items()),
        targets=["t.example"],
    )
    sources = {name: {record["url_from"] for record in left.records(name)} for name in windows}
    assert sources == {
        "usual": {FROM["a.example"], FROM["blog.c.example"], FROM["d.example"]},
        "day": {FROM["c.example"]},
        "none": set(),
    }


@pytest.mark.parametrize(
    ("reading", "losses"),
    [
        ("missed", {"all": "e f", "noticed": "e", "later": "", "seen": "", "long": "f"}),
        ("found", {"all": "e f", "noticed": "", "later": "", "seen": "e", "long": "f"}),
    ],
)
def test_lost_links_are_those_whose_last_visit_is_within_the_window(
    tmp_path: Path, reading: str, losses: Mapping[str, str]
) -> None:
    windows = {
        "all": {},
        "noticed": {"since": "2026-11-15", "until": "2026-11-15"},
        "later": {"since": "2026-11-16"},
        "seen": {"since": "2026-11-01", "until": "2026-11-01"},
        "long": {"until": "2026-03-01"},
    }
    left = small(tmp_path, f"lost_last_seen={reading}").harvest(
        *({"report": "lost-backlinks", "name": name, **window} for name, window in windows.items()),
        targets=["t.example"],
    )
    for name, sources in losses.items():
        assert {record["url_from"] for record in left.records(name)} == {FROM[f"{x}.example"] for x in sources.split()}
    of = {record["url_from"]: record for record in left.records("all")}
    gone, page_gone = of[FROM["e.example"]], of[FROM["f.example"]]
    assert (gone["lost_reason"], gone["lost_reason_from"], gone["status_from"]) == ("link_removed", "derived", 200)
    assert (page_gone["lost_reason"], page_gone["status_from"]) == ("page_not_found", 404)
    assert {record["lost_at"] for record in of.values()} == {None}
    # Whatever the last visit is: the link was still there by then, and is looked for after it.
    assert gone["last_seen_at"] <= "2026-11-01T00:00:00Z" <= gone["last_crawled_at"] <= "2026-11-15T23:59:59Z"
    if reading == "missed":
        assert (gone["last_seen_at"], gone["last_crawled_at"]) == ("2026-11-01T00:00:00Z", "2026-11-15T23:59:59Z")


# ---- deeper than positions lead

DEEP = 20_500


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world whose one target has more linking pages than offsets lead to."""
    directory = tmp_path_factory.mktemp("deep")
    rows = [(f"https://a.example/{n}", HOME, "", "2026-01-01", SEEN, "", "", "text", "") for n in range(DEEP)]
    small(directory, links=rows)
    return directory / "links.csv"


def test_a_list_beyond_20000_rows_is_read_to_its_end_by_token_by_one_run_or_several(tmp_path: Path, deep: Path) -> None:
    """Under the strict reading: "all other parameters identical", the tag of the first page among them."""
    yard = yard_of(tmp_path, "token_binds_tag=true", "last_token=null", links=deep)
    yard.section["budget"] = 3 * 60_000
    begun = yard.harvest({"report": "backlinks"}, targets=["t.example"])
    assert (begun.outcome.exit_code, spent(begun)) == (4, 3 * 60_000)
    yard.section["budget"] = 10**9
    left = yard.harvest({"report": "backlinks"}, targets=["t.example"])
    found = Counter(record["url_from"] for record in left.records("dataforseo.backlinks"))
    assert found == Counter(f"https://a.example/{number}" for number in range(DEEP))
    assert [(task["complete"], task["pages"]) for task in left.tasks] == [(True, 21)]
    billed = begun.account["units_charged"] + left.account["units_charged"]
    assert spent(left) == billed == 21 * 24_000 + DEEP * 36


def test_a_token_is_as_good_where_the_tag_does_not_count(tmp_path: Path, deep: Path) -> None:
    yard = yard_of(tmp_path, links=deep)
    yard.section["budget"] = 3 * 60_000
    left = yard.harvest({"report": "backlinks"}, targets=["t.example"])
    assert len({record["url_from"] for record in left.records("dataforseo.backlinks")}) == 3000
    assert left.account["units_charged"] == 3 * 60_000
