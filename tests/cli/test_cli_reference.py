"""What can be looked up or tried without a config: help, providers, schemas, the sandbox, the demo."""

import json
import re
import signal
import subprocess
import sys
import urllib.request
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from cli_kit import Bench, end, lines_of

from harvester.cli import main
from harvester.providers import PROVIDERS
from harvester.records import RECORDS

CONTEXT = click.Context(main, info_name="harvester")
NAMES = main.list_commands(CONTEXT)
README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, "")


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help_with_an_example_and_fits_its_line(name: str) -> None:
    text, command = main.get_help(CONTEXT), main.get_command(CONTEXT, name)
    assert command is not None
    assert command.name == name
    assert f"  {command.name} " in text
    assert "..." not in text.partition("Options:")[2], "a first sentence is too long for the list"
    own = command.get_help(click.Context(command, info_name=f"harvester {command.name}"))
    assert f"Example: harvester {command.name}" in own
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{command.name} {parameter.name}: no help"
            assert parameter.help.endswith((".", "...")), f"{command.name} {parameter.name}"


@pytest.mark.parametrize("name", NAMES)
def test_every_command_is_in_the_readme(name: str) -> None:
    assert f"harvester {name}" in README.read_text(encoding="utf-8")


def test_the_group_shows_every_command_in_one_section(bench: Bench) -> None:
    text = bench.call("--help").stdout
    for name in NAMES:
        assert len(re.findall(rf"^  {name} ", text, re.MULTILINE)) == 1
    assert [line for line in text.splitlines() if line in ("Harvest:", "Look up:", "Try without an account:")]


@pytest.mark.parametrize("name", ["running", "words", "runn", "__init__"])
def test_what_is_no_command_is_refused_with_the_nearest(bench: Bench, name: str) -> None:
    ended = bench.call(name)
    assert ended.exit_code == 2
    assert f"No such command '{name}'" in ended.stderr
    assert ("did you mean run?" in ended.stderr) == (name in ("running", "runn"))


@pytest.mark.parametrize(
    ("module", "spared"),
    [
        ("harvester", "pydantic"),
        ("harvester.cli", "pydantic"),
        ("harvester.cli.status", "pydantic asyncio"),
        ("harvester.cli.schema", "pydantic asyncio"),
        ("harvester.cli.providers", "pydantic asyncio"),
        ("harvester.cli.query", "pydantic asyncio duckdb"),
        ("harvester.cli.changes", "aiohttp pydantic duckdb"),
        ("harvester.cli.report", "aiohttp pydantic duckdb altair"),
        ("harvester.cli.run", "harvester.sandbox requests duckdb"),
    ],
)
def test_a_command_does_not_wait_for_what_it_does_not_use(module: str, spared: str) -> None:
    program = f"import sys, {module}; print(*[name for name in {spared.split()} if name in sys.modules])"
    asked = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert asked.stdout.split() == []


@pytest.mark.parametrize("name", NAMES)
def test_the_list_of_commands_says_of_each_what_the_command_says(bench: Bench, name: str) -> None:
    command = main.get_command(CONTEXT, name)
    assert command is not None
    words = f"{name} {command.get_short_help_str(80)}"
    assert words in " ".join(bench.call("--help").stdout.split())


def test_the_version_is_that_of_the_package(bench: Bench) -> None:
    assert bench.call("--version").stdout == f"harvester {version('harvester')}\n"


def test_providers_are_listed_and_one_is_shown_in_full(bench: Bench) -> None:
    listed = bench.call("providers").stdout
    assert re.search(r"^dataforseo .* USD$", listed, re.MULTILINE)
    assert "USD, counted in micro-dollars" in bench.call("providers", "dataforseo").stdout
    for name, provider in PROVIDERS.items():
        assert f"{name} " in listed
        text = bench.call("providers", name).stdout
        for word in (provider.title, provider.base_url, provider.unit, str(provider.rate), *provider.settings):
            assert word in text
        for report in provider.reports.values():
            assert f"{report.name} ({report.record}): {report.about}" in text
            assert all(word in text for word in (report.price, report.paging, *report.aliases))


