"""From a chart to an SVG that stands in the page, with the page's colours and nothing in it but what draws.

vl-convert writes the SVG. Labels in it come from providers, so it is not believed: it is read again, and only the few
elements and attributes that draw are kept. Colours are written as names of the page's own (`var(--ink)`), so that one
picture serves light, dark and paper; the font is the page's. vl-convert may fetch nothing: no address is allowed to it.
"""

from itertools import count
from typing import Any, Protocol
from xml.etree import ElementTree

import vl_convert

_SVG = "http://www.w3.org/2000/svg"

#: What draws. No style, link, script, image, event or reference to anything outside.
_ELEMENTS = frozenset({"svg", "g", "path", "line", "rect", "circle", "text", "tspan", "title"})
_ATTRIBUTES = frozenset(
    {"d", "x", "y", "x1", "x2", "y1", "y2", "dx", "dy", "cx", "cy", "r", "width", "height", "viewBox", "transform"}
    | {"fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "stroke-linecap"}
    | {"stroke-linejoin", "stroke-miterlimit", "opacity", "text-anchor", "font-size", "font-weight", "display"}
)

#: Colours that stand for the page's, since Vega takes nothing but colours. None of them is used for itself.
_STAND_INS = {
    name: f"#fe{number:04x}"
    for number, name in enumerate(
        (
            *("ink", "soft", "faint", "line", "paper", "accent", "strong", "middle", "weak", "neutral"),
            *("ahrefs", "semrush", "serpstat", "dataforseo", "moz", "majestic"),
        )
    )
}
_PAGE_COLOURS = {value: f"var(--{name})" for name, value in _STAND_INS.items()}

FONT_PX = 11


class Chart(Protocol):
    """What Altair makes."""

    def to_dict(self, validate: bool = True) -> dict[str, Any]:
        """Return the chart in Vega-Lite's words."""


def colour(name: str) -> str:
    """Return what stands for a colour of the page in a chart."""
    return _STAND_INS.get(name, _STAND_INS["neutral"])


def svg_of(chart: Chart, alt: str) -> str:
    """Draw a chart; `alt` says in words what is to be seen in it."""
    drawn = vl_convert.vegalite_to_svg(chart.to_dict(validate=False), config=_CONFIG, allowed_base_urls=[])
    return _kept(drawn, alt)


def _kept(drawn: str, alt: str) -> str:
    root = ElementTree.fromstring(drawn)  # vl-convert's own text, in which no entity is declared
    names = count()
    _clean(root)
    width, height = root.get("width", "0"), root.get("height", "0")
    root.attrib.update({"class": "chart", "role": "img", "aria-label": alt, "viewBox": f"0 0 {width} {height}"})
    next(names)
    ElementTree.register_namespace("", _SVG)
    return ElementTree.tostring(root, encoding="unicode").replace(f' xmlns="{_SVG}"', "", 1)


def _clean(element: ElementTree.Element) -> None:
    for name, value in list(element.attrib.items()):
        if name not in _ATTRIBUTES or "url(" in value:
            del element.attrib[name]
        elif name in ("fill", "stroke"):
            element.set(name, _PAGE_COLOURS.get(value.lower(), value))
        elif name == "font-size":
            element.set(name, value.removesuffix("px"))
    for child in list(element):
        if child.tag.removeprefix(f"{{{_SVG}}}") in _ELEMENTS and not _is_empty(child):
            _clean(child)
        else:
            element.remove(child)


def _is_empty(element: ElementTree.Element) -> bool:
    """Whether an element draws nothing: Vega writes one for each group."""
    return element.get("display") == "none" or (element.get("class") == "background" and "stroke" not in element.attrib)


_AXIS = {
    "domainColor": colour("line"),
    "gridColor": colour("line"),
    "gridOpacity": 0.7,
    "labelColor": colour("soft"),
    "labelFontSize": FONT_PX,
    "labelPadding": 5,
    "tickColor": colour("line"),
    "title": None,
    "titleColor": colour("soft"),
    "titleFontSize": FONT_PX,
    "titleFontWeight": "normal",
}
_CONFIG: dict[str, Any] = {
    "background": None,
    "font": "sans-serif",
    "padding": {"left": 2, "right": 8, "top": 4, "bottom": 2},
    "view": {"stroke": None},
    "axis": _AXIS,
    "axisX": {"grid": False, "labelOverlap": "greedy", "labelSeparation": 12},
    "axisY": {"domain": False, "ticks": False, "tickCount": 4},
    "text": {"color": colour("ink"), "fontSize": FONT_PX},
    "legend": {"disable": True},
}
