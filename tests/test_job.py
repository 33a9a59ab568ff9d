"""A config against its providers: what is refused, what a job means, and how two meanings differ."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.codec import dump, parse
from harvester.config import job_of
from harvester.errors import ConfigError
from harvester.job import Account, Job, compile_job, differences
from harvester.model import Provider, RateRule
from harvester.providers import PROVIDERS

DAY = date(2026, 11, 1)


def document(*harvests: dict[str, Any], **ahrefs: Any) -> dict[str, Any]:
    return {
        "job": {"name": "j", "targets": {"inline": ["example.com"]}},
        "providers": {"ahrefs": {"key": "env:K", **ahrefs}},
        "harvest": [{"provider": "ahrefs", **harvest} for harvest in harvests or ({"report": "backlinks"},)],
    }


def job_from(content: dict[str, Any]) -> Job:
    return compile_job(job_of(content, Path("j.toml")), DAY)


def faults_of(content: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        job_from(content)
    return caught.value.faults


def account(**ahrefs: Any) -> Account:
    return job_from(document(**ahrefs)).accounts["ahrefs"]


def test_the_config_outranks_the_providers_defaults() -> None:
    provider = PROVIDERS["ahrefs"]
    usual = account()
    assert (usual.base_url, usual.rate, usual.in_flight) == (provider.base_url, provider.rate, provider.in_flight)
    assert usual.timeout_s == provider.timeout_s
    own = account(base_url="http://127.0.0.1:8899/v3", rate="10/minute", in_flight=2, timeout_s=7)
    assert (own.base_url, own.rate) == ("http://127.0.0.1:8899/v3", RateRule(calls=10, window_s=60.0))
    assert (own.in_flight, own.timeout_s) == (2, 7.0)
    assert account(rate="unlimited").rate is None


def test_an_alias_becomes_the_neutral_name_and_names_the_file() -> None:
    job = job_from(document({"report": "all-backlinks"}, {"report": "anchors", "name": "texts"}))
    assert [item.harvest.name for item in job.harvests] == ["ahrefs.backlinks", "texts"]
    assert [item.harvest.report for item in job.harvests] == ["backlinks", "anchors"]
    assert job.output_of("ahrefs.backlinks") == "ahrefs.backlinks.jsonl"


def test_the_jobs_own_scope_comes_first_and_each_scope_once() -> None:
    scopes = ["url", "host", "url"]
    harvests = [{"report": "anchors", "scope": scope, "name": f"n{n}"} for n, scope in enumerate(scopes)]
    assert job_from(document(*harvests)).scopes == ("subdomains", "url", "host")


def test_every_fault_is_told_with_its_place_and_remedy() -> None:
    content = document({"report": "backlincs"}, {"report": "backlinks", "order_by": "nothing"}, row_cap=250)
    content["providers"]["ahref"] = {"key": "env:K"}
    content["harvest"].append({"provider": "ahref", "report": "anchors"})
    provider, report, order = faults_of(content)
    assert provider == (
        f"j.toml: [providers.ahref]: no provider of that name; expected one of {', '.join(PROVIDERS)};"
        ' did you mean "ahrefs"?'
    )
    assert report.startswith('j.toml: [[harvest]] no. 1 "ahrefs.backlincs" report = "backlincs": expected a report of')
    assert report.endswith('did you mean "backlinks"?')
    assert order.startswith('j.toml: [[harvest]] no. 2 "ahrefs.backlinks" order_by = "nothing": expected ')


def test_a_scope_that_the_provider_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    only_domains = replace(PROVIDERS["ahrefs"], scopes=("subdomains",))
    monkeypatch.setitem(cast(dict[str, Provider], PROVIDERS), "ahrefs", only_domains)
    (fault,) = faults_of(document({"report": "anchors", "scope": "url"}))
    assert fault.endswith('scope = "url": expected a scope that ahrefs has: subdomains')


def test_a_setting_that_the_provider_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cast(dict[str, Provider], PROVIDERS), "ahrefs", replace(PROVIDERS["ahrefs"], settings={}))
    (fault,) = faults_of(document(row_cap=100))
    assert fault == "j.toml: [providers.ahrefs] row_cap: not a key of ahrefs; its own keys are: none"


@pytest.mark.parametrize(
    "twins",
    [
        ({"report": "backlinks"}, {"report": "all-backlinks"}),
        ({"report": "all-backlinks"}, {"report": "anchors", "name": "Ahrefs.Backlinks"}),
    ],
)
def test_two_harvests_that_would_write_one_file_are_refused(twins: tuple[dict[str, Any], ...]) -> None:
    (fault,) = faults_of(document(*twins))
    assert 'two [[harvest]] tables would write "ahrefs.backlinks"' in fault


@pytest.mark.parametrize(
    ("report", "filters", "said"),
    [
        ("history", {"is_followed": True}, "filters of this report only: none"),
        ("refdomains", {"one_per_domain": True}, "reports of ahrefs that can: backlinks, new-backlinks"),
    ],
)
def test_a_filter_that_a_report_cannot_express_is_refused_with_what_can(
    report: str, filters: dict[str, Any], said: str
) -> None:
    (fault,) = faults_of(document({"report": report, "filter": filters}))
    assert f"filter.{next(iter(filters))} = true: expected filters of this report only:" in fault
    assert said in fault


def test_a_filter_that_another_provider_can_express_names_that_provider() -> None:
    content = overlaps(report="backlinks", filter={"min_domain_score": 30})
    del content["harvest"][0]["sets"]
    (fault,) = faults_of(content)
    assert "providers that can filter backlinks so: ahrefs, dataforseo" in fault


# Sets


def overlaps(**harvest: Any) -> dict[str, Any]:
    """Return a job about sets; Serpstat takes 2 or 3 targets."""
    return {
        "job": {"name": "j", "targets": {"inline": ["example.com"]}},
        "providers": {"serpstat": {"key": "env:K"}},
        "harvest": [{"provider": "serpstat", "report": "overlap", "sets": [["me.com", "b.com"]], **harvest}],
    }


def test_sets_are_asked_about_as_the_scope_spells_their_targets() -> None:
    (item,) = job_from(overlaps(sets=[["https://WWW.Me.com/shop", "b.com"], ["b.com", "me.com"]])).harvests
    assert item.sets is not None
    assert item.sets.named == (("me.com", "b.com"), ("b.com", "me.com"))
    assert item.targets_per_task == 0
    assert job_from(overlaps()).sets == (replace(item.sets, named=(("me.com", "b.com"),)),)


def test_sets_may_come_from_a_column_or_be_the_whole_list() -> None:
    (by_column,) = job_from(overlaps(sets={"column": "client"})).sets
    assert (by_column.named, by_column.column) == ((), "client")
    content = overlaps()
    del content["harvest"][0]["sets"]
    (whole,) = job_from(content).sets
    assert (whole.named, whole.column) == ((), None)


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        ([["me.com"]], 'sets = ["me.com"]: expected 2 to 3 targets in a set'),
        ([["a.com", "b.com", "c.com", "d.com"]], "expected 2 to 3 targets in a set"),
        ([["me.com", "www.me.com"]], "expected each target once in a set"),
        ([["me.com", "b.com"], ["me.com", "b.com"]], "expected each set once"),
        ([["me.com", "not a host"]], 'sets = "not a host": expected targets in every set: '),
    ],
)
def test_a_set_that_cannot_be_asked_about_is_refused(sets: list[list[str]], said: str) -> None:
    (fault,) = faults_of(overlaps(sets=sets))
    assert said in fault


def test_sets_for_a_report_about_one_target_are_refused_with_the_reports_that_take_them() -> None:
    (fault,) = faults_of(overlaps(report="backlinks"))
    assert "expected none; reports of serpstat that take sets: overlap" in fault


def test_a_report_that_may_take_sets_asks_in_batches_without_them() -> None:
    content: dict[str, Any] = {
        "job": {"name": "j", "targets": {"inline": ["example.com"]}},
        "providers": {"dataforseo": {"key": "env:K", "login": "me"}},
        "harvest": [{"provider": "dataforseo", "report": "comparison"}],
    }
    (item,) = job_from(content).harvests
    assert item.sets is None
    assert item.targets_per_task == 100
    content["harvest"][0]["sets"] = [["me.com", "b.com"]]
    assert job_from(content).harvests[0].targets_per_task == 0


def test_a_setting_that_the_provider_cannot_do_without_is_asked_for() -> None:
    content = {
        "job": {"name": "j", "targets": {"inline": ["example.com"]}},
        "providers": {"dataforseo": {"key": "env:K"}},
        "harvest": [{"provider": "dataforseo", "report": "summary"}],
    }
    (fault,) = faults_of(content)
    assert fault.startswith("j.toml: [providers.dataforseo] login: missing; expected ")


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (
            [["me.com", "b.com"]],
            [["b.com", "me.com"]],
            'sets was [["me.com", "b.com"]] and is [["b.com", "me.com"]]',
        ),
        ({"column": "a"}, {"column": "b"}, 'sets column was "a" and is "b"'),
    ],
)
def test_other_sets_are_another_job(before: Any, now: Any, said: str) -> None:
    meanings = [parse(dump(job_from(overlaps(sets=sets)).meaning())) for sets in (before, now)]
    (difference,) = differences(*meanings)
    assert difference == f"[[harvest]] serpstat.overlap {said}"


# Meanings


def test_a_meaning_survives_its_way_through_the_checkpoint() -> None:
    harvest = {
        "report": "backlinks",
        "since": "60d",
        "until": date(2026, 10, 1),
        "max_rows": 5,
        "fields": ["url_from", "url_to"],
        "filter": {"is_followed": True},
        "options": {"protocol": "https"},
    }
    meaning = job_from(document(harvest)).meaning()
    assert differences(parse(dump(meaning)), meaning) == []
    told = meaning["[[harvest]]"]["ahrefs.backlinks"]
    assert (told["since"], told["until"]) == ("60d", "2026-10-01")


def test_the_same_words_on_another_day_mean_the_same() -> None:
    config = job_of(document({"report": "lost-backlinks", "since": "30d"}), Path("j.toml"))
    later = compile_job(config, DAY + timedelta(days=3))
    assert compile_job(config, DAY).meaning() == later.meaning()


MEANING: dict[str, Any] = {"[job] scope": "host", "[[harvest]]": {"a": {"max_rows": None, "filter": {"x": 1}}}}


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"[job] scope": "url"}, '[job] scope was "host" and is "url"'),
        ({"[[harvest]]": {"a": {"max_rows": 7, "filter": {"x": 1}}}}, "[[harvest]] a max_rows was absent and is 7"),
        ({"[[harvest]]": {"a": {"max_rows": None, "filter": {}}}}, "[[harvest]] a filter x was 1 and is absent"),
        ({"[[harvest]]": {}}, "[[harvest]] a is gone"),
    ],
)
def test_a_difference_is_named_as_the_config_spells_it(now: dict[str, Any], said: str) -> None:
    assert differences(MEANING, MEANING | now) == [said]


def test_a_further_harvest_is_called_new() -> None:
    assert differences(MEANING, {**MEANING, "[[harvest]]": {**MEANING["[[harvest]]"], "b": {}}}) == [
        "[[harvest]] b is new"
    ]


tables = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.text("ab", max_size=2),
    lambda inner: st.dictionaries(st.text("ab", min_size=1, max_size=1), inner, max_size=2),
    max_leaves=6,
)
meanings = st.dictionaries(st.text("abc", min_size=1, max_size=1), tables, max_size=3)


@given(meanings, meanings)
def test_two_meanings_differ_if_and_only_if_a_difference_is_told(before: dict[str, Any], now: dict[str, Any]) -> None:
    def bare(value: object) -> object:
        """Return a value without what is absent: a key that is None says no more than none."""
        if not isinstance(value, dict):
            return value
        return {name: bare(item) for name, item in value.items() if item is not None}

    assert bool(differences(before, now)) == (bare(before) != bare(now))
