"""`ioc feeds check`: message by message what a feed would store, and what not and why."""

from __future__ import annotations

import gzip

import pytest

from ingest import samples
from ioc import cli
from ioc.errors import IocError

FEED = """
name = "Air"
topic = "city/{district}/air/{sensor}"
format = "json"
zone = "Asia/Ho_Chi_Minh"
sentinels = [-999]
[options]
time = "ts"
values = { pm25 = "pm", temperature = { path = "t", unit = "°F" } }
"""
CITY = 'key = "c"\nname = "C"\nzone = "Asia/Ho_Chi_Minh"\n[map]\ncenter = [105.97, 9.6]\n'
METRICS = """
[pm25]
name = "PM2.5"
unit = "µg/m³"
low = 0
high = 1000
[temperature]
name = "Temperature"
unit = "°C"
"""


@pytest.fixture
def city(tmp_path):
    (tmp_path / "feeds").mkdir()
    (tmp_path / "city.toml").write_text(CITY, encoding="utf-8")
    (tmp_path / "metrics.toml").write_text(METRICS, encoding="utf-8")
    (tmp_path / "feeds" / "air.toml").write_text(FEED, encoding="utf-8")
    return tmp_path


def run(capsys, city, *lines, feed="feeds/air.toml", more=()):
    sample = city / "sample.txt"
    sample.write_text("\n".join(lines), encoding="utf-8")
    name = str(city / feed) if feed.endswith(".toml") else feed
    code = cli.main(["feeds", "check", name, "--sample", str(sample), *more])
    return code, capsys.readouterr().out


def test_a_good_message_shows_value_unit_time_and_sources(capsys, city):
    code, out = run(capsys, city, 'city/q1/air/a1 {"ts": "2026-05-01T10:00:00", "pm": 31.44, "t": 212}')
    assert code == 0
    assert (
        "a1  pm25 = 31.4 µg/m³  at 2026-05-01 10:00:00+0700 (03:00:00Z)  [sensor from topic, time from payload]" in out
    )
    assert "temperature = 100.0 °C (from 212)" in out
    assert "1 messages: 1 stored. 2 readings: 2 good, 0 suspect, 0 not stored." in out


def test_each_fate_is_told_with_its_reason(capsys, city):
    code, out = run(
        capsys, city,
        'city/q1/air/a1 {"ts": 1777600000, "pm": 5}', 'city/q1/air/a1 {"ts": 1777600000, "pm": 5}',
        'city/q1/air/a1 {"ts": 1777600001, "pm": 5000}', 'city/q1/air/a1 {"ts": "soon", "pm": 5}',
        'city/q1/air/a1 {"ts": 1777600002, "pm": -999}', 'city/q1/air/a1 {"ts": 1777600003, "pm": "high", "t": 50}',
        'city/q1/air/a1 {"pm": 6}', 'city/q1/water/a1 {"ts": 1777600000, "pm": 5}', 'city/q1/air/a1 {"ts": 1777600000, "no": 5}',
    )  # fmt: skip
    assert code == 1
    for told in ("duplicate", "SUSPECT: range", "bad_time: not a time: 'soon'", "1 x sentinel", "1 x not_a_number",
                 "time from arrival", "unclaimed: no feed's topic filter matches", "no_values: none of pm, t"):  # fmt: skip
        assert told in out
    assert (
        "9 messages: 4 stored, 1 duplicate, 3 quarantined, 1 ignored. 7 readings: 4 good, 1 suspect, 2 not stored."
        in out
    )


def test_a_long_file_is_no_flood(capsys, city):
    (city / "feeds" / "air.toml").write_text(FEED.replace("[options]", 'cadence = "1h"\n[options]'), encoding="utf-8")
    code, out = run(capsys, city, *[f'city/q1/air/a1 {{"ts": {1777600000 + n}, "pm": 5}}' for n in range(150)])
    assert code == 0
    assert "150 messages: 150 stored." in out


def test_a_unit_nobody_knows_is_a_fault_of_the_file(capsys, city):
    (city / "feeds" / "air.toml").write_text(
        FEED.replace("[options]", 'units = { pm25 = "bananas" }\n[options]'), encoding="utf-8"
    )
    code, out = run(capsys, city, 'city/q1/air/a1 {"ts": 1777600000, "pm": 5}')
    assert code == 1
    assert "units.pm25: unknown unit 'bananas'" in out
    (city / "feeds" / "air.toml").write_text(FEED.replace("°F", "hPa"), encoding="utf-8")
    code, out = run(capsys, city, 'city/q1/air/a1 {"ts": 1777600000, "pm": 5}')
    assert code == 1
    assert "options.values.temperature.unit: 'hPa' cannot become '°C'" in out


