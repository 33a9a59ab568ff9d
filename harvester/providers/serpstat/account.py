"""The free question after a Serpstat account: SerpstatLimitsProcedure.getStats, 0 credits."""

from harvester.codec import parse_body
from harvester.errors import UnknownReply
from harvester.model import Balance, BalanceCall, Reply, Request, Section
from harvester.providers.serpstat.replies import request_of, result_of


def _ask(section: Section) -> Request:
    # "SerpstatLimitsApiProcedure answers -32601": an older spelling.
    return request_of("SerpstatLimitsProcedure.getStats", {}, section)


def _read(reply: Reply) -> Balance:
    data = result_of(parse_body(reply.body)).get("data")
    if not isinstance(data, dict):
        raise UnknownReply(f"data is {type(data).__name__}")
    left, used = data.get("left_lines"), data.get("used_lines")
    if not isinstance(left, int) or isinstance(left, bool):
        raise UnknownReply(f"left_lines = {left!r:.80}")
    # `max_lines` proves nothing: the documented example has more lines left than there are. The day on which credits
    # come back is not told, nor is the plan's rate: `plugin_limits` are those of the browser plugin.
    if type(used) is not int:
        return Balance(units_left=max(0, left))
    return Balance(units_left=max(0, left), units_used=used, about=f"{used} credits used in this period")


BALANCE = BalanceCall(ask=_ask, read=_read)
