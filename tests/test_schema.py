"""The generated schemas say what the tables say, and the data model's own example satisfies them."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from harvester.codec import parse
from harvester.records import ENVELOPE, RECORDS, FieldSpec, complete, duckdb_views, json_schema, raw_schema, timestamp

#: Section 12 of data-model.md, with a whole link_id.
EXAMPLE = parse(
    '{"record":"backlink","provider":"ahrefs","report":"lost-backlinks","target":"example.com","scope":"subdomains",'
    '"task":"9f2c41d07ab3e655","page":1,"row":17,"fetched_at":"2026-03-30T09:12:44Z",'
    '"url_from":"https://www.blog.example.co.uk/reading-list?p=2","key_from":"blog.example.co.uk/reading-list?p=2",'
    '"host_from":"www.blog.example.co.uk","domain_from":"example.co.uk","site_from":"example.co.uk",'
    '"domain_from_raw":"example.co.uk","title_from":"Reading list","status_from":200,"lang_from":"en",'
    '"country_from":null,"ip_from":null,"links_external_from":41,"links_internal_from":18,'
    '"url_to":"https://example.com/guide","key_to":"example.com/guide","host_to":"example.com",'
    '"domain_to":"example.com","site_to":"example.com","status_to":null,"url_to_final":null,'
    '"anchor":"the long guide","image_alt":null,"context_before":"see also ","context_after":" (2019)",'
    '"link_type":"text","link_type_raw":"text","is_followed":true,"rel_nofollow":false,"rel_ugc":false,'
    '"rel_sponsored":false,"is_new":false,"is_lost":true,"is_broken":null,"is_indirect":false,"is_sitewide":null,'
    '"links_in_row":null,"first_seen_at":"2019-05-02T00:11:09Z","last_seen_at":"2026-02-11T18:40:00Z",'
    '"last_crawled_at":null,"lost_at":"2026-03-04T07:02:31Z","lost_reason":"link_removed",'
    '"lost_reason_raw":"removedfromhtml","lost_reason_from":"provider","dates_precision":"second",'
    '"domain_from_score":54.0,"domain_from_metric":"ahrefs_dr","page_from_score":12.0,'
    '"page_from_metric":"ahrefs_ur","spam_score":null,"spam_metric":null,'
    '"link_id":"61c3a1f0c0ffee00c0ffee00c0ffee00","extra":{"drop_reason":null,"noindex":false}}'
)

NOW = datetime(2026, 3, 30, 9, 12, 44, tzinfo=UTC)
ENVELOPE_VALUES = {name: EXAMPLE[name] for name in (spec.name for spec in ENVELOPE)}

PYTHON_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "null": type(None),
}


def is_valid(value: object, schema: dict[str, Any]) -> bool:
    """Check a value by the few keywords that our schemas use; another keyword is an error."""
    unknown = schema.keys() - {"description", "type", "format", "enum", "const", "minimum", "maximum"}
    assert not unknown
    kinds = schema.get("type", [])
    if kinds and not any(is_of(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        return False
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        return False
    if isinstance(value, int | float) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        return False
    return value is None or has_format(str(value), schema.get("format"))


def is_of(value: object, kind: str) -> bool:
    return isinstance(value, PYTHON_TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def has_format(value: str, name: str | None) -> bool:
    if name is None:
        return True
    moment = timestamp(value, NOW)
    return moment is not None and value == {"date-time": moment, "date": moment[:10]}[name]


def faults(line: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    """Return the names of the keys that a line has too many, too few, in the wrong order or with a wrong value."""
    assert schema["additionalProperties"] is False
    properties = schema["properties"]
    wrong = [name for name in line if name not in properties or not is_valid(line[name], properties[name])]
    return wrong + [name for name in schema["required"] if name not in line]


def least_row(record: str) -> dict[str, Any]:
    """Return the least that a provider must deliver for a record."""
    samples: dict[str, Any] = {"str": "example.com", "int": 1, "num": 0.5, "date": "2026-03-01"}
    needed = [spec for spec in RECORDS[record] if not (spec.nullable or spec.computed)]
    return {spec.name: spec.values[0] if spec.values else samples[spec.type] for spec in needed}


def test_the_example_of_the_data_model_is_valid_and_in_order() -> None:
    assert faults(EXAMPLE, json_schema("backlink")) == []
    assert list(EXAMPLE) == [spec.name for spec in (*ENVELOPE, *RECORDS["backlink"])]


def test_the_example_is_what_complete_makes_of_its_own_fields() -> None:
    delivered = {spec.name: EXAMPLE[spec.name] for spec in RECORDS["backlink"] if not spec.computed}
    made = ENVELOPE_VALUES | complete("backlink", delivered)
    assert made | {"link_id": EXAMPLE["link_id"]} == EXAMPLE


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("record", "refdomain"), ("scope", "domain"), ("page", 0), ("row", None), ("fetched_at", "2026-03-30")],
        *[("url_from", None), ("status_from", 3), ("status_from", 200.5), ("is_lost", "yes"), ("is_lost", 1)],
        *[("link_type", "href"), ("links_external_from", -1), ("lost_at", "2026-03-04"), ("extra", []), ("anchor", 93)],
        *[("spam_score", 101), ("domain_from_metric", "authority"), ("dates_precision", None), ("surplus", 1)],
    ],
)
def test_a_wrong_value_is_not_valid(field: str, value: object) -> None:
    assert faults(EXAMPLE | {field: value}, json_schema("backlink")) == [field]


@pytest.mark.parametrize("record", RECORDS)
def test_a_completed_record_in_its_envelope_is_valid(record: str) -> None:
    line = ENVELOPE_VALUES | {"record": record} | complete(record, least_row(record))
    schema = json_schema(record)
    assert faults(line, schema) == []
    assert list(line) == schema["required"] == list(schema["properties"])


def test_a_schema_describes_itself_and_is_made_anew_each_time() -> None:
    schema = json_schema("anchor")
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == "anchor"
    assert all(field["description"] for field in schema["properties"].values())
    schema["properties"].clear()
    assert json_schema("anchor")["properties"]


def test_there_is_no_schema_of_an_unknown_record() -> None:
    with pytest.raises(KeyError):
        json_schema("link")


@pytest.mark.parametrize("raw", [{"any": [1]}, [], "text", None, 1.5, False])
def test_a_raw_line_holds_anything(raw: object) -> None:
    line = ENVELOPE_VALUES | {"raw": raw}
    assert faults(line, raw_schema()) == []
    assert faults(ENVELOPE_VALUES, raw_schema()) == ["raw"]
    assert faults(line | {"record": "link"}, raw_schema()) == ["record"]


def duckdb_type(spec: FieldSpec) -> str:
    types = {"str": "VARCHAR", "int": "BIGINT", "num": "DOUBLE", "bool": "BOOLEAN", "ts": "TIMESTAMPTZ"}
    return (types | {"date": "DATE", "object": "JSON"})[spec.type]


def test_the_views_name_every_column_with_its_type() -> None:
    views = re.findall(
        r"VIEW (\w+) AS\nSELECT \* FROM read_json\((.*?)\)\nWHERE record = '(\w+)';", duckdb_views(), re.S
    )
    assert [(name, record) for name, _, record in views] == [(record, record) for record in RECORDS]
    for name, reader, _ in views:
        columns = re.findall(r"^    \"(\w+)\": '(\w+)'", reader, re.M)
        assert columns == [(spec.name, duckdb_type(spec)) for spec in (*ENVELOPE, *RECORDS[name])]
        assert "format = 'newline_delimited'" in reader
