"""Harvests that take their targets from the rows of others: what a config may say, and what rows then bring."""

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from harvester.config import job_of
from harvester.errors import ConfigError
from harvester.job import Job, compile_job, differences
from harvester.model import Known, TargetsFrom
from harvester.records import RECORDS
from harvester.records.shapes import TARGET_FIELDS
from harvester.stages import Stage

DAY = date(2026, 11, 1)

RIVALS = {"provider": "semrush", "report": "competitors", "name": "rivals"}
SIZED = {"provider": "ahrefs", "report": "summary", "name": "sized"}
FROM_RIVALS = {"harvest": "rivals", "field": "competitor", "top": 10}
DEEP = {"provider": "ahrefs", "report": "refdomains", "name": "deep"}


def job_from(*harvests: dict[str, Any], **job: Any) -> Job:
    providers = {name: {"key": "env:K"} for name in ("ahrefs", "semrush", "serpstat")}
    providers["dataforseo"] = {"key": "env:K", "login": "me"}
    content = {
        "job": {"name": "j", "targets": {"inline": ["example.com"]}, **job},
        "providers": providers,
        "harvest": list(harvests),
    }
    return compile_job(job_of(content, Path("j.toml")), DAY)


def faults_of(*harvests: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        job_from(*harvests)
    return [fault.removeprefix("j.toml: ") for fault in caught.value.faults]


def fault_of(*harvests: dict[str, Any]) -> str:
    (fault,) = faults_of(*harvests)
    return fault


def test_a_stage_has_the_harvest_whose_rows_decide_for_its_source() -> None:
    from_field = {**SIZED, "targets_from": FROM_RIVALS}
    job = job_from({**DEEP, "targets_from": FROM_RIVALS, "only_if": "sized.refdomains >= 10"}, from_field, RIVALS)
    assert {name: stage.source for name, stage in job.stages.items()} == {"deep": "sized", "sized": "rivals"}
    assert (job.stages["sized"].field, job.stages["sized"].top) == ("competitor", 10)
    assert job.harvests[0].harvest.targets_from == TargetsFrom(harvest="rivals", field="competitor", top=10)
    assert job.harvests[2].stage is None


def test_a_list_is_not_read_in_the_scopes_of_targets_that_do_not_come_from_it() -> None:
    deep = {**DEEP, "scope": "host", "targets_from": FROM_RIVALS}
    assert job_from(RIVALS, deep).scopes == ("subdomains",)
    survivors = {**DEEP, "scope": "host", "only_if": "sized.refdomains > 9"}
    assert job_from({**SIZED, "scope": "host"}, survivors).scopes == ("subdomains", "host")


def test_a_job_whose_harvests_bring_each_other_their_targets_needs_no_list() -> None:
    overlap = {"provider": "semrush", "report": "overlap", "name": "both", "sets": [["a.com", "b.com"]]}
    deep = {**DEEP, "targets_from": {"harvest": "both", "field": "domain"}}
    content = {"job": {"name": "j"}, "providers": {"semrush": {"key": "env:K"}, "ahrefs": {"key": "env:K"}}}
    job = compile_job(job_of({**content, "harvest": [overlap, deep]}, Path("j.toml")), DAY)
    assert job.stages["deep"].source == "both"
    with pytest.raises(ConfigError, match="targets: missing"):
        job_of({**content, "harvest": [RIVALS, {**DEEP, "targets_from": FROM_RIVALS}]}, Path("j.toml"))


def test_the_source_may_stand_behind_the_harvest_that_needs_it_and_decide_for_many() -> None:
    chain = [{**DEEP, "only_if": "sized.refdomains > 9"}, {**SIZED, "only_if": "rivals.links is null"}, RIVALS]
    assert {stage.source for stage in job_from(*chain).stages.values()} == {"sized", "rivals"}


TABLE_FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no table": ({"targets_from": "rivals"}, 'targets_from = "rivals": expected a table such as'),
    "no field": ({"targets_from": {"harvest": "rivals"}}, "targets_from.field: missing; expected the field of"),
    "an unknown key": (
        {"targets_from": {**FROM_RIVALS, "fields": 1}},
        "targets_from.fields: unknown; expected one of harvest, field, top; did you mean",
    ),
    "no row": ({"targets_from": {**FROM_RIVALS, "top": 0}}, "targets_from.top = 0: expected a whole number from 1"),
    "no condition": (
        {"only_if": "sized.refdomains"},
        "expected one of == != < <= > >= or `is null`, and found the end",
    ),
    "no text": ({"only_if": 5}, 'only_if = 5: expected a condition such as "ahrefs.summary.refdomains >= 10"'),
}


