"""Fills a store with a believable moment of the sample city, straight by SQL: the ingester is not needed to look at screens.

As a program: python -m tests.dashboards.seed URL [SECONDS]  seeds, then keeps the city moving for SECONDS.
"""

from __future__ import annotations

import json
import math
import random
import sys
import time
from email.message import EmailMessage
from pathlib import Path

from ioc.config import folder as city_folder
from ioc.store import database, registry

CITY = Path(__file__).parents[2] / "sample_feeds" / "soc_trang"

# What each domain's sensors measure, and roughly how: (metric, mean, swing, noise).
KIND = {
    "water_level": [("water_level", 1.0, 0.9, 0.02)],
    "salinity": [("salinity", 2.2, 1.4, 0.1), ("water_temperature", 28, 1, 0.1)],
    "weather": [("rain_rate", 1.0, 1.0, 0.4), ("temperature", 29, 4, 0.2), ("humidity", 78, 12, 1)],
    "drainage": [("flood_depth", 2.0, 2.0, 1)],
    "air": [("pm25", 24, 8, 3), ("pm10", 40, 9, 4), ("temperature", 29, 4, 0.2)],
    "noise": [("noise_level", 58, 8, 2)],
    "traffic": [("speed", 36, 9, 3), ("flow", 420, 300, 30)],
    "transit": [("speed", 28, 8, 6)],
    "parking": [("parking_free", 40, 20, 4)],
    "lighting": [("power", 90, 10, 2)],
    "power": [("load", 61, 18, 2), ("voltage", 22.1, 0.3, 0.05)],
    "waste": [("fill_level", 46, 24, 6)],
    "health": [("beds_free", 38, 9, 2)],
    "reports": [("reports_open", 14, 5, 2)],
}
DAY = 86400


def value(kind, sensor, at):
    _, mean, swing, noise = kind
    phase = (sensor % 40) / 40 * 0.8
    period = 12.42 * 3600 if kind[0] in {"water_level", "salinity"} else DAY
    rng = random.Random(f"{kind[0]}{sensor}{int(at) // 60}")
    shape = math.sin(2 * math.pi * (at / period) + phase)
    return round(max(0.0, mean + swing * shape + rng.gauss(0, noise)), 3)


def sync(conn, path=CITY):
    city = city_folder.load(path)
    registry.sync(conn, city)
    conn.execute("INSERT INTO feed (key, name) VALUES ('seed', '{\"\": \"Seed\"}') ON CONFLICT DO NOTHING")
    return city


def make_series(conn, sensors=None):
    """One series a metric of each sensor; returns [(series id, sensor id, kind)]."""
    rows = sensors or conn.execute("SELECT id, domain FROM sensor ORDER BY id").fetchall()
    wanted = [(s, kind) for s, domain in rows for kind in KIND.get(domain, [("value", 10, 3, 1)])]
    feed = "coalesce((SELECT feed_id FROM sensor WHERE id = %s), (SELECT id FROM feed WHERE key = 'seed'))"
    with conn.cursor() as cursor:
        cursor.executemany(f"INSERT INTO series (sensor_id, metric, feed_id) VALUES (%s, %s, {feed}) ON CONFLICT DO NOTHING",
                           [(s, kind[0], s) for s, kind in wanted])  # fmt: skip
    ids = {(s, m): i for i, s, m in conn.execute("SELECT id, sensor_id, metric FROM series")}
    return [(ids[s, kind[0]], s, kind) for s, kind in wanted]


def put(conn, rows):
    """[(series, seconds, value)] into reading and latest, and the notice readers wait for."""
    with conn.transaction():
        conn.execute("""WITH r AS (SELECT * FROM unnest(%s::int[], %s::float8[], %s::float8[]) AS r (s, t, v)),
            a AS (INSERT INTO reading SELECT s, to_timestamp(t), v FROM r ON CONFLICT DO NOTHING)
            INSERT INTO latest SELECT s, to_timestamp(t), v, clock_timestamp() FROM r
            ON CONFLICT (series_id) DO UPDATE SET time = excluded.time, value = excluded.value, received_at = excluded.received_at
            WHERE latest.time <= excluded.time""", [list(c) for c in zip(*rows, strict=True)])  # fmt: skip
        notify(conn, series=sorted({r[0] for r in rows}))


