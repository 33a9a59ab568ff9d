"""What is sent to Ahrefs: whole requests, what is refused instead, and what it can cost at most."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from ahrefs_kit import TODAY, asked, compiled, parameters, step_of, url_of

from harvester.errors import HarvestRefused
from harvester.model import Credential, Forecast, Outlook, Request
from harvester.providers import PROVIDERS
from harvester.providers.ahrefs import AHREFS

SPECS = Path(__file__).parents[2].parent / "shared" / "providers" / "specs"

LINK_FIELDS = (
    "url_from%2Curl_to%2Croot_name_source%2Ctitle%2Chttp_code%2Clanguages%2Cip_source%2Clinks_external%2Clinks_internal"
    "%2Curl_redirect%2Canchor%2Calt%2Csnippet_left%2Csnippet_right%2Cis_dofollow%2Cis_nofollow%2Cis_ugc%2Cis_sponsored"
    "%2Cis_redirect%2Cfirst_seen_link%2Clast_visited%2Clast_seen%2Cdomain_rating_source%2Curl_rating_source%2Cis_new"
    "%2Cis_lost%2Clink_type%2Clost_reason%2Cdrop_reason%2Cdiscovered_status"
)


def where_of(request: Request) -> Any:
    return json.loads(parameters(request)["where"])


def test_live_backlinks_pin_everything_whose_default_costs_money() -> None:
    request = asked(compiled("backlinks", settings={"row_cap": 250}))
    assert url_of(request) == (
        "/site-explorer/all-backlinks?target=example.com&mode=subdomains&history=live&aggregation=all"
        f"&select={LINK_FIELDS}&order_by=first_seen_link%3Aasc&limit=250"
    )
    assert (request.method, request.json, request.most_rows, request.most_units) == ("GET", None, 250, 30 * 250)


def test_lost_backlinks_of_a_window_ask_for_the_loss_and_not_for_the_find() -> None:
    exchange = compiled(
        "lost-backlinks",
        scope="host",
        since=date(2026, 10, 1),
        until=date(2026, 10, 31),
        fields=("anchor",),
        filter={"is_followed": True, "min_domain_score": 30},
        page_size=100,
    )
    assert url_of(asked(exchange)) == (
        "/site-explorer/all-backlinks?target=example.com&mode=domain&history=since%3A2026-10-01&aggregation=all"
        "&select=url_from%2Curl_to%2Canchor%2Cfirst_seen_link"
        "&where=%7B%22and%22%3A%5B%7B%22field%22%3A%22is_lost%22%2C%22is%22%3A%5B%22eq%22%2Ctrue%5D%7D%2C"
        "%7B%22field%22%3A%22last_seen%22%2C%22is%22%3A%5B%22gte%22%2C%222026-10-01%22%5D%7D%2C"
        "%7B%22field%22%3A%22last_seen%22%2C%22is%22%3A%5B%22lt%22%2C%222026-11-01%22%5D%7D%2C"
        "%7B%22field%22%3A%22is_dofollow%22%2C%22is%22%3A%5B%22eq%22%2Ctrue%5D%7D%2C"
        "%7B%22field%22%3A%22domain_rating_source%22%2C%22is%22%3A%5B%22gte%22%2C30%5D%7D%5D%7D"
        "&order_by=first_seen_link%3Aasc&limit=100"
    )
    assert asked(exchange).most_units == 8 * 100  # four selected, four more in `where`


def test_lost_backlinks_without_a_window_are_those_of_all_time() -> None:
    request = asked(compiled("lost-backlinks"))
    assert parameters(request)["history"] == "all_time"
    assert where_of(request) == {"field": "is_lost", "is": ["eq", True]}


@pytest.mark.parametrize(
    ("window", "conditions"),
    [
        ({}, [("gte", "2026-10-22")]),
        ({"since": timedelta(days=7)}, [("gte", "2026-11-14")]),
        ({"until": date(2026, 3, 31)}, [("gte", "2026-03-01"), ("lt", "2026-04-01")]),
    ],
)
def test_new_backlinks_are_found_within_the_window_or_thirty_days(
    window: dict[str, Any], conditions: list[tuple[str, str]]
) -> None:
    request = asked(compiled("new-backlinks", **window))
    assert parameters(request)["history"] == "live"
    parts = [{"field": "first_seen_link", "is": list(each)} for each in conditions]
    assert where_of(request) == (parts[0] if len(parts) == 1 else {"and": parts})


def test_broken_backlinks_have_no_history() -> None:
    request = asked(compiled("broken-backlinks", filter={"one_per_domain": True}))
    sent = parameters(request)
    assert "history" not in sent
    assert sent["aggregation"] == "1_per_domain"
    assert "link_group_count" in sent["select"].split(",")
    assert request.most_units == 28 * 1000  # 26, link_group_count, and the rank that domains are paged by


@pytest.mark.parametrize(
    ("report", "units", "field"),
    [("refdomains", 9, "domain_rating"), ("anchors", 13, "domain_rating"), ("pages", 12, "domain_rating_source")],
)
def test_filters_are_about_the_fields_of_the_report_and_are_billed(report: str, units: int, field: str) -> None:
    assert asked(compiled(report)).most_units == units * 1000
    request = asked(compiled(report, filter={"min_domain_score": 30.5, "is_followed": False}))
    asks_rating_anyway = field in parameters(request)["select"].split(",")
    assert request.most_units == (units + 1 + (not asks_rating_anyway)) * 1000
    assert where_of(request)["and"] == [
        {"field": field, "is": ["gte", 30.5]},
        {"field": "is_dofollow", "is": ["eq", False]},
    ]


def test_an_own_filter_is_joined_to_ours_and_its_fields_are_billed_once() -> None:
    own = {"or": [{"field": "traffic_domain", "is": ["gt", 5]}, {"not": {"field": "domain", "is": ["suffix", ".de"]}}]}
    plain = asked(compiled("refdomains", since=date(2026, 1, 1)))
    request = asked(compiled("refdomains", since=date(2026, 1, 1), options={"where": json.dumps(own)}))
    assert where_of(request) == {"and": [where_of(plain), own]}
    assert request.most_units == plain.most_units + 10 * 1000


def test_options_go_out_as_they_are() -> None:
    options = {"history": "since:2026-01-01", "aggregation": "similar_links", "protocol": "https", "timeout": 30}
    sent = parameters(asked(compiled("all-backlinks", options=options)))
    assert {name: sent[name] for name in options} == {**options, "timeout": "30"}


def test_order_by_comes_first_and_the_chain_follows() -> None:
    request = asked(compiled("refdomains", order_by="traffic_domain:desc", fields=("links_to_target",)))
    sent = parameters(request)
    assert (sent["order_by"], sent["select"]) == ("traffic_domain:desc", "domain,links_to_target,traffic_domain")
    assert request.most_units == 12 * 1000


@pytest.mark.parametrize(
    ("allowance", "limit"),
    [
        ({}, 100),
        ({"units": 10_000}, 100),
        ({"units": 899}, 29),
        ({"units": 50}, 1),
        ({"units": 49}, None),
        ({"rows": 7}, 7),
        ({"rows": 7, "units": 100}, 3),
        ({"rows": 0}, None),
    ],
)
def test_a_page_shrinks_to_what_is_allowed(allowance: dict[str, Any], limit: int | None) -> None:
    request = compiled("backlinks", page_size=100).ask(step_of(**allowance))
    assert (None if request is None else request.most_rows) == limit
    if request is not None and limit is not None:
        assert request.most_units == max(50, 30 * limit)
        assert request.most_units <= allowance.get("units", request.most_units)


def test_a_page_is_never_asked_for_with_more_rows_than_the_plan_gives() -> None:
    assert asked(compiled("backlinks", page_size=5000, settings={"row_cap": 250})).most_rows == 250
    assert asked(compiled("backlinks", page_size=5000)).most_rows == 5000
    assert asked(compiled("backlinks")).most_rows == 1000


def test_a_batch_names_mode_and_protocol_of_every_target() -> None:
    request = asked(
        compiled("overview", scope="prefix", options={"country": "de"}), step_of("a.example/x", "b.example")
    )
    assert (request.method, request.path) == ("POST", "/batch-analysis/batch-analysis")
    assert request.json == {
        "targets": [
            {"url": "a.example/x", "mode": "prefix", "protocol": "both"},
            {"url": "b.example", "mode": "prefix", "protocol": "both"},
        ],
        "select": [
            *("domain_rating", "ahrefs_rank", "backlinks", "backlinks_dofollow", "backlinks_nofollow"),
            *("backlinks_redirect", "refdomains", "refips", "refips_subnets", "index"),
        ],
        "country": "de",
    }
    assert request.most_units == 50


def test_a_batch_is_priced_by_its_targets_and_always_selects_the_index() -> None:
    exchange = compiled("summary", fields=("org_traffic", "refdomains"), page_size=40)
    assert exchange.targets_per_task == 40
    step = step_of(*(f"{n}.example" for n in range(40)))
    assert asked(exchange, step).json["select"] == ["index", "org_traffic", "refdomains"]
    assert asked(exchange, step).most_units == 16 * 40
    assert exchange.ask(step_of(*step.task.targets, units=639)) is None


def test_totals_and_histories_are_whole_urls() -> None:
    assert url_of(asked(compiled("totals", until=timedelta(days=1), options={"protocol": "http"}))) == (
        "/site-explorer/backlinks-stats?target=example.com&mode=subdomains&date=2026-11-20&protocol=http"
    )
    assert url_of(asked(compiled("history", scope="url"))) == (
        "/site-explorer/refdomains-history?target=example.com&mode=exact"
        "&date_from=2025-11-21&date_to=2026-11-21&history_grouping=monthly"
    )
    window: dict[str, Any] = {"since": date(2026, 1, 1), "until": date(2026, 1, 31)}
    assert url_of(asked(compiled("rating-history", **window, options={"history_grouping": "daily"}))) == (
        "/site-explorer/domain-rating-history?target=example.com"
        "&date_from=2026-01-01&date_to=2026-01-31&history_grouping=daily"
    )


@pytest.mark.parametrize(("grouping", "points"), [("daily", 366), ("weekly", 53), ("monthly", 13)])
def test_a_history_costs_no_more_than_a_row_for_each_period(grouping: str, points: int) -> None:
    exchange = compiled("history", options={"history_grouping": grouping})
    assert asked(exchange).most_units == 6 * points
    assert exchange.ask(step_of(units=6 * points - 1)) is None


@pytest.mark.parametrize(
    ("report", "harvest", "key", "expected"),
    [
        ("backlinks", {"fields": ("url_form",)}, "fields", "url_from"),
        ("backlinks", {"fields": ("is_homepage_link",)}, "fields", "fields of this report"),
        ("backlinks", {"fields": ("link_group_count",)}, "fields", "aggregation"),
        ("backlinks", {"order_by": "link_group_count:desc"}, "order_by", "number or time"),
        ("backlinks", {"order_by": "anchor:asc"}, "order_by", "number or time"),
        ("backlinks", {"order_by": "first_seen"}, "order_by", "field:asc"),
        ("backlinks", {"order_by": "first_seen:asc,traffic:desc"}, "order_by", "one field only"),
        ("pages", {"order_by": "url_rating_target:asc"}, "order_by", "number or time"),
        ("refdomains", {"filter": {"one_per_domain": True}}, "filter.one_per_domain", "backlinks, new-backlinks"),
        ("backlinks", {"filter": {"is_follow": True}}, "filter.is_follow", "is_followed"),
        ("backlinks", {"filter": {"is_followed": 1}}, "filter.is_followed", "true or false"),
        ("backlinks", {"filter": {"one_per_domain": "yes"}}, "filter.one_per_domain", "true or false"),
        ("backlinks", {"filter": {"min_domain_score": 101}}, "filter.min_domain_score", "0 to 100"),
        ("backlinks", {"filter": {"min_domain_score": True}}, "filter.min_domain_score", "0 to 100"),
        ("summary", {"filter": {"is_followed": True}}, "filter.is_followed", "backlinks"),
        ("backlinks", {"options": {"offset": 100}}, "options.offset", "no offset"),
        ("backlinks", {"options": {"limit": 100}}, "options.limit", "page_size"),
        ("backlinks", {"options": {"mode": "exact"}}, "options.mode", "scope"),
        ("backlinks", {"options": {"agregation": "all"}}, "options.agregation", "did you mean 'aggregation'"),
        ("refdomains", {"options": {"aggregation": "all"}}, "options.aggregation", "history, protocol, timeout, where"),
        ("broken-backlinks", {"options": {"history": "live"}}, "options.history", "options of this report only"),
        ("lost-backlinks", {"options": {"history": "live"}}, "options.history", "options of this report only"),
        ("backlinks", {"options": {"history": "since:2026-1-1"}}, "options.history", "since:YYYY-MM-DD"),
        ("backlinks", {"options": {"history": 5}}, "options.history", "since:YYYY-MM-DD"),
        ("backlinks", {"options": {"aggregation": "none"}}, "options.aggregation", "similar_links"),
        ("backlinks", {"options": {"timeout": True}}, "options.timeout", "seconds"),
        ("backlinks", {"options": {"where": "is_dofollow=true"}}, "options.where", "grammar"),
        ("backlinks", {"options": {"where": 5}}, "options.where", "JSON text"),
        ("backlinks", {"options": {"where": "[]"}}, "options.where", "an object"),
        ("backlinks", {"options": {"where": '{"and":[]}'}}, "options.where", '"and", "or", "not"'),
        ("backlinks", {"options": {"where": '{"field":"anchor"}'}}, "options.where", "operator"),
        ("backlinks", {"options": {"where": '{"field":"ancor","is":["eq","x"]}'}}, "options.where", "'anchor'"),
        (
            "backlinks",
            {"options": {"aggregation": "all"}, "filter": {"one_per_domain": True}},
            "options.aggregation",
            "same",
        ),
        ("backlinks", {"since": date(2026, 5, 2), "until": date(2026, 5, 1)}, "until", "2026-05-02"),
        ("backlinks", {"sets": (("a.example",),)}, "sets", "none"),
        ("backlinks", {"settings": {"row_cap": "all"}}, "row_cap", "100, 250 or 500"),
        ("summary", {"since": date(2026, 1, 1)}, "since", "present"),
        ("summary", {"page_size": 101}, "page_size", "100"),
        ("summary", {"options": {"country": "DE"}}, "options.country", "lower case"),
        ("summary", {"fields": ("referring_domains",)}, "fields", "refdomains"),
        ("totals", {"since": date(2026, 1, 1)}, "since", "until"),
        ("totals", {"options": {"date": "2026-01-01"}}, "options.date", "until"),
        ("history", {"fields": ("date",)}, "fields", "all its fields"),
        ("history", {"order_by": "date:asc"}, "order_by", "not sorted"),
        ("history", {"since": TODAY + timedelta(days=1)}, "since", "2026-11-21"),
        ("rating-history", {"scope": "url"}, "scope", "domain"),
        ("rating-history", {"options": {"protocol": "http"}}, "options.protocol", "history_grouping"),
    ],
)
def test_what_a_report_cannot_do_is_refused_before_it_costs_anything(
    report: str, harvest: dict[str, Any], key: str, expected: str
) -> None:
    with pytest.raises(HarvestRefused) as refused:
        compiled(report, **harvest)
    assert refused.value.key == key
    assert expected in refused.value.expected


EXAMPLES = [
    (name, options)
    for name in AHREFS.reports
    for options in ({}, {"protocol": "http"} if name != "rating-history" else {"history_grouping": "daily"})
]


@pytest.mark.skipif(not SPECS.is_dir(), reason="the official documents are not beside the repository")
@pytest.mark.parametrize(("name", "options"), EXAMPLES)
def test_every_parameter_that_is_sent_exists(name: str, options: dict[str, str]) -> None:
    request = asked(compiled(name, options=options))
    _, section, operation = request.path.split("/")
    document = json.loads((SPECS / f"ahrefs-{section}.json").read_text())
    call = document["paths"][f"/{operation}"][request.method.lower()]
    if request.json is not None:
        schema = call["requestBody"]["content"]["application/json"]["schema"]
        assert request.json.keys() <= schema["properties"].keys()
        assert set(schema["required"]) <= request.json.keys()
        return
    known = {each["name"]: each for each in call["parameters"] if "name" in each}
    sent = parameters(request)
    assert sent.keys() <= known.keys()
    assert {name for name, each in known.items() if each.get("required")} <= sent.keys()
    for parameter, value in sent.items():
        assert value in known[parameter]["schema"].get("enum", [value])


@pytest.mark.parametrize(
    ("report", "harvest", "forecast"),
    [
        ("backlinks", {}, (1, None, 50, None)),
        ("backlinks", {"max_rows": 50}, (1, 2, 50, 30 * 50 + 50)),
        ("backlinks", {"max_rows": 250, "page_size": 100}, (1, 4, 50, 30 * (100 + 100 + 52) + 50)),
        ("backlinks", {"max_rows": 199, "page_size": 100}, (1, 3, 50, 30 * (100 + 100) + 50)),
        ("summary", {}, (1, 1, 50, 1400)),
        ("totals", {}, (1, 1, 50, 50)),
        ("history", {}, (1, 1, 50, 78)),
    ],
)
def test_a_task_is_priced_before_anything_is_known_of_its_target(
    report: str, harvest: dict[str, Any], forecast: tuple[int | None, ...]
) -> None:
    stated = compiled(report, **harvest).forecast()
    assert isinstance(stated, Forecast)
    assert (stated.least_requests, stated.most_requests, stated.least_units, stated.most_units) == forecast


def test_the_key_goes_into_the_header_and_nowhere_else() -> None:
    request = AHREFS.sign(asked(compiled("totals")), Credential(key="s3cret"))
    assert request.headers == {"Authorization": "Bearer s3cret"}
    assert "s3cret" not in url_of(request)


def test_reports_are_found_by_their_neutral_names_and_by_those_of_ahrefs() -> None:
    assert PROVIDERS["ahrefs"] is AHREFS
    names = {
        "summary": ("overview", "batch-analysis"),
        "totals": ("backlinks-stats",),
        "backlinks": ("all-backlinks",),
        "refdomains": ("referring-domains",),
        "pages": ("pages-by-backlinks",),
        "history": ("refdomains-history",),
        "rating-history": ("domain-rating-history",),
    }
    for name, aliases in names.items():
        for alias in (name, *aliases):
            found = AHREFS.report(alias)
            assert found is not None
            assert found.name == name
    assert AHREFS.reports.keys() >= {"new-backlinks", "lost-backlinks", "broken-backlinks", "anchors"}
    assert AHREFS.report("link-intersect") is None
    for report in AHREFS.reports.values():
        assert report.about
        assert "unit" in report.price
        assert "request" in report.paging


@pytest.mark.parametrize("name", AHREFS.reports)
def test_an_exchange_makes_the_record_that_its_report_names(name: str) -> None:
    assert compiled(name).record == AHREFS.reports[name].record
    assert compiled(name).targets_per_task == AHREFS.reports[name].targets_per_task


def test_history_of_all_time_can_be_asked_for() -> None:
    assert parameters(asked(compiled("refdomains", options={"history": "all_time"})))["history"] == "all_time"


@pytest.mark.parametrize(
    ("rows", "harvest", "forecast"),
    [
        (0, {}, (1, 1, 50, 50)),
        (3, {}, (1, 1, 90, 90)),
        (249, {}, (1, 1, 7470, 7470)),
        (250, {}, (2, 2, 7550, 7550)),  # exactly a page: one more request proves the end
        (300, {}, (2, 2, 7500 + 51 * 30, 7500 + 51 * 30)),  # the second page repeats a row
        (300, {"max_rows": 10}, (1, 1, 300, 300)),
        (300, {"filter": {"is_followed": True}}, (1, 3, 50, 7500 + 51 * 30 + 50)),  # the filter may leave any out
        (300, {"filter": {"one_per_domain": True}}, (2, 2, 8000 + 51 * 32, 8000 + 51 * 32)),
    ],
)
def test_a_task_is_priced_by_the_rows_of_its_target(
    rows: int, harvest: dict[str, Any], forecast: tuple[int, int, int, int]
) -> None:
    stated = compiled("backlinks", settings={"row_cap": 250}, **harvest).forecast(Outlook(rows=rows))
    assert (stated.least_requests, stated.most_requests, stated.least_units, stated.most_units) == forecast
