"""What is wrong with a config, a flag or harvester itself: sentences and exit codes, never a traceback."""

import sys
from pathlib import Path

import pytest
from cli_kit import Bench

from harvester.engine.run import run_lanes
from harvester.errors import HarvestError


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, "http://127.0.0.1:1")


@pytest.mark.parametrize("command", ["run", "check", "plan"])
def test_all_faults_of_a_config_are_told_at_once(bench: Bench, command: str) -> None:
    bench.job["scoop"] = "host"
    bench.provider["rate"] = "60/minuet"
    bench.harvests = [{"report": "backlinks", "max_rows": 0}]
    result = bench.call(command, str(bench.write()))
    assert result.exit_code == 2
    assert result.stdout == ""
    first, *further = result.stderr.splitlines()
    assert first.startswith("Error: ")
    assert [line[:7] for line in further] == ["       "] * 2
    assert all(name in result.stderr for name in ("scoop", "60/minuet", "max_rows"))
    assert not bench.out.exists()


def test_faults_that_only_a_provider_sees_are_told_at_once_too(bench: Bench) -> None:
    bench.harvests = [{"report": "backlincs"}, {"report": "anchors", "order_by": "nothing"}]
    result = bench.run()
    assert result.exit_code == 2
    assert '[[harvest]] no. 1 "ahrefs.backlincs" report = "backlincs": expected a report of ahrefs' in result.stderr
    assert 'did you mean "backlinks"?' in result.stderr
    assert '[[harvest]] no. 2 "ahrefs.anchors" order_by = "nothing"' in result.stderr


def test_keys_that_are_not_there_are_told_before_a_list_is_read(bench: Bench) -> None:
    bench.provider["key"] = ["env:NOT_SET", "file:no-such-file"]
    bench.job["targets"] = "-"
    result = bench.run(input="shop-1.example\n")
    assert result.exit_code == 2
    assert "[providers.ahrefs] env:NOT_SET: no such environment variable" in result.stderr
    assert "[providers.ahrefs] file:" in result.stderr
    assert not bench.out.exists()


@pytest.mark.parametrize("command", ["run", "check", "plan"])
def test_a_config_that_is_not_there_is_named(bench: Bench, command: str) -> None:
    result = bench.call(command, "nowhere.toml")
    assert result.exit_code == 2
    assert result.stderr == "Error: nowhere.toml: no such file; check the path\n"


@pytest.mark.parametrize(
    ("budget", "why"),
    [
        ("ahrefs", "expected PROVIDER=N, such as ahrefs=50000"),
        ("ahrefs=", "expected PROVIDER=N"),
        ("ahrefs=many", "expected PROVIDER=N"),
        ("ahrefs=-5", "expected PROVIDER=N"),
        ("ahrefs=1.5", "expected PROVIDER=N"),
        ("moz=5", "the config has no [providers.moz]"),
        ("=5", "the config has no [providers.]"),
        ("ahrefs=5.00 USD", "only dataforseo charges in USD"),
    ],
)
def test_a_budget_that_cannot_be_meant_is_refused(bench: Bench, budget: str, why: str) -> None:
    result = bench.run("--budget", budget)
    assert result.exit_code == 2
    assert why in result.stderr


def test_all_wrong_budgets_are_told_at_once(bench: Bench) -> None:
    result = bench.run("--budget", "moz=5", "--budget", "ahrefs=x")
    assert len(result.stderr.splitlines()) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "job.toml", "--max-targets", "0"],
        ["run", "job.toml", "--log-format", "xml"],
        ["run", "job.toml", "--outptu", "x"],
        ["nothing"],
        ["demo", "--targets", "0"],
        ["sandbox", "--links", "nowhere.csv"],
        ["sandbox", "--rate", "ahrefs"],
        ["sandbox", "--rate", "=60/minute"],
        ["sandbox", "--rate", "ahrefs=sixty"],
        ["sandbox", "--units", "ahrefs=many"],
        ["sandbox", "--units", "bing=5"],
        ["sandbox", "--switch", "ahrefs"],
        ["providers", "bing"],
        ["schema", "nothing"],
        ["schema", "backlink", "--sql"],
    ],
)
def test_a_wrong_command_line_ends_with_2_and_a_sentence(bench: Bench, arguments: list[str]) -> None:
    result = bench.call(*arguments)
    assert result.exit_code == 2
    assert "Error: " in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "arguments", [["{}"], ["run", "job.toml", "{}"], ["run", "--{}"], ["run", "job.toml", "--max-targets", "{}"]]
)
def test_an_argument_cannot_steer_the_terminal(bench: Bench, arguments: list[str]) -> None:
    result = bench.call(*(argument.format("a\x1b[31m\u202eb") for argument in arguments))
    assert result.exit_code == 2
    assert "\\u202eb" in result.stderr
    assert [char for char in result.output if not (char.isprintable() or char == "\n")] == []


def test_more_targets_than_can_be_counted_are_refused(bench: Bench) -> None:
    result = bench.run("--max-targets", str(10**30))
    assert (result.exit_code, "not in the range" in result.stderr) == (2, True)


def test_of_a_long_sentence_both_ends_are_told(bench: Bench) -> None:
    result = bench.call("check", "x" * 5000)
    assert result.stderr.startswith("Error: xxx")
    assert result.stderr.endswith("cannot be read: File name too long\n")


def test_an_unreachable_keep_names_the_reason(bench: Bench) -> None:
    bench.provider["keep"] = 5
    result = bench.run()
    assert result.exit_code == 2
    assert "[providers.ahrefs] keep = 5: the account's balance is not known (cannot connect to" in result.stderr


def fail_inside(*_args: object, **_more: object) -> None:
    raise LookupError("something \x1b[31m nobody thought of")


def test_an_error_of_ours_is_one_sentence_with_its_place_and_the_log_has_the_rest(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"harvester.assembly.run.{run_lanes.__name__}", fail_inside)
    result = bench.run("--quiet")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "Error: internal error: LookupError: something \\x1b[31m nobody thought of"
        f" (test_cli_faults.py, line {fail_inside.__code__.co_firstlineno + 1})",
        "       What was stored is safe.",
    ]
    assert "LookupError" in (bench.out / "harvester.log").read_text()
    assert "Traceback" in (bench.out / "harvester.log").read_text()


def test_an_error_that_has_no_words_yet_ends_with_1(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise HarvestError("no words")

    monkeypatch.setattr(sys.modules["harvester.cli.plan"], "plan_with_sizes", fail)
    result = bench.call("plan", str(bench.write()))
    assert (result.exit_code, result.stderr) == (1, "Error: no words\n")


def test_ctrl_c_in_any_command_ends_with_130(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["harvester.cli.plan"], "plan_with_sizes", interrupted)
    result = bench.call("plan", str(bench.write()))
    assert (result.exit_code, result.stderr) == (130, "Error: interrupted\n")
