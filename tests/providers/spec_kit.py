"""Requests held against the providers' own machine-readable descriptions (../shared/providers/specs)."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

SPECS = Path(__file__).parents[3] / "shared" / "providers" / "specs"

needs_specs = pytest.mark.skipif(
    not SPECS.is_dir(), reason="the providers' descriptions (../shared/providers/specs) are not here"
)


@cache
def document(name: str) -> Mapping[str, Any]:
    """Return one OpenAPI document."""
    text = (SPECS / name).read_text(encoding="utf-8")
    found: Mapping[str, Any] = json.loads(text) if name.endswith(".json") else yaml.safe_load(text)
    return found


def request_schema(name: str, path: str) -> Mapping[str, Any]:
    """Return the schema of what is POSTed to a path of a document."""
    found: Mapping[str, Any] = document(name)["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    return found["schema"]  # type: ignore[no-any-return]  # a document is not typed


def faults_of(name: str, path: str, body: object) -> list[str]:
    """Return what is wrong with a body, by the document: types, values, and properties that it does not know."""
    schema = resolved(document(name), request_schema(name, path))
    validator = Draft7Validator(schema)
    faults = [f"{'.'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(body)]
    return faults + list(_unknown(schema, body, ""))


def resolved(root: Mapping[str, Any], node: Any) -> Any:
    """Return a part of a document with its references written out; `nullable` becomes the type null."""
    if isinstance(node, list):
        return [resolved(root, item) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target: Any = root
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return resolved(root, target)
    found = {key: resolved(root, value) for key, value in node.items() if key not in ("example", "examples")}
    if found.pop("nullable", False) and isinstance(found.get("type"), str):
        found["type"] = [found["type"], "null"]
    return found


def _unknown(schema: Any, body: Any, place: str) -> Iterator[str]:
    """Yield the properties that a body has and its description does not."""
    for part in (*schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from _unknown(part, body, place)
    if isinstance(body, list) and isinstance(schema.get("items"), dict):
        for item in body:
            yield from _unknown(schema["items"], item, place)
    known = schema.get("properties")
    if isinstance(body, dict) and known:
        for key, value in body.items():
            if key not in known:
                yield f"{place}{key}: not described"
            else:
                yield from _unknown(known[key], value, f"{place}{key}.")


def query_faults(name: str, path: str, query: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the query of a GET, by the document."""
    root = document(name)
    known = {each["name"]: each for each in (resolved(root, item) for item in root["paths"][path]["get"]["parameters"])}
    faults = [f"{key}: not described" for key in query if key not in known]
    faults += [f"{key}: missing" for key, each in known.items() if each.get("required") and key not in query]
    for key in query.keys() & known.keys():
        schema = known[key].get("schema", {})
        value = int(query[key]) if schema.get("type") == "integer" else query[key]
        faults += [f"{key}: {error.message}" for error in Draft7Validator(schema).iter_errors(value)]
    return faults
