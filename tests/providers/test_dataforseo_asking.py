"""Every DataForSEO report writes the request that the reference describes, and refuses what it cannot honour."""

from datetime import date, timedelta
from typing import Any

import pytest
from dataforseo_kit import asked, compiled, listed, read, step_of, task_of
from spec_kit import faults_of, needs_specs

from harvester.errors import HarvestRefused
from harvester.providers.dataforseo import DATAFORSEO

SPEC = "dataforseo-backlinks.yaml"

PINNED = {"include_subdomains": True, "exclude_internal_backlinks": True, "rank_scale": "one_thousand"}
COUNTED = {**PINNED, "backlinks_status_type": "live"}
LINKED = {**COUNTED, "mode": "as_is"}
ONE = {"target": "example.com"}

#: Report, its endpoint, and its one task.
REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("summary", "summary", {**ONE, **COUNTED}),
    ("backlinks", "backlinks", {**ONE, **LINKED, "order_by": ["rank,desc", "url_from,asc"], "limit": 1000}),
    (
        "new-backlinks",
        "backlinks",
        {
            **ONE,
            **LINKED,
            "filters": ["first_seen", ">", "2026-10-21 23:59:59 +00:00"],
            "order_by": ["first_seen,desc", "url_from,asc"],
            "limit": 1000,
        },
    ),
    (
        "lost-backlinks",
        "backlinks",
        {
            **ONE,
            **LINKED,
            "backlinks_status_type": "lost",
            "order_by": ["last_seen,desc", "url_from,asc"],
            "limit": 1000,
        },
    ),
    (
        "broken-backlinks",
        "backlinks",
        {
            **ONE,
            **LINKED,
            "filters": ["is_broken", "=", True],
            "order_by": ["domain_from_rank,desc", "url_from,asc"],
            "limit": 1000,
        },
    ),
    (
        "refdomains",
        "referring_domains",
        {**ONE, **COUNTED, "order_by": ["backlinks,desc", "domain,asc"], "limit": 1000},
    ),
    ("anchors", "anchors", {**ONE, **COUNTED, "order_by": ["backlinks,desc", "anchor,asc"], "limit": 1000}),
    ("pages", "domain_pages_summary", {**ONE, **COUNTED, "order_by": ["backlinks,desc", "url,asc"], "limit": 1000}),
    (
        "refips",
        "referring_networks",
        {
            **ONE,
            **COUNTED,
            "network_address_type": "ip",
            "order_by": ["backlinks,desc", "network_address,asc"],
            "limit": 1000,
        },
    ),
    (
        "competitors",
        "competitors",
        {
            **ONE,
            "main_domain": True,
            "exclude_large_domains": True,
            "exclude_internal_backlinks": True,
            "rank_scale": "one_thousand",
            "order_by": ["intersections,desc", "target,asc"],
            "limit": 1000,
        },
    ),
    (
        "overlap",
        "domain_intersection",
        {
            "targets": {"1": "example.com"},
            **COUNTED,
            "intersection_mode": "partial",
            "order_by": ["1.backlinks,desc", "1.target,asc", "2.target,asc"],
            "limit": 1000,
        },
    ),
    (
        "history",
        "history",
        {**ONE, "date_from": "2025-11-21", "date_to": "2026-11-21", "rank_scale": "one_thousand"},
    ),
    (
        "new-lost-history",
        "timeseries_new_lost_summary",
        {
            **ONE,
            "date_from": "2025-11-21",
            "date_to": "2026-11-21",
            "group_range": "month",
            "include_subdomains": True,
        },
    ),
    (
        "comparison",
        "bulk_pages_summary",
        {"targets": ["example.com"], "include_subdomains": True, "rank_scale": "one_thousand"},
    ),
]


@pytest.mark.parametrize(("report", "function", "task"), REQUESTS, ids=[row[0] for row in REQUESTS])
def test_each_report_writes_its_request(report: str, function: str, task: dict[str, Any]) -> None:
    exchange = compiled(report)
    assert asked(exchange).path == f"/backlinks/{function}/live"
    assert task_of(exchange) == task


def test_no_report_is_without_a_request_of_its_own_here() -> None:
    assert [report for report, _, _ in REQUESTS] == list(DATAFORSEO.reports)


