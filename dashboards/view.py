"""The city as a widget sees it when it draws: this moment, and the past it asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from dashboards import board

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboards.board import Figure, Measure, Trace
    from dashboards.snapshot import Frame, Snapshot
    from ioc.config.folder import CityFolder
    from ioc.config.scenes import Scene, Widget
    from ioc.records import Micros

Points = list[list[float]]  # [[ms, value], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """alarms, events: rows of ioc.store.snapshot. past: what `traces` asked for, as far as it was read."""

    folder: CityFolder
    snap: Snapshot
    frame: Frame
    now: Micros
    alarms: Sequence[dict[str, Any]] = ()
    events: Sequence[dict[str, Any]] = ()
    past: Mapping[Trace, Points] = field(default_factory=dict)
    scene: Scene
    widget: Widget

    @property
    def today(self) -> date:
        """The day in the city's zone."""
        return datetime.fromtimestamp(self.now / 1e6, self.folder.city.tz).date()

    def figure(self, asked: Measure) -> Figure:
        return board.figure(asked, self.snap, self.frame, self.folder, self.today)

    def area_name(self, key: str) -> dict[str, str] | str:
        """What the area is called today; its key where nobody says."""
        today = self.today
        valid = (a for a in self.folder.areas if (a.valid_from or today) <= today < (a.valid_to or date.max))
        return next((a.name for a in valid if a.key == key), key)
