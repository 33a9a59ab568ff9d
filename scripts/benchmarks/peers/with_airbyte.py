"""Airbyte CDK: a declarative (low-code) source, read by `source-declarative-manifest`; its messages go to the output.

Follows https://docs.airbyte.com/platform/connector-development/config-based/low-code-cdk-overview and, below it in
understanding-the-yaml-file, partition-router (`ListPartitionRouter`: the targets), pagination (`CursorPagination` with
a `stop_condition`), record-selector (`DpathExtractor`), rate-limit-api-budget (`MovingWindowCallRatePolicy`).

The CDK is the half of a sync that reads: it prints messages, and a destination writes them. The leanest destination
that there can be is used here: the output is a file. Resumed with the state that was printed last (`--state`,
https://docs.airbyte.com/understanding-airbyte/resumability), adding to that file. Where none was printed there is
nothing to go on from, and a full refresh overwrites what is there
(https://docs.airbyte.com/using-airbyte/core-concepts/sync-modes/full-refresh-overwrite).
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from airbyte_cdk.cli.source_declarative_manifest import run

from benchmarks.peers.arguments import PAGE_ROWS, PAGES, Arguments, parsed

_STREAM = "links"
_ROW = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "additionalProperties": True,
    "properties": {
        **{name: {"type": "string"} for name in ("url_from", "url_to", "nofollow", "link_type", "link_text")},
        **{name: {"type": "string"} for name in ("first_seen", "last_visited")},
        **{name: {"type": "integer"} for name in ("links_ext", "domain_rank")},
    },
}


def manifest(given: Arguments) -> dict[str, Any]:
    """Describe the source."""
    option = {"type": "RequestOption", "inject_into": "request_parameter"}
    page = "response['result']['summary_info']['page']"
    stream = {
        "type": "DeclarativeStream",
        "name": _STREAM,
        "primary_key": [],
        "schema_loader": {"type": "InlineSchemaLoader", "schema": _ROW},
        "retriever": {
            "type": "SimpleRetriever",
            "requester": {
                "type": "HttpRequester",
                "url_base": given.url,
                "path": "/links",
                "http_method": "GET",
                "request_parameters": {"target": "{{ stream_partition.target }}"},
            },
            "record_selector": {
                "type": "RecordSelector",
                "extractor": {"type": "DpathExtractor", "field_path": ["result", "data"]},
            },
            "paginator": {
                "type": "DefaultPaginator",
                "page_token_option": {**option, "field_name": "page"},
                "pagination_strategy": {
                    "type": "CursorPagination",
                    "page_size": PAGE_ROWS,
                    "cursor_value": f"{{{{ {page} + 1 }}}}",
                    "stop_condition": f"{{{{ not response['result']['data'] or {page} >= {PAGES} }}}}",
                },
            },
            "partition_router": {
                "type": "ListPartitionRouter",
                "values": list(given.targets),
                "cursor_field": "target",
            },
        },
    }
    described: dict[str, Any] = {
        "version": "6.0.0",
        "type": "DeclarativeSource",
        "check": {"type": "CheckStream", "stream_names": [_STREAM]},
        "streams": [stream],
        "spec": {"type": "Spec", "connection_specification": {"type": "object", "properties": {}}},
    }
    if given.rate is not None:
        rate = {"type": "Rate", "limit": given.rate[0], "interval": f"PT{given.rate[1]:g}S"}
        policy = {"type": "MovingWindowCallRatePolicy", "rates": [rate], "matchers": []}
        described["api_budget"] = {"type": "HTTPAPIBudget", "policies": [policy]}
    return described


def catalog() -> dict[str, Any]:
    """Ask for the one stream, all of it."""
    modes = {"sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}
    stream = {"name": _STREAM, "json_schema": _ROW, "supported_sync_modes": ["full_refresh"]}
    return {"streams": [{**modes, "stream": stream}]}


def last_state(output: Path) -> list[Any]:
    """Return the state that was printed last, as `--state` takes it; none = begin anew."""
    found = None
    for message in _messages(output):
        if message.get("type") == "STATE":
            found = message["state"]
    return [] if found is None else [found]


def _messages(output: Path) -> Iterator[dict[str, Any]]:
    if not output.exists():
        return
    for line in output.read_bytes().splitlines():
        try:
            message = json.loads(line)
        except ValueError:  # the line that a kill has torn
            continue
        if isinstance(message, dict):
            yield message


def main() -> None:
    """Write what the CLI reads, and hand over to it."""
    given = parsed(__doc__)
    state = last_state(given.output)
    files = {"manifest-path": manifest(given), "config": {}, "catalog": catalog(), "state": state}
    options = []
    for name, content in files.items():
        path = given.state / f"{name}.json"  # JSON is YAML
        path.write_text(json.dumps(content))
        options += [f"--{name}", str(path)]
    with given.output.open("ab" if state else "wb") as output:
        os.dup2(output.fileno(), sys.stdout.fileno())
    sys.argv[1:] = ["read", *options]
    run()


if __name__ == "__main__":
    main()
