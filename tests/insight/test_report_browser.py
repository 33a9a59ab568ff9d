"""The report in a real browser: it renders, sorts, filters, saves CSV, asks for nothing, and runs nothing foreign."""

import csv
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from browser_kit import Browser, chromium
from report_kit import MINE, RIVALS, Line, called, copied, harvested, rewritten

ATTACKS = (
    "<script>window.pwned = 1</script>",
    "</script><script>window.pwned = 1</script>",
    "\"><img src=x onerror='window.pwned = 1'>",
    "' onmouseover='window.pwned = 1' x='",
    "</style><svg/onload=window.pwned=1>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt;&amp;",
    "\u202egpj.exe\u2066\u200f",
    "\x1b]0;owned\x07\x00",
    "javascript:window.pwned=1",
    '=HYPERLINK("http://phish.example/","Invoice")',
)
QUOTED = 'https://a.test/"onclick="window.pwned=1'  #: a web address all the same
ADDRESSES = (
    QUOTED,
    "javascript:window.pwned=1//https://a.test/",
    "data:text/html,<script>window.pwned=1</script>",
    "https://user:secret@a.test/",
    "file:///etc/passwd",
    "https://a.test/\u202e/x",
)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return harvested(tmp_path_factory.mktemp("browser") / "rivals")


@pytest.fixture(scope="module")
def report(job: Path) -> Path:
    assert called("report", str(job)).exit_code == 0
    return job / "report.html"


@pytest.fixture(scope="module")
def hostile(job: Path) -> Path:
    """Return the report of a job in which every text of the lost links is an attack."""
    broken = copied(job, job.parent / "<b>hostile&")

    def attacked(lines: Sequence[Line]) -> Iterator[Line]:
        for number in range(len(ATTACKS) * len(ADDRESSES)):
            line = lines[number % len(lines)]
            yield {
                **line,
                "target": MINE,
                "row": number,
                "link_id": f"{number:032}",
                "anchor": ATTACKS[number % len(ATTACKS)],
                "url_from": ADDRESSES[number % len(ADDRESSES)],
                "url_to": f"https://{MINE}/{number}",
                "lost_reason": "link_removed",
                "lost_at": "2026-03-01T00:00:00Z",
            }

    rewritten(broken, "ahrefs.lost-backlinks.jsonl", attacked)
    rewritten(broken, "ahrefs.anchors.jsonl", lambda lines: [_named(line, at) for at, line in enumerate(lines)])
    assert called("report", str(broken), "--title", ATTACKS[1]).exit_code == 0
    return broken / "report.html"


def _named(line: Line, at: int) -> Line:
    attack = ATTACKS[at % len(ATTACKS)]
    return {**line, "target": MINE, "anchor": attack, "anchor_key": attack, "links": 1000 - at}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as window:
        yield window


@pytest.fixture
def shown(browser: Browser, report: Path) -> Browser:
    browser.requests()
    browser.faults()
    browser.show_as()
    browser.open(report)
    return browser


def test_it_shows_every_section_and_asks_for_nothing_but_itself(shown: Browser, report: Path) -> None:
    assert len(shown.texts("section.part > h2")) == 11
    assert len(shown.texts(".tile")) == 4
    assert len([text for text in shown.texts("figure b") if text]) > 12
    for selector in ("section.part", "footer"):
        shown.ask("document.querySelectorAll(arguments[0]).forEach((e) => e.scrollIntoView())", selector)
    shown.click("nav a[href='#lost']")
    assert set(shown.requests()) == {report.absolute().as_uri()}
    assert shown.faults() == []
    shown.shoot("report-light")


def test_it_is_legible_in_light_and_dark_and_on_paper(shown: Browser) -> None:
    for scheme, media in (("light", ""), ("dark", ""), ("light", "print")):
        shown.show_as(scheme=scheme, media=media, width=1240)
        ratios = shown.ask(CONTRASTS)
        assert min(ratios.values()) >= 4.5, (scheme, media, ratios)
        shown.shoot(f"report-{media or scheme}")


#: Contrast of texts with what is behind them, by WCAG; of the texts in charts too.
CONTRASTS = """
const light = (text) => {
  const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (e) => {
  for (let at = e; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor;
    if (!/, 0\\)$/.test(colour)) return colour;
  }
  return getComputedStyle(document.body).backgroundColor;
};
const found = {};
for (const selector of ["body", ".tile h2", ".tile .line", ".part > .about", "th button", "td a", ".kicker", "nav a",
                        "figcaption .note", ".queries summary", "svg.chart text[fill='var(--soft)']"]) {
  const e = document.querySelector(selector);
  const style = getComputedStyle(e);
  const [a, b] = [light(e.closest("svg") ? style.fill : style.color), light(behind(e))];
  found[selector] = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}
return found;
"""


def test_it_fits_a_telephone(shown: Browser) -> None:
    shown.show_as(width=390, height=844)
    assert shown.ask("return document.documentElement.scrollWidth") == 390
    shown.shoot("report-telephone")


