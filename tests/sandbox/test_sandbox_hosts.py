from functools import partial

import pytest

from harvester.sandbox.hosts import Place, ascii_host, place_of, root_of, unicode_host
from harvester.sandbox.recent import Recent


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("example.com", Place("example.com", "/")),
        ("Example.COM.", Place("example.com", "/")),
        ("ahrefs.com/blog", Place("ahrefs.com", "/blog")),
        ("https://a.example:8080/x?y=1#z", Place("a.example", "/x?y=1")),
        ("http://bücher.example/ä", Place("xn--bcher-kva.example", "/ä")),
        ("192.0.2.7", Place("192.0.2.7", "/")),
    ],
)
def test_a_target_is_read_with_or_without_a_scheme(text: str, place: Place) -> None:
    assert place_of(text) == place


@pytest.mark.parametrize("text", ["", "word", "two words.example", "ftp://a.example/", "https://", "-.example", "a..b"])
def test_what_is_no_target_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        place_of(text)


@pytest.mark.parametrize(
    ("host", "root"),
    [
        ("a.b.example", "b.example"),
        ("b.test", "b.test"),
        ("www.shop.co.uk", "shop.co.uk"),
        ("foo.blogspot.com", "blogspot.com"),
        ("co.uk", "co.uk"),
        ("192.0.2.7", "192.0.2.7"),
    ],
)
def test_the_registrable_domain_follows_the_suffix_list(host: str, root: str) -> None:
    assert root_of(host) == root


def test_a_host_reads_the_same_both_ways() -> None:
    assert unicode_host(ascii_host("żółty.example")) == "żółty.example"
    assert unicode_host("xn--999999999.example") == "xn--999999999.example"


def test_recent_forgets_what_was_used_longest_ago() -> None:
    recent: Recent[str, str] = Recent(4, weigh=len)
    made: list[str] = []

    def make(text: str) -> str:
        made.append(text)
        return text

    for text in ("aa", "bb", "aa", "cc", "aa", "bb", "too heavy"):
        assert recent.get(text, partial(make, text)) == text
    assert made == ["aa", "bb", "cc", "bb", "too heavy"]
    assert len(recent) == 1
