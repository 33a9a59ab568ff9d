"""What is not certain about Ahrefs, as switches, and how a request is blamed."""

from dataclasses import dataclass
from typing import Literal


class BadQuery(Exception):
    """The request is at fault: 400 with this text, nothing charged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AhrefsSwitches:
    """One field for each thing that Ahrefs' documents leave open; the default is what seems most likely."""

    balance_lag_s: float = 0.0  #: how long a charge is missing from what the account says of itself
    retry_after: bool = False  #: 429 carries Retry-After
    html_429: bool = False  #: 429 is a page of the proxy, not JSON
    stray_429: bool = False  #: injected faults include a 429 within the rate ("dynamic throttling")
    fixed_window: bool = False  #: the rate's window begins at whole minutes, not anywhere
    shared_window: bool = False  #: all keys together have one rate
    balance_counts: bool = False  #: limits-and-usage counts toward the rate
    missing_headers: bool = False  #: answers say nothing about their cost
    cost_row_floor: bool = False  #: below 50 units, x-api-units-cost-row is floor(50 / rows)
    charge_empty: bool = True  #: an answer without rows costs 50
    cache: bool = True  #: the same request again costs nothing
    timestamps_in_where: Literal["full", "refuse", "day"] = (
        "full"  #: a full timestamp counts; is a 400; is cut to its day
    )
    dates_in_where: Literal["midnight", "day"] = (
        "midnight"  #: a date stands for its first second, or for all of the day
    )
    integers_as_booleans: bool = False  #: `where` takes 1 for true
    grouping: Literal["after_where", "before_where"] = "after_where"  #: `where` picks links, or the rows made of them
    order_first_column_only: bool = True  #: further columns of order_by have no effect
    default_direction: Literal["asc", "desc"] = "desc"  #: of order_by, where none is given
    unordered_order: Literal["stable", "shuffled"] = "stable"  #: rows that order_by leaves open: always the same order?
    history_order: Literal["asc", "desc"] = "asc"  #: of the rows of *-history reports
    null_fields: Literal["present", "dropped"] = "present"  #: a selected field that is null
    missing_target: Literal["empty", "404"] = "empty"  #: a target without any link
    batch_missing: bool = False  #: one target in seven is left out of a batch answer
    reset_date_form: Literal["datetime", "date"] = "datetime"  #: of usage_reset_date
    insufficient_plan: str = ""  #: reports that the plan does not include (403), joined by "+"
