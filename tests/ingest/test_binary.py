"""Binary layouts: those that come with the program, wrong ones, hostile bytes, and the vendor's own decodings."""

from __future__ import annotations

import base64
from collections import Counter

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from ingest.formats import _layout, binary, compiled
from ioc import units
from ioc.errors import DecodeError, Ignored
from ioc.records import Measurement, Position, SensorFacts
from tests.ingest import cases
from tests.services import FEEDS

NAMES = _layout.names()
MODELS = [name for name in NAMES if name.startswith("milesight/")]


def test_every_layout_that_comes_along_is_whole():
    assert {"cayenne_lpp", "milesight", "milesight/ws301", "elsys", "dragino_lht65"} <= set(NAMES)
    for name in NAMES:
        layout = _layout.load(name)
        places = [*layout.field, *(p for item in layout.item for p in item.field)]
        assert places, name
        for place in places:
            if place.unit:
                units.conversion(place.unit, place.unit)


def test_the_items_of_a_type_fit_into_their_size():
    for name in NAMES:
        for item in _layout.load(name).item:
            if isinstance(item.size, int):
                assert _end(item.field) <= item.size, f"{name}: {item}"


def _end(places):
    after = most = 0
    for place in places:
        after = (after if place.at is None else place.at) + place.width
        most = max(most, after)
    return most


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({}, "needs `layout` or `ports`"),
        ({"layout": "milesigth"}, "no layout 'milesigth'; there are: .*milesight"),
        ({"layout": "milesight/ws999"}, "no variant 'ws999'; there are: .*ws301"),
        ({"layout": "../../etc/passwd"}, "no layout"),
        ({"layout": {"kind": "fixed"}}, r"\[\[field\]\]"),
        ({"layout": {"kind": "tlv", "item": []}}, r"\[\[item\]\]"),
        ({"layout": {"kind": "fixed", "field": [{"metric": "x", "typ": "u8"}]}}, "typ"),
        ({"layout": {"kind": "fixed", "field": [{"metric": "x", "type": "u7"}]}}, "type"),
    ],
)
def test_a_wrong_layout_is_explained(options, what):
    with pytest.raises(ValueError, match=what):
        compiled("binary", options)


def read(layout, text, port=None):
    return binary.records(binary.Options(layout=layout), bytes.fromhex(text), port)


def values(records):
    return {r.metric: r.value for r in records if isinstance(r, Measurement)}


def one(field, text, **layout):
    return values(read({"kind": "fixed", "field": [{"metric": "x", **field}], **layout}, text)).get("x")


@pytest.mark.parametrize(
    ("field", "data", "value"),
    [
        ({"type": "u8"}, "ff", 255),
        ({"type": "i8"}, "ff", -1),
        ({"type": "u16"}, "0102", 258),
        ({"type": "u16", "endian": "little"}, "0102", 513),
        ({"type": "i24"}, "fffffe", -2),
        ({"type": "u40"}, "0100000000", 2**32),
        ({"type": "f16"}, "3e00", 1.5),
        ({"type": "f32"}, "3f99999a", 1.2),
        ({"type": "f64", "endian": "little"}, "333333333333f33f", 1.2),
        ({"type": "bcd", "size": 3}, "123456", 123456),
        ({"type": "bcd", "size": 2}, "ffff", None),
        ({"type": "u16", "mask": 0x0FF0, "shift": 4, "signed": 8}, "0ff0", -1),
        ({"type": "u16", "scale": 0.1, "add": -40}, "0289", 24.9),
        ({"type": "u16", "without": [0xFFFF]}, "ffff", None),
        ({"at": -2, "type": "u8"}, "010203", 2),
    ],
)
def test_types(field, data, value):
    if value is None:
        with pytest.raises(DecodeError, match="nothing_known"):
            one(field, data)
    else:
        assert one(field, data) == value


def test_a_short_message_is_absent_fields_or_a_refusal():
    field = [{"type": "u8", "metric": "a"}, {"type": "u16", "metric": "b"}]
    assert values(read({"kind": "fixed", "field": field}, "05")) == {"a": 5.0}
    with pytest.raises(DecodeError, match="short_message"):
        read({"kind": "fixed", "field": field, "short": False}, "05")


