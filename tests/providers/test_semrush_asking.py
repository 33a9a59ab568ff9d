"""Semrush is asked for exactly what a harvest wants, with an absolute end, and for no more than may be spent."""

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from semrush_kit import NOON, asked, compiled, page_of, parameters, step_of, table

from harvester.errors import HarvestRefused
from harvester.model import Credential, Forecast, Request, Section, SetColumn
from harvester.providers.listing import Listing
from harvester.providers.semrush import SEMRUSH, columns
from harvester.providers.semrush.call import Question
from harvester.providers.semrush.reports import REPORTS
from harvester.providers.semrush.table import Column

EVERY_BACKLINK = (
    "page_ascore,source_url,response_code,target_url,first_seen,source_title,external_num,target_title,internal_num,"
    "image_alt,source_size,anchor,last_seen,redirect_url,nofollow,image_url,form,frame,image,sitewide,newlink,lostlink"
)
WHOM = {"target": "example.com", "target_type": "root_domain"}


def paged(type: str, sort: str, names: str, **more: str) -> dict[str, str]:
    ordered = {"display_sort": sort} if sort else {}
    return {"type": type, **WHOM, "display_limit": "1000", **ordered, **more, "export_columns": names}


@pytest.mark.parametrize(
    ("report", "query"),
    [
        (
            "summary",
            {
                "type": "backlinks_overview",
                **WHOM,
                "export_columns": "ascore,total,domains_num,urls_num,ips_num,ipclassc_num,follows_num,nofollows_num,"
                "sponsored_num,ugc_num,texts_num,images_num,forms_num,frames_num,trust_score",
            },
        ),
        ("backlinks", paged("backlinks", "page_ascore_desc", EVERY_BACKLINK)),
        (
            "new-backlinks",
            paged("backlinks", "page_ascore_desc", EVERY_BACKLINK, display_filter="+|type||newlink"),
        ),
        (
            "lost-backlinks",
            paged("backlinks", "page_ascore_desc", EVERY_BACKLINK, display_filter="+|type||lostlink"),
        ),
        (
            "refdomains",
            paged(
                "backlinks_refdomains",
                "backlinks_num_desc",
                "domain_ascore,domain,backlinks_num,ip,country,first_seen,last_seen,domain_trust_score",
            ),
        ),
        (
            "refips",
            paged("backlinks_refips", "domains_num_desc", "ip,country,domains_num,backlinks_num,first_seen,last_seen"),
        ),
        ("tld", paged("backlinks_tld", "domains_num_desc", "zone,domains_num,backlinks_num")),
        ("countries", paged("backlinks_geo", "domains_num_desc", "country,domains_num,backlinks_num")),
        (
            "anchors",
            paged("backlinks_anchors", "backlinks_num_desc", "domains_num,backlinks_num,first_seen,anchor,last_seen"),
        ),
        (
            "pages",
            paged(
                "backlinks_pages",
                "backlinks_num_desc",
                "response_code,backlinks_num,source_url,domains_num,last_seen,source_title,external_num,internal_num",
            ),
        ),
        (
            "competitors",
            paged(
                "backlinks_competitors",
                "",
                "ascore,neighbour,similarity,common_refdomains,domains_num,backlinks_num",
            ),
        ),
        ("authority", {"type": "backlinks_ascore_profile", **WHOM}),
        ("topics", paged("backlinks_categories_profile", "", "category_name,rating")),
        ("categories", {"type": "backlinks_categories", **WHOM, "export_columns": "category_name,rating"}),
        (
            "history",
            {**paged("backlinks_historical", "", "date,backlinks_num,domains_num,score"), "display_limit": "53"},
        ),
    ],
)
def test_each_report_asks_its_own_question(report: str, query: dict[str, str]) -> None:
    request = asked(compiled(report))
    assert (request.method, request.path, request.base_url) == ("GET", "/", None)
    assert parameters(request) == query


