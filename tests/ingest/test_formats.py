"""Every format: its case folders, hostile bytes, and the recorded messages of ../shared/feeds."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from functools import cache

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from ingest import topics
from ingest.formats import compiled
from ioc import plugins
from ioc.errors import DecodeError, Ignored
from ioc.records import Event, Measurement, Position, SensorFacts
from tests.fuzz import payloads
from tests.ingest import cases
from tests.services import FEEDS

FORMATS = plugins.names("ingest.formats")
# What a format cannot do without.
NEEDED = {
    "json": {"values_from": ""},
    "value": {"metric": "x"},
    "binary": {"layout": {"kind": "fixed", "field": [{"metric": "x"}]}},
}
RECORDS = (Measurement, Position, Event, SensorFacts)


def options(name):
    found = dict(NEEDED.get(name, {}))
    try:
        compiled(name, found, "Asia/Ho_Chi_Minh")
    except ValueError:
        folder = next((f for f in cases.folders() if f.parent.name == name), None)
        assert folder, f"{name} needs options: give it a case folder"
        import tomllib

        found = tomllib.loads((folder / "feed.toml").read_text(encoding="utf-8")).get("options", {})
    return found


@pytest.mark.parametrize("folder", cases.folders(), ids=lambda f: f"{f.parent.name}-{f.name}")
def test_a_case_becomes_what_it_says(folder):
    found, wanted = list(cases.outcomes(folder)), cases.lines(folder / "expected.jsonl")
    assert len(found) == len(wanted), "a line of expected.jsonl for each message"
    for number, (one, other) in enumerate(zip(found, wanted, strict=True), 1):
        assert json.loads(json.dumps(one)) == other, f"message {number}"


def test_every_format_has_a_case():
    assert {f.parent.name for f in cases.folders()} >= set(FORMATS)


def test_a_wrong_option_is_named():
    with pytest.raises(ValueError, match=r"options\.valeus"):
        compiled("json", {"valeus": {}})
    with pytest.raises(ValueError, match="unknown format 'jsn'"):
        compiled("jsn", {})


def test_the_usual_topics_are_filters():
    for name in FORMATS:
        declared = getattr(plugins.load("ingest.formats", name), "TOPIC", [])
        for text in [declared] if isinstance(declared, str) else declared:
            topics.parse(text)


# Hostile input.


@cache
def decoder(name):
    return compiled(name, options(name), "Asia/Ho_Chi_Minh")


def used(name, payload, topic=""):
    """The outcome of one message and how long it took; an ordinary exception is an outcome too."""
    decode = decoder(name)
    began = time.process_time()
    try:
        records = list(decode(payload, {"": topic}))
    except (DecodeError, Ignored) as why:
        records = [] if 0 < len(why.reason) <= 60 else [why]
    except RecursionError:
        pytest.fail("a stack overflow is no ordinary exception")
    except Exception:  # noqa: BLE001  the pipeline quarantines it as bad_payload
        records = []
    assert all(isinstance(r, RECORDS) for r in records)
    return records, time.process_time() - began


def hostile(name):
    module = plugins.load("ingest.formats", name)
    topic, example = getattr(module, "EXAMPLE", ("", b'{"a": 1}'))
    numbers = random.Random(name)
    yield topic, b""
    yield topic, b"\0" * 100
    yield topic, b"\xff\xfe\xfd"
    yield topic, b"[" * 100_000
    yield topic, b'{"a":' * 100_000
    yield topic, b'{"v": ' + b"9" * 5000 + b"}"
    yield topic, b"9" * 20_000
    yield topic, b"1e400"
    yield topic, b'"' + b"a" * 200_000 + b'"'
    yield topic, b"<a>" * 50_000
    yield topic, b"a,b,c\n" * 20_000
    yield topic, b"|" * 50_000
    yield topic, b"=" * 50_000 + b" " * 50_000
    yield "", example
    yield "/" * 5000, example
    yield "a/b/c/\x00\U0001f600/" * 20, example
    for _ in range(12):
        yield topic, example[: numbers.randrange(len(example) + 1)]
        broken = bytearray(example or b"x")
        broken[numbers.randrange(len(broken))] = numbers.randrange(256)
        yield topic, bytes(broken)
        yield topic, numbers.randbytes(numbers.randrange(300))
    for wrong in (b"null", b"[]", b"{}", b"true", b"[[]]", b'[{"a":[]}]', b'{"data":[{}]}', b'"x"', b"0"):
        yield topic, wrong
    for kind in (b"null", b"[]", b"{}", b"true", b'"x"', b"-1e308", b"12345678901234567890123"):
        yield topic, _replaced(example, kind)


def _replaced(example, kind):
    """The example with every leaf replaced."""
    try:
        data = json.loads(example)
    except ValueError:
        return example.replace(b"1", kind)

    def swap(value):
        if isinstance(value, dict):
            return {k: swap(v) for k, v in value.items()}
        return [swap(v) for v in value] if isinstance(value, list) else json.loads(kind)

    return json.dumps(swap(data)).encode()


@pytest.mark.parametrize("name", FORMATS)
def test_hostile_bytes_end_quickly(name):
    for topic, payload in hostile(name):
        _, seconds = used(name, payload, topic)
        assert seconds < 2.0, f"{payload[:40]!r} took {seconds:.1f} s of CPU"


leaf = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=12)
tree = st.recursive(
    leaf, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)


@seed(1)
@settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(data=tree, tail=st.binary(max_size=8))
def test_any_json_is_survived(data, tail):
    payload = json.dumps(data).encode() + (tail if len(tail) > 6 else b"")
    for name in FORMATS:
        used(name, payload, "a/b/c/d")


@pytest.mark.parametrize("name", FORMATS)
def test_an_example_is_recognised_and_read(name):
    module = plugins.load("ingest.formats", name)
    if not hasattr(module, "EXAMPLE"):
        pytest.skip(f"SKIPPED PART: {name} gives no example")
    topic, payload = module.EXAMPLE
    if hasattr(module, "recognise"):
        assert module.recognise(topic, payload) >= 0.5
        others = [n for n in FORMATS if n != name and hasattr(plugins.load("ingest.formats", n), "recognise")]
        for other in others:
            score = plugins.load("ingest.formats", other).recognise(topic, payload)
            assert score < module.recognise(topic, payload), f"{other} claims it more"


# The recorded messages.

# file -> (format, messages of each outcome, records of each kind); each refusal was judged by hand, see the comments.
RECORDED = {
    # The one refused declares a document type with entities that fetch http:// and file:// addresses.
    "cap_alerts": ("cap", {"records": 9, "error unsafe_xml": 1}, {"Event": 9}),
    # A point of an unnamed machine's route; four "updated" notices.
    "digitraffic": ("digitraffic", {"records": 6, "ignored anonymous": 1, "ignored status": 4},
                    {"Measurement": 5, "SensorFacts": 1, "Position": 2}),
    "fiware_ngsi_v2_entities": ("ngsi", {"records": 33},
                                {"SensorFacts": 25, "Measurement": 211, "Position": 1, "Event": 5}),
    # Notes about an object that is already an event: descriptions, faces, plates, classifications, a picture trigger.
    "frigate": ("frigate", {"records": 3, "ignored description": 1, "ignored face": 1, "ignored lpr": 1,
                            "ignored classification": 2, "ignored thumbnail": 1}, {"Event": 2, "Measurement": 1}),
    # The refused one has neither operator nor vehicle, and a negative speed: upstream's own negative test.
    "hsl_hfp": ("hfp", {"records": 33, "error no_sensor": 1}, {"Position": 33, "Measurement": 89}),
    # Lists of services, receipts of new reports, and another vendor's XML that is not Open311.
    "open311": ("open311", {"records": 4, "ignored service_list": 4, "ignored receipt": 4, "error not_open311": 1},
                {"Event": 6}),
    "owntracks": ("owntracks", {"records": 31, "ignored lwt": 2, "ignored waypoint": 4, "ignored configuration": 2,
                                "ignored cmd": 1}, {"Position": 28, "Measurement": 103, "Event": 2}),
    "senml_rfc8428": ("senml", {"records": 25}, {"Measurement": 94, "Position": 8}),
    # The refused one is another project's format (hackAIR).
    "sensor_community": ("sensor_community", {"records": 7, "error not_sensor_community": 1},
                         {"Measurement": 34, "SensorFacts": 1}),
    # Descriptions of Things and Datastreams without an observation.
    "sensorthings": ("sensorthings", {"records": 7, "ignored no_observations": 4}, {"Measurement": 10}),
}  # fmt: skip


@pytest.mark.feeds
@pytest.mark.parametrize("name", RECORDED)
def test_recorded_messages_are_all_accounted_for(name):
    format_name, outcomes, records = RECORDED[name]
    decode = compiled(format_name, {}, "UTC")
    fates, kinds = Counter(), Counter()
    for message in cases.lines(FEEDS / "payloads" / f"{name}.jsonl"):
        try:
            found = list(decode(cases.payload(message), {"": message.get("topic") or ""}))
        except DecodeError as why:
            fates[f"error {why.reason}"] += 1
        except Ignored as why:
            fates[f"ignored {why.reason}"] += 1
        else:
            fates["records"] += 1
            kinds.update(type(r).__name__ for r in found)
    assert fates == outcomes
    assert kinds == records


@pytest.mark.parametrize("seed", [1, 2])
def test_a_sound_message_that_was_changed_is_read_or_refused_with_a_reason(seed):
    """More of them: python -m tests.fuzz --only payloads --minutes 10."""
    refused, read = payloads.run(rounds=60, seed=seed)
    assert refused > 300
    assert read > 300
