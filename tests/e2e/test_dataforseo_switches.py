"""What DataForSEO's documents leave open: under either reading the rows are right, or the task says what is missing."""

import json
from collections import Counter
from pathlib import Path

import pytest
from dataforseo_cases import BUSY, CASES, NOBODY, found, implied, live
from dataforseo_rows import by_page, link_rows, overlap, passed_on
from dataforseo_yard import pairs, small, spent, yard_of
from operations_kit import Harvested, HastyClock

from harvester.sandbox.groups import grouped, is_followed

SMALL, WIDE = "shop-3.example", "shop-22.example"  #: 48 and 226 links
TARGETS = [SMALL, WIDE, NOBODY]
TABLES = [{**case.table, "name": name} for name, case in CASES.items()]
OVERLAP = {"report": "overlap", "name": "overlap", "sets": [TARGETS]}


def differing(left: Harvested) -> list[str]:
    """Return the harvests whose rows are not those that the world implies."""
    sets = overlap({target: live(left, target) for target in TARGETS})
    faults = [name for name in CASES if found(left, name) != implied(left, name, TARGETS)]
    return faults if pairs(left, "overlap", "target", "domain", "links", "matches") == Counter(sets) else ["overlap"]


@pytest.mark.parametrize(
    "switches",
    [
        ("timeouts=first_attempt",),
        ("timeouts=first_attempt", "timeouts_cost=true"),
        ("unknown_fields=40506", "mixed_logic=refused"),
        ("grouping=before_filters", "unlisted_filters=true"),
        ("offset_cap=everywhere", "offset_beyond=empty"),
        ("default_order=shuffled", "last_token=null", "bulk_order=reversed"),
        ("bulk_duplicates=merged", "bulk_invalid=absent", "partial_gaps=null"),
        ("user_data_numbers=strings", "rate_headers=true"),
        ("empty_list=items_null", "empty_costs=base"),
        ("empty_list=counts_null", "empty_costs=nothing"),
        ("empty_list=result_null",),
        ("empty_list=result_empty",),
        ("empty_list=result_of_null",),
    ],
    ids=" ".join,
)
def test_the_rows_and_the_bill_do_not_depend_on_it(tmp_path: Path, switches: tuple[str, ...]) -> None:
    left = yard_of(tmp_path, "history_gaps=false", *switches).harvest(*TABLES, OVERLAP, targets=TARGETS)
    assert differing(left) == []
    assert left.outcome.exit_code == 0
    assert spent(left) == left.account["units_charged"]
    nobody = {
        task["reason"] for task in left.tasks if task["target"] == NOBODY and task["report"] in ("refips", "pages")
    }
    assert nobody == {"no data"}


@pytest.mark.parametrize("status", ["200", "429"])
@pytest.mark.parametrize("window", ["true", "false"])
def test_too_many_requests_are_waited_for(tmp_path: Path, status: str, window: str) -> None:
    switches = (f"too_fast_status={status}", f"fixed_window={window}", "history_gaps=false", "internal_status=200")
    yard = yard_of(tmp_path, *switches, rates={"dataforseo": "7/minute"})
    yard.clock = HastyClock()
    left = yard.harvest(*TABLES[:4], targets=TARGETS)
    assert left.account["refused_for_rate"] > 0
    assert left.outcome.exit_code == 0
    assert found(left, "backlinks") == implied(left, "backlinks", TARGETS)
    assert spent(left) == left.account["units_charged"]


def test_months_that_the_provider_leaves_out_are_no_fault_of_the_list(tmp_path: Path) -> None:
    left = yard_of(tmp_path).harvest({"report": "history", "name": "history"}, targets=TARGETS)
    expected = implied(left, "history", TARGETS)
    assert found(left, "history") < expected
    assert left.outcome.exit_code == 0
    assert spent(left) == left.account["units_charged"]


def test_partial_results_are_kept_and_told(tmp_path: Path) -> None:
    names = ("backlinks", "anchors", "comparison")
    tables = [{**CASES[name].table, "name": name} for name in names]
    left = yard_of(tmp_path, "partial=true").harvest(*tables, targets=TARGETS)
    assert left.outcome.exit_code == 3
    assert spent(left) == left.account["units_charged"]
    for name in names[:2]:
        assert found(left, name) <= implied(left, name, TARGETS)
    told = {(task["report"], task["target"]): task for task in left.tasks}
    assert told["anchors", WIDE]["reason"] == "the provider completed the request with partial results only"
    assert {(target, task["complete"]) for (_, target), task in told.items()} >= {(WIDE, False), (NOBODY, True)}


def test_requests_that_take_too_long_are_given_up_and_smaller_ones_are_not(tmp_path: Path) -> None:
    tables = [{"report": "backlinks", "name": f"by-{size}", "page_size": size} for size in (1000, 100)]
    left = yard_of(tmp_path, "timeouts=large").harvest(*tables, targets=[WIDE])
    (given_up,) = (task for task in left.tasks if not task["complete"])
    assert given_up["reason"] == "given up after 5 attempts: 50401: Internal Service Timeout."
    assert len(left.records("by-100")) == len({link.source_url for link in live(left, WIDE)})
    assert left.outcome.exit_code == 3


# ---- many targets in one request


@pytest.mark.parametrize("bulk", ["pages_summary", "ranks", "backlinks", "referring_domains", "spam_score"])
def test_a_target_that_a_batch_leaves_out_is_named(tmp_path: Path, bulk: str) -> None:
    left = yard_of(tmp_path, "bulk_unknown=absent").harvest(
        {"report": "comparison", "options": {"bulk": bulk}}, targets=TARGETS
    )
    (task,) = left.tasks
    assert (task["complete"], task["reason"]) == (False, f"no row came for {NOBODY}")
    assert pairs(left, "dataforseo.comparison", "target") == Counter([(SMALL,), (WIDE,)])
    assert spent(left) == left.account["units_charged"] == 24_000 + 2 * 36


