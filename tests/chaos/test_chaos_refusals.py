"""Each provider's own refusals in the middle of a run: the run does what the provider's reference asks for."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

import pytest
from chaos_kit import OPTIONS, TARGETS, Figures, Job, of
from meddling_kit import Do, Heard, Rows, Scale, in_a_hurry, in_peace, meddling, run_here
from misdeeds_kit import HTML, instead

from harvester.assembly.outcome import Outcome
from harvester.assembly.status import read_status
from harvester.providers import PROVIDERS
from harvester.sandbox.app import serving

FEW = TARGETS[:4]
CHOSEN = FEW[2]
REPORT = "backlinks"
#: How a request for the links of the chosen target is known.
ASKS: Mapping[str, bytes] = {
    "ahrefs": b"/site-explorer/all-backlinks?",
    "semrush": b"type=backlinks&",
    "serpstat": b"SerpstatBacklinksProcedure.getNewBacklinks",
    "dataforseo": b"/backlinks/backlinks/live",
}

#: again: asked again; pause: the lane waits first; aside, empty, incomplete: what becomes of the task;
#: report, key, quota: what stops.
Does = Literal["again", "pause", "aside", "empty", "incomplete", "report", "key", "quota"]


@dataclass(frozen=True)
class Refusal:
    """One row of a provider's table of errors."""

    status: int
    body: bytes
    does: Does
    why: str = ""  #: in tasks.jsonl, or in the reason of the stop
    is_in_doubt: bool = False  #: what it cost is not known
    retry_after: str | None = None

    @property
    def do(self) -> Do:
        """How it is said."""
        more = {} if self.retry_after is None else {"retry_after": self.retry_after}
        return instead(self.status, self.body, **more)


def _ahrefs(status: int, text: str, does: Does, **more: Any) -> Refusal:
    return Refusal(status, json.dumps({"error": text}).encode(), does, **{"why": text, **more})


def _semrush(code: int, text: str, does: Does, status: int = 200, **more: Any) -> Refusal:
    words = f"ERROR {code} :: {text}"
    return Refusal(status, words.encode(), does, **{"why": words, **more})


def _serpstat(code: int, text: str, does: Does, status: int = 200, **more: Any) -> Refusal:
    body = json.dumps({"id": "1", "error": {"code": code, "message": text}}).encode()
    return Refusal(status, body, does, **{"why": text, **more})


def _dataforseo(code: int, text: str, does: Does, status: int = 200, **more: Any) -> Refusal:
    """Refuse the one task; with another HTTP status than 200, refuse before there is a task."""
    task = {"id": "1", "status_code": code, "status_message": text, "cost": 0, "result_count": 0, "result": None}
    envelope: dict[str, Any] = {"status_code": 20000, "status_message": "Ok.", "cost": 0, "tasks": [task]}
    if status != 200:
        envelope |= {"status_code": code, "status_message": text, "tasks": None}
    return Refusal(status, json.dumps(envelope).encode(), does, **{"why": f"{code}: {text}", **more})


