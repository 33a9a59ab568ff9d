"""What a config file means."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from harvester.config import JobConfig, ProviderConfig, default_name, job_of, load
from harvester.model import Harvest, RateRule, SetColumn, TargetSource

EXAMPLE = """
[job]
name    = "rivals"
output  = "../out/rivals"
targets = "../targets/rivals.txt"
scope   = "host"

[output]
rows    = "raw"
format  = "jsonl.zst"
capture = true

[providers.ahrefs]
key       = "env:AHREFS_API_TOKEN"
base_url  = "https://api.ahrefs.com/v3/"
rate      = "60/minute"
in_flight = 4
budget    = 50000
keep      = 10000
timeout_s = 120
row_cap   = 250

[[harvest]]
name     = "ahrefs.lost-backlinks"
provider = "ahrefs"
report   = "lost-backlinks"
scope    = "prefix"
since    = 2026-10-01
until    = "2026-11-01"
max_rows = 1000
page_size = 100
fields   = ["url_from", "anchor"]
order_by = "domain_rating_source:desc"
filter   = { is_followed = true, min_domain_score = 30 }
options  = { aggregation = "1_per_domain", limits = [1, 2.5, true] }
sets     = [["example.com", "rival.org"]]

[[harvest]]
provider = "ahrefs"
report   = "backlinks"
since    = "30d"
"""

Document = dict[str, Any]


def document(**sections: Any) -> Document:
    """Return the smallest config, with some of its sections replaced."""
    return {
        "job": {"name": "rivals", "targets": "rivals.txt"},
        "providers": {"ahrefs": {"key": "env:TOKEN"}},
        "harvest": [{"provider": "ahrefs", "report": "backlinks"}],
        **sections,
    }


def job(**keys: Any) -> JobConfig:
    return job_of(document(job={"name": "rivals", "targets": "rivals.txt", **keys}), Path("/jobs/x.toml"))


def provider(name: str = "ahrefs", **keys: Any) -> ProviderConfig:
    login = {"login": "me"} if name == "dataforseo" else {}
    sections = {"ahrefs": {"key": "env:TOKEN"}, name: {"key": "env:TOKEN", **login, **keys}}
    return job_of(document(providers=sections), Path("/jobs/x.toml")).providers[name]


def harvest(**keys: Any) -> Harvest:
    table = {"provider": "ahrefs", "report": "backlinks", **keys}
    (found,) = job_of(document(harvest=[table]), Path("/jobs/x.toml")).harvests
    return found


def test_every_key_of_the_example_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "configs" / "rivals.toml"
    path.parent.mkdir()
    path.write_text(EXAMPLE)
    config = load(path)
    assert (config.path, config.name, config.scope) == (path, "rivals", "host")
    assert config.output == tmp_path / "out" / "rivals"
    assert config.targets == (TargetSource(path=tmp_path / "targets" / "rivals.txt"),)
    assert (config.rows, config.format, config.capture) == ("raw", "jsonl.zst", True)
    assert config.providers == {
        "ahrefs": ProviderConfig(
            name="ahrefs",
            keys=("env:AHREFS_API_TOKEN",),
            base_url="https://api.ahrefs.com/v3",
            rate=RateRule(calls=60, window_s=60.0),
            in_flight=4,
            budget=50000,
            keep=10000,
            timeout_s=120.0,
            settings={"row_cap": 250},
        )
    }
    assert config.harvests == (
        Harvest(
            name="ahrefs.lost-backlinks",
            provider="ahrefs",
            report="lost-backlinks",
            scope="prefix",
            since=date(2026, 10, 1),
            until=date(2026, 11, 1),
            max_rows=1000,
            page_size=100,
            fields=("url_from", "anchor"),
            order_by="domain_rating_source:desc",
            filter={"is_followed": True, "min_domain_score": 30},
            options={"aggregation": "1_per_domain", "limits": [1, 2.5, True]},
            sets=(("example.com", "rival.org"),),
        ),
        Harvest(name="ahrefs.backlinks", provider="ahrefs", report="backlinks", scope="host", since=timedelta(days=30)),
    )


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    config = job_of(document(), tmp_path / "x.toml")
    assert config.output == tmp_path / "out" / "rivals"
    assert (config.scope, config.rows, config.format, config.capture) == ("subdomains", "record", "jsonl", False)
    assert config.providers["ahrefs"] == ProviderConfig(name="ahrefs", keys=("env:TOKEN",))
    assert config.harvests == (Harvest(name="ahrefs.backlinks", provider="ahrefs", report="backlinks"),)


def test_a_byte_order_mark_and_crlf_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"\xef\xbb\xbf" + EXAMPLE.replace("\n", "\r\n").encode())
    assert load(tmp_path / "x.toml").name == "rivals"


@pytest.mark.parametrize(
    ("written", "sources"),
    [
        ("a.txt", [TargetSource(path=Path("/jobs/a.txt"))]),
        ("/lists/a.txt", [TargetSource(path=Path("/lists/a.txt"))]),
        ("-", [TargetSource(path=Path("-"))]),
        ({"path": "../a.csv", "column": "site"}, [TargetSource(path=Path("/a.csv"), column="site")]),
        ({"inline": ["a.com", "b.com"]}, [TargetSource(inline=("a.com", "b.com"))]),
        (
            ["a.txt", {"path": "b.txt"}],
            [TargetSource(path=Path("/jobs/a.txt")), TargetSource(path=Path("/jobs/b.txt"))],
        ),
    ],
)
def test_targets_are_files_standard_input_or_written_inline(written: object, sources: list[TargetSource]) -> None:
    assert list(job(targets=written).targets) == sources


def test_sets_may_be_those_of_a_column_of_the_list() -> None:
    tables = [{"provider": "ahrefs", "report": "x", "sets": {"column": "set"}}]
    config = job_of(document(job={"name": "x", "targets": "rivals.csv"}, harvest=tables), Path("x.toml"))
    assert config.harvests[0].sets == SetColumn("set")


def test_targets_may_be_left_out_if_every_harvest_has_sets() -> None:
    tables = [{"provider": "ahrefs", "report": "x", "sets": [["a.com", "b.com"], ["c.com", "d.com", "e.com"]]}]
    config = job_of(document(job={"name": "x"}, harvest=tables), Path("x.toml"))
    assert config.targets == ()
    assert config.harvests[0].sets == (("a.com", "b.com"), ("c.com", "d.com", "e.com"))


@pytest.mark.parametrize(
    ("written", "rate"),
    [
        ("60/minute", RateRule(calls=60, window_s=60.0)),
        ("50/5minutes", RateRule(calls=50, window_s=300.0)),
        ("10/second", RateRule(calls=10, window_s=1.0)),
        ("60/6seconds", RateRule(calls=60, window_s=6.0)),
        (" 1 / 2 hours ", RateRule(calls=1, window_s=7200.0)),
        ("1000/day", RateRule(calls=1000, window_s=86400.0)),
        ("unlimited", "unlimited"),
    ],
)
def test_a_rate_is_calls_in_a_window(written: str, rate: RateRule | str) -> None:
    assert provider(rate=written).rate == rate
    if isinstance(rate, RateRule):
        assert provider(rate=str(rate)).rate == rate


@pytest.mark.parametrize(
    ("written", "micro_dollars"),
    [("25.00 USD", 25_000_000), ("0.000001 USD", 1), ("3 USD", 3_000_000), ("0.29 USD", 290_000), (7, 7), (0, 0)],
)
def test_dollars_become_whole_micro_dollars(written: str | int, micro_dollars: int) -> None:
    found = provider("dataforseo", budget=written, keep=written)
    assert (found.budget, found.keep) == (micro_dollars, micro_dollars)


def test_keys_are_references_and_files_are_relative_to_the_config() -> None:
    assert provider(key=["env:A", "file:a.key", "file:/etc/b.key"]).keys == (
        "env:A",
        "file:/jobs/a.key",
        "file:/etc/b.key",
    )


@pytest.mark.parametrize(
    "url", ["https://a.com", "http://127.0.0.1:8080", "http://127.9.9.9/x", "http://localhost:1/v3", "http://[::1]:80/"]
)
def test_a_base_url_is_https_or_loopback(url: str) -> None:
    assert provider(base_url=url).base_url == url.rstrip("/")


def test_further_keys_of_a_provider_become_its_settings() -> None:
    assert provider("semrush", balance_url="http://localhost/b.html").settings == {
        "balance_url": "http://localhost/b.html"
    }
    assert provider("majestic", datasource="fresh").settings == {"datasource": "fresh"}
    assert provider("dataforseo", login="env:LOGIN").settings == {"login": "env:LOGIN"}


def test_what_was_written_is_kept_without_logins() -> None:
    written = document(providers={"ahrefs": {"key": "env:A"}, "dataforseo": {"key": "env:B", "login": "me@a.com"}})
    kept = job_of(written, Path("x.toml")).as_written
    assert kept["job"] == written["job"]
    assert kept["providers"]["ahrefs"] == {"key": "env:A"}
    assert "me@a.com" not in str(kept)
    assert written["providers"]["dataforseo"]["login"] == "me@a.com"


def test_days_are_dates_or_counted_back() -> None:
    assert harvest(since="90d", until="0d").until == timedelta(0)
    assert harvest(since=date(2026, 1, 1), until=date(2026, 1, 1)).until == date(2026, 1, 1)
    assert harvest(since=date(2026, 1, 1), until="30d").until == timedelta(days=30)


def test_a_default_name_is_fit_for_a_file() -> None:
    assert default_name("ahrefs", "site-explorer/all-backlinks") == "ahrefs.site-explorer-all-backlinks"
    assert harvest(report="a/../b ").name == "ahrefs.a-..-b-"
    assert harvest(report="Get.Data").name == "ahrefs.Get.Data"
