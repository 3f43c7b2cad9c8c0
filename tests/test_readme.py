"""README keeps its word: its two commands are the ones to run, and it names what there is."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from ioc import cli
from ioc.settings import SETTINGS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PACKAGES = ("ioc", "ingest", "dashboards", "alerts", "sample_feeds")


def shell_lines():
    return [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.strip().splitlines()]


def parts(line):
    return [shlex.split(part) for part in line.split("&&")]


def choices(parser):
    found = next((a for a in parser._actions if isinstance(a, argparse._SubParsersAction)), None)
    return found.choices if found else {}


def test_the_first_two_lines_to_copy_do_all_their_own_set_up():
    run, test = shell_lines()[:2]
    for line, extra in ((run, "."), (test, ".[test]")):
        venv, install, _ = parts(line)
        assert venv == ["python3", "-m", "venv", ".venv"]
        assert install == [".venv/bin/pip", "install", "-q", "-e", extra]
    assert parts(run)[2] == [".venv/bin/ioc", "up"]
    assert parts(test)[2][0] == ".venv/bin/pytest"


def test_the_test_command_uses_only_what_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = " ".join(project["optional-dependencies"]["test"])
    assert "pytest" in declared
    if "-n" in parts(shell_lines()[1])[2]:
        assert "pytest-xdist" in declared


def test_ci_runs_the_test_command_as_printed():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    pattern = re.search(r"grep -E -m1 '([^']+)' README\.md", script)[1]
    found = [line for line in README.splitlines() if re.match(pattern, line)]
    assert found == [shell_lines()[1]]


def test_every_command_is_named_and_every_named_command_exists():
    known = choices(cli.build())
    named = set(re.findall(r"`ioc ([a-z-]+)", README))
    assert set(known) - named == set(), "README does not name these"
    assert named - set(known) == set(), "README names these, and they do not exist"


def test_every_setting_is_named():
    assert {name for name, _, _ in SETTINGS if name not in README} == set()


def test_every_link_to_a_file_leads_somewhere():
    links = [link for link in re.findall(r"\]\(([^)#]+)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_dependency_says_why_it_is_there():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = re.findall(r"^  \"[^\"]+\",.*$", text.split("[project.scripts]")[0], re.MULTILINE)
    assert len(listed) > 20
    assert [line for line in listed if "#" not in line] == []


def test_an_installed_copy_has_everything_that_a_checkout_has(tmp_path):
    """The wheel, built as pip builds it, holds every file of the packages that git would keep."""
    code = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
    source = tmp_path / "source"
    source.mkdir()
    for part in (*PACKAGES, "pyproject.toml", "README.md"):
        (source / part).symlink_to(ROOT / part)
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=source, capture_output=True, text=True,
                          check=False, timeout=100)  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        inside = set(wheel.namelist())
    wanted = {f.relative_to(ROOT).as_posix() for p in PACKAGES for f in (ROOT / p).rglob("*") if kept(f)}
    assert sorted(wanted - inside) == []
    assert not [n for n in inside if "__pycache__" in n or n.startswith("tests/")]


def kept(file):
    return file.is_file() and not any(part.startswith((".", "__pycache__")) for part in file.relative_to(ROOT).parts)
