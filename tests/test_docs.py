"""The documentation says what is true: configs compile, keys and switches exist, files that are named are there."""

import re
from dataclasses import fields
from datetime import date
from pathlib import Path

import click
import pytest

from harvester.cli import main
from harvester.config import load
from harvester.config.tables import FilterTable, HarvestTable, JobTable, OutputTable, ProviderTable
from harvester.job import compile_job
from harvester.providers import PROVIDERS
from harvester.sandbox.app import CONTRACTS

ROOT = Path(__file__).parents[1]
#: Configs whose page is about more than the config.
ELSEWHERE = {"new-and-lost-watch": "weekly-watch.md", "discover-competitors": "stages.md"}
CONFIGS = sorted((ROOT / "configs").glob("*.toml"))
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_config_that_is_shipped_compiles(path: Path) -> None:
    job = compile_job(load(path), date(2026, 11, 1))
    assert job.harvests
    assert job.config.name == path.stem


def test_the_config_page_names_every_key_and_no_other() -> None:
    page = text_of("docs/config.md")
    for title, model in (("[job]", JobTable), ("[output]", OutputTable), ("[[harvest]]", HarvestTable)):
        section = page.split(f"## `{title}`", 1)[1].split("\n## ", 1)[0]
        first_cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
        named = {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)}
        assert named == set(model.model_fields), title
    for name in (
        *FilterTable.model_fields,
        *(set(ProviderTable.model_fields) - {"datasource"}),
    ):
        assert f"`{name}`" in page, name


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_has_a_page_with_every_report_and_only_switches_that_exist(name: str) -> None:
    page = text_of(f"docs/{name}.md")
    for report in PROVIDERS[name].reports:
        assert f"`{report}`" in page
    table = page.split("## What is unconfirmed", 1)[1]
    named = set(re.findall(r"`(\w+)=[\w.+-]+`", table))
    assert named <= {field.name for field in fields(CONTRACTS[name].switches)}


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_provider_is_in_a_config_that_is_shipped(name: str) -> None:
    assert any(name in load(path).providers for path in CONFIGS)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_that_is_shipped_has_a_page_with_its_commands_in_order(path: Path) -> None:
    page = ROOT / "docs" / ELSEWHERE.get(path.stem, f"workflows/{path.stem}.md")
    text = page.read_text(encoding="utf-8")
    places = [text.find(f"$ harvester {command} configs/{path.name}") for command in ("plan", "run")]
    assert -1 < places[0] < places[1]
    if path.stem not in ELSEWHERE:
        assert f"](workflows/{path.stem}.md)" in text_of("docs/workflows.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_the_commands_of_the_pages_have_the_switches_that_they_are_called_with(page: Path) -> None:
    for command, rest in re.findall(r"^\$ harvester (\w+) (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        found = main.get_command(click.Context(main), command)
        if found is not None:  # else it is installed with an extra
            known = {name for option in found.params for name in option.opts}
            assert set(re.findall(r"--[a-z-]+", rest.split("#")[0].split('"')[0])) <= known, rest


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_no_page_names_a_file_that_is_not_there() -> None:
    for page in PAGES:
        for name in re.findall(
            r"`((?:harvester|tests|scripts|configs|docs)/[\w./-]+)`", page.read_text(encoding="utf-8")
        ):
            if "<" not in name and name != "harvester/providers/toy.py":
                assert (ROOT / name).exists(), f"{page.name}: {name}"
