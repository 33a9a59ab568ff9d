"""What is said of a config file that cannot be used: all of it at once, and never a secret."""

import os
import string
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.config import harvest_fault, job_of, load
from harvester.errors import ConfigError, HarvestRefused

SECRET = "sk-7f3a"


def faults(**sections: Any) -> list[str]:
    """Return what is wrong with the smallest config, some of its sections replaced."""
    document = {
        "job": {"name": "x", "targets": "x.txt"},
        "providers": {"ahrefs": {"key": "env:A"}},
        "harvest": [{"provider": "ahrefs", "report": "x"}],
        **sections,
    }
    try:
        job_of({name: found for name, found in document.items() if found is not None}, Path("x.toml"))
    except ConfigError as exc:
        return list(exc.faults)
    return []


def one(found: list[str]) -> str:
    assert len(found) == 1, found
    return found[0]


def of_job(**keys: Any) -> str:
    return one(faults(job={"name": "x", "targets": "x.txt", **keys}))


def of_provider(name: str = "ahrefs", **keys: Any) -> str:
    login = {"login": "me"} if name == "dataforseo" else {}
    return one(faults(providers={"ahrefs": {"key": "env:A"}, name: {"key": "env:A", **login, **keys}}))


def of_harvest(**keys: Any) -> str:
    return one(faults(harvest=[{"provider": "ahrefs", "report": "x", **keys}]))


def test_a_fault_names_file_table_key_value_expectation_and_nearest_spelling() -> None:
    assert of_provider(rate="60/minuet") == (
        'x.toml: [providers.ahrefs] rate = "60/minuet": expected CALLS/WINDOW such as "60/minute" or "50/5minutes" '
        '(second, minute, hour, day), or "unlimited"; did you mean "60/minute"?'
    )
    assert of_harvest(name="a", scope="subdomain") == (
        'x.toml: [[harvest]] no. 1 "a" scope = "subdomain": expected "url", "prefix", "host" or "subdomains"; '
        'did you mean "subdomains"?'
    )
    assert of_job(nam="y") == (
        'x.toml: [job] nam: unknown; expected one of name, output, targets, scope; did you mean "name"?'
    )


