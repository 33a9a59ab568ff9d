"""What is not certain about Serpstat, as switches, and how it words a refusal (reference, section 11)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal


class Blame(Enum):
    """Why an error body comes instead of a result."""

    RATE = "too many requests"
    DEPTH = "rows behind the last that a query gives"
    QUOTA = "no credits left"
    COVER = "too few credits left for this query"
    AUTH = "no such token"
    PLAN = "the plan does not include the method"
    FORBIDDEN = "the target may not be asked about"
    NO_DATA = "nothing is known of the target"
    PAST_END = "the page lies behind the last row"
    TOO_LARGE = "the target has too many links"
    FILTER = "complexFilter cannot be read"
    FILTER_DATE = "a date in complexFilter cannot be read"
    PARAMS = "a parameter is missing or wrong"
    BODY = "the body is no call"
    METHOD = "no such method"
    ADDRESS = "nothing is served at this address"
    SERVER = "something broke"


class Refused(Exception):
    """The call is answered with an error that costs nothing."""

    def __init__(self, blame: Blame, text: str) -> None:
        super().__init__(text)
        self.blame = blame


def bad_params() -> Refused:
    """Return the blame for a parameter that the schema does not allow."""
    return Refused(Blame.PARAMS, "Json schema validation error")


#: The number that was seen with each, sign included, and the HTTP status that would fit it.
_NUMBERS: Mapping[Blame, tuple[int, int]] = {
    Blame.RATE: (-32000, 429),
    Blame.DEPTH: (402, 402),
    Blame.QUOTA: (32012, 402),
    Blame.COVER: (403, 403),
    Blame.AUTH: (-32020, 401),
    Blame.PLAN: (403, 403),
    Blame.FORBIDDEN: (403, 403),
    Blame.NO_DATA: (32015, 404),
    Blame.PAST_END: (32017, 404),
    Blame.TOO_LARGE: (32016, 400),
    Blame.FILTER: (32117, 400),
    Blame.FILTER_DATE: (32117, 400),
    Blame.PARAMS: (-32602, 400),
    Blame.BODY: (-32600, 400),
    Blame.METHOD: (-32601, 404),
    Blame.ADDRESS: (404, 404),
    Blame.SERVER: (-32603, 500),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SerpstatSwitches:
    """One field for each thing that Serpstat's documents leave open; the default is what the reference assumes."""

    balance_lag_s: float = 0.0  #: how long a charge is missing from what the account says of itself
    # Error bodies.
    error_sign: Literal["as_seen", "positive", "negative"] = "as_seen"  #: of the numbers in error bodies
    error_status: Literal["200", "fitting"] = "200"  #: HTTP status of error bodies; fitting = 429, 401, 402, 500 ...
    error_code_text: bool = False  #: the number comes as a string
    error_data: bool = False  #: error bodies have a member `data`
    error_without_id: Literal["null", "missing"] = "null"  #: `id` where the call could not be read
    rate_code: Literal["-32000", "-32429", "429"] = "-32000"
    auth_code: Literal["-32020", "-32602", "401", "403"] = "-32020"
    quota_code: Literal["32012", "402"] = "32012"
    date_code: Literal["32117", "32010"] = "32117"  #: of a date in complexFilter that cannot be read
    # Who may ask what.
    header_token: bool = True  #: the token is accepted as a request header too
    balance_counts: bool = True  #: getStats counts toward the rate
    search_type_required: bool = True  #: lists demand searchType; else it is domain_with_subdomains
    unicode_query: bool = True  #: a host may come in its own script; else only in punycode
    www_is_host: bool = False  #: searchType `domain` of a host covers its `www.` too
    large: str = ""  #: hosts that are "large query domains" (32016), joined by "+"
    forbidden: str = ""  #: hosts that are a "forbidden query" (403), joined by "+"
    plan_without: str = ""  #: methods that the plan does not include (403), such as getThreats, joined by "+"
    # Money.
    cover: Literal["rows", "size"] = "rows"  #: what the credits left must cover: the rows that come, or all of `size`
    intersect_summary_price: Literal["row", "request"] = "row"  #: 1 credit each
    zero_summary_price: Literal["5", "1"] = "5"  #: whether a summary of zeros counts as an answer or as "no data"
    # The end of a list.
    no_data: Literal["empty", "32015", "32017"] = "empty"  #: what a target without rows gets, for 1 credit
    past_end: Literal["32017", "empty"] = "32017"  #: what a page behind the last row gets, for 1 credit
    list_total: Literal["number", "null"] = "number"  #: whether `summary_info` of a list tells how many rows it has
    deepest_row: Literal["60000", "6000", "600"] = "60000"  #: rows behind this one are refused
    # What is counted.
    omitted_link_per_domain: Literal["1", "0"] = "1"  #: what a missing linkPerDomain means
    zero_link_per_domain: Literal["every_link", "one_per_page"] = "every_link"  #: what linkPerDomain 0 gives
    omitted_count: Literal["any", "1"] = "any"  #: words of an anchor where getAnchors is asked without `count`
    quick_filters: Literal["whole_query", "plain_or"] = "whole_query"  #: quick filters bind all groups, or their own
    lost_check: Literal["last_visited", "first_seen"] = "last_visited"  #: what `check` means for lost links
    intersect_rows: Literal["several", "any"] = "several"  #: domains that link to two of the sites at least, or to one
    history: Literal["52", "all"] = "52"  #: weeks in getBacklinksChangesHistory
    # How it is written.
    spelling: Literal["example", "schema"] = "example"  #: where the two name a field of a row differently
    numbers_as_text: bool = False  #: numbers that the schema calls strings are strings
    spaced_attributes: bool = False  #: "nofollow, UGC" instead of "nofollow,UGC"
    summary_rank: Literal["integer", "fraction", "null"] = "integer"  #: sersptat_domain_rank
    empty_summary: Literal["zeros", "list"] = "zeros"  #: data of getSummaryV2 where nothing is known: 0 in all, or []

    @property
    def last_row(self) -> int:
        """Return how many rows a query gives over all its pages."""
        return int(self.deepest_row)


def code_of(blame: Blame, switches: SerpstatSwitches) -> int:
    """Return the number of an error body."""
    chosen = {
        Blame.RATE: switches.rate_code,
        Blame.AUTH: switches.auth_code,
        Blame.QUOTA: switches.quota_code,
        Blame.FILTER_DATE: switches.date_code,
    }
    code = int(chosen.get(blame, _NUMBERS[blame][0]))
    return {"as_seen": code, "positive": abs(code), "negative": -abs(code)}[switches.error_sign]


def status_of(blame: Blame, switches: SerpstatSwitches) -> int:
    """Return the HTTP status of an error body. "HTTP 200 for success and for errors alike" (section 1)."""
    return 200 if switches.error_status == "200" else _NUMBERS[blame][1]