def test_an_unknown_item_refuses_the_message_or_ends_it():
    item = [{"channel": 1, "type": 0x75, "field": [{"metric": "battery"}]}]
    with pytest.raises(DecodeError, match="channel 0x07 type 0x99 at byte 3"):
        read({"kind": "tlv", "item": item}, "0175640799ff")
    assert values(read({"kind": "tlv", "item": item, "unknown": "stop"}, "0175640799ff")) == {"battery": 100.0}


def test_answers_to_commands_are_no_readings():
    with pytest.raises(Ignored, match="command_reply"):
        read("milesight", "ff1000")
    assert values(read("milesight", "017564 fe03b004".replace(" ", ""))) == {"battery": 100.0}


def test_a_variant_serves_models_whose_names_begin_with_its_own():
    assert values(read("milesight/am307l", "087d2500")) == {"tvoc": 0.37}
    assert values(read("milesight/am308l", "087d2500")) == {"tvoc": 0.37}
    assert values(read("milesight", "087d2500")) == {"tvoc": 37.0}


def test_an_alarm_brings_its_reading():
    assert values(read("milesight", "8367e80001")) == {"temperature": 23.2, "temperature_alarm": 1.0}
    assert values(read("milesight", "93d7e800f6ff02")) == {
        "temperature": 23.2,
        "temperature_change": -1.0,
        "temperature_alarm": 2.0,
    }


def test_many_empty_items_do_not_last():
    layout = {"kind": "tlv", "head": ["type"], "item": [{"type": 1, "size": 0}]}
    with pytest.raises(DecodeError, match="too_many_items"):
        read(layout, "01" * 50_000)


@seed(1)
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(name=st.sampled_from(NAMES), data=st.binary(max_size=60), port=st.none() | st.integers(0, 255))
def test_any_bytes_become_records_or_a_reason(name, data, port):
    reason, found = "", []
    try:
        found = binary.records(binary.Options(layout=name), data, port)
    except (DecodeError, Ignored) as error:
        reason = error.reason
    assert all(isinstance(r, Measurement | Position | SensorFacts) for r in found)
    assert bool(found) is (reason not in {"short_message", "unknown_item", "nothing_known", "command_reply"})


# What the vendor's own decoder finds in the same bytes. Text (serial number, versions) is kept as hex in the sensor's
# facts and not compared; nor are lists of Wi-Fi stations, and templates of an e-paper screen, which measure nothing.
NOT_COMPARED = {"sn", "firmware_version", "hardware_version", "ipso_version", "tsl_version", "protocol_version", "wifi",
                "wifi_scan_result", "template_1", "mode", "timestamp"}  # fmt: skip
# Its README calls 1 "installed"; its decoder calls it "uninstalled", as we do.
CONTRADICTIONS = {("ws301", "tamper_status")}


@pytest.mark.feeds
def test_milesight_bytes_become_what_the_vendor_says():
    count, wrong = Counter(), []
    for line in cases.lines(FEEDS / "payloads" / "lorawan_milesight_raw.jsonl"):
        device, expected = line["meta"]["device"], line["meta"]["decoded_expected"]
        name = f"milesight/{device}" if any(f"milesight/{device}".startswith(n) for n in MODELS) else "milesight"
        found = binary.records(binary.Options(layout=name, states=True), base64.b64decode(line["payload_base64"]), None)
        got = values(found)
        got |= next(({"latitude": p.lat, "longitude": p.lon} for p in found if isinstance(p, Position)), {})
        for wanted in expected.get("history", [expected]):
            for key, value in wanted.items():
                if key in NOT_COMPARED or (device, key) in CONTRADICTIONS:
                    count["not compared"] += 1
                elif got.get(key) == (pytest.approx(value) if isinstance(value, int | float) else value):
                    count["same"] += 1
                else:
                    wrong.append((device, key, value, got.get(key)))
    assert wrong == []
    assert count == {"same": 163, "not compared": 27}