#: Harvests that between them send every parameter there is.
VARIED: list[dict[str, Any]] = [
    *({"report": name} for name in DATAFORSEO.reports),
    {"report": "backlinks", "scope": "host", "options": {"custom_mode": '{"field":"anchor","value":10}'}},
    {"report": "backlinks", "filter": {"is_followed": True, "min_domain_score": 30, "one_per_domain": True}},
    {"report": "lost-backlinks", "since": timedelta(days=7), "until": date(2026, 11, 20)},
    {"report": "summary", "options": {"include_indirect_links": False, "internal_list_limit": 1000}},
    {"report": "refdomains", "options": {"filters": '["rank",">",80]', "backlinks_filters": '["dofollow","=",true]'}},
    {"report": "refips", "options": {"network_address_type": "subnet"}, "order_by": "referring_pages:asc"},
    {"report": "competitors", "options": {"main_domain": False, "exclude_large_domains": False}},
    {"report": "overlap", "options": {"intersection_mode": "all", "exclude_targets": ["own.example"]}},
    {"report": "new-lost-history", "scope": "host", "options": {"group_range": "week"}},
    *(
        {"report": "comparison", "options": {"bulk": bulk}}
        for bulk in ("pages_summary", "ranks", "backlinks", "referring_domains", "spam_score")
    ),
]


@needs_specs
@pytest.mark.parametrize("harvest", VARIED, ids=str)
def test_requests_are_what_the_official_description_allows(harvest: dict[str, Any]) -> None:
    request = asked(compiled(**harvest), step_of("example.com", cursor={"begin": 1000}))
    # The description calls the parts of these objects, which those in its own examples are not: they are left empty.
    empty: dict[str, Any] = {"filters": [], "backlinks_filters": [], "custom_mode": {}}
    task = {name: empty.get(name, value) for name, value in request.json[0].items()}
    assert faults_of(SPEC, f"/v3{request.path}", [task]) == []
    assert faults_of(SPEC, f"/v3{request.path}", [{**task, "unheard_of": 1}]) == ["unheard_of: not described"]


@needs_specs
def test_a_walk_by_token_is_what_the_official_description_allows() -> None:
    request = asked(compiled("backlinks"), step_of(cursor={"begin": 1000, "token": "a-tag t", "limit": 1000}))
    assert (request.json[0]["tag"], request.json[0]["search_after_token"]) == ("a-tag", "t")
    assert faults_of(SPEC, f"/v3{request.path}", request.json) == []


def test_aliases_are_the_providers_own_names() -> None:
    for alias, name in {
        "backlinks/live": "backlinks",
        "referring_domains": "refdomains",
        "anchors/live": "anchors",
        "domain_pages_summary": "pages",
        "referring_networks/live": "refips",
        "domain_intersection": "overlap",
        "timeseries_new_lost_summary": "new-lost-history",
        "bulk_pages_summary": "comparison",
    }.items():
        found = DATAFORSEO.report(alias)
        assert found is not None
        assert found.name == name
    assert DATAFORSEO.report("bulk_ranks") is None, "an alias would ask for another endpoint than it names"


@pytest.mark.parametrize(
    ("scope", "target", "sent", "with_subdomains"),
    [
        ("subdomains", "example.com", "example.com", True),
        ("host", "www.example.com", "www.example.com", False),
        ("url", "http://example.com/a?b=1", "http://example.com/a?b=1", True),
        ("url", "example.com/", "https://example.com/", True),
    ],
)
def test_scopes_are_a_flag_and_an_absolute_url(scope: str, target: str, sent: str, with_subdomains: bool) -> None:
    task = task_of(compiled("summary", scope=scope), step_of(target))
    assert (task["target"], task["include_subdomains"]) == (sent, with_subdomains)


def test_a_batch_and_a_set_name_all_their_targets_in_order() -> None:
    step = step_of("b.example", "a.example")
    assert task_of(compiled("comparison"), step)["targets"] == ["b.example", "a.example"]
    assert task_of(compiled("overlap"), step)["targets"] == {"1": "b.example", "2": "a.example"}


def test_neutral_filters_of_links_join_those_of_the_report_and_of_the_user() -> None:
    task = task_of(
        compiled(
            "broken-backlinks",
            filter={"is_followed": True, "min_domain_score": 30, "one_per_domain": True},
            options={"filters": '[["tld_from","=","org"],"or",["tld_from","=","net"]]'},
        )
    )
    assert task["mode"] == "one_per_domain"
    assert task["filters"] == [
        ["is_broken", "=", True],
        "and",
        ["dofollow", "=", True],
        "and",
        ["domain_from_rank", ">=", 30],
        "and",
        [["tld_from", "=", "org"], "or", ["tld_from", "=", "net"]],
    ]


def test_neutral_filters_of_counts_choose_the_links_that_are_counted() -> None:
    for report in ("refdomains", "summary", "overlap"):
        task = task_of(compiled(report, filter={"is_followed": False}))
        assert task["backlinks_filters"] == ["dofollow", "=", False]
        assert "filters" not in task


