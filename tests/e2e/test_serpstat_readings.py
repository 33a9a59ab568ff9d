"""What Serpstat's reference leaves open, run against both readings; its refusals, its token and its rate."""

from collections import Counter
from pathlib import Path

import pytest
from operations_kit import BEGAN, TODAY, Harvested
from serpstat_rows import BIG, BUSY, NOBODY, REPORTS, TARGETS
from serpstat_yard import LIVE, SMALL, anchors_of, small, spent, table, told, yard_of

from harvester.model import Action, Reply
from harvester.providers.serpstat import SERPSTAT as PROVIDER
from harvester.sandbox.account import parse_rate
from harvester.sandbox.app import Options, open_world
from harvester.sandbox.contract import Refusal, Terms
from harvester.sandbox.serpstat import SERPSTAT as CONTRACT
from harvester.sandbox.switches import parse_switch, switched

SAME = (
    "numbers_as_text=true",
    "spaced_attributes=true",
    "spelling=schema",
    "search_type_required=false",
    "omitted_link_per_domain=0",
    "past_end=empty",
    "cover=size",
    "zero_summary_price=1",
)


FEW = ("t2.example", "t4.example", NOBODY)


def harvest_few(directory: Path, *switches: str) -> Harvested:
    return yard_of(directory, *switches).harvest(*map(table, REPORTS), targets=FEW)


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Harvested:
    """All reports on a few targets, by the first readings."""
    return harvest_few(tmp_path_factory.mktemp("usual"))


@pytest.mark.parametrize("switch", SAME)
def test_the_rows_are_the_same_in_the_other_reading(usual: Harvested, tmp_path: Path, switch: str) -> None:
    left = harvest_few(tmp_path, switch)
    assert left.outcome.exit_code == 0
    assert left.rejects == []
    for report in REPORTS:
        assert told(left, report) == told(usual, report), report
    assert left.account["units_charged"] <= spent(left) == spent(usual)


@pytest.mark.parametrize("no_data", ["empty", "32015", "32017"])
@pytest.mark.parametrize("empty_summary", ["zeros", "list"])
def test_a_target_without_data_is_done_for_a_credit_however_that_is_said(
    tmp_path: Path, no_data: str, empty_summary: str
) -> None:
    yard = yard_of(tmp_path, f"no_data={no_data}", f"empty_summary={empty_summary}", "error_sign=negative")
    tables = [
        table(report) | ({"sets": [[NOBODY, "t15.example"]]} if report == "overlap" else {}) for report in REPORTS
    ]
    left = yard.harvest(*tables, targets=[NOBODY])
    has_zeros = no_data == "empty" and empty_summary == "zeros"
    assert left.outcome.exit_code == 0
    assert {task["report"]: (task["rows"], task["units"]) for task in left.tasks} == {
        report: (1, 5) if report == "summary" and has_zeros else (0, 1) for report in REPORTS
    }
    assert spent(left) == left.account["units_charged"]
    assert [record["links"] for record in left.records("serpstat.summary")] == [0] * has_zeros


@pytest.mark.parametrize("past_end", ["32017", "empty"])
@pytest.mark.parametrize("rows", [399, 400])
def test_a_list_of_untold_length_is_read_until_a_page_is_not_full(tmp_path: Path, past_end: str, rows: int) -> None:
    links = [(f"https://s{number}.example/", *SMALL[0][1:]) for number in range(rows)]
    left = small(tmp_path, "list_total=null", f"past_end={past_end}", links=links).harvest(
        table("backlinks"), targets=["t.example"]
    )
    assert len({record["url_from"] for record in left.records("serpstat.backlinks")}) == rows
    (task,) = left.tasks
    assert task["complete"]
    assert (task["rows"], task["units"]) == (rows, left.account["units_charged"]) == (rows, rows + (rows == 400))


