"""No key in any file or output, whatever a provider says; and no text from outside that moves the cursor."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from cli_kit import KEY, Bench, provider_beside, sandbox_beside

from harvester.sandbox.app import Options

SPELLINGS = {
    KEY,
    quote(KEY),
    quote(KEY, safe=""),
    quote_plus(KEY),
    re.sub("%..", lambda code: code[0].lower(), quote(KEY, safe="")),
    escape(KEY),
    base64.b64encode(KEY.encode()).decode(),
}

HOSTILE = "\x1b]0;owned\x07\x1b[31mred\u202eevil\r\n\x9b2J"


def assert_no_secret(bench: Bench, *texts: str) -> None:
    """Look for the key, in every spelling, in all files of the job directory and in these texts."""
    found = {str(path): path.read_bytes() for path in bench.out.rglob("*") if path.is_file()}
    found |= {f"text {number}": text.encode() for number, text in enumerate(texts)}
    assert len(found) > 5
    for where, content in found.items():
        for spelling in SPELLINGS:
            assert spelling.encode() not in content, f"{spelling} in {where}"
            assert spelling.replace("/", "\\/").encode() not in content, f"{spelling} in {where}, escaped"


def test_a_good_run_leaves_no_key_anywhere(tmp_path: Path) -> None:
    with sandbox_beside(Options(keys={"ahrefs": (KEY,)}, rates={"ahrefs": "unlimited"})) as sandbox:
        bench = Bench(tmp_path, sandbox.base_urls["ahrefs"], output={"capture": True, "rows": "raw"})
        result = bench.run()
        check = bench.call("check", str(bench.config))
        plan = bench.call("plan", str(bench.config), "--json")
    assert (result.exit_code, check.exit_code, plan.exit_code) == (0, 0, 0)
    status = bench.call("status", str(bench.out))
    assert_no_secret(bench, *(item.output for item in (result, check, plan, status)))


@pytest.fixture
def echoing(tmp_path: Path) -> Iterator[Bench]:
    """A provider that repeats the key in all its spellings in every answer, good or bad."""

    def answer(path: str, headers: Mapping[str, str]) -> tuple[int, object]:
        assert headers["Authorization"] == f"Bearer {KEY}"
        said = f"{HOSTILE} {' '.join(sorted(SPELLINGS))} {headers['Authorization']}"
        if "shop-1" in path:
            return 400, {"error": said}
        if "shop-2" in path:
            escaped = KEY.replace("/", "\\/")  # as some servers write JSON
            body = json.dumps({"metrics": {"live": 1, "said": said, "key": "HERE"}})
            return 200, body.replace("HERE", escaped).encode()
        return 401, {"error": said}

    with provider_beside(answer) as base_url:
        yield Bench(
            tmp_path,
            base_url,
            harvests=[{"report": "totals"}],
            output={"capture": True, "rows": "raw"},
            provider={"in_flight": 1},
        )


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_provider_that_repeats_the_key_gets_it_nowhere(echoing: Bench, log_format: str) -> None:
    result = echoing.run("--log-format", log_format)
    assert result.exit_code == 4
    check = echoing.call("check", str(echoing.config))
    assert check.exit_code == 2
    status = echoing.call("status", str(echoing.out))
    assert "set aside: ahrefs.totals shop-1.example: 400" in status.stdout
    assert "***" in result.stdout, "what was masked can be seen"
    assert_no_secret(echoing, *(item.output for item in (result, check, status)))


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_what_a_provider_says_cannot_steer_the_terminal(echoing: Bench, log_format: str) -> None:
    result = echoing.run("--log-format", log_format)
    shown = result.output + echoing.call("status", str(echoing.out)).output
    shown += echoing.call("check", str(echoing.config)).output + (echoing.out / "harvester.log").read_text()
    assert "\\x1b[31mred" in shown.replace("\\\\", "\\")
    assert [char for char in shown if not (char.isprintable() or char == "\n")] == []


def test_a_list_cannot_steer_the_terminal_either(tmp_path: Path) -> None:
    with provider_beside(lambda path, _: (404, {"error": "not found"})) as base_url:
        bench = Bench(tmp_path, base_url, job={"targets": "list.csv"})
        (tmp_path / "list.csv").write_text(f'domain\nshop-1.example\n"{HOSTILE}"\n')
        outputs = [bench.run().output, bench.call("status", str(bench.out)).output]
        outputs += [bench.call(command, str(bench.config)).output for command in ("plan", "check")]
    assert all("1 line rejected" in output for output in outputs)
    assert [char for char in "".join(outputs) if not (char.isprintable() or char == "\n")] == []


def test_a_secret_in_the_place_of_a_reference_is_refused_and_not_repeated(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "https://127.0.0.1:1", provider={"key": KEY})
    for command in ("run", "check", "plan"):
        result = bench.call(command, str(bench.write()))
        assert result.exit_code == 2
        assert not any(spelling in result.output for spelling in SPELLINGS)
    assert not bench.out.exists()
