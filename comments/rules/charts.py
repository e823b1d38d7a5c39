"""Charts as SVG: pure functions from figures to markup, drawn where the page is made.

Nothing in them is a style of their own: colours and type come from the page's stylesheet by class.
Each chart is one picture with a title and a description; its figures stand beside it as a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil

WIDTH, HEIGHT = 640, 180
LEFT, RIGHT, TOP, BOTTOM = 56, 8, 12, 28
ROW = 34
GRID_LINES = 4
EXACT_BELOW = 100


@dataclass(frozen=True, slots=True)
class Series:
    """A line or a kind of bar: a name, a class of the stylesheet, a figure for each label.

    ``None`` where there is none.
    """

    name: str
    css: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Share:
    """A share in 0..1 with the interval that it lies in, and a sentence about it."""

    name: str
    share: float
    low: float
    high: float
    note: str = ""


def bar_chart(
    *, title: str, description: str, labels: Sequence[str], series: Sequence[Series], key: str
) -> str:
    """Returns bars, one for each label, the series on top of each other.

    Args:
        key: of this chart on its page, for the ids in it.
    """
    totals = [sum(one.values[at] or 0 for one in series) for at in range(len(labels))]
    top = nice_top(max(totals, default=0))
    step = (WIDTH - LEFT - RIGHT) / max(1, len(labels))
    parts = [*_frame(top), *_labels(labels, step)]
    for at, label in enumerate(labels):
        below = 0.0
        said = "; ".join(f"{one.name} {_figure(one.values[at] or 0)}" for one in series)
        bars = []
        for one in series:
            value = one.values[at] or 0
            if value:
                y, bottom = _y(below + value, top), _y(below, top)
                bars.append(
                    f'<rect class="{escape(one.css)}" x="{LEFT + at * step + step * 0.12:.1f}" '
                    f'y="{y:.1f}" width="{step * 0.76:.1f}" height="{bottom - y:.1f}"/>'
                )
            below += value
        if bars:
            parts.append(f"<g><title>{escape(label)}: {escape(said)}</title>{''.join(bars)}</g>")
    return _picture(parts, title=title, description=description, key=key, height=HEIGHT)


def line_chart(
    *, title: str, description: str, labels: Sequence[str], series: Sequence[Series], key: str
) -> str:
    """Returns a line for each series, broken where it has no figure; a lone figure is a dot."""
    known = [value for one in series for value in one.values if value is not None]
    top = nice_top(max(known, default=0))
    step = (WIDTH - LEFT - RIGHT) / max(1, len(labels))
    parts = [*_frame(top), *_labels(labels, step)]
    for one in series:
        css = escape(one.css)
        for run in _runs(one.values):
            points = [(LEFT + (at + 0.5) * step, _y(value, top)) for at, value in run]
            if len(points) > 1:
                path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
                parts.append(f'<polyline class="line {css}" points="{path}"/>')
            for (at, value), (x, y) in zip(run, points, strict=True):
                said = f"{labels[at]}: {one.name} {_figure(value)}"
                parts.append(
                    f'<circle class="dot {css}" cx="{x:.1f}" cy="{y:.1f}" r="3">'
                    f"<title>{escape(said)}</title></circle>"
                )
    return _picture(parts, title=title, description=description, key=key, height=HEIGHT)


def share_chart(*, title: str, description: str, shares: Sequence[Share], key: str) -> str:
    """Returns for each share a dot on a line from 0 to 100 %, and the interval around it."""
    height = TOP + ROW * len(shares) + BOTTOM
    parts = []
    for quarter in range(5):
        x = _x(quarter / 4)
        parts.append(f'<line class="grid" x1="{x}" y1="{TOP}" x2="{x}" y2="{height - BOTTOM}"/>')
        anchor = ("start", "middle", "middle", "middle", "end")[quarter]
        parts.append(
            f'<text class="axis" x="{x}" y="{height - 8}" text-anchor="{anchor}">'
            f"{quarter * 25} %</text>"
        )
    for place, share in enumerate(shares):
        y = TOP + place * ROW + 24
        said = f"{share.name}: {_percent(share.share)}" + (f" ({share.note})" if share.note else "")
        parts.append(
            f'<text class="name" x="{_x(0)}" y="{y - 9}">{escape(said)}</text>'
            f'<line class="whisker" x1="{_x(share.low)}" y1="{y}" x2="{_x(share.high)}" y2="{y}"/>'
            f'<circle class="dot first" cx="{_x(share.share)}" cy="{y}" r="4"/>'
        )
    return _picture(parts, title=title, description=description, key=key, height=height)


def nice_top(most: float) -> float:
    """Returns the end of an axis that shows ``most``: 4 times a figure that people count by.

    At least 4, and always a whole number of steps, so that no line of the grid stands at a half.
    """
    if most <= GRID_LINES:
        return float(GRID_LINES)
    step = ceil(most / GRID_LINES)
    power = 10 ** (len(str(step)) - 1)
    factors = (1, 2, 3, 4, 5, 10) if power == 1 else (1, 1.5, 2, 2.5, 3, 4, 5, 10)
    return float(GRID_LINES * next(power * one for one in factors if power * one >= step))


def _picture(parts: Sequence[str], *, title: str, description: str, key: str, height: float) -> str:
    key = escape(key)
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-labelledby="{key}-title {key}-desc">'
        f'<title id="{key}-title">{escape(title)}</title>'
        f'<desc id="{key}-desc">{escape(description)}</desc>'
        f"{''.join(parts)}</svg>"
    )


def _frame(top: float) -> list[str]:
    parts = []
    for line in range(GRID_LINES + 1):
        value = top * line / GRID_LINES
        y = _y(value, top)
        parts.append(
            f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>'
            f'<text class="axis" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">'
            f"{_figure(value)}</text>"
        )
    return parts


def _labels(labels: Sequence[str], step: float) -> list[str]:
    """Returns a few labels at equal distances; where there is no room every other one may go."""
    every = max(1, ceil(len(labels) / 6))
    parts = []
    for at in range(0, len(labels), every):
        css = "axis may-go" if at // every % 2 else "axis"
        x = LEFT + (at + 0.5) * step
        parts.append(
            f'<text class="{css}" x="{x:.1f}" y="{HEIGHT - 6}" text-anchor="middle">'
            f"{escape(labels[at])}</text>"
        )
    return parts


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    runs: list[list[tuple[int, float]]] = [[]]
    for at, value in enumerate(values):
        if value is not None:
            runs[-1].append((at, value))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _x(share: float) -> str:
    """Returns where a share stands; the names of shares stand above, so no margin is needed."""
    return f"{8 + (WIDTH - 16) * min(1.0, max(0.0, share)):.1f}"


def _y(value: float, top: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top)


def _figure(value: float) -> str:
    """Returns a figure as people write it: no more digits than it takes."""
    whole = value >= EXACT_BELOW or value == round(value)
    return f"{value:,.0f}" if whole else f"{value:.3g}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
