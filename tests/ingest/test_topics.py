from __future__ import annotations

import random

import pytest
from paho.mqtt.client import topic_matches_sub

from ingest.topics import Topics, covering, parse, segments


@pytest.mark.parametrize(
    ("text", "mqtt", "topic", "expected"),
    [
        (
            "city/{district}/air/{sensor}/#",
            "city/+/air/+/#",
            "city/d1/air/s1/a/b",
            {"district": "d1", "sensor": "s1", "#": "a/b"},
        ),
        ("a/+/{x}", "a/+/+", "a/b/c", {"x": "c"}),
        ("#", "#", "a/b", {"#": "a/b"}),
        ("/hfp/{v}", "/hfp/+", "/hfp/v2", {"v": "v2"}),
        ("a/#", "a/#", "a", {"#": ""}),
        ("a/{x}", "a/+", "a/", {"x": ""}),
    ],
)
def test_named_segments(text, mqtt, topic, expected):
    filter_ = parse(text)
    assert filter_.mqtt == mqtt
    assert segments(filter_, topic) == {**expected, "": topic}
    topics = Topics()
    topics.add(filter_, "target")
    assert topics.match(topic) == (filter_, "target")


@pytest.mark.parametrize("text", ["", "a/#/b", "a/b#", "a+/b", "a/x{y}", "a/{x}/{x}", "a/{1}", "a/{}", "a\0"])
def test_a_wrong_filter_is_said(text):
    with pytest.raises(ValueError, match="topic"):
        parse(text)


@pytest.mark.parametrize("seed", range(10))
def test_it_matches_just_as_mqtt_does(seed):
    chance = random.Random(seed)
    levels = ["a", "b", "", "$x"]
    filters = {
        "/".join(chance.choices([*levels, "+"], k=chance.randint(1, 3)) + chance.choice([[], ["#"]])) or "a"
        for _ in range(12)
    }
    topics = Topics()
    for text in sorted(filters):
        topics.add(parse(text), text)
    for _ in range(300):
        topic = "/".join(chance.choices(levels, k=chance.randint(1, 4))) or "a"
        expected = {f for f in filters if topic_matches_sub(f, topic)}
        found = topics.match(topic)
        assert (found[1] in expected) if found else not expected, (topic, expected, found)
        if found:
            assert len(found[1]) == max(map(len, expected))


def test_filters_that_another_covers_are_not_asked_for_twice():
    assert covering(["a/b", "a/+", "a/#", "b/c", "b/c", "b/+/d", "b/x/d"]) == ["a/#", "b/c", "b/+/d"]
    assert covering(["#", "$SYS/x", "a"]) == ["#", "$SYS/x"]
    assert covering(["a/+/c", "a/b/+"]) == ["a/+/c", "a/b/+"]