def test_all_that_is_wrong_is_said_at_once() -> None:
    found = faults(
        job={"name": "x y", "outptu": "z"},
        output={"rows": "records", "capture": 1},
        providers={"ahrefs": {"rate": "1"}, "moz": {"key": "env:A", "row_cap": 3}},
        harvest=[{"provider": "ahref", "report": "x", "max_rows": 0}, {"provider": "ahrefs"}, 3],
        jobs={},
    )
    assert [fault.split(":")[1].strip() for fault in found] == [
        "jobs",
        '[job] name = "x y"',
        "[job] outptu",
        '[output] rows = "records"',
        "[output] capture = 1",
        "[providers.ahrefs] key",
        '[providers.ahrefs] rate = "1"',
        "[providers.moz] row_cap",
        '[[harvest]] no. 1 "ahref.x" provider = "ahref"',
        '[[harvest]] no. 1 "ahref.x" max_rows = 0',
        "[[harvest]] no. 2 report",
        "[[harvest]] no. 3",
        "[job] targets",
    ]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"name": ".hidden"}, "letters, digits and . _ -"),
        ({"name": "a/b"}, "letters, digits and . _ -"),
        ({"name": "a."}, "do not end with a dot"),
        ({"name": "é"}, "letters, digits and . _ -"),
        ({"name": "Nul.x"}, "Windows keeps"),
        ({"name": 3}, "name = 3"),
        ({"output": ""}, "the path of a directory"),
        ({"output": "a\0b"}, "the path of a directory"),
        ({"targets": []}, "a list of files"),
        ({"targets": 3}, "a list of files"),
        ({"targets": [3]}, "a list of files"),
        ({"targets": {"inline": []}}, "a list of files"),
        ({"targets": {"inline": [3]}}, "a list of files"),
        ({"targets": {"inline": ["a.com"], "column": "x"}}, "a list of files"),
        ({"targets": {"path": "x", "column": ""}}, "a list of files"),
        ({"targets": {"column": "x"}}, "a list of files"),
        ({"targets": ["-", {"path": "-"}]}, "once at most"),
        ({"scope": "Host"}, 'did you mean "host"?'),
        ({"scope": ["host"]}, '["host"]'),
    ],
)
def test_a_job_is_checked(keys: dict[str, Any], said: str) -> None:
    assert said in of_job(**keys)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"rate": "0/minute"}, "at least one call"),
        ({"rate": "1/0minutes"}, "at least one call"),
        ({"rate": "0.5/second"}, "CALLS/WINDOW"),
        ({"rate": "50/5minuts"}, 'did you mean "50/5minutes"?'),
        ({"rate": "unlimted"}, 'did you mean "unlimited"?'),
        ({"rate": 60}, "rate = 60: expected a text"),
        ({"in_flight": 0}, "from 1 to 1000"),
        ({"in_flight": True}, "in_flight = true"),
        ({"in_flight": 4.0}, "in_flight = 4.0"),
        ({"budget": 2.5}, "a whole number of units"),
        ({"budget": -1}, "a whole number of units"),
        ({"budget": True}, "a whole number of units"),
        ({"budget": 2**63}, "a whole number of units"),
        ({"budget": 16**5000}, "a number of 20001 bits"),
        ({"budget": "many"}, "a whole number of units"),
        ({"keep": "25.00 USD"}, "only dataforseo charges in USD"),
        ({"name": "dataforseo", "keep": "0.0000001 USD"}, "at most six decimals"),
        ({"name": "dataforseo", "budget": "-1 USD"}, "at most six decimals"),
        ({"name": "dataforseo", "budget": 25.0}, "budget = 25.0"),
        ({"timeout_s": 0}, "more than 0"),
        ({"timeout_s": float("nan")}, "timeout_s = nan"),
        ({"timeout_s": float("inf")}, "timeout_s = inf"),
        ({"timeout_s": True}, "timeout_s = true"),
        ({"base_url": "ftp://a.com"}, "an https:// URL"),
        ({"base_url": "http://a.com"}, "plain http:// only for 127.0.0.0/8"),
        ({"base_url": "http://127.0.0.1.evil.com"}, "an https:// URL"),
        ({"base_url": "https://"}, "an https:// URL"),
        ({"base_url": "https://a.com:99999"}, "an https:// URL"),
        ({"base_url": "https://[::1"}, "an https:// URL"),
        ({"base_url": "https://a.com\\b"}, "an https:// URL"),
        ({"base_url": 3}, "base_url = 3"),
        ({"key": ["env:A", "env:A"]}, "each key once"),
        ({"key": []}, '"env:NAME"'),
        ({"key": 3}, '"env:NAME"'),
        ({"key": "env:"}, '"env:NAME"'),
        ({"key": "file: "}, '"env:NAME"'),
        ({"row_cap": 0}, "a whole number from 1"),
        ({"login": "me"}, "only in [providers.dataforseo]"),
        ({"name": "majestic", "datasource": ""}, "a text on one line"),
        ({"name": "dataforseo", "login": "a:b"}, 'the name of the account, or "env:NAME"'),
        ({"name": "dataforseo", "login": "env:a b"}, '"env:NAME"'),
    ],
)
def test_a_provider_is_checked(keys: dict[str, Any], said: str) -> None:
    assert said in of_provider(**keys)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"name": "Tasks"}, "the job writes tasks.jsonl itself"),
        ({"name": "COM1.x"}, "Windows keeps"),
        ({"provider": "moz"}, "a provider with a table [providers.moz]"),
        ({"provider": "ahref"}, 'did you mean "ahrefs"?'),
        ({"report": " "}, "the name of a report"),
        ({"report": "x" * 101}, "100 characters at most"),
        ({"since": datetime(2026, 1, 1)}, "since = 2026-01-01T00:00:00"),
        ({"since": time(1)}, "since = 01:00:00"),
        ({"since": "20260101"}, "a date as in 2026-10-01"),
        ({"since": "2026-02-30"}, "a date that exists"),
        ({"since": "99999d"}, 'as in "30d"'),
        ({"since": date(2026, 2, 1), "until": "2026-01-31"}, "not before since = 2026-02-01"),
        ({"since": "30d", "until": "31d"}, "not before since = 30d"),
        ({"max_rows": 0}, "a whole number from 1"),
        ({"page_size": True}, "page_size = true"),
        ({"fields": []}, "fields = []"),
        ({"fields": ["a", 3]}, "fields[1] = 3"),
        ({"filter": {"is_folowed": True}}, "filter.is_folowed: unknown; expected one of is_followed, min_domain_score"),
        ({"filter": {"is_followed": "yes"}}, 'filter.is_followed = "yes": expected true or false'),
        ({"filter": {"min_domain_score": float("nan")}}, "filter.min_domain_score = nan"),
        ({"filter": 3}, "filter = 3: expected a table of filters"),
        ({"options": {"a b": {"c": 1}}}, 'options."a b" = a table'),
        ({"options": {"a": [float("inf")]}}, "options.a = [inf]"),
        ({"options": {"a": 2**70}}, "options.a = a number of 71 bits"),
        ({"options": {"a": date(2026, 1, 1)}}, "options.a = 2026-01-01"),
        ({"sets": [[]]}, "a list of lists of targets"),
        ({"sets": []}, "sets = []"),
        ({"sets": [["a.com", 3]]}, "a list of lists of targets"),
        ({"sets": {"colum": "set"}}, '{ column = "..." }'),
        ({"order": "x"}, 'did you mean "order_by"?'),
    ],
)
def test_a_harvest_is_checked(keys: dict[str, Any], said: str) -> None:
    assert said in of_harvest(**keys)


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"job": None}, "[job]: expected a table"),
        ({"job": {"targets": "x"}}, "[job] name: missing"),
        ({"job": {"name": "x"}}, "[job] targets: missing"),
        ({"output": 3}, "[output]: expected a table"),
        ({"harvest": None}, "[[harvest]]: expected at least one"),
        ({"harvest": []}, "[[harvest]]: expected at least one"),
        ({"harvest": {"report": "x"}}, "needs two brackets"),
        (
            {"provider": {}},
            'provider: unknown; expected one of job, output, providers, harvest; did you mean "providers"?',
        ),
        ({"providers": {"ahrefs": {"key": "env:A"}, "a.b": {"key": "env:A"}}}, '[providers."a.b"]: expected the name'),
    ],
)
def test_the_tables_themselves_are_checked(sections: dict[str, Any], said: str) -> None:
    assert said in one(faults(**sections))