@pytest.mark.parametrize("about", TABLE_FAULTS)
def test_what_is_wrong_with_a_table_itself(about: str) -> None:
    keys, said = TABLE_FAULTS[about]
    fault = fault_of(RIVALS, SIZED, {**DEEP, **keys})
    assert fault.startswith('[[harvest]] no. 3 "deep" ')
    assert said in fault


CONDITION_FAULTS = {
    "siced.refdomains > 5": 'the name of another harvest: rivals, sized; did you mean "sized"?',
    "sized.refdomain > 5": 'did you mean "refdomains"?, at character 1',
    "sized.links > 5 and sized.refdomains > 'x'": "a number to compare refdomains with, at character 21",
    "sized.links == true": "a number to compare links with, at character 1",
    "sized.domain_metric == 5": "a text to compare domain_metric with, at character 1",
    "sized.domain_metric > 'a'": "== or != for domain_metric, which is a text, at character 1",
    "sized.domain_metric == 'ahrefs_dx'": 'cc_harmonic to compare domain_metric with; did you mean "ahrefs_dr"?',
    "sized.first_seen_at > 5": "a date to compare first_seen_at with, at character 1",
    "sized.links > 2026-01-01": "a number to compare links with, at character 1",
    "sized.extra == 5": "`is null` or `is not null`, all that extra can be asked, at character 1",
    "deep.links > 5": "a harvest that does not wait for this one (deep for deep)",
}


@pytest.mark.parametrize("text", CONDITION_FAULTS)
def test_a_condition_that_cannot_be_asked_of_a_record(text: str) -> None:
    fault = fault_of(RIVALS, SIZED, {**DEEP, "only_if": text})
    assert fault.startswith('[[harvest]] no. 3 "deep" only_if = "')
    assert fault.endswith(CONDITION_FAULTS[text]) or CONDITION_FAULTS[text] in fault


def test_an_unknown_field_is_answered_with_all_that_there_are() -> None:
    fault = fault_of(SIZED, {**DEEP, "only_if": "sized.refs > 5"})
    for spec in RECORDS["summary"]:
        assert spec.name in fault


@pytest.mark.parametrize(
    "text", ["sized.domain_score >= 30", "sized.extra is not null", "sized.domain_metric == 'ahrefs_dr'"]
)
def test_a_score_can_be_compared_within_one_harvest_and_anything_with_null(text: str) -> None:
    assert job_from(SIZED, {**DEEP, "only_if": text}).stages["deep"].source == "sized"


def test_a_flag_is_true_or_false_and_not_more() -> None:
    links = {"provider": "serpstat", "report": "backlinks", "name": "links"}
    assert job_from(links, {**DEEP, "only_if": "links.is_lost == false"}).stages
    assert "== or != for is_lost, which is true or false" in fault_of(
        links, {**DEEP, "only_if": "links.is_lost > true"}
    )


SOURCE_FAULTS = {
    "an unknown harvest": (
        {**FROM_RIVALS, "harvest": "rival"},
        'targets_from.harvest = "rival": expected the name of another harvest: rivals, sized; did you mean "rivals"?',
    ),
    "itself": (
        {"harvest": "deep", "field": "domain"},
        'targets_from.harvest = "deep": expected a harvest that does not wait for this one (deep for deep)',
    ),
    "no field of a target": (
        {**FROM_RIVALS, "field": "links"},
        'targets_from.field = "links": expected a field of rivals that can hold a target: competitor',
    ),
    "another spelling": (
        {**FROM_RIVALS, "field": "competitors"},
        'expected a field of rivals that can hold a target: competitor; did you mean "competitor"?',
    ),
    "a record without one": (
        {"harvest": "sized", "field": "domain"},
        'targets_from.field = "domain": expected a field of sized that can hold a target: no summary has one',
    ),
}