def notify(conn, *, series=(), sensors=(), registry=False):
    conn.execute("WITH c AS (INSERT INTO change (series, sensors, registry) VALUES (%s, %s, %s) RETURNING id) "
                 "SELECT pg_notify('ioc_change', id::text) FROM c", [list(series), list(sensors), registry])  # fmt: skip


def history(conn, series, hours=26, step=300):
    now = time.time()
    with conn.cursor() as cursor, cursor.copy("COPY reading FROM STDIN") as copy:
        copy.set_types(["int4", "timestamptz", "float8"])
        for s, sensor, kind in series:
            for at in range(int(now - hours * 3600) // step * step, int(now) - step, step):
                copy.write_row((s, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)), value(kind, sensor, at)))


def rule(conn, key, name, priority, **settings):
    conn.execute("INSERT INTO rule (key, kind, name, settings, priority) VALUES (%s, 'threshold', %s, %s, %s) ON CONFLICT DO NOTHING",
                 [key, json.dumps({"": name} if isinstance(name, str) else name), json.dumps(settings), priority])  # fmt: skip
    return conn.execute("SELECT id FROM rule WHERE key = %s", [key]).fetchone()[0]


def alarm(conn, rule_id, *, series=None, sensor=None, priority=2, value=None, minutes=5, domain="", threshold=None):
    """One open alarm with its first change; returns its id."""
    id_ = conn.execute("""INSERT INTO alarm (rule_id, rule_version, target, series_id, sensor_id, domain, priority, value, peak,
        threshold, event_start, opened_at, row_version, lat, lon, area) SELECT %(rule)s, 1, 'series:' || coalesce(%(series)s::text, %(sensor)s::text), %(series)s, %(sensor)s,
        %(domain)s, %(priority)s, %(value)s, %(value)s, %(threshold)s, now() - %(since)s::interval, now() - %(since)s::interval, 1, s.lat, s.lon, s.area
        FROM (SELECT 1) one LEFT JOIN sensor s ON s.id = %(sensor)s RETURNING id""",
        {"rule": rule_id, "series": series, "sensor": sensor, "domain": domain, "priority": priority, "value": value, "threshold": threshold,
         "since": f"{minutes} minutes"}).fetchone()[0]  # fmt: skip
    conn.execute("INSERT INTO alarm_change (alarm_id, seq, kind, value) VALUES (%s, 1, 'raised', %s)", [id_, value])
    conn.execute("SELECT pg_notify('ioc_alarm', %s)", [str(id_)])
    return id_


def ledger(conn):
    conn.execute("""INSERT INTO ledger (feed_id, minute, received, stored, duplicate, quarantined, ignored, readings, readings_stored, readings_duplicate, bytes)
        SELECT f.id, date_trunc('minute', now()) - m * interval '1 minute', n + n / 50 + n / 90, n, n / 50, n / 90, 0, 4 * n, 4 * n, 0, 200 * n
        FROM feed f, generate_series(0, 120) m, LATERAL (SELECT (40 + 25 * sin(f.id + m / 9.0))::bigint AS n) x
        WHERE f.key <> 'unclaimed' ON CONFLICT DO NOTHING""")  # fmt: skip
    conn.execute(
        "INSERT INTO feed_contact SELECT id, now() - (id % 7) * interval '1 second', now() FROM feed WHERE key <> 'unclaimed' ON CONFLICT DO NOTHING"
    )
    conn.execute(
        "INSERT INTO process VALUES ('ingest', now(), now() + interval '1 hour', 'ok', '{}') ON CONFLICT DO NOTHING"
    )


