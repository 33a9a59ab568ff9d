"""Serpstat's address, token, envelope and refusals (reference, sections 2, 3 and 11)."""

import pytest
from sandbox_kit import link, world_of
from serpstat_sandbox_kit import EVERY_LINK, Token, error_of

from harvester import codec
from harvester.sandbox.contract import MAIN_RATE, Answer, Asked, Refusal
from harvester.sandbox.serpstat.service import BACKLINKS, GET_STATS, SERPSTAT

ONE = world_of(link("https://a.example/page"))
PARAMS = {"query": "t.example", "searchType": "domain"}
CALL = {"id": "1", "method": f"{BACKLINKS}getRefDomains", "params": PARAMS}
SCHEMA = "Json schema validation error"


def asked(query: list[tuple[str, str]], headers: dict[str, str]) -> Asked:
    return Asked(method="POST", path="/v4", query=query, headers=headers)


def test_the_contract_says_where_it_lives_and_how_the_token_is_told() -> None:
    assert (SERPSTAT.name, SERPSTAT.base, SERPSTAT.rate, SERPSTAT.in_flight) == (
        "serpstat",
        "/serpstat/v4",
        "1/second",
        None,
    )
    assert SERPSTAT.howto.format(key=SERPSTAT.key) == f"export SERPSTAT_TOKEN={SERPSTAT.key}"


def test_both_spellings_of_the_address_serve_posts_and_nothing_else_is_served() -> None:
    token = Token(ONE)
    for path in ("/v4", "/v4/"):
        assert "result" in codec.parse(token.post(CALL, path).body)
    for path, method in (("/v4", "GET"), ("/v4/x", "POST"), ("/v5", "POST"), ("/", "POST")):
        assert error_of(token.post(CALL, path, method)) == (404, "Wrong API query! Use API domain")


def test_the_token_comes_in_the_query_or_in_a_header() -> None:
    service = Token(ONE).service
    assert service.key_of(asked([("token", "abc")], {})) == "abc"
    assert service.key_of(asked([], {"token": "abc"})) == "abc"
    assert service.key_of(asked([], {"authorization": "Bearer abc"})) is None
    strict = Token(ONE, "header_token=false").service
    assert strict.key_of(asked([], {"token": "abc"})) is None
    assert strict.key_of(asked([("token", "abc")], {})) == "abc"


@pytest.mark.parametrize(("sent", "echoed"), [("a-1", "a-1"), (1, "1"), ("", ""), (0, "0")])
def test_the_id_is_echoed_as_text(sent: object, echoed: str) -> None:
    body = codec.parse(Token(ONE).post({**CALL, "id": sent}).body)
    assert body["id"] == echoed
    failed = codec.parse(Token(ONE).post({**CALL, "id": sent, "params": {}}).body)
    assert (failed["id"], "result" in failed) == (echoed, False)


@pytest.mark.parametrize("sent", [None, True, 1.5, ["1"], {}])
def test_a_call_without_a_usable_id_fails_without_one(sent: object) -> None:
    for body in ({**CALL, "id": sent}, {name: value for name, value in CALL.items() if name != "id"}):
        answer = Token(ONE).post(body)
        assert (error_of(answer), codec.parse(answer.body)["id"]) == ((-32600, SCHEMA), None)
    answer = Token(ONE, "error_without_id=missing").post({**CALL, "id": sent})
    assert set(codec.parse(answer.body)) == {"error"}


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", codec.dump([CALL]), b'"text"', b"\xff"])
def test_what_is_no_object_is_no_call(body: bytes) -> None:
    token = Token(ONE)
    assert error_of(token.post(body)) == (-32600, SCHEMA)
    assert not token.service.is_balance(Asked(method="POST", path="/v4", body=body))
    assert token.charged == 0


def test_methods_are_known_by_their_exact_name() -> None:
    names = (
        f"{BACKLINKS}getrefdomains",
        f"{BACKLINKS}getRefDomainsV2",
        f"{BACKLINKS}getIntersectV2",
        "getRefDomains",
        "SerpstatLimitsApiProcedure.getStats",
        "serpstatLimitsProcedure.getStats",
        "",
    )
    for name in names:
        assert error_of(Token(ONE).post({**CALL, "method": name})) == (-32601, "Method not found")
    assert error_of(Token(ONE).post({"id": "1", "params": PARAMS})) == (-32600, SCHEMA)


