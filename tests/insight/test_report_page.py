"""The page of a job: every number in it is the answer to a query, and what is not there is said."""

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from report_kit import MINE, RIVALS, Line, Page, called, copied, facts, found_in, harvested, page_text, rewritten

from harvester.assembly.outcome import RunOptions
from harvester.codec import dump
from harvester.insight.report.about_job import ONCE
from harvester.insight.report.about_links import SCOPED
from harvester.insight.report.asking import ask
from harvester.insight.report.page import page_of
from harvester.insight.report.parts import PARTS, broken, gap, health, losses, overlap, scores
from harvester.insight.report.questions import QUESTIONS
from harvester.insight.report.values import Found
from harvester.insight.warehouse import opened


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return harvested(tmp_path_factory.mktemp("report") / "rivals")


@pytest.fixture(scope="module")
def found(job: Path) -> Found:
    return found_in(job)


@pytest.fixture(scope="module")
def page(found: Found) -> Page:
    return Page(page_of(found))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a job of one provider, quickly copied and changed."""
    reports = ("backlinks", "lost-backlinks")
    return harvested(tmp_path_factory.mktemp("report") / "small", (MINE, RIVALS[0]), reports, ("ahrefs",))


def queried(job: Path, sql: str) -> list[dict[str, Any]]:
    """Return what `harvester query` prints."""
    asked = called("query", str(job), sql, "--format", "jsonl")
    assert asked.exit_code == 0, asked.stderr
    return [json.loads(line) for line in asked.stdout.splitlines()]


def numbers_of(row: dict[str, Any]) -> set[float]:
    """Return the numbers in a row; micro-dollars are shown as dollars."""
    found = {float(value) for value in row.values() if isinstance(value, int | float)}
    return found | {value / 1e6 for value in found}


# Every number is a query's.


def test_every_number_of_every_table_is_the_answer_to_the_query_below_it(job: Path, page: Page) -> None:
    asked = [table for table in page.tables if table.question is not None]
    assert len(asked) > 15
    for table in asked:
        sql = page.queries[table.scope, QUESTIONS[str(table.question)].about.capitalize()]
        rows = queried(job, sql)
        assert len(table.rows) == min(len(rows), 200), table.question
        for shown, row in zip(table.rows, rows, strict=False):
            known = numbers_of(row)
            for text, is_number in zip(shown, table.is_number, strict=True):
                if is_number and text:
                    assert float(text) in known, (table.question, shown, row)


@pytest.mark.parametrize("name", QUESTIONS)
def test_what_the_page_counts_is_what_the_views_say(job: Path, found: Found, name: str) -> None:
    with opened(job) as db:  # without the tables that the page makes of the views
        for scope in found.scopes:
            answers = found.scoped[scope.name] if name in SCOPED else found.once
            if name in answers:
                asked = scope if name in SCOPED else found.scopes[0]
                assert ask(db, QUESTIONS[name], asked) == answers[name]


def test_the_tiles_say_what_the_queries_say(job: Path, found: Found) -> None:
    scope, mine = found.scopes[0], found.scoped["mine"]
    (gap_row,) = queried(job, f"SELECT sum(sites) AS n FROM ({found.once['gap_sums'].sql})")
    assert gap.tile(found).figure == f"{gap_row['n']:,}"
    (lost_row,) = queried(job, f"SELECT coalesce(sum(recent), 0) AS n FROM ({mine['lost_reasons'].sql})")
    assert losses.tile(found).figure == f"{lost_row['n']:,}"
    (broken_row,) = queried(job, SCOPED["broken_sums"].text(scope))
    assert broken.tile(found).figure == f"{broken_row['pages']:,}"
    told = json.loads(called("status", str(job), "--json").stdout)["providers"]
    spent = dict(health.tile(found).amounts)
    assert spent["ahrefs"] == f"{told['ahrefs']['units_spent']:,} API units"
    assert spent["dataforseo"] == f"{told['dataforseo']['units_spent'] / 1e6:,.2f} USD"


def test_a_link_that_another_provider_still_shows_is_not_lost(small: Path, tmp_path: Path) -> None:
    job = copied(small, tmp_path / "live")
    gone = "SELECT link_id, target FROM lost_links ORDER BY link_id"
    lost = queried(job, gone)

    def shown(lines: Sequence[Line]) -> list[Line]:
        return [{**lines[0], "provider": "semrush", **lost[0]}, *lines[1:]]

    before = found_in(job)
    rewritten(job, "ahrefs.backlinks.jsonl", shown)
    after = found_in(job)
    assert queried(job, gone) == lost
    assert count_of(before) - count_of(after) == 1


def count_of(found: Found) -> int:
    """Return how many links are lost."""
    return sum(row["links"] for row in found.scoped["all"]["lost_reasons"].rows)


def test_what_an_index_let_go_is_told_apart_from_losses(found: Found, page: Page) -> None:
    reasons = {row["reason"] for row in found.scoped["all"]["lost_reasons"].rows}
    dropped = {row["provider"]: row["links"] for row in found.scoped["all"]["dropped"].rows}
    assert "dropped_from_index" not in reasons
    assert dropped["ahrefs"] > 0
    words = "".join(page.words)
    assert f"Ahrefs also dropped {dropped['ahrefs']:,} links from its index" in words


def test_sites_of_the_gap_link_to_a_rival_and_not_to_us_at_any_provider(job: Path, found: Found) -> None:
    sites = {row["site"] for row in found.once["gap"].rows}
    ours = {row["site"] for row in queried(job, f"SELECT DISTINCT site FROM linking WHERE target = '{MINE}'")}
    theirs = {row["site"] for row in queried(job, f"SELECT DISTINCT site FROM linking WHERE target <> '{MINE}'")}
    assert sites
    assert not sites & ours
    assert sites <= theirs


def test_the_reasons_of_what_was_lost_add_up(found: Found) -> None:
    reasons = ("link_removed", "page_not_found", "page_not_canonical", "redirect_broken", "unknown")
    rows = [{"reason": reason, "links": 9, "recent": 5 - at, "undated": 0} for at, reason in enumerate(reasons)]
    mine = {**found.scoped["mine"], "lost_reasons": replace(found.scoped["mine"]["lost_reasons"], rows=rows)}
    tile = losses.tile(replace(found, scoped={**found.scoped, "mine": mine}))
    assert tile.figure == "15"
    assert tile.words[0] == "5 link removed, 4 page not found, 3 page not canonical, 3 for other reasons"


def test_scores_of_two_metrics_never_share_a_chart(found: Found) -> None:
    section = scores.section(found)
    metrics = {row["metric"] for row in found.scoped["mine"]["scores"].rows}
    assert len(section.blocks[0].figures) == len(metrics) > 3


def test_a_site_whose_links_are_all_lost_has_no_score_among_those_that_link(job: Path, found: Found) -> None:
    linking = len(queried(job, f"SELECT DISTINCT site FROM linking WHERE target = '{MINE}'"))
    gone = queried(
        job, f"SELECT DISTINCT site FROM lost_links WHERE target = '{MINE}' AND site NOT IN (SELECT site FROM linking)"
    )
    counted: dict[str, int] = {}
    for row in found.scoped["mine"]["scores"].rows:
        counted[row["metric"]] = counted.get(row["metric"], 0) + row["domains"]
    assert gone
    assert max(counted.values()) <= linking


def test_more_than_four_targets_are_compared_by_exactly_whom_a_site_links_to(tmp_path: Path) -> None:
    targets = [f"shop-{number}.example" for number in range(1, 13)]
    job = harvested(tmp_path / "twelve", targets, ("refdomains",), ("serpstat",))
    found = found_in(job)
    sets, chosen = found.once["overlap_sets"].rows, found.once["overlap_targets"].rows
    assert (len(chosen), chosen[0]["target"]) == (8, targets[0])
    (section,) = [part(found) for part in PARTS if part is overlap.section]
    (block,) = section.blocks
    left = found.once["linking_targets"].total - 8
    assert block.notes == [f"Shown are the 8 targets that have most in common with the first; {left} others left out."]
    for row in sets[:3]:
        assert f">{row['sites']:,}<" in block.figures[0].svg


# Whom it is about, and what it is called.


def test_the_first_target_of_the_list_is_ours_unless_another_is_named(job: Path, page: Page) -> None:
    assert f"About {MINE}, the first target of the list" in "".join(page.words)
    other = "".join(Page(page_text(job, mine=f"https://WWW.{RIVALS[1]}/".replace("WWW.", ""))).words)
    assert f"About {RIVALS[1]}." in other


def test_a_target_that_nobody_asked_about_is_refused_with_those_that_were(job: Path) -> None:
    ended = called("report", str(job), "--mine", "nobody.example\x1b[2J")
    assert ended.exit_code == 2
    assert "--mine nobody.example\\x1b[2J: nothing was asked about it" in ended.stderr
    assert RIVALS[0] in ended.stderr


def test_a_job_of_one_target_has_nothing_to_switch(tmp_path: Path) -> None:
    alone = harvested(tmp_path / "alone", (MINE,), ("backlinks",), ("serpstat",))
    text = page_text(alone)
    assert "fieldset" not in text
    assert "other targets in the list, with the reports refdomains or backlinks, would fill it" in text


def test_a_title_of_ones_own_is_shown(small: Path) -> None:
    assert "<title>Q3 &lt;b&gt;review&lt;/b&gt;: backlink report</title>" in page_text(small, title="Q3 <b>review</b>")


# What is not there is said.


def test_a_section_without_data_says_which_report_would_fill_it(tmp_path: Path) -> None:
    bare = harvested(tmp_path / "bare", (MINE, RIVALS[0]), ("summary",), ("ahrefs",))
    text = page_text(bare)
    for report in ("refdomains", "lost-backlinks", "broken-backlinks", "history", "backlinks", "anchors"):
        assert re.search(rf'class="missing">[^<]*{report}[^<]*would fill it', text), report


def test_tasks_that_are_not_complete_are_listed_with_the_reason(small: Path, tmp_path: Path) -> None:
    job = copied(small, tmp_path / "gaps")

    def set_aside(lines: Sequence[Line]) -> list[Line]:
        first = {**lines[0], "complete": False, "state": "set_aside", "reason": "HTTP 403: <i>no</i>"}
        return [first, *lines[1:]]

    rewritten(job, "tasks.jsonl", set_aside)
    page = Page(page_text(job))
    (row,) = page.table("troubles").rows
    assert row[2:4] == ["set aside", "HTTP 403: <i>no</i>"]


def test_rows_that_could_not_be_read_are_counted_with_the_reason(small: Path, tmp_path: Path) -> None:
    job = copied(small, tmp_path / "rejects")
    line = {"harvest": "ahrefs.backlinks", "task": "t", "page": 1, "row": 1, "fetched_at": "2026-01-01T00:00:00Z"}
    rewritten(job, "rejects.jsonl", lambda _: [{**line, "reason": "no <url>", "raw": {}}] * 3)
    (row,) = Page(page_text(job)).table("rejects").rows
    assert row == ["ahrefs.backlinks", "no <url>", "3"]


def test_a_job_that_stopped_says_so_and_what_is_left(tmp_path: Path) -> None:
    job = harvested(tmp_path / "begun", (MINE, *RIVALS), ("backlinks",), ("serpstat",), RunOptions(max_targets=2))
    words = "".join(Page(page_text(job)).words)
    assert "stopped (max-targets)" in words
    assert "2 tasks complete, 2 left." in words


def test_a_job_that_runs_says_so(small: Path) -> None:
    assert "still running" in page_text(small, state="running")


def test_more_rows_than_a_table_shows_are_counted(small: Path, tmp_path: Path) -> None:
    job = copied(small, tmp_path / "many")

    def many(lines: Sequence[Line]) -> list[Line]:
        first = {**lines[0], "target": MINE, "lost_reason": "link_removed"}
        return [
            {**first, "row": row, "link_id": f"{row:032}", "url_from": f"https://a.test/{row}"} for row in range(500)
        ]

    rewritten(job, "ahrefs.lost-backlinks.jsonl", many)
    page = Page(page_text(job))
    assert len(page.table("lost").rows) == 200
    assert "The first 200 of 500 rows; 300 are left out here." in "".join(page.words)


# The file.


def test_the_file_is_for_its_owner_and_its_path_is_printed(job: Path, tmp_path: Path) -> None:
    ended = called("report", str(job))
    path = job / "report.html"
    assert (ended.exit_code, ended.stdout) == (0, f"{path}\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    elsewhere = called("report", str(job), "--output", str(tmp_path / "r.html"), "--title", "Ours")
    assert elsewhere.stdout == f"{tmp_path / 'r.html'}\n"
    assert "<h1><bdi>Ours</bdi></h1>" in (tmp_path / "r.html").read_text()


def test_a_report_that_cannot_be_written_leaves_the_old_one_and_no_half(small: Path, tmp_path: Path) -> None:
    (tmp_path / "r.html").mkdir()
    ended = called("report", str(small), "--output", str(tmp_path / "away" / "r.html"))
    assert (ended.exit_code, "cannot write" in ended.stderr) == (1, True)
    page = tmp_path / "there.html"
    page.write_text("<!doctype html>the old one")
    page.chmod(0o644)
    assert called("report", str(small), "--output", str(page)).exit_code == 0
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.html", "there.html"]


@pytest.mark.parametrize("name", ["ahrefs.backlinks.jsonl", "state.sqlite3", "manifest.json"])
def test_no_report_is_written_over_what_is_no_report(small: Path, tmp_path: Path, name: str) -> None:
    job = copied(small, tmp_path / "job")
    (tmp_path / "link").symlink_to(job / name)
    before = (job / name).read_bytes()
    for place in (job / name, tmp_path / "link"):
        ended = called("report", str(job), "--output", str(place))
        assert (ended.exit_code, "is there already, and no report" in ended.stderr) == (2, True)
    assert (job / name).read_bytes() == before
    assert (tmp_path / "link").is_symlink()


def test_the_name_of_a_report_is_not_empty_and_no_device(small: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in ("", str(tmp_path / "pipe")):
        ended = called("report", str(small), "--output", place)
        assert (ended.exit_code, "--output" in ended.stderr) == (2, True)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_what_lies_where_the_report_belongs_is_left_alone_and_nothing_half_beside_it(
    small: Path, tmp_path: Path
) -> None:
    job = copied(small, tmp_path / "taken")
    (job / "report.html").mkdir()
    before = sorted(job.iterdir())
    ended = called("report", str(job))
    assert (ended.exit_code, f"cannot write {job / 'report.html'}" in ended.stderr) == (1, True)
    assert sorted(job.iterdir()) == before


def test_a_later_run_and_a_later_report_do_not_mind_the_report(tmp_path: Path) -> None:
    job = harvested(tmp_path / "again", (MINE,), ("backlinks",), ("serpstat",), RunOptions(max_targets=1))
    assert called("report", str(job)).exit_code == 0
    before = (job / "serpstat.backlinks.jsonl").read_bytes()
    harvested(job, (MINE, RIVALS[0]), ("backlinks",), ("serpstat",))
    assert (job / "serpstat.backlinks.jsonl").read_bytes().startswith(before)
    assert called("report", str(job)).exit_code == 0


def test_a_round_of_a_job_has_a_report_of_its_own(small: Path, tmp_path: Path) -> None:
    (tmp_path / "rounds").mkdir()
    job = copied(small, tmp_path / "rounds" / "1")
    assert called("report", str(job)).stdout == f"{job / 'report.html'}\n"


def test_what_is_no_job_is_refused_in_one_line(tmp_path: Path) -> None:
    ended = called("report", str(tmp_path))
    assert (ended.exit_code, ended.stderr.count("\n")) == (2, 1)
    assert "no job directory" in ended.stderr


@pytest.mark.parametrize("module", ["duckdb", "altair", "vl_convert", "jinja2"])
def test_a_missing_library_is_one_line_that_says_what_to_install(small: Path, module: str) -> None:
    program = (
        f"import sys; sys.modules[{module!r}] = None; sys.argv[0] = 'harvester'; from harvester.cli import main; main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, "report", str(small)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert f"this needs {module}, which is not installed: pip install '.[insight]'" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_run_needs_none_of_them() -> None:
    program = "import sys, harvester.cli.run, harvester.cli.demo; print(*sorted(sys.modules))"
    asked = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"duckdb", "altair", "vl_convert", "jinja2"} & set(asked.stdout.split())


# What a browser may do with it.


def test_the_page_asks_for_nothing_and_lets_only_its_own_script_and_style_run(page: Page) -> None:
    policy = next(found["content"] for tag, found in page.tags if found.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert re.findall(r"'unsafe-\w+'|\*|https?:|data:", policy) == []
    for tag, found in page.tags:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "form", "image", "use", "foreignobject"}
        assert not {"style", "src", "srcset", "action", "ping", "background"} & set(found), (tag, found)
        assert not [name for name in found if name.startswith("on")], (tag, found)
        if "href" in found:
            address = found["href"] or ""
            assert address.startswith(("#", "http://", "https://")), address
            if not address.startswith("#"):
                assert found["rel"] == "noopener noreferrer nofollow"
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert [tag for tag, _ in page.tags].count("style") == 1


def test_hostile_rows_make_no_page_too_large(small: Path, tmp_path: Path) -> None:
    job = copied(small, tmp_path / "long")

    def long(lines: Sequence[Line]) -> list[Line]:
        first = {**lines[0], "target": MINE, "lost_reason": "link_removed", "anchor": "<b>&\u202e" * 5000}
        return [
            {**first, "row": row, "link_id": f"{row:032}", "url_from": f"https://a.test/{row}?" + "&" * 5000}
            for row in range(300)
        ]

    rewritten(job, "ahrefs.lost-backlinks.jsonl", long)
    assert len(page_text(job).encode()) < 5_000_000


def test_every_part_has_a_name_of_its_own_and_every_id_is_there_once(page: Page) -> None:
    ids = [found["id"] for _, found in page.tags if "id" in found]
    assert len(ids) == len(set(ids))
    leads = {
        (found["href"] or "")[1:]
        for tag, found in page.tags
        if tag == "a" and (found.get("href") or "").startswith("#")
    }
    assert leads <= set(ids)


def test_every_table_has_a_caption_and_heads_for_its_columns(page: Page) -> None:
    tags = [tag for tag, _ in page.tags]
    assert tags.count("caption") == tags.count("table") == len(page.tables)
    scopes = [found.get("scope") for tag, found in page.tags if tag == "th"]
    assert set(scopes) == {"col"}
    labelled = [found for tag, found in page.tags if tag == "svg" and found.get("class") == "chart"]
    assert labelled
    assert all(found["role"] == "img" and found["aria-label"] for found in labelled)


def test_a_question_of_the_job_state_is_that_of_status(job: Path) -> None:
    told = json.loads(called("status", str(job), "--json").stdout)
    mine = facts(job)
    assert json.loads(dump(mine.providers)) == told["providers"]
    assert mine.tasks == told["tasks"]


def test_the_command_shown_can_be_pasted_into_a_shell(job: Path, page: Page) -> None:
    (command,) = re.findall(r"<pre[^>]*>(harvester query .*?)</pre>", page.text, re.DOTALL)[:1]
    python = f"{sys.executable} -m harvester"
    shell = unescape(command).replace("harvester", python, 1)
    assert """'"'"'""" not in shell
    asked = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True, env={**os.environ})
    assert asked.stdout.count("\n") == len(queried(job, page.queries["mine", QUESTIONS["gap"].about.capitalize()]))


def test_all_questions_are_asked_about_in_some_part() -> None:
    assert set(SCOPED) | set(ONCE) <= set(QUESTIONS)
