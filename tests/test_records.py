"""Records: the tables are whole, every line has all keys in order, and single values follow sections 8 and 9."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.codec import dump
from harvester.errors import UnreadableRow
from harvester.records import ENVELOPE, RECORDS, FieldType, anchor_key, complete, day, link_id, text, timestamp

NOW = datetime(2026, 3, 30, 9, 12, 44, tzinfo=UTC)

#: The least that a provider must deliver.
NEEDED: dict[str, dict[str, Any]] = {
    "backlink": {"url_from": "https://www.blog.example.co.uk/list?p=2", "url_to": "https://example.com/guide"},
    "refdomain": {"domain": "Foo.blogspot.com"},
    "refip": {"ip": "192.0.2.7"},
    "anchor": {"anchor": "The  Guide"},
    "page": {"url": "http://www.example.com/a#b"},
    "summary": {},
    "history": {"date": "2026-03-01"},
    "competitor": {"competitor": "rival.org"},
    "overlap": {"domain": "blog.example.co.uk", "links": 0, "matches": 2, "set_id": "s1"},
    "distribution": {"dimension": "tld", "value": "org"},
    "category": {"category": "/Science", "confidence": 1},
}

COMPUTED: dict[str, dict[str, str]] = {
    "backlink": {
        "key_from": "blog.example.co.uk/list?p=2",
        "host_from": "www.blog.example.co.uk",
        "domain_from": "example.co.uk",
        "site_from": "example.co.uk",
        "key_to": "example.com/guide",
        "host_to": "example.com",
        "domain_to": "example.com",
        "site_to": "example.com",
        "link_id": link_id("blog.example.co.uk/list?p=2", "example.com/guide", "", ""),
    },
    "refdomain": {"host": "foo.blogspot.com", "registrable": "blogspot.com", "site": "foo.blogspot.com"},
    "anchor": {"anchor_key": "the guide"},
    "page": {"key": "example.com/a"},
    "overlap": {"site": "example.co.uk"},
}

HOSTS = st.sampled_from(["faß.de", "münchen.de", "пример.рф", "例え.jp", "bücher.example.co.uk"])


def test_the_records_are_those_of_the_data_model() -> None:
    assert set(RECORDS) == set(NEEDED)
    assert [spec.name for spec in ENVELOPE] == [
        *("record", "provider", "report", "target", "scope", "task", "page", "row", "fetched_at"),
    ]


@pytest.mark.parametrize("record", RECORDS)
def test_a_table_is_sound(record: str) -> None:
    specs = (*ENVELOPE, *RECORDS[record])
    names = [spec.name for spec in specs]
    assert len(set(names)) == len(names)
    assert names[-1] == "extra"
    assert {spec.type for spec in specs} <= set(get_args(FieldType))
    assert all(spec.about and "\n" not in spec.about for spec in specs)
    assert all(spec.type == "str" for spec in specs if spec.values)
    assert all(spec.type in ("int", "num") for spec in specs if spec.bounds != (None, None))
    assert all(f"{name.removesuffix('_score')}_metric" in names for name in names if name.endswith("_score"))


def test_a_field_has_the_same_type_in_every_record() -> None:
    types = {(spec.name, spec.type) for specs in (ENVELOPE, *RECORDS.values()) for spec in specs}
    assert len({name for name, _ in types}) == len(types)


@pytest.mark.parametrize("record", RECORDS)
def test_dates_to_the_second_say_how_precise_they_are(record: str) -> None:
    specs = RECORDS[record]
    has_times = any(spec.type == "ts" for spec in specs)
    assert has_times == any(spec.name == "dates_precision" for spec in specs)


@pytest.mark.parametrize("record", RECORDS)
def test_a_completed_record_has_all_keys_in_order_and_null_for_the_unknown(record: str) -> None:
    whole = complete(record, NEEDED[record])
    assert list(whole) == [spec.name for spec in RECORDS[record]]
    known = (
        NEEDED[record]
        | COMPUTED.get(record, {})
        | ({"dates_precision": "second"} if "dates_precision" in whole else {})
    )
    assert whole == dict.fromkeys(whole) | known


@pytest.mark.parametrize("record", RECORDS)
def test_order_and_content_do_not_depend_on_what_was_completed_before(record: str) -> None:
    fields = dict(reversed(NEEDED[record].items())) | {"extra": {"seen": 1}}
    assert complete(record, fields)["extra"] == {"seen": 1}
    assert complete(record, NEEDED[record])["extra"] is None
    assert dump(complete(record, fields)) == dump(complete(record, NEEDED[record] | {"extra": {"seen": 1}}))


def test_what_a_table_computes_no_provider_can_set() -> None:
    claimed = {spec.name: "claimed" for spec in RECORDS["backlink"] if spec.computed}
    assert complete("backlink", NEEDED["backlink"] | claimed) == complete("backlink", NEEDED["backlink"])
    for record, specs in RECORDS.items():
        assert {spec.name for spec in specs if spec.computed} == set(COMPUTED.get(record, {}))


def test_a_link_whose_page_is_no_url_keeps_its_identity() -> None:
    row = complete("backlink", {"url_from": "http://exa mple.com/", "url_to": "https://example.com/"})
    assert (row["key_from"], row["host_from"], row["domain_from"], row["site_from"]) == (None, None, None, None)
    assert row["link_id"] == link_id(None, "example.com/", "http://exa mple.com/", "")


def test_unknown_fields_and_records_are_errors_of_the_program() -> None:
    with pytest.raises(KeyError, match="url_form"):
        complete("backlink", NEEDED["backlink"] | {"url_form": "https://example.com/"})
    with pytest.raises(KeyError):
        complete("link", {})


@pytest.mark.parametrize(("record", "field"), [(record, field) for record in NEEDED for field in NEEDED[record]])
def test_a_row_without_what_is_never_null_is_unreadable(record: str, field: str) -> None:
    for broken in (None, ["x"]):
        with pytest.raises(UnreadableRow, match=field):
            complete(record, NEEDED[record] | {field: broken})


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        ("", ""),
        ("the long guide", "the long guide"),
        ("see also ", "see also "),
        ("Tom &amp; Jerry", "Tom & Jerry"),
        ("&amp;lt;b&amp;gt;", "&lt;b&gt;"),
        ("a\r\n\t b\xa0\u3000c", "a b c"),
        ("a\x00b \x07 c\x85d\x9f", "ab c d"),
        ("&#0;&#9;x&nbsp;", "\ufffd x "),
        (f"&#{'9' * 5000};", f"&#{'9' * 5000};"),
        ("93", "93"),
        ("1,2", "1,2"),
    ],
)
def test_a_text_is_tidied_and_never_becomes_a_number(value: str | None, shown: str | None) -> None:
    assert text(value) == shown


def test_a_number_where_a_text_belongs_becomes_its_text() -> None:
    assert [text(value) for value in (93, 1.5, True)] == ["93", "1.5", "true"]


def test_a_list_where_a_text_belongs_makes_a_row_unreadable() -> None:
    with pytest.raises(UnreadableRow, match="list"):
        text(["a"])


@given(st.text())
def test_any_text_can_be_tidied_and_has_no_double_spaces_or_controls(value: str) -> None:
    shown = text(value)
    assert shown is not None
    assert "  " not in shown
    assert all(char.isprintable() or ord(char) > 0x9F for char in shown)
    assert "&" in shown or text(shown) == shown


@pytest.mark.parametrize(
    ("anchor", "key"),
    [
        ("\uff33\uff25\uff2f\u3000links", "seo links"),
        ("Straße", "strasse"),
        ("  The\u00adLong \u200b Guide ", "thelong guide"),
        ("", ""),
        ("93", "93"),
        ("İstanbul", "i\u0307stanbul"),
    ],
)
def test_an_anchor_has_its_key(anchor: str, key: str) -> None:
    assert anchor_key(anchor) == key


@given(st.text())
def test_an_anchor_key_is_its_own_key(anchor: str) -> None:
    assert anchor_key(anchor_key(anchor)) == anchor_key(anchor)


def test_a_link_id_is_blake2b_of_both_keys() -> None:
    assert link_id("a.com/", "b.com/", "http://a.com", "http://b.com") == "c8efad79e2ec0534972c1836bfbdb822"


@given(HOSTS, HOSTS, st.text("/aß?%7e", max_size=8))
def test_both_spellings_of_an_international_name_are_one_link(host_from: str, host_to: str, tail: str) -> None:
    unicode = {"url_from": f"https://{host_from}/{tail}", "url_to": f"https://www.{host_to}/"}
    punycode = {
        "url_from": f"http://{complete('backlink', unicode)['host_from']}:80/{tail}#top",
        "url_to": f"http://{complete('backlink', unicode)['host_to']}",
    }
    assert complete("backlink", unicode)["link_id"] == complete("backlink", punycode)["link_id"]


@given(st.text(), st.text(), st.none() | st.text(), st.none() | st.text())
def test_a_link_id_is_32_hex_digits(url_from: str, url_to: str, key_from: str | None, key_to: str | None) -> None:
    identity = link_id(key_from, key_to, url_from, url_to)
    assert len(identity) == 32
    assert int(identity, 16) >= 0


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-03-01T04:05:06Z", "2026-03-01T04:05:06Z"),
        ("2026-03-01T04:05:06.789+00:00", "2026-03-01T04:05:06Z"),
        ("2026-03-01T04:05:06+05:30", "2026-02-28T22:35:06Z"),
        ("2026-03-01T04:05:06-0800", "2026-03-01T12:05:06Z"),
        ("2026-03-01 04:05:06 +00:00", "2026-03-01T04:05:06Z"),
        ("2026-03-01 04:05:06", "2026-03-01T04:05:06Z"),
        ("2026-03-01", "2026-03-01T00:00:00Z"),
        ("1990-01-01", "1990-01-01T00:00:00Z"),
        ("2026-04-01T09:12:44Z", "2026-04-01T09:12:44Z"),
    ],
)
def test_a_time_becomes_utc_to_the_second(value: str, moment: str) -> None:
    assert timestamp(value, NOW) == moment
    assert day(value, NOW) == moment[:10]


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "--", "yesterday", 1618185601, "1618185600", "20260301", "2026-W10-1", "2026-03-01x04:05:06"),
        *("2026-02-30", "2026-02-30T00:00:00Z", "2026-03-01T24:61:00Z", "0000-00-00 00:00:00"),
        *("1989-12-31T23:59:59Z", "1990-01-01T00:00:00+01:00", "0001-01-01T00:00:00+14:00"),
        *("2026-04-01T09:12:45Z", "2026-04-02", "9999-12-31T23:59:59-14:00"),
    ],
)
def test_a_time_that_nobody_can_have_seen_is_null(value: object) -> None:
    assert timestamp(value, NOW) is None
    assert day(value, NOW) is None


@given(st.datetimes(datetime(1990, 1, 2), datetime(2026, 3, 29), timezones=st.timezones()))
def test_times_in_any_zone_are_the_same_moment_and_stay_as_they_are(moment: datetime) -> None:
    written = timestamp(moment.isoformat(), NOW)
    assert written is not None
    assert timedelta(0) <= moment - datetime.fromisoformat(written) < timedelta(seconds=1)
    assert timestamp(written, NOW) == written


@given(st.dates(date(1990, 1, 1), date(2026, 4, 1)))
def test_a_date_stays_the_same_day(calendar_day: date) -> None:
    assert day(calendar_day.isoformat(), NOW) == calendar_day.isoformat()


@given(st.one_of(st.text(), st.from_regex(r"\d{4}-\d\d-\d\d[T ]?[0-9:.Z+ -]*", fullmatch=True)))
def test_any_text_is_a_time_or_null(value: str) -> None:
    moment = timestamp(value, NOW)
    assert moment is None or ("1990" <= moment <= "2026-04-01T09:12:44Z" and len(moment) == 20)
