"""Every request to Ahrefs, held against the documents that Ahrefs publishes."""

from datetime import timedelta
from typing import Any

import pytest
from ahrefs_kit import asked, compiled, parameters
from spec_kit import document, faults_of, needs_specs, query_faults, resolved

from harvester.providers.ahrefs import AHREFS

EXPLORER = "ahrefs-site-explorer.json"
GETS = [name for name in AHREFS.reports if name != "summary"]
ASKED: list[dict[str, Any]] = [
    {},
    {"scope": "host", "max_rows": 50},
    {"scope": "prefix", "since": timedelta(days=60)},
]


@needs_specs
@pytest.mark.parametrize("keys", ASKED, ids=str)
@pytest.mark.parametrize("report", GETS)
def test_a_request_is_as_the_document_describes_it(report: str, keys: dict[str, Any]) -> None:
    if report == "totals":
        keys = {key: value for key, value in keys.items() if key != "since"}
    if report == "rating-history" and keys.get("scope") == "prefix":
        pytest.skip("only a domain has a Domain Rating")
    request = asked(compiled(report, **keys))
    path = request.path.removeprefix("/site-explorer")
    assert query_faults(EXPLORER, path, parameters(request)) == []


@needs_specs
@pytest.mark.parametrize("report", GETS)
def test_every_field_that_is_asked_for_is_one_that_the_document_lists(report: str) -> None:
    request = asked(compiled(report))
    select = parameters(request).get("select")
    if select is None:
        return
    root = document(EXPLORER)
    get = root["paths"][request.path.removeprefix("/site-explorer")]["get"]
    answer = resolved(root, get["responses"]["200"]["content"]["application/json"]["schema"])
    ((_, rows),) = answer["properties"].items()
    assert set(select.split(",")) <= rows["items"]["properties"].keys()


@needs_specs
def test_a_batch_is_as_the_document_describes_it() -> None:
    request = asked(compiled("summary"))
    assert request.path == "/batch-analysis/batch-analysis"
    assert faults_of("ahrefs-batch-analysis.json", "/batch-analysis", request.json) == []
