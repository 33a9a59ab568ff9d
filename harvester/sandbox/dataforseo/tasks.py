"""One task from its parameters to its price and its place in the log (reference, sections 2, 4 and 9)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harvester import codec
from harvester.errors import UnknownReply, UnreadableRow
from harvester.sandbox.account import Account
from harvester.sandbox.dataforseo.appendix import Bill
from harvester.sandbox.dataforseo.envelope import Dumped, Outcome
from harvester.sandbox.dataforseo.log import TaskLog
from harvester.sandbox.dataforseo.params import Params
from harvester.sandbox.dataforseo.reports import REPORTS
from harvester.sandbox.dataforseo.shelf import Call, Found, Shelf
from harvester.sandbox.dataforseo.terms import MESSAGES, Blame, DataforseoSwitches

_MOST_TASKS = 100
_LARGE_ROWS = 100


class Declined(Exception):
    """The whole request is refused for want of money, with this HTTP status and code."""

    def __init__(self, status: int, code: int) -> None:
        super().__init__(MESSAGES[code])
        self.status = status
        self.code = code


def read_tasks(body: bytes) -> list[Mapping[str, Any]]:
    """Return the tasks of a request without the parameters that are null. Raises Blame of the whole request."""
    if not body.strip():
        raise Blame(40502)
    try:
        tasks = codec.parse(body)
        codec.dump(tasks)
    except (UnknownReply, UnreadableRow):
        raise Blame(40503) from None
    if isinstance(tasks, dict):  # a bare task: the array around it is missing (section 1)
        raise Blame(40501)
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise Blame(40503)
    if not tasks:
        raise Blame(40502)
    if len(tasks) > _MOST_TASKS:
        raise Blame(40006)
    return [{name: value for name, value in task.items() if value is not None} for task in tasks]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A task that is to be run: which report, what was sent, and when."""

    name: str
    sent: Mapping[str, Any]
    number: int  #: how many requests arrived before it
    now: datetime


class Till:
    """Runs tasks and charges them."""

    def __init__(self, shelf: Shelf, switches: DataforseoSwitches, bill: Bill) -> None:
        self._shelf = shelf
        self._switches = switches
        self._bill = bill

    def run(self, order: Order, account: Account, log: TaskLog, task_id: str) -> Outcome:
        """Run a task, charge it and note it. Raises Declined."""
        try:
            outcome = self._sell(order, account, log)
        except Blame as exc:
            outcome = Outcome(code=exc.code, message=str(exc))
        account.charge(outcome.cost_micro)
        log.note(task_id, order.name, order.sent, outcome, order.now)
        return outcome

    def _sell(self, order: Order, account: Account, log: TaskLog) -> Outcome:
        """Return what a task comes to and costs. Raises Blame and Declined."""
        found = self._find(order)
        is_timeout = self._is_timeout(order, account)
        if is_timeout and not self._switches.timeouts_cost:
            raise Blame(50401)
        is_partial = self._switches.partial and found.is_list and found.rows > 1
        if is_partial:
            found = _halved(found)
        cost_micro = self._cost(found)
        self._check_funds(cost_micro, order, account, log)
        if is_timeout:
            return Outcome(code=50401, message=MESSAGES[50401], cost_micro=cost_micro)
        code = 40106 if is_partial else 20000
        result, count = self._shown(found)
        return Outcome(
            code=code,
            message=MESSAGES[code],
            cost_micro=cost_micro,
            result=result,
            result_count=count,
            rows=found.rows if found.result is not None else 0,
        )

    def _find(self, order: Order) -> Found:
        """Return what a report finds. Raises Blame."""
        report = REPORTS[order.name]
        if self._switches.unknown_fields == "40506" and set(order.sent) - set(report.names):
            raise Blame(40506)
        params = Params({name: value for name, value in order.sent.items() if name in report.names})
        call = Call(name=order.name, params=params, shelf=self._shelf, switches=self._switches, number=order.number)
        call.check()
        return report.find(call, order.now)

    def _is_timeout(self, order: Order, account: Account) -> bool:
        """Return True if the server gives up on this task, by the switch."""
        if self._switches.timeouts == "large":
            targets = order.sent.get("targets", ())
            return bool(max(order.sent.get("limit", 0), len(targets)) > _LARGE_ROWS)
        if self._switches.timeouts == "never":
            return False
        payload = {name: value for name, value in order.sent.items() if name != "tag"}
        digest = hashlib.blake2b(codec.dump([order.name, payload]), digest_size=16).digest()
        is_first = digest not in account.cached
        account.remember(digest, order.number)
        return is_first

    def _cost(self, found: Found) -> int:
        """Return what the rows cost, in micro-dollars; without any it is what one would, or by the switch less."""
        if found.rows or self._switches.empty_costs == "one_row":
            return self._bill.cost(max(1, found.rows))
        return self._bill.cost(0) if self._switches.empty_costs == "base" else 0

    def _check_funds(self, cost_micro: int, order: Order, account: Account, log: TaskLog) -> None:
        """Raise Blame or Declined if the account does not cover the cost."""
        limit_micro = self._bill.daily_limit_micro
        if limit_micro and log.spent_on(order.now.date()) + cost_micro > limit_micro:
            account.refused_for_units += 1
            raise Blame(40203)
        if cost_micro <= account.units_left:
            return
        account.refused_for_units += 1
        if self._switches.no_funds == "task_40210":
            raise Blame(40210)
        raise Declined(402, 40200) if self._switches.no_funds == "http_402" else Declined(200, 40210)

    def _shown(self, found: Found) -> tuple[Any, int]:
        """Return `result` and `result_count`; a list without rows has one of several shapes, by the switch."""
        if found.result is None:
            return None, 0
        result, shape = found.result, self._switches.empty_list
        if found.is_list and not found.rows:
            if shape == "result_null":
                return None, 0
            if shape in ("result_empty", "result_of_null"):
                return ([], 0) if shape == "result_empty" else ([None], 1)
            if shape in ("items_null", "counts_null"):
                result = {**result, "items": None}
            if shape == "counts_null":
                result = {name: None if name.endswith("_count") else value for name, value in result.items()}
        return Dumped(codec.dump([result])), 1


def _halved(found: Found) -> Found:
    """Return the first half of a list's rows."""
    assert found.result is not None
    items = found.result["items"][: (found.rows + 1) // 2]
    return Found({**found.result, "items_count": len(items), "items": items}, len(items))
