"""The core of the operations centre: readings, sensors, areas, alarms.

    broker --> ingest --> STORE --> dashboards --> walls, desks
                            | ^
                            v |
                           alerts --> e-mail

The store is the only meeting point. ingest, dashboards, alerts and sample_feeds import this package and never
each other; `ioc.cli`, with `ioc.compose*` behind it, is the composition root and alone here in importing them.
"""

from __future__ import annotations

__version__ = "0.2.0"