def test_the_matrix_has_a_line_for_each_report_of_each_provider(bench: Bench) -> None:
    lines = bench.call("providers").stdout.splitlines()
    matrix = lines[next(n for n, line in enumerate(lines) if line.startswith("report ")) + 1 :]
    offered: dict[str, list[str]] = {}
    name = ""
    for line in matrix[: matrix.index("")]:
        name, provider = (line.split()[0], line.split()[1]) if line[0] != " " else (name, line.split()[0])
        offered.setdefault(name, []).append(provider)
        report = PROVIDERS[provider].reports[name]
        assert report.price in line
        assert report.paging in line, "nothing is cut"
    assert offered == {
        report: [name for name, provider in PROVIDERS.items() if report in provider.reports]
        for report in dict.fromkeys(report for provider in PROVIDERS.values() for report in provider.reports)
    }


def test_providers_as_json_hold_everything_too(bench: Bench) -> None:
    found = json.loads(bench.call("providers", "--json").stdout)
    assert set(found) == set(PROVIDERS)
    ahrefs = found["ahrefs"]
    assert (ahrefs["rate"], ahrefs["unit"], ahrefs["has_free_balance"]) == ("60/minute", "API units", True)
    assert ahrefs["reports"]["summary"]["targets_per_request"] == 100
    assert json.loads(bench.call("providers", "ahrefs", "--json").stdout) == {"ahrefs": ahrefs}


def test_an_unknown_provider_is_named_with_those_that_are(bench: Bench) -> None:
    result = bench.call("providers", "ahref")
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"ahref: no provider of that name; there are {', '.join(PROVIDERS)}" in result.stderr


@pytest.mark.parametrize("record", [*RECORDS, "raw"])
def test_every_record_has_a_schema(bench: Bench, record: str) -> None:
    found = json.loads(bench.call("schema", record).stdout)
    assert found["type"] == "object"
    assert found["properties"]


def test_all_schemas_come_in_one_object(bench: Bench) -> None:
    assert list(json.loads(bench.call("schema").stdout)) == list(RECORDS)


def test_views_for_duckdb_name_every_record(bench: Bench) -> None:
    sql = bench.call("schema", "--sql").stdout
    assert all(record in sql for record in RECORDS)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_sandbox_prints_where_and_with_which_key_until_it_is_stopped(bench: Bench, number: signal.Signals) -> None:
    process = bench.start("sandbox", "--units", "ahrefs=77", "--rate", "ahrefs=5/minute", "--latency-ms", "0")
    assert process.stdout is not None
    lines = [process.stdout.readline()]
    while not lines[-1].startswith("Ctrl-C"):
        lines.append(process.stdout.readline())
    text = "".join(lines)
    urls = re.findall(r"http://127\.0\.0\.1:[0-9]+\S*", text)
    assert urls[0].endswith("/ahrefs/v3")
    assert "export AHREFS_API_TOKEN=sandbox-ahrefs-key" in text
    with urllib.request.urlopen(urls[-1], timeout=10) as reply:
        account = json.load(reply)["ahrefs"]["keys"]["sandbox-ahrefs-key"]
    assert account["units_left"] == 77
    process.send_signal(number)
    code, _, err = end(process)
    assert (code, err) == (0, "")


def test_a_port_that_is_taken_is_named(bench: Bench) -> None:
    first = bench.start("sandbox")
    assert first.stdout is not None
    port = re.findall(r":([0-9]+)/", first.stdout.readline())[0]
    result = bench.call("sandbox", "--port", port)
    first.terminate()
    end(first)
    assert result.exit_code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in result.stderr


def test_the_demo_harvests_shows_links_and_can_be_run_again(bench: Bench) -> None:
    out = bench.folder / "demo"
    result = bench.call("demo", "--targets", "3", "--output", str(out))
    assert result.exit_code == 0, result.output
    count = len(lines_of(out / "ahrefs.backlinks.jsonl"))
    assert f"The first of {count:,} records in {out}/ahrefs.backlinks.jsonl" in result.stdout
    assert re.search(r"^shop-\d\.example  https?://", result.stdout, re.MULTILINE), "of whichever was answered first"
    assert "demo-3-1: complete after" in result.stdout
    again = bench.call("demo", "--targets", "3", "--output", str(out))
    assert again.exit_code == 0
    assert "nothing was left to ask" in again.stdout
    other = bench.call("demo", "--targets", "3", "--output", str(out), "--seed", "2")
    assert other.exit_code == 2
    assert '[job] name was "demo-3-1" and is "demo-3-2"' in other.stderr


def test_the_module_is_the_command() -> None:
    import sys

    done = subprocess.run([sys.executable, "-m", "harvester", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("harvester ")
