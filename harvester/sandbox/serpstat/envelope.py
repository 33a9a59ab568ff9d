"""The envelope of Serpstat v4: one address, JSON both ways, errors in HTTP 200 (reference, sections 2, 3 and 11)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harvester import codec
from harvester.errors import UnknownReply
from harvester.sandbox.contract import Answer, Asked
from harvester.sandbox.serpstat.terms import Blame, Refused, SerpstatSwitches, code_of, status_of

PATHS = ("/v4", "/v4/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a call found, before it is put into its envelope."""

    data: Any
    summary: Mapping[str, Any]  #: of `summary_info`, all but `left_lines`
    credits: int
    is_summary_outside: bool = False  #: `summary_info` stands beside `result` (getDistributionTLD)

    @property
    def rows(self) -> int:
        return len(self.data) if isinstance(self.data, list) else 1


def body_of(asked: Asked) -> dict[str, Any]:
    """Return the body of a call. Raises Refused.

    A list is refused: "batch arrays: unconfirmed; do not use".
    """
    if asked.path not in PATHS or asked.method != "POST":
        raise Refused(Blame.ADDRESS, "Wrong API query! Use API domain")
    try:
        body = codec.parse(asked.body)
    except UnknownReply:
        body = None
    if not isinstance(body, dict):
        raise Refused(Blame.BODY, "Json schema validation error")
    return body


def id_of(body: Mapping[str, Any]) -> str:
    """Return the id as it is echoed: "a number sent as `1` comes back as `"1"`". Raises Refused if there is none."""
    found = body.get("id")
    if isinstance(found, bool) or not isinstance(found, (str, int)):
        raise Refused(Blame.BODY, "Json schema validation error")
    return str(found)


def method_of(body: Mapping[str, Any]) -> str:
    """Return the method that is called, in the case it was written. Raises Refused if there is none."""
    found = body.get("method")
    if not isinstance(found, str):
        raise Refused(Blame.BODY, "Json schema validation error")
    return found


def params_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters. Raises Refused: "fields must be nested in it, a flat body is rejected"."""
    found = body.get("params")
    if not isinstance(found, dict):
        raise Refused(Blame.PARAMS, "Json schema validation error")
    return found


def success(call_id: str, result: Result, left_lines: int) -> Answer:
    """Return the answer to a call that succeeded."""
    summary = {"left_lines": left_lines, **result.summary}
    body: dict[str, Any] = {"id": call_id, "result": {"data": result.data}}
    (body if result.is_summary_outside else body["result"])["summary_info"] = summary
    return Answer(status=200, body=codec.dump(body), rows=result.rows)


def failure(call_id: str | None, refused: Refused, switches: SerpstatSwitches) -> Answer:
    """Return the answer to a call that failed; `call_id` is None where none could be read."""
    code = code_of(refused.blame, switches)
    error: dict[str, Any] = {"code": str(code) if switches.error_code_text else code, "message": str(refused)}
    if switches.error_data:
        error["data"] = {"reason": refused.blame.value}
    body: dict[str, Any] = {"error": error}
    if call_id is not None or switches.error_without_id == "null":
        body = {"id": call_id, **body}
    return Answer(status=status_of(refused.blame, switches), body=codec.dump(body))