def test_of_a_refused_batch_only_the_malformed_target_is_set_aside(tmp_path: Path) -> None:
    names = [f"shop-{number}.example" for number in range(40)]
    malformed = ["-bad-.example", "-worse-.example"]
    left = yard_of(tmp_path).harvest({"report": "comparison"}, targets=[*names[:11], *malformed, *names[11:]])
    aside = {each["target"]: task["reason"] for task in left.tasks if not task["complete"] for each in task["targets"]}
    assert aside == dict.fromkeys(malformed, "40501: Invalid Field: 'targets'.")
    assert pairs(left, "dataforseo.comparison", "target") == Counter((name,) for name in names)
    assert left.outcome.exit_code == 3
    assert spent(left) == left.account["units_charged"]


def test_a_malformed_target_that_a_batch_leaves_out_is_named(tmp_path: Path) -> None:
    left = yard_of(tmp_path, "bulk_invalid=absent").harvest({"report": "comparison"}, targets=[SMALL, "-bad-.example"])
    assert [(task["complete"], task["reason"]) for task in left.tasks] == [(False, "no row came for -bad-.example")]
    assert pairs(left, "dataforseo.comparison", "target") == Counter([(SMALL,)])


@pytest.mark.parametrize("reading", ["kept", "merged"])
def test_pages_that_are_sent_alike_have_a_row_each(tmp_path: Path, reading: str) -> None:
    targets = ["t.example/p", "https://t.example/p", "http://t.example/p"]
    left = small(tmp_path, f"bulk_duplicates={reading}").harvest(
        {"report": "comparison", "scope": "url", "options": {"bulk": "backlinks"}}, targets=targets
    )
    assert pairs(left, "dataforseo.comparison", "target", "links") == Counter((target, 1) for target in targets)
    assert left.outcome.exit_code == 0
    assert spent(left) == left.account["units_charged"]


# ---- filters, groups, orders


@pytest.mark.parametrize("logic", ["left_to_right", "and_first", "refused"])
def test_a_filter_of_the_users_own_means_the_same_however_words_bind(tmp_path: Path, logic: str) -> None:
    own = [["links_count", ">", 1], "or", ["rank", "<", 150]]
    left = yard_of(tmp_path, f"mixed_logic={logic}").harvest(
        {"report": "backlinks", "filter": {"is_followed": True}, "options": {"filters": json.dumps(own)}},
        targets=[WIDE],
    )
    facts = left.world.facts
    expected = [
        row[0] for row in link_rows(facts, live(left, WIDE), is_followed) if row[15] != 1 or row[0] in _weak(left)
    ]
    assert pairs(left, "dataforseo.backlinks", "url_from") == Counter((url,) for url in expected)
    assert expected
    assert left.outcome.exit_code == 0


def _weak(left: Harvested) -> set[str]:
    """Return the pages none of whose links passes on much."""
    strong = {link.source_url for link in live(left, WIDE) if passed_on(left.world.facts, link) >= 150}
    return {link.source_url for link in live(left, WIDE)} - strong


@pytest.mark.parametrize("reading", ["after_filters", "before_filters"])
def test_one_link_for_each_domain_is_the_strongest_that_passes_the_filter_or_of_all(
    tmp_path: Path, reading: str
) -> None:
    """Whether filters pick links or grouped rows is not said: the rows are those of either reading, each once."""
    left = yard_of(tmp_path, f"grouping={reading}").harvest(
        {"report": "backlinks", "filter": {"one_per_domain": True, "is_followed": True}, "page_size": 50},
        targets=[BUSY],
    )
    records = left.records("dataforseo.backlinks")
    facts = left.world.facts
    shown = [link for link, _ in by_page(facts, live(left, BUSY))]
    of_domain = {
        group.key: max(
            passed_on(facts, link) for link in group.links if is_followed(link) or reading != "after_filters"
        )
        for group in grouped(shown, lambda link: link.source_host.removeprefix("www."))
        if any(map(is_followed, group.links))
    }
    ranks = {record["host_from"].removeprefix("www."): record["extra"]["rank"] for record in records}
    assert len(ranks) == len(records) > 50
    if reading == "after_filters":
        assert ranks == of_domain
    else:  # a domain whose strongest link is not followed has no row
        assert ranks.items() <= of_domain.items()
        assert len(ranks) < len(of_domain)
    assert all(record["is_followed"] for record in records)
    assert max(record["links_in_row"] for record in records) > 1


def test_the_first_rows_of_an_order_are_those_that_max_rows_keeps(tmp_path: Path) -> None:
    left = yard_of(tmp_path).harvest({"report": "backlinks", "max_rows": 33, "page_size": 10}, targets=[WIDE])
    records = left.records("dataforseo.backlinks")
    ranks = [record["extra"]["rank"] for record in records]
    pages = {link.source_url for link in live(left, WIDE)}
    strongest = {
        page: max(passed_on(left.world.facts, link) for link in live(left, WIDE) if link.source_url == page)
        for page in pages
    }
    assert ranks == sorted(strongest.values(), reverse=True)[:33]
    assert [(task["complete"], task["reason"]) for task in left.tasks] == [(True, "max_rows")]
    assert spent(left) == left.account["units_charged"] == 4 * 24_000 + 33 * 36