@pytest.mark.parametrize("about", SOURCE_FAULTS)
def test_a_source_that_cannot_be_one(about: str) -> None:
    named, said = SOURCE_FAULTS[about]
    assert said in fault_of(RIVALS, SIZED, {**DEEP, "targets_from": named})


def test_harvests_that_wait_for_each_other_are_refused_each_by_its_own_key() -> None:
    first = {**DEEP, "targets_from": {"harvest": "other", "field": "domain"}}
    second = {**DEEP, "name": "other", "targets_from": {"harvest": "deep", "field": "domain"}}
    third = {**DEEP, "name": "third", "targets_from": {"harvest": "deep", "field": "domain"}}
    assert faults_of(first, second, third) == [
        '[[harvest]] no. 1 "deep" targets_from.harvest = "other": expected a harvest that does not wait for this one'
        " (deep for other for deep)",
        '[[harvest]] no. 2 "other" targets_from.harvest = "deep": expected a harvest that does not wait for this one'
        " (other for deep for other)",
    ]


def test_all_stages_that_are_wrong_are_told_at_once() -> None:
    wrong = {"targets_from": {**FROM_RIVALS, "field": "links"}, "only_if": "sized.refs > 5 and sized.links == 'x'"}
    said = faults_of(
        RIVALS, SIZED, {**DEEP, **wrong}, {**DEEP, "name": "d2", "targets_from": {**FROM_RIVALS, "harvest": "x"}}
    )
    assert len(said) == 5
    assert ["no. 3" in fault for fault in said] == [True, True, True, True, False]


def test_what_names_a_harvest_that_is_at_fault_itself_is_not_told_twice() -> None:
    broken = {"provider": "semrush", "report": "competitor", "name": "rivals"}
    (said,) = faults_of(
        broken, {**DEEP, "targets_from": FROM_RIVALS}, {**DEEP, "name": "d2", "only_if": "rivals.links > 5"}
    )
    assert said.startswith('[[harvest]] no. 1 "rivals" report')


def test_a_report_about_sets_has_no_stage_and_decides_nothing() -> None:
    overlap = {"provider": "semrush", "report": "overlap", "name": "both"}
    assert "targets_from = a table: expected none: overlap asks about sets of targets" in fault_of(
        RIVALS, {**overlap, "targets_from": FROM_RIVALS}
    )
    assert 'only_if = "sized.links > 5": expected none: overlap asks about sets of targets' in fault_of(
        SIZED, {**overlap, "only_if": "sized.links > 5"}
    )
    assert "a harvest that asks about single targets, and both asks about sets" in fault_of(
        overlap, {**DEEP, "only_if": "both.links > 5"}
    )


def test_who_decides_must_be_asked_about_the_same_targets_in_the_same_scope() -> None:
    condition = {"only_if": "sized.refdomains > 5"}
    assert (
        "expected a harvest over this one's targets, targets_from ="
        ' { harvest = "rivals", field = "competitor", top = 10 }, and sized has the job\'s list'
        in fault_of(RIVALS, SIZED, {**DEEP, **condition, "targets_from": FROM_RIVALS})
    )
    derived = {**SIZED, "targets_from": FROM_RIVALS}
    assert "this one's targets, the job's list, and sized has targets_from" in fault_of(
        RIVALS, derived, {**DEEP, **condition}
    )
    assert "a harvest of this one's scope, host, and that of sized is subdomains" in fault_of(
        SIZED, {**DEEP, **condition, "scope": "host"}
    )


def test_a_field_that_the_source_does_not_pay_for_is_refused_with_the_one_to_add() -> None:
    cheap = {**SIZED, "fields": ["backlinks"]}
    assert (
        'expected a field that sized pays for; for refdomains add "refdomains" to its `fields`, at character 1'
        in fault_of(cheap, {**DEEP, "only_if": "sized.refdomains > 5"})
    )
    assert job_from(cheap, {**DEEP, "only_if": "sized.links > 5"}).stages
    assert 'for domain_metric add "domain_rating"' in fault_of(
        cheap, {**DEEP, "only_if": "sized.domain_metric is null"}
    )
    assert job_from(cheap, {**DEEP, "only_if": "sized.lost_at is null"}).stages, "nothing that is paid for brings it"
    links = {"provider": "ahrefs", "report": "backlinks", "name": "links", "fields": ["anchor"]}
    assert 'for domain_from_raw add "root_name_source"' in fault_of(
        links, {**DEEP, "targets_from": {"harvest": "links", "field": "domain_from_raw"}}
    )
    for field in ("url_from", "site_from"):
        assert job_from(links, {**DEEP, "targets_from": {"harvest": "links", "field": field}}).stages, field


