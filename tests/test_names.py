"""Names: the tables of data-model.md section 8.6 row by row, then what must hold for any text at all."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tldextract import TLDExtract

from harvester.names import HostNames, NotATarget, UrlNames, host_names, target_of, url_names

ROOT = Path(__file__).parents[1]
OBSERVED = ROOT.parent / "shared" / "data" / "observed_links.csv"
SCOPES = ("url", "prefix", "host", "subdomains")

KEYS = {
    "HTTP://WWW.Example.com:80/a/../b/%7euser?x=1#frag": "example.com/b/~user?x=1",
    "https://münchen.de/straße": "xn--mnchen-3ya.de/stra%C3%9Fe",
    "https://xn--mnchen-3ya.de/stra%C3%9Fe": "xn--mnchen-3ya.de/stra%C3%9Fe",
    "https://faß.de/": "xn--fa-hia.de/",
    "moz.com/blog": "moz.com/blog",
    "https://www.nike.com/kr/t/대한민국": "nike.com/kr/t/%EB%8C%80%ED%95%9C%EB%AF%BC%EA%B5%AD",
    "http://user:pw@example.co.uk:8080": "example.co.uk:8080/",
    "https://пример.рф/путь?q=тест": ("xn--e1afmkfd.xn--p1ai/%D0%BF%D1%83%D1%82%D1%8C?q=%D1%82%D0%B5%D1%81%D1%82"),
    "http://[2001:db8::1]/": "[2001:db8::1]/",
    "https://example.com/?b=2&a=1": "example.com/?b=2&a=1",
    "https://exa mple.com/": None,
}

DOMAINS = {
    "blog.example.co.uk": ("example.co.uk", "example.co.uk"),
    "foo.blogspot.com": ("blogspot.com", "foo.blogspot.com"),
    "user.github.io": ("github.io", "user.github.io"),
    "www.city.kawasaki.jp": ("city.kawasaki.jp", "city.kawasaki.jp"),
    "www.gov.uk": ("www.gov.uk", "www.gov.uk"),
    "1.2.3.4": (None, None),
    "localhost": (None, None),
    "com": (None, None),
}

FURTHER_KEYS = {
    "https://www.gov.uk/browse": "www.gov.uk/browse",  # nobody can register gov.uk
    "https://www.localhost/": "www.localhost/",
    "https://example.com./": "example.com/",
    "https://example.com:443?q": "example.com/?q",
    "https://example.com:08443/": "example.com:8443/",
    "https://example.com:/": "example.com/",
    "//example.com/a": "example.com/a",
    "http://example.com//a//b": "example.com//a//b",
    "http://example.com/a/b/..": "example.com/a/",
    "http://example.com/a/./b/.": "example.com/a/b/",
    "http://example.com/../../x": "example.com/x",
    "http://example.com/a/%2E%2e/b": "example.com/b",
    "http://example.com/a%2fb?c=%3d&d=../e": "example.com/a%2Fb?c=%3D&d=../e",
    "http://example.com/100%": "example.com/100%25",
    "http://example.com/%4%31": "example.com/%2541",
    "http://example.com/a b|c": "example.com/a%20b%7Cc",
    "http://example.com/?": "example.com/?",
    "http://EXAMPLE.com/Path": "example.com/Path",
    "http://ex%61mple.com/": "example.com/",
    "http://a_b.example.com/": "a_b.example.com/",
    "http://r3---sn.example.com/": "r3---sn.example.com/",  # IDNA forbids it, the web has it
    "http://例え。jp/": "xn--r8jz45g.jp/",
    "http://[2001:DB8:0::0:1]:8080/x": "[2001:db8::1]:8080/x",
    "http://example.com/\ud800": "example.com/%ED%A0%80",
    "ftp://example.com/x": "example.com/x",
}

NO_URLS = [
    "", " ", "/path", "?q", "#f", "http://", "http:///x", "http:/example.com", "mailto:info@example.com",
    "info@example.com", "javascript:void(0)", "http://example.com:port/", "http://example.com:65536/",
    "http://a..com/", "http://.example.com/", "http://exa<mple.com/", "http://[::1", "http://[::1]x/",
    "http://[fe80::1%25eth0]/", "http://[1.2.3.4]/", "http://❤.example.com/", "http://" + "a." * 600 + "com/",
    "http://" + "a." * 150 + "com/", "http://xn--0.ü.com/", "http://\ud800.com/",
]  # fmt: skip

TARGETS = [
    # text, subdomains, host, prefix, url
    ("example.com", "example.com", "example.com", "example.com/", "example.com/"),
    ("  WWW.Example.COM.  ", "example.com", "www.example.com", "www.example.com/", "www.example.com/"),
    (
        "https://münchen.de",
        "xn--mnchen-3ya.de",
        "xn--mnchen-3ya.de",
        "xn--mnchen-3ya.de/",
        "https://xn--mnchen-3ya.de/",
    ),
    ("XN--MNCHEN-3YA.de", "xn--mnchen-3ya.de", "xn--mnchen-3ya.de", "xn--mnchen-3ya.de/", "xn--mnchen-3ya.de/"),
    ("www.gov.uk", "www.gov.uk", "www.gov.uk", "www.gov.uk/", "www.gov.uk/"),
    ("www.foo.test", "foo.test", "www.foo.test", "www.foo.test/", "www.foo.test/"),
    ("www.test", "www.test", "www.test", "www.test/", "www.test/"),
    ("www.blogspot.com", "blogspot.com", "www.blogspot.com", "www.blogspot.com/", "www.blogspot.com/"),
    ("github.io", "github.io", "github.io", "github.io/", "github.io/"),
    ("a_b.example.com", "a_b.example.com", "a_b.example.com", "a_b.example.com/", "a_b.example.com/"),
    (
        "HTTPS://user:pw@www.Example.com:443/Blog/../a%7eb?x=1#f",
        *("example.com", "www.example.com", "www.example.com/a~b", "https://www.example.com/a~b?x=1"),
    ),
    ("http://example.com:443/", *("example.com", "example.com", "example.com/", "http://example.com:443/")),
    ("user:pw@example.com:8080/ü", *("example.com", "example.com"), *["example.com:8080/%C3%BC"] * 2),
]

REFUSED = {
    "": "empty",
    " \t": "empty",
    "exa mple.com": "blank",
    "example.com/a\tb": "blank",
    "localhost": "without a dot",
    "http://example/": "without a dot",
    "1.2.3.4": "IP address",
    "https://1.2.3.4:8080/x": "IP address",
    "\uff11.\uff12.3.4": "IP address",
    "127.0x1": "IP address",
    "[2001:db8::1]": "IP address",
    "a" * 64 + ".com": "longer than 63",
    "a." * 130 + "com": "longer than 253",
    "ü" * 1100 + ".com": "longer than 253",
    "*.example.com": "illegal character '*'",
    "exa,mple.com": "illegal character ','",
    "example..com": "two dots",
    "❤.example.com": "international",
    "info@example.com": "e-mail",
    "mailto:info@example.com": "neither a host nor",
    "http:example.com": "neither a host nor",
    "ftp://example.com": "scheme",
    "https://": "no host",
    "example.com:http": "not a port",
    "com": "without a dot",
    "co.uk": "public suffix",
    "https://co.uk/": "public suffix",
    "foo.ck": "public suffix",
    "xn--j1amh.xn--p1ai": None,
    "www.ck": None,
}

LABELS = st.sampled_from(
    ["www", "example", "blogspot", "com", "co", "uk", "gov", "test", "рф", "faß", "a_b", "12", "jp"]
)
HOSTS = st.lists(LABELS, min_size=1, max_size=5).map(".".join)
TAILS = st.text("/.?#%&=27eEfFaäß :@[]|", max_size=20).map(lambda tail: f"/{tail}")
URLS = st.one_of(
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["", "http://", "HTTPS://u:p@"]),
        HOSTS,
        st.sampled_from(["", ":80", ":8080", "."]),
        TAILS,
    ),
    st.text(max_size=40),
    st.text("htps:/.@[]%?#wexamplco0129", max_size=40),
)


def outcome(text: str, scope: str) -> tuple[str, str]:
    """Return why a text is refused as a target and what it becomes, one of them empty."""
    try:
        return "", target_of(text, scope)
    except NotATarget as refused:
        return str(refused), ""


@pytest.mark.parametrize(("url", "key"), (KEYS | FURTHER_KEYS).items())
def test_a_url_has_its_key(url: str, key: str | None) -> None:
    assert url_names(url).key == key


@pytest.mark.parametrize(("host", "names"), DOMAINS.items())
def test_a_host_has_its_registrable_domain_and_site(host: str, names: tuple[str | None, str | None]) -> None:
    assert host_names(host) == HostNames(host, *names)
    assert url_names(f"https://{host}/x")[1:] == (host, *names)


@pytest.mark.parametrize("url", NO_URLS)
def test_what_is_not_a_url_has_no_names(url: str) -> None:
    assert url_names(url) == UrlNames(None, None, None, None)


def test_a_host_is_found_in_any_spelling() -> None:
    assert host_names(" Foo.BLOGSPOT.com. ") == HostNames("foo.blogspot.com", "blogspot.com", "foo.blogspot.com")
    assert host_names("пример.рф") == host_names("XN--E1AFMKFD.xn--p1ai")
    assert host_names("[2001:db8::0:1]") == HostNames("[2001:db8::1]", None, None)
    assert host_names("example.com/path") == HostNames(None, None, None)


def test_a_bare_private_suffix_has_a_domain_and_no_site() -> None:
    assert host_names("github.io") == HostNames("github.io", "github.io", None)


def test_a_very_long_url_is_read_like_any_other() -> None:
    path = "a" * 100_000
    assert url_names(f"https://www.example.com/{path}#x").key == f"example.com/{path}"


@given(URLS)
@example("http://\x85\ud800.com/\ud800")
@settings(max_examples=300)
def test_any_text_has_names_or_none_and_keys_are_stable(url: str) -> None:
    names = url_names(url)
    if names.key is None:
        assert names == UrlNames(None, None, None, None)
    elif not (names.host or "").startswith("www.www."):  # of a doubled www. one is dropped each time
        assert names.key.isascii()
        assert url_names(names.key).key == names.key


@given(HOSTS, TAILS)
def test_scheme_default_port_case_and_fragment_do_not_change_a_key(host: str, tail: str) -> None:
    tail = tail.rstrip()  # blanks at the end of a text do not belong to its URL
    key = url_names(f"http://{host}{tail}").key
    assert key == url_names(f"https://{host.upper().replace('SS', 'ß')}:443{tail}#{host}").key
    assert key == url_names(f"{host}{tail}").key


def test_keys_of_observed_links_are_stable() -> None:
    if not OBSERVED.exists():
        pytest.skip("the shared seed data is not beside the repository")
    with OBSERVED.open(encoding="utf-8", newline="") as lines:
        urls = {row[column] for row in csv.DictReader(lines) for column in ("source_url", "target_url")}
    keys = {url: url_names(url).key for url in urls}
    assert [url for url, key in keys.items() if key is None] == []
    assert [key for key in keys.values() if key is not None and url_names(key).key != key] == []


@pytest.mark.parametrize(("text", "subdomains", "host", "prefix", "url"), TARGETS)
def test_a_target_is_normalised_for_its_scope(text: str, subdomains: str, host: str, prefix: str, url: str) -> None:
    assert target_of(text, "subdomains") == subdomains
    assert target_of(text, "host") == host
    assert target_of(text, "prefix") == prefix
    assert target_of(text, "url") == url


def test_a_prefix_has_no_query() -> None:
    assert target_of("https://example.com/blog/?page=2", "prefix") == "example.com/blog/"


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(("text", "reason"), REFUSED.items())
def test_what_is_not_a_target_is_refused_with_a_reason(text: str, reason: str | None, scope: str) -> None:
    if reason is None:
        assert target_of(text, scope)
        return
    assert reason in outcome(text, scope)[0]


def test_an_unknown_scope_is_an_error_of_the_program() -> None:
    with pytest.raises(KeyError):
        target_of("example.com", "domain")


@given(URLS, st.sampled_from(SCOPES))
@example("www.www.example.com", "subdomains")
@example("https://example.com:80/", "prefix")
@settings(max_examples=300)
def test_the_target_of_a_target_is_itself_and_nothing_else_is_raised(text: str, scope: str) -> None:
    reason, target = outcome(text, scope)
    assert bool(reason) != bool(target)
    assert len(reason) < 200
    assert target.isascii()
    assert outcome(target, scope)[1] == target


def test_a_public_suffix_is_refused_exactly_where_the_library_sees_one() -> None:
    icann = TLDExtract(suffix_list_urls=(), cache_dir=None)
    for rule in icann.tlds:
        for host in (rule.lstrip("*!."), rule.lstrip("!").replace("*", "any"), f"own.{rule.lstrip('*!.')}"):
            found = icann(host)
            is_refused = "." not in host or not found.domain
            assert bool(outcome(host, "host")[0]) == is_refused, host


def test_nothing_is_fetched_and_nothing_is_written(tmp_path: Path) -> None:
    program = """
import sys

def is_to_write(event, args):
    return event in ("os.mkdir", "os.rename") or (event == "open" and isinstance(args[1], str) and args[1].strip("rbt"))

def watch(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto") or is_to_write(event, args):
        seen.append((event, args))

seen = []
sys.addaudithook(watch)
from harvester.names import host_names, target_of, url_names
print(host_names("foo.blogspot.com").site, url_names("https://www.example.co.uk").key)
print(target_of("WWW.Example.com", "subdomains"))
assert not seen, seen
"""
    environment = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-B", "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["foo.blogspot.com", "example.co.uk/", "example.com"]
    assert list(tmp_path.iterdir()) == []