def test_a_head_sorts_its_table_up_and_down_by_mouse_and_by_key(shown: Browser) -> None:
    head, cells = "#d-gap th:nth-child(6)", "#d-gap td:nth-child(6)"  # numbers of one, two and three digits
    shown.click("#t-gap .all")
    shown.click(f"{head} button")
    down = [int(text) for text in shown.texts(cells) if text.isdigit()]
    assert down == sorted(down, reverse=True)
    assert len({len(str(number)) for number in down}) > 1, "texts would be sorted otherwise"
    assert shown.ask("return document.querySelector(arguments[0]).ariaSort", head) == "descending"
    shown.ask("document.querySelector(arguments[0]).focus()", f"{head} button")
    shown.driver.switch_to.active_element.send_keys("\n")
    up = [int(text) for text in shown.texts(cells) if text.isdigit()]
    assert up == sorted(up)
    assert shown.ask("return document.querySelector(arguments[0]).ariaSort", head) == "ascending"
    names = "#d-gap th:nth-child(1)"
    shown.click(f"{names} button")
    assert shown.ask("return document.querySelector(arguments[0]).ariaSort", head) == "none"
    sites = shown.texts("#d-gap td:nth-child(1)")
    assert sites[0] <= sites[-1]


def test_a_filter_leaves_the_rows_with_all_its_words(shown: Browser) -> None:
    rows = "#d-gap tbody tr"
    assert len(shown.texts(rows)) == 12
    first = shown.texts("#d-gap td:first-child")[0]
    shown.write("#t-gap input", f"{first.upper()} {RIVALS[2][:4]}")
    left = shown.texts(rows)
    assert left
    assert all(first in text for text in left)
    shown.write("#t-gap input", "no such site anywhere")
    assert shown.texts(rows) == []
    assert shown.texts("#t-gap .shown") == ["no row has these words"]


def test_the_switch_shows_the_links_of_one_target_or_of_all(shown: Browser) -> None:
    assert shown.texts("#lost .lead") != []
    before = shown.texts("#lost .lead")
    shown.click(".scopes label:nth-of-type(2)")
    assert shown.texts("#lost .lead") != before
    assert len(shown.texts("#lost .block")) == 1


def test_a_table_is_saved_as_csv_in_which_nothing_is_a_formula(browser: Browser, hostile: Path) -> None:
    browser.show_as()
    browser.open(hostile)
    browser.requests()
    browser.click("#t-anchors-mine .csv")
    rows = saved(browser)
    assert rows[0][0] == "Anchor"
    anchors = {row[0] for row in rows[1:]}
    assert '\'=HYPERLINK("http://phish.example/","Invoice")' in anchors
    assert ATTACKS[0] in anchors
    assert not [cell for row in rows for cell in row if re.match(r"[=+\-@\t\r]", cell)]
    assert all(row[1] == "" or row[1].isdigit() for row in rows[1:])
    assert [address for address in browser.requests() if not address.startswith("blob:")] == []


def saved(browser: Browser) -> list[list[str]]:
    """Return the rows of the file that was just saved."""
    until_s = time.monotonic() + 10
    while not (files := list(browser.downloads.glob("*.csv"))):
        assert time.monotonic() < until_s, "nothing was saved"
        time.sleep(0.05)
    text = files[0].read_text(encoding="utf-8-sig")
    return list(csv.reader(text.splitlines()))


def test_what_providers_say_stays_text_whatever_it_is(browser: Browser, hostile: Path) -> None:
    browser.faults()
    browser.open(hostile)
    browser.click("#t-lost-mine .all")
    anchors = set(browser.texts("#d-lost-mine td:nth-child(5)"))
    for attack in ATTACKS[:7]:
        assert attack in anchors
    assert r"\u202egpj.exe\u2066\u200f" in anchors
    assert r"\x1b]0;owned\x07\x00" in anchors
    for element in browser.driver.find_elements("css selector", "#d-lost-mine td a")[:3]:
        assert element.get_attribute("href").startswith("http")
    assert browser.ask("return window.pwned") is None
    assert browser.ask("return document.scripts.length") == 1
    assert browser.ask("return document.images.length") == 0
    assert browser.faults() == []
    addresses = browser.ask("return [...document.querySelectorAll('a')].map((a) => a.protocol)")
    assert set(addresses) <= {"file:", "http:", "https:"}
    links = browser.ask("return [...document.querySelectorAll('td a')].map((a) => a.textContent)")
    assert set(ADDRESSES) & set(links) == {QUOTED}, "an address is a link only where it leads to the web"
    assert set(ADDRESSES[:-1]) <= set(browser.texts("#d-lost-mine td:nth-child(3)"))
    browser.shoot("report-hostile")


def test_a_script_that_got_into_the_page_would_not_run(browser: Browser, report: Path, tmp_path: Path) -> None:
    text = report.read_text(encoding="utf-8")
    attack = "<script>window.pwned=1</script><img src=https://phish.example/x onerror=window.pwned=1>"
    (tmp_path / "injected.html").write_text(text.replace("<main>", f"<main>{attack}", 1), encoding="utf-8")
    browser.requests()
    browser.open(tmp_path / "injected.html")
    browser.ask("const s = document.createElement('script'); s.text = 'window.pwned = 2'; document.body.append(s)")
    assert browser.ask("return window.pwned") is None
    assert {address.rpartition("/")[2] for address in browser.requests()} == {"injected.html"}
    assert any("Content Security Policy" in fault for fault in browser.faults())
