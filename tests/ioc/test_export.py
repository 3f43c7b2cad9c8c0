"""What `ioc export` writes: the rows asked for, exact, whole or not at all, in memory that does not grow."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import geopandas as gpd
import psycopg
import pyarrow.parquet as pq
import pytest

from ioc import cli
from ioc.config.places import Sensor
from ioc.export.csv import safe
from ioc.store import export, export_rows, registry
from tests.ioc.test_areas import CHANGE, folder  # noqa: F401  the fixture: two districts until 1 July 2025, one ward since

START = datetime(2025, 6, 30, 16, 0, tzinfo=UTC)  # an hour before the map changed in the city's zone


@pytest.fixture
def town(conn, folder):  # noqa: F811
    """Dust of two fixed sensors and a bus, an event and an alarm around the night when the map changed."""
    ghost = Sensor(key="ghost", name="=cmd()", lat=9.65, lon=105.95)
    from dataclasses import replace

    registry.sync(conn, replace(folder, sensors={**folder.sensors, "ghost": ghost}))
    conn.execute("""INSERT INTO feed (key, name) VALUES ('air', '{}'), ('hotline', '{}');
        INSERT INTO metric (key, name, unit) VALUES ('dust', '{}', 'µg/m3');
        INSERT INTO series (sensor_id, metric, feed_id) SELECT s.id, 'dust', f.id FROM sensor s, feed f WHERE f.key = 'air' ORDER BY s.key;
        INSERT INTO rule (key, kind, name, settings, priority) VALUES ('dusty', 'threshold', '{"en": "Dusty"}', '{}', 2)""")
    for sensor, base in (("west", 0.1), ("east", 0.2), ("bus", 0.3), ("ghost", 1e300)):
        conn.execute("""INSERT INTO reading SELECT e.id, %s + n * interval '30 minutes', %s + n FROM series e
            JOIN sensor s ON s.id = sensor_id, generate_series(0, 3) n WHERE s.key = %s""", [START, base, sensor])  # fmt: skip
    conn.execute("""INSERT INTO position SELECT id, %s + n * interval '30 minutes' - interval '1 minute', 9.65, 105.95 + n * 0.06, 8, 90
        FROM sensor, generate_series(0, 3) n WHERE key = 'bus'""", [START])  # fmt: skip
    conn.execute(
        "INSERT INTO latest_position SELECT id, now(), 9.65, 106.13, 8, 90, now() FROM sensor WHERE key = 'bus'"
    )
    conn.execute("""INSERT INTO event (feed_id, key, kind, title, status, opened_at, changed_at, lat, lon, properties)
        SELECT id, 'c-1', 'report', '=HYPERLINK("http://evil")', 'open', %s, %s, 9.65, 105.95, '{"note": "ngập"}' FROM feed
        WHERE key = 'hotline'""", [START, START])  # fmt: skip
    conn.execute("""INSERT INTO alarm (rule_id, rule_version, target, series_id, sensor_id, priority, lat, lon, event_start, opened_at)
        SELECT r.id, 1, 'series:' || e.id, e.id, e.sensor_id, 2, 9.65, 105.95, %s, %s FROM rule r, series e JOIN sensor s
        ON s.id = e.sensor_id WHERE s.key = 'west'""", [START, START])  # fmt: skip
    return conn


@pytest.fixture
def ioc(town, database_url, monkeypatch, capfdbinary):
    """`ioc export words...` -> (exit code, its standard output, its standard error)."""

    def run(*words):
        monkeypatch.setenv("IOC_DATABASE_URL", database_url)
        code = cli.main(["export", *words])
        said = capfdbinary.readouterr()
        return code, said.out.decode(), said.err.decode()

    return run


def table(text):
    return list(csv.DictReader(io.StringIO(text)))


def short(rows, *names):
    return [tuple(row[name] for name in names) for row in rows]


def test_readings_carry_their_sensor_unit_place_and_the_area_of_then(ioc):
    code, out, _ = ioc("readings", "--sensor", "west", "--kind", "ward", "--out", "-")
    assert code == 0
    assert table(out)[3] == {
        "time": "2025-06-30T17:30:00Z", "feed": "air", "sensor": "west", "sensor_name": "West", "metric": "dust", "unit": "µg/m3",
        "value": "3.1", "area": "big", "lat": "9.65", "lon": "105.95"}  # fmt: skip
    assert short(table(out), "value", "area") == [("0.1", ""), ("1.1", ""), ("2.1", "big"), ("3.1", "big")]


def test_one_history_by_the_map_of_then_and_by_the_map_of_a_day(ioc):
    then = table(ioc("readings", "--area", "west-district", "--out", "-")[1])
    old = table(ioc("readings", "--area", "west-district", "--map", "2025-06-30", "--out", "-")[1])
    new = table(ioc("readings", "--area", "big", "--map", "2025-07-01", "--out", "-")[1])
    count = lambda rows: {s: sum(r["sensor"] == s for r in rows) for s in ("west", "east", "bus")}  # noqa: E731
    assert count(then) == {"west": 2, "east": 0, "bus": 1}, "the bus left the district with its second position"
    assert count(old) == {"west": 4, "east": 0, "bus": 1}
    assert count(new) == {"west": 4, "east": 4, "bus": 4}


def test_what_moves_is_placed_where_it_was(ioc):
    code, out, _ = ioc("positions", "--kind", "district", "--out", "-")
    assert code == 0
    assert short(table(out), "sensor", "lon", "area") == [
        ("bus", "105.95", "west-district"), ("bus", "106.01", "east-district"), ("bus", "106.07", "east-district"), ("bus", "106.13", "")]  # fmt: skip
    _, out, _ = ioc("readings", "--sensor", "bus", "--kind", "ward", "--out", "-")
    assert short(table(out), "lon", "area") == [("105.95", ""), ("106.01", ""), ("106.07", "big"), ("106.13", "big")]


def test_the_span_is_half_open_and_times_without_an_offset_are_the_citys(ioc):
    span = ("readings", "--sensor", "west", "--from", "2025-06-30T23:30", "--to", "2025-07-01T00:30", "--out", "-")
    assert short(table(ioc(*span)[1]), "time") == [("2025-06-30T16:30:00Z",), ("2025-06-30T17:00:00Z",)]
    local = table(ioc(*span, "--zone", "city")[1])
    assert short(local, "time") == [("2025-06-30T23:30:00+07:00",), ("2025-07-01T00:00:00+07:00",)]


@pytest.mark.parametrize("behind", [0, 1, 99])
def test_rollups_are_exact_whether_or_not_they_are_worked_out(ioc, conn, behind):
    from ioc.store import migrate, rollups

    conn.execute(
        "INSERT INTO dirty (hour, series) SELECT DISTINCT date_trunc('hour', time), ARRAY[series_id] FROM reading"
    )
    conn.execute(
        "INSERT INTO dirty (hour, series) SELECT '2025-05-01'::timestamptz + n * interval '1 hour', (SELECT array_agg(id) FROM series) FROM generate_series(1, %s) n",
        [behind],
    )
    if not behind:
        oldest = START - timedelta(days=99)
        rollups.run(conn, migrate.engine(conn), rollups.Span(datetime.now(UTC), oldest, oldest))
    columns = ("time", "count", "mean", "min", "max", "first", "last", "area")
    hours = short(table(ioc("rollups", "--sensor", "west", "--kind", "district", "--out", "-")[1]), *columns)
    assert hours == [("2025-06-30T16:00:00Z", "2", "0.6000000000000001", "0.1", "1.1", "0.1", "1.1", "west-district"),
                     ("2025-06-30T17:00:00Z", "2", "2.6", "2.1", "3.1", "2.1", "3.1", "")]  # fmt: skip
    days = short(
        table(
            ioc(
                "rollups",
                "--sensor",
                "west",
                "--step",
                "1d",
                "--map",
                "2025-06-30",
                "--kind",
                "district",
                "--zone",
                "city",
                "--out",
                "-",
            )[1]
        ),
        *columns,
    )
    assert [(d[0], d[1], d[7]) for d in days] == [
        ("2025-06-30T00:00:00+07:00", "2", "west-district"),
        ("2025-07-01T00:00:00+07:00", "2", "west-district"),
    ]
    assert len(table(ioc("rollups", "--sensor", "west", "--step", "1m", "--out", "-")[1])) == 4


def test_events_and_alarms_by_place_and_map(ioc):
    _, out, _ = ioc("events", "--kind", "district", "--out", "-")
    assert short(table(out), "feed", "key", "area", "opened_at", "closed_at") == [
        ("hotline", "c-1", "west-district", "2025-06-30T16:00:00Z", "")
    ]
    assert json.loads(table(out)[0]["properties"]) == {"note": "ngập"}
    _, out, _ = ioc("alarms", "--area", "big", "--map", "2025-07-01", "--out", "-")
    assert short(table(out), "rule", "rule_name", "sensor", "metric", "feed", "area") == [
        ("dusty", "Dusty", "west", "dust", "air", "big")
    ]
    assert ioc("alarms", "--area", "east-district", "--map", "2025-06-30", "--out", "-")[0] == 1


def test_no_text_runs_in_a_spreadsheet_and_excel_reads_the_letters(ioc, tmp_path):
    ioc("events", "--out", str(tmp_path / "e.csv"), "--excel")
    raw = (tmp_path / "e.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    assert table(raw.decode("utf-8-sig"))[0]["title"] == '\'=HYPERLINK("http://evil")'
    _, out, _ = ioc("readings", "--sensor", "ghost", "--out", "-")
    assert table(out)[0]["sensor_name"] == "'=cmd()"
    assert table(out)[0]["value"] == "1e+300", "numbers stay numbers"
    assert [safe(t) for t in ("+1", "-1", "@x", "\t=1", "  =1", "a=1", "", "＝1")] == [
        "'+1",
        "'-1",
        "'@x",
        "'\t=1",
        "'  =1",
        "a=1",
        "",
        "'＝1",
    ]


def test_parquet_keeps_types_and_every_bit(ioc, town, tmp_path):
    assert ioc("readings", "--out", str(tmp_path / "all.parquet"))[0] == 0
    rows = pq.read_table(tmp_path / "all.parquet")
    assert str(rows.schema.field("time").type) == "timestamp[us, tz=UTC]"
    kept = town.execute(
        "SELECT s.key, r.time, r.value FROM reading r JOIN series e ON e.id = series_id JOIN sensor s ON s.id = sensor_id"
    ).fetchall()
    assert sorted(
        zip(rows["sensor"].to_pylist(), rows["time"].to_pylist(), rows["value"].to_pylist(), strict=True)
    ) == sorted(kept)


def test_geoparquet_is_a_layer(ioc, tmp_path):
    assert ioc("positions", "--out", str(tmp_path / "bus.geoparquet"))[0] == 0
    frame = gpd.read_parquet(tmp_path / "bus.geoparquet")
    assert [(round(p.x, 3), p.y) for p in frame.geometry] == [
        (105.95, 9.65),
        (106.01, 9.65),
        (106.07, 9.65),
        (106.13, 9.65),
    ]
    assert frame.crs.equals("OGC:CRS84")
    geo = json.loads(pq.read_metadata(tmp_path / "bus.geoparquet").metadata[b"geo"])
    assert geo["columns"]["geometry"]["bbox"] == pytest.approx([105.95, 9.65, 106.13, 9.65])
    assert ioc("readings", "--sensor", "bus", "--sensor", "west", "--out", str(tmp_path / "some.geoparquet"))[0] == 0
    assert len(gpd.read_parquet(tmp_path / "some.geoparquet")) == 8


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["readings", "--feed", "aire"], "there is no feed 'aire': did you mean air?"),
        (["readings", "--metric", "dusk"], "there is no metric 'dusk': did you mean dust?"),
        (["readings", "--sensor", "nowhere-near"], "there is no sensor 'nowhere-near'"),
        (["readings", "--area", "west-distict"], "did you mean west-district?"),
        (["readings", "--kind", "county"], "there are no areas of the kind 'county'; there are: district, ward"),
        (["readings", "--area", "big", "--map", "2025-06-30"], "area 'big' is not on the map of 2025-06-30: it is valid from 2025-07-01 until now"),
        (["readings", "--area", "big", "--area", "west-district"], "of several kinds (district, ward)"),
        (["readings", "--from", "2031-01-01", "--sensor", "west"], "no readings between 2031-01-01 00:00 and now for sensor west; there are readings from 2025-06-30 23:00 to 2025-07-01 00:30"),
        (["readings", "--from", "2025-01-02", "--to", "2025-01-01"], "ends before it begins"),
        (["readings", "--from", "yesterday"], "--from: not a time: 'yesterday'"),
        (["readings", "--last", "7d", "--from", "2025-01-01"], "leave out --from and --to"),
        (["positions", "--sensor", "west"], "no positions fit: sensor west"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_and_leaves_no_file(ioc, tmp_path, words, says):
    code, _, err = ioc(*words, "--out", str(tmp_path / "x.csv"))
    assert (code, list(tmp_path.iterdir())) == (1, [])
    assert says in err


def test_files_that_cannot_be_are_said(ioc, tmp_path):
    for out, says in ((tmp_path / "x.xlsx", "the ending says no format"), (tmp_path / "no" / "x.csv", "there is no folder"),
                      (tmp_path, "the ending says no format")):  # fmt: skip
        assert says in ioc("readings", "--out", str(out))[2]
    assert "needs a file" in ioc("readings", "--out", "-", "--format", "parquet")[2]


def test_a_failure_midway_leaves_the_old_file_as_it_was(ioc, tmp_path, monkeypatch):
    target = tmp_path / "x.csv"
    target.write_text("old")
    real = export_rows._readings

    def breaks(conn, prepared):
        yield next(real(conn, prepared))
        raise psycopg.OperationalError("the server went away")

    monkeypatch.setitem(export_rows._WAYS, "readings", breaks)
    assert ioc("readings", "--out", str(target))[0] == 1
    assert (target.read_text(), list(tmp_path.iterdir())) == ("old", [target])


def test_an_old_name_finds_the_renamed_sensor(ioc, conn):
    conn.execute("INSERT INTO sensor_alias SELECT 'occident', id FROM sensor WHERE key = 'west'")
    assert {r["sensor"] for r in table(ioc("readings", "--sensor", "occident", "--out", "-")[1])} == {"west"}


def test_there_is_no_bar_without_a_terminal_and_one_line_at_the_end(ioc, tmp_path):
    _, out, err = ioc("readings", "--sensor", "west", "--out", str(tmp_path / "x.csv"))
    assert out == ""
    assert err.startswith("4 readings, 2025-06-30 16:00 to 2025-06-30 17:30 UTC, to ")
    assert len(err.splitlines()) == 1


def test_a_bar_shows_how_far_it_came_on_a_terminal(town, database_url, tmp_path):
    import pty

    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "ioc", "export", "readings", "--out", str(tmp_path / "x.csv")]
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("IOC_")},
        "IOC_DATABASE_URL": database_url,
        "TERM": "xterm",
        "COLUMNS": "120",
    }
    with subprocess.Popen(words, env=environment, stderr=theirs, close_fds=True) as process:
        process.wait(60)
        os.close(theirs)
        said = b""
        while chunk := _read(ours):
            said += chunk
    assert process.returncode == 0
    assert b"readings to " in said
    assert b"rows" in said


def _read(number):
    try:
        return os.read(number, 4096)
    except OSError:
        return b""


@pytest.mark.parametrize(("form", "few", "many"), [("csv", 20_000, 140_000), ("geoparquet", 110_000, 250_000)])
def test_memory_does_not_grow_with_the_result(town, database_url, tmp_path, form, few, many):
    """The peak of an export of many rows is that of a smaller one, measured in processes of their own."""
    town.execute("""INSERT INTO reading SELECT (SELECT id FROM series ORDER BY id LIMIT 1 OFFSET 3),
        '2026-01-01'::timestamptz + n * interval '1 second', n FROM generate_series(1, %s) n""", [many])  # fmt: skip
    peaks = {}
    for rows in (few, many):
        end = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=rows + 1)
        words = [
            "readings",
            "--sensor",
            "west",
            "--from",
            "2026-01-01T00:00Z",
            "--to",
            end.isoformat(),
            "--out",
            str(tmp_path / f"{rows}.{form}"),
        ]
        code = f"import resource,sys; from ioc import cli; assert cli.main({['export', *words]!r}) == 0; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("IOC_")},
            "IOC_DATABASE_URL": database_url,
        }
        peaks[rows] = (
            int(subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True).stdout)
            / 1024
        )
    assert peaks[many] - peaks[few] < 6, peaks  # seen: 1; 11 and more where a result is held whole


def test_the_core_streams_for_others_too(town):
    """What a download uses: checked at once, then batches of columns, the share done rising to 1."""
    prepared = export.prepare(town, export.Wanted(what="readings", kind="ward", map_day=CHANGE))
    found = list(export_rows.batches(town, prepared))
    assert [round(b.done, 2) for b in found][-1] == 1.0
    assert all(len(b.columns) == len(export_rows.COLUMNS["readings"]) for b in found)
    assert prepared.wanted.map_day == date(2025, 7, 1)
