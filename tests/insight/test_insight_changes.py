"""What changed between two rounds is what plain Python reckons, and nothing is called lost that may be there."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from insight_kit import link
from rounds_yard import DAYS, Rounds, rows_of

from harvester.cli import main
from harvester.engine.checkpoint import open_database
from harvester.errors import ConfigError, StorageError
from harvester.insight.changes import Changes, compared
from harvester.insight.questions import full_harvests
from harvester.insight.warehouse import opened
from harvester.records import complete

TARGETS = tuple(f"t{number}.com" for number in range(6))  #: many, since each example takes half a second
DAY_TEXTS = st.none() | st.integers(1, 20).map(lambda day: f"2026-03-{day:02}T10:00:00Z")
Change = tuple[Any, ...]
Key = tuple[str, str]

links = st.fixed_dictionaries(
    {
        "url_from": st.sampled_from(("https://a.com/1", "https://b.com/2")),
        "url_to": st.sampled_from(("https://mine.com/", "https://mine.com/x")),
        "anchor": st.sampled_from(("one", "two", "two", "", None)),
        "is_lost": st.sampled_from((False, False, None, True)),
        "is_followed": st.sampled_from((None, False, True)),
        "status_to": st.sampled_from((None, 200, 404)),
        "links_in_row": st.sampled_from((None, None, None, 1, 2)),
        "first_seen_at": DAY_TEXTS,
        "lost_at": DAY_TEXTS,
    }
)
#: What became of a target's task: absent, cut off, or read to its end.
ends = st.sampled_from((None, ("incomplete", "why"), ("complete", "max_rows"), ("complete", None), ("complete", None)))
asks = st.fixed_dictionaries(
    {
        "since": st.sampled_from((None, None, "2026-03-05", "7d")),
        "until": st.sampled_from((None, None, None, "2026-03-12")),
    }
)


@dataclass(frozen=True)
class Case:
    """Three rounds of one harvest."""

    report: str
    filter: Mapping[str, Any]
    asked: Sequence[Mapping[str, Any]]
    rows: Sequence[Mapping[str, Sequence[Mapping[str, Any]]]]  #: of each round, by target
    ends: Sequence[Mapping[str, tuple[str, str | None] | None]]
    first: int
    last: int


cases = st.builds(
    Case,
    report=st.sampled_from(("backlinks", "backlinks", "backlinks", "new-backlinks", "lost-backlinks")),
    filter=st.sampled_from(({}, {}, {"is_followed": True}, {"one_per_domain": True})),
    asked=st.lists(asks, min_size=3, max_size=3),
    rows=st.lists(
        st.fixed_dictionaries({name: st.lists(links, max_size=4) for name in TARGETS}), min_size=3, max_size=3
    ),
    ends=st.lists(st.fixed_dictionaries(dict.fromkeys(TARGETS, ends)), min_size=3, max_size=3),
    first=st.just(1),
    last=st.sampled_from((2, 3)),
)


# Plain Python, row by row


def day_of(written: str | None, began: date) -> date | None:
    if written is None:
        return None
    return began - timedelta(days=7) if written == "7d" else date.fromisoformat(written)


def is_everything(case: Case, number: int) -> bool:
    asked = case.asked[number - 1]
    return (
        case.report != "new-backlinks"
        and asked["since"] is None
        and asked["until"] is None
        and "one_per_domain" not in case.filter
    )


def together(rows: Sequence[Mapping[str, Any]], report: str) -> dict[str, Any]:
    """Return what several rows of one link and text say."""

    def agreed(name: str) -> Any:
        known = {row[name] for row in rows if row[name] is not None}
        return known.pop() if len(known) == 1 else None

    def most(name: str) -> Any:
        return max((row[name] for row in rows if row[name] is not None), default=None)

    return {
        "is_lost": report == "lost-backlinks" or all(row["is_lost"] is True for row in rows),
        "is_followed": agreed("is_followed"),
        "status_to": agreed("status_to"),
        "first_seen_at": min((row["first_seen_at"] for row in rows if row["first_seen_at"] is not None), default=None),
        "lost_at": most("lost_at"),
        "links": most("links_in_row") or 1,
        "url_from": rows[0]["url_from"],
    }


def known_in(case: Case, numbers: Sequence[int]) -> dict[Key, dict[str | None, dict[str, Any]]]:
    """Return what rounds say of each link, by its text; the last round that has something to say counts."""
    found: dict[Key, dict[str | None, dict[str, Any]]] = defaultdict(dict)
    for number in numbers:
        groups: dict[tuple[str, str, str | None], list[Mapping[str, Any]]] = defaultdict(list)
        for target, rows in case.rows[number - 1].items():
            for row in rows:
                groups[target, complete("backlink", link_of(row))["link_id"], row["anchor"]].append(row)
        for (target, id_, anchor), rows in groups.items():
            said = together(rows, case.report)
            before = found[target, id_].get(anchor, {})
            found[target, id_][anchor] = before | {name: value for name, value in said.items() if value is not None}
            found[target, id_][anchor] = dict.fromkeys(said) | found[target, id_][anchor]
    return found


def link_of(row: Mapping[str, Any]) -> dict[str, Any]:
    fields = dict(row)
    return link(fields.pop("url_from"), fields.pop("url_to"), **fields)


def read_in(case: Case, number: int) -> set[str]:
    return {target for target, end in case.ends[number - 1].items() if end == ("complete", None)}


def reckoned(case: Case) -> tuple[Counter[Change], int]:
    """Return the changes and how many rows nothing can be said of."""
    return Reckoner(case).all()


class Reckoner:
    def __init__(self, case: Case) -> None:
        self.case = case
        first, last = case.first, case.last
        before = [first] if is_everything(case, first) else list(range(1, first + 1))
        after = [last] if is_everything(case, last) else list(range(first + 1, last + 1))
        self.old, self.new = known_in(case, before), known_in(case, after)
        self.read_before, self.read_after = read_in(case, first), read_in(case, last)
        self.is_whole_after = is_everything(case, last) and case.report != "lost-backlinks"
        days = [day_of(case.asked[number - 1]["since"], DAYS[number - 1]) for number in after]
        self.after_since = None if None in days else min(day for day in days if day is not None)
        self.lists = "filtered lists" if case.filter else "lists"
        self.found: Counter[Change] = Counter()
        self.undecided = 0

    def all(self) -> tuple[Counter[Change], int]:
        for key in self.old.keys() | self.new.keys():
            self.link(key, dict(self.old.get(key, {})), dict(self.new.get(key, {})))
        return self.found, self.undecided

    def link(self, key: Key, old: dict[str | None, dict[str, Any]], new: dict[str | None, dict[str, Any]]) -> None:
        for anchor in old.keys() & new.keys():
            self.same(key, anchor, old.pop(anchor), anchor, new.pop(anchor))
        if old and new:
            is_unknown = any(anchor is None or row["links"] > 1 for anchor, row in (*old.items(), *new.items()))
            if len(old) == len(new) == 1 and (is_unknown or (self.is_whole_after and key[0] in self.read_after)):
                ((before, was),), ((after, now),) = old.items(), new.items()
                self.same(key, before, was, after, now)
                return
            if is_unknown:
                self.undecided += len(new)
                return
        for anchor, row in new.items():
            self.came(key, anchor, row)
        for anchor, row in old.items():
            self.absent(key, anchor, row)

    def same(
        self, key: Key, before: str | None, was: Mapping[str, Any], after: str | None, now: Mapping[str, Any]
    ) -> None:
        if was["is_lost"] != now["is_lost"]:
            self.add("lost" if now["is_lost"] else "gained", key, after, "verdict")
        elif not now["is_lost"] and was["links"] == now["links"] == 1:
            pairs = {"anchor": (before, after)}
            pairs |= {name: (was[name], now[name]) for name in ("is_followed", "status_to")}
            for name, (one, other) in pairs.items():
                if one is not None and other is not None and one != other:
                    self.add("changed", key, after, "values", name, *map(spelled, (one, other)))

    def came(self, key: Key, anchor: str | None, row: Mapping[str, Any]) -> None:
        case, target = self.case, key[0]
        change = "lost" if row["is_lost"] else "gained"
        at = row["lost_at" if row["is_lost"] else "first_seen_at"]
        happened = date.fromisoformat(at[:10]) if at else self.after_since
        asked, began = case.asked[case.first - 1], DAYS[case.first - 1]
        is_read = target in self.read_before and not self.is_grouped(self.old, target, row["url_from"])
        would_list = is_everything(case, case.first) and (change == "gained" or case.report == "lost-backlinks")
        since, until = day_of(asked["since"], began), day_of(asked["until"], began) or date.max
        if is_read and would_list:
            self.add(change, key, anchor, self.lists)
        elif happened is not None and happened >= began:
            self.add(change, key, anchor, "dates")
        elif (
            is_read
            and "one_per_domain" not in case.filter
            and happened is not None
            and since is not None
            and since <= happened <= until
        ):
            self.add(change, key, anchor, self.lists)
        elif not (change == "lost" and case.report != "lost-backlinks" and at and date.fromisoformat(at[:10]) < began):
            self.undecided += 1

    def absent(self, key: Key, anchor: str | None, row: Mapping[str, Any]) -> None:
        if row["is_lost"] or not self.is_whole_after:
            return
        if key[0] in self.read_after and not self.is_grouped(self.new, key[0], row["url_from"]):
            self.add("lost", key, anchor, self.lists)
        else:
            self.undecided += 1

    def is_grouped(self, side: Mapping[Key, Mapping[str | None, Mapping[str, Any]]], target: str, page: str) -> bool:
        return any(
            row["links"] > 1 and row["url_from"] == page
            for (other, _), texts in side.items()
            if other == target
            for row in texts.values()
        )

    def add(self, change: str, key: Key, anchor: str | None, by: str, *field: Any) -> None:
        self.found[change, *key, anchor, *(field or (None, None, None)), by] += 1


def spelled(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def made(directory: Path, case: Case) -> Path:
    rounds = Rounds(directory, 3)
    for number, (asked, rows, done) in enumerate(zip(case.asked, case.rows, case.ends, strict=True)):
        name = rounds.ask(number, "ahrefs", case.report, filter=case.filter, **asked)
        for target in TARGETS:
            rounds.yards[number].add(name, "backlink", target, [link_of(row) for row in rows[target]])
            if (end := done[target]) is not None:
                rounds.yards[number].done(name, target, state=end[0], reason=end[1])
    return rounds.made()


def told(changes: Changes) -> tuple[Counter[Change], int]:
    names = ("change", "target", "id", "anchor", "field", "before", "after", "by")
    rows = Counter(tuple(row[name] for name in names) for row in rows_of(changes.answer()))
    return rows, sum(item.counts.get("undecided", 0) for item in changes.harvests)


@given(cases)
@settings(deadline=None, max_examples=30)
def test_the_changes_are_what_plain_python_reckons(case: Case) -> None:
    with TemporaryDirectory() as folder:
        directory = made(Path(folder, "job"), case)
        with compared(directory, first=case.first, last=case.last) as changes:
            assert told(changes) == reckoned(case)


# By hand


def two_rounds(directory: Path, before: Sequence[Any], after: Sequence[Any], **asked: Any) -> Path:
    """Make two rounds of one harvest and target, each read to its end."""
    rounds = Rounds(directory, 2)
    name = rounds.harvest("ahrefs", asked.pop("report", "backlinks"), **asked)
    for yard, rows in zip(rounds.yards, (before, after), strict=True):
        yard.add(name, "backlink", "mine.com", rows)
        yard.done(name, "mine.com")
    return rounds.made()


def listed(directory: Path, **options: Any) -> list[tuple[Any, ...]]:
    with compared(directory, **options) as changes:
        return [(row["change"], row["url_from"], row["field"], row["by"]) for row in rows_of(changes.answer())]


def test_rows_of_one_link_that_contradict_each_other_say_nothing(tmp_path: Path) -> None:
    unsure = [link("https://a.com/", anchor="x", is_followed=is_followed) for is_followed in (True, False)]
    sure = [link("https://a.com/", anchor="x", is_followed=True)]
    assert listed(two_rounds(tmp_path / "job", unsure, sure)) == []
    assert listed(two_rounds(tmp_path / "other", [link("https://a.com/", anchor="x", is_followed=False)], sure)) == [
        ("changed", "https://a.com/", "is_followed", "values")
    ]


def test_a_row_that_stands_for_the_links_of_a_page_hides_none_as_lost(tmp_path: Path) -> None:
    before = [link("https://a.com/", "https://mine.com/1", anchor="x")]
    after = [link("https://a.com/", "https://mine.com/2", anchor="y", links_in_row=2)]
    with compared(two_rounds(tmp_path / "job", before, after)) as changes:
        assert [row["change"] for row in rows_of(changes.answer())] == ["gained"]
        assert changes.harvests[0].counts == {"gained": 1, "lost": 0, "changed": 0, "undecided": 1}
        assert changes.harvests[0].notes == ["1 rows that one round has and the other need not have: not counted"]


def test_referring_domains_are_compared_too(tmp_path: Path) -> None:
    rounds = Rounds(tmp_path / "job", 2)
    name = rounds.harvest("ahrefs", "refdomains")
    for yard, domains in zip(rounds.yards, (("a.com", "b.com"), ("b.com", "c.com")), strict=True):
        yard.add(name, "refdomain", "mine.com", [{"domain": domain} for domain in domains])
        yard.done(name, "mine.com")
    found = [("gained", "c.com", None, "lists"), ("lost", "a.com", None, "lists")]
    assert listed(rounds.made()) == found


def test_other_records_and_other_questions_are_not_compared(tmp_path: Path) -> None:
    rounds = Rounds(tmp_path / "job", 2)
    names = [rounds.harvest("ahrefs", "anchors")]
    for yard in rounds.yards:
        yard.add(names[0], "anchor", "mine.com", [{"anchor": "x"}])
    rounds.ask(0, "ahrefs", "backlinks", scope="host")
    rounds.ask(1, "ahrefs", "backlinks")
    rounds.ask(0, "ahrefs", "refdomains")
    with compared(rounds.made()) as changes:
        assert {item.name: (dict(item.counts), item.notes) for item in changes.harvests} == {
            "ahrefs.anchors": ({}, ["rows of anchor"]),
            "ahrefs.backlinks": ({}, ["round 1 asked otherwise: scope"]),
            "ahrefs.refdomains": ({}, ["only in round 1"]),
        }
        assert changes.count == 0


def test_what_a_window_and_a_grouped_list_cannot_tell_is_said(tmp_path: Path) -> None:
    one = [link("https://a.com/", anchor="x")]
    with compared(two_rounds(tmp_path / "job", one, [], since="7d")) as changes:
        assert changes.count == 0
        said = "asked since 2026-03-02 only: a link that is not listed is not known to be gone"
        assert changes.harvests[0].notes == [said]
    with compared(two_rounds(tmp_path / "other", one, [], options={"mode": "one_per_domain"})) as changes:
        assert changes.count == 0
        assert changes.harvests[0].notes[0].startswith("rows stand for others")


def test_the_last_finished_round_is_compared_unless_another_is_named(tmp_path: Path) -> None:
    rounds = Rounds(tmp_path / "job", 3)
    rounds.harvest("ahrefs", "backlinks")
    directory = rounds.made(finished=[True, True, False])
    with compared(directory) as changes:
        assert (changes.earlier.number, changes.later.number, changes.later.is_finished) == (1, 2, True)
    with compared(directory, last=3) as changes:
        assert (changes.earlier.number, changes.later.number, changes.later.is_finished) == (2, 3, False)
    only = Rounds(tmp_path / "only", 1)
    only.harvest("ahrefs", "backlinks")
    with (
        pytest.raises(ConfigError, match="has round 1, which goes on, so nothing to compare"),
        compared(only.made(finished=[False])),
    ):
        pass


def test_a_file_that_was_changed_is_named(tmp_path: Path) -> None:
    one = [link("https://a.com/", anchor="x")]
    directory = two_rounds(tmp_path / "job", one, one)
    path = directory / "rounds" / "1" / "ahrefs.backlinks.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"record":"backlink"', b'"record":"backlunk"'))
    with pytest.raises(StorageError, match=r"ahrefs\.backlinks\.jsonl"), compared(directory):
        pass


def test_the_first_round_with_since_last_lists_all_and_the_next_ones_a_window() -> None:
    asked = {"report": "backlinks", "until": None, "since": "last"}
    assert full_harvests({"a": {**asked, "since_day": None}, "b": {**asked, "since_day": "2026-03-02"}}) == ["a"]


def test_hostile_text_is_a_text(tmp_path: Path) -> None:
    nasty = "'; DROP TABLE change; --\x1b[31m"
    directory = two_rounds(tmp_path / "job", [], [link("https://a.com/?'\"", anchor=nasty)])
    with compared(directory) as changes:
        assert [row["anchor"] for row in rows_of(changes.answer())] == [nasty]


def test_the_table_shows_what_and_when_and_how_much_more_there_is(tmp_path: Path) -> None:
    before = [link("https://a.com/", anchor="x", is_followed=True), link("https://b.com/", anchor="x")]
    gone = {"is_lost": True, "lost_at": "2026-03-10T10:00:00Z", "lost_reason": "link_removed"}
    after = [
        link("https://a.com/", anchor="x", is_followed=False),
        link("https://b.com/", anchor="x", **gone),
        link("https://c.com/", anchor="\x1b[31m", first_seen_at="2026-03-11T10:00:00Z"),
        link("https://d.com/", anchor="y"),
    ]
    directory = two_rounds(tmp_path / "job", before, after)
    result = CliRunner().invoke(main, ["changes", str(directory), "--limit", "9"])
    assert result.exit_code == 0, result.output
    assert [line.split() for line in result.stdout.splitlines()[4:]] == [
        ["gained", "mine.com", "https://c.com/", "https://mine.com/", "\\x1b[31m", "2026-03-11", "lists"],
        ["gained", "mine.com", "https://d.com/", "https://mine.com/", "y", "lists"],
        ["lost", "mine.com", "https://b.com/", "https://mine.com/", "x", "2026-03-10", "link_removed", "verdict"],
        [
            "changed",
            "mine.com",
            "https://a.com/",
            "https://mine.com/",
            "x",
            "is_followed:",
            "true",
            "->",
            "false",
            "values",
        ],
    ]
    result = CliRunner().invoke(main, ["changes", str(directory), "--limit", "1"])
    assert result.stdout.splitlines()[-1] == "and 3 more: --limit 4, or --format csv"


def test_between_two_rounds_it_is_said_where_the_rows_are(tmp_path: Path) -> None:
    directory = two_rounds(tmp_path / "job", [], [])
    (directory / "state.sqlite3").unlink()
    with pytest.raises(ConfigError, match="round 2 has not begun; round 1 is in"), opened(directory):
        pass
    (directory / "rounds" / "1").rename(directory / "rounds" / "1.part")
    with pytest.raises(ConfigError, match="round 1 is being put away"), compared(directory):
        pass


def test_a_round_that_has_not_begun_is_none(tmp_path: Path) -> None:
    one = [link("https://a.com/", anchor="x")]
    directory = two_rounds(tmp_path / "job", one, one)
    db = open_database(directory)
    db.execute("DELETE FROM meta WHERE key = 'day'")
    db.close()
    with pytest.raises(ConfigError, match="has one round, so nothing to compare"), compared(directory):
        pass