@pytest.mark.parametrize("names", [("a", "A"), (None, None), ("ahrefs.x", None)])
def test_two_harvests_may_not_write_one_file(names: tuple[str | None, ...]) -> None:
    tables = [{"provider": "ahrefs", "report": "x", **({"name": name} if name else {})} for name in names]
    fault = one(faults(harvest=tables))
    assert "[[harvest]] no. 2" in fault
    assert "another name than [[harvest]] no. 1" in fault


@pytest.mark.parametrize(
    "providers",
    [
        SECRET,
        [{"key": SECRET}],
        {"ahrefs": SECRET},
        {"ahrefs": {"key": SECRET}},
        {"ahrefs": {"key": [SECRET]}},
        {"ahrefs": {"key": {"env": SECRET}}},
        {"ahrefs": {"key": f"env:{SECRET}"}},
        {"ahrefs": {"key": f"key:{SECRET}"}},
        {"ahrefs": {"key": "env:A", "api_key": SECRET}},
        {"ahrefs": {"key": "env:A", "kye": {"x": SECRET}}},
        {"ahrefs": {"key": "env:A", "login": SECRET}},
        {"ahrefs": {"key": "env:A", "base_url": f"https://me:{SECRET}@a.com"}},
        {"ahrefs": {"key": "env:A", "base_url": f"https://a.com/?key={SECRET}"}},
        {"ahrefs": {"key": "env:A"}, "dataforseo": {"key": "env:A", "login": f"me:{SECRET}"}},
    ],
)
def test_no_fault_repeats_a_secret(providers: object) -> None:
    found = faults(providers=providers)
    assert found
    assert SECRET not in " ".join(found)


def test_a_plain_key_is_refused_with_the_way_to_write_it() -> None:
    assert of_provider(key=SECRET) == (
        'x.toml: [providers.ahrefs] key: expected "env:NAME" (an environment variable) or "file:PATH", '
        "or a list of these; the secret itself does not belong in this file"
    )


