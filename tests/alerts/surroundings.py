"""What a case may hold beside series: metrics with units, areas, attributes, tracks of what moves, events.

`[series]` keys may be "sensor/metric"; `[metrics]` metric = "unit"; `[areas]` sensor = "ward"; `[attributes]` sensor =
{ tags = [...] }; `[tracks]` sensor = "9.60,105.97 _ 9.61,105.98": a position a step; `[[event]]` at, key, kind, severity,
lat, lon, area, until (when it is closed), changes = [[at, {properties}]], properties.
"""

from __future__ import annotations

from psycopg.types.json import Json

from ioc.config.types import parse_duration
from tests.alerts import city


def series(conn, case, cadence):
    """{name of the case: series id}."""
    for metric, unit in case.get("metrics", {}).items():
        conn.execute(
            "INSERT INTO metric (key, name, unit) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (metric, Json({"": metric}), unit),
        )
    found = {}
    for name in case.get("series", {}):
        sensor, _, metric = name.partition("/")
        given = {"metric": metric} if metric else {}
        area = case.get("areas", {}).get(sensor)
        feed = case.get("feeds", {}).get(sensor, "gauges")
        found[name] = city.add_series(conn, sensor, feed=feed, cadence=cadence, area=area, **given)
    for name in case.get("tracks", {}):
        feed = city.add_feed(conn, case.get("feeds", {}).get(name, "vehicles"), cadence)
        conn.execute(
            "INSERT INTO sensor (key, name, feed_id, moves) VALUES (%s, %s, %s, true) ON CONFLICT DO NOTHING",
            (name, Json({"": name}), feed),
        )
    for name, properties in case.get("attributes", {}).items():
        conn.execute("UPDATE sensor SET properties = %s WHERE key = %s", (Json(properties), name))
    for name, place in case.get("places", {}).items():
        conn.execute("UPDATE sensor SET lat = %s, lon = %s WHERE key = %s", (*place, name))
    for key, ring in case.get("polygons", {}).items():
        shape = {"type": "Polygon", "coordinates": [[[lon, lat] for lat, lon in [*ring, ring[0]]]]}
        conn.execute("INSERT INTO area (key, name, geometry) VALUES (%s, '{}', %s)", (key, Json(shape)))
    return found


def tracks(case):
    """{sensor: [(lat, lon, shift) or None a step]}."""
    return {name: [_spot(token) for token in row.split()] for name, row in case.get("tracks", {}).items()}


def _spot(token):
    if token == "_":
        return None
    place, _, shift = token.partition("@")
    lat, lon = map(float, place.split(","))
    ago = -parse_duration(shift[1:]) if shift.startswith("-") else parse_duration(shift or "0s")
    return lat, lon, ago


def step(conn, case, found, n, offset, now):
    """Positions and events of this step."""
    for name, row in found.items():
        if n < len(row) and row[n] is not None:
            move(conn, name, *row[n][:2], now + row[n][2], now)
    for event in case.get("event", []):
        if parse_duration(event["at"]) == offset:
            report(conn, event, now)
        if "until" in event and parse_duration(event["until"]) == offset:
            conn.execute(
                "UPDATE event SET status = 'closed', closed_at = %s, changed_at = %s, received_at = %s WHERE key = %s",
                (now, now, now, event["key"]),
            )
        for at, properties in event.get("changes", []):
            if parse_duration(at) == offset:
                conn.execute(
                    """UPDATE event SET status = 'changed', changed_at = %s, properties = properties || %s::jsonb, received_at = %s
                       WHERE key = %s""",
                    (now, Json(properties), now, event["key"]),
                )
                change(conn, event["key"], now, "changed", properties)


def move(conn, sensor, lat, lon, when, received):
    row = conn.execute("SELECT id FROM sensor WHERE key = %s", (sensor,)).fetchone()
    conn.execute("INSERT INTO position VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING", (row[0], when, lat, lon))
    conn.execute(
        """INSERT INTO latest_position VALUES (%s, %s, %s, %s, NULL, NULL, %s) ON CONFLICT (sensor_id) DO UPDATE
           SET time = EXCLUDED.time, lat = EXCLUDED.lat, lon = EXCLUDED.lon, received_at = EXCLUDED.received_at
           WHERE latest_position.time < EXCLUDED.time""",
        (row[0], when, lat, lon, received),
    )


def report(conn, event, now):
    feed = city.add_feed(conn, event.get("feed", "reports"))
    ago = parse_duration(event.get("ago", "0s"))
    conn.execute(
        """INSERT INTO event (feed_id, key, kind, title, status, severity, opened_at, changed_at, lat, lon, area, properties,
           received_at) VALUES (%s, %s, %s, %s, 'open', %s, %s, %s, %s, %s, %s, %s, %s)""",
        (feed, event["key"], event.get("kind", "report.flood"), event["key"], event.get("severity", 0), now - ago, now - ago,
         event.get("lat"), event.get("lon"), event.get("area"), Json(event.get("properties", {})), now),
    )  # fmt: skip
    change(conn, event["key"], now - ago, "open", event.get("properties", {}))


def change(conn, key, at, status, properties):
    conn.execute(
        """INSERT INTO event_change (event_id, time, status, severity, properties)
           SELECT id, %s, %s, severity, %s FROM event WHERE key = %s""",
        (at, status, Json(properties), key),
    )


def name_of(conn, target):
    """A target as cases write it: rule:KEY, event:KEY, sensor:KEY instead of their numbers."""
    kind, _, key = target.partition(":")
    if kind in ("rule", "event", "sensor") and key.isdigit():
        row = conn.execute(f"SELECT key FROM {kind} WHERE id = %s", (int(key),)).fetchone()
        return f"{kind}:{row[0]}" if row else target
    return target


def health(conn):
    """What rule health says: "key: error; key: warning"."""
    rows = conn.execute(
        """SELECT r.key, h.error || h.warning FROM rule_health h JOIN rule r ON r.id = h.rule_id
           WHERE h.error || h.warning <> '' ORDER BY 1"""
    )
    return "; ".join(f"{key}: {text.partition(': ')[2] or text}" for key, text in rows)


def steps_of(case, samples, every):
    """How many steps a case has."""
    rows = [len(row) for row in samples.values()] + [len(row) for row in tracks(case).values()]
    return int(parse_duration(case["lasts"]) / every) + 1 if "lasts" in case else max(rows)


__all__ = ["name_of", "series", "step", "steps_of", "tracks"]