@pytest.mark.parametrize(
    ("page_size", "total", "reason"),
    [
        (1000, "number", "600 rows came where 1,000 were due, from row 1 on"),
        (250, "number", "100 rows came where 250 were due, from row 501 on"),
        (200, "number", "the provider gives no rows from row 601 on: 402: To get more than 600"),
        (200, "null", "the provider gives no rows from row 601 on: 402: To get more than 600"),
    ],
)
def test_behind_the_last_row_that_is_given_a_task_is_incomplete(
    tmp_path: Path, page_size: int, total: str, reason: str
) -> None:
    left = yard_of(tmp_path, "deepest_row=600", f"list_total={total}").harvest(
        {"report": "backlinks", "page_size": page_size}, targets=[BIG]
    )
    (task,) = left.tasks
    assert not task["complete"]
    assert task["reason"].startswith(reason)
    assert len(left.records("serpstat.backlinks")) == task["units"] == left.account["units_charged"] == 600
    assert left.outcome.exit_code == 3


@pytest.mark.parametrize("reading", ["last_visited", "first_seen"])
def test_days_of_lost_links_are_those_of_the_loss_or_the_task_says_that_they_may_not_be(
    tmp_path: Path, reading: str
) -> None:
    for report, target in (("lost-backlinks", BUSY), ("lost-outlinks", BUSY)):
        left = yard_of(tmp_path / report, f"lost_check={reading}").harvest(
            {"report": report, "since": "2026-01-01", "until": "2026-06-30"}, targets=[target]
        )
        (task,) = left.tasks
        days = [record["lost_at"][:10] for record in left.records(f"serpstat.{report}")]
        assert days
        is_right = all("2026-01-01" <= day <= "2026-06-30" for day in days)
        assert is_right is task["complete"] is (reading == "last_visited")
        assert is_right or "rows have another last_visited than was asked for" in task["reason"]


def test_readings_that_pick_other_rows_pick_those(tmp_path: Path) -> None:
    left = small(tmp_path / "www", "www_is_host=true").harvest(
        {"report": "backlinks", "scope": "host"}, targets=["t.example"]
    )
    assert anchors_of(left) == LIVE
    left = small(tmp_path / "page", "zero_link_per_domain=one_per_page").harvest(
        table("backlinks"), targets=["t.example"]
    )
    assert anchors_of(left) == [text for text in LIVE if text != "one & two"]
    left = small(tmp_path / "words", "omitted_count=1").harvest(table("anchors"), targets=["t.example"])
    assert anchors_of(left, "anchors") == ["again", "main", "red[0m"]
    left = small(tmp_path / "idn", "unicode_query=false").harvest(table("backlinks"), targets=["bücher.example"])
    assert anchors_of(left) == ["books"]


def test_domains_that_link_to_one_site_of_a_set_say_so(usual: Harvested, tmp_path: Path) -> None:
    left = yard_of(tmp_path, "intersect_rows=any").harvest(table("overlap"), targets=FEW)
    records = left.records("serpstat.overlap")
    assert {record["matches"] for record in records} == {1, 2, 3}
    several = Counter((r["target"], r["domain"], r["links"]) for r in records if r["matches"] > 1)
    assert several == Counter((r["target"], r["domain"], r["links"]) for r in usual.records("serpstat.overlap"))


def test_a_history_of_any_length_comes_whole(tmp_path: Path) -> None:
    left = yard_of(tmp_path, "history=all").harvest(table("history"), targets=[BUSY])
    weeks = left.records("serpstat.history")
    links = left.links(BUSY)
    assert (sum(week["links_new"] for week in weeks), sum(week["links_lost"] for week in weeks)) == (
        len(links),
        sum(link.lost_at is not None for link in links),
    )
    assert left.account["units_charged"] == 1


@pytest.mark.parametrize("rank", ["fraction", "null"])
def test_a_rank_of_another_form_is_taken_as_it_is(tmp_path: Path, rank: str) -> None:
    left = yard_of(tmp_path, f"summary_rank={rank}").harvest(table("summary"), targets=[BUSY])
    (record,) = left.records("serpstat.summary")
    if rank == "fraction":
        assert (record["domain_score"], record["domain_metric"]) == (
            left.world.facts.host(BUSY).authority,
            "serpstat_sdr",
        )
    else:
        assert (record["domain_score"], record["domain_metric"]) == (None, None)


