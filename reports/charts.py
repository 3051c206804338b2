"""Charts as geometry: plain data in, coordinates out. The template draws them as SVG, the page's CSS colours them.

No styles inside: a strict content security policy forbids them, and dark mode comes from the page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from django.utils.html import format_html

from spendtrackr import locales
from spendtrackr.money import Money

_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 6, 10, 34
_GAP = 1.5


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a column. Below zero it hangs under the line. `series` picks its colour."""

    series: int
    minor: int
    title: str
    href: str


@dataclass(frozen=True, slots=True)
class Column:
    label: str
    sublabel: str
    segments: list[Segment]


@dataclass(frozen=True, slots=True)
class Mark:
    """A rectangle to draw."""

    x: float
    y: float
    width: float
    height: float
    series: int
    title: str
    href: str

    @property
    def drawn(self) -> str:
        """As SVG, with a link where it leads somewhere: a chart has a hundred of them, and a template is slow at each."""
        at = f'class="s{self.series:d}" x="{self.x:.12g}" y="{self.y:.12g}" width="{self.width:.12g}" height="{self.height:.12g}"'
        if not self.href:
            return format_html(f"<rect {at} {_TITLED}", self.title)
        return format_html(f'<a href="{{}}" tabindex="-1"><rect {at} {_TITLED}</a>', self.href, self.title)


_TITLED = 'rx="2"><title>{}</title></rect>'


@dataclass(frozen=True, slots=True)
class Tick:
    y: float
    label: str


@dataclass(frozen=True, slots=True)
class Label:
    x: float
    text: str
    sublabel: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What a template needs to draw one chart. `prefix` keeps its ids apart from another chart's."""

    prefix: str
    width: int
    height: int
    left: int
    right: int
    baseline: float
    marks: list[Mark]
    ticks: list[Tick]
    labels: list[Label]

    @property
    def label_y(self) -> int:
        return self.height - 18

    @property
    def sublabel_y(self) -> int:
        return self.height - 4


def stacked_columns(columns: list[Column], *, currency: str, width: int, height: int, prefix: str, label_every: int = 1) -> Chart:
    """Columns side by side, their parts stacked upwards, credits hanging below the line. Amounts in minor units."""
    tops = [sum(max(0, part.minor) for part in column.segments) for column in columns]
    bottoms = [sum(min(0, part.minor) for part in column.segments) for column in columns]
    steps = nice_steps(min([0, *bottoms]), max([0, *tops]))
    low, high = steps[0], steps[-1]
    scale = (height - _TOP - _BOTTOM) / (high - low)

    def y_of(minor: float) -> float:
        return round(_TOP + (high - minor) * scale, 2)

    slot = (width - _LEFT - _RIGHT) / max(1, len(columns))
    bar = min(slot * 0.68, 56)
    marks: list[Mark] = []
    labels: list[Label] = []
    for place, column in enumerate(columns):
        middle = _LEFT + slot * (place + 0.5)
        marks += _stack(column, x=middle - bar / 2, width=bar, y_of=y_of)
        if (len(columns) - 1 - place) % label_every == 0:
            labels.append(Label(round(middle, 2), column.label, column.sublabel))
    ticks = [Tick(y_of(step), Money(step, currency).short(locales.reader())) for step in steps]
    return Chart(prefix, width, height, _LEFT, width - _RIGHT, y_of(0), marks, ticks, _once_each_year(labels))


def _once_each_year(labels: list[Label]) -> list[Label]:
    seen: set[str] = set()
    shown = []
    for label in labels:
        shown.append(Label(label.x, label.text, "" if label.sublabel in seen else label.sublabel))
        seen.add(label.sublabel)
    return shown


def _stack(column: Column, *, x: float, width: float, y_of: Callable[[float], float]) -> list[Mark]:
    marks = []
    up = down = 0
    for part in column.segments:
        if part.minor == 0:
            continue
        start = up if part.minor > 0 else down
        end = start + part.minor
        top, bottom = sorted((y_of(start), y_of(end)))
        visible = max(0.75, bottom - top - (_GAP if bottom - top > 3 * _GAP else 0))
        marks.append(Mark(round(x, 2), top, round(width, 2), round(visible, 2), part.series, part.title, part.href))
        up, down = (end, down) if part.minor > 0 else (up, end)
    return marks


def nice_steps(low: int, high: int, *, about: int = 5) -> list[int]:
    """Round numbers from at or below `low` to at or above `high`: steps of 1, 2, 2.5 or 5 times a power of ten."""
    if high <= low:
        high = low + 100
    rough = Decimal(high - low) / about
    power = Decimal(10) ** (len(str(int(rough))) - 1) if rough >= 1 else Decimal(1)
    step = next(int(power * f) for f in (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10)) if power * f >= rough)
    step = max(1, step)
    first, last = (low // step) * step, -(-high // step) * step
    return list(range(first, last + 1, step))
