"""The tables of fields and prices are what the official documents say."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harvester.providers.ahrefs import fields
from harvester.providers.ahrefs.fields import Endpoint, Field, Kind

SPECS = Path(__file__).parents[2].parent / "shared" / "providers" / "specs"

pytestmark = pytest.mark.skipif(not SPECS.is_dir(), reason="the official documents are not beside the repository")

ENDPOINTS = [
    fields.ALL_BACKLINKS,
    fields.BROKEN_BACKLINKS,
    fields.REFDOMAINS,
    fields.ANCHORS,
    fields.PAGES,
    fields.BACKLINKS_STATS,
    fields.REFDOMAINS_HISTORY,
    fields.RATING_HISTORY,
]
WITH_WHERE = ENDPOINTS[:5]

KINDS = {
    "string date-time": Kind.TIME,
    "string date": Kind.DATE,
    "number float": Kind.NUMBER,
    "string": Kind.TEXT,
    "integer": Kind.INTEGER,
    "boolean": Kind.FLAG,
    "array": Kind.LIST,
    "float": Kind.NUMBER,
    "datetime": Kind.TIME,
    "date": Kind.DATE,
}


def document(section: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((SPECS / f"ahrefs-{section}.json").read_text())
    return loaded


def operation(endpoint: Endpoint) -> dict[str, Any]:
    _, section, name = endpoint.path.split("/")
    loaded: dict[str, Any] = document(section)["paths"][f"/{name}"]["get"]
    return loaded


def row_schema(section: str, answer: Mapping[str, Any], rows_key: str) -> dict[str, Any]:
    schemas = document(section)["components"]["schemas"]

    def resolved(schema: dict[str, Any]) -> dict[str, Any]:
        return schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema

    whole = resolved(answer["content"]["application/json"]["schema"])
    assert list(whole["properties"]) == [rows_key]
    inner = resolved(whole["properties"][rows_key])
    row: dict[str, Any] = resolved(inner["items"]) if inner["type"] == "array" else inner
    return row


def field_of(schema: Mapping[str, Any]) -> Field:
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    name = next(kind for kind in types if kind != "null")
    priced = re.match(r"\((\d+) units\) ", schema.get("description", ""))
    kind = KINDS.get(f"{name} {schema.get('format')}") or KINDS[name]
    return Field(kind, int(priced[1]) if priced else 1, "null" in types)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.path)
def test_selectable_fields_are_those_of_the_official_document(endpoint: Endpoint) -> None:
    row = row_schema("site-explorer", operation(endpoint)["responses"]["200"], endpoint.rows_key)
    assert dict(endpoint.fields) == {name: field_of(schema) for name, schema in row["properties"].items()}


def test_batch_fields_and_their_prices_are_those_of_the_official_document() -> None:
    call = document("batch-analysis")["paths"]["/batch-analysis"]["post"]
    row = row_schema("batch-analysis", call["responses"]["200"], "targets")
    select = call["requestBody"]["content"]["application/json"]["schema"]["properties"]["select"]["description"]
    prices = {name: int(units or 1) for name, units in re.findall(r"`(\w+)`(?: \((\d+) units\))?", select)}
    assert {name: field.units for name, field in fields.BATCH.fields.items()} == prices
    assert dict(fields.BATCH.fields) == {name: field_of(schema) for name, schema in row["properties"].items()}


@pytest.mark.parametrize("endpoint", WITH_WHERE, ids=lambda endpoint: endpoint.path)
def test_filter_fields_are_those_of_the_official_document(endpoint: Endpoint) -> None:
    where = next(each for each in operation(endpoint)["parameters"] if each.get("name") == "where")["description"]
    stated = re.findall(r"\*\*(\w+)\*\*(?: \((\d+) units\))?:.*?\ntype: (\w+)(?:\([a-z]+\))?( nullable)?", where, re.S)
    known = {name: Field(KINDS[kind], int(units or 1), bool(null)) for name, units, kind, null in stated}
    ours = {**endpoint.fields, **endpoint.where_only}
    assert ours == known
    assert not endpoint.fields.keys() & endpoint.where_only.keys()


@pytest.mark.parametrize("endpoint", WITH_WHERE, ids=lambda endpoint: endpoint.path)
def test_unsortable_fields_are_those_of_the_official_document(endpoint: Endpoint) -> None:
    order_by = next(each for each in operation(endpoint)["parameters"] if each.get("name") == "order_by")
    _, _, exceptions = order_by["description"].partition("except for")
    assert endpoint.unsortable == set(re.findall(r"`(\w+)`", exceptions.partition("not supported")[0]))


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.path)
def test_optional_parameters_are_those_of_the_official_document(endpoint: Endpoint) -> None:
    names = {each.get("name") for each in operation(endpoint)["parameters"]}
    assert endpoint.has_history == ("history" in names)
    assert endpoint.has_aggregation == ("aggregation" in names)
