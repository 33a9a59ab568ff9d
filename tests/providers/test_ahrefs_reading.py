"""Reading Ahrefs reports page after page, against a small model of the endpoint."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal

import pytest
from ahrefs_kit import asked, compiled, parameters, reply_of, step_of
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.errors import UnknownReply
from harvester.model import Action, Cursor, Exchange, Page, Reply, Request

Clock = Literal["honoured", "refused", "cut off"]
Fact = dict[str, Any]

TIMES = ("first_seen", "last_seen")


@dataclass
class Refdomains:
    """The endpoint as documented: filters, one sort column, a silent cap; and ties in another order every time."""

    facts: Sequence[Fact]
    cap_rows: int = 10**9
    clock: Clock = "honoured"
    requests: list[Request] = field(default_factory=list)

    def answer(self, request: Request) -> Reply:
        self.requests.append(request)
        sent = parameters(request)
        where = json.loads(sent.get("where", '{"and":[]}'))
        conditions = where.get("and", [where])
        if self.clock == "refused" and any(_names_a_time(each) for each in conditions):
            return reply_of({"error": "invalid date in where"}, 400)
        found = [fact for fact in self.facts if all(self._holds(fact, each) for each in conditions)]
        column, _, direction = sent["order_by"].partition(":")
        found.sort(key=lambda fact: blake2b(f"{fact['domain']} {len(self.requests)}".encode()).digest())
        found.sort(key=lambda fact: (fact[column] is not None, fact[column] or 0), reverse=direction == "desc")
        rows = found[: min(int(sent["limit"]), self.cap_rows)]
        return reply_of({"refdomains": [{name: row.get(name) for name in sent["select"].split(",")} for row in rows]})

    def _holds(self, fact: Fact, condition: Mapping[str, Any]) -> bool:
        operator, limit = condition["is"]
        value = fact[condition["field"]]
        if value is None:
            return False
        if condition["field"] in TIMES:
            limit = limit[:10] if self.clock == "cut off" else limit
            limit = limit if len(limit) > 10 else f"{limit}T00:00:00Z"
        return bool({"eq": value == limit, "gte": value >= limit, "gt": value > limit}.get(operator)) or bool(
            {"lt": value < limit, "lte": value <= limit}.get(operator)
        )


def _names_a_time(condition: Mapping[str, Any]) -> bool:
    return condition["field"] in TIMES and len(condition["is"][1]) > 10


def fact(name: int, when: str = "2026-03-01T12:00:00Z", rating: float = 1.0, links: int = 1) -> Fact:
    return {"domain": f"{name}.example", "first_seen": when, "domain_rating": rating, "links_to_target": links} | {
        "last_seen": None
    }


@dataclass
class Harvested:
    """All that one task brought."""

    rows: list[Fact] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    facts: dict[str, int] = field(default_factory=dict)

    @property
    def domains(self) -> list[str]:
        return [row["domain"] for row in self.rows]


def harvest(
    exchange: Exchange, site: Refdomains, *, max_rows: int | None = None, facts: Mapping[str, int] | None = None
) -> Harvested:
    """Run one task to its end as the engine does, cursors through JSON, one request after the other."""
    done = Harvested(facts=dict(facts or {}))
    cursor: Cursor | None = {}
    while cursor is not None:
        left = None if max_rows is None else max_rows - len(done.rows)
        step = step_of(cursor=json.loads(json.dumps(cursor)), rows=left, facts=done.facts)
        request = asked(exchange, step)
        reply = site.answer(request)
        assert exchange.judge(step, request, reply).action is Action.KEEP
        page = exchange.read(step, request, reply)
        assert page.units is not None
        assert page.units <= request.most_units
        _gather(done, page)
        cursor = page.next
        assert len(site.requests) < 40 + 12 * len(site.facts)
    return done


def _gather(done: Harvested, page: Page) -> None:
    done.rows += [row.data for row in page.rows]
    done.faults += [page.incomplete] if page.incomplete else []
    done.notes += [page.note] if page.note else []
    for name, number in page.learnt.items():
        done.facts[name] = max(done.facts.get(name, 0), number)


MOMENTS = st.sampled_from(
    [f"2026-03-0{day}T{time}Z" for day in (1, 2, 4) for time in ("00:00:00", "00:00:01", "12:30:00", "23:59:59")]
)
SITES = st.lists(st.tuples(MOMENTS, st.integers(0, 2), st.integers(0, 2)), max_size=40).map(
    lambda several: [fact(n, when, float(rating), links) for n, (when, rating, links) in enumerate(several)]
)


@settings(max_examples=120, deadline=None)
@given(
    SITES,
    st.integers(2, 8) | st.none(),
    st.integers(1, 10),
    st.sampled_from(["honoured", "refused", "cut off"]),
    st.sampled_from([None, "first_seen:desc", "domain_rating:desc", "links_to_target:asc"]),
)
def test_every_row_comes_exactly_once_or_the_task_is_incomplete(
    facts: list[Fact], cap_rows: int | None, page_rows: int, clock: Clock, order_by: str | None
) -> None:
    site = Refdomains(facts, cap_rows or 10**9, clock)
    plan = {"row_cap": cap_rows} if cap_rows else {}
    exchange = compiled("refdomains", settings=plan, page_size=page_rows, fields=("domain",), order_by=order_by)
    done = harvest(exchange, site)
    counted = Counter(done.domains)
    assert not counted or max(counted.values()) == 1
    assert done.faults or counted.keys() == {each["domain"] for each in facts}
    if not cap_rows and clock != "cut off":
        assert not done.faults


@settings(max_examples=60, deadline=None)
@given(SITES, st.integers(2, 8), st.integers(1, 30))
def test_no_more_rows_come_than_were_wanted(facts: list[Fact], page_rows: int, max_rows: int) -> None:
    exchange = compiled("refdomains", page_size=page_rows, max_rows=max_rows, fields=("domain",))
    done = harvest(exchange, Refdomains(facts), max_rows=max_rows)
    assert len(set(done.domains)) == len(done.domains) == min(max_rows, len(facts))
    assert not done.faults
    assert ("max_rows" in done.notes) or len(facts) <= max_rows


def test_a_plan_that_cuts_silently_does_not_truncate_a_harvest() -> None:
    facts = [fact(n, f"2026-03-01T12:{n // 60:02}:{n % 60:02}Z") for n in range(730)]
    for cap_rows in (100, 250, 500):
        for configured in ({}, {"row_cap": cap_rows}, {"row_cap": 500}):
            site = Refdomains(facts, cap_rows)
            done = harvest(compiled("refdomains", settings=configured, fields=("domain",)), site)
            assert done.domains == [each["domain"] for each in facts]
            assert len(site.requests) <= 2 + 730 // (cap_rows - 1)


def test_more_rows_of_one_second_than_a_page_holds_are_read_by_the_next_column() -> None:
    facts = [fact(n, rating=float(n % 7), links=n) for n in range(320)] + [fact(999, "2026-03-02T00:00:00Z")]
    site = Refdomains(facts, 100)
    done = harvest(compiled("refdomains", fields=("domain",)), site)
    assert len(done.domains) == len(set(done.domains)) == len(facts)
    assert not done.faults
    assert {parameters(request)["order_by"] for request in site.requests} == {"first_seen:asc", "domain_rating:asc"}


def test_rows_that_no_column_tells_apart_are_said_to_be_missing_and_the_rest_comes() -> None:
    facts = [fact(n) for n in range(600)] + [fact(n, "2026-03-02T00:00:00Z") for n in range(700, 720)]
    done = harvest(compiled("refdomains", fields=("domain",)), Refdomains(facts, 100))
    assert {each["domain"] for each in facts[600:]} <= set(done.domains)
    assert len(done.domains) < len(facts)
    assert done.faults == [
        "100 rows or more share first_seen = 2026-03-01T12:00:00Z, domain_rating = 1.0, links_to_target = 1: "
        "no further page of them can be had"
    ]


@pytest.mark.parametrize("clock", ["refused", "cut off"])
def test_a_time_of_day_that_is_not_taken_is_given_up_once_and_for_all(clock: Clock) -> None:
    facts = [fact(n, f"2026-03-{1 + n // 20:02}T12:00:{n % 20:02}Z") for n in range(200)]
    site = Refdomains(facts, 30, clock)
    done = harvest(compiled("refdomains", settings={"row_cap": 30}, fields=("domain",)), site)
    assert done.domains == [each["domain"] for each in facts]
    assert not done.faults
    timed = [request for request in site.requests if "T12:" in parameters(request).get("where", "")]
    assert timed == site.requests[1:2]


def test_a_bad_request_is_only_kept_if_a_time_of_day_may_be_to_blame() -> None:
    exchange = compiled("refdomains", page_size=2)
    refusal = reply_of({"error": "bad where"}, 400)
    first = step_of()
    assert exchange.judge(first, asked(exchange, first), refusal).action is Action.SET_ASIDE
    page = exchange.read(
        first,
        asked(exchange, first),
        Refdomains([fact(n, f"2026-03-01T00:00:0{n}Z") for n in range(9)]).answer(
            asked(compiled("refdomains", page_size=2))
        ),
    )
    assert page.next is not None
    second = step_of(cursor=page.next)
    assert exchange.judge(second, asked(exchange, second), refusal).action is Action.KEEP
    coarse = exchange.read(second, asked(exchange, second), refusal)
    assert (list(coarse.rows), coarse.units, coarse.incomplete) == ([], 0, None)
    assert coarse.next is not None
    third = step_of(cursor=coarse.next)
    assert json.loads(parameters(asked(exchange, third))["where"]) == {
        "field": "first_seen",
        "is": ["gte", "2026-03-01"],
    }
    assert exchange.judge(third, asked(exchange, third), refusal).action is Action.SET_ASIDE


def test_the_next_page_begins_with_the_last_value_and_pays_for_its_column() -> None:
    facts = [fact(n, f"2026-03-01T12:00:{n:02}Z") for n in range(9)]
    exchange = compiled("refdomains", page_size=4, fields=("domain",))
    page = exchange.read(step_of(), asked(exchange), Refdomains(facts).answer(asked(exchange)))
    assert page.next is not None
    request = asked(exchange, step_of(cursor=page.next))
    assert parameters(request) == {
        "target": "example.com",
        "mode": "subdomains",
        "history": "live",
        "select": "domain,first_seen",
        "where": '{"field":"first_seen","is":["gte","2026-03-01T12:00:03Z"]}',
        "order_by": "first_seen:asc",
        "limit": "4",
    }
    assert exchange.ask(step_of(cursor=page.next, units=49)) is None
    assert asked(exchange, step_of(cursor=page.next, rows=2)).most_rows == 3


def test_a_column_that_can_be_null_pages_the_rows_that_have_it_and_says_so() -> None:
    facts = [fact(n) | {"last_seen": f"2026-03-01T12:00:{n:02}Z" if n < 6 else None} for n in range(9)]
    exchange = compiled("refdomains", order_by="last_seen:desc", page_size=3, fields=("domain",))
    done = harvest(exchange, Refdomains(facts))
    assert sorted(done.domains) == [f"{n}.example" for n in range(6)]
    assert done.faults == ["rows without last_seen cannot be paged, so they may be missing"]
    whole = harvest(
        compiled("refdomains", order_by="last_seen:desc"), Refdomains(facts), facts={"rows_per_request": 50}
    )
    assert (len(whole.domains), whole.faults) == (9, [])


@pytest.mark.parametrize(
    ("rows", "settings_", "facts", "is_last"),
    [
        (0, {}, {}, True),
        (3, {}, {}, False),
        (3, {}, {"rows_per_request": 3}, False),
        (3, {}, {"rows_per_request": 4}, True),
        (3, {"row_cap": 250}, {}, True),
        (100, {"row_cap": 250}, {"rows_per_request": 250}, False),
        (250, {"row_cap": 500}, {}, False),
        (500, {}, {"rows_per_request": 800}, False),
    ],
)
def test_a_page_is_the_last_only_if_no_plan_can_have_cut_it(
    rows: int, settings_: dict[str, int], facts: dict[str, int], is_last: bool
) -> None:
    exchange = compiled("refdomains", settings=settings_)
    answer = {"refdomains": [fact(n, f"2026-03-01T{n // 60:02}:{n % 60:02}:00Z") for n in range(rows)]}
    page = exchange.read(step_of(facts=facts), asked(exchange), reply_of(answer))
    assert (page.next is None) == is_last
    assert page.incomplete is None
    assert page.learnt == {"rows_per_request": rows}


def test_one_more_request_proves_the_end_where_nothing_is_known_of_the_plan() -> None:
    site = Refdomains([fact(1)])
    done = harvest(compiled("refdomains"), site)
    assert (done.domains, done.faults, len(site.requests)) == (["1.example"], [], 2)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ([fact(1, "2026-03-02T00:00:00Z"), fact(2, "2026-03-01T00:00:00Z")], "not sorted by first_seen"),
        ([fact(1), {"domain": "2.example"}], "have no first_seen"),
        ([fact(1), fact(2, "soon")], "have no first_seen"),
        ([fact(1), "row"], "have no first_seen"),
    ],
)
def test_rows_that_cannot_be_paged_end_the_task_as_incomplete(answer: list[object], reason: str) -> None:
    exchange = compiled("refdomains", page_size=2)
    page = exchange.read(step_of(), asked(exchange), reply_of({"refdomains": answer}))
    assert (len(page.rows), page.next) == (2, None)
    assert page.incomplete is not None
    assert reason in page.incomplete
    whole = compiled("refdomains", settings={"row_cap": 50})
    page = whole.read(step_of(), asked(whole), reply_of({"refdomains": answer}))
    assert (len(page.rows), page.next, page.incomplete) == (2, None, None)


def test_no_data_is_a_whole_answer_and_on_a_later_page_a_gap() -> None:
    missing = reply_of({"error": "not in the index"}, 404)
    for report in ("backlinks", "summary", "totals"):
        exchange = compiled(report)
        assert exchange.judge(step_of(), asked(exchange), missing).action is Action.KEEP
        page = exchange.read(step_of(), asked(exchange), missing)
        assert (list(page.rows), page.next, page.units, page.note) == ([], None, 0, "no data")
    exchange = compiled("refdomains", page_size=1)
    first = exchange.read(step_of(), asked(exchange), Refdomains([fact(1)]).answer(asked(exchange)))
    later = exchange.read(step_of(cursor=first.next), asked(exchange), missing)
    assert later.incomplete == "a later page was not found: not in the index"


def test_the_bill_counts_the_rows_that_came_those_that_came_again_included() -> None:
    exchange = compiled("refdomains", page_size=20)
    facts = [fact(n, f"2026-03-01T12:00:{n:02}Z") for n in range(30)]
    whole = compiled("refdomains")
    page = whole.read(step_of(), asked(whole), reply_of({"refdomains": facts}))
    assert page.units == 9 * 30
    page = exchange.read(step_of(), asked(exchange), reply_of({"refdomains": facts}, x_api_units_cost_total_actual="0"))
    assert page.units == 0


def test_a_batch_says_which_targets_are_missing() -> None:
    exchange = compiled("summary")
    step = step_of("a.example", "b.example", "c.example", "d.example", "e.example")
    page = exchange.read(step, asked(exchange, step), reply_of({"targets": [{"index": 1, "backlinks": 4}]}))
    assert [row.target for row in page.rows] == ["b.example"]
    assert (page.next, page.units) == (None, 50)
    assert page.incomplete == "no row came for a.example, c.example, d.example and 1 more"


def test_a_history_is_cut_to_the_rows_that_are_wanted() -> None:
    exchange = compiled("history")
    answer = {"refdomains": [{"date": f"2026-0{n}-01", "refdomains": n} for n in range(1, 6)]}
    page = exchange.read(step_of(rows=2), asked(exchange), reply_of(answer))
    assert (len(page.rows), page.note, page.units) == (2, "max_rows", 50)


@pytest.mark.parametrize("report", ["backlinks", "summary", "totals", "history"])
def test_an_answer_of_another_shape_is_an_unknown_reply(report: str) -> None:
    exchange = compiled(report)
    with pytest.raises(UnknownReply):
        exchange.read(step_of(), asked(exchange), reply_of({"error": "maintenance"}))
