"""What Prometheus is told of the screens."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

SCREENS = Gauge("ioc_dashboards_screens", "Screens connected now")
POINTS = Gauge("ioc_dashboards_points", "Points on the map")
HEARD = Gauge("ioc_dashboards_last_commit_timestamp_seconds", "Time of the newest commit that the screens show")
FRAMES = Counter("ioc_dashboards_frames", "Frames worked out")
AWAY = Gauge("ioc_dashboards_store_away", "1 while the store cannot be reached")
CAUGHT_UP = Counter("ioc_dashboards_caught_up", "Times a slow screen was told several steps as one")