REFUSALS: Mapping[str, Sequence[Refusal]] = {
    "ahrefs": (
        _ahrefs(400, "bad where: unknown field 'dr'", "aside"),
        _ahrefs(403, "API units limit reached. Expected usage: 50, API units left: 0.", "quota"),
        _ahrefs(403, "Insufficient plan", "report"),
        _ahrefs(401, "invalid or expired API key", "key"),
        _ahrefs(429, "too many requests", "pause"),
        Refusal(429, HTML, "pause", retry_after="2"),
        _ahrefs(500, "internal error", "again", is_in_doubt=True),
        Refusal(502, HTML, "again", is_in_doubt=True),
        _ahrefs(503, "maintenance", "again", is_in_doubt=True),
        _ahrefs(404, "target is not in the index", "empty"),
        _ahrefs(402, "payment required", "quota"),
        Refusal(404, b"<html>nginx</html>", "key", why="is base_url right?"),
        _ahrefs(403, "API units limit reached. Expected usage: 1500, API units left: 60", "quota", why="60"),
        _ahrefs(408, "timeout", "again", is_in_doubt=True),
    ),
    "semrush": (
        _semrush(10042, "VALUE IS NOT A DOMAIN", "aside"),
        _semrush(132, "API UNITS BALANCE IS ZERO", "quota", status=403),
        _semrush(135, "API REPORT TYPE DISABLED", "report"),
        _semrush(120, "WRONG KEY - ID PAIR", "key", status=403),
        _semrush(429, "TOO MANY REQUESTS", "pause"),
        Refusal(429, HTML, "pause", retry_after="2"),
        _semrush(500, "INTERNAL ERROR", "again", is_in_doubt=True),
        Refusal(502, HTML, "again", is_in_doubt=True),
        Refusal(200, b"Internal Server Error", "again", is_in_doubt=True),
        _semrush(50, "NOTHING FOUND", "empty"),
        Refusal(200, b"Validation Error : target", "aside", why="Validation Error : target"),
        _semrush(134, "TOTAL LIMIT EXCEEDED", "key"),
        _semrush(131, "LIMIT EXCEEDED", "report"),
        _semrush(130, "API DISABLED", "key"),
        _semrush(613, "TOO MANY ROWS", "incomplete"),
        _semrush(40, 'MANDATORY PARAMETER "action" NOT SET OR EMPTY', "report"),
    ),
    "serpstat": (
        _serpstat(32016, "Large query domains not supported", "aside"),
        _serpstat(32012, "Credits exceeded", "quota"),
        _serpstat(403, "Method forbidden", "report"),
        _serpstat(-32020, "Invalid token!", "key"),
        _serpstat(-32000, "Query frequency exceeded", "pause"),
        _serpstat(429, "Too many queries", "pause", status=429),
        _serpstat(-32603, "Server error", "again", is_in_doubt=True),
        Refusal(502, HTML, "again", is_in_doubt=True),
        _serpstat(500, "Something went wrong", "again", status=500, is_in_doubt=True),
        _serpstat(32017, "Data not found", "empty"),
        _serpstat(403, "Not enough credits for this query", "quota"),
        _serpstat(404, "Wrong API query! Use API domain", "key"),
        _serpstat(32117, "Not allowed field: foo", "report"),
        _serpstat(403, "Forbidden query!", "aside"),
        _serpstat(402, "To get more than 60000 rows use export report methods", "incomplete"),
        _serpstat(-32601, "Method not found", "report"),
        _serpstat(-32602, "Invalid token", "key"),
    ),
    "dataforseo": (
        _dataforseo(40501, "Invalid Field: 'target'.", "aside"),
        _dataforseo(40200, "Payment Required.", "quota", status=402),
        _dataforseo(40204, "Access denied. Visit Plans and Subscriptions to activate your subscription.", "report"),
        _dataforseo(40100, "You are not Authorized to Access this resource.", "key", status=401),
        _dataforseo(40202, "The rate-limit per minute has been exceeded.", "pause"),
        _dataforseo(40209, "You have reached the limit of simultaneous requests.", "pause"),
        _dataforseo(50000, "Internal Error.", "again"),
        Refusal(502, HTML, "again", is_in_doubt=True),
        _dataforseo(50401, "Timeout.", "again"),
        _dataforseo(40102, "No Search Results.", "empty"),
        _dataforseo(40210, "Insufficient Funds.", "quota"),
        _dataforseo(40104, "Please verify your account to access the API.", "key", status=403),
        _dataforseo(40203, "The cost limit was exceeded.", "quota"),
        _dataforseo(40501, "Invalid Field: 'filters'.", "report"),
        _dataforseo(40207, "Your IP is not whitelisted.", "key"),
        _dataforseo(40205, "Too many identical tasks this hour.", "aside"),
        _dataforseo(49999, "Never heard of.", "aside"),
    ),
}
ROUNDS = list(zip_longest(*(REFUSALS[name] for name in PROVIDERS)))


@pytest.fixture(scope="module", name="whole")
def undisturbed_rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """The records of the job that nobody meddles with."""

    async def scenario() -> Rows:
        async with serving(OPTIONS) as sandbox:
            job = Job(folder=tmp_path_factory.mktemp("whole"), sandbox=sandbox, targets=FEW)
            assert (await run_here(job)).exit_code == 0
            return job.records()

    return in_a_hurry(scenario())