def test_reports_about_several_targets_repeat_the_parameter() -> None:
    step = step_of("a.example", "b.example")
    both = (
        ("targets[]", "a.example"),
        ("targets[]", "b.example"),
        ("target_types[]", "root_domain"),
        ("target_types[]", "root_domain"),
    )
    assert asked(compiled("overlap"), step).query == (
        ("type", "backlinks_matrix"),
        *both,
        ("display_limit", "1000"),
        ("display_sort", "domain_score_desc"),
        ("export_columns", "domain,domain_ascore,matches_num,backlinks_num"),
    )
    assert asked(compiled("comparison"), step).query == (
        ("type", "backlinks_comparison"),
        *both,
        (
            "export_columns",
            "target,target_type,ascore,backlinks_num,domains_num,ips_num,follows_num,nofollows_num,texts_num,"
            "images_num,forms_num,frames_num",
        ),
    )


@pytest.mark.parametrize(
    ("report", "scope", "target_type"),
    [
        ("backlinks", "subdomains", "root_domain"),
        ("backlinks", "host", "domain"),
        ("backlinks", "url", "url"),
        ("categories", "subdomains", "root_domain"),
        ("categories", "host", "subdomain"),
        ("categories", "url", "url"),
    ],
)
def test_a_scope_is_a_target_type(report: str, scope: str, target_type: str) -> None:
    assert parameters(asked(compiled(report, scope=scope)))["target_type"] == target_type


def test_a_page_is_asked_about_with_its_scheme() -> None:
    of = compiled("backlinks", scope="url")
    assert parameters(asked(of, step_of("example.com/a")))["target"] == "https://example.com/a"
    assert parameters(asked(of, step_of("http://example.com/a")))["target"] == "http://example.com/a"
    assert parameters(asked(compiled("backlinks"), step_of("example.com")))["target"] == "example.com"


# Windows


@given(begin=st.integers(0, 5000), page_rows=st.integers(1, 10_000))
@settings(max_examples=60, deadline=None)
def test_the_limit_is_an_end_and_the_offset_is_never_nought(begin: int, page_rows: int) -> None:
    query = parameters(asked(compiled("backlinks", page_size=page_rows), step_of(cursor={"begin": begin})))
    assert int(query["display_limit"]) == begin + page_rows
    assert query.get("display_offset") == (str(begin) if begin else None)


def test_a_page_shrinks_to_what_the_units_cover_and_to_what_is_wanted() -> None:
    of = compiled("refdomains")
    assert asked(of, step_of(units=439)).most_units == 400
    assert parameters(asked(of, step_of(units=439)))["display_limit"] == "10"
    assert parameters(asked(of, step_of(rows=7, cursor={"begin": 1000})))["display_limit"] == "1007"
    assert of.ask(step_of(units=39)) is None


def test_nothing_is_asked_for_behind_the_last_row_that_can_be_had() -> None:
    of = compiled("refdomains")
    assert parameters(asked(of, step_of(cursor={"begin": 999_990})))["display_limit"] == "1000000"
    assert of.ask(step_of(cursor={"begin": 1_000_000})) is None


@pytest.mark.parametrize(
    ("report", "units"), [("summary", 40), ("categories", 50), ("authority", 100), ("comparison", 80)]
)
def test_what_comes_in_one_request_is_paid_by_the_request_or_the_target(report: str, units: int) -> None:
    of = compiled(report)
    step = step_of("a.example", "b.example") if report == "comparison" else step_of()
    assert asked(of, step).most_units == units
    assert of.ask(step_of(*step.task.targets, units=units - 1)) is None


def test_a_history_is_bounded_by_weeks_or_rows() -> None:
    def limit(**harvest: Any) -> str:
        return parameters(asked(compiled("history", **harvest)))["display_limit"]

    assert limit() == "53"
    assert limit(since=timedelta(days=28)) == "5"
    assert limit(since=date(2026, 11, 21)) == "1"
    assert limit(max_rows=400) == "53"
    assert limit(max_rows=400, since=timedelta(days=7000)) == "400"
    assert limit(max_rows=3, since=timedelta(days=28)) == "3"
    assert compiled("history", since=timedelta(days=28)).forecast().most_units == 5 * 40


def test_a_forecast_is_bounded_by_rows() -> None:
    assert compiled("refdomains", max_rows=1500).forecast() == Forecast(
        least_requests=1, most_requests=3, least_units=0, most_units=60_000
    )
    assert compiled("comparison").forecast() == Forecast(
        least_requests=1, most_requests=51, least_units=0, most_units=50 * 40
    )


# Choices


