"""The grammar of `filters` and `order_by` (reference, section 6)."""

from typing import Any

import pytest
from dataforseo_sandbox_kit import Buyer, invalid
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_kit import link, world_of

from harvester.sandbox.dataforseo.filters import Field, parse_filter
from harvester.sandbox.dataforseo.terms import Blame, DataforseoSwitches

Row = dict[str, Any]
KINDS = {"b": "bool", "n": "num", "s": "str", "t": "time", "a": "array.str"}
SWITCHES = DataforseoSwitches()
STAMP = "2026-03-01 00:00:00 +00:00"
ROW: Row = {"b": True, "n": 5, "s": "Red apple, ripe", "t": STAMP, "a": ["cms", "news"]}


def lookup(name: str) -> Field[Row] | None:
    return Field(KINDS[name], lambda row: row[name]) if name in KINDS else None


def passes(node: object, row: Row = ROW, switches: DataforseoSwitches = SWITCHES) -> bool:
    return parse_filter(node, lookup, switches)(row)


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (["b", "=", True], True),
        (["b", "<>", True], False),
        (["n", ">", 4], True),
        (["n", ">=", "5"], True),
        (["n", "<", 5], False),
        (["n", "<=", 5], True),
        (["n", "<>", 5.5], True),
        (["n", "in", [1, "5"]], True),
        (["n", "not_in", [1, 5]], False),
        (["s", "=", "red apple, ripe"], False),
        (["s", "like", "Red%"], True),
        (["s", "like", "%apple"], False),
        (["s", "not_like", "%APPLE%"], True),
        (["s", "ilike", "%APPLE%"], True),
        (["s", "not_ilike", "%APPLE%"], False),
        (["s", "like", "R.d%"], False),
        (["s", "match", "ripe RED"], True),
        (["s", "match", "rip"], False),
        (["s", "not_match", "pear"], True),
        (["s", "regex", "^Red .p{2}le"], True),
        (["s", "not_regex", "p{3}"], True),
        (["s", "in", ["x", "Red apple, ripe"]], True),
        (["t", ">", "2026-02-28 23:59:59 +00:00"], True),
        (["t", "<", STAMP], False),
        (["t", "in", [STAMP]], True),
        (["a", "has", "news"], True),
        (["a", "has_not", "news"], False),
        ([], True),
        (None, True),
        ([["n", "=", 5]], True),
        ([["n", "=", 5], "and", ["b", "=", False]], False),
        ([["n", "=", 6], "or", ["b", "=", True]], True),
        ([["n", "=", 5], "and", [["s", "like", "x%"], "or", ["s", "like", "R%"]]], True),
    ],
)
def test_a_filter_says_yes_or_no(node: object, expected: bool) -> None:
    assert passes(node) is expected


@pytest.mark.parametrize(
    "node",
    [
        "b=true",
        {"b": True},
        ["b", "=", "true"],
        ["b", ">", False],
        ["n", "like", "5"],
        ["n", "=", True],
        ["n", "=", [5]],
        ["n", "=", "many"],
        ["n", "in", 5],
        ["n", "has", 5],
        ["s", "=", 5],
        ["s", ">", "a"],
        ["s", "like", 5],
        ["s", "regex", "("],
        ["s", "regex", "a(?=b)"],
        ["s", "regex", "a" * 1001],
        ["t", ">", "2026-03-01"],
        ["t", ">", "2026-02-30 00:00:00 +00:00"],
        ["a", "=", "cms"],
        ["a", "has", ["cms"]],
        ["unknown", "=", 1],
        ["n", "=="],
        ["n", "==", 5],
        ["n", ["="], 5],
        [["n", "=", 5], ["b", "=", True]],
        [["n", "=", 5], "xor", ["b", "=", True]],
        [["n", "=", 5], "and"],
        [[]],
        [5, "and", 6],
    ],
)
def test_what_is_no_filter_is_a_40501(node: object) -> None:
    with pytest.raises(Blame, match="Invalid Field: 'filters'"):
        passes(node)


def joined(count: int) -> list[object]:
    parts: list[object] = [["n", "=", 5]]
    for _ in range(count - 1):
        parts += ["and", ["n", "=", 5]]
    return parts


def test_eight_conditions_are_the_most_wherever_they_are() -> None:
    assert passes(joined(8))
    assert passes([joined(4), "and", joined(4)])
    for node in (joined(9), [joined(4), "or", joined(5)]):
        with pytest.raises(Blame):
            passes(node)
    deep: object = ["n", "=", 5]
    for _ in range(50):
        deep = [deep]
    with pytest.raises(Blame):
        passes(deep)


def test_null_fulfils_only_what_is_negated() -> None:
    nothing = dict.fromkeys(ROW)
    assert not any(passes(node, nothing) for node in (["n", "<", 9], ["s", "like", "%"], ["b", "=", False]))
    assert all(passes(node, nothing) for node in (["n", "<>", 9], ["s", "not_in", ["x"]], ["a", "has_not", "x"]))


@pytest.mark.parametrize(("mixed", "expected"), [("left_to_right", False), ("and_first", True)])
def test_and_and_or_at_one_level_are_read_by_the_switch(mixed: Any, expected: bool) -> None:
    yes, no = ["n", "=", 5], ["n", "=", 6]
    assert passes([yes, "or", yes, "and", no], switches=DataforseoSwitches(mixed_logic=mixed)) is expected
    refusing = DataforseoSwitches(mixed_logic="refused")
    assert passes([yes, "or", yes, "or", no], switches=refusing)
    with pytest.raises(Blame):
        passes([yes, "or", yes, "and", no], switches=refusing)


