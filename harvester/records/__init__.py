"""The provider-neutral records: tables of their fields, the values in them, whole records, and their schemas."""

from harvester.records.completion import complete
from harvester.records.schema import duckdb_columns, duckdb_reader, duckdb_views, json_schema, raw_schema
from harvester.records.shapes import ENVELOPE, LINK_TYPES, LOST_REASONS, METRICS, RECORDS, FieldSpec, FieldType
from harvester.records.values import anchor_key, day, link_id, set_id, text, timestamp

__all__ = [
    "ENVELOPE",
    "LINK_TYPES",
    "LOST_REASONS",
    "METRICS",
    "RECORDS",
    "FieldSpec",
    "FieldType",
    "anchor_key",
    "complete",
    "day",
    "duckdb_columns",
    "duckdb_reader",
    "duckdb_views",
    "json_schema",
    "link_id",
    "raw_schema",
    "set_id",
    "text",
    "timestamp",
]