def test_a_flat_body_is_refused_and_a_jsonrpc_member_is_not() -> None:
    token = Token(ONE)
    assert error_of(token.post({"id": "1", "method": CALL["method"], **PARAMS})) == (-32602, SCHEMA)
    assert error_of(token.post({**CALL, "params": [PARAMS]})) == (-32602, SCHEMA)
    assert "result" in codec.parse(token.post({**CALL, "jsonrpc": "2.0"}).body)


def test_a_result_stands_beside_its_summary() -> None:
    assert codec.parse(Token(ONE, credits=10).post(CALL).body) == {
        "id": "1",
        "result": {
            "data": [
                {"domain_from": "a.example", "ref_pages": 1, "domainRank": round(ONE.facts.host("a.example").authority)}
            ],
            "summary_info": {"left_lines": 9, "page": 1, "count": 1, "total": 1, "sort": "check", "order": "DESC"},
        },
    }


@pytest.mark.parametrize(
    ("method", "order", "echoed"),
    [
        ("getNewBacklinks", None, "DESC"),
        ("getNewBacklinks", "asc", "ASC"),
        ("getLostOutlinks", "asc", "asc"),
        ("getOutThreats", "desc", "desc"),
        ("getOutThreatsLinks", "desc", "DESC"),
        ("getTopAnchors", None, "desc"),
        ("getDistributionTLD", None, "desc"),
        ("getDistributionSDR", None, ""),
        ("getSummaryV2", None, None),
        ("getBacklinksChangesHistory", None, None),
    ],
)
def test_the_order_is_echoed_in_the_case_of_the_method(method: str, order: str | None, echoed: str | None) -> None:
    assert Token().summary(method, query="t71.example", order=order)["order"] == echoed


def test_the_sort_key_is_echoed_but_the_threat_methods_say_check() -> None:
    token = Token()
    for method in ("getThreats", "getThreatsLinks", "getOutThreats", "getOutThreatsLinks"):
        assert token.summary(method, query="t71.example", sort="lastupdate")["sort"] == "check"
        assert token.summary(method, query="t71.example", sort="threat_type")["sort"] == "threat_type"
    assert token.summary("getLostOutlinks", query="t71.example")["sort"] == "lastupdate"
    assert token.summary("getNewBacklinks", query="t71.example", sort="add")["sort"] == "add"


def test_the_summary_of_tld_stands_outside_the_result() -> None:
    body = Token(ONE).ask("getDistributionTLD")
    assert set(body) == {"id", "result", "summary_info"}
    assert set(body["result"]) == {"data"}


REFUSALS = [
    (Refusal.BAD_KEY, -32020, "Invalid token!", 401),
    (Refusal.TOO_FAST, -32000, "Query frequency exceeded", 429),
    (Refusal.TOO_MANY_OPEN, -32000, "Query frequency exceeded", 429),
    (Refusal.INTERNAL, -32603, "Server error", 500),
]


@pytest.mark.parametrize(("refusal", "code", "text", "status"), REFUSALS)
def test_a_refusal_is_an_error_body_inside_http_200(refusal: Refusal, code: int, text: str, status: int) -> None:
    def said(*switches: str) -> Answer:
        return Token(ONE, *switches).service.refuse(refusal, 3.0)

    assert codec.parse(said().body) == {"id": None, "error": {"code": code, "message": text}}
    assert said().status == 200
    assert said("error_status=fitting").status == status
    assert error_of(said("error_sign=positive")) == (abs(code), text)
    assert error_of(said("error_sign=negative")) == (-abs(code), text)
    assert error_of(said("error_code_text=true")) == (str(code), text)
    assert "data" in codec.parse(said("error_data=true").body)["error"]
    assert not {name.lower() for name in said().headers} & {"retry-after", "x-ratelimit-reset"}


def test_a_proxy_that_gave_up_speaks_html() -> None:
    answer = Token(ONE).service.refuse(Refusal.BAD_GATEWAY)
    assert (answer.status, answer.body[:6]) == (502, b"<html>")


@pytest.mark.parametrize("code", ["-32000", "-32429", "429"])
def test_the_number_of_the_rate_can_be_chosen(code: str) -> None:
    service = Token(ONE, f"rate_code={code}").service
    assert error_of(service.refuse(Refusal.TOO_FAST)) == (int(code), "Query frequency exceeded")


@pytest.mark.parametrize("code", ["-32020", "-32602", "401", "403"])
def test_the_number_of_a_bad_token_can_be_chosen(code: str) -> None:
    assert error_of(Token(ONE, f"auth_code={code}").service.refuse(Refusal.BAD_KEY))[0] == int(code)


