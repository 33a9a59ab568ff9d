"""What Semrush's reference leaves open, both ways: rows are right, or their task says why not."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from semrush_rows import BIG, BUSY, NOBODY, REPORTS, TARGETS, Asked
from semrush_yard import FEW, RICH, Rows, expected, found, hostile_world, spent, table, yard_of

#: Under these nothing but the way differs; each is tried with the reports whose way it is.
SAME_ROWS: Mapping[str, Sequence[str]] = {
    "statuses=200": ("summary", "refips", "comparison"),
    "error_newline=true": ("summary", "refips", "comparison"),
    "unknown_parameters=refused": tuple(REPORTS),
    "unknown_names=ignored": tuple(REPORTS),
    "columns_required=true": tuple(REPORTS),
    "matrix_least=1": ("overlap",),
    "charge_empty=requests": ("summary", "authority", "categories", "refips"),
    "balance_commas=true": ("refips",),
    "balance_counts=false": ("refips",),
    "stale_balance=true": ("refips",),
    "line_end=lf": tuple(REPORTS),
    "final_newline=false": tuple(REPORTS),
    "bom=true": tuple(REPORTS),
    "booleans=digits": ("backlinks", "new-backlinks", "lost-backlinks"),
    "content_type=text/csv": ("refips",),
    "missing_compared=zero": ("comparison",),
    "comparison_order=reversed": ("comparison",),
    "blank_target=true": ("comparison",),
    "hosts=any": ("refips",),
    "not_registrable=refused": ("refips", "comparison"),
}


@pytest.mark.parametrize("switch", SAME_ROWS)
def test_a_switch_that_changes_only_the_way_changes_no_row(tmp_path: Path, switch: str) -> None:
    left = yard_of(tmp_path, switch).harvest(
        *(table(report, **({"sets": [FEW]} if report == "overlap" else {})) for report in SAME_ROWS[switch]),
        targets=FEW,
    )
    assert (left.outcome.exit_code, left.rejects) == (0, [])
    assert left.account["refused_for_rate"] == 0
    for report in set(SAME_ROWS[switch]) - {"overlap", "comparison"}:
        assert found(left, report) == expected(left, report, FEW), report
    if "comparison" in SAME_ROWS[switch]:
        known = [record for record in left.records("semrush.comparison") if record["links"]]
        assert Counter(record["target"] for record in known) == Counter(FEW[:2])
        assert all(record["links"] == len(Asked(left, record["target"]).links) for record in known)
    if "overlap" in SAME_ROWS[switch]:
        totals = Counter[str]()
        for record in left.records("semrush.overlap"):
            totals[record["target"]] += record["links"]
        assert +totals == {name: len(Asked(left, name).links) for name in FEW[:2]}


@pytest.mark.parametrize("past_end", ["50", "header", "605"])
@pytest.mark.parametrize(("units", "is_proven"), [(RICH, True), (10_000, False)])
def test_a_list_that_ends_with_a_full_page_is_followed_by_proof(
    tmp_path: Path, past_end: str, units: int, is_proven: bool
) -> None:
    size = len(Asked(yard_of(tmp_path / "look").harvest({"report": "tld"}, targets=FEW), FEW[1]).links)
    yard = yard_of(tmp_path / "list", f"past_end={past_end}", units={"semrush": units})
    left = yard.harvest({"report": "backlinks", "page_size": size}, targets=[FEW[1]])
    assert found(left, "backlinks") == expected(left, "backlinks", [FEW[1]])
    (task,) = left.tasks
    assert (task["rows"], task["units"]) == (size, 40 * size)
    is_sure = is_proven or past_end == "50"  # an account so low may have been the reason
    assert (task["complete"], left.outcome.exit_code) == (is_sure, 0 if is_sure else 3)


def test_a_list_beyond_what_semrush_gives_says_so(tmp_path: Path) -> None:
    path = tmp_path / "links.csv"
    lines = [f"https://s{n}.example/,https://t.example/,a,2026-01-01,2026-11-01,," for n in range(10_003)]
    header = "source_url,target_url,anchor,first_seen,last_seen,lost_at,lost_reason"
    path.write_text("\n".join((header, *lines)))
    yard = yard_of(tmp_path, "row_ceiling=10000", links=path)
    left = yard.harvest({"report": "refdomains", "page_size": 5_000}, targets=["t.example"])
    (task,) = left.tasks
    assert (task["rows"], task["complete"], left.outcome.exit_code) == (10_000, False, 3)
    assert task["reason"].startswith("ERROR 613")
    assert len({record["domain"] for record in left.records("semrush.refdomains")}) == 10_000


@pytest.mark.parametrize(("mode", "is_meant"), [("none", "live"), ("all", "every")])
def test_reports_may_show_all_lost_links_or_none(tmp_path: Path, mode: str, is_meant: str) -> None:
    left = yard_of(tmp_path, f"lost_links={mode}").harvest(
        *({"report": name} for name in ("summary", "backlinks", "lost-backlinks")), targets=FEW
    )
    for target in FEW:
        links = left.live(target) if is_meant == "live" else left.links(target)
        urls = Counter((link.source_url, link.target_url, link.lost_at is not None) for link in links)
        records = [item for item in left.records("semrush.backlinks") if item["target"] == target]
        assert Counter((item["url_from"], item["url_to"], item["is_lost"]) for item in records) == urls
        lost = [item for item in left.records("semrush.lost-backlinks") if item["target"] == target]
        assert len(lost) == sum(is_lost for *_, is_lost in urls.elements())


def test_a_list_in_one_page_is_whole_even_if_its_order_is_another_each_time(tmp_path: Path) -> None:
    yard = yard_of(tmp_path, "ties=shuffled")
    left = yard.harvest({"report": "backlinks", "page_size": 10_000}, targets=[BUSY])
    assert found(left, "backlinks") == expected(left, "backlinks", [BUSY])


def test_rows_without_quotes_are_read_where_quotes_were_asked_for(tmp_path: Path) -> None:
    yard = yard_of(tmp_path, "export_escape=ignored")
    left = yard.harvest({"report": "backlinks", "options": {"export_escape": 1}}, targets=FEW)
    assert found(left, "backlinks") == expected(left, "backlinks", FEW)


def test_anchors_may_keep_their_capitals(tmp_path: Path) -> None:
    left = yard_of(tmp_path, "anchor_case=kept").harvest({"report": "anchors"}, targets=FEW)
    texts = {(target, link.anchor) for target in FEW for link in Asked(left, target).links}
    assert len(left.records("semrush.anchors")) == len(texts)


@pytest.mark.parametrize(
    ("switch", "options", "points", "granularity"),
    [
        ("history_step=weekly", {}, 53, "week"),
        ("history_step=monthly", {}, 53, "month"),
        ("timespan=honoured", {}, 27, "week"),
        ("timespan=honoured", {"options": {"timespan": "months"}}, 53, "month"),
        ("history_step=weekly", {"since": "2026-10-20"}, 5, "week"),
        ("history_step=weekly", {"since": "30d", "max_rows": 3, "page_size": 2}, 3, None),
    ],
)
def test_a_history_has_as_many_points_as_weeks_are_wanted_whatever_their_distance(
    tmp_path: Path, switch: str, options: Mapping[str, Any], points: int, granularity: str | None
) -> None:
    left = yard_of(tmp_path, switch).harvest({"report": "history", **options}, targets=["t1.example", NOBODY])
    records = left.records("semrush.history")
    assert (len(records), left.outcome.exit_code) == (points, 0)
    assert spent(left) == left.account["units_charged"] == 40 * points
    dates = [record["date"] for record in records]
    assert dates == sorted(set(dates), reverse=True)
    assert {record["granularity"] for record in records} in ({granularity}, {"week", granularity})
    for record in records:
        at = datetime.fromisoformat(f"{record['date']}T00:00:00Z")
        alive = [link for link in left.links("t1.example") if link.is_live_at(at)]
        assert (record["links"], record["domain_metric"]) == (len(alive), "semrush_as")


@pytest.mark.parametrize("has_gains", [True, False])
def test_gains_of_a_history_are_there_or_its_task_says_why(tmp_path: Path, has_gains: bool) -> None:
    fields = ["backlinks_num", "backlinks_new_num", "backlinks_lost_num"]
    yard = yard_of(tmp_path, f"historical_gains={str(has_gains).lower()}")
    left = yard.harvest({"report": "history", "fields": fields, "max_rows": 20}, targets=["t1.example"])
    (task,) = left.tasks
    if not has_gains:
        assert (task["state"], task["reason"]) == (
            "set_aside",
            "ERROR 10000 :: INVALID PARAMETER VALUE: export_columns",
        )
        return
    records = left.records("semrush.history")
    links = left.links("t1.example")
    for later, earlier in pairwise(records):
        begin, end = (datetime.fromisoformat(f"{record['date']}T00:00:00Z") for record in (earlier, later))
        assert later["links_new"] == sum(begin < link.first_seen <= end for link in links)
        assert later["links_lost"] == sum(link.lost_at is not None and begin < link.lost_at <= end for link in links)


# ---- refusals


def test_an_account_without_the_api_stops_and_one_without_a_report_does_the_others(tmp_path: Path) -> None:
    yard = yard_of(tmp_path / "off", "api_disabled=true")
    left = yard.harvest({"report": "refips"}, {"report": "summary"}, targets=FEW)
    assert (left.outcome.exit_code, left.outcome.stopped_by, left.outcome.left) == (4, "key", 6)
    assert left.outcome.stops["semrush"].why == "ERROR 130 :: API DISABLED"
    yard = yard_of(tmp_path / "less", "disabled_reports=backlinks_geo+backlinks_tld")
    left = yard.harvest({"report": "countries"}, {"report": "tld"}, {"report": "refips"}, targets=FEW)
    assert (left.outcome.exit_code, left.outcome.stopped_by, left.outcome.left) == (4, "report", 6)
    assert left.outcome.stopped_harvests == dict.fromkeys(
        ("semrush.countries", "semrush.tld"), "ERROR 135 :: API REPORT TYPE DISABLED"
    )
    assert found(left, "refips") == expected(left, "refips", FEW)


@pytest.mark.parametrize(
    ("key", "switch", "why"),
    [
        ("f" * 32, "balance_failure=json", "ERROR 120 :: WRONG KEY - ID PAIR"),
        ("f" * 32, "balance_failure=text", "ERROR 120 :: WRONG KEY - ID PAIR"),
        ("short", "key_format_code=122", "ERROR 122 :: WRONG FORMAT OR EMPTY KEY"),
        ("short", "key_format_code=110", "ERROR 110 :: WRONG KEY FORMAT"),
    ],
)
def test_a_wrong_key_stops_the_lane_in_semrush_s_words(tmp_path: Path, key: str, switch: str, why: str) -> None:
    (tmp_path / "wrong.key").write_text(key)
    yard = yard_of(tmp_path, switch)
    yard.section["key"] = "file:wrong.key"
    left = yard.harvest({"report": "refips"}, targets=FEW)
    assert (left.outcome.exit_code, left.outcome.left) == (4, 3)
    assert (left.outcome.stops["semrush"].kind, left.outcome.stops["semrush"].why) == ("key", why)


@pytest.mark.parametrize(
    ("switch", "why"), [("prose", "Validation Error : targets"), ("10042", "ERROR 10042 :: VALUE IS NOT A DOMAIN")]
)
def test_a_target_that_semrush_does_not_take_is_set_aside_and_its_batch_is_not(
    tmp_path: Path, switch: str, why: str
) -> None:
    targets = [*TARGETS[:5], "blog.t1.example", *TARGETS[5:9]]
    yard = yard_of(tmp_path, "not_registrable=refused", f"malformed_target={switch}")
    left = yard.harvest({"report": "comparison"}, {"report": "refips"}, targets=targets)
    assert left.outcome.exit_code == 3
    aside = [task for task in left.tasks if task["state"] == "set_aside"]
    assert sorted(task["report"] for task in aside) == ["comparison", "refips"]
    (batch,) = (task for task in aside if task["targets"])
    assert ([item["target"] for item in batch["targets"]], batch["reason"]) == (["blog.t1.example"], why)
    for report in ("comparison", "refips"):
        assert found(left, report) == expected(left, report, TARGETS[:9])


@pytest.mark.parametrize("mode", ["subdomain", "domain", "both"])
def test_the_topics_of_a_host_come_or_its_task_says_why_not(tmp_path: Path, mode: str) -> None:
    yard = yard_of(tmp_path, f"categories_types={mode}")
    left = yard.harvest({"report": "categories", "scope": "host"}, targets=["t1.example"])
    is_there = mode != "domain"
    assert found(left, "categories") == (expected(left, "categories", ["t1.example"]) if is_there else Counter())
    (task,) = left.tasks
    assert task["reason"] == (None if is_there else "ERROR 10000 :: INVALID PARAMETER VALUE: target_type")


@pytest.mark.parametrize(("mode", "code"), [("refused", 3), ("accepted", 0)])
def test_a_filter_that_a_large_profile_does_not_take_sets_it_aside(tmp_path: Path, mode: str, code: int) -> None:
    harvest = {"report": "backlinks", "options": {"display_filter": "+|urlanchor|Co|review"}}
    left = yard_of(tmp_path, f"urlanchor_large={mode}").harvest(harvest, targets=[FEW[0], BIG])
    assert left.outcome.exit_code == code
    aside = [(task["target"], task["reason"]) for task in left.tasks if task["state"] == "set_aside"]
    assert aside == ([(BIG, "ERROR 10000 :: INVALID PARAMETER VALUE: display_filter")] if code else [])
    for target in [FEW[0]] if code else [FEW[0], BIG]:
        count = sum("review" in f"{link.source_url}\n{link.anchor}".lower() for link in Asked(left, target).links)
        assert sum(item["target"] == target for item in left.records("semrush.backlinks")) == count


# ---- text without quotes


def quoted(rows: Rows) -> Counter[str]:
    """Return rows, two quotes in a row taken for one: nobody can tell where they are doubled and where they are two."""
    return Counter(re.sub(r'"+', '"', repr(tuple(map(str, row)))) for row in rows.elements())


@pytest.mark.parametrize("line_end", ["crlf", "lf"])
@pytest.mark.parametrize(
    ("options", "quotes", "is_all_read"),
    [
        ({}, "doubled", False),
        ({"export_escape": 1}, "doubled", True),
        ({"export_escape": 1}, "backslash", False),
        ({"export_escape": 1}, "raw", False),
    ],
)
def test_hostile_text_is_right_or_rejected_with_its_text_and_never_shifted_or_lost(
    tmp_path: Path, line_end: str, options: Mapping[str, Any], quotes: str, is_all_read: bool
) -> None:
    yard = yard_of(tmp_path, f"line_end={line_end}", f"quote_inside={quotes}", links=hostile_world(tmp_path, 600))
    left = yard.harvest({"report": "backlinks", "page_size": 100, "options": options}, targets=["t.example"])
    wanted, got = (quoted(rows) for rows in (expected(left, "backlinks", ["t.example"]), found(left, "backlinks")))
    assert got - wanted == Counter(), "a row that the world does not have"
    lacking = wanted - got
    assert bool(lacking) is not is_all_read
    assert got.total() > 250, "not all is rejected"
    raw = "\n".join(reject["raw"] for reject in left.rejects)
    assert [row for row in lacking if re.findall(r"https://s\d+\.example/\d+", row)[0] not in raw] == []
    (task,) = left.tasks
    assert task["complete"] or task["reason"] == "lines that cannot be read stand for an unknown number of rows"
    assert task["rows"] == got.total() + len(left.rejects) >= 600


@pytest.mark.parametrize("switch", ["line_end=lf", "line_end=crlf"])
def test_the_generated_world_s_hostile_texts_are_all_read(tmp_path: Path, switch: str) -> None:
    left = yard_of(tmp_path, switch).harvest(
        *({"report": name, "page_size": 500} for name in ("backlinks", "anchors", "pages")), targets=[BUSY]
    )
    assert (left.outcome.exit_code, left.rejects) == (0, [])
    anchors = "".join(link.anchor for link in Asked(left, BUSY).links)
    assert ";" in anchors
    assert "\n" in anchors
    for report in ("backlinks", "anchors", "pages"):
        assert found(left, report) == expected(left, report, [BUSY]), report
