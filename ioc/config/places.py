"""sensors.* and areas.*: the registry of places, in any vector format geopandas reads.

sensors columns: key, name (or name_vi, name_en, ...), domain, feed, kind, moves, cadence, was (the keys it had before,
a list or text with commas: its history and its messages under them are this sensor's); geometry a point; any other
column becomes a property. areas columns: key, name (or name_xx), kind, valid_from, valid_to; geometry a polygon.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator

from ioc.config.types import Duration, Model, Text


def _listed(value: Any) -> Any:
    """'a, b' -> ['a', 'b'], as tables write it; formats that have no lists may hold JSON."""
    if isinstance(value, str):
        text = value.strip()
        return json.loads(text) if text.startswith("[") else [part.strip() for part in text.split(",") if part.strip()]
    return list(value)


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
    was: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    properties: dict[str, Any] = {}

    @property
    def tags(self) -> list[str]:
        """Its property `tags`: a list, or one text with commas."""
        given = self.properties.get("tags") or []
        parts = given.split(",") if isinstance(given, str) else given
        return [str(tag).strip() for tag in parts]


class Area(Model):
    """geometry: GeoJSON, WGS 84. Valid on days valid_from <= day < valid_to."""

    key: str
    name: Text
    kind: str = "ward"
    valid_from: date | None = None
    valid_to: date | None = None
    geometry: dict[str, Any]
