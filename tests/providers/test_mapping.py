"""Values of a provider as values of a record, read the same way for all."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.errors import UnreadableRow
from harvester.providers import mapping
from harvester.providers.mapping import Reader, Shape, Take

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MOST = 2**63 - 1


@pytest.mark.parametrize(
    ("read", "value", "found"),
    [
        (mapping.address, "a.com", "a.com"),
        (mapping.address, "", None),
        (mapping.address, 5, None),
        (mapping.words, "a &amp; b", "a & b"),
        (mapping.words, 93, "93"),
        (mapping.words, True, None),
        (mapping.flag, False, False),
        (mapping.flag, 0, None),
        (mapping.count, MOST, MOST),
        (mapping.count, MOST + 1, None),
        (mapping.count, -1, None),
        (mapping.count, "5", None),
        (mapping.count, True, None),
        (mapping.number, "15248332274", 15_248_332_274),
        (mapping.number, 7, 7),
        (mapping.number, "٣", None),
        (mapping.number, "9" * 30, None),
        (mapping.number, "-1", None),
        (mapping.rank, 0, None),
        (mapping.rank, 1, 1),
        (mapping.status, 404, 404),
        (mapping.status, 3, None),
        (mapping.score, 0, 0.0),
        (mapping.score, -1, None),
        (mapping.score, "5", None),
        (mapping.measure, "41.5", 41.5),
        (mapping.measure, 41, 41.0),
        (mapping.measure, "1e5", None),
        (mapping.measure, "", None),
        (mapping.first, ["en", "la"], "en"),
        (mapping.first, [], None),
        (mapping.last, ["a", "b"], "b"),
        (mapping.last, [1], None),
        (mapping.country, "us", "US"),
        (mapping.country, "USA", None),
        (mapping.country, "ü1", None),
    ],
)
def test_a_value_is_read_or_it_is_null(read: Reader, value: object, found: object) -> None:
    assert read(value, NOON) == found
    assert type(read(value, NOON)) is type(found)


READERS = [
    *(mapping.address, mapping.words, mapping.flag, mapping.count, mapping.number, mapping.rank, mapping.status),
    *(mapping.score, mapping.measure, mapping.first, mapping.last, mapping.country),
]


@given(value=st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.lists(st.text() | st.integers())))
def test_no_value_stops_a_reader(value: Any) -> None:
    for read in READERS:
        read(value, NOON)


SHAPE = Shape(
    record="refdomain",
    takes={
        "name": Take("domain", mapping.address),
        "n": Take("links", mapping.count),
        "score": Take("domain_score", mapping.score),
        "when": Take("first_seen_at", lambda value, _: value),
    },
    metrics={"domain_score": ("domain_metric", "semrush_as")},
    unsaid=frozenset({"noise"}),
    finish=mapping.dates_of("when"),
)


def test_what_no_field_takes_and_what_cannot_be_read_is_kept_under_the_providers_names() -> None:
    record = SHAPE.record_of({"name": "a.com", "n": "many", "else": {"x": 1}, "noise": 5, "score": None}, NOON, {})
    assert record["domain"] == "a.com"
    assert record["links"] is None
    assert record["extra"] == {"n": "many", "else": {"x": 1}}
    assert (record["domain_score"], record["domain_metric"]) == (None, None)


def test_a_score_brings_its_metric_and_a_day_its_precision() -> None:
    record = SHAPE.record_of({"name": "a.com", "score": 41, "when": "2026-03-01"}, NOON, {"country": "DE"})
    assert (record["domain_score"], record["domain_metric"], record["country"]) == (41.0, "semrush_as", "DE")
    assert record["dates_precision"] == "day"
    assert SHAPE.record_of({"name": "a.com"}, NOON, {})["dates_precision"] == "second"


@pytest.mark.parametrize("data", ["a;b;c", ["a"], None, 7, {"n": 1}])
def test_what_is_no_row_is_unreadable(data: object) -> None:
    with pytest.raises(UnreadableRow):
        SHAPE.record_of(data, NOON, {})
