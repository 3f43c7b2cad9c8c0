"""Hand-drawn corners made round, for roads and rivers alike: what drives on a road then stays on it."""

from __future__ import annotations

from itertools import pairwise


def rounded(line: list[list[float]], *, closed: bool = False, times: int = 3) -> list[tuple[float, float]]:
    """Chaikin: each corner is cut at a quarter and three quarters, again and again; the ends of a line stay."""
    points = [(x, y) for x, y in line]
    for _ in range(times):
        pairs = list(pairwise([*points, points[0]] if closed else points))
        cut = [p for a, b in pairs for p in (_between(a, b, 0.25), _between(a, b, 0.75))]
        points = cut if closed else [points[0], *cut[1:-1], points[-1]]
    return points


def _between(a: tuple[float, float], b: tuple[float, float], part: float) -> tuple[float, float]:
    return a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part
