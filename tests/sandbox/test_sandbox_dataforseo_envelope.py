"""What surrounds every answer of DataForSEO: key, array of one, envelope, refusals (reference, sections 0 to 3, 9)."""

import pytest
from dataforseo_sandbox_kit import Buyer, basic, exact, invalid
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_kit import link, world_of

from harvester import codec
from harvester.errors import ConfigError
from harvester.sandbox.account import Account, Rate, Window, parse_rate
from harvester.sandbox.contract import MAIN_RATE, Answer, Asked, Refusal, Terms
from harvester.sandbox.dataforseo.envelope import Dumped, Usd, micro_usd, written
from harvester.sandbox.dataforseo.service import DATAFORSEO, LOGIN, Dataforseo

WORLD = world_of(link(), link("https://b.example/page"))
SUMMARY = "/v3/backlinks/summary/live"


def refused(answer: Answer) -> tuple[int, int]:
    """Return HTTP status and code of a request that was refused before any task."""
    found = exact(answer.body)
    assert (found["tasks_count"], found["tasks_error"], found["tasks"], found["cost"]) == (0, 0, None, 0)
    return answer.status, found["status_code"]


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        (basic(LOGIN, "secret"), "secret"),
        (basic(LOGIN, "with:colon"), "with:colon"),
        (basic("other@harvester.example", "secret"), None),
        ({"authorization": "Bearer secret"}, None),
        ({"authorization": "Basic not-base64!"}, None),
        ({"authorization": "Basic /w=="}, None),
        ({}, None),
    ],
)
def test_the_key_is_the_password_of_the_right_login(headers: dict[str, str], key: str | None) -> None:
    assert Buyer().service.key_of(Asked(path="/", headers=headers)) == key


def test_a_bad_key_is_401_with_an_envelope_without_tasks() -> None:
    answer = Buyer().service.refuse(Refusal.BAD_KEY)
    assert refused(answer) == (401, 40100)
    assert exact(answer.body)["status_message"] == "You are not Authorized to Access this Resource."


def test_one_task_is_answered_in_its_envelope() -> None:
    buyer = Buyer(WORLD)
    found = buyer.post("summary", {"target": "t.example", "internal_list_limit": 10, "tag": "a b"})
    (task,) = found.pop("tasks")
    assert found.pop("time").endswith(" sec.")
    assert (str(found.pop("cost")), found.pop("version")[:4]) == ("0.024036", "0.1.")
    assert found == {"status_code": 20000, "status_message": "Ok.", "tasks_count": 1, "tasks_error": 0}
    assert list(task) == [
        *("id", "status_code", "status_message", "time", "cost", "result_count", "path", "data", "result"),
    ]
    assert (task["result_count"], task["path"]) == (1, ["v3", "backlinks", "summary", "live"])
    assert task["data"] == {
        **{"api": "backlinks", "function": "summary", "target": "t.example"},
        **{"internal_list_limit": 10, "tag": "a b"},
    }
    assert task["id"].startswith("11211230-1535-0265-0000-")
    assert len(task["id"]) == len("07280654-2171-0265-0000-847cf1002732")


def test_ids_are_unique_and_name_the_function() -> None:
    buyer = Buyer(WORLD)
    ids = [buyer.task(name)["id"] for name in ("summary", "backlinks", "anchors", "summary")]
    assert [one.split("-")[2] for one in ids] == ["0265", "0269", "0272", "0265"]
    assert len(set(ids)) == 4


