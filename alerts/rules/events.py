"""An event is open: a warning of some severity, or a report nobody has finished in time."""

from __future__ import annotations

from pydantic import Field

from ioc.config.types import Duration, Model


class Options(Model):
    """
    kinds: event kinds; empty means any; a trailing * matches the rest. The rule's scope (feeds, areas) applies as well.
    severity: the least severity, 0 none .. 4 extreme.
    overdue: only once the event has been open for this long.
    """

    kinds: list[str] = []
    severity: int = Field(default=0, ge=0, le=4)
    overdue: Duration | None = None