def test_the_balance_counts_toward_the_rate_unless_switched() -> None:
    balance = Asked(method="POST", path="/v4", body=codec.dump({"id": "1", "method": GET_STATS}))
    other = Asked(method="POST", path="/v4", body=codec.dump(CALL))
    usual, free = Token(ONE).service, Token(ONE, "balance_counts=false").service
    assert (usual.is_balance(balance), usual.is_balance(other)) == (True, False)
    assert list(usual.rates_of(balance)) == list(free.rates_of(other)) == [MAIN_RATE]
    assert list(free.rates_of(balance)) == []
    assert usual.rate.calls == 1
    assert not usual.has_stray_refusals


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("getRefDomains", {"searchType": None}),
        ("getRefDomains", {"searchType": "DOMAIN"}),
        ("getRefDomains", {"searchType": "url"}),
        ("getNewBacklinks", {"searchType": "URL"}),
        ("getNewBacklinks", {"searchType": 1}),
        ("getSummaryV2", {"searchType": "part_url"}),
        ("getRefDomains", {"size": 0}),
        ("getRefDomains", {"size": 1001}),
        ("getRefDomains", {"size": "100"}),
        ("getRefDomains", {"size": True}),
        ("getRefDomains", {"page": 0}),
        ("getRefDomains", {"page": "1"}),
        ("getRefDomains", {"sort": "domainRank"}),
        ("getRefDomains", {"sort": {"check": "desc"}}),
        ("getNewBacklinks", {"sort": "first_seen"}),
        ("getRefDomains", {"order": "DESC"}),
        ("getNewBacklinks", {"linkPerDomain": 2}),
        ("getNewBacklinks", {"linkPerDomain": "1"}),
        ("getNewBacklinks", {"query": 7}),
        ("getNewBacklinks", {"query": "no host"}),
        ("getNewBacklinks", {"query": "https://t.example"}),
        ("getNewBacklinks", {"query": "t.example/"}),
        ("getNewBacklinks", {"query": "ftp://t.example/", "searchType": "url"}),
        ("getAnchors", {"count": 1}),
        ("getAnchors", {"count": "one"}),
        ("getAnchors", {"anchor": ["a"]}),
        ("getIntersect", {}),
        ("getIntersect", {"intersect": "b.example"}),
        ("getIntersect", {"intersect": []}),
        ("getIntersect", {"intersect": ["a.example", "b.example", "c.example"]}),
        ("getIntersect", {"intersect": ["https://a.example/"]}),
        ("getDistributionTLD", {"lang": "fr"}),
    ],
)
def test_a_parameter_outside_the_schema_is_refused_for_nothing(method: str, params: dict[str, object]) -> None:
    token = Token(ONE)
    assert token.error(method, **params) == (-32602, SCHEMA)
    assert token.charged == 0


def test_a_missing_query_is_named() -> None:
    for query in (None, ""):
        assert Token(ONE).error("getSummaryV2", query=query) == (-32602, "Query required")


def test_search_type_may_be_left_out_of_flat_methods_and_of_lists_if_switched() -> None:
    assert Token(ONE).rows("getTopAnchors", searchType=None)
    assert Token(ONE, "search_type_required=false").rows("getRefDomains", searchType=None)
    assert Token(ONE).rows("getRedirectedDomains", searchType=None) == []


def test_parameters_that_a_method_does_not_have_are_ignored() -> None:
    assert Token(ONE).rows("getRefDomains", linkPerDomain="x", lang=5, intersect=1, anchor=3)


def test_hosts_may_come_in_any_case_and_script_unless_switched() -> None:
    world = world_of(link(target="https://xn--bcher-kva.example/"))
    for query in ("xn--bcher-kva.example", "XN--Bcher-kva.Example", "bücher.example"):
        assert Token(world).rows("getNewBacklinks", query=query)
    strict = Token(world, "unicode_query=false")
    assert strict.error("getNewBacklinks", query="bücher.example") == (-32602, SCHEMA)
    assert strict.rows("getNewBacklinks", query="xn--bcher-kva.example", **EVERY_LINK)


def test_a_plan_a_target_or_its_size_can_be_refused() -> None:
    switches = ("plan_without=getThreats+getOutlinks", "forbidden=f.example", "large=l.example+m.example")
    token = Token(ONE, *switches)
    assert token.error("getThreats") == (403, "Method forbidden")
    assert token.error("getRefDomains", query="F.example") == (403, "Forbidden query!")
    for method in ("getRefDomains", "getSummaryV2"):
        assert token.error(method, query="l.example") == (32016, "Large query domains not supported")
    assert token.error("getIntersect", intersect=["m.example"]) == (32016, "Large query domains not supported")
    assert token.rows("getRefDomains")
    assert token.charged == 1
