"""Jobs whose harvests take their targets from each other's rows, over several providers and real sockets."""

import asyncio
import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from e2e_kit import lines_of
from operations_kit import TODAY, DayClock, HastyClock

from harvester.assembly.library import job_run
from harvester.assembly.outcome import Outcome, RunOptions
from harvester.assembly.reading import ReadingRule
from harvester.assembly.run import Run
from harvester.assembly.status import Status, read_status
from harvester.assembly.surroundings import Surroundings, SystemClock
from harvester.cli.summary import summary_text
from harvester.codec import parse
from harvester.config import job_of
from harvester.errors import ConfigError
from harvester.providers import PROVIDERS
from harvester.rounds import MANIFEST
from harvester.sandbox.app import Options, Sandbox, serving

TARGETS = [f"shop-{number}.example" for number in range(1, 9)]
OPTIONS = Options(
    today=TODAY, rates=dict.fromkeys(PROVIDERS, "unlimited"), units=dict.fromkeys(PROVIDERS, 10**12), row_cap=100
)
AT_ONCE = ReadingRule(most_processes=1, least_bytes=0, most_share=0.0, over_s=0.0)

TOP = 4
NAMED = {"harvest": "rivals", "field": "competitor", "top": TOP}
RIVALS = {"provider": "semrush", "report": "competitors", "name": "rivals", "max_rows": 20}
DEEP = {"provider": "ahrefs", "report": "refdomains", "name": "deep", "max_rows": 60, "targets_from": NAMED}
SIZED = {"provider": "ahrefs", "report": "summary", "name": "sized"}
PASSED = {
    "provider": "serpstat",
    "report": "backlinks",
    "name": "passed",
    "max_rows": 50,
    "only_if": "sized.refdomains >= 20",
}


@dataclass(kw_only=True)
class Staged:
    """A job directory and its config; each `run` goes on with it."""

    directory: Path
    harvests: Sequence[Mapping[str, Any]]
    targets: Sequence[str] = tuple(TARGETS)
    output: Mapping[str, Any] = field(default_factory=dict)
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  #: by provider
    options: Options = OPTIONS
    run_options: RunOptions = field(default_factory=RunOptions)
    clock: SystemClock = field(default_factory=DayClock)
    more: Mapping[str, Any] = field(default_factory=dict)  #: of the run's surroundings

    @property
    def out(self) -> Path:
        return self.directory / "out"

    def run(self, stop_after_s: float | None = None) -> Outcome:
        async def go() -> Outcome:
            async with (
                serving(self.options, self.clock.monotonic_s) as sandbox,
                job_run(self._config(sandbox), self.run_options, self._around(sandbox)) as run,
            ):
                stop = asyncio.Event()
                if stop_after_s is not None:
                    asyncio.get_running_loop().call_later(stop_after_s, stop.set)
                return await run.work(stop)

        return asyncio.run(go())

    def _config(self, sandbox: Sandbox) -> Any:
        used = dict.fromkeys(str(harvest["provider"]) for harvest in self.harvests)
        sections = {
            name: {"key": f"env:{name.upper()}", "base_url": sandbox.base_urls[name], "rate": "unlimited"}
            | ({"login": sandbox.logins[name]} if name in sandbox.logins else {})
            | dict(self.sections.get(name, {}))
            for name in used
        }
        document = {
            "job": {"name": "job", "output": str(self.out), "targets": {"inline": list(self.targets)}},
            "output": self.output,
            "providers": sections,
            "harvest": self.harvests,
        }
        return job_of(json.loads(json.dumps(document)), self.directory / "job.toml")

    def _around(self, sandbox: Sandbox) -> Surroundings:
        keys = {name.upper(): sandbox.keys[name] for name in PROVIDERS}
        environ = {**keys, "XDG_RUNTIME_DIR": str(self.directory)}
        return Surroundings(environ=environ, notice=print, clock=self.clock, jitter=float, **self.more)

    def rows(self, harvest: str) -> list[dict[str, Any]]:
        return lines_of(self.out / f"{harvest}.jsonl")

    def asked(self, harvest: str) -> list[str]:
        """Return the targets of a harvest's finished tasks."""
        tasks = [task for task in lines_of(self.out / "tasks.jsonl") if task["harvest"] == harvest]
        return [each["target"] for task in tasks for each in task["targets"] or [task]]

    def status(self) -> Status:
        return read_status(self.out)

    def summary(self, outcome: Outcome) -> str:
        return summary_text(self.status(), outcome, self.out, timedelta(seconds=1))


