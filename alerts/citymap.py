"""Places around an alarm -> the small map of a mail, PNG. Runs in the painter's own process only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import matplotlib.pyplot as plt
from matplotlib import patheffects
from matplotlib.collections import LineCollection, PolyCollection

from alerts import png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, DIM, PAPER, LAND, EDGE = "#e6edf5", "#8fa3ba", "#0b1524", "#13233a", "#2b4160"
WATER, ROAD, HERE = "#12466b", "#3a5172", "#1d3a5f"
# By priority, never by colour alone: the markers differ as well.
MARKS = {1: ("#ff4d4f", "D", 95), 2: ("#ff9f1a", "^", 90), 3: ("#f5d451", "s", 60), 4: ("#6cb6ff", "o", 55)}
Place: TypeAlias = "tuple[float, float]"
_HALO = [patheffects.withStroke(linewidth=3, foreground=PAPER)]


def draw(data: dict[str, Any]) -> bytes:
    """
    data: box [west, south, east, north]; areas [{name, rings [[[lon, lat]]], here}]; water, roads as lists of lines
    [[lon, lat]], lakes as rings; sensors [[lat, lon]]; alarms [[lat, lon, priority, label]] with the subject first. The
    box has the picture's own proportions.
    """
    west, south, east, north = data["box"]
    figure = plt.figure(figsize=(6.0, 3.6), dpi=200, facecolor=PAPER)
    try:
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(west, east)
        axes.set_ylim(south, north)
        _ground(axes, data)
        _points(axes, data)
        _scale(axes)
        return png.encode(figure)
    finally:
        plt.close(figure)


def _ground(axes: Axes, data: dict[str, Any]) -> None:
    others = [ring for area in data["areas"] if not area["here"] for ring in area["rings"]]
    here = [ring for area in data["areas"] if area["here"] for ring in area["rings"]]
    axes.add_collection(PolyCollection(others, facecolor=LAND, edgecolor=EDGE, linewidth=0.8))
    axes.add_collection(PolyCollection(here, facecolor=HERE, edgecolor="#7fb2ff", linewidth=1.8))
    axes.add_collection(PolyCollection(data["lakes"], facecolor=WATER, edgecolor="none"))
    axes.add_collection(LineCollection(data["water"], colors=WATER, linewidths=3.0))
    axes.add_collection(LineCollection(data["roads"], colors=ROAD, linewidths=1.0))
    taken: list[Place] = []
    for area in data["areas"]:
        if area["here"]:  # in the corner: in the middle it would hide the alarm
            axes.text(0.025, 0.955, area["name"], transform=axes.transAxes, ha="left", va="top", color=INK, fontsize=13,
                      fontweight="bold", path_effects=_HALO, zorder=8)  # fmt: skip
        elif (spot := _spot(axes, area["rings"])) and _room(axes, spot, taken):
            axes.text(
                *spot, area["name"], ha="center", va="center", color=DIM, fontsize=11, path_effects=_HALO, clip_on=True
            )


def _spot(axes: Axes, rings: list[list[list[float]]]) -> tuple[float, float] | None:
    """Where an area's name goes: the middle of its largest ring, where that is on the map."""
    ring = max(rings, key=len, default=[])
    if not ring:
        return None
    x = sum(p[0] for p in ring) / len(ring)
    y = sum(p[1] for p in ring) / len(ring)
    (west, east), (south, north) = axes.get_xlim(), axes.get_ylim()
    margin = (east - west) * 0.06
    return (x, y) if west + margin < x < east - margin and south + margin / 2 < y < north - margin / 2 else None


def _points(axes: Axes, data: dict[str, Any]) -> None:
    if data["sensors"]:
        lats, lons = zip(*data["sensors"], strict=True)
        axes.scatter(lons, lats, s=14, color="#5f8f86", linewidths=0, zorder=3)
    labelled = _with_room(axes, data["alarms"])
    for n, (lat, lon, priority, label) in reversed(list(enumerate(data["alarms"]))):
        colour, marker, size = MARKS[priority]
        axes.scatter([lon], [lat], s=size * (1.5 if n == 0 else 1), color=colour, marker=marker, edgecolors=PAPER,
                     linewidths=1.2, zorder=6 if n == 0 else 5)  # fmt: skip
        if n == 0:
            axes.scatter([lon], [lat], s=620, facecolors="none", edgecolors=colour, linewidths=1.8, zorder=6)
        if n in labelled:
            axes.annotate(label, (lon, lat), (0, 15 if n == 0 else 9), textcoords="offset points", ha="center",
                          color=INK, fontsize=13 if n == 0 else 11, fontweight="bold" if n == 0 else "normal",
                          path_effects=_HALO, zorder=7, annotation_clip=True)  # fmt: skip


def _with_room(axes: Axes, alarms: list[tuple[float, float, int, str]]) -> set[int]:
    """Which alarms are labelled: the subject, and those whose text would not cover another's."""
    taken: list[Place] = []
    return {n for n, (lat, lon, _, label) in enumerate(alarms) if label and _room(axes, (lon, lat), taken)}


def _room(axes: Axes, spot: Place, taken: list[Place]) -> bool:
    """Whether a text there covers none of those `taken`, to which it then belongs."""
    (west, east), (south, north) = axes.get_xlim(), axes.get_ylim()
    x, y = (spot[0] - west) / (east - west), (spot[1] - south) / (north - south)
    free = all(abs(x - other_x) > 0.22 or abs(y - other_y) > 0.08 for other_x, other_y in taken)
    if free:
        taken.append((x, y))
    return free


def _scale(axes: Axes) -> None:
    """A bar of a round length, bottom left."""
    (west, east), (south, north) = axes.get_xlim(), axes.get_ylim()
    metres_a_degree = 111_320 * math.cos(math.radians((south + north) / 2))
    longest = (east - west) * metres_a_degree / 4
    length = next((m for m in (20_000, 10_000, 5000, 2000, 1000, 500, 200) if m <= longest), 100)
    x, y = west + (east - west) * 0.03, south + (north - south) * 0.05
    axes.plot([x, x + length / metres_a_degree], [y, y], color=INK, linewidth=2.2, solid_capstyle="butt")
    text = f"{length // 1000} km" if length >= 1000 else f"{length} m"
    axes.text(x, y + (north - south) * 0.025, text, color=INK, fontsize=11, path_effects=_HALO)
