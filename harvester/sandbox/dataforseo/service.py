"""DataForSEO v3 Backlinks as a contract (reference, sections 0 to 11): routes, tasks, refusals.

A request holds an array of tasks, of which the first is run: read (40501), answered, priced by its rows, refused if the
balance does not cover that, charged and noted in the log of its key. HTTP 200 says nothing about any of it. Whatever
the reference leaves open is a switch (`terms.py`).
"""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from harvester import codec
from harvester.sandbox.account import Account, parse_rate
from harvester.sandbox.contract import MAIN_RATE, Answer, Asked, Contract, Refusal, Terms
from harvester.sandbox.dataforseo.appendix import Bill, Standing, available_filters, errors, index, status, user_data
from harvester.sandbox.dataforseo.envelope import Dumped, Outcome, Task, envelope, micro_usd, refused
from harvester.sandbox.dataforseo.log import TaskLog
from harvester.sandbox.dataforseo.params import Params
from harvester.sandbox.dataforseo.reports import LISTINGS, REPORTS
from harvester.sandbox.dataforseo.shelf import Shelf
from harvester.sandbox.dataforseo.tasks import Declined, Order, Till, read_tasks
from harvester.sandbox.dataforseo.terms import MESSAGES, Blame, DataforseoSwitches
from harvester.sandbox.facts import Dice
from harvester.sandbox.world import World

LOGIN = "tester@harvester.example"

