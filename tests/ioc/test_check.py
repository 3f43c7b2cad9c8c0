"""`ioc check`: each folder under tests/configs/bad is laid over the sound city; expected.txt lists every fault."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from ioc import compose
from ioc.cli import main
from ioc.config import check, folder
from ioc.errors import ConfigError

CONFIGS = Path(__file__).parents[1] / "configs"
CASES = sorted(p.name for p in (CONFIGS / "bad").iterdir() if p.is_dir())
TODAY = date(2026, 1, 1)


@pytest.fixture
def lay_over(tmp_path):
    def make(case: str) -> Path:
        shutil.copytree(CONFIGS / "sound", tmp_path / "city")
        shutil.copytree(CONFIGS / "bad" / case, tmp_path / "city", dirs_exist_ok=True)
        return tmp_path / "city"

    return make


def told(path: Path) -> list[str]:
    parts = check.Parts(
        feed=compose._check_feed, rule=compose._check_rule, scene=compose._check_scene, units=compose._check_units,
        channel=compose._check_channel,
    )  # fmt: skip
    return [("warning: " if f.warning else "") + str(f) for f in check.everything(folder.read(path), parts, TODAY)]


@pytest.mark.parametrize("case", CASES)
def test_every_fault_is_told_with_file_line_place_and_hint(lay_over, case):
    expected = (CONFIGS / "bad" / case / "expected.txt").read_text(encoding="utf-8").splitlines()
    assert sorted(told(lay_over(case))) == sorted(expected)


def test_a_sound_folder_has_no_fault_and_no_warning():
    assert told(CONFIGS / "sound") == []


def test_check_exits_with_1_and_lists_all_faults(lay_over, capsys):
    assert main(["check", str(lay_over("rule_names_nothing"))]) == 1
    said = capsys.readouterr().err
    assert "\nioc: 6 faults in the city folder:\n" in said
    assert "rules/water.toml:14: rule[0].scope.metrics: there is no metric 'levle' (did you mean level?)" in said


def test_check_says_what_a_sound_folder_holds(capsys):
    assert main(["check", str(CONFIGS / "sound")]) == 0
    assert "2 feeds, 2 metrics, 2 sensors, 2 areas, 2 rules" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "said"),
    [("nowhere", "there is no such folder"), ("file", "a file, not a folder"), (".", "no city.toml here")],
)
def test_a_folder_that_is_none_says_so(tmp_path, capsys, name, said):
    (tmp_path / "file").write_text("")
    assert main(["check", str(tmp_path / name)]) == 1
    assert said in capsys.readouterr().err


def test_a_running_part_refuses_a_folder_whose_references_are_wrong(lay_over):
    with pytest.raises(ConfigError, match="there is no metric 'levle'"):
        folder.load(lay_over("rule_names_nothing"))


def test_a_running_part_takes_a_folder_with_warnings_only(lay_over):
    assert folder.load(lay_over("overlapping_topics")).feeds["air"].topic == "town/+/{sensor}"


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("metrics.toml", lambda t: "\ufeff" + t, None),
        (
            "metrics.toml",
            lambda t: t.replace("low = -5.0", "low = nan"),
            "metrics.toml:6: level.low: Input should be a finite",
        ),
        (
            "city.toml",
            lambda t: t.replace("zoom = 11.0", "zoom = 99"),
            "city.toml:8: map.zoom: Input should be less than",
        ),
        ("contacts.toml", lambda t: t.replace("duty@town", "duty at town"), "(write name@example.org)"),
        ("rules/water.tmol", str, "warning: rules/water.tmol: is not read (files here end in .toml)"),
        ("rule/water.toml", str, "warning: rule/: is not read (did you mean rules?)"),
    ],
)
def test_slips_of_the_pen(lay_over, file, change, said):
    path = lay_over("../sound") / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(change(path.read_text("utf-8") if path.exists() else ""), encoding="utf-8")
    found = told(path.parent if path.parent.name == "city" else path.parent.parent)
    assert found == [] if said is None else any(said in line for line in found), found


def test_a_file_in_another_encoding_is_told(lay_over):
    path = lay_over("../sound")
    (path / "metrics.toml").write_text("[level]", encoding="utf-16")
    assert "metrics.toml: not UTF-8 text (save it as UTF-8)" in told(path)