def test_of_two_tasks_the_first_is_run_and_billed() -> None:
    buyer = Buyer(WORLD)
    found = buyer.post("summary", {"target": "t.example"}, {"target": "u.example"}, {"target": "v.example"})
    codes = [(task["status_code"], str(task["cost"]), task["data"]["target"]) for task in found["tasks"]]
    assert codes == [(20000, "0.024036", "t.example"), (40000, "0", "u.example"), (40000, "0", "v.example")]
    assert (found["status_code"], found["tasks_count"], found["tasks_error"]) == (20000, 3, 2)
    assert str(found["cost"]) == "0.024036"
    assert buyer.account.units_charged == 24_036


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", 40502),
        (b"[]", 40502),
        (b"  ", 40502),
        (b'{"target":"t.example"}', 40501),
        (b"[{", 40503),
        (b"not json", 40503),
        (b'["t.example"]', 40503),
        (b"7", 40503),
        (b"[" * 400 + b"]" * 400, 40503),
        (b"[" + b",".join([b"{}"] * 101) + b"]", 40006),
    ],
)
def test_a_body_that_is_no_array_of_tasks_is_refused_before_any_task(body: bytes, code: int) -> None:
    buyer = Buyer(WORLD)
    assert refused(buyer.send(SUMMARY, body)) == (200, code)
    assert buyer.account.units_charged == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", SUMMARY),
        ("POST", "/v3/backlinks/summary"),
        ("POST", "/v3/backlinks/content_duplicates/live"),
        ("POST", "/v3/appendix/user_data"),
        ("GET", "/v3/backlinks/id_list"),
        ("PUT", SUMMARY),
    ],
)
def test_another_path_is_404_with_an_envelope(method: str, path: str) -> None:
    assert refused(Buyer(WORLD).send(path, b'[{"target":"t.example"}]', method)) == (404, 40402)


def test_a_failed_task_is_free_and_says_which_field() -> None:
    buyer = Buyer(WORLD)
    found = buyer.post("history", {"target": "t.example", "date_from": "2018-01-01"})
    (task,) = found["tasks"]
    assert (found["status_code"], found["cost"], found["tasks_count"], found["tasks_error"]) == (20000, 0, 1, 1)
    assert (task["status_code"], task["status_message"]) == invalid("date_from")
    assert (task["time"], task["cost"], task["result_count"], task["result"]) == ("0 sec.", 0, 0, None)
    assert task["data"]["date_from"] == "2018-01-01"
    assert buyer.account.units_charged == 0


def test_a_parameter_that_is_null_was_not_sent() -> None:
    task = Buyer(WORLD).task("backlinks", limit=None, filters=None, mode=None, search_after_token=None)
    assert task["data"] == {"api": "backlinks", "function": "backlinks", "target": "t.example"}
    assert task["result"][0]["mode"] is None


@pytest.mark.parametrize(
    ("name", "params", "field"),
    [
        ("summary", {"target": "https://"}, "target"),
        ("summary", {"target": "t.example/page"}, "target"),
        ("summary", {"target": 7}, "target"),
        ("summary", {"target": "not a domain"}, "target"),
        ("history", {"target": "https://t.example/"}, "target"),
        ("timeseries_summary", {"target": "https://t.example/"}, "target"),
        ("domain_pages", {"target": "https://t.example/"}, "target"),
        ("summary", {"include_subdomains": "yes"}, "include_subdomains"),
        ("summary", {"backlinks_status_type": "dead"}, "backlinks_status_type"),
        ("summary", {"rank_scale": "ten"}, "rank_scale"),
        ("summary", {"internal_list_limit": 1001}, "internal_list_limit"),
        ("summary", {"tag": "x" * 256}, "tag"),
        ("summary", {"tag": 5}, "tag"),
        ("anchors", {"target": "empty.example", "internal_list_limit": 0}, "internal_list_limit"),
        ("bulk_ranks", {"targets": ["empty.example"], "rank_scale": "ten"}, "rank_scale"),
        ("history", {"date_from": "9999-12-15", "date_to": "9999-12-31"}, "date_from"),
        ("backlinks", {"limit": 1001}, "limit"),
        ("backlinks", {"limit": 0}, "limit"),
        ("backlinks", {"limit": "100"}, "limit"),
        ("backlinks", {"limit": True}, "limit"),
        ("backlinks", {"offset": 20_001}, "offset"),
        ("backlinks", {"offset": -1}, "offset"),
        ("backlinks", {"mode": "one_per_page"}, "mode"),
        ("backlinks", {"custom_mode": {"field": "domain", "value": 1}}, "custom_mode"),
        ("backlinks", {"custom_mode": {"field": "anchor", "value": 1001}}, "custom_mode"),
        ("backlinks", {"custom_mode": "anchor"}, "custom_mode"),
        ("history", {"date_from": "2026-13-01"}, "date_from"),
        ("history", {"date_from": "2026-05-02", "date_to": "2026-05-01"}, "date_from"),
        ("timeseries_summary", {"date_from": "2019-01-29"}, "date_from"),
        ("timeseries_summary", {"date_to": "2026-11-22"}, "date_to"),
        ("timeseries_summary", {"date_to": 20261101}, "date_to"),
        ("timeseries_summary", {"group_range": "decade"}, "group_range"),
        ("referring_networks", {"network_address_type": "asn"}, "network_address_type"),
        ("bulk_ranks", {"targets": []}, "targets"),
        ("bulk_ranks", {"targets": "t.example"}, "targets"),
        ("bulk_ranks", {"targets": ["t.example"] * 1001}, "targets"),
        ("bulk_ranks", {"targets": ["t.example", "no domain"]}, "targets"),
        ("bulk_pages_summary", {"targets": [f"t{n}.example" for n in range(101)]}, "targets"),
        ("bulk_new_lost_backlinks", {"targets": ["t.example"], "date_from": "2025-11-20"}, "date_from"),
        ("domain_intersection", {"targets": ["t.example"]}, "targets"),
        ("domain_intersection", {"targets": {}}, "targets"),
        ("domain_intersection", {"targets": {"²": "t.example"}}, "targets"),
        ("domain_intersection", {"targets": {"21": "t.example"}}, "targets"),
        (
            "domain_intersection",
            {"targets": {"1": "t.example"}, "exclude_targets": ["x.example"] * 11},
            "exclude_targets",
        ),
        ("domain_intersection", {"targets": {"1": "t.example"}, "intersection_mode": "some"}, "intersection_mode"),
    ],
)
def test_a_wrong_value_is_a_40501_that_names_its_field(name: str, params: dict[str, object], field: str) -> None:
    assert Buyer(WORLD).blame(name, **params) == invalid(field)


