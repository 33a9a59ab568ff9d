"""One send is one send: what arrives at the provider is what the books say, whatever becomes of the connection."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from chaos_kit import OPTIONS, TARGETS, Figures, Job, of
from meddling_kit import Do, Heard, in_a_hurry, meddling, run_here
from misdeeds_kit import closed, reset_charged

from harvester.assembly import read_status
from harvester.sandbox.app import serving

EVERY = 4  #: so many requests of a provider pass before one meets the misdeed
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
    arrived: Counter[str] = field(default_factory=Counter)  #: that the books should know of, by provider
    met: Counter[str] = field(default_factory=Counter)
    _due: Counter[str] = field(default_factory=Counter)

    def __call__(self, heard: Heard) -> Do | None:
        """Count, and choose."""
        # The list of what was billed is asked beside the books, and the balance once before they begin.
        self.arrived[heard.provider] += b"/id_list" not in heard.content
        self._due[heard.provider] += heard.is_paid
        if not heard.is_paid or heard.on_connection == 0 or self._due[heard.provider] < EVERY:
            return None
        assert heard.head.startswith(ASKS[heard.provider])
        self._due[heard.provider] = 0
        self.met[heard.provider] += 1
        return self.do


LOSSES = (closed, reset_charged, reset_uncharged, closed_charged)


@pytest.mark.parametrize("do", of(LOSSES[:2], LOSSES), ids=lambda do: do.__name__)
def test_a_request_that_may_have_been_read_is_sent_once_and_stays_in_doubt(
    do: Do, tmp_path: Path, figures: Figures
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
                figures["requests sent twice by one send"] += plan.arrived[name] - 1 - books["requests"]
                assert plan.arrived[name] - 1 == books["requests"], "each send arrived once"
                assert books["retries"] == lost
                is_found = name == "dataforseo" and do in (closed_charged, reset_charged)
                assert (books["units_in_doubt"] == 0) == is_found, "its list of what was billed settles what is in it"
                is_billed = do in (closed_charged, reset_charged) and not is_found
                assert books["units_spent"] < charged if is_billed else books["units_spent"] == charged, name
                assert charged <= books["units_spent"] + books["units_in_doubt"]

    in_a_hurry(scenario())


def test_a_request_that_was_not_written_costs_nothing(tmp_path: Path, figures: Figures) -> None:
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
                assert plan.arrived[name] - 1 == books["requests"]
                assert books["units_in_doubt"] == 0
                assert books["units_spent"] == job.account(name)["units_charged"]

    in_a_hurry(scenario())
