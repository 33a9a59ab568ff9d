"""Answers against the response schemas of the official OpenAPI file: every field, no other field, the right types."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from dataforseo_sandbox_kit import Buyer
from sandbox_kit import GENERATED

from harvester import codec
from harvester.sandbox.dataforseo.reports import REPORTS

SPEC = Path(__file__).parents[2].parent / "shared" / "providers" / "specs" / "dataforseo-backlinks.yaml"
pytestmark = pytest.mark.skipif(not SPEC.is_file(), reason="the provider's specification is not beside the repository")

_TEXT = re.compile(r"""description: (?:'(?:[^']|'')*'|"(?:[^"\\]|\\.)*")""", re.DOTALL)
_LINE = re.compile(r"( *)(- )?([\w$]+):(?: (.+))?")
_JSON = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
BUSY = max((f"site{number}.example" for number in range(60)), key=GENERATED.link_count)
RIVALS = {"1": BUSY, "2": "site5.example"}


@cache
def schemas() -> dict[str, Any]:
    """Return the schemas; the file is plain enough to be read by its indentation, without a YAML reader."""
    text = _TEXT.sub("description: x", SPEC.read_text(encoding="utf-8"))
    root: dict[str, Any] = {}
    nodes: list[tuple[float, dict[str, Any]]] = [(-1, root)]
    for line in text.partition("\ncomponents:\n  schemas:\n")[2].splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        depth = len(match[1])
        if match[2]:  # an item, written as deep as the key of its list
            while nodes[-1][0] > depth:
                nodes.pop()
            entry: dict[str, Any] = {}
            nodes[-1][1].setdefault("of", []).append(entry)
            nodes.append((depth + 0.5, entry))
            depth += 2
        while nodes[-1][0] >= depth:
            nodes.pop()
        child: dict[str, Any] = {}
        nodes[-1][1][match[3]] = (match[4] or "").strip("'") or child
        nodes.append((depth, child))
    return root