def test_what_a_stage_asks_for_is_part_of_what_a_job_means() -> None:
    before = job_from(RIVALS, {**DEEP, "targets_from": FROM_RIVALS}).meaning()
    fewer = job_from(RIVALS, {**DEEP, "targets_from": {**FROM_RIVALS, "top": 5}}).meaning()
    assert differences(before, fewer) == ["[[harvest]] deep targets_from top was 10 and is 5"]
    without = job_from(RIVALS, DEEP).meaning()
    assert differences(before, without) == ["[[harvest]] deep targets_from is gone"]
    sized = job_from(SIZED, {**DEEP, "only_if": "sized.links > 5"}).meaning()
    other = job_from(SIZED, {**DEEP, "only_if": "sized.links > 6"}).meaning()
    assert differences(sized, other) == ['[[harvest]] deep only_if was "sized.links > 5" and is "sized.links > 6"']
    older = job_from(DEEP).meaning()
    for key in ("targets_from", "only_if"):
        del older["[[harvest]]"]["deep"][key]
    assert not differences(older, job_from(DEEP).meaning()), "a job that began before there were stages"


def test_every_field_that_can_hold_a_target_is_a_text_of_a_record() -> None:
    specs = {spec.name: spec for fields in RECORDS.values() for spec in fields}
    assert specs.keys() >= TARGET_FIELDS
    assert {specs[name].type for name in TARGET_FIELDS} == {"str"}


# What rows bring.


def stage(**more: Any) -> Stage:
    return Stage(**{"harvest": "deep", "source": "rivals", "scope": "subdomains", "field": "competitor", **more})


def rows(*texts: str | None) -> list[Known]:
    return [Known(place, "me.com", {"competitor": text}) for place, text in enumerate(texts, start=1)]


def test_values_become_targets_of_the_harvests_own_scope_each_once_and_in_order() -> None:
    found = stage().seeds(rows("WWW.Rival.com", "b.com.", "rival.com", None, "https://a.com/x?y"))
    assert list(found.targets.items()) == [
        ("rival.com", "WWW.Rival.com"),
        ("b.com", "b.com."),
        ("a.com", "https://a.com/x?y"),
    ]
    assert (found.harvest, found.scope, found.rejected) == ("deep", "subdomains", {})
    assert list(stage(scope="host").seeds(rows("WWW.Rival.com")).targets) == ["www.rival.com"]
    assert list(stage(scope="url").seeds(rows("https://a.com/x?y")).targets) == ["https://a.com/x?y"]


def test_what_is_no_target_is_named_with_its_reason() -> None:
    found = stage().seeds(rows("10.0.0.1", "ok.com", "two words", "x" * 1000, "\ud800.com"))
    assert list(found.targets) == ["ok.com"]
    assert found.rejected["10.0.0.1"] == "an IP address, not a domain"
    assert found.rejected["two words"] == "a blank or control character inside"
    assert f"{'x' * 199}…" in found.rejected
    assert all(text.encode() for text in found.rejected)


def test_only_the_first_rows_of_each_target_count() -> None:
    assert list(stage(top=2).seeds(rows("a.com", None, "c.com")).targets) == ["a.com"]


def test_a_condition_lets_those_pass_whose_record_it_holds_for() -> None:
    job = job_from(SIZED, {**DEEP, "only_if": "sized.refdomains >= 10"})
    records = [("a.com", 9), ("b.com", 10), ("c.com", None), ("b.com", 99)]
    found = job.stages["deep"].seeds(Known(1, target, {"refdomains": count}) for target, count in records)
    assert (list(found.targets), found.rejected) == (["b.com"], {})


def test_a_harvests_stage_is_described_in_plain_values() -> None:
    job = job_from(RIVALS, {**DEEP, "targets_from": FROM_RIVALS})
    assert job.described(job.harvests[1].harvest)["targets_from"] == FROM_RIVALS
    assert asdict(TargetsFrom(harvest="a", field="b")) == {"harvest": "a", "field": "b", "top": None}
