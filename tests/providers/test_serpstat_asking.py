"""What is sent to Serpstat, what is refused before anything is, and that the provider's own description allows it."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serpstat_kit import TODAY, asked, compiled, listed, page_of, params, reply_of, step_of, stored
from spec_kit import SPECS, document, faults_of, needs_specs

from harvester.errors import HarvestRefused, UnknownReply
from harvester.model import Credential, Harvest, Outlook, Section
from harvester.providers.listing import Listing
from harvester.providers.serpstat import SERPSTAT, sign
from harvester.providers.serpstat.compiling import Entry
from harvester.providers.serpstat.filters import SORTS, asked_for
from harvester.providers.serpstat.methods import NEW_BACKLINKS, Kind, Method
from harvester.providers.serpstat.reports import ENTRIES

OPENAPI = "serpstat-backlinks-openapi.json"
KEY = Credential(key="s3cr3t-k3y")
NAMED = {entry.name: entry for entry in ENTRIES}
each_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)

LINKS = {"searchType": "domain_with_subdomains", "sort": "url_from", "order": "asc", "linkPerDomain": 0}
SITE = {"searchType": "domain_with_subdomains"}
SINCE_30_DAYS = [[{"field": "add", "compareType": "gte", "value": ["22.10.2026"]}]]
PAGE = {"page": 1, "size": 1000}


def sorted_by(sort: str, order: str = "asc") -> dict[str, str]:
    return {"sort": sort, "order": order}


#: Report -> method, record, most units of the first request, and all parameters but `query`.
SENT: dict[str, tuple[str, str, int, dict[str, Any]]] = {
    "summary": ("getSummaryV2", "summary", 5, SITE),
    "backlinks": ("getNewBacklinks", "backlink", 1000, LINKS | PAGE),
    "new-backlinks": ("getNewBacklinks", "backlink", 1000, LINKS | PAGE | {"complexFilter": SINCE_30_DAYS}),
    "lost-backlinks": ("getLostBacklinks", "backlink", 1000, LINKS | PAGE),
    "refdomains": ("getRefDomains", "refdomain", 1000, SITE | sorted_by("domain_from") | PAGE),
    "anchors": ("getAnchors", "anchor", 1000, SITE | sorted_by("anchor") | PAGE),
    "top-anchors": ("getTopAnchors", "anchor", 1, SITE),
    "pages": ("getTopPages", "page", 1000, SITE | sorted_by("url_to") | PAGE),
    "history": ("getBacklinksChangesHistory", "history", 1, SITE),
    "tld": ("getDistributionTLD", "distribution", 1, SITE | {"lang": "en"}),
    "authority": ("getDistributionSDR", "distribution", 1, SITE),
    "overlap": ("getIntersect", "overlap", 1000, sorted_by("domain_rank", "desc") | PAGE),
    "outlinks": ("getOutlinks", "backlink", 1000, LINKS | PAGE),
    "lost-outlinks": ("getLostOutlinks", "backlink", 1000, LINKS | PAGE),
    "outdomains": ("getOutDomains", "refdomain", 1000, SITE | sorted_by("domain_to") | PAGE),
    "redirected-domains": ("getRedirectedDomains", "refdomain", 1000, sorted_by("domain") | PAGE),
    "threats": ("getThreats", "refdomain", 1000, LINKS | sorted_by("domain_link") | PAGE),
    "threat-links": ("getThreatsLinks", "backlink", 1000, LINKS | PAGE),
    "out-threats": ("getOutThreats", "refdomain", 1000, LINKS | sorted_by("domain_link") | PAGE),
    "out-threat-links": ("getOutThreatsLinks", "backlink", 1000, LINKS | PAGE),
    "size": ("getNewBacklinks", "summary", 1, LINKS | {"page": 1, "size": 1}),
}


def conditions(report: str, **harvest: Any) -> list[dict[str, Any]]:
    """Return the one group of conditions that a harvest sends."""
    (group,) = params(asked(compiled(report, **harvest)))["complexFilter"]
    found: list[dict[str, Any]] = group
    return found


def refused(report: str, **harvest: Any) -> HarvestRefused:
    with pytest.raises(HarvestRefused) as caught:
        compiled(report, **harvest)
    return caught.value


def test_the_table_of_reports_is_the_one_that_is_tested() -> None:
    assert list(SERPSTAT.reports) == list(SENT)


@pytest.mark.parametrize("report", SENT)
def test_every_report_sends_its_method_with_every_parameter_that_matters(report: str) -> None:
    method, record, most_units, sent = SENT[report]
    exchange = compiled(report)
    request = asked(exchange)
    assert (request.method, request.path, request.query, request.headers) == ("POST", "/", (), {})
    assert request.json == {
        "id": "harvester",
        "method": f"SerpstatBacklinksProcedure.{method}",
        "params": {"query": "example.com", **sent},
    }
    assert (request.most_units, exchange.record) == (most_units, record)


@pytest.mark.parametrize("report", SENT)
def test_the_provider_s_own_names_mean_a_report_too(report: str) -> None:
    method = SENT[report][0]
    meant = "backlinks" if method == "getNewBacklinks" else report  # it is the list of active links
    for name in (method, f"SerpstatBacklinksProcedure.{method}"):
        assert SERPSTAT.report(name) is SERPSTAT.reports[meant]


def test_the_token_goes_into_the_query_or_into_the_header_as_configured() -> None:
    plain, marked = asked(compiled("backlinks")), asked(compiled("backlinks", settings={"token_in": "header"}))
    assert sign(plain, KEY).query == (("token", KEY.key),)
    assert sign(plain, KEY).headers == {}
    assert sign(marked, KEY).query == ()
    assert sign(marked, KEY).headers == {"token": KEY.key}
    assert compiled("backlinks", settings={"token_in": "query"}).ask(step_of()) == plain
    assert KEY.key not in f"{plain}{marked}"


def test_the_free_balance_is_asked_for_with_the_token_at_the_same_place() -> None:
    balance = SERPSTAT.balance
    assert balance is not None
    request = balance.ask(Section())
    assert request.json["method"] == "SerpstatLimitsProcedure.getStats"
    assert (request.json["params"], request.headers, request.most_units) == ({}, {}, 0)
    assert balance.ask(Section(settings={"token_in": "header"})).headers == {"token": ""}


def test_the_balance_is_what_is_left_and_not_what_the_plan_has() -> None:
    balance = SERPSTAT.balance
    assert balance is not None
    read = balance.read(reply_of(stored("getStats")))
    assert (read.units_left, read.about) == (999_995, "5 credits used in this period")
    assert balance.read(reply_of({"result": {"data": {"left_lines": -3}}})).units_left == 0
    wrong: tuple[object, ...] = ({"left_lines": "5"}, {}, [], None)
    for body in (b"<", *({"result": {"data": data}} for data in wrong)):
        with pytest.raises(UnknownReply):
            balance.read(reply_of(body))


@pytest.mark.parametrize(
    ("scope", "target", "search_type", "query"),
    [
        ("subdomains", "example.com", "domain_with_subdomains", "example.com"),
        ("host", "www.example.com", "domain", "www.example.com"),
        ("url", "https://example.com/a/?b=c://d", "url", "example.com/a/?b=c://d"),
        ("prefix", "xn--mnchen-3ya.de/stra%C3%9Fe", "part_url", "xn--mnchen-3ya.de/stra%C3%9Fe"),
    ],
)
def test_each_scope_is_a_search_type_and_an_address_is_asked_for_without_its_scheme(
    scope: str, target: str, search_type: str, query: str
) -> None:
    request = asked(compiled("backlinks", scope=scope), step_of(target))
    assert (params(request)["searchType"], params(request)["query"]) == (search_type, query)


WITH_ALL_SCOPES = {"backlinks", "new-backlinks", "lost-backlinks", "anchors", "outlinks", "lost-outlinks", "outdomains"}


@each_entry
def test_a_scope_that_a_report_lacks_is_refused(entry: Entry) -> None:
    for scope in ("url", "prefix"):
        if entry.name in WITH_ALL_SCOPES:
            compiled(entry.name, scope=scope)
        else:
            assert refused(entry.name, scope=scope).key == "scope"
    if entry.name in ("overlap", "redirected-domains"):
        assert "no choice" in refused(entry.name, scope="host").expected
    else:
        compiled(entry.name, scope="host")


def test_an_overlap_asks_about_the_first_target_against_the_others() -> None:
    request = asked(compiled("overlap"), step_of("a.com", "b.com", "c.com"))
    assert (params(request)["query"], params(request)["intersect"]) == ("a.com", ["b.com", "c.com"])
    sets = SERPSTAT.reports["overlap"].sets
    assert sets == (2, 3, True)


def test_one_per_domain_and_the_option_are_one_parameter() -> None:
    assert params(asked(compiled("backlinks", filter={"one_per_domain": True})))["linkPerDomain"] == 1
    assert params(asked(compiled("threats", filter={"one_per_domain": False})))["linkPerDomain"] == 0
    assert params(asked(compiled("lost-backlinks", options={"linkPerDomain": 1})))["linkPerDomain"] == 1
    both: dict[str, Any] = {"filter": {"one_per_domain": True}, "options": {"linkPerDomain": 1}}
    assert params(asked(compiled("backlinks", **both)))["linkPerDomain"] == 1
    both["options"] = {"linkPerDomain": 0}
    assert refused("backlinks", **both).key == "options.linkPerDomain"


def test_followed_links_are_those_with_the_attribute_and_all_others_have_one_of_the_rest() -> None:
    (followed,) = conditions("lost-backlinks", filter={"is_followed": True})
    assert followed == {"field": "link_nofollow", "compareType": "contains", "value": ["follow"]}
    (others,) = conditions("outlinks", filter={"is_followed": False})
    assert others["value"] == ["nofollow", "ugc", "sponsored"]


def test_the_least_domain_score_is_a_whole_sdr() -> None:
    (least,) = conditions("refdomains", filter={"min_domain_score": 30.5})
    assert least == {"field": "domain_rank", "compareType": "gte", "value": [31]}
    assert refused("refdomains", filter={"min_domain_score": 101}).key == "filter.min_domain_score"


@each_entry
def test_a_report_has_the_neutral_filters_whose_field_or_parameter_its_method_has(entry: Entry) -> None:
    links = {"backlinks", "new-backlinks", "lost-backlinks", "outlinks", "lost-outlinks"}
    threats = {"threats", "threat-links", "out-threats", "out-threat-links"}
    ranked = {"refdomains", "outdomains", "redirected-domains", "overlap"}
    filters = set(SERPSTAT.reports[entry.name].filters)
    assert ("is_followed" in filters) == (entry.name in links)
    assert ("one_per_domain" in filters) == (entry.name in links | threats)
    assert ("min_domain_score" in filters) == (entry.name in ranked)


def test_a_window_takes_whole_days_at_both_ends_however_the_provider_compares() -> None:
    assert conditions("lost-backlinks", since=date(2026, 10, 1), until=date(2026, 10, 31)) == [
        {"field": "check", "compareType": "gte", "value": ["01.10.2026"]},
        {"field": "check", "compareType": "lt", "value": ["01.11.2026"]},
    ]
    (since,) = conditions("lost-outlinks", since=timedelta(days=7))
    assert (since["field"], since["value"]) == ("check", ["14.11.2026"])
    (until,) = conditions("lost-backlinks", until=TODAY)
    assert until["value"] == ["22.11.2026"]


def test_new_links_go_back_thirty_days_from_the_end_of_their_window() -> None:
    since, until = conditions("new-backlinks", until=date(2026, 10, 31))
    assert (since["value"], until["value"]) == (["01.10.2026"], ["01.11.2026"])
    (since,) = conditions("new-backlinks", since=date(2026, 1, 5))
    assert (since["field"], since["value"]) == ("add", ["05.01.2026"])
    assert refused("new-backlinks", since=date(2026, 2, 2), until=date(2026, 2, 1)).key == "until"


@each_entry
def test_keys_that_a_report_cannot_honour_are_refused(entry: Entry) -> None:
    is_single = SENT[entry.name][2] < 1000
    assert refused(entry.name, fields=("url_from",)).key == "fields"
    assert refused(entry.name, order_by="no_such_key:asc").key == "order_by"
    assert refused(entry.name, options={"size": 5}).expected.endswith("page_size")
    if is_single:
        assert refused(entry.name, page_size=10).key == "page_size"
    else:
        assert refused(entry.name, page_size=1001).key == "page_size"
        assert params(asked(compiled(entry.name, page_size=7)))["size"] == 7
    if entry.name not in ("new-backlinks", "lost-backlinks", "lost-outlinks"):
        assert refused(entry.name, since=date(2026, 10, 1)).key == "since"
        assert refused(entry.name, until=date(2026, 10, 1)).key == "until"


@each_entry
def test_every_sort_key_of_the_method_can_be_asked_for(entry: Entry) -> None:
    for name in entry.method.sorts:
        sent = params(asked(compiled(entry.name, order_by=f"{name}:desc")))
        assert (sent["sort"], sent["order"]) == (name, "desc")


def test_anchors_can_be_searched_and_zones_named_in_another_language() -> None:
    sent = params(asked(compiled("anchors", options={"anchor": "seo", "count": 2})))
    assert (sent["anchor"], sent["count"]) == ("seo", "2")  # the number is sent as a text
    for wrong in (0, -1, True, "many", "²", "1000", None):
        assert refused("anchors", options={"count": wrong}).key == "options.count"
    assert params(asked(compiled("tld", options={"lang": "de"})))["lang"] == "de"
    assert refused("tld", options={"lang": "fr"}).key == "options.lang"


GOOD = {"field": "links_external", "compareType": "between", "value": [1, 500]}
QUICK = {"additional_filters": "no_subdomains"}


def complex_filter(*groups: list[Any]) -> dict[str, str]:
    return {"complexFilter": json.dumps(groups)}


def test_a_filter_of_the_user_s_and_ours_are_one_group() -> None:
    whole = conditions(
        "lost-backlinks",
        options=complex_filter([GOOD, QUICK]),
        filter={"is_followed": True},
        since=date(2026, 10, 1),
    )
    assert whole[:2] == [GOOD, QUICK]
    assert [each["field"] for each in whole[2:]] == ["link_nofollow", "check"]


def test_several_groups_are_refused_for_nobody_knows_what_they_mean() -> None:
    assert "one group" in refused("backlinks", options=complex_filter([GOOD], [QUICK])).expected


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (5, "JSON text"),
        ("[[", "JSON text"),
        ("{}", "JSON text"),
        ('[{"additional_filters": "no_subdomains"}]', "JSON text"),
        ("[]", "one group"),
        ("[[]]", "one group"),
        ("[[5]]", "conditions of field"),
        ('[[{"name": "url_from", "operator": "eq", "value": ["a"]}]]', "conditions of field"),
        ('[[{"field": "url_form", "compareType": "eq", "value": ["a"]}]]', "did you mean 'url_from'"),
        ('[[{"field": ["url_from"], "compareType": "eq", "value": ["a"]}]]', "fields of this report"),
        ('[[{"field": "domain_rank", "compareType": "gte", "value": [5]}]]', "fields of this report"),
        ('[[{"field": "url_from", "compareType": "gt", "value": ["a"]}]]', "comparisons of url_from"),
        ('[[{"field": "links_external", "compareType": "contains", "value": [1]}]]', "comparisons of links_external"),
        ('[[{"field": "links_external", "compareType": "between", "value": [1]}]]', "between takes: 2"),
        ('[[{"field": "links_external", "compareType": "gte", "value": [1, 2]}]]', "gte takes: 1"),
        ('[[{"field": "links_external", "compareType": "gte", "value": 1}]]', "whole numbers"),
        ('[[{"field": "links_external", "compareType": "gte", "value": []}]]', "whole numbers"),
        ('[[{"field": "links_external", "compareType": "gte", "value": [true]}]]', "whole numbers"),
        ('[[{"field": "links_external", "compareType": "gte", "value": [1.5]}]]', "whole numbers"),
        ('[[{"field": "check", "compareType": "gte", "value": ["2026-10-01"]}]]', "DD.MM.YYYY"),
        ('[[{"field": "check", "compareType": "gte", "value": ["31.2.2026"]}]]', "DD.MM.YYYY"),
        ('[[{"field": "link_type", "compareType": "eq", "value": ["href"]}]]', "text, redirect, iframe"),
        ('[[{"field": "link_nofollow", "compareType": "contains", "value": ["dofollow"]}]]', "follow, nofollow"),
        ('[[{"field": "url_from", "compareType": "eq", "value": [""]}]]', "texts"),
        ('[[{"additional_filters": "no_subdomain"}]]', "did you mean 'no_subdomains'"),
        ('[[{"additional_filters": "only_hosts"}]]', "quick filters of this report"),
    ],
)
def test_a_filter_that_the_provider_would_refuse_or_misread_is_refused_before(wrong: object, expected: str) -> None:
    fault = refused("lost-backlinks", options={"complexFilter": wrong})
    assert fault.key == "options.complexFilter"
    assert expected in fault.expected


def test_threats_are_filtered_by_the_codes_and_the_days_of_their_own() -> None:
    group = [
        {"field": "platform_type", "compareType": "contains", "value": ["1", 8]},
        {"field": "threat_type", "compareType": "contains", "value": [9]},
        {"field": "lastupdate", "compareType": "gte", "value": ["2026-10-01"]},
    ]
    assert conditions("out-threat-links", options=complex_filter(group)) == group
    for field, value in (("threat_type", 5), ("platform_type", 9), ("lastupdate", "01.10.2026")):
        wrong = [{"field": field, "compareType": "eq", "value": [value]}]
        assert refused("threats", options=complex_filter(wrong)).key == "options.complexFilter"
    assert "none" in refused("threats", options=complex_filter([QUICK])).expected
    assert refused("summary", options=complex_filter([QUICK])).key == "options.complexFilter"


FITTING: dict[Kind, list[Any]] = {
    Kind.NUMBER: [1, "20"],
    Kind.TEXT: ["a", "b"],
    Kind.DAY: ["1.1.2030", "01.02.2030"],
    Kind.ISO_DAY: ["2030-01-01", "2030-02-01"],
    Kind.LINK_TYPE: ["text", "iframe"],
    Kind.ATTRIBUTE: ["follow", "ugc"],
    Kind.PLATFORM: [1, "8"],
    Kind.THREAT: [1, "9"],
}


def every_condition(method: Method) -> list[dict[str, Any]]:
    """Return a condition for each field and comparison of a method, and each quick filter."""
    found: list[dict[str, Any]] = [{"additional_filters": word} for word in method.quick]
    for name, kind in method.filters.items():
        for word in SORTS[kind].comparisons:
            values = FITTING[kind][: 1 if word in ("gt", "lt", "gte", "lte") else 2]
            found.append({"field": name, "compareType": word, "value": values})
    return found


@each_entry
def test_every_field_comparison_and_quick_filter_can_be_asked_for(entry: Entry) -> None:
    if group := every_condition(entry.method):
        assert conditions(entry.name, options=complex_filter(group))[: len(group)] == group


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(["check", "gte", "a", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["field", "compareType", "value", "additional_filters"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(json_values.map(json.dumps) | st.text(max_size=20))
@settings(max_examples=150, deadline=None)
def test_whatever_a_user_writes_is_refused_or_one_group(text: str) -> None:
    try:
        found = asked_for(text, NEW_BACKLINKS)
    except HarvestRefused:
        return
    assert json.loads(text) == [found]


def test_a_size_is_the_total_that_comes_with_one_row_asked_for_as_the_harvest_asks() -> None:
    (sizing,) = SERPSTAT.sizing
    assert sizing.is_of_harvest
    chosen: dict[str, Any] = {"filter": {"is_followed": True, "one_per_domain": True}, "since": date(2026, 11, 1)}
    exchange = compiled(sizing.report, options={"of": "new-backlinks"}, **chosen)
    request, meant = asked(exchange), asked(compiled("new-backlinks", **chosen))
    assert request.json["method"] == meant.json["method"]
    assert request.json["params"] == {**meant.json["params"], "page": 1, "size": 1}
    assert request.most_units == 1
    row = page_of(exchange, listed([{"url_from": "x"}], total=4321)).rows[0]
    assert exchange.record_of(row, reply_of(b"").arrived_at)["extra"] == {"total": 4321}
    assert set(sizing.sizes.values()) == {"total"}


def test_what_has_no_pages_or_another_filter_cannot_be_sized() -> None:
    assert "a report whose rows can be counted: backlinks, " in str(refused("size", options={"of": "summary"}))
    refusal = refused("size", options={"of": "refdomains"}, filter={"is_followed": True})
    assert "filters of refdomains: min_domain_score" in str(refusal)
    assert "none, one row is asked for" in str(refused("size", page_size=5))


def test_an_answer_without_a_total_is_no_size() -> None:
    with pytest.raises(UnknownReply, match="does not say how many rows"):
        page_of(compiled("size"), listed([{}], total=None))


def test_a_harvest_can_be_forecast_from_one_credit_up() -> None:
    forecast = compiled("summary").forecast()
    assert (forecast.least_units, forecast.most_units, forecast.most_requests) == (1, 5, 1)
    forecast = compiled("backlinks").forecast(Outlook(rows=2_500))
    assert (forecast.least_units, forecast.most_units, forecast.most_requests) == (1, 2_500, 3)
    assert compiled("backlinks").forecast().most_units == 60_000


# --- Held against the provider's own description ---------------------------------------------------------------------


@needs_specs
@each_entry
def test_requests_are_as_the_provider_s_description_says(entry: Entry) -> None:
    step = step_of("example.com", "example.org") if entry.sets else None
    rich: dict[str, Any] = {}
    if entry.method.filters:
        rich["options"] = complex_filter(every_condition(entry.method))
    for harvest in ({}, rich):
        request = asked(compiled(entry.name, **harvest), step)
        assert faults_of(OPENAPI, f"/#{request.json['method']}", request.json) == []


@needs_specs
@pytest.mark.parametrize("scope", ["url", "prefix"])
def test_the_description_lists_two_search_types_and_describes_four(scope: str) -> None:
    for report in sorted(WITH_ALL_SCOPES):
        request = asked(compiled(report, scope=scope))
        (fault,) = faults_of(OPENAPI, f"/#{request.json['method']}", request.json)
        assert fault.startswith("params.searchType: ")


@needs_specs
def test_the_description_has_a_stray_blank_in_a_sort_key_of_lost_links() -> None:
    request = asked(compiled("lost-backlinks", order_by="anchor:asc"))
    (fault,) = faults_of(OPENAPI, f"/#{request.json['method']}", request.json)
    assert fault.startswith("params.sort: 'anchor' is not one of ['url_from', ' anchor'")


EXAMPLES_ONLY = {"getAnchors": {"noFollow"}, "getOutDomains": {"domain_to"}}


@needs_specs
@each_entry
def test_the_table_of_methods_is_the_provider_s(entry: Entry) -> None:
    assert SPECS.is_dir()
    method = entry.method
    (found,) = [each for each in document("serpstat-methods.json")["methods"] if each["method"] == method.full_name]
    parameters = found["params"]
    filters = parameters.get("complexFilter", {})
    assert set(method.sorts) == set(parameters.get("sort", {}).get("enum", ()))
    assert set(method.filters) - EXAMPLES_ONLY.get(method.name, set()) == set(filters.get("fields", ()))
    assert set(method.quick) == set(filters.get("additional_filters", ()))
    assert method.has_link_per_domain == ("linkPerDomain" in parameters)
    assert bool(method.scopes) == ("searchType" in parameters)
    assert len(method.scopes) == len(parameters.get("searchType", {}).get("enum", ()))
    assert set(method.options) == set(parameters) & {"anchor", "count", "lang"}
    assert method.paging.is_single == (not found["paged"])
    assert method.tariff.units(1) == found["credits"]["amount"]
    assert method.tariff.units(0) == found["credits"]["when_no_data"]
    assert bool(method.tariff.row_units) == (found["credits"]["mode"] == "per_row" or method.name == "getSummaryV2")
    if filters:
        known = {word for sort in SORTS.values() for word in sort.comparisons}
        assert known == set(filters["compareType"])


def test_a_listing_is_what_every_report_compiles_to() -> None:
    assert all(isinstance(compiled(name), Listing) for name in SERPSTAT.reports)
    assert Harvest(name="h", provider="serpstat", report="backlinks").scope in SERPSTAT.scopes
