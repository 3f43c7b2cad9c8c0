"""A small city in the store for the tests of alerts: rules, sensors, readings at virtual times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from psycopg.types.json import Json

from alerts.evaluator import Evaluator
from ioc.config.rules import Rule

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
START = datetime(2026, 3, 1, tzinfo=UTC)
PRIORITY = {"critical": 1, "high": 2, "medium": 3, "low": 4}
RATIONALE = {"cause": "rain", "consequence": "flooded streets", "action": "open the sluice",
             "respond_within": "30min", "owner": "duty", "review_by": "2027-01-01"}  # fmt: skip


def rule(**given):
    return Rule.model_validate({"key": "r", "kind": "threshold", "name": "Level", **RATIONALE, **given})


def add_rule(conn, **given):
    """Insert a rule (or a new version of it) as the registry does; returns its id."""
    r = rule(**given)
    settings = r.model_dump(mode="json", exclude={"enabled"})
    row = conn.execute(
        """INSERT INTO rule (key, kind, name, settings, priority, enabled) VALUES (%s, %s, %s, %s, %s, %s)
           ON CONFLICT (key) DO UPDATE SET settings = EXCLUDED.settings, enabled = EXCLUDED.enabled,
               version = rule.version + 1 RETURNING id""",
        (r.key, r.kind, Json(r.name), Json(settings), PRIORITY[r.priority], r.enabled),
    ).fetchone()
    return row[0]


def add_feed(conn, key="gauges", cadence="1 min"):
    return conn.execute(
        """INSERT INTO feed (key, name, domain, cadence) VALUES (%s, %s, 'water', %s)
           ON CONFLICT (key) DO UPDATE SET cadence = EXCLUDED.cadence RETURNING id""",
        (key, Json({"": key}), cadence),
    ).fetchone()[0]


def add_series(
    conn, sensor, *, feed="gauges", metric="water_level", cadence="1 min", area=None, at=START, place=(9.6, 105.97)
):
    feed_id = add_feed(conn, feed, cadence)
    conn.execute(
        """INSERT INTO metric (key, name, unit, decimals) VALUES (%s, '{"en": "Water level", "vi": "Mực nước"}', 'm', 2)
                    ON CONFLICT DO NOTHING""",
        (metric,),
    )
    sensor_id = conn.execute(
        """INSERT INTO sensor (key, name, domain, feed_id, lat, lon, area) VALUES (%s, %s, 'water', %s, %s, %s, %s)
           ON CONFLICT (key) DO UPDATE SET key = EXCLUDED.key RETURNING id""",
        (sensor, Json({"": sensor}), feed_id, *place, area),
    ).fetchone()[0]
    return conn.execute(
        "INSERT INTO series (sensor_id, metric, feed_id, created_at) VALUES (%s, %s, %s, %s) RETURNING id",
        (sensor_id, metric, feed_id, at),
    ).fetchone()[0]


def add_reading(conn, series, when, value, received=None):
    """As the write path does: the reading once, `latest` never backwards."""
    conn.execute("INSERT INTO reading VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", (series, when, value))
    conn.execute(
        """INSERT INTO late_reading SELECT series_id, %s, %s FROM latest WHERE series_id = %s AND time > %s""",
        (when, received or when, series, when),
    )
    conn.execute(
        """INSERT INTO latest VALUES (%s, %s, %s, %s) ON CONFLICT (series_id) DO UPDATE
                    SET time = EXCLUDED.time, value = EXCLUDED.value, received_at = EXCLUDED.received_at
                    WHERE latest.time < EXCLUDED.time""",
        (series, when, value, received or when),
    )


def add_past(conn, series, samples):
    """Weeks of readings from before anything was evaluated."""
    with conn.cursor().copy("COPY reading FROM STDIN") as copy:
        for at, value in samples:
            copy.write_row((series, at, value))


def add_contact(conn, key="mai", *, email=None, lowest="medium", language="en", zone=None, domains=(), areas=()):
    settings = {"domains": list(domains), "areas": list(areas), "lowest": lowest}
    return conn.execute(
        "INSERT INTO contact (key, name, email, language, zone, settings) VALUES (%s, %s, %s, %s, %s, %s) RETURNING id",
        (key, key.title(), email or f"{key}@city.test", language, zone, Json(settings)),
    ).fetchone()[0]


def evaluator(conn, at=START, packs=None, *, settled=True):
    found = Evaluator(ZONE, packs or {})
    found.reload(conn, at)
    if settled:
        found._settled = at - timedelta(days=1)
    return found