def test_one_per_domain_may_be_false() -> None:
    assert task_of(compiled("backlinks", filter={"one_per_domain": False}))["mode"] == "as_is"


def test_custom_mode_takes_the_place_of_mode() -> None:
    task = task_of(compiled("backlinks", options={"custom_mode": '{"field":"anchor","value":10}'}))
    assert task["custom_mode"] == {"field": "anchor", "value": 10}
    assert "mode" not in task


def test_indirect_links_are_only_spoken_of_to_leave_them_out() -> None:
    assert "include_indirect_links" not in task_of(compiled("backlinks", options={"include_indirect_links": True}))
    assert task_of(compiled("backlinks", options={"include_indirect_links": False}))["include_indirect_links"] is False


def test_a_window_of_days_takes_in_its_first_and_its_last() -> None:
    task = task_of(compiled("lost-backlinks", since=date(2026, 10, 1), until=date(2026, 10, 31)))
    assert task["filters"] == [
        ["last_seen", ">", "2026-09-30 23:59:59 +00:00"],
        "and",
        ["last_seen", "<", "2026-11-01 00:00:00 +00:00"],
    ]
    task = task_of(compiled("new-backlinks", until=date(2026, 10, 31)))
    assert task["filters"][0] == ["first_seen", ">", "2026-09-30 23:59:59 +00:00"]


def test_a_chosen_order_is_made_certain() -> None:
    assert task_of(compiled("backlinks", order_by="url_from:desc"))["order_by"] == ["url_from,desc"]
    assert task_of(compiled("overlap", order_by="2.backlinks:desc"))["order_by"][0] == "2.backlinks,desc"


def test_the_walk_goes_by_token_with_everything_else_as_before() -> None:
    exchange = compiled("backlinks")
    first = task_of(exchange)
    page = read(exchange, listed(1000, total=50_000, token="next one"))
    assert page.next is not None
    second = task_of(exchange, step_of(cursor=page.next))
    assert second == {**first, "search_after_token": "next one"}
    assert "offset" not in second
    # A last page that is not wanted whole: by offset where that leads on, else by token with the same limit.
    assert task_of(exchange, step_of(cursor=page.next, rows=10)) == {**first, "limit": 10, "offset": 1000}
    deep = {**page.next, "begin": 30_000}
    assert task_of(exchange, step_of(cursor=deep, rows=10)) == second


def test_prices_are_the_accounts_own_once_they_are_known() -> None:
    assert asked(compiled("backlinks")).most_units == 60_000
    assert asked(compiled("summary")).most_units == 24_036
    assert asked(compiled("comparison"), step_of(*(f"{n}.example" for n in range(100)))).most_units == 27_600
    facts = {"backlinks.request": 30_000, "backlinks.row": 50, "summary.row": 1_000_000}
    assert asked(compiled("backlinks"), step_of(facts=facts)).most_units == 80_000
    assert asked(compiled("backlinks"), step_of(units=25_000)).most_rows == 27
    assert compiled("summary").ask(step_of(units=24_035)) is None


@pytest.mark.parametrize(
    ("options", "since", "most_rows"),
    [
        ({}, date(2026, 11, 1), 1),
        ({}, date(2026, 10, 31), 2),
        ({"group_range": "day"}, date(2026, 11, 20), 2),
        ({"group_range": "week"}, date(2026, 11, 15), 2),
        ({"group_range": "year"}, date(2025, 12, 31), 2),
    ],
)
def test_the_hold_of_a_series_covers_every_period_that_it_touches(
    options: dict[str, str], since: date, most_rows: int
) -> None:
    assert asked(compiled("new-lost-history", since=since, options=options)).most_units == 24_000 + 36 * most_rows