class Once:
    """Refuses the first request of each provider for the links of the chosen target; an empty account stays empty."""

    def __init__(self, refusals: Mapping[str, Refusal]) -> None:
        self._left = dict(refusals)
        self._empty: dict[str, Refusal] = {}

    def __call__(self, heard: Heard) -> Do | None:
        """Choose."""
        if heard.is_paid and heard.provider in self._empty:
            return self._empty[heard.provider].do
        is_meant = ASKS[heard.provider] in heard.content and heard.is_about(CHOSEN)
        refusal = self._left.pop(heard.provider, None) if is_meant else None
        if refusal is None:
            return None
        if refusal.does == "quota":
            self._empty[heard.provider] = refusal
        return refusal.do


def assert_obeyed(provider: str, refusal: Refusal, job: Job, outcome: Outcome) -> None:
    """Look at what a refusal did to the run of its provider."""
    tasks = [task for task in job.tasks() if task["provider"] == provider]
    chosen = next((task for task in tasks if (task["target"], task["report"]) == (CHOSEN, REPORT)), None)
    books = read_status(job.directory).as_json()["providers"][provider]
    name = f"{provider}.{REPORT}"
    assert books["throttled"] == (refusal.does == "pause")
    was_settled = f" {provider}: of " in (job.directory / "harvester.log").read_text()
    assert (was_settled or books["units_in_doubt"] > 0) == refusal.is_in_doubt
    if refusal.does in ("key", "quota"):
        stop = outcome.stops[provider]
        assert stop.kind == refusal.does
        assert chosen is None
        assert refusal.why in stop.why
        assert len(tasks) < 2 * len(FEW)
        return
    assert provider not in outcome.stops
    assert (name in outcome.stopped_harvests) == (refusal.does == "report")
    others = [task for task in tasks if task is not chosen]
    assert all(task["complete"] for task in others)
    if refusal.does == "report":
        assert chosen is None
        assert refusal.why in outcome.stopped_harvests[name]
        assert len([task for task in others if task["report"] != REPORT]) == len(FEW), "the other report goes on"
        return
    assert chosen is not None
    assert len(others) == 2 * len(FEW) - 1
    assert books["retries"] == (refusal.does in ("again", "pause"))
    ends = {"aside": "set_aside", "incomplete": "incomplete"}
    assert chosen["state"] == ends.get(refusal.does, "complete")
    if refusal.does in ends:
        assert refusal.why in chosen["reason"]
    if refusal.does in ("empty", "aside", "incomplete"):
        assert chosen["rows"] == 0
    if refusal.does == "empty":
        assert chosen["reason"] == "no data"


@pytest.mark.parametrize("number", of((0, 1, 2, 4), tuple(range(len(ROUNDS)))))
def test_a_refusal_in_the_middle_of_a_run_is_obeyed(number: int, tmp_path: Path, whole: Rows, figures: Figures) -> None:
    refusals = {name: row for name, row in zip(PROVIDERS, ROUNDS[number], strict=True) if row is not None}

    async def scenario() -> None:
        async with serving(OPTIONS) as sandbox, meddling(sandbox) as meddler:
            job = Job(folder=tmp_path, sandbox=sandbox, base_urls=meddler.base_urls, targets=FEW)
            meddler.plan = Once(refusals)
            outcome = await run_here(job)
            assert set(meddler.met) == set(refusals)
            # What is said to be empty is stored as empty, and believed.
            told = {name: row for name, row in refusals.items() if row.does in ("empty", "incomplete")}
            known = {
                place: row
                for place, row in whole.items()
                if not (row["provider"] in told and row["report"] == REPORT and row["target"] == CHOSEN)
            }
            Scale(whole=known, figures=figures).weigh(job, meddler, outcome)
            for name, refusal in refusals.items():
                assert_obeyed(name, refusal, job, outcome)
            figures["refusals of providers in the middle of a run"] += len(refusals)
            meddler.plan = in_peace
            outcome = await run_here(job, retry_set_aside=True)
            assert outcome.left == 0
            assert job.records() == known

    in_a_hurry(scenario())
