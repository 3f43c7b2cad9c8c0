"""sensors.* and areas.*: the registry of places, in any vector format geopandas reads.

sensors columns: key, name (or name_vi, name_en, ...), domain, feed, kind, moves, cadence; geometry a point; any other
column becomes a property. areas columns: key, name (or name_xx), kind, valid_from, valid_to; geometry a polygon.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from ioc.config.types import Duration, Model, Text


class Sensor(Model):
    key: str
    name: Text
    domain: str = ""
    feed: str = ""
    kind: str = ""
    lat: float | None = None
    lon: float | None = None
    moves: bool = False
    cadence: Duration | None = None
    properties: dict[str, Any] = {}


class Area(Model):
    """geometry: GeoJSON, WGS 84. Valid on days valid_from <= day < valid_to."""

    key: str
    name: Text
    kind: str = "ward"
    valid_from: date | None = None
    valid_to: date | None = None
    geometry: dict[str, Any]
