import csv
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_kit import GENERATED, NOW, TODAY, link, world_of

from harvester.errors import ConfigError
from harvester.sandbox.facts import Dice, Facts, HostFacts, PageFacts, heavy_tail
from harvester.sandbox.generated import GeneratedWorld, site_host
from harvester.sandbox.hosts import place_of, root_of
from harvester.sandbox.observed import ObservedWorld, read_links
from harvester.sandbox.world import Link, Lost, Scope, links_to

SEED_CSV = Path(__file__).parents[2].parent / "shared" / "data" / "observed_links.csv"
HOSTS = [f"site{number}.example" for number in range(400)]


@given(st.text("abcdefgh", min_size=1, max_size=8), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_every_life_is_in_order_and_over_before_now(name: str, seed: int) -> None:
    world = GeneratedWorld(seed=seed, today=TODAY)
    for found in world.links_below(f"{name}.test"):
        assert found.page_found <= found.first_seen <= found.last_seen < (found.lost_at or world.now) <= world.now
        assert (found.lost_at is None) == (found.lost_reason is None)
        assert found.source_host.endswith((".example", ".test"))
        assert place_of(found.source_url).host == found.source_host
        assert place_of(found.target_url).host == found.target_host


def test_the_same_seed_and_day_make_the_same_links_and_others_do_not() -> None:
    def links(seed: int, today: date) -> list[Link]:
        return list(GeneratedWorld(seed=seed, today=today).links_below("site3.example"))

    assert links(1, TODAY) == links(1, TODAY) != []
    assert links(1, TODAY) != links(2, TODAY)
    assert links(1, TODAY) != links(1, date(2026, 11, 20))


def test_targets_have_none_tens_or_thousands_of_links() -> None:
    counts = sorted(GENERATED.link_count(f"t{number}.example") for number in range(5000))
    assert counts[0] == 0
    assert 15 <= counts[2500] <= 40
    assert counts[-1] > 2000
    assert 0.08 < counts.count(0) / len(counts) < 0.16


def test_no_two_links_of_a_target_are_the_same_but_some_join_the_same_pages() -> None:
    pages = texts = links = 0
    for host in HOSTS:
        found = GENERATED.links_below(host)
        links += len(found)
        texts += len({(one.source_url, one.target_url, one.anchor) for one in found})
        pages += len({(one.source_url, one.target_url) for one in found})
    assert links == texts > pages


def test_some_targets_have_more_links_of_one_second_than_a_page_holds() -> None:
    most = [max(Counter(one.first_seen for one in GENERATED.links_of(host)).values(), default=0) for host in HOSTS]
    assert max(most) > 250
    assert sum(1 < ties <= 100 for ties in most) > 20


def test_targets_share_sources_and_the_world_is_not_tame() -> None:
    found = [one for host in HOSTS for one in GENERATED.links_of(host)]
    large = [{root_of(one.source_host) for one in GENERATED.links_of(host)} for host in HOSTS]
    large = [sites for sites in large if len(sites) > 100]
    assert all(first & second for first in large for second in large)
    assert {one.kind for one in found} >= {"text", "image", "redirect", "rss", "canonical"}
    assert {one.lost_reason for one in found} == {None, *Lost}
    assert {"", "\x1b[31mred\x1b[0m\x1b]0;owned\x07", "<script>alert(1)</script>"} <= {one.anchor for one in found}
    assert any(one.source_host.startswith("xn--") for one in found)
    assert {rel for one in found for rel in one.rel} >= {"nofollow", "ugc", "sponsored"}


def test_a_subdomain_has_the_same_links_alone_and_in_its_domain() -> None:
    host = next(host for host in HOSTS if len(GENERATED.subdomains(host)) > 1)
    whole = list(GENERATED.links_below(host))
    parts = [one for sub in GENERATED.subdomains(host) for one in GENERATED.links_of(sub)]
    assert whole == [*GENERATED.links_of(host), *parts]
    assert not GENERATED.subdomains(f"www.{host}")


def test_sites_have_names_of_their_own() -> None:
    names = {site_host(1, number) for number in range(3000)}
    assert len(names) == 3000


@given(st.text(), st.integers(0, 15))
@settings(max_examples=50)
def test_dice_stay_in_range(name: str, at: int) -> None:
    dice = Dice(1, name)
    assert 0 <= dice.unit(at) < 1
    assert 3 <= dice.number(at, 3, 5) <= 5
    assert dice.pick(at, "xyz") in "xyz"


@pytest.mark.parametrize("kind", [HostFacts, PageFacts])
def test_every_fact_can_be_asked_of_any_name(kind: type[HostFacts] | type[PageFacts]) -> None:
    names = [name for name in dir(kind) if not name.startswith("_") and name != "published"]
    for number in range(50):
        one = kind(1, f"n{number}.example")
        assert all(getattr(one, name) == getattr(kind(1, f"n{number}.example"), name) for name in names)
    assert 0 <= Facts(1).host("a.example").authority <= 100
    assert heavy_tail(0.0, typical=12) == 12


def test_targets_are_matched_by_scope() -> None:
    urls = ["https://t.example/", "http://t.example/a/", "https://t.example/ab?x=1", "https://s.t.example/a/"]
    world = world_of(*(link(target=url) for url in urls))

    def found(target: str, scope: Scope) -> list[str]:
        return [one.target_url for one in links_to(world, place_of(target), scope)]

    assert found("t.example", Scope.SUBDOMAINS) == urls
    assert found("t.example/ignored", Scope.HOST) == urls[:3]
    assert found("t.example", Scope.URL) == urls[:1]
    assert found("https://t.example/a", Scope.PREFIX) == urls[1:3]
    assert found("t.example/a/", Scope.URL) == urls[1:2]
    assert found("s.t.example", Scope.SUBDOMAINS) == urls[3:]
    assert found("example.test", Scope.SUBDOMAINS) == []


def write_csv(path: Path, *rows: str) -> Path:
    head = "source_url,target_url,anchor,link_type,rel,first_seen,last_seen,lost_at,lost_reason,restored_count\n"
    path.write_text(head + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def test_a_csv_becomes_links_and_a_page_is_as_old_as_its_first_link(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "links.csv",
        'https://A.example/p,http://T.example/x#y,"a, ""b""",text,NoFollow ugc,2024-03-01T00:00:00Z,'
        "2024-05-01T00:00:00Z,,,2",
        "https://a.example/p,https://u.example,,,,2023-01-01T00:00:00Z,2023-02-01T00:00:00Z,2023-03-01T00:00:00Z,"
        "page_removed,0",
    )
    first, second = read_links(path)
    assert (first.target_host, first.anchor, first.rel) == ("t.example", 'a, "b"', frozenset({"nofollow", "ugc"}))
    assert (first.target_url, first.was_restored, first.lost_at) == ("http://T.example/x#y", True, None)
    assert (second.lost_reason, second.kind, second.anchor) == (Lost.PAGE_REMOVED, "text", "")
    assert second.first_seen == second.page_found < first.page_found


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("https://a.example/,nonsense,,,,2024-03-01,2024-03-01,,,", "nonsense"),
        ("https://a.example/,https://t.example/,,,,yesterday,2024-03-01,,,", "yesterday"),
        ("https://a.example/,https://t.example/,,,,2024-03-01,2024-03-01,2024-04-01,eaten,", "eaten"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(tmp_path: Path, row: str, why: str) -> None:
    with pytest.raises(ConfigError, match=rf"line 2: .*{why}"):
        read_links(write_csv(tmp_path / "bad.csv", row))


def test_a_file_without_the_columns_or_none_at_all_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("source_url,target_url\n")
    with pytest.raises(ConfigError, match="columns missing: anchor, first_seen"):
        read_links(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_links(tmp_path / "none.csv")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"other\.csv: no CSV in UTF-8"):
        read_links(path)


@pytest.mark.skipif(not SEED_CSV.exists(), reason="the shared seed data are not beside this repository")
def test_the_observed_world_holds_exactly_the_rows_of_its_file() -> None:
    links = read_links(SEED_CSV)
    with SEED_CSV.open(encoding="utf-8", newline="") as file:
        rows = [(row["source_url"], row["target_url"], row["anchor"]) for row in csv.DictReader(file)]
    assert [(one.source_url, one.target_url, one.anchor) for one in links] == rows
    world = ObservedWorld(links, seed=1, now=NOW)
    domains = {root_of(one.target_host) for one in links}
    assert sum(len(world.links_below(domain)) for domain in domains) == len(rows)
    assert len(world.links_below("github.com")) == 571