tests = st.recursive(
    st.booleans(),
    lambda inner: st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=1, max_size=3)),
    max_leaves=8,
)


def as_filter(tree: Any) -> list[Any]:
    if isinstance(tree, bool):
        return ["b", "=", tree]
    word, parts = tree
    found: list[Any] = []
    for part in parts:
        found += [word, as_filter(part)]
    return found[1:]


def as_truth(tree: Any) -> bool:
    if isinstance(tree, bool):
        return tree
    word, parts = tree
    return (all if word == "and" else any)(map(as_truth, parts))


@given(tests)
@settings(max_examples=60)
def test_nested_filters_mean_what_logic_says(tree: Any) -> None:
    for mixed in ("left_to_right", "and_first", "refused"):
        switches = DataforseoSwitches(mixed_logic=mixed)
        assert passes(as_filter(tree), switches=switches) == as_truth(tree)


WORLD = world_of(
    *(
        link(f"https://s{n}.example/{n}", anchor=f"text {n % 4}", first=f"2026-0{1 + n % 9}-01", last="2026-10-01")
        for n in range(30)
    ),
    link("https://lost.example/", lost="2026-06-01"),
)


def test_filters_reach_the_links() -> None:
    buyer = Buyer(WORLD)
    rows = buyer.items("backlinks", filters=["anchor", "=", "text 3"])
    assert {row["anchor"] for row in rows} == {"text 3"}
    assert len(rows) == len([n for n in range(30) if n % 4 == 3])
    late = buyer.items("backlinks", filters=[["first_seen", ">=", "2026-09-01 00:00:00 +00:00"]])
    assert {row["first_seen"][:10] for row in late} == {"2026-09-01"}
    assert buyer.blame("backlinks", filters=["colour", "=", "red"]) == invalid("filters")
    assert buyer.blame("anchors", backlinks_filters=["colour", "=", "red"]) == invalid("backlinks_filters")


def test_fields_that_the_filter_list_leaves_out_need_a_switch() -> None:
    node = ["is_indirect_link", "=", False]
    assert Buyer(WORLD).blame("backlinks", filters=node) == invalid("filters")
    assert len(Buyer(WORLD, "unlisted_filters=true").items("backlinks", filters=node)) == 30
    by_keywords = ["ranked_keywords_info.page_from_keywords_count_top_100", ">=", 0]
    assert len(Buyer(WORLD, "unlisted_filters=true").items("backlinks", filters=by_keywords)) == 30
    assert Buyer(WORLD, "unlisted_filters=true").blame("backlinks", filters=["type", "=", "x"]) == invalid("filters")


def test_backlinks_filters_pick_links_before_they_are_counted() -> None:
    world = world_of(
        link("https://a.example/1"),
        link("https://a.example/2", rel=frozenset({"nofollow"})),
        link("https://b.example/"),
    )
    buyer = Buyer(world)
    counts = {row["domain"]: row["backlinks"] for row in buyer.items("referring_domains")}
    assert counts == {"a.example": 2, "b.example": 1}
    followed = buyer.items("referring_domains", backlinks_filters=["dofollow", "=", True])
    assert {row["domain"]: row["backlinks"] for row in followed} == {"a.example": 1, "b.example": 1}
    assert buyer.result("summary", backlinks_filters=["dofollow", "=", False])["backlinks"] == 1


def test_rows_are_ordered_by_up_to_three_rules() -> None:
    buyer = Buyer(WORLD)
    rows = buyer.items("backlinks", order_by=["anchor,asc", "page_from_rank,desc", "url_from,asc"])
    keys = [(row["anchor"], -row["page_from_rank"], row["url_from"]) for row in rows]
    assert keys == sorted(keys)
    for wrong in (["rank"], ["rank,down"], ["colour,asc"], ["rank,asc"] * 4, "rank,asc", [5], ["type,asc"]):
        assert buyer.blame("backlinks", order_by=wrong) == invalid("order_by")


def test_null_comes_last_in_either_direction() -> None:
    world = world_of(
        link(image_alt="b", kind="image"), link("https://b.example/"), link("https://c.example/", image_alt="a")
    )
    for direction, alts in (("asc", ["a", "b", None]), ("desc", ["b", "a", None])):
        rows = Buyer(world).items("backlinks", order_by=[f"alt,{direction}"])
        assert [row["alt"] for row in rows] == alts


def test_keys_of_maps_are_filtered_by_with_a_dot() -> None:
    world = world_of(link("https://a.test/"), link("https://b.example/"), link("https://c.example/"))
    buyer = Buyer(world)
    found = buyer.items("referring_domains", filters=["referring_links_tld.test", ">", 0])
    assert [row["domain"] for row in found] == ["a.test"]
    assert buyer.blame("referring_domains", order_by=["referring_links_tld.test,desc"]) == invalid("order_by")
    assert buyer.task("referring_domains", order_by=["referring_links_types.anchor,desc"])["status_code"] == 20000
    pages = buyer.items("domain_pages", filters=["page_summary.referring_links_tld.example", "=", 2])
    assert [row["page"] for row in pages] == ["https://t.example/"]
    locations = [row["referring_links_semantic_locations"].get("", 0) for row in buyer.items("referring_domains")]
    empty = buyer.task("referring_domains", filters=["referring_links_semantic_locations.$empty", ">", 0])
    assert len(empty["result"][0]["items"]) == sum(map(bool, locations))
