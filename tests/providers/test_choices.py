"""What a harvest may choose of a report, and what it is told when it chooses something else."""

from datetime import date, timedelta
from typing import Any

import pytest

from harvester.errors import HarvestRefused
from harvester.model import Compiling, Harvest
from harvester.providers import choices
from harvester.providers.choices import Option

TODAY = Compiling(today=date(2026, 11, 21))
OPTIONS = {
    "mode": choices.one_of("all", "one"),
    "limit": choices.whole(1, 10),
    "deep": choices.yes_or_no(),
    "filter": choices.any_text("a filter"),
}


def harvest(**keys: Any) -> Harvest:
    return Harvest(name="h", provider="p", report="r", **keys)


def refused(call: Any, *arguments: Any, **more: Any) -> HarvestRefused:
    with pytest.raises(HarvestRefused) as caught:
        call(*arguments, **more)
    return caught.value


def test_options_are_sent_as_they_are_read() -> None:
    written = {"mode": "one", "limit": 10, "deep": False, "filter": "x"}
    assert choices.checked(written, OPTIONS) == written
    assert choices.checked({}, OPTIONS) == {}
    assert choices.checked({"n": 3}, {"n": Option(str, "a number")}) == {"n": "3"}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("mode", "many", "one of all, one"),
        ("mode", 1, "one of all, one"),
        ("limit", 0, "a whole number from 1 to 10"),
        ("limit", True, "a whole number from 1 to 10"),
        ("limit", "5", "a whole number from 1 to 10"),
        ("deep", 1, "true or false"),
        ("filter", "", "a filter"),
        ("mod", "one", "options of this report only: deep, filter, limit, mode; did you mean 'mode'?"),
    ],
)
def test_an_option_that_cannot_be_sent_is_refused_with_what_can(name: str, value: object, expected: str) -> None:
    fault = refused(choices.checked, {name: value}, OPTIONS)
    assert (fault.key, fault.found, fault.expected) == (f"options.{name}", value, expected)


def test_a_parameter_with_a_key_of_its_own_is_sent_to_that_key() -> None:
    fault = refused(choices.checked, {"size": 5}, OPTIONS, {"size": "page_size"})
    assert fault.expected == "no such option, it is set by page_size"
    assert refused(choices.checked, {"size": 5}, {}).expected == "no options for this report"


def test_a_key_that_a_report_does_not_have_is_refused() -> None:
    choices.refuse(harvest(), {"fields": "none"})
    fault = refused(choices.refuse, harvest(fields=("a",)), {"order_by": "none", "fields": "none, all come"})
    assert (fault.key, fault.expected) == ("fields", "none, all come")


def test_days_are_those_of_the_job_and_in_order() -> None:
    days = choices.window(harvest(since=timedelta(days=30), until=date(2026, 11, 1)), TODAY)
    assert days == (date(2026, 10, 22), date(2026, 11, 1))
    assert choices.window(harvest(), TODAY) == (None, None)
    reversed_days = harvest(since=date(2026, 11, 2), until=timedelta(days=30))
    assert refused(choices.window, reversed_days, TODAY).key == "until"
    future = refused(choices.window, harvest(since=date(2026, 11, 22)), TODAY)
    assert (future.key, future.expected) == ("since", "a day not after 2026-11-21")


def test_a_page_is_the_usual_one_unless_another_is_wanted() -> None:
    assert choices.page_rows(harvest(), 100, 1000) == 100
    assert choices.page_rows(harvest(page_size=7), 100, 1000) == 7
    assert refused(choices.page_rows, harvest(page_size=1001), 100, 1000).expected == "at most 1,000"


def test_fields_are_those_asked_for_and_those_without_which_a_row_is_nothing() -> None:
    known = ("domain", "links", "score")
    assert choices.selected(harvest(), known, ("domain", "links"), ("domain",)) == ("domain", "links")
    assert choices.selected(harvest(fields=("score",)), known, (), ("domain",)) == ("domain", "score")
    fault = refused(choices.selected, harvest(fields=("scores",)), known, (), ())
    assert "did you mean 'score'?" in fault.expected


@pytest.mark.parametrize(
    ("order_by", "found"),
    [(None, ("links", "desc")), ("score:asc", ("score", "asc")), ("links:desc", ("links", "desc"))],
)
def test_an_order_is_one_field_in_one_direction(order_by: str | None, found: tuple[str, str]) -> None:
    assert choices.order(harvest(order_by=order_by), ("links", "score"), "links:desc") == found


@pytest.mark.parametrize("order_by", ["links", "links:down", "scor:asc", ":asc"])
def test_an_order_that_the_report_does_not_have_is_refused(order_by: str) -> None:
    assert refused(choices.order, harvest(order_by=order_by), ("links", "score"), "links:desc").key == "order_by"