def competitors(job: Staged) -> set[str]:
    """Return what the first rows of each target name."""
    of_target: dict[str, list[str]] = {}
    for row in job.rows("rivals"):
        of_target.setdefault(row["target"], []).append(row["competitor"])
    return {name for names in of_target.values() for name in names[:TOP]}


def assert_same(found: Sequence[str], expected: set[str]) -> None:
    assert len(found) == len(set(found)), "a target was asked about twice"
    assert set(found) == expected


@pytest.mark.parametrize("more", [{}, {"reading": AT_ONCE}], ids=["on the loop", "in another process"])
def test_the_first_competitors_of_each_target_are_harvested_at_another_provider(
    tmp_path: Path, more: dict[str, Any]
) -> None:
    job = Staged(directory=tmp_path, harvests=[DEEP, RIVALS], more=more)
    outcome = job.run()
    assert (outcome.exit_code, outcome.left) == (0, 0)
    assert_same(job.asked("deep"), competitors(job))
    assert len(job.asked("deep")) > 10
    assert {row["target"] for row in job.rows("deep")} <= competitors(job)
    again = job.run()
    assert (again.exit_code, again.requests) == (0, 0)


def test_raw_rows_bring_the_same_targets(tmp_path: Path) -> None:
    whole = Staged(directory=tmp_path / "record", harvests=[RIVALS, DEEP])
    raw = Staged(directory=tmp_path / "raw", harvests=[RIVALS, DEEP], output={"rows": "raw"})
    assert whole.run().exit_code == raw.run().exit_code == 0
    assert_same(raw.asked("deep"), set(whole.asked("deep")))