def test_a_missing_target_is_blamed() -> None:
    (task,) = Buyer(WORLD).post("summary", {})["tasks"]
    assert (task["status_code"], task["status_message"]) == invalid("target")


def test_unknown_fields_are_dropped_or_refused() -> None:
    assert Buyer(WORLD).task("summary", limit=5, colour="red")["status_code"] == 20000
    assert Buyer(WORLD, "unknown_fields=40506").blame("summary", limit=5)[0] == 40506
    assert Buyer(WORLD, "unknown_fields=40506").task("backlinks", limit=5, tag="x")["status_code"] == 20000


def test_refusals_come_in_dataforseos_words() -> None:
    service = Buyer().service
    assert refused(service.refuse(Refusal.TOO_FAST, 3.0)) == (200, 40202)
    assert refused(service.refuse(Refusal.TOO_MANY_OPEN)) == (200, 40209)
    assert refused(service.refuse(Refusal.INTERNAL)) == (500, 50000)
    gateway = service.refuse(Refusal.BAD_GATEWAY)
    assert (gateway.status, gateway.headers["Content-Type"]) == (502, "text/html")
    assert b"<html>" in gateway.body
    assert "Retry-After" not in service.refuse(Refusal.TOO_FAST, 3.0).headers


def test_refusals_can_have_another_http_status() -> None:
    service = Buyer(WORLD, "too_fast_status=429", "internal_status=200").service
    assert refused(service.refuse(Refusal.TOO_FAST)) == (429, 40202)
    assert refused(service.refuse(Refusal.INTERNAL)) == (200, 50000)


@pytest.mark.parametrize("status", [401, 403])
def test_an_account_can_be_unverified(status: int) -> None:
    buyer = Buyer(WORLD, f"unverified={status}")
    assert refused(buyer.send(SUMMARY, b'[{"target":"t.example"}]')) == (status, 40104)
    assert refused(buyer.send("/v3/appendix/user_data", method="GET")) == (status, 40104)