def test_a_comparison_takes_as_many_targets_as_its_endpoint() -> None:
    assert compiled("comparison").targets_per_task == 100
    assert compiled("comparison", page_size=7).targets_per_task == 7
    ranks = compiled("comparison", options={"bulk": "ranks", "rank_scale": "one_hundred"})
    assert ranks.targets_per_task == 1000
    assert asked(ranks).path == "/backlinks/bulk_ranks/live"
    assert task_of(ranks) == {"targets": ["example.com"], "rank_scale": "one_hundred"}
    assert task_of(compiled("comparison", options={"bulk": "backlinks"})) == {"targets": ["example.com"]}
    assert compiled("comparison", sets=(("a.example", "b.example"),)).targets_per_task == 100


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("fields", {"report": "backlinks", "fields": ("url_from",)}),
    ("fields", {"report": "summary", "fields": ("backlinks",)}),
    ("since", {"report": "backlinks", "since": timedelta(days=7)}),
    ("until", {"report": "refdomains", "until": date(2026, 1, 1)}),
    ("until", {"report": "lost-backlinks", "since": date(2026, 2, 1), "until": date(2026, 1, 1)}),
    ("since", {"report": "summary", "since": timedelta(days=7)}),
    ("order_by", {"report": "summary", "order_by": "rank:desc"}),
    ("order_by", {"report": "backlinks", "order_by": "rang:desc"}),
    ("page_size", {"report": "backlinks", "page_size": 1001}),
    ("page_size", {"report": "history", "page_size": 10}),
    ("page_size", {"report": "comparison", "page_size": 101}),
    ("sets", {"report": "comparison", "sets": (tuple(f"{n}.example" for n in range(101)),)}),
    ("scope", {"report": "competitors", "scope": "host"}),
    ("scope", {"report": "backlinks", "scope": "prefix"}),
    ("scope", {"report": "history", "scope": "host"}),
    ("scope", {"report": "new-lost-history", "scope": "url"}),
    ("scope", {"report": "comparison", "scope": "host", "options": {"bulk": "ranks"}}),
    ("since", {"report": "history", "since": date(2018, 12, 31)}),
    ("since", {"report": "new-lost-history", "since": date(2019, 1, 29)}),
    ("since", {"report": "history", "since": date(2026, 11, 22)}),
    ("until", {"report": "history", "until": date(2026, 11, 22)}),
    ("filter.min_domain_score", {"report": "backlinks", "filter": {"min_domain_score": 1001}}),
    (
        "filter.min_domain_score",
        {"report": "backlinks", "filter": {"min_domain_score": 101}, "options": {"rank_scale": "one_hundred"}},
    ),
    ("options.mode", {"report": "backlinks", "options": {"mode": "one_per_host"}}),
    ("options.mode", {"report": "backlinks", "options": {"mode": "as_is"}, "filter": {"one_per_domain": True}}),
    (
        "options.mode",
        {"report": "backlinks", "options": {"mode": "as_is", "custom_mode": '{"field":"anchor","value":1}'}},
    ),
    ("options.custom_mode", {"report": "backlinks", "options": {"custom_mode": "{"}}),
    ("options.custom_mode", {"report": "backlinks", "options": {"custom_mode": '{"field":"anchor"}'}}),
    ("options.custom_mode", {"report": "backlinks", "options": {"custom_mode": '{"field":"rank","value":1}'}}),
    ("options.custom_mode", {"report": "backlinks", "options": {"custom_mode": '{"field":"anchor","value":1001}'}}),
    ("options.backlinks_status_type", {"report": "lost-backlinks", "options": {"backlinks_status_type": "all"}}),
    ("options.backlinks_filters", {"report": "backlinks", "options": {"backlinks_filters": '["rank",">",1]'}}),
    ("options.filters", {"report": "anchors", "options": {"filters": "rank > 1"}}),
    ("options.exclude_targets", {"report": "overlap", "options": {"exclude_targets": []}}),
    ("options.exclude_targets", {"report": "overlap", "options": {"exclude_targets": ["a.example"] * 11}}),
    ("options.bulk", {"report": "comparison", "options": {"bulk": "new_lost_backlinks"}}),
    ("options.bulk", {"report": "comparison", "options": {"bulk": ["ranks"]}}),
    ("options.rank_scale", {"report": "comparison", "options": {"bulk": "backlinks", "rank_scale": "one_hundred"}}),
    ("options.rank_scale", {"report": "new-lost-history", "options": {"rank_scale": "one_hundred"}}),
    ("options.include_subdomains", {"report": "backlinks", "options": {"include_subdomains": False}}),
    ("options.tag", {"report": "summary", "options": {"tag": "mine"}}),
]


@pytest.mark.parametrize(("key", "harvest"), REFUSED, ids=str)
def test_what_a_report_cannot_honour_is_refused(key: str, harvest: dict[str, Any]) -> None:
    with pytest.raises(HarvestRefused) as refused:
        compiled(**harvest)
    assert refused.value.key == key


def test_a_sizing_harvest_names_no_fields_and_is_not_refused() -> None:
    cheapest, all_counts = DATAFORSEO.sizing
    assert compiled(cheapest.report, fields=cheapest.fields, options=cheapest.options).targets_per_task == 1000
    assert compiled(all_counts.report, fields=all_counts.fields).targets_per_task == 100
    assert set(cheapest.sizes) < set(all_counts.sizes) <= set(DATAFORSEO.reports)
    assert "host" not in cheapest.scopes, "bulk counts of a bare domain cover its subdomains"