def test_targets_and_reports_that_are_refused_are_set_aside_or_stop_for_themselves(tmp_path: Path) -> None:
    yard = yard_of(tmp_path, "large=t1.example", "forbidden=t2.example", "plan_without=getThreats+getTopPages")
    left = yard.harvest(
        *map(table, ("backlinks", "threats", "pages", "anchors")),
        targets=TARGETS[:4],
    )
    reasons = {(task["report"], task["target"]): task["reason"] for task in left.tasks if task["state"] == "set_aside"}
    assert reasons == {
        (report, target): reason
        for report in ("backlinks", "anchors")
        for target, reason in (
            ("t1.example", "32016: Large query domains not supported"),
            ("t2.example", "403: Forbidden query!"),
        )
    }
    assert left.outcome.stopped_harvests == dict.fromkeys(
        ("serpstat.threats", "serpstat.pages"), "403: Method forbidden"
    )
    assert {task["target"] for task in left.tasks if task["complete"]} == {"t3.example", "t4.example"}
    assert spent(left) == left.account["units_charged"]
    assert left.outcome.exit_code == 4


# ---- refusals, token and rate

REFUSED = (
    (Refusal.TOO_FAST, Action.PAUSE, ("rate_code=-32000", "rate_code=-32429", "rate_code=429")),
    (Refusal.BAD_KEY, Action.STOP_LANE, ("auth_code=-32020", "auth_code=-32602", "auth_code=401", "auth_code=403")),
    (Refusal.INTERNAL, Action.AGAIN, ("error_without_id=missing",)),
    (Refusal.BAD_GATEWAY, Action.AGAIN, ("error_without_id=null",)),
)


@pytest.mark.parametrize("sign", ["as_seen", "positive", "negative"])
@pytest.mark.parametrize("status", ["200", "fitting"])
@pytest.mark.parametrize("is_text", ["false", "true"])
def test_a_refusal_means_the_same_in_every_spelling(sign: str, status: str, is_text: str) -> None:
    world = open_world(Options(today=TODAY))
    usual = (f"error_sign={sign}", f"error_status={status}", f"error_code_text={is_text}", "error_data=true")
    for refusal, action, switches in REFUSED:
        for switch in switches:
            chosen = switched(CONTRACT.switches, [parse_switch(f"serpstat.{text}") for text in (*usual, switch)])
            answer = CONTRACT.open(world, Terms(rate=parse_rate("1/second"), switches=chosen)).refuse(refusal)
            reply = Reply(status=answer.status, headers={}, body=answer.body, arrived_at=BEGAN)
            assert PROVIDER.judge(reply).action is action, (refusal, switch)


@pytest.mark.parametrize("place", ["query", "header"])
def test_the_token_is_taken_wherever_the_config_puts_it(tmp_path: Path, place: str) -> None:
    yard = small(tmp_path, f"header_token={str(place == 'header').lower()}")
    yard.section = {"token_in": place}
    assert anchors_of(yard.harvest(table("backlinks"), targets=["t.example"])) == LIVE


def test_a_token_in_a_header_that_is_not_read_there_stops_the_key(tmp_path: Path) -> None:
    yard = small(tmp_path, "header_token=false")
    yard.section = {"token_in": "header"}
    left = yard.harvest(table("backlinks"), targets=["t.example"])
    assert left.outcome.exit_code == 4
    assert "Invalid token!" in left.outcome.stops["serpstat"].why
    assert left.account["units_charged"] == spent(left) == 0


def test_one_request_a_second_is_never_two_though_the_balance_counts(tmp_path: Path) -> None:
    yard = small(tmp_path, rates={})
    yard.section = {"rate": "1/second"}
    left = yard.harvest(table("backlinks"), targets=["t.example"])
    assert left.outcome.exit_code == 0
    assert (left.account["refused_for_rate"], left.account["most_in_window"]) == (0, 1)
