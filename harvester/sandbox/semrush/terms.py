"""What is not certain about Semrush, as switches, and the words and statuses of its errors (reference, section 8)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

#: Code -> text. Quoted as the reference has them: 41, 50, 120, 122, 130, 132, 135, 402, 605. Of the others only the
#: meaning is known, so their wording is ours.
TEXTS: Mapping[int, str] = {
    41: 'MANDATORY PARAMETER "type" NOT SET OR EMPTY',
    48: "WRONG REQUEST METHOD",
    50: "NOTHING FOUND",
    110: "WRONG KEY FORMAT",
    120: "WRONG KEY - ID PAIR",
    122: "WRONG FORMAT OR EMPTY KEY",
    130: "API DISABLED",
    132: "API UNITS BALANCE IS ZERO",
    135: "API REPORT TYPE DISABLED",
    402: "Duplicate domains",
    429: "TOO MANY REQUESTS",
    500: "INTERNAL ERROR",
    605: (
        "Invalid display_offset parameter, must be a positive integer number"
        " and less then display_limit or it should be skipped"
    ),
    613: "TOO MANY ROWS REQUESTED",
    10000: "INVALID PARAMETER VALUE",
    10001: "DUPLICATED PARAMETER",
    10013: "REQUIRED PARAMETER MISSING",
    10014: "DUPLICATE VALUES IN PARAMETER",
    10015: "INCOMPATIBLE PARAMETERS",
    10030: "TOO MANY VALUES",
    10031: "NOT ENOUGH VALUES",
    10042: "VALUE IS NOT A DOMAIN",
}
#: "The HTTP status is 200 in most reports", 400 for 605 and 122, 403 for 120 and 132; 429 is assumed of 429.
_STATUSES: Mapping[int, int] = {120: 403, 122: 400, 132: 403, 429: 429, 605: 400}


class SemrushError(Exception):
    """The answer is no table but one line of text: `ERROR <code> :: <TEXT>`, or prose where there is no code."""

    def __init__(self, code: int | None, detail: str = "") -> None:
        self.code = code
        text = detail if code is None else f"ERROR {code} :: {TEXTS[code]}"
        super().__init__(f"{text}: {detail}" if code is not None and detail else text)

    @property
    def observed_status(self) -> int:
        """HTTP status that clients have seen with it."""
        return 200 if self.code is None else _STATUSES.get(self.code, 200)


@dataclass(frozen=True, slots=True, kw_only=True)
class SemrushSwitches:
    """One field for each thing that the reference calls unconfirmed; the default is what it assumes or suggests."""

    balance_lag_s: float = 0.0  #: how long a charge is missing from what the account says of itself
    # Errors
    statuses: Literal["observed", "200"] = "observed"  #: HTTP status of errors: as seen by clients, or always 200
    error_newline: bool = False  #: an error line ends in a line break
    key_format_code: Literal["110", "122"] = "110"  #: today's code for a key of the wrong format, or the older one
    balance_failure: Literal["json", "text"] = "json"  #: the balance answers a bad key with an object, or an ERROR line
    #: Something broke: ERROR 500, `Internal Server Error` in a 200, a page in a 500, or a 200 without body.
    internal: Literal["error", "prose", "html", "empty"] = "error"
    stray_429: bool = False  #: injected faults include an ERROR 429 within the rate
    api_disabled: bool = False  #: the subscription has no API (ERROR 130)
    disabled_reports: str = ""  #: types that the plan does not include (ERROR 135), joined by "+"
    # Parameters
    unknown_parameters: Literal["ignored", "refused"] = "ignored"  #: or ERROR 10000
    #: A column, sorting key or filter that the report does not have: ERROR 10000, or as if it were not there.
    unknown_names: Literal["refused", "ignored"] = "refused"
    missing_parameter: Literal["10013", "prose"] = "10013"  #: or `Validation Error : <name>`
    malformed_target: Literal["prose", "10042"] = "prose"  #: `Validation Error : target`, or ERROR 10042
    hosts: Literal["ascii", "any"] = "ascii"  #: lower-case punycode only, or also capitals and Unicode
    not_registrable: Literal["below", "refused"] = (
        "below"  #: root_domain of a subdomain: it and all below it, or malformed
    )
    columns_required: bool = False  #: export_columns must be there (ERROR 10013)
    backlinks_default: Literal["short", "all"] = "short"  #: columns of `backlinks` without export_columns
    categories_types: Literal["subdomain", "domain", "both"] = "subdomain"  #: what stands for a host in that report
    historical_gains: bool = False  #: `backlinks_historical` has the columns of gained and lost links
    timespan: Literal["ignored", "honoured"] = "ignored"  #: the parameter of 2020: weeks (27 lines at most) or months
    urlanchor_large: Literal["refused", "accepted"] = "refused"  #: that filter on a large profile: ERROR 10000
    matrix_least: Literal["2", "1"] = "2"  #: targets that `backlinks_matrix` needs (ERROR 10031)
    longest_query: Literal["unlimited", "8192", "4096"] = "unlimited"  #: characters; a longer one is a page in a 414
    # Paging
    zero_offset: Literal["605", "accepted"] = "605"  #: display_offset=0
    past_end: Literal["50", "header", "605"] = "50"  #: display_offset beyond the last row
    row_ceiling: Literal["1000000", "10000", "none"] = "1000000"  #: display_limit above it is ERROR 613
    ties: Literal["stable", "shuffled"] = "stable"  #: order of equals, request by request
    # Money
    list_shortage: Literal["cut", "132"] = "cut"  #: a list that the balance does not cover
    short_balance: Literal["header", "132"] = "header"  #: a list when the balance is above zero and below one line
    charge_empty: Literal["free", "requests", "all"] = (
        "free"  #: ERROR 50 costs: nothing; the request price; or one line
    )
    charge_skipped: bool = False  #: lines before display_offset are charged
    balance_commas: bool = False  #: the balance is written `1,000`
    balance_counts: bool = True  #: asking the balance counts toward the rate
    stale_balance: bool = False  #: the balance does not yet show the last charge
    # Text
    line_end: Literal["crlf", "lf"] = "crlf"
    final_newline: bool = True  #: the last line ends like the others
    bom: bool = False  #: the table begins with a byte order mark
    booleans: Literal["words", "digits"] = "words"  #: true and false, or 1 and 0
    export_escape: Literal["honoured", "ignored"] = "honoured"  #: export_escape=1 puts data values in double quotes
    quote_inside: Literal["doubled", "backslash", "raw"] = "doubled"  #: a double quote inside such a value
    content_type: Literal["text/plain", "text/csv"] = "text/plain"
    # Rows
    lost_links: Literal["recent", "none", "all"] = "recent"  #: lost links that reports show: of 90 days, none or all
    anchor_case: Literal["lower", "kept"] = "lower"  #: of `backlinks_anchors`
    missing_compared: Literal["absent", "zero"] = "absent"  #: a target without links among others in comparison
    blank_target: bool = False  #: column `target` of comparison is empty when one target is asked
    comparison_order: Literal["request", "reversed"] = "request"
    history_step: Literal["weekly", "monthly"] = "weekly"  #: the example of the page, or its text
