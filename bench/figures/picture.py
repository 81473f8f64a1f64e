"""Draw ratios as bars on a logarithmic scale, in SVG."""

import html
import math
from collections.abc import Sequence

WIDTH, ROW, LEFT, TOP, RIGHT = 900, 20, 330, 40, 60
TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
INK, BAR, GRID = "#24292f", "#2f6f8f", "#c8d1da"


def draw(ratios: Sequence[tuple[str, float]]) -> str:
    """Return the picture: a bar for each work, as long as the logarithm of its ratio."""
    most = max([10.0, *(ratio for _, ratio in ratios)])
    scale = (WIDTH - LEFT - RIGHT) / math.log10(most)
    height = TOP + ROW * len(ratios) + 10
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="{INK}">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="14">How many times nacre\'s CPU OpenStack takes for the same work</text>',
    ]
    for tick in TICKS:
        if tick <= most:
            x = LEFT + scale * math.log10(tick)
            lines.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{height}" stroke="{GRID}"/>')
            lines.append(f'<text x="{x:.1f}" y="{TOP - 10}" text-anchor="middle">{tick}</text>')
    for number, (title, ratio) in enumerate(ratios):
        y = TOP + ROW * number
        length = max(0.0, scale * math.log10(ratio)) if ratio > 0 else 0.0
        lines.append(f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{html.escape(title)}</text>')
        lines.append(f'<rect x="{LEFT}" y="{y + 3}" width="{length:.1f}" height="{ROW - 6}" fill="{BAR}"/>')
        lines.append(f'<text x="{LEFT + length + 5:.1f}" y="{y + 13}">{ratio:.0f}×</text>')
    return "\n".join([*lines, "</svg>\n"])
