"""Payloads as cities really send them become feeds that store the right things without a correction."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

import pytest

from ingest import samples as files
from ioc import cli
from ioc.config.metrics import Metric
from ioc.errors import IocError
from tests.ingest.test_suggest import METRICS, NOW, one, samples, stored, suggest
from tests.ingest.test_suggest import folder as _folder

folder = _folder
EXTRA = {
    "water_flow": Metric(name="Water flow", unit="m³/h"),
    "flow": Metric(name="Traffic", unit="veh/h"),
    "co": Metric(name="CO", unit="mg/m³"),
    "laeq": Metric(name="Noise", unit="dB"),
    "battery": Metric(name="Battery", unit="V"),
    "ph": Metric(name="pH", low=0, high=14),
}


@pytest.fixture
def city(folder):
    return replace(folder, metrics=METRICS | EXTRA)


def readings(city, *pairs):
    """What the proposal makes of its own messages, and the file."""
    (proposal, feed) = one(city, *pairs)
    return stored(city, proposal, *pairs), feed


def test_units_at_the_end_of_names(city):
    said = {"dev": "p-1", "temp_F": 77, "flow_l_s": 10, "batt_mV": 3600, "co_ppm": 2, "ts": 1777600000}
    found, feed = readings(city, ("b/p-1/t", said), ("b/p-2/t", said | {"dev": "p-2"}))
    assert ("p-1", "temperature", 25.0) in found
    assert ("p-1", "water_flow", 36.0) in found, "litres a second are water, not vehicles"
    assert ("p-1", "battery", 3.6) in found
    assert ("p-1", "co_ppm", 2.0) in found, "ppm is no mg/m3: kept apart"
    assert "sensor" in feed["options"]


def test_named_objects_below_the_top(city):
    said = {"station": "ST-1", "data": {"PM2.5": {"value": 31, "unit": "ug/m3"}, "Temp": {"value": 77, "unit": "°F"}}}
    found, _ = readings(city, ("env/a", said))
    assert found == [("ST-1", "pm25", 31.0), ("ST-1", "temperature", 25.0)]


def test_a_date_and_a_clock_in_another_language_with_decimal_commas(city):
    said = {"Messstelle": "Altarm", "Datum": "20.04.2026", "Uhrzeit": "10:15", "Wasserstand": "1,72", "Status": "EIN"}
    found, feed = readings(city, ("s/pegel/x", said))
    assert ("Altarm", "water_level", 1.72) in found
    assert ("Altarm", "status", 1.0) in found, "words are compared without case"
    assert feed["options"]["time"] == ["Datum", "Uhrzeit"]
    assert feed["options"]["time_format"] == "day_first"


def test_several_records_without_a_usual_id(city):
    lots = {"lots": [{"lotName": "Market", "temperature": 30.5}, {"lotName": "Quay", "temperature": 31.5}]}
    found, _ = readings(city, ("lots/all", lots), ("lots/all", lots))
    assert {sensor for sensor, _, _ in found} == {"Market", "Quay"}
    bare = {"rows": [{"temperature": 30.5}, {"temperature": 31.5}]}
    proposal, _ = one(city, ("rows/all", bare))
    assert any(r.what == "sensor" and r.sure <= 0.1 for r in proposal.reasons), "it says that nothing names the sensor"


def test_numbers_that_mean_no_value(city):
    pairs = [("soil/s1", {"id": "s1", "t": 1777600000 + n, "humidity": h, "ph": p})
             for n, (h, p) in enumerate([(41, -200), (32767, 6.8), (42, 6.9)])]  # fmt: skip
    found, feed = readings(city, *pairs)
    assert feed["sentinels"] == [-200.0, 32767.0]
    assert feed["options"]["time"] == "t", "an epoch is a time, whatever it is called"
    assert sorted(v for _, m, v in found if m == "ph") == [6.8, 6.9]


def test_999_hpa_is_a_value(city):
    _, feed = readings(city, *[("w/s1", {"id": "s1", "pressure": v}) for v in (998, 999, 1003)])
    assert "sentinels" not in feed


def test_words_of_a_switch(city):
    found, feed = readings(city, ("pumps/p1/state", b"ON"), ("pumps/p2/state", b"OFF"))
    assert found == [("p1", "state", 1.0), ("p2", "state", 0.0)]
    assert feed["topic"] == "pumps/{sensor}/state", "p1 is a pump here, no particles"


def test_a_list_of_records_is_the_message(city):
    said = [{"id": "a", "temperature": 21.5}, {"id": "b", "temperature": 22.5}]
    found, _ = readings(city, ("x/y", said))
    assert found == [("a", "temperature", 21.5), ("b", "temperature", 22.5)]


def test_a_table_from_a_spreadsheet(city):
    table = (
        "\ufeffstation;time;Wasserstand (cm);Temp\r\nA;20.04.2026 10:00;172,5;29,1\r\nB;20.04.2026 10:00;160,5;28,1\r\n"
    )
    found, _ = readings(city, ("csv/x", table.encode()))
    assert found == [("A", "water_level", 1.725), ("A", "temperature", 29.1), ("B", "water_level", 1.605),
                     ("B", "temperature", 28.1)]  # fmt: skip


def test_nan_beside_a_number_is_json(city):
    found = suggest(samples(("a/1", b'{"temp": NaN, "hum": 55}'), ("a/2", b'{"temp": 21.5, "hum": 50}')), city, NOW)
    assert [p.format for p in found] == ["json"]


# Files.


def test_files_with_a_fault_say_so(tmp_path):
    empty, half = tmp_path / "empty.json", tmp_path / "half.jsonl"
    empty.write_bytes(b" \r\n")
    half.write_text('{"topic":"a/1","payload":{"t":21}}\n{"topic":"a/2","payload":{"t":\n')
    with pytest.raises(IocError, match="empty"):
        files.read(empty)
    with pytest.raises(IocError, match="line 2"):
        files.read(half)


def test_files_of_other_tools(tmp_path):
    array, stamped, windows = tmp_path / "a.json", tmp_path / "s.txt", tmp_path / "w.jsonl.gz"
    array.write_text(
        json.dumps([{"topic": "x/a", "payload": {"t": 1}}, {"topic": "x/b", "payload": {"t": 2}}], indent=1)
    )
    stamped.write_text('2026-04-20T10:00:00+0700 a/1 {"t":21.5}\n2026-04-20T10:00:01+0700 a/2 {"t":22.5}\n')
    windows.write_bytes(gzip.compress(b'\xef\xbb\xbf{"t":1}\r\n{"t":2}\r\n'))
    assert [s.topic for s in files.read(array)] == ["x/a", "x/b"]
    assert next((s.topic, s.payload) for s in files.read(stamped)) == ("a/1", b'{"t":21.5}')
    assert [s.payload for s in files.read(windows)] == [b'{"t":1}', b'{"t":2}']


def test_a_file_without_topics_never_claims_all_of_them(tmp_path, capsys):
    file = tmp_path / "meter.json"
    file.write_text('{"id":"a","temperature":21.5}')
    assert cli.main(["feeds", "suggest", str(file)]) == 0
    said = capsys.readouterr().out
    assert 'topic = "samples/meter"' in said
    assert "names no topic" in said


def test_a_unit_behind_the_number_and_words_among_numbers(city):
    found, _ = readings(city, ("h/a", {"id": "a", "temp": "77 °F", "level": "172 cm"}))
    assert found == [("a", "temperature", 25.0), ("a", "water_level", 1.72)]
    _, feed = readings(
        city, ("b/r1/temp", b"21.5 \xc2\xb0C"), ("b/r1/door", b"closed"), ("b/r2/temp", b"20.5 \xc2\xb0C")
    )
    assert feed["states"] == {"closed": 0.0}, "a number with its unit is no word"


def test_records_under_their_sensors_names(city):
    said = {"Device A": [{"ts": 1777600000, "values": {"temperature": 21}}],
            "Device B": [{"ts": 1777600000, "values": {"temperature": 22}}]}  # fmt: skip
    found, _ = readings(city, ("gateway/telemetry", said))
    assert found == [("Device A", "temperature", 21.0), ("Device B", "temperature", 22.0)]


def test_a_value_in_an_object_of_its_own_name(city):
    said = {"source": {"id": "251"}, "x_Temp": {"T": {"value": 77, "unit": "°F"}}, "x_Hum": {"H": {"value": 55}}}
    found, _ = readings(city, ("s/dev", said))
    assert sorted(found) == [("251", "humidity", 55.0), ("251", "temperature", 25.0)]
