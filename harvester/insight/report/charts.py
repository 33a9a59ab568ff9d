"""The charts: from rows to Altair. Each is small, of one measure, and says with its labels what its colours say too.

Each provider has one colour, here and in `page.css`, and a panel of its own wherever its numbers are not comparable
with another's. A panel is as wide as a telephone, so that the page lays four side by side or below each other.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import altair as alt

from harvester.insight.report.drawing import colour, svg_of

Row = Mapping[str, Any]

WIDTH = 252  #: of a panel, in CSS pixels, axes included
_FIT = alt.AutoSizeParams(type="fit", contains="padding")
#: 0.5, 1,200, 45k, 3.2M: Vega's own choice would be 500m, 1.2k.
_COUNT = "abs(datum.value) < 10000 ? format(datum.value, ',.3~f') : format(datum.value, '.3~s')"
_CHAR_PX = 6.8  #: of a label: the page's font may be wider than the one that vl-convert measures by


def gained_and_lost(rows: Sequence[Row], provider: str, alt_text: str) -> str:
    """Draw `gained` upwards and `lost` downwards by `month` (a date); None draws nothing."""
    months = [f"{row['month']:%Y-%m}" for row in rows]
    base = alt.Chart(_data(_months(rows))).encode(
        x=alt.X("month:O", axis=_month_axis(rows), scale=alt.Scale(domain=months, paddingInner=0.25))
    )
    up = base.mark_bar(color=colour(provider)).encode(
        y=alt.Y("gained:Q", axis=alt.Axis(labelExpr=_COUNT.replace("datum.value", "abs(datum.value)")))
    )
    down = base.mark_bar(color=colour(provider), opacity=0.45).encode(y="below:Q")
    zero = alt.Chart(_data([{"at": 0}])).mark_rule(color=colour("soft"), strokeWidth=1).encode(y="at:Q")
    return _drawn(up + down + zero, 190, alt_text)


def growth(rows: Sequence[Row], provider: str, alt_text: str) -> str:
    """Draw `value` over `date` as a line, with its first and last value said."""
    base = alt.Chart(_data([{**row, "date": row["date"].isoformat()} for row in rows])).encode(
        x=alt.X("date:T", axis=alt.Axis(format="%b %y", tickCount=4, labelBound=True)),
        y=alt.Y("value:Q", scale=alt.Scale(zero=False, nice=True), axis=alt.Axis(labelExpr=_COUNT)),
    )
    ends = [{**row, "date": row["date"].isoformat()} for row in (rows[0], rows[-1])]
    dots = alt.Chart(_data(ends)).mark_circle(color=colour(provider), size=36, opacity=1)
    dots = dots.encode(x="date:T", y="value:Q")
    return _drawn(base.mark_line(color=colour(provider), strokeWidth=2) + dots, 170, alt_text)


def histogram(rows: Sequence[Row], provider: str, highest: int, alt_text: str) -> str:
    """Draw `domains` over bins that begin at `low`, ten in all up to `highest`."""
    step = highest // 10
    bins = [{"low": row["low"], "high": row["low"] + step, "domains": row["domains"]} for row in rows]
    chart = (
        alt.Chart(_data(bins))
        .mark_bar(color=colour(provider), binSpacing=2)
        .encode(
            x=alt.X(
                "low:Q",
                bin="binned",
                scale=alt.Scale(domain=[0, highest], nice=False),
                axis=alt.Axis(values=list(range(0, highest + 1, 2 * step)), labelExpr=_COUNT),
            ),
            x2="high:Q",
            y=alt.Y("domains:Q", axis=alt.Axis(labelExpr=_COUNT, tickMinStep=1)),
        )
    )
    return _drawn(chart, 160, alt_text)


def shares(rows: Sequence[Row], kinds: Mapping[str, str], alt_text: str) -> str:
    """Draw a bar of whole length for each `name`, split by `kind`; `kinds`: its colours, in order of the parts."""
    order = list(kinds)
    totals: dict[str, int] = {}
    for row in rows:
        totals[row["name"]] = totals.get(row["name"], 0) + row["links"]
    parts: list[dict[str, Any]] = []
    for name, total in totals.items():
        begin = 0.0
        found = {row["kind"]: row["links"] for row in rows if row["name"] == name}
        for kind in order:
            share = found.get(kind, 0) / total
            said = f"{share:.0%}" if share >= 0.13 else ""
            parts.append(
                {"name": name, "kind": kind, "from": begin, "to": begin + share, "mid": begin + share / 2, "said": said}
            )
            begin += share
    y = alt.Y("name:N", sort=list(totals), axis=_labels(list(totals)), scale=alt.Scale(paddingInner=0.35))
    base = alt.Chart(_data(parts)).encode(y=y)
    scale = alt.Scale(domain=order, range=[colour(kinds[kind]) for kind in order])
    bars = base.mark_bar().encode(
        x=alt.X("from:Q", scale=alt.Scale(domain=[0, 1]), axis=None), x2="to:Q", color=alt.Color("kind:N", scale=scale)
    )
    on_dark = {kind for kind in order if kinds[kind] == "strong"}
    texts = base.mark_text(baseline="middle").encode(
        x="mid:Q",
        text="said:N",
        color=alt.condition(
            alt.FieldOneOfPredicate("kind", sorted(on_dark)), alt.value(colour("paper")), alt.value(colour("ink"))
        ),
    )
    return _drawn(bars + texts, 26 * len(totals) + 18, alt_text)


def bars(rows: Sequence[Row], shade: str, alt_text: str) -> str:
    """Draw `value` for each `name`, longest first as they come, the number at the end of its bar."""
    names, said = [row["name"] for row in rows], [f"{row['value']:,}" for row in rows]
    y = alt.Y("name:N", sort=None, axis=_labels(names), scale=alt.Scale(paddingInner=0.3))
    bar_px = WIDTH - _room(names) - 20
    beside_px = max(map(len, said), default=0) * _CHAR_PX + 8
    most = max((row["value"] for row in rows), default=1) * bar_px / (bar_px - beside_px)
    values = [{**row, "said": text} for row, text in zip(rows, said, strict=True)]
    base = alt.Chart(_data(values)).encode(y=y, x=alt.X("value:Q", axis=None, scale=alt.Scale(domain=[0, most])))
    texts = base.mark_text(align="left", dx=4, color=colour("ink")).encode(text="said:N")
    return _drawn(base.mark_bar(color=colour(shade)) + texts, 22 * len(rows) + 14, alt_text)


def running_total(rows: Sequence[Row], provider: str, begin: datetime, unit_scale: float, alt_text: str) -> str:
    """Draw `units` until each `until` added up since `begin`, all in UTC; `unit_scale`: what a unit is shown as."""
    total, points = 0, [{"at": f"{begin.isoformat()}Z", "units": 0.0}]
    for row in rows:
        total += row["units"]
        points.append({"at": f"{row['until'].isoformat()}Z", "units": total * unit_scale})
    chart = alt.Chart(_data(points)).mark_area(
        color=colour(provider), opacity=0.25, line={"color": colour(provider), "strokeWidth": 2}
    )
    span_s = (rows[-1]["until"] - begin).total_seconds()
    form = "%H:%M:%S" if span_s < 600 else "%H:%M" if span_s < 2 * 86_400 else "%-d %b"
    chart = chart.encode(
        x=alt.X("at:T", scale=alt.Scale(type="utc"), axis=alt.Axis(tickCount=3, format=form, labelBound=True)),
        y=alt.Y("units:Q", axis=alt.Axis(labelExpr=_COUNT)),
    )
    return _drawn(chart, 160, alt_text)


def matrix(rows: Sequence[Row], names: Sequence[str], alt_text: str) -> str:
    """Draw how many sites each pair has in common: `one`, `other`, `sites`, and `share` of those of `one`."""
    cells = [{**row, "said": f"{row['sites']:,}", "part": f"{row['share']:.0%}"} for row in rows]
    order, scale = list(names), alt.Scale(paddingInner=0.06)
    above = alt.Axis(orient="top", labelAngle=0, labelLimit=104, domain=False, ticks=False)
    base = alt.Chart(_data(cells)).encode(
        x=alt.X("other:N", axis=above, sort=order, scale=scale),
        y=alt.Y("one:N", axis=_labels(names, 150), sort=order, scale=scale),
    )
    tiles = base.mark_rect(color=colour("accent"), cornerRadius=3).encode(
        fillOpacity=alt.FillOpacity("share:Q", scale=alt.Scale(domain=[0, 1], range=[0.06, 0.55]), legend=None)
    )
    numbers = base.mark_text(dy=-6, fontSize=13, fontWeight=600).encode(text="said:N")
    parts = base.mark_text(dy=10, color=colour("soft")).encode(text="part:N")
    return _drawn(tiles + numbers + parts, 56 * len(names) + 26, alt_text, 150 + 110 * len(names))


def upset(rows: Sequence[Row], sizes: Sequence[Row], alt_text: str) -> str:
    """Draw how many sites link to exactly these: `number`, `members`, `sites`; `sizes`: `name`, `sites` of each."""
    names = [row["name"] for row in sizes]
    step = 26
    columns = [
        {"column": number, "sites": row["sites"], "said": f"{row['sites']:,}"} for number, row in enumerate(rows)
    ]
    x = alt.X("column:O", axis=None, scale=alt.Scale(paddingInner=0.4, paddingOuter=0.2))
    above = alt.Chart(_data(columns)).encode(x=x)
    most = max((row["sites"] for row in rows), default=1)
    y_bars = alt.Y("sites:Q", scale=alt.Scale(domain=[0, most * 1.15]), axis=alt.Axis(labelExpr=_COUNT))
    texts = above.mark_text(dy=-7, fontSize=10, color=colour("ink")).encode(y=y_bars, text="said:N")
    top = (above.mark_bar(color=colour("accent")).encode(y=y_bars) + texts).properties(
        width=step * len(rows), height=150
    )
    dots = [
        {"column": number, "name": name, "is_in": name in row["members"]}
        for number, row in enumerate(rows)
        for name in names
    ]
    lines = [
        {"column": number, "low": members[0], "high": members[-1]}
        for number, row in enumerate(rows)
        if len(members := [name for name in names if name in row["members"]]) > 1
    ]
    y = alt.Y("name:N", sort=names, axis=_labels(names, 190), scale=alt.Scale(padding=0.5))
    grid = alt.Chart(_data(dots)).mark_circle(size=92, opacity=1)
    grid = grid.encode(
        x=x, y=y, color=alt.condition("datum.is_in", alt.value(colour("accent")), alt.value(colour("line")))
    )
    joints = alt.Chart(_data(lines)).mark_rule(color=colour("accent"), strokeWidth=2.5)
    joints = joints.encode(x=x, y=alt.Y("low:N", sort=names, title=None), y2="high:N")
    below = (grid + joints).properties(width=step * len(rows), height=24 * len(names))
    whole = alt.vconcat(top, below, spacing=6).resolve_scale(x="shared")
    return svg_of(whole, alt_text)


def _drawn(chart: alt.LayerChart | alt.Chart, height: int, alt_text: str, width: int = WIDTH) -> str:
    return svg_of(chart.properties(width=width, height=height, autosize=_FIT), alt_text)


def _data(values: Sequence[Row]) -> alt.InlineData:
    return alt.InlineData(values=list(values))


def _room(names: Sequence[str], limit: int = 120) -> float:
    """Return how much room names take, in any font."""
    return float(min(max((len(name) for name in names), default=0) * _CHAR_PX, limit * 1.2) + 6)


def _labels(names: Sequence[str], limit: int = 120) -> alt.Axis:
    """Return an axis of names, with room for them in any font."""
    room = _room(names, limit)
    return alt.Axis(
        domain=False, ticks=False, labelColor=colour("ink"), labelLimit=limit, minExtent=room, maxExtent=room
    )


def _months(rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [
        {
            "month": f"{row['month']:%Y-%m}",
            "gained": row["gained"],
            "below": None if row["lost"] is None else -row["lost"],
        }
        for row in rows
    ]


def _month_axis(rows: Sequence[Row]) -> alt.Axis:
    """Return an axis that names every third month, and the year where it begins."""
    named = sorted({row["month"] for row in rows})
    values = [f"{month:%Y-%m}" for month in named][::-3][::-1]
    says = "timeFormat(toDate(datum.value + '-02'), '%b %y')"
    return alt.Axis(values=values, labelExpr=says, labelAngle=0, domain=False, ticks=False)
