"""A plot of the times for one delivery of 1 KiB, as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape

from results import is_ours

SIZE = 1024
LEFT, WIDTH, BAR, GAP = 200, 480, 18, 6
NOT_SHOWN = ("floor_memcpy", "refuse_", "filter")


def colour_of(name: str) -> str:
    if is_ours(name):
        return "#1f6feb"
    return "#8c959f" if name.startswith("floor") else "#d0a215"


def svg(times: Mapping[tuple[str, str], float]) -> str:
    """Bars on a logarithmic scale, from the shortest to the longest time."""
    shown = sorted(
        (ns / 1000, language, name.removesuffix(f"/{SIZE}"))
        for (language, name), ns in times.items()
        if name.endswith(f"/{SIZE}") and not name.startswith(NOT_SHOWN)
    )
    low, high = math.log10(shown[0][0]) - 0.3, math.log10(shown[-1][0]) + 0.1
    height = len(shown) * (BAR + GAP) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 80} {height}"'
        ' font-family="sans-serif" font-size="13">',
        "<title>Microseconds for one delivery of 1 KiB, on a logarithmic scale</title>",
        '<rect width="100%" height="100%" fill="#fff"/>',
        '<text x="8" y="18">µs for one delivery of 1 KiB, on a logarithmic scale. '
        "Blue: this library; grey: floors; ochre: peers</text>",
    ]
    for i, (micros, language, name) in enumerate(shown):
        y = 30 + i * (BAR + GAP)
        length = WIDTH * (math.log10(micros) - low) / (high - low)
        parts += [
            f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(f"{language} {name}")}</text>',
            f'<rect x="{LEFT}" y="{y}" width="{length:.0f}" height="{BAR}" fill="{colour_of(name)}"/>',
            f'<text x="{LEFT + length + 6:.0f}" y="{y + 14}">{micros:.2f}</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"
