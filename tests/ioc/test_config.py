"""The small types of a city folder, and what is read from it."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from ioc.config import folder, report
from ioc.config.feeds import Feed
from ioc.config.topics import meet
from ioc.config.types import Duration, Text, say

SOUND = Path(__file__).parents[1] / "configs" / "sound"
duration = TypeAdapter(Duration)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("5 min", 300),
        ("5m", 300),
        ("1h30min", 5400),
        ("14d", 1209600),
        ("2w", 1209600),
        ("250ms", 0.25),
        ("0s", 0),
    ],
)
def test_a_duration_is_written_as_people_say_it(text, seconds):
    assert duration.validate_python(text) == timedelta(seconds=seconds)
    assert duration.validate_python(duration.dump_python(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "5 minutes", "soon", "-5s", "1h 30", "s"])
def test_what_is_no_duration_is_refused_with_the_forms(text):
    with pytest.raises(ValidationError, match="write 90s, 5min, 2h or 14d"):
        duration.validate_python(text)


def test_a_text_is_said_in_the_language_asked_for_or_the_next_best():
    text = TypeAdapter(Text).validate_python({"vi": "Mực nước", "en": "Water level"})
    assert [say(text, language) for language in ("vi", "en", "lo")] == ["Mực nước", "Water level", "Water level"]
    assert say(TypeAdapter(Text).validate_python("Level"), "vi") == "Level"
    assert say({}, "vi") == ""


def test_a_folder_is_read_whole_and_frozen():
    city = folder.load(SOUND)
    assert (len(city.feeds), len(city.rules), len(city.areas)) == (2, 2, 2)
    assert city.feeds["gauges"].topics == ["town/water/{sensor}"]
    assert city.sensors["market"].name == {"vi": "Chợ", "en": "Market"}
    with pytest.raises(ValidationError):
        city.city.key = "other"


def test_every_file_kind_has_a_schema_that_names_its_keys():
    schemas = folder.schemas()
    assert set(schemas) == {
        "city",
        "metrics",
        "feed",
        "rules",
        "thresholds",
        "scene",
        "contacts",
        "duty",
        "maintenance",
    }
    assert {"topic", "format", "units"} <= set(schemas["feed"]["properties"])


@pytest.mark.parametrize(
    ("one", "two", "together"),
    [
        ("a/{x}/c", "a/b/#", True),
        ("a/b", "a/c", False),
        ("#", "x", True),
        ("a/#", "a", True),
        ("a/+", "a", False),
        ("+/b/+", "a/+/c/#", True),
        ("a/b/c", "a/b", False),
    ],
)
def test_two_filters_meet_where_some_topic_matches_both(one, two, together):
    assert meet(one, two) is together
    assert meet(two, one) is together


TOML = """\
name = "x"
[[level]]
key = "a"
[[level]]
key = "b"
value = 1
[options.array]
items = "v"
"quoted key" = 1
"""


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("name",), 1),
        (("level", 0, "key"), 3),
        (("level", 1, "key"), 5),
        (("level", 1, "value"), 6),
        (("options", "array", "items"), 8),
        (("options", "array", "quoted key"), 9),
        (("nothing",), 0),
    ],
)
def test_a_place_is_found_with_its_line(place, line):
    tomllib.loads(TOML)
    assert report.line_of(TOML, place) == line


def test_a_hint_knows_the_keys_at_its_own_place_only():
    with pytest.raises(ValidationError) as caught:
        Feed.model_validate({"name": "x", "topic": "t", "format": "json", "http": {"url": "u", "evry": "5s"}})
    [fault] = [report.fault("f", "", Feed, e) for e in caught.value.errors()]
    assert (fault.place, fault.hint) == ("http.evry", "did you mean every?")