def test_rate_headers_come_only_when_switched() -> None:
    assert "X-RateLimit-Limit" not in Buyer(WORLD).send(SUMMARY, b"[{}]").headers
    buyer = Buyer(WORLD, "rate_headers=true")
    left = [buyer.send(SUMMARY, b"[{}]").headers["X-RateLimit-Remaining"] for _ in range(3)]
    assert left == ["1999", "1998", "1997"]
    buyer.now = buyer.now.replace(minute=40)
    assert buyer.send(SUMMARY, b"[{}]").headers["X-RateLimit-Remaining"] == "1999"
    headers = buyer.service.refuse(Refusal.TOO_FAST).headers
    assert (headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]) == ("2000", "0")
    assert "X-RateLimit-Limit" not in buyer.service.refuse(Refusal.INTERNAL).headers


def test_an_unlimited_rate_has_no_headers() -> None:
    terms = Terms(rate=parse_rate("unlimited"), switches=DATAFORSEO.switches(rate_headers=True))
    service = Dataforseo(WORLD, terms)
    account = Account(key="k", limit_units=10**6, window=Window(Rate(calls=None, window_s=60.0)))
    answer = service.answer(Asked(method="POST", path=SUMMARY, body=b'[{"target":"t.example"}]'), account)
    assert "X-RateLimit-Limit" not in answer.headers
    assert exact(answer.body)["tasks"][0]["status_code"] == 20000  # by the real clock


def test_the_rate_can_be_a_fixed_window_with_stray_refusals() -> None:
    assert not Buyer().service.rate.is_fixed
    assert not Buyer().service.has_stray_refusals
    service = Buyer(WORLD, "fixed_window=true", "stray_refusals=true").service
    assert service.rate.is_fixed
    assert service.has_stray_refusals


def test_user_data_has_a_rate_of_its_own_and_meets_no_faults() -> None:
    service, user_data = Buyer().service, Asked(path="/v3/appendix/user_data")
    assert service.is_balance(user_data)
    assert service.rates_of(user_data) == (MAIN_RATE, "user_data")
    assert service.rates_of(Asked(path="/v3/backlinks/errors")) == (MAIN_RATE, "errors")
    assert service.rates_of(Asked(path=SUMMARY)) == (MAIN_RATE,)
    assert not service.is_balance(Asked(path=SUMMARY))
    assert set(DATAFORSEO.further_rates) == {"user_data", "errors", "status"}
    assert parse_rate(DATAFORSEO.further_rates["user_data"]).calls == 6


def test_the_contract_says_how_to_use_it() -> None:
    assert (DATAFORSEO.base, DATAFORSEO.in_flight, DATAFORSEO.units) == ("/dataforseo/v3", 30, 100_000_000)
    told = DATAFORSEO.howto.format(key=DATAFORSEO.key)
    assert told == f"export DATAFORSEO_LOGIN={LOGIN} DATAFORSEO_PASSWORD={DATAFORSEO.key}"


@pytest.mark.parametrize(
    ("micro", "text"),
    [
        (0, "0"),
        (1, "0.000001"),
        (24_036, "0.024036"),
        (24_000, "0.024"),
        (60_000, "0.06"),
        (100_000_000, "100"),
        (1_000_001, "1.000001"),
        (-36, "-0.000036"),
    ],
)
def test_an_amount_is_written_exactly(micro: int, text: str) -> None:
    assert written({"cost": Usd(micro), "more": [Usd(micro), "x", None]}) == (
        f'{{"cost":{text},"more":[{text},"x",null]}}'.encode()
    )


@given(st.integers(0, 10**15 - 1))
@settings(max_examples=100)
def test_no_amount_is_lost_in_writing(micro: int) -> None:
    assert micro_usd(str(Usd(micro)), what="price_per_row") == micro


@pytest.mark.parametrize("text", ["", "1,5", "-1", "0.0000001", ".5", "1e3"])
def test_a_price_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError, match=r"dataforseo\.price_per_row"):
        Buyer(WORLD, f"price_per_row={text}")


def test_text_that_is_json_already_is_written_as_it_is() -> None:
    assert written({"a": Dumped(b'{"b":1}'), "c": (1, 2.5)}) == b'{"a":{"b":1},"c":[1,2.5]}'
    assert codec.parse(written({"é\n": True})) == {"é\n": True}
