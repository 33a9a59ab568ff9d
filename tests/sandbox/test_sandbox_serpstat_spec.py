"""Serpstat's contract against the provider's own specification, where it lies beside the repository."""

from typing import Any

from sandbox_kit import GENERATED
from serpstat_sandbox_kit import BUSY, Token, specified

from harvester.sandbox.serpstat.flat import FLATS
from harvester.sandbox.serpstat.lists import listings
from harvester.sandbox.serpstat.terms import SerpstatSwitches

NAMES = tuple(listings(SerpstatSwitches()))


def _usual(spec: dict[str, Any]) -> dict[str, object]:
    more: dict[str, object] = {"intersect": ["t8.example", "t9.example"]} if "intersect" in spec["params"] else {}
    return {"query": BUSY, "linkPerDomain": 0, **more}


def _types(row: dict[str, Any]) -> dict[str, str]:
    return {name.split(" #")[0]: type(value).__name__ for name, value in row.items()}


def test_every_method_of_the_specification_is_served_and_no_other() -> None:
    assert {spec["name"] for spec in specified()} == {*NAMES, *FLATS}


def test_answers_have_the_fields_and_types_of_the_examples() -> None:
    for spec in specified():
        body, example = Token().ask(spec["name"], **_usual(spec)), spec["example_response"]
        mine, theirs = body["result"]["data"], example["result"]["data"]
        if isinstance(theirs, list):
            mine, theirs = mine[0], theirs[0]
        assert _types(mine) == _types(theirs), spec["name"]
        outside = "summary_info" in example
        summary, expected = (x["summary_info"] if outside else x["result"]["summary_info"] for x in (body, example))
        assert _types(summary) == _types(expected), spec["name"]
        assert ("summary_info" in body) is outside


def test_sort_keys_defaults_and_scopes_are_those_of_the_specification() -> None:
    lists = listings(SerpstatSwitches())
    for spec in specified():
        params = spec["params"]
        form = lists[spec["name"]].form if spec["name"] in lists else FLATS[spec["name"]].form
        assert set(form.sorts) == {name.strip() for name in params.get("sort", {}).get("enum", ())}
        assert form.default_sort == params.get("sort", {}).get("default", form.default_sort)
        stated = params.get("searchType", {}).get("enum", [])
        assert set(stated) <= set(form.scopes)
        filters = params.get("complexFilter", {})
        assert set(filters.get("fields", ())) <= set(form.kinds)
        assert set(form.kinds) - set(filters.get("fields", ())) <= {"noFollow", "domain_to"}
        assert set(form.quick) == set(filters.get("additional_filters", ()))


def test_the_example_requests_are_understood() -> None:
    for spec in specified():
        body = Token().ask(spec["name"], **spec["example_request"]["params"])
        assert "result" in body, (spec["name"], body)


def test_prices_are_those_of_the_specification() -> None:
    for spec in specified():
        token = Token()
        data = token.ask(spec["name"], **_usual(spec))["result"]["data"]
        price = spec["credits"]["amount"] * (len(data) if spec["credits"]["mode"] == "per_row" else 1)
        assert token.charged == price, spec["name"]


def test_the_schema_spells_some_names_and_numbers_otherwise() -> None:
    token = Token(GENERATED, "spelling=schema", "numbers_as_text=true")
    (row,) = token.rows("getOutDomains", query=BUSY, size=1)
    assert set(row) == {"domains_to", "domain_links", "domain_rank"}
    assert {type(value) for value in row.values()} == {str}
    (row,) = token.rows("getLostOutlinks", query=BUSY, size=1)
    assert {"nofollow", "links_ext"} <= set(row)
    (row,) = token.rows("getRefDomains", query=BUSY, size=1)
    assert (type(row["ref_pages"]), type(row["domainRank"])) == (str, str)
    (row,) = token.rows("getNewBacklinks", query=BUSY, size=1)
    assert isinstance(row["domain_rank"], str)
