"""The numbers of DATEX II elements: which element is which metric, in which unit, and which numbers are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.formats import _xml
from ingest.formats._pieces import number

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

# An element that holds a value, or holds the element with the number -> our name, unit.
_NAMED = {
    "vehicleFlow": ("flow", "1/h"), "averageVehicleSpeed": ("speed", "km/h"), "occupancy": ("occupancy", "%"),
    "travelTime": ("travel_time", "s"), "concentration": ("density", "1/km"),
    "percentageLongVehicles": ("long_vehicles", "%"),
    "airTemperature": ("temperature", "°C"), "dewPointTemperature": ("dew_point", "°C"),
    "roadSurfaceTemperature": ("road_temperature", "°C"), "temperatureBelowRoadSurface": ("ground_temperature", "°C"),
    "temperatureBelowSurface": ("ground_temperature", "°C"), "protectionTemperature": ("freezing_temperature", "°C"),
    "relativeHumidity": ("humidity", "%"), "precipitationIntensity": ("rain", "mm/h"),
    "windSpeed": ("wind_speed", "km/h"), "maximumWindSpeed": ("wind_gust", "km/h"),
    "windDirectionBearing": ("wind_direction", "deg"), "minimumVisibilityDistance": ("visibility", "m"),
    "waterFilmThickness": ("water_film", "m"), "depositionDepth": ("snow_depth", "m"),
}  # fmt: skip
# An element of the number itself, where nothing around it says more.
_BARE = {
    "vehicleFlowRate": ("flow", "1/h"), "speed": ("speed", "km/h"), "percentage": ("occupancy", "%"),
    "duration": ("travel_time", "s"), "temperature": ("temperature", "°C"),
    "millimetresPerHourIntensity": ("rain", "mm/h"), "concentrationOfVehiclesValue": ("density", "1/km"),
}  # fmt: skip
_BESIDE = frozenset({"freeFlowTravelTime", "freeFlowSpeed", "normallyExpectedTravelTime"})  # what would be normal
_FAULTS = frozenset({"dataError", "physicalQuantityFault"})


def values(quantity: Element) -> Iterator[tuple[str, float | None, str]]:
    """(name, number, unit) of one measured value; None where a fault is reported, or the number can be none: -1."""
    faulty = any(_xml.name(e) in _FAULTS and e.text != "false" for e in quantity.iter())
    seen = set()
    for parent, element in ((p, e) for p in quantity.iter() for e in p):
        above, own = _xml.name(parent), _xml.name(element)
        found = _NAMED.get(above) or _NAMED.get(own) or _BARE.get(own)
        value = number(element.text)
        if found is None or above in _BESIDE or found in seen or (value is None and own not in _FAULTS):
            continue
        seen.add(found)
        yield found[0], None if faulty or _impossible(value, found[1]) else value, found[1]


def _impossible(value: float | None, unit: str) -> bool:
    return value is not None and value < 0 and unit != "°C"
