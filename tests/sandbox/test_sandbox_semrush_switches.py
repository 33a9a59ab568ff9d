"""Each thing that the reference calls unconfirmed, both ways. Those of the text are in test_sandbox_semrush_text.py."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from sandbox_kit import GENERATED, link, world_of
from semrush_sandbox_kit import BALANCE, FORTY, Till, error_of

from harvester.sandbox.contract import Asked, Refusal
from harvester.sandbox.semrush.service import SEMRUSH

LOSSES = world_of(
    link("https://live.example/"),
    link("https://lately.example/", lost="2026-11-10"),
    link("https://long-ago.example/", lost="2026-02-01", last="2026-01-15"),
)
TWO = ["t.example", "nobody.example"]


@pytest.mark.parametrize("switch", [field.name for field in fields(SEMRUSH.switches)])
def test_every_switch_is_tested(switch: str) -> None:
    tests = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_sandbox_semrush_*.py")]
    assert any(f"{switch}=" in text for text in tests)


@pytest.mark.parametrize(("mode", "count"), [("recent", 2), ("none", 1), ("all", 3)])
def test_lost_links_are_shown_for_a_while_never_or_always(mode: str, count: int) -> None:
    till = Till(LOSSES, f"lost_links={mode}")
    rows = till.rows("backlinks", export_columns="source_url,lostlink")
    assert len(rows) == count
    assert sum(row["lostlink"] == "true" for row in rows) == count - 1
    assert till.rows("backlinks_overview")[0]["total"] == str(count)
    assert till.ask("backlinks_refdomains").rows == count


def test_errors_can_all_be_a_200() -> None:
    till = Till(FORTY, "statuses=200", units=0)
    assert error_of(till.ask("backlinks")) == (200, "ERROR 132")
    assert error_of(till.service.refuse(Refusal.BAD_KEY)) == (200, "ERROR 120")
    assert error_of(till.service.refuse(Refusal.TOO_FAST)) == (200, "ERROR 429")
    assert error_of(Till(FORTY, "statuses=200").ask("backlinks", display_offset=0)) == (200, "ERROR 605")


def test_an_error_line_can_end() -> None:
    answer = Till(FORTY, "error_newline=true").ask("backlinks", target="nobody.example")
    assert answer.body == b"ERROR 50 :: NOTHING FOUND\n"


def test_a_key_of_the_wrong_format_can_have_the_older_code() -> None:
    till = Till(FORTY, "key_format_code=122")
    question = Asked(path="/analytics/v1/", query=[("type", "backlinks"), ("key", "short")])
    answer = till.service.refuse(Refusal.BAD_KEY, asked=question)
    assert (answer.status, answer.body) == (400, b"ERROR 122 :: WRONG FORMAT OR EMPTY KEY")


@pytest.mark.parametrize(
    ("way", "status", "body"),
    [
        ("prose", 200, b"Internal Server Error"),
        ("html", 500, b"<html>"),
        ("empty", 200, b""),
        ("error", 200, b"ERROR 500 "),
    ],
)
def test_what_breaks_speaks_in_one_of_four_ways(way: str, status: int, body: bytes) -> None:
    answer = Till(FORTY, f"internal={way}").service.refuse(Refusal.INTERNAL)
    assert answer.status == status
    assert answer.body.startswith(body)
    assert bool(answer.body) == bool(body)


def test_stray_refusals_are_injected_only_when_switched() -> None:
    assert not Till(FORTY).service.has_stray_refusals
    assert Till(FORTY, "stray_429=true").service.has_stray_refusals


def test_the_plan_can_lack_the_api_or_a_report() -> None:
    assert error_of(Till(FORTY, "api_disabled=true", units=0).ask("backlinks")) == (200, "ERROR 130")
    till = Till(FORTY, "disabled_reports=backlinks_geo+backlinks_tld")
    assert error_of(till.ask("backlinks_geo")) == error_of(till.ask("backlinks_tld")) == (200, "ERROR 135")
    assert till.ask("backlinks").rows == 40


def test_unknown_parameters_can_be_refused() -> None:
    till = Till(FORTY, "unknown_parameters=refused")
    assert error_of(till.ask("backlinks", limit=3)) == (200, "ERROR 10000")
    assert error_of(till.ask("backlinks_overview", display_limit=3)) == (200, "ERROR 10000")
    assert till.ask("backlinks", display_limit=3).rows == 3


def test_unknown_names_can_be_ignored() -> None:
    till = Till(FORTY, "unknown_names=ignored")
    assert till.ask("backlinks_tld", export_columns="nonsense,zone").body == b"zone\r\nexample\r\n"
    assert till.ask("backlinks_tld", export_columns="nonsense").body == till.ask("backlinks_tld").body
    plain = till.ask("backlinks").body
    assert till.ask("backlinks", display_sort="nonsense_asc").body == plain
    assert till.ask("backlinks", display_filter="+|urlanchor|nonsense|x").body == plain


def test_a_missing_parameter_can_be_prose() -> None:
    till = Till(FORTY, "missing_parameter=prose")
    assert till.ask("backlinks", target=None).body == b"Validation Error : target"
    assert till.ask("backlinks", target_type=None).body == b"Validation Error : target_type"


def test_a_malformed_target_can_have_a_code() -> None:
    assert error_of(Till(FORTY, "malformed_target=10042").ask("backlinks", target="x x")) == (200, "ERROR 10042")


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("BÜCHER.example", "root_domain"),
        ("bücher.example", "domain"),
        ("XN--bcher-kva.example", "domain"),
        ("HTTPS://Bücher.example/", "url"),
    ],
)
def test_capitals_and_unicode_can_be_accepted(target: str, kind: str) -> None:
    world = world_of(link(target="https://xn--bcher-kva.example/"))
    assert Till(world, "hosts=any").ask("backlinks", target=target, target_type=kind).rows == 1
    assert Till(world).ask("backlinks", target=target, target_type=kind).body == b"Validation Error : target"


def test_a_subdomain_can_be_refused_as_a_root_domain() -> None:
    world = world_of(link(target="https://blog.t.example/"))
    assert Till(world).ask("backlinks", target="blog.t.example").rows == 1
    strict = Till(world, "not_registrable=refused")
    assert strict.ask("backlinks", target="blog.t.example").body == b"Validation Error : target"
    assert strict.ask("backlinks", target="blog.t.example", target_type="domain").rows == 1
    assert strict.ask("backlinks").rows == 1


def test_export_columns_can_be_required() -> None:
    till = Till(FORTY, "columns_required=true")
    assert error_of(till.ask("backlinks")) == (200, "ERROR 10013")
    assert till.ask("backlinks", export_columns="anchor").rows == 40
    assert till.ask("backlinks_ascore_profile").rows == 101


def test_backlinks_can_have_all_columns_by_default() -> None:
    header = Till(FORTY, "backlinks_default=all").ask("backlinks").body.split(b"\r\n")[0]
    assert header.count(b";") == 21
    assert header.startswith(b"page_ascore;response_code;source_size;external_num;internal_num;redirect_url;source_url")


@pytest.mark.parametrize(
    ("mode", "served"), [("subdomain", {"subdomain"}), ("domain", {"domain"}), ("both", {"subdomain", "domain"})]
)
def test_the_categories_call_a_host_one_of_two_names(mode: str, served: set[str]) -> None:
    till = Till(FORTY, f"categories_types={mode}")
    assert {
        kind for kind in ("subdomain", "domain") if till.ask("backlinks_categories", target_type=kind).rows
    } == served


def test_history_can_tell_what_was_gained_and_lost() -> None:
    world = world_of(
        link("https://a.example/", first="2026-11-10", last="2026-11-11"),
        link("https://b.example/1", first="2026-11-03", last="2026-11-04", lost="2026-11-12"),
        link("https://b.example/2", first="2026-11-03", last="2026-11-19"),
        link("https://c.example/", first="2026-11-03", last="2026-11-04", lost="2026-11-12"),
    )
    columns = "backlinks_num,backlinks_new_num,backlinks_lost_num,domains_num,domains_new_num,domains_lost_num"
    assert error_of(Till(world).ask("backlinks_historical", export_columns=columns)) == (200, "ERROR 10000")
    body = Till(world, "historical_gains=true").ask("backlinks_historical", export_columns=columns).body.decode()
    assert body.split("\r\n")[1:-1] == ["2;1;2;2;1;1", "3;3;0;2;2;0"]


def test_history_can_be_monthly() -> None:
    rows = Till(FORTY, "history_step=monthly").rows("backlinks_historical", export_columns="date")
    assert [row["date"] for row in rows[:2]] == ["1793491200", "1790812800"]  # 1 November and 1 October 2026
    assert len(rows) == 11


def test_the_timespan_of_2020_can_be_honoured() -> None:
    assert Till(FORTY).ask("backlinks_historical", timespan="months").rows == 46
    till = Till(FORTY, "timespan=honoured")
    assert till.ask("backlinks_historical").rows == till.ask("backlinks_historical", timespan="weeks").rows == 27
    assert till.ask("backlinks_historical", timespan="months").rows == 11
    assert error_of(till.ask("backlinks_historical", timespan="days")) == (200, "ERROR 10000")
    assert till.ask("backlinks", timespan="days").rows == 40


def test_urlanchor_on_a_large_profile_can_be_accepted() -> None:
    question: dict[str, Any] = {"target": "x110.com", "display_filter": "+|urlanchor|Co|tools"}
    assert error_of(Till().ask("backlinks", **question)) == (200, "ERROR 10000")
    assert Till(units=10**9).ask("backlinks", target="x110.com", display_filter="+|anchor|Co|read").rows > 0
    assert Till(FORTY).ask("backlinks", display_filter="+|urlanchor|Co|a3").rows == 11
    accepting = Till(GENERATED, "urlanchor_large=accepted", units=10**9)
    assert 0 < accepting.ask("backlinks", **question).rows < 1900


def test_the_matrix_can_take_one_target() -> None:
    assert Till(FORTY, "matrix_least=1").ask_many("backlinks_matrix", ["t.example"]).rows == 10


def test_a_query_can_be_too_long() -> None:
    many = ["t.example", *(f"a-rather-long-name-{number}.example" for number in range(120))]
    assert Till(FORTY).ask_many("backlinks_comparison", many).rows == 1
    answer = Till(FORTY, "longest_query=8192").ask_many("backlinks_comparison", many)
    assert (answer.status, answer.headers["Content-Type"]) == (414, "text/html; charset=UTF-8")
    assert Till(FORTY, "longest_query=8192").ask_many("backlinks_comparison", many[:50]).rows == 1


def test_offset_zero_can_be_accepted() -> None:
    assert Till(FORTY, "zero_offset=accepted").ask("backlinks", display_offset=0, display_limit=5).rows == 5


def test_beyond_the_last_row_can_be_a_header_or_another_error() -> None:
    question = {"display_offset": 40, "display_limit": 50}
    header = Till(FORTY, "past_end=header").ask("backlinks_tld", **question)
    assert (header.status, header.rows, header.body) == (200, 0, b"zone;domains_num;backlinks_num\r\n")
    till = Till(FORTY, "past_end=605")
    assert error_of(till.ask("backlinks", **question)) == (400, "ERROR 605")
    assert error_of(till.ask("backlinks", target="nobody.example")) == (200, "ERROR 50")


def test_too_many_rows_can_be_fewer_or_none() -> None:
    low = Till(FORTY, "row_ceiling=10000")
    assert error_of(low.ask("backlinks", display_limit=10_001)) == (200, "ERROR 613")
    assert low.ask("backlinks", display_limit=10_000).rows == 40
    assert Till(FORTY, "row_ceiling=none").ask("backlinks", display_limit=10**12).rows == 40


def test_equals_can_come_in_another_order_each_time() -> None:
    same = world_of(*(link(f"https://s.example/{number}") for number in range(30)))
    till = Till(same, "ties=shuffled")
    question = {"display_sort": "first_seen_desc", "export_columns": "source_url"}
    first, second = till.rows("backlinks", **question), till.rows("backlinks", **question)
    assert first != second
    assert sorted(map(str, first)) == sorted(map(str, second))
    scores = [int(row["page_ascore"]) for row in till.rows("backlinks", export_columns="page_ascore")]
    assert scores == sorted(scores, reverse=True)


def test_a_list_that_is_not_covered_can_be_refused() -> None:
    till = Till(FORTY, "list_shortage=132", units=400)
    assert till.ask("backlinks", display_limit=10).rows == 10
    again = Till(FORTY, "list_shortage=132", units=399)
    assert error_of(again.ask("backlinks", display_limit=10)) == (403, "ERROR 132")
    assert error_of(again.ask("backlinks")) == (403, "ERROR 132")
    assert again.account.units_charged == 0
    assert again.account.refused_for_units == 2


def test_less_than_one_line_can_be_refused() -> None:
    assert error_of(Till(FORTY, "short_balance=132", units=39).ask("backlinks")) == (403, "ERROR 132")
    assert Till(FORTY, "short_balance=132", units=40).ask("backlinks").rows == 1


@pytest.mark.parametrize(("mode", "one", "more"), [("free", 0, 0), ("requests", 100, 100), ("all", 100, 140)])
def test_finding_nothing_can_cost(mode: str, one: int, more: int) -> None:
    till = Till(FORTY, f"charge_empty={mode}")
    till.ask("backlinks_ascore_profile", target="nobody.example")
    assert till.account.units_charged == one
    till.ask("backlinks", target="nobody.example")
    assert till.account.units_charged == more


def test_finding_nothing_never_costs_more_than_there_is() -> None:
    till = Till(FORTY, "charge_empty=all", units=10)
    till.ask("backlinks", target="nobody.example")
    assert till.balance() == "0"


def test_skipped_lines_can_be_charged() -> None:
    till = Till(FORTY, "charge_skipped=true", units=40 * 12)
    assert till.ask("backlinks", display_offset=5, display_limit=10).rows == 5
    assert till.account.units_charged == 400
    assert till.ask("backlinks", display_offset=5, display_limit=10).rows == 0
    assert till.account.units_charged == 480


def test_the_balance_can_have_commas() -> None:
    assert Till(FORTY, "balance_commas=true").balance() == "1,000,000"


def test_the_balance_can_lag_behind_by_a_time() -> None:
    till = Till(FORTY, "balance_lag_s=7.5", units=1000)
    till.ask("backlinks", display_limit="5")
    assert (till.balance(), till.account.units_left) == ("1000", 800)
    seen_s = till.account.clock() + 7.5
    till.account.clock = lambda: seen_s
    assert till.balance() == "800"


def test_the_balance_can_lag_behind() -> None:
    till = Till(FORTY, "stale_balance=true", units=1000)
    assert till.balance() == "1000"
    till.ask("backlinks", display_limit=5)
    assert till.balance() == "1000"
    till.ask("backlinks_overview")
    assert till.balance() == "800"
    assert till.send([("key", SEMRUSH.key)], BALANCE).status == 200


def test_anchors_can_keep_their_capitals() -> None:
    world = world_of(link("https://a.example/", anchor="One"), link("https://b.example/", anchor="one"))
    assert {row["anchor"] for row in Till(world, "anchor_case=kept").rows("backlinks_anchors")} == {"One", "one"}


def test_a_missing_target_can_have_a_line_of_zeros() -> None:
    till = Till(FORTY, "missing_compared=zero")
    rows = till.compared(TWO, export_columns="target,backlinks_num,ips_num")
    assert rows[1] == {"target": "nobody.example", "backlinks_num": "0", "ips_num": "0"}
    assert till.account.units_charged == 80
    assert error_of(till.ask_many("backlinks_comparison", TWO[1:])) == (200, "ERROR 50")


def test_the_target_of_a_single_comparison_can_be_blank() -> None:
    till = Till(FORTY, "blank_target=true")
    assert till.compared(["t.example"])[0]["target"] == ""
    assert [row["target"] for row in till.compared(["t.example", "nobody.example"])] == ["t.example"]


def test_a_comparison_can_come_in_another_order() -> None:
    world = world_of(link(), link(target="https://u.example/"))
    rows = Till(world, "comparison_order=reversed").compared(["t.example", "u.example"])
    assert [row["target"] for row in rows] == ["u.example", "t.example"]
