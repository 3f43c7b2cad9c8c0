"""A sensor has not been heard for too long, by the time its messages arrive; or more than half of a feed has not."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import field_validator

from alerts.verdict import Spec, Verdict
from ioc.config.types import Duration, Model
from ioc.store import rules as store

if TYPE_CHECKING:
    from alerts.verdict import Known, Tick
    from ioc.config.rules import Rule
    from ioc.store.database import Connection


class Options(Model):
    """
    after: silent after this; where absent 5 x the sensor's cadence, at least 2 minutes (1 hour without a cadence).
    feed: when more than half of a feed's sensors are silent, raise one alarm for the feed and hide the sensors' own.
    gateway: likewise for the sensors whose property `gateway` is the same; a feed that is silent hides its gateways'.
    """

    after: Duration | None = None
    feed: bool = True
    gateway: bool = True

    @field_validator("after")
    @classmethod
    def _not_nervous(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and value.total_seconds() < 1:
            raise ValueError("shorter than a second: every sensor would be silent")
        return value


def specs(_rule: Rule, options: Options, _known: Known) -> list[Spec]:
    return [Spec(quiet_after=None if options.after is None else options.after.total_seconds())]


def window(_options: Options) -> timedelta:
    """It looks at what stands now."""
    return timedelta(0)


def evaluate(conn: Connection, tick: Tick) -> list[Verdict]:
    """All silence rules at once: sensors, then feeds. While settling nothing is called silent, only heard again."""
    mine = {i: w for i, w in tick.rules.items() if w.rule.kind == "silence"}
    if not mine:
        return []
    by_feed = [i for i, watched in mine.items() if watched.options.feed]
    by_gateway = [i for i, watched in mine.items() if watched.options.gateway]
    found = [_sensor(row) for row in store.silent_sensors(conn, tick.at, by_feed, by_gateway)]
    found += [_feed(row) for row in store.silent_feeds(conn, tick.at, by_feed)]
    found += [_gateway(row) for row in store.silent_gateways(conn, tick.at, by_feed, by_gateway)]
    return [v for v in found if v.rule_id in mine and not (tick.settling and v.truth == "true")]


def _sensor(row: dict[str, Any]) -> Verdict:
    target = f"sensor:{row['sensor_id']}"
    hidden = bool(row["silent"] and row["hidden"])
    return _verdict(row, target, by_design=hidden)._replace(sensor_id=row["sensor_id"], feed_id=row["feed_id"])


def _feed(row: dict[str, Any]) -> Verdict:
    note = f"{row['count']}/{row['sensors']}"
    return _verdict(row, f"feed:{row['feed_id']}", by_design=None)._replace(feed_id=row["feed_id"], note=note)


def _gateway(row: dict[str, Any]) -> Verdict:
    found = _verdict(row, f"gateway:{row['gateway']}", by_design=bool(row["silent"] and row["hidden"]))
    return found._replace(area=row["area"], lat=row["lat"], lon=row["lon"], note=f"{row['count']}/{row['sensors']}",
                          detail={"gateway": row["gateway"], "sensors": row["sensors"]})  # fmt: skip


def _verdict(row: dict[str, Any], target: str, *, by_design: bool | None) -> Verdict:
    """Silent since the allowed quiet time ran out; heard again at the newest message."""
    since = row["heard"] + timedelta(seconds=row["quiet"]) if row["silent"] else row["heard"]
    return Verdict(row["rule_id"], target, "true" if row["silent"] else "false", since, threshold=row["quiet"],
                   since=row["heard"], by_design=by_design)  # fmt: skip