def city(conn, hours=26):
    """The whole moment: registry, a day of history, newest values, some sensors stale, dead or doubtful, alarms."""
    sync(conn)
    series = make_series(conn)
    drawn = {"muc-nuoc-tran-de-cua-song-hau", "muc-nuoc-dai-ngai-song-hau", "muc-nuoc-soc-trang-song-maspero"}
    ids = {
        r[0]
        for r in conn.execute(
            "SELECT id FROM sensor WHERE key = ANY(%s) OR domain IN ('salinity','air','weather','traffic','health','drainage')",
            [list(drawn)],
        )
    }
    history(conn, [s for s in series if s[1] in ids], hours)
    now = time.time()
    rows = [
        (s, now - (3 * 3600 if sensor % 23 == 0 else sensor % 20), value(kind, sensor, now))
        for s, sensor, kind in series
        if sensor % 61
    ]
    put(conn, rows)
    ledger(conn)
    _alarms(conn)
    _trouble(conn, series)
    return series


def _trouble(conn, series):
    """Quarantine, standing faults, mails and a proposal: something to see on every page."""
    for topic, payload, reason, detail in [("city/air/7", b'{"pm25": 12,', "not_json", "line 1 column 13"), ("city/bus/12", b"\x00\x01\xfe\xff rubbish", "not_json", "invalid byte"),
                                           ("city/tide/3", b'{"level": "abc"}', "bad_value", "level is not a number")]:  # fmt: skip
        conn.execute("INSERT INTO quarantine (feed_id, received_at, topic, payload, size, reason, detail) SELECT id, now(), %s, %s, %s, %s, %s FROM feed WHERE key = 'buses'",
                     [topic, payload, len(payload), reason, detail])  # fmt: skip
    conn.execute(
        "INSERT INTO ledger_reason SELECT id, date_trunc('hour', now()), 'quarantined', 'not_json', 2 FROM feed WHERE key = 'buses'"
    )
    for kind, at in (("stuck", 5), ("gap", 9), ("skew", 40)):
        conn.execute(
            "INSERT INTO quality (series_id, kind, since, last, count, detail) VALUES (%s, %s, now() - interval '2 hours', now(), 17, 'the same value for 2 h')",
            [series[at][0], kind],
        )
    reasons = [{"what": "sensor", "said": "topic segment 2", "sure": 0.9, "why": "20 different values"}]
    samples = [{"topic": "wells/4/up", "payload": '{"ph": 7.1}'}]
    conn.execute("INSERT INTO proposal (key, topics, format, toml, confidence, outcome, reasons, samples, messages) VALUES ('wells', %s, 'json', %s, 0.86, '20 of 20 messages would be stored', %s, %s, 20)",
                 [["wells/{sensor}/up"], 'name = "Wells"\ntopic = "wells/{sensor}/up"\nformat = "json"\n', json.dumps(reasons), json.dumps(samples)])  # fmt: skip
    _mails(conn)


def _mails(conn):
    mime = EmailMessage()
    mime["Subject"] = "[Nguy cấp] Mực nước vượt báo động II – Đại Ngãi"
    mime.set_content("Mực nước 1,92 m, vượt báo động II.")
    mime.add_alternative("<h1>Mực nước vượt báo động II</h1><p>1,92 m tại Đại Ngãi</p>", subtype="html")
    alarm_id = conn.execute("SELECT min(id) FROM alarm").fetchone()[0]
    for n, (state, reply) in enumerate(
        [("sent", "250 2.0.0 queued"), ("failed", "550 5.1.1 no such user"), ("ready", None)]
    ):
        conn.execute("""INSERT INTO outbox (id, contact_id, email, thread_key, seq, priority, message_id, subject, mime, alarms, state, due_at, attempts, last_reply, sent_at)
            SELECT gen_random_uuid(), id, email, 'a', %s, 1, %s, %s, %s, %s, %s, now(), 1, %s, CASE WHEN %s = 'sent' THEN now() END FROM contact ORDER BY id LIMIT 1""",
            [n, f"<{n}@seed>", mime["Subject"], mime.as_bytes(), [alarm_id], state, reply, state])  # fmt: skip