def test_a_wrong_option_is_named_with_its_place(capsys, city):
    (city / "feeds" / "air.toml").write_text(FEED.replace('time = "ts"', 'tim = "ts"'), encoding="utf-8")
    assert cli.main(["feeds", "check", str(city / "feeds/air.toml"), "--sample", str(city / "city.toml")]) != 0
    assert "options.tim" in capsys.readouterr().err


def test_a_feed_by_name_and_a_payload_without_topic(capsys, city):
    code, out = run(capsys, city, '{"ts": 1777600000, "pm": 5}', feed="air", more=("--city", str(city)))
    assert code == 0
    assert "city/district/air/sensor" in out


def test_a_feed_file_alone_needs_no_city(capsys, tmp_path):
    (tmp_path / "air.toml").write_text(FEED, encoding="utf-8")
    code, out = run(capsys, tmp_path, 'city/q1/air/a1 {"ts": 1777600000, "pm": 5}', feed="air.toml")
    assert code == 0
    assert "a1  pm25 = 5" in out


def test_the_kinds_of_sample_files(tmp_path):
    def read(name, data, topic="t"):
        (tmp_path / name).write_bytes(data)
        return samples.read(tmp_path / name, topic)

    assert read("a.jsonl", b'{"topic": "x/y", "payload": {"a": 1}}\n{"topic": "x", "payload_base64": "AQI="}') == [
        ("x/y", b'{"a":1}', False), ("x", b"\x01\x02", False)]  # fmt: skip
    assert read("a.txt", b'x/y {"a": 1}\nx/z 21.5\n') == [("x/y", b'{"a": 1}', False), ("x/z", b"21.5", False)]
    assert read("gone.txt", b"x/y \nx/z (null)\nx/w 1\n")[:2] == [("x/y", b"", False), ("x/z", b"", False)]
    assert read("b.txt", b'{"a": 1}\n{"a": 2}\n') == [("t", b'{"a": 1}', False), ("t", b'{"a": 2}', False)]
    assert read("a.json", b'{"a":\n 1}') == [("t", b'{"a":\n 1}', False)]
    assert read("a.csv", b"a,b\n1,2\n") == [("t", b"a,b\n1,2\n", False)]
    assert read("a.jsonl.gz", gzip.compress(b'{"topic": "x", "payload_text": "5"}')) == [("x", b"5", False)]
    with pytest.raises(IocError, match="cannot be read"):
        samples.read(tmp_path / "none", "")


def test_words_where_numbers_belong_are_told(tmp_path, capsys):
    feed, sample = tmp_path / "gate.toml", tmp_path / "m.jsonl"
    feed.write_text(
        'name = "x"\ntopic = "a/{sensor}"\nformat = "json"\n[options]\nvalues = { gate = "g", level = "l" }\n'
    )
    sample.write_text(
        '{"topic":"a/1","payload":{"g":"ajar","l":"1.234,5"}}\n{"topic":"a/x\\r\\ny","payload":{"l":1}}\n'
    )
    assert cli.main(["feeds", "check", str(feed), "--sample", str(sample)]) == 1
    said = capsys.readouterr().out
    assert "no number: gate = 'ajar'" in said
    assert "level = 1234.5" in said
    assert "a/x y" in said, "a topic forges no line"


def test_a_mistyped_key_is_named_with_the_one_meant(tmp_path, capsys):
    feed, sample = tmp_path / "f.toml", tmp_path / "m.jsonl"
    sample.write_text('{"topic":"a/1","payload":{"g":1}}\n')
    for text, hint in [("sentinel = [1]\n", "did you mean sentinels"), ('zone = "Asia/Saigonn"\n', "unknown zone"),
                       ('[options]\nvaleus = { t = "t" }\n', "did you mean values")]:  # fmt: skip
        feed.write_text(f'name = "x"\ntopic = "a/b"\nformat = "json"\n{text}')
        if "options" not in text:
            feed.write_text(feed.read_text() + '[options]\nvalues = { t = "t" }\n')
        assert cli.main(["feeds", "check", str(feed), "--sample", str(sample)]) != 0
        assert hint in capsys.readouterr().err