def test_fields_choose_columns_and_bring_their_fences_along() -> None:
    names = parameters(asked(compiled("backlinks", fields=("anchor",))))["export_columns"]
    assert names == "page_ascore,source_url,response_code,target_url,source_size,anchor,lostlink"
    assert parameters(asked(compiled("tld", fields=("zone",))))["export_columns"] == "zone"
    assert parameters(asked(compiled("lost-backlinks", fields=())))["export_columns"] == (
        "page_ascore,source_url,response_code,target_url,lostlink"
    )
    added = parameters(asked(compiled("history", fields=("backlinks_lost_num",))))["export_columns"]
    assert added == "date,backlinks_lost_num"


def fields_of(known: tuple[Column, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from([column.name for column in known]), unique=True).map(tuple)


@pytest.mark.parametrize(
    ("report", "known"),
    [("backlinks", columns.BACKLINKS), ("anchors", columns.ANCHORS), ("pages", columns.PAGES)],
)
def test_free_texts_always_stand_between_typed_columns(report: str, known: tuple[Column, ...]) -> None:
    @given(fields=st.none() | fields_of(known))
    @settings(max_examples=60, deadline=None)
    def check(fields: tuple[str, ...] | None) -> None:
        of = compiled(report, fields=fields)
        assert isinstance(of, Listing)
        assert isinstance(of.call, Question)
        typed = [column.pattern is not None for column in of.call.columns]
        assert typed[0]
        assert typed[-1]
        assert all(before or after for before, after in pairwise(typed))
        assert set(fields or ()) <= {column.name for column in of.call.columns}

    check()


@pytest.mark.parametrize(
    ("harvest", "sent"),
    [
        ({"filter": {"is_followed": True}}, "+|type||follow"),
        ({"filter": {"is_followed": False}}, "+|type||nofollow"),
        (
            {"filter": {"is_followed": True}, "options": {"display_filter": "-|zone||ru|+|anchor|Co|a b"}},
            "+|type||follow|-|zone||ru|+|anchor|Co|a b",
        ),
    ],
)
def test_filters_are_joined(harvest: dict[str, Any], sent: str) -> None:
    assert parameters(asked(compiled("backlinks", **harvest)))["display_filter"] == sent
    assert parameters(asked(compiled("new-backlinks", **harvest)))["display_filter"] == f"+|type||newlink|{sent}"


def test_order_and_options_are_sent_as_semrush_writes_them() -> None:
    query = parameters(asked(compiled("backlinks", order_by="last_seen:asc", options={"export_escape": 1})))
    assert (query["display_sort"], query["export_escape"]) == ("last_seen_asc", "1")
    overlap = compiled("overlap", order_by="backlinksnum_1:desc", options={"display_filter": "+|backlinksnum_0|Eq|0"})
    query = dict(asked(overlap, step_of("a.example", "b.example")).query)
    assert (query["display_sort"], query["display_filter"]) == ("backlinksnum_1_desc", "+|backlinksnum_0|Eq|0")
    assert parameters(asked(compiled("history", options={"timespan": "months"})))["timespan"] == "months"


@pytest.mark.parametrize(
    ("report", "harvest", "key"),
    [
        ("backlinks", {"since": date(2026, 1, 1)}, "since"),
        ("refdomains", {"until": date(2026, 1, 1)}, "until"),
        ("summary", {"since": date(2026, 1, 1)}, "since"),
        ("comparison", {"until": date(2026, 1, 1)}, "until"),
        ("history", {"until": date(2026, 1, 1)}, "until"),
        ("history", {"since": date(2026, 11, 22)}, "since"),
        ("history", {"scope": "host"}, "scope"),
        ("history", {"order_by": "date:asc"}, "order_by"),
        ("history", {"options": {"timespan": "days"}}, "options.timespan"),
        ("competitors", {"order_by": "similarity:desc"}, "order_by"),
        ("backlinks", {"order_by": "domain_ascore:desc"}, "order_by"),
        ("backlinks", {"order_by": "page_ascore"}, "order_by"),
        ("backlinks", {"page_size": 10_001}, "page_size"),
        ("summary", {"page_size": 1}, "page_size"),
        ("summary", {"order_by": "total:desc"}, "order_by"),
        ("summary", {"fields": ("score",)}, "fields"),
        ("authority", {"fields": ("ascore",)}, "fields"),
        ("comparison", {"page_size": 201}, "page_size"),
        ("comparison", {"page_size": 50, "sets": (("a.com", "b.com"),)}, "page_size"),
        ("comparison", {"order_by": "ascore:desc"}, "order_by"),
        ("refips", {"options": {"display_filter": "+|ip||1.2.3.4"}}, "options.display_filter"),
        ("backlinks", {"options": {"display_filter": "type=follow"}}, "options.display_filter"),
        ("backlinks", {"options": {"display_filter": "+|typ||follow"}}, "options.display_filter"),
        ("backlinks", {"options": {"display_filter": 7}}, "options.display_filter"),
        ("backlinks", {"options": {"display_filter": "|".join(["+|zone||de"] * 26)}}, "options.display_filter"),
        ("backlinks", {"options": {"export_escape": True}}, "options.export_escape"),
        ("backlinks", {"options": {"display_limit": 5}}, "options.display_limit"),
    ],
)
def test_what_a_report_cannot_honour_is_refused(report: str, harvest: dict[str, Any], key: str) -> None:
    with pytest.raises(HarvestRefused) as refused:
        compiled(report, **harvest)
    assert refused.value.key == key
    assert refused.value.expected


def test_a_refused_parameter_says_which_key_sets_it() -> None:
    with pytest.raises(HarvestRefused, match="page_size or max_rows"):
        compiled("backlinks", options={"display_limit": 5})


# The provider


def test_batches_and_sets_of_a_comparison_have_their_size() -> None:
    assert compiled("comparison").targets_per_task == 50
    assert compiled("comparison", page_size=200).targets_per_task == 200
    assert compiled("comparison", sets=SetColumn("group")).targets_per_task == 200
    assert (REPORTS["comparison"].sets, REPORTS["overlap"].sets) == ((1, 200, False), (2, 6, True))


def test_the_key_goes_into_the_query() -> None:
    signed = SEMRUSH.sign(Request(path="/", query=(("type", "backlinks"),)), Credential(key="k3y"))
    assert signed.query == (("key", "k3y"), ("type", "backlinks"))


def test_reports_go_by_the_names_of_semrush_too() -> None:
    named = {name: report.name for report in REPORTS.values() for name in report.aliases}
    assert named == {
        "backlinks_overview": "summary",
        "backlinks_refdomains": "refdomains",
        "backlinks_refips": "refips",
        "backlinks_tld": "tld",
        "backlinks_geo": "countries",
        "backlinks_anchors": "anchors",
        "backlinks_pages": "pages",
        "backlinks_competitors": "competitors",
        "backlinks_matrix": "overlap",
        "backlinks_comparison": "comparison",
        "backlinks_ascore_profile": "authority",
        "backlinks_categories_profile": "topics",
        "backlinks_categories": "categories",
        "backlinks_historical": "history",
    }
    assert set(REPORTS) - set(named.values()) == {"backlinks", "new-backlinks", "lost-backlinks"}


def test_the_sizes_of_lists_are_bought_from_the_comparison() -> None:
    (sizing,) = SEMRUSH.sizing
    of = compiled(sizing.report, fields=sizing.fields)
    names = "target,backlinks_num,domains_num,ips_num"
    assert dict(asked(of).query)["export_columns"] == names
    page = page_of(of, table(names.replace(",", ";"), "example.com;9;8;7"))
    record = of.record_of(page.rows[0], NOON)
    assert {report: record[field] for report, field in sizing.sizes.items()} == {
        "backlinks": 9,
        "refdomains": 8,
        "refips": 7,
    }
    assert page.units == 40


@pytest.mark.parametrize(
    ("section", "address"),
    [
        (Section(), "https://www.semrush.com/users/countapiunits.html"),
        (
            Section(base_url="http://127.0.0.1:8/semrush/analytics/v1"),
            "http://127.0.0.1:8/semrush/users/countapiunits.html",
        ),
        (Section(base_url="http://127.0.0.1:8"), "http://127.0.0.1:8/users/countapiunits.html"),
        (Section(base_url="http://127.0.0.1:8/analytics/v1", settings={"balance_url": "http://x/b"}), "http://x/b"),
    ],
)
def test_the_balance_is_asked_where_the_key_belongs(section: Section, address: str) -> None:
    assert SEMRUSH.balance is not None
    assert SEMRUSH.balance.ask(section) == Request(base_url=address, path="")
    of = compiled("refdomains", section=section)
    assert asked(of, step_of(cursor={"begin": 4, "is_short": True})).base_url == address
