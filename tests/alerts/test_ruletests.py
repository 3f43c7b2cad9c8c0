"""The city's own tests of its rules, and `ioc check` that runs them."""

from __future__ import annotations

import pytest

from alerts import ruletests
from ioc import compose
from ioc.config import folder as folders
from ioc.errors import ConfigError
from tests.alerts.test_service import CITY, CONTACTS, FEED, METRICS, RULE

TEST = """about = "two steps above the level are an alarm"
rule = "high"
alarms = [{alarms}]
[series]
gauge = "40x5 60 61 62 40x3"
"""
MORE = """
[[rule]]
key = "usual"
kind = "same_hour"
name = "Unusual"
scope = { metrics = ["water_level"] }
options = { at_least = 5 }
cause = "x"
consequence = "x"
action = "x"
respond_within = "1h"
owner = "duty"
review_by = 2099-01-01
[[rule]]
key = "silent"
kind = "silence"
name = "Silent"
cause = "x"
consequence = "x"
action = "x"
respond_within = "1h"
owner = "duty"
review_by = 2099-01-01
"""


@pytest.fixture
def town(tmp_path):
    files = {"city.toml": CITY, "metrics.toml": METRICS, "rules/r.toml": RULE + MORE, "contacts.toml": CONTACTS,
             "feeds/gauges.toml": FEED}  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "rules" / "tests").mkdir()
    return tmp_path


def found(town, text):
    (town / "rules" / "tests" / "t.toml").write_text(text)
    return [str(fault) for fault in ruletests.faults(folders.load(town))]


@pytest.mark.parametrize("alarms", ["'gauge 5..8'", "'gauge 5min..8min peak 62'"])
def test_what_is_expected_is_what_happens(town, alarms, capsys):
    assert found(town, TEST.format(alarms=alarms)) == []
    assert compose.check_folder(town) == 0
    assert "is not read" not in capsys.readouterr().err


@pytest.mark.parametrize(("alarms", "says"), [
    ("'gauge 5..9'", "rule 'high': expected gauge 5..9; seen gauge 5..8 peak 62"),
    ("", "expected no alarm; seen gauge 5..8 peak 62"),
    ("'gauge 5..8 peak 61'", "seen gauge 5..8 peak 62"),
    ("'gauge five'", "not an alarm: 'gauge five'; write"),
])  # fmt: skip
def test_what_differs_is_told_with_file_rule_and_both(town, alarms, says):
    (fault,) = found(town, TEST.format(alarms=alarms))
    assert fault.startswith("rules/tests/t.toml")
    assert says in fault
    with pytest.raises(ConfigError, match=r"rules/tests/t\.toml"):
        compose.check_folder(town, quiet=True)


def test_faults_of_the_tests_themselves(town):
    good = TEST.format(alarms="'gauge 5..8'")
    for text, says in {
        good.replace('rule = "high"', 'rule = "hihg"'): "there is no rule 'hihg'; did you mean high?",
        good.replace("60 61", "60 sixty"): "not a sample: 'sixty'",
        good.replace("about", "abuot"): "did you mean about?",
        good.replace("gauge =", '"gauge/rain" ='): "series 'gauge/rain' is not watched by rule 'high'",
        good.replace('rule = "high"', 'rule = "silent"'): "a rule of kind silence cannot be tested so",
        good + "]": "not TOML",
    }.items():
        faults = found(town, text)
        assert faults, says
        assert says in " ".join(faults)


def test_a_rule_that_learns_is_tested_with_a_past(town):
    text = """about = "unusual for eight in the morning"
rule = "usual"
every = "10min"
start = 2026-03-02T08:00:00
alarms = ["gauge 20..40 peak 5"]
[past]
gauge = "10x24"
[series]
gauge = "10 12 35 35 12 10"
"""
    assert found(town, text) == []
    assert (
        "seen gauge 0..20 peak 5, gauge 40.."
        in found(town, text.replace('gauge = "10x24"', 'gauge = "10x8 35 10x15"'))[0]
    )
