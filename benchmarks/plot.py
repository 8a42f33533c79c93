"""Cost against the number of models, as an SVG with two scales of logarithms. Plain text, no package."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from xml.sax.saxutils import escape

Figures = Mapping[str, Any]
Points = Sequence[tuple[float, float]]

_WIDTH: Final = 420
_HEIGHT: Final = 300
_LEFT: Final = 64
_TOP: Final = 40
_GAP: Final = 90
_KEY: Final = 24  # height of a line of the key

_LINES: Final = (
    ("orq", "cold plan", "reconciler, cold (Orq)", "#1f77b4", ""),
    ("orq", "warm plan", "reconciler, warm (Orq)", "#1f77b4", "5 4"),
    ("respan", "cold plan", "reconciler, cold (Respan)", "#2ca02c", ""),
    ("orq", "floor, 2 processes", "floor, 2 processes (Orq)", "#7f7f7f", "2 3"),
    ("orq", "naive", "naive way", "#d62728", ""),
    ("orq", "octoDNS", "octoDNS", "#9467bd", ""),
)
"""Kind, case, what the key says, colour, and dashes."""


def drawn(sizes: Figures) -> str:
    """The picture. ``sizes`` is the part of that name."""
    parts = [
        *_panel(sizes, "wall", "wall time, s", 0, lambda value: value),
        *_panel(sizes, "peak", "peak memory, MiB", 1, lambda value: value / 2**20),
        *_key(),
    ]
    width = 2 * (_LEFT + _WIDTH) + _GAP
    height = _TOP + _HEIGHT + 60 + _KEY * math.ceil(len(_LINES) / 3)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">'
    )
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="white"/>', *parts, "</svg>\n"])


def _points(sizes: Figures, kind: str, case: str, key: str) -> list[tuple[float, float]]:
    rows = sizes.get(kind, {})
    return [(float(count), row[case][key]) for count, row in rows.items() if key in row.get(case, {})]


def _panel(
    sizes: Figures, key: str, title: str, number: int, scale: Callable[[float], float]
) -> Iterator[str]:
    lines = [
        (colour, dashes, [(x, scale(y)) for x, y in _points(sizes, kind, case, key) if x > 1])
        for kind, case, _, colour, dashes in _LINES
    ]
    everything = [point for _, _, points in lines for point in points]
    if not everything:
        return
    left, right = (bound(math.log10(x) for x, _ in everything) for bound in (min, max))
    low = math.floor(min(math.log10(y) for _, y in everything))
    high = math.ceil(max(math.log10(y) for _, y in everything))
    right, high = max(right, left + 1), max(high, low + 1)
    start = _LEFT + number * (_WIDTH + _GAP)

    def at(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - left) / (right - left)
        up = (math.log10(y) - low) / (high - low)
        return start + across * _WIDTH, _TOP + (1 - up) * _HEIGHT

    yield f'<text x="{start}" y="{_TOP - 14}" font-weight="bold">{escape(title)}</text>'
    for power in range(low, high + 1):
        _, y = at(10**left, 10**power)
        yield _line(start, y, start + _WIDTH, y, "#ddd")
        yield f'<text x="{start - 8}" y="{y + 4:.1f}" text-anchor="end">{10**power:g}</text>'
    for power in range(math.ceil(left), math.floor(right) + 1):
        x, _ = at(10**power, 10**low)
        yield _line(x, _TOP, x, _TOP + _HEIGHT, "#ddd")
        yield f'<text x="{x:.1f}" y="{_TOP + _HEIGHT + 18}" text-anchor="middle">{10**power:,}</text>'
    yield (f'<text x="{start + _WIDTH / 2}" y="{_TOP + _HEIGHT + 36}" text-anchor="middle">models</text>')
    for colour, dashes, points in lines:
        yield from _curve([at(x, y) for x, y in points], colour, dashes)


def _curve(points: Points, colour: str, dashes: str) -> Iterator[str]:
    if points:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dash = f' stroke-dasharray="{dashes}"' if dashes else ""
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
    for x, y in points:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'


def _key() -> Iterator[str]:
    for number, (_, _, words, colour, dashes) in enumerate(_LINES):
        x = _LEFT + number % 3 * 300
        y = _TOP + _HEIGHT + 62 + number // 3 * _KEY
        yield from _curve([(x, y - 4), (x + 30, y - 4)], colour, dashes)
        yield f'<text x="{x + 40}" y="{y}">{escape(words)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'