_USER_DATA = "/v3/appendix/user_data"
#: Endpoints with a rate of their own beside the account's (section 3).
_OWN_RATES = {_USER_DATA: "user_data", "/v3/backlinks/errors": "errors", "/v3/appendix/status": "status"}
#: How many lists of tasks must have been asked for before a task is in one; None = it never is.
_LISTINGS: Mapping[str, int | None] = {"at_once": 1, "late": 2, "never": None}
_FURTHER_RATES = {"user_data": "6/minute", "errors": "10/minute", "status": "10/minute"}
_PAGE_502 = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request at work: whose it is and when it came."""

    asked: Asked
    account: Account
    log: TaskLog
    now: datetime


class Dataforseo:
    """DataForSEO at work on a world."""

    def __init__(self, world: World, terms: Terms, clock: Callable[[], datetime] = _utc_now) -> None:
        self._world = world
        self._switches: DataforseoSwitches = terms.switches
        self._clock = clock  # tasks are dated by the client's day, whatever day the world shows
        self._logs: dict[str, TaskLog] = {}
        self._bill = Bill(
            per_request_micro=micro_usd(self._switches.price_per_request, what="price_per_request"),
            per_row_micro=micro_usd(self._switches.price_per_row, what="price_per_row"),
            daily_limit_micro=micro_usd(self._switches.daily_limit, what="daily_limit"),
        )
        self._till = Till(Shelf(world), self._switches, self._bill)
        self.rate = replace(terms.rate, is_fixed=self._switches.fixed_window)
        self.has_stray_refusals = self._switches.stray_refusals

    def key_of(self, asked: Asked) -> str | None:
        """Return the password of HTTP Basic where the login is right."""
        scheme, _, text = asked.headers.get("authorization", "").partition(" ")
        try:
            login, colon, password = base64.b64decode(text.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return password if scheme.lower() == "basic" and colon and login == LOGIN else None

    def is_balance(self, asked: Asked) -> bool:
        """Return True for user_data."""
        return asked.path == _USER_DATA

    def rates_of(self, asked: Asked) -> Sequence[str]:
        """Return the account's rate, and the endpoint's own where it has one."""
        own = _OWN_RATES.get(asked.path)
        return (MAIN_RATE,) if own is None else (MAIN_RATE, own)

    def answer(self, asked: Asked, account: Account) -> Answer:
        """Answer a request of a known key that is within its rate, and charge what it costs."""
        log = self._logs.setdefault(account.key, TaskLog(account.key))
        visit = Visit(asked=asked, account=account, log=log, now=self._clock())
        headers = self._rate_headers(log.calls_left(self.rate, visit.now))
        if self._switches.unverified != "no":
            return refused(int(self._switches.unverified), 40104, headers=headers)
        try:
            tasks = self._tasks(visit)
        except Blame as exc:
            return refused(200, exc.code, str(exc), headers)
        except Declined as exc:
            return refused(exc.status, exc.code, headers=headers)
        return refused(404, 40402, headers=headers) if tasks is None else envelope(tasks, headers)

    def refuse(self, refusal: Refusal, wait_s: float = 0.0, asked: Asked | None = None) -> Answer:
        """Return DataForSEO's words for a refusal; it never says how long to wait."""
        if refusal is Refusal.BAD_GATEWAY:
            return Answer(status=502, body=_PAGE_502, headers={"Content-Type": "text/html"})
        http_status, code = {
            Refusal.BAD_KEY: (401, 40100),
            Refusal.TOO_FAST: (int(self._switches.too_fast_status), 40202),
            Refusal.TOO_MANY_OPEN: (200, 40209),
            Refusal.INTERNAL: (int(self._switches.internal_status), 50000),
        }[refusal]
        return refused(http_status, code, headers=self._rate_headers(0) if code == 40202 else {})

    def _rate_headers(self, left: int) -> dict[str, str]:
        if not self._switches.rate_headers or self.rate.calls is None:
            return {}
        return {"X-RateLimit-Limit": str(self.rate.calls), "X-RateLimit-Remaining": str(left)}

    def _tasks(self, visit: Visit) -> list[Task] | None:
        """Return what became of the tasks of a request; None if there is no such path. Raises Blame, Declined."""
        method, path = visit.asked.method, visit.asked.path
        if method == "GET":
            read = self._reads().get(path)
            return None if read is None else [_task(visit, {}, _free(read(visit)))]
        name = path.removeprefix("/v3/backlinks/").removesuffix("/live")
        is_report = name in REPORTS and path == f"/v3/backlinks/{name}/live"
        if method != "POST" or not (is_report or path in ("/v3/backlinks/id_list", "/v3/backlinks/errors")):
            return None
        first, *others = read_tasks(visit.asked.body)
        task = self._run(visit, name, first) if is_report else _task(visit, first, self._look_up(visit, name, first))
        refused = Outcome(code=40000, message=MESSAGES[40000])
        return [task, *(_task(visit, sent, refused) for sent in others)]

    def _run(self, visit: Visit, name: str, sent: Mapping[str, Any]) -> Task:
        """Run one task of a report. Raises Declined."""
        task = _task(visit, sent, Outcome())
        order = Order(name=name, sent=sent, number=visit.asked.number, now=visit.now)
        return replace(task, outcome=self._till.run(order, visit.account, visit.log, task.id))

    def _look_up(self, visit: Visit, name: str, sent: Mapping[str, Any]) -> Outcome:
        """Answer `id_list` or `errors`."""
        params = Params(sent)
        try:
            if name == "errors":
                return _free(visit.log.failed(params, visit.now))
            return _free(visit.log.listed(params, visit.now, least=_LISTINGS[self._switches.listing]))
        except Blame as exc:
            return Outcome(code=exc.code, message=str(exc))

    def _reads(self) -> Mapping[str, Callable[[Visit], Sequence[Any]]]:
        """Return what answers each GET."""
        return {
            _USER_DATA: lambda visit: [user_data(self._standing(visit))],
            "/v3/appendix/status": lambda _visit: status(),
            "/v3/appendix/errors": lambda _visit: errors(),
            "/v3/backlinks/index": lambda _visit: [index(self._world)],
            "/v3/backlinks/available_filters": lambda _visit: [available_filters(LISTINGS)],
        }

    def _standing(self, visit: Visit) -> Standing:
        return Standing(
            login=LOGIN,
            account=visit.account,
            rate=self.rate,
            further={name: parse_rate(text).calls or 0 for name, text in _FURTHER_RATES.items()},
            bill=self._bill,
            log=visit.log,
            functions=tuple(REPORTS),
            now=visit.now,
            are_numbers_texts=self._switches.user_data_numbers == "strings",
        )


def _task(visit: Visit, sent: Mapping[str, Any], outcome: Outcome) -> Task:
    """Return a task with a new id, and the echo of what was sent: defaults are not filled in."""
    path = visit.asked.path.strip("/").split("/")
    echo = {"api": path[1], "function": path[2], **sent}
    task_id = visit.log.mint(path[2], visit.now)
    time_s = Dice("task time", task_id).number(0, 77, 6000) / 10_000
    return Task(id=task_id, path=path, data=Dumped(codec.dump(echo)), outcome=outcome, time_s=time_s)


def _free(result: Sequence[Any]) -> Outcome:
    return Outcome(result=result, result_count=len(result))


DATAFORSEO = Contract(
    name="dataforseo",
    prefix="/dataforseo",
    base_path="/v3",
    key="sandbox-dataforseo-password",
    login=LOGIN,
    howto=f"export DATAFORSEO_LOGIN={LOGIN} DATAFORSEO_PASSWORD={{key}}",
    rate="2000/minute",
    further_rates=_FURTHER_RATES,
    in_flight=30,
    units=100_000_000,  # micro-dollars
    switches=DataforseoSwitches,
    open=Dataforseo,
)
