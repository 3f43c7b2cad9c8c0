"""Which kinds of sensor feed what, how often, and how: the one table between models and messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sample_feeds import reports
from sample_feeds.models import air, networks, roads, town, water
from sample_feeds.payloads import devices, exports, services

if TYPE_CHECKING:
    from sample_feeds.models import Model
    from sample_feeds.payloads import Render


class Source(NamedTuple):
    """live, past: seconds between the readings of one sensor, now and in the backfilled history.

    together: all sensors speak in one message, at the same time.
    """

    feed: str
    kinds: tuple[str, ...]
    live: int
    past: int
    model: Model
    render: Render
    together: bool = False


SOURCES = (
    Source("tide_gauges", ("tide",), 30, 900, water.gauge, devices.tide_gauges),
    Source("salinity", ("salt",), 60, 900, water.salinity, devices.salinity),
    Source("sluices", ("sluice",), 60, 1800, water.sluice, services.sluices),
    Source("weather", ("weather",), 30, 900, air.weather, services.weather),
    Source("flood_depth", ("drain",), 30, 600, water.flood, services.flood_depth),
    Source("air_reference", ("airref",), 60, 900, air.reference, services.air_reference),
    Source("air_community", ("aircom",), 60, 1200, air.community, devices.air_community),
    Source("noise", ("noise",), 5, 900, air.noise, devices.noise),
    Source("traffic", ("junction", "count"), 15, 900, roads.detector, services.traffic),
    Source("buses", ("bus",), 5, 1200, roads.bus, services.buses),
    Source("parking", ("parking",), 60, 1200, roads.parking, exports.parking, together=True),
    Source("lighting", ("lamp",), 60, 1800, town.lamps, devices.lighting),
    Source("power", ("power",), 15, 900, town.power, devices.power),
    Source("water_supply", ("water",), 60, 1200, water.supply, services.water_supply),
    Source("waste_bins", ("bin",), 300, 3600, town.bins, devices.waste_bins),
    Source("hospitals", ("hospital",), 300, 1800, town.hospital, exports.hospitals, together=True),
    Source("one_stop", ("counter",), 300, 1800, town.one_stop, exports.one_stop, together=True),
    Source("cells_5g", ("cell",), 60, 1800, networks.cell, exports.cells_5g, together=True),
    Source("data_centre", ("rack",), 5, 600, networks.rack, services.data_centre),
    Source("ups", ("ups",), 15, 900, networks.ups, services.ups),
    Source("hotline", ("desk",), 60, 1800, reports.totals, services.hotline),
)