def merged(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with what it refers to taken in."""
    found = {"properties": dict(schema.get("properties") or {}), "type": schema.get("type")}
    if isinstance(schema.get("additionalProperties"), dict):
        found["additionalProperties"] = schema["additionalProperties"]
    for part in [part for word in ("oneOf", "allOf") for part in schema.get(word, {}).get("of", ())]:
        other = merged(schemas()[part["$ref"].rpartition("/")[2]] if "$ref" in part else part)
        found["properties"] |= other["properties"]
        found["type"] = found["type"] or other["type"]
    return found


def faults(value: Any, schema: dict[str, Any], at: str) -> list[str]:
    """Return where a value does not conform; null conforms everywhere."""
    if value is None:
        return []
    schema = merged(schema) | {name: schema[name] for name in ("items",) if name in schema}
    if isinstance(value, bool) != (schema["type"] == "boolean") or not isinstance(
        value, _JSON[schema["type"] or "object"]
    ):
        return [f"{at}: {value!r} is no {schema['type']}"]
    if isinstance(value, list):
        return [fault for part in value[:200] for fault in faults(part, schema["items"], f"{at}[]")]
    if not isinstance(value, dict) or not (schema["properties"] or "additionalProperties" in schema):
        return []
    found = [
        f"{at}: {name} is not in the file"
        for name in value
        if schema["properties"] and name not in schema["properties"]
    ]
    for name, part in value.items():
        inner = schema["properties"].get(name) or schema.get("additionalProperties") or {}
        if inner.get("type", "object") != "object" or {"oneOf", "additionalProperties"} & set(inner):
            found += faults(part, inner, f"{at}.{name}")
    return found


def schema_of(path: str) -> dict[str, Any]:
    words = "".join(word.title() for word in re.split("[_/]", path))
    found = schemas()[f"{words}ResponseInfo"]
    assert isinstance(found, dict)
    return found


def answer(name: str) -> dict[str, Any]:
    """Return a full answer of a report."""
    if name.startswith("bulk"):
        params: dict[str, object] = {"targets": [BUSY, "site5.example", f"https://{BUSY}/"]}
    elif "intersection" in name:
        params = {"targets": RIVALS, "intersection_mode": "partial"}
    else:
        params = {"target": BUSY}
    found = codec.parse(Buyer().send(f"/v3/backlinks/{name}/live", codec.dump([params])).body)
    assert isinstance(found, dict)
    assert found["tasks"][0]["status_code"] == 20000
    return found


@pytest.mark.parametrize("name", REPORTS)
def test_an_answer_conforms_to_the_schema_of_its_report(name: str) -> None:
    assert faults(answer(name), schema_of(f"backlinks/{name}/live"), name) == []


@pytest.mark.parametrize("name", REPORTS)
def test_items_have_every_field_of_the_schema(name: str) -> None:
    (result,) = answer(name)["tasks"][0]["result"]
    words = "".join(word.title() for word in name.split("_"))
    item_schema = schemas().get(f"Backlinks{words}LiveItem")
    if item_schema is not None:
        assert set(result["items"][0]) == set(merged(item_schema)["properties"])
    assert set(result) == set(merged(schemas()[f"Backlinks{words}LiveResultInfo"])["properties"])


def test_nested_objects_have_every_field_too() -> None:
    (page, *_) = answer("domain_pages")["tasks"][0]["result"][0]["items"]
    assert set(page["meta"]) == set(merged(schemas()["BacklinksPageMeta"])["properties"])
    summary = merged(schemas()["BacklinksDomainPagesLiveItem"]["properties"]["page_summary"])
    assert set(page["page_summary"]) == set(summary["properties"])
    (shared, *_) = answer("domain_intersection")["tasks"][0]["result"][0]["items"]
    part = next(iter(shared["domain_intersection"].values()))
    assert set(part) == set(merged(schemas()["BacklinksDomainIntersection"])["properties"])
    (shared, *_) = answer("page_intersection")["tasks"][0]["result"][0]["items"]
    (row, *_) = next(iter(shared["page_intersection"].values()))
    assert set(row) == set(merged(schemas()["BacklinksPageIntersection"])["properties"])


@pytest.mark.parametrize(
    "path",
    ["appendix/user_data", "appendix/status", "appendix/errors", "backlinks/index", "backlinks/available_filters"],
)
def test_free_answers_conform_as_well(path: str) -> None:
    found = codec.parse(Buyer().send(f"/v3/{path}", method="GET").body)
    wrong = faults(found, schema_of(path), path)
    # A capture of user_data has these free endpoints in its trees; the file has not (reference, sections 3 and 4).
    captured = ("available_filters is not", "id_list is not", "appendix: status is not")
    assert [fault for fault in wrong if not any(name in fault for name in captured)] == []


@pytest.mark.parametrize("name", ["id_list", "errors"])
def test_lists_of_tasks_conform_as_well(name: str) -> None:
    buyer = Buyer()
    buyer.task("summary")
    buyer.task("summary", target="no domain")
    span = {"datetime_from": "2026-11-01 00:00:00 +00:00", "datetime_to": "2026-11-30 00:00:00 +00:00"}
    body = codec.dump([{**span, "include_metadata": True} if name == "id_list" else {}])
    found = codec.parse(buyer.send(f"/v3/backlinks/{name}", body).body)
    assert found["tasks"][0]["result"]
    assert faults(found, schema_of(f"backlinks/{name}"), name) == []


def test_the_check_finds_what_is_wrong() -> None:
    found = answer("anchors")
    (item, *_) = found["tasks"][0]["result"][0]["items"]
    item |= {"backlinks": "4", "colour": 1, "referring_links_tld": {"com": "x"}}
    assert len(faults(found, schema_of("backlinks/anchors/live"), "anchors")) == 3
