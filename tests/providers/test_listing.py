"""The one loop behind all providers that are asked by position: bills, pages, batches, sets, proofs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.codec import parse
from harvester.errors import UnreadableRow
from harvester.model import Action, Allowance, Cursor, Forecast, Outlook, Page, Reply, Request, Row, Step, Task, Verdict
from harvester.providers.listing import Answer, Listing, overlap_rows
from harvester.providers.mapping import Shape, Take, address, count
from harvester.providers.paging import Paging, Window
from harvester.providers.proof import Proof
from harvester.providers.tariff import Tariff
from harvester.records import set_id
from harvester.testing import reply

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SHAPE = Shape(record="refdomain", takes={"domain": Take("domain", address), "links": Take("links", count)})
SET = ("me.com", "b.com", "c.com")


@dataclass(frozen=True)
class FakeCall:
    """Says in the request what it was asked; an answer is rows, or an object with more about them."""

    def request(self, targets: Sequence[str], window: Window) -> Request:
        asked = {"targets": ",".join(targets), "begin": str(window.begin), "limit": str(window.limit)}
        return Request(path="/list", query=tuple({**asked, "token": window.token or ""}.items()))

    def answer(self, targets: Sequence[str], request: Request, reply: Reply) -> Answer:
        body = parse(reply.body)
        rows = [Row(data.get("target", targets[0]), data) for data in body.pop("rows")]
        units = body.pop("units", len(rows))
        missing = tuple(body.pop("missing", ()))
        return Answer(rows=rows, units=units, missing=missing, **body)


def keep(_: Reply) -> Verdict:
    return Verdict(action=Action.KEEP)


def listing(**more: Any) -> Listing:
    usual: dict[str, Any] = {
        "call": FakeCall(),
        "judge_reply": keep,
        "shape": SHAPE,
        "paging": Paging(page_rows=10),
        "tariff": Tariff(row_units=1),
    }
    return Listing(**(usual | more))


def step_of(*targets: str, cursor: Cursor | None = None, **allowance: Any) -> Step:
    task = Task(id="t", harvest="h", targets=targets or ("a.com",))
    return Step(task=task, cursor=cursor or {}, allowance=Allowance(**allowance))


def asked(of: Listing, step: Step) -> Mapping[str, str]:
    request = of.ask(step)
    assert request is not None
    return dict(request.query)


def page_of(of: Listing, step: Step, rows: int = 0, **body: Any) -> Page:
    """Return the page of an answer with so many rows."""
    request = of.ask(step)
    assert request is not None
    found = {"rows": [{"domain": f"{number}.example"} for number in range(rows)], **body}
    return of.read(step, request, reply(found))


# Money


tariffs = st.builds(
    Tariff,
    request_units=st.integers(0, 50),
    row_units=st.integers(0, 5),
    least_units=st.integers(0, 60),
    least_rows=st.integers(0, 2),
)


@settings(max_examples=60)
@given(tariff=tariffs, units=st.none() | st.integers(0, 200), rows=st.none() | st.integers(1, 30))
def test_a_request_holds_what_it_can_cost_and_never_more_than_it_may(
    tariff: Tariff, units: int | None, rows: int | None
) -> None:
    request = listing(tariff=tariff).ask(step_of(units=units, rows=rows))
    if request is None:
        assert units is not None
        assert tariff.units(1) > units
        return
    assert request.most_rows is not None
    assert request.most_units == tariff.units(request.most_rows)
    assert 1 <= request.most_rows <= min(10, rows or 10)
    assert units is None or request.most_units <= units
    fits_more = request.most_rows < min(10, rows or 10)
    assert not fits_more or tariff.units(request.most_rows + 1) > (units or 0)


def test_prices_that_the_account_tells_are_used() -> None:
    tariff = Tariff(request_units=20, row_units=3, name="links")
    assert tariff.known({"links.request": 24, "links.row": 4, "other.row": 9}).units(2) == 32
    assert tariff.known({}).units(2) == 26
    assert replace(tariff, name=None).known({"links.row": 9}).units(2) == 26
    request = listing(tariff=tariff).ask(step_of(facts={"links.row": 4}))
    assert request is not None
    assert request.most_units == 20 + 4 * 10


# Pages


def test_a_list_is_asked_page_by_page_to_its_end() -> None:
    of = listing()
    assert asked(of, step_of()) == {"targets": "a.com", "begin": "0", "limit": "10", "token": ""}
    first = page_of(of, step_of(), 10)
    assert (first.next, first.units, first.incomplete, first.note) == ({"begin": 10}, 10, None, None)
    second = step_of(cursor=first.next)
    assert asked(of, second)["begin"] == "10"
    assert page_of(of, second, 3).next is None


def test_what_an_answer_tells_goes_into_the_next_request() -> None:
    of = listing(paging=Paging(page_rows=10, last_begin=20, has_token=True))
    page = page_of(of, step_of(), 10, total=35, token="go on")
    assert page.next == {"begin": 10, "total": 35, "token": "go on", "limit": 10}
    assert asked(of, step_of(cursor=page.next))["token"] == "go on"


def test_an_empty_first_page_is_no_data_and_an_empty_later_one_the_end() -> None:
    of = listing()
    assert page_of(of, step_of()).note == "no data"
    later = page_of(of, step_of(cursor={"begin": 10}))
    assert (later.next, later.note, later.incomplete) == (None, None, None)


def test_what_the_provider_calls_partial_or_cannot_reach_is_incomplete() -> None:
    assert page_of(listing(), step_of(), 3, incomplete="partial").incomplete == "partial"
    of = listing(paging=Paging(page_rows=10, end=10))
    assert page_of(of, step_of(), 10, total=30).incomplete == "the provider gives the first 10 rows of 30 and no more"


def test_what_cannot_be_reached_is_not_missing_if_it_is_not_wanted() -> None:
    of = listing(paging=Paging(page_rows=10, end=10))
    page = page_of(of, step_of(rows=10), 10, total=30)
    assert (page.next, page.incomplete, page.note) == (None, None, "max_rows")


def test_rows_beyond_what_is_wanted_are_left_out() -> None:
    of = listing(paging=Paging(page_rows=10, last_begin=0, has_token=True))
    cursor = {"begin": 10, "token": "x", "limit": 10}
    assert len(page_of(of, step_of(cursor=cursor, rows=4), 10).rows) == 4


# Batches


def batch(**more: Any) -> Listing:
    return listing(paging=Paging(page_rows=1, is_single=True), targets_per_task=3, **more)


def test_a_batch_is_one_request_about_all_its_targets() -> None:
    request = batch().ask(step_of(*SET))
    assert request is not None
    assert (dict(request.query)["targets"], request.most_rows, request.most_units) == ("me.com,b.com,c.com", 3, 3)
    rows = [{"target": name, "domain": "x.example"} for name in SET]
    page = batch().read(step_of(*SET), request, reply({"rows": rows}))
    assert ([row.target for row in page.rows], page.next, page.incomplete) == (list(SET), None, None)


def test_targets_of_a_batch_without_a_row_are_named() -> None:
    page = page_of(batch(), step_of(*SET), 2, missing=["b.com"])
    assert (page.next, page.incomplete) == (None, "no row came for b.com")
    page = page_of(batch(), step_of(*"abcde"), 0, missing=list("abcde"))
    assert page.incomplete == "no row came for a, b, c and 2 more"


def test_targets_without_a_row_can_be_asked_about_again_each_alone() -> None:
    of = batch(asks_again=True)
    page = page_of(of, step_of(*SET), 1, missing=["b.com", "c.com"])
    assert (page.next, page.incomplete) == ({"again": ["b.com", "c.com"]}, None)
    step = step_of(*SET, cursor=page.next)
    assert asked(of, step) == {"targets": "b.com", "begin": "0", "limit": "1", "token": ""}
    page = page_of(of, step, 1)
    assert ([row.target for row in page.rows], page.next) == (["b.com"], {"bare": [], "again": ["c.com"]})
    page = page_of(of, step_of(*SET, cursor=page.next), 0, missing=["c.com"])
    assert (page.next, page.incomplete, page.note) == (None, None, "no data for c.com")
    cursor = {"bare": list("vwxy"), "again": ["z"]}
    assert page_of(of, step_of(*SET, cursor=cursor), 1).note == "no data for v, w, x and 1 more"


def test_a_target_that_is_refused_alone_is_named_and_the_others_are_still_asked_about() -> None:
    def judge(answer: Reply) -> Verdict:
        is_refused = answer.status == 400
        return Verdict(action=Action.SET_ASIDE if is_refused else Action.KEEP, why="malformed", units=0)

    of = batch(asks_again=True, judge_reply=judge)
    step = step_of(*SET, cursor={"again": ["b.com", "c.com"]})
    request, refusal = of.ask(step), reply({}, status=400)
    assert request is not None
    assert of.judge(step, request, refusal).action is Action.KEEP
    page = of.read(step, request, refusal)
    assert (page.rows, page.units, page.incomplete) == ((), 0, "b.com: malformed")
    assert page.next == {"bare": ["b.com"], "again": ["c.com"]}
    assert of.judge(step_of(*SET), request, refusal).action is Action.SET_ASIDE


def test_a_batch_that_was_drawn_with_another_size_is_still_a_batch() -> None:
    of = replace(batch(asks_again=True, proof=PROOF), targets_per_task=1)
    page = page_of(of, step_of(*SET), 1, missing=["b.com", "c.com"])
    assert page.next == {"again": ["b.com", "c.com"]}
    after = proof_of(of, {"again": ["b.com", "c.com"], "is_short": True}, 20, *SET)
    assert after.next == {"bare": ["b.com"], "again": ["c.com"]}


def test_rows_that_the_report_is_not_about_say_that_its_filter_was_not_honoured() -> None:
    of = listing(is_meant=lambda row: row["domain"] != "1.example")
    assert page_of(of, step_of(), 1).incomplete is None
    said = page_of(of, step_of(), 3).incomplete or ""
    assert said.startswith("1 rows are not what the report is about")


def test_a_single_target_without_a_row_has_no_data_and_is_not_asked_again() -> None:
    page = page_of(batch(asks_again=True), step_of("a.com"), 0, missing=["a.com"])
    assert (page.next, page.incomplete, page.note) == (None, None, "no data")


# Sets


def test_each_object_of_an_overlap_becomes_a_row_for_each_target() -> None:
    objects = [{"n": [2, 0, 1]}, {"n": [1]}, {"n": None}]
    rows = overlap_rows(SET, objects, lambda data: data["n"])
    assert [(row.target, row.known.get("links"), row.known.get("matches")) for row in rows] == [
        ("me.com", 2, 2),
        ("b.com", 0, 2),
        ("c.com", 1, 2),
        ("", None, None),
        ("", None, None),
    ]
    assert {row.known["set_id"] for row in rows if row.target} == {set_id(SET)}
    assert set_id(SET) != set_id(tuple(reversed(SET)))
    assert all(row.data is objects[0] for row in rows[:3])


def test_rows_wanted_of_a_set_are_asked_for_as_the_provider_counts_them() -> None:
    of = listing(is_spread=True)
    assert asked(of, step_of(*SET, rows=7))["limit"] == "3"
    page = page_of(of, step_of(*SET), 9, length=10)
    assert page.next == {"begin": 10}


# Proofs


def units_said(answer: Reply) -> int | None:
    said: int | None = parse(answer.body)
    return said


BALANCE = Request(path="/balance")
PROOF = Proof(request=BALANCE, units_left=units_said, unseen_pages=2)  # pages are 10 units each, so 20 are enough
PROVEN = listing(proof=PROOF)
SHORT = {"begin": 4, "is_short": True}


def proof_of(of: Listing, cursor: Cursor, units_left: int | None, *targets: str, is_continued: bool = True) -> Page:
    """Return the page that a balance is."""
    step = replace(step_of(*targets, cursor=cursor, units=0), is_continued=is_continued)
    assert of.ask(step) == BALANCE
    assert of.judge(step, BALANCE, reply(units_left)).action is Action.KEEP
    return of.read(step, BALANCE, reply(units_left))


def test_a_page_with_too_few_rows_is_followed_by_the_free_question() -> None:
    page = page_of(PROVEN, step_of(), 4)
    assert (page.next, page.note) == (SHORT, None)
    assert PROVEN.ask(step_of(cursor=page.next, units=0)) == BALANCE


def test_a_full_page_and_one_that_says_the_list_has_ended_need_no_proof() -> None:
    assert page_of(PROVEN, step_of(), 10).next == {"begin": 10}
    assert page_of(PROVEN, step_of(), 0, is_end=True).next is None


def test_a_list_has_ended_if_the_account_could_have_paid_for_more() -> None:
    page = proof_of(PROVEN, SHORT, 20)
    assert page == Page(rows=(), next=None, units=0)
    assert proof_of(PROVEN, page_of(PROVEN, step_of(), 0).next or {}, 20).note == "no data"


@pytest.mark.parametrize("cursor", [SHORT, {**SHORT, "begin": 0}, {**SHORT, "is_twice": True}])
def test_an_account_that_cannot_pay_for_a_row_stops_the_work_and_not_the_list(cursor: Cursor) -> None:
    verdict = PROVEN.judge(step_of(cursor=cursor), BALANCE, reply(0))
    assert (verdict.action, verdict.units_left) == (Action.SHRINK, 0)
    assert "the account has 0 units left" in verdict.why


def test_a_balance_that_cannot_be_had_stops_nothing_unless_it_was_asked_too_fast() -> None:
    def refuse(action: Action) -> Action:
        of = replace(PROVEN, judge_reply=lambda _: Verdict(action=action))
        return of.judge(step_of(cursor=SHORT), BALANCE, reply(None)).action

    assert {refuse(action) for action in (Action.STOP_LANE, Action.AGAIN, Action.SET_ASIDE)} == {Action.KEEP}
    assert refuse(Action.PAUSE) is Action.PAUSE


@pytest.mark.parametrize("units_left", [1, 19, None])
def test_a_balance_that_may_be_late_lets_the_list_be_asked_for_once_more_from_there(units_left: int | None) -> None:
    again = proof_of(PROVEN, SHORT, units_left).next
    assert again == {"begin": 4, "is_again": True}
    assert asked(PROVEN, step_of(cursor=again))["begin"] == "4"
    assert page_of(PROVEN, step_of(cursor=again), 0, is_end=True).next is None
    assert page_of(PROVEN, step_of(cursor=again), 10).next == {"begin": 14}
    assert page_of(PROVEN, step_of(cursor=again), 3).next == {"begin": 7, "is_short": True}
    twice = page_of(PROVEN, step_of(cursor=again), 0).next
    assert twice == {**SHORT, "is_twice": True}
    page = proof_of(PROVEN, twice, units_left)
    assert page.next is None
    assert page.incomplete == "fewer rows came than were asked for, and whether the account ran empty cannot be told"
    assert proof_of(PROVEN, twice, 20).incomplete is None


@pytest.mark.parametrize("cursor", [SHORT, {**SHORT, "is_twice": True}])
def test_a_balance_says_nothing_of_another_key_or_of_a_run_before(cursor: Cursor) -> None:
    page = proof_of(PROVEN, cursor, 10**9, is_continued=False)
    assert (page.next, page.incomplete) == ({"begin": 4, "is_again": True}, None)


def test_fewer_rows_are_proven_by_a_smaller_balance() -> None:
    assert proof_of(listing(proof=PROOF, max_rows=3), SHORT, 6).next is None


def test_a_target_of_a_batch_without_a_row_is_proven_alone() -> None:
    of = batch(asks_again=True, proof=PROOF)
    first = page_of(of, step_of(*SET), 1, missing=["b.com", "c.com"])
    assert first.next == {"again": ["b.com", "c.com"]}
    short = page_of(of, step_of(*SET, cursor=first.next), 0, missing=["b.com"]).next
    assert short == {"bare": [], "again": ["b.com", "c.com"], "is_short": True}
    once_more = proof_of(of, short, 1, *SET).next
    assert once_more == {"bare": [], "again": ["b.com", "c.com"], "is_again": True}
    twice = page_of(of, step_of(*SET, cursor=once_more), 0, missing=["b.com"]).next
    assert proof_of(of, twice or {}, 1, *SET).incomplete
    after = proof_of(of, short, 20, *SET).next
    assert after == {"bare": ["b.com"], "again": ["c.com"]}
    last = page_of(of, step_of(*SET, cursor=after), 0, missing=["c.com"], is_end=True)
    assert (last.next, last.note) == (None, "no data for b.com, c.com")


def test_a_batch_of_one_target_without_a_row_has_no_data() -> None:
    of = batch(asks_again=True, proof=PROOF)
    short = page_of(of, step_of("a.com"), 0, missing=["a.com"]).next
    assert short == {"bare": [], "again": ["a.com"], "is_short": True}
    page = proof_of(of, short, 20, "a.com")
    assert (page.next, page.note) == (None, "no data")


# Records and forecasts


def test_a_record_knows_what_report_and_answer_say_beside_the_row() -> None:
    of = listing(given={"country": "DE", "links": 1})
    record = of.record_of(Row("a.com", {"domain": "x.example"}, {"links": 7}), NOON)
    assert (record["domain"], record["country"], record["links"]) == ("x.example", "DE", 7)
    assert of.record == "refdomain"
    assert of.judge(step_of(), Request(path="/"), reply({})) == keep(reply({}))


def test_a_row_of_no_target_is_unreadable() -> None:
    with pytest.raises(UnreadableRow, match="which target"):
        listing().record_of(Row("", {"domain": "x.example"}), NOON)


PRICE = Tariff(request_units=5, row_units=2, least_units=7)


@pytest.mark.parametrize(
    ("of", "rows", "forecast"),
    [
        (listing(tariff=PRICE), None, (1, None, 7, None)),
        (listing(tariff=PRICE), 25, (1, 3, 7, 2 * 25 + 15)),
        (listing(tariff=PRICE, max_rows=10), 99, (1, 1, 7, 25)),
        (listing(tariff=PRICE, proof=PROVEN.proof), 3, (1, 2, 7, 11)),
        (listing(tariff=PRICE, paging=Paging(page_rows=10, end=20)), None, (1, 2, 7, 2 * 25)),
        (batch(tariff=PRICE), None, (1, 1, 7, 11)),
        (listing(tariff=Tariff(request_units=40), paging=Paging(page_rows=1, is_single=True)), None, (1, 1, 40, 40)),
    ],
)
def test_a_forecast_counts_pages_and_rows(
    of: Listing, rows: int | None, forecast: tuple[int, int | None, int, int | None]
) -> None:
    assert of.forecast(Outlook(rows=rows)) == Forecast(
        least_requests=forecast[0], most_requests=forecast[1], least_units=forecast[2], most_units=forecast[3]
    )