def test_targets_come_in_batches_where_the_report_takes_many(tmp_path: Path) -> None:
    job = Staged(directory=tmp_path, harvests=[RIVALS, {**SIZED, "page_size": 5, "targets_from": NAMED}])
    assert job.run().exit_code == 0
    expected = competitors(job)
    assert_same(job.asked("sized"), expected)
    sizes = [len(task["targets"]) for task in lines_of(job.out / "tasks.jsonl") if task["harvest"] == "sized"]
    assert sorted(sizes) == sorted([5] * (len(expected) // 5) + [len(expected) % 5] * bool(len(expected) % 5))


def test_only_those_are_harvested_whose_record_passes(tmp_path: Path) -> None:
    job = Staged(directory=tmp_path, harvests=[PASSED, SIZED])
    assert job.run().exit_code == 0
    passing = {row["target"] for row in job.rows("sized") if row["refdomains"] >= 20}
    assert set() < passing < set(TARGETS)
    assert_same(job.asked("passed"), passing)


def test_competitors_are_sized_and_the_survivors_harvested(tmp_path: Path) -> None:
    sized = {"provider": "dataforseo", "report": "summary", "name": "sized", "targets_from": NAMED}
    job = Staged(directory=tmp_path, harvests=[{**DEEP, "only_if": "sized.refdomains >= 25"}, sized, RIVALS])
    outcome = job.run()
    assert outcome.exit_code == 0
    passing = {row["target"] for row in job.rows("sized") if row["refdomains"] >= 25}
    assert_same(job.asked("sized"), competitors(job))
    assert set() < passing < competitors(job)
    assert_same(job.asked("deep"), passing)
    assert (
        f"\ndeep: {len(passing)} targets from the rows of sized\nsized: {len(competitors(job))} targets"
        in job.summary(outcome)
    )
    assert job.status().as_json()["stages"]["deep"] == {
        "source": "sized", "targets": len(passing), "targets_rejected": 0, "may_lack_targets": False,
    }  # fmt: skip
    manifest = parse((job.out / MANIFEST).read_bytes())["harvests"]["deep"]
    assert (manifest["source"], manifest["targets_from"], manifest["only_if"]) == (
        "sized",
        NAMED,
        "sized.refdomains >= 25",
    )


def test_rows_without_a_value_bring_nothing(tmp_path: Path) -> None:
    sources = {"provider": "ahrefs", "report": "refdomains", "name": "sources", "max_rows": 5}
    sites = {"provider": "serpstat", "report": "summary", "targets_from": {"harvest": "sources", "field": "site"}}
    job = Staged(directory=tmp_path, harvests=[sources, sites], targets=TARGETS[:2])
    outcome = job.run()
    assert outcome.exit_code == 0
    assert outcome.census.harvests["serpstat.summary"].listed == 0, "the sandbox's names are on no list: no site"
    assert "\nserpstat.summary: 0 targets from the rows of sources\n" in job.summary(outcome)


def test_what_is_no_target_and_who_may_lack_some_is_said(tmp_path: Path) -> None:
    sized = {**SIZED, "targets_from": NAMED}
    job = Staged(
        directory=tmp_path, harvests=[RIVALS, sized, {**DEEP, "only_if": "sized.links > 1"}], targets=TARGETS[:2]
    )
    outcome = job.run()
    with closing(sqlite3.connect(job.out / "state.sqlite3")) as db, db:
        values = [("from sized", 0, f"10.0.0.{n}", "an IP address") for n in range(7)]
        db.executemany("INSERT INTO rejected VALUES (?, ?, ?, ?)", values)
        db.execute("INSERT INTO tasks (id, harvest, targets, state) VALUES ('x', 'rivals', '[\"x.com\"]', 'set_aside')")
    said = job.summary(outcome)
    assert 'rejected: from rivals: "10.0.0.4": an IP address\nand 2 more values like that\n' in said
    for name in ("sized", "deep"):
        assert f"{name} may lack targets: 1 task of rivals set aside or incomplete\n" in said
    stages = job.status().as_json()["stages"]
    assert (stages["sized"]["targets_rejected"], stages["sized"]["may_lack_targets"]) == (7, True)
    assert stages["deep"]["may_lack_targets"]
    (job.out / MANIFEST).unlink()
    assert "sized: " in job.summary(outcome), "nothing depends on the manifest"


def test_a_source_out_of_budget_leaves_work_and_a_higher_one_completes_it(tmp_path: Path) -> None:
    whole = Staged(directory=tmp_path / "whole", harvests=[RIVALS, DEEP])
    whole.run()
    job = Staged(directory=tmp_path / "job", harvests=[RIVALS, DEEP], sections={"semrush": {"budget": 2500}})
    outcome = job.run()
    assert (outcome.exit_code, outcome.stopped_by, list(outcome.stops)) == (4, "budget", ["semrush"])
    assert job.status().state == "stopped"
    assert set() < set(job.asked("deep")) < set(whole.asked("deep")), "what had come is harvested"
    job.sections = {}
    assert job.run().exit_code == 0
    assert_same(job.asked("deep"), set(whole.asked("deep")))


def test_what_an_account_gives_back_reaches_the_harvests_of_others(tmp_path: Path) -> None:
    whole = Staged(directory=tmp_path / "whole", harvests=[RIVALS, DEEP])
    whole.run()
    charged = whole.status().census.providers["semrush"].tally.units_spent
    job = Staged(
        directory=tmp_path / "job",
        harvests=[RIVALS, DEEP],
        options=replace(OPTIONS, faults=0.3, seed=OPTIONS.seed),
        sections={"semrush": {"budget": charged * 2, "in_flight": 1}},
        clock=HastyClock(),
    )
    outcome = job.run()
    for _ in range(5):
        if outcome.exit_code != 4:
            break
        outcome = job.run()
    assert_same(job.asked("deep"), set(whole.asked("deep")))


def test_a_stop_in_order_and_a_resume_come_to_the_same(tmp_path: Path) -> None:
    whole = Staged(directory=tmp_path / "whole", harvests=[DEEP, RIVALS, PASSED, SIZED])
    whole.run()
    job = Staged(
        directory=tmp_path / "job",
        harvests=[DEEP, RIVALS, PASSED, SIZED],
        options=replace(OPTIONS, latency_ms=30),
        sections={name: {"in_flight": 1} for name in ("ahrefs", "semrush", "serpstat")},
    )
    codes = [job.run(stop_after_s=0.4).exit_code for _ in range(3)]
    assert codes[0] == 130
    assert job.run().exit_code == 0
    for name in ("deep", "passed"):
        assert_same(job.asked(name), set(whole.asked(name)))
        rows = [(row["task"], row["row"]) for row in job.rows(name)]
        assert len(rows) == len(set(rows)) == len(whole.rows(name))


def test_the_first_targets_of_the_list_bring_all_of_theirs(tmp_path: Path) -> None:
    job = Staged(
        directory=tmp_path, harvests=[RIVALS, {**SIZED, "targets_from": NAMED}], run_options=RunOptions(max_targets=2)
    )
    outcome = job.run()
    assert (outcome.exit_code, outcome.stopped_by) == (0, "max-targets")
    assert {row["target"] for row in job.rows("rivals")} <= set(TARGETS[:2])
    assert_same(job.asked("sized"), competitors(job))
    job.run_options = RunOptions()
    assert job.run().exit_code == 0
    assert_same(job.asked("sized"), competitors(job))


def test_a_job_goes_on_with_the_stages_that_it_began_with(tmp_path: Path) -> None:
    job = Staged(directory=tmp_path, harvests=[RIVALS, DEEP], targets=TARGETS[:1])
    job.run()
    job.harvests = [RIVALS, {**DEEP, "targets_from": {**NAMED, "top": TOP + 1}}]
    with pytest.raises(ConfigError, match=r"deep targets_from top was 4 and is 5"):
        job.run()


def test_a_list_that_grows_brings_more(tmp_path: Path) -> None:
    job = Staged(directory=tmp_path, harvests=[RIVALS, DEEP], targets=TARGETS[:2])
    assert job.run().exit_code == 0
    before = set(job.asked("deep"))
    job.targets = TARGETS
    assert job.run().exit_code == 0
    assert before < set(job.asked("deep"))
    assert_same(job.asked("deep"), competitors(job))


def test_a_provider_that_has_nothing_to_do_but_to_wait_says_so(tmp_path: Path) -> None:
    job = Staged(
        directory=tmp_path, harvests=[RIVALS, DEEP], targets=TARGETS[:2], options=replace(OPTIONS, latency_ms=200)
    )
    seen: list[tuple[bool, int, int]] = []

    async def look(run: Run) -> None:
        while True:
            now = run.progress()
            seen.append((now["ahrefs"].is_waiting, now["ahrefs"].tasks, now["semrush"].is_waiting))
            await asyncio.sleep(0.05)

    async def go() -> None:
        async with (
            serving(job.options) as sandbox,
            job_run(job._config(sandbox), job.run_options, job._around(sandbox)) as run,
        ):
            looking = asyncio.create_task(look(run))
            await run.work(asyncio.Event())
            looking.cancel()
            seen.append((run.progress()["ahrefs"].is_waiting, run.progress()["ahrefs"].tasks, False))

    asyncio.run(go())
    assert (True, 0, False) in seen
    assert seen[-1] == (False, len(job.asked("deep")), False)
    assert not any(is_waiting for _, _, is_waiting in seen)
