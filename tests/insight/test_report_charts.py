"""The charts: what they draw, in which colours, and that nothing else is in them."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.etree import ElementTree

import pytest

from harvester.insight.report import charts
from harvester.insight.report.drawing import colour

HOSTILE = "</svg><script>alert(1)</script><a href='javascript:1' onclick='x'>&\"url(#x)"
MONTHS = [date(2026, month, 1) for month in range(1, 13)]
GAINED = [{"month": month, "gained": number * 7, "lost": number} for number, month in enumerate(MONTHS, 1)]

DRAWING = {
    *("d", "x", "y", "x1", "x2", "y1", "y2", "dx", "dy", "cx", "cy", "r", "width", "height", "transform", "fill"),
    *("fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-miterlimit", "opacity", "text-anchor"),
    *("font-size", "font-weight"),
}

EACH = {
    "gained": lambda: charts.gained_and_lost(GAINED, "ahrefs", HOSTILE),
    "growth": lambda: charts.growth([{"date": day, "value": 10 + day.month} for day in MONTHS], "semrush", HOSTILE),
    "histogram": lambda: charts.histogram(
        [{"low": 0, "domains": 4}, {"low": 90, "domains": 1}], "serpstat", 100, HOSTILE
    ),
    "shares": lambda: charts.shares(
        [{"name": HOSTILE, "kind": "text", "links": 3}, {"name": HOSTILE, "kind": "image", "links": 1}],
        {"text": "strong", "image": "middle"},
        HOSTILE,
    ),
    "bars": lambda: charts.bars([{"name": HOSTILE, "value": 1234}], "accent", HOSTILE),
    "running": lambda: charts.running_total(
        [{"until": datetime(2026, 1, 1, 0, minute), "units": 10} for minute in (1, 2)],
        "moz",
        datetime(2026, 1, 1),
        1.0,
        HOSTILE,
    ),
    "matrix": lambda: charts.matrix(
        [{"one": one, "other": other, "sites": 9, "share": 0.5} for one in (HOSTILE, "b") for other in (HOSTILE, "b")],
        [HOSTILE, "b"],
        HOSTILE,
    ),
    "upset": lambda: charts.upset(
        [{"members": [HOSTILE, "b"], "sites": 9}, {"members": ["b"], "sites": 4}],
        [{"name": HOSTILE, "sites": 9}, {"name": "b", "sites": 13}],
        HOSTILE,
    ),
}


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter() if element.tag == "text"]


@pytest.mark.parametrize("name", EACH)
def test_a_chart_holds_nothing_but_what_draws_whatever_its_labels_say(name: str) -> None:
    root = ElementTree.fromstring(EACH[name]())
    assert root.get("aria-label") == HOSTILE
    for element in root.iter():
        assert element.tag in {"svg", "g", "path", "line", "rect", "circle", "text", "tspan", "title"}
        for key, value in element.attrib.items():
            assert element is root or key in DRAWING
            assert key == "aria-label" or "url(" not in value


@pytest.mark.parametrize("name", EACH)
def test_every_colour_of_a_chart_is_the_page_s(name: str) -> None:
    colours = set(re.findall(r'(?:fill|stroke)="([^"]*)"', EACH[name]()))
    assert colours <= {"none", "transparent"} | {found for found in colours if re.fullmatch(r"var\(--[a-z]+\)", found)}


@pytest.mark.parametrize("name", EACH)
def test_a_chart_fits_a_telephone_or_says_that_it_is_wide(name: str) -> None:
    width = float(ElementTree.fromstring(EACH[name]()).attrib["width"])
    assert width <= 320 or name in {"matrix", "upset"}


def test_bars_say_their_numbers_as_people_write_them() -> None:
    assert "1,234" in texts(EACH["bars"]())


def test_new_links_go_up_and_lost_ones_down_and_no_number_has_a_sign() -> None:
    said = texts(EACH["gained"]())
    assert "Dec 26" in said
    assert not [text for text in said if text.startswith(("-", "\N{MINUS SIGN}"))]


def test_a_provider_that_dates_no_losses_has_no_bars_below() -> None:
    without = charts.gained_and_lost([{**row, "lost": None} for row in GAINED], "semrush", "x")
    assert without.count('opacity="0.45"') == 0
    assert EACH["gained"]().count('opacity="0.45"') == 12


def test_large_numbers_are_short_and_small_ones_whole() -> None:
    rows = [{"date": day, "value": 2_000_000 + 100_000 * day.month} for day in MONTHS]
    assert any(text.endswith("M") for text in texts(charts.growth(rows, "ahrefs", "x")))
    small = [{"until": datetime(2026, 1, 1) + timedelta(hours=hour), "units": 100_000} for hour in range(1, 9)]
    said = texts(charts.running_total(small, "dataforseo", datetime(2026, 1, 1), 1e-6, "x"))
    assert "0.2" in said
    assert not [text for text in said if text.endswith("m")]


def test_what_a_page_has_no_colour_for_is_neutral() -> None:
    assert colour("somebody new") == colour("neutral")


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """Serve data that a chart might ask for; note what is asked."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"[]")

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/rows.json", paths
        finally:
            server.shutdown()
            thread.join()


def test_a_chart_fetches_nothing(asked: tuple[str, list[str]]) -> None:
    url, paths = asked
    program = f"""
import altair as alt
from harvester.insight.report.drawing import svg_of
svg_of(alt.Chart(alt.UrlData({url!r})).mark_point().encode(x="a:Q"), "x")
"""
    # A process of its own: vl-convert would let nobody in this one answer it.
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert "not allowed" in ended.stderr
    assert paths == []