def test_what_a_provider_refuses_is_said_in_the_same_words() -> None:
    refused = HarvestRefused("scope", "prefix", "one of host, subdomains")
    assert harvest_fault(Path("x.toml"), 2, "moz.links", refused) == (
        'x.toml: [[harvest]] no. 2 "moz.links" scope = "prefix": expected one of host, subdomains'
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[job]\nname = rivals\n", "line 2, column 8: not TOML: invalid value"),
        (b"[job]\nname = 'x", "line 2, column 10: not TOML: expected"),
        (b"[job]\n[job]\n", "line 2, column 5: not TOML: cannot declare"),
        (b"a = 1\n\xff", "line 2: not UTF-8 text; save the file as UTF-8"),
        (b"a = " + b"[" * 50_000, "too many brackets"),
        (b"a = " + b"9" * 5000, "a number too long"),
        (b"#" * (4 * 1024 * 1024 + 1), "larger than 4,194,304 bytes"),
        (b"", "[job]: expected a table"),
    ],
)
def test_a_file_that_is_no_toml_says_where(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert caught.value.faults[0].startswith(f"{path}: ")
    assert said in caught.value.faults[0]


@pytest.mark.parametrize(
    ("name", "said"), [("", "not a file"), ("no.toml", "no such file"), ("x" * 300, "cannot be read")]
)
def test_a_file_that_cannot_be_read_is_one_fault(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="this user may read everything")
def test_a_file_of_somebody_else_is_one_fault(tmp_path: Path) -> None:
    (tmp_path / "x.toml").touch(mode=0o000)
    with pytest.raises(ConfigError, match="may not be read by this user"):
        load(tmp_path / "x.toml")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.toml")
    with pytest.raises(ConfigError, match="not a file"):
        load(tmp_path / "x.toml")


JOB_KEYS = ["name", "targets", "inline", "path", "column", "scope", "output"]
PROVIDER_KEYS = [
    "ahrefs",
    "dataforseo",
    "key",
    "login",
    "rate",
    "budget",
    "keep",
    "base_url",
    "balance_url",
    "timeout_s",
]
HARVEST_KEYS = ["provider", "report", "since", "until", "filter", "is_followed", "options", "sets", "fields"]
KEYS = st.sampled_from(JOB_KEYS + PROVIDER_KEYS + HARVEST_KEYS) | st.text(max_size=3)
SCALARS = st.one_of(
    st.sampled_from(
        ["ahrefs", "env:A", "file:a", "60/minute", "1/", "30d", "25 USD", "https://a.com", "host", "-", "\0"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.booleans(),
    st.dates(),
    st.datetimes(),
    st.times(),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
SECTIONS = st.fixed_dictionaries(
    {},
    optional={
        "job": VALUES | st.dictionaries(KEYS, VALUES, max_size=4),
        "providers": VALUES | st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES, max_size=4), max_size=2),
        "harvest": VALUES | st.lists(st.dictionaries(KEYS, VALUES, max_size=4), max_size=2),
    },
)


@settings(max_examples=300, deadline=None)
@given(sections=SECTIONS)
def test_no_document_raises_anything_but_a_config_error(sections: dict[str, Any]) -> None:
    for fault in faults(**sections):
        assert fault.startswith("x.toml: ")
        assert "\n" not in fault
        assert "Input should" not in fault
        assert "pydantic" not in fault


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=60) | st.text(string.printable + "é\x00", max_size=80).map(str.encode))
def test_no_bytes_raise_anything_but_a_config_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "random.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError):
        load(path)


class Forbidden(type(Path())):  # type: ignore[misc]  # the class of paths of this system, known only when it runs
    """A file that this user may not read; root may read all real ones."""

    def exists(self, **_: bool) -> bool:
        return True

    def is_file(self, **_: bool) -> bool:
        return True

    def open(self, *_: object, **__: object) -> NoReturn:
        raise PermissionError


def test_a_file_that_may_not_be_read_is_named_with_the_remedy() -> None:
    with pytest.raises(ConfigError) as caught:
        load(Forbidden("secret.toml"))
    assert caught.value.faults == ("secret.toml: may not be read by this user; change its permissions",)


@pytest.mark.parametrize("written", ["9999-12-31", date(9999, 12, 31), date(1989, 12, 31)])
def test_a_day_that_no_index_has_is_refused(written: object) -> None:
    (fault,) = faults(harvest=[{"provider": "ahrefs", "report": "x", "until": written}])
    assert "expected a date in the years 1990 to 2199" in fault


def test_a_length_of_time_is_shown_as_it_is_written() -> None:
    refused = HarvestRefused("since", timedelta(days=30), "none")
    assert harvest_fault(Path("x.toml"), 1, "h", refused).endswith('since = "30d": expected none')
