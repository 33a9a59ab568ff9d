"""One send is one send: what arrives at the provider is what the books say, whatever becomes of the connection."""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from chaos_kit import OPTIONS, TARGETS, Figures, Job, of
from meddling_kit import Do, Heard, in_a_hurry, meddling, run_here
from misdeeds_kit import closed, reset_charged

from harvester.assembly.status import read_status
from harvester.sandbox.app import serving

EVERY = 4  #: so many requests of a provider pass before one meets the misdeed
MOST_OF_A_TARGET = (
    3  #: a task is given up after 5 failures in a row; requests can come in such a turn that one meets all
)
SETTLED = re.compile(r": of (\d+) units in doubt (\d+) were charged")
#: Balances of a run: at its start, at its end, and perhaps once more after a wait for what is in doubt.
ASKED_BESIDE = (2, 3)
ASKS = {"ahrefs": b"GET", "semrush": b"GET", "serpstat": b"POST", "dataforseo": b"POST"}


async def reset_uncharged(heard: Heard) -> None:
    """Read, and break off."""
    heard.reset()


async def closed_charged(heard: Heard) -> None:
    """Ask the sandbox, and close without a word."""
    await heard.answer()
    heard.close()


async def closed_afterwards(heard: Heard) -> None:
    """Answer, and listen to nobody for a while: what is asked next cannot leave."""
    await heard.send((await heard.answer()).raw())
    heard.close()
    heard.meddler.deafen()
    heard.meddler.later(4.0, heard.meddler.listen)


@dataclass
class Counting:
    """Lets every nth paid request of a provider on a used connection meet a misdeed, and counts all that arrives."""

    do: Do
    arrived: Counter[str] = field(default_factory=Counter)  #: paid requests, by provider
    met: Counter[str] = field(default_factory=Counter)
    _hit: Counter[tuple[str, str | None]] = field(default_factory=Counter)  #: by provider and target
    _due: Counter[str] = field(default_factory=Counter)

    def __call__(self, heard: Heard) -> Do | None:
        """Count, and choose."""
        self.arrived[heard.provider] += heard.is_paid
        self._due[heard.provider] += heard.is_paid
        about = heard.provider, next((name for name in TARGETS if heard.is_about(name)), None)
        if self._due[heard.provider] < EVERY or self._hit[about] == MOST_OF_A_TARGET:
            return None
        if not heard.is_paid or heard.on_connection == 0:
            return None
        self._hit[about] += 1
        assert heard.head.startswith(ASKS[heard.provider])
        self._due[heard.provider] = 0
        self.met[heard.provider] += 1
        return self.do


def assert_sent_once(plan: Counting, job: Job, figures: Figures) -> None:
    """Compare what arrived with what the books say."""
    for name, books in read_status(job.directory).as_json()["providers"].items():
        sent = [books["requests"]]
        if name == "semrush":  # a short page of it is followed by a free question, which is a request of the task
            balances = job.account(name)["balances_asked"]
            sent = [books["requests"] - (balances - beside) for beside in ASKED_BESIDE]
        figures["requests sent twice by one send"] += max(0, plan.arrived[name] - max(sent))
        assert plan.arrived[name] in sent, f"{name}: each send arrived once"


LOSSES = (closed, reset_charged, reset_uncharged, closed_charged)


@pytest.mark.parametrize("do", of(LOSSES[:2], LOSSES), ids=lambda do: do.__name__)
def test_a_request_that_may_have_been_read_is_sent_once_and_stays_in_doubt(
    do: Do, tmp_path: Path, figures: Figures, caplog: pytest.LogCaptureFixture
) -> None:
    plan = Counting(do)

    async def scenario() -> None:
        async with serving(OPTIONS) as sandbox, meddling(sandbox) as meddler:
            meddler.plan = plan
            job = Job(folder=tmp_path, sandbox=sandbox, base_urls=meddler.base_urls, targets=TARGETS[: of(5, 12)])
            assert (await run_here(job)).exit_code == 0
            for name, books in read_status(job.directory).as_json()["providers"].items():
                lost, charged = plan.met[name], job.account(name)["units_charged"]
                assert lost > 1, name
                figures["requests lost on a used connection"] += lost
                assert books["retries"] == lost
                is_found = name == "dataforseo" and do in (closed_charged, reset_charged)
                settled = SETTLED.search(caplog.text.replace("\n", " "), caplog.text.find(f" {name}: of "))
                assert (f" {name}: of " in caplog.text) != is_found, "its list of what was billed settles what is in it"
                if not is_found:
                    assert settled is not None
                    is_billed = do in (closed_charged, reset_charged)
                    assert (int(settled[1]) > 0, int(settled[2]) > 0) == (True, is_billed), name
                assert (books["units_spent"], books["units_in_doubt"]) == (charged, 0)
            assert_sent_once(plan, job, figures)

    in_a_hurry(scenario())


def test_a_request_that_was_not_written_costs_nothing(
    tmp_path: Path, figures: Figures, caplog: pytest.LogCaptureFixture
) -> None:
    plan = Counting(closed_afterwards)

    async def scenario() -> None:
        async with serving(OPTIONS) as sandbox, meddling(sandbox) as meddler:
            meddler.plan = plan
            job = Job(
                folder=tmp_path,
                sandbox=sandbox,
                base_urls=meddler.base_urls,
                targets=TARGETS[: of(5, 12)],
                section={"in_flight": 1},
            )
            assert (await run_here(job)).exit_code == 0
            for name, books in read_status(job.directory).as_json()["providers"].items():
                assert books["retries"] > 0, name
                figures["requests that could not leave"] += books["retries"]
                figures["units booked for requests that could not leave"] += books["units_in_doubt"]
                assert books["units_in_doubt"] == 0
                assert books["units_spent"] == job.account(name)["units_charged"]
            assert "units in doubt" not in caplog.text
            assert_sent_once(plan, job, figures)

    in_a_hurry(scenario())
