"""The Public Suffix List: what the library that brings it says of the same names."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tldextract import TLDExtract

from harvester.suffixes import Suffixes, icann, icann_and_private, suffix_list_version

ICANN = TLDExtract(suffix_list_urls=(), cache_dir=None)
PRIVATE = TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)

#: The example rules of the list's own description, and two of Japan's.
SOME = Suffixes(
    exact=frozenset({"com", "uk", "co.uk", "jp", "kobe.jp"}),
    wildcards=frozenset({"ck", "kobe.jp"}),
    exceptions=frozenset({"www.ck", "city.kobe.jp"}),
)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("com", None),
        ("example.com", "example.com"),
        ("a.b.example.com", "example.com"),
        ("co.uk", None),
        ("example.co.uk", "example.co.uk"),
        ("example.uk", "example.uk"),
        ("test.ck", None),
        ("b.test.ck", "b.test.ck"),
        ("a.b.test.ck", "b.test.ck"),
        ("www.ck", "www.ck"),
        ("a.www.ck", "www.ck"),
        ("c.kobe.jp", None),
        ("b.c.kobe.jp", "b.c.kobe.jp"),
        ("city.kobe.jp", "city.kobe.jp"),
        ("www.city.kobe.jp", "city.kobe.jp"),
        ("example.unknown", None),
        ("127.0.0.1", None),
        ("", None),
    ],
)
def test_the_registrable_part_follows_the_rules_of_the_list(name: str, found: str | None) -> None:
    assert SOME.registrable(name) == found


@pytest.mark.parametrize("name", ["com", "co.uk", "test.ck", "c.kobe.jp", "kobe.jp"])
def test_a_suffix_is_nobodys(name: str) -> None:
    assert SOME.is_suffix(name)
    assert SOME.registrable(name) is None


@pytest.mark.parametrize("name", ["example.com", "www.ck", "city.kobe.jp", "unknown", "b.test.ck"])
def test_what_is_no_suffix_may_be_somebodys(name: str) -> None:
    assert not SOME.is_suffix(name)


LABELS = st.sampled_from(["www", "a", "blog", "co", "com", "city", "github", "xn--bcher-kva", "1"])


@given(st.lists(LABELS, max_size=3), st.sampled_from(sorted(ICANN.tlds)))
@example(["a"], "*.ck")
@example([], "!www.ck")
def test_registries_suffixes_give_what_the_library_gives(labels: list[str], rule: str) -> None:
    name = ".".join([*labels, rule.lstrip("!*.").encode("idna").decode()])
    assert icann().registrable(name) == (ICANN(name).top_domain_under_public_suffix or None)


@given(st.lists(LABELS, min_size=1, max_size=3), st.sampled_from(sorted(PRIVATE.tlds)))
@example(["a"], "github.io")
def test_companies_suffixes_give_what_the_library_gives(labels: list[str], rule: str) -> None:
    name = ".".join([*labels, rule.lstrip("!*.").encode("idna").decode()])
    found = PRIVATE(name)
    # The library does not see that `svc.firenet.ch` is one of `*.firenet.ch`, because it has longer rules of its own.
    if not icann_and_private().is_suffix(name):
        assert icann_and_private().registrable(name) == (found.top_domain_under_public_suffix or None)


def test_a_name_under_companies_is_a_site_and_under_a_registry_is_not() -> None:
    assert icann().registrable("me.github.io") == "github.io"
    assert icann_and_private().registrable("me.github.io") == "me.github.io"
    assert icann_and_private().registrable("github.io") is None


def test_the_list_is_named_by_library_and_content() -> None:
    library, digest = suffix_list_version().split(", ")
    assert library.startswith("tldextract 5.")
    assert len(digest.removeprefix("sha256 ")) == 12
