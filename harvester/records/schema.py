"""The tables of `shapes` in other people's languages: JSON Schema and SQL. Generated, so that they cannot differ."""

from collections.abc import Mapping, Sequence
from typing import Any

from harvester.records.shapes import ENVELOPE, RECORDS, FieldSpec, FieldType

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_JSON_TYPES: Mapping[FieldType, Mapping[str, str]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "num": {"type": "number"},
    "bool": {"type": "boolean"},
    "ts": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
    "object": {"type": "object"},
}

# Explicit types: with sampling, DuckDB types a column whose first rows are null as NULL and drops what comes later.
_DUCKDB_TYPES: Mapping[FieldType, str] = {
    "str": "VARCHAR",
    "int": "BIGINT",
    "num": "DOUBLE",
    "bool": "BOOLEAN",
    "ts": "TIMESTAMPTZ",
    "date": "DATE",
    "object": "JSON",
}


def json_schema(record: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of one line of that record, envelope included. Raises KeyError."""
    fields = {spec.name: _property(spec) for spec in (*ENVELOPE, *RECORDS[record])}
    fields["record"]["const"] = record
    return _object_schema(record, fields)


def raw_schema() -> dict[str, Any]:
    """Return the JSON Schema of one line written with `rows = "raw"`."""
    fields = {spec.name: _property(spec) for spec in ENVELOPE}
    fields["record"]["enum"] = list(RECORDS)
    fields["raw"] = {"description": "the provider's own object, as it came"}
    return _object_schema("raw", fields)


def _object_schema(title: str, fields: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "$schema": _DIALECT,
        "title": title,
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


def _property(spec: FieldSpec) -> dict[str, Any]:
    schema: dict[str, Any] = {"description": spec.about, **_JSON_TYPES[spec.type]}
    if spec.nullable:
        schema["type"] = [schema["type"], "null"]
    if spec.values:
        schema["enum"] = [*spec.values, None] if spec.nullable else list(spec.values)
    least, most = spec.bounds
    if least is not None:
        schema["minimum"] = least
    if most is not None:
        schema["maximum"] = most
    return schema


def duckdb_columns(record: str) -> dict[str, str]:
    """Return the columns of that record with their DuckDB types, in order, envelope included. Raises KeyError."""
    return {spec.name: _DUCKDB_TYPES[spec.type] for spec in (*ENVELOPE, *RECORDS[record])}


def duckdb_reader(files: Sequence[str], columns: Mapping[str, str]) -> str:
    """Return the SQL call that reads JSON Lines files of these columns."""
    names = _quoted(files[0]) if len(files) == 1 else f"[{', '.join(map(_quoted, files))}]"
    typed = ",\n".join(f"    \"{name}\": '{kind}'" for name, kind in columns.items())
    return f"read_json({names}, format = 'newline_delimited', columns = {{\n{typed}\n}})"


def duckdb_views() -> str:
    """Return SQL that makes one DuckDB view for each record, over the current directory, compressed files included."""
    head = "-- One view for each record, with explicit column types. Run it inside a job directory.\n"
    return head + "".join(_duckdb_view(record) for record in RECORDS)


def _duckdb_view(record: str) -> str:
    reader = duckdb_reader(["*.jsonl*"], duckdb_columns(record))
    return f"\nCREATE OR REPLACE VIEW {record} AS\nSELECT * FROM {reader}\nWHERE record = '{record}';\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