def _alarms(conn):
    wanted = [("water_level", {"vi": "Mực nước vượt báo động II", "en": "Water level above alarm II"}, 1, 1.92, 3),
              ("drainage", {"vi": "Ngập sâu trên 20 cm", "en": "Flooding deeper than 20 cm"}, 1, 27, 12), ("salinity", {"vi": "Độ mặn vượt ngưỡng lấy nước", "en": "Salinity above the intake limit"}, 2, 4.6, 48),
              ("power", {"vi": "Máy biến áp quá tải", "en": "Transformer overload"}, 2, 104, 8), ("air", {"vi": "PM2.5 vượt 50 µg/m³", "en": "PM2.5 above 50 µg/m³"}, 3, 61, 35),
              ("traffic", {"vi": "Ùn tắc kéo dài", "en": "Lasting congestion"}, 3, 7, 18), ("waste", {"vi": "Thùng rác đầy trên 90 %", "en": "Bin more than 90 % full"}, 4, 94, 180),
              ("lighting", {"vi": "Mất kết nối tủ đèn", "en": "Street light cabinet silent"}, 3, None, 64), ("health", {"vi": "Còn ít giường trống", "en": "Few beds free"}, 2, 3, 22)]  # fmt: skip
    for n, (domain, name, priority, value_, minutes) in enumerate(wanted):
        id_ = rule(
            conn,
            f"seed-{domain}",
            name,
            priority,
            action={"vi": "Kiểm tra tại chỗ, báo trực ban.", "en": "Check on site, tell the duty officer."},
        )
        found = conn.execute("SELECT se.id, s.id FROM sensor s JOIN series se ON se.sensor_id = s.id WHERE s.domain = %s AND s.id %% 23 <> 0 ORDER BY se.id OFFSET %s LIMIT 1", [domain, n]).fetchone() or conn.execute(
            "SELECT se.id, s.id FROM sensor s JOIN series se ON se.sensor_id = s.id WHERE s.domain = %s ORDER BY se.id LIMIT 1", [domain]).fetchone()  # fmt: skip
        if found:
            alarm(
                conn,
                id_,
                series=found[0],
                sensor=found[1],
                priority=priority,
                value=value_,
                minutes=minutes,
                domain=domain,
            )


def move(conn, seconds):
    """Keep the city moving: a tenth of the series each second, the buses too."""
    series = make_series(conn)
    buses = [
        (i, lat, lon)
        for i, lat, lon in conn.execute("SELECT id, lat, lon FROM sensor WHERE domain = 'transit' AND lat IS NOT NULL")
    ]
    end = time.time() + seconds
    while (now := time.time()) < end:
        some = random.sample(
            [s for s in series if s[1] % 23 and s[1] % 61], min(len(series), max(1, len(series) // 10))
        )
        put(conn, [(s, now, value(kind, sensor, now)) for s, sensor, kind in some])
        for i, lat, lon in buses:
            conn.execute("INSERT INTO latest_position VALUES (%s, now(), %s, %s, 8, 90, now()) ON CONFLICT (sensor_id) DO UPDATE SET time = now(), lat = excluded.lat, lon = excluded.lon",
                         [i, lat + 0.01 * math.sin(now / 20 + i), lon + 0.01 * math.cos(now / 20 + i)])  # fmt: skip
        if buses:
            notify(conn, sensors=[b[0] for b in buses])
        conn.execute("UPDATE feed_contact SET received_at = now()")
        time.sleep(1)


if __name__ == "__main__":
    with database.connect(sys.argv[1], autocommit=True) as connection:
        city(connection)
        move(connection, float(sys.argv[2]) if len(sys.argv) > 2 else 0)
