"""HTTPS_PROXY and NO_PROXY mean what they mean elsewhere, and nothing goes to a proxy in the clear."""

import pytest

from harvester.assembly.proxies import proxy_of
from harvester.errors import ConfigError

PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
@pytest.mark.parametrize("value", [PROXY, "http://me:pa%40ss@proxy.example:3128", "http://[::1]:3128", "http://proxy"])
def test_a_proxy_leads_to_every_host(name: str, value: str) -> None:
    assert proxy_of({name: value})("api.ahrefs.com") == value


def test_a_proxy_without_a_scheme_is_a_plain_one() -> None:
    assert proxy_of({"HTTPS_PROXY": " proxy.example:3128 "})("api.ahrefs.com") == PROXY


def test_the_lower_case_name_goes_first() -> None:
    assert proxy_of({"HTTPS_PROXY": "http://other:1", "https_proxy": PROXY})("api.ahrefs.com") == PROXY


@pytest.mark.parametrize(
    "environ", [{}, {"HTTPS_PROXY": ""}, {"HTTPS_PROXY": " "}, {"HTTP_PROXY": PROXY}, {"ALL_PROXY": PROXY}]
)
def test_without_a_proxy_for_https_every_way_is_direct(environ: dict[str, str]) -> None:
    assert proxy_of(environ)("api.ahrefs.com") is None


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1"])
def test_loopback_needs_no_proxy(host: str) -> None:
    assert proxy_of({"HTTPS_PROXY": PROXY})(host) is None


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize(
    ("without", "is_direct"),
    [
        ("api.ahrefs.com", True),
        ("API.Ahrefs.com", True),
        ("ahrefs.com", True),
        (".ahrefs.com", True),
        ("localhost, .ahrefs.com,", True),
        ("*", True),
        ("hrefs.com", False),
        ("other.com", False),
        ("www.api.ahrefs.com", False),
        (",", False),
        ("", False),
    ],
)
def test_no_proxy_names_hosts_and_the_domains_above_them(name: str, without: str, is_direct: bool) -> None:
    found = proxy_of({"HTTPS_PROXY": PROXY, name: without})("api.ahrefs.com")
    assert found == (None if is_direct else PROXY)


@pytest.mark.parametrize(
    "value",
    ["socks5://proxy:1080", "https://proxy:443", "http://", "http://me:secret@", "http://h:port", "http://h:0", "://"],
)
def test_a_proxy_that_cannot_be_used_is_refused_without_its_password(value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        proxy_of({"https_proxy": value})
    assert "https_proxy names no proxy that can be used: expected http://HOST:PORT" in str(caught.value)
    assert "unset https_proxy" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "socks5" not in str(caught.value)
