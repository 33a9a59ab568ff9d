import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sandbox_kit import Counter

from harvester import codec
from harvester.sandbox.ahrefs.fields import (
    ANCHORS,
    BACKLINKS,
    BATCH,
    BROKEN,
    OBJECT_UNITS,
    PAGES,
    REFDOMAINS,
    Columns,
    Field,
)
from harvester.sandbox.ahrefs.groups import ANCHOR_ALIASES, PAGE_ALIASES, REFDOMAIN_ALIASES
from harvester.sandbox.ahrefs.links import LINK_VALUES
from harvester.sandbox.ahrefs.reports import GROUPINGS

SPECS = Path(__file__).parents[2].parent / "shared" / "providers" / "specs"
needs_specs = pytest.mark.skipif(not SPECS.exists(), reason="the published documents are not beside this repository")
REPORTS = {
    "all-backlinks": BACKLINKS,
    "broken-backlinks": BROKEN,
    "refdomains": REFDOMAINS,
    "anchors": ANCHORS,
    "pages-by-backlinks": PAGES,
}
#: Type words of the `where` parameter's text, and of answer schemas.
WORDS = {
    "string": "string",
    "integer": "integer",
    "float": "number",
    "number": "number",
    "boolean": "boolean",
    "datetime": "time",
    "date-time": "time",
    "date": "date",
    "array(string)": "strings",
    "array(url)": "strings",
    "array(integer)": "integers",
}
FILTER = re.compile(r"\*\*(\w+)\*\*(?: \((\d+) units\))?:.*?\ntype: ([^\n]*)", re.DOTALL)


def resolve(document: Any, node: Any) -> Any:
    while "$ref" in node:
        found = document
        for name in node["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        node = found
    return node


def operation(report: str) -> tuple[dict[str, str], str, dict[str, Any]]:
    """Return descriptions of the parameters, the top-level key and the columns of one report."""
    document = codec.parse((SPECS / "ahrefs-site-explorer.json").read_bytes())
    get = document["paths"][f"/{report}"]["get"]
    parameters = (resolve(document, parameter) for parameter in get["parameters"])
    schema = resolve(document, get["responses"]["200"]["content"]["application/json"]["schema"])
    ((key, body),) = schema["properties"].items()
    body = resolve(document, body)
    item = resolve(document, body["items"]) if "items" in body else body
    return {parameter["name"]: parameter["description"] for parameter in parameters}, key, item["properties"]


def published(schema: Mapping[str, Any]) -> Field:
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    kind = next(kind for kind in kinds if kind != "null")
    if kind == "array":
        word = "pairs" if "prefixItems" in schema["items"] else WORDS[f"array({schema['items']['type']})"]
    else:
        is_plain = kind != "string" or schema.get("format") in (None, "url")
        word = WORDS[kind if is_plain else schema["format"]]
    price = re.match(r"\((\d+) units\)", schema.get("description", ""))
    return Field(word, "null" in kinds, int(price[1]) if price else 1)


@needs_specs
@pytest.mark.parametrize("report", REPORTS)
def test_columns_types_and_prices_are_the_published_ones(report: str) -> None:
    columns = REPORTS[report]
    texts, _, schemas = operation(report)
    assert dict(columns.select) == {name: published(schema) for name, schema in schemas.items()}
    filters = {
        name: Field(WORDS[kind.replace("nullable", "").strip()], "nullable" in kind, int(units or 1))
        for name, units, kind in FILTER.findall(texts["where"])
    }
    assert dict(columns.filters) == filters
    assert columns.has_history == ("history" in texts)
    assert columns.has_aggregation == ("aggregation" in texts)
    assert columns.unsortable == {name for name in columns.select if f"`{name}`" in texts["order_by"]}


@needs_specs
@pytest.mark.parametrize("report", OBJECT_UNITS)
def test_reports_without_select_cost_the_sum_of_their_published_fields(report: str) -> None:
    _, _, schemas = operation(report)
    assert OBJECT_UNITS[report] == sum(published(schema).units for schema in schemas.values())


@needs_specs
def test_batch_columns_are_the_published_ones() -> None:
    document = codec.parse((SPECS / "ahrefs-batch-analysis.json").read_bytes())
    schema = document["components"]["schemas"]["batch-analysis"]["properties"]["targets"]["items"]
    schema = resolve(document, schema)
    assert dict(BATCH.select) == {name: published(field) for name, field in schema["properties"].items()}


@pytest.mark.parametrize(
    ("columns", "units", "fields"),
    [
        (BACKLINKS, 116, 82),
        (BROKEN, 107, 73),
        (REFDOMAINS, 28, 15),
        (ANCHORS, 15, 11),
        (PAGES, 25, 21),
        (BATCH, 92, 35),
    ],
)
def test_all_columns_together_cost_what_the_reference_says(columns: Columns, units: int, fields: int) -> None:
    assert (columns.price(columns.select), len(columns.select)) == (units, fields)


def test_every_name_has_a_value() -> None:
    for columns in (BACKLINKS, BROKEN):
        assert set(columns.filters) - {"link_group_count"} <= LINK_VALUES.keys()
    aliases = {"refdomains": REFDOMAIN_ALIASES, "anchors": ANCHOR_ALIASES, "pages-by-backlinks": PAGE_ALIASES}
    for report, grouping in GROUPINGS.items():
        columns = REPORTS[report]
        assert grouping.values.keys() == columns.select.keys()
        others = columns.filters.keys() - columns.select.keys()
        assert {aliases[report].get(name, name) for name in others} <= LINK_VALUES.keys()


TYPES: dict[str, Any] = {
    "string": str,
    "time": str,
    "date": str,
    "integer": int,
    "number": int | float,
    "boolean": bool,
}


def is_right(value: Any, field: Field) -> bool:
    if value is None:
        return field.is_nullable
    if field.type in ("strings", "integers"):
        return isinstance(value, list) and all(isinstance(item, TYPES[field.type[:-1]]) for item in value)
    if field.type == "time" and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value):
        return False
    return isinstance(value, TYPES[field.type]) and (field.type == "boolean" or not isinstance(value, bool))


def all_rows(report: str) -> Iterator[dict[str, Any]]:
    counter, names = Counter(units=10**9), sorted(REPORTS[report].select)
    for number in range(12):
        yield from counter.rows(report, target=f"site{number}.example", select=",".join(names), limit=60)


@pytest.mark.parametrize("report", REPORTS)
def test_every_value_has_the_type_of_its_column(report: str) -> None:
    rows = list(all_rows(report))
    assert len(rows) > 50 or report == "broken-backlinks"
    for row in rows:
        wrong = {name: value for name, value in row.items() if not is_right(value, REPORTS[report].select[name])}
        assert not wrong


@needs_specs
def test_every_enumerated_value_is_a_published_one() -> None:
    _, _, schemas = operation("all-backlinks")
    enums = {name: {*schema["enum"], None} for name, schema in schemas.items() if "enum" in schema}
    seen: dict[str, set[Any]] = {name: set() for name in enums}
    for row in all_rows("all-backlinks"):
        for name, words in seen.items():
            words.add(row[name])
    assert all(seen[name] <= enums[name] for name in enums)
    assert seen["lost_reason"] == enums["lost_reason"]
