"""What is not certain about DataForSEO as switches, its codes, and how a task is blamed (reference, section 9)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

#: `GET /v3/appendix/errors`; texts as far as a public source shows them.
MESSAGES: Mapping[int, str] = {
    20000: "Ok.",
    20100: "Task Created.",
    40000: "You can set only one task at a time.",
    40006: "You can set no more than 100 tasks at a time.",
    40100: "You are not Authorized to Access this Resource.",
    40101: "Internal SE Error.",
    40102: "No Search Results.",
    40103: "Task Execution Failed.",
    40104: "Please Verify Your Account.",
    40106: "Task Completed with Partial Results.",
    40200: "Payment Required.",
    40201: "Account Is Temporarily Blocked.",
    40202: "Rate Limit per Minute Exceeded.",
    40203: "Cost Limit per Day Exceeded.",
    40204: "Access Denied. Visit Plans and Subscriptions to Activate Your Subscription.",
    40205: "Duplicate Task Limit per Hour Exceeded.",
    40206: "Duplicate Task Limit per Day Exceeded.",
    40207: "Access Denied. Your IP Is Not Whitelisted.",
    40209: "Too Many Simultaneous Queries.",
    40210: "Insufficient Funds.",
    40400: "Not Found.",
    40401: "Task Not Found.",
    40402: "Invalid Path.",
    40403: "Results Expired.",
    40404: "No Prepared Sandbox Data.",
    40501: "Invalid Field.",
    40502: "POST Data Is Empty.",
    40503: "POST Data Is Invalid.",
    40506: "Unknown Fields in POST Data.",
    50000: "Internal Error.",
    50001: "Internal Error While Checking the Balance.",
    50100: "Not Implemented.",
    50301: "3rd Party API Service Unavailable.",
    50303: "Update in Progress.",
    50304: "Function Is Temporarily Unavailable.",
    50401: "Internal Service Timeout.",
}


class Blame(Exception):
    """The task, or the whole request, fails with this code."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message or MESSAGES[code])
        self.code = code


def invalid(field: str) -> Blame:
    """Return the blame of one field, as the captures word it: `Invalid Field: 'date_from'.`"""
    return Blame(40501, f"Invalid Field: '{field}'.")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataforseoSwitches:
    """One field for each thing the reference leaves open or calls an account's setting; the default is likeliest."""

    balance_lag_s: float = 0.0  #: how long a charge is missing from what the account says of itself
    # Money
    price_per_request: str = "0.024"  #: USD; until 2026-06-30 it was 0.02, on the sandbox host it is 0
    price_per_row: str = "0.000036"  #: USD; until 2026-06-30 it was 0.00003
    empty_costs: Literal["one_row", "base", "nothing"] = "one_row"  #: a list without rows
    no_funds: Literal["task_40210", "envelope_40210", "http_402"] = "task_40210"  #: the balance does not cover the cost
    daily_limit: str = "0"  #: USD in a UTC day, then 40203; 0 = none

    # Refusals
    too_fast_status: Literal["200", "429"] = "200"  #: HTTP status of 40202
    internal_status: Literal["500", "200"] = "500"  #: HTTP status of 50000
    unverified: Literal["no", "403", "401"] = "no"  #: 40104 to everything, at this HTTP status
    stray_refusals: bool = False  #: injected faults include a 40202 within the rate
    fixed_window: bool = False  #: the rate's window begins at whole minutes, not anywhere
    rate_headers: bool = False  #: X-RateLimit-Limit and X-RateLimit-Remaining on answers and on 40202
    timeouts: Literal["never", "first_attempt", "large"] = "never"  #: 50401: once per payload, or above 100 rows asked
    timeouts_cost: bool = False  #: a task that ended in 50401 is billed although nothing came of it
    partial: bool = False  #: lists end in 40106 with the first half of the page

    # Requests
    unknown_fields: Literal["ignored", "40506"] = "ignored"
    mixed_logic: Literal["left_to_right", "and_first", "refused"] = "left_to_right"  #: and, or at one level of a filter
    unlisted_filters: bool = False  #: fields of a link that the filter list leaves out can be filtered by
    grouping: Literal["after_filters", "before_filters"] = "after_filters"  #: do filters pick links, or grouped rows?
    offset_cap: Literal["backlinks", "everywhere"] = "backlinks"  #: where 20,000 is the most
    offset_beyond: Literal["40501", "empty"] = "40501"  #: what comes above it
    token_binds_tag: bool = False  #: a search_after_token is refused under another `tag`
    tokens_expire: bool = False  #: a search_after_token lives ten minutes

    # Answers
    empty_list: Literal["items_empty", "items_null", "counts_null", "result_null", "result_empty", "result_of_null"] = (
        "items_empty"
    )
    last_token: Literal["present", "null"] = "present"  #: search_after_token of the last page
    lost_last_seen: Literal["missed", "found"] = "missed"  #: last_seen of a lost link: the visit that did what
    default_order: Literal["rank", "shuffled"] = "rank"  #: of lists other than backlinks without `order_by`
    history_gaps: bool = True  #: `history` leaves one month in ten out
    partial_gaps: Literal["absent", "null"] = "absent"  #: targets an item of a partial intersection does not link to
    bulk_unknown: Literal["zero", "absent"] = "zero"  #: targets without data
    bulk_order: Literal["asked", "reversed"] = "asked"
    bulk_duplicates: Literal["kept", "merged"] = "kept"
    bulk_invalid: Literal["refused", "absent"] = "refused"  #: one bad target: the whole task, or its item only
    user_data_numbers: Literal["numbers", "strings"] = "numbers"
    listing: Literal["at_once", "late", "never"] = "at_once"  #: in which id_list a task shows up; late = the second
