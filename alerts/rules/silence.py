"""A sensor has not been heard for too long, by the time its messages arrive; or more than half of a feed has not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import field_validator

from ioc.config.types import Duration, Model

if TYPE_CHECKING:
    from datetime import timedelta


class Options(Model):
    """
    after: silent after this; where absent 5 x the sensor's cadence, at least 2 minutes (1 hour without a cadence).
    feed: when more than half of a feed's sensors are silent, raise one alarm for the feed and hide the sensors' own.
    """

    after: Duration | None = None
    feed: bool = True

    @field_validator("after")
    @classmethod
    def _not_nervous(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and value.total_seconds() < 1:
            raise ValueError("shorter than a second: every sensor would be silent")
        return value
